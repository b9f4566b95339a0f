/* One simulated node: a core, what is fed to it, and carrying out what it answers. Outputs are
 * carried out at once, but never feed a core: what follows from them comes as an event. */
#include <assert.h>

#include "crypto/ids.h"
#include "internal.h"
#include "metrics.h"

/* A core that wants to be woken again and again without progress of time is stuck. */
#define SPINS_MAX 10000
/* Outputs whose memory is under way. */
#define OUTS_AHEAD 4
/* Kinds of things in the trace hash: outputs from here, trace events from there. */
#define HASH_OUT 0x100
#define HASH_TRACE 0x200
#define HASH_CRASH 0x300

uint64_t sg_sim_wall_ms(const struct sg_sim *sim, uint32_t node)
{
    return SG_SIM_WALL_MS + sim->now / SG_NS_PER_MS + (uint64_t)sim->nodes[node].faults.wall_ms;
}

uint32_t sg_sim_node_of(const struct sg_sim *sim, const struct sg_peer_id *id)
{
    return sg_map_get(&sim->node_index, id->b);
}

void sg_sim_hash(struct sg_sim *sim, uint32_t node, uint64_t what, const uint8_t *ids[2],
                 uint64_t number)
{
    uint64_t h = sg_sim_mix(sim->hash, sim->now);
    h = sg_sim_mix(h, what << 32 | node);
    h = sg_sim_mix(h, ids[0] == NULL ? 0 : sg_load64(ids[0]));
    h = sg_sim_mix(h, ids[1] == NULL ? 0 : sg_load64(ids[1]));
    sim->hash = sg_sim_mix(h, number);
}

static void trace(void *user, enum sg_trace_event event, const uint8_t *peer, const uint8_t *id,
                  uint64_t number)
{
    struct sg_sim_node *node = user;
    struct sg_sim *sim = node->sim;
    sg_sim_hash(sim, (uint32_t)(node - sim->nodes), HASH_TRACE + (uint64_t)event,
                (const uint8_t *[2]){peer, id}, number);
    if (event == SG_TRACE_DUPLICATE || event == SG_TRACE_PROOF_WANT)
        sg_sim_ledger_copy(sim, id);
}

/* ---- outputs ---- */

/* Of a frame, as its references are at the same time in the same outbox: many frames go to several
 * peers one after the other. */
static uint64_t digest_of(struct sg_sim *sim, const struct sg_buf *buf)
{
    if (sim->digest_of != buf)
        sim->digest = sg_sim_digest(sg_buf_bytes(buf));
    sim->digest_of = buf;
    return sim->digest;
}

/* What SG_SIM_EV_JOB carries. */
struct job {
    uint64_t number;
    uint32_t boot;
    enum sg_core_in_kind kind;
    sg_err err;
    uint8_t signature[SG_SIM_SIG_LEN];
};

