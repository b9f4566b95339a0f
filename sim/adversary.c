/* Attackers: nodes that run a real core, so that they have links and are taken for peers, and whose
 * frames are accompanied by forged ones, or recorded, held back and played again.
 *
 * They act all links at once, at a pace per kind. Those that flood also dial honest nodes of
 * themselves. What they send is well-formed: the decoders are the fuzzers' business. */
#include "adversary.h"

#include <string.h>

#include "base/prng.h"

/* The flapper of threats.md 14 has 10 Hz. */
#define FAST_NS (100 * SG_NS_PER_MS)
#define SLOW_NS SG_NS_PER_S
/* Links that an attacker uses in one turn. */
#define LINKS_MAX 64

sg_err sg_sim_adversary_init(struct sg_sim *sim)
{
    struct sg_sim_adversaries *a = sg_mem_new(sim->mem, 1, sizeof(*a));
    if (a == NULL)
        return SG_ERR_NO_MEMORY;
    sim->adversaries = a;
    uint32_t first = sim->scenario->first_nodes;
    for (uint32_t i = 1; i < first && a->victim_count < SG_SIM_VICTIMS; i++) {
        if (sim->nodes[i].role == SG_SIM_HONEST)
            a->victims[a->victim_count++] = i;
    }
    return SG_OK;
}

void sg_sim_adversary_fini(struct sg_sim *sim)
{
    struct sg_sim_adversaries *a = sim->adversaries;
    if (a == NULL)
        return;
    for (uint32_t i = 0; i < a->record_count; i++)
        sg_buf_unref(a->records[i].buf);
    for (uint32_t i = 0; i < a->held_count; i++)
        sg_buf_unref(a->held[i].buf);
    sg_mem_free(sim->mem, a);
    sim->adversaries = NULL;
}

void sg_sim_forge_send(struct sg_sim *sim, uint32_t at, uint32_t peer, enum sg_lane lane,
                       struct sg_bytes frame)
{
    if (sg_sim_net_inject(sim, at, peer, lane, frame))
        sim->metrics->forged++;
}

/* ---- recording ---- */

static bool is_membership(struct sg_bytes frame)
{
    return frame.len > 0 &&
           (frame.data[0] == SG_FAMILY_HYPARVIEW || frame.data[0] == SG_FAMILY_SWIM);
}

static void record(struct sg_sim *sim, enum sg_lane lane, struct sg_bytes frame)
{
    struct sg_sim_adversaries *a = sim->adversaries;
    struct sg_buf *buf = sg_buf_copy(sim->mem, frame);
    if (buf == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return;
    }
    struct sg_sim_record *r = &a->records[a->record_next];
    if (a->record_count < SG_SIM_RECORDS)
        a->record_count++;
    else
        sg_buf_unref(r->buf);
    *r = (struct sg_sim_record){.buf = buf, .lane = (uint8_t)lane};
    a->record_next = (a->record_next + 1) % SG_SIM_RECORDS;
}

/* Every fourth of its own frames is held back until its next turn. */
static bool hold(struct sg_sim *sim, uint32_t at, uint32_t peer, enum sg_lane lane,
                 struct sg_bytes frame)
{
    struct sg_sim_adversaries *a = sim->adversaries;
    if (a->held_count == SG_SIM_HELD || sg_prng_below(&sim->prng, 4) != 0)
        return false;
    struct sg_buf *buf = sg_buf_copy(sim->mem, frame);
    if (buf == NULL) {
        sim->err = SG_ERR_NO_MEMORY;
        return false;
    }
    a->held[a->held_count++] =
        (struct sg_sim_record){.buf = buf, .node = at, .peer = peer, .lane = (uint8_t)lane};
    return true;
}

bool sg_sim_adversary_sees(struct sg_sim *sim, uint32_t at, uint32_t peer, enum sg_lane lane,
                           struct sg_bytes frame)
{
    if (sg_sim_is_sybil(sim->nodes[at].role))
        return peer != SG_SIM_NONE && sg_sim_sybil_keeps(sim, at, lane, frame);
    if (sim->nodes[at].role != SG_SIM_REPLAY || sim->zero == SG_TIME_NEVER || !is_membership(frame))
        return false;
    record(sim, lane, frame);
    return peer != SG_SIM_NONE && hold(sim, at, peer, lane, frame);
}

