/* Bulk streams: whole, flow-controlled, and never in the way of the lanes. */
#include "unit/quic/raw_client.h"

#define TRANSFERS 4

/* What one receiver has got of each transfer; the first 4 bytes of a transfer are its number. */
struct receipt {
    sg_quic_stream_id stream[TRANSFERS];
    size_t got[TRANSFERS];
    bool fin[TRANSFERS];
    bool damaged;
    size_t streams;
    sg_time_ns frame_at; /* when a frame came last */
};

static uint8_t byte_at(uint32_t transfer, size_t at)
{
    return (uint8_t)(at < 4 ? transfer >> (8 * at) : (at * 7 + transfer) ^ (at >> 8));
}

static void receive(struct host *host, const struct sg_quic_event *event)
{
    struct receipt *r = host->user;
    size_t i = 0;
    if (event->type == SG_QUIC_FRAME)
        r->frame_at = host->net->now;
    if (event->type != SG_QUIC_BULK)
        return;
    while (i < r->streams && r->stream[i] != event->bulk.stream)
        i++;
    assert_true(i < TRANSFERS);
    if (i == r->streams)
        r->stream[r->streams++] = event->bulk.stream;
    assert_false(r->fin[i]);
    for (size_t k = 0; k < event->bulk.bytes.len; k++)
        r->damaged |= event->bulk.bytes.data[k] != byte_at((uint32_t)i, r->got[i] + k);
    r->got[i] += event->bulk.bytes.len;
    r->fin[i] = event->bulk.fin;
}

/* One transfer in the making. */
struct transfer {
    uint32_t number;
    sg_quic_stream_id stream;
    size_t at;
    size_t len;
    bool done;
};

/* Writes as much as the budget takes, then fin. */
static void feed(struct host *host, sg_quic_conn_id conn, struct transfer *t)
{
    while (t->at < t->len) {
        size_t n = t->len - t->at < 60000 ? t->len - t->at : 60000;
        struct sg_buf *chunk = sg_buf_new(sg_mem_default(), n);
        assert_non_null(chunk);
        for (size_t i = 0; i < n; i++)
            chunk->data[i] = byte_at(t->number, t->at + i);
        chunk->len = (uint32_t)n;
        sg_err err = sg_quic_bulk_write(host->ep, conn, t->stream, chunk);
        sg_buf_unref(chunk);
        if (err == SG_ERR_WOULD_BLOCK)
            return;
        assert_int_equal(err, SG_OK);
        t->at += n;
    }
    if (!t->done)
        assert_int_equal(sg_quic_bulk_fin(host->ep, conn, t->stream), SG_OK);
    t->done = true;
}

static void transfers_arrive_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct net net;
        struct receipt r = {0};
        struct transfer t[TRANSFERS];
        net_init(&net, 10 * MS, seed);
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        sg_quic_conn_id conn = net_connect(&net, a, b);
        net.loss = seed == 0 ? 0 : 20;
        net.jitter_ns = seed == 0 ? 0 : 3 * MS;
        b->user = &r;
        b->on_event = receive;
        for (uint32_t i = 0; i < TRANSFERS; i++) {
            t[i] = (struct transfer){.number = i, .len = 1000000 + 250000 * i};
            assert_int_equal(sg_quic_bulk_open(a->ep, conn, &t[i].stream), SG_OK);
            feed(a, conn, &t[i]);
            net_run(&net, 30 * MS); /* so that the streams are seen in this order */
        }
        for (int turn = 0; turn < 4000 && r.fin[0] + r.fin[1] + r.fin[2] + r.fin[3] < 4; turn++) {
            for (uint32_t i = 0; i < TRANSFERS; i++)
                feed(a, conn, &t[i]);
            net_run(&net, 10 * MS);
        }
        for (uint32_t i = 0; i < TRANSFERS; i++) {
            assert_int_equal(r.got[i], t[i].len);
            assert_true(r.fin[i]);
            assert_int_equal(sg_quic_bulk_fin(a->ep, conn, t[i].stream), SG_ERR_NOT_FOUND);
        }
        assert_false(r.damaged);
        net_run(&net, 1000 * MS);
        assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_BULK), 0);
        assert_int_equal(host_stats(b).receive_queued, 0);
        assert_int_equal(host_stats(b).bulk_bytes_in, host_stats(a).bulk_bytes_out);
        net_fini(&net);
    }
}

