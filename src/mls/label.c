#include "mls/label.h"

#include <assert.h>

#define PREFIX SG_BYTES_LIT("MLS 1.0 ")

struct varint {
    uint8_t b[4];
    size_t len;
};

static struct varint varint_of(size_t value)
{
    struct varint v;
    struct sg_writer w = sg_writer(v.b, sizeof(v.b));
    sg_write_varint(&w, value);
    v.len = w.len;
    return v;
}

static struct sg_bytes varint_bytes(const struct varint *v)
{
    return sg_bytes(v->b, v->len);
}

sg_err sg_mls_expand_label(const struct sg_mls_suite *suite, const struct sg_mls_expand *in,
                           uint8_t *out, size_t len)
{
    uint8_t out_len[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    struct varint label = varint_of(PREFIX.len + in->label.len);
    struct varint context = varint_of(in->context.len);
    if (len > UINT16_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    return suite->expand(suite, in->secret,
                         SG_MLS_PARTS(sg_bytes(out_len, 2), varint_bytes(&label), PREFIX, in->label,
                                      varint_bytes(&context), in->context),
                         out, len);
}

sg_err sg_mls_derive_secret(const struct sg_mls_suite *suite, struct sg_bytes secret,
                            struct sg_bytes label, struct sg_mls_secret *out)
{
    struct sg_mls_expand in = {secret, label, sg_bytes(NULL, 0)};
    return sg_mls_expand_label(suite, &in, out->b, suite->hash_len);
}

sg_err sg_mls_derive_tree_secret(const struct sg_mls_suite *suite, const struct sg_mls_expand *in,
                                 uint32_t generation, uint8_t *out, size_t len)
{
    uint8_t context[4] = {(uint8_t)(generation >> 24), (uint8_t)(generation >> 16),
                          (uint8_t)(generation >> 8), (uint8_t)generation};
    struct sg_mls_expand full = {in->secret, in->label, sg_bytes(context, sizeof(context))};
    return sg_mls_expand_label(suite, &full, out, len);
}

static size_t parts_len(struct sg_mls_parts parts)
{
    size_t len = 0;
    for (size_t i = 0; i < parts.count; i++)
        len += parts.at[i].len;
    return len;
}

#define REF_PARTS_MAX 6

void sg_mls_ref_hash(const struct sg_mls_suite *suite, struct sg_bytes label,
                     struct sg_mls_parts value, uint8_t *out)
{
    struct sg_bytes parts[3 + REF_PARTS_MAX];
    struct varint label_len = varint_of(label.len);
    struct varint value_len = varint_of(parts_len(value));
    size_t count = 0;
    parts[count++] = varint_bytes(&label_len);
    parts[count++] = label;
    parts[count++] = varint_bytes(&value_len);
    assert(value.count <= REF_PARTS_MAX);
    for (size_t i = 0; i < value.count; i++)
        parts[count++] = value.at[i];
    suite->hash(suite, (struct sg_mls_parts){parts, count}, out);
}

void sg_mls_key_package_ref(const struct sg_mls_suite *suite, struct sg_bytes key_package,
                            uint8_t *out)
{
    sg_mls_ref_hash(suite, SG_BYTES_LIT("MLS 1.0 KeyPackage Reference"), SG_MLS_PARTS(key_package),
                    out);
}

void sg_mls_write_label_head(struct sg_writer *w, struct sg_bytes label, size_t len)
{
    sg_write_varint(w, PREFIX.len + label.len);
    sg_write_bytes(w, PREFIX);
    sg_write_bytes(w, label);
    sg_write_varint(w, len);
}

struct labelled {
    struct sg_bytes label;
    struct sg_mls_parts content;
};

/* SignContent and EncryptContext have the same shape. */
static void write_labelled(struct sg_writer *w, const void *what)
{
    const struct labelled *in = what;
    sg_mls_write_label_head(w, in->label, parts_len(in->content));
    for (size_t i = 0; i < in->content.count; i++)
        sg_write_bytes(w, in->content.at[i]);
}

sg_err sg_mls_sign_label(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                         struct sg_mls_arena *arena, const struct sg_mls_signing *in,
                         struct sg_bytes *signature)
{
    struct labelled labelled = {in->label, in->content};
    struct sg_mls_to_sign to_sign = {.private_key = in->key, .ready = in->ready};
    SG_TRY(sg_mls_encode(arena, write_labelled, &labelled, &to_sign.content));
    return sg_mls_sign_encoded(suite, random, arena, &to_sign, signature);
}

sg_err sg_mls_sign_encoded(const struct sg_mls_suite *suite, const struct sg_mls_random *random,
                           struct sg_mls_arena *arena, const struct sg_mls_to_sign *in,
                           struct sg_bytes *signature)
{
    size_t len = 0;
    uint8_t *out = sg_mls_arena_new(arena, suite->sig_max_len, 1);
    if (out == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->sign(suite, random, in, out, &len));
    *signature = sg_bytes(out, len);
    return SG_OK;
}

sg_err sg_mls_verify_label(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                           const struct sg_mls_signing *in, struct sg_bytes signature)
{
    struct labelled labelled = {in->label, in->content};
    struct sg_mls_arena arena;
    struct sg_bytes content;
    sg_mls_arena_init(&arena, mem, suite->wipe);
    sg_err err = sg_mls_encode(&arena, write_labelled, &labelled, &content);
    if (err == SG_OK)
        err = suite->verify(suite, in->key, content, signature);
    sg_mls_arena_fini(&arena);
    return err;
}

sg_err sg_mls_encrypt_context(struct sg_mls_arena *arena, struct sg_bytes label,
                              struct sg_bytes context, struct sg_bytes *info)
{
    struct labelled labelled = {label, SG_MLS_PARTS(context)};
    return sg_mls_encode(arena, write_labelled, &labelled, info);
}
