/* backfill.c, fetch.c: nodes over the in-memory network. */
#include "unit/node/backfill_case.h"

static void what_the_tree_lost_is_found(void **state)
{
    (void)state;
    struct sg_msg_id id[20];
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    net_run(&net, 2 * SG_NS_PER_S);
    is_wanted = false;
    net.filter = without_trees;
    for (size_t i = 0; i < 20; i++)
        publish(i % 3, "lost", &id[i]);
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(net_delivered(&net, (i + 1) % 3, &id[i]), 0);
    net_run(&net, 60 * SG_NS_PER_S);
    for (size_t i = 0; i < 20; i++) {
        for (size_t node = 0; node < 3; node++)
            assert_int_equal(net_delivered(&net, node, &id[i]), 1);
    }
    uint64_t served = 0;
    uint64_t received = 0;
    for (size_t node = 0; node < 3; node++) {
        struct sg_core_stats stats = stats_of(node);
        served += stats.backfill_served;
        received += stats.backfill_received;
        assert_true(stats.signatures_made <= 7); /* its own messages', never again */
        assert_int_equal(stats.refused_malformed + stats.refused_signature + stats.charges, 0);
        assert_int_equal(stats.backfill_failed, 0);
        assert_int_equal(sg_history_count(sg_scope_find(net.core[node], &topic)), 20);
    }
    assert_int_equal(received, 40);
    assert_true(served >= 40 && served < 60);
    net_fini(&net);
}

static void a_late_joiner_gets_what_is_kept(void **state)
{
    (void)state;
    struct sg_msg_id id[300];
    net_init(&net, 4, NULL);
    for (size_t i = 0; i < 3; i++) {
        net_subscribe(&net, i, &topic);
        if (i > 0)
            net_join(&net, i, 0);
    }
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < 300; i++) {
        publish(i % 3, "kept", &id[i]);
        net_run(&net, SG_NS_PER_S / 2);
    }
    net_run(&net, 75 * SG_NS_PER_S); /* the trees' caches are empty by now */
    net_join(&net, 3, 0);
    net_subscribe(&net, 3, &topic);
    uint64_t signatures = stats_of(0).signatures_made;
    net_run(&net, 10 * SG_NS_PER_S);
    for (size_t i = 0; i < 300; i++)
        assert_int_equal(net_delivered(&net, 3, &id[i]), 1);
    assert_int_equal(stats_of(0).signatures_made, signatures);
    assert_int_equal(stats_of(3).backfill_received, 300);
    /* the others were told nothing twice */
    for (size_t node = 0; node < 3; node++) {
        assert_int_equal(stats_of(node).pt.payloads_duplicate > 5, false);
        assert_int_equal(stats_of(node).backfill_received, 0);
    }
    net_fini(&net);
}

/* Both parts of a partition publish; after it heals all have all. */
static void both_parts_of_a_partition_agree(void **state)
{
    (void)state;
    struct sg_msg_id id[40];
    net_init(&net, 6, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 3; i++)
        net.is_cut[i] = true; /* one part: alone, each for itself */
    for (size_t i = 0; i < 40; i++) {
        publish(i % 6, "part", &id[i]);
        net_run(&net, 3 * SG_NS_PER_S);
    }
    net_run(&net, 5 * SG_NS_PER_S);
    for (size_t i = 0; i < 3; i++)
        net.is_cut[i] = false;
    net_run(&net, 90 * SG_NS_PER_S);
    for (size_t i = 0; i < 40; i++) {
        for (size_t node = 0; node < 6; node++)
            assert_int_equal(net_delivered(&net, node, &id[i]), 1);
    }
    net_fini(&net);
}

/* ---- signatures checked by jobs ---- */

static void offload(struct sg_core_config *config)
{
    config->offload = true;
    config->batch_max = 1;
}

static size_t delivered_to(size_t node, const struct sg_msg_id *id, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += net_delivered(&net, node, &id[i]);
    return sum;
}

