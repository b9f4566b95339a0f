/* Probing: whom to ping when, what follows when nobody answers, and our own health.
 *
 * A probe is a ping, then after its timeout PING_REQs to others, then at the end of the window a
 * failure. Where links make a difference, neighbours are watched (pinged when silent), and each
 * period one of the others has its turn: one without a link whenever the pause after the last such
 * is over, else one that is linked but not watched. */
#include "swim/internal.h"

/* A ping without a link first needs a handshake: two more round trips and the work of the keys. */
#define DIAL_FACTOR 3
/* A path so slow that an answer takes longer than the window gets more time, up to this factor. */
#define SLOW_FACTOR 4
/* Loss that counts as heavy, and on how many links it must be seen to be taken for our own. */
#define LOSSY_PERMILLE 200
#define LOSSY_LINKS_MIN 4
#define RTT_MS_MAX 60000
/* Unwatched links are probed when silent for so many periods, and looked at every other period. */
#define UNWATCHED_PERIODS 3
#define LOOK_PERIODS 2
/* So many are watched every watch_ns; more of them less often, down to that for so many. */
#define WATCHED_FEW 6
#define WATCHED_MANY 10

/* ---- times ---- */

static uint64_t scaled(const struct sg_swim *m, uint64_t ns)
{
    return ns * (m->health + UINT64_C(1));
}

static uint64_t timeout_of(const struct sg_swim *m, const struct sg_swim_member *e)
{
    uint64_t ns = e->rtt_ms * SG_NS_PER_MS;
    if (ns == 0 || ns > m->config.timeout_max_ns)
        ns = m->config.timeout_max_ns;
    else if (ns < m->config.timeout_min_ns)
        ns = m->config.timeout_min_ns;
    /* memberlist stretches only the time until the probe has failed */
    return m->config.proofs ? scaled(m, ns) : ns;
}

static uint64_t window_of(const struct sg_swim *m, const struct sg_swim_member *e)
{
    uint64_t ns = e->rtt_ms * SG_NS_PER_MS;
    if (ns > SLOW_FACTOR * m->config.window_ns)
        ns = SLOW_FACTOR * m->config.window_ns;
    return scaled(m, ns > m->config.window_ns ? ns : m->config.window_ns);
}

static void set_times(struct sg_swim *m, struct sg_swim_probe *p)
{
    const struct sg_swim_member *e = &m->member[p->slot];
    uint64_t factor = p->is_dialled ? DIAL_FACTOR : 1;
    p->end = sg_time_add(m->now, factor * window_of(m, e));
    sg_time_ns due = sg_time_add(m->now, factor * timeout_of(m, e));
    if (p->stage == SG_SWIM_INDIRECT || due > p->end)
        due = p->end;
    sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_PROBE + (p - m->probe)), due);
}

/* ---- local health (Lifeguard s4.1) ---- */

void sg_swim_health_add(struct sg_swim *m, int delta)
{
    int health = m->health + delta;
    if (!m->config.lha_probe)
        return;
    if (health < 0)
        health = 0;
    if (health >= m->config.awareness_max)
        health = m->config.awareness_max - 1;
    m->health = (uint8_t)health;
}

void sg_swim_on_rtt(struct sg_swim *m, uint16_t slot, const struct sg_swim_in *in)
{
    struct sg_swim_member *e = &m->member[slot];
    const uint64_t most_ns = RTT_MS_MAX * SG_NS_PER_MS;
    uint64_t srtt_ns = in->srtt_ns < most_ns / 8 ? in->srtt_ns : most_ns / 8;
    uint64_t var_ns = in->rttvar_ns < most_ns / 8 ? in->rttvar_ns : most_ns / 8;
    uint64_t ms = (2 * srtt_ns + 4 * var_ns) / SG_NS_PER_MS;
    bool is_lossy = in->lost_permille >= LOSSY_PERMILLE;
    if (!e->is_linked)
        return;
    e->rtt_ms = (uint16_t)(ms > 0 ? ms : 1);
    m->lossy_count = (uint16_t)(m->lossy_count - e->is_lossy + is_lossy);
    e->is_lossy = is_lossy;
    /* most links lose much at once: what they have in common is we */
    if (!is_lossy || m->linked_count < LOSSY_LINKS_MIN || 2 * m->lossy_count <= m->linked_count ||
        sg_time_since(m->now, m->lossy_at) < m->config.period_ns)
        return;
    m->lossy_at = m->now;
    sg_swim_health_add(m, 1);
}

