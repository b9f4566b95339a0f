/* HyParView (Leitao, Pereira, Rodrigues, DSN 2007).
 *
 * Every node keeps two small random samples of the overlay. The active view (8 to 12 peers) is
 * symmetric: these are the links that broadcast runs over, and a link that breaks is noticed at
 * once. The passive view (64 peers) is only names: whom to ask when a link is lost. A graph of such
 * views stays connected when most of its nodes fail at once.
 *
 *   join.c      A newcomer sends JOIN to a contact, which takes it in and tells its neighbours by
 *               FORWARD_JOIN. These walk randomly ARWL steps; where a walk ends, the newcomer gets
 *               a neighbour, and after ARWL - PRWL steps it goes into a passive view.
 *   neighbor.c  NEIGHBOR asks for a link. High priority (newcomers, and who has no neighbour) is
 *               never refused: a full view evicts a random neighbour by DISCONNECT.
 *   repair.c    Below its target a node promotes passive peers: dial, NEIGHBOR, answer.
 *   shuffle.c   Every 30 s a node and the end of a random walk exchange samples of their views.
 *   contact.c   Peers that the user knows: asked first, with places of their own.
 *   evict.c     Whose place another may take.
 *   recent.c    Peers that come and go again and again.
 *
 * What is different from the paper, and why:
 *
 * - The active view has a target and a maximum. The paper's single size leaves views short for
 *   good once all others are full (iroh-gossip: 50-57 % full): nobody has a free place to offer.
 *   We seek neighbours up to the target (8), take low priority up to three quarters of the maximum
 *   (9), and newcomers and the isolated up to the maximum (12) before anybody is evicted. Who was
 *   refused until its pauses are at their longest asks with high priority, so that a few nodes
 *   among full ones, or a small island beside a large one, do not wait for ever.
 * - Both ends agree on a link. A walk that ends asks the newcomer by NEIGHBOR instead of taking it
 *   in, JOIN and NEIGHBOR have an answer, and requests time out.
 * - Never isolated. The paper drops a passive peer that cannot be reached. Here it stays, with a
 *   pause that doubles: tried after those that never failed, not told to others, the first to be
 *   replaced, and forgotten after 8 failures in a row only while there is a neighbour who can name
 *   others. A lost neighbour is kept in the same way. A node without neighbours asks all its
 *   candidates, one after the other, then says ISOLATED, so that its caller tries peer cache,
 *   member table and seeds; after a pause it starts again, for ever, with back-off.
 * - Partitions merge again. Both halves of a healed network have full views, so nothing in the
 *   paper joins them. Here at every shuffle a full node asks one candidate that failed earlier, if
 *   its pause is over, and every 5 minutes any candidate, with high priority; who accepts takes the
 *   place of a random neighbour. In a healthy network nobody has failed, so only the latter costs.
 * - Requests are few and slow down: at most 4 wait at once; after a refusal or failure comes a
 *   pause that doubles from 200 ms to 10 s; who refused, evicted us or was evicted is left alone
 *   for 10 s. A lost or new neighbour makes pauses short again.
 * - A JOIN is announced at most 3 times at once and then once in 10 s for the same peer: each
 *   announcement costs up to 12 walks and as many evictions.
 * - A broken link brings the next shuffle at once, after repair's first pause, when the last one
 *   has no answer. Where only sending tells that a peer is dead, as in the paper, the shuffle that
 *   found it is lost, and who has none but dead neighbours would find one in a round; until then
 *   all refuse each other, each full of the dead. So the next shuffle tries another link, and so on
 *   until one gets through. It also brings fresh names when they are needed.
 * - A SHUFFLE_REPLY counts only while one is expected, so that it cannot be used to fill a passive
 *   view, and its sender becomes a candidate: it is alive and reachable. A shuffle is never
 *   forwarded to its origin, a FORWARD_JOIN never to the joiner: getting one's own is a violation.
 * - Contacts hold the graph. Against a crowd of Sybils every rule about strangers fails in the end,
 *   for strangers are all alike: in 10 minutes 20 % aggressive Sybils eclipse 69 of 200 nodes
 *   under the paper's rules, 50 % 187 of 200 (bench/bench_eclipse.c). So 2 places of the
 *   active view belong to contacts. Strangers never take them, also while they are empty; a contact
 *   is asked as soon as one is empty, whatever pauses repair is in and if need be instead of a
 *   stranger, and for ever; its own request is always accepted, if need be for a stranger's place.
 *   With that nobody is eclipsed. It rests on both ends: a peer whose contact does not know it is a
 *   stranger there. Contacts are no part of the passive view, so shuffles do not tell them.
 * - Strangers who ask are held down: at least 2 links are ones we asked for (a walk's newcomer does
 *   not count: anybody can start walks), and if there are fewer we ask for more beyond the target.
 *   Who asks evicts the youngest stranger, none younger than 5 s, 3 at once and then one each 5 s;
 *   so a storm fights for a quarter of the places, and links of before outlive it. Evicting any
 *   stranger, as in the paper, gives the attacker the whole view: measured, 3 to 5 times as
 *   many eclipsed. JOIN can therefore be refused, but it is announced all the same. Walks take half
 *   of the requests that may wait. Who ended its link with us 3 times comes back once a minute, and
 *   evicts nobody for a minute after each end, unless we have less than half of our neighbours.
 * - One introducer has its share of the passive view. Each entry remembers who named it (a keyed
 *   tag of 16 bits); in a full view the names of one peer replace its own once they are a quarter.
 *   The limits on evictions are for views with two places or more above the target; without such
 *   room they would make islands of nodes that join one through the other.
 * - Exchanges of a neighbour are frequent at first. Many who join through one node at the same time
 *   take the places of its links to the rest, and with them most of each other's: an island with a
 *   few bridges. A topic's overlay can be one without any bridge. Exchanges mix it with the rest,
 *   a topic's above all those with neighbours of other scopes who have the topic. Some seconds
 *   after its start a node exchanges one with a seed again, which of several is left to chance:
 *   when 20 000 nodes joined within 5 s, one in 300 was on an island of some 60 nodes, and those of
 *   100 000 met the rest after minutes. Who joined long before the others finds them that way.
 * - The paper's rules: contact_slots, chosen_min and evict_interval_ns 0, evict_youngest off.
 * - All timers have jitter and a random first offset, so nodes that start together spread out.
 *
 * Messages that cross. Links keep order (a lane is one stream). Under that condition, and while no
 * request times out, both ends of a link hold the same opinion whenever nothing is under way:
 *
 * - Both send NEIGHBOR: each takes the other's for consent and accepts unless it is full; the
 *   acceptance that then comes for an active peer says nothing new. Who is full refuses, and gives
 *   up its own request; if the other accepted that one, its acceptance comes late (below).
 * - An acceptance for a request that was given up: the peer has us in its view. We take it in when
 *   below the target, else send DISCONNECT. A refusal without request is stale.
 * - DISCONNECT from a peer whose answer we wait for was sent before it saw our request (an
 *   acceptance would have come first), so it is stale; it counts only for active peers. When the
 *   peer is leaving it always counts.
 * - NEIGHBOR or JOIN from an active peer: it has forgotten us (restart, link lost on its side
 *   only). It is accepted again; NEIGHBOR_DOWN and NEIGHBOR_UP make what runs above start anew.
 * - SHUFFLE or FORWARD_JOIN from a peer that is neither active nor asked: it believes in a link
 *   that we do not have. It is served, and told by DISCONNECT. If our own DISCONNECT was under way,
 *   the second one finds nothing to do, or finds its request waiting and is stale.
 *
 * Where order or messages are lost, opinions can differ for a while. The last rule mends that: each
 * end of a link sends or forwards a shuffle over it about once a minute. */
