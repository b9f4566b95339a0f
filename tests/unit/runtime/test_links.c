#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/prng.h"
#include "runtime/links.h"
#include "unit/base/failing_mem.h"

static const struct sg_peer_id small = {{1}};
static const struct sg_peer_id large = {{2}};
static struct sg_rt_acts acts;

static void add(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id, bool dialled)
{
    const struct sg_rt_conn conn = {.id = id, .peer = large, .dialled = dialled};
    assert_int_equal(sg_rt_links_connected(t, now, &conn), SG_OK);
}

static void hello(struct sg_rt_links *t, sg_time_ns now, sg_rt_conn_id id, uint64_t boot)
{
    assert_int_equal(sg_rt_links_hello(t, now, id, boot, &acts), SG_OK);
    sg_rt_links_check(t);
}

static void expect_act(size_t at, enum sg_rt_act_kind kind, sg_rt_conn_id conn)
{
    assert_true(at < acts.count);
    assert_int_equal(acts.act[at].kind, kind);
    assert_int_equal(acts.act[at].conn, conn);
}

static void first_hello_makes_the_link(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    add(&t, 5, 100, true);
    assert_null(sg_rt_links_find(&t, &large));
    assert_non_null(sg_rt_links_greeting(&t, &large));
    hello(&t, 6, 100, 1);
    assert_int_equal(acts.count, 1);
    expect_act(0, SG_RT_ACT_UP, 100);
    assert_non_null(sg_rt_links_find(&t, &large));
    assert_null(sg_rt_links_greeting(&t, &large));
    const struct sg_rt_act why = {.err = SG_ERR_TIMEOUT, .reason = SG_CLOSE_IDLE};
    sg_rt_links_closed(&t, 7, 100, &why, &acts);
    assert_int_equal(acts.count, 1);
    assert_int_equal(acts.act[0].kind, SG_RT_ACT_DOWN);
    assert_int_equal(acts.act[0].err, SG_ERR_TIMEOUT);
    assert_null(sg_rt_links_find(&t, &large));
    sg_rt_links_fini(&t);
}

static void no_hello_is_closed_in_time(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    add(&t, 5, 100, true);
    assert_int_equal(sg_rt_links_deadline(&t), 5 + SG_RT_HELLO_NS);
    assert_false(sg_rt_links_expire(&t, 4 + SG_RT_HELLO_NS, &acts));
    assert_true(sg_rt_links_expire(&t, 5 + SG_RT_HELLO_NS, &acts));
    expect_act(0, SG_RT_ACT_CLOSE, 100);
    assert_int_equal(acts.act[0].reason, SG_CLOSE_PROTOCOL);
    assert_false(sg_rt_links_expire(&t, 6 + SG_RT_HELLO_NS, &acts));
    assert_int_equal(sg_rt_links_deadline(&t), SG_TIME_NEVER);
    sg_rt_links_fini(&t);
}

static void loser_is_read_for_a_while_then_closed(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    add(&t, 0, 1, false);
    hello(&t, 0, 1, 9);
    add(&t, 1, 2, true); /* ours: we are the smaller one */
    hello(&t, 1, 2, 9);
    assert_int_equal(acts.count, 1);
    expect_act(0, SG_RT_ACT_MAIN, 2);
    assert_int_equal(sg_rt_links_conn(&t, 1)->state, SG_RT_CONN_SPARE);
    assert_int_equal(sg_rt_links_deadline(&t), 1 + SG_RT_LINGER_DECIDER_NS);
    assert_true(sg_rt_links_expire(&t, 1 + SG_RT_LINGER_DECIDER_NS, &acts));
    expect_act(0, SG_RT_ACT_CLOSE, 1);
    assert_int_equal(acts.act[0].reason, SG_CLOSE_DUPLICATE);
    assert_true(acts.act[0].flush);
    sg_rt_links_fini(&t);
}

static void overruled_end_goes_on_over_the_spare(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &(struct sg_peer_id){{3}}); /* the other one decides */
    add(&t, 0, 1, true);
    hello(&t, 0, 1, 9);
    add(&t, 1, 2, true);
    hello(&t, 1, 2, 9);
    expect_act(0, SG_RT_ACT_MAIN, 2);
    const struct sg_rt_act why = {.err = SG_ERR_CLOSED, .reason = SG_CLOSE_DUPLICATE};
    sg_rt_links_closed(&t, 2, 2, &why, &acts);
    assert_int_equal(acts.count, 1);
    expect_act(0, SG_RT_ACT_MAIN, 1);
    sg_rt_links_check(&t);
    sg_rt_links_fini(&t);
}