static void bulk_does_not_delay_the_lanes(void **state)
{
    (void)state;
    struct net net;
    struct receipt r = {0};
    net_init(&net, 10 * MS, 3);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct transfer t[2] = {{.number = 0, .len = 50000000}, {.number = 1, .len = 50000000}};
    b->user = &r;
    b->on_event = receive;
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &t[0].stream), SG_OK);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &t[1].stream), SG_OK);
    for (uint32_t turn = 0; turn < 40; turn++) {
        feed(a, conn, &t[0]);
        feed(a, conn, &t[1]);
        net_run(&net, 20 * MS);
        if (turn < 10)
            continue;
        /* the receiver is flooded and stops pulling bulk now and then: no matter */
        sg_time_ns start = net.now;
        enum sg_lane lane = turn % 2 == 0 ? SG_LANE_MSHIP : SG_LANE_PUBSUB;
        assert_int_equal(host_write(a, conn, lane, turn, 1000), SG_OK);
        net_run(&net, 30 * MS);
        assert_in_range(r.frame_at, start + 10 * MS, start + 22 * MS);
    }
    assert_true(r.got[0] > 1000000 && r.got[1] > 1000000);
    net_fini(&net);
}

/* The receiving application sleeps: bulk stops at its window, the lanes go on. */
static void unread_bulk_does_not_block_the_lanes(void **state)
{
    (void)state;
    struct net net;
    struct sg_quic_event event;
    net_init(&net, 5 * MS, 4);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct transfer t[3] = {{.len = 3000000}, {.len = 3000000}, {.len = 3000000}};
    b->deaf = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sg_quic_bulk_open(a->ep, conn, &t[i].stream), SG_OK);
        feed(a, conn, &t[i]);
    }
    net_run(&net, 3000 * MS);
    assert_in_range(host_stats(b).receive_queued, 250 * 1024, 256 * 1024);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(host_write(a, conn, SG_LANE_MSHIP, i, 5000), SG_OK);
        assert_int_equal(host_write(a, conn, SG_LANE_PUBSUB, i, 10000), SG_OK);
    }
    net_run(&net, 1000 * MS);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_MSHIP), 0);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_PUBSUB), 0);
    /* and frames are pulled before bulk */
    unsigned frames = 0;
    while (frames < 16 && sg_quic_next_event(b->ep, &event))
        frames += event.type == SG_QUIC_FRAME;
    assert_int_equal(frames, 16);
    net_fini(&net);
}

static void windows_grow_for_a_fast_reader(void **state)
{
    (void)state;
    struct net net;
    struct receipt r = {0};
    net_init(&net, 25 * MS, 5);
    struct sg_quic_config config = net_config();
    config.limits.send_budget[SG_LANE_BULK] = 32 * 1024 * 1024;
    struct host *a = net_add_endpoint(&net, &config);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct transfer t = {.len = 20000000};
    b->user = &r;
    b->on_event = receive;
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &t.stream), SG_OK);
    sg_time_ns start = net.now;
    while (!r.fin[0] && net.now < start + 10000 * MS) {
        feed(a, conn, &t);
        net_run(&net, 5 * MS);
    }
    assert_true(r.fin[0]);
    assert_false(r.damaged);
    /* 256 KiB per round trip of 50 ms would take 4 s */
    assert_true(net.now - start < 1500 * MS);
    net_fini(&net);
}

