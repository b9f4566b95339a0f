/* The parts of the simulator that stand alone: queue of events, stand-in crypto, arena. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_case.h"

/* ---- queue ---- */

static uint64_t draw_time(struct sg_prng *prng, uint64_t now)
{
    unsigned shift = (unsigned)sg_prng_below(prng, 40);
    uint64_t ahead = sg_prng_below(prng, UINT64_C(1) << shift);
    return now + ahead;
}

static void test_the_queue_keeps_order(void **state)
{
    struct sg_sim_queue queue;
    struct sg_prng prng;
    struct sg_sim_event event = {.at = 0};
    uint64_t last_at = 0;
    uint32_t pushed = 0;
    uint32_t waiting = 0;
    uint32_t last_index = 0;
    (void)state;
    sg_prng_init(&prng, 1);
    sg_sim_queue_init(&queue, sg_mem_default());
    for (int i = 0; i < 200000; i++) {
        uint64_t choice = sg_prng_below(&prng, 100);
        if (choice < (i < 100000 ? 55 : 45)) {
            /* the same time several times over, too */
            uint64_t at = choice < 10 ? last_at : draw_time(&prng, last_at);
            sg_sim_queue_push(&queue, &(struct sg_sim_event){.at = at, .index = pushed++});
            waiting++;
            continue;
        }
        const struct sg_sim_event *next = sg_sim_queue_ahead(&queue, 0);
        uint32_t expected = next == NULL ? 0 : next->index;
        bool was_known = next != NULL;
        bool any = sg_sim_queue_pop(&queue, &event);
        assert_true(any == (waiting > 0));
        assert_true(!was_known || event.index == expected);
        if (!any)
            continue;
        waiting--;
        assert_true(event.at >= last_at);
        assert_true(event.at > last_at || event.index > last_index);
        last_at = event.at;
        last_index = event.index;
    }
    sg_sim_queue_fini(&queue);
}

static void test_the_queue_reaches_the_end_of_time(void **state)
{
    struct sg_sim_queue queue;
    struct sg_sim_event event;
    (void)state;
    sg_sim_queue_init(&queue, sg_mem_default());
    assert_false(sg_sim_queue_pop(&queue, &event));
    sg_sim_queue_push(&queue, &(struct sg_sim_event){.at = SG_TIME_NEVER, .index = 2});
    sg_sim_queue_push(&queue, &(struct sg_sim_event){.at = 0, .index = 1});
    assert_true(sg_sim_queue_pop(&queue, &event));
    assert_int_equal(event.index, 1);
    assert_true(sg_sim_queue_pop(&queue, &event));
    assert_int_equal(event.index, 2);
    assert_false(sg_sim_queue_pop(&queue, &event));
    sg_sim_queue_fini(&queue);
}

static void *count_bytes(void *user, size_t size)
{
    *(size_t *)user += size;
    return malloc(size);
}

static void *count_grown(void *user, void *ptr, size_t size)
{
    *(size_t *)user += size;
    return realloc(ptr, size);
}

static void free_any(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

#define WAVE 2000

/* Waves of events, each of other distances, pass through different buckets, which share memory. */
static void test_the_queue_holds_one_wave(void **state)
{
    size_t bytes = 0;
    const struct sg_mem mem = {count_bytes, count_grown, free_any, &bytes};
    struct sg_sim_queue queue;
    struct sg_sim_event event = {.at = 0};
    (void)state;
    sg_sim_queue_init(&queue, &mem);
    for (unsigned bit = 12; bit < 40; bit++) {
        uint64_t start = event.at + (UINT64_C(1) << bit);
        for (uint64_t i = 0; i < WAVE; i++)
            sg_sim_queue_push(&queue, &(struct sg_sim_event){.at = start + i * 1021 % WAVE});
        for (int i = 0; i < WAVE; i++)
            assert_true(sg_sim_queue_pop(&queue, &event));
    }
    assert_in_range(bytes, WAVE * sizeof(event), 2 * WAVE * sizeof(event));
    sg_sim_queue_fini(&queue);
}

/* ---- crypto ---- */

static void test_hash_of_parts_is_that_of_the_whole(void **state)
{
    uint8_t data[200];
    uint8_t whole[SG_HASH_LEN];
    uint8_t split[SG_HASH_LEN];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof(data); len += 13) {
        const struct sg_bytes all = sg_bytes(data, len);
        sg_sim_suite()->hash(&all, 1, whole);
        for (size_t cut = 0; cut <= len; cut++) {
            const struct sg_bytes parts[] = {sg_bytes(data, cut / 2),
                                             sg_bytes(data + cut / 2, cut - cut / 2),
                                             sg_bytes(data + cut, len - cut)};
            sg_sim_suite()->hash(parts, 3, split);
            assert_memory_equal(whole, split, SG_HASH_LEN);
        }
    }
}

