/* Finding the subscribers of a topic.
 *
 * Neighbours on the base scope tell each other salted digests of their topics, so a node knows at
 * once which neighbours share one. For the rest, a TOPIC_FIND walks the base scope: three walkers
 * of four steps, steered to neighbours that have the topic; every subscriber it meets answers the
 * origin directly with itself and a sample of its neighbours on the topic. Walks repeat, ever more
 * slowly, until the topic's active view is full: overlays that started apart grow together. Full
 * ones do by exchanges of a neighbour, each for the neighbour on the base scope that was the last
 * to tell that it has the topic: as the base scope heals, so do its topics.
 *
 * Who hears of a walk and has no such topic may know subscribers by their adverts (adverts.c). It
 * tells the origin when it has a link to it, which the first nodes of a walk have: a dial only to
 * pass on hearsay would be somebody else's way to have it made. The walk goes on, for adverts may
 * all be lies. */
#include "node/internal.h"

/* protocol.md s3 */
#define FIND_FANOUT 3
#define FIND_TTL 4
/* Each step of a walker answers once at most; walks under way at the same time are few. */
#define ANSWERS_PER_WALKER FIND_TTL
#define ANSWERS_MAX (4 * FIND_FANOUT * FIND_TTL)
/* Changes within this time are told together. */
#define TELL_DELAY_NS (20 * SG_NS_PER_MS)

static uint64_t digest_of(const struct sg_core *core, const uint8_t salt[SG_TOPIC_SALT_LEN],
                          const struct sg_topic_id *topic)
{
    uint8_t hash[SG_HASH_LEN];
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa topic digest v1"),
                                     sg_bytes(salt, SG_TOPIC_SALT_LEN),
                                     sg_bytes(topic->b, SG_ID_LEN)};
    core->config.suite->hash(parts, 3, hash);
    struct sg_reader r = sg_reader(sg_bytes(hash, 8));
    return sg_read_u64(&r);
}

void sg_topic_msg_send(struct sg_core *core, const struct sg_peer_id *peer,
                       const struct sg_topic_msg *msg)
{
    static const struct sg_topic_id base = {{0}};
    struct sg_frame_head head = {.family = SG_FAMILY_TOPIC};
    struct sg_writer count = sg_writer_counting();
    struct sg_writer w;
    sg_topic_msg_encode(&count, msg);
    struct sg_buf *frame = sg_frame_begin(core, &head, count.len, &w);
    if (frame == NULL)
        return;
    sg_topic_msg_encode(&w, msg);
    sg_frame_send(core, peer, SG_LANE_MSHIP, &base, sg_frame_end(frame, &w));
}

void sg_topics_changed(struct sg_core *core)
{
    if (core->topics_dirty)
        return;
    core->topics_dirty = true;
    core->topics_at = sg_time_add(core->now, TELL_DELAY_NS);
}

void sg_topics_tell(struct sg_core *core, const struct sg_peer_id *peer)
{
    struct sg_topic_msg msg = {.kind = SG_TOPIC_TOPICS};
    for (size_t i = 0; i < SG_TOPIC_SALT_LEN; i++) {
        uint64_t draw = sg_prng_next(&core->prng);
        msg.salt[i] = (uint8_t)draw;
    }
    for (uint32_t i = 1; i < core->scope_count && msg.digest_count < SG_TOPICS_MAX; i++)
        msg.digest[msg.digest_count++] = digest_of(core, msg.salt, &core->scopes[i]->topic);
    sg_topic_msg_send(core, peer, &msg);
}

void sg_topics_timeout(struct sg_core *core)
{
    if (!core->topics_dirty || core->now < core->topics_at)
        return;
    core->topics_dirty = false;
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    for (uint16_t i = 0; i < base->active_count; i++)
        sg_topics_tell(core, &base->active[i].id);
}

static bool has_topic(const struct sg_core *core, const struct sg_link *link,
                      const struct sg_topic_id *topic)
{
    if (link == NULL || link->digest_count == 0)
        return false;
    uint64_t digest = digest_of(core, link->salt, topic);
    for (uint16_t i = 0; i < link->digest_count; i++) {
        if (link->digests[i] == digest)
            return true;
    }
    return false;
}