bool sg_swim_is_alone(const struct sg_swim *m)
{
    return m->config.proofs && m->linked_count == 0 && m->ring_count >= 3;
}

/* ---- one probe ---- */

static struct sg_swim_probe *begin(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    if (e->probe != 0)
        return NULL;
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++) {
        struct sg_swim_probe *p = &m->probe[i];
        if (p->stage != SG_SWIM_IDLE)
            continue;
        *p = (struct sg_swim_probe){
            .seq = m->seq++,
            .slot = slot,
            .heap_at = SG_SWIM_NONE,
            .stage = SG_SWIM_DIRECT,
            .is_dialled = m->config.dial_interval_ns > 0 && !e->is_linked,
        };
        e->probe = (uint8_t)(i + 1);
        return p;
    }
    return NULL;
}

static void end(struct sg_swim *m, struct sg_swim_probe *p)
{
    sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_PROBE + (p - m->probe)), SG_TIME_NEVER);
    m->member[p->slot].probe = 0;
    m->has_ring_probe = m->has_ring_probe && !p->is_ring;
    p->stage = SG_SWIM_IDLE;
    p->asked = 0;
}

/* What the member should know is said of it: Lifeguard's buddy system (s4.3), and for the dead. */
static bool said_of(const struct sg_swim *m, const struct sg_swim_member *e,
                    struct sg_swim_rumor *rumor)
{
    *rumor = (struct sg_swim_rumor){.kind = SG_SWIM_SUSPECT,
                                    .member = e->id,
                                    .incarnation = e->incarnation,
                                    .accuser = m->self};
    if (e->state == SG_SWIM_IS_DEAD) {
        rumor->kind = SG_SWIM_DEAD;
        return true;
    }
    return m->config.buddy && e->suspicion != SG_SWIM_NONE &&
           !m->suspicion[e->suspicion].is_private;
}

static struct sg_swim_probe *ping(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_rumor rumor;
    struct sg_swim_probe *p = begin(m, slot);
    if (p == NULL)
        return NULL;
    const struct sg_swim_member *e = &m->member[slot];
    struct sg_swim_to to = {.peer = &e->id, .kind = SG_SWIM_PING, .seq = p->seq};
    if (said_of(m, e, &rumor))
        to.first = &rumor;
    set_times(m, p);
    sg_swim_send(m, &to);
    return p;
}

void sg_swim_ask(struct sg_swim *m, uint16_t slot)
{
    if (sg_swim_has_room(m))
        (void)ping(m, slot);
}

/* SWIM s3.1: others try. Their NACKs are expected where they can be here in time; by memberlist
 * always, so that there a failed probe of a prober in good health counts three. */
static void go_indirect(struct sg_swim *m, struct sg_swim_probe *p)
{
    p->stage = SG_SWIM_INDIRECT;
    p->asked = sg_swim_pick(m, SG_SWIM_TO_RELAY, p->slot, m->config.indirect, p->relay);
    uint64_t left = sg_time_since(p->end, m->now);
    for (uint8_t i = 0; i < p->asked; i++) {
        const struct sg_swim_member *e = &m->member[p->relay[i]];
        struct sg_swim_to to = {.peer = &e->id,
                                .kind = SG_SWIM_PING_REQ,
                                .seq = p->seq,
                                .target = &m->member[p->slot].id};
        if (!m->config.proofs || left >= sg_swim_relay_ns(&m->config) + e->rtt_ms * SG_NS_PER_MS)
            p->expected |= (uint8_t)(1U << i);
        sg_swim_send(m, &to);
    }
    sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_PROBE + (p - m->probe)), p->end);
}

