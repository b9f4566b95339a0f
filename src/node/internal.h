/* What the parts of the core do for each other, shared by the files of this folder only. The flow
 * is one way: core.c (inputs) -> route.c (frames) -> scope.c, gossip.c, topics.c -> links.c ->
 * outbox.c. */
#ifndef SG_NODE_INTERNAL_H
#define SG_NODE_INTERNAL_H

#include "node/state.h"

/* ---- core.c ---- */
/* Frame of every input: sets the time and the outbox; end works off what was noted meanwhile. */
void sg_core_begin(struct sg_core *core, sg_time_ns now, uint64_t wall_ms,
                   struct sg_core_outbox *out);
void sg_core_end(struct sg_core *core);

/* ---- outbox.c ---- */
/* Appends; takes over the reference of out->buf, also on failure (false, and counted in
 * outbox_lost). */
bool sg_emit(struct sg_core *core, const struct sg_core_out *out);
/* The same without a copy: an output with buf, the rest is the caller's to fill in; NULL when out
 * of memory. Most outputs are frames, which need a few fields only. */
struct sg_core_out *sg_emit_place(struct sg_core *core, struct sg_buf *buf);

/* ---- book.c ---- */
void sg_book_init(struct sg_book *book, const struct sg_mem *mem, uint32_t max,
                  const struct sg_index_keys *keys);
void sg_book_fini(struct sg_book *book);
/* Learns hints, unless memory is out; hearsay never replaces what was observed first
 * hand, and stands behind what was said first, until a dial has failed. */
void sg_book_learn(struct sg_book *book, const struct sg_peer_id *peer,
                   const struct sg_hints *hints, bool first_hand);
/* Contacts: kept, and not replaced by hearsay. */
void sg_book_pin(struct sg_book *book, const struct sg_peer_id *peer, bool on);
/* A dial failed: from now on hearsay may replace what was observed. */
void sg_book_doubt(struct sg_book *book, const struct sg_peer_id *peer);
/* Fetches the entry of a peer: stage 0, then 1. */
void sg_book_prefetch(const struct sg_book *book, const struct sg_peer_id *peer, unsigned stage);
/* No hints: count 0. */
void sg_book_get(const struct sg_book *book, const struct sg_peer_id *peer, struct sg_hints *hints);

/* The network that a peer's address is in: /24, /48; 0 = not known, or not of the public internet,
 * where addresses say nothing about who is who. */
uint64_t sg_book_group(const struct sg_book *book, const struct sg_peer_id *peer);

/* ---- links.c ---- */
struct sg_link *sg_link_find(const struct sg_core *core, const struct sg_peer_id *peer);
/* Something is about to be sent to the peer. */
void sg_link_prefetch(const struct sg_core *core, const struct sg_peer_id *peer);
/* Sends over the link, queues while dialling, dials when there is none. Takes over the reference
 * of wait->buf. */
void sg_link_send(struct sg_core *core, const struct sg_peer_id *peer,
                  const struct sg_frame_wait *wait);
sg_err sg_link_up(struct sg_core *core, const struct sg_core_in *in);
void sg_link_down(struct sg_core *core, const struct sg_core_in *in);
/* Tells SWIM of the link (NULL: of none) again if the peer found no place in the table when it came
 * up, or lost its watch. Not for suspects: a link that was there before is no sign of life. */
void sg_link_repeat(struct sg_core *core, struct sg_link *link);
/* Both ends make keys from the secret of the connection that carries the link. */
void sg_link_secret(struct sg_core *core, const struct sg_core_in *in);
/* Sends a datagram; where there is no link it is dialled. Takes over the reference of wait->buf.
 * SG_ERR_NOT_FOUND: there is no way to dial the peer. SG_ERR_LIMIT: no room to do it now. */
SG_MUST_USE sg_err sg_link_ping(struct sg_core *core, const struct sg_peer_id *peer,
                                const struct sg_frame_wait *wait);
