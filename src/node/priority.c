/* Topics of other than normal priority. It is this node's own matter, so nothing of it travels. */
#include "node/internal.h"

#include <assert.h>

static struct sg_priority *find(const struct sg_core *core, const struct sg_topic_id *topic)
{
    for (uint32_t i = 0; i < core->priority_count; i++) {
        if (sg_topic_id_equal(&core->priorities[i].topic, topic))
            return &core->priorities[i];
    }
    return NULL;
}

enum sg_flow_class sg_scope_class(const struct sg_core *core, const struct sg_topic_id *topic)
{
    const struct sg_priority *entry = find(core, topic);
    return entry == NULL ? SG_FLOW_NORMAL : entry->klass;
}

enum sg_flow_class sg_core_topic_class(const struct sg_core *core, const struct sg_topic_id *topic)
{
    return sg_scope_class(core, topic);
}

static sg_err add(struct sg_core *core, const struct sg_topic_id *topic, enum sg_flow_class klass)
{
    if (core->priority_count == core->config.scopes_max)
        return SG_ERR_LIMIT;
    if (core->priority_count == core->priority_cap) {
        void *grown = sg_mem_grow(core->config.mem, core->priorities, &core->priority_cap,
                                  core->config.scopes_max, sizeof(*core->priorities));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        core->priorities = grown;
    }
    core->priorities[core->priority_count++] = (struct sg_priority){*topic, klass};
    return SG_OK;
}

sg_err sg_scope_prioritise(struct sg_core *core, const struct sg_topic_id *topic,
                           enum sg_flow_class klass)
{
    struct sg_scope *scope = sg_scope_find(core, topic);
    struct sg_priority *entry = find(core, topic);
    assert(klass >= SG_FLOW_CRITICAL && klass < SG_FLOW_CLASS_COUNT);
    if (entry == NULL && klass != SG_FLOW_NORMAL)
        SG_TRY(add(core, topic, klass));
    else if (entry != NULL && klass != SG_FLOW_NORMAL)
        entry->klass = klass;
    else if (entry != NULL)
        *entry = core->priorities[--core->priority_count];
    if (scope != NULL)
        scope->klass = klass;
    return SG_OK;
}