static void limbo_bridges_the_gap(void **state)
{
    struct sg_rt_links t;
    (void)state;
    const struct sg_rt_act why = {.err = SG_ERR_CLOSED, .reason = SG_CLOSE_DUPLICATE};
    sg_rt_links_init(&t, sg_mem_default(), &small);
    add(&t, 0, 1, true);
    hello(&t, 0, 1, 9);
    sg_rt_links_closed(&t, 1, 1, &why, &acts);
    assert_int_equal(acts.count, 0);
    assert_int_equal(sg_rt_links_deadline(&t), 1 + SG_RT_LIMBO_NS);
    add(&t, 2, 2, false);
    hello(&t, 3, 2, 9);
    assert_int_equal(acts.count, 1);
    expect_act(0, SG_RT_ACT_MAIN, 2);
    /* and when nothing comes, the link is down after all */
    sg_rt_links_closed(&t, 4, 2, &why, &acts);
    assert_false(sg_rt_links_expire(&t, 3 + SG_RT_LIMBO_NS, &acts));
    assert_true(sg_rt_links_expire(&t, 4 + SG_RT_LIMBO_NS, &acts));
    assert_int_equal(acts.act[0].kind, SG_RT_ACT_DOWN);
    sg_rt_links_fini(&t);
}

static void restarted_peer_is_a_new_link(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    add(&t, 0, 1, true);
    hello(&t, 0, 1, 9);
    add(&t, 1, 2, false);
    hello(&t, 1, 2, 10);
    assert_int_equal(acts.count, 2);
    assert_int_equal(acts.act[0].kind, SG_RT_ACT_DOWN);
    expect_act(1, SG_RT_ACT_UP, 2);
    assert_true(sg_rt_links_expire(&t, 1, &acts));
    expect_act(0, SG_RT_ACT_CLOSE, 1);
    /* a late connection of the ghost loses */
    add(&t, 2, 3, true);
    hello(&t, 2, 3, 9);
    assert_int_equal(acts.count, 0);
    assert_int_equal(sg_rt_links_find(&t, &large)->main, 2);
    sg_rt_links_fini(&t);
}

static void drop_closes_all_but_new_attempts(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    for (sg_rt_conn_id id = 1; id <= 3; id++) {
        add(&t, id, id, true);
        hello(&t, id, id, 9);
    }
    add(&t, 4, 4, false);
    sg_rt_links_drop(&t, &large, SG_CLOSE_LEAVING, &acts);
    assert_int_equal(acts.count, 3);
    for (size_t i = 0; i < acts.count; i++) {
        assert_int_equal(acts.act[i].kind, SG_RT_ACT_CLOSE);
        assert_int_equal(acts.act[i].reason, SG_CLOSE_LEAVING);
    }
    assert_null(sg_rt_links_find(&t, &large));
    assert_non_null(sg_rt_links_greeting(&t, &large));
    hello(&t, 5, 4, 9);
    expect_act(0, SG_RT_ACT_UP, 4);
    sg_rt_links_drop(&t, &small, SG_CLOSE_LEAVING, &acts); /* unknown */
    assert_int_equal(acts.count, 0);
    sg_rt_links_fini(&t);
}

static void many_connections_of_one_peer_stay_few(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    const struct sg_rt_act gone = {.err = SG_ERR_CLOSED};
    for (sg_rt_conn_id id = 1; id <= 50; id++) {
        add(&t, id, id, false);
        hello(&t, id, id, 9);
        struct sg_rt_acts due;
        while (sg_rt_links_expire(&t, id, &due))
            sg_rt_links_closed(&t, id, due.act[0].conn, &gone, &acts);
        sg_rt_links_check(&t);
        assert_true(t.conn_count <= 1 + SG_RT_SPARES_MAX);
    }
    sg_rt_links_fini(&t);
}

static void one_peer_cannot_use_up_the_connections(void **state)
{
    struct sg_rt_links t;
    (void)state;
    sg_rt_links_init(&t, sg_mem_default(), &small);
    for (sg_rt_conn_id id = 1; id <= SG_RT_CONNS_PER_PEER_MAX; id++)
        add(&t, 0, id, false);
    struct sg_rt_conn conn = {.id = 99, .peer = large};
    assert_int_equal(sg_rt_links_connected(&t, 0, &conn), SG_ERR_LIMIT);
    assert_null(sg_rt_links_conn(&t, 99));
    conn.peer.b[0]++;
    assert_int_equal(sg_rt_links_connected(&t, 0, &conn), SG_OK);
    sg_rt_links_fini(&t);
}