/* Counts anew how many scopes have the peer in their active view. */
void sg_link_count_uses(struct sg_core *core, const struct sg_peer_id *peer);
/* Notes that a link is to be closed; sg_links_reap does it at the end of the input, so that nobody
 * in between holds a link that is gone. */
void sg_link_doom(struct sg_core *core, struct sg_link *link, enum sg_close_reason reason);
/* Closes the doomed links; their scopes hear of it. */
void sg_links_reap(struct sg_core *core);
/* Whether an answer to a peer that others named may open a link: half of the places for dials stay
 * for what this node wants itself. */
bool sg_link_may_answer(const struct sg_core *core, const struct sg_peer_id *peer);
/* Takes one of the link's tokens for frames that make others work: SHUFFLE, TOPICS, TOPIC_FIND,
 * TOPIC_FOUND. A neighbour forwards a few a minute; one that subscribes to 256 topics at once sends
 * 768 walks. */
bool sg_link_may_walk(const struct sg_core *core, struct sg_link *link);
void sg_links_timeout(struct sg_core *core);
void sg_links_fini(struct sg_core *core);
/* A buffer kept for long, see struct sg_core_share. Takes over the reference; NULL stays. */
static inline struct sg_buf *sg_share(const struct sg_core *core, struct sg_buf *buf)
{
    const struct sg_core_share *share = &core->config.share;
    return buf == NULL || share->swap == NULL ? buf : share->swap(share->user, buf);
}

/* Holds a pubsub frame back until the peer's NEIGHBOR answer is here. */
void sg_link_hold_early(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                        struct sg_bytes frame);
/* Routes the held frames of a scope. */
void sg_link_release_early(struct sg_core *core, struct sg_link *link,
                           const struct sg_topic_id *topic);

/* ---- standing.c ---- */
/* A new link: its allowances and points, as its peer left them. */
void sg_standing_restore(const struct sg_core *core, struct sg_link *link);
/* The link goes. */
void sg_standing_keep(struct sg_core *core, struct sg_link *link);
void sg_standings_fini(struct sg_core *core);

/* ---- members.c ---- */
SG_MUST_USE sg_err sg_members_init(struct sg_core *core);
/* One step of SWIM with all its outputs. The error is the machine's. */
sg_err sg_members_input(struct sg_core *core, const struct sg_swim_in *in);
void sg_members_timeout(struct sg_core *core);
void sg_members_link_up(struct sg_core *core, struct sg_link *link, uint64_t boot);
void sg_members_link_down(struct sg_core *core, const struct sg_peer_id *peer, bool is_failure);
/* SWIM watches the links that are in use. */
void sg_members_watch(struct sg_core *core, struct sg_link *link);
/* A frame came over the link. */
void sg_members_heard(struct sg_core *core, struct sg_link *link);
/* The transport of a linked peer has answered. */
void sg_members_alive(struct sg_core *core, const struct sg_peer_id *peer);
/* Body of a datagram, and of a SWIM frame of the mship lane. */
void sg_members_packet(struct sg_core *core, struct sg_link *link, struct sg_reader *r);
void sg_members_frame(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                      struct sg_bytes frame);
/* No neighbour, and no candidate that could be asked now: peer cache, member table, seeds, one
 * after the other. */
void sg_members_isolated(struct sg_core *core);

/* ---- records.c ---- */
/* Takes over config.meta. */
SG_MUST_USE sg_err sg_records_init(struct sg_core *core);
void sg_records_fini(struct sg_core *core);
SG_MUST_USE sg_err sg_record_set_meta(struct sg_core *core, struct sg_bytes meta);
/* Signs a record of this node and tells everybody. */
void sg_record_announce(struct sg_core *core, sg_incarnation incarnation, bool leaves);
/* Tells a new peer our record, if there is one. */
void sg_record_greet(struct sg_core *core, const struct sg_peer_id *peer);
void sg_record_forget(struct sg_core *core, const struct sg_peer_id *peer);
bool sg_record_is_held(const struct sg_core *core, const struct sg_peer_id *peer,
                       sg_incarnation incarnation);
