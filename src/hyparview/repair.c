/* Keeping the active view at its target: requests that wait for an answer, candidates and what is
 * known of them, promotion with back-off, rotation. */
#include <assert.h>

#include "hyparview/internal.h"

/* A candidate that failed so often in a row may be forgotten. With doubling pauses between its
 * trials that is a quarter of an hour: longer than most partitions. */
#define FAILURES_MAX 8
/* A contact is never forgotten; until then its pauses, which begin short, reach those of others. */
#define CONTACT_FAILURES_MAX 12
/* A request without answer for so long does not keep a needy node from asking others: after many
 * failures most names are of the dead, and each costs a whole timeout. */
#define SLOW_NS (500 * SG_NS_PER_MS)
/* Those pauses double so often. */
#define PAUSE_DOUBLINGS_MAX 5

uint16_t sg_hpv_pending_find(const struct sg_hpv *m, const struct sg_peer_id *peer)
{
    for (uint16_t i = 0; i < m->pending_count; i++)
        if (sg_peer_id_equal(&m->pending[i].id, peer))
            return i;
    return SG_HPV_NONE;
}

void sg_hpv_pending_remove(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t at = sg_hpv_pending_find(m, peer);
    if (at == SG_HPV_NONE)
        return;
    m->pending_count--;
    memmove(&m->pending[at], &m->pending[at + 1],
            (size_t)(m->pending_count - at) * sizeof(*m->pending));
}

bool sg_hpv_is_needy(const struct sg_hpv *m)
{
    return 2 * m->active_count < m->config.active_target;
}

uint8_t sg_hpv_pending_limit(const struct sg_hpv *m)
{
    return sg_hpv_is_needy(m) ? SG_HPV_PENDING_MAX : SG_HPV_PENDING_CALM;
}

bool sg_hpv_pending_make_room(struct sg_hpv *m)
{
    if (m->pending_count < sg_hpv_pending_limit(m))
        return true;
    for (uint8_t i = 0; i < m->pending_count; i++) {
        if (sg_hpv_is_named(&m->pending[i]))
            continue;
        struct sg_peer_id other = m->pending[i].id;
        sg_hpv_pending_remove(m, &other);
        return true;
    }
    return false;
}

/* Who is alone joins through its contact, so that walks find it more neighbours. */
static void send_request(const struct sg_hpv *m, const struct sg_hpv_pending *request,
                         struct sg_hpv_outbox *out)
{
    bool is_alone = m->active_count == 0;
    if (request->purpose == SG_HPV_FOR_JOIN || (request->purpose == SG_HPV_FOR_CONTACT && is_alone))
        sg_hpv_send(out, &request->id, SG_HPV_JOIN);
    else
        sg_hpv_send(out, &request->id, SG_HPV_NEIGHBOR)->high_priority = request->high_priority;
}

/* Newcomers and who has no neighbour must not be refused. Nor must rotation, or islands with full
 * views never meet, nor who was refused until pauses are at their longest: all it knows are full.
 * These two need views with room above the target, else each place costs another node its own. */
static bool has_high_priority(const struct sg_hpv *m, enum sg_hpv_purpose purpose)
{
    bool has_room = m->config.active_max > m->config.active_target;
    switch (purpose) {
    case SG_HPV_FOR_JOIN:
    case SG_HPV_FOR_CONTACT:
    case SG_HPV_FOR_NEWCOMER:
        return true;
    case SG_HPV_FOR_REPAIR:
        return m->active_count == 0 ||
               (has_room && m->repair_pause_ns == m->config.repair_backoff_max_ns);
    case SG_HPV_FOR_ROTATION:
        return has_room;
    }
    return false;
}

void sg_hpv_request(struct sg_hpv *m, const struct sg_peer_id *peer, enum sg_hpv_purpose purpose,
                    struct sg_hpv_outbox *out)
{
    assert(m->pending_count < SG_HPV_PENDING_MAX);
    assert(sg_hpv_pending_find(m, peer) == SG_HPV_NONE);
    struct sg_hpv_pending *request = &m->pending[m->pending_count++];
    request->id = *peer;
    request->deadline = sg_time_add(m->last_now, m->config.neighbor_timeout_ns);
    request->purpose = purpose;
    request->high_priority = has_high_priority(m, purpose);
    send_request(m, request, out);
}