static void no_memory_changes_nothing(void **state)
{
    struct failing_mem failing;
    (void)state;
    for (size_t n = 1;; n++) {
        struct sg_rt_links t;
        const struct sg_mem *mem = failing_mem_init(&failing, n);
        const struct sg_rt_conn conn = {.id = 1, .peer = large};
        sg_rt_links_init(&t, mem, &small);
        sg_err err = sg_rt_links_connected(&t, 0, &conn);
        if (err == SG_OK)
            err = sg_rt_links_hello(&t, 0, 1, 1, &acts);
        sg_rt_links_check(&t);
        bool is_last = failing.calls < n;
        assert_int_equal(err, is_last ? SG_OK : SG_ERR_NO_MEMORY);
        sg_rt_links_fini(&t);
        assert_int_equal(failing.live, 0);
        if (is_last)
            break;
    }
}

/* ---- two ends, any order --------------------------------------------------------------------- */

/* Two tables, connections between them, and messages that take their time but keep their order
 * within a connection. */
#define CONNS_MAX 4
#define QUEUE_MAX 8

enum what { CONNECTED, HELLO, CLOSED };

struct msg {
    enum what what;
    sg_time_ns at;
    enum sg_close_reason reason;
};

struct pipe { /* what is on its way to one end of one connection */
    struct msg msg[QUEUE_MAX];
    size_t count;
};

struct end {
    struct sg_rt_links table;
    struct pipe pipe[CONNS_MAX];
    bool open[CONNS_MAX];
    unsigned ups, downs;
};

struct pair {
    struct end end[2]; /* the smaller PeerId is end 0 */
    size_t conns;
    unsigned opener[CONNS_MAX];
    struct sg_prng prng;
    uint64_t delay_max;
    sg_time_ns now;
};

static void post(struct pair *p, unsigned end, size_t conn, struct msg msg)
{
    struct pipe *pipe = &p->end[end].pipe[conn];
    uint64_t delay = 1 + sg_prng_below(&p->prng, p->delay_max);
    msg.at = p->now + delay;
    if (pipe->count > 0 && pipe->msg[pipe->count - 1].at > msg.at)
        msg.at = pipe->msg[pipe->count - 1].at;
    assert_true(pipe->count < QUEUE_MAX);
    pipe->msg[pipe->count++] = msg;
}

static void run_acts(struct pair *p, unsigned end, const struct sg_rt_acts *list)
{
    struct end *e = &p->end[end];
    for (size_t i = 0; i < list->count; i++) {
        const struct sg_rt_act *act = &list->act[i];
        size_t conn = (size_t)act->conn - 1;
        e->ups += act->kind == SG_RT_ACT_UP;
        e->downs += act->kind == SG_RT_ACT_DOWN;
        if (act->kind != SG_RT_ACT_CLOSE)
            continue;
        const struct msg closed = {.what = CLOSED, .reason = act->reason};
        e->pipe[conn].count = 0; /* a local close drops what was not yet delivered */
        post(p, end, conn, closed);
        post(p, !end, conn, closed);
    }
}

static void handle(struct pair *p, unsigned end, size_t conn, const struct msg *msg)
{
    struct end *e = &p->end[end];
    struct sg_rt_acts out = {0};
    const struct sg_rt_conn new = {
        .id = conn + 1, .peer = end == 0 ? large : small, .dialled = p->opener[conn] == end};
    const struct sg_rt_act why = {.err = SG_ERR_CLOSED, .reason = msg->reason};
    switch (msg->what) {
    case CONNECTED:
        assert_int_equal(sg_rt_links_connected(&e->table, p->now, &new), SG_OK);
        e->open[conn] = true;
        post(p, !end, conn, (struct msg){.what = HELLO});
        break;
    case HELLO:
        if (e->open[conn] && sg_rt_links_conn(&e->table, conn + 1)->state == SG_RT_CONN_HELLO)
            assert_int_equal(sg_rt_links_hello(&e->table, p->now, conn + 1, 1, &out), SG_OK);
        break;
    case CLOSED:
        if (e->open[conn])
            sg_rt_links_closed(&e->table, p->now, conn + 1, &why, &out);
        e->open[conn] = false;
        break;
    }
    run_acts(p, end, &out);
    sg_rt_links_check(&e->table);
}

/* The next message over all pipes; false when all are empty. */
static bool next(const struct pair *p, unsigned *end, size_t *conn, sg_time_ns *at)
{
    *at = SG_TIME_NEVER;
    for (unsigned e = 0; e < 2; e++) {
        for (size_t c = 0; c < p->conns; c++) {
            const struct pipe *pipe = &p->end[e].pipe[c];
            if (pipe->count == 0 || pipe->msg[0].at >= *at)
                continue;
            *at = pipe->msg[0].at;
            *end = e;
            *conn = c;
        }
    }
    return *at != SG_TIME_NEVER;
}

static void take(struct pair *p, unsigned end, size_t conn)
{
    struct pipe *pipe = &p->end[end].pipe[conn];
    struct msg msg = pipe->msg[0];
    pipe->count--;
    memmove(pipe->msg, pipe->msg + 1, pipe->count * sizeof msg);
    handle(p, end, conn, &msg);
}

