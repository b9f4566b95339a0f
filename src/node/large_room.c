/* Large payloads: whose room it is.
 *
 * All together have large_bytes_max. A quarter is kept for what this node publishes, so nobody who
 * announces payloads can take its voice: theirs never grow into it. While theirs wait for room, own
 * ones take no more than that quarter, so publishing does not starve fetching either; otherwise
 * both may use all the room there is. Complete ones that nobody uses give way, the oldest first. */
#include "node/internal.h"

/* A complete payload was used lately, so it does not give way. */
#define USED_NS SG_NS_PER_S

static bool is_own(const struct sg_core *core, const struct sg_transfer *t)
{
    return sg_peer_id_equal(&t->author, &core->config.self);
}

/* Less than a quarter when the room is so small that the largest payload of others needs it. */
uint64_t sg_room_share(const struct sg_core *core)
{
    uint64_t quarter = core->config.large_bytes_max / 4;
    uint64_t spare = core->config.large_bytes_max - SG_LARGE_MAX;
    return quarter < spare ? quarter : spare;
}

uint64_t sg_room_own(const struct sg_core *core)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < core->large.count; i++) {
        const struct sg_transfer *t = core->large.slots[i];
        if (t->state != SG_TRANSFER_WAITING && is_own(core, t))
            bytes += t->what.size;
    }
    return bytes;
}

/* The author's copy may be the last one when room is short everywhere: while a neighbour is known
 * to lack it, it stays. */
uint64_t sg_room_keep_ns(const struct sg_core *core, const struct sg_transfer *t)
{
    if (!is_own(core, t))
        return USED_NS;
    for (uint8_t i = 0; i < t->source_count; i++) {
        if (!t->sources[i].is_complete)
            return SG_LARGE_IDLE_NS;
    }
    return USED_NS;
}

static bool is_unused(const struct sg_core *core, const struct sg_transfer *t)
{
    return t->state == SG_TRANSFER_COMPLETE &&
           core->now >= sg_time_add(t->used_at, sg_room_keep_ns(core, t));
}

struct sg_transfer *sg_room_unused(const struct sg_core *core)
{
    for (uint32_t i = 0; i < core->large.count; i++) {
        if (is_unused(core, core->large.slots[i]))
            return core->large.slots[i];
    }
    return NULL;
}

bool sg_room_lacks(const struct sg_core *core, uint64_t size, bool for_own)
{
    uint64_t own = sg_room_own(core);
    uint64_t share = sg_room_share(core);
    if (for_own && core->large.waiting > 0)
        return own + size > share;
    uint64_t kept = !for_own && own < share ? share - own : 0;
    return core->large.bytes + size + kept > core->config.large_bytes_max;
}

struct sg_transfer *sg_room_gives_way(const struct sg_core *core, bool for_own)
{
    bool are_others_spared = for_own && core->large.waiting > 0;
    bool are_own_spared = !for_own && sg_room_own(core) <= sg_room_share(core);
    for (uint32_t i = 0; i < core->large.count; i++) {
        struct sg_transfer *t = core->large.slots[i];
        if (is_unused(core, t) && !(is_own(core, t) ? are_own_spared : are_others_spared))
            return t;
    }
    return NULL;
}