#include "hyparview/hyparview.h"

#include <assert.h>

#include "hyparview/internal.h"

static_assert(2 * SG_HPV_ACTIVE_HARD + SG_HPV_PENDING_MAX <= SG_HPV_OUT_MAX, "leaving fits");
/* JOIN: eviction, answer, up; then the announcements, requests to contacts and repair */
static_assert(4 + SG_HPV_ACTIVE_HARD + 2 * SG_HPV_PENDING_MAX <= SG_HPV_OUT_MAX, "joining fits");

/* Places above the target that a view needs for the limits on evictions. */
#define HEADROOM_MIN 2

/* Longer intervals are a mistake, and this keeps all arithmetic on them far from its limits. */
#define INTERVAL_MAX_NS (UINT64_C(365) * 24 * 3600 * SG_NS_PER_S)

struct sg_hpv_config sg_hpv_config_default(const struct sg_mem *mem)
{
    return (struct sg_hpv_config){
        .mem = mem,
        .active_target = 8,
        .active_max = 12,
        .passive_max = 64,
        .arwl = 6,
        .prwl = 3,
        .shuffle_ttl = 6,
        .shuffle_active = 3,
        .shuffle_passive = 4,
        .jitter_percent = 20,
        .shuffle_interval_ns = 30 * SG_NS_PER_S,
        .rotate_interval_ns = 300 * SG_NS_PER_S,
        .rotate_first_ns = 15 * SG_NS_PER_S,
        .neighbor_timeout_ns = 5 * SG_NS_PER_S,
        .repair_backoff_ns = 200 * SG_NS_PER_MS,
        .repair_backoff_max_ns = 10 * SG_NS_PER_S,
        .evict_interval_ns = 5 * SG_NS_PER_S,
        .evict_youngest = true,
        .contact_slots = 2,
        .chosen_min = 2,
    };
}

