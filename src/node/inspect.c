/* Looking at the core from outside: nothing here changes anything. */
#include "node/internal.h"

bool sg_core_topic(const struct sg_core *core, uint32_t i, struct sg_core_topic *topic)
{
    if (i + 1 >= core->scope_count)
        return false;
    const struct sg_scope *scope = core->scopes[i + 1];
    size_t eager = 0;
    size_t lazy = 0;
    sg_pt_degrees(scope->pt, &eager, &lazy);
    *topic = (struct sg_core_topic){.id = scope->topic,
                                    .subscriptions = scope->subscriptions,
                                    .is_durable = scope->durables > 0,
                                    .klass = scope->klass,
                                    .neighbors = scope->hpv.active_count,
                                    .eager = (uint32_t)eager,
                                    .lazy = (uint32_t)lazy,
                                    .candidates = scope->hpv.passive_count,
                                    .kept = sg_history_count(scope),
                                    .kept_bytes = sg_history_bytes(scope),
                                    .pt = sg_pt_stats(scope->pt)};
    return true;
}

void sg_core_degrees(const struct sg_core *core, const struct sg_topic_id *topic, size_t *eager,
                     size_t *lazy)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    *eager = 0;
    *lazy = 0;
    if (scope != NULL && !scope->is_base)
        sg_pt_degrees(scope->pt, eager, lazy);
}

bool sg_core_is_eager(const struct sg_core *core, const struct sg_topic_id *topic,
                      const struct sg_peer_id *peer)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    return scope != NULL && !scope->is_base && sg_pt_is_eager(scope->pt, peer);
}

bool sg_core_kept(const struct sg_core *core, const struct sg_topic_id *topic,
                  const struct sg_msg_id *id, struct sg_core_message *message)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    const struct sg_held *held = scope == NULL ? NULL : sg_history_get(scope, id);
    return held != NULL && !held->is_large && sg_core_open_past(held->gossip, message);
}

void sg_core_gauges(const struct sg_core *core, struct sg_core_gauges *gauges)
{
    *gauges = (struct sg_core_gauges){.topics = core->scope_count - 1,
                                      .base_active = core->scopes[0]->hpv.active_count,
                                      .base_passive = core->scopes[0]->hpv.passive_count,
                                      .members = sg_swim_count(core->swim),
                                      .transfers = core->large.count,
                                      .large_queued = core->large.queue.count,
                                      .large_bytes = sg_large_bytes(core),
                                      .health = sg_swim_health(core->swim)};
    for (uint32_t i = 0; i < core->link_count; i++)
        gauges->links += core->links[i]->state == SG_LINK_UP ? 1 : 0;
    for (uint32_t i = 1; i < core->scope_count; i++) {
        size_t eager = 0;
        size_t lazy = 0;
        sg_pt_degrees(core->scopes[i]->pt, &eager, &lazy);
        gauges->history += sg_history_count(core->scopes[i]);
        gauges->history_bytes += sg_history_bytes(core->scopes[i]);
        gauges->eager += (uint32_t)eager;
        gauges->lazy += (uint32_t)lazy;
    }
}

void sg_core_peer_use(const struct sg_core *core, const struct sg_peer_id *peer, bool *base_active,
                      uint16_t *topics)
{
    *base_active = sg_hpv_is_active(&core->scopes[0]->hpv, peer);
    *topics = 0;
    for (uint32_t i = 1; i < core->scope_count; i++) {
        if (sg_hpv_is_active(&core->scopes[i]->hpv, peer))
            (*topics)++;
    }
}

size_t sg_core_neighbors(const struct sg_core *core, const struct sg_topic_id *topic,
                         struct sg_peer_id *peers, size_t cap)
{
    static const struct sg_topic_id base = {{0}};
    const struct sg_scope *scope = sg_scope_find(core, topic == NULL ? &base : topic);
    if (scope == NULL)
        return 0;
    for (uint16_t i = 0; i < scope->hpv.active_count && i < cap; i++)
        peers[i] = scope->hpv.active[i].id;
    return scope->hpv.active_count;
}

size_t sg_core_sources(const struct sg_core *core, const struct sg_topic_id *topic,
                       struct sg_peer_id *peers, size_t cap)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    size_t count = 0;
    if (scope != NULL && scope->is_base)
        return 0;
    for (uint16_t i = 0; scope != NULL && i < scope->hpv.active_count; i++) {
        if (!sg_pt_is_source(scope->pt, &scope->hpv.active[i].id))
            continue;
        if (count < cap)
            peers[count] = scope->hpv.active[i].id;
        count++;
    }
    return count < cap ? count : cap;
}
