/* wire/hpv_msg.c: golden bytes, round trips, every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/prng.h"
#include "wire/hpv_msg.h"

struct decoded {
    sg_err err;
    struct sg_hpv_msg msg;
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
};

static struct decoded decode(const void *data, size_t len)
{
    struct decoded d = {0};
    struct sg_reader r = sg_reader(sg_bytes(data, len));
    d.err = sg_hpv_msg_decode(&r, &d.msg, d.hints);
    return d;
}

static size_t encode(const struct sg_hpv_msg *msg, const struct sg_hints *hints, uint8_t *out)
{
    struct sg_writer w = sg_writer(out, SG_HPV_MSG_LEN_MAX);
    sg_hpv_msg_encode(&w, msg, hints);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    return w.len;
}

static void assert_same_msg(const struct sg_hpv_msg *a, const struct sg_hpv_msg *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->high_priority, b->high_priority);
    assert_int_equal(a->accepted, b->accepted);
    assert_int_equal(a->leaving, b->leaving);
    assert_int_equal(a->ttl, b->ttl);
    assert_int_equal(a->count, b->count);
    if (a->count > 0)
        assert_memory_equal(a->id, b->id, a->count * sizeof(a->id[0]));
}

static void assert_same_hints(const struct sg_hints *a, const struct sg_hints *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i].count, b[i].count);
        for (uint8_t k = 0; k < a[i].count; k++) {
            assert_int_equal(a[i].hint[k].len, b[i].hint[k].len);
            assert_memory_equal(a[i].hint[k].b, b[i].hint[k].b, a[i].hint[k].len);
        }
    }
}

static struct sg_peer_id id_of(uint8_t fill)
{
    struct sg_peer_id id;
    memset(id.b, fill, sizeof(id.b));
    return id;
}

/* ---- golden bytes ---- */

static void assert_golden(const struct sg_hpv_msg *msg, const struct sg_hints *hints,
                          const uint8_t *golden, size_t len)
{
    uint8_t out[SG_HPV_MSG_LEN_MAX];
    assert_int_equal(encode(msg, hints, out), len);
    assert_memory_equal(out, golden, len);
    struct decoded d = decode(golden, len);
    assert_int_equal(d.err, SG_OK);
    assert_same_msg(&d.msg, msg);
    if (hints != NULL)
        assert_same_hints(d.hints, hints, msg->count);
}

static void test_golden_short(void **state)
{
    (void)state;
    struct sg_hpv_msg msg = {.kind = SG_HPV_JOIN};
    assert_golden(&msg, NULL, (const uint8_t[]){1}, 1);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    assert_golden(&msg, NULL, (const uint8_t[]){3, 1}, 2);
    msg.high_priority = false;
    assert_golden(&msg, NULL, (const uint8_t[]){3, 0}, 2);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_NEIGHBOR_REPLY, .accepted = true};
    assert_golden(&msg, NULL, (const uint8_t[]){4, 1}, 2);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_DISCONNECT, .leaving = true};
    assert_golden(&msg, NULL, (const uint8_t[]){5, 1}, 2);
}

#define ID8(x) x, x, x, x, x, x, x, x
#define ID32(x) ID8(x), ID8(x), ID8(x), ID8(x)

static void test_golden_entries(void **state)
{
    (void)state;
    struct sg_hpv_msg msg = {.kind = SG_HPV_FORWARD_JOIN, .ttl = 6, .count = 1, .id = {id_of(7)}};
    struct sg_hints hints[2] = {{.count = 2, .hint = {{3, {1, 2, 3}}, {1, {9}}}}, {.count = 0}};
    const uint8_t forward[] = {2, 6, ID32(7), 2, 3, 1, 2, 3, 1, 9};
    assert_golden(&msg, hints, forward, sizeof(forward));
    msg = (struct sg_hpv_msg){
        .kind = SG_HPV_SHUFFLE, .ttl = 5, .count = 2, .id = {id_of(7), id_of(8)}};
    const uint8_t shuffle[] = {6, 5, 2, ID32(7), 2, 3, 1, 2, 3, 1, 9, ID32(8), 0};
    assert_golden(&msg, hints, shuffle, sizeof(shuffle));
    msg = (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE_REPLY, .count = 1, .id = {id_of(8)}};
    const uint8_t reply[] = {7, 1, ID32(8), 0};
    assert_golden(&msg, NULL, reply, sizeof(reply)); /* hints NULL = none */
}

/* ---- round trips ---- */

