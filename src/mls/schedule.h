/* Key schedule, transcript hashes, PSKs and exporter: RFC 9420 s8. All secrets are hash_len bytes
 * long. Errors are those of the suite's KDF. */
#ifndef SG_MLS_SCHEDULE_H
#define SG_MLS_SCHEDULE_H

#include "mls/label.h"
#include "mls/proposal.h"

struct sg_mls_epoch_secrets {
    struct sg_mls_secret sender_data;
    struct sg_mls_secret encryption;
    struct sg_mls_secret exporter;
    struct sg_mls_secret authenticator;
    struct sg_mls_secret external;
    struct sg_mls_secret confirmation_key;
    struct sg_mls_secret membership_key;
    struct sg_mls_secret resumption;
    struct sg_mls_secret init;
    struct sg_mls_secret application_export; /* draft-ietf-mls-extensions-08 s4.4 */
};

/* init_secret of the epoch before, commit_secret, new GroupContext -> joiner_secret. */
SG_MUST_USE sg_err sg_mls_joiner_secret(const struct sg_mls_suite *suite,
                                        const struct sg_mls_secret *init,
                                        const struct sg_mls_secret *commit, struct sg_bytes context,
                                        struct sg_mls_secret *joiner);
/* joiner_secret, psk_secret -> welcome_secret. */
SG_MUST_USE sg_err sg_mls_welcome_secret(const struct sg_mls_suite *suite,
                                         const struct sg_mls_secret *joiner,
                                         const struct sg_mls_secret *psk,
                                         struct sg_mls_secret *welcome);
/* joiner_secret, psk_secret, GroupContext -> all secrets of the epoch. Zeroed on error. */
SG_MUST_USE sg_err sg_mls_epoch_secrets(const struct sg_mls_suite *suite,
                                        const struct sg_mls_secret *joiner,
                                        const struct sg_mls_secret *psk, struct sg_bytes context,
                                        struct sg_mls_epoch_secrets *out);
/* The same from epoch_secret, for the creation of a group (RFC 9420 s11). */
SG_MUST_USE sg_err sg_mls_epoch_derive(const struct sg_mls_suite *suite,
                                       const struct sg_mls_secret *epoch,
                                       struct sg_mls_epoch_secrets *out);

struct sg_mls_psk {
    struct sg_mls_psk_id id;
    struct sg_bytes secret; /* [any] */
};

/* psk_secret of count PSKs (at most 65535: SG_ERR_LIMIT); the zero vector when there is none. */
SG_MUST_USE sg_err sg_mls_psk_secret(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                                     const struct sg_mls_psk *psks, uint32_t count,
                                     struct sg_mls_secret *out);

/* MLS-Exporter -> out [len, 1 .. 255 * hash_len]. */
SG_MUST_USE sg_err sg_mls_exporter(const struct sg_mls_suite *suite, const struct sg_mls_expand *in,
                                   uint8_t *out, size_t len);

struct sg_mls_confirmed_input {
    struct sg_bytes interim_before;
    uint16_t wire_format;
    struct sg_bytes content; /* encoded FramedContent */
    struct sg_bytes signature;
};

/* -> confirmed_transcript_hash [hash_len]. */
void sg_mls_confirmed_hash(const struct sg_mls_suite *suite,
                           const struct sg_mls_confirmed_input *in, uint8_t *out);
/* confirmed_transcript_hash, confirmation_tag -> interim_transcript_hash [hash_len]. */
void sg_mls_interim_hash(const struct sg_mls_suite *suite, struct sg_bytes confirmed,
                         struct sg_bytes tag, uint8_t *out);
/* MAC(confirmation_key, confirmed_transcript_hash) -> out [hash_len]. */
SG_MUST_USE sg_err sg_mls_confirmation_tag(const struct sg_mls_suite *suite,
                                           const struct sg_mls_secret *key,
                                           struct sg_bytes confirmed, uint8_t *out);

#endif
