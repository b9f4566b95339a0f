/* Forged membership frames, well-formed and false. */
#include <string.h>

#include "adversary.h"
#include "wire/swim_msg.h"

/* Far above what a refutation could have counted. */
#define INFLATED (UINT64_C(1) << 40)
/* To the end of the numbers, where no refutation gets to. */
#define ENDLESS UINT64_MAX

static void head(struct sg_writer *w, enum sg_family family)
{
    const struct sg_frame_head frame = {.family = family};
    sg_frame_head_encode(w, &frame);
}

static struct sg_peer_id random_id(struct sg_sim *sim)
{
    struct sg_peer_id id;
    for (size_t i = 0; i < SG_ID_LEN; i += 8) {
        uint64_t word = sg_prng_next(&sim->prng);
        memcpy(&id.b[i], &word, 8);
    }
    return id;
}

static uint32_t random_victim(struct sg_sim *sim)
{
    const struct sg_sim_adversaries *a = sim->adversaries;
    return a->victims[sg_prng_below(&sim->prng, a->victim_count)];
}

/* What an attacker's own core has heard of a node's incarnation. */
static sg_incarnation incarnation_of(const struct sg_sim *sim, uint32_t at, uint32_t node)
{
    struct sg_core_member member;
    sg_err err = sg_core_member_find(sim->nodes[at].core, &sim->nodes[node].id, &member);
    return err == SG_OK ? member.view.incarnation : (uint64_t)sim->nodes[node].boot << 32;
}

static sg_incarnation raised(sg_incarnation incarnation, uint64_t raise)
{
    return incarnation > UINT64_MAX - raise ? UINT64_MAX : incarnation + raise;
}

/* ---- SWIM ---- */

static void send_packet(struct sg_sim *sim, uint32_t at, uint32_t peer,
                        const struct sg_swim_packet *packet)
{
    uint8_t frame[SG_SWIM_PACKET_MAX];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    head(&w, SG_FAMILY_SWIM);
    sg_swim_packet_encode(&w, packet, NULL);
    if (sg_writer_done(&w) == SG_OK)
        sg_sim_forge_send(sim, at, peer, SG_LANE_DATAGRAM, sg_bytes(frame, w.len));
}

static void send_table(struct sg_sim *sim, uint32_t at, uint32_t peer,
                       const struct sg_swim_table *table)
{
    uint8_t frame[SG_FRAME_MSHIP_MAX];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    head(&w, SG_FAMILY_SWIM);
    sg_swim_table_encode(&w, table, NULL);
    if (sg_writer_done(&w) == SG_OK)
        sg_sim_forge_send(sim, at, peer, SG_LANE_MSHIP, sg_bytes(frame, w.len));
}

static void start_table(const struct sg_sim *sim, uint32_t at, struct sg_swim_table *table)
{
    *table = (struct sg_swim_table){.count = 1};
    table->entry[0] = (struct sg_swim_entry){.member = sim->nodes[at].id,
                                             .incarnation = (uint64_t)sim->nodes[at].boot << 32,
                                             .state = SG_SWIM_IS_ALIVE};
}

static bool is_in(const struct sg_swim_table *table, const struct sg_peer_id *id)
{
    for (uint8_t i = 0; i < table->count; i++) {
        if (sg_peer_id_equal(&table->entry[i].member, id))
            return true;
    }
    return false;
}

static void fill_table(struct sg_sim *sim, uint32_t at, uint64_t raise, enum sg_swim_state state,
                       struct sg_swim_table *table)
{
    start_table(sim, at, table);
    for (int tries = 0; tries < 64; tries++) {
        uint32_t victim = random_victim(sim);
        if (is_in(table, &sim->nodes[victim].id) || table->count == SG_SWIM_TABLE_MAX)
            continue;
        table->entry[table->count++] =
            (struct sg_swim_entry){.member = sim->nodes[victim].id,
                                   .incarnation = raised(incarnation_of(sim, at, victim), raise),
                                   .state = state};
    }
}

