/* End-to-end encrypted groups: Messaging Layer Security (RFC 9420), without a server and without
 * I/O of its own. Bytes go in, bytes come out; how they travel is the program's business.
 *
 *   A client is one device of a user in one ciphersuite. A member is a client in one group.
 *   A key package is what others need to add a client; its secret half stays with the client.
 *   A commit starts a new epoch. All members process the commits of a group in the same order.
 *
 * The ordinary way:
 *   1. Each client makes key packages and gives the public halves away.
 *   2. Somebody creates a group, adds key packages by a commit, sends the commit to the members and
 *      the welcome to the new ones, who join by it.
 *   3. All give what arrives to sg_mls_member_receive.
 *
 * A commit of one's own is pending until it comes back through sg_mls_member_receive (where the
 * network echoes) or sg_mls_member_accept; welcomes are sent after that.
 *
 * With storage, each call that changes a member writes what has changed in one atomic batch before
 * it returns, and so before anything that it gives can be sent. When that write fails, the call
 * fails, and the member is again what the storage has.
 *
 * One thread at a time for a client and its members. Errors of all calls, besides those named:
 * SG_ERR_NO_MEMORY, SG_ERR_ENTROPY, SG_ERR_CRYPTO, SG_ERR_INVALID_ARGUMENT (a NULL or a span that
 * cannot be), and those of storage. After an error nothing has changed. docs/mls.md has a worked
 * example, which is examples/mls_group.c. */
#ifndef SG_SAORSA_MLS_H
#define SG_SAORSA_MLS_H

#include <stdbool.h>

#include <saorsa/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that the caller owns; sg_mls_blob_free wipes and frees them. */
struct sg_mls_blob {
    uint8_t *data; /* NULL: none */
    size_t len;
};
/* Leaves an empty blob. NULL is allowed. */
SG_API void sg_mls_blob_free(struct sg_mls_blob *blob);

/* ---- suites ---- */

struct sg_mls_suite_info {
    uint16_t id;      /* RFC 9420 s17.1; 0xF6xx: draft-ietf-mls-pq-ciphersuites-06, private use */
    const char *name; /* static */
    bool is_post_quantum;
};
/* Number index of the suites, from 0. SG_ERR_NOT_FOUND: there are fewer. */
SG_API SG_MUST_USE sg_err sg_mls_suite_at(size_t index, struct sg_mls_suite_info *out);

/* ---- clients ---- */

struct sg_mls_client;
struct sg_mls_member;

/* One entry of storage; value.data NULL means that the entry goes. */
struct sg_mls_item {
    uint32_t kind;
    uint32_t index;
    struct sg_bytes value;
};

/* Where members live across restarts. Entries are found by group id, kind and index. Those with
 * secrets are sealed, under the client's storage secret, which follows from its first signature key
 * when it was given none: with another one, or when somebody has changed them, loading ends with
 * SG_ERR_CORRUPT. */
struct sg_mls_storage {
    void *user;
    /* All items or none, durable on return. Borrowed for the call. */
    sg_err (*write)(void *user, struct sg_bytes group_id, const struct sg_mls_item *items,
                    size_t count);
    /* The value of item->kind and item->index into *value (malloc; the library frees it).
     * SG_ERR_NOT_FOUND. */
    sg_err (*read)(void *user, struct sg_bytes group_id, const struct sg_mls_item *item,
                   struct sg_mls_blob *value);
};

/* Storage in an SQLite file of mode 0600, for one client. One process at a time has it, from open
 * to close, since two that worked on one group would use keys twice. What is replaced or deleted is
 * overwritten in the file and its journal. */
struct sg_mls_file;
/* Makes the file when there is none; its folder must be there. SG_ERR_LOCKED: another process has
 * it; SG_ERR_CORRUPT: damaged, or something else; SG_ERR_UNSUPPORTED: of another version;
 * SG_ERR_NOT_FOUND: no such folder; SG_ERR_PERMISSION; SG_ERR_NO_SPACE; SG_ERR_IO. The last four
 * may come from its write and read, too. */
SG_API SG_MUST_USE sg_err sg_mls_file_open(const char *path, struct sg_mls_file **out);
/* After the clients that use it. NULL is allowed. */
SG_API void sg_mls_file_close(struct sg_mls_file *file);
/* What goes into sg_mls_client_config; good until the file is closed. */
SG_API void sg_mls_file_storage(struct sg_mls_file *file, struct sg_mls_storage *out);
/* The id of group number index in it, from 0. SG_ERR_NOT_FOUND: there are fewer. */
SG_API SG_MUST_USE sg_err sg_mls_file_group(struct sg_mls_file *file, size_t index,
                                            struct sg_mls_blob *group_id);
