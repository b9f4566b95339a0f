/* Large payloads: whom to ask for which chunk.
 *
 * The rarest chunk among those a neighbour has is asked of it first, ties at random, as in
 * BitTorrent (Cohen, 2003): chunks that few have get copied soonest, and neighbours that begin at
 * the same time ask the author for different ones. Neighbours that lack chunks themselves are asked
 * before those that have all, which spares the author. Each link has at most SG_LARGE_WINDOW chunks
 * under way; a chunk is under way once. What does not come in time is asked of somebody else, and
 * the slow neighbour gets a pause. */
#include "node/internal.h"

#include <assert.h>

/* Bounds of how long a chunk is waited for, and the value before the first one came. */
#define WAIT_MIN_NS (500 * SG_NS_PER_MS)
#define WAIT_MAX_NS (10 * SG_NS_PER_S)
#define WAIT_FIRST_NS (2 * SG_NS_PER_S)
#define LATE_MAX 255

/* ---- sources ---- */

struct sg_source *sg_source_find(const struct sg_transfer *t, const struct sg_peer_id *peer)
{
    for (uint8_t i = 0; i < t->source_count; i++) {
        if (sg_peer_id_equal(&t->sources[i].peer, peer))
            return &t->sources[i];
    }
    return NULL;
}

struct sg_source *sg_source_get(struct sg_transfer *t, const struct sg_peer_id *peer)
{
    struct sg_source *source = sg_source_find(t, peer);
    if (source != NULL)
        return source;
    if (t->source_count == SG_LARGE_SOURCES_MAX)
        return NULL;
    source = &t->sources[t->source_count++];
    *source = (struct sg_source){.peer = *peer};
    return source;
}

void sg_source_has(struct sg_transfer *t, struct sg_source *source, const struct sg_chunks *have)
{
    for (uint16_t i = 0; i < t->what.count; i++) {
        bool had = sg_chunks_has(&source->have, i);
        bool has = sg_chunks_has(have, i);
        t->rarity[i] = (uint16_t)(t->rarity[i] + (has ? 1 : 0) - (had ? 1 : 0));
    }
    source->have = *have;
    source->is_complete = sg_chunks_count(have) == t->what.count;
}

void sg_source_remove(struct sg_core *core, struct sg_transfer *t, struct sg_source *source)
{
    static const struct sg_chunks none = {{0}};
    sg_fetch_drop(core, t, source);
    sg_source_has(t, source, &none);
    *source = t->sources[--t->source_count];
}

/* ---- chunks under way ---- */

static void land(struct sg_core *core, struct sg_transfer *t, struct sg_source *source, uint8_t at)
{
    struct sg_link *link = sg_link_find(core, &source->peer);
    sg_chunks_remove(&t->flying, source->flights[at].index);
    source->flights[at] = source->flights[--source->flight_count];
    if (link != NULL && link->fetching > 0) /* else it is gone, or another one has come since */
        link->fetching--;
}

void sg_fetch_drop(struct sg_core *core, struct sg_transfer *t, struct sg_source *source)
{
    while (source->flight_count > 0) {
        land(core, t, source, 0);
        source->late = (uint8_t)(source->late + (source->late < LATE_MAX ? 1 : 0));
    }
}

/* Smoothed as a round-trip time (RFC 6298 s2). */
static void measure(struct sg_source *source, uint64_t ns)
{
    if (source->mean_ns == 0) {
        source->mean_ns = ns > 0 ? ns : 1;
        source->var_ns = ns / 2;
        return;
    }
    uint64_t off = ns > source->mean_ns ? ns - source->mean_ns : source->mean_ns - ns;
    source->var_ns = (3 * source->var_ns + off) / 4;
    source->mean_ns = (7 * source->mean_ns + ns) / 8;
}

static uint64_t wait_of(const struct sg_core *core, const struct sg_source *source)
{
    const struct sg_link *link = sg_link_find(core, &source->peer);
    uint64_t wait = source->mean_ns + 4 * source->var_ns;
    if (source->mean_ns == 0)
        wait = WAIT_FIRST_NS + (link == NULL ? 0 : 4 * link->srtt_ns);
    if (wait < WAIT_MIN_NS)
        wait = WAIT_MIN_NS;
    return wait < WAIT_MAX_NS ? wait : WAIT_MAX_NS;
}

bool sg_fetch_came(struct sg_core *core, struct sg_transfer *t, struct sg_source *source,
                   uint16_t index)
{
    for (uint8_t i = 0; i < source->flight_count; i++) {
        if (source->flights[i].index != index)
            continue;
        measure(source, sg_time_since(core->now, source->flights[i].asked_at));
        land(core, t, source, i);
        return true;
    }
    if (source->late == 0)
        return false;
    source->late--;
    return true;
}

/* Nobody waits for this chunk from the one who was asked for it any more: another brought it. */
static void land_elsewhere(struct sg_core *core, struct sg_transfer *t, uint16_t index)
{
    for (uint8_t i = 0; i < t->source_count; i++) {
        struct sg_source *source = &t->sources[i];
        for (uint8_t k = 0; k < source->flight_count; k++) {
            if (source->flights[k].index != index)
                continue;
            land(core, t, source, k);
            source->late = (uint8_t)(source->late + (source->late < LATE_MAX ? 1 : 0));
            return;
        }
    }
}

