/* What the attackers of the eclipse laboratory do. They have no state: they need none. */
#include "lab_eclipse_net.h"

/* An attacker's sample: itself or another in front, and only attackers. All differ. */
static void fill_sample(struct sg_lab *lab, uint16_t first, struct sg_lab_msg *msg)
{
    uint16_t sybils = lab->config.sybils;
    uint16_t start = (uint16_t)(first - lab->config.honest);
    msg->count = SG_HPV_SHUFFLE_MAX < sybils ? SG_HPV_SHUFFLE_MAX : (uint8_t)sybils;
    uint16_t room = (uint16_t)(sybils / msg->count);
    uint16_t step = (uint16_t)(1 + sg_lab_draw(lab, room));
    for (uint8_t i = 0; i < msg->count; i++)
        msg->id[i] = (uint16_t)(lab->config.honest + (start + (uint32_t)i * step) % sybils);
}

static void push(struct sg_lab *lab, uint16_t sybil, uint8_t ttl)
{
    struct sg_lab_msg msg = {.kind = SG_HPV_SHUFFLE, .ttl = ttl};
    fill_sample(lab, sybil, &msg);
    uint16_t to = sg_lab_draw_honest(lab);
    sg_lab_send(lab, sybil, to, &msg);
}

static void ask(struct sg_lab *lab, uint16_t sybil, uint16_t to)
{
    struct sg_lab_msg msg = {.kind = SG_HPV_NEIGHBOR, .flag = true};
    if (sg_lab_draw(lab, 2) == 0)
        msg = (struct sg_lab_msg){.kind = SG_HPV_JOIN};
    sg_lab_send(lab, sybil, to, &msg);
}

void sg_lab_answer(struct sg_lab *lab, uint16_t sybil, uint16_t from, const struct sg_lab_msg *msg)
{
    struct sg_lab_msg answer = {.kind = SG_HPV_NEIGHBOR_REPLY, .flag = true};
    switch ((enum sg_hpv_kind)msg->kind) {
    case SG_HPV_JOIN:
    case SG_HPV_NEIGHBOR:
        sg_lab_send(lab, sybil, from, &answer);
        return;
    case SG_HPV_FORWARD_JOIN: /* every walk ends here */
        if (!sg_lab_is_honest(lab, msg->id[0]))
            return;
        answer = (struct sg_lab_msg){.kind = SG_HPV_NEIGHBOR, .flag = true};
        sg_lab_send(lab, sybil, msg->id[0], &answer);
        return;
    case SG_HPV_SHUFFLE:
        answer = (struct sg_lab_msg){.kind = SG_HPV_SHUFFLE_REPLY};
        fill_sample(lab, sg_lab_draw_sybil(lab), &answer);
        sg_lab_send(lab, sybil, msg->id[0], &answer);
        if (msg->ttl > 1)
            push(lab, sybil, (uint8_t)(msg->ttl - 1));
        return;
    case SG_HPV_NEIGHBOR_REPLY:
    case SG_HPV_DISCONNECT:
    case SG_HPV_SHUFFLE_REPLY:
        return;
    }
}

/* A round's work of one attacker, spread over the round by acting once per ask and push. */
static sg_time_ns act_in_turn(struct sg_lab *lab, uint16_t sybil)
{
    uint16_t acts = (uint16_t)(lab->config.asks + lab->config.pushes);
    if (acts == 0)
        return SG_TIME_NEVER;
    if (sg_lab_draw(lab, acts) < lab->config.asks) {
        uint16_t to = sg_lab_draw_honest(lab);
        ask(lab, sybil, to);
    } else {
        push(lab, sybil, 1);
    }
    return lab->now + sg_prng_jitter(&lab->prng, lab->config.round_ns / acts, 50);
}

static sg_time_ns flap(struct sg_lab *lab, uint16_t sybil)
{
    for (uint16_t to = 0; to < lab->config.honest; to++) {
        struct sg_lab_msg bye = {.kind = SG_HPV_DISCONNECT, .flag = sg_lab_draw(lab, 2) == 0};
        sg_lab_send(lab, sybil, to, &bye);
        ask(lab, sybil, to);
    }
    return lab->now + SG_NS_PER_S / 10;
}

/* Any name but that of the receiver. */
static uint16_t forge_name(struct sg_lab *lab, uint16_t to)
{
    uint16_t name = sg_lab_draw(lab, lab->names - 1u);
    return name < to ? name : (uint16_t)(name + 1);
}

static void forge_sample(struct sg_lab *lab, uint16_t to, struct sg_lab_msg *msg)
{
    uint16_t first = forge_name(lab, to);
    msg->count = SG_HPV_SHUFFLE_MAX;
    for (uint8_t i = 0; i < msg->count; i++)
        msg->id[i] = (uint16_t)((first + i * (lab->names / SG_HPV_SHUFFLE_MAX)) % lab->names);
}

static sg_time_ns forge(struct sg_lab *lab, uint16_t sybil)
{
    uint16_t to = sg_lab_draw_honest(lab);
    struct sg_lab_msg msg = {.ttl = (uint8_t)sg_lab_draw(lab, 7)};
    uint64_t pause = SG_NS_PER_S / lab->config.frames_per_second;
    switch (sg_lab_draw(lab, 4)) {
    case 0:
        ask(lab, sybil, to);
        break;
    case 1:
        msg.kind = SG_HPV_FORWARD_JOIN;
        msg.count = 1;
        msg.id[0] = forge_name(lab, to);
        sg_lab_send(lab, sybil, to, &msg);
        break;
    case 2:
        msg.kind = SG_HPV_SHUFFLE;
        forge_sample(lab, to, &msg);
        sg_lab_send(lab, sybil, to, &msg);
        break;
    default:
        msg.kind = SG_HPV_SHUFFLE_REPLY;
        forge_sample(lab, to, &msg);
        sg_lab_send(lab, sybil, to, &msg);
        break;
    }
    return lab->now + sg_prng_jitter(&lab->prng, pause, 50);
}

sg_time_ns sg_lab_attack(struct sg_lab *lab, uint16_t sybil)
{
    switch (lab->config.attack) {
    case SG_LAB_SYBILS:
    case SG_LAB_DAWN:
        return act_in_turn(lab, sybil);
    case SG_LAB_FLAPPER:
        return sybil == lab->config.honest ? flap(lab, sybil) : SG_TIME_NEVER;
    case SG_LAB_STORM:
        return forge(lab, sybil);
    }
    return SG_TIME_NEVER;
}