/* A member's metadata in this life, empty when it has none; borrowed until the next input. */
struct sg_bytes sg_record_meta(const struct sg_core *core, const struct sg_peer_id *peer,
                               sg_incarnation incarnation);
void sg_record_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                       struct sg_bytes frame);
/* Asks the peer for the records it has and we lack. */
void sg_record_ask(struct sg_core *core, const struct sg_link *link,
                   const struct sg_swim_table *table);
void sg_record_wanted(struct sg_core *core, struct sg_link *link, struct sg_reader *r);

/* ---- scope.c ---- */
struct sg_scope *sg_scope_find(const struct sg_core *core, const struct sg_topic_id *topic);
SG_MUST_USE sg_err sg_scope_open(struct sg_core *core, const struct sg_topic_id *topic,
                                 struct sg_scope **out);
void sg_scope_close(struct sg_core *core, struct sg_scope *scope);
void sg_scope_free(struct sg_core *core, struct sg_scope *scope);
/* One machine step with all its outputs. The error is the machine's. */
sg_err sg_scope_hpv(struct sg_core *core, struct sg_scope *scope, const struct sg_hpv_in *in);
sg_err sg_scope_pt(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_in *in);
/* Of its tree; SG_TIME_NEVER of the base, which has none. */
sg_time_ns sg_scope_pt_deadline(const struct sg_scope *scope);
/* Sets the class of a topic's messages, whether it is open or not. SG_ERR_LIMIT: scopes_max topics
 * have one; SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_scope_prioritise(struct sg_core *core, const struct sg_topic_id *topic,
                                       enum sg_flow_class klass);
/* NORMAL unless somebody said otherwise. */
enum sg_flow_class sg_scope_class(const struct sg_core *core, const struct sg_topic_id *topic);
/* Whether it has fewer neighbours than it wants. */
bool sg_scope_is_short(const struct sg_scope *scope);
/* Makes contact with a subscriber of a topic: joins through it, or keeps it as a candidate;
 * as_bridge: the one that takes part in the next exchange. */
void sg_scope_meet(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                   bool as_bridge);
void sg_scopes_timeout(struct sg_core *core);
sg_time_ns sg_scope_deadline(const struct sg_core *core, const struct sg_scope *scope);
/* Peers noted by sg_link_send as unreachable. */
void sg_scopes_todo(struct sg_core *core);

/* ---- route.c ---- */
/* in: lane, bytes, buf. */
void sg_route_frame(struct sg_core *core, struct sg_link *link, const struct sg_core_in *in);
/* An empty frame with its head written and room for body_max more bytes; NULL when out of memory.
 * sg_frame_end takes the writer's length over; it gives NULL when the body did not fit. */
struct sg_buf *sg_frame_begin(const struct sg_core *core, const struct sg_frame_head *head,
                              size_t body_max, struct sg_writer *w);
struct sg_buf *sg_frame_end(struct sg_buf *frame, const struct sg_writer *w);
/* A reader of the body, after head and kind byte, of a frame that this node made or has checked. */
struct sg_reader sg_frame_body(const struct sg_buf *frame);
/* Sends a finished frame (NULL: nothing); takes over its reference. */
void sg_frame_send(struct sg_core *core, const struct sg_peer_id *peer, enum sg_lane lane,
                   const struct sg_topic_id *topic, struct sg_buf *frame);
/* Encodes and sends one HyParView message of a scope. */
void sg_send_hpv(struct sg_core *core, const struct sg_topic_id *topic,
                 const struct sg_peer_id *peer, const struct sg_hpv_msg *msg);
/* The IHAVE frame made last: neighbours that are told at the same time are mostly told the same. */
struct sg_announce {
    struct sg_buf *frame; /* one reference, or NULL */
    const struct sg_pt_have *have;
    size_t count;
};
void sg_send_ihave(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_out *out,
                   struct sg_announce *last);
/* Encodes and sends one Plumtree control output; GOSSIP and IHAVE are sent otherwise. */
void sg_send_pt(struct sg_core *core, struct sg_scope *scope, const struct sg_pt_out *out);

