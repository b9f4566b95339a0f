/* Framing and the messages that carry no framed content: RFC 9420 s6, s8.1, s12.4.3. Spans are
 * borrowed from the input, arrays live in the arena. */
#ifndef SG_MLS_MESSAGE_H
#define SG_MLS_MESSAGE_H

#include "mls/proposal.h"

enum sg_mls_wire_format {
    SG_MLS_WIRE_PUBLIC = 1,
    SG_MLS_WIRE_PRIVATE = 2,
    SG_MLS_WIRE_WELCOME = 3,
    SG_MLS_WIRE_GROUP_INFO = 4,
    SG_MLS_WIRE_KEY_PACKAGE = 5,
};

enum sg_mls_content_type {
    SG_MLS_APPLICATION = 1,
    SG_MLS_PROPOSAL = 2,
    SG_MLS_COMMIT = 3,
};

enum sg_mls_sender_type {
    SG_MLS_SENDER_MEMBER = 1,
    SG_MLS_SENDER_EXTERNAL = 2,
    SG_MLS_SENDER_NEW_PROPOSAL = 3,
    SG_MLS_SENDER_NEW_COMMIT = 4,
};

struct sg_mls_sender {
    uint8_t type;
    uint32_t index; /* member: leaf index; external: sender index; else 0 */
};

struct sg_mls_content {
    struct sg_bytes group_id;
    uint64_t epoch;
    struct sg_mls_sender sender;
    struct sg_bytes authenticated_data;
    uint8_t type;         /* enum sg_mls_content_type */
    struct sg_bytes body; /* encoding of what comes after the type; set by reading */
    struct sg_bytes raw;  /* the whole FramedContent; set by reading */
    struct sg_bytes application;
    struct sg_mls_proposal proposal;
    struct sg_mls_commit commit;
};

struct sg_mls_auth {
    struct sg_bytes signature;
    struct sg_bytes confirmation_tag; /* commits only */
};

/* AuthenticatedContent. */
struct sg_mls_authentic {
    uint16_t wire_format;
    struct sg_mls_content content;
    struct sg_mls_auth auth;
};

struct sg_mls_public_message {
    struct sg_mls_content content;
    struct sg_mls_auth auth;
    struct sg_bytes membership_tag; /* members only */
};

struct sg_mls_private_message {
    struct sg_bytes group_id;
    uint64_t epoch;
    uint8_t type;
    struct sg_bytes authenticated_data;
    struct sg_bytes sender_data;
    struct sg_bytes ciphertext;
};

struct sg_mls_group_context {
    uint16_t version;
    uint16_t suite;
    struct sg_bytes group_id;
    uint64_t epoch;
    struct sg_bytes tree_hash;
    struct sg_bytes confirmed_hash;
    struct sg_bytes extensions;
    struct sg_bytes raw; /* set by reading */
};

struct sg_mls_group_info {
    struct sg_mls_group_context context;
    struct sg_bytes extensions;
    struct sg_bytes confirmation_tag;
    uint32_t signer;
    struct sg_bytes signature;
    struct sg_bytes signed_at; /* GroupInfoTBS; set by reading */
};

struct sg_mls_group_secrets {
    struct sg_bytes joiner_secret;
    bool has_path_secret;
    struct sg_bytes path_secret;
    struct sg_mls_psk_id *psks; /* [psk_count] */
    uint32_t psk_count;
};

struct sg_mls_welcome_secret {
    struct sg_bytes new_member; /* KeyPackageRef */
    struct sg_mls_hpke_ciphertext encrypted;
};

struct sg_mls_welcome {
    uint16_t suite;
    struct sg_mls_welcome_secret *secrets; /* [count] */
    uint32_t count;
    struct sg_bytes encrypted_group_info;
};

struct sg_mls_message {
    uint16_t version;
    uint16_t wire_format;
    union {
        struct sg_mls_public_message public_message;
        struct sg_mls_private_message private_message;
        struct sg_mls_welcome welcome;
        struct sg_mls_group_info group_info;
        struct sg_mls_key_package key_package;
    } u;
};

void sg_mls_write_sender(struct sg_writer *w, const struct sg_mls_sender *in);
/* Reads what comes after the content type, by out->type. */
void sg_mls_read_content_body(struct sg_reader *r, struct sg_mls_arena *arena,
                              struct sg_mls_content *out);
/* All of FramedContent up to and with the content type. */
void sg_mls_write_content_head(struct sg_writer *w, const struct sg_mls_content *in);
/* Head and body; the body is taken from in->body when that is set. */
void sg_mls_write_content(struct sg_writer *w, const struct sg_mls_content *in);
/* Only the body, from the decoded fields. */
void sg_mls_write_content_body(struct sg_writer *w, const struct sg_mls_content *in);
void sg_mls_read_auth(struct sg_reader *r, uint8_t content_type, struct sg_mls_auth *out);
void sg_mls_write_auth(struct sg_writer *w, uint8_t content_type, const struct sg_mls_auth *in);
void sg_mls_read_authentic(struct sg_reader *r, struct sg_mls_arena *arena,
                           struct sg_mls_authentic *out);
void sg_mls_write_authentic(struct sg_writer *w, const struct sg_mls_authentic *in);

void sg_mls_read_group_context(struct sg_reader *r, struct sg_mls_group_context *out);
void sg_mls_write_group_context(struct sg_writer *w, const struct sg_mls_group_context *in);
void sg_mls_read_group_info(struct sg_reader *r, struct sg_mls_group_info *out);
void sg_mls_write_group_info_unsigned(struct sg_writer *w, const struct sg_mls_group_info *in);
void sg_mls_write_group_info(struct sg_writer *w, const struct sg_mls_group_info *in);
void sg_mls_read_group_secrets(struct sg_reader *r, struct sg_mls_arena *arena,
                               struct sg_mls_group_secrets *out);
void sg_mls_write_group_secrets(struct sg_writer *w, const struct sg_mls_group_secrets *in);
void sg_mls_write_welcome(struct sg_writer *w, const struct sg_mls_welcome *in);
void sg_mls_write_private_message(struct sg_writer *w, const struct sg_mls_private_message *in);

/* One MLSMessage that is all of bytes. SG_ERR_VERSION: not mls10; SG_ERR_MALFORMED: an unknown wire
 * format or value; SG_ERR_TRUNCATED, SG_ERR_TRAILING, SG_ERR_NOT_CANONICAL, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_mls_decode_message(struct sg_bytes bytes, struct sg_mls_arena *arena,
                                         struct sg_mls_message *out);
void sg_mls_write_message(struct sg_writer *w, const struct sg_mls_message *in);
/* The version and wire format that begin each MLSMessage. */
void sg_mls_write_message_head(struct sg_writer *w, uint16_t wire_format);

#endif
