/* Sessions of bound documents between cores: messages in parts, credit, loss, and bad peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

#define NODES 5
#define NODES_MAX 6

static const struct sg_topic_id topic = {{7, 7, 8}};
static struct net net;

/* What happened at each node. */
static struct {
    uint64_t job[NODES_MAX]; /* the newest session */
    struct sg_peer_id peer[NODES_MAX];
    size_t opened[NODES_MAX], ready[NODES_MAX], closed[NODES_MAX], messages[NODES_MAX];
    sg_err err[NODES_MAX];
    uint64_t sum[NODES_MAX]; /* of the last message */
    size_t len[NODES_MAX];
    bool takes[NODES_MAX]; /* at once */
    size_t parts, drop_every;
} seen;

static void on_doc(struct net *n, size_t node, const struct sg_core_out *out)
{
    (void)n;
    seen.job[node] = out->job;
    seen.peer[node] = out->peer;
    seen.err[node] = out->err;
    seen.opened[node] += out->doc == SG_CORE_DOC_OPENED;
    seen.ready[node] += out->doc == SG_CORE_DOC_READY;
    seen.closed[node] += out->doc == SG_CORE_DOC_CLOSED;
    if (out->doc != SG_CORE_DOC_MESSAGE)
        return;
    seen.messages[node]++;
    seen.len[node] = out->buf->len;
    seen.sum[node] = net_sum(sg_buf_bytes(out->buf));
}

static bool is_part(const struct net_frame *frame)
{
    struct sg_reader r = sg_reader(sg_buf_bytes(frame->buf));
    struct sg_frame_head head;
    return sg_frame_head_decode(&r, &head) == SG_OK && head.family == SG_FAMILY_DOC &&
           frame->lane == SG_LANE_BULK;
}

static bool watch(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (frame->buf == NULL || !is_part(frame))
        return true;
    seen.parts++;
    return seen.drop_every == 0 || seen.parts % seen.drop_every != 0;
}

static sg_err input(size_t node, enum sg_core_in_kind kind, struct sg_bytes bytes, sg_err err)
{
    const struct sg_core_in in = {.kind = kind,
                                  .topic = topic,
                                  .job = seen.job[node],
                                  .bytes = bytes,
                                  .err = err,
                                  .on = err == SG_OK};
    return net_input(&net, node, &in);
}

static sg_err bind(size_t node, bool on)
{
    return input(node, SG_CORE_IN_DOC_BIND, sg_bytes(NULL, 0), on ? SG_OK : SG_ERR_CLOSED);
}

static void begin(size_t count)
{
    net_init(&net, count, NULL);
    memset(&seen, 0, sizeof(seen));
    net.on_doc = on_doc;
    net.filter = watch;
    net_settle(&net, &topic);
}

static uint8_t big[5 * SG_DOC_PART_MAX / 2];

