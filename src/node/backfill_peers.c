/* Whom back-fill asks, and whom not.
 *
 * A topic fetches from one peer at a time, so one that shows what it then does not bring holds all
 * others up. Who has done so is left alone for a while: it is not asked while there is somebody
 * else, and what it offers is not fetched. It is still answered, for it may only be slow. */
#include "node/backfill.h"

#define AVOID_NS (300 * SG_NS_PER_S)

bool sg_backfill_avoids(const struct sg_core *core, const struct sg_backfill *b,
                        const struct sg_peer_id *peer)
{
    for (size_t i = 0; i < SG_AVOIDED_MAX; i++) {
        if (b->avoided[i].until > core->now && sg_peer_id_equal(&b->avoided[i].peer, peer))
            return true;
    }
    return false;
}

void sg_backfill_avoid(const struct sg_core *core, struct sg_backfill *b,
                       const struct sg_peer_id *peer)
{
    if (sg_backfill_avoids(core, b, peer))
        return;
    b->avoided[b->avoided_next] =
        (struct sg_avoided){.peer = *peer, .until = sg_time_add(core->now, AVOID_NS)};
    b->avoided_next = (uint8_t)((b->avoided_next + 1) % SG_AVOIDED_MAX);
}

/* A random neighbour, if possible not the last one again, and none that is avoided while there are
 * others. */
static const struct sg_peer_id *choose_any(struct sg_core *core, const struct sg_scope *scope)
{
    const struct sg_backfill *b = scope->backfill;
    const struct sg_hpv *hpv = &scope->hpv;
    uint16_t pick = (uint16_t)sg_prng_below(&core->prng, hpv->active_count);
    if (sg_peer_id_equal(&hpv->active[pick].id, &b->last))
        pick = (uint16_t)((pick + 1) % hpv->active_count);
    for (uint16_t i = 0; i < hpv->active_count; i++) {
        const struct sg_peer_id *peer = &hpv->active[(pick + i) % hpv->active_count].id;
        if (!sg_backfill_avoids(core, b, peer))
            return peer;
    }
    return &hpv->active[pick].id;
}

/* The newcomer, else the next to be told of news, else any. */
struct sg_link *sg_backfill_choose(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_backfill *b = scope->backfill;
    const struct sg_hpv *hpv = &scope->hpv;
    bool has_news = b->has_news;
    b->has_news = false;
    if (has_news && sg_hpv_is_active(hpv, &b->news) && !sg_backfill_avoids(core, b, &b->news))
        return sg_link_find(core, &b->news);
    if (hpv->active_count == 0)
        return NULL;
    while (b->tell_left > 0) {
        const struct sg_peer_id *peer = &hpv->active[--b->tell_left % hpv->active_count].id;
        if (!sg_backfill_avoids(core, b, peer))
            return sg_link_find(core, peer);
    }
    return sg_link_find(core, choose_any(core, scope));
}
