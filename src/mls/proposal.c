#include "mls/proposal.h"

#include "mls/tree_math.h"

void sg_mls_read_psk_id(struct sg_reader *r, struct sg_mls_psk_id *out)
{
    memset(out, 0, sizeof(*out));
    out->type = sg_read_u8(r);
    if (out->type == SG_MLS_PSK_EXTERNAL) {
        out->id = sg_mls_read_vector(r);
    } else if (out->type == SG_MLS_PSK_RESUMPTION) {
        out->usage = sg_read_u8(r);
        if (out->usage < SG_MLS_USAGE_APPLICATION || out->usage > SG_MLS_USAGE_BRANCH)
            sg_reader_fail(r, SG_ERR_MALFORMED);
        out->id = sg_mls_read_vector(r);
        out->epoch = sg_read_u64(r);
    } else {
        sg_reader_fail(r, SG_ERR_MALFORMED);
    }
    out->nonce = sg_mls_read_vector(r);
}

void sg_mls_write_psk_id(struct sg_writer *w, const struct sg_mls_psk_id *in)
{
    sg_write_u8(w, in->type);
    if (in->type == SG_MLS_PSK_RESUMPTION)
        sg_write_u8(w, in->usage);
    sg_write_vector(w, in->id);
    if (in->type == SG_MLS_PSK_RESUMPTION)
        sg_write_u64(w, in->epoch);
    sg_write_vector(w, in->nonce);
}

bool sg_mls_psk_id_equal(const struct sg_mls_psk_id *a, const struct sg_mls_psk_id *b)
{
    return a->type == b->type && a->usage == b->usage && a->epoch == b->epoch &&
           sg_bytes_equal(a->id, b->id) && sg_bytes_equal(a->nonce, b->nonce);
}

static void read_reinit(struct sg_reader *r, struct sg_mls_reinit *out)
{
    out->group_id = sg_mls_read_vector(r);
    out->version = sg_read_u16(r);
    out->suite = sg_read_u16(r);
    out->extensions = sg_mls_read_extensions(r);
}

static void write_reinit(struct sg_writer *w, const struct sg_mls_reinit *in)
{
    sg_write_vector(w, in->group_id);
    sg_write_u16(w, in->version);
    sg_write_u16(w, in->suite);
    sg_write_vector(w, in->extensions);
}

enum { APP_DATA_UPDATE = 1, APP_DATA_REMOVE = 2 };

static void read_app_data(struct sg_reader *r, bool has_op, struct sg_mls_app_data *out)
{
    out->component = sg_read_u16(r);
    uint8_t op = has_op ? sg_read_u8(r) : APP_DATA_UPDATE;
    if (op != APP_DATA_UPDATE && op != APP_DATA_REMOVE)
        sg_reader_fail(r, SG_ERR_MALFORMED);
    out->is_remove = op == APP_DATA_REMOVE;
    if (!out->is_remove)
        out->data = sg_mls_read_vector(r);
}

static void write_app_data(struct sg_writer *w, bool has_op, const struct sg_mls_app_data *in)
{
    sg_write_u16(w, in->component);
    if (has_op)
        sg_write_u8(w, in->is_remove ? APP_DATA_REMOVE : APP_DATA_UPDATE);
    if (!in->is_remove)
        sg_write_vector(w, in->data);
}

static void *new_or_fail(struct sg_reader *r, struct sg_mls_arena *arena, size_t size)
{
    void *at = r->err == SG_OK ? sg_mls_arena_new(arena, 1, size) : NULL;
    if (at == NULL)
        sg_reader_fail(r, SG_ERR_NO_MEMORY);
    return at;
}

