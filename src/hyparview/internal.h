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
void sg_hpv_active_add(struct sg_hpv *m, const struct sg_peer_id *peer, bool is_chosen,
                       struct sg_hpv_outbox *out);
/* The peer at this place is no neighbour any more: repair starts at once. */
void sg_hpv_active_drop(struct sg_hpv *m, uint16_t at, struct sg_hpv_outbox *out);
/* A random neighbour other than a and b; false when there is none. */
bool sg_hpv_active_pick(struct sg_hpv *m, const struct sg_peer_id *a, const struct sg_peer_id *b,
                        struct sg_peer_id *picked);

/* view.c: passive view */
uint16_t sg_hpv_passive_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* The tag of the peer that names others; 0 is nobody's. */
uint16_t sg_hpv_tag(const struct sg_hpv *m, const struct sg_peer_id *introducer);
/* Whether the view is full and a quarter of it or more is the introducer's. */
bool sg_hpv_has_its_share(const struct sg_hpv *m, uint16_t tag);
/* Adds a peer that is not self, active or known. A full view gives up an entry of the same
 * introducer when that has its share, else the entry that failed most, else a random one. */
void sg_hpv_passive_add(struct sg_hpv *m, const struct sg_peer_id *peer, uint16_t tag);
/* The same, but no entry that never failed is given up for it. */
void sg_hpv_passive_offer(struct sg_hpv *m, const struct sg_peer_id *peer);
void sg_hpv_passive_remove(struct sg_hpv *m, const struct sg_peer_id *peer);

/* evict.c: who goes when a place is needed */
enum sg_hpv_cause {
    SG_HPV_BY_STRANGER, /* who asked us, or was brought by somebody's walk */
    SG_HPV_BY_CHOICE,   /* we asked for the link */
    SG_HPV_BY_ROTATION,
    SG_HPV_BY_CONTACT
};
/* Places that a stranger may not take now. */
uint16_t sg_hpv_reserved(const struct sg_hpv *m);
/* Places of the active view that strangers may fill now, contacts in it counted. */
uint16_t sg_hpv_stranger_limit(const struct sg_hpv *m);
/* Links to strangers that we asked for. */
uint16_t sg_hpv_chosen_count(const struct sg_hpv *m);
/* Whether evict would find somebody. */
bool sg_hpv_may_evict(const struct sg_hpv *m, enum sg_hpv_cause cause);
/* DISCONNECTs a neighbour, which becomes a candidate; false when none may go for that cause. */
bool sg_hpv_evict(struct sg_hpv *m, enum sg_hpv_cause cause, struct sg_hpv_outbox *out);

/* recent.c: peers that come and go */
/* Takes one from a bucket that holds burst and gains one each interval. It is kept as the time
 * when it is full again. */