/* ---- gossip.c ---- */
/* frame: the whole GOSSIP frame, r at its body. */
void sg_gossip_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                       struct sg_reader *r, struct sg_bytes frame);
/* A verified message: holds, delivers and forwards it, an old one as sg_backfill_accept says. Takes
 * over the references in held or leaves them; sg_held_drop then.
 * SG_ERR_EXPIRED (another message of that number came first), SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_gossip_accept(struct sg_core *core, struct sg_scope *scope,
                                    const struct sg_copy *from, uint64_t sequence,
                                    struct sg_held *held);
/* What came of a message that was received. */
void sg_gossip_refuse(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                      const struct sg_msg_id *id, sg_err err);
/* Whether it was accepted before: the tree or the history knows. */
bool sg_gossip_is_known(const struct sg_scope *scope, const struct sg_msg_id *id);
void sg_gossip_duplicate(struct sg_core *core, struct sg_scope *scope, const struct sg_copy *copy,
                         const struct sg_msg_id *id);
static inline uint8_t sg_hop_after(uint8_t hop)
{
    return hop == SG_PT_HOP_MAX ? SG_PT_HOP_MAX : (uint8_t)(hop + 1);
}
/* A copy of a GOSSIP frame with this hop in it. NULL when out of memory. */
struct sg_buf *sg_gossip_next(const struct sg_core *core, struct sg_bytes frame, uint8_t hop);
/* Gives a held message to this node's subscriptions, if it has any. */
void sg_deliver(struct sg_core *core, const struct sg_scope *scope,
                const struct sg_peer_id *last_hop, const struct sg_held *held);
/* Sends a held message to a neighbour, key and root first where it lacks them. */
void sg_push(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
             const struct sg_msg_id *id, uint8_t hop);
/* The same with key and root for certain: the answer to PROOF_WANT. */
void sg_push_proof(struct sg_core *core, struct sg_scope *scope, struct sg_link *link,
                   const struct sg_msg_id *id);
/* The same of a message that history keeps, with the hop it has. */
void sg_push_past(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                  struct sg_held *held);
/* A ROOT or KEY did not find room in its lane: it goes in front of the next message again. what:
 * the root, or the author. */
void sg_push_proof_dropped(struct sg_link *link, const struct sg_msg_id *what);
/* Encodes a GOSSIP frame of a topic; NULL when out of memory. */
struct sg_buf *sg_gossip_frame(const struct sg_core *core, const struct sg_topic_id *topic,
                               const struct sg_gossip *msg);
struct sg_buf *sg_root_frame(const struct sg_core *core, const struct sg_root *root);
struct sg_buf *sg_key_frame(const struct sg_core *core, struct sg_bytes public_key);

/* ---- batch.c ---- */
void sg_message_id(const struct sg_core *core, const struct sg_topic_id *topic,
                   const struct sg_gossip *msg, struct sg_msg_id *id);
/* The root over leaves, as author signs it. */
void sg_batch_root(const struct sg_core *core, const struct sg_peer_id *author,
                   const struct sg_leaves *leaves, uint8_t root[SG_ID_LEN]);
/* Signature input of a root. */
extern const struct sg_bytes sg_batch_context;

/* ---- author.c ---- */
void sg_author_fini(struct sg_core *core);
/* Closes the batch that gathers, if it is time. */
void sg_author_timeout(struct sg_core *core);
sg_time_ns sg_author_deadline(const struct sg_core *core);
SG_MUST_USE sg_err sg_author_signed(struct sg_core *core, const struct sg_core_in *in);
void sg_author_flush(struct sg_core *core);
void sg_author_check(const struct sg_core *core);

/* ---- proof.c ---- */
/* A message as it came, with what was computed of it. */
struct sg_arrival {
    struct sg_gossip msg;
    struct sg_msg_id id;
    uint8_t root[SG_ID_LEN]; /* msg.root, or the one of a lone message */
    bool is_past;            /* back-fill has asked this link for it */
    bool is_strange;         /* its link is no neighbour's in the topic */
};
/* Finds or checks the proof of a message: proof->root and proof->key get references to their
 * frames.
 * SG_ERR_WOULD_BLOCK: the verification is under way, wait for it (sg_check_wait).
 * SG_ERR_NOT_FOUND: ask for the proof. SG_ERR_LIMIT: over the budget of verifications, the link's
 * or that of all strangers.
 * SG_ERR_BAD_PROOF, SG_ERR_BAD_SIGNATURE: charge the peer. */
