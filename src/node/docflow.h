/* Documents that are bound to topics: when to sync with whom, and the transport of what sessions
 * say to each other. What that means is the runtime's business: documents are on disk. See
 * docflow.c and docturn.c for the essays. */
#ifndef SG_NODE_DOCFLOW_H
#define SG_NODE_DOCFLOW_H

#include "base/bucket.h"
#include "base/buf.h"
#include "wire/doc_msg.h"

struct sg_core;
struct sg_core_in;
struct sg_link;
struct sg_scope;

/* Parts under way at a time: with those of large payloads as many as a receiver keeps open. */
#define SG_DOC_WINDOW 2
/* Sessions of one topic that others have opened; of each peer one. */
#define SG_DOC_SESSIONS_MAX 2

/* Neighbours that are to be asked soon; more wait for their turn at random. */
#define SG_DOC_TODO_MAX 8

struct sg_doc_flow {
    uint64_t handle; /* 0: no session */
    struct sg_peer_id peer;
    uint32_t number; /* the opener's */
    bool is_mine;
    /* outgoing */
    struct sg_buf *message;   /* NULL: none */
    uint32_t first, end;      /* its parts */
    uint32_t sent;            /* parts below this were given out .. */
    uint32_t taken;           /* .. and are taken */
    sg_time_ns resend_at;     /* what was given out is lost; NEVER: nothing is */
    uint64_t resend_pause_ns; /* doubles */
    /* incoming */
    struct sg_buf *gathered; /* NULL: nothing; larger than what is in it */
    struct sg_buf *early;    /* frame of the part after the next one */
    uint32_t next;           /* part that is expected */
    bool is_full;            /* a message was given out and is not yet taken */
    sg_time_ns heard_at;     /* or moved by this side */
    sg_time_ns begun_at;
    sg_time_ns turn_at; /* of another one's: since when it takes its turn, with sessions before */
};

/* Neighbours of which it is known when they were served: as many as there are, mostly. */
#define SG_DOC_PEERS_MAX 16

struct sg_doc_peer {
    struct sg_peer_id peer;
    bool is_known, was_served;
    struct sg_bucket opens; /* sessions that it opens */
    sg_time_ns heard_at;    /* it asked for one */
    sg_time_ns turn_at;     /* its newest turn began .. */
    sg_time_ns left_at;     /* .. and its newest session ended */
    bool is_waiting;        /* it was refused .. */
    sg_time_ns waits_since; /* .. then for the first time since its last turn .. */
    sg_time_ns waits_at;    /* .. and last */
};

struct sg_docflow_state {
    struct sg_doc_flow mine;
    struct sg_doc_flow theirs[SG_DOC_SESSIONS_MAX];
    struct sg_doc_peer peers[SG_DOC_PEERS_MAX];
    sg_time_ns due;                          /* for a session of our own */
    struct sg_peer_id todo[SG_DOC_TODO_MAX]; /* [todo_count] whom to ask soon, in this order */
    uint32_t todo_count;
    uint32_t failures; /* in a row */
};

#endif