void sg_hpv_expire(struct sg_hpv *m)
{
    uint8_t at = 0;
    while (at < m->pending_count) {
        struct sg_peer_id peer = m->pending[at].id;
        if (m->pending[at].deadline > m->last_now) {
            at++;
            continue;
        }
        sg_hpv_pending_remove(m, &peer);
        sg_hpv_candidate_failed(m, &peer);
        sg_hpv_promotion_failed(m, false);
    }
}

struct sg_hpv_trial *sg_hpv_trial_of(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    uint16_t at = sg_hpv_passive_find(m, peer);
    if (at != SG_HPV_NONE)
        return &m->trial[at];
    at = sg_hpv_contact_find(m, peer);
    return at == SG_HPV_NONE ? NULL : &m->contacts[at].trial;
}

void sg_hpv_candidate_hold(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_trial *trial = sg_hpv_trial_of(m, peer);
    if (trial == NULL)
        return;
    uint64_t pause = sg_hpv_jitter(m, m->config.repair_backoff_max_ns);
    trial->retry_at = sg_time_add(m->last_now, pause);
}

/* Strangers are many, and one that failed is left alone for long. Contacts are few, and often they
 * are just starting up as we are: until one of them answers a node stands among strangers alone. */
static uint64_t pause_of(const struct sg_hpv *m, bool is_contact, unsigned failures)
{
    uint64_t first = is_contact ? m->config.repair_backoff_ns : m->config.repair_backoff_max_ns;
    uint64_t most = m->config.repair_backoff_max_ns << PAUSE_DOUBLINGS_MAX;
    uint64_t pause = first << failures;
    return pause < most ? pause : most;
}

void sg_hpv_candidate_failed(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    sg_hpv_passive_offer(m, peer);
    struct sg_hpv_trial *trial = sg_hpv_trial_of(m, peer);
    if (trial == NULL)
        return;
    bool is_contact = sg_hpv_contact_find(m, peer) != SG_HPV_NONE;
    uint64_t pause = sg_hpv_jitter(m, pause_of(m, is_contact, trial->failures));
    trial->retry_at = sg_time_add(m->last_now, pause);
    if (trial->failures < (is_contact ? CONTACT_FAILURES_MAX : FAILURES_MAX))
        trial->failures++;
    /* without a neighbour the fault may be ours, and then every entry is worth keeping */
    if (trial->failures == FAILURES_MAX && m->active_count > 0 && m->passive_count > 1)
        sg_hpv_passive_remove(m, peer);
}

void sg_hpv_candidate_alive(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    struct sg_hpv_trial *trial = sg_hpv_trial_of(m, peer);
    if (trial == NULL)
        return;
    /* a contact that is back is not left to wait */
    if (trial->failures > 0 && sg_hpv_contact_find(m, peer) != SG_HPV_NONE)
        trial->retry_at = m->last_now;
    trial->failures = 0;
}

static bool may_ask(const struct sg_hpv *m, uint16_t at)
{
    return m->trial[at].retry_at <= m->last_now &&
           sg_hpv_pending_find(m, &m->passive[at]) == SG_HPV_NONE &&
           !sg_hpv_is_flapping(m, &m->passive[at]);
}

/* A random candidate that may be asked now and has failed before, or has not. */
static bool pick_candidate(struct sg_hpv *m, bool has_failed, struct sg_peer_id *picked)
{
    uint16_t pool[SG_HPV_PASSIVE_HARD];
    uint16_t count = 0;
    for (uint16_t i = 0; i < m->passive_count; i++)
        if ((m->trial[i].failures > 0) == has_failed && may_ask(m, i))
            pool[count++] = i;
    if (count == 0)
        return false;
    uint64_t at = sg_prng_below(&m->prng, count);
    *picked = m->passive[pool[at]];
    return true;
}

static bool pick_any_candidate(struct sg_hpv *m, struct sg_peer_id *picked)
{
    return pick_candidate(m, false, picked) || pick_candidate(m, true, picked);
}

