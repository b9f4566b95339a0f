/* Never isolated. A node that has lost its neighbours asks the names that its overlay knows. This
 * is what comes when they do not help, while they are still being asked: at 95 % failures an
 * overlay's 64 names are all dead for one survivor in 27 (0.95^64), and each dead name costs a
 * handshake's timeout to find out. So the other sources are not kept until the names are used up:
 * every step, from the first second alone on, goes to the seeds, which have their own back-off per
 * seed, and to the peer cache and the member table in turn. The overlay makes the steps, with
 * pauses that double, for ever. */
#include "node/internal.h"

/* Members named as candidates at a time. */
#define CANDIDATES_MAX 64

/* A sample of the members with an address that are not known to be dead; of all of them when there
 * is none: the fault may be ours. */
static size_t sample(struct sg_core *core, bool takes_dead, struct sg_peer_id *peers)
{
    size_t seen = 0;
    struct sg_swim_view view;
    for (uint32_t i = 0; sg_swim_at(core->swim, i, &view); i++) {
        struct sg_hints hints;
        if (view.state == SG_SWIM_IS_DEAD && !takes_dead)
            continue;
        if (sg_hpv_is_active(&core->scopes[0]->hpv, &view.peer))
            continue;
        sg_book_get(&core->book, &view.peer, &hints);
        if (hints.count == 0)
            continue;
        uint64_t at = sg_prng_below(&core->prng, ++seen); /* reservoir sampling */
        if (seen <= CANDIDATES_MAX)
            peers[seen - 1] = view.peer;
        else if (at < CANDIDATES_MAX)
            peers[at] = view.peer;
    }
    return seen < CANDIDATES_MAX ? seen : CANDIDATES_MAX;
}

static void offer_members(struct sg_core *core, bool may_take_dead)
{
    struct sg_peer_id peers[CANDIDATES_MAX];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CANDIDATES, .peers = peers};
    in.count = sample(core, false, peers);
    if (in.count == 0 && may_take_dead)
        in.count = sample(core, true, peers);
    if (in.count > 0)
        (void)sg_scope_hpv(core, core->scopes[0], &in);
}

void sg_ladder_isolated(struct sg_core *core)
{
    struct sg_core_out cache = {.kind = SG_CORE_OUT_NEED_CACHE};
    struct sg_core_out seeds = {.kind = SG_CORE_OUT_NEED_SEEDS};
    bool is_cache_due = core->ladder % 2 == 0;
    core->ladder++;
    sg_emit(core, &seeds);
    if (is_cache_due)
        sg_emit(core, &cache);
    else
        offer_members(core, true);
}

void sg_ladder_sparse(struct sg_core *core)
{
    offer_members(core, false);
}
