/* Credentials, capabilities, leaf nodes and key packages: RFC 9420 s5.3, s7.2, s10. Spans are
 * borrowed from the input. A reader leaves its out argument partly filled when it fails. */
#ifndef SG_MLS_LEAF_NODE_H
#define SG_MLS_LEAF_NODE_H

#include "mls/codec.h"

#define SG_MLS_VERSION_10 1

/* Extension types (IANA). */
enum {
    SG_MLS_EXT_APPLICATION_ID = 1,
    SG_MLS_EXT_RATCHET_TREE = 2,
    SG_MLS_EXT_REQUIRED_CAPABILITIES = 3,
    SG_MLS_EXT_EXTERNAL_PUB = 4,
    SG_MLS_EXT_EXTERNAL_SENDERS = 5,
    SG_MLS_EXT_APP_DATA_DICTIONARY = 6, /* draft-ietf-mls-extensions */
};

enum {
    SG_MLS_CREDENTIAL_BASIC = 1,
    SG_MLS_CREDENTIAL_X509 = 2,
};

struct sg_mls_credential {
    uint16_t type;
    struct sg_bytes body; /* basic: identity; x509: the body of certificates<V>; others: the body
                           * of one vector */
};

/* Lists of uint16. */
struct sg_mls_capabilities {
    struct sg_bytes versions;
    struct sg_bytes suites;
    struct sg_bytes extensions;
    struct sg_bytes proposals;
    struct sg_bytes credentials;
};

enum sg_mls_leaf_source {
    SG_MLS_LEAF_KEY_PACKAGE = 1,
    SG_MLS_LEAF_UPDATE = 2,
    SG_MLS_LEAF_COMMIT = 3,
};

struct sg_mls_leaf {
    struct sg_bytes encryption_key;
    struct sg_bytes signature_key;
    struct sg_mls_credential credential;
    struct sg_mls_capabilities capabilities;
    uint8_t source;      /* enum sg_mls_leaf_source */
    uint64_t not_before; /* Unix seconds; source key_package only */
    uint64_t not_after;
    struct sg_bytes parent_hash; /* source commit only */
    struct sg_bytes extensions;
    struct sg_bytes signature;
    struct sg_bytes raw;       /* the whole encoding; set by reading */
    struct sg_bytes signed_at; /* raw without the signature: the first part of LeafNodeTBS */
};

struct sg_mls_key_package {
    uint16_t version;
    uint16_t suite;
    struct sg_bytes init_key;
    struct sg_mls_leaf leaf;
    struct sg_bytes extensions;
    struct sg_bytes signature;
    struct sg_bytes raw;
    struct sg_bytes signed_at; /* KeyPackageTBS */
};

/* RFC 9420 s11.1, s12.1.8.1: payloads of group context extensions. */
struct sg_mls_required {
    struct sg_bytes extensions;
    struct sg_bytes proposals;
    struct sg_bytes credentials;
};

struct sg_mls_external_sender {
    struct sg_bytes signature_key;
    struct sg_mls_credential credential;
};

void sg_mls_read_credential(struct sg_reader *r, struct sg_mls_credential *out);
void sg_mls_write_credential(struct sg_writer *w, const struct sg_mls_credential *in);
bool sg_mls_credential_equal(const struct sg_mls_credential *a, const struct sg_mls_credential *b);
void sg_mls_read_leaf(struct sg_reader *r, struct sg_mls_leaf *out);
/* All fields but the signature. */
void sg_mls_write_leaf_unsigned(struct sg_writer *w, const struct sg_mls_leaf *in);
void sg_mls_write_leaf(struct sg_writer *w, const struct sg_mls_leaf *in);
void sg_mls_read_key_package(struct sg_reader *r, struct sg_mls_key_package *out);
void sg_mls_write_key_package_unsigned(struct sg_writer *w, const struct sg_mls_key_package *in);
void sg_mls_write_key_package(struct sg_writer *w, const struct sg_mls_key_package *in);

/* Payload of required_capabilities, all of it. Errors of reading, SG_ERR_TRAILING. */
SG_MUST_USE sg_err sg_mls_decode_required(struct sg_bytes data, struct sg_mls_required *out);
/* Entry number index of external_senders; the whole payload is checked. SG_ERR_NOT_FOUND: it has
 * fewer. */
SG_MUST_USE sg_err sg_mls_decode_external_sender(struct sg_bytes data, uint32_t index,
                                                 struct sg_mls_external_sender *out);
/* Payload of external_pub: the key. */
SG_MUST_USE sg_err sg_mls_decode_external_pub(struct sg_bytes data, struct sg_bytes *out);
/* Is a type one that every client knows and that capabilities do not list (RFC 9420 s7.2)? */
static inline bool sg_mls_is_default_extension(uint16_t type)
{
    return type >= SG_MLS_EXT_APPLICATION_ID && type <= SG_MLS_EXT_EXTERNAL_SENDERS;
}

#endif