bool sg_hpv_bucket_take(sg_time_ns *full_at, sg_time_ns now, unsigned burst, uint64_t interval_ns);
/* Whether the joiner may be announced once more. */
bool sg_hpv_may_spread(struct sg_hpv *m, const struct sg_peer_id *peer);
/* The peer ended a link. */
void sg_hpv_note_flap(struct sg_hpv *m, const struct sg_peer_id *peer);
/* Whether the last of that is long enough ago to let it evict others. */
bool sg_hpv_is_settled(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* Whether it does so again and again: who has half of its neighbours does without it. */
bool sg_hpv_is_flapping(const struct sg_hpv *m, const struct sg_peer_id *peer);

/* contact.c */
/* The place in m->contacts, or SG_HPV_NONE. */
uint16_t sg_hpv_contact_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
/* Room for contacts, most nodes have none. SG_ERR_NO_MEMORY. */
sg_err sg_hpv_contact_reserve(struct sg_hpv *m);
void sg_hpv_contact_set(struct sg_hpv *m, const struct sg_peer_id *peer, bool on);
/* Asks contacts for the places that are theirs. */
void sg_hpv_contact_ask(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* When the next can be asked for such a place. */
sg_time_ns sg_hpv_contact_deadline(const struct sg_hpv *m);
/* When the first that is neither active nor asked already may be asked; of those that failed before
 * only where they are taken, too. */
sg_time_ns sg_hpv_contact_trial(const struct sg_hpv *m, bool takes_failed);
/* A random contact that may be asked now and has failed before, or has not. */
bool sg_hpv_contact_pick(struct sg_hpv *m, bool has_failed, struct sg_peer_id *picked);

/* repair.c: requests that wait for an answer */
/* The place in m->pending, or SG_HPV_NONE. */
uint16_t sg_hpv_pending_find(const struct sg_hpv *m, const struct sg_peer_id *peer);
void sg_hpv_pending_remove(struct sg_hpv *m, const struct sg_peer_id *peer);
/* Somebody named the peer: its request is not given up for another. */
static inline bool sg_hpv_is_named(const struct sg_hpv_pending *request)
{
    return request->purpose == SG_HPV_FOR_JOIN || request->purpose == SG_HPV_FOR_CONTACT;
}
/* Makes room for a request to a named peer: the oldest one to another is given up. False when all
 * are to named peers. */
bool sg_hpv_pending_make_room(struct sg_hpv *m);
/* Sends JOIN or NEIGHBOR to a peer that is neither active nor pending; there is room. */
void sg_hpv_request(struct sg_hpv *m, const struct sg_peer_id *peer, enum sg_hpv_purpose purpose,
                    struct sg_hpv_outbox *out);
/* Requests whose time is over have failed. */
void sg_hpv_expire(struct sg_hpv *m);

/* repair.c: candidates */
/* What is known of a candidate or contact, or NULL. */
struct sg_hpv_trial *sg_hpv_trial_of(struct sg_hpv *m, const struct sg_peer_id *peer);
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
void sg_hpv_promotion_failed(struct sg_hpv *m, bool is_refused);
/* Fewer than half of the neighbours that are wanted. */
bool sg_hpv_is_needy(const struct sg_hpv *m);
/* Requests that may wait at once now. */
uint8_t sg_hpv_pending_limit(const struct sg_hpv *m);
/* Promotes candidates as far as needed and allowed now. */
void sg_hpv_repair(struct sg_hpv *m, struct sg_hpv_outbox *out);
sg_time_ns sg_hpv_repair_deadline(const struct sg_hpv *m);
/* With a full view: exchanges one neighbour for a candidate, if that agrees. */
void sg_hpv_rotate(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* The same with the one that was named for it, if it can be asked, and with nobody else. */
void sg_hpv_cross(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* With a full view: asks one candidate that failed earlier whether it is back. */
void sg_hpv_probe_failed(struct sg_hpv *m, struct sg_hpv_outbox *out);

/* neighbor.c */
/* Answers a peer that asked: takes it into the active view, if need be for another, or not. */
bool sg_hpv_answer(struct sg_hpv *m, const struct sg_peer_id *peer, bool high_priority,
                   struct sg_hpv_outbox *out);
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
/* The failure detector says that the peer is dead. */
void sg_hpv_on_dead(struct sg_hpv *m, const struct sg_peer_id *peer, struct sg_hpv_outbox *out);
/* The peer is gone for good: no candidate any more, and a contact to be asked after a pause. */
void sg_hpv_forget(struct sg_hpv *m, const struct sg_peer_id *peer);
void sg_hpv_leave(struct sg_hpv *m, struct sg_hpv_outbox *out);

/* join.c */
void sg_hpv_join(struct sg_hpv *m, const struct sg_peer_id *contact, struct sg_hpv_outbox *out);
void sg_hpv_on_join(struct sg_hpv *m, const struct sg_peer_id *from, struct sg_hpv_outbox *out);
void sg_hpv_on_forward_join(struct sg_hpv *m, const struct sg_peer_id *from,
                            const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);

/* shuffle.c */
/* Sends a SHUFFLE on its way, if there is a neighbour. */
void sg_hpv_shuffle(struct sg_hpv *m, struct sg_hpv_outbox *out);
/* A link broke, and the shuffle that found it, if one did, is lost: the next one is due. */
void sg_hpv_shuffle_soon(struct sg_hpv *m);
void sg_hpv_on_shuffle(struct sg_hpv *m, const struct sg_peer_id *from,
                       const struct sg_hpv_msg *msg, struct sg_hpv_outbox *out);
void sg_hpv_on_shuffle_reply(struct sg_hpv *m, const struct sg_peer_id *from,
                             const struct sg_hpv_msg *msg);

#endif
