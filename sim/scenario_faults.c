/* What the actions of a scenario do: who is hit, and how.
 *
 * Whom: drawn among the honest living, never node 0, the seed that everybody knows (unless named,
 * or all are hit).
 * A stalled node neither receives nor gets anything out, but its timers go on, as in the Lifeguard
 * paper; a frozen one (SIGSTOP) does nothing at all; for a suspended one the monotonic clock stands
 * still as well. Frames wait for them in their buffers. A lost disk is a new key, hence a new id:
 * another node, at the same place in the network. */
#include <assert.h>
#include <string.h>

#include "metrics.h"

/* Who has said goodbye is gone after so long. */
#define LEAVE_NS (2 * SG_NS_PER_S)

/* ---- time of a node ---- */

sg_time_ns sg_sim_node_now(const struct sg_sim *sim, uint32_t node)
{
    return sim->now - sim->nodes[node].faults.lag;
}

bool sg_sim_is_mute(const struct sg_sim *sim, uint32_t node)
{
    return sim->now < sim->mute_horizon && sim->now < sim->nodes[node].faults.mute_until;
}

/* Who has to do with an event; SG_SIM_NONE: nobody in particular. */
static uint32_t concerned(const struct sg_sim *sim, const struct sg_sim_event *event, bool *timer)
{
    *timer = false;
    switch ((enum sg_sim_event_kind)event->kind) {
    case SG_SIM_EV_FRAME:
    case SG_SIM_EV_CLOSE:
        return sim->conns[event->index].node[event->end];
    case SG_SIM_EV_ARRIVE:
    case SG_SIM_EV_ESTABLISHED:
        return sim->conns[event->index].node[1];
    case SG_SIM_EV_REPLY:
        return sim->conns[event->index].node[0];
    case SG_SIM_EV_GIVE_UP:
    case SG_SIM_EV_SILENT:
    case SG_SIM_EV_PUSH_DROPPED:
        *timer = true;
        return sim->conns[event->index].node[event->end];
    case SG_SIM_EV_TIMER:
    case SG_SIM_EV_SEED:
    case SG_SIM_EV_CACHE:
    case SG_SIM_EV_NO_PEER:
    case SG_SIM_EV_JOB:
        *timer = true;
        return event->index;
    case SG_SIM_EV_JOIN:
    case SG_SIM_EV_PUBLISH:
    case SG_SIM_EV_KILL:
    case SG_SIM_EV_CUT_IDLE:
    case SG_SIM_EV_TICK:
    case SG_SIM_EV_ACTION:
    case SG_SIM_EV_END:
    case SG_SIM_EV_ADVERSARY:
        return SG_SIM_NONE;
    }
    return SG_SIM_NONE;
}

bool sg_sim_defer(struct sg_sim *sim, const struct sg_sim_event *event)
{
    bool is_timer;
    if (sim->now >= sim->mute_horizon)
        return false;
    uint32_t at = concerned(sim, event, &is_timer);
    if (at == SG_SIM_NONE || !sg_sim_is_mute(sim, at) || sim->nodes[at].core == NULL)
        return false;
    struct sg_sim_node *node = &sim->nodes[at];
    if (is_timer && !node->faults.is_frozen)
        return false;
    struct sg_sim_event later = *event;
    later.at = node->faults.mute_until;
    if (event->kind == SG_SIM_EV_TIMER) {
        if (node->armed != event->at)
            return true; /* armed for another time since */
        node->armed = later.at;
    }
    sg_sim_push(sim, later);
    return true;
}

/* ---- whom ---- */

static bool may_be_hit(const struct sg_sim *sim, uint32_t node, bool dead)
{
    const struct sg_sim_node *n = &sim->nodes[node];
    bool is_dead = n->core == NULL;
    return n->boot > 0 && !n->is_gone && n->role == SG_SIM_HONEST && !n->is_leaving &&
           is_dead == dead;
}

static uint32_t wanted(const struct sg_sim *sim, const struct sg_sim_who *who)
{
    switch (who->kind) {
    case SG_SIM_WHO_SHARE:
        return (uint32_t)(who->share * sim->scenario->first_nodes + 0.5);
    case SG_SIM_WHO_COUNT:
        return who->count;
    case SG_SIM_WHO_ALL:
        return UINT32_MAX;
    case SG_SIM_WHO_SEEDS:
    case SG_SIM_WHO_NODE:
        return 0;
    }
    return 0;
}

