/* The loop: takes the next event, sets the clock, carries it out. */
#include <assert.h>

#include "crypto/ids.h"
#include "internal.h"

/* How often the real clock is looked at for progress. */
#define PROGRESS_EVERY 8192
#define PROGRESS_SECONDS 1.0
/* Or a multiple of it: only where a table may begin to be on huge pages. */
#define PAGE ((uintptr_t)4096)

struct sg_sim_extra sg_sim_extra_default(void)
{
    return (struct sg_sim_extra){
        .mem = sg_mem_default(),
        .suite = sg_sim_suite(),
        .lane_budget = UINT32_C(256) << 10,
        .dial_timeout_ns = 5 * SG_NS_PER_S,
        .idle_timeout_ns = 30 * SG_NS_PER_S,
        .stall_timeout_ns = 10 * SG_NS_PER_S,
    };
}

/* ---- construction ---- */

static_assert(offsetof(struct sg_sim_node, faults) < SG_SIM_NODE_HOT, "ids and clocks are hot");

void *sg_sim_table_new(const struct sg_mem *mem, size_t count, size_t size, void **memory)
{
    *memory = sg_mem_resize(mem, NULL, count + (SG_CACHE_LINE + size - 1) / size, size);
    if (*memory == NULL)
        return NULL;
    uintptr_t page = ((uintptr_t)*memory + PAGE - 1) / PAGE * PAGE;
    uintptr_t end = (uintptr_t)*memory + count * size;
    if (end > page)
        sg_sim_huge_pages((char *)*memory + (page - (uintptr_t)*memory), end - page);
    size_t rest = (uintptr_t)*memory % SG_CACHE_LINE;
    return (char *)*memory + (rest == 0 ? 0 : SG_CACHE_LINE - rest);
}

static sg_err init_nodes(struct sg_sim *sim)
{
    uint32_t count = sim->config.nodes;
    SG_TRY(sg_map_init(&sim->node_index, sim->mem, count, sim->config.seed));
    sim->nodes = sg_sim_table_new(sim->mem, count, sizeof(*sim->nodes), &sim->nodes_memory);
    sim->union_find = sg_mem_new(sim->mem, count, sizeof(*sim->union_find));
    if (sim->nodes != NULL)
        memset(sim->nodes, 0, count * sizeof(*sim->nodes));
    if (sim->nodes == NULL || sim->union_find == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct sg_sim_node *node = &sim->nodes[i];
        node->sim = sim;
        node->armed = SG_TIME_NEVER;
        node->place = i;
        sg_sim_public_key(sim->config.seed, i, node->public_key);
        struct sg_bytes key = sg_bytes(node->public_key, SG_SIM_PUBLIC_LEN);
        SG_TRY(sg_peer_id_from_public_key(sim->extra->suite, key, &node->id));
        SG_TRY(sg_map_put(&sim->node_index, node->id.b, i));
    }
    return SG_OK;
}

static uint64_t threshold(double probability)
{
    return (uint64_t)(probability * 4294967296.0);
}

static sg_err init(struct sg_sim *sim, const struct sg_sim_config *config,
                   struct sg_sim_extra *extra)
{
    *sim = (struct sg_sim){.config = *config,
                           .extra = extra,
                           .mem = extra->mem,
                           .conn_free = SG_SIM_NONE,
                           .check_every = config->nodes <= 256 ? 1 : config->nodes / 32,
                           .scenario = extra->scenario,
                           .zero = SG_TIME_NEVER,
                           .converged_at = SG_TIME_NEVER,
                           .loss = threshold(config->loss),
                           .loss_base = threshold(config->loss),
                           .duplicate = threshold(config->duplicate),
                           .reorder = threshold(config->reorder)};
    sg_sim_arena_init(&sim->arena, sim->mem);
    sg_sim_share_init(&sim->share, sim->mem);
    sim->core_mem = extra->core_mem;
    if (sim->core_mem == NULL)
        sim->core_mem = config->check ? sim->mem : &sim->arena.mem;
    sim->net_mem = extra->core_mem == NULL ? sim->core_mem : sim->mem;
    extra->stats = (struct sg_core_stats){0};
    extra->checks = extra->asymmetric = extra->frames = extra->frames_lost = 0;
    extra->resets = extra->crossings = 0;
    sg_prng_init(&sim->prng, config->seed);
    sg_sim_queue_init(&sim->queue, sim->mem);
    sg_topic_id_from_name(extra->suite, SG_BYTES_LIT("sim"), &sim->topic);
    SG_TRY(init_nodes(sim));
    SG_TRY(sg_sim_ledger_init(sim));
    if (sim->scenario != NULL)
        SG_TRY(sg_sim_scenario_init(sim));
    return sg_sim_plan_init(sim);
}

