/* SWIM (Das, Gupta, Motivala, DSN 2002) with Lifeguard (Dadgar, Phillips, Currey, 2017).
 *
 * Every member probes others: a ping, then PING_REQs through some third ones, and who answers
 * neither is suspected. A suspicion is gossiped; the suspect hears of it and refutes by a higher
 * incarnation; who does not in time is dead. Lifeguard adds that a member doubts itself first:
 * missing NACKs raise its local health counter, which stretches its timeouts; a suspicion by one
 * lasts long and shortens with every independent accuser; a suspect is told of its suspicion by
 * whoever pings it.
 *
 *   probe.c     whom to ping when, indirect probes, local health, the watch
 *   relay.c     probes for others
 *   suspect.c   accusations, verdicts, signs of life: what is believed
 *   stranger.c  accused who are not in the table; settled.c those on whom there is a verdict
 *   self.c      our own incarnation
 *   queue.c     rumors, piggyback, flood
 *   exchange.c  links, tables, records, hearsay
 *   table.c     members; timer.c deadlines; scale.c logarithms; check.c, view.c
 *
 * As in the papers (sg_swim_config_paper) it does what memberlist does: probes on a grid of
 * periods, a probe lasts its whole period (times local health + 1) before it fails, and a period
 * that begins meanwhile waits; alive or dead with a higher incarnation is believed, an answer alone
 * does not clear a suspicion; verdicts in tables start our own suspicion; the dead are gossiped to
 * for 30 s. NACK, too, is sent as memberlist does, after a whole timeout (the paper: at 80 %), and
 * the direct timeout is not stretched: a prober in good health has just given up when the NACKs
 * come, counts them as missing and is slower for its next probes. That is what makes Lifeguard's
 * 99 % in the paper's table later than SWIM's.
 *
 * In this overlay (the default) some things are different, and why:
 *
 * - A ping to a stranger costs a post-quantum handshake. So neighbours are watched closely (pinged
 *   when nothing was heard for 1.1 s, or up to 2 s by who watches many; anything they send is an
 *   answer), and members without a link are probed one in 80 s; one in 10 s after somebody was
 *   accused, and then ever less often again. With 8 and more watchers for each
 *   member a crash is noticed at once.
 * - News floods over the watched links, once per node, before it is piggybacked as usual.
 * - Nobody's word kills. DEAD of others is one more accusation; every node lets its own timer run
 *   out. Nobody's word resurrects either: ALIVE adds the unknown and is nothing else. Only the
 *   subject sets its incarnation: by HELLO and table of its own link, and by signed records.
 *   Accusations with a higher number than we know are brought down to it, else one lie with the
 *   largest number would never go stale.
 * - What is heard at first hand clears a suspicion or a verdict here at once, the subject is told
 *   what is said of it, and for some seconds other accusations of that incarnation are ignored:
 *   those still under way would otherwise start the suspicion again as news, in a storm without
 *   end.
 * - A member never met that does not answer us is not accused: we wait whether others accuse it,
 *   and else drop it without a verdict. Made-up ids so cost a dial each and no alarm.
 * - A lost link is no proof, but a reason to have the peer probed by others at once.
 * - A machine that is woken late judges nobody for it: probes under way begin anew, suspicions get
 *   the lost time back, local health falls. One without any link (and at least 3 members) does not
 *   judge at all: it cannot know who failed.
 * - QUIC's round-trip time sets timeouts per peer. A path slower than the window gets a longer one.
 *   When more than half of at least 4 links lose 20 % or more, that is our own side: local health.
 * - The dead are remembered and one is probed every 10 s, so that the halves of a healed network
 *   find each other. A table names the dead too: for its receiver, who knows better, each is an
 *   accusation, the accused refute, and both halves have each other back.
 * - Tables are exchanged soon again while they bring members we did not know, then ever later.
 * - Above members_max the table keeps all with a link and of the others those with the smallest
 *   hash, keyed by a secret of this machine. Accusations of members outside it are passed on and
 *   judged under a budget (stranger.c), other rumors about them are not: a liar could flood the
 *   network with names.
 *
 * Deviation from the machine contract: tables grow on demand, from 16 members to the configured
 * maximum, because a simulator holds 100 000 machines. Where memory runs out, a link gives
 * SG_ERR_NO_MEMORY and nothing has changed; anything else that would need it (a member by hearsay,
 * a suspicion, a rumor) does not happen, as if the packet had been lost. */
#include "swim/swim.h"

#include <assert.h>

#include "swim/internal.h"