void sg_topics_ask_neighbors(struct sg_core *core, struct sg_scope *scope)
{
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    struct sg_peer_id peers[SG_HPV_ACTIVE_HARD];
    uint16_t count = 0;
    for (uint16_t i = 0; i < base->active_count; i++) {
        const struct sg_peer_id *peer = &base->active[i].id;
        if (has_topic(core, sg_link_find(core, peer), &scope->topic))
            peers[count++] = *peer;
    }
    /* from a random start, so that the first neighbour is not everybody's contact */
    uint16_t start = (uint16_t)sg_prng_below(&core->prng, count);
    for (uint16_t i = 0; i < count; i++)
        sg_scope_meet(core, scope, &peers[(start + i) % count], false);
}

/* Picks the next step of a walk: a neighbour with the topic, else a random one; never `not_this`
 * nor the origin. False when there is none. */
static bool pick_step(struct sg_core *core, const struct sg_topic_msg *msg,
                      const struct sg_peer_id *not_this, struct sg_peer_id *out)
{
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    struct sg_peer_id all[SG_HPV_ACTIVE_HARD];
    struct sg_peer_id having[SG_HPV_ACTIVE_HARD];
    uint16_t all_count = 0;
    uint16_t having_count = 0;
    for (uint16_t i = 0; i < base->active_count; i++) {
        const struct sg_peer_id *peer = &base->active[i].id;
        if (sg_peer_id_equal(peer, not_this) || sg_peer_id_equal(peer, &msg->id[0]))
            continue;
        all[all_count++] = *peer;
        if (has_topic(core, sg_link_find(core, peer), &msg->topic))
            having[having_count++] = *peer;
    }
    uint64_t draw = sg_prng_next(&core->prng);
    if (having_count > 0)
        *out = having[draw % having_count];
    else if (all_count > 0)
        *out = all[draw % all_count];
    return all_count > 0;
}

void sg_topics_find(struct sg_core *core, struct sg_scope *scope)
{
    const struct sg_hpv *base = &core->scopes[0]->hpv;
    struct sg_topic_msg msg = {.kind = SG_TOPIC_FIND,
                               .topic = scope->topic,
                               .ttl = FIND_TTL - 1, /* the first step is ours */
                               .count = 1,
                               .id = {core->config.self}};
    uint16_t order[SG_HPV_ACTIVE_HARD];
    uint16_t count = base->active_count;
    for (uint16_t i = 0; i < count; i++)
        order[i] = i;
    for (uint16_t i = 0; i < count && i < FIND_FANOUT; i++) {
        uint16_t pick = (uint16_t)(i + sg_prng_below(&core->prng, (uint64_t)count - i));
        uint16_t chosen = order[pick];
        order[pick] = order[i];
        sg_topic_msg_send(core, &base->active[chosen].id, &msg);
        scope->answers_left += ANSWERS_PER_WALKER;
    }
    if (scope->answers_left > ANSWERS_MAX)
        scope->answers_left = ANSWERS_MAX;
    sg_trace(&core->config.trace, SG_TRACE_TOPIC_FIND, NULL, scope->topic.b, FIND_TTL);
    uint64_t pause = sg_prng_jitter(&core->prng, scope->find_pause_ns, 20);
    scope->find_at = sg_time_add(core->now, pause);
    if (count > 0) /* nobody was asked otherwise */
        scope->find_pause_ns *= 2;
    if (scope->find_pause_ns > core->config.find_interval_max_ns)
        scope->find_pause_ns = core->config.find_interval_max_ns;
}

static void receive_topics(struct sg_core *core, struct sg_link *link,
                           const struct sg_topic_msg *msg)
{
    uint64_t *digests = NULL;
    if (msg->digest_count > 0) {
        digests = sg_mem_new(core->config.mem, msg->digest_count, sizeof(*digests));
        if (digests == NULL)
            return;
        memcpy(digests, msg->digest, msg->digest_count * sizeof(*digests));
    }
    sg_mem_free(core->config.mem, link->digests);
    link->digests = digests;
    link->digest_count = msg->digest_count;
    memcpy(link->salt, msg->salt, SG_TOPIC_SALT_LEN);
    for (uint32_t i = 1; i < core->scope_count; i++) {
        if (has_topic(core, link, &core->scopes[i]->topic))
            sg_scope_meet(core, core->scopes[i], &link->peer, true);
        else if (sg_core_is_contact(core, &link->peer))
            sg_scope_part(core, core->scopes[i], &link->peer);
    }
}

