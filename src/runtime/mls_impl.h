/* The public MLS API on mls/: crypto, clock, randomness and storage put in. */
#ifndef SG_RUNTIME_MLS_IMPL_H
#define SG_RUNTIME_MLS_IMPL_H

#include <saorsa/mls.h>

#include "mls/join.h"
#include "mls/package.h"
#include "mls/state.h"

/* Types, or extensions of its leaves, that a client may add to ours. */
#define SG_MLS_MORE_TYPES_MAX 256

struct sg_mls_client {
    struct sg_mls_client_config config; /* without what it only lends */
    struct sg_mls_config mls;
    const struct sg_mls_suite *suite;
    struct sg_mls_store store;
    struct sg_mls_identity identity; /* of the next four and the keys */
    struct sg_mls_blob credential;
    struct sg_mls_blob leaf_extensions;
    uint16_t *more_extensions;
    uint16_t *more_proposals;
    uint8_t signature_private[SG_MLS_SIG_PRIVATE_MAX];
    uint8_t signature_public[SG_MLS_SIG_PUBLIC_MAX];
    uint8_t storage_key[SG_MLS_HASH_MAX]; /* what goes into storage is sealed with it */
};

struct sg_mls_member {
    struct sg_mls_client *client;
    struct sg_mls_group *group;
    bool is_broken; /* storage failed, and loading what it has failed too */
};

/* Fills store and storage_key, which is secret, or follows from the signature key when there is
 * none. The identity is there. SG_ERR_MALFORMED: the secret. */
sg_err sg_mls_storage_init(struct sg_mls_client *client, struct sg_bytes secret);
/* SG_ERR_EXISTS: storage, if any, has a group of this id; errors of reading, of which nothing
 * follows. */
sg_err sg_mls_storage_check_new(struct sg_mls_client *client, struct sg_bytes group_id);
/* Is an entry of this kind (enum sg_mls_record_kind) sealed? All but the nodes of the ratchet tree,
 * which all members, and who joins, may see, and which the tree hash of the epoch authenticates. */
static inline bool sg_mls_storage_is_secret(uint32_t kind)
{
    return kind != SG_MLS_RECORD_NODE;
}
/* client->identity, of copies, and the signature key; mls and suite are there. Errors as for
 * sg_mls_client_new; what is there by then goes with _fini, which wipes the key. */
sg_err sg_mls_client_identity_init(struct sg_mls_client *client,
                                   const struct sg_mls_client_config *config);
void sg_mls_client_identity_fini(struct sg_mls_client *client);
/* A leaf as the client is now, in the arena; the key is borrowed. */
sg_err sg_mls_client_leaf(const struct sg_mls_client *client, struct sg_mls_arena *arena,
                          struct sg_mls_new_leaf *out);
/* The body of a list of extensions. SG_ERR_INVALID_ARGUMENT: a type comes twice. */
sg_err sg_mls_encode_items(struct sg_mls_arena *arena, const struct sg_mls_extension_item *items,
                           size_t count, struct sg_bytes *out);
uint64_t sg_mls_client_now(const struct sg_mls_client *client);
/* A copy for the caller. */
sg_err sg_mls_blob_copy(struct sg_bytes bytes, struct sg_mls_blob *out);
/* An arena whose content is wiped. */
void sg_mls_client_arena(const struct sg_mls_client *client, struct sg_mls_arena *arena);
/* The KeyPackage in an MLSMessage; spans point into message. */
sg_err sg_mls_decode_package(struct sg_bytes message, struct sg_mls_arena *arena,
                             struct sg_mls_key_package *out);
/* A member of group, saved for the first time; group is freed when that fails. replaces: what
 * storage has of this group goes in the same write; else that is SG_ERR_EXISTS. */
sg_err sg_mls_member_new(struct sg_mls_client *client, struct sg_mls_group *group, bool replaces,
                         struct sg_mls_member **out);
/* Can the member be used? */
sg_err sg_mls_member_check(const struct sg_mls_member *member);
/* Saves what err == SG_OK has changed; when that fails the member is what storage has. */
sg_err sg_mls_member_save(struct sg_mls_member *member, sg_err err);
/* ---- proposals, in the arena (mls_proposal.c) ---- */

/* Errors of sg_mls_decode_package. */
sg_err sg_mls_make_add(struct sg_mls_arena *arena, struct sg_bytes package,
                       struct sg_mls_proposal *out);
/* An external pre-shared key, with a fresh nonce. suite, here and below: the group's, which need
 * not be the client's of today. */
sg_err sg_mls_make_psk(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                       struct sg_bytes id, struct sg_mls_psk_id *out);
/* The secret of an epoch of a group, with a fresh nonce. */
struct sg_mls_resumed {
    struct sg_bytes group_id;
    uint64_t epoch;
};
sg_err sg_mls_make_resumption(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                              const struct sg_mls_resumed *of, struct sg_mls_psk_id *out);
/* Without a suite into this one. Errors of sg_mls_encode_items. */
sg_err sg_mls_make_reinit(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                          const struct sg_mls_reinit_request *request, struct sg_mls_proposal *out);
void sg_mls_make_app_data(uint16_t component, struct sg_bytes update, struct sg_mls_proposal *out);
/* What a commit has by value: out->values, out->count. SG_ERR_LIMIT: too many;
 * SG_ERR_INVALID_ARGUMENT: extensions that are not to be set; errors of the above. */
sg_err sg_mls_make_values(const struct sg_mls_member *member,
                          const struct sg_mls_commit_request *request, struct sg_mls_arena *arena,
                          struct sg_mls_commit_options *out);
/* A proposal of the member's, saved; message is for all. */
sg_err sg_mls_member_propose(struct sg_mls_member *member, struct sg_mls_arena *arena,
                             const struct sg_mls_proposal *proposal, struct sg_mls_blob *message);
struct sg_mls_send sg_mls_member_send(const struct sg_mls_member *member);

#endif
