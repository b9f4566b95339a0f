/* gone.c: many leave, and what is still said of them. */
#include "unit/swim/fixture.h"
#include "unit/swim/meter.h"
#include "unit/swim/net.h"

#define FORGET_NS (600 * SEC)

static struct sg_peer_id numbered(unsigned i)
{
    return (struct sg_peer_id){{1, (uint8_t)(i >> 8), (uint8_t)i}};
}

static void open_for(struct bench *b, uint16_t members_max)
{
    struct sg_swim_config config = quiet_config();
    config.members_max = members_max;
    config.dead_keep_ns = FORGET_NS;
    bench_open(b, &config);
}

static void give(struct bench *b, const struct sg_swim_in *in)
{
    assert_int_equal(sg_swim_input(b->m, b->now, in, &b->out), SG_OK);
}

static void give_record(struct bench *b, unsigned i, sg_incarnation incarnation, bool leaves)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = numbered(i),
                            .incarnation = incarnation,
                            .leaves = leaves};
    give(b, &in);
}

/* One after another, as an operator stops them. */
static void leave(struct bench *b, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++) {
        give_record(b, i, BOOT(1), false);
        b->now += MS;
        give_record(b, i, BOOT(1) + 1, true);
        b->now += MS;
    }
    sg_swim_check(b->m);
}

static bool is_member(const struct bench *b, unsigned i)
{
    struct sg_peer_id id = numbered(i);
    return sg_swim_slot(b->m, &id) != SG_SWIM_NONE;
}

/* Somebody says that it lives; whether that is believed. It is not afterwards. */
static bool is_believed(struct bench *b, unsigned i)
{
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP, .count = 1};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = numbered(9999), .packet = &packet};
    packet.rumor[0] = (struct sg_swim_rumor){
        .kind = SG_SWIM_ALIVE, .member = numbered(i), .incarnation = BOOT(1) + 7};
    give(b, &in);
    bool is_in = is_member(b, i);
    if (is_in) {
        struct sg_peer_id id = numbered(i);
        sg_swim_remove(b->m, sg_swim_slot(b->m, &id));
    }
    return is_in;
}

static unsigned believed(struct bench *b, unsigned from, unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = from; i < from + count; i++)
        sum += is_believed(b, i);
    return sum;
}

/* A node that was away has all of them alive: its tables, packets, names, and old records. */
static void stale_hearsay_brings_nobody_back(void **state)
{
    (void)state;
    enum { LEAVERS = 200 };
    struct bench b;
    static struct sg_swim_table table;
    open_for(&b, 256);
    members(&b, "a", true);
    leave(&b, 0, LEAVERS);
    for (unsigned i = 0; i < LEAVERS; i++) {
        struct sg_peer_id id = numbered(i);
        table.entry[0] = (struct sg_swim_entry){
            .member = peer_named("a"), .incarnation = BOOT(1), .state = SG_SWIM_IS_ALIVE};
        table.entry[1] =
            (struct sg_swim_entry){.member = id, .incarnation = BOOT(1), .state = SG_SWIM_IS_ALIVE};
        table.count = 2;
        struct sg_swim_in said[] = {
            {.kind = SG_SWIM_IN_TABLE, .peer = peer_named("a"), .table = &table},
            {.kind = SG_SWIM_IN_HEARSAY, .peers = &id, .count = 1},
            {.kind = SG_SWIM_IN_RECORD, .peer = id, .incarnation = BOOT(1)},
            {.kind = SG_SWIM_IN_LINK_UP, .peer = id, .incarnation = BOOT(1)},
        };
        for (size_t k = 0; k < sizeof(said) / sizeof(said[0]); k++) {
            give(&b, &said[k]);
            assert_false(is_member(&b, i));
        }
    }
    assert_int_equal(believed(&b, 0, LEAVERS), 0);
    assert_int_equal(sg_swim_count(b.m), 1);
    bench_close(&b);
}