static bool is_interval(uint64_t interval_ns)
{
    return interval_ns > 0 && interval_ns <= INTERVAL_MAX_NS;
}

static bool are_views_valid(const struct sg_hpv_config *c)
{
    return c->active_target > 0 && c->active_target <= c->active_max &&
           c->active_max <= SG_HPV_ACTIVE_HARD && c->passive_max > 0 &&
           c->passive_max <= SG_HPV_PASSIVE_HARD;
}

static bool are_walks_valid(const struct sg_hpv_config *c)
{
    return c->prwl <= c->arwl && c->arwl <= SG_HPV_TTL_MAX && c->shuffle_ttl <= SG_HPV_TTL_MAX &&
           1 + c->shuffle_active + c->shuffle_passive <= SG_HPV_SHUFFLE_MAX;
}

static bool are_timers_valid(const struct sg_hpv_config *c)
{
    return c->jitter_percent <= 100 && is_interval(c->shuffle_interval_ns) &&
           c->rotate_interval_ns <= INTERVAL_MAX_NS && is_interval(c->rotate_first_ns) &&
           is_interval(c->neighbor_timeout_ns) && is_interval(c->repair_backoff_ns) &&
           is_interval(c->repair_backoff_max_ns) &&
           c->repair_backoff_ns <= c->repair_backoff_max_ns &&
           c->evict_interval_ns <= INTERVAL_MAX_NS;
}

/* A time within the next interval, so that nodes that start together do not act together. */
static sg_time_ns first_time(struct sg_hpv *m, uint64_t interval_ns)
{
    uint64_t offset = sg_prng_below(&m->prng, interval_ns);
    return sg_time_add(m->last_now, offset);
}

static sg_time_ns next_time(struct sg_hpv *m, uint64_t interval_ns)
{
    uint64_t interval = sg_hpv_jitter(m, interval_ns);
    return sg_time_add(m->last_now, interval);
}

/* Small views cannot bear all the limits on strangers. Above all, full views without room above the
 * target that evict nobody close their circle: nodes that join one through the other in quick
 * succession make islands. */
static void cut_limits(struct sg_hpv_config *c)
{
    if (c->active_max - c->active_target < HEADROOM_MIN) {
        c->evict_interval_ns = 0;
        c->evict_youngest = false;
    }
    if (c->contact_slots >= c->active_max)
        c->contact_slots = (uint8_t)(c->active_max - 1);
    if (c->chosen_min > c->active_target / 4)
        c->chosen_min = (uint8_t)(c->active_target / 4);
}