static void streams_are_limited_and_come_back(void **state)
{
    (void)state;
    struct net net;
    sg_quic_stream_id streams[32];
    size_t count = 0;
    net_init(&net, 5 * MS, 6);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn + 1, &streams[0]), SG_ERR_NOT_FOUND);
    while (sg_quic_bulk_open(a->ep, conn, &streams[count]) == SG_OK)
        count++;
    assert_int_equal(count, 14); /* 16 and the two lanes */
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &streams[count]), SG_ERR_WOULD_BLOCK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sg_quic_bulk_fin(a->ep, conn, streams[i]), SG_OK); /* all are empty */
    net_run(&net, 200 * MS);
    assert_int_equal(host_count(b, SG_QUIC_BULK), 14);
    assert_true(host_last(b, SG_QUIC_BULK)->event.bulk.fin);
    assert_int_equal(host_count(a, SG_QUIC_WRITABLE), 1);
    assert_int_equal(host_last(a, SG_QUIC_WRITABLE)->event.writable.lane, SG_LANE_BULK);
    for (int i = 0; i < 100; i++) { /* and again and again */
        assert_int_equal(sg_quic_bulk_open(a->ep, conn, &streams[0]), SG_OK);
        assert_int_equal(sg_quic_bulk_fin(a->ep, conn, streams[0]), SG_OK);
        net_run(&net, 30 * MS);
    }
    assert_int_equal(host_count(b, SG_QUIC_BULK), 114);
    net_fini(&net);
}

static void the_budget_blocks(void **state)
{
    (void)state;
    struct net net;
    sg_quic_stream_id stream;
    net_init(&net, 5 * MS, 7);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct sg_buf *chunk = numbered_frame(1, 1024 * 1024);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &stream), SG_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sg_quic_bulk_write(a->ep, conn, stream, chunk), SG_OK);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, stream, chunk), SG_ERR_WOULD_BLOCK);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, stream + 4, chunk), SG_ERR_NOT_FOUND);
    assert_int_equal(chunk->refs, 4);
    net_run(&net, 2000 * MS);
    assert_int_equal(host_count(a, SG_QUIC_WRITABLE), 1);
    assert_int_equal(chunk->refs, 1);
    sg_buf_unref(chunk);
    net_fini(&net);
}

static void either_end_can_abandon_a_stream(void **state)
{
    (void)state;
    struct net net;
    sg_quic_stream_id one, two;
    net_init(&net, 5 * MS, 8);
    struct host *a = net_add_endpoint(&net, NULL);
    struct host *b = net_add_endpoint(&net, NULL);
    sg_quic_conn_id conn = net_connect(&net, a, b);
    struct sg_buf *chunk = numbered_frame(1, 1000000);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &one), SG_OK);
    assert_int_equal(sg_quic_bulk_open(a->ep, conn, &two), SG_OK);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, one, chunk), SG_OK);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, two, chunk), SG_OK);
    net_run(&net, 20 * MS);
    assert_true(host_count(b, SG_QUIC_BULK) > 0);
    assert_int_equal(sg_quic_bulk_reset(a->ep, conn, one, 55), SG_OK);
    assert_int_equal(sg_quic_bulk_reset(b->ep, host_conn(b), two, 66), SG_OK);
    assert_int_equal(sg_quic_bulk_reset(b->ep, host_conn(b), two, 66), SG_ERR_NOT_FOUND);
    net_run(&net, 300 * MS);
    const struct logged *reset = host_last(b, SG_QUIC_BULK_RESET);
    const struct logged *stopped = host_last(a, SG_QUIC_BULK_STOPPED);
    assert_non_null(reset);
    assert_non_null(stopped);
    assert_int_equal(reset->event.bulk.stream, one);
    assert_int_equal(reset->event.bulk.code, 55);
    assert_int_equal(stopped->event.bulk.stream, two);
    assert_int_equal(stopped->event.bulk.code, 66);
    assert_int_equal(sg_quic_bulk_write(a->ep, conn, two, chunk), SG_ERR_NOT_FOUND);
    assert_int_equal(chunk->refs, 1);
    assert_int_equal(sg_quic_lane_queued(a->ep, conn, SG_LANE_BULK), 0);
    assert_int_equal(host_stats(b).receive_queued, 0);
    /* nothing is left behind: all 14 streams can be opened again */
    for (int i = 0; i < 14; i++)
        assert_int_equal(sg_quic_bulk_open(a->ep, conn, &one), SG_OK);
    net_run(&net, 100 * MS);
    assert_int_equal(host_count(a, SG_QUIC_CLOSED), 0);
    sg_buf_unref(chunk);
    net_fini(&net);
}

