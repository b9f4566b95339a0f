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

enum {
    EV_PACKET = SG_LAB_EV_FIRST, /* index: slot */
    EV_TABLE,                    /* index: slot, with a table of its own */
    EV_RECORD,                   /* index: slot */
    EV_STALL,                    /* all chosen members stall */
    EV_RESUME
};

/* Between two crashes: a refutation has spread, and is no longer passed on. */
#define SETTLE_PERIODS 12

enum role { WELL, CHOSEN };

struct mail {
    uint32_t from, to;
    uint8_t kind;                /* of its event */
    struct sg_swim_table *table; /* owned, TABLE only */
    uint32_t subject;            /* RECORD */
    sg_incarnation incarnation;
    struct sg_swim_packet packet; /* the last: copied as far as it is used */
};

struct waiting {
    uint32_t *slot; /* [cap] */
    uint32_t count, cap;
};

struct node {
    struct sg_swim *m;
    struct sg_peer_id id;
    bool is_up, is_stalled;
    bool is_frozen; /* its timers wait for the end of the stall */
    enum role role;
    struct waiting in, out;
    uint32_t *watched; /* [watched_count], indices */
    uint32_t watched_count;
    sg_incarnation *seen; /* [nodes] records passed on */
};

struct lab {
    const struct sg_lab_swim_config *config;
    const struct sg_lab_stall *stall;
    struct sg_lab_swim_result *result;
    struct sg_lab_net net;
    struct sg_prng prng;
    struct node *node;
    uint32_t *chosen;             /* [nodes] in random order, the first stall->members stall */
    sg_time_ns stalled_at;        /* the first time */
    sg_time_ns *first, *full;     /* [nodes] when declared dead by the first and last of the well */
    uint32_t *declared;           /* [nodes] by so many of them */
    uint32_t victim;              /* SG_LAB_NONE = nobody has crashed */
    sg_time_ns probed, suspected; /* the victim, for the first time */
};

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

/* ---- mail ---- */

static uint64_t delay(struct lab *lab)
{
    uint64_t more = sg_prng_below(&lab->prng, lab->config->jitter_ns + 1);
    return lab->config->delay_ns + more;
}

static void discard(struct lab *lab, uint32_t slot)
{
    struct mail *mail = sg_lab_net_at(&lab->net, slot);
    sg_mem_free(lab->config->mem, mail->table);
    mail->table = NULL;
    sg_lab_net_drop(&lab->net, slot);
}

static void hold(struct lab *lab, struct waiting *w, uint32_t slot)
{
    if (w->count == lab->config->queue_max) {
        lab->result->lost++;
        discard(lab, slot);
        return;
    }
    if (w->count == w->cap) {
        uint32_t cap = w->cap == 0 ? 64 : w->cap * 2;
        uint32_t *grown = sg_mem_resize(lab->config->mem, w->slot, cap, sizeof(*grown));
        if (grown == NULL) {
            lab->net.err = SG_ERR_NO_MEMORY;
            discard(lab, slot);
            return;
        }
        w->slot = grown;
        w->cap = cap;
    }
    w->slot[w->count++] = slot;
}

static void dispatch(struct lab *lab, uint32_t slot)
{
    const struct mail *mail = sg_lab_net_at(&lab->net, slot);
    uint8_t kind = mail->kind;
    uint64_t after = delay(lab);
    sg_lab_net_post(&lab->net, after, kind, slot);
}

/* A new mail, its packet not set; NULL when out of memory. *slot for post. */
static struct mail *compose(struct lab *lab, uint32_t from, uint32_t to, uint8_t kind)
{
    uint32_t slot = sg_lab_net_slot(&lab->net);
    if (slot == SG_LAB_NONE)
        return NULL;
    struct mail *mail = sg_lab_net_at(&lab->net, slot);
    mail->from = from;
    mail->to = to;
    mail->kind = kind;
    mail->table = NULL;
    if (lab->node[from].is_stalled)
        hold(lab, &lab->node[from].out, slot);
    else
        dispatch(lab, slot);
    lab->result->messages++;
    return mail;
}

static void send_packet(struct lab *lab, uint32_t from, const struct sg_swim_out *o,
                        const struct sg_swim_outbox *out)
{
    struct mail *mail = compose(lab, from, sg_lab_index(&o->peer), EV_PACKET);
    if (mail == NULL)
        return;
    if (lab->node[from].is_stalled && lab->config->block == SG_LAB_BLOCK_PROBE &&
        (o->packet == SG_SWIM_PING || o->packet == SG_SWIM_PING_REQ))
        lab->node[from].is_frozen = true;
    mail->packet.kind = o->packet;
    mail->packet.seq = o->seq;
    mail->packet.target = o->target;
    mail->packet.count = o->rumor_count;
    memcpy(mail->packet.rumor, &out->rumor[o->rumor_at],
           o->rumor_count * sizeof(*mail->packet.rumor));
    lab->result->bytes += 6u + (o->packet == SG_SWIM_PING_REQ ? SG_ID_LEN : 0u);
    for (uint8_t i = 0; i < o->rumor_count; i++)
        lab->result->bytes += sg_swim_rumor_len(&mail->packet.rumor[i], NULL);
}