sg_err sg_hpv_init(struct sg_hpv *m, const struct sg_hpv_config *config,
                   const struct sg_peer_id *self, sg_time_ns now, uint64_t seed)
{
    *m = (struct sg_hpv){.config = *config, .self = *self, .last_now = now};
    if (config->mem == NULL || !are_views_valid(config) || !are_walks_valid(config) ||
        !are_timers_valid(config))
        return SG_ERR_INVALID_ARGUMENT;
    m->active = sg_mem_new(config->mem, config->active_max, sizeof(*m->active));
    m->passive = sg_mem_new(config->mem, config->passive_max, sizeof(*m->passive));
    m->trial = sg_mem_new(config->mem, config->passive_max, sizeof(*m->trial));
    if (m->active == NULL || m->passive == NULL || m->trial == NULL) {
        sg_hpv_fini(m);
        return SG_ERR_NO_MEMORY;
    }
    cut_limits(&m->config);
    sg_prng_init(&m->prng, seed);
    m->tag_key = ~seed;
    m->shuffle_at = first_time(m, config->shuffle_interval_ns);
    m->rotate_at = SG_TIME_NEVER;
    m->rotate_pause_ns = sg_time_min(config->rotate_first_ns, config->rotate_interval_ns);
    if (config->rotate_interval_ns > 0)
        m->rotate_at = first_time(m, m->rotate_pause_ns);
    m->repair_at = first_time(m, config->repair_backoff_ns);
    m->repair_pause_ns = config->repair_backoff_ns;
    return SG_OK;
}

void sg_hpv_fini(struct sg_hpv *m)
{
    if (m->config.mem != NULL) {
        sg_mem_free(m->config.mem, m->active);
        sg_mem_free(m->config.mem, m->passive);
        sg_mem_free(m->config.mem, m->trial);
        sg_mem_free(m->config.mem, m->contacts);
    }
    *m = (struct sg_hpv){.has_left = true};
}

void sg_hpv_emit(struct sg_hpv_outbox *out, enum sg_hpv_out_kind kind,
                 const struct sg_peer_id *peer)
{
    assert(out->count < SG_HPV_OUT_MAX);
    struct sg_hpv_out *o = &out->out[out->count++];
    o->kind = kind;
    o->peer = *peer;
}

struct sg_hpv_msg *sg_hpv_send(struct sg_hpv_outbox *out, const struct sg_peer_id *to,
                               enum sg_hpv_kind kind)
{
    sg_hpv_emit(out, SG_HPV_OUT_SEND, to);
    struct sg_hpv_msg *msg = &out->out[out->count - 1].msg;
    *msg = (struct sg_hpv_msg){.kind = kind};
    return msg;
}

uint64_t sg_hpv_jitter(struct sg_hpv *m, uint64_t interval_ns)
{
    return sg_prng_jitter(&m->prng, interval_ns, m->config.jitter_percent);
}

static bool is_valid_message(const struct sg_hpv *m, const struct sg_peer_id *from,
                             const struct sg_hpv_msg *msg)
{
    bool has_sample = msg->count >= 1 && msg->count <= SG_HPV_SHUFFLE_MAX;
    if (sg_peer_id_equal(from, &m->self))
        return false;
    switch (msg->kind) {
    case SG_HPV_JOIN:
    case SG_HPV_NEIGHBOR:
    case SG_HPV_NEIGHBOR_REPLY:
    case SG_HPV_DISCONNECT:
        return true;
    case SG_HPV_FORWARD_JOIN:
        return msg->count == 1 && msg->ttl <= SG_HPV_TTL_MAX &&
               !sg_peer_id_equal(&msg->id[0], &m->self) && !sg_peer_id_equal(&msg->id[0], from);
    case SG_HPV_SHUFFLE:
        return has_sample && msg->ttl <= SG_HPV_TTL_MAX && !sg_peer_id_equal(&msg->id[0], &m->self);
    case SG_HPV_SHUFFLE_REPLY:
        return has_sample;
    }
    return false;
}