/* Longer intervals are a mistake, and these keep all arithmetic far from its limits. */
#define PERIOD_MAX_NS (600 * SG_NS_PER_S)
#define INTERVAL_MAX_NS (UINT64_C(365) * 24 * 3600 * SG_NS_PER_S)
#define FACTOR_MILLI_MAX 100000

struct sg_swim_config sg_swim_config_default(const struct sg_mem *mem)
{
    return (struct sg_swim_config){
        .mem = mem,
        .members_max = 256,
        .strangers_max = 64,
        .dead_max = 256,
        .period_ns = SG_NS_PER_S,
        .timeout_min_ns = 200 * SG_NS_PER_MS,
        .timeout_max_ns = 500 * SG_NS_PER_MS,
        .window_ns = 600 * SG_NS_PER_MS,
        .indirect = 3,
        .awareness_max = 8,
        .watch_ns = SG_NS_PER_S,
        .dial_interval_ns = 10 * SG_NS_PER_S,
        .alpha_milli = 4000,
        .beta_milli = 6000,
        .suspicion_min_ns = 1900 * SG_NS_PER_MS,
        .suspicion_cap_ns = 1900 * SG_NS_PER_MS,
        .confirmations = 3,
        .lambda_milli = 4000,
        .gossip_interval_ns = 200 * SG_NS_PER_MS,
        .gossip_fanout = 3,
        .gossip_dead_ns = 30 * SG_NS_PER_S,
        .flood = true,
        .push_pull_ns = 30 * SG_NS_PER_S,
        .reconnect_ns = 10 * SG_NS_PER_S,
        .dead_keep_ns = UINT64_C(24) * 3600 * SG_NS_PER_S,
        .jitter_percent = 20,
        .lha_probe = true,
        .lha_suspicion = true,
        .buddy = true,
        .proofs = true,
    };
}

struct sg_swim_config sg_swim_config_paper(const struct sg_mem *mem, bool lifeguard)
{
    struct sg_swim_config c = sg_swim_config_default(mem);
    c.timeout_min_ns = c.timeout_max_ns = 500 * SG_NS_PER_MS;
    c.window_ns = c.period_ns;
    c.watch_ns = 0;
    c.dial_interval_ns = 0;
    c.alpha_milli = 5000;
    c.beta_milli = lifeguard ? 6000 : 1000;
    c.suspicion_min_ns = 0;
    c.suspicion_cap_ns = SG_TIME_NEVER;
    c.flood = false;
    c.push_pull_ns = 90 * SG_NS_PER_S; /* memberlist: 30 s, times 3 for 65 .. 128 members */
    c.reconnect_ns = 0;
    c.jitter_percent = 0;
    c.lha_probe = c.lha_suspicion = c.buddy = lifeguard;
    c.proofs = false;
    return c;
}

static bool is_at_most(uint64_t interval_ns, uint64_t max_ns)
{
    return interval_ns > 0 && interval_ns <= max_ns;
}

static bool are_limits_valid(const struct sg_swim_config *c)
{
    return c->members_max > 0 && c->members_max <= SG_SWIM_MEMBERS_HARD && c->dead_max > 0 &&
           c->dead_max <= SG_SWIM_MEMBERS_HARD && c->indirect <= SG_SWIM_INDIRECT_HARD &&
           c->gossip_fanout <= SG_SWIM_INDIRECT_HARD && c->awareness_max > 0 &&
           c->confirmations <= SG_SWIM_CONFIRMATIONS_HARD &&
           c->strangers_max <= SG_SWIM_MEMBERS_HARD && c->jitter_percent < 100;
}

static bool is_probing_valid(const struct sg_swim_config *c)
{
    return is_at_most(c->period_ns, PERIOD_MAX_NS) && is_at_most(c->window_ns, c->period_ns) &&
           is_at_most(c->timeout_max_ns, c->window_ns) &&
           is_at_most(c->timeout_min_ns, c->timeout_max_ns) && c->watch_ns <= INTERVAL_MAX_NS &&
           c->dial_interval_ns <= INTERVAL_MAX_NS;
}

static bool is_suspicion_valid(const struct sg_swim_config *c)
{
    return c->alpha_milli <= FACTOR_MILLI_MAX && c->beta_milli >= 1000 &&
           c->beta_milli <= FACTOR_MILLI_MAX && c->suspicion_min_ns <= INTERVAL_MAX_NS &&
           c->suspicion_cap_ns > 0 && c->suspicion_min_ns <= c->suspicion_cap_ns;
}

