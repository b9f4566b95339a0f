/* What we send: proposals, commits with their welcomes, application messages, group infos
 * (RFC 9420 s12.1, s12.4.1, s12.4.3). Results live in the caller's arena. */
#ifndef SG_MLS_CREATE_H
#define SG_MLS_CREATE_H

#include "mls/process.h"

/* How a handshake message travels. */
struct sg_mls_send {
    bool is_private; /* PrivateMessage, else PublicMessage */
    struct sg_bytes authenticated_data;
    uint64_t now; /* Unix seconds */
};

/* Another leaf than now: for a new signature key, credential or capabilities. */
struct sg_mls_new_leaf {
    struct sg_bytes signature_private;
    struct sg_mls_leaf leaf; /* signature_key, credential, capabilities, extensions */
};

/* A proposal as a message of its own; it is cached too. proposal is copied. SG_ERR_MLS_PROPOSAL and
 * others of sg_mls_list_apply: it could not be committed; SG_ERR_MLS_REMOVED,
 * SG_ERR_INVALID_STATE. */
SG_MUST_USE sg_err sg_mls_group_propose(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                        const struct sg_mls_proposal *proposal,
                                        const struct sg_mls_send *send, struct sg_bytes *out);
/* An Update with a fresh key; its private half waits with it. new_leaf NULL: the leaf otherwise
 * stays. */
SG_MUST_USE sg_err sg_mls_group_propose_update(struct sg_mls_group *group,
                                               struct sg_mls_arena *arena,
                                               const struct sg_mls_new_leaf *new_leaf,
                                               const struct sg_mls_send *send,
                                               struct sg_bytes *out);

struct sg_mls_commit_options {
    struct sg_mls_send send;
    const struct sg_mls_proposal *values; /* [count] proposals by value */
    uint32_t count;
    bool skips_cached;               /* covers no cached proposals; else all that fit together */
    bool omits_path;                 /* no path where none is due; a new leaf needs one */
    bool tree_in_welcome;            /* else the tree is for the caller to deliver */
    bool with_group_info;            /* a GroupInfo with external_pub for external commits */
    struct sg_bytes info_extensions; /* more extensions for GroupInfo and Welcome: the body of a
                                      * list */
    const struct sg_mls_new_leaf *new_leaf; /* or NULL */
    uint8_t usage;                          /* of resumption PSKs by value; 0: application */
    const struct sg_mls_group *old;         /* whose resumption PSKs may be used too, or NULL */
};

struct sg_mls_commit_result {
    struct sg_bytes commit;     /* MLSMessage */
    struct sg_bytes welcome;    /* MLSMessage; empty: nobody was added */
    struct sg_bytes group_info; /* MLSMessage; empty unless asked for */
};

/* A commit of ours. It is pending: the group stays in its epoch until the commit comes back to
 * sg_mls_group_process, or sg_mls_group_merge adopts it; the welcome is to be sent after that.
 * SG_ERR_INVALID_STATE: one is pending already, or the group is closed; SG_ERR_MLS_REMOVED;
 * SG_ERR_LIMIT, SG_ERR_TOO_LARGE: beyond config->limits or message_max; errors of
 * sg_mls_list_apply. */
SG_MUST_USE sg_err sg_mls_group_commit(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                       const struct sg_mls_commit_options *options,
                                       struct sg_mls_commit_result *out);
/* Forgets the pending commit. */
void sg_mls_group_clear_pending(struct sg_mls_group *group);

/* A PrivateMessage with application data. SG_ERR_INVALID_STATE: proposals wait for a commit
 * (RFC 9420 s12.4), or the group is closed. SG_ERR_MLS_REMOVED. SG_ERR_TOO_LARGE: more than
 * config->message_max. */
SG_MUST_USE sg_err sg_mls_group_protect(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                        struct sg_bytes data, struct sg_bytes authenticated_data,
                                        struct sg_bytes *out);

