/* Mail of the SWIM lab: what machines send each other, and how long it waits at members that stall.
 * Shared by the files of the lab only. */
#ifndef SG_SIM_LAB_SWIM_MAIL_H
#define SG_SIM_LAB_SWIM_MAIL_H

#include "lab_swim.h"

enum sg_lab_swim_event {
    SG_LAB_SWIM_PACKET = SG_LAB_EV_FIRST, /* index: slot */
    SG_LAB_SWIM_TABLE,                    /* index: slot, with a table of its own */
    SG_LAB_SWIM_RECORD,                   /* index: slot */
    SG_LAB_SWIM_STALL,                    /* all chosen members stall */
    SG_LAB_SWIM_RESUME
};

enum sg_lab_role { SG_LAB_WELL, SG_LAB_CHOSEN };

struct sg_lab_mail {
    uint32_t from, to;
    uint8_t kind;                /* of its event */
    struct sg_swim_table *table; /* owned, TABLE only */
    uint32_t subject;            /* RECORD */
    sg_incarnation incarnation;
    struct sg_swim_packet packet; /* the last: copied as far as it is used */
};

struct sg_lab_waiting {
    uint32_t *slot; /* [cap] */
    uint32_t count, cap;
};

struct sg_lab_member {
    struct sg_swim *m;
    struct sg_peer_id id;
    bool is_up, is_stalled;
    bool is_frozen; /* its timers wait for the end of the stall */
    enum sg_lab_role role;
    struct sg_lab_waiting in, out;
    uint32_t *watched; /* [watched_count], indices */
    uint32_t watched_count;
    sg_incarnation *seen; /* [nodes] records passed on */
};

struct sg_lab_swim {
    const struct sg_lab_swim_config *config;
    const struct sg_lab_stall *stall;
    struct sg_lab_swim_result *result;
    struct sg_lab_net net;
    struct sg_prng prng;
    struct sg_lab_member *node;
    uint32_t *chosen;             /* [nodes] in random order, the first stall->members stall */
    sg_time_ns stalled_at;        /* the first time */
    sg_time_ns *first, *full;     /* [nodes] when declared dead by the first and last of the well */
    uint32_t *declared;           /* [nodes] by so many of them */
    uint32_t victim;              /* SG_LAB_NONE = nobody has crashed */
    sg_time_ns probed, suspected; /* the victim, for the first time */
};

/* A packet of rumors, a table in as many mails as it needs, a signed record to all watched: to the
 * network, or to the end of the sender's stall. Want of memory is noted in lab->net.err. */
void sg_lab_mail_packet(struct sg_lab_swim *lab, uint32_t from, const struct sg_swim_out *o,
                        const struct sg_swim_outbox *out);
void sg_lab_mail_table(struct sg_lab_swim *lab, uint32_t from, const struct sg_swim_out *o);
void sg_lab_mail_record(struct sg_lab_swim *lab, uint32_t at, uint32_t subject,
                        sg_incarnation incarnation);
/* Gives a slot of mail on its way. */
void sg_lab_mail_dispatch(struct sg_lab_swim *lab, uint32_t slot);
/* Has it wait at a member that stalls; lost where too much waits. */
void sg_lab_mail_hold(struct sg_lab_swim *lab, struct sg_lab_waiting *w, uint32_t slot);
void sg_lab_mail_discard(struct sg_lab_swim *lab, uint32_t slot);

#endif