static bool is_dissemination_valid(const struct sg_swim_config *c)
{
    return c->lambda_milli <= FACTOR_MILLI_MAX && c->gossip_interval_ns <= INTERVAL_MAX_NS &&
           c->push_pull_ns <= INTERVAL_MAX_NS && c->reconnect_ns <= INTERVAL_MAX_NS &&
           is_at_most(c->dead_keep_ns, INTERVAL_MAX_NS);
}

static void clear_timers(struct sg_swim *m)
{
    for (uint16_t i = 0; i < SG_SWIM_T_COUNT; i++) {
        m->global_at[i] = SG_SWIM_NONE;
        m->global_due[i] = SG_TIME_NEVER;
    }
    for (uint8_t i = 0; i < SG_SWIM_PROBES_MAX; i++)
        m->probe[i].heap_at = SG_SWIM_NONE;
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++)
        m->relay[i].heap_at = SG_SWIM_NONE;
}

sg_err sg_swim_new(struct sg_swim **out, const struct sg_swim_config *config,
                   const struct sg_swim_start *start)
{
    *out = NULL;
    if (config->mem == NULL || !are_limits_valid(config) || !is_probing_valid(config) ||
        !is_suspicion_valid(config) || !is_dissemination_valid(config))
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_swim *m = sg_mem_new(config->mem, 1, sizeof(*m));
    if (m == NULL)
        return SG_ERR_NO_MEMORY;
    m->config = *config;
    m->self = start->self;
    m->now = start->now;
    m->incarnation = start->incarnation;
    m->ghost_limit = sg_swim_ghost_limit(start->incarnation);
    m->pull_ns = config->push_pull_ns;
    m->dial_pause_ns = SG_SWIM_CALM_FACTOR * config->dial_interval_ns;
    m->slot_free = m->suspicion_free = SG_SWIM_NONE;
    m->settled_first = m->settled_until = SG_TIME_NEVER;
    sg_prng_init(&m->prng, start->seed);
    m->key[0] = sg_prng_next(&m->prng);
    m->key[1] = sg_prng_next(&m->prng);
    sg_swim_index_keys(m);
    m->seq = (uint32_t)sg_prng_next(&m->prng);
    sg_bucket_init(&m->floods, m->now, SG_SWIM_FLOOD_BURST);
    clear_timers(m);
    if (sg_swim_reserve(m) != SG_OK) {
        sg_swim_free(m);
        return SG_ERR_NO_MEMORY;
    }
    *out = m;
    return SG_OK;
}

void sg_swim_free(struct sg_swim *m)
{
    if (m == NULL)
        return;
    const struct sg_mem *mem = m->config.mem;
    sg_mem_free(mem, m->member);
    sg_mem_free(mem, m->ring);
    sg_mem_free(mem, m->dead);
    sg_mem_free(mem, m->index);
    sg_mem_free(mem, m->mark);
    sg_mem_free(mem, m->gone);
    sg_mem_free(mem, m->suspicion);
    sg_mem_free(mem, m->stranger);
    sg_mem_free(mem, m->stranger_tag);
    sg_mem_free(mem, m->settled);
    sg_mem_free(mem, m->queued);
    sg_mem_free(mem, m->said);
    sg_mem_free(mem, m->heap);
    sg_mem_free(mem, m);
}

/* ---- verify ---- */

static bool is_valid_rumor(const struct sg_swim *m, const struct sg_swim_rumor *rumor)
{
    bool is_by_subject = sg_peer_id_equal(&rumor->member, &rumor->accuser);
    switch (rumor->kind) {
    case SG_SWIM_ALIVE:
        return true;
    case SG_SWIM_SUSPECT:
    case SG_SWIM_FORGET:
        return !is_by_subject;
    case SG_SWIM_DEAD: /* memberlist's goodbye */
        return !is_by_subject || !m->config.proofs;
    }
    return false;
}

static bool is_valid_packet(const struct sg_swim *m, const struct sg_peer_id *from,
                            const struct sg_swim_packet *packet)
{
    if (packet->kind < SG_SWIM_PING || packet->kind > SG_SWIM_GOSSIP ||
        packet->count > SG_SWIM_RUMORS_MAX)
        return false;
    if (packet->kind == SG_SWIM_GOSSIP && packet->count == 0)
        return false;
    if (packet->kind == SG_SWIM_PING_REQ && sg_peer_id_equal(&packet->target, from))
        return false;
    for (uint8_t i = 0; i < packet->count; i++)
        if (!is_valid_rumor(m, &packet->rumor[i]))
            return false;
    return true;
}