struct sg_mls_info_options {
    bool has_tree;
    bool has_external_pub;
    struct sg_bytes extensions; /* more: the body of a list */
};
struct sg_mls_info_source {
    const struct sg_mls_epoch *epoch;
    const struct sg_mls_tree *tree; /* of that epoch */
    const struct sg_mls_signer *signer;
};
/* A signed GroupInfo. */
SG_MUST_USE sg_err sg_mls_make_info(const struct sg_mls_info_source *source,
                                    struct sg_mls_arena *arena,
                                    const struct sg_mls_info_options *options,
                                    struct sg_mls_group_info *out);
/* GroupInfo of the current epoch as an MLSMessage. */
SG_MUST_USE sg_err sg_mls_group_info(const struct sg_mls_group *group, struct sg_mls_arena *arena,
                                     const struct sg_mls_info_options *options,
                                     struct sg_bytes *out);

struct sg_mls_welcoming {
    const struct sg_mls_epoch *epoch; /* the new one */
    const struct sg_mls_change *change;
    const struct sg_mls_path_secrets *path; /* NULL: the commit has none */
    const struct sg_mls_secret *joiner;
    const struct sg_mls_secret *psk;
    const struct sg_mls_random *random;
    struct sg_mls_arena *arena;
};
/* The Welcome for all that a commit adds. */
SG_MUST_USE sg_err sg_mls_make_welcome(const struct sg_mls_welcoming *in,
                                       const struct sg_mls_group_info *info, struct sg_bytes *out);

/* Content of ours: filled, signed, not yet protected. */
struct sg_mls_outgoing {
    struct sg_mls_authentic message;
    struct sg_mls_key_use use; /* private: the key that it takes */
    struct sg_bytes bytes;
};
void sg_mls_fill_content(const struct sg_mls_group *group, const struct sg_mls_send *send,
                         uint8_t type, struct sg_mls_authentic *out);
SG_MUST_USE sg_err sg_mls_protect(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                  struct sg_mls_outgoing *out);
/* RFC9420 s9.1: after this the key is gone, and the bytes may leave. */
void sg_mls_send_off(struct sg_mls_group *group, struct sg_mls_outgoing *out);

struct sg_mls_external {
    const struct sg_mls_config *config;
    struct sg_bytes group_info; /* MLSMessage with external_pub */
    struct sg_bytes tree;       /* when it is not in there; else empty */
    const struct sg_mls_new_leaf *leaf;
    bool removes_prior; /* resync: removes the member with our signature key, or else the only one
                         * with our credential */
    const struct sg_mls_psk_id *psks; /* [psk_count]; no nonce: a fresh one */
    uint32_t psk_count;
    const struct sg_mls_group *old; /* an earlier state of ours, for resumption PSKs, or NULL */
    struct sg_bytes authenticated_data;
    uint64_t now;
};
/* RFC9420 s12.4.3.2: joins by a commit of one's own. The group is in no epoch until the commit is
 * accepted: then sg_mls_group_merge. SG_ERR_MLS_WELCOME: no external_pub or tree; SG_ERR_NOT_FOUND:
 * no prior member to remove; SG_ERR_MLS_GROUP: old is of another group; errors of
 * sg_mls_check_resync; errors as for joins and commits. */
SG_MUST_USE sg_err sg_mls_group_external_join(const struct sg_mls_external *in,
                                              struct sg_mls_arena *arena,
                                              struct sg_mls_group **group, struct sg_bytes *commit);
/* The commit itself; the group's epoch is that of a group info. */
SG_MUST_USE sg_err sg_mls_commit_external(struct sg_mls_group *group, struct sg_mls_arena *arena,
                                          const struct sg_mls_commit_options *options,
                                          const struct sg_mls_secret *init,
                                          struct sg_mls_commit_result *out);

/* A proposal from outside (RFC 9420 s12.1.8): by an external sender with its key, or, when
 * sender_index is UINT32_MAX, an Add of oneself. */
struct sg_mls_outside {
    const struct sg_mls_signer *signer;
    struct sg_bytes group_id;
    uint64_t epoch;
    uint32_t sender_index;
    struct sg_bytes authenticated_data;
};
SG_MUST_USE sg_err sg_mls_propose_from_outside(const struct sg_mls_outside *in,
                                               struct sg_mls_arena *arena,
                                               const struct sg_mls_proposal *proposal,
                                               struct sg_bytes *out);

#endif