/* Forgets all of a group, which no member may be using; fine when it is not there. */
SG_API SG_MUST_USE sg_err sg_mls_file_drop(struct sg_mls_file *file, struct sg_bytes group_id);

/* A credential that somebody presents; with has_before, what that member had until now. */
struct sg_mls_claim {
    uint16_t credential_type; /* 1 basic: identity; 2 x509: certificates, each a vector */
    struct sg_bytes credential;
    struct sg_bytes signature_key;
    bool has_before;
    uint16_t before_type;
    struct sg_bytes before;
};

struct sg_mls_extension_item {
    uint16_t type;
    struct sg_bytes data; /* as the extension's definition says */
};

struct sg_mls_client_config {
    uint16_t suite;                /* 0: ML-KEM-768, AES-256-GCM, SHA-384, ML-DSA-65 */
    struct sg_bytes identity;      /* of a basic credential; or x509: see credential_type */
    uint16_t credential_type;      /* 0: basic */
    struct sg_bytes secret;        /* of sg_mls_client_secret; empty: a new signature key */
    struct sg_mls_storage storage; /* write NULL: none, members live in memory only */
    void *user;
    /* Is the credential good for the key and, with has_before, the same client's? SG_OK or an
     * error, which the call that met it returns. NULL: all are accepted. */
    sg_err (*check_credential)(void *user, const struct sg_mls_claim *claim);
    /* The secret of an external pre-shared key into secret [256]. SG_ERR_MLS_PSK: unknown. NULL:
     * there are none. */
    sg_err (*find_psk)(void *user, struct sg_bytes id, uint8_t *secret, size_t *len);
    /* The data of a component after an update (sg_mls_member_propose_app_data) into *after (malloc;
     * the library frees it); before has len 0 when there was none. An error refuses the proposal.
     * Must say the same at all members and times. NULL: an update is the new data. */
    sg_err (*update_app_data)(void *user, uint16_t component, struct sg_bytes before,
                              struct sg_bytes update, struct sg_mls_blob *after);
    /* Unix seconds; NULL: the system's clock. */
    uint64_t (*now)(void *user);
    uint32_t past_epochs; /* late messages can be read for so many epochs; default 5 */
    uint32_t undo_epochs; /* commits that sg_mls_member_rollback can take back; default 0 */
    bool accepts_expired; /* key packages in received messages may have expired */
    /* Somebody outside may ask to be added (sg_mls_client_propose_add with no sender_index).
     * Anybody can, and a proposal that waits keeps members from sending data; default: refused. */
    bool accepts_outsiders;
    /* What one message may be, before anything shows who sent it; 0: the value in brackets. All
     * members should have the same. Trees beside a welcome are not counted. */
    size_t message_max;        /* bytes of a message, welcome or group info (128 MiB) */
    uint32_t proposals_max;    /* proposals of a commit, newcomers of a welcome (65 536) */
    uint32_t path_secrets_max; /* ciphertexts of a commit: the members of a blank tree (131 072) */
    bool public_handshake;     /* proposals and commits as PublicMessage; default encrypted */
    /* What the client says of itself in its leaves (RFC 9420 s7.2): those of key packages, of
     * groups that it creates and of joins from outside, from now on. At most 256 each, borrowed for
     * sg_mls_client_new.
     * [more_extension_count] extension types that the program understands, of groups and leaves,
     * beyond those of the RFC and the library's (6, 10). */
    const uint16_t *more_extensions;
    size_t more_extension_count;
    /* [more_proposal_count] proposal types beyond the RFC's and the library's (8, 10), for groups
     * whose required_capabilities name them. The library cannot follow a commit that covers such a
     * proposal: sg_mls_member_receive refuses it with SG_ERR_UNSUPPORTED. List one only where none
     * is committed. */
    const uint16_t *more_proposals;
    size_t more_proposal_count;
    /* [leaf_extension_count] extensions of the leaves themselves, of types 1 to 5, 6, 10 or among
     * more_extensions. */
    const struct sg_mls_extension_item *leaf_extensions;
    size_t leaf_extension_count;
    /* Of sg_mls_client_storage_secret; empty: follows from secret, and is as open as that, also
     * when the client is renewed. A new client is better given random bytes: as many as the key of
     * its suite's AEAD has, 16 in suites 1 and 2, else 32. */
    struct sg_bytes storage_secret;
};