static sg_err verify_contact(const struct sg_hpv *m, const struct sg_hpv_in *in)
{
    if (sg_peer_id_equal(&in->peer, &m->self))
        return SG_ERR_INVALID_ARGUMENT;
    bool is_new = in->on && sg_hpv_contact_find(m, &in->peer) == SG_HPV_NONE;
    return is_new && m->contact_count == SG_HPV_CONTACTS_MAX ? SG_ERR_FULL : SG_OK;
}

static sg_err verify(const struct sg_hpv *m, const struct sg_hpv_in *in)
{
    switch (in->kind) {
    case SG_HPV_IN_JOIN:
        return sg_peer_id_equal(&in->peer, &m->self) ? SG_ERR_INVALID_ARGUMENT : SG_OK;
    case SG_HPV_IN_MESSAGE:
        return is_valid_message(m, &in->peer, in->msg) ? SG_OK : SG_ERR_PROTOCOL;
    case SG_HPV_IN_TIMEOUT:
    case SG_HPV_IN_CANDIDATES:
    case SG_HPV_IN_FAILED:
    case SG_HPV_IN_DEAD:
    case SG_HPV_IN_LEAVE:
        return SG_OK;
    case SG_HPV_IN_CONTACT:
        return verify_contact(m, in);
    }
    return SG_ERR_INVALID_ARGUMENT;
}

static void on_message(struct sg_hpv *m, const struct sg_peer_id *from,
                       const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out)
{
    sg_hpv_candidate_alive(m, from);
    switch (msg->kind) {
    case SG_HPV_JOIN:
        sg_hpv_on_join(m, from, out);
        break;
    case SG_HPV_FORWARD_JOIN:
        sg_hpv_on_forward_join(m, from, msg, out);
        break;
    case SG_HPV_NEIGHBOR:
        sg_hpv_on_neighbor(m, from, msg, out);
        break;
    case SG_HPV_NEIGHBOR_REPLY:
        sg_hpv_on_neighbor_reply(m, from, msg, out);
        break;
    case SG_HPV_DISCONNECT:
        sg_hpv_on_disconnect(m, from, msg, out);
        break;
    case SG_HPV_SHUFFLE:
        sg_hpv_on_shuffle(m, from, msg, out);
        break;
    case SG_HPV_SHUFFLE_REPLY:
        sg_hpv_on_shuffle_reply(m, from, msg);
        break;
    }
}

static void on_timeout(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    sg_hpv_expire(m);
    if (m->shuffle_at <= m->last_now) {
        m->shuffle_at = next_time(m, m->config.shuffle_interval_ns);
        sg_hpv_shuffle(m, out);
        sg_hpv_probe_failed(m, out);
    }
    if (m->rotate_at <= m->last_now) {
        /* at any time, not at the end: nodes that start together do not all wait together */
        m->rotate_at = first_time(m, 2 * m->rotate_pause_ns);
        m->rotate_pause_ns = sg_time_min(2 * m->rotate_pause_ns, m->config.rotate_interval_ns);
        sg_hpv_rotate(m, out);
    }
}

static void on_candidates(struct sg_hpv *m, const struct sg_hpv_in *in, struct sg_hpv_outbox *out)
{
    /* one known already says the same again, and is not chosen for it */
    if (in->on && in->count > 0 &&
        (in->is_soon || sg_hpv_passive_find(m, &in->peers[0]) == SG_HPV_NONE)) {
        m->bridge = in->peers[0];
        m->has_bridge = true;
    }
    for (size_t i = 0; i < in->count; i++)
        sg_hpv_passive_add(m, &in->peers[i], 0);
    if (in->is_soon)
        sg_hpv_cross(m, out);
}

