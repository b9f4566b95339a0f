/* Between the files of the eclipse laboratory: names, machines, and the network between them. */
#ifndef SG_SIM_LAB_ECLIPSE_NET_H
#define SG_SIM_LAB_ECLIPSE_NET_H

#include "lab_eclipse.h"

/* Names are numbers: honest nodes first, then attackers, then ghosts. */
struct sg_lab_msg {
    uint8_t kind; /* enum sg_hpv_kind */
    bool flag;    /* high_priority, accepted or leaving */
    uint8_t ttl, count;
    uint16_t id[SG_HPV_SHUFFLE_MAX];
};

enum sg_lab_event_kind {
    SG_LAB_EV_MESSAGE,
    SG_LAB_EV_FAILED, /* from is down, as to sees it */
    SG_LAB_EV_TIMER,  /* to */
    SG_LAB_EV_BOOT,   /* to */
    SG_LAB_EV_ATTACK, /* attacker number to acts */
    SG_LAB_EV_CHURN,  /* an honest node crashes */
    SG_LAB_EV_LOOK
};

struct sg_lab_event {
    sg_time_ns at;
    uint64_t sequence;
    uint8_t kind;
    uint16_t from, to;
    struct sg_lab_msg msg;
};

struct sg_lab_node {
    struct sg_hpv hpv;
    bool is_up;
    sg_time_ns up_since;
    sg_time_ns timer_at; /* of the event under way */
    uint16_t contacts[SG_HPV_CONTACTS_MAX];
    uint8_t contact_count;
    uint16_t honest_changes, flapper_changes; /* this minute */
};

struct sg_lab {
    struct sg_lab_config config;
    struct sg_prng prng;
    sg_time_ns now;
    uint64_t sequence;
    uint16_t names;
    struct sg_peer_id *ids;    /* [names] */
    struct sg_lab_node *nodes; /* [honest] */
    struct sg_hpv_outbox *outbox;
    struct sg_lab_event *heap; /* [heap_cap] */
    size_t heap_count, heap_cap;
    sg_time_ns attack_at, end_at;
    sg_time_ns connected_at;
    struct sg_lab_result result;
    sg_err err; /* sticky */
};

static inline bool sg_lab_is_honest(const struct sg_lab *lab, uint16_t name)
{
    return name < lab->config.honest;
}

static inline bool sg_lab_is_sybil(const struct sg_lab *lab, uint16_t name)
{
    return name >= lab->config.honest && name < lab->config.honest + lab->config.sybils;
}

/* The number in an id. */
static inline uint16_t sg_lab_name(const struct sg_peer_id *id)
{
    return (uint16_t)(id->b[0] << 8 | id->b[1]);
}

/* 0 .. n - 1 */
uint16_t sg_lab_draw(struct sg_lab *lab, uint64_t n);
/* Names of which there is at least one. */
uint16_t sg_lab_draw_honest(struct sg_lab *lab);
uint16_t sg_lab_draw_sybil(struct sg_lab *lab);

void sg_lab_push(struct sg_lab *lab, const struct sg_lab_event *event);
bool sg_lab_pop(struct sg_lab *lab, struct sg_lab_event *event);
/* Puts the message on its way. Links keep order. */
void sg_lab_send(struct sg_lab *lab, uint16_t from, uint16_t to, const struct sg_lab_msg *msg);
/* The machine of an honest node gets a message at once, out of turn. */
void sg_lab_deliver(struct sg_lab *lab, uint16_t from, uint16_t to, const struct sg_lab_msg *msg);
void sg_lab_fail_now(struct sg_lab *lab, uint16_t node, uint16_t peer);
/* The node notices within that time that the peer is down. */
void sg_lab_fail(struct sg_lab *lab, uint16_t node, uint16_t peer, uint64_t within_ns);
void sg_lab_timer(struct sg_lab *lab, uint16_t node);
void sg_lab_boot(struct sg_lab *lab, uint16_t node);
void sg_lab_crash(struct sg_lab *lab, uint16_t node);
/* Who knows whom. */
void sg_lab_draw_contacts(struct sg_lab *lab);

/* lab_eclipse_attack.c: a message reaches an attacker; an attacker acts, and when it does so
 * next. */
void sg_lab_answer(struct sg_lab *lab, uint16_t sybil, uint16_t from, const struct sg_lab_msg *msg);
sg_time_ns sg_lab_attack(struct sg_lab *lab, uint16_t sybil);

#endif