/* The defaults: suite 0, no identity, no storage. */
SG_API void sg_mls_client_config_init(struct sg_mls_client_config *config);
/* The configuration is copied, all that it points to too; user data and callbacks must stay good.
 * SG_ERR_UNSUPPORTED: unknown suite; SG_ERR_MALFORMED: a secret, or certificates that are no list
 * of vectors; SG_ERR_LIMIT: too many types or extensions; SG_ERR_INVALID_ARGUMENT: also a type that
 * comes twice or need not be said (0, the RFC's, the library's), a leaf's extension of a type that
 * the client does not list, a credential type but 1 and 2. */
SG_API SG_MUST_USE sg_err sg_mls_client_new(const struct sg_mls_client_config *config,
                                            struct sg_mls_client **out);
/* After all its members. NULL is allowed. Secrets are wiped. */
SG_API void sg_mls_client_free(struct sg_mls_client *client);
/* The signature private key: for the next sg_mls_client_new. Secret. */
SG_API SG_MUST_USE sg_err sg_mls_client_secret(const struct sg_mls_client *client,
                                               struct sg_mls_blob *out);
/* What its storage is sealed with: for the next sg_mls_client_new of a client that was given one or
 * renewed with another signature key. Secret; the signature key does not follow from it. */
SG_API SG_MUST_USE sg_err sg_mls_client_storage_secret(const struct sg_mls_client *client,
                                                       struct sg_mls_blob *out);
/* Changes what the client says of itself (RFC 9420 s5.3, s7.2) from now on: of config identity,
 * credential_type, secret (empty: a new signature key), more_extensions, more_proposals and
 * leaf_extensions; the rest is not looked at. What it had is wiped. Its members stay as they are in
 * their groups, with the signature key that they have there, until a commit is accepted that has
 * renews_leaf or covers their sg_mls_member_propose_renewal. Key packages made before can no longer
 * be joined by when the signature key is another one. Between a ReInit and its successor the
 * credential has to stay: the new group has all members of the old, by equal credentials.
 *
 * Before a group is told, store sg_mls_client_secret and sg_mls_client_storage_secret: members are
 * loaded with either of the signature keys, but only under that storage secret, which a leaked key
 * opens when it was not given but followed from that: then make a new client. Errors as for
 * sg_mls_client_new; SG_ERR_INVALID_ARGUMENT: also a suite that is neither 0 nor the client's. */
SG_API SG_MUST_USE sg_err sg_mls_client_renew(struct sg_mls_client *client,
                                              const struct sg_mls_client_config *config);

/* A key package to give away (an MLSMessage), and its secret half, which sg_mls_member_join takes.
 * Good for lifetime_s seconds (at most 93 days; others refuse more). is_last_resort: may be used
 * more than once, keep the secret after a join; others' secrets are to be freed then. */
struct sg_mls_package_request {
    uint64_t lifetime_s; /* 0: 30 days */
    bool is_last_resort;
};
SG_API SG_MUST_USE sg_err sg_mls_client_package(struct sg_mls_client *client,
                                                const struct sg_mls_package_request *request,
                                                struct sg_mls_blob *package,
                                                struct sg_mls_blob *secret);

/* ---- becoming a member ---- */

/* A new group with the client as its only member. SG_ERR_EXISTS: storage has one of this id. */
SG_API SG_MUST_USE sg_err sg_mls_member_create(struct sg_mls_client *client,
                                               struct sg_bytes group_id,
                                               struct sg_mls_member **out);
struct sg_mls_create_request {
    struct sg_bytes group_id;
    const struct sg_mls_extension_item *extensions; /* [extension_count] of the group, from the
                                                     * start */
    size_t extension_count;
};
/* The same, with extensions such as required_capabilities (3), which whoever is added must support.
 * SG_ERR_MLS_CAPABILITY: the client does not; SG_ERR_INVALID_ARGUMENT: a type comes twice; what
 * check_credential says of external senders; errors of decoding: what is in them. */
SG_API SG_MUST_USE sg_err sg_mls_member_create_with(struct sg_mls_client *client,
                                                    const struct sg_mls_create_request *request,
                                                    struct sg_mls_member **out);
struct sg_mls_join_request {
    struct sg_bytes welcome;         /* MLSMessage */
    struct sg_bytes secret;          /* secret half of the key package */
    struct sg_bytes tree;            /* of sg_mls_member_tree, when the welcome has none */
    const struct sg_mls_member *old; /* of the group that this one succeeds, or NULL */
};
/* By a welcome. SG_ERR_MLS_WELCOME: not for this key package, or a tree is needed, or the package
 * is of an earlier signature key; SG_ERR_MLS_TREE, SG_ERR_MLS_LEAF, SG_ERR_MLS_CAPABILITY,
 * SG_ERR_MLS_TAG, SG_ERR_BAD_SIGNATURE, SG_ERR_AUTH: not a valid one; SG_ERR_MLS_PSK;
 * SG_ERR_EXISTS: a group of this id is in storage; what check_credential says; SG_ERR_OVERSIZED:
 * beyond limits of the configuration; errors of decoding (SG_ERR_TRUNCATED, SG_ERR_TRAILING,
 * SG_ERR_MALFORMED, SG_ERR_NOT_CANONICAL, SG_ERR_VERSION). O(members). */