SG_MUST_USE sg_err sg_proof_check(struct sg_core *core, struct sg_link *link,
                                  const struct sg_arrival *a, struct sg_held *proof);
void sg_proof_root_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                           struct sg_bytes frame);
void sg_proof_key_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                          struct sg_bytes frame);
sg_err sg_proofs_init(struct sg_core *core);
void sg_proofs_fini(struct sg_core *core);
/* The link's proofs, made on first use; NULL when out of memory. */
struct sg_link_proofs *sg_link_proofs(struct sg_core *core, struct sg_link *link);
/* Frees them; NULL is allowed. */
void sg_proofs_free(struct sg_core *core, struct sg_link_proofs *proofs);
/* Of what a verified signature has proved. */
void sg_proof_keep(struct sg_core *core, const struct sg_check *check);
/* The ROOT frame that waits on a link, borrowed; NULL = none. */
struct sg_buf *sg_proof_waiting(const struct sg_link *link, const uint8_t root[SG_ID_LEN]);
/* The KEY frame of an author that the node has anyway, else frame, which it has from now on;
 * borrowed. */
struct sg_buf *sg_proof_key(struct sg_core *core, const struct sg_peer_id *author,
                            struct sg_buf *frame);
/* Whether a missing root may be asked for now: once a second per link and root, 64 roots at once
 * and 10 a second, two more for each that the link brings. Then it counts as asked for. */
bool sg_proof_may_ask(struct sg_core *core, struct sg_link *link, const uint8_t root[SG_ID_LEN]);
/* Whether any ROOT frame waits on the link. */
bool sg_proof_is_waiting(const struct sg_link *link);
/* Lets go of it: its signature is bad, or nobody needs it any more. */
void sg_proof_drop(struct sg_link *link, const uint8_t root[SG_ID_LEN]);
/* Of 32 bytes, the first 8; never 0. */
uint64_t sg_tag_of(const uint8_t id[SG_ID_LEN]);

/* ---- verify.c ---- */
void sg_checks_fini(struct sg_core *core);
/* The root's verification, if it is under way. */
struct sg_check *sg_check_find(const struct sg_core *core, const uint8_t root[SG_ID_LEN]);
/* Starts one; gives references of its own to key and frame. SG_ERR_LIMIT: too many are under way.
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_check_start(struct sg_core *core, const struct sg_check *what);
/* Whether the message waits already; then this copy is noted. */
bool sg_check_is_copy(struct sg_core *core, const struct sg_link *link, const struct sg_arrival *a);
/* Has a message wait for the verification of its root. SG_ERR_LIMIT, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_check_wait(struct sg_core *core, struct sg_link *link,
                                 const struct sg_scope *scope, const struct sg_arrival *a,
                                 struct sg_bytes frame);
SG_MUST_USE sg_err sg_check_verified(struct sg_core *core, const struct sg_core_in *in);
void sg_checks_check(const struct sg_core *core);

/* ---- history.c ---- */
/* Time slots: a session compares whole ones. */
#define SG_SLOT_MS 5000
static inline uint32_t sg_slot_of(uint64_t time_ms)
{
    uint64_t slot = time_ms / SG_SLOT_MS;
    return slot < UINT32_MAX ? (uint32_t)slot : UINT32_MAX;
}
/* Whether a message has expired: clocks that are set by the network differ by seconds at most, and
 * on its way a message spends less. */
#define SG_EXPIRY_SLACK_MS 5000
static inline bool sg_is_over(uint64_t wall_ms, uint64_t expiry_ms)
{
    return wall_ms > expiry_ms && wall_ms - expiry_ms > SG_EXPIRY_SLACK_MS;
}
/* Keeps a verified message, with references of its own, as long as retention says. Want of memory
 * makes the history shorter. */