void sg_hpv_repair_reset(struct sg_hpv *m)
{
    m->repair_at = m->last_now;
    m->repair_pause_ns = m->config.repair_backoff_ns;
}

/* Unless there is a pause already. */
static void repair_pause(struct sg_hpv *m)
{
    if (m->repair_at > m->last_now)
        return;
    uint64_t pause = sg_hpv_jitter(m, m->repair_pause_ns);
    uint64_t max = m->config.repair_backoff_max_ns;
    m->repair_at = sg_time_add(m->last_now, pause > 0 ? pause : 1);
    m->repair_pause_ns = m->repair_pause_ns > max / 2 ? max : m->repair_pause_ns * 2;
}

/* Who is needy does not wait because a name was of the dead. */
void sg_hpv_promotion_failed(struct sg_hpv *m, bool is_refused)
{
    if (is_refused ? m->active_count > 0 : !sg_hpv_is_needy(m))
        repair_pause(m);
}

/* Links to strangers that we asked for, and will have if all is accepted. */
static unsigned chosen_soon(const struct sg_hpv *m)
{
    unsigned count = sg_hpv_chosen_count(m);
    for (uint8_t i = 0; i < m->pending_count; i++)
        count +=
            m->pending[i].purpose == SG_HPV_FOR_REPAIR || m->pending[i].purpose == SG_HPV_FOR_JOIN;
    return count;
}

static sg_time_ns slow_at(const struct sg_hpv *m, const struct sg_hpv_pending *request)
{
    uint64_t left = m->config.neighbor_timeout_ns - SLOW_NS;
    if (m->config.neighbor_timeout_ns <= SLOW_NS || request->deadline < left)
        return request->deadline;
    return request->deadline - left;
}

/* Requests that may soon be neighbours. */
static uint16_t hopeful_count(const struct sg_hpv *m)
{
    uint16_t count = 0;
    if (!sg_hpv_is_needy(m))
        return m->pending_count;
    for (uint8_t i = 0; i < m->pending_count; i++)
        count = (uint16_t)(count + (slow_at(m, &m->pending[i]) > m->last_now));
    return count;
}

static bool is_below_target(const struct sg_hpv *m)
{
    uint16_t target = sg_hpv_stranger_limit(m);
    if (target > m->config.active_target)
        target = m->config.active_target;
    return m->active_count + hopeful_count(m) < target;
}

static bool wants_more(const struct sg_hpv *m)
{
    return m->pending_count < sg_hpv_pending_limit(m) &&
           (is_below_target(m) || chosen_soon(m) < m->config.chosen_min);
}

static bool pick_contact(struct sg_hpv *m, bool has_failed, struct sg_peer_id *picked)
{
    return is_below_target(m) && sg_hpv_contact_pick(m, has_failed, picked);
}

/* Contacts have places of their own; with nobody better to ask they take others, too. */
static bool ask_candidate(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    enum sg_hpv_purpose purpose = SG_HPV_FOR_REPAIR;
    for (int has_failed = 0; has_failed <= 1; has_failed++) {
        /* names that failed before leave half of the requests to those that the ladder brings */
        if (has_failed == 1 && m->pending_count >= SG_HPV_PENDING_MAX / 2)
            break;
        bool found = pick_candidate(m, has_failed == 1, &peer);
        if (!found && pick_contact(m, has_failed == 1, &peer)) {
            found = true;
            purpose = SG_HPV_FOR_CONTACT;
        }
        if (!found)
            continue;
        sg_hpv_request(m, &peer, purpose, out);
        return true;
    }
    return false;
}

/* Nobody can be asked now. After the pause everybody can: perhaps it was our own link that broke,
 * so what is known of the candidates does not count for who is alone. */
static void say_isolated(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    repair_pause(m);
    sg_hpv_emit(out, SG_HPV_OUT_ISOLATED, &m->self);
    if (m->active_count > 0)
        return;
    for (uint16_t i = 0; i < m->passive_count; i++)
        m->trial[i].retry_at = sg_time_min(m->trial[i].retry_at, m->repair_at);
    for (uint16_t i = 0; i < m->contact_count; i++) {
        struct sg_hpv_trial *trial = &m->contacts[i].trial;
        trial->retry_at = sg_time_min(trial->retry_at, m->repair_at);
    }
}

