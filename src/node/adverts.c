/* Adverts: who says to be a subscriber of a topic, so that a newcomer finds one without a search.
 *
 * A subscriber tells its base neighbours that it has a topic, a second after it came and then every
 * advert_interval_ns; each node tells what is news to it on, once a second and as many at a time as
 * its neighbours take of it, to its other base neighbours. So a claim is everywhere after about as
 * many seconds as the network has hops, and an interval later whoever subscribes finds the topic
 * in its own cache, or in that of the first neighbours its TOPIC_FIND comes to.
 *
 * A claim is hearsay, as the entries of a SHUFFLE are: it carries no signature, which would be
 * 5 KB for 50 bytes, and is believed by nobody. The peer proves itself at the dial, and that it has
 * the topic by its answer to JOIN. It names the topic by a hash, so that only who knows the topic
 * learns who has it. What somebody can do who makes claims up:
 *
 * - Traffic: a node tells each neighbour RATE claims a second, and takes as many of a link. News
 *   that is above it waits, own topics first, then the oldest.
 * - Memory: CLAIMS_MAX; when full, the oldest one goes of a link drawn by its share of them.
 * - Blocking a topic: it has TOPIC_MAX places, at most LINK_MAX by one link, but for a neighbour's
 *   claim about itself; those older than half an interval are given to whoever comes. Whoever got
 *   all of them made newcomers dial in vain, a few times: a peer that cannot be reached or has not
 *   the topic loses its claims, and the walk goes on all the same. That many places also bound what
 *   a topic with many subscribers costs: most of their claims end at the first node. */
#include "node/internal.h"

#include <assert.h>

#define CLAIMS_MAX 1024
#define TOPIC_MAX 4
#define LINK_MAX 2
/* Claims of a link: a second, and at once. Who tells has half the burst, since its clock and that
 * of the receiver do not begin together: what is told is taken. */
#define RATE 4
#define BURST 64
#define TELL_MAX (BURST / 2)
#define TELL_NS SG_NS_PER_S
#define FIRST_NS SG_NS_PER_S

struct sg_claim {
    uint8_t tag[SG_TOPIC_TAG_LEN];
    struct sg_peer_id peer;
    uint64_t via; /* first 8 bytes of who told */
    sg_time_ns at;
    bool is_news; /* not told on yet */
};

/* What is told at once, in frames. */
struct told {
    uint8_t count;
    struct sg_claim claim[TELL_MAX];
};

static void name_topic(const struct sg_core *core, const struct sg_topic_id *topic,
                       uint8_t tag[SG_TOPIC_TAG_LEN])
{
    uint8_t hash[SG_HASH_LEN];
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa topic advert v1"),
                                     sg_bytes(topic->b, SG_ID_LEN)};
    core->config.suite->hash(parts, 2, hash);
    memcpy(tag, hash, SG_TOPIC_TAG_LEN);
}

void sg_adverts_init(struct sg_core *core)
{
    core->adverts.tell_at = SG_TIME_NEVER;
    sg_bucket_init(&core->adverts.told, core->now, TELL_MAX);
}

void sg_adverts_link(const struct sg_core *core, struct sg_link *link)
{
    sg_bucket_init(&link->adverts, core->now, BURST);
}

void sg_adverts_fini(struct sg_core *core)
{
    sg_mem_free(core->config.mem, core->adverts.claims);
}

static bool has_tag(const struct sg_claim *claim, const uint8_t *tag)
{
    return memcmp(claim->tag, tag, SG_TOPIC_TAG_LEN) == 0;
}

/* So old that its place is for whoever comes. */
static bool is_stale(const struct sg_core *core, const struct sg_claim *claim)
{
    return sg_time_since(core->now, claim->at) >= core->config.advert_interval_ns / 2;
}

/* Its subscriber should have said so twice since. */
static bool is_over(const struct sg_core *core, const struct sg_claim *claim)
{
    return sg_time_since(core->now, claim->at) >= 5 * (core->config.advert_interval_ns / 2);
}

