/* The SWIM lab. Packets, tables and records between machines arrive after a short random delay.
 * A stalled member is blocked at its next send or receive, as the paper's agents were made to be:
 * what comes in waits in a bounded queue, and at the end of the stall expired timers come first,
 * then the queue. So a suspicion runs out before the refutation that waits has been read: that is
 * the error Lifeguard is about.
 *
 * Packets take 0.05 to 0.1 ms, as between agents on one host. It matters: an answer has to arrive
 * between two stalls, of which the shortest are 1 ms apart. With 0.5 to 1 ms Lifeguard's false
 * positives at healthy members come out several times too high.
 *
 * Differences from the paper's agents: one virtual network instead of loopback UDP; no TCP fallback
 * ping (a stall blocks it like all else); all members know each other from the start. */
#include "lab_swim.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "lab_swim_mail.h"

/* Between two crashes: a refutation has spread, and is no longer passed on. */
#define SETTLE_PERIODS 12

struct sg_lab_swim_config sg_lab_swim_paper(const struct sg_mem *mem, bool lifeguard)
{
    return (struct sg_lab_swim_config){
        .mem = mem,
        .seed = 1,
        .nodes = 128,
        .swim = sg_swim_config_paper(mem, lifeguard),
        .delay_ns = SG_NS_PER_MS / 20,
        .jitter_ns = SG_NS_PER_MS / 20,
        .queue_max = 1024,
    };
}

struct sg_lab_swim_config sg_lab_swim_ours(const struct sg_mem *mem)
{
    struct sg_lab_swim_config c = sg_lab_swim_paper(mem, true);
    c.swim = sg_swim_config_default(mem);
    c.watched = 8;
    return c;
}

void sg_lab_swim_result_init(struct sg_lab_swim_result *result, const struct sg_mem *mem)
{
    *result = (struct sg_lab_swim_result){.first = {.mem = mem}, .full = {.mem = mem}};
}

void sg_lab_swim_result_fini(struct sg_lab_swim_result *result)
{
    sg_lab_values_fini(&result->first);
    sg_lab_values_fini(&result->full);
}

/* ---- one node ---- */

static void on_fail(struct sg_lab_swim *lab, uint32_t at, uint32_t subject)
{
    bool is_well = lab->node[at].role == SG_LAB_WELL;
    if (subject == lab->victim)
        return;
    if (lab->node[subject].role == SG_LAB_WELL) {
        lab->result->fp++;
        lab->result->fp_healthy += is_well;
        return;
    }
    if (!is_well || lab->stalled_at == SG_TIME_NEVER ||
        lab->net.now > lab->stalled_at + lab->stall->duration_ns)
        return;
    if (lab->declared[subject]++ == 0)
        lab->first[subject] = lab->net.now;
    lab->full[subject] = lab->net.now;
}

static void note_probe(struct sg_lab_swim *lab, const struct sg_swim_out *o)
{
    if (o->packet == SG_SWIM_PING && lab->victim != SG_LAB_NONE &&
        sg_lab_index(&o->peer) == lab->victim && lab->probed == SG_TIME_NEVER)
        lab->probed = lab->net.now;
}

static void note_suspect(struct sg_lab_swim *lab, const struct sg_swim_out *o)
{
    lab->result->suspicions++;
    if (sg_lab_index(&o->peer) != lab->victim || lab->suspected != SG_TIME_NEVER)
        return;
    /* seen: it is back, hears of the suspicion and refutes */
    lab->suspected = lab->net.now;
    lab->node[lab->victim].is_up = true;
    sg_lab_net_wake(&lab->net, lab->victim, sg_swim_deadline(lab->node[lab->victim].m));
}

static void carry_out(struct sg_lab_swim *lab, uint32_t at, const struct sg_swim_out *o,
                      const struct sg_swim_outbox *out)
{
    switch (o->kind) {
    case SG_SWIM_OUT_SEND:
        note_probe(lab, o);
        sg_lab_mail_packet(lab, at, o, out);
        break;
    case SG_SWIM_OUT_TABLE:
        sg_lab_mail_table(lab, at, o);
        break;
    case SG_SWIM_OUT_ANNOUNCE:
        lab->node[at].seen[at] = o->incarnation;
        sg_lab_mail_record(lab, at, at, o->incarnation);
        break;
    case SG_SWIM_OUT_SUSPECT:
        note_suspect(lab, o);
        break;
    case SG_SWIM_OUT_FAIL:
        on_fail(lab, at, sg_lab_index(&o->peer));
        break;
    case SG_SWIM_OUT_JOIN:
    case SG_SWIM_OUT_REFUTED:
    case SG_SWIM_OUT_LEFT:
    case SG_SWIM_OUT_DROPPED:
    case SG_SWIM_OUT_UPDATE:
        break;
    }
}