SG_API SG_MUST_USE sg_err sg_mls_member_join(struct sg_mls_client *client,
                                             const struct sg_mls_join_request *request,
                                             struct sg_mls_member **out);
struct sg_mls_external_request {
    struct sg_bytes group_info; /* of sg_mls_member_info with for_external */
    struct sg_bytes tree;       /* when the group info has none */
    /* Resync: takes one's earlier leaf out in the same step, the one with the client's signature
     * key or else the only one with its credential. What storage has of the group is replaced; no
     * member may be using that, and old is not used any more. */
    bool removes_prior;
    /* [psk_count] ids of external pre-shared keys that the commit uses (RFC 9420 s12.4.3.2), found
     * by find_psk, here and at all members; who cannot find one cannot follow. At most 256. */
    const struct sg_bytes *psks;
    size_t psk_count;
    /* [resume_count] epochs of the group whose resumption secrets the commit uses, too: that proves
     * that one was a member then, to members who were, and nobody else can follow. old: one's
     * earlier member, which has them; borrowed for the call. */
    const uint64_t *resume;
    size_t resume_count;
    const struct sg_mls_member *old;
};
/* By a commit of one's own, which goes to all members. The member is pending until
 * sg_mls_member_accept. Errors as for joins, and SG_ERR_NOT_FOUND: no earlier leaf;
 * SG_ERR_MLS_CREDENTIAL: it has another credential, and there is no check_credential to say that it
 * is the same client's; SG_ERR_MLS_GROUP: old is of another group; SG_ERR_LIMIT: too many psks. */
SG_API SG_MUST_USE sg_err sg_mls_member_join_external(struct sg_mls_client *client,
                                                      const struct sg_mls_external_request *request,
                                                      struct sg_mls_member **out,
                                                      struct sg_mls_blob *commit);
/* From storage; what the config keeps no longer is deleted there. SG_ERR_NOT_FOUND; SG_ERR_CORRUPT;
 * SG_ERR_INVALID_STATE: no storage. */
SG_API SG_MUST_USE sg_err sg_mls_member_load(struct sg_mls_client *client, struct sg_bytes group_id,
                                             struct sg_mls_member **out);
/* Forgets it in memory; storage keeps it. NULL is allowed. */
SG_API void sg_mls_member_free(struct sg_mls_member *member);

/* ---- proposals ---- */

/* Each gives a message for all members; the next commit of whoever covers it.
 * SG_ERR_MLS_PROPOSAL, SG_ERR_MLS_LEAF, SG_ERR_MLS_CAPABILITY and others: it could not be
 * committed; SG_ERR_MLS_REMOVED; SG_ERR_INVALID_STATE: the group is closed, or not joined yet. */

/* package: MLSMessage of another client. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_add(struct sg_mls_member *member,
                                                    struct sg_bytes package,
                                                    struct sg_mls_blob *message);
SG_API SG_MUST_USE sg_err sg_mls_member_propose_remove(struct sg_mls_member *member, uint32_t leaf,
                                                       struct sg_mls_blob *message);
/* Fresh keys for one's own leaf. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_update(struct sg_mls_member *member,
                                                       struct sg_mls_blob *message);
/* The same, and the leaf becomes what the client says of itself now: signature key, credential,
 * capabilities, extensions (sg_mls_client_renew). The member has its earlier signature key as long
 * as no commit covers this, and the other one waits with the proposal. SG_ERR_MLS_CAPABILITY: it
 * lacks what the group uses, or others do not know its credential type; SG_ERR_MLS_PROPOSAL: the
 * signature key is another member's; what check_credential says. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_renewal(struct sg_mls_member *member,
                                                        struct sg_mls_blob *message);
/* Somebody else's commit takes one out (draft-ietf-mls-extensions SelfRemove). */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_leave(struct sg_mls_member *member,
                                                      struct sg_mls_blob *message);