static void send_table(struct lab *lab, uint32_t from, const struct sg_swim_out *o)
{
    const struct sg_mem *mem = lab->config->mem;
    for (uint32_t part = 0;; part++) {
        struct sg_swim_table *table = sg_mem_new(mem, 1, sizeof(*table));
        if (table == NULL)
            lab->net.err = SG_ERR_NO_MEMORY;
        if (table == NULL || !sg_swim_table(lab->node[from].m, part, table)) {
            sg_mem_free(mem, table);
            return;
        }
        table->wants_reply = o->wants_reply && part == 0;
        struct mail *mail = compose(lab, from, sg_lab_index(&o->peer), EV_TABLE);
        if (mail == NULL) {
            sg_mem_free(mem, table);
            return;
        }
        mail->table = table;
        lab->result->bytes += 4 + table->count * (uint64_t)(SG_ID_LEN + 10);
    }
}

/* A signed record floods over the watched links. */
static void spread_record(struct lab *lab, uint32_t at, uint32_t subject,
                          sg_incarnation incarnation)
{
    const struct node *node = &lab->node[at];
    for (uint32_t i = 0; i < node->watched_count; i++) {
        struct mail *mail = compose(lab, at, node->watched[i], EV_RECORD);
        if (mail == NULL)
            return;
        mail->subject = subject;
        mail->incarnation = incarnation;
    }
}

/* ---- one node ---- */