/* All who left are remembered up to the size of the table; then the first are forgotten. */
static void who_left_first_is_forgotten_first(void **state)
{
    (void)state;
    static const struct {
        uint16_t members_max;
        unsigned remembered;
    } cases[] = {{4, 32}, {32, 32}, {33, 33}, {100, 100}, {256, 256}, {341, 341}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b;
        unsigned most = cases[i].remembered;
        open_for(&b, cases[i].members_max);
        leave(&b, 0, most);
        assert_int_equal(believed(&b, 0, most), 0);
        leave(&b, most, 3 * most + 5);
        assert_int_equal(believed(&b, 0, 3 * most + 5), 3 * most + 5);
        assert_int_equal(believed(&b, 3 * most + 5, most), 0);
        bench_close(&b);
    }
}

static void time_heals(void **state)
{
    (void)state;
    struct bench b;
    open_for(&b, 64);
    leave(&b, 0, 20);
    b.now += FORGET_NS / 2;
    leave(&b, 20, 20);
    b.now += FORGET_NS / 2 - SEC;
    assert_int_equal(believed(&b, 0, 40), 0);
    b.now += SEC;
    assert_int_equal(believed(&b, 0, 20), 20);
    assert_int_equal(believed(&b, 20, 20), 0);
    b.now += FORGET_NS / 2;
    assert_int_equal(believed(&b, 20, 20), 20);
    assert_null(b.m->gone);
    bench_close(&b);
}

/* Places of those whose time is over, or who came back, are used again. */
static void places_are_used_again(void **state)
{
    (void)state;
    struct bench b;
    open_for(&b, 64);
    for (unsigned round = 0; round < 50; round++) {
        leave(&b, 64 * round, 64);
        for (unsigned i = 64 * round; i < 64 * round + 64; i++) {
            assert_false(is_believed(&b, i));
            if (round % 2 == 0)
                give_record(&b, i, BOOT(2), false);
        }
        assert_int_equal(sg_swim_count(b.m), round % 2 == 0 ? 64 : 0);
        for (unsigned i = 64 * round; round % 2 == 0 && i < 64 * round + 64; i++) {
            struct sg_peer_id id = numbered(i);
            sg_swim_remove(b.m, sg_swim_slot(b.m, &id));
        }
        b.now += FORGET_NS / 3;
        assert_true(b.m->gone_mask < 256);
    }
    bench_close(&b);
}

/* Some come back in a new life while others leave: nobody is lost or found for another. */
static void memory_is_as_the_model(void **state)
{
    (void)state;
    enum { NAMES = 60 };
    struct bench b;
    struct sg_prng prng;
    sg_time_ns until[NAMES] = {0};
    uint64_t life[NAMES];
    open_for(&b, NAMES);
    sg_prng_init(&prng, 3);
    for (unsigned i = 0; i < NAMES; i++)
        life[i] = 1;
    for (unsigned step = 0; step < 4000; step++) {
        unsigned i = (unsigned)sg_prng_below(&prng, NAMES);
        struct sg_peer_id id = numbered(i);
        b.now += sg_prng_below(&prng, 30 * SEC);
        heard(&b, "nobody"); /* tells the time */
        assert_int_equal(sg_swim_gone_find(b.m, &id) != NULL, until[i] > b.now);
        if (sg_prng_below(&prng, 3) > 0) {
            give_record(&b, i, BOOT(life[i]) + 1, true);
            until[i] = b.now + FORGET_NS;
        } else {
            give_record(&b, i, BOOT(++life[i]), false);
            until[i] = 0;
        }
        sg_swim_gone_check(b.m);
    }
    bench_close(&b);
}

/* ---- bounds of memory ---- */

static void open_metered(struct bench *b, struct sg_mem *mem, struct meter *meter)
{
    *meter = (struct meter){0};
    *mem = meter_mem(meter);
    struct sg_swim_config config = quiet_config();
    config.mem = mem;
    bench_open(b, &config);
    leave(b, 0, 0);
    give_record(b, 5000, BOOT(1), false); /* the queue and the first member */
}