static void feed(struct sg_lab_swim *lab, uint32_t at, const struct sg_swim_in *in)
{
    struct sg_swim_outbox out;
    struct sg_swim *m = lab->node[at].m;
    sg_err err = sg_swim_input(m, lab->net.now, in, &out);
    assert(err == SG_OK); /* correct nodes among themselves */
    (void)err;
    for (size_t i = 0; i < out.count; i++)
        carry_out(lab, at, &out.out[i], &out);
    sg_lab_net_wake(&lab->net, at, sg_swim_deadline(m));
}

static void on_record(struct sg_lab_swim *lab, const struct sg_lab_mail *mail)
{
    struct sg_lab_member *node = &lab->node[mail->to];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = lab->node[mail->subject].id,
                            .incarnation = mail->incarnation};
    uint32_t to = mail->to;
    uint32_t subject = mail->subject;
    if (subject == to || node->seen[subject] >= mail->incarnation)
        return;
    node->seen[subject] = mail->incarnation;
    sg_lab_mail_record(lab, to, subject, in.incarnation);
    feed(lab, to, &in);
}

/* Lets the mail's receiver read it. Slots may move while it does. */
static void read_mail(struct sg_lab_swim *lab, uint32_t slot)
{
    const struct sg_lab_mail *there = sg_lab_net_at(&lab->net, slot);
    struct sg_lab_mail mail;
    memcpy(&mail, there,
           offsetof(struct sg_lab_mail, packet.rumor) +
               (there->kind == SG_LAB_SWIM_PACKET ? there->packet.count : 0) *
                   sizeof(*mail.packet.rumor));
    struct sg_swim_in in = {.peer = lab->node[mail.from].id};
    if (mail.kind == SG_LAB_SWIM_RECORD) {
        on_record(lab, &mail);
    } else if (mail.kind == SG_LAB_SWIM_TABLE) {
        in.kind = SG_SWIM_IN_TABLE;
        in.table = mail.table;
        feed(lab, mail.to, &in);
    } else {
        in.kind = SG_SWIM_IN_PACKET;
        in.packet = &mail.packet;
        feed(lab, mail.to, &in);
    }
    sg_lab_mail_discard(lab, slot);
}

static void on_mail(struct sg_lab_swim *lab, uint32_t slot)
{
    const struct sg_lab_mail *mail = sg_lab_net_at(&lab->net, slot);
    struct sg_lab_member *to = &lab->node[mail->to];
    if (!to->is_up)
        sg_lab_mail_discard(lab, slot);
    else if (to->is_stalled)
        sg_lab_mail_hold(lab, &to->in, slot);
    else
        read_mail(lab, slot);
}

static void on_timer(struct sg_lab_swim *lab, uint32_t at)
{
    const struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    struct sg_lab_member *node = &lab->node[at];
    if (!sg_lab_net_woken(&lab->net, at) || !node->is_up)
        return;
    if (node->is_frozen)
        return; /* at the end of the stall */
    if (sg_swim_deadline(node->m) <= lab->net.now)
        feed(lab, at, &in);
    else
        sg_lab_net_wake(&lab->net, at, sg_swim_deadline(node->m));
}

/* ---- stalls ---- */

static void on_stall(struct sg_lab_swim *lab)
{
    for (uint32_t i = 0; i < lab->stall->members; i++) {
        lab->node[lab->chosen[i]].is_stalled = true;
        lab->node[lab->chosen[i]].is_frozen = lab->config->block == SG_LAB_BLOCK_LOOP;
    }
    if (lab->stalled_at == SG_TIME_NEVER)
        lab->stalled_at = lab->net.now;
    sg_lab_net_post(&lab->net, lab->stall->duration_ns, SG_LAB_SWIM_RESUME, 0);
}

static void resume(struct sg_lab_swim *lab, uint32_t at)
{
    const struct sg_swim_in timeout = {.kind = SG_SWIM_IN_TIMEOUT};
    struct sg_lab_member *node = &lab->node[at];
    node->is_stalled = node->is_frozen = false;
    for (uint32_t i = 0; i < node->out.count; i++)
        sg_lab_mail_dispatch(lab, node->out.slot[i]);
    node->out.count = 0;
    if (sg_swim_deadline(node->m) <= lab->net.now)
        feed(lab, at, &timeout);
    for (uint32_t i = 0; i < node->in.count; i++)
        read_mail(lab, node->in.slot[i]);
    node->in.count = 0;
    sg_lab_net_wake(&lab->net, at, sg_swim_deadline(node->m));
}

static void on_resume(struct sg_lab_swim *lab)
{
    for (uint32_t i = 0; i < lab->stall->members; i++)
        resume(lab, lab->chosen[i]);
    if (lab->stall->interval_ns > 0)
        sg_lab_net_post(&lab->net, lab->stall->interval_ns, SG_LAB_SWIM_STALL, 0);
}