/* An external pre-shared key that all members can find. SG_ERR_MLS_PSK: find_psk cannot. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_psk(struct sg_mls_member *member,
                                                    struct sg_bytes psk_id,
                                                    struct sg_mls_blob *message);

/* The resumption secret of an epoch of this group: only who was a member then can follow the commit
 * that covers it (RFC 9420 s8.6). Those of the last 64 epochs are kept. SG_ERR_MLS_PSK: not that
 * one. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_resumption(struct sg_mls_member *member,
                                                           uint64_t epoch,
                                                           struct sg_mls_blob *message);

/* Changes what the group keeps for a component of the program (draft-ietf-mls-extensions
 * AppDataUpdate): all members have it, newcomers get it. update.data NULL: the component's data
 * goes. SG_ERR_MLS_PROPOSAL: there is none to go; what update_app_data says;
 * SG_ERR_MLS_CAPABILITY. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_app_data(struct sg_mls_member *member,
                                                         uint16_t component, struct sg_bytes update,
                                                         struct sg_mls_blob *message);

/* The group's extensions become these count ones, such as required_capabilities (3) and
 * external_senders (5). SG_ERR_MLS_CAPABILITY: not all members support them; errors of decoding:
 * what is in them. */
SG_API SG_MUST_USE sg_err sg_mls_member_propose_extensions(
    struct sg_mls_member *member, const struct sg_mls_extension_item *items, size_t count,
    struct sg_mls_blob *message);
/* Closes the group for a successor with all its members (RFC 9420 s11.2). Goes into a commit alone.
 * Choose another group id where storage is one file. */
struct sg_mls_reinit_request {
    struct sg_bytes group_id;
    uint16_t suite;                                 /* 0: that of the group */
    const struct sg_mls_extension_item *extensions; /* [extension_count] */
    size_t extension_count;
};
SG_API SG_MUST_USE sg_err sg_mls_member_propose_reinit(struct sg_mls_member *member,
                                                       const struct sg_mls_reinit_request *request,
                                                       struct sg_mls_blob *message);

/* ---- successors (RFC 9420 s11.2, s11.3) ---- */

struct sg_mls_successor_request {
    const struct sg_mls_member *old; /* closed by a ReInit, or, for a branch, any */
    bool is_branch;                  /* with some of the members; else with all */
    struct sg_bytes group_id;        /* branch; a ReInit has said it, and the extensions */
    const struct sg_mls_extension_item *extensions; /* [extension_count] branch */
    size_t extension_count;
    const struct sg_bytes *add; /* [add_count] key packages of the others, in the new suite */
    size_t add_count;
    bool tree_in_welcome;
};
/* The new group, in which the client is a member already, and the welcome for the others, who join
 * with old. SG_ERR_INVALID_STATE: old is not closed; SG_ERR_INVALID_ARGUMENT: the client is of
 * another suite than it must be; SG_ERR_MLS_GROUP: other members than there may be; errors of
 * commits. */
SG_API SG_MUST_USE sg_err sg_mls_member_succeed(struct sg_mls_client *client,
                                                const struct sg_mls_successor_request *request,
                                                struct sg_mls_member **out,
                                                struct sg_mls_blob *welcome);

/* ---- proposals from outside (RFC 9420 s12.1.8) ---- */

struct sg_mls_outside_request {
    struct sg_bytes group_id;
    uint64_t epoch;
    uint32_t sender_index; /* in external_senders; UINT32_MAX: a newcomer, who adds itself */
};
/* Proposals by a client that is no member, for all members, as those of members above. These check
 * whether the group lets this sender propose, and the proposal. SG_ERR_MLS_SENDER: a newcomer
 * proposes something else than to be added; SG_ERR_UNSUPPORTED: no key package;
 * SG_ERR_INVALID_ARGUMENT: an extension type comes twice; errors of decoding. */
SG_API SG_MUST_USE sg_err sg_mls_client_propose_add(const struct sg_mls_client *client,
                                                    const struct sg_mls_outside_request *request,
                                                    struct sg_bytes package,
                                                    struct sg_mls_blob *message);
SG_API SG_MUST_USE sg_err sg_mls_client_propose_remove(const struct sg_mls_client *client,
                                                       const struct sg_mls_outside_request *request,
                                                       uint32_t leaf, struct sg_mls_blob *message);
SG_API SG_MUST_USE sg_err sg_mls_client_propose_psk(const struct sg_mls_client *client,
                                                    const struct sg_mls_outside_request *request,
                                                    struct sg_bytes psk_id,
                                                    struct sg_mls_blob *message);
SG_API SG_MUST_USE sg_err sg_mls_client_propose_resumption(
    const struct sg_mls_client *client, const struct sg_mls_outside_request *request,
    uint64_t epoch, struct sg_mls_blob *message);
