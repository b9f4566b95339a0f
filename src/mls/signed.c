#include "mls/signed.h"

/* What follows the leaf's own fields in LeafNodeTBS. */
struct leaf_tail {
    uint8_t group_id_len[4];
    uint8_t leaf[4];
    size_t len_len;
};

static struct leaf_tail leaf_tail(const struct sg_mls_leaf_place *place)
{
    struct leaf_tail tail;
    struct sg_writer w = sg_writer(tail.group_id_len, sizeof(tail.group_id_len));
    sg_write_varint(&w, place->group_id.len);
    tail.len_len = w.len;
    w = sg_writer(tail.leaf, sizeof(tail.leaf));
    sg_write_u32(&w, place->leaf);
    return tail;
}

static void leaf_parts(const struct sg_mls_leaf *leaf, struct sg_bytes own,
                       const struct sg_mls_leaf_place *place, const struct leaf_tail *tail,
                       struct sg_bytes parts[4])
{
    bool has_place = leaf->source != SG_MLS_LEAF_KEY_PACKAGE;
    parts[0] = own;
    parts[1] = sg_bytes(tail->group_id_len, has_place ? tail->len_len : 0);
    parts[2] = has_place ? place->group_id : sg_bytes(NULL, 0);
    parts[3] = sg_bytes(tail->leaf, has_place ? sizeof(tail->leaf) : 0);
}

static void write_leaf_unsigned(struct sg_writer *w, const void *leaf)
{
    sg_mls_write_leaf_unsigned(w, leaf);
}

static void write_leaf(struct sg_writer *w, const void *leaf)
{
    sg_mls_write_leaf(w, leaf);
}

sg_err sg_mls_leaf_sign(const struct sg_mls_signer *signer, struct sg_mls_arena *arena,
                        const struct sg_mls_leaf_place *place, struct sg_mls_leaf *leaf)
{
    static const struct sg_mls_leaf_place nowhere = {{NULL, 0}, 0};
    struct leaf_tail tail = leaf_tail(place == NULL ? &nowhere : place);
    struct sg_bytes own, raw, parts[4];
    SG_TRY(sg_mls_encode(arena, write_leaf_unsigned, leaf, &own));
    leaf_parts(leaf, own, place == NULL ? &nowhere : place, &tail, parts);
    struct sg_mls_signing in = {
        signer->private_key, signer->ready, SG_BYTES_LIT("LeafNodeTBS"), {parts, 4}};
    SG_TRY(sg_mls_sign_label(signer->suite, signer->random, arena, &in, &leaf->signature));
    SG_TRY(sg_mls_encode(arena, write_leaf, leaf, &raw));
    struct sg_reader r = sg_reader(raw);
    sg_mls_read_leaf(&r, leaf);
    return sg_reader_done(&r);
}

sg_err sg_mls_leaf_verify(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                          const struct sg_mls_leaf_place *place, const struct sg_mls_leaf *leaf)
{
    static const struct sg_mls_leaf_place nowhere = {{NULL, 0}, 0};
    struct sg_bytes parts[4];
    struct leaf_tail tail = leaf_tail(place == NULL ? &nowhere : place);
    leaf_parts(leaf, leaf->signed_at, place == NULL ? &nowhere : place, &tail, parts);
    struct sg_mls_signing in = {leaf->signature_key, NULL, SG_BYTES_LIT("LeafNodeTBS"), {parts, 4}};
    return sg_mls_verify_label(suite, mem, &in, leaf->signature);
}

static void write_key_package_unsigned(struct sg_writer *w, const void *key_package)
{
    sg_mls_write_key_package_unsigned(w, key_package);
}

static void write_key_package(struct sg_writer *w, const void *key_package)
{
    sg_mls_write_key_package(w, key_package);
}

sg_err sg_mls_key_package_sign(const struct sg_mls_signer *signer, struct sg_mls_arena *arena,
                               struct sg_mls_key_package *key_package)
{
    struct sg_bytes own, raw;
    SG_TRY(sg_mls_encode(arena, write_key_package_unsigned, key_package, &own));
    struct sg_mls_signing in = {signer->private_key, signer->ready, SG_BYTES_LIT("KeyPackageTBS"),
                                SG_MLS_PARTS(own)};
    SG_TRY(sg_mls_sign_label(signer->suite, signer->random, arena, &in, &key_package->signature));
    SG_TRY(sg_mls_encode(arena, write_key_package, key_package, &raw));
    struct sg_reader r = sg_reader(raw);
    sg_mls_read_key_package(&r, key_package);
    return sg_reader_done(&r);
}

sg_err sg_mls_key_package_verify(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                                 const struct sg_mls_key_package *key_package)
{
    struct sg_mls_signing in = {key_package->leaf.signature_key, NULL,
                                SG_BYTES_LIT("KeyPackageTBS"),
                                SG_MLS_PARTS(key_package->signed_at)};
    return sg_mls_verify_label(suite, mem, &in, key_package->signature);
}

static void write_group_info_unsigned(struct sg_writer *w, const void *info)
{
    sg_mls_write_group_info_unsigned(w, info);
}

sg_err sg_mls_group_info_sign(const struct sg_mls_signer *signer, struct sg_mls_arena *arena,
                              struct sg_mls_group_info *info)
{
    SG_TRY(sg_mls_encode(arena, write_group_info_unsigned, info, &info->signed_at));
    struct sg_mls_signing in = {signer->private_key, signer->ready, SG_BYTES_LIT("GroupInfoTBS"),
                                SG_MLS_PARTS(info->signed_at)};
    return sg_mls_sign_label(signer->suite, signer->random, arena, &in, &info->signature);
}

sg_err sg_mls_group_info_verify(const struct sg_mls_suite *suite, const struct sg_mem *mem,
                                struct sg_bytes public_key, const struct sg_mls_group_info *info)
{
    struct sg_mls_signing in = {public_key, NULL, SG_BYTES_LIT("GroupInfoTBS"),
                                SG_MLS_PARTS(info->signed_at)};
    return sg_mls_verify_label(suite, mem, &in, info->signature);
}
