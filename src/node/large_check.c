/* Large payloads: what holds of the table of transfers after each input. */
#include "node/internal.h"

#include <assert.h>

static void check_sources(const struct sg_transfer *t)
{
    struct sg_chunks flying = {{0}};
    uint16_t rarity[SG_CHUNKS_MAX] = {0};
    for (uint8_t i = 0; i < t->source_count; i++) {
        const struct sg_source *source = &t->sources[i];
        assert(source->flight_count <= SG_LARGE_WINDOW);
        for (uint8_t k = 0; k < source->flight_count; k++) {
            uint16_t index = source->flights[k].index;
            assert(!sg_chunks_has(&flying, index) && !sg_chunks_has(&t->have, index));
            sg_chunks_add(&flying, index);
        }
        for (uint16_t k = 0; k < t->what.count; k++)
            rarity[k] = (uint16_t)(rarity[k] + (sg_chunks_has(&source->have, k) ? 1 : 0));
    }
    assert(memcmp(&flying, &t->flying, sizeof(flying)) == 0);
    assert(memcmp(rarity, t->rarity, sizeof(rarity)) == 0);
}

static void check_transfer(const struct sg_transfer *t)
{
    assert(sg_chunks_count(&t->have) == t->done && t->done <= t->what.count);
    assert((t->state == SG_TRANSFER_COMPLETE) == (t->done == t->what.count));
    assert((t->state == SG_TRANSFER_WAITING) == (t->chunks == NULL));
    for (uint16_t i = 0; t->chunks != NULL && i < t->what.count; i++)
        assert((t->chunks[i] != NULL) == sg_chunks_has(&t->have, i));
    check_sources(t);
}

/* All transfers' flights of a link. */
static uint32_t flights_of(const struct sg_core *core, const struct sg_peer_id *peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->large.count; i++) {
        const struct sg_source *source = sg_source_find(core->large.slots[i], peer);
        count += source == NULL ? 0 : source->flight_count;
    }
    return count;
}

void sg_large_check(const struct sg_core *core)
{
    const struct sg_larges *larges = &core->large;
    uint64_t bytes = 0;
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < larges->count; i++) {
        const struct sg_transfer *t = larges->slots[i];
        check_transfer(t);
        if (t->state == SG_TRANSFER_WAITING)
            waiting++;
        else
            bytes += t->what.size;
    }
    assert(bytes == larges->bytes && waiting == larges->waiting);
    uint64_t own = sg_room_own(core);
    uint64_t kept = own > sg_room_share(core) ? own : sg_room_share(core);
    assert(bytes - own + kept <= core->config.large_bytes_max);
    sg_queue_check(core);
    for (uint32_t i = 0; larges->count > 0 && i < core->link_count; i++)
        assert(flights_of(core, &core->links[i]->peer) == core->links[i]->fetching);
}
