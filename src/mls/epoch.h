/* What a member knows of one epoch besides the tree, and the step to the next (RFC 9420 s8). */
#ifndef SG_MLS_EPOCH_H
#define SG_MLS_EPOCH_H

#include "mls/framing.h"
#include "mls/treekem.h"

struct sg_mls_epoch {
    const struct sg_mem *mem;
    const struct sg_mls_suite *suite;
    struct sg_mls_group_context context; /* spans into its raw, which is owned */
    uint8_t interim[SG_MLS_HASH_MAX];    /* interim_transcript_hash */
    uint8_t tag[SG_MLS_HASH_MAX];        /* confirmation_tag */
    struct sg_mls_epoch_secrets secrets; /* without encryption, which is in the tree */
    struct sg_mls_secret_tree ratchets;
    struct sg_mls_secret_tree exports; /* of the safe exporter: one leaf for each component */
    struct sg_mls_private own;
    uint8_t signature_private[SG_MLS_SIG_PRIVATE_MAX];
    bool is_stored;            /* besides the ratchets, the store has it as it is */
    struct sg_mls_epoch *next; /* in a list of those whose records are due to go */
};

/* A zeroed epoch with a copy of context. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_epoch_new(const struct sg_mem *mem, const struct sg_mls_suite *suite,
                                    const struct sg_mls_group_context *context,
                                    struct sg_mls_epoch **out);
/* Wipes and frees; NULL is allowed. */
void sg_mls_epoch_free(struct sg_mls_epoch *epoch);
/* Leaves of the exporter tree: components have 16 bits. */
#define SG_MLS_COMPONENTS (UINT32_C(1) << 16)

/* Sets tag and interim from secrets and context, and makes the secret tree, for a tree of leaves,
 * and the exporter tree; secrets.encryption and secrets.application_export are wiped. */
SG_MUST_USE sg_err sg_mls_epoch_start(struct sg_mls_epoch *epoch, uint32_t leaves,
                                      struct sg_mls_window window);
struct sg_mls_framing sg_mls_epoch_framing(struct sg_mls_epoch *epoch);

struct sg_mls_advance {
    const struct sg_mls_epoch *from;
    struct sg_mls_tree *tree; /* of the new epoch */
    struct sg_bytes extensions;
    const struct sg_mls_secret *init; /* NULL: the epoch's own */
    const struct sg_mls_secret *commit;
    const struct sg_mls_secret *psk;
    const struct sg_mls_authentic *message; /* the commit, signed */
    struct sg_mls_window window;
};

/* RFC9420 s12.4.1: provisional GroupContext, encoded, in the arena. */
SG_MUST_USE sg_err sg_mls_provisional_context(const struct sg_mls_epoch *from,
                                              struct sg_mls_tree *tree, struct sg_bytes extensions,
                                              struct sg_mls_arena *arena, struct sg_bytes *out);
/* The epoch after a commit: all but own and signature_private. joiner gets joiner_secret. */
SG_MUST_USE sg_err sg_mls_epoch_advance(const struct sg_mls_advance *in,
                                        struct sg_mls_secret *joiner, struct sg_mls_epoch **out);

#endif
