/* What a program decides for all its groups. Borrowed by each group, outlives it. */
#ifndef SG_MLS_CONFIG_H
#define SG_MLS_CONFIG_H

#include "crypto/mls_suite.h"
#include "mls/leaf_node.h"
#include "mls/message.h"
#include "mls/schedule.h"

/* Longest secret that a program may give for a PSK. */
#define SG_MLS_PSK_MAX 256

/* RFC 9420 s5.3.1: the credential of a member, or of an external sender. before: what the member
 * had until now, or NULL. */
struct sg_mls_credential_check {
    const struct sg_mls_credential *credential;
    struct sg_bytes signature_key;
    const struct sg_mls_credential *before;
    uint64_t now; /* Unix seconds */
};

struct sg_mls_psk_out {
    uint8_t secret[SG_MLS_PSK_MAX];
    size_t len;
};

/* What an AppDataUpdate asks for. before: the component's data, or none. */
struct sg_mls_app_data_change {
    uint16_t component;
    struct sg_bytes before;
    struct sg_bytes update;
};

struct sg_mls_config {
    const struct sg_mem *mem;
    const struct sg_mls_suite *suites; /* [suite_count] */
    size_t suite_count;
    const struct sg_mls_random *random;
    void *user;
    /* SG_OK, or an error that the operation ends with. NULL: every credential is accepted. */
    sg_err (*credential)(void *user, const struct sg_mls_credential_check *check);
    /* Secret of an external PSK, or of another group's epoch. SG_ERR_MLS_PSK: not known. NULL:
     * there are none. */
    sg_err (*psk)(void *user, const struct sg_mls_psk_id *id, struct sg_mls_psk_out *out);
    /* draft-ietf-mls-extensions-08 s4.7: the data after an update, in the arena; an error refuses
     * the proposal. Must say the same each time, at each member. NULL: an update is the new
     * data. */
    sg_err (*app_data)(void *user, const struct sg_mls_app_data_change *change,
                       struct sg_mls_arena *arena, struct sg_bytes *after);
    uint64_t lifetime_max;  /* seconds; RFC 9420 s7.2 wants a limit */
    bool accepts_expired;   /* RFC 9420 s7.3: in what is received, the check is optional */
    bool accepts_outsiders; /* RFC 9420 s12.1.8: newcomers may propose their own Add */
    size_t cache_bytes;     /* of proposals that wait for a commit, at most */
    size_t message_max;     /* bytes of a message, Welcome or GroupInfo; trees are not counted */
    struct sg_mls_limits limits; /* of what a message lists */
    uint32_t past_epochs;        /* epochs whose late messages can still be read */
    uint32_t resumption_epochs;  /* epochs whose resumption PSK is kept */
    uint32_t undo_epochs;        /* commits that can be rolled back; at most past_epochs */
    uint32_t forward_max;        /* generations that one message may skip */
    uint32_t skipped_max;        /* keys of skipped messages kept for each ratchet */
    uint32_t padding;            /* private messages are padded to a multiple of it; 0: not */
};

/* The usual values; mem, suites and random are the caller's to set. No proposals of newcomers,
 * 16 MiB of proposals, messages up to 128 MiB with 65 536 proposals and 131 072 ciphertexts of a
 * path, lifetimes up to 93 days, 5 past epochs, 64 resumption PSKs, no roll-back, 1 000 skipped
 * keys, padding to 64 bytes. */
void sg_mls_config_init(struct sg_mls_config *config);
/* sg_mls_decode_message within the limits of config. SG_ERR_OVERSIZED: beyond them. */
SG_MUST_USE sg_err sg_mls_config_decode(const struct sg_mls_config *config, struct sg_bytes bytes,
                                        struct sg_mls_arena *arena, struct sg_mls_message *out);
/* The row of a suite, or NULL. */
const struct sg_mls_suite *sg_mls_config_suite(const struct sg_mls_config *config, uint16_t id);

#endif