SG_API SG_MUST_USE sg_err sg_mls_client_propose_extensions(
    const struct sg_mls_client *client, const struct sg_mls_outside_request *request,
    const struct sg_mls_extension_item *items, size_t count, struct sg_mls_blob *message);
/* reinit->suite 0: the client's. */
SG_API SG_MUST_USE sg_err sg_mls_client_propose_reinit(const struct sg_mls_client *client,
                                                       const struct sg_mls_outside_request *request,
                                                       const struct sg_mls_reinit_request *reinit,
                                                       struct sg_mls_blob *message);
/* What the group keeps for a component (sg_mls_member_propose_app_data). */
struct sg_mls_app_data_item {
    uint16_t component;
    struct sg_bytes update; /* data NULL: the component's data goes */
};
SG_API SG_MUST_USE sg_err sg_mls_client_propose_app_data(
    const struct sg_mls_client *client, const struct sg_mls_outside_request *request,
    const struct sg_mls_app_data_item *item, struct sg_mls_blob *message);

/* ---- commits ---- */

struct sg_mls_commit_request {
    const struct sg_bytes *add; /* [add_count] key packages to add at once */
    size_t add_count;
    const uint32_t *remove; /* [remove_count] leaves to take out at once */
    size_t remove_count;
    bool tree_in_welcome; /* small groups: newcomers need nothing else */
    bool without_waiting; /* covers no proposals that wait */
    bool without_path;    /* only Adds, PSKs, app data, ReInit: cheaper; one's keys stay */
    bool with_group_info; /* of the new epoch, for external joins; tree_in_welcome: with its tree */
    /* The leaf becomes what the client says of itself now; see sg_mls_member_propose_renewal. The
     * earlier signature key is kept while the commit is pending, and for sg_mls_member_rollback.
     * What waits and does not go with the new leaf (its signature key, capabilities, credential
     * type) is left out. */
    bool renews_leaf;
    /* What can be proposed, at once, as by sg_mls_member_propose_*; up to 65 535 of each, but 256
     * PSKs, 1 024 app data, with those that wait. Updates and leaves are for others to commit.
     * [psk_count] ids of external pre-shared keys; [resume_count] epochs of this group. */
    const struct sg_bytes *psks;
    size_t psk_count;
    const uint64_t *resume;
    size_t resume_count;
    bool sets_extensions; /* the group's extensions become these [extension_count], or none */
    const struct sg_mls_extension_item *extensions;
    size_t extension_count;
    const struct sg_mls_app_data_item *app_data; /* [app_data_count] in their order */
    size_t app_data_count;
    const struct sg_mls_reinit_request
        *reinit; /* or NULL; then nothing else, and nothing waiting */
};
struct sg_mls_commit_output {
    struct sg_mls_blob commit;  /* for all members */
    struct sg_mls_blob welcome; /* for the newcomers, once the commit is accepted; may be empty */
    struct sg_mls_blob group_info; /* for those who may join from outside, once the commit is
                                    * accepted; empty without with_group_info */
};
SG_API void sg_mls_commit_output_free(struct sg_mls_commit_output *output);
/* Covers what the request says and all proposals that wait and fit. request NULL: only those, and
 * fresh keys. SG_ERR_INVALID_STATE: a commit is pending; SG_ERR_LIMIT, SG_ERR_TOO_LARGE: beyond the
 * limits of the configuration; errors of proposals. O(members) when the
 * tree is blank, O(log members) when it is full. */
SG_API SG_MUST_USE sg_err sg_mls_member_commit(struct sg_mls_member *member,
                                               const struct sg_mls_commit_request *request,
                                               struct sg_mls_commit_output *out);
/* The pending commit is the one that counts. SG_ERR_INVALID_STATE: there is none. */
SG_API SG_MUST_USE sg_err sg_mls_member_accept(struct sg_mls_member *member);
/* It is not: forget it. Fine when there is none. */
SG_API SG_MUST_USE sg_err sg_mls_member_discard(struct sg_mls_member *member);
/* Takes the last commit back, and forgets what waited. The commit can be received again if it came
 * in the clear; else it is SG_ERR_DUPLICATE, and SG_ERR_MLS_PROPOSAL with an Update of one's own,
 * whose keys are gone: a resync gets past it. SG_ERR_NOT_FOUND: undo_epochs is too small. */
SG_API SG_MUST_USE sg_err sg_mls_member_rollback(struct sg_mls_member *member);

/* ---- messages ---- */

/* Encrypts data to all members; authenticated_data travels in the clear but cannot be changed.
 * SG_ERR_INVALID_STATE: proposals wait for a commit first; SG_ERR_TOO_LARGE: more than
 * message_max. */