static int count_bits(uint8_t bits)
{
    int count = 0;
    for (; bits != 0; bits &= (uint8_t)(bits - 1))
        count++;
    return count;
}

static void fail(struct sg_swim *m, struct sg_swim_probe *p)
{
    uint16_t slot = p->slot;
    bool is_dead = p->is_dead;
    int missing = count_bits((uint8_t)(p->expected & ~p->nacked));
    int delta = p->expected == 0 ? 1 : missing;
    /* whom we never had a link to says nothing about us */
    if (!p->is_dialled)
        sg_swim_health_add(m, delta);
    else if (!is_dead)
        sg_swim_alarm(m); /* where one is not there, others may not be either */
    end(m, p);
    m->stats.probes_failed++;
    if (is_dead)
        return;
    sg_swim_watch_arm(m, slot);
    if (!sg_swim_is_alone(m))
        sg_swim_accuse_ourselves(m, slot);
}

void sg_swim_probe_due(struct sg_swim *m, uint8_t at)
{
    struct sg_swim_probe *p = &m->probe[at];
    if (p->stage == SG_SWIM_DIRECT && !p->is_dead && m->now < p->end)
        go_indirect(m, p);
    else if (m->now < p->end)
        sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_PROBE + at), p->end);
    else
        fail(m, p);
}

/* Who watches many is watched by many, so each may look less often: a crash is noticed by the one
 * whose turn comes first. */
static uint64_t watch_interval(const struct sg_swim *m)
{
    uint32_t watched = m->watched_count;
    if (watched < WATCHED_FEW)
        watched = WATCHED_FEW;
    if (watched > WATCHED_MANY)
        watched = WATCHED_MANY;
    return m->config.watch_ns * watched / WATCHED_FEW;
}

/* Two who watch each other take turns: who has pinged waits longer, who was pinged less long. An
 * acknowledgement of QUIC then travels with the next ping; several in a row that carry nothing else
 * would have to be acknowledged themselves. */
static uint64_t turn_ns(const struct sg_swim *m, uint64_t interval)
{
    return interval / 100 * m->config.jitter_percent / 2;
}

static void watch_arm_after_ping(struct sg_swim *m, uint16_t slot)
{
    uint16_t timer = (uint16_t)(SG_SWIM_T_WATCH + slot);
    sg_swim_watch_arm(m, slot);
    if (m->member[slot].is_watched && m->config.watch_ns > 0)
        sg_swim_timer_set(m, timer, sg_swim_timer_get(m, timer) + turn_ns(m, watch_interval(m)));
}

void sg_swim_probe_success(struct sg_swim *m, uint8_t at)
{
    struct sg_swim_probe *p = &m->probe[at];
    uint16_t slot = p->slot;
    if (p->is_ring && p->is_dialled &&
        m->dial_pause_ns < SG_SWIM_CALM_FACTOR * m->config.dial_interval_ns)
        m->dial_pause_ns *= 2;
    end(m, p);
    sg_swim_health_add(m, -1);
    watch_arm_after_ping(m, slot);
}

void sg_swim_probe_cancel(struct sg_swim *m, uint16_t slot)
{
    if (m->member[slot].probe != 0)
        end(m, &m->probe[m->member[slot].probe - 1]);
}

void sg_swim_probe_unlinked(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_member *e = &m->member[slot];
    if (e->state == SG_SWIM_IS_DEAD) {
        sg_swim_probe_cancel(m, slot);
        return;
    }
    bool is_new = e->probe == 0;
    struct sg_swim_probe *p = is_new ? begin(m, slot) : &m->probe[e->probe - 1];
    if (p == NULL || p->stage == SG_SWIM_INDIRECT)
        return;
    if (is_new)
        p->is_dialled = false;
    p->stage = SG_SWIM_INDIRECT;
    set_times(m, p);
    go_indirect(m, p);
}

/* Without a way to the member we are no witness: whom we cannot ask we do not accuse. Others may
 * reach one that has no address here; if not, it goes as one goes who never was there. */
