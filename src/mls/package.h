/* Key packages and leaves of our own: RFC 9420 s7.2, s10, s13.5. */
#ifndef SG_MLS_PACKAGE_H
#define SG_MLS_PACKAGE_H

#include "mls/config.h"
#include "mls/create.h"

/* What marks a key package as a last resort: a component in its dictionary
 * (draft-ietf-mls-extensions-08 s6.4), or an extension of its own, as in deployed stacks. We write
 * both. */
#define SG_MLS_COMPONENT_LAST_RESORT 4
#define SG_MLS_EXT_LAST_RESORT 10

/* Who we are in one suite. */
struct sg_mls_identity {
    const struct sg_mls_suite *suite;
    struct sg_mls_credential credential;
    struct sg_bytes signature_public;
    struct sg_bytes signature_private;
    struct sg_bytes extensions;      /* of our leaves: the body of a list */
    const uint16_t *more_extensions; /* [extension_count] types that we support beyond ours */
    size_t extension_count;
    const uint16_t *more_proposals; /* [proposal_count] */
    size_t proposal_count;
};

struct sg_mls_package_options {
    uint64_t now;      /* Unix seconds */
    uint64_t lifetime; /* seconds from an hour before now */
    bool is_last_resort;
    bool has_no_grease;
};

/* Both halves, in the arena. */
struct sg_mls_package {
    struct sg_bytes package; /* encoded KeyPackage, not MLSMessage */
    struct sg_bytes ref;     /* [hash_len] */
    struct sg_bytes init_private;
    struct sg_bytes encryption_private;
};

/* signature_key, credential, capabilities and extensions of a leaf of ours; GREASE among the
 * capabilities (RFC 9420 s13.5) unless has_no_grease. */
SG_MUST_USE sg_err sg_mls_identity_leaf(const struct sg_mls_config *config,
                                        const struct sg_mls_identity *identity, bool has_no_grease,
                                        struct sg_mls_arena *arena, struct sg_mls_leaf *out);
/* Errors of the suite and of memory. */
SG_MUST_USE sg_err sg_mls_package_make(const struct sg_mls_config *config,
                                       const struct sg_mls_identity *identity,
                                       const struct sg_mls_package_options *options,
                                       struct sg_mls_arena *arena, struct sg_mls_package *out);
/* Has a key package the mark of a last resort? Then it is kept after a join. */
bool sg_mls_package_is_last_resort(const struct sg_mls_key_package *package);

#endif