void sg_fetch_got(struct sg_core *core, struct sg_transfer *t, uint16_t index)
{
    if (sg_chunks_has(&t->flying, index))
        land_elsewhere(core, t, index);
}

static void expire(struct sg_core *core, struct sg_transfer *t, struct sg_source *source)
{
    bool is_slow = false;
    for (uint8_t i = source->flight_count; i-- > 0;) {
        if (core->now < source->flights[i].due)
            continue;
        sg_trace(&core->config.trace, SG_TRACE_CHUNK_LATE, source->peer.b, t->id.b,
                 source->flights[i].index);
        land(core, t, source, i);
        source->late = (uint8_t)(source->late + (source->late < LATE_MAX ? 1 : 0));
        core->stats.chunks_late++;
        is_slow = true;
    }
    if (!is_slow)
        return;
    source->mean_ns = 2 * (source->mean_ns == 0 ? WAIT_FIRST_NS : source->mean_ns);
    source->mean_ns = source->mean_ns < WAIT_MAX_NS ? source->mean_ns : WAIT_MAX_NS;
    source->pause_until = sg_time_add(core->now, wait_of(core, source));
}

void sg_fetch_timeout(struct sg_core *core, struct sg_transfer *t)
{
    for (uint8_t i = 0; i < t->source_count; i++) {
        expire(core, t, &t->sources[i]);
        if (core->now >= t->sources[i].pause_until)
            t->sources[i].pause_until = 0;
    }
}

static bool has_missing(const struct sg_transfer *t, const struct sg_source *source)
{
    for (size_t i = 0; i < sizeof(t->have.b); i++) {
        if ((source->have.b[i] & ~(t->have.b[i] | t->flying.b[i])) != 0)
            return true;
    }
    return false;
}

sg_time_ns sg_fetch_due(const struct sg_transfer *t)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (uint8_t i = 0; i < t->source_count; i++) {
        const struct sg_source *source = &t->sources[i];
        for (uint8_t k = 0; k < source->flight_count; k++)
            at = sg_time_min(at, source->flights[k].due);
        if (source->pause_until > 0 && has_missing(t, source))
            at = sg_time_min(at, source->pause_until);
    }
    return at;
}

/* ---- asking ---- */

/* A missing chunk of the lowest rarity that the source has and nobody was asked for; false when
 * there is none. */
static bool pick(struct sg_core *core, const struct sg_transfer *t, const struct sg_source *source,
                 uint16_t *index)
{
    uint16_t ties[SG_CHUNKS_MAX];
    uint16_t count = 0;
    uint16_t lowest = UINT16_MAX;
    for (uint16_t i = 0; i < t->what.count; i++) {
        bool is_wanted = sg_chunks_has(&source->have, i) && !sg_chunks_has(&t->have, i) &&
                         !sg_chunks_has(&t->flying, i);
        if (!is_wanted || t->rarity[i] > lowest)
            continue;
        count = t->rarity[i] < lowest ? 0 : count;
        lowest = t->rarity[i];
        ties[count++] = i;
    }
    if (count == 0)
        return false;
    uint64_t draw = sg_prng_below(&core->prng, count);
    *index = ties[draw];
    return true;
}

static void ask(struct sg_core *core, struct sg_transfer *t, struct sg_source *source)
{
    struct sg_link *link = sg_link_find(core, &source->peer);
    struct sg_large_msg msg = {
        .kind = SG_LARGE_ASK, .id = t->id, .len = (uint8_t)((t->what.count + 7) / 8)};
    uint64_t wait = wait_of(core, source);
    uint16_t index;
    uint32_t asked = 0;
    if (link == NULL || link->state != SG_LINK_UP || link->doomed != SG_CLOSE_NONE ||
        core->now < source->pause_until)
        return;
    while (link->fetching < SG_LARGE_WINDOW && has_missing(t, source) &&
           pick(core, t, source, &index)) {
        source->flights[source->flight_count++] = (struct sg_flight){
            .index = index, .asked_at = core->now, .due = sg_time_add(core->now, wait)};
        sg_chunks_add(&t->flying, index);
        sg_chunks_add(&msg.chunks, index);
        link->fetching++;
        asked++;
    }
    if (asked > 0)
        sg_large_send(core, &source->peer, &t->topic, &msg);
}

void sg_fetch_ask(struct sg_core *core, struct sg_transfer *t)
{
    if (t->state != SG_TRANSFER_FETCHING || t->source_count == 0)
        return;
    uint8_t start = (uint8_t)sg_prng_below(&core->prng, t->source_count);
    for (uint8_t turn = 0; turn < 2; turn++) {
        for (uint8_t i = 0; i < t->source_count; i++) {
            struct sg_source *source = &t->sources[(start + i) % t->source_count];
            if (source->is_complete == (turn == 1))
                ask(core, t, source);
        }
    }
}