static void dispatch(struct sg_hpv *m, const struct sg_hpv_in *in, struct sg_hpv_outbox *out)
{
    switch (in->kind) {
    case SG_HPV_IN_TIMEOUT:
        on_timeout(m, out);
        break;
    case SG_HPV_IN_JOIN:
        sg_hpv_join(m, &in->peer, out);
        break;
    case SG_HPV_IN_CANDIDATES:
        on_candidates(m, in, out);
        break;
    case SG_HPV_IN_FAILED:
        sg_hpv_on_failed(m, &in->peer, out);
        break;
    case SG_HPV_IN_MESSAGE:
        on_message(m, &in->peer, in->msg, out);
        break;
    case SG_HPV_IN_DEAD:
        sg_hpv_on_dead(m, &in->peer, out);
        break;
    case SG_HPV_IN_CONTACT:
        sg_hpv_contact_set(m, &in->peer, in->on);
        break;
    case SG_HPV_IN_LEAVE:
        sg_hpv_leave(m, out);
        break;
    }
}

sg_err sg_hpv_input(struct sg_hpv *m, sg_time_ns now, const struct sg_hpv_in *in,
                    struct sg_hpv_outbox *out)
{
    if (!m->has_left)
        SG_TRY(verify(m, in));
    out->count = 0;
    if (m->has_left)
        return SG_OK;
    if (in->kind == SG_HPV_IN_CONTACT && in->on)
        SG_TRY(sg_hpv_contact_reserve(m));
    if (now > m->last_now)
        m->last_now = now;
    dispatch(m, in, out);
    if (!m->has_left)
        sg_hpv_repair(m, out);
    return SG_OK;
}

sg_time_ns sg_hpv_deadline(const struct sg_hpv *m)
{
    if (m->has_left)
        return SG_TIME_NEVER;
    sg_time_ns deadline = sg_time_min(m->shuffle_at, m->rotate_at);
    deadline = sg_time_min(deadline, sg_hpv_repair_deadline(m));
    for (uint8_t i = 0; i < m->pending_count; i++)
        deadline = sg_time_min(deadline, m->pending[i].deadline);
    return deadline;
}

bool sg_hpv_is_active(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    return sg_hpv_active_find(m, peer) != SG_HPV_NONE;
}

bool sg_hpv_is_pending(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    return sg_hpv_pending_find(m, peer) != SG_HPV_NONE;
}

void sg_hpv_check(const struct sg_hpv *m)
{
    assert(m->active_count <= m->config.active_max);
    assert(m->passive_count <= m->config.passive_max);
    assert(m->pending_count <= SG_HPV_PENDING_MAX);
    assert(m->recent_count <= SG_HPV_RECENT_MAX);
    assert(m->contact_count <= SG_HPV_CONTACTS_MAX);
    assert(m->config.contact_slots <= m->config.active_max);
    assert(m->sent_count <= SG_HPV_SHUFFLE_MAX);
    /* found at its own place = without an earlier duplicate */
    for (uint16_t i = 0; i < m->active_count; i++) {
        assert(!sg_peer_id_equal(&m->active[i].id, &m->self));
        assert(sg_hpv_active_find(m, &m->active[i].id) == i);
        assert(m->active[i].since <= m->last_now);
        bool is_contact = sg_hpv_contact_find(m, &m->active[i].id) != SG_HPV_NONE;
        assert(m->active[i].is_contact == is_contact);
    }
    for (uint16_t i = 0; i < m->passive_count; i++) {
        assert(!sg_peer_id_equal(&m->passive[i], &m->self));
        assert(sg_hpv_passive_find(m, &m->passive[i]) == i);
        assert(sg_hpv_active_find(m, &m->passive[i]) == SG_HPV_NONE);
        assert(sg_hpv_contact_find(m, &m->passive[i]) == SG_HPV_NONE);
    }
    for (uint16_t i = 0; i < m->pending_count; i++) {
        assert(!sg_peer_id_equal(&m->pending[i].id, &m->self));
        assert(sg_hpv_pending_find(m, &m->pending[i].id) == i);
        assert(sg_hpv_active_find(m, &m->pending[i].id) == SG_HPV_NONE);
    }
    assert(!m->has_left || m->active_count + m->pending_count == 0);
}