/* Who has to open a session: 0 or 1. The other one is bound, too. */
static size_t open_one(void)
{
    assert_int_equal(bind(0, true), SG_OK);
    assert_int_equal(bind(1, true), SG_OK);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7 + (i >> 9));
    net_run(&net, SG_NS_PER_S);
    assert_true(seen.opened[0] + seen.opened[1] >= 1);
    if (seen.opened[0] == 0)
        return 1;
    if (seen.opened[1] > 0) /* both wanted one */
        assert_int_equal(input(1, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
    return 0;
}

static void a_message_comes_in_parts(void **state)
{
    (void)state;
    begin(2);
    size_t a = open_one();
    size_t b = 1 - a;
    uint64_t job = seen.job[a];
    assert_int_equal(input(a, SG_CORE_IN_DOC_SEND, sg_bytes(big, sizeof(big)), SG_OK), SG_OK);
    assert_int_equal(input(a, SG_CORE_IN_DOC_SEND, sg_bytes(big, 1), SG_OK), SG_ERR_INVALID_STATE);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(seen.messages[b], 1);
    assert_int_equal(seen.parts, 3);
    assert_int_equal(seen.len[b], sizeof(big));
    assert_int_equal(seen.sum[b], net_sum(sg_bytes(big, sizeof(big))));
    assert_int_equal(seen.ready[a], 0); /* it is not worked off */
    seen.job[a] = job;
    assert_int_equal(input(b, SG_CORE_IN_DOC_TAKEN, sg_bytes(NULL, 0), SG_OK), SG_OK);
    assert_int_equal(input(b, SG_CORE_IN_DOC_TAKEN, sg_bytes(NULL, 0), SG_OK), SG_ERR_NOT_FOUND);
    assert_int_equal(input(b, SG_CORE_IN_DOC_SEND, sg_bytes(big, 5), SG_OK), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(seen.ready[a], 1);
    assert_int_equal(seen.messages[a], 1);
    assert_int_equal(seen.len[a], 5);
    assert_int_equal(input(a, SG_CORE_IN_DOC_TAKEN, sg_bytes(NULL, 0), SG_OK), SG_OK);
    assert_int_equal(input(a, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
    assert_int_equal(input(a, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_ERR_NOT_FOUND);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(seen.closed[b], 0); /* the other side closes by itself */
    assert_int_equal(seen.ready[b], 1);
    net_fini(&net);
}

/* Every third part is lost. */
static void what_is_lost_comes_again(void **state)
{
    (void)state;
    begin(2);
    size_t a = open_one();
    seen.drop_every = 3;
    assert_int_equal(input(a, SG_CORE_IN_DOC_SEND, sg_bytes(big, sizeof(big)), SG_OK), SG_OK);
    net_run(&net, 20 * SG_NS_PER_S);
    assert_int_equal(seen.messages[1 - a], 1);
    assert_int_equal(seen.sum[1 - a], net_sum(sg_bytes(big, sizeof(big))));
    assert_true(seen.parts > 3);
    net_fini(&net);
}

/* Both open one and speak at the same time: that of the lower id goes on, the other one is told. */
static void two_at_a_time_become_one(void **state)
{
    (void)state;
    begin(2);
    (void)open_one();
    for (size_t node = 0; node < 2; node++) {
        assert_int_equal(bind(node, false), SG_OK);
        assert_int_equal(bind(node, true), SG_OK);
        seen.opened[node] = 0;
    }
    const struct sg_core_in timeout = {.kind = SG_CORE_IN_TIMEOUT};
    for (size_t node = 0; node < 2; node++) {
        assert_int_equal(net_input(&net, node, &timeout), SG_OK);
        assert_int_equal(seen.opened[node], 1);
        assert_int_equal(input(node, SG_CORE_IN_DOC_SEND, sg_bytes(big, 5), SG_OK), SG_OK);
    }
    bool zero_is_lower = memcmp(net_id(&net, 0)->b, net_id(&net, 1)->b, SG_ID_LEN) < 0;
    size_t low = zero_is_lower ? 0 : 1;
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(seen.closed[low], 0);
    assert_int_equal(seen.closed[1 - low], 1);
    assert_int_equal(seen.messages[1 - low], 1);
    assert_int_equal(seen.messages[low], 0);
    net_fini(&net);
}

/* With 30 s in between, of two neighbours sometimes the one and sometimes the other. */
static void sessions_come_by_themselves(void **state)
{
    (void)state;
    begin(2);
    size_t a = open_one();
    assert_int_equal(input(a, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
    size_t before = seen.opened[0] + seen.opened[1];
    net_run(&net, 37 * SG_NS_PER_S);
    assert_in_range(seen.opened[0] + seen.opened[1] - before, 1, 2);
    net_fini(&net);
}

/* A peer without a document says so; the opener tries again, and then waits. */
static void nobody_there(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(bind(0, true), SG_OK);
    assert_int_equal(bind(0, true), SG_ERR_EXISTS);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(seen.opened[0], 1);
    assert_int_equal(input(0, SG_CORE_IN_DOC_SEND, sg_bytes(big, 10), SG_OK), SG_OK);
    net_run(&net, 4 * SG_NS_PER_S);
    assert_int_equal(seen.closed[0], 1);
    assert_int_equal(seen.messages[1], 0);
    assert_int_equal(seen.opened[0], 2);
    assert_int_equal(bind(0, false), SG_OK);
    net_run(&net, 70 * SG_NS_PER_S);
    assert_int_equal(seen.opened[0], 2);
    net_fini(&net);
}

/* Nothing moves: both sides give up after a minute, and the next session is another one. */
static void a_silent_peer(void **state)
{
    (void)state;
    begin(2);
    size_t a = open_one();
    seen.drop_every = 1;
    assert_int_equal(input(a, SG_CORE_IN_DOC_SEND, sg_bytes(big, 10), SG_OK), SG_OK);
    net_run(&net, 62 * SG_NS_PER_S);
    assert_int_equal(seen.closed[a], 1);
    net_fini(&net);
}

/* ---- bad peers ---- */

static void send_to(size_t from, size_t to, const struct sg_doc_msg *msg, enum sg_lane lane)
{
    uint8_t frame[256];
    struct sg_frame_head head = {.family = SG_FAMILY_DOC, .scope = topic};
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    sg_frame_head_encode(&w, &head);
    sg_doc_msg_encode(&w, msg);
    assert_int_equal(w.err, SG_OK);
    net_inject(&net, from, to, lane, sg_bytes(frame, w.len));
}

static void send_raw(size_t from, const struct sg_doc_msg *msg, enum sg_lane lane)
{
    send_to(from, 1 - from, msg, lane);
}

static void what_breaks_the_rules_ends_it(void **state)
{
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    const struct sg_doc_msg first = {.kind = SG_DOC_PART,
                                     .session = 77,
                                     .by_opener = true,
                                     .is_last = true,
                                     .bytes = {bytes, 4}};
    const struct {
        struct sg_doc_msg msg;
        enum sg_lane lane;
    } cases[] = {
        /* a second message before the first one is worked off */
        {{.kind = SG_DOC_PART, .session = 77, .by_opener = true, .number = 1, .bytes = {bytes, 4}},
         SG_LANE_BULK},
        /* far ahead */
        {{.kind = SG_DOC_PART, .session = 77, .by_opener = true, .number = 9, .bytes = {bytes, 4}},
         SG_LANE_BULK},
        /* what was never sent is taken */
        {{.kind = SG_DOC_TAKEN, .session = 77, .by_opener = true, .number = 5}, SG_LANE_PUBSUB},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(2);
        assert_int_equal(bind(1, true), SG_OK);
        net_run(&net, SG_NS_PER_S);
        assert_int_equal(input(1, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
        send_raw(0, &first, SG_LANE_BULK);
        net_run(&net, 10 * SG_NS_PER_MS);
        assert_int_equal(seen.messages[1], 1);
        send_raw(0, &cases[i].msg, cases[i].lane);
        net_run(&net, 10 * SG_NS_PER_MS);
        assert_int_equal(seen.closed[1], 1);
        assert_int_equal(seen.err[1], SG_ERR_PROTOCOL);
        struct sg_core_stats stats;
        sg_core_stats(net.core[1], &stats);
        assert_true(stats.charges > 0);
        net_fini(&net);
    }
}

/* A byte now and then, never the last one: its place is free again after ten minutes. */
static void a_slow_message_ends(void **state)
{
    static const uint8_t byte[1] = {1};
    (void)state;
    begin(2);
    assert_int_equal(bind(1, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(input(1, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
    struct sg_docflow_state *docs = sg_scope_find(net.core[1], &topic)->docs;
    docs->due = SG_TIME_NEVER; /* none of its own meanwhile */
    struct sg_doc_msg part = {
        .kind = SG_DOC_PART, .session = 77, .by_opener = true, .bytes = {byte, 1}};
    for (; part.number < 12; part.number++) {
        send_raw(0, &part, SG_LANE_BULK);
        net_run(&net, 49 * SG_NS_PER_S);
        assert_true(docs->theirs[0].handle != 0 || docs->theirs[1].handle != 0);
    }
    send_raw(0, &part, SG_LANE_BULK);
    net_run(&net, 15 * SG_NS_PER_S);
    assert_true(docs->theirs[0].handle == 0 && docs->theirs[1].handle == 0);
    assert_int_equal(seen.messages[1], 0);
    net_fini(&net);
}

/* Many openings: few are accepted, one at a time. */
static void a_flood_of_sessions(void **state)
{
    static const uint8_t bytes[4] = {1, 2, 3, 4};
    (void)state;
    begin(2);
    assert_int_equal(bind(1, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    assert_int_equal(input(1, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
    for (uint32_t i = 0; i < 100; i++) {
        const struct sg_doc_msg first = {
            .kind = SG_DOC_PART, .session = 1000 + i, .by_opener = true, .bytes = {bytes, 4}};
        send_raw(0, &first, SG_LANE_BULK);
        net_run(&net, SG_NS_PER_MS);
    }
    assert_int_equal(seen.messages[1], 0); /* none is whole */
    assert_in_range(seen.closed[1], 1, 18);
    net_fini(&net);
}

/* ---- turns ---- */

static bool holds(const struct sg_docflow_state *docs, size_t node)
{
    for (size_t i = 0; i < SG_DOC_SESSIONS_MAX; i++) {
        const struct sg_doc_flow *f = &docs->theirs[i];
        if (f->handle != 0 && sg_peer_id_equal(&f->peer, net_id(&net, node)))
            return true;
    }
    return false;
}

/* Node 0 has no session of its own, now and later. */
static void stop_own(struct sg_docflow_state *docs)
{
    docs->due = SG_TIME_NEVER;
    if (docs->mine.handle == 0)
        return;
    seen.job[0] = docs->mine.handle;
    assert_int_equal(input(0, SG_CORE_IN_DOC_CLOSE, sg_bytes(NULL, 0), SG_OK), SG_OK);
}

/* Neighbours of node 0 that ask for a session every 2 s and never come to an end. */
static void everybody_gets_a_turn(void **state)
{
    static const uint8_t byte[1] = {1};
    uint32_t turns[NODES] = {0};
    bool held[NODES] = {false};
    (void)state;
    begin(NODES);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    for (uint32_t second = 0; second < 240; second += 2) {
        stop_own(docs);
        for (size_t node = 1; node < NODES; node++) {
            struct sg_doc_msg part = {.kind = SG_DOC_PART,
                                      .session = 1 + second * NODES,
                                      .by_opener = true,
                                      .bytes = {byte, 1}};
            if (!holds(docs, node))
                send_to(node, 0, &part, SG_LANE_BULK);
        }
        net_run(&net, 2 * SG_NS_PER_S);
        for (size_t node = 1; node < NODES; node++) {
            turns[node] += !held[node] && holds(docs, node);
            held[node] = holds(docs, node);
        }
    }
    for (size_t node = 1; node < NODES; node++)
        assert_in_range(turns[node], 2, 240 / 30); /* two places, shares of 30 s, four neighbours */
    net_fini(&net);
}

/* Two neighbours close their sessions every half second and open the next ones at once; two others
 * ask every 2 s, and their sessions never end. */
static void who_opens_again_gets_no_more(void **state)
{
    static const uint8_t byte[1] = {1};
    uint32_t held[NODES] = {0};
    (void)state;
    begin(NODES);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    for (uint32_t half = 0; half < 480; half++) {
        stop_own(docs);
        for (size_t node = 1; node < NODES; node++) {
            struct sg_doc_msg part = {
                .kind = SG_DOC_PART, .session = 1 + half, .by_opener = true, .bytes = {byte, 1}};
            for (size_t i = 0; node < 3 && i < SG_DOC_SESSIONS_MAX; i++) {
                const struct sg_doc_flow *f = &docs->theirs[i];
                struct sg_doc_msg close = {
                    .kind = SG_DOC_CLOSE, .session = f->number, .by_opener = true};
                if (f->handle != 0 && sg_peer_id_equal(&f->peer, net_id(&net, node)))
                    send_to(node, 0, &close, SG_LANE_PUBSUB);
            }
            if (node < 3 || (half % 4 == 0 && !holds(docs, node)))
                send_to(node, 0, &part, SG_LANE_BULK);
        }
        net_run(&net, SG_NS_PER_S / 2);
        for (size_t node = 1; node < NODES; node++)
            held[node] += holds(docs, node);
    }
    /* of two places for 480 steps a fair share is 240 */
    assert_in_range(held[1], 1, 260);
    assert_in_range(held[2], 1, 260);
    assert_in_range(held[3], 190, 480);
    assert_in_range(held[4], 190, 480);
    net_fini(&net);
}

static void close_of(const struct sg_docflow_state *docs, size_t node)
{
    for (size_t i = 0; i < SG_DOC_SESSIONS_MAX; i++) {
        const struct sg_doc_flow *f = &docs->theirs[i];
        const struct sg_doc_msg close = {
            .kind = SG_DOC_CLOSE, .session = f->number, .by_opener = true};
        if (f->handle != 0 && sg_peer_id_equal(&f->peer, net_id(&net, node)))
            send_to(node, 0, &close, SG_LANE_PUBSUB);
    }
}

/* Four neighbours have the places in twos, and hand them on when their share is over and the others
 * have rested; a fifth one asks every 2 s, and never in that moment. */
static void nobody_is_kept_out(void **state)
{
    static const uint8_t byte[1] = {1};
    const size_t fifth = NODES_MAX - 1;
    uint32_t held = 0;
    uint32_t used = 0;
    (void)state;
    begin(NODES_MAX);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    for (uint32_t second = 0; second < 300; second++) {
        struct sg_doc_msg part = {
            .kind = SG_DOC_PART, .session = 1 + second, .by_opener = true, .bytes = {byte, 1}};
        size_t first = second / 30 % 2 == 0 ? 1 : 3;
        stop_own(docs);
        close_of(docs, 4 - first);
        close_of(docs, 5 - first);
        net_run(&net, SG_NS_PER_S / 4);
        for (size_t node = first; node < first + 2; node++) {
            if (!holds(docs, node))
                send_to(node, 0, &part, SG_LANE_BULK);
        }
        net_run(&net, SG_NS_PER_S / 4);
        if (second % 2 == 1 && !holds(docs, fifth))
            send_to(fifth, 0, &part, SG_LANE_BULK);
        net_run(&net, SG_NS_PER_S / 2);
        held += holds(docs, fifth);
        used += docs->theirs[0].handle != 0;
        used += docs->theirs[1].handle != 0;
    }
    /* a fair share of five is 120 of 600; a place that is kept for who was refused may be unused */
    assert_in_range(held, 60, 300);
    assert_in_range(used, 300, 600);
    net_fini(&net);
}

/* Who is not known any more and opens again while it has a place has had its turn all the same. */
static void who_was_forgotten_gives_way(void **state)
{
    static const uint8_t byte[1] = {1};
    struct sg_doc_msg first = {
        .kind = SG_DOC_PART, .session = 1, .by_opener = true, .bytes = {byte, 1}};
    (void)state;
    begin(3);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    stop_own(docs);
    send_to(1, 0, &first, SG_LANE_BULK);
    net_run(&net, SG_NS_PER_S);
    assert_true(holds(docs, 1));
    sg_time_ns turn_at = docs->theirs[0].turn_at + docs->theirs[1].turn_at;
    assert_true(turn_at > 0);
    memset(docs->peers, 0, sizeof(docs->peers)); /* others have been heard of since */
    first.session = 2;
    send_to(1, 0, &first, SG_LANE_BULK);
    net_run(&net, SG_NS_PER_S);
    assert_true(holds(docs, 1));
    assert_int_equal(docs->theirs[0].turn_at + docs->theirs[1].turn_at, turn_at);
    net_fini(&net);
}

/* One who floods a node with openings spends nobody else's. */
static void a_flood_is_its_senders(void **state)
{
    static const uint8_t byte[1] = {1};
    struct sg_doc_msg first = {
        .kind = SG_DOC_PART, .by_opener = true, .is_last = true, .bytes = {byte, 1}};
    (void)state;
    begin(3);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    stop_own(docs);
    for (first.session = 1; first.session < 50; first.session++) {
        send_to(1, 0, &first, SG_LANE_BULK);
        net_run(&net, SG_NS_PER_MS);
    }
    send_to(2, 0, &first, SG_LANE_BULK);
    net_run(&net, 10 * SG_NS_PER_MS);
    assert_true(holds(docs, 2));
    net_fini(&net);
}

/* A session of our own that goes on and on gives way to other neighbours. */
static void our_own_gives_way(void **state)
{
    static const uint8_t byte[1] = {1};
    (void)state;
    begin(3);
    assert_int_equal(bind(0, true), SG_OK);
    net_run(&net, SG_NS_PER_S);
    struct sg_docflow_state *docs = sg_scope_find(net.core[0], &topic)->docs;
    struct sg_peer_id first = docs->mine.peer;
    size_t other = sg_peer_id_equal(&first, net_id(&net, 1)) ? 1 : 2;
    assert_true(docs->mine.handle != 0);
    struct sg_doc_msg part = {
        .kind = SG_DOC_PART, .session = docs->mine.number, .bytes = {byte, 1}};
    for (; part.number < 12; part.number++) { /* a byte now and then */
        send_to(other, 0, &part, SG_LANE_BULK);
        net_run(&net, 9 * SG_NS_PER_S);
        assert_true(sg_peer_id_equal(&docs->mine.peer, &first));
    }
    net_run(&net, 15 * SG_NS_PER_S);
    assert_true(docs->mine.handle != 0);
    assert_false(sg_peer_id_equal(&docs->mine.peer, &first));
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_in_parts),
        cmocka_unit_test(what_is_lost_comes_again),
        cmocka_unit_test(two_at_a_time_become_one),
        cmocka_unit_test(sessions_come_by_themselves),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(a_silent_peer),
        cmocka_unit_test(what_breaks_the_rules_ends_it),
        cmocka_unit_test(a_slow_message_ends),
        cmocka_unit_test(a_flood_of_sessions),
        cmocka_unit_test(everybody_gets_a_turn),
        cmocka_unit_test(who_opens_again_gets_no_more),
        cmocka_unit_test(nobody_is_kept_out),
        cmocka_unit_test(who_was_forgotten_gives_way),
        cmocka_unit_test(a_flood_is_its_senders),
        cmocka_unit_test(our_own_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