void sg_history_put(struct sg_core *core, struct sg_scope *scope, const struct sg_held *held);
void sg_history_free(struct sg_history *h, const struct sg_mem *mem);
/* Lets go of what is older than retention_ns. */
void sg_history_trim(struct sg_core *core, struct sg_scope *scope);
/* Lets go of what is of earlier slots, and says so to sessions. Not when out of memory. */
void sg_history_raise(struct sg_core *core, struct sg_scope *scope, uint32_t slot);
/* Whether it was accepted: of some messages only the id is kept. */
bool sg_history_knows(const struct sg_scope *scope, const struct sg_msg_id *id);
/* NULL: not kept, or only its id. Borrowed until the next put or trim. */
struct sg_held *sg_history_get(const struct sg_scope *scope, const struct sg_msg_id *id);
/* Whether messages of a slot may have been accepted that are not known here. */
bool sg_history_is_torn(const struct sg_scope *scope, uint32_t slot);
/* From this slot on everything that was accepted is known, but for what is torn. */
uint32_t sg_history_floor(const struct sg_core *core, const struct sg_scope *scope);
/* The next message from *at on (0 at first) with from <= slot < to; NULL at the end. In the order
 * of places, which no peer chooses. The former leaves those out whose id alone is kept, the latter
 * those that had expired at the last put or trim: nobody who lacks them wants them. */
struct sg_held *sg_history_next(const struct sg_scope *scope, uint32_t from, uint32_t to,
                                uint32_t *at);
const struct sg_msg_id *sg_history_next_id(const struct sg_scope *scope, uint32_t from, uint32_t to,
                                           uint32_t *at);
uint32_t sg_history_count(const struct sg_scope *scope);
uint64_t sg_history_bytes(const struct sg_scope *scope);
void sg_history_check(const struct sg_scope *scope);

/* ---- past.c ---- */
/* Gives an accepted message out to be stored, when its topic is durable. */
void sg_past_store(struct sg_core *core, const struct sg_scope *scope, const struct sg_held *held);
/* PAST. SG_ERR_NOT_FOUND (topic), SG_ERR_CORRUPT (it is not what STORE gave out),
 * SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_past_take(struct sg_core *core, const struct sg_core_in *in);
/* The input PAST_FLOOR. SG_ERR_NOT_FOUND: no such topic. */
SG_MUST_USE sg_err sg_past_floor(struct sg_core *core, const struct sg_core_in *in);

/* ---- backfill.c ---- */
void sg_backfill_free(struct sg_core *core, struct sg_scope *scope);
void sg_backfill_timeout(struct sg_core *core, struct sg_scope *scope);
sg_time_ns sg_backfill_deadline(const struct sg_scope *scope);
/* A new neighbour on the topic: who has just come, or comes from another part, is asked at once. */
void sg_backfill_neighbor(struct sg_core *core, struct sg_scope *scope,
                          const struct sg_peer_id *peer);
/* The topic was relayed only, and is wanted now. */
void sg_backfill_subscribed(struct sg_core *core, struct sg_scope *scope);
/* Body of a frame of family 5. */
void sg_backfill_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                         struct sg_reader *r);
/* Whether this peer was asked for this message: it is an old one. */
bool sg_backfill_expects(const struct sg_scope *scope, const struct sg_peer_id *peer,
                         const struct sg_msg_id *id);
/* Takes an old message that is verified and has a new number, or one below the window: delivered
 * and kept, not forwarded. held stays the caller's. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_backfill_accept(struct sg_core *core, struct sg_scope *scope,
                                      const struct sg_copy *from, const struct sg_gossip *msg,
                                      struct sg_held *held);
/* An old message had to be let go for now: it is looked for again soon. */
void sg_backfill_again(struct sg_core *core, struct sg_scope *scope);