static void run(struct sg_lab_swim *lab, uint64_t for_ns)
{
    struct sg_sim_event event;
    sg_lab_net_post(&lab->net, for_ns, SG_LAB_EV_STOP, 0);
    while (lab->net.err == SG_OK && sg_lab_net_next(&lab->net, &event)) {
        if (event.kind == SG_LAB_EV_TIMER)
            on_timer(lab, event.index);
        else if (event.kind == SG_LAB_SWIM_STALL)
            on_stall(lab);
        else if (event.kind == SG_LAB_SWIM_RESUME)
            on_resume(lab);
        else
            on_mail(lab, event.index);
    }
}

/* ---- construction ---- */

static sg_err new_node(struct sg_lab_swim *lab, uint32_t at)
{
    const struct sg_lab_swim_config *c = lab->config;
    struct sg_lab_member *node = &lab->node[at];
    node->id = sg_lab_id(c->seed, at);
    node->is_up = true;
    node->seen = sg_mem_new(c->mem, c->nodes, sizeof(*node->seen));
    node->watched = sg_mem_new(c->mem, c->nodes, sizeof(*node->watched));
    if (node->seen == NULL || node->watched == NULL)
        return SG_ERR_NO_MEMORY;
    const struct sg_swim_start start = {
        .self = node->id, .now = lab->net.now, .seed = sg_lab_mix(c->seed, UINT64_C(1) << 32 | at)};
    return sg_swim_new(&node->m, &c->swim, &start);
}

static sg_err init(struct sg_lab_swim *lab)
{
    const struct sg_lab_swim_config *c = lab->config;
    SG_TRY(sg_lab_net_init(&lab->net, c->mem, c->nodes, sizeof(struct sg_lab_mail)));
    lab->node = sg_mem_new(c->mem, c->nodes, sizeof(*lab->node));
    lab->chosen = sg_mem_new(c->mem, c->nodes, sizeof(*lab->chosen));
    lab->first = sg_mem_new(c->mem, c->nodes, sizeof(*lab->first));
    lab->full = sg_mem_new(c->mem, c->nodes, sizeof(*lab->full));
    lab->declared = sg_mem_new(c->mem, c->nodes, sizeof(*lab->declared));
    if (lab->node == NULL || lab->chosen == NULL || lab->first == NULL || lab->full == NULL ||
        lab->declared == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->nodes; i++) {
        SG_TRY(new_node(lab, i));
        lab->chosen[i] = i;
    }
    return SG_OK;
}

static void fini(struct sg_lab_swim *lab)
{
    const struct sg_mem *mem = lab->config->mem;
    for (uint32_t i = 0; lab->node != NULL && i < lab->config->nodes; i++) {
        struct sg_lab_member *node = &lab->node[i];
        sg_swim_free(node->m);
        sg_mem_free(mem, node->seen);
        sg_mem_free(mem, node->watched);
        sg_mem_free(mem, node->in.slot);
        sg_mem_free(mem, node->out.slot);
    }
    for (uint32_t i = 0; i < lab->net.slot_count; i++) {
        struct sg_lab_mail *mail = sg_lab_net_at(&lab->net, i);
        if (mail->table != NULL)
            sg_mem_free(mem, mail->table);
    }
    sg_mem_free(mem, lab->node);
    sg_mem_free(mem, lab->chosen);
    sg_mem_free(mem, lab->first);
    sg_mem_free(mem, lab->full);
    sg_mem_free(mem, lab->declared);
    sg_lab_net_fini(&lab->net);
}

/* So many at a time: each gives an output. */
#define HEARSAY_MAX 64

/* Everybody knows everybody, and nobody has to spread it. */
static void introduce(struct sg_lab_swim *lab, uint32_t at)
{
    struct sg_peer_id peers[HEARSAY_MAX];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_HEARSAY, .peers = peers};
    for (uint32_t i = 0; i < lab->config->nodes; i++) {
        peers[in.count++] = lab->node[i].id;
        if (in.count < HEARSAY_MAX && i + 1 < lab->config->nodes)
            continue;
        feed(lab, at, &in);
        in.count = 0;
    }
}

static void watch(struct sg_lab_swim *lab, uint32_t at, uint32_t peer)
{
    struct sg_lab_member *node = &lab->node[at];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_WATCH, .peer = lab->node[peer].id, .on = true};
    for (uint32_t i = 0; i < node->watched_count; i++)
        if (node->watched[i] == peer)
            return;
    node->watched[node->watched_count++] = peer;
    feed(lab, at, &in);
}