/* What was asked for stays old when its session is over before the verdict: it is kept and
 * delivered, and disturbs no tree. */
static void a_verdict_may_come_after_the_session(void **state)
{
    (void)state;
    struct sg_msg_id id[10];
    net_init(&net, 2, offload);
    net_settle(&net, &topic);
    net_run(&net, 2 * SG_NS_PER_S);
    is_wanted = false;
    net.filter = without_trees;
    for (size_t i = 0; i < 10; i++)
        publish(0, "lost", &id[i]);
    net_run(&net, 12 * SG_NS_PER_S);
    net.jobs_wait = true;
    while (net.job_count < 10)
        net_run(&net, SG_NS_PER_S / 10);
    const struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    while (sg_backfill_expects(scope, net_id(&net, 0), &id[9]))
        net_run(&net, SG_NS_PER_S / 10);
    assert_int_equal(delivered_to(1, id, 10), 0);
    uint64_t sent = stats_of(1).pt.payloads_sent + stats_of(1).pt.ihaves_sent;
    net.jobs_wait = false;
    while (net.job_count > 0)
        net_finish_job(&net);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_int_equal(delivered_to(1, id, 10), 10);
    assert_int_equal(stats_of(1).backfill_received, 10);
    assert_int_equal(stats_of(1).pt.payloads_sent + stats_of(1).pt.ihaves_sent, sent);
    assert_int_equal(sg_history_count(scope), 10);
    assert_int_equal(stats_of(1).charges + stats_of(1).refused_expired, 0);
    net_fini(&net);
}

static void few_jobs(struct sg_core_config *config)
{
    offload(config);
    config->verify_jobs_max = 8;
}

/* More lone messages at once than one link may have checked: the rest is asked for again. */
static void what_finds_no_job_is_asked_for_again(void **state)
{
    (void)state;
    struct sg_msg_id id[40];
    net_init(&net, 2, few_jobs);
    net_settle(&net, &topic);
    net_run(&net, 2 * SG_NS_PER_S);
    is_wanted = false;
    net.filter = without_trees;
    for (size_t i = 0; i < 40; i++)
        publish(0, "lost", &id[i]);
    net_run(&net, 12 * SG_NS_PER_S);
    net.jobs_wait = true;
    for (int i = 0; i < 600; i++) { /* jobs take 100 ms */
        net_run(&net, SG_NS_PER_S / 10);
        while (net.job_count > 0)
            net_finish_job(&net);
    }
    assert_true(stats_of(1).refused_overload > 0);
    assert_int_equal(delivered_to(1, id, 40), 40);
    assert_int_equal(stats_of(1).charges, 0);
    net_fini(&net);
}

/* ---- hostile peers ---- */

static void inject(size_t from, size_t to, const struct sg_rec_msg *msg)
{
    uint8_t bytes[16384];
    struct sg_frame_head head = {.family = SG_FAMILY_RECONCILE, .scope = topic};
    struct sg_writer w = sg_writer(bytes, sizeof(bytes));
    sg_frame_head_encode(&w, &head);
    sg_rec_msg_encode(&w, msg);
    assert_int_equal(sg_writer_done(&w), SG_OK);
    net_inject(&net, from, to, SG_LANE_PUBSUB, sg_bytes(bytes, w.len));
}