/* This node first, then a sample of its neighbours on the topic. */
static void answer_find(struct sg_core *core, const struct sg_scope *scope,
                        const struct sg_peer_id *origin)
{
    const struct sg_hpv *hpv = &scope->hpv;
    if (!sg_link_may_answer(core, origin))
        return;
    struct sg_topic_msg msg = {
        .kind = SG_TOPIC_FOUND, .topic = scope->topic, .count = 1, .id = {core->config.self}};
    uint16_t start = (uint16_t)sg_prng_below(&core->prng, hpv->active_count);
    for (uint16_t i = 0; i < hpv->active_count && msg.count < SG_TOPIC_FOUND_MAX; i++) {
        const struct sg_peer_id *peer = &hpv->active[(start + i) % hpv->active_count].id;
        if (sg_peer_id_equal(peer, origin))
            continue;
        sg_book_get(&core->book, peer, &msg.hints[msg.count]);
        msg.id[msg.count++] = *peer;
    }
    sg_topic_msg_send(core, origin, &msg);
}

/* Hearsay of subscribers. */
static void answer_by_adverts(struct sg_core *core, const struct sg_topic_msg *find)
{
    const struct sg_link *link = sg_link_find(core, &find->id[0]);
    struct sg_topic_msg msg = {.kind = SG_TOPIC_FOUND, .topic = find->topic};
    if (link == NULL || link->state != SG_LINK_UP)
        return;
    msg.count = sg_adverts_find(core, &find->topic, msg.id);
    for (uint8_t i = 0; i < msg.count; i++)
        sg_book_get(&core->book, &msg.id[i], &msg.hints[i]);
    if (msg.count > 0)
        sg_topic_msg_send(core, &find->id[0], &msg);
}

static void receive_find(struct sg_core *core, const struct sg_link *link, struct sg_topic_msg *msg)
{
    struct sg_peer_id next;
    struct sg_scope *scope = sg_scope_find(core, &msg->topic);
    /* the origin's own frame says nothing of its address: the link does */
    bool from_origin = sg_peer_id_equal(&msg->id[0], &link->peer);
    if (sg_peer_id_equal(&msg->id[0], &core->config.self))
        return;
    if (!from_origin)
        sg_book_learn(&core->book, &msg->id[0], &msg->hints[0], false);
    if (scope != NULL)
        answer_find(core, scope, &msg->id[0]);
    else
        answer_by_adverts(core, msg);
    if (msg->ttl == 0 || !pick_step(core, msg, &link->peer, &next))
        return;
    msg->ttl--;
    sg_book_get(&core->book, &msg->id[0], &msg->hints[0]);
    sg_topic_msg_send(core, &next, msg);
}

static void receive_found(struct sg_core *core, const struct sg_link *link,
                          const struct sg_topic_msg *msg)
{
    struct sg_scope *scope = sg_scope_find(core, &msg->topic);
    /* nobody asked for it, so nobody believes it */
    if (scope == NULL || scope->answers_left == 0)
        return;
    scope->answers_left--;
    sg_trace(&core->config.trace, SG_TRACE_TOPIC_FOUND, link->peer.b, msg->topic.b, msg->count);
    for (uint8_t i = 0; i < msg->count; i++) {
        bool is_self = sg_peer_id_equal(&msg->id[i], &core->config.self);
        if (!is_self && !sg_peer_id_equal(&msg->id[i], &link->peer))
            sg_book_learn(&core->book, &msg->id[i], &msg->hints[i], false);
        sg_scope_meet(core, scope, &msg->id[i], false);
    }
}

void sg_topics_receive(struct sg_core *core, struct sg_link *link, struct sg_reader *r)
{
    struct sg_topic_msg msg;
    sg_err err = sg_topic_msg_decode(r, &msg);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (!sg_link_may_walk(core, link)) {
        core->stats.refused_overload++;
        return;
    }
    switch (msg.kind) {
    case SG_TOPIC_TOPICS:
        receive_topics(core, link, &msg);
        return;
    case SG_TOPIC_FIND:
        receive_find(core, link, &msg);
        return;
    case SG_TOPIC_FOUND:
        receive_found(core, link, &msg);
        return;
    case SG_TOPIC_ADVERTS:
        sg_adverts_receive(core, link, &msg);
        return;
    }
}