static bool expire(struct pair *p, unsigned end)
{
    struct sg_rt_acts out;
    if (!sg_rt_links_expire(&p->end[end].table, p->now, &out))
        return false;
    run_acts(p, end, &out);
    return true;
}

static void run(struct pair *p)
{
    for (unsigned steps = 0; steps < 10000; steps++) {
        unsigned end = 0;
        size_t conn = 0;
        sg_time_ns at;
        sg_time_ns due = sg_time_min(sg_rt_links_deadline(&p->end[0].table),
                                     sg_rt_links_deadline(&p->end[1].table));
        bool has_message = next(p, &end, &conn, &at);
        if (!has_message && due == SG_TIME_NEVER)
            return;
        p->now = p->now > sg_time_min(at, due) ? p->now : sg_time_min(at, due);
        if (at <= due)
            take(p, end, conn);
        else if (!expire(p, 0))
            (void)expire(p, 1);
    }
    fail_msg("does not settle");
}

static void expect_one_survivor(const struct pair *p, unsigned *opener)
{
    unsigned survivors = 0;
    for (size_t c = 0; c < p->conns; c++) {
        assert_int_equal(p->end[0].open[c], p->end[1].open[c]);
        if (!p->end[0].open[c])
            continue;
        survivors++;
        *opener = p->opener[c];
        for (unsigned e = 0; e < 2; e++)
            assert_int_equal(sg_rt_links_conn(&p->end[e].table, c + 1)->state, SG_RT_CONN_MAIN);
    }
    assert_int_equal(survivors, 1);
    for (unsigned e = 0; e < 2; e++) {
        assert_int_equal(p->end[e].ups, 1);
        assert_int_equal(p->end[e].downs, 0);
    }
}

static void pair_init(struct pair *p, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    sg_prng_init(&p->prng, seed);
    sg_rt_links_init(&p->end[0].table, sg_mem_default(), &small);
    sg_rt_links_init(&p->end[1].table, sg_mem_default(), &large);
}

static void pair_fini(struct pair *p)
{
    sg_rt_links_fini(&p->end[0].table);
    sg_rt_links_fini(&p->end[1].table);
}

/* One more connection; both ends hear of it when its handshake is through. */
static void dial(struct pair *p, unsigned opener, uint64_t after)
{
    size_t conn = p->conns++;
    p->opener[conn] = opener;
    for (unsigned e = 0; e < 2; e++) {
        post(p, e, conn, (struct msg){.what = CONNECTED});
        p->end[e].pipe[conn].msg[0].at += after;
    }
}

static void simultaneous_dials(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10000; seed++) {
        struct pair p;
        unsigned opener = 9;
        pair_init(&p, seed);
        p.delay_max = 1 + sg_prng_below(&p.prng, 250 * SG_NS_PER_MS);
        dial(&p, 0, 0);
        dial(&p, 1, 0);
        run(&p);
        expect_one_survivor(&p, &opener);
        assert_int_equal(opener, 0);
        pair_fini(&p);
    }
}

/* Up to four connections in any direction, begun within a minute: the two ends see different ages
 * and orders, and still agree. */
static void any_dials(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10000; seed++) {
        struct pair p;
        unsigned opener = 9;
        pair_init(&p, seed);
        p.delay_max = 1 + sg_prng_below(&p.prng, 250 * SG_NS_PER_MS);
        uint64_t spread = 1 + sg_prng_below(&p.prng, 60 * SG_NS_PER_S);
        uint64_t count = 2 + sg_prng_below(&p.prng, CONNS_MAX - 1);
        for (uint64_t i = 0; i < count; i++) {
            unsigned by = (unsigned)sg_prng_below(&p.prng, 2);
            uint64_t after = sg_prng_below(&p.prng, spread);
            dial(&p, by, after);
        }
        run(&p);
        expect_one_survivor(&p, &opener);
        pair_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_hello_makes_the_link),
        cmocka_unit_test(no_hello_is_closed_in_time),
        cmocka_unit_test(loser_is_read_for_a_while_then_closed),
        cmocka_unit_test(overruled_end_goes_on_over_the_spare),
        cmocka_unit_test(limbo_bridges_the_gap),
        cmocka_unit_test(restarted_peer_is_a_new_link),
        cmocka_unit_test(drop_closes_all_but_new_attempts),
        cmocka_unit_test(many_connections_of_one_peer_stay_few),
        cmocka_unit_test(one_peer_cannot_use_up_the_connections),
        cmocka_unit_test(no_memory_changes_nothing),
        cmocka_unit_test(simultaneous_dials),
        cmocka_unit_test(any_dials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