static void link_all(struct sg_lab_swim *lab, uint32_t at)
{
    for (uint32_t i = 0; i < lab->config->nodes; i++) {
        struct sg_swim_in up = {.kind = SG_SWIM_IN_LINK_UP, .peer = lab->node[i].id};
        struct sg_swim_in rtt = {.kind = SG_SWIM_IN_RTT,
                                 .peer = lab->node[i].id,
                                 .srtt_ns = 2 * lab->config->delay_ns + lab->config->jitter_ns,
                                 .rttvar_ns = lab->config->jitter_ns};
        if (i == at)
            continue;
        feed(lab, at, &up);
        feed(lab, at, &rtt);
    }
}

static void connect(struct sg_lab_swim *lab)
{
    const struct sg_lab_swim_config *c = lab->config;
    for (uint32_t i = 0; i < c->nodes; i++) {
        introduce(lab, i);
        if (c->watched > 0)
            link_all(lab, i);
    }
    for (uint32_t i = 0; i < c->nodes; i++)
        for (uint32_t k = 0; k < c->watched / 2; k++) {
            uint64_t other = sg_prng_below(&lab->prng, c->nodes - 1);
            uint32_t peer = (uint32_t)(other < i ? other : other + 1);
            watch(lab, i, peer);
            watch(lab, peer, i);
        }
}

static sg_err start(struct sg_lab_swim *lab, const struct sg_lab_swim_config *config)
{
    lab->config = config;
    lab->stalled_at = lab->probed = lab->suspected = SG_TIME_NEVER;
    lab->victim = SG_LAB_NONE;
    sg_prng_init(&lab->prng, config->seed);
    SG_TRY(init(lab));
    connect(lab);
    return SG_OK;
}

/* ---- the experiments ---- */

static void collect(struct sg_lab_swim *lab)
{
    uint32_t members = lab->stall->members;
    uint32_t well = lab->config->nodes - members;
    for (uint32_t i = 0; i < members; i++) {
        uint32_t subject = lab->chosen[i];
        lab->result->stalled++;
        if (lab->declared[subject] == 0)
            continue;
        lab->result->detected++;
        sg_lab_values_add(&lab->result->first, lab->first[subject] - lab->stalled_at);
        if (lab->declared[subject] >= well)
            sg_lab_values_add(&lab->result->full, lab->full[subject] - lab->stalled_at);
    }
    lab->result->runs++;
    lab->result->events += lab->net.events;
}

sg_err sg_lab_swim_stall(const struct sg_lab_swim_config *config, const struct sg_lab_stall *stall,
                         struct sg_lab_swim_result *result)
{
    struct sg_lab_swim lab = {.stall = stall, .result = result};
    sg_err err = start(&lab, config);
    if (err == SG_OK) {
        sg_lab_sample(&lab.prng, lab.chosen, config->nodes, stall->members);
        for (uint32_t i = 0; i < stall->members; i++)
            lab.node[lab.chosen[i]].role = SG_LAB_CHOSEN;
        sg_lab_net_post(&lab.net, stall->quiesce_ns, SG_LAB_SWIM_STALL, 0);
        run(&lab, stall->quiesce_ns + stall->run_ns);
        collect(&lab);
        err = lab.net.err;
    }
    fini(&lab);
    return err;
}

/* One member is down until somebody suspects it. */
static void crash_one(struct sg_lab_swim *lab, struct sg_lab_values *periods,
                      struct sg_lab_values *suspected)
{
    uint64_t period = lab->config->swim.period_ns;
    uint64_t phase = sg_prng_below(&lab->prng, period);
    run(lab, SETTLE_PERIODS * period + phase);
    lab->probed = lab->suspected = SG_TIME_NEVER;
    lab->victim = (uint32_t)sg_prng_below(&lab->prng, lab->config->nodes);
    lab->node[lab->victim].is_up = false;
    sg_time_ns crashed = lab->net.now;
    /* round robin: at the latest after two rounds less one */
    for (uint32_t i = 0; i <= 2 * lab->config->nodes && lab->suspected == SG_TIME_NEVER; i++)
        run(lab, period);
    if (lab->suspected != SG_TIME_NEVER) {
        sg_lab_values_add(periods, sg_time_since(lab->probed, crashed) / period + 1);
        sg_lab_values_add(suspected, sg_time_since(lab->suspected, crashed));
    }
    lab->victim = SG_LAB_NONE;
}

sg_err sg_lab_swim_crashes(const struct sg_lab_swim_config *config, unsigned crashes,
                           struct sg_lab_values *periods, struct sg_lab_values *suspected)
{
    struct sg_lab_swim_result result;
    struct sg_lab_swim lab = {.result = &result};
    sg_lab_swim_result_init(&result, config->mem);
    sg_err err = start(&lab, config);
    for (unsigned i = 0; i < crashes && err == SG_OK; i++) {
        crash_one(&lab, periods, suspected);
        err = lab.net.err;
    }
    fini(&lab);
    sg_lab_swim_result_fini(&result);
    return err;
}