/* ---- docflow.c ---- */
void sg_docflow_free(struct sg_core *core, struct sg_scope *scope);
/* The inputs DOC_*, with their errors. */
SG_MUST_USE sg_err sg_docflow_bind(struct sg_core *core, const struct sg_core_in *in);
SG_MUST_USE sg_err sg_docflow_soon(struct sg_core *core, const struct sg_core_in *in);
SG_MUST_USE sg_err sg_docflow_send(struct sg_core *core, const struct sg_core_in *in);
SG_MUST_USE sg_err sg_docflow_taken(struct sg_core *core, const struct sg_core_in *in);
SG_MUST_USE sg_err sg_docflow_close(struct sg_core *core, const struct sg_core_in *in);
/* in: the frame as it came; r at its body. */
void sg_docflow_receive(struct sg_core *core, struct sg_link *link, struct sg_scope *scope,
                        struct sg_reader *r, const struct sg_core_in *in);
void sg_docflow_neighbor_up(struct sg_core *core, struct sg_scope *scope,
                            const struct sg_peer_id *peer);
void sg_docflow_neighbor_down(struct sg_core *core, struct sg_scope *scope,
                              const struct sg_peer_id *peer);
void sg_docflow_dropped(struct sg_core *core, const struct sg_core_in *in);
void sg_docflow_timeout(struct sg_core *core, struct sg_scope *scope);
sg_time_ns sg_docflow_deadline(const struct sg_scope *scope);
void sg_docflow_check(const struct sg_core *core);

/* ---- window.c ---- */
void sg_windows_init(struct sg_windows *w, uint32_t max, const struct sg_index_keys *keys);
void sg_windows_fini(struct sg_windows *w, const struct sg_mem *mem);
/* Whether a sequence number is new: neither accepted before nor below the window. */
bool sg_windows_is_new(const struct sg_windows *w, const struct sg_peer_id *author, uint64_t seq);
/* Whether it is below the window, or of a boot below the newest two: accepted or not, nobody
 * knows. */
bool sg_windows_is_below(const struct sg_windows *w, const struct sg_peer_id *author, uint64_t seq);
/* Whether a message of this time slot may have been accepted when its author had another place,
 * which went to somebody else: new or not, nobody knows. */
bool sg_windows_is_lost(const struct sg_windows *w, const struct sg_peer_id *author, uint32_t slot);
/* Marks it accepted, signed in this time slot; one below the window stays there. Forgets the author
 * unused for longest when full.
 * SG_ERR_NO_MEMORY: it is not marked. */
SG_MUST_USE sg_err sg_windows_accept(struct sg_windows *w, const struct sg_mem *mem,
                                     const struct sg_peer_id *author, uint64_t seq, uint32_t slot);

/* ---- store.c ---- */
/* Puts a message in and, when all scopes together hold more than held_bytes_max, lets go of the
 * oldest ones of the scope that holds most: they are announced no more, and a GRAFT is answered
 * from the history. Errors of sg_store_put. */
SG_MUST_USE sg_err sg_hold(struct sg_core *core, struct sg_scope *scope,
                           const struct sg_held *held);
void sg_held_drop(struct sg_held *held);
/* In the store, else in the history; NULL = neither. Borrowed until the next message. */
struct sg_held *sg_held_find(const struct sg_scope *scope, const struct sg_msg_id *id);
void sg_store_init(struct sg_store *s, uint32_t max, const struct sg_index_keys *keys);
void sg_store_fini(struct sg_store *s, const struct sg_mem *mem);
/* Takes over the references in held. SG_ERR_FULL, SG_ERR_EXISTS, SG_ERR_NO_MEMORY: nothing is
 * taken. */
SG_MUST_USE sg_err sg_store_put(struct sg_store *s, const struct sg_mem *mem,
                                const struct sg_held *held);
struct sg_held *sg_store_get(const struct sg_store *s, const struct sg_msg_id *id);
void sg_store_forget(struct sg_store *s, const struct sg_msg_id *id);
/* Forgets the oldest message, if there is any, and tells which. O(slots), so for want of memory
 * only. */
struct sg_msg_id sg_store_forget_oldest(struct sg_store *s);

