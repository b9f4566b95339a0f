/* What happens when: joining, settling, messages, faults, and the end. */
#include "internal.h"

/* One node in so many is a seed, joined through by others. */
#define NODES_PER_SEED 50
#define JOIN_TIME_NS (5 * SG_NS_PER_S)
#define JOIN_PAUSE_NS (50 * SG_NS_PER_MS)
/* Views are given this much after the last join, and up to that much to get into one piece. */
#define SETTLE_MIN_NS (5 * SG_NS_PER_S)
/* As the runtime does. */
#define SEED_AGAIN_NS (10 * SG_NS_PER_S)
#define SETTLE_MAX_NS (120 * SG_NS_PER_S)
/* Attackers that are there first are among themselves for so long. */
#define FIRST_NS (15 * SG_NS_PER_S)
#define RESTART_NS (10 * SG_NS_PER_S)
#define DISK_SECONDS 60

static void plan(struct sg_sim *sim, sg_time_ns at, enum sg_sim_event_kind kind, uint32_t index)
{
    sg_sim_push(sim, (struct sg_sim_event){.at = at, .kind = (uint8_t)kind, .index = index});
}

/* count random nodes other than node 0, in front of order [nodes]. */
static void draw_nodes(struct sg_sim *sim, uint32_t *order, uint32_t count)
{
    uint32_t others = sim->config.nodes - 1;
    for (uint32_t i = 0; i < others; i++)
        order[i] = i + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t pick = i + (uint32_t)sg_prng_below(&sim->prng, others - i);
        uint32_t picked = order[pick];
        order[pick] = order[i];
        order[i] = picked;
    }
}

/* Node 0, the seed that everybody knows, stays and is on the near side. */
static uint32_t share_of(const struct sg_sim *sim, double share)
{
    uint32_t count = (uint32_t)(share * sim->config.nodes);
    return count < sim->config.nodes ? count : sim->config.nodes - 1;
}

static void draw_faults(struct sg_sim *sim)
{
    uint32_t far = share_of(sim, sim->config.partition);
    draw_nodes(sim, sim->victims, far);
    for (uint32_t i = 0; i < far; i++)
        sim->nodes[sim->victims[i]].faults.far = 1;
    sim->victim_count = share_of(sim, sim->config.kill);
    draw_nodes(sim, sim->victims, sim->victim_count);
}

static bool is_first(const struct sg_sim *sim, uint32_t node)
{
    return sim->nodes[node].line != NULL && sim->nodes[node].line->is_first;
}

sg_err sg_sim_plan_init(struct sg_sim *sim)
{
    uint32_t nodes = sim->config.nodes;
    uint32_t first = nodes;
    uint64_t join = JOIN_TIME_NS;
    uint64_t settle = SETTLE_MIN_NS;
    if (sim->scenario != NULL) {
        first = sim->scenario->first_nodes;
        join = sim->scenario->join_ns;
        settle = sim->scenario->settle_ns;
    }
    uint64_t pause = join / first;
    sim->victims = sg_mem_new(sim->mem, nodes, sizeof(*sim->victims));
    if (sim->victims == NULL)
        return SG_ERR_NO_MEMORY;
    draw_faults(sim);
    sim->seeds = 1 + first / NODES_PER_SEED;
    sim->spare_next = first;
    sim->interval_ns = (uint64_t)(1e9 / sim->config.rate);
    if (pause > JOIN_PAUSE_NS && sim->scenario == NULL)
        pause = JOIN_PAUSE_NS;
    uint64_t wait = 0; /* of those who come after the attackers that are there first */
    for (uint32_t i = 0; i < first; i++)
        if (is_first(sim, i))
            wait = FIRST_NS;
    for (uint32_t i = 0; i < first; i++) {
        bool waits = i >= sim->seeds && !is_first(sim, i);
        plan(sim, SG_NS_PER_S + i * pause + (waits ? wait : 0), SG_SIM_EV_JOIN, i);
    }
    sim->settle_until = SG_NS_PER_S + first * pause + wait + settle;
    plan(sim, SG_SIM_TICK_NS, SG_SIM_EV_TICK, 0);
    return SG_OK;
}

void sg_sim_plan_seed(struct sg_sim *sim, uint32_t node)
{
    uint32_t seed = 0;
    if (node >= sim->seeds || (node == 0 && sim->seeds > 1))
        seed = (uint32_t)sg_prng_below(&sim->prng, sim->seeds);
    if (seed != node && sim->nodes[seed].boot > 0)
        sg_sim_dial(sim, node, seed, true);
}

