#include "mls/leaf_node.h"

static void check_certificates(struct sg_reader *r, struct sg_bytes body)
{
    struct sg_reader in = sg_reader(body);
    while (in.err == SG_OK && in.left > 0)
        (void)sg_mls_read_vector(&in);
    if (in.err != SG_OK)
        sg_reader_fail(r, in.err);
}

void sg_mls_read_credential(struct sg_reader *r, struct sg_mls_credential *out)
{
    out->type = sg_read_u16(r);
    out->body = sg_mls_read_vector(r);
    if (out->type == SG_MLS_CREDENTIAL_X509)
        check_certificates(r, out->body);
}

void sg_mls_write_credential(struct sg_writer *w, const struct sg_mls_credential *in)
{
    sg_write_u16(w, in->type);
    sg_write_vector(w, in->body);
}

bool sg_mls_credential_equal(const struct sg_mls_credential *a, const struct sg_mls_credential *b)
{
    return a->type == b->type && sg_bytes_equal(a->body, b->body);
}

static void read_capabilities(struct sg_reader *r, struct sg_mls_capabilities *out)
{
    out->versions = sg_mls_read_u16s(r);
    out->suites = sg_mls_read_u16s(r);
    out->extensions = sg_mls_read_u16s(r);
    out->proposals = sg_mls_read_u16s(r);
    out->credentials = sg_mls_read_u16s(r);
}

void sg_mls_read_leaf(struct sg_reader *r, struct sg_mls_leaf *out)
{
    const uint8_t *start = r->at;
    memset(out, 0, sizeof(*out));
    out->encryption_key = sg_mls_read_vector(r);
    out->signature_key = sg_mls_read_vector(r);
    sg_mls_read_credential(r, &out->credential);
    read_capabilities(r, &out->capabilities);
    out->source = sg_read_u8(r);
    if (out->source == SG_MLS_LEAF_KEY_PACKAGE) {
        out->not_before = sg_read_u64(r);
        out->not_after = sg_read_u64(r);
    } else if (out->source == SG_MLS_LEAF_COMMIT) {
        out->parent_hash = sg_mls_read_vector(r);
    } else if (out->source != SG_MLS_LEAF_UPDATE) {
        sg_reader_fail(r, SG_ERR_MALFORMED);
    }
    out->extensions = sg_mls_read_extensions(r);
    out->signed_at = sg_mls_since(r, start);
    out->signature = sg_mls_read_vector(r);
    out->raw = sg_mls_since(r, start);
}

void sg_mls_write_leaf_unsigned(struct sg_writer *w, const struct sg_mls_leaf *in)
{
    sg_write_vector(w, in->encryption_key);
    sg_write_vector(w, in->signature_key);
    sg_mls_write_credential(w, &in->credential);
    sg_write_vector(w, in->capabilities.versions);
    sg_write_vector(w, in->capabilities.suites);
    sg_write_vector(w, in->capabilities.extensions);
    sg_write_vector(w, in->capabilities.proposals);
    sg_write_vector(w, in->capabilities.credentials);
    sg_write_u8(w, in->source);
    if (in->source == SG_MLS_LEAF_KEY_PACKAGE) {
        sg_write_u64(w, in->not_before);
        sg_write_u64(w, in->not_after);
    } else if (in->source == SG_MLS_LEAF_COMMIT) {
        sg_write_vector(w, in->parent_hash);
    }
    sg_write_vector(w, in->extensions);
}

void sg_mls_write_leaf(struct sg_writer *w, const struct sg_mls_leaf *in)
{
    sg_mls_write_leaf_unsigned(w, in);
    sg_write_vector(w, in->signature);
}

void sg_mls_read_key_package(struct sg_reader *r, struct sg_mls_key_package *out)
{
    const uint8_t *start = r->at;
    out->version = sg_read_u16(r);
    out->suite = sg_read_u16(r);
    out->init_key = sg_mls_read_vector(r);
    sg_mls_read_leaf(r, &out->leaf);
    out->extensions = sg_mls_read_extensions(r);
    out->signed_at = sg_mls_since(r, start);
    out->signature = sg_mls_read_vector(r);
    out->raw = sg_mls_since(r, start);
}

void sg_mls_write_key_package_unsigned(struct sg_writer *w, const struct sg_mls_key_package *in)
{
    sg_write_u16(w, in->version);
    sg_write_u16(w, in->suite);
    sg_write_vector(w, in->init_key);
    sg_mls_write_leaf(w, &in->leaf);
    sg_write_vector(w, in->extensions);
}

void sg_mls_write_key_package(struct sg_writer *w, const struct sg_mls_key_package *in)
{
    sg_mls_write_key_package_unsigned(w, in);
    sg_write_vector(w, in->signature);
}

sg_err sg_mls_decode_required(struct sg_bytes data, struct sg_mls_required *out)
{
    struct sg_reader r = sg_reader(data);
    out->extensions = sg_mls_read_u16s(&r);
    out->proposals = sg_mls_read_u16s(&r);
    out->credentials = sg_mls_read_u16s(&r);
    return sg_reader_done(&r);
}

sg_err sg_mls_decode_external_sender(struct sg_bytes data, uint32_t index,
                                     struct sg_mls_external_sender *out)
{
    struct sg_reader r = sg_reader(data);
    struct sg_reader list = sg_reader(sg_mls_read_vector(&r));
    SG_TRY(sg_reader_done(&r));
    uint32_t at = 0;
    while (list.err == SG_OK && list.left > 0) {
        struct sg_mls_external_sender one;
        one.signature_key = sg_mls_read_vector(&list);
        sg_mls_read_credential(&list, &one.credential);
        if (at++ == index)
            *out = one;
    }
    SG_TRY(sg_reader_done(&list));
    return index < at ? SG_OK : SG_ERR_NOT_FOUND;
}

sg_err sg_mls_decode_external_pub(struct sg_bytes data, struct sg_bytes *out)
{
    struct sg_reader r = sg_reader(data);
    *out = sg_mls_read_vector(&r);
    return sg_reader_done(&r);
}
