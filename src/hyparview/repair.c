/* Keeping the active view at its target: requests that wait for an answer, candidates and what is
 * known of them, promotion with back-off, rotation. */
#include <assert.h>

#include "hyparview/internal.h"

/* A candidate that failed so often in a row may be forgotten. With doubling pauses between its
 * trials that is a quarter of an hour: longer than most partitions. */
#define FAILURES_MAX 8
/* Who is alone or nearly so for that long asks all its sources. */
#define ALONE_NS SG_NS_PER_S
/* Pauses of SPARSE grow to so many times those of repair. */
#define SPARSE_MAX 16
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
    m->ask_at = sg_time_add(m->last_now, m->config.stagger_ns);
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
        sg_hpv_promotion_failed(m);
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

void sg_hpv_candidate_failed(struct sg_hpv *m, const struct sg_peer_id *peer)
{
    sg_hpv_passive_offer(m, peer);
    struct sg_hpv_trial *trial = sg_hpv_trial_of(m, peer);
    if (trial == NULL)
        return;
    unsigned doublings =
        trial->failures < PAUSE_DOUBLINGS_MAX ? trial->failures : PAUSE_DOUBLINGS_MAX;
    uint64_t pause = sg_hpv_jitter(m, m->config.repair_backoff_max_ns << doublings);
    trial->retry_at = sg_time_add(m->last_now, pause);
    if (trial->failures < FAILURES_MAX)
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
    m->sparse_at = sg_time_add(m->last_now, ALONE_NS);
    m->sparse_pause_ns = m->config.repair_backoff_ns;
}

bool sg_hpv_is_in_need(const struct sg_hpv *m)
{
    return 2 * m->active_count < m->config.active_target;
}