/* Its held frames come last in, first out; then an old frame goes to each peer. */
static void release(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_adversaries *a = sim->adversaries;
    uint32_t kept = 0;
    for (uint32_t i = a->held_count; i-- > 0;) {
        const struct sg_sim_record *h = &a->held[i];
        if (h->node == at)
            (void)sg_sim_net_inject(sim, at, h->peer, (enum sg_lane)h->lane, sg_buf_bytes(h->buf));
    }
    for (uint32_t i = 0; i < a->held_count; i++) {
        if (a->held[i].node == at)
            sg_buf_unref(a->held[i].buf);
        else
            a->held[kept++] = a->held[i];
    }
    a->held_count = kept;
}

static void play(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    const struct sg_sim_adversaries *a = sim->adversaries;
    if (a->record_count == 0)
        return;
    const struct sg_sim_record *r = &a->records[sg_prng_below(&sim->prng, a->record_count)];
    sg_sim_forge_send(sim, at, peer, (enum sg_lane)r->lane, sg_buf_bytes(r->buf));
}

/* ---- turns ---- */

static void attack(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    switch (sim->nodes[at].role) {
    case SG_SIM_LIAR:
        sg_sim_forge_lies(sim, at, peer);
        return;
    case SG_SIM_GHOST:
        sg_sim_forge_ghosts(sim, at, peer);
        return;
    case SG_SIM_REPLAY:
        play(sim, at, peer);
        return;
    case SG_SIM_STORM:
        sg_sim_forge_storm(sim, at, peer);
        return;
    case SG_SIM_FLAPPER:
        sg_sim_forge_flap(sim, at, peer);
        return;
    case SG_SIM_SYBIL:
    case SG_SIM_CENSOR:
    case SG_SIM_DEGRADE: /* they act by what they keep */
    case SG_SIM_HONEST:
        return;
    }
}

/* A link more, to an honest node of its choice, about once a second. */
static void intrude(struct sg_sim *sim, uint32_t at)
{
    uint32_t peer = (uint32_t)sg_prng_below(&sim->prng, sim->config.nodes);
    bool is_known = sg_sim_link_find(&sim->nodes[at], &sim->nodes[peer].id) != NULL;
    if (peer != at && sim->nodes[peer].core != NULL && !is_known)
        sg_sim_dial(sim, at, peer, false);
}

static bool is_fast(enum sg_sim_role role)
{
    return role == SG_SIM_STORM || role == SG_SIM_FLAPPER || role == SG_SIM_REPLAY;
}

void sg_sim_adversary_act(struct sg_sim *sim, const struct sg_sim_event *event)
{
    uint32_t peers[LINKS_MAX];
    uint32_t count = 0;
    uint32_t at = event->index;
    struct sg_sim_node *node = &sim->nodes[at];
    uint64_t pace = is_fast(node->role) ? FAST_NS : SLOW_NS;
    /* not all at the same moment */
    uint64_t pause = sg_prng_jitter(&sim->prng, pace, 10);
    sg_sim_push(sim, (struct sg_sim_event){
                         .at = sim->now + pause, .kind = SG_SIM_EV_ADVERSARY, .index = at});
    /* attacks are faults: over when the safety phase is */
    if (node->core == NULL || sg_sim_is_mute(sim, at) ||
        sim->now >= sim->zero + sim->scenario->safety_ns)
        return;
    sim->adversaries->turns++;
    if (sg_sim_is_sybil(node->role)) {
        sg_sim_sybil_intrude(sim, at);
        return;
    }
    for (; count < node->link_count && count < LINKS_MAX; count++)
        peers[count] = node->links[count].peer;
    if (node->role == SG_SIM_REPLAY)
        release(sim, at);
    for (uint32_t i = 0; i < count; i++)
        attack(sim, at, peers[i]);
    if (sg_prng_below(&sim->prng, SG_NS_PER_S / pace) == 0)
        intrude(sim, at);
}
