/* reconcile.c: two machines over an ordered link that carries encoded bytes. */
#include "unit/reconcile/rec_fixture.h"

#include <string.h>

#include "reconcile/reconcile.h"

struct link {
    struct sg_rec a, b; /* a opens */
    struct sg_riblt_keys keys;
    uint64_t *set[2];
    uint32_t count[2];
    uint8_t (*frames)[16 + 17 * SG_REC_PIECE_MAX + 8 * SG_REC_IDS_MAX];
    size_t *lens;
    size_t head, tail;
    uint32_t bytes, symbols, rounds;
    sg_err ended[2]; /* 1 = not yet */
    uint32_t flip;   /* symbol with a flipped bit, 0 = none */
    sg_err refused;
};
#define FRAMES_MAX 128

static void link_init(struct link *l, uint64_t seed, uint32_t common, uint32_t only_a,
                      uint32_t only_b)
{
    struct sg_prng prng;
    struct sg_rec_config config = sg_rec_config_default(sg_mem_default());
    *l = (struct link){.keys = keys_of(seed), .ended = {1, 1}};
    sg_prng_init(&prng, seed);
    l->count[0] = common + only_a;
    l->count[1] = common + only_b;
    l->set[0] = calloc(l->count[0] + 1, sizeof(uint64_t));
    l->set[1] = calloc(l->count[1] + 1, sizeof(uint64_t));
    for (uint32_t i = 0; i < common; i++) {
        l->set[0][i] = sg_prng_next(&prng);
        l->set[1][i] = l->set[0][i];
    }
    for (uint32_t i = 0; i < only_a; i++)
        l->set[0][common + i] = sg_prng_next(&prng);
    for (uint32_t i = 0; i < only_b; i++)
        l->set[1][common + i] = sg_prng_next(&prng);
    l->frames = calloc(FRAMES_MAX, sizeof(*l->frames));
    l->lens = calloc(FRAMES_MAX, sizeof(*l->lens));
    sg_rec_init(&l->a, &config, 1);
    sg_rec_init(&l->b, &config, 1);
}

static void link_fini(struct link *l)
{
    sg_rec_fini(&l->a);
    sg_rec_fini(&l->b);
    free(l->set[0]);
    free(l->set[1]);
    free(l->frames);
    free(l->lens);
}

static void post(struct link *l, int from, const struct sg_rec_msg *msg)
{
    struct sg_writer w = sg_writer(l->frames[l->tail], sizeof(l->frames[0]));
    sg_rec_msg_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    l->lens[l->tail] = w.len << 1 | (size_t)from;
    l->tail = (l->tail + 1) % FRAMES_MAX;
    assert_true(l->tail != l->head);
    l->bytes += (uint32_t)w.len;
    if (msg->kind == SG_REC_SKETCH || msg->kind == SG_REC_SYMBOLS)
        l->symbols += msg->symbol_count;
    if (msg->kind == SG_REC_OPEN || msg->kind == SG_REC_MORE || msg->kind == SG_REC_LIST)
        l->rounds++;
}

static sg_err input(struct link *l, int side, const struct sg_rec_in *in)
{
    struct sg_rec_outbox out;
    struct sg_rec *m = side == 0 ? &l->a : &l->b;
    sg_err err = sg_rec_input(m, 2, in, &out);
    sg_rec_check(m);
    for (size_t i = 0; i < out.count; i++) {
        if (out.out[i].kind == SG_REC_OUT_SEND)
            post(l, side, &out.out[i].msg);
        else
            l->ended[side] = out.out[i].err;
    }
    return err;
}

static void give_set(struct link *l, int side)
{
    struct sg_rec_in set = {
        .kind = SG_REC_IN_SET, .keys = l->keys, .ids = l->set[side], .count = l->count[side]};
    assert_int_equal(input(l, side, &set), SG_OK);
}

static void deliver(struct link *l)
{
    struct sg_rec_room *room = malloc(sizeof(*room));
    struct sg_rec_msg msg;
    struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
    int from = (int)(l->lens[l->head] & 1);
    struct sg_reader r = sg_reader(sg_bytes(l->frames[l->head], l->lens[l->head] >> 1));
    assert_int_equal(sg_rec_msg_decode(&r, &msg, room), SG_OK);
    l->head = (l->head + 1) % FRAMES_MAX;
    if (l->flip > 0 && msg.symbol_count > 0 && l->flip >= msg.index &&
        l->flip < msg.index + msg.symbol_count)
        room->symbols[l->flip - msg.index].id ^= 1;
    if (msg.kind == SG_REC_OPEN)
        give_set(l, 1);
    if (msg.kind == SG_REC_SKETCH && !l->a.has_set && l->a.state == SG_REC_OPENED)
        give_set(l, 0);
    sg_err err = input(l, 1 - from, &in);
    if (err != SG_OK)
        l->refused = err;
    free(room);
}