/* Reset and stop at every moment, with data in all states: for the sanitizers. */
static void abandoning_at_any_time_is_safe(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct net net;
        net_init(&net, 5 * MS, seed);
        struct host *a = net_add_endpoint(&net, NULL);
        struct host *b = net_add_endpoint(&net, NULL);
        sg_quic_conn_id conn = net_connect(&net, a, b);
        struct sg_buf *chunk = numbered_frame(1, 30000);
        net.loss = 50;
        for (int i = 0; i < 60; i++) {
            sg_quic_stream_id stream;
            if (sg_quic_bulk_open(a->ep, conn, &stream) == SG_OK) {
                (void)!sg_quic_bulk_write(a->ep, conn, stream, chunk);
                if (i % 3 == 0)
                    (void)!sg_quic_bulk_fin(a->ep, conn, stream);
            }
            net_run(&net, sg_prng_below(&net.prng, 12) * MS);
            stream = 2 + 4 * sg_prng_below(&net.prng, 70);
            (void)!sg_quic_bulk_reset(a->ep, conn, stream, 1);
            stream = 2 + 4 * sg_prng_below(&net.prng, 70);
            (void)!sg_quic_bulk_reset(b->ep, host_conn(b), stream, 2);
        }
        for (sg_quic_stream_id stream = 2; stream < 400; stream += 4)
            (void)!sg_quic_bulk_reset(a->ep, conn, stream, 1);
        net_run(&net, 3000 * MS);
        assert_int_equal(host_count(a, SG_QUIC_CLOSED), 0);
        assert_int_equal(chunk->refs, 1);
        assert_int_equal(host_stats(b).receive_queued, 0);
        sg_buf_unref(chunk);
        net_fini(&net);
    }
}

/* Streams that are reset before they said what they are give their place back. */
static void mute_streams_cost_nothing(void **state)
{
    (void)state;
    struct net net;
    struct raw_client client;
    struct raw_options options = {.key = RAW_KEY_RPK};
    net_init(&net, 10 * MS, 9);
    struct host *b = net_add_endpoint(&net, NULL);
    raw_add(&net, &client, b, &options, sg_identity_evp(b->identity));
    net_run(&net, 300 * MS);
    assert_int_equal(ngtcp2_conn_get_streams_uni_left2(client.nc), 16);
    for (int i = 0; i < 40; i++) {
        int64_t stream;
        assert_int_equal(ngtcp2_conn_open_uni_stream(client.nc, &stream, NULL), 0);
        assert_int_equal(ngtcp2_conn_shutdown_stream_write(client.nc, 0, stream, 1), 0);
        net_run(&net, 100 * MS);
    }
    assert_false(client.failed);
    assert_int_equal(host_count(b, SG_QUIC_BULK), 0);
    raw_free(&client);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfers_arrive_whole),
        cmocka_unit_test(bulk_does_not_delay_the_lanes),
        cmocka_unit_test(unread_bulk_does_not_block_the_lanes),
        cmocka_unit_test(windows_grow_for_a_fast_reader),
        cmocka_unit_test(streams_are_limited_and_come_back),
        cmocka_unit_test(the_budget_blocks),
        cmocka_unit_test(either_end_can_abandon_a_stream),
        cmocka_unit_test(abandoning_at_any_time_is_safe),
        cmocka_unit_test(mute_streams_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
