/* From content to message and back: RFC 9420 s6. Content is signed first, then protected. */
#ifndef SG_MLS_FRAMING_H
#define SG_MLS_FRAMING_H

#include "mls/message.h"
#include "mls/schedule.h"
#include "mls/secret_tree.h"
#include "mls/signed.h"

/* What one epoch protects with. All borrowed. */
struct sg_mls_framing {
    const struct sg_mls_suite *suite;
    const struct sg_mem *mem;
    struct sg_bytes context; /* encoded GroupContext */
    const struct sg_mls_secret *membership_key;
    const struct sg_mls_secret *sender_data;
    struct sg_mls_secret_tree *tree;
};

/* Sets content.body and content.raw, and signs. context is what a member or a joiner by commit
 * adds; other senders have it left out. SG_ERR_NO_MEMORY, errors of suite->sign. */
SG_MUST_USE sg_err sg_mls_content_sign(const struct sg_mls_signer *signer,
                                       struct sg_mls_arena *arena, struct sg_bytes context,
                                       struct sg_mls_authentic *message);
/* SG_ERR_BAD_SIGNATURE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_content_verify(const struct sg_mls_framing *framing,
                                         struct sg_bytes public_key,
                                         const struct sg_mls_authentic *message);

/* MLSMessage(PublicMessage) in the arena. SG_ERR_INVALID_ARGUMENT: application data. */
SG_MUST_USE sg_err sg_mls_protect_public(const struct sg_mls_framing *framing,
                                         struct sg_mls_arena *arena,
                                         const struct sg_mls_authentic *message,
                                         struct sg_bytes *out);
/* SG_ERR_MLS_TAG: a wrong membership tag; SG_ERR_MLS_SENDER: content that this sender type must not
 * send, or application data. The signature is not looked at. */
SG_MUST_USE sg_err sg_mls_unprotect_public(const struct sg_mls_framing *framing,
                                           const struct sg_mls_public_message *in,
                                           struct sg_mls_authentic *out);

/* What a member encrypts with. */
struct sg_mls_private_out {
    const struct sg_mls_random *random;
    size_t padding;             /* zero bytes */
    struct sg_mls_key_use *use; /* set: the key that the message takes */
};
/* MLSMessage(PrivateMessage) in the arena, by the next key of the sender's ratchet, which is in use
 * and to be taken before the message leaves. */
SG_MUST_USE sg_err sg_mls_protect_private(const struct sg_mls_framing *framing,
                                          const struct sg_mls_private_out *how,
                                          struct sg_mls_arena *arena,
                                          const struct sg_mls_authentic *message,
                                          struct sg_bytes *out);

struct sg_mls_sender_data {
    uint32_t leaf;
    uint32_t generation;
    uint8_t reuse_guard[4];
};
/* Who sent it. SG_ERR_AUTH; SG_ERR_MLS_SENDER: no leaf of this tree. */
SG_MUST_USE sg_err sg_mls_open_sender(const struct sg_mls_framing *framing,
                                      const struct sg_mls_private_message *in,
                                      struct sg_mls_sender_data *out);
struct sg_mls_private_in {
    const struct sg_mls_private_message *message;
    struct sg_mls_sender_data sender;
    struct sg_mls_key_use *use; /* set: the key that the message takes */
};
/* The content. SG_ERR_AUTH; SG_ERR_DUPLICATE, SG_ERR_MLS_TOO_FAR: no key; SG_ERR_MALFORMED: padding
 * that is not zero; errors of reading. The key is in use, to be taken when all else is right, and
 * sg_mls_key_use_fini is due in any case. */
SG_MUST_USE sg_err sg_mls_open_content(const struct sg_mls_framing *framing,
                                       struct sg_mls_arena *arena,
                                       const struct sg_mls_private_in *in,
                                       struct sg_mls_authentic *out);
/* Key and nonce of the sender data for a ciphertext (RFC 9420 s6.3.2). */
SG_MUST_USE sg_err sg_mls_sender_data_key(const struct sg_mls_suite *suite,
                                          const struct sg_mls_secret *sender_data,
                                          struct sg_bytes ciphertext, uint8_t *key, uint8_t *nonce);
/* RFC9420 s5.2: ProposalRef of a proposal message -> out [hash_len]. */
SG_MUST_USE sg_err sg_mls_proposal_ref(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                                       const struct sg_mls_authentic *message, uint8_t *out);

#endif
