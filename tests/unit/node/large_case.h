/* Nodes that publish large payloads, and a filter that counts and spoils chunks on their way. */
#ifndef SG_TESTS_LARGE_CASE_H
#define SG_TESTS_LARGE_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"
#include "wire/pt_msg.h"

#define KIB(n) ((size_t)(n) << 10)

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;
static uint8_t payload[SG_LARGE_MAX + 1];

/* What the filter counts and does. */
static struct {
    size_t chunks, chunks_of[NET_NODES_MAX], asks;
    struct sg_chunks of_source; /* chunks that node 0 has sent .. */
    size_t crash_at;            /* .. it crashes with so many of them; 0 = never */
    struct sg_msg_id id;        /* the whole that those who had it then .. */
    size_t had;                 /* .. are counted of */
    size_t drop_of;             /* node whose chunks do not arrive .. */
    size_t liar;                /* .. or are replaced by wrong ones; SIZE_MAX = nobody */
    struct sg_buf *chunk;       /* one of those */
} seen;

static inline bool decode(struct sg_bytes frame, struct sg_large_msg *msg)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    return sg_frame_head_decode(&r, &head) == SG_OK && head.family == SG_FAMILY_LARGE &&
           sg_large_msg_decode(&r, msg) == SG_OK;
}

static inline bool watch(struct net *n, const struct net_frame *frame)
{
    struct sg_large_msg msg;
    if (!decode(sg_buf_bytes(frame->buf), &msg))
        return true;
    seen.asks += msg.kind == SG_LARGE_ASK;
    if (msg.kind != SG_LARGE_CHUNK)
        return true;
    assert_int_equal(frame->lane, SG_LANE_BULK);
    seen.chunks++;
    seen.chunks_of[frame->from]++;
    if (seen.chunk == NULL)
        seen.chunk = sg_buf_ref(frame->buf);
    if (frame->from == 0)
        sg_chunks_add(&seen.of_source, msg.index);
    if (seen.crash_at > 0 && sg_chunks_count(&seen.of_source) == seen.crash_at && !n->is_down[0]) {
        for (size_t i = 1; i < n->count; i++)
            seen.had += net_delivered(n, i, &seen.id);
        net_crash(n, 0);
    }
    if (frame->from == seen.liar) {
        struct sg_buf *wrong = sg_buf_copy(sg_mem_default(), sg_buf_bytes(frame->buf));
        assert_non_null(wrong);
        wrong->data[wrong->len - 1] ^= 1;
        if (n->is_linked[frame->to][frame->from])
            net_inject(n, frame->from, frame->to, SG_LANE_BULK, sg_buf_bytes(wrong));
        sg_buf_unref(wrong);
        return false;
    }
    return frame->from != seen.drop_of;
}

/* Of node 2. */
static inline void small_memory(struct sg_core_config *config)
{
    if (config->seed == 1002)
        config->large_bytes_max = SG_LARGE_MAX;
}

static inline void quick_news(struct sg_core_config *config)
{
    config->large_have_ns = 2 * SG_NS_PER_MS;
}

static inline void setup_with(size_t count, void (*tune)(struct sg_core_config *))
{
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
    memset(&seen, 0, sizeof(seen));
    seen.drop_of = seen.liar = SIZE_MAX;
    net_init(&net, count, tune);
    net.filter = watch;
    net_settle(&net, &topic);
}

static inline void setup(size_t count)
{
    setup_with(count, NULL);
}

static inline void teardown(void)
{
    sg_buf_unref(seen.chunk);
    net_fini(&net);
}

static inline struct sg_msg_id publish(size_t node, size_t len)
{
    struct sg_core_publish result;
    assert_int_equal(net_publish(&net, node, &topic, sg_bytes(payload, len), &result), SG_OK);
    return result.id;
}

/* Whether a node was given the whole of it, once. */
static inline bool has_whole(size_t node, const struct sg_msg_id *id, size_t len)
{
    uint64_t sum = net_sum(sg_bytes(payload, len));
    bool found = false;
    for (size_t i = 0; i < net.delivery_count; i++) {
        const struct net_delivery *d = &net.deliveries[i];
        if (d->node != node || !sg_msg_id_equal(&d->id, id))
            continue;
        assert_int_equal(d->payload_len, len);
        assert_true(d->sum == sum);
        assert_false(found);
        found = true;
    }
    return found;
}

static inline struct sg_core_stats stats_of(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats;
}

#endif