/* Named nodes, whatever they are. */
static uint32_t choose_named(struct sg_sim *sim, const struct sg_sim_who *who, bool dead)
{
    uint32_t first = who->kind == SG_SIM_WHO_NODE ? who->count : 0;
    uint32_t end = who->kind == SG_SIM_WHO_NODE ? first + 1 : sim->seeds;
    uint32_t count = 0;
    for (uint32_t i = first; i < end && i < sim->config.nodes; i++) {
        if (sim->nodes[i].boot > 0 && (sim->nodes[i].core == NULL) == dead)
            sim->victims[count++] = i;
    }
    return count;
}

/* Draws the nodes into sim->victims; gives how many. */
static uint32_t choose(struct sg_sim *sim, const struct sg_sim_who *who, bool dead)
{
    uint32_t count = 0;
    if (who->kind == SG_SIM_WHO_SEEDS || who->kind == SG_SIM_WHO_NODE)
        return choose_named(sim, who, dead);
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (may_be_hit(sim, i, dead) && (i > 0 || who->kind == SG_SIM_WHO_ALL))
            sim->victims[count++] = i;
    }
    uint32_t want = wanted(sim, who);
    if (want >= count)
        return count;
    for (uint32_t i = 0; i < want; i++) {
        uint32_t pick = i + (uint32_t)sg_prng_below(&sim->prng, count - i);
        uint32_t picked = sim->victims[pick];
        sim->victims[pick] = sim->victims[i];
        sim->victims[i] = picked;
    }
    return want;
}

/* ---- death and life ---- */

static void come_back(struct sg_sim *sim, uint32_t node, sg_time_ns at, bool lost_disk)
{
    uint32_t who = node;
    if (lost_disk) {
        if (sim->spare_next == sim->config.nodes)
            return;
        sim->nodes[node].is_gone = true;
        who = sim->spare_next++;
        sim->nodes[who].place = sim->nodes[node].place;
        sim->nodes[who].faults.far = sim->nodes[node].faults.far;
    }
    sg_sim_push(sim, (struct sg_sim_event){.at = at, .kind = SG_SIM_EV_JOIN, .index = who});
}

static void kill(struct sg_sim *sim, const struct sg_sim_action *action)
{
    uint32_t count = choose(sim, &action->who, false);
    for (uint32_t i = 0; i < count; i++) {
        sg_sim_node_crash(sim, sim->victims[i]);
        if (action->length > 0)
            come_back(sim, sim->victims[i], sim->now + action->length, action->lost_disk);
    }
}

static void restart(struct sg_sim *sim, const struct sg_sim_action *action)
{
    uint32_t count = choose(sim, &action->who, true);
    for (uint32_t i = 0; i < count; i++)
        come_back(sim, sim->victims[i], sim->now, action->lost_disk);
}

static void leave(struct sg_sim *sim, const struct sg_sim_action *action)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_LEAVE};
    uint32_t count = choose(sim, &action->who, false);
    for (uint32_t i = 0; i < count; i++) {
        if (sg_sim_is_mute(sim, sim->victims[i]))
            continue;
        sim->nodes[sim->victims[i]].is_leaving = true;
        sg_sim_push(sim, (struct sg_sim_event){.at = sim->now + LEAVE_NS,
                                               .kind = SG_SIM_EV_END,
                                               .end = 1,
                                               .index = sim->victims[i]});
        (void)sg_sim_feed(sim, sim->victims[i], &in);
    }
}

/* ---- standing still ---- */

static void stall(struct sg_sim *sim, const struct sg_sim_action *action)
{
    uint32_t count = choose(sim, &action->who, false);
    sg_time_ns until = sg_time_min(sim->now + action->length, sim->zero + sim->scenario->safety_ns);
    for (uint32_t i = 0; i < count; i++) {
        struct sg_sim_faults *f = &sim->nodes[sim->victims[i]].faults;
        if (sg_sim_is_mute(sim, sim->victims[i]))
            continue;
        f->mute_since = sim->now;
        f->mute_until = until;
        f->is_frozen = action->kind != SG_SIM_DO_STALL;
        if (action->kind == SG_SIM_DO_SUSPEND)
            f->lag += until - sim->now;
    }
    if (sim->mute_horizon < until)
        sim->mute_horizon = until;
}

/* ---- links ---- */