/* Nothing before somebody leaves, little for few, and 12 KiB for any number with 256 members. */
static void memory_grows_with_those_who_leave(void **state)
{
    (void)state;
    static const struct {
        unsigned leavers;
        size_t bytes;
    } cases[] = {{0, 0}, {1, 384}, {8, 384}, {16, 768}, {128, 6144}, {256, 12288}, {5000, 12288}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench b;
        struct sg_mem mem;
        struct meter meter;
        open_metered(&b, &mem, &meter);
        size_t before = meter.now;
        for (unsigned k = 0; k < cases[i].leavers; k++)
            give_record(&b, k, BOOT(1) + 1, true);
        assert_true(meter.now - before <= cases[i].bytes);
        assert_int_equal(meter.now > before, cases[i].leavers > 0);
        bench_close(&b);
        assert_int_equal(meter.now, 0);
    }
}

/* Where there is no memory, what was remembered still is. */
static void without_memory_the_latest_are_forgotten(void **state)
{
    (void)state;
    struct bench b;
    struct sg_mem mem;
    struct meter meter;
    open_metered(&b, &mem, &meter);
    meter.is_empty = true;
    give_record(&b, 900, BOOT(1) + 1, true);
    meter.is_empty = false;
    assert_true(is_believed(&b, 900));
    for (unsigned i = 0; i < 4; i++)
        give_record(&b, i, BOOT(1) + 1, true);
    meter.is_empty = true;
    for (unsigned i = 4; i < 100; i++)
        give_record(&b, i, BOOT(1) + 1, true);
    sg_swim_check(b.m);
    meter.is_empty = false;
    assert_int_equal(believed(&b, 0, 4), 0);
    assert_int_equal(believed(&b, 50, 50), 50);
    bench_close(&b);
}

/* ---- a network ---- */

/* 45 of 60 leave while one is away that has all of them alive when it is back. */
static void one_that_was_away_brings_nobody_back(void **state)
{
    (void)state;
    enum { NODES = 60, STAYERS = 15, AWAY = 3 };
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct sg_swim_in in = {.kind = SG_SWIM_IN_LEAVE};
    struct net *n = net_open(NODES, 8, &config, 41);
    net_run(n, 20 * SEC);
    for (uint16_t i = 0; i < STAYERS; i++)
        assert_int_equal(sg_swim_count(n->node[i].m), NODES - 1);
    n->node[AWAY].stalled_until = n->now + 60 * SEC;
    n->node[AWAY].side = 1;
    for (uint16_t i = NODES - 1; i >= STAYERS; i--) {
        net_input(n, i, &in);
        net_run(n, 100 * MS);
        n->node[i].is_up = false;
    }
    net_run(n, 20 * SEC);
    uint32_t joins[STAYERS];
    for (uint16_t i = 0; i < STAYERS; i++) {
        joins[i] = n->node[i].joins;
        assert_int_equal(n->node[i].lefts, i == AWAY ? 0 : NODES - STAYERS);
    }
    assert_int_equal(sg_swim_count(n->node[AWAY].m), NODES - 1);
    n->node[AWAY].side = 0;
    n->node[AWAY].stalled_until = n->now;
    net_set_link(n, AWAY, 0, false, false);
    net_run(n, SEC);
    net_set_link(n, AWAY, 0, true, false);
    for (uint16_t i = 0; i < STAYERS; i++) { /* to all, not only where chance picks */
        if (i == AWAY)
            continue;
        struct sg_swim_out table = {
            .kind = SG_SWIM_OUT_TABLE, .peer = net_id(i), .wants_reply = true};
        net_send_table(n, AWAY, &table);
    }
    net_run(n, 60 * SEC);
    for (uint16_t i = 0; i < STAYERS; i++) {
        if (i == AWAY)
            continue;
        for (uint16_t gone = STAYERS; gone < NODES; gone++) {
            struct sg_peer_id id = net_id(gone);
            assert_int_equal(sg_swim_slot(n->node[i].m, &id), SG_SWIM_NONE);
        }
        assert_true(n->node[i].joins - joins[i] <= 1); /* the one that is back */
    }
    net_close(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stale_hearsay_brings_nobody_back),
        cmocka_unit_test(who_left_first_is_forgotten_first),
        cmocka_unit_test(time_heals),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(memory_is_as_the_model),
        cmocka_unit_test(memory_grows_with_those_who_leave),
        cmocka_unit_test(without_memory_the_latest_are_forgotten),
        cmocka_unit_test(one_that_was_away_brings_nobody_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