/* Living nodes are accused and declared dead, in the names of others as well. */
void sg_sim_forge_lies(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP};
    struct sg_swim_table table;
    for (; packet.count < 15 && packet.count < SG_SWIM_RUMORS_MAX; packet.count++) {
        struct sg_swim_rumor *rumor = &packet.rumor[packet.count];
        uint32_t victim = random_victim(sim);
        uint32_t accuser = random_victim(sim);
        bool is_own = packet.count % 3 == 0 || accuser == victim;
        rumor->kind = packet.count % 2 == 0 ? SG_SWIM_DEAD : SG_SWIM_SUSPECT;
        rumor->member = sim->nodes[victim].id;
        rumor->incarnation = incarnation_of(sim, at, victim);
        rumor->accuser = is_own ? sim->nodes[at].id : sim->nodes[accuser].id;
    }
    send_packet(sim, at, peer, &packet);
    fill_table(sim, at, 0, SG_SWIM_IS_DEAD, &table);
    send_table(sim, at, peer, &table);
}

/* Incarnations that nobody ever had: of the living, of the dead, and of accused ones. */
void sg_sim_forge_ghosts(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    static const enum sg_swim_rumor_kind kinds[] = {SG_SWIM_ALIVE, SG_SWIM_DEAD, SG_SWIM_SUSPECT};
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP};
    struct sg_swim_table table;
    uint64_t raise = sg_prng_below(&sim->prng, 2) == 0 ? INFLATED : ENDLESS;
    for (; packet.count < 12; packet.count++) {
        struct sg_swim_rumor *rumor = &packet.rumor[packet.count];
        uint32_t victim = random_victim(sim);
        rumor->kind = kinds[packet.count % 3];
        rumor->member = sim->nodes[victim].id;
        rumor->incarnation = raised(incarnation_of(sim, at, victim), raise);
        rumor->accuser = sim->nodes[at].id;
    }
    send_packet(sim, at, peer, &packet);
    bool dead = sg_prng_below(&sim->prng, 2) == 0;
    fill_table(sim, at, raise, dead ? SG_SWIM_IS_DEAD : SG_SWIM_IS_ALIVE, &table);
    send_table(sim, at, peer, &table);
}

/* ---- HyParView ---- */

static void send_hpv(struct sg_sim *sim, uint32_t at, uint32_t peer, const struct sg_hpv_msg *msg)
{
    uint8_t frame[SG_FRAME_HEAD_MAX + SG_HPV_MSG_LEN_MAX];
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
    struct sg_writer w = sg_writer(frame, sizeof(frame));
    for (uint8_t i = 0; i < msg->count; i++)
        sg_sim_hints(sim, at, &hints[i]);
    head(&w, SG_FAMILY_HYPARVIEW);
    sg_hpv_msg_encode(&w, msg, hints);
    if (sg_writer_done(&w) == SG_OK)
        sg_sim_forge_send(sim, at, peer, SG_LANE_MSHIP, sg_bytes(frame, w.len));
}

/* Ids that nobody has, in a message that takes many. */
static void fill_ids(struct sg_sim *sim, uint32_t at, struct sg_hpv_msg *msg)
{
    msg->count = SG_HPV_SHUFFLE_MAX;
    msg->ttl = SG_HPV_TTL_MAX;
    for (uint8_t i = 0; i < msg->count; i++)
        msg->id[i] = random_id(sim);
    if (msg->kind == SG_HPV_SHUFFLE)
        msg->id[0] = sim->nodes[at].id;
}

void sg_sim_forge_storm(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    struct sg_hpv_msg msg = {.kind = SG_HPV_JOIN};
    send_hpv(sim, at, peer, &msg);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    send_hpv(sim, at, peer, &msg);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_FORWARD_JOIN, .ttl = SG_HPV_TTL_MAX, .count = 1};
    msg.id[0] = random_id(sim);
    send_hpv(sim, at, peer, &msg);
    msg.id[0] = sim->nodes[random_victim(sim)].id;
    send_hpv(sim, at, peer, &msg);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE};
    fill_ids(sim, at, &msg);
    send_hpv(sim, at, peer, &msg);
    msg = (struct sg_hpv_msg){.kind = SG_HPV_SHUFFLE_REPLY};
    fill_ids(sim, at, &msg);
    msg.ttl = 0;
    send_hpv(sim, at, peer, &msg);
}

void sg_sim_forge_flap(struct sg_sim *sim, uint32_t at, uint32_t peer)
{
    struct sg_hpv_msg msg = {.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    if (sim->adversaries->turns % 2 == 0)
        msg = (struct sg_hpv_msg){.kind = SG_HPV_DISCONNECT};
    send_hpv(sim, at, peer, &msg);
}
