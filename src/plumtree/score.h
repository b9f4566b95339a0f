/* What a neighbour's conduct on one topic is worth. Pure arithmetic over counters; who counts what
 * and what follows from it is plumtree.c's essay, 13. After GossipSub v1.1's score (P1 .. P7), with
 * one difference in kind: praise never pays for a fault, see sg_score_value. */
#ifndef SG_PLUMTREE_SCORE_H
#define SG_PLUMTREE_SCORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

/* Counters are in thousandths, so that they can decay. */
#define SG_SCORE_ONE 1000

/* Points. Penalties are given as positive numbers; every sum saturates. */
struct sg_score_weights {
    int32_t time;        /* [1] per minute as a neighbour in the tree (P1) .. */
    int32_t time_cap;    /* [10] .. at most */
    int32_t first;       /* [1] per message it was the first to bring (P2) .. */
    int32_t first_cap;   /* [50] .. at most */
    int32_t missing;     /* [1] per message that had to be pulled past it (P3) .. */
    int32_t missing_cap; /* [20] .. at most: an honest neighbour behind a bad one lacks them, too */
    int32_t invalid;     /* [40] times the square of the invalid messages (P4) */
    int32_t broken;      /* [10] times the square of the promises broken above 1, less a quarter of
                          * those that the neighbour has kept itself since */
    int32_t fault;       /* [1] times the square of the faults above 8 (P7) */
    int32_t crowd;       /* [5] per neighbour above 2 of its group of addresses (P6) .. */
    int32_t crowd_cap;   /* [15] .. at most: a house full of honest nodes is no attack */
    int32_t gossip_min;  /* [-30] below: no ids are told to it, nor believed */
    int32_t publish_min; /* [-50] below: nothing of this node's own is pushed to it */
    int32_t accept_min;  /* [-80] below: it is put away, with decay */
};

struct sg_score_weights sg_score_weights_default(void);

struct sg_score {
    sg_time_ns at;                                   /* the counters are as of this time */
    sg_time_ns since;                                /* in the tree, SG_TIME_NEVER = not */
    sg_time_ns first_at;                             /* it was first then, or entered the tree .. */
    uint64_t first_no;                               /* .. and this node had so many messages */
    uint32_t first, missing, invalid, broken, fault; /* thousandths */
    uint16_t crowd;  /* neighbours of its group of addresses, itself included */
    bool is_trusted; /* a contact: put away for invalid messages only */
};

enum sg_score_event {
    SG_SCORE_FIRST,   /* a verified message, by it before anybody else */
    SG_SCORE_MISSING, /* a message had to be pulled from another neighbour */
    SG_SCORE_INVALID,
    SG_SCORE_BROKEN, /* it announced an id, was asked for it, and it never came */
    SG_SCORE_KEPT,   /* .. and it brought the message */
    SG_SCORE_FAULT   /* GRAFT inside a back-off, too much of something */
};

void sg_score_init(struct sg_score *s, sg_time_ns now);
/* It enters the tree, or leaves it. total: messages this node has had. */
void sg_score_linked(struct sg_score *s, sg_time_ns now, uint64_t total);
void sg_score_unlinked(struct sg_score *s);
/* Counts one; counters saturate. total as above. O(1). */
void sg_score_note(struct sg_score *s, sg_time_ns now, enum sg_score_event event, uint64_t total);
/* Decay up to now: half is left of first and broken after 2 min, of missing after 4, of invalid
 * after 10, of fault after 1. In steps of 5 s, whatever the calls. */
void sg_score_decay(struct sg_score *s, sg_time_ns now);
/* Praise (time, first) counts only while nothing is held against the neighbour: so no weight can
 * buy back a fault. Any weights >= 0. As of the last decay. O(1). */
int32_t sg_score_value(const struct sg_score *s, const struct sg_score_weights *w, sg_time_ns now);
/* Whether anything is held against it. */
static inline bool sg_score_is_marked(const struct sg_score *s)
{
    return (s->missing | s->invalid | s->broken | s->fault) != 0 || s->crowd > 2;
}
/* Whether the neighbour in the tree can be counted on to bring messages: not after 5 minutes in
 * which only others brought any, nor after 20 s and 32 messages. No weight or score has a say. */
bool sg_score_is_source(const struct sg_score *s, sg_time_ns now, uint64_t total);

#endif
