/* The disk of a node, as far as peers go: the ids that sg_core_cache holds worth keeping, written
 * once a minute, read when the core asks (NEED_CACHE). It outlives a crash; a node whose disk is
 * lost is another one (scenario_faults.c). */
#include "internal.h"

void sg_sim_disk_save(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    struct sg_peer_id peers[SG_SIM_DISK_MAX];
    struct sg_hints hints[SG_SIM_DISK_MAX];
    if (node->core == NULL || node->is_leaving ||
        (node->faults.is_frozen && sg_sim_is_mute(sim, at)))
        return;
    if (node->disk == NULL)
        node->disk = sg_mem_new(sim->mem, 1, sizeof(*node->disk));
    if (node->disk == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    size_t count = sg_core_cache(node->core, peers, hints, SG_SIM_DISK_MAX);
    count = count < SG_SIM_DISK_MAX ? count : SG_SIM_DISK_MAX;
    if (count == 0)
        return; /* what was known before is better than nothing */
    node->disk->count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t peer = sg_sim_node_of(sim, &peers[i]);
        if (peer != SG_MAP_NONE)
            node->disk->node[node->disk->count++] = peer;
    }
}

void sg_sim_disk_feed(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    for (uint32_t i = 0; node->disk != NULL && i < node->disk->count; i++) {
        uint32_t peer = node->disk->node[i];
        struct sg_core_in in = {.kind = SG_CORE_IN_CANDIDATE, .peer = sim->nodes[peer].id};
        sg_sim_hints(sim, peer, &in.hints);
        if (node->core == NULL)
            return;
        (void)sg_sim_feed(sim, at, &in);
    }
}
