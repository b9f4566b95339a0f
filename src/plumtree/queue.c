#include "plumtree/state.h"

void sg_pt_queue_init(struct sg_pt_queue *queue)
{
    *queue = (struct sg_pt_queue){SG_PT_NONE, SG_PT_NONE, 0};
}

/* Chains newer behind older; either may be SG_PT_NONE, the end of the queue. */
static void chain(struct sg_pt_missing *entries, struct sg_pt_queue *queue, uint32_t older,
                  uint32_t newer)
{
    if (older == SG_PT_NONE)
        queue->oldest = newer;
    else
        entries[older].newer = newer;
    if (newer == SG_PT_NONE)
        queue->newest = older;
    else
        entries[newer].older = older;
}

void sg_pt_queue_append(struct sg_pt_missing *entries, struct sg_pt_queue *queue, uint32_t at)
{
    chain(entries, queue, queue->newest, at);
    chain(entries, queue, at, SG_PT_NONE);
    queue->count++;
}

void sg_pt_queue_remove(struct sg_pt_missing *entries, struct sg_pt_queue *queue, uint32_t at)
{
    chain(entries, queue, entries[at].older, entries[at].newer);
    queue->count--;
}

void sg_pt_queue_splice(struct sg_pt_missing *entries, struct sg_pt_queue *to,
                        const struct sg_pt_queue *from)
{
    if (from->count == 0)
        return;
    chain(entries, to, to->newest, from->oldest);
    to->newest = from->newest;
    to->count += from->count;
}
