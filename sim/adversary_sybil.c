/* The attackers of GossipSub's attack set: they take as many places as they can get, and keep what
 * they should pass on. What they hold back is payload alone: control frames go on, so that they
 * announce and promise what they never send. Their cores want neighbours by the dozen, and they
 * join through honest nodes again and again. */
#include "adversary.h"
#include "wire/gossip_msg.h"
#include "wire/pt_msg.h"

/* As many neighbours as a view can have. */
#define VIEW 32
/* Degree 100 in the attack set. */
#define LINKS_MAX 100

bool sg_sim_is_sybil(enum sg_sim_role role)
{
    return role == SG_SIM_SYBIL || role == SG_SIM_CENSOR || role == SG_SIM_DEGRADE;
}

static uint32_t victim_of(const struct sg_sim *sim, const struct sg_sim_adversary_line *line)
{
    return line->target == SG_SIM_NONE ? sim->adversaries->victims[0] : line->target;
}

bool sg_sim_is_attacked(const struct sg_sim *sim, sg_time_ns at)
{
    for (uint32_t i = 0; i < sim->scenario->role_count; i++) {
        const struct sg_sim_adversary_line *line = &sim->scenario->roles[i];
        bool has_begun = line->is_always || at >= sg_time_add(sim->zero, line->from);
        bool is_over = line->until > 0 && at >= sg_time_add(sim->zero, line->until);
        if (has_begun && !is_over)
            return true;
    }
    return false;
}

static bool is_active(const struct sg_sim *sim, const struct sg_sim_adversary_line *line)
{
    if (sim->zero == SG_TIME_NEVER)
        return line->is_always;
    bool has_begun = line->is_always || sim->now >= sg_time_add(sim->zero, line->from);
    return has_begun && (line->until == 0 || sim->now < sg_time_add(sim->zero, line->until));
}

/* The author of a GOSSIP frame; false: it is another one. */
static bool author_of(struct sg_bytes frame, struct sg_peer_id *author)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    struct sg_gossip msg;
    if (sg_frame_head_decode(&r, &head) != SG_OK || head.family != SG_FAMILY_PLUMTREE ||
        sg_read_u8(&r) != SG_PT_GOSSIP || sg_gossip_decode(&r, &msg) != SG_OK)
        return false;
    *author = msg.author;
    return true;
}

bool sg_sim_sybil_keeps(struct sg_sim *sim, uint32_t at, enum sg_lane lane, struct sg_bytes frame)
{
    const struct sg_sim_node *node = &sim->nodes[at];
    struct sg_peer_id author;
    if (lane != SG_LANE_PUBSUB || !is_active(sim, node->line) || !author_of(frame, &author))
        return false;
    bool keeps = node->role == SG_SIM_SYBIL;
    if (node->role == SG_SIM_CENSOR)
        keeps = sg_peer_id_equal(&author, &sim->nodes[victim_of(sim, node->line)].id);
    if (node->role == SG_SIM_DEGRADE)
        keeps = sg_prng_below(&sim->prng, 2) == 0;
    if (keeps && sim->metrics != NULL)
        sim->metrics->forged++;
    return keeps;
}

void sg_sim_sybil_config(struct sg_core_config *config)
{
    config->hpv.active_target = VIEW;
    config->hpv.active_max = VIEW;
    config->pt.peers_max = VIEW;
}

/* One more honest node, or the one it is after: a link, and then a JOIN. */
void sg_sim_sybil_intrude(struct sg_sim *sim, uint32_t at)
{
    struct sg_sim_node *node = &sim->nodes[at];
    uint32_t peer = node->line->target;
    if (peer == SG_SIM_NONE)
        peer = (uint32_t)sg_prng_below(&sim->prng, sim->config.nodes);
    const struct sg_sim_node *other = &sim->nodes[peer];
    if (peer == at || other->core == NULL || other->role != SG_SIM_HONEST)
        return;
    const struct sg_sim_link *link = sg_sim_link_find(node, &other->id);
    if (link == NULL && node->link_count < LINKS_MAX)
        sg_sim_dial(sim, at, peer, true);
    if (link == NULL)
        return;
    unsigned end = sim->conns[link->conn].node[0] == at ? 0 : 1;
    if (sim->conns[link->conn].state[end] != SG_SIM_END_UP)
        return;
    const struct sg_core_in in = {.kind = SG_CORE_IN_SEED, .peer = other->id};
    (void)sg_sim_feed(sim, at, &in);
}
