/* What the tests of back-fill and of the history share: a topic whose trees can be cut off. */
#ifndef SG_TESTS_NODE_BACKFILL_CASE_H
#define SG_TESTS_NODE_BACKFILL_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/backfill.h"
#include "support/core_net.h"
#include "wire/reconcile_msg.h"

static struct net net;
static const struct sg_topic_id topic = {{7}};

static inline uint8_t kind_of(const struct net_frame *frame)
{
    struct sg_reader r = sg_frame_body(frame->buf);
    return r.at[-1];
}

static inline enum sg_family family_of(const struct net_frame *frame)
{
    return (enum sg_family)frame->buf->data[0];
}

/* The trees carry nothing: neither messages nor announcements. Back-fill's GOSSIP passes, since it
 * follows a WANT. */
static bool is_wanted;
static inline bool without_trees(struct net *n, const struct net_frame *frame)
{
    (void)n;
    if (family_of(frame) == SG_FAMILY_RECONCILE && kind_of(frame) == SG_REC_WANT)
        is_wanted = true;
    bool is_tree = family_of(frame) == SG_FAMILY_PLUMTREE &&
                   (kind_of(frame) == SG_PT_IHAVE || kind_of(frame) == SG_PT_GOSSIP);
    return !is_tree || is_wanted;
}

static inline void publish(size_t node, const char *text, struct sg_msg_id *id)
{
    struct sg_core_publish result;
    assert_int_equal(net_publish(&net, node, &topic, sg_bytes(text, strlen(text)), &result), SG_OK);
    *id = result.id;
}

static inline struct sg_core_stats stats_of(size_t node)
{
    struct sg_core_stats stats;
    sg_core_stats(net.core[node], &stats);
    return stats;
}

static inline void few_bytes(struct sg_core_config *config)
{
    config->retention_bytes_max = UINT64_C(1) << 20;
}

#endif