static bool is_valid_table(const struct sg_peer_id *from, const struct sg_swim_table *table)
{
    if (table->count == 0 || table->count > SG_SWIM_TABLE_MAX ||
        !sg_peer_id_equal(&table->entry[0].member, from) ||
        table->entry[0].state != SG_SWIM_IS_ALIVE)
        return false;
    for (uint8_t i = 0; i < table->count; i++)
        if (table->entry[i].state < SG_SWIM_IS_ALIVE || table->entry[i].state > SG_SWIM_IS_DEAD)
            return false;
    return true;
}

static sg_err verify_forget(const struct sg_swim *m, const struct sg_peer_id *peer)
{
    uint16_t slot = sg_swim_slot(m, peer);
    if (slot == SG_SWIM_NONE || m->member[slot].state != SG_SWIM_IS_DEAD)
        return SG_ERR_NOT_FOUND;
    return SG_OK;
}

static sg_err verify_peer(struct sg_swim *m, const struct sg_swim_in *in)
{
    if (sg_peer_id_equal(&in->peer, &m->self))
        return SG_ERR_INVALID_ARGUMENT;
    if (in->kind == SG_SWIM_IN_PACKET)
        return is_valid_packet(m, &in->peer, in->packet) ? SG_OK : SG_ERR_PROTOCOL;
    if (in->kind == SG_SWIM_IN_TABLE)
        return is_valid_table(&in->peer, in->table) ? SG_OK : SG_ERR_PROTOCOL;
    if (in->kind == SG_SWIM_IN_FORGET)
        return verify_forget(m, &in->peer);
    if (in->kind == SG_SWIM_IN_LINK_UP && sg_swim_slot(m, &in->peer) == SG_SWIM_NONE)
        return sg_swim_reserve(m);
    return SG_OK;
}

static sg_err verify(struct sg_swim *m, const struct sg_swim_in *in)
{
    switch (in->kind) {
    case SG_SWIM_IN_TIMEOUT:
    case SG_SWIM_IN_HEARSAY:
    case SG_SWIM_IN_ANNOUNCE:
    case SG_SWIM_IN_LEAVE:
    case SG_SWIM_IN_RECORD:
        return SG_OK;
    case SG_SWIM_IN_PACKET:
    case SG_SWIM_IN_HEARD:
    case SG_SWIM_IN_LINK_UP:
    case SG_SWIM_IN_LINK_DOWN:
    case SG_SWIM_IN_WATCH:
    case SG_SWIM_IN_RTT:
    case SG_SWIM_IN_TABLE:
    case SG_SWIM_IN_FORGET:
    case SG_SWIM_IN_UNTRIED:
        return verify_peer(m, in);
    }
    return SG_ERR_INVALID_ARGUMENT;
}

/* ---- inputs ---- */

static void on_packet(struct sg_swim *m, const struct sg_swim_in *in)
{
    const struct sg_swim_packet *packet = in->packet;
    uint16_t slot = sg_swim_slot(m, &in->peer);
    struct sg_swim_to ack = {.peer = &in->peer, .kind = SG_SWIM_ACK, .seq = packet->seq};
    if (slot != SG_SWIM_NONE)
        sg_swim_life(m, slot);
    for (uint8_t i = 0; i < packet->count; i++) {
        /* a rumor may have made the teller's slot somebody else's */
        if (slot == SG_SWIM_NONE || !sg_peer_id_equal(&m->member[slot].id, &in->peer))
            slot = sg_swim_slot(m, &in->peer);
        sg_swim_on_rumor(m, &packet->rumor[i], slot);
    }
    switch (packet->kind) {
    case SG_SWIM_PING:
        sg_swim_send(m, &ack);
        break;
    case SG_SWIM_PING_REQ:
        sg_swim_on_ping_req(m, &in->peer, packet);
        break;
    case SG_SWIM_ACK:
        sg_swim_on_ack(m, &in->peer, packet->seq);
        break;
    case SG_SWIM_NACK:
        sg_swim_on_nack(m, &in->peer, packet->seq);
        break;
    case SG_SWIM_GOSSIP:
    case SG_SWIM_TABLE:
    case SG_SWIM_RECORD:
    case SG_SWIM_WANT:
        break;
    }
}

