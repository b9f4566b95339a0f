/* Attackers, shared by adversary.c (who acts when, replay) and adversary_forge.c (forgeries). */
#ifndef SG_SIM_ADVERSARY_H
#define SG_SIM_ADVERSARY_H

#include "internal.h"
#include "metrics.h"

/* Frames kept for replay, and frames held back to come out of order. */
#define SG_SIM_RECORDS 256
#define SG_SIM_HELD 32
/* Living nodes that liars and ghosts talk about. */
#define SG_SIM_VICTIMS 100

struct sg_sim_record {
    struct sg_buf *buf;
    uint32_t node, peer; /* held frames: from, to */
    uint8_t lane;
};

struct sg_sim_adversaries {
    struct sg_sim_record records[SG_SIM_RECORDS];
    uint32_t record_count, record_next;
    struct sg_sim_record held[SG_SIM_HELD];
    uint32_t held_count;
    uint32_t victims[SG_SIM_VICTIMS];
    uint32_t victim_count;
    uint64_t turns;
    bool is_busy; /* its own frames are not looked at */
};

/* Puts a frame on the link of an attacker and counts it. */
void sg_sim_forge_send(struct sg_sim *sim, uint32_t at, uint32_t peer, enum sg_lane lane,
                       struct sg_bytes frame);
/* One turn of an attacker of this kind towards one linked peer. */
void sg_sim_forge_lies(struct sg_sim *sim, uint32_t at, uint32_t peer);
void sg_sim_forge_ghosts(struct sg_sim *sim, uint32_t at, uint32_t peer);
void sg_sim_forge_storm(struct sg_sim *sim, uint32_t at, uint32_t peer);
void sg_sim_forge_flap(struct sg_sim *sim, uint32_t at, uint32_t peer);

/* adversary_sybil.c */
bool sg_sim_is_sybil(enum sg_sim_role role);
/* Whether attackers act at a time. */
bool sg_sim_is_attacked(const struct sg_sim *sim, sg_time_ns at);
/* A frame that it is about to send. True: nobody gets it. */
bool sg_sim_sybil_keeps(struct sg_sim *sim, uint32_t at, enum sg_lane lane, struct sg_bytes frame);
void sg_sim_sybil_config(struct sg_core_config *config);
void sg_sim_sybil_intrude(struct sg_sim *sim, uint32_t at);

#endif