static void run(struct link *l, uint32_t estimate)
{
    struct sg_rec_in open = {.kind = SG_REC_IN_OPEN,
                             .number = 7,
                             .from = 1,
                             .to = 2,
                             .count = l->count[0],
                             .estimate = estimate};
    struct sg_rec_in timeout = {.kind = SG_REC_IN_TIMEOUT};
    assert_int_equal(input(l, 0, &open), SG_OK);
    while (l->head != l->tail || sg_rec_deadline(&l->b) <= 2) {
        if (l->head != l->tail)
            deliver(l);
        else
            assert_int_equal(input(l, 1, &timeout), SG_OK);
    }
}

static void assert_difference(const struct link *l, uint32_t only_a, uint32_t only_b)
{
    assert_int_equal(l->ended[0], SG_OK);
    assert_int_equal(l->ended[1], SG_OK);
    assert_int_equal(l->refused, SG_OK);
    assert_int_equal(l->a.ours_count, only_a);
    assert_int_equal(l->a.theirs_count, only_b);
    uint32_t common = l->count[0] - only_a;
    qsort(&l->set[0][common], only_a, sizeof(uint64_t), compare_u64);
    qsort(&l->set[1][common], only_b, sizeof(uint64_t), compare_u64);
    if (only_a > 0)
        assert_memory_equal(l->a.ours, &l->set[0][common], only_a * sizeof(uint64_t));
    if (only_b > 0)
        assert_memory_equal(l->a.theirs, &l->set[1][common], only_b * sizeof(uint64_t));
}

struct sums {
    uint32_t bytes, bytes_max, symbols, rounds, rounds_max, first;
};

static struct sums sessions(uint32_t common, uint32_t only_a, uint32_t only_b, uint32_t estimate,
                            uint32_t runs)
{
    struct sums sums = {0};
    for (uint64_t seed = 1; seed <= runs; seed++) {
        struct link l;
        link_init(&l, seed, common, only_a, only_b);
        run(&l, estimate);
        assert_difference(&l, only_a, only_b);
        sums.bytes += l.bytes;
        sums.symbols += l.symbols;
        sums.rounds += l.rounds;
        sums.first += l.rounds == 1 ? 1 : 0;
        sums.bytes_max = l.bytes > sums.bytes_max ? l.bytes : sums.bytes_max;
        sums.rounds_max = l.rounds > sums.rounds_max ? l.rounds : sums.rounds_max;
        link_fini(&l);
    }
    return sums;
}

/* sync.md 2.5; bodies, without the 35 bytes of a topic frame's head. */
static void test_equal(void **state)
{
    (void)state;
    struct sums digest = sessions(2000, 0, 0, 0, 3);
    assert_int_equal(digest.rounds_max, 1);
    assert_true(digest.bytes_max <= 64);
    struct sums at_once = sessions(2000, 0, 0, 5, 3);
    assert_int_equal(at_once.rounds_max, 1);
    assert_true(at_once.bytes_max <= 700);
    sessions(0, 0, 0, 0, 1);
    sessions(0, 0, 0, 9, 1);
}

static void test_small(void **state)
{
    (void)state;
    struct sums known = sessions(1000, 5, 5, 10, 400);
    assert_true(known.first >= 396); /* 99.5 % wanted; three standard errors */
    assert_true(known.bytes <= 700 * 400);
    struct sums cold = sessions(1000, 5, 5, 0, 50);
    assert_true(cold.rounds <= 2 * 50 + 5);
    struct sums datagram = sessions(1000, 10, 30, 40, 200);
    assert_true(datagram.first >= 194); /* 99 % */
    assert_true(datagram.bytes <= 1300 * 200);
}

static void test_hundred(void **state)
{
    (void)state;
    struct sums known = sessions(3000, 50, 50, 100, 60);
    assert_true(known.bytes <= 3000 * 60 && known.bytes_max <= 4000);
    assert_true(known.rounds_max <= 2);
    struct sums cold = sessions(3000, 50, 50, 0, 60);
    assert_true(cold.rounds <= 4 * 60);
    struct sums fifty = sessions(3000, 25, 25, 50, 60);
    assert_true(fifty.symbols * 10 <= 22 * 50 * 60);
}

static void test_thousands(void **state)
{
    (void)state;
    struct sums thousand = sessions(8000, 500, 500, 1000, 5);
    assert_true(thousand.bytes_max <= 30000 && thousand.rounds_max <= 3);
    struct sums cold = sessions(8000, 500, 500, 0, 5);
    assert_true(cold.rounds_max <= 5 && cold.symbols <= 5 * 2200);
    /* two thirds differ: the list of ids is shorter */
    struct sums most = sessions(500, 0, 1000, 0, 3);
    assert_true(most.bytes_max < 1500 * 8 + 2500);
    sessions(0, 2000, 0, 0, 1);
    sessions(0, 0, 2000, 0, 1);
}