void sg_mls_read_proposal_body(struct sg_reader *r, struct sg_mls_arena *arena,
                               struct sg_mls_proposal *out)
{
    memset(&out->u, 0, sizeof(out->u));
    switch (out->type) {
    case SG_MLS_ADD:
        out->u.add = new_or_fail(r, arena, sizeof(*out->u.add));
        if (out->u.add != NULL)
            sg_mls_read_key_package(r, out->u.add);
        break;
    case SG_MLS_UPDATE:
        out->u.update = new_or_fail(r, arena, sizeof(*out->u.update));
        if (out->u.update != NULL)
            sg_mls_read_leaf(r, out->u.update);
        break;
    case SG_MLS_REMOVE:
        out->u.removed = sg_read_u32(r);
        break;
    case SG_MLS_PSK:
        sg_mls_read_psk_id(r, &out->u.psk);
        break;
    case SG_MLS_REINIT:
        read_reinit(r, &out->u.reinit);
        break;
    case SG_MLS_EXTERNAL_INIT:
        out->u.kem_output = sg_mls_read_vector(r);
        break;
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        out->u.extensions = sg_mls_read_extensions(r);
        break;
    case SG_MLS_APP_DATA_UPDATE:
    case SG_MLS_APP_EPHEMERAL:
        read_app_data(r, out->type == SG_MLS_APP_DATA_UPDATE, &out->u.app_data);
        break;
    case SG_MLS_SELF_REMOVE:
        break;
    default:
        out->u.unknown = sg_mls_read_vector(r);
    }
}

void sg_mls_write_proposal_body(struct sg_writer *w, const struct sg_mls_proposal *in)
{
    switch (in->type) {
    case SG_MLS_ADD:
        sg_mls_write_key_package(w, in->u.add);
        break;
    case SG_MLS_UPDATE:
        sg_mls_write_leaf(w, in->u.update);
        break;
    case SG_MLS_REMOVE:
        sg_write_u32(w, in->u.removed);
        break;
    case SG_MLS_PSK:
        sg_mls_write_psk_id(w, &in->u.psk);
        break;
    case SG_MLS_REINIT:
        write_reinit(w, &in->u.reinit);
        break;
    case SG_MLS_EXTERNAL_INIT:
        sg_write_vector(w, in->u.kem_output);
        break;
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        sg_write_vector(w, in->u.extensions);
        break;
    case SG_MLS_APP_DATA_UPDATE:
    case SG_MLS_APP_EPHEMERAL:
        write_app_data(w, in->type == SG_MLS_APP_DATA_UPDATE, &in->u.app_data);
        break;
    case SG_MLS_SELF_REMOVE:
        break;
    default:
        sg_write_vector(w, in->u.unknown);
    }
}

void sg_mls_read_proposal(struct sg_reader *r, struct sg_mls_arena *arena,
                          struct sg_mls_proposal *out)
{
    const uint8_t *start = r->at;
    out->type = sg_read_u16(r);
    sg_mls_read_proposal_body(r, arena, out);
    out->raw = sg_mls_since(r, start);
}

void sg_mls_write_proposal(struct sg_writer *w, const struct sg_mls_proposal *in)
{
    sg_write_u16(w, in->type);
    sg_mls_write_proposal_body(w, in);
}

void sg_mls_read_hpke_ciphertext(struct sg_reader *r, struct sg_mls_hpke_ciphertext *out)
{
    out->kem_output = sg_mls_read_vector(r);
    out->ciphertext = sg_mls_read_vector(r);
}

void sg_mls_write_hpke_ciphertext(struct sg_writer *w, const struct sg_mls_hpke_ciphertext *in)
{
    sg_write_vector(w, in->kem_output);
    sg_write_vector(w, in->ciphertext);
}

/* left: ciphertexts that the path may still have. */
static void read_path_node(struct sg_reader *r, struct sg_mls_arena *arena, uint32_t *left,
                           struct sg_mls_path_node *out)
{
    uint32_t cap = 0;
    out->key = sg_mls_read_vector(r);
    struct sg_reader list = sg_reader(sg_mls_read_vector(r));
    while (list.err == SG_OK && list.left > 0) {
        if ((*left)-- == 0) {
            sg_reader_fail(r, SG_ERR_OVERSIZED);
            return;
        }
        void *grown =
            sg_mls_arena_push(arena, out->secrets, &out->count, &cap, sizeof(*out->secrets));
        if (grown == NULL) {
            sg_reader_fail(r, SG_ERR_NO_MEMORY);
            return;
        }
        out->secrets = grown;
        sg_mls_read_hpke_ciphertext(&list, &out->secrets[out->count - 1]);
    }
    if (list.err != SG_OK)
        sg_reader_fail(r, list.err);
}