static void random_hints(struct sg_prng *prng, struct sg_hints *hints)
{
    *hints = (struct sg_hints){0};
    hints->count = (uint8_t)sg_prng_below(prng, SG_HINTS_MAX + 1);
    for (uint8_t i = 0; i < hints->count; i++) {
        hints->hint[i].len = (uint8_t)(1 + sg_prng_below(prng, SG_HINT_LEN_MAX));
        for (uint8_t k = 0; k < hints->hint[i].len; k++)
            hints->hint[i].b[k] = (uint8_t)sg_prng_next(prng);
    }
}

static void random_msg(struct sg_prng *prng, struct sg_hpv_msg *msg, struct sg_hints *hints)
{
    *msg = (struct sg_hpv_msg){0};
    msg->kind = (enum sg_hpv_kind)(1 + sg_prng_below(prng, 7));
    bool flag = sg_prng_below(prng, 2) == 1;
    msg->high_priority = flag && msg->kind == SG_HPV_NEIGHBOR;
    msg->accepted = flag && msg->kind == SG_HPV_NEIGHBOR_REPLY;
    msg->leaving = flag && msg->kind == SG_HPV_DISCONNECT;
    if (msg->kind == SG_HPV_FORWARD_JOIN || msg->kind == SG_HPV_SHUFFLE)
        msg->ttl = (uint8_t)sg_prng_below(prng, SG_HPV_TTL_MAX + 1);
    if (msg->kind == SG_HPV_FORWARD_JOIN)
        msg->count = 1;
    if (msg->kind == SG_HPV_SHUFFLE || msg->kind == SG_HPV_SHUFFLE_REPLY)
        msg->count = (uint8_t)(1 + sg_prng_below(prng, SG_HPV_SHUFFLE_MAX));
    for (uint8_t i = 0; i < msg->count; i++) {
        msg->id[i] = id_of((uint8_t)sg_prng_next(prng));
        msg->id[i].b[0] = i; /* all different */
        random_hints(prng, &hints[i]);
    }
}

static void test_round_trips(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 3);
    for (int i = 0; i < 20000; i++) {
        struct sg_hpv_msg msg;
        struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
        uint8_t out[SG_HPV_MSG_LEN_MAX];
        uint8_t again[SG_HPV_MSG_LEN_MAX];
        random_msg(&prng, &msg, hints);
        size_t len = encode(&msg, hints, out);
        struct decoded d = decode(out, len);
        assert_int_equal(d.err, SG_OK);
        assert_same_msg(&d.msg, &msg);
        assert_same_hints(d.hints, hints, msg.count);
        assert_int_equal(encode(&d.msg, d.hints, again), len);
        assert_memory_equal(again, out, len);
    }
}

static size_t longest(uint8_t *out)
{
    struct sg_hpv_msg msg = {.kind = SG_HPV_SHUFFLE, .ttl = SG_HPV_TTL_MAX};
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
    for (msg.count = 0; msg.count < SG_HPV_SHUFFLE_MAX; msg.count++) {
        msg.id[msg.count] = id_of(msg.count);
        hints[msg.count] = (struct sg_hints){.count = SG_HINTS_MAX};
        for (int k = 0; k < SG_HINTS_MAX; k++)
            hints[msg.count].hint[k].len = SG_HINT_LEN_MAX;
    }
    return encode(&msg, hints, out);
}

static void test_longest(void **state)
{
    (void)state;
    uint8_t out[SG_HPV_MSG_LEN_MAX];
    assert_int_equal(longest(out), SG_HPV_MSG_LEN_MAX);
    assert_int_equal(decode(out, sizeof(out)).err, SG_OK);
}

static void test_writer_too_small(void **state)
{
    (void)state;
    uint8_t out[SG_HPV_MSG_LEN_MAX];
    struct sg_hpv_msg msg = {.kind = SG_HPV_SHUFFLE_REPLY, .count = 1};
    for (size_t cap = 0; cap < 35; cap++) {
        struct sg_writer w = sg_writer(out, cap);
        sg_hpv_msg_encode(&w, &msg, NULL);
        assert_int_equal(sg_writer_done(&w), SG_ERR_FULL);
    }
}

/* ---- refusals ---- */

static void assert_refuses(sg_err expected, const uint8_t *data, size_t len)
{
    assert_int_equal(decode(data, len).err, expected);
}

#define REFUSES(expected, ...)                                                                     \
    do {                                                                                           \
        const uint8_t data_[] = {__VA_ARGS__};                                                     \
        assert_refuses(expected, data_, sizeof(data_));                                            \
    } while (0)