static void on_fail(struct lab *lab, uint32_t at, uint32_t subject)
{
    bool is_well = lab->node[at].role == WELL;
    if (subject == lab->victim)
        return;
    if (lab->node[subject].role == WELL) {
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

static void note_probe(struct lab *lab, const struct sg_swim_out *o)
{
    if (o->packet == SG_SWIM_PING && lab->victim != SG_LAB_NONE &&
        sg_lab_index(&o->peer) == lab->victim && lab->probed == SG_TIME_NEVER)
        lab->probed = lab->net.now;
}

static void note_suspect(struct lab *lab, const struct sg_swim_out *o)
{
    lab->result->suspicions++;
    if (sg_lab_index(&o->peer) != lab->victim || lab->suspected != SG_TIME_NEVER)
        return;
    /* seen: it is back, hears of the suspicion and refutes */
    lab->suspected = lab->net.now;
    lab->node[lab->victim].is_up = true;
    sg_lab_net_wake(&lab->net, lab->victim, sg_swim_deadline(lab->node[lab->victim].m));
}

static void carry_out(struct lab *lab, uint32_t at, const struct sg_swim_out *o,
                      const struct sg_swim_outbox *out)
{
    switch (o->kind) {
    case SG_SWIM_OUT_SEND:
        note_probe(lab, o);
        send_packet(lab, at, o, out);
        break;
    case SG_SWIM_OUT_TABLE:
        send_table(lab, at, o);
        break;
    case SG_SWIM_OUT_ANNOUNCE:
        lab->node[at].seen[at] = o->incarnation;
        spread_record(lab, at, at, o->incarnation);
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

static void feed(struct lab *lab, uint32_t at, const struct sg_swim_in *in)
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

static void on_record(struct lab *lab, const struct mail *mail)
{
    struct node *node = &lab->node[mail->to];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = lab->node[mail->subject].id,
                            .incarnation = mail->incarnation};
    uint32_t to = mail->to;
    uint32_t subject = mail->subject;
    if (subject == to || node->seen[subject] >= mail->incarnation)
        return;
    node->seen[subject] = mail->incarnation;
    spread_record(lab, to, subject, in.incarnation);
    feed(lab, to, &in);
}

/* Lets the mail's receiver read it. Slots may move while it does. */
static void read_mail(struct lab *lab, uint32_t slot)
{
    const struct mail *there = sg_lab_net_at(&lab->net, slot);
    struct mail mail;
    memcpy(&mail, there,
           offsetof(struct mail, packet.rumor) +
               (there->kind == EV_PACKET ? there->packet.count : 0) * sizeof(*mail.packet.rumor));
    struct sg_swim_in in = {.peer = lab->node[mail.from].id};
    if (mail.kind == EV_RECORD) {
        on_record(lab, &mail);
    } else if (mail.kind == EV_TABLE) {
        in.kind = SG_SWIM_IN_TABLE;
        in.table = mail.table;
        feed(lab, mail.to, &in);
    } else {
        in.kind = SG_SWIM_IN_PACKET;
        in.packet = &mail.packet;
        feed(lab, mail.to, &in);
    }
    discard(lab, slot);
}

static void on_mail(struct lab *lab, uint32_t slot)
{
    const struct mail *mail = sg_lab_net_at(&lab->net, slot);
    struct node *to = &lab->node[mail->to];
    if (!to->is_up)
        discard(lab, slot);
    else if (to->is_stalled)
        hold(lab, &to->in, slot);
    else
        read_mail(lab, slot);
}

static void on_timer(struct lab *lab, uint32_t at)
{
    const struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    struct node *node = &lab->node[at];
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

static void on_stall(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->stall->members; i++) {
        lab->node[lab->chosen[i]].is_stalled = true;
        lab->node[lab->chosen[i]].is_frozen = lab->config->block == SG_LAB_BLOCK_LOOP;
    }
    if (lab->stalled_at == SG_TIME_NEVER)
        lab->stalled_at = lab->net.now;
    sg_lab_net_post(&lab->net, lab->stall->duration_ns, EV_RESUME, 0);
}

static void resume(struct lab *lab, uint32_t at)
{
    const struct sg_swim_in timeout = {.kind = SG_SWIM_IN_TIMEOUT};
    struct node *node = &lab->node[at];
    node->is_stalled = node->is_frozen = false;
    for (uint32_t i = 0; i < node->out.count; i++)
        dispatch(lab, node->out.slot[i]);
    node->out.count = 0;
    if (sg_swim_deadline(node->m) <= lab->net.now)
        feed(lab, at, &timeout);
    for (uint32_t i = 0; i < node->in.count; i++)
        read_mail(lab, node->in.slot[i]);
    node->in.count = 0;
    sg_lab_net_wake(&lab->net, at, sg_swim_deadline(node->m));
}

static void on_resume(struct lab *lab)
{
    for (uint32_t i = 0; i < lab->stall->members; i++)
        resume(lab, lab->chosen[i]);
    if (lab->stall->interval_ns > 0)
        sg_lab_net_post(&lab->net, lab->stall->interval_ns, EV_STALL, 0);
}

static void run(struct lab *lab, uint64_t for_ns)
{
    struct sg_sim_event event;
    sg_lab_net_post(&lab->net, for_ns, SG_LAB_EV_STOP, 0);
    while (lab->net.err == SG_OK && sg_lab_net_next(&lab->net, &event)) {
        if (event.kind == SG_LAB_EV_TIMER)
            on_timer(lab, event.index);
        else if (event.kind == EV_STALL)
            on_stall(lab);
        else if (event.kind == EV_RESUME)
            on_resume(lab);
        else
            on_mail(lab, event.index);
    }
}

/* ---- construction ---- */

static sg_err new_node(struct lab *lab, uint32_t at)
{
    const struct sg_lab_swim_config *c = lab->config;
    struct node *node = &lab->node[at];
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

static sg_err init(struct lab *lab)
{
    const struct sg_lab_swim_config *c = lab->config;
    SG_TRY(sg_lab_net_init(&lab->net, c->mem, c->nodes, sizeof(struct mail)));
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

static void fini(struct lab *lab)
{
    const struct sg_mem *mem = lab->config->mem;
    for (uint32_t i = 0; lab->node != NULL && i < lab->config->nodes; i++) {
        struct node *node = &lab->node[i];
        sg_swim_free(node->m);
        sg_mem_free(mem, node->seen);
        sg_mem_free(mem, node->watched);
        sg_mem_free(mem, node->in.slot);
        sg_mem_free(mem, node->out.slot);
    }
    for (uint32_t i = 0; i < lab->net.slot_count; i++) {
        struct mail *mail = sg_lab_net_at(&lab->net, i);
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
static void introduce(struct lab *lab, uint32_t at)
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

static void watch(struct lab *lab, uint32_t at, uint32_t peer)
{
    struct node *node = &lab->node[at];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_WATCH, .peer = lab->node[peer].id, .on = true};
    for (uint32_t i = 0; i < node->watched_count; i++)
        if (node->watched[i] == peer)
            return;
    node->watched[node->watched_count++] = peer;
    feed(lab, at, &in);
}

static void link_all(struct lab *lab, uint32_t at)
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

static void connect(struct lab *lab)
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

static sg_err start(struct lab *lab, const struct sg_lab_swim_config *config)
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

static void collect(struct lab *lab)
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
    struct lab lab = {.stall = stall, .result = result};
    sg_err err = start(&lab, config);
    if (err == SG_OK) {
        sg_lab_sample(&lab.prng, lab.chosen, config->nodes, stall->members);
        for (uint32_t i = 0; i < stall->members; i++)
            lab.node[lab.chosen[i]].role = CHOSEN;
        sg_lab_net_post(&lab.net, stall->quiesce_ns, EV_STALL, 0);
        run(&lab, stall->quiesce_ns + stall->run_ns);
        collect(&lab);
        err = lab.net.err;
    }
    fini(&lab);
    return err;
}

/* One member is down until somebody suspects it. */
static void crash_one(struct lab *lab, struct sg_lab_values *periods,
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
    struct lab lab = {.result = &result};
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