/* A core asks for a seed: one that is linked is joined through at once. */
static void need_seed(struct sg_sim *sim, uint32_t node)
{
    uint32_t seed = (uint32_t)sg_prng_below(&sim->prng, sim->seeds);
    if (sim->nodes[node].core == NULL || seed == node || sim->nodes[seed].boot == 0)
        return;
    const struct sg_sim_link *link = sg_sim_link_find(&sim->nodes[node], &sim->nodes[seed].id);
    unsigned end = link != NULL && sim->conns[link->conn].node[0] == node ? 0 : 1;
    if (link != NULL && sim->conns[link->conn].state[end] == SG_SIM_END_UP) {
        const struct sg_core_in in = {.kind = SG_CORE_IN_SEED, .peer = sim->nodes[seed].id};
        (void)sg_sim_feed(sim, node, &in);
        return;
    }
    sg_sim_dial(sim, node, seed, true);
}

/* ---- phases ---- */

static void start_publishing(struct sg_sim *sim, const struct sg_sim_overlay *overlay)
{
    const struct sg_sim_config *config = &sim->config;
    uint64_t half = sim->ledger.total / 2 * sim->interval_ns;
    sim->phase = SG_SIM_PUBLISHING;
    sim->publish_at = sim->now;
    if (sim->scenario != NULL) {
        sim->extra->joined_alone = overlay->isolated;
        sg_sim_scenario_begin(sim);
        return;
    }
    sim->calm_at = sim->now;
    sim->extra->published_at = sim->now;
    sim->extra->joined_alone = overlay->isolated;
    if (sim->ledger.total > 0)
        plan(sim, sim->now, SG_SIM_EV_PUBLISH, 0);
    if (sim->victim_count > 0) {
        plan(sim, sim->now + half, SG_SIM_EV_KILL, 0);
        sim->calm_at = sim->now + half + (config->restart ? RESTART_NS : 0);
    }
    if (config->partition_for_ns > 0 && config->partition > 0) {
        struct sg_sim_cut *cut = &sim->cuts[0];
        cut->from = sim->now + config->partition_at_ns;
        cut->until = cut->from + config->partition_for_ns;
        sim->cut_count = 1;
        sim->cut_horizon = cut->until;
        if (cut->until > sim->calm_at)
            sim->calm_at = cut->until;
        if (config->partition_for_ns > sim->extra->idle_timeout_ns)
            plan(sim, cut->from + sim->extra->idle_timeout_ns, SG_SIM_EV_CUT_IDLE, 0);
    }
}

static bool is_whole(const struct sg_sim_overlay *overlay)
{
    return overlay->components <= 1 && overlay->isolated == 0;
}

static void settle(struct sg_sim *sim)
{
    struct sg_sim_overlay overlay;
    if (sim->now < sim->settle_until)
        return;
    bool has_topic = sim->scenario == NULL || sim->scenario->has_publish;
    sg_sim_check_overlay(sim, has_topic ? &sim->topic : NULL, &overlay);
    if (is_whole(&overlay) || sim->now >= sim->settle_until + SETTLE_MAX_NS)
        start_publishing(sim, &overlay);
}

/* Faults are over: everything must come to everybody, both overlays into one piece, and all
 * neighbours know of each other. */
static void converge(struct sg_sim *sim)
{
    struct sg_sim_overlay topic;
    struct sg_sim_overlay base;
    if (sim->now <= sim->calm_at || !sg_sim_ledger_settle(sim))
        return;
    sg_sim_check_overlay(sim, &sim->topic, &topic);
    sg_sim_check_overlay(sim, NULL, &base);
    bool are_mutual = topic.asymmetric == 0 || sg_sim_onesided(sim, &sim->topic) == 0;
    are_mutual = (base.asymmetric == 0 || sg_sim_onesided(sim, NULL) == 0) && are_mutual;
    if (is_whole(&topic) && is_whole(&base) && are_mutual)
        sim->phase = SG_SIM_DONE;
}

/* Disks are written once a minute, each node at its own second. */
static void save_disks(struct sg_sim *sim)
{
    uint32_t second = (uint32_t)(sim->now / SG_NS_PER_S % DISK_SECONDS);
    for (uint32_t i = second; i < sim->config.nodes; i += DISK_SECONDS)
        sg_sim_disk_save(sim, i);
}