void sg_mls_read_path(struct sg_reader *r, struct sg_mls_arena *arena, struct sg_mls_path *out)
{
    uint32_t cap = 0, left = arena->limits.path_secrets;
    sg_mls_read_leaf(r, &out->leaf);
    out->nodes = NULL;
    out->count = 0;
    struct sg_reader list = sg_reader(sg_mls_read_vector(r));
    while (list.err == SG_OK && list.left > 0) {
        if (out->count == SG_MLS_LEVELS_MAX) {
            sg_reader_fail(r, SG_ERR_OVERSIZED);
            return;
        }
        void *grown = sg_mls_arena_push(arena, out->nodes, &out->count, &cap, sizeof(*out->nodes));
        if (grown == NULL) {
            sg_reader_fail(r, SG_ERR_NO_MEMORY);
            return;
        }
        out->nodes = grown;
        read_path_node(&list, arena, &left, &out->nodes[out->count - 1]);
    }
    if (list.err != SG_OK)
        sg_reader_fail(r, list.err);
}

void sg_mls_write_path(struct sg_writer *w, const struct sg_mls_path *in)
{
    sg_mls_write_leaf(w, &in->leaf);
    size_t nodes = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < in->count; i++) {
        sg_write_vector(w, in->nodes[i].key);
        size_t secrets = sg_write_vector_begin(w);
        for (uint32_t j = 0; j < in->nodes[i].count; j++)
            sg_mls_write_hpke_ciphertext(w, &in->nodes[i].secrets[j]);
        sg_write_vector_end(w, secrets);
    }
    sg_write_vector_end(w, nodes);
}

static void read_proposal_or_ref(struct sg_reader *r, struct sg_mls_arena *arena,
                                 struct sg_mls_proposal_or_ref *out)
{
    uint8_t type = sg_read_u8(r);
    out->is_ref = type == 2;
    if (type == 1)
        sg_mls_read_proposal(r, arena, &out->proposal);
    else if (type == 2)
        out->ref = sg_mls_read_vector(r);
    else
        sg_reader_fail(r, SG_ERR_MALFORMED);
}

void sg_mls_read_commit(struct sg_reader *r, struct sg_mls_arena *arena, struct sg_mls_commit *out)
{
    uint32_t cap = 0;
    memset(out, 0, sizeof(*out));
    struct sg_reader list = sg_reader(sg_mls_read_vector(r));
    while (list.err == SG_OK && list.left > 0) {
        if (out->count >= arena->limits.proposals) {
            sg_reader_fail(r, SG_ERR_OVERSIZED);
            return;
        }
        void *grown =
            sg_mls_arena_push(arena, out->proposals, &out->count, &cap, sizeof(*out->proposals));
        if (grown == NULL) {
            sg_reader_fail(r, SG_ERR_NO_MEMORY);
            return;
        }
        out->proposals = grown;
        read_proposal_or_ref(&list, arena, &out->proposals[out->count - 1]);
    }
    if (list.err != SG_OK)
        sg_reader_fail(r, list.err);
    if (!sg_mls_read_present(r))
        return;
    out->path = new_or_fail(r, arena, sizeof(*out->path));
    if (out->path != NULL)
        sg_mls_read_path(r, arena, out->path);
}

void sg_mls_write_commit(struct sg_writer *w, const struct sg_mls_commit *in)
{
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct sg_mls_proposal_or_ref *one = &in->proposals[i];
        sg_write_u8(w, one->is_ref ? 2 : 1);
        if (one->is_ref)
            sg_write_vector(w, one->ref);
        else
            sg_mls_write_proposal(w, &one->proposal);
    }
    sg_write_vector_end(w, list);
    sg_write_u8(w, in->path != NULL);
    if (in->path != NULL)
        sg_mls_write_path(w, in->path);
}