static void drop(struct sg_adverts *adverts, uint32_t at)
{
    adverts->count--;
    adverts->claims[at] = adverts->claims[adverts->count];
}

static void trim(struct sg_core *core)
{
    struct sg_adverts *adverts = &core->adverts;
    for (uint32_t i = adverts->count; i-- > 0;) {
        if (is_over(core, &adverts->claims[i]))
            drop(adverts, i);
    }
}

static void tell_soon(struct sg_core *core)
{
    if (core->adverts.tell_at == SG_TIME_NEVER)
        core->adverts.tell_at = sg_time_add(core->now, TELL_NS);
}

/* ---- the cache ---- */

/* The oldest one of a link that is drawn by a claim of it: most often of the link that brought the
 * most. */
static void make_room(struct sg_core *core)
{
    struct sg_adverts *adverts = &core->adverts;
    uint32_t oldest = (uint32_t)sg_prng_below(&core->prng, adverts->count);
    for (uint32_t i = 0; i < adverts->count; i++) {
        const struct sg_claim *claim = &adverts->claims[i];
        if (claim->via == adverts->claims[oldest].via && claim->at < adverts->claims[oldest].at)
            oldest = i;
    }
    drop(adverts, oldest);
    core->stats.adverts_refused++;
}

static struct sg_claim *append(struct sg_core *core)
{
    struct sg_adverts *adverts = &core->adverts;
    trim(core);
    if (adverts->count == CLAIMS_MAX)
        make_room(core);
    if (adverts->count == adverts->cap) {
        void *claims = sg_mem_grow(core->config.mem, adverts->claims, &adverts->cap, CLAIMS_MAX,
                                   sizeof(*adverts->claims));
        if (claims == NULL)
            return NULL;
        adverts->claims = claims;
    }
    return &adverts->claims[adverts->count++];
}

/* A place for a peer's claim of a topic; NULL when it is no news, or there is none. */
static struct sg_claim *place_for(struct sg_core *core, const struct sg_claim *claim,
                                  bool is_first_hand)
{
    struct sg_adverts *adverts = &core->adverts;
    struct sg_claim *oldest = NULL;
    uint32_t count = 0;
    uint32_t by_link = 0;
    for (uint32_t i = 0; i < adverts->count; i++) {
        struct sg_claim *other = &adverts->claims[i];
        if (!has_tag(other, claim->tag) || is_over(core, other))
            continue;
        if (sg_peer_id_equal(&other->peer, &claim->peer))
            return is_stale(core, other) ? other : NULL;
        count++;
        by_link += other->via == claim->via ? 1 : 0;
        if (oldest == NULL || other->at < oldest->at)
            oldest = other;
    }
    if (by_link >= LINK_MAX && !is_first_hand)
        return NULL;
    if (count < TOPIC_MAX)
        return append(core);
    return is_stale(core, oldest) ? oldest : NULL;
}

/* True: it was news. */
static bool take(struct sg_core *core, const struct sg_claim *claim, bool is_first_hand)
{
    struct sg_claim *place = place_for(core, claim, is_first_hand);
    if (place == NULL)
        return false;
    *place = *claim;
    tell_soon(core);
    return true;
}

static struct sg_scope *subscribed(const struct sg_core *core, const uint8_t tag[SG_TOPIC_TAG_LEN])
{
    for (uint32_t i = 1; i < core->scope_count; i++) {
        struct sg_scope *scope = core->scopes[i];
        if (scope->subscriptions > 0 && memcmp(scope->tag, tag, SG_TOPIC_TAG_LEN) == 0)
            return scope;
    }
    return NULL;
}

/* Hearsay is for topics that are short of neighbours: unasked, somebody could fill the passive view
 * of one that has enough. What is passed over stays in the cache, for those who walk by. */