static void tick(struct sg_sim *sim)
{
    save_disks(sim);
    sg_sim_share_sweep(&sim->share);
    if (sim->share.err != SG_OK)
        sim->err = sim->share.err;
    if (sim->extra->tick != NULL)
        sim->extra->tick(sim, sim->extra->user);
    if (sim->scenario != NULL && sim->zero != SG_TIME_NEVER)
        sg_sim_scenario_tick(sim);
    else if (sim->phase == SG_SIM_SETTLING)
        settle(sim);
    else if (sim->phase == SG_SIM_PUBLISHING && sim->ledger.count == sim->ledger.total)
        sim->phase = SG_SIM_CONVERGING;
    else if (sim->phase == SG_SIM_CONVERGING)
        converge(sim);
    plan(sim, sim->now + SG_SIM_TICK_NS, SG_SIM_EV_TICK, 0);
}

/* ---- events ---- */

static bool can_publish(const struct sg_sim *sim, uint32_t node)
{
    const struct sg_sim_node *n = &sim->nodes[node];
    bool is_frozen = n->faults.is_frozen && sg_sim_is_mute(sim, node);
    return n->core != NULL && n->role == SG_SIM_HONEST && !n->is_leaving && !is_frozen;
}

static uint32_t draw_author(struct sg_sim *sim)
{
    uint32_t nodes = sim->config.nodes;
    uint32_t senders =
        sim->extra->senders > 0 && sim->extra->senders < nodes ? sim->extra->senders : nodes;
    uint32_t author = (uint32_t)sg_prng_below(&sim->prng, senders) * (nodes / senders);
    uint32_t tries = nodes;
    while (!can_publish(sim, author) && tries-- > 0)
        author = (author + 1) % nodes;
    return author;
}

static void publish(struct sg_sim *sim)
{
    uint32_t author = draw_author(sim);
    if (can_publish(sim, author)) /* otherwise all stand still: in a while */
        sg_sim_node_publish(sim, author);
    if (sim->ledger.count < sim->ledger.total)
        plan(sim, sim->now + sim->interval_ns, SG_SIM_EV_PUBLISH, 0);
}

static void join(struct sg_sim *sim, uint32_t node)
{
    if (sim->nodes[node].core == NULL) /* a restart may have been asked for twice */
        sg_sim_node_start(sim, node);
    uint64_t again = SEED_AGAIN_NS / 2 + sg_prng_below(&sim->prng, SEED_AGAIN_NS);
    plan(sim, sim->now + again, SG_SIM_EV_SEED, node);
    uint32_t last = sim->spare_next - 1;
    if (node == last && sim->phase == SG_SIM_JOINING)
        sim->phase = SG_SIM_SETTLING;
}

static void kill_victims(struct sg_sim *sim)
{
    for (uint32_t i = 0; i < sim->victim_count; i++) {
        sg_sim_node_crash(sim, sim->victims[i]);
        if (sim->config.restart)
            plan(sim, sim->now + RESTART_NS, SG_SIM_EV_JOIN, sim->victims[i]);
    }
}

void sg_sim_plan_event(struct sg_sim *sim, const struct sg_sim_event *event)
{
    if (event->kind == SG_SIM_EV_JOIN)
        join(sim, event->index);
    else if (event->kind == SG_SIM_EV_SEED)
        need_seed(sim, event->index);
    else if (event->kind == SG_SIM_EV_PUBLISH)
        publish(sim);
    else if (event->kind == SG_SIM_EV_KILL)
        kill_victims(sim);
    else if (event->kind == SG_SIM_EV_TICK)
        tick(sim);
    else if (event->kind == SG_SIM_EV_CACHE)
        sg_sim_disk_feed(sim, event->index);
    else if (event->kind == SG_SIM_EV_NO_PEER)
        sg_sim_dial_no_peer(sim, event);
    else if (event->kind == SG_SIM_EV_ACTION)
        sg_sim_faults_action(sim, event->index);
    else if (event->kind == SG_SIM_EV_END)
        sg_sim_faults_end(sim, event);
    else if (event->kind == SG_SIM_EV_ADVERSARY)
        sg_sim_adversary_act(sim, event);
    else if (event->kind == SG_SIM_EV_JOB)
        sg_sim_node_job(sim, event);
}

double sg_sim_plan_share(const struct sg_sim *sim)
{
    if (sim->scenario != NULL)
        return sg_sim_scenario_share(sim);
    double published = sim->ledger.total == 0 ? 1 : (double)sim->ledger.count / sim->ledger.total;
    double joined = (double)sim->alive / sim->config.nodes;
    if (sim->phase == SG_SIM_JOINING)
        return 0.2 * joined;
    return sim->phase >= SG_SIM_CONVERGING ? 0.95 : 0.2 + 0.75 * published;
}