static void degrade(struct sg_sim *sim, const struct sg_sim_action *action)
{
    uint32_t count = choose(sim, &action->who, false);
    uint64_t threshold = (uint64_t)(action->share * 4294967296.0);
    sg_time_ns until =
        action->length > 0 ? sim->now + action->length : sim->zero + sim->scenario->safety_ns;
    for (uint32_t i = 0; i < count; i++) {
        struct sg_sim_faults *f = &sim->nodes[sim->victims[i]].faults;
        if (action->kind == SG_SIM_DO_SLOW) {
            f->slow_ns = action->delay_ns;
            f->slow_until = until;
        } else {
            f->loss[action->is_inward ? 0 : 1] = threshold;
            f->loss_until = until;
        }
    }
    if (sim->bad_horizon < until)
        sim->bad_horizon = until;
}

static void cut(struct sg_sim *sim, const struct sg_sim_action *action)
{
    sg_time_ns until =
        action->length > 0 ? sim->now + action->length : sim->zero + sim->scenario->safety_ns;
    if (sim->cut_count == SG_SIM_CUTS_MAX)
        return;
    if (sim->cut_horizon < until)
        sim->cut_horizon = until;
    uint32_t number = sim->cut_count++;
    struct sg_sim_cut *c = &sim->cuts[number];
    *c = (struct sg_sim_cut){.from = sim->now, .until = until};
    memcpy(c->name, action->name, sizeof(c->name));
    uint32_t count = choose(sim, &action->who, false);
    for (uint32_t i = 0; i < count; i++)
        sim->nodes[sim->victims[i]].faults.far |= UINT32_C(1) << number;
    if (until - sim->now > sim->extra->idle_timeout_ns)
        sg_sim_push(sim, (struct sg_sim_event){.at = sim->now + sim->extra->idle_timeout_ns,
                                               .kind = SG_SIM_EV_CUT_IDLE});
    sg_sim_push(sim, (struct sg_sim_event){.at = until, .kind = SG_SIM_EV_END, .index = number});
}

static void heal(struct sg_sim *sim, const struct sg_sim_action *action)
{
    for (uint32_t i = 0; i < sim->cut_count; i++) {
        struct sg_sim_cut *c = &sim->cuts[i];
        bool is_meant = action->name[0] == '\0' || strcmp(c->name, action->name) == 0;
        if (!is_meant || c->until <= sim->now)
            continue;
        c->until = sim->now;
        sg_sim_metrics_healed(sim);
    }
}

/* The planned end of a partition, if it was not healed before, or of a node that has left. */
void sg_sim_faults_end(struct sg_sim *sim, const struct sg_sim_event *event)
{
    if (event->end == 1) {
        if (sim->nodes[event->index].core != NULL && sim->nodes[event->index].is_leaving)
            sg_sim_node_crash(sim, event->index);
        return;
    }
    if (sim->cuts[event->index].until == sim->now)
        sg_sim_metrics_healed(sim);
}

static void jump(struct sg_sim *sim, const struct sg_sim_action *action)
{
    uint32_t count = choose(sim, &action->who, false);
    for (uint32_t i = 0; i < count; i++)
        sim->nodes[sim->victims[i]].faults.wall_ms += action->shift_ms;
}

static void lose(struct sg_sim *sim, const struct sg_sim_action *action)
{
    sim->loss = (uint64_t)(action->share * 4294967296.0);
    sim->loss_until =
        action->length > 0 ? sim->now + action->length : sim->zero + sim->scenario->safety_ns;
}

void sg_sim_faults_action(struct sg_sim *sim, uint32_t index)
{
    const struct sg_sim_action *action = &sim->scenario->actions[index];
    sg_time_ns again = sim->now + action->every;
    if (action->every > 0 && again <= sim->zero + action->until)
        sg_sim_push(sim,
                    (struct sg_sim_event){.at = again, .kind = SG_SIM_EV_ACTION, .index = index});
    switch (action->kind) {
    case SG_SIM_DO_KILL:
        kill(sim, action);
        return;
    case SG_SIM_DO_RESTART:
        restart(sim, action);
        return;
    case SG_SIM_DO_LEAVE:
        leave(sim, action);
        return;
    case SG_SIM_DO_PARTITION:
        cut(sim, action);
        return;
    case SG_SIM_DO_HEAL:
        heal(sim, action);
        return;
    case SG_SIM_DO_STALL:
    case SG_SIM_DO_FREEZE:
    case SG_SIM_DO_SUSPEND:
        stall(sim, action);
        return;
    case SG_SIM_DO_CLOCK:
        jump(sim, action);
        return;
    case SG_SIM_DO_LOSS:
        lose(sim, action);
        return;
    case SG_SIM_DO_ONEWAY:
    case SG_SIM_DO_SLOW:
        degrade(sim, action);
        return;
    }
}