/* ---- topics.c ---- */
void sg_topics_receive(struct sg_core *core, struct sg_link *link, struct sg_reader *r);
void sg_topics_changed(struct sg_core *core);
/* Tells one base neighbour our topics. */
void sg_topics_tell(struct sg_core *core, const struct sg_peer_id *peer);
void sg_topics_timeout(struct sg_core *core);
/* Starts a walk for a scope and arms the next one. */
void sg_topics_find(struct sg_core *core, struct sg_scope *scope);
/* Base neighbours that said they have the topic become contacts. */
void sg_topics_ask_neighbors(struct sg_core *core, struct sg_scope *scope);
/* Encodes and sends a frame of the topic family. */
void sg_topic_msg_send(struct sg_core *core, const struct sg_peer_id *peer,
                       const struct sg_topic_msg *msg);

/* ---- adverts.c ---- */
void sg_adverts_init(struct sg_core *core);
void sg_adverts_fini(struct sg_core *core);
/* A new scope: when it is advertised. */
void sg_adverts_open(struct sg_core *core, struct sg_scope *scope);
/* A link's bucket of claims, full. */
void sg_adverts_link(const struct sg_core *core, struct sg_link *link);
void sg_adverts_receive(struct sg_core *core, struct sg_link *link, const struct sg_topic_msg *msg);
/* Tells what is news; a scope's own advert becomes news. */
void sg_adverts_timeout(struct sg_core *core);
void sg_adverts_scope_timeout(struct sg_core *core, const struct sg_scope *scope);
sg_time_ns sg_adverts_deadline(const struct sg_core *core, const struct sg_scope *scope);
/* Who says to have the topic; returns how many. O(claims). */
uint8_t sg_adverts_find(const struct sg_core *core, const struct sg_topic_id *topic,
                        struct sg_peer_id peers[SG_TOPIC_FOUND_MAX]);
/* They become contacts. */
void sg_adverts_meet(struct sg_core *core, struct sg_scope *scope);
/* The peer has not the topic, or (NULL) cannot be reached: its claims go. */
void sg_adverts_doubt(struct sg_core *core, const struct sg_peer_id *peer,
                      const struct sg_topic_id *topic);
void sg_adverts_check(const struct sg_core *core);

/* ---- scope.c, more ---- */
bool sg_core_is_contact(const struct sg_core *core, const struct sg_peer_id *peer);
/* A contact does not share the topic any more, or is none any more. */
void sg_scope_part(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer);
/* Tells the tree who a neighbour is: its group of addresses, and whether it is a contact. */
void sg_scope_about(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer);

/* ---- charge.c ---- */
enum sg_charge {
    SG_CHARGE_MALFORMED = 20, /* bytes no correct peer sends */
    SG_CHARGE_PROTOCOL = 10,
    SG_CHARGE_VERSION = 1, /* may be a newer node */
    SG_CHARGE_FLOOD = 1,
    SG_CHARGE_FORGED = 100, /* bad signature or proof: nobody forwards without checking */
    SG_CHARGE_NONE = 0      /* an honest relay can be the one who brings it */
};
/* At 100 points the link is doomed and its peer banned for a while. */
void sg_charge(struct sg_core *core, struct sg_link *link, enum sg_charge points);
/* Whether a frame of len bytes is within the link's rates of frames and bytes. */
bool sg_link_may_send(struct sg_core *core, struct sg_link *link, enum sg_lane lane, size_t len);
/* A bad message of a topic counts against its neighbour's place there, too. */
void sg_note_invalid(struct sg_core *core, struct sg_scope *scope, const struct sg_peer_id *peer,
                     sg_err err);
/* Points, as of now. */
uint32_t sg_charge_points(const struct sg_core *core, const struct sg_link *link);
bool sg_is_banned(const struct sg_core *core, const struct sg_peer_id *peer);
/* Counts a refused frame by its error and charges the peer. id may be NULL. */
void sg_refuse(struct sg_core *core, struct sg_link *link, const struct sg_msg_id *id, sg_err err);

#endif