/* Each flipped bit changes about half of the output, in each of its words. */
static void test_hash_mixes(void **state)
{
    uint8_t data[96] = {0};
    uint8_t before[SG_HASH_LEN];
    uint8_t after[SG_HASH_LEN];
    const struct sg_bytes all = sg_bytes(data, sizeof(data));
    (void)state;
    sg_sim_suite()->hash(&all, 1, before);
    for (size_t bit = 0; bit < 8 * sizeof(data); bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        sg_sim_suite()->hash(&all, 1, after);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        for (size_t word = 0; word < 4; word++)
            assert_memory_not_equal(before + 8 * word, after + 8 * word, 8);
        unsigned changed = 0;
        for (size_t i = 0; i < 8 * SG_HASH_LEN; i++)
            changed += ((before[i / 8] ^ after[i / 8]) >> (i % 8)) & 1;
        assert_in_range(changed, 80, 176);
    }
    const struct sg_bytes longer = sg_bytes(data, sizeof(data) - 1);
    sg_sim_suite()->hash(&longer, 1, after);
    assert_memory_not_equal(before, after, SG_HASH_LEN);
}

static void assert_flips_fail(struct sg_bytes parts[4], size_t part)
{
    uint8_t *data = (uint8_t *)(uintptr_t)parts[part].data;
    for (size_t bit = 0; bit < 8 * parts[part].len; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(sg_sim_suite()->verify(parts[0], parts[1], parts[2], parts[3]),
                         SG_ERR_BAD_SIGNATURE);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_signatures(void **state)
{
    uint8_t public_key[SG_SIM_PUBLIC_LEN];
    uint8_t context[] = "context";
    uint8_t message[] = "a message of some length, longer than a block of the hash";
    uint8_t signature[SG_SIM_SIG_LEN];
    (void)state;
    sg_sim_public_key(1, 2, public_key);
    struct sg_signer signer = sg_sim_signer(sg_sim_suite(), public_key);
    struct sg_bytes parts[] = {
        sg_bytes(public_key, sizeof(public_key)), sg_bytes(context, sizeof(context)),
        sg_bytes(message, sizeof(message)), sg_bytes(signature, sizeof(signature))};
    assert_int_equal(signer.sign(signer.state, parts[1], parts[2], signature), SG_OK);
    assert_int_equal(sg_sim_suite()->verify(parts[0], parts[1], parts[2], parts[3]), SG_OK);
    for (size_t part = 0; part < 4; part++)
        assert_flips_fail(parts, part);
    /* the border between context and message counts */
    struct sg_bytes shorter = sg_bytes(context, sizeof(context) - 1);
    assert_int_equal(sg_sim_suite()->verify(parts[0], shorter, parts[2], parts[3]),
                     SG_ERR_BAD_SIGNATURE);
    struct sg_bytes cut = sg_bytes(signature, sizeof(signature) - 1);
    assert_int_equal(sg_sim_suite()->verify(parts[0], parts[1], parts[2], cut),
                     SG_ERR_BAD_SIGNATURE);
    struct sg_bytes short_key = sg_bytes(public_key, sizeof(public_key) - 1);
    assert_int_equal(sg_sim_suite()->verify(short_key, parts[1], parts[2], parts[3]),
                     SG_ERR_BAD_SIGNATURE);
}

/* Golden values: a trace hash must mean the same on the next machine, too. */
static void test_values_never_change(void **state)
{
    char text[2 * SG_HASH_LEN + 1];
    uint8_t hash[SG_HASH_LEN];
    const struct sg_bytes part = SG_BYTES_LIT("saorsa");
    (void)state;
    sg_sim_suite()->hash(&part, 1, hash);
    sg_hex(hash, sizeof(hash), text);
    assert_string_equal(text, "e08d5ce1c14b34b304a7d6b18a8e0711e5b22ebf92857f6f9e712913b93977a8");
    assert_int_equal(sg_sim_digest(part), UINT64_C(0xc481498a0ec459b8));
}

/* ---- arena ---- */

#define BLOCKS 400

static size_t draw_size(struct sg_prng *prng)
{
    unsigned shift = 1 + (unsigned)sg_prng_below(prng, 18);
    return 1 + sg_prng_below(prng, UINT64_C(1) << shift);
}

/* Blocks of all sizes keep what is in them while others come, grow and go. */
static void test_blocks_do_not_overlap(void **state)
{
    static uint8_t *block[BLOCKS];
    static size_t size[BLOCKS];
    struct sg_sim_arena arena;
    struct sg_prng prng;
    (void)state;
    sg_prng_init(&prng, 1);
    sg_sim_arena_init(&arena, sg_mem_default());
    for (int step = 0; step < 10000; step++) {
        size_t at = (size_t)sg_prng_below(&prng, BLOCKS);
        size_t wanted = draw_size(&prng);
        bool grows = sg_prng_below(&prng, 2) == 0;
        size_t kept = wanted < size[at] ? wanted : size[at];
        for (size_t i = 0; i < size[at]; i += 1 + size[at] / 64)
            assert_int_equal(block[at][i], (uint8_t)at);
        if (grows) {
            block[at] = sg_mem_resize(&arena.mem, block[at], wanted, 1);
            for (size_t i = 0; i < kept; i += 1 + kept / 64)
                assert_int_equal(block[at][i], (uint8_t)at);
        } else {
            sg_mem_free(&arena.mem, block[at]);
            block[at] = sg_mem_new(&arena.mem, wanted, 1);
        }
        size[at] = wanted;
        assert_int_equal((uintptr_t)block[at] % 8, 0);
        memset(block[at], (int)at, wanted);
    }
    sg_sim_arena_fini(&arena);
}

static void *no_memory(void *user, size_t size)
{
    (void)user;
    (void)size;
    return NULL;
}

static void test_an_arena_without_memory(void **state)
{
    const struct sg_mem none = {.alloc = no_memory};
    struct sg_sim_arena arena;
    (void)state;
    sg_sim_arena_init(&arena, &none);
    assert_null(sg_mem_new(&arena.mem, 1, 1));
    assert_null(sg_mem_new(&arena.mem, 1, 1000000));
    assert_null(sg_mem_resize(&arena.mem, NULL, 1, 10));
    sg_mem_free(&arena.mem, NULL);
    sg_sim_arena_fini(&arena);
}

static void *count_chunks(void *user, size_t size)
{
    ++*(size_t *)user;
    return malloc(size);
}

#define MANY 256

/* Tables that grow leave blocks of all sizes behind: one chunk of 32 MiB serves 4 MiB of each. */
static void test_free_regions_serve_other_sizes(void **state)
{
    static void *block[MANY];
    size_t chunks = 0;
    const struct sg_mem parent = {.alloc = count_chunks, .free = free_any, .user = &chunks};
    struct sg_sim_arena arena;
    (void)state;
    sg_sim_arena_init(&arena, &parent);
    for (size_t size = 1024; size <= 16384; size += 512) {
        for (size_t i = 0; i < MANY; i++)
            block[i] = sg_mem_new(&arena.mem, size, 1);
        for (size_t i = 0; i < MANY; i++)
            sg_mem_free(&arena.mem, block[(i * 7) % MANY]);
    }
    assert_int_equal(chunks, 1);
    sg_sim_arena_fini(&arena);
}

/* Larger ones, too, are split for what is smaller. */
static void test_large_blocks_serve_smaller_ones(void **state)
{
    static void *block[MANY];
    size_t chunks = 0;
    const struct sg_mem parent = {.alloc = count_chunks, .free = free_any, .user = &chunks};
    struct sg_sim_arena arena;
    (void)state;
    sg_sim_arena_init(&arena, &parent);
    for (size_t count = 16; count < MANY; count *= 2) {
        size_t size = ((size_t)24 << 20) / count;
        for (size_t i = 0; i < count; i++)
            block[i] = sg_mem_new(&arena.mem, size, 1);
        for (size_t i = 0; i < count; i++)
            memset(block[i], (int)i, size);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(((uint8_t *)block[i])[size - 1], (uint8_t)i);
            sg_mem_free(&arena.mem, block[i]);
        }
    }
    for (size_t size = 40000; size >= 20000; size -= 10000) {
        for (size_t i = 0; i < MANY; i++)
            block[i] = sg_mem_new(&arena.mem, size, 1);
        for (size_t i = 0; i < MANY; i++)
            sg_mem_free(&arena.mem, block[i]);
    }
    assert_int_equal(chunks, 1);
    sg_sim_arena_fini(&arena);
}

/* ---- what is held once ---- */

static struct sg_buf *copy(struct sg_sim_share *share, const char *text)
{
    const struct sg_bytes bytes = sg_bytes((const uint8_t *)text, strlen(text));
    struct sg_buf *buf = sg_buf_copy(sg_mem_default(), bytes);
    assert_non_null(buf);
    return sg_sim_share_swap(share, buf);
}

static void test_equal_bytes_are_held_once(void **state)
{
    struct sg_sim_share share;
    (void)state;
    sg_sim_share_init(&share, sg_mem_default());
    struct sg_buf *one = copy(&share, "one");
    struct sg_buf *two = copy(&share, "two");
    assert_ptr_not_equal(one, two);
    assert_ptr_equal(copy(&share, "one"), one);
    assert_int_equal(one->refs, 3); /* two owners and the table */
    sg_sim_share_sweep(&share);
    assert_int_equal(share.count, 2);
    sg_buf_unref(two);
    sg_buf_unref(one);
    sg_sim_share_sweep(&share); /* nobody holds the one, somebody still the other */
    assert_int_equal(share.count, 1);
    assert_ptr_equal(copy(&share, "one"), one);
    sg_buf_unref(one);
    sg_buf_unref(one);
    sg_sim_share_fini(&share);
}

static void test_many_are_held_apart(void **state)
{
    enum { MANY_TEXTS = 5000 };
    static struct sg_buf *held[MANY_TEXTS];
    struct sg_sim_share share;
    char text[16];
    (void)state;
    sg_sim_share_init(&share, sg_mem_default());
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY_TEXTS; i++) {
            (void)snprintf(text, sizeof(text), "%d", i);
            struct sg_buf *buf = copy(&share, text);
            assert_true(round == 0 || buf == held[i]);
            assert_memory_equal(buf->data, text, strlen(text));
            held[i] = buf;
        }
        sg_sim_share_sweep(&share);
        assert_int_equal(share.count, MANY_TEXTS);
    }
    for (int i = 0; i < 2 * MANY_TEXTS; i++)
        sg_buf_unref(held[i / 2]);
    sg_sim_share_sweep(&share);
    assert_int_equal(share.count, 0);
    sg_sim_share_fini(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_queue_keeps_order),
        cmocka_unit_test(test_the_queue_reaches_the_end_of_time),
        cmocka_unit_test(test_the_queue_holds_one_wave),
        cmocka_unit_test(test_blocks_do_not_overlap),
        cmocka_unit_test(test_an_arena_without_memory),
        cmocka_unit_test(test_free_regions_serve_other_sizes),
        cmocka_unit_test(test_large_blocks_serve_smaller_ones),
        cmocka_unit_test(test_equal_bytes_are_held_once),
        cmocka_unit_test(test_many_are_held_apart),
        cmocka_unit_test(test_hash_of_parts_is_that_of_the_whole),
        cmocka_unit_test(test_hash_mixes),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_values_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