/* The work is done now, its result comes after job_ns. */
static void begin_job(struct sg_sim *sim, uint32_t at, const struct sg_core_out *out)
{
    const struct sg_suite *suite = sim->extra->suite;
    const struct sg_signer signer = sg_sim_signer(suite, sim->nodes[at].public_key);
    struct job job = {.number = out->job, .boot = sim->nodes[at].boot};
    if (out->kind == SG_CORE_OUT_SIGN) {
        job.kind = SG_CORE_IN_SIGNED;
        job.err = sg_core_job_sign(&signer, &out->id, job.signature);
    } else {
        job.kind = SG_CORE_IN_VERIFIED;
        job.err = sg_core_job_verify(suite, &out->id, sg_buf_bytes(out->buf));
    }
    struct sg_buf *buf = sg_buf_copy(sim->mem, sg_bytes((const uint8_t *)&job, sizeof(job)));
    if (buf == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    sg_sim_push(sim, (struct sg_sim_event){.at = sim->now + sim->extra->job_ns,
                                           .kind = SG_SIM_EV_JOB,
                                           .index = at,
                                           .buf = buf});
}

void sg_sim_node_job(struct sg_sim *sim, const struct sg_sim_event *event)
{
    const struct sg_sim_node *node = &sim->nodes[event->index];
    struct job job;
    memcpy(&job, event->buf->data, sizeof(job));
    sg_buf_unref(event->buf);
    if (node->core == NULL || node->boot != job.boot)
        return;
    const struct sg_core_in in = {.kind = job.kind,
                                  .job = job.number,
                                  .err = job.err,
                                  .bytes = sg_bytes(job.signature, sizeof(job.signature))};
    sg_err err = sg_sim_feed(sim, event->index, &in);
    if (err != SG_OK && err != SG_ERR_STOPPED)
        sg_sim_broken(sim, event->index, "a job that the core asked for is unknown to it");
}

static void carry_out(struct sg_sim *sim, uint32_t at, const struct sg_core_out *out)
{
    const uint8_t *ids[2] = {out->peer.b, out->id.b};
    uint64_t what = HASH_OUT + (uint64_t)out->kind;
    if (sim->metrics != NULL)
        sg_sim_metrics_out(sim, at, out);
    switch (out->kind) {
    case SG_CORE_OUT_SEND:
        sg_sim_hash(sim, at, what, ids, digest_of(sim, out->buf));
        sg_sim_net_send(sim, at, out);
        return;
    case SG_CORE_OUT_DIAL:
        sg_sim_hash(sim, at, what, ids, out->hints.count);
        sg_sim_dial_id(sim, at, &out->peer);
        return;
    case SG_CORE_OUT_CLOSE:
        sg_sim_hash(sim, at, what, ids, (uint64_t)out->reason);
        sg_sim_close(sim, at, out);
        return;
    case SG_CORE_OUT_DELIVER:
        sg_sim_hash(sim, at, what, ids, out->message.hops);
        sg_sim_ledger_delivered(sim, at, out);
        return;
    case SG_CORE_OUT_NEIGHBOR_UP:
        if (sim->extra->met != NULL)
            sim->extra->met(sim, at, out, sim->extra->user);
        sg_sim_hash(sim, at, what, ids, sg_load64(out->topic.b));
        return;
    case SG_CORE_OUT_NEIGHBOR_DOWN:
        sg_sim_hash(sim, at, what, ids, sg_load64(out->topic.b));
        return;
    case SG_CORE_OUT_MEMBER:
        sg_sim_hash(sim, at, what, ids, out->incarnation << 8 | (uint64_t)out->member);
        return;
    case SG_CORE_OUT_TRANSFER:
        sg_sim_hash(sim, at, what, ids, out->done);
        return;
    case SG_CORE_OUT_SIGN:
    case SG_CORE_OUT_VERIFY:
        sg_sim_hash(sim, at, what, ids, out->job);
        begin_job(sim, at, out);
        return;
    case SG_CORE_OUT_DOC:   /* none is bound */
    case SG_CORE_OUT_STORE: /* no topic here is durable */
    case SG_CORE_OUT_NEED_CACHE:
        sg_sim_hash(sim, at, what, (const uint8_t *[2]){NULL, NULL}, 0);
        sg_sim_push(sim,
                    (struct sg_sim_event){.at = sim->now, .kind = SG_SIM_EV_CACHE, .index = at});
        return;
    case SG_CORE_OUT_NEED_SEEDS:
        sg_sim_hash(sim, at, what, (const uint8_t *[2]){NULL, NULL}, 0);
        sg_sim_push(sim,
                    (struct sg_sim_event){.at = sim->now, .kind = SG_SIM_EV_SEED, .index = at});
        return;
    }
}

static void arm(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    sg_time_ns due = sg_time_add(sg_core_deadline(node->core), node->faults.lag);
    if (due < sim->now)
        due = sim->now;
    if (due >= node->armed)
        return;
    node->armed = due;
    sg_sim_push(sim, (struct sg_sim_event){.at = due, .kind = SG_SIM_EV_TIMER, .index = at});
}

/* A flood goes over many connections: the memory of the next ones comes meanwhile. */
static void look_ahead(const struct sg_sim *sim, uint32_t at, size_t next)
{
    if (next >= sim->out.count || sim->out.out[next].kind != SG_CORE_OUT_SEND)
        return;
    const struct sg_sim_link *link = sg_sim_link_find(&sim->nodes[at], &sim->out.out[next].peer);
    if (link != NULL)
        sg_prefetch(&sim->conns[link->conn], sizeof(*sim->conns));
}

static void after_step(struct sg_sim *sim, uint32_t at)
{
    for (size_t i = 1; i < OUTS_AHEAD; i++)
        look_ahead(sim, at, i);
    for (size_t i = 0; i < sim->out.count; i++) {
        look_ahead(sim, at, i + OUTS_AHEAD);
        carry_out(sim, at, &sim->out.out[i]);
    }
    sg_core_outbox_clear(&sim->out);
    sim->digest_of = NULL;
    arm(sim, at);
    sim->steps++;
    sg_sim_check_node(sim, at);
}

sg_err sg_sim_feed(struct sg_sim *sim, uint32_t at, const struct sg_core_in *in)
{
    struct sg_core *core = sim->nodes[at].core;
    assert(core != NULL && sim->out.count == 0);
    sg_err err =
        sg_core_input(core, sg_sim_node_now(sim, at), sg_sim_wall_ms(sim, at), in, &sim->out);
    after_step(sim, at);
    return err;
}

void sg_sim_node_timer(struct sg_sim *sim, const struct sg_sim_event *event)
{
    struct sg_sim_node *node = &sim->nodes[event->index];
    if (node->core == NULL || node->armed != event->at)
        return; /* armed for another time since */
    node->armed = SG_TIME_NEVER;
    if (sg_core_deadline(node->core) > sg_sim_node_now(sim, event->index)) {
        arm(sim, event->index);
        return;
    }
    const struct sg_core_in in = {.kind = SG_CORE_IN_TIMEOUT};
    (void)sg_sim_feed(sim, event->index, &in);
    node->spins = node->armed <= sim->now ? node->spins + 1 : 0;
    if (node->spins > SPINS_MAX)
        sg_sim_broken(sim, event->index, "the core's deadline stays in the past");
}

void sg_sim_node_publish(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    struct sg_core_publish result;
    const struct sg_core_publish_in in = {
        .wall_ms = sg_sim_wall_ms(sim, at),
        .topic = sim->topic,
        .payload = sg_sim_ledger_payload(sim, sim->ledger.count),
    };
    sg_err err = sg_core_publish(node->core, sg_sim_node_now(sim, at), &in, &result, &sim->out);
    if (err == SG_ERR_NO_MEMORY)
        sim->err = err;
    else if (err != SG_OK)
        sg_sim_broken(sim, at, "publishing failed");
    else
        sg_sim_ledger_published(sim, at, &result);
    after_step(sim, at);
}

/* ---- life and death ---- */

static void name_contacts(struct sg_sim *sim, uint32_t at)
{
    const uint32_t *list = &sim->contacts[(size_t)at * sim->scenario->contacts];
    for (uint32_t i = 0; i < sim->scenario->contacts && sim->err == SG_OK; i++) {
        struct sg_core_in in = {.kind = SG_CORE_IN_CONTACT, .on = true};
        if (list[i] == SG_SIM_NONE || list[i] == at)
            continue;
        in.peer = sim->nodes[list[i]].id;
        sg_sim_hints(sim, list[i], &in.hints);
        (void)sg_sim_feed(sim, at, &in);
    }
}

void sg_sim_node_start(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    struct sg_core_config config;
    const struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = sim->topic};
    assert(node->core == NULL);
    node->boot++;
    node->armed = SG_TIME_NEVER;
    node->spins = 0;
    node->alive_since = sim->now;
    node->is_leaving = false;
    node->faults.lag = 0;
    node->faults.mute_since = node->faults.mute_until = 0;
    if (sim->metrics != NULL)
        sg_sim_metrics_start(sim, at);
    sg_sim_core_config(sim, at, &config);
    config.trace = (struct sg_trace){trace, node};
    sim->active_target = config.hpv.active_target;
    sg_err err = sg_core_new(&node->core, &config, sim->now);
    if (err == SG_OK && (sim->scenario == NULL || sim->scenario->has_publish))
        err = sg_sim_feed(sim, at, &in);
    if (err != SG_OK) {
        sim->err = err;
        return;
    }
    sim->alive++;
    if (sim->contacts != NULL)
        name_contacts(sim, at);
    sg_sim_plan_seed(sim, at);
}