void sg_swim_probe_untried(struct sg_swim *m, uint16_t slot, const struct sg_swim_in *in)
{
    struct sg_swim_member *e = &m->member[slot];
    struct sg_swim_probe *p = e->probe != 0 ? &m->probe[e->probe - 1] : NULL;
    if (p == NULL || p->seq != in->seq || p->stage != SG_SWIM_DIRECT)
        return;
    if (!in->is_lasting || e->state != SG_SWIM_IS_ALIVE) {
        end(m, p);
        return;
    }
    e->is_met = false;
    go_indirect(m, p);
}

static bool is_asked(const struct sg_swim *m, const struct sg_swim_probe *p,
                     const struct sg_peer_id *peer, uint8_t *which)
{
    for (uint8_t i = 0; i < p->asked; i++) {
        *which = i;
        if (p->relay[i] != SG_SWIM_NONE && sg_peer_id_equal(&m->member[p->relay[i]].id, peer))
            return true;
    }
    return false;
}

void sg_swim_on_ack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq)
{
    uint8_t which;
    if (sg_swim_relay_ack(m, from, seq))
        return;
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++) {
        struct sg_swim_probe *p = &m->probe[i];
        if (p->stage == SG_SWIM_IDLE || p->seq != seq)
            continue;
        if (sg_peer_id_equal(&m->member[p->slot].id, from) || is_asked(m, p, from, &which))
            sg_swim_probe_success(m, i);
        return;
    }
}

void sg_swim_on_nack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq)
{
    uint8_t which;
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++) {
        struct sg_swim_probe *p = &m->probe[i];
        if (p->stage == SG_SWIM_INDIRECT && p->seq == seq && is_asked(m, p, from, &which))
            p->nacked |= (uint8_t)(1U << which);
    }
}

/* ---- the watch ---- */

void sg_swim_watch_arm(struct sg_swim *m, uint16_t slot)
{
    if (m->member[slot].is_watched && m->config.watch_ns > 0)
        sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_WATCH + slot),
                          sg_swim_after(m, watch_interval(m)));
}

/* Without this the timer would catch up with the time below, which wakes a node that sleeps; but
 * not for each frame of many. */
void sg_swim_watch_heard(struct sg_swim *m, uint16_t slot)
{
    if (!m->member[slot].is_watched || m->config.watch_ns == 0)
        return;
    uint16_t timer = (uint16_t)(SG_SWIM_T_WATCH + slot);
    uint64_t interval = watch_interval(m);
    if (sg_time_since(sg_swim_timer_get(m, timer), m->now) >= interval / 2)
        return;
    sg_swim_timer_set(m, timer, sg_swim_after(m, interval) - turn_ns(m, interval));
}

/* HEARD may only note the time; here the timer catches up with it. */
void sg_swim_watch_due(struct sg_swim *m, uint16_t slot)
{
    const struct sg_swim_member *e = &m->member[slot];
    uint64_t jitter = m->config.jitter_percent < 60 ? m->config.jitter_percent : 60;
    uint64_t least = watch_interval(m) / 100 * (100 - jitter - jitter / 2);
    uint64_t silence = sg_time_since(m->now, e->heard);
    sg_swim_watch_arm(m, slot);
    if (e->heard != 0 && silence < least) {
        sg_time_ns at = sg_swim_timer_get(m, (uint16_t)(SG_SWIM_T_WATCH + slot));
        sg_time_ns earlier = at > silence ? at - silence : 0;
        sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_WATCH + slot),
                          earlier > m->now ? earlier : m->now + 1);
        return;
    }
    (void)ping(m, slot);
}

/* ---- the period ---- */

static bool probe_in_turn(struct sg_swim *m, uint16_t slot)
{
    struct sg_swim_probe *p = ping(m, slot);
    if (p == NULL)
        return false;
    p->is_ring = true;
    m->has_ring_probe = true;
    return true;
}

