/* Looking at topics from outside: nothing here changes anything. */
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
                                    .is_durable = scope->is_durable,
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
    if (scope != NULL)
        sg_pt_degrees(scope->pt, eager, lazy);
}

bool sg_core_is_eager(const struct sg_core *core, const struct sg_topic_id *topic,
                      const struct sg_peer_id *peer)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    return scope != NULL && sg_pt_is_eager(scope->pt, peer);
}

bool sg_core_kept(const struct sg_core *core, const struct sg_topic_id *topic,
                  const struct sg_msg_id *id, struct sg_core_message *message)
{
    const struct sg_scope *scope = sg_scope_find(core, topic);
    const struct sg_held *held = scope == NULL ? NULL : sg_history_get(scope, id);
    return held != NULL && !held->is_large && sg_core_open_past(held->gossip, message);
}
