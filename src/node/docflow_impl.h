/* Shared by the files of documents' sessions. */
#ifndef SG_NODE_DOCFLOW_IMPL_H
#define SG_NODE_DOCFLOW_IMPL_H

#include <assert.h>

#include "node/internal.h"

/* A new neighbour is asked after this time at most, and after a failure, doubling. */
#define SG_DOC_SOON_NS (250 * SG_NS_PER_MS)

#define SG_DOC_FLOWS (1 + SG_DOC_SESSIONS_MAX)

static inline struct sg_doc_flow *sg_docflow_at(struct sg_docflow_state *docs, size_t i)
{
    return i == 0 ? &docs->mine : &docs->theirs[i - 1];
}

/* ---- docflow.c ---- */
/* Gives out an event of a session. */
void sg_docflow_emit(struct sg_core *core, const struct sg_scope *scope,
                     const struct sg_doc_flow *f, struct sg_core_out *out);
/* A session is over; the program hears of it. */
void sg_docflow_end(struct sg_core *core, struct sg_scope *scope, struct sg_doc_flow *f,
                    sg_err err);
void sg_docflow_send_close(struct sg_core *core, const struct sg_scope *scope,
                           const struct sg_doc_flow *f, enum sg_doc_close reason);

/* ---- docturn.c ---- */
/* The next session of our own is within this time. */
void sg_docturn_soon(struct sg_core *core, struct sg_docflow_state *docs, uint64_t most);
/* A place for a session that a peer opens with this message, NULL: none now. */
struct sg_doc_flow *sg_docturn_accept(struct sg_core *core, struct sg_scope *scope,
                                      const struct sg_peer_id *peer, const struct sg_doc_msg *msg);
/* A session is over. */
void sg_docturn_left(struct sg_core *core, struct sg_docflow_state *docs,
                     const struct sg_doc_flow *f);
void sg_docturn_timeout(struct sg_core *core, struct sg_scope *scope);
sg_time_ns sg_docturn_deadline(const struct sg_scope *scope);

#endif