SG_API SG_MUST_USE sg_err sg_mls_member_protect(struct sg_mls_member *member, struct sg_bytes data,
                                                struct sg_bytes authenticated_data,
                                                struct sg_mls_blob *message);

enum sg_mls_got {
    SG_MLS_GOT_DATA,     /* data from sender */
    SG_MLS_GOT_PROPOSAL, /* it waits for a commit */
    SG_MLS_GOT_COMMIT,   /* a new epoch: see added, removed, updated */
    SG_MLS_GOT_REMOVED,  /* one is no longer a member: free it */
    SG_MLS_GOT_OWN,      /* one's own message came back; nothing happened */
};
struct sg_mls_received {
    enum sg_mls_got got;
    uint64_t epoch;  /* that the message was sent in */
    uint32_t sender; /* leaf; UINT32_MAX: somebody outside the group */
    struct sg_bytes data;
    struct sg_bytes authenticated_data;
    const uint32_t *added; /* [added_count] leaves of the new epoch */
    size_t added_count;
    const uint32_t *removed; /* [removed_count] leaves of the old epoch */
    size_t removed_count;
    /* A proposal: its type (RFC 9420 s17.4: 1 add, 2 update, 3 remove, ...), the leaf that it is
     * about (UINT32_MAX: none), whom it adds, and its name for sg_mls_member_drop. */
    uint16_t proposal_type;
    uint32_t proposal_leaf;
    struct sg_bytes proposal_credential;
    struct sg_bytes proposal;
    bool is_closed; /* the commit closed the group for a successor (ReInit) */
    /* [updated_count] leaves that the commit changed by Updates: fresh keys, maybe another
     * credential. The committer's, which a path changes so, is not among them; see sender. */
    const uint32_t *updated;
    size_t updated_count;
    void *owner; /* the library's */
};
/* One message for this group. Spans of out live until sg_mls_received_free, which is due when the
 * call succeeds, and as long as message. SG_ERR_MLS_GROUP, SG_ERR_MLS_EPOCH: of another group or
 * epoch; SG_ERR_DUPLICATE: seen already; SG_ERR_MLS_TOO_FAR; SG_ERR_AUTH, SG_ERR_BAD_SIGNATURE,
 * SG_ERR_MLS_TAG: forged or damaged; SG_ERR_MLS_SENDER, SG_ERR_MLS_PROPOSAL, SG_ERR_MLS_COMMIT,
 * SG_ERR_MLS_LEAF, SG_ERR_MLS_CAPABILITY, SG_ERR_MLS_PSK: against the rules; SG_ERR_OVERSIZED:
 * beyond the limits of the configuration; SG_ERR_UNSUPPORTED: a welcome, key package or group
 * info; errors of decoding; SG_ERR_MLS_REMOVED. */
SG_API SG_MUST_USE sg_err sg_mls_member_receive(struct sg_mls_member *member,
                                                struct sg_bytes message,
                                                struct sg_mls_received *out);
/* Forgets a proposal that waits: one's own commits do not cover it. Who has forgotten it cannot
 * follow a commit of others that does. SG_ERR_NOT_FOUND. */
SG_API SG_MUST_USE sg_err sg_mls_member_drop(struct sg_mls_member *member,
                                             struct sg_bytes proposal);
SG_API void sg_mls_received_free(struct sg_mls_received *received);

/* ---- looking ---- */

struct sg_mls_state_info {
    uint16_t suite;
    uint64_t epoch;
    uint32_t own_leaf;
    uint32_t members;
    uint32_t leaves;        /* of the tree, blank ones too */
    uint32_t blank_parents; /* inner nodes without a key: each makes commits larger */
    uint32_t waiting;       /* proposals */
    bool has_pending;       /* commit of one's own */
    bool is_closed;
    struct sg_bytes group_id; /* borrowed until the next change */
};
SG_API void sg_mls_member_state(const struct sg_mls_member *member, struct sg_mls_state_info *out);
struct sg_mls_leaf_info {
    uint16_t credential_type;
    struct sg_bytes credential; /* borrowed until the next change, as the next */
    struct sg_bytes signature_key;
};
/* Who is at a leaf. SG_ERR_NOT_FOUND: nobody. */
SG_API SG_MUST_USE sg_err sg_mls_member_leaf(const struct sg_mls_member *member, uint32_t leaf,
                                             struct sg_mls_leaf_info *out);
/* The data of an extension of the group, or of a member's leaf. Borrowed until the next change.
 * SG_ERR_NOT_FOUND: none of this type, or nobody at the leaf. */
