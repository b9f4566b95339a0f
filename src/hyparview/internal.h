/* Between the files of hyparview/. Everything here runs after the input was verified and cannot
 * fail. The time is m->last_now. Peers passed in must not point into the machine: views move. */
#ifndef SG_HYPARVIEW_INTERNAL_H
#define SG_HYPARVIEW_INTERNAL_H

#include "hyparview/hyparview.h"

/* No place in a view. */
#define SG_HPV_NONE UINT16_MAX

/* Ids are hash values: nearly always the first word tells two apart, without a call. */
static inline bool sg_hpv_same_id(const struct sg_peer_id *a, const struct sg_peer_id *b)
{
    uint64_t first_a;
    uint64_t first_b;
    memcpy(&first_a, a->b, sizeof(first_a));
    memcpy(&first_b, b->b, sizeof(first_b));
    return first_a == first_b && sg_peer_id_equal(a, b);
}

/* Appends an output. */
void sg_hpv_emit(struct sg_hpv_outbox *out, enum sg_hpv_out_kind kind,
                 const struct sg_peer_id *peer);
/* Appends a SEND; the rest of the message is zero and the caller's to fill in. */
struct sg_hpv_msg *sg_hpv_send(struct sg_hpv_outbox *out, const struct sg_peer_id *to,
                               enum sg_hpv_kind kind);
/* An interval of the config with the config's jitter. */
uint64_t sg_hpv_jitter(struct sg_hpv *m, uint64_t interval_ns);

/* view.c: active view */
uint16_t sg_hpv_active_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* There is room; peer leaves the passive view and the pending list. */
void sg_hpv_active_add(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out);
/* The peer at this place is no neighbour any more: repair starts at once. */
void sg_hpv_active_drop(struct sg_hpv *m, uint16_t at, struct sg_hpv_outbox *out);
/* DISCONNECTs a random neighbour, which becomes a candidate. */
void sg_hpv_active_evict(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* A random neighbour other than a and b; false when there is none. */
bool sg_hpv_active_pick(struct sg_hpv *m, const struct sg_peer_id *a, const struct sg_peer_id *b,
                        struct sg_peer_id *picked);

/* view.c: passive view */
uint16_t sg_hpv_passive_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* Adds a peer that is not self, active or known. A full view gives up the entry that failed most,
 * else a random one. */
void sg_hpv_passive_add(struct sg_hpv *m, const struct sg_peer_id *peer);
/* The same, but no entry that never failed is given up for it. */
void sg_hpv_passive_offer(struct sg_hpv *m, const struct sg_peer_id *peer);
void sg_hpv_passive_remove(struct sg_hpv *m, const struct sg_peer_id *peer);

/* repair.c: requests that wait for an answer */
/* The place in m->pending, or SG_HPV_NONE. */
uint16_t sg_hpv_pending_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
void sg_hpv_pending_remove(struct sg_hpv *m, const struct sg_peer_id *peer);
/* Sends JOIN or NEIGHBOR to a peer that is neither active nor pending; there is room. */
void sg_hpv_request(struct sg_hpv *m, const struct sg_peer_id *peer, enum sg_hpv_purpose purpose,
                    struct sg_hpv_outbox *out);
/* Requests whose time is over have failed. */
void sg_hpv_expire(struct sg_hpv *m);

/* repair.c: candidates */
/* The peer lives but does not want us now: it is not asked for a while. */
void sg_hpv_candidate_hold(struct sg_hpv *m, const struct sg_peer_id *peer);
/* The peer did not answer or its link went down. */
void sg_hpv_candidate_failed(struct sg_hpv *m, const struct sg_peer_id *peer);
/* The peer said something, so earlier failures no longer count. */
void sg_hpv_candidate_alive(struct sg_hpv *m, const struct sg_peer_id *peer);

/* repair.c: getting neighbours */
/* Promotion is possible at once and pauses are short again. */
void sg_hpv_repair_reset(struct sg_hpv *m);
/* A request was refused or failed: who has a neighbour pauses before the next one. */
void sg_hpv_promotion_failed(struct sg_hpv *m);
/* Promotes candidates as far as needed and allowed now. */
void sg_hpv_repair(struct sg_hpv *m, struct sg_hpv_outbox *out);
sg_time_ns sg_hpv_repair_deadline(const struct sg_hpv *m);
/* With a full view: exchanges one neighbour for a candidate, if that agrees. */
void sg_hpv_rotate(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* With a full view: asks one candidate that failed earlier whether it is back. */
void sg_hpv_probe_failed(struct sg_hpv *m, struct sg_hpv_outbox *out);

/* neighbor.c */
/* Takes a peer that asked into the active view, if need be for another, and tells it. */
void sg_hpv_accept(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out);
/* A message that only neighbours send came from this peer: if it is none, it is told so. */
void sg_hpv_notice_sender(struct sg_hpv *m, const struct sg_peer_id *from,
                          struct sg_hpv_outbox *out);
void sg_hpv_on_neighbor(struct sg_hpv *m, const struct sg_peer_id *from,
                        const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);
void sg_hpv_on_neighbor_reply(struct sg_hpv *m, const struct sg_peer_id *from,
                              const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);
void sg_hpv_on_disconnect(struct sg_hpv *m, const struct sg_peer_id *from,
                          const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);
void sg_hpv_on_failed(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out);
void sg_hpv_leave(struct sg_hpv *m, struct sg_hpv_outbox *out);

/* join.c */
void sg_hpv_join(struct sg_hpv *m, const struct sg_peer_id *contact, struct sg_hpv_outbox *out);
void sg_hpv_on_join(struct sg_hpv *m, const struct sg_peer_id *from, struct sg_hpv_outbox *out);
void sg_hpv_on_forward_join(struct sg_hpv *m, const struct sg_peer_id *from,
                            const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);

/* shuffle.c */
/* Sends a SHUFFLE on its way, if there is a neighbour. */
void sg_hpv_shuffle(struct sg_hpv *m, struct sg_hpv_outbox *out);
void sg_hpv_on_shuffle(struct sg_hpv *m, const struct sg_peer_id *from,
                       const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);
void sg_hpv_on_shuffle_reply(struct sg_hpv *m, const struct sg_peer_id *from,
                             const struct sg_hpv_msg *msg);

#endif
