/* Messages that come: RFC 9420 s6, s12.4.2. */
#ifndef SG_MLS_PROCESS_H
#define SG_MLS_PROCESS_H

#include "mls/list.h"

enum sg_mls_event_kind {
    SG_MLS_EVENT_APPLICATION, /* data and authenticated_data from a member */
    SG_MLS_EVENT_PROPOSAL,    /* cached until the next commit */
    SG_MLS_EVENT_COMMIT,      /* the group is in a new epoch */
    SG_MLS_EVENT_REMOVED,     /* a commit removed us; the group can only be freed */
    SG_MLS_EVENT_OWN,         /* a message of our own that came back; nothing has changed */
};

/* Spans point into the event and into the message. */
struct sg_mls_event {
    struct sg_mls_arena arena;
    enum sg_mls_event_kind kind;
    uint64_t epoch; /* of the message */
    struct sg_mls_sender sender;
    struct sg_bytes authenticated_data;
    struct sg_bytes data;         /* application */
    uint16_t proposal_type;       /* proposal */
    struct sg_bytes proposal_ref; /* proposal */
    uint32_t subject;             /* Remove, SelfRemove, Update: of whom; else UINT32_MAX */
    struct sg_mls_credential subject_credential; /* Add */
    struct sg_mls_leaves added;                  /* commit: leaf indices, of the new epoch */
    struct sg_mls_leaves removed;                /* commit: leaf indices, of the old epoch */
    struct sg_mls_leaves updated;                /* commit: without the committer */
    uint32_t committer;  /* commit: its leaf, also of one who joined by it */
    bool is_own;         /* commit: our pending one was merged */
    bool is_reinit;      /* commit: the group is closed */
    bool has_extensions; /* commit: the group's extensions changed */
};

/* One MLSMessage for this group: a public or private message. Takes time, memory and randomness,
 * and changes the group only when it succeeds. event is to be finished when it does.
 * SG_ERR_MLS_GROUP: another group; SG_ERR_MLS_EPOCH: a handshake message of another epoch, or an
 * application message of one that is no longer kept; SG_ERR_DUPLICATE: seen already, or its key is
 * gone; SG_ERR_MLS_TOO_FAR; SG_ERR_AUTH: it does not decrypt; SG_ERR_MLS_TAG;
 * SG_ERR_OVERSIZED: beyond config->message_max or limits, which nobody has to authenticate for;
 * SG_ERR_BAD_SIGNATURE; SG_ERR_MLS_SENDER; SG_ERR_MLS_REMOVED; SG_ERR_INVALID_STATE: a handshake
 * message for a group that is closed, or a commit or Update of ours whose secrets are not here (it
 * was discarded, or another state of ours made it); SG_ERR_UNSUPPORTED: not a framed message;
 * errors of decoding, of sg_mls_list_apply and of sg_mls_prepare_commit. */
SG_MUST_USE sg_err sg_mls_group_process(struct sg_mls_group *group, struct sg_bytes message,
                                        uint64_t now, struct sg_mls_event *event);
void sg_mls_event_fini(struct sg_mls_event *event);

/* A commit that was found good, before it is adopted. */
struct sg_mls_prepared {
    struct sg_mls_epoch *epoch; /* NULL: it removes us */
    struct sg_mls_tree_log log;
    struct sg_mls_closing closing;
    struct sg_mls_change change;
    uint32_t committer; /* leaf in the new epoch */
};
/* Works a commit out, in the arena; the tree is in its new state when it succeeds, and as it was
 * when it does not. The signature is verified already. SG_ERR_MLS_COMMIT: no path where one is due,
 * or a path that does not fit; SG_ERR_MLS_TAG: another confirmation tag; errors of
 * sg_mls_list_apply, sg_mls_check_leaf, sg_mls_path_merge, sg_mls_path_decrypt,
 * sg_mls_psks_secret. */
SG_MUST_USE sg_err sg_mls_prepare_commit(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                         const struct sg_mls_authentic *message, uint64_t now,
                                         struct sg_mls_prepared *out);
/* Would a commit of this proposal alone be valid? Nothing is changed. Errors of
 * sg_mls_list_apply. */
SG_MUST_USE sg_err sg_mls_try_proposal(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                       const struct sg_mls_content *content, uint64_t now);
/* Adopts it; never fails. */
void sg_mls_adopt(struct sg_mls_group *group, struct sg_mls_prepared *prepared);
/* A copy of a ReInit that outlives the operation. */
SG_MUST_USE sg_err sg_mls_closing_copy(const struct sg_mls_config *config,
                                       struct sg_mls_arena *arena,
                                       const struct sg_mls_reinit *reinit,
                                       struct sg_mls_closing *out);

#endif