SG_API SG_MUST_USE sg_err sg_mls_member_extension(const struct sg_mls_member *member, uint16_t type,
                                                  struct sg_bytes *out);
SG_API SG_MUST_USE sg_err sg_mls_member_leaf_extension(const struct sg_mls_member *member,
                                                       uint32_t leaf, uint16_t type,
                                                       struct sg_bytes *out);
/* What the group keeps for a component. Borrowed until the next change. SG_ERR_NOT_FOUND. */
SG_API SG_MUST_USE sg_err sg_mls_member_app_data(const struct sg_mls_member *member,
                                                 uint16_t component, struct sg_bytes *out);
/* A secret of len bytes that all members of the epoch can derive, and nobody else. */
SG_API SG_MUST_USE sg_err sg_mls_member_export(const struct sg_mls_member *member,
                                               struct sg_bytes label, struct sg_bytes context,
                                               uint8_t *out, size_t len);
/* The same for one component of the program, forward secure (draft-ietf-mls-extensions SafeExport):
 * given once in an epoch, out [room for 64], *len, and deleted here. SG_ERR_DUPLICATE: it was given
 * before. */
SG_API SG_MUST_USE sg_err sg_mls_member_safe_export(struct sg_mls_member *member,
                                                    uint16_t component, uint8_t *out, size_t *len);
/* The same bytes for two members exactly when they are in the same state of the group: out [room
 * for 64], *len. Not secret among members; compare it over another channel. */
SG_API SG_MUST_USE sg_err sg_mls_member_authenticator(const struct sg_mls_member *member,
                                                      uint8_t *out, size_t *len);
/* A signed GroupInfo. for_external: with the key for external joins, for those who may join. */
SG_API SG_MUST_USE sg_err sg_mls_member_info(const struct sg_mls_member *member, bool with_tree,
                                             bool for_external, struct sg_mls_blob *out);
/* The ratchet tree, for newcomers whose welcome has none. Checked there against the welcome. */
SG_API SG_MUST_USE sg_err sg_mls_member_tree(const struct sg_mls_member *member,
                                             struct sg_mls_blob *out);
/* The same tree in chunks, for networks that fetch content by its hash: the manifest has the hashes
 * (by the suite's hash) of all chunks in their order. Of two epochs only the chunks differ in which
 * something has changed. SG_ERR_NOT_FOUND: no chunk of this number. */
SG_API SG_MUST_USE sg_err sg_mls_member_tree_manifest(const struct sg_mls_member *member,
                                                      struct sg_mls_blob *out);
SG_API SG_MUST_USE sg_err sg_mls_member_tree_chunk(const struct sg_mls_member *member,
                                                   uint32_t index, struct sg_mls_blob *out);
/* A tree that is collected from chunks, in any order. The manifest need not be trusted, since the
 * tree is checked at the join. SG_ERR_UNSUPPORTED, SG_ERR_MALFORMED, SG_ERR_LIMIT: the manifest;
 * errors of decoding. */
struct sg_mls_tree_parts;
SG_API SG_MUST_USE sg_err sg_mls_tree_parts_new(struct sg_bytes manifest,
                                                struct sg_mls_tree_parts **out);
SG_API void sg_mls_tree_parts_free(struct sg_mls_tree_parts *parts);
/* The next one that is missing, from a number on, and its hash, borrowed. SG_ERR_NOT_FOUND. */
SG_API SG_MUST_USE sg_err sg_mls_tree_parts_missing(const struct sg_mls_tree_parts *parts,
                                                    uint32_t from, uint32_t *index,
                                                    struct sg_bytes *hash);
/* A chunk that came. SG_ERR_NOT_FOUND: it is none of this tree; SG_ERR_DUPLICATE: it is there
 * already; SG_ERR_MALFORMED: the manifest wants it in several places, but it is not blank;
 * SG_ERR_OVERSIZED. */
SG_API SG_MUST_USE sg_err sg_mls_tree_parts_put(struct sg_mls_tree_parts *parts,
                                                struct sg_bytes chunk);
/* The whole, for sg_mls_join_request. SG_ERR_INVALID_STATE: chunks are missing. */
SG_API SG_MUST_USE sg_err sg_mls_tree_parts_tree(const struct sg_mls_tree_parts *parts,
                                                 struct sg_mls_blob *out);
/* Any MLSMessage in words, for tools: lines of "name: value". Errors of decoding. */
SG_API SG_MUST_USE sg_err sg_mls_describe(struct sg_bytes message, struct sg_mls_blob *out);

#ifdef __cplusplus
}
#endif
#endif
