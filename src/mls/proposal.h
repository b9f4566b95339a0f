/* Proposals, UpdatePath and Commit: RFC 9420 s7.6, s8.4, s12.1, s12.4. Spans are borrowed from the
 * input, arrays live in the arena; a reader that runs out of memory fails with
 * SG_ERR_NO_MEMORY, one that meets more than the arena's limits with SG_ERR_OVERSIZED. */
#ifndef SG_MLS_PROPOSAL_H
#define SG_MLS_PROPOSAL_H

#include "mls/arena.h"
#include "mls/leaf_node.h"

/* Proposal types (IANA; the last three draft-ietf-mls-extensions). */
enum {
    SG_MLS_ADD = 1,
    SG_MLS_UPDATE = 2,
    SG_MLS_REMOVE = 3,
    SG_MLS_PSK = 4,
    SG_MLS_REINIT = 5,
    SG_MLS_EXTERNAL_INIT = 6,
    SG_MLS_GROUP_CONTEXT_EXTENSIONS = 7,
    SG_MLS_APP_DATA_UPDATE = 8,
    SG_MLS_APP_EPHEMERAL = 9, /* read and written only */
    SG_MLS_SELF_REMOVE = 10,
};

enum {
    SG_MLS_PSK_EXTERNAL = 1,
    SG_MLS_PSK_RESUMPTION = 2,
};

enum {
    SG_MLS_USAGE_APPLICATION = 1,
    SG_MLS_USAGE_REINIT = 2,
    SG_MLS_USAGE_BRANCH = 3,
};

struct sg_mls_psk_id {
    uint8_t type;
    uint8_t usage;      /* resumption only */
    struct sg_bytes id; /* external: psk_id; resumption: psk_group_id */
    uint64_t epoch;     /* resumption only */
    struct sg_bytes nonce;
};

struct sg_mls_reinit {
    struct sg_bytes group_id;
    uint16_t version;
    uint16_t suite;
    struct sg_bytes extensions;
};

/* draft-ietf-mls-extensions-08 s4.7, s4.8. */
struct sg_mls_app_data {
    uint16_t component;
    bool is_remove; /* AppDataUpdate only */
    struct sg_bytes data;
};

struct sg_mls_proposal {
    uint16_t type;
    struct sg_bytes raw; /* with the type; set by reading */
    union {
        struct sg_mls_key_package *add; /* in the arena */
        struct sg_mls_leaf *update;     /* in the arena */
        uint32_t removed;
        struct sg_mls_psk_id psk;
        struct sg_mls_reinit reinit;
        struct sg_bytes kem_output; /* external_init */
        struct sg_bytes extensions; /* group_context_extensions */
        struct sg_mls_app_data app_data;
        struct sg_bytes unknown; /* other types: the body of one vector */
    } u;
};

struct sg_mls_hpke_ciphertext {
    struct sg_bytes kem_output;
    struct sg_bytes ciphertext;
};

struct sg_mls_path_node {
    struct sg_bytes key;
    struct sg_mls_hpke_ciphertext *secrets; /* [count] */
    uint32_t count;
};

struct sg_mls_path {
    struct sg_mls_leaf leaf;
    struct sg_mls_path_node *nodes; /* [count] */
    uint32_t count;
};

struct sg_mls_proposal_or_ref {
    bool is_ref;
    struct sg_bytes ref;
    struct sg_mls_proposal proposal;
};

struct sg_mls_commit {
    struct sg_mls_proposal_or_ref *proposals; /* [count] */
    uint32_t count;
    struct sg_mls_path *path; /* NULL: none */
};

void sg_mls_read_psk_id(struct sg_reader *r, struct sg_mls_psk_id *out);
void sg_mls_write_psk_id(struct sg_writer *w, const struct sg_mls_psk_id *in);
bool sg_mls_psk_id_equal(const struct sg_mls_psk_id *a, const struct sg_mls_psk_id *b);
void sg_mls_read_proposal(struct sg_reader *r, struct sg_mls_arena *arena,
                          struct sg_mls_proposal *out);
void sg_mls_write_proposal(struct sg_writer *w, const struct sg_mls_proposal *in);
/* The body without the type, as in the vectors. out->type is set. */
void sg_mls_read_proposal_body(struct sg_reader *r, struct sg_mls_arena *arena,
                               struct sg_mls_proposal *out);
void sg_mls_write_proposal_body(struct sg_writer *w, const struct sg_mls_proposal *in);
void sg_mls_read_hpke_ciphertext(struct sg_reader *r, struct sg_mls_hpke_ciphertext *out);
void sg_mls_write_hpke_ciphertext(struct sg_writer *w, const struct sg_mls_hpke_ciphertext *in);
void sg_mls_read_path(struct sg_reader *r, struct sg_mls_arena *arena, struct sg_mls_path *out);
void sg_mls_write_path(struct sg_writer *w, const struct sg_mls_path *in);
void sg_mls_read_commit(struct sg_reader *r, struct sg_mls_arena *arena, struct sg_mls_commit *out);
void sg_mls_write_commit(struct sg_writer *w, const struct sg_mls_commit *in);

#endif
