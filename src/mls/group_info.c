#include "mls/message.h"

void sg_mls_read_group_context(struct sg_reader *r, struct sg_mls_group_context *out)
{
    const uint8_t *start = r->at;
    out->version = sg_read_u16(r);
    out->suite = sg_read_u16(r);
    out->group_id = sg_mls_read_vector(r);
    out->epoch = sg_read_u64(r);
    out->tree_hash = sg_mls_read_vector(r);
    out->confirmed_hash = sg_mls_read_vector(r);
    out->extensions = sg_mls_read_extensions(r);
    out->raw = sg_mls_since(r, start);
}

void sg_mls_write_group_context(struct sg_writer *w, const struct sg_mls_group_context *in)
{
    sg_write_u16(w, in->version);
    sg_write_u16(w, in->suite);
    sg_write_vector(w, in->group_id);
    sg_write_u64(w, in->epoch);
    sg_write_vector(w, in->tree_hash);
    sg_write_vector(w, in->confirmed_hash);
    sg_write_vector(w, in->extensions);
}

void sg_mls_read_group_info(struct sg_reader *r, struct sg_mls_group_info *out)
{
    const uint8_t *start = r->at;
    sg_mls_read_group_context(r, &out->context);
    out->extensions = sg_mls_read_extensions(r);
    out->confirmation_tag = sg_mls_read_vector(r);
    out->signer = sg_read_u32(r);
    out->signed_at = sg_mls_since(r, start);
    out->signature = sg_mls_read_vector(r);
}

void sg_mls_write_group_info_unsigned(struct sg_writer *w, const struct sg_mls_group_info *in)
{
    sg_mls_write_group_context(w, &in->context);
    sg_write_vector(w, in->extensions);
    sg_write_vector(w, in->confirmation_tag);
    sg_write_u32(w, in->signer);
}

void sg_mls_write_group_info(struct sg_writer *w, const struct sg_mls_group_info *in)
{
    sg_mls_write_group_info_unsigned(w, in);
    sg_write_vector(w, in->signature);
}

void sg_mls_read_group_secrets(struct sg_reader *r, struct sg_mls_arena *arena,
                               struct sg_mls_group_secrets *out)
{
    uint32_t cap = 0;
    memset(out, 0, sizeof(*out));
    out->joiner_secret = sg_mls_read_vector(r);
    out->has_path_secret = sg_mls_read_present(r);
    if (out->has_path_secret)
        out->path_secret = sg_mls_read_vector(r);
    struct sg_reader list = sg_reader(sg_mls_read_vector(r));
    while (list.err == SG_OK && list.left > 0) {
        if (out->psk_count >= arena->limits.proposals) {
            sg_reader_fail(r, SG_ERR_OVERSIZED);
            return;
        }
        void *grown =
            sg_mls_arena_push(arena, out->psks, &out->psk_count, &cap, sizeof(*out->psks));
        if (grown == NULL) {
            sg_reader_fail(r, SG_ERR_NO_MEMORY);
            return;
        }
        out->psks = grown;
        sg_mls_read_psk_id(&list, &out->psks[out->psk_count - 1]);
    }
    if (list.err != SG_OK)
        sg_reader_fail(r, list.err);
}

void sg_mls_write_group_secrets(struct sg_writer *w, const struct sg_mls_group_secrets *in)
{
    sg_write_vector(w, in->joiner_secret);
    sg_write_u8(w, in->has_path_secret);
    if (in->has_path_secret)
        sg_write_vector(w, in->path_secret);
    size_t list = sg_write_vector_begin(w);
    for (uint32_t i = 0; i < in->psk_count; i++)
        sg_mls_write_psk_id(w, &in->psks[i]);
    sg_write_vector_end(w, list);
}