static bool may_meet(const struct sg_core *core, const struct sg_scope *scope,
                     const struct sg_peer_id *peer)
{
    return sg_scope_is_short(scope) || sg_core_is_contact(core, peer);
}

void sg_adverts_receive(struct sg_core *core, struct sg_link *link, const struct sg_topic_msg *msg)
{
    for (uint8_t i = 0; i < msg->count; i++) {
        struct sg_claim claim = {
            .peer = msg->id[i], .via = sg_tag_of(link->peer.b), .at = core->now, .is_news = true};
        bool is_first_hand = sg_peer_id_equal(&claim.peer, &link->peer);
        if (core->config.advert_interval_ns == 0 ||
            !sg_bucket_take(&link->adverts, core->now, RATE, BURST)) {
            core->stats.adverts_refused++;
            continue;
        }
        memcpy(claim.tag, msg->tag[i], SG_TOPIC_TAG_LEN);
        if (sg_peer_id_equal(&claim.peer, &core->config.self) || !take(core, &claim, is_first_hand))
            continue;
        core->stats.adverts_received++;
        if (!is_first_hand)
            sg_book_learn(&core->book, &claim.peer, &msg->hints[i], false);
        struct sg_scope *scope = subscribed(core, claim.tag);
        if (scope != NULL && may_meet(core, scope, &claim.peer))
            sg_scope_meet(core, scope, &claim.peer, false);
    }
}

/* ---- telling ---- */

/* Own topics first, then what has waited for the longest. */
static void gather(struct sg_core *core, struct told *told)
{
    struct sg_adverts *adverts = &core->adverts;
    uint64_t level = sg_bucket_level(&adverts->told, core->now, RATE, TELL_MAX);
    uint8_t max = (uint8_t)(level / 1000);
    for (uint32_t i = 1; i < core->scope_count && told->count < max; i++) {
        struct sg_scope *scope = core->scopes[i];
        if (scope->subscriptions == 0 || core->now < scope->advert_at)
            continue;
        uint64_t pause = sg_prng_jitter(&core->prng, core->config.advert_interval_ns, 20);
        scope->advert_at = sg_time_add(core->now, pause);
        struct sg_claim *claim = &told->claim[told->count++];
        *claim = (struct sg_claim){.peer = core->config.self};
        memcpy(claim->tag, scope->tag, SG_TOPIC_TAG_LEN);
    }
    while (told->count < max) {
        struct sg_claim *oldest = NULL;
        for (uint32_t i = 0; i < adverts->count; i++) {
            struct sg_claim *claim = &adverts->claims[i];
            if (claim->is_news && (oldest == NULL || claim->at < oldest->at))
                oldest = claim;
        }
        if (oldest == NULL)
            return;
        oldest->is_news = false;
        told->claim[told->count++] = *oldest;
    }
}

static bool has_news(const struct sg_core *core)
{
    for (uint32_t i = 0; i < core->adverts.count; i++) {
        if (core->adverts.claims[i].is_news)
            return true;
    }
    return false;
}

static void tell(struct sg_core *core, const struct sg_peer_id *peer, const struct told *told)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_ADVERTS};
    for (uint8_t i = 0; i < told->count; i++) {
        const struct sg_claim *claim = &told->claim[i];
        if (claim->via == sg_tag_of(peer->b) || sg_peer_id_equal(&claim->peer, peer))
            continue;
        memcpy(msg.tag[msg.count], claim->tag, SG_TOPIC_TAG_LEN);
        msg.id[msg.count] = claim->peer;
        msg.hints[msg.count] = (struct sg_hints){0}; /* of this node the link tells */
        if (!sg_peer_id_equal(&claim->peer, &core->config.self))
            sg_book_get(&core->book, &claim->peer, &msg.hints[msg.count]);
        core->stats.adverts_sent++;
        if (++msg.count < SG_TOPIC_FOUND_MAX)
            continue;
        sg_topic_msg_send(core, peer, &msg);
        msg.count = 0;
    }
    if (msg.count > 0)
        sg_topic_msg_send(core, peer, &msg);
}