static void on_watch(struct sg_swim *m, uint16_t slot, bool on)
{
    const struct sg_swim_member *e = &m->member[slot];
    if (e->is_watched == on || !e->is_linked || e->state == SG_SWIM_IS_DEAD)
        return;
    sg_swim_set_watched(m, slot, on);
    if (on)
        sg_swim_watch_arm(m, slot);
    else
        sg_swim_period_soon(m);
}

static void on_forget(struct sg_swim *m, const struct sg_swim_in *in)
{
    uint16_t slot = sg_swim_slot(m, &in->peer);
    struct sg_swim_rumor rumor = {.kind = SG_SWIM_FORGET,
                                  .member = in->peer,
                                  .incarnation = m->member[slot].incarnation,
                                  .accuser = m->self};
    sg_swim_forget(m, slot, &rumor, SG_SWIM_NONE);
}

static void run_global(struct sg_swim *m, enum sg_swim_timer timer)
{
    switch (timer) {
    case SG_SWIM_T_PERIOD:
        sg_swim_period(m);
        break;
    case SG_SWIM_T_GOSSIP:
        sg_swim_gossip(m);
        sg_swim_timer_set(m, (uint16_t)timer, sg_swim_after(m, m->config.gossip_interval_ns));
        break;
    case SG_SWIM_T_PUSH_PULL:
        sg_swim_push_pull(m);
        break;
    case SG_SWIM_T_RECONNECT:
        sg_swim_reconnect(m);
        break;
    case SG_SWIM_T_EXPIRE:
        sg_swim_expire(m);
        break;
    case SG_SWIM_T_ANNOUNCE:
        sg_swim_announce_due(m);
        break;
    case SG_SWIM_T_FLOOD: /* done at the end of each input */
        sg_swim_timer_set(m, (uint16_t)timer, SG_TIME_NEVER);
        break;
    case SG_SWIM_T_STRANGER:
        sg_swim_strangers_due(m);
        break;
    case SG_SWIM_T_COUNT:
    case SG_SWIM_T_RELAY:
    case SG_SWIM_T_SUSPICION:
    case SG_SWIM_T_WATCH:
        break;
    }
}

static void run_timer(struct sg_swim *m, uint16_t timer)
{
    if (timer < SG_SWIM_T_COUNT)
        run_global(m, (enum sg_swim_timer)timer);
    else if (timer < SG_SWIM_T_RELAY)
        sg_swim_probe_due(m, (uint8_t)(timer - SG_SWIM_T_PROBE));
    else if (timer < SG_SWIM_T_SUSPICION)
        sg_swim_relay_due(m, (uint8_t)(timer - SG_SWIM_T_RELAY));
    else if (timer < SG_SWIM_T_WATCH)
        sg_swim_suspicion_due(m, (uint16_t)(timer - SG_SWIM_T_SUSPICION));
    else
        sg_swim_watch_due(m, (uint16_t)(timer - SG_SWIM_T_WATCH));
}

static void set_if(struct sg_swim *m, enum sg_swim_timer timer, bool is_wanted, uint64_t within_ns)
{
    if (sg_swim_timer_is_set(m, (uint16_t)timer) == is_wanted)
        return;
    uint64_t offset = is_wanted ? sg_prng_below(&m->prng, within_ns) : 0;
    sg_swim_timer_set(m, (uint16_t)timer,
                      is_wanted ? sg_time_add(m->now, offset + 1) : SG_TIME_NEVER);
}

/* Timers run only while they have something to do. */
static void arm(struct sg_swim *m)
{
    const struct sg_swim_config *c = &m->config;
    bool has_partners = c->dial_interval_ns > 0 ? m->linked_count > 0 : m->ring_count > 0;
    set_if(m, SG_SWIM_T_PERIOD, m->ring_count > 0, c->period_ns);
    set_if(m, SG_SWIM_T_GOSSIP, c->gossip_interval_ns > 0 && m->queued_count > 0 && has_partners,
           c->gossip_interval_ns);
    set_if(m, SG_SWIM_T_PUSH_PULL, c->push_pull_ns > 0 && has_partners, m->pull_ns);
    set_if(m, SG_SWIM_T_RECONNECT, c->reconnect_ns > 0 && m->dead_count > 0, c->reconnect_ns);
    sg_time_ns expire = SG_TIME_NEVER;
    if (m->dead_count > 0)
        expire = sg_time_add(m->member[m->dead[0]].since, c->dead_keep_ns);
    if (expire != sg_swim_timer_get(m, SG_SWIM_T_EXPIRE))
        sg_swim_timer_set(m, SG_SWIM_T_EXPIRE, expire);
}