static void add_stats(struct sg_core_stats *sum, const struct sg_core_stats *add)
{
    /* all fields of both are counters of one type */
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)add;
    static_assert(sizeof(*sum) % sizeof(*to) == 0, "stats are words");
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

void sg_sim_node_count(struct sg_sim *sim, uint32_t at)
{
    struct sg_core_stats stats;
    sg_core_stats(sim->nodes[at].core, &stats);
    add_stats(&sim->extra->stats, &stats);
}

static void drop_links(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    while (node->link_count > 0) {
        uint32_t conn = node->links[--node->link_count].conn;
        unsigned end = sim->conns[conn].node[0] == at ? 0 : 1;
        /* the other end hears nothing more and finds out */
        if (sim->conns[conn].state[1 - end] == SG_SIM_END_UP)
            sg_sim_conn_event(sim, sim->now + sim->extra->idle_timeout_ns,
                              (struct sg_sim_event){.kind = SG_SIM_EV_SILENT,
                                                    .index = conn,
                                                    .end = (uint8_t)(1 - end)});
        sg_sim_end_set(sim, conn, end, SG_SIM_END_DEAD);
    }
}

void sg_sim_node_crash(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    sg_sim_hash(sim, at, HASH_CRASH, (const uint8_t *[2]){NULL, NULL}, node->boot);
    if (sim->metrics != NULL)
        sg_sim_metrics_crash(sim, at);
    sg_sim_node_count(sim, at);
    drop_links(sim, at);
    sg_core_free(node->core);
    node->core = NULL;
    node->sequence = 0;
    sim->alive--;
    sg_sim_ledger_forget(sim, at);
}