static void nonsense_costs_its_sender_the_session(void **state)
{
    (void)state;
    static const uint64_t ids[2] = {1, 2};
    static const struct sg_rec_symbol symbols[SG_REC_PIECE_MAX];
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    uint32_t to = sg_slot_of(NET_WALL_MS) + 1;
    struct sg_rec_msg msg = {.session = 99, .ids = ids, .id_count = 2, .symbols = symbols};
    /* messages of no session are nobody's fault */
    for (int kind = SG_REC_SKETCH; kind <= SG_REC_SENT; kind++) {
        msg.kind = (enum sg_rec_kind)kind;
        msg.upto = 5;
        msg.index = 84;
        msg.symbol_count = msg.kind == SG_REC_SYMBOLS ? 1 : 0;
        inject(0, 1, &msg);
    }
    assert_int_equal(stats_of(1).charges, 0);
    msg = (struct sg_rec_msg){.kind = SG_REC_OPEN,
                              .session = 99,
                              .to = to,
                              .count = UINT32_MAX,
                              .upto = SG_REC_SYMBOLS_MAX};
    inject(0, 1, &msg);
    msg.kind = SG_REC_MORE;
    msg.upto = 100;
    inject(0, 1, &msg);
    inject(0, 1, &msg); /* twice is once */
    assert_int_equal(stats_of(1).charges, 0);
    msg.upto = 99;
    inject(0, 1, &msg); /* no more than before */
    assert_int_equal(stats_of(1).charges, 1);
    /* garbage after the head */
    const uint8_t bad[] = {SG_FAMILY_RECONCILE, 1, 0, 1};
    net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_bytes(bad, sizeof(bad)));
    assert_int_equal(stats_of(1).charges, 2);
    net_fini(&net);
}

/* A session that node 0 opens with node 1, its comparison over at once. */
static struct sg_session *open_to(uint32_t number)
{
    const uint32_t to = sg_slot_of(NET_WALL_MS + net.now / SG_NS_PER_MS);
    const struct sg_rec_msg open = {.kind = SG_REC_OPEN, .session = number, .to = to, .upto = 48};
    const struct sg_rec_msg done = {.kind = SG_REC_DONE, .session = number, .by_opener = true};
    inject(0, 1, &open);
    const struct sg_backfill *b = sg_scope_find(net.core[1], &topic)->backfill;
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
        if (b->theirs[i] == NULL || b->theirs[i]->number != number)
            continue;
        inject(0, 1, &done);
        return b->theirs[i];
    }
    fail_msg("the session was not answered");
    return NULL;
}

static void offer_one(uint32_t number, uint64_t id)
{
    const struct sg_rec_msg offer = {.kind = SG_REC_OFFER,
                                     .session = number,
                                     .by_opener = true,
                                     .is_last = true,
                                     .ids = &id,
                                     .id_count = 1};
    inject(0, 1, &offer);
}

/* Node 0 shows what it does not bring, and says something every 9 s. */
static void words_alone_keep_no_fetch_open(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    const struct sg_backfill *b = sg_scope_find(net.core[1], &topic)->backfill;
    (void)open_to(900);
    offer_one(900, 77);
    assert_true(sg_backfill_is_fetching(b));
    size_t held = 0;
    for (size_t i = 0; i < 10; i++) {
        net_run(&net, 9 * SG_NS_PER_S);
        offer_one(900, 77 + i);
        held += sg_backfill_is_fetching(b);
    }
    assert_in_range(held, 0, 2);
    /* nor does the next session */
    (void)open_to(901);
    offer_one(901, 77);
    assert_false(sg_backfill_is_fetching(b));
    assert_true(sg_backfill_avoids(net.core[1], b, net_id(&net, 0)));
    net_fini(&net);
}

/* WANTs of node 1 to node 0 get lost, as if it would not answer. */
static bool without_answers(struct net *n, const struct net_frame *frame)
{
    bool is_rec = family_of(frame) == SG_FAMILY_RECONCILE;
    bool is_lost = is_rec && frame->from == 1 && frame->to == 0 && kind_of(frame) == SG_REC_WANT;
    return !is_lost && without_trees(n, frame);
}