/* Whether somebody else has to find candidates: nobody that we know answers. */
static bool is_lost(const struct sg_hpv *m)
{
    bool is_needy = m->active_count == 0 || (sg_hpv_is_needy(m) && m->last_now < m->needy_until);
    return is_needy && hopeful_count(m) == 0;
}

void sg_hpv_repair(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    bool is_alone = m->active_count == 0;
    bool is_paused = m->last_now < m->repair_at;
    sg_hpv_contact_ask(m, out);
    /* who is alone asks one candidate after the other; a pause is then only one of ISOLATED */
    if (is_paused && !is_alone)
        return;
    while (wants_more(m) && ask_candidate(m, out))
        ;
    if (is_lost(m) && wants_more(m) && !is_paused)
        say_isolated(m, out);
}

/* When the first candidate that is not asked already may be asked. */
static sg_time_ns next_trial(const struct sg_hpv *m)
{
    bool takes_failed = m->pending_count < SG_HPV_PENDING_MAX / 2;
    sg_time_ns first = is_below_target(m) ? sg_hpv_contact_trial(m, takes_failed) : SG_TIME_NEVER;
    for (uint16_t i = 0; i < m->passive_count; i++)
        if ((takes_failed || m->trial[i].failures == 0) && m->trial[i].retry_at < first &&
            sg_hpv_pending_find(m, &m->passive[i]) == SG_HPV_NONE &&
            !sg_hpv_is_flapping(m, &m->passive[i]))
            first = m->trial[i].retry_at;
    return first;
}

static sg_time_ns stranger_deadline(const struct sg_hpv *m)
{
    if (!wants_more(m))
        return SG_TIME_NEVER;
    sg_time_ns trial = next_trial(m);
    if (is_lost(m))
        return m->active_count == 0 ? sg_time_min(trial, m->repair_at) : m->repair_at;
    if (m->active_count == 0)
        return trial;
    return trial > m->repair_at ? trial : m->repair_at;
}

/* When a needy node gives up hope for a request and asks one more. */
static sg_time_ns hope_deadline(const struct sg_hpv *m)
{
    sg_time_ns first = SG_TIME_NEVER;
    if (!sg_hpv_is_needy(m) || m->pending_count == SG_HPV_PENDING_MAX)
        return SG_TIME_NEVER;
    for (uint8_t i = 0; i < m->pending_count; i++) {
        sg_time_ns at = slow_at(m, &m->pending[i]);
        if (at > m->last_now)
            first = sg_time_min(first, at);
    }
    return first;
}

sg_time_ns sg_hpv_repair_deadline(const struct sg_hpv *m)
{
    sg_time_ns first = sg_time_min(stranger_deadline(m), hope_deadline(m));
    return sg_time_min(first, sg_hpv_contact_deadline(m));
}

static bool may_exchange(const struct sg_hpv *m)
{
    return m->active_count >= m->config.active_target && m->pending_count < sg_hpv_pending_limit(m);
}

/* The one that was named for it, while it is a candidate that can be asked. */
static bool pick_bridge(struct sg_hpv *m, struct sg_peer_id *picked)
{
    uint16_t at = sg_hpv_passive_find(m, &m->bridge);
    bool is_askable = m->has_bridge && at != SG_HPV_NONE && m->trial[at].retry_at <= m->last_now &&
                      sg_hpv_pending_find(m, &m->bridge) == SG_HPV_NONE;
    m->has_bridge = false;
    *picked = m->bridge;
    return is_askable;
}

void sg_hpv_rotate(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    if (may_exchange(m) && (pick_bridge(m, &peer) || pick_any_candidate(m, &peer)))
        sg_hpv_request(m, &peer, SG_HPV_FOR_ROTATION, out);
}

void sg_hpv_cross(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    if (may_exchange(m) && pick_bridge(m, &peer))
        sg_hpv_request(m, &peer, SG_HPV_FOR_ROTATION, out);
}

void sg_hpv_probe_failed(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    if (may_exchange(m) && pick_candidate(m, true, &peer))
        sg_hpv_request(m, &peer, SG_HPV_FOR_ROTATION, out);
}
