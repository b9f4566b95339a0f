#include <stdio.h>
#include <stdlib.h>

#include "runtime/mls_impl.h"

void sg_mls_member_state(const struct sg_mls_member *member, struct sg_mls_state_info *out)
{
    const struct sg_mls_group *group = member->group;
    *out = (struct sg_mls_state_info){
        .suite = group->suite->id,
        .epoch = group->epoch->context.epoch,
        .own_leaf = sg_mls_group_leaf(group),
        .members = group->tree.members,
        .leaves = group->tree.leaves,
        .waiting = group->cache_count,
        .has_pending = group->pending != NULL,
        .is_closed = group->closing.raw != NULL,
        .group_id = group->epoch->context.group_id,
    };
    for (uint32_t i = 1; i < sg_mls_node_count(group->tree.leaves); i += 2)
        out->blank_parents += group->tree.nodes[i] == NULL;
}

sg_err sg_mls_member_leaf(const struct sg_mls_member *member, uint32_t leaf,
                          struct sg_mls_leaf_info *out)
{
    struct sg_mls_leaf decoded;
    if (!sg_mls_tree_has_leaf(&member->group->tree, leaf))
        return SG_ERR_NOT_FOUND;
    sg_mls_tree_leaf(&member->group->tree, leaf, &decoded);
    *out = (struct sg_mls_leaf_info){decoded.credential.type, decoded.credential.body,
                                     decoded.signature_key};
    return SG_OK;
}

/* Has the member an epoch with secrets? */
static sg_err check_epoch(const struct sg_mls_member *member)
{
    SG_TRY(sg_mls_member_check(member));
    if (member->group->is_removed)
        return SG_ERR_MLS_REMOVED;
    return sg_mls_group_leaf(member->group) == UINT32_MAX ? SG_ERR_INVALID_STATE : SG_OK;
}

sg_err sg_mls_member_export(const struct sg_mls_member *member, struct sg_bytes label,
                            struct sg_bytes context, uint8_t *out, size_t len)
{
    SG_TRY(check_epoch(member));
    const struct sg_mls_suite *suite = member->group->suite;
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, &member->group->epoch->secrets.exporter),
                               label, context};
    return sg_mls_exporter(suite, &in, out, len);
}

sg_err sg_mls_member_authenticator(const struct sg_mls_member *member, uint8_t *out, size_t *len)
{
    SG_TRY(check_epoch(member));
    *len = member->group->suite->hash_len;
    memcpy(out, member->group->epoch->secrets.authenticator.b, *len);
    return SG_OK;
}

sg_err sg_mls_member_info(const struct sg_mls_member *member, bool with_tree, bool for_external,
                          struct sg_mls_blob *out)
{
    struct sg_mls_info_options options = {.has_tree = with_tree, .has_external_pub = for_external};
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(check_epoch(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_group_info(member->group, &arena, &options, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}

static void write_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

sg_err sg_mls_member_tree(const struct sg_mls_member *member, struct sg_mls_blob *out)
{
    struct sg_mls_arena arena;
    struct sg_bytes bytes;
    SG_TRY(check_epoch(member));
    sg_mls_client_arena(member->client, &arena);
    sg_err err = sg_mls_encode(&arena, write_tree, &member->group->tree, &bytes);
    if (err == SG_OK)
        err = sg_mls_blob_copy(bytes, out);
    sg_mls_arena_fini(&arena);
    return err;
}

/* ---- in words ---- */

struct text {
    char *at;
    size_t len;
    size_t cap;
};

static void line(struct text *t, const char *name, const char *value)
{
    int wrote = snprintf(t->at + t->len, t->cap - t->len, "%s: %s\n", name, value);
    if (wrote > 0 && (size_t)wrote < t->cap - t->len)
        t->len += (size_t)wrote;
}

static void line_number(struct text *t, const char *name, uint64_t value)
{
    char number[32];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
    line(t, name, number);
}

static void line_hex(struct text *t, const char *name, struct sg_bytes bytes)
{
    char hex[2 * 32 + 4];
    size_t shown = bytes.len < 32 ? bytes.len : 32;
    sg_hex(bytes.data, shown, hex);
    if (shown < bytes.len)
        memcpy(hex + 2 * shown, "...", 4);
    line(t, name, hex);
}

static const char *content_name(uint8_t type)
{
    return type == SG_MLS_APPLICATION ? "application"
           : type == SG_MLS_PROPOSAL  ? "proposal"
                                      : "commit";
}

static void describe_public(struct text *t, const struct sg_mls_public_message *message)
{
    const struct sg_mls_content *content = &message->content;
    static const char *const senders[] = {"member", "external", "new member, proposal",
                                          "new member, commit"};
    line(t, "message", "public");
    line_hex(t, "group", content->group_id);
    line_number(t, "epoch", content->epoch);
    line(t, "sender", senders[content->sender.type - 1]);
    line_number(t, "index", content->sender.index);
    line(t, "content", content_name(content->type));
    if (content->type == SG_MLS_PROPOSAL)
        line_number(t, "proposal type", content->proposal.type);
    if (content->type != SG_MLS_COMMIT)
        return;
    line_number(t, "proposals", content->commit.count);
    line(t, "path", content->commit.path == NULL ? "no" : "yes");
}

static void describe_package(struct text *t, const struct sg_mls_key_package *package)
{
    line(t, "message", "key package");
    line_number(t, "suite", package->suite);
    line_number(t, "credential type", package->leaf.credential.type);
    line_hex(t, "credential", package->leaf.credential.body);
    line_hex(t, "signature key", package->leaf.signature_key);
    line_number(t, "not before", package->leaf.not_before);
    line_number(t, "not after", package->leaf.not_after);
    line(t, "last resort", sg_mls_package_is_last_resort(package) ? "yes" : "no");
}

static void describe(struct text *t, const struct sg_mls_message *message)
{
    switch (message->wire_format) {
    case SG_MLS_WIRE_PUBLIC:
        describe_public(t, &message->u.public_message);
        break;
    case SG_MLS_WIRE_PRIVATE:
        line(t, "message", "private");
        line_hex(t, "group", message->u.private_message.group_id);
        line_number(t, "epoch", message->u.private_message.epoch);
        line(t, "content", content_name(message->u.private_message.type));
        line_number(t, "ciphertext bytes", message->u.private_message.ciphertext.len);
        break;
    case SG_MLS_WIRE_WELCOME:
        line(t, "message", "welcome");
        line_number(t, "suite", message->u.welcome.suite);
        line_number(t, "new members", message->u.welcome.count);
        break;
    case SG_MLS_WIRE_GROUP_INFO:
        line(t, "message", "group info");
        line_number(t, "suite", message->u.group_info.context.suite);
        line_hex(t, "group", message->u.group_info.context.group_id);
        line_number(t, "epoch", message->u.group_info.context.epoch);
        line_number(t, "signer", message->u.group_info.signer);
        break;
    default:
        describe_package(t, &message->u.key_package);
    }
}

sg_err sg_mls_describe(struct sg_bytes message, struct sg_mls_blob *out)
{
    char lines[2048];
    struct text text = {lines, 0, sizeof(lines)};
    struct sg_mls_arena arena;
    struct sg_mls_message *decoded;
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    decoded = sg_mls_arena_new(&arena, 1, sizeof(*decoded));
    sg_err err = decoded == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK)
        err = sg_mls_decode_message(message, &arena, decoded);
    if (err == SG_OK) {
        describe(&text, decoded);
        err = sg_mls_blob_copy(sg_bytes(lines, text.len), out);
    }
    sg_mls_arena_fini(&arena);
    return err;
}