static void another_neighbor_is_asked_when_one_stalls(void **state)
{
    (void)state;
    struct sg_msg_id id[5];
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    is_wanted = false;
    net.filter = without_answers;
    for (size_t i = 0; i < 5; i++)
        publish(0, "lost", &id[i]);
    net.is_cut[2] = true;
    const struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    while (scope->backfill->mine == NULL || !scope->backfill->mine->is_waiting)
        net_run(&net, SG_NS_PER_S / 10);
    const uint32_t number = scope->backfill->mine->number;
    net.is_cut[2] = false;
    for (size_t i = 0; i < 12; i++) {
        const struct sg_rec_msg done = {.kind = SG_REC_DONE, .session = number};
        inject(0, 1, &done);
        net_run(&net, 9 * SG_NS_PER_S);
    }
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(net_delivered(&net, 1, &id[i]), 1);
    net_fini(&net);
}

/* A wanted message now and then keeps a session no longer than its limit. */
static void a_session_has_an_end(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    const struct sg_backfill *b = sg_scope_find(net.core[1], &topic)->backfill;
    struct sg_session *s = open_to(900);
    offer_one(900, 77);
    for (size_t i = 0; i < 13; i++) {
        assert_true(sg_backfill_is_fetching(b));
        s->heard_at = net.now; /* as if one had come */
        offer_one(900, 77);
        net_run(&net, 9 * SG_NS_PER_S);
    }
    net_run(&net, 5 * SG_NS_PER_S);
    assert_false(sg_backfill_is_fetching(b));
    assert_true(sg_backfill_avoids(net.core[1], b, net_id(&net, 0)));
    net_fini(&net);
}

/* WANT after WANT, of one session and of many: what goes out keeps to the link's budget. */
static void a_flood_of_wants_is_served_at_its_pace(void **state)
{
    (void)state;
    static const uint8_t large[60000];
    struct sg_core_publish result;
    struct sg_msg_id id[20];
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(net_publish(&net, 1, &topic, sg_bytes(large, sizeof(large)), &result),
                         SG_OK);
        id[i] = result.id;
        net_run(&net, SG_NS_PER_S);
    }
    net_run(&net, 12 * SG_NS_PER_S);
    const uint64_t before = stats_of(1).backfill_bytes_out;
    for (uint32_t round = 0; round < 400; round++) {
        struct sg_session *s = round % 40 == 0 ? open_to(900 + round / 40) : NULL;
        static uint64_t ids[20];
        for (size_t i = 0; s != NULL && i < 20; i++)
            ids[i] = sg_siphash_id(&s->keys.id, id[i].b);
        const struct sg_rec_msg want = {.kind = SG_REC_WANT,
                                        .session = 900 + round / 40,
                                        .by_opener = true,
                                        .ids = &ids[round % 20],
                                        .id_count = 1};
        inject(0, 1, &want);
        net_run(&net, 5 * SG_NS_PER_MS);
    }
    /* two seconds: 1.3 MB each, and the burst */
    const uint64_t bytes = stats_of(1).backfill_bytes_out - before;
    assert_in_range(bytes, 500000, 2 * 1310720 + 320 * 1024);
    /* no more than the set that was compared */
    const uint64_t served = stats_of(1).backfill_served;
    (void)open_to(999);
    for (uint32_t round = 0; round < 60; round++) {
        struct sg_session *s = NULL;
        for (size_t i = 0; i < SG_SESSIONS_MAX; i++) {
            struct sg_session *at = sg_scope_find(net.core[1], &topic)->backfill->theirs[i];
            s = at != NULL && at->number == 999 ? at : s;
        }
        if (s == NULL)
            break;
        const uint64_t one = sg_siphash_id(&s->keys.id, id[round % 20].b);
        const struct sg_rec_msg want = {
            .kind = SG_REC_WANT, .session = 999, .by_opener = true, .ids = &one, .id_count = 1};
        inject(0, 1, &want);
        net_run(&net, 200 * SG_NS_PER_MS);
    }
    assert_in_range(stats_of(1).backfill_served - served, 10, 20);
    net_fini(&net);
}