static void fini(struct sg_sim *sim)
{
    sg_sim_queue_fini(&sim->queue);
    for (uint32_t i = 0; sim->nodes != NULL && i < sim->config.nodes; i++) {
        sg_core_free(sim->nodes[i].core);
        sg_mem_free(sim->net_mem, sim->nodes[i].tags);
        sg_mem_free(sim->net_mem, sim->nodes[i].links);
        sg_mem_free(sim->mem, sim->nodes[i].disk);
    }
    sg_core_outbox_fini(&sim->out, sim->core_mem);
    sg_sim_share_fini(&sim->share);
    sg_sim_onesided_fini(sim, &sim->onesided[0]);
    sg_sim_onesided_fini(sim, &sim->onesided[1]);
    sg_sim_arena_fini(&sim->arena);
    sg_mem_free(sim->mem, sim->nodes_memory);
    sg_mem_free(sim->mem, sim->conns_memory);
    sg_mem_free(sim->mem, sim->bulks_memory);
    sg_mem_free(sim->mem, sim->union_find);
    sg_mem_free(sim->mem, sim->victims);
    sg_map_fini(&sim->node_index);
    sg_sim_scenario_fini(sim);
    sg_sim_ledger_fini(sim);
}

/* ---- the loop ---- */

/* True when the event is about a connection, which it has kept alive. */
static bool carry_out_conn(struct sg_sim *sim, const struct sg_sim_event *event)
{
    switch ((enum sg_sim_event_kind)event->kind) {
    case SG_SIM_EV_FRAME:
        sg_sim_net_frame(sim, event);
        return true;
    case SG_SIM_EV_ARRIVE:
        sg_sim_dial_arrive(sim, event);
        return true;
    case SG_SIM_EV_REPLY:
        sg_sim_dial_reply(sim, event);
        return true;
    case SG_SIM_EV_ESTABLISHED:
        sg_sim_dial_established(sim, event);
        return true;
    case SG_SIM_EV_CLOSE:
        sg_sim_closed(sim, event);
        return true;
    case SG_SIM_EV_GIVE_UP:
        sg_sim_dial_give_up(sim, event);
        return true;
    case SG_SIM_EV_SILENT:
        sg_sim_net_silent(sim, event);
        return true;
    case SG_SIM_EV_PUSH_DROPPED:
        sg_sim_net_push_dropped(sim, event);
        return true;
    case SG_SIM_EV_TIMER:
    case SG_SIM_EV_SEED:
    case SG_SIM_EV_JOIN:
    case SG_SIM_EV_PUBLISH:
    case SG_SIM_EV_KILL:
    case SG_SIM_EV_CUT_IDLE:
    case SG_SIM_EV_TICK:
    case SG_SIM_EV_CACHE:
    case SG_SIM_EV_NO_PEER:
    case SG_SIM_EV_ACTION:
    case SG_SIM_EV_END:
    case SG_SIM_EV_ADVERSARY:
    case SG_SIM_EV_JOB:
        return false;
    }
    return false;
}

static void carry_out(struct sg_sim *sim, const struct sg_sim_event *event)
{
    if (sg_sim_defer(sim, event))
        return;
    if (carry_out_conn(sim, event)) {
        sg_buf_unref(event->buf);
        sg_sim_conn_unref(sim, event->index);
    } else if (event->kind == SG_SIM_EV_TIMER) {
        sg_sim_node_timer(sim, event);
    } else if (event->kind == SG_SIM_EV_CUT_IDLE) {
        sg_sim_net_cut_idle(sim);
    } else {
        sg_sim_plan_event(sim, event);
    }
}

/* ---- looking ahead ---- */

/* Events between the stages: memory has the time of so many events to arrive. */
#define STAGE 2
/* The event itself, the nodes that it is about, and the inside of the core. */
#define STAGES (2 + SG_CORE_PREFETCH_STAGES)

static_assert((STAGES - 1) * STAGE <= SG_SIM_QUEUE_AHEAD, "the queue looks as far ahead");

static bool is_about_conn(const struct sg_sim_event *event)
{
    return event->kind != SG_SIM_EV_TIMER && event->kind <= SG_SIM_EV_PUSH_DROPPED;
}

/* The next stage for an event that will come. A conn may be gone and used anew by then, a node
 * down: this only guesses. */