uint8_t sg_hpv_pending_limit(const struct sg_hpv *m)
{
    return sg_hpv_is_in_need(m) ? SG_HPV_PENDING_MAX : SG_HPV_PENDING_USUAL;
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

void sg_hpv_promotion_refused(struct sg_hpv *m)
{
    if (m->active_count > 0)
        repair_pause(m);
}

void sg_hpv_promotion_failed(struct sg_hpv *m)
{
    if (!sg_hpv_is_in_need(m))
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

static bool is_below_target(const struct sg_hpv *m)
{
    uint16_t target = sg_hpv_stranger_limit(m);
    if (target > m->config.active_target)
        target = m->config.active_target;
    return m->active_count + m->pending_count < target;
}

/* Among many dead names four requests at a time, each as long as a handshake's timeout, take
 * minutes. Who is in need therefore asks one more every stagger_ns, as "happy eyeballs" (RFC 8305)
 * do with addresses: where most are alive, it stops being in need before that. */
static bool may_ask_extra(const struct sg_hpv *m)
{
    return sg_hpv_is_in_need(m) && m->pending_count < SG_HPV_PENDING_MAX;
}

static bool may_ask_usual(const struct sg_hpv *m)
{
    return m->pending_count < SG_HPV_PENDING_USUAL &&
           (is_below_target(m) || chosen_soon(m) < m->config.chosen_min);
}

static bool wants_more(const struct sg_hpv *m)
{
    return may_ask_usual(m) || (may_ask_extra(m) && m->ask_at <= m->last_now);
}

static bool pick_contact(struct sg_hpv *m, bool has_failed, struct sg_peer_id *picked)
{
    return (sg_hpv_is_in_need(m) || is_below_target(m)) &&
           sg_hpv_contact_pick(m, has_failed, picked);
}

/* Contacts have places of their own; with nobody better to ask they take others, too. */
static bool ask_candidate(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    enum sg_hpv_purpose purpose = SG_HPV_FOR_REPAIR;
    for (int has_failed = 0; has_failed <= 1; has_failed++) {
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

/* Whether somebody can be asked now who has not failed. */
static bool has_fresh(const struct sg_hpv *m)
{
    for (uint16_t i = 0; i < m->passive_count; i++)
        if (m->trial[i].failures == 0 && may_ask(m, i))
            return true;
    return false;
}

/* After the pause everybody can be asked: perhaps it was our own link that broke, so what is known
 * of the candidates does not count for who is alone and waits for nobody. */
static void forgive(struct sg_hpv *m)
{
    for (uint16_t i = 0; i < m->passive_count; i++)
        m->trial[i].retry_at = sg_time_min(m->trial[i].retry_at, m->repair_at);
    for (uint16_t i = 0; i < m->contact_count; i++) {
        struct sg_hpv_trial *trial = &m->contacts[i].trial;
        trial->retry_at = sg_time_min(trial->retry_at, m->repair_at);
    }
}

/* When the ladder is climbed next, by who is alone. */
static sg_time_ns isolated_at(const struct sg_hpv *m)
{
    bool waits = m->pending_count > 0 || has_fresh(m);
    sg_time_ns at = waits ? sg_time_add(m->alone_since, ALONE_NS) : m->last_now;
    return at > m->repair_at ? at : m->repair_at;
}

static void say_isolated(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    if (m->active_count > 0 || isolated_at(m) > m->last_now)
        return;
    repair_pause(m);
    if (m->pending_count == 0)
        forgive(m);
    sg_hpv_emit(out, SG_HPV_OUT_ISOLATED, &m->self);
}

/* A few that have found each other among the dead are as lost as one that is alone. */
static sg_time_ns sparse_at(const struct sg_hpv *m)
{
    bool is_sparse = m->active_count > 0 && sg_hpv_is_in_need(m);
    return is_sparse && !has_fresh(m) ? m->sparse_at : SG_TIME_NEVER;
}

static void say_sparse(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    if (sparse_at(m) > m->last_now)
        return;
    /* a small network stays so for ever */
    uint64_t max = SPARSE_MAX * m->config.repair_backoff_max_ns;
    uint64_t pause = sg_hpv_jitter(m, m->sparse_pause_ns);
    m->sparse_at = sg_time_add(m->last_now, pause > 0 ? pause : 1);
    m->sparse_pause_ns = m->sparse_pause_ns > max / 2 ? max : m->sparse_pause_ns * 2;
    sg_hpv_emit(out, SG_HPV_OUT_SPARSE, &m->self);
}

void sg_hpv_repair(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    sg_hpv_contact_ask(m, out);
    /* for who is alone a pause is only one of ISOLATED */
    bool may_ask_now = m->last_now >= m->repair_at || m->active_count == 0;
    while (may_ask_now && wants_more(m) && ask_candidate(m, out))
        ;
    say_isolated(m, out);
    say_sparse(m, out);
}

/* When the first candidate that is not asked already may be asked. */
static sg_time_ns next_trial(const struct sg_hpv *m)
{
    bool takes_contacts = sg_hpv_is_in_need(m) || is_below_target(m);
    sg_time_ns first = takes_contacts ? sg_hpv_contact_trial(m) : SG_TIME_NEVER;
    for (uint16_t i = 0; i < m->passive_count; i++)
        if (m->trial[i].retry_at < first && sg_hpv_pending_find(m, &m->passive[i]) == SG_HPV_NONE &&
            !sg_hpv_is_flapping(m, &m->passive[i]))
            first = m->trial[i].retry_at;
    return first;
}

static sg_time_ns later(sg_time_ns a, sg_time_ns b)
{
    return a > b ? a : b;
}

static sg_time_ns stranger_deadline(const struct sg_hpv *m)
{
    bool is_usual = may_ask_usual(m);
    if (!is_usual && !may_ask_extra(m))
        return SG_TIME_NEVER;
    sg_time_ns at = next_trial(m);
    if (m->active_count > 0)
        at = later(at, m->repair_at);
    return is_usual ? at : later(at, m->ask_at);
}

sg_time_ns sg_hpv_repair_deadline(const struct sg_hpv *m)
{
    sg_time_ns at = sg_time_min(stranger_deadline(m), sg_hpv_contact_deadline(m));
    at = sg_time_min(at, sparse_at(m));
    return m->active_count == 0 ? sg_time_min(at, isolated_at(m)) : at;
}

static bool may_exchange(const struct sg_hpv *m)
{
    return m->active_count >= m->config.active_target && m->pending_count < SG_HPV_PENDING_USUAL;
}

void sg_hpv_rotate(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    if (may_exchange(m) && pick_any_candidate(m, &peer))
        sg_hpv_request(m, &peer, SG_HPV_FOR_ROTATION, out);
}

void sg_hpv_probe_failed(struct sg_hpv *m, struct sg_hpv_outbox *out)
{
    struct sg_peer_id peer;
    if (may_exchange(m) && pick_candidate(m, true, &peer))
        sg_hpv_request(m, &peer, SG_HPV_FOR_ROTATION, out);
}