static void test_refuses_kinds_and_flags(void **state)
{
    (void)state;
    assert_refuses(SG_ERR_TRUNCATED, NULL, 0);
    for (unsigned kind = 0; kind < 256; kind++)
        if (kind < 1 || kind > 7)
            REFUSES(SG_ERR_MALFORMED, (uint8_t)kind);
    REFUSES(SG_ERR_TRAILING, 1, 0);
    for (uint8_t kind = 3; kind <= 5; kind++) {
        REFUSES(SG_ERR_TRUNCATED, kind);
        REFUSES(SG_ERR_TRAILING, kind, 0, 0);
        for (unsigned flag = 2; flag < 256; flag++)
            REFUSES(SG_ERR_MALFORMED, kind, (uint8_t)flag);
    }
}

static void test_refuses_ttl_and_count(void **state)
{
    (void)state;
    for (unsigned ttl = SG_HPV_TTL_MAX + 1; ttl < 256; ttl++) {
        REFUSES(SG_ERR_MALFORMED, 2, (uint8_t)ttl, ID32(7), 0);
        REFUSES(SG_ERR_MALFORMED, 6, (uint8_t)ttl, 1, ID32(7), 0);
    }
    REFUSES(SG_ERR_MALFORMED, 6, 0, 0);
    REFUSES(SG_ERR_MALFORMED, 7, 0);
    for (unsigned count = SG_HPV_SHUFFLE_MAX + 1; count < 256; count++) {
        REFUSES(SG_ERR_MALFORMED, 6, 0, (uint8_t)count);
        REFUSES(SG_ERR_MALFORMED, 7, (uint8_t)count);
    }
}

static void test_refuses_entries(void **state)
{
    (void)state;
    REFUSES(SG_ERR_TRAILING, 2, 6, ID32(7), 0, 0);
    REFUSES(SG_ERR_TRAILING, 7, 1, ID32(7), 0, ID32(8), 0);
    REFUSES(SG_ERR_MALFORMED, 2, 6, ID32(7), SG_HINTS_MAX + 1, 1, 1, 1, 1, 1, 1);
    REFUSES(SG_ERR_MALFORMED, 2, 6, ID32(7), 1, 0);                   /* empty hint */
    REFUSES(SG_ERR_OVERSIZED, 2, 6, ID32(7), 1, SG_HINT_LEN_MAX + 1); /* long hint */
    REFUSES(SG_ERR_NOT_CANONICAL, 2, 6, ID32(7), 1, 0x40, 1, 9);      /* length in two bytes */
    REFUSES(SG_ERR_MALFORMED, 2, 6, ID32(7), 1, 0xc0, 1, 9);          /* no such length */
}

/* Views are sets: an id twice would let one peer count double. */
static void test_refuses_repeated_ids(void **state)
{
    (void)state;
    REFUSES(SG_ERR_MALFORMED, 7, 2, ID32(7), 0, ID32(7), 0);
    REFUSES(SG_ERR_MALFORMED, 6, 3, 3, ID32(7), 0, ID32(8), 0, ID32(7), 0);
    REFUSES(SG_ERR_MALFORMED, 6, 3, 2, ID32(7), 1, 1, 1, ID32(7), 1, 1, 2);
}

static void test_every_cut_is_truncated(void **state)
{
    (void)state;
    uint8_t out[SG_HPV_MSG_LEN_MAX];
    size_t len = longest(out);
    for (size_t cut = 0; cut < len; cut++)
        assert_refuses(SG_ERR_TRUNCATED, out, cut);
}

/* threats.md 7: what decodes is encoded to the same bytes. */
static void test_flipped_bits(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 4);
    unsigned accepted = 0;
    for (int i = 0; i < 100000; i++) {
        struct sg_hpv_msg msg;
        struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
        uint8_t out[SG_HPV_MSG_LEN_MAX];
        uint8_t again[SG_HPV_MSG_LEN_MAX];
        random_msg(&prng, &msg, hints);
        size_t len = encode(&msg, hints, out);
        uint64_t bit = sg_prng_below(&prng, 8 * len);
        out[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct decoded d = decode(out, len);
        if (d.err != SG_OK)
            continue;
        accepted++;
        assert_int_equal(encode(&d.msg, d.hints, again), len);
        assert_memory_equal(again, out, len);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_short),
        cmocka_unit_test(test_golden_entries),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_writer_too_small),
        cmocka_unit_test(test_refuses_kinds_and_flags),
        cmocka_unit_test(test_refuses_ttl_and_count),
        cmocka_unit_test(test_refuses_entries),
        cmocka_unit_test(test_refuses_repeated_ids),
        cmocka_unit_test(test_every_cut_is_truncated),
        cmocka_unit_test(test_flipped_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