static void prefetch(const struct sg_sim *sim, const struct sg_sim_event *event, unsigned stage)
{
    uint32_t node = event->index;
    const struct sg_peer_id *peer = NULL;
    bool has_conn = is_about_conn(event);
    if (!has_conn && event->kind != SG_SIM_EV_TIMER)
        return;
    if (stage == 0 && has_conn) {
        sg_prefetch(&sim->conns[event->index], sizeof(*sim->conns));
        sg_prefetch(event->buf, 2 * SG_CACHE_LINE);
        return;
    }
    if (has_conn) {
        node = sim->conns[event->index].node[event->end];
        peer = &sim->nodes[sim->conns[event->index].node[1 - event->end]].id;
    }
    if (stage < 2) {
        sg_prefetch(&sim->nodes[node], SG_SIM_NODE_HOT);
        sg_prefetch(peer, sizeof(*peer));
    } else if (sim->nodes[node].core != NULL) {
        bool is_packet = event->kind == SG_SIM_EV_FRAME && event->lane == SG_LANE_DATAGRAM;
        sg_core_prefetch(sim->nodes[node].core, peer, is_packet, stage - 2);
    }
}

/* While this event is worked on, the memory for the next ones comes. */
static void look_ahead(const struct sg_sim *sim)
{
    for (unsigned stage = 0; stage < STAGES; stage++) {
        const struct sg_sim_event *event =
            sg_sim_queue_ahead(&sim->queue, (size_t)(STAGES - 1 - stage) * STAGE);
        if (event != NULL)
            prefetch(sim, event, stage);
    }
}

static void show_progress(struct sg_sim *sim)
{
    double now = sg_sim_wall_seconds();
    if (now - sim->wall_shown < PROGRESS_SECONDS)
        return;
    sim->wall_shown = now;
    sim->config.progress(sim->config.user, sg_sim_plan_share(sim));
}

static sg_err loop(struct sg_sim *sim)
{
    struct sg_sim_event event;
    uint64_t count = 0;
    while (sim->phase != SG_SIM_DONE && sg_sim_queue_pop(&sim->queue, &event)) {
        if (event.at > sim->config.limit_ns) {
            sg_buf_unref(event.buf);
            break;
        }
        sim->now = event.at;
        look_ahead(sim);
        carry_out(sim, &event);
        if (sim->err != SG_OK || sim->queue.err != SG_OK)
            return sim->err != SG_OK ? sim->err : sim->queue.err;
        if (sim->config.progress != NULL && ++count % PROGRESS_EVERY == 0)
            show_progress(sim);
    }
    return sim->queue.err; /* without memory for a run, nothing more is popped */
}

/* ---- the end ---- */

static void count_cores(struct sg_sim *sim)
{
    for (uint32_t i = 0; i < sim->config.nodes; i++) {
        if (sim->nodes[i].core == NULL)
            continue;
        sg_sim_node_count(sim, i);
        if (sim->config.check)
            sg_core_check(sim->nodes[i].core);
        sim->extra->links += sim->nodes[i].link_count;
    }
}

static void fill_report(struct sg_sim *sim, struct sg_sim_report *report)
{
    struct sg_sim_overlay base;
    struct sg_sim_overlay topic;
    sg_sim_check_overlay(sim, NULL, &base);
    sg_sim_check_overlay(sim, &sim->topic, &topic);
    sim->extra->asymmetric = base.asymmetric > 0 ? sg_sim_onesided(sim, NULL) : 0;
    sim->extra->asymmetric += topic.asymmetric > 0 ? sg_sim_onesided(sim, &sim->topic) : 0;
    sim->extra->ended_at = sim->now;
    sim->extra->links = 0;
    count_cores(sim);
    *report = (struct sg_sim_report){.trace_hash = sim->hash,
                                     .events = sim->steps,
                                     .virtual_ns = sim->now,
                                     .components = topic.components,
                                     .isolated = topic.isolated};
    report->active_mean = sim->alive == 0 ? 0 : (double)topic.neighbors / sim->alive;
    sg_sim_ledger_report(sim, report);
}

sg_err sg_sim_run_with(const struct sg_sim_config *config, struct sg_sim_extra *extra,
                       struct sg_sim_report *report)
{
    if (config == NULL || extra == NULL || report == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(sg_sim_config_check(config));
    struct sg_sim *sim = sg_mem_new(extra->mem, 1, sizeof(*sim));
    if (sim == NULL)
        return SG_ERR_NO_MEMORY;
    double started = sg_sim_wall_seconds();
    sg_err err = init(sim, config, extra);
    sim->wall_shown = started;
    if (err == SG_OK)
        err = loop(sim);
    if (err == SG_OK) {
        fill_report(sim, report);
        report->wall_seconds = sg_sim_wall_seconds() - started;
        if (sim->scenario != NULL)
            err = sg_sim_scenario_finish(sim, report);
    }
    fini(sim);
    sg_mem_free(extra->mem, sim);
    return err;
}

sg_err sg_sim_run(const struct sg_sim_config *config, struct sg_sim_report *report)
{
    struct sg_sim_extra extra = sg_sim_extra_default();
    return sg_sim_run_with(config, &extra, report);
}