/* What was let go for want of room is not taken again, however often a neighbour offers it. */
static void what_is_below_the_floor_is_no_news(void **state)
{
    (void)state;
    static const uint8_t large[60000];
    struct sg_core_publish result;
    struct sg_msg_id id;
    net_init(&net, 2, few_bytes);
    net_settle(&net, &topic);
    publish(0, "once", &id);
    net_run(&net, SG_NS_PER_S);
    struct sg_scope *scope = sg_scope_find(net.core[1], &topic);
    const struct sg_held *held = sg_history_get(scope, &id);
    assert_non_null(held);
    const struct sg_peer_id author = held->author;
    struct sg_buf *frames[] = {sg_buf_ref(held->key), sg_buf_ref(held->root),
                               sg_buf_ref(held->gossip)};
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(net_publish(&net, 0, &topic, sg_bytes(large, sizeof(large)), &result),
                         SG_OK);
        net_run(&net, SG_NS_PER_S);
    }
    /* its author has said much since, and the seen set has forgotten */
    const uint64_t far = (net.deliveries[0].message.sequence >> 32 << 32) + 3 * SG_WINDOW_BITS;
    assert_int_equal(
        sg_windows_accept(&scope->windows, sg_mem_default(), &author, far, sg_slot_of(NET_WALL_MS)),
        SG_OK);
    net_run(&net, 310 * SG_NS_PER_S);
    assert_false(sg_gossip_is_known(scope, &id));
    for (uint32_t i = 0; i < 3; i++) {
        struct sg_session *s = open_to(900 + i);
        offer_one(900 + i, sg_siphash_id(&s->keys.id, id.b));
        assert_true(sg_backfill_expects(scope, net_id(&net, 0), &id));
        for (size_t part = 0; part < 3; part++)
            net_inject(&net, 0, 1, SG_LANE_PUBSUB, sg_buf_bytes(frames[part]));
        const struct sg_rec_msg sent = {
            .kind = SG_REC_SENT, .session = 900 + i, .by_opener = true, .count = 1};
        inject(0, 1, &sent);
        net_run(&net, 12 * SG_NS_PER_S);
    }
    assert_int_equal(net_delivered(&net, 1, &id), 1);
    assert_int_equal(stats_of(1).refused_expired, 3);
    assert_int_equal(stats_of(1).charges, 0);
    for (size_t part = 0; part < 3; part++)
        sg_buf_unref(frames[part]);
    net_fini(&net);
}

static void sessions_are_rationed(void **state)
{
    (void)state;
    net_init(&net, 2, NULL);
    net_settle(&net, &topic);
    net_run(&net, 5 * SG_NS_PER_S);
    uint64_t before = stats_of(1).backfill_answered;
    for (uint32_t i = 0; i < 1000; i++) {
        struct sg_rec_msg msg = {
            .kind = SG_REC_OPEN, .session = 100 + i, .to = sg_slot_of(NET_WALL_MS) + 1};
        inject(0, 1, &msg);
    }
    assert_in_range(stats_of(1).backfill_answered - before, 1, 64);
    net_run(&net, 40 * SG_NS_PER_S); /* and none of them stays */
    const struct sg_backfill *b = sg_scope_find(net.core[1], &topic)->backfill;
    for (size_t i = 0; i < SG_SESSIONS_MAX; i++)
        assert_true(b->theirs[i] == NULL || b->theirs[i]->number < 100);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_tree_lost_is_found),
        cmocka_unit_test(a_late_joiner_gets_what_is_kept),
        cmocka_unit_test(both_parts_of_a_partition_agree),
        cmocka_unit_test(a_verdict_may_come_after_the_session),
        cmocka_unit_test(what_finds_no_job_is_asked_for_again),
        cmocka_unit_test(nonsense_costs_its_sender_the_session),
        cmocka_unit_test(words_alone_keep_no_fetch_open),
        cmocka_unit_test(another_neighbor_is_asked_when_one_stalls),
        cmocka_unit_test(a_session_has_an_end),
        cmocka_unit_test(a_flood_of_wants_is_served_at_its_pace),
        cmocka_unit_test(what_is_below_the_floor_is_no_news),
        cmocka_unit_test(sessions_are_rationed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
