/* The parts of a Welcome: RFC 9420 s12.4.3.1. */
#ifndef SG_MLS_WELCOME_H
#define SG_MLS_WELCOME_H

#include "mls/message.h"
#include "mls/schedule.h"

struct sg_mls_welcome_key {
    struct sg_bytes ref; /* KeyPackageRef */
    struct sg_bytes init_private;
    struct sg_bytes init_public;
};

/* Finds the entry of a key package and decrypts it. SG_ERR_MLS_WELCOME: there is none; SG_ERR_AUTH;
 * errors of reading. */
SG_MUST_USE sg_err sg_mls_welcome_open_secrets(const struct sg_mls_suite *suite,
                                               struct sg_mls_arena *arena,
                                               const struct sg_mls_welcome *welcome,
                                               const struct sg_mls_welcome_key *key,
                                               struct sg_mls_group_secrets *out);
/* Decrypts the group info. SG_ERR_AUTH; errors of reading. */
SG_MUST_USE sg_err sg_mls_welcome_open_info(const struct sg_mls_suite *suite,
                                            struct sg_mls_arena *arena,
                                            const struct sg_mls_welcome *welcome,
                                            const struct sg_mls_secret *welcome_secret,
                                            struct sg_mls_group_info *out);
/* Encrypts an encoded GroupInfo, in the arena. */
SG_MUST_USE sg_err sg_mls_welcome_seal_info(const struct sg_mls_suite *suite,
                                            struct sg_mls_arena *arena, struct sg_bytes info,
                                            const struct sg_mls_secret *welcome_secret,
                                            struct sg_bytes *out);

#endif