/* SWIM s4.3: round robin in a random order that changes after each round. */
static bool next_in_ring(struct sg_swim *m, bool only_unlinked)
{
    for (uint32_t i = 0; i < 2 * (uint32_t)m->ring_count; i++) {
        if (m->ring_next >= m->ring_count)
            sg_swim_ring_shuffle(m);
        uint16_t slot = m->ring[m->ring_next++];
        if (m->config.random_target)
            slot = m->ring[sg_prng_below(&m->prng, m->ring_count)];
        if (only_unlinked && m->member[slot].is_linked)
            continue;
        if (probe_in_turn(m, slot))
            return true;
    }
    return false;
}

static bool next_linked(struct sg_swim *m)
{
    for (uint16_t i = 0; i < m->ring_count; i++) {
        m->linked_next = (uint16_t)((m->linked_next + 1) % m->ring_count);
        uint16_t slot = m->ring[m->linked_next];
        const struct sg_swim_member *e = &m->member[slot];
        if (!e->is_linked || e->is_watched ||
            sg_time_since(m->now, e->heard) < UNWATCHED_PERIODS * m->config.period_ns)
            continue;
        if (probe_in_turn(m, slot))
            return true;
    }
    return false;
}

void sg_swim_probe_next(struct sg_swim *m)
{
    if (m->config.dial_interval_ns == 0) {
        (void)next_in_ring(m, false);
        return;
    }
    if (m->dial_at == 0) /* who starts together does not probe at once */
        m->dial_at = sg_swim_after(m, m->dial_pause_ns);
    if (m->now >= m->dial_at && next_in_ring(m, true))
        m->dial_at = sg_swim_after(m, m->dial_pause_ns);
    else if (m->linked_count > m->watched_count)
        (void)next_linked(m);
}

void sg_swim_alarm(struct sg_swim *m)
{
    if (m->config.dial_interval_ns == 0 || m->dial_pause_ns == m->config.dial_interval_ns)
        return;
    m->dial_pause_ns = m->config.dial_interval_ns;
    sg_time_ns soon = sg_swim_after(m, m->dial_pause_ns);
    m->dial_at = sg_time_min(m->dial_at, soon);
    sg_swim_period_soon(m);
}

void sg_swim_period(struct sg_swim *m)
{
    sg_time_ns next = sg_time_add(m->global_due[SG_SWIM_T_PERIOD], m->config.period_ns);
    if (m->config.proofs || next <= m->now)
        next = sg_swim_after(m, m->config.period_ns);
    if (m->has_ring_probe)
        m->is_late_tick = true;
    else
        sg_swim_probe_next(m);
    /* only those without a link are left to probe, and their time has not come */
    if (m->config.dial_interval_ns > 0 && !m->has_ring_probe && next < m->dial_at) {
        sg_time_ns idle = sg_swim_after(m, LOOK_PERIODS * m->config.period_ns);
        next = m->linked_count > m->watched_count ? sg_time_min(idle, m->dial_at) : m->dial_at;
    }
    sg_swim_timer_set(m, SG_SWIM_T_PERIOD, next);
}

void sg_swim_period_soon(struct sg_swim *m)
{
    /* the first has a random offset: nodes that start together must not probe together */
    if (!sg_swim_timer_is_set(m, SG_SWIM_T_PERIOD))
        return;
    sg_time_ns next = sg_swim_after(m, m->config.period_ns);
    if (next < sg_swim_timer_get(m, SG_SWIM_T_PERIOD))
        sg_swim_timer_set(m, SG_SWIM_T_PERIOD, next);
}

void sg_swim_reconnect(struct sg_swim *m)
{
    uint16_t slot = m->dead[sg_prng_below(&m->prng, m->dead_count)];
    struct sg_swim_probe *p = ping(m, slot);
    if (p != NULL)
        p->is_dead = true;
    sg_swim_timer_set(m, SG_SWIM_T_RECONNECT, sg_swim_after(m, m->config.reconnect_ns));
}

void sg_swim_probes_restart(struct sg_swim *m)
{
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++)
        if (m->probe[i].stage != SG_SWIM_IDLE)
            set_times(m, &m->probe[i]);
}