/* A flipped bit: never a wrong difference, and the list saves the session. */
static void test_corrupt_symbol(void **state)
{
    (void)state;
    uint32_t good = 0;
    for (uint32_t flip = 1; flip < 40; flip++) {
        struct link l;
        link_init(&l, flip, 300, 4, 4);
        l.flip = flip;
        run(&l, 8);
        if (l.ended[0] == SG_OK)
            assert_difference(&l, 4, 4);
        good += l.ended[0] == SG_OK ? 1 : 0;
        link_fini(&l);
    }
    assert_true(good >= 30);
}

static sg_err say(struct sg_rec *m, struct sg_rec_msg msg, struct sg_rec_outbox *out)
{
    struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
    return sg_rec_input(m, 2, &in, out);
}

static void test_out_of_order(void **state)
{
    (void)state;
    struct link l;
    struct sg_rec_outbox out;
    static const struct sg_rec_symbol none[SG_REC_PIECE_MAX];
    link_init(&l, 1, 100, 1, 1);
    struct sg_rec_in open = {.kind = SG_REC_IN_OPEN, .number = 7, .to = 1, .estimate = 10};
    assert_int_equal(say(&l.b, (struct sg_rec_msg){.kind = SG_REC_MORE}, &out), SG_ERR_PROTOCOL);
    assert_int_equal(say(&l.b, (struct sg_rec_msg){.kind = SG_REC_OPEN}, &out),
                     SG_ERR_INVALID_STATE);
    assert_int_equal(sg_rec_input(&l.a, 2, &open, &out), SG_OK);
    assert_int_equal(sg_rec_input(&l.a, 2, &open, &out), SG_ERR_INVALID_STATE);
    struct sg_rec_msg sketch = {.kind = SG_REC_SKETCH, .count = 1, .symbols = none};
    assert_int_equal(say(&l.a, sketch, &out), SG_ERR_INVALID_STATE); /* no set */
    give_set(&l, 0);
    struct sg_rec_msg more = {.kind = SG_REC_SYMBOLS, .symbols = none, .symbol_count = 1};
    assert_int_equal(say(&l.a, more, &out), SG_ERR_PROTOCOL);
    sketch.symbol_count = 49; /* one more than asked for */
    assert_int_equal(say(&l.a, sketch, &out), SG_ERR_PROTOCOL);
    sketch.symbol_count = 20;
    assert_int_equal(say(&l.a, sketch, &out), SG_OK);
    more.index = 21;
    assert_int_equal(say(&l.a, more, &out), SG_ERR_PROTOCOL);
    assert_int_equal(say(&l.a, (struct sg_rec_msg){.kind = SG_REC_IDS}, &out), SG_ERR_PROTOCOL);
    /* patience */
    struct sg_rec_in timeout = {.kind = SG_REC_IN_TIMEOUT};
    assert_int_equal(sg_rec_deadline(&l.a), 2 + 10 * SG_NS_PER_S);
    assert_int_equal(sg_rec_input(&l.a, 2 + 10 * SG_NS_PER_S, &timeout, &out), SG_OK);
    assert_int_equal(out.count, 2);
    assert_int_equal(out.out[1].err, SG_ERR_TIMEOUT);
    assert_int_equal(sg_rec_deadline(&l.a), SG_TIME_NEVER);
    link_fini(&l);
}

static void test_limits(void **state)
{
    (void)state;
    struct link l;
    link_init(&l, 1, 10, 300, 300);
    l.a.config.bytes_max = 800; /* neither symbols nor the list fit */
    run(&l, 0);
    assert_int_equal(l.ended[0], SG_ERR_LIMIT);
    assert_int_equal(l.ended[1], SG_OK);
    link_fini(&l);
    /* the answering side's limits */
    link_init(&l, 1, 10, 300, 300);
    l.b.config.bytes_max = 800;
    run(&l, 0);
    assert_int_equal(l.ended[0], SG_ERR_LIMIT);
    assert_int_equal(l.ended[1], SG_ERR_LIMIT);
    link_fini(&l);
}

static void test_smooth(void **state)
{
    (void)state;
    uint32_t e = 0;
    for (int i = 0; i < 30; i++)
        e = sg_rec_smooth(e, 100);
    assert_in_range(e / 4, 98, 100);
    for (int i = 0; i < 30; i++)
        e = sg_rec_smooth(e, 0);
    assert_int_equal(e / 4, 0);
    assert_true(sg_rec_smooth(sg_rec_smooth(e, UINT32_MAX), UINT32_MAX) < UINT32_MAX / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),          cmocka_unit_test(test_small),
        cmocka_unit_test(test_hundred),        cmocka_unit_test(test_thousands),
        cmocka_unit_test(test_corrupt_symbol), cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_smooth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