void sg_adverts_timeout(struct sg_core *core)
{
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    struct told told = {0};
    if (core->now < core->adverts.tell_at)
        return;
    core->adverts.tell_at = SG_TIME_NEVER;
    if (base->active_count == 0) { /* nobody to tell: nothing is lost */
        tell_soon(core);
        return;
    }
    gather(core, &told);
    core->adverts.told.milli -= 1000 * (uint64_t)told.count;
    for (uint16_t i = 0; i < base->active_count && told.count > 0; i++)
        tell(core, &base->active[i].id, &told);
    if (has_news(core))
        tell_soon(core);
}

void sg_adverts_scope_timeout(struct sg_core *core, const struct sg_scope *scope)
{
    if (core->now >= scope->advert_at && scope->subscriptions > 0)
        tell_soon(core);
}

sg_time_ns sg_adverts_deadline(const struct sg_core *core, const struct sg_scope *scope)
{
    bool is_asked = scope->subscriptions > 0 && core->adverts.tell_at == SG_TIME_NEVER;
    return is_asked ? scope->advert_at : SG_TIME_NEVER;
}

/* ---- asking ---- */

void sg_adverts_open(struct sg_core *core, struct sg_scope *scope)
{
    scope->advert_at = SG_TIME_NEVER;
    if (scope->is_base || core->config.advert_interval_ns == 0)
        return;
    name_topic(core, &scope->topic, scope->tag);
    uint64_t pause = sg_prng_jitter(&core->prng, FIRST_NS, 20);
    scope->advert_at = sg_time_add(core->now, pause);
}

uint8_t sg_adverts_find(const struct sg_core *core, const struct sg_topic_id *topic,
                        struct sg_peer_id peers[SG_TOPIC_FOUND_MAX])
{
    uint8_t tag[SG_TOPIC_TAG_LEN];
    uint8_t count = 0;
    if (core->adverts.count == 0)
        return 0;
    name_topic(core, topic, tag);
    for (uint32_t i = 0; i < core->adverts.count && count < SG_TOPIC_FOUND_MAX; i++) {
        const struct sg_claim *claim = &core->adverts.claims[i];
        if (has_tag(claim, tag) && !is_over(core, claim))
            peers[count++] = claim->peer;
    }
    return count;
}

void sg_adverts_meet(struct sg_core *core, struct sg_scope *scope)
{
    struct sg_peer_id peers[SG_TOPIC_FOUND_MAX];
    uint8_t count = sg_adverts_find(core, &scope->topic, peers);
    for (uint8_t i = 0; i < count; i++)
        sg_scope_meet(core, scope, &peers[i], false);
}

void sg_adverts_doubt(struct sg_core *core, const struct sg_peer_id *peer,
                      const struct sg_topic_id *topic)
{
    struct sg_adverts *adverts = &core->adverts;
    uint8_t tag[SG_TOPIC_TAG_LEN];
    if (adverts->count == 0)
        return;
    if (topic != NULL)
        name_topic(core, topic, tag);
    for (uint32_t i = adverts->count; i-- > 0;) {
        const struct sg_claim *claim = &adverts->claims[i];
        if (sg_peer_id_equal(&claim->peer, peer) && (topic == NULL || has_tag(claim, tag)))
            drop(adverts, i);
    }
}

void sg_adverts_check(const struct sg_core *core)
{
    const struct sg_adverts *adverts = &core->adverts;
    bool has = false;
    assert(adverts->count <= adverts->cap && adverts->cap <= CLAIMS_MAX);
    for (uint32_t i = 0; i < adverts->count; i++) {
        assert(adverts->claims[i].at <= core->now);
        has = has || adverts->claims[i].is_news;
    }
    assert(!has || adverts->tell_at != SG_TIME_NEVER);
}