static void on_timeout(struct sg_swim *m)
{
    uint16_t timer;
    while (sg_swim_timer_first(m, &timer) <= m->now && sg_swim_has_room(m)) {
        run_timer(m, timer);
        arm(m);
    }
}

/* Those about one member that is known. */
static void on_member(struct sg_swim *m, const struct sg_swim_in *in)
{
    uint16_t slot = sg_swim_slot(m, &in->peer);
    if (slot == SG_SWIM_NONE)
        return;
    if (in->kind == SG_SWIM_IN_HEARD) {
        sg_swim_life(m, slot);
        sg_swim_relay_heard(m, slot);
    } else if (in->kind == SG_SWIM_IN_WATCH) {
        on_watch(m, slot, in->on);
    } else if (in->kind == SG_SWIM_IN_UNTRIED) {
        sg_swim_probe_untried(m, slot, in);
    } else {
        sg_swim_on_rtt(m, slot, in);
    }
}

static void dispatch(struct sg_swim *m, const struct sg_swim_in *in)
{
    switch (in->kind) {
    case SG_SWIM_IN_TIMEOUT:
        on_timeout(m);
        break;
    case SG_SWIM_IN_PACKET:
        on_packet(m, in);
        break;
    case SG_SWIM_IN_HEARD:
    case SG_SWIM_IN_WATCH:
    case SG_SWIM_IN_RTT:
    case SG_SWIM_IN_UNTRIED:
        on_member(m, in);
        break;
    case SG_SWIM_IN_LINK_UP:
        sg_swim_on_link_up(m, in);
        break;
    case SG_SWIM_IN_LINK_DOWN:
        sg_swim_on_link_down(m, in);
        break;
    case SG_SWIM_IN_TABLE:
        sg_swim_on_table(m, &in->peer, in->table);
        break;
    case SG_SWIM_IN_RECORD:
        sg_swim_on_record(m, in);
        break;
    case SG_SWIM_IN_HEARSAY:
        sg_swim_on_hearsay(m, in);
        break;
    case SG_SWIM_IN_ANNOUNCE:
        sg_swim_announce(m);
        break;
    case SG_SWIM_IN_FORGET:
        on_forget(m, in);
        break;
    case SG_SWIM_IN_LEAVE:
        sg_swim_leave(m);
        break;
    }
}

/* The node itself stood still (stopped, suspended, no CPU): what did not happen meanwhile says
 * nothing about others. before: time of the last input, up to which it has been forgiven. */
static void forgive_lateness(struct sg_swim *m, sg_time_ns before)
{
    uint16_t timer;
    sg_time_ns first = sg_swim_timer_first(m, &timer);
    uint64_t late = sg_time_since(m->now, first > before ? first : before);
    if (!m->config.proofs || late <= m->config.timeout_min_ns)
        return;
    sg_swim_probes_restart(m);
    for (uint8_t i = 0; i < SG_SWIM_RELAYS_MAX; i++)
        if (m->relay[i].is_used)
            sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_RELAY + i),
                              sg_time_add(m->relay[i].due, late));
    for (uint16_t i = 0; i < m->suspicion_cap; i++) {
        struct sg_swim_suspicion *s = &m->suspicion[i];
        if (!s->is_used)
            continue;
        s->start = sg_time_add(s->start, late);
        sg_swim_timer_set(m, (uint16_t)(SG_SWIM_T_SUSPICION + i), sg_time_add(s->due, late));
    }
    if (m->stranger_count > 0)
        sg_swim_strangers_forgive(m, late);
    sg_swim_health_add(m, 1);
}

sg_err sg_swim_input(struct sg_swim *m, sg_time_ns now, const struct sg_swim_in *in,
                     struct sg_swim_outbox *out)
{
    if (!m->has_left)
        SG_TRY(verify(m, in));
    out->count = 0;
    out->rumor_count = 0;
    if (m->has_left)
        return SG_OK;
    sg_time_ns before = m->now;
    if (now > m->now)
        m->now = now;
    m->out = out;
    forgive_lateness(m, before);
    dispatch(m, in);
    if (m->is_late_tick && !m->has_ring_probe && sg_swim_has_room(m)) {
        m->is_late_tick = false;
        sg_swim_probe_next(m);
    }
    sg_swim_flood(m);
    arm(m);
    m->out = NULL;
    return SG_OK;
}

sg_time_ns sg_swim_deadline(const struct sg_swim *m)
{
    uint16_t timer;
    return m->has_left ? SG_TIME_NEVER : sg_swim_timer_first(m, &timer);
}
