/* Any MLSMessage in words: lines of "name: value", each name once. Nothing is verified here. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/mls_impl.h"

/* ---- lines ---- */

struct text {
    char *at;
    size_t len;
    size_t cap;
    bool is_full; /* no memory */
    char prefix[48];
};

static void put(struct text *t, const char *bytes, size_t len)
{
    if (t->len + len > t->cap) {
        size_t cap = 2 * (t->len + len) + 1024;
        char *grown = realloc(t->at, cap);
        if (grown == NULL) {
            t->is_full = true;
            return;
        }
        t->at = grown;
        t->cap = cap;
    }
    if (len > 0)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
}

static void put_text(struct text *t, const char *text)
{
    put(t, text, strlen(text));
}

static void begin(struct text *t, const char *name)
{
    put_text(t, t->prefix);
    put_text(t, name);
    put_text(t, ": ");
}

static void line(struct text *t, const char *name, const char *value)
{
    begin(t, name);
    put_text(t, value);
    put_text(t, "\n");
}

static void line_number(struct text *t, const char *name, uint64_t value)
{
    char number[32];
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)value);
    line(t, name, number);
}

static void line_bool(struct text *t, const char *name, bool value)
{
    line(t, name, value ? "yes" : "no");
}

static void put_hex(struct text *t, struct sg_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char hex[3];
        (void)snprintf(hex, sizeof(hex), "%02x", bytes.data[i]);
        put(t, hex, 2);
    }
}

static void line_hex(struct text *t, const char *name, struct sg_bytes bytes)
{
    begin(t, name);
    put_hex(t, bytes);
    put_text(t, "\n");
}

/* Text where it is plain ASCII, else hex. */
static void line_name(struct text *t, const char *name, struct sg_bytes bytes)
{
    bool is_plain = bytes.len > 0;
    for (size_t i = 0; i < bytes.len; i++)
        is_plain = is_plain && bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f;
    begin(t, name);
    if (is_plain)
        put(t, (const char *)bytes.data, bytes.len);
    else
        put_hex(t, bytes);
    put_text(t, "\n");
}

static void line_u16s(struct text *t, const char *name, struct sg_bytes list)
{
    begin(t, name);
    for (size_t i = 0; i < sg_mls_u16s_count(list); i++) {
        char number[16];
        (void)snprintf(number, sizeof(number), "%s0x%04x", i > 0 ? " " : "",
                       sg_mls_u16s_at(list, i));
        put_text(t, number);
    }
    put_text(t, "\n");
}

static void line_suite(struct text *t, const char *name, uint16_t id)
{
    const struct sg_mls_suite *suite = sg_mls_suite_find(id);
    char number[96];
    (void)snprintf(number, sizeof(number), "0x%04x%s%s", id, suite == NULL ? "" : " ",
                   suite == NULL ? "" : suite->name);
    line(t, name, number);
}

/* What follows is about item number i of a list. */
static void item(struct text *t, const char *name, uint32_t i)
{
    (void)snprintf(t->prefix, sizeof(t->prefix), "%s %u ", name, i);
}

static void no_item(struct text *t)
{
    t->prefix[0] = '\0';
}

/* ---- parts ---- */

/* ": TYPE NAME, N bytes" for each. */
static void describe_extensions(struct text *t, const char *name, struct sg_bytes rest)
{
    static const char *const names[] = {"",
                                        "application_id",
                                        "ratchet_tree",
                                        "required_capabilities",
                                        "external_pub",
                                        "external_senders",
                                        "app_data_dictionary"};
    struct sg_mls_extension extension;
    bool is_first = true;
    begin(t, name);
    while (sg_mls_extension_next(&rest, &extension)) {
        char one[80];
        const char *known = extension.type == SG_MLS_EXT_LAST_RESORT ? "last_resort"
                            : extension.type < sizeof(names) / sizeof(names[0])
                                ? names[extension.type]
                                : "unknown";
        (void)snprintf(one, sizeof(one), "%s0x%04x %s (%zu bytes)", is_first ? "" : ", ",
                       extension.type, known, extension.data.len);
        put_text(t, one);
        is_first = false;
    }
    put_text(t, "\n");
}

static void describe_leaf(struct text *t, const struct sg_mls_leaf *leaf)
{
    static const char *const sources[] = {"key package", "update", "commit"};
    const struct sg_mls_capabilities *capabilities = &leaf->capabilities;
    line_number(t, "credential type", leaf->credential.type);
    line_name(t, "credential", leaf->credential.body);
    line_hex(t, "signature key", leaf->signature_key);
    line_hex(t, "encryption key", leaf->encryption_key);
    line(t, "leaf source", sources[leaf->source - 1]);
    if (leaf->source == SG_MLS_LEAF_KEY_PACKAGE) {
        line_number(t, "not before", leaf->not_before);
        line_number(t, "not after", leaf->not_after);
    }
    if (leaf->source == SG_MLS_LEAF_COMMIT)
        line_hex(t, "parent hash", leaf->parent_hash);
    line_u16s(t, "versions", capabilities->versions);
    line_u16s(t, "suites", capabilities->suites);
    line_u16s(t, "extension types", capabilities->extensions);
    line_u16s(t, "proposal types", capabilities->proposals);
    line_u16s(t, "credential types", capabilities->credentials);
    describe_extensions(t, "leaf extensions", leaf->extensions);
}

static void describe_package(struct text *t, const struct sg_mls_key_package *package)
{
    line_suite(t, "suite", package->suite);
    line_hex(t, "init key", package->init_key);
    describe_leaf(t, &package->leaf);
    describe_extensions(t, "extensions", package->extensions);
    line_bool(t, "last resort", sg_mls_package_is_last_resort(package));
}

static void describe_psk(struct text *t, const struct sg_mls_psk_id *id)
{
    static const char *const usages[] = {"application", "reinit", "branch"};
    if (id->type == SG_MLS_PSK_EXTERNAL) {
        line_name(t, "external psk", id->id);
        return;
    }
    line_name(t, "psk of group", id->id);
    line_number(t, "psk of epoch", id->epoch);
    line(t, "psk usage", usages[id->usage - 1]);
}

static const char *proposal_name(uint16_t type)
{
    static const char *const names[] = {"",
                                        "add",
                                        "update",
                                        "remove",
                                        "psk",
                                        "reinit",
                                        "external_init",
                                        "group_context_extensions",
                                        "app_data_update",
                                        "app_ephemeral",
                                        "self_remove"};
    return type < sizeof(names) / sizeof(names[0]) && type > 0 ? names[type] : "unknown";
}

static void describe_proposal(struct text *t, const struct sg_mls_proposal *proposal)
{
    line(t, "proposal", proposal_name(proposal->type));
    switch (proposal->type) {
    case SG_MLS_ADD:
        describe_package(t, proposal->u.add);
        break;
    case SG_MLS_UPDATE:
        describe_leaf(t, proposal->u.update);
        break;
    case SG_MLS_REMOVE:
        line_number(t, "removed leaf", proposal->u.removed);
        break;
    case SG_MLS_PSK:
        describe_psk(t, &proposal->u.psk);
        break;
    case SG_MLS_REINIT:
        line_name(t, "new group", proposal->u.reinit.group_id);
        line_suite(t, "new suite", proposal->u.reinit.suite);
        describe_extensions(t, "new extensions", proposal->u.reinit.extensions);
        break;
    case SG_MLS_GROUP_CONTEXT_EXTENSIONS:
        describe_extensions(t, "group extensions", proposal->u.extensions);
        break;
    case SG_MLS_APP_DATA_UPDATE:
    case SG_MLS_APP_EPHEMERAL:
        line_number(t, "component", proposal->u.app_data.component);
        line_bool(t, "removes it", proposal->u.app_data.is_remove);
        line_name(t, "data", proposal->u.app_data.data);
        break;
    case SG_MLS_EXTERNAL_INIT:
    case SG_MLS_SELF_REMOVE:
        break;
    default:
        line_number(t, "proposal type", proposal->type);
        line_hex(t, "proposal body", proposal->u.unknown);
    }
}

static void describe_path(struct text *t, const struct sg_mls_path *path)
{
    item(t, "path", 0);
    describe_leaf(t, &path->leaf);
    for (uint32_t i = 0; i < path->count; i++) {
        item(t, "path", i + 1);
        line_hex(t, "key", path->nodes[i].key);
        line_number(t, "ciphertexts", path->nodes[i].count);
    }
    no_item(t);
}

static void describe_commit(struct text *t, const struct sg_mls_commit *commit)
{
    line_number(t, "proposals", commit->count);
    for (uint32_t i = 0; i < commit->count; i++) {
        item(t, "proposal", i);
        if (commit->proposals[i].is_ref)
            line_hex(t, "reference", commit->proposals[i].ref);
        else
            describe_proposal(t, &commit->proposals[i].proposal);
    }
    no_item(t);
    line_bool(t, "path", commit->path != NULL);
    if (commit->path != NULL)
        describe_path(t, commit->path);
}

/* ---- messages ---- */

static const char *content_name(uint8_t type)
{
    return type == SG_MLS_APPLICATION ? "application"
           : type == SG_MLS_PROPOSAL  ? "proposal"
                                      : "commit";
}

static void describe_public(struct text *t, const struct sg_mls_public_message *message)
{
    static const char *const senders[] = {"member", "external sender", "new member, by proposal",
                                          "new member, by commit"};
    const struct sg_mls_content *content = &message->content;
    line_name(t, "group", content->group_id);
    line_number(t, "epoch", content->epoch);
    line(t, "sender", senders[content->sender.type - 1]);
    if (content->sender.type <= SG_MLS_SENDER_EXTERNAL)
        line_number(t, "sender index", content->sender.index);
    line_name(t, "authenticated data", content->authenticated_data);
    line(t, "content", content_name(content->type));
    if (content->type == SG_MLS_APPLICATION)
        line_number(t, "application bytes", content->application.len);
    if (content->type == SG_MLS_PROPOSAL)
        describe_proposal(t, &content->proposal);
    if (content->type == SG_MLS_COMMIT)
        describe_commit(t, &content->commit);
    line_number(t, "signature bytes", message->auth.signature.len);
}

static void describe_private(struct text *t, const struct sg_mls_private_message *message)
{
    line_name(t, "group", message->group_id);
    line_number(t, "epoch", message->epoch);
    line_name(t, "authenticated data", message->authenticated_data);
    line(t, "content", content_name(message->type));
    line_number(t, "ciphertext bytes", message->ciphertext.len);
}

static void describe_welcome(struct text *t, const struct sg_mls_welcome *welcome)
{
    line_suite(t, "suite", welcome->suite);
    line_number(t, "new members", welcome->count);
    for (uint32_t i = 0; i < welcome->count; i++) {
        item(t, "new member", i);
        line_hex(t, "key package reference", welcome->secrets[i].new_member);
    }
    no_item(t);
    line_number(t, "encrypted group info bytes", welcome->encrypted_group_info.len);
}

static void describe_info(struct text *t, const struct sg_mls_group_info *info)
{
    line_suite(t, "suite", info->context.suite);
    line_name(t, "group", info->context.group_id);
    line_number(t, "epoch", info->context.epoch);
    line_hex(t, "tree hash", info->context.tree_hash);
    line_hex(t, "confirmed transcript hash", info->context.confirmed_hash);
    describe_extensions(t, "group extensions", info->context.extensions);
    describe_extensions(t, "extensions", info->extensions);
    line_hex(t, "confirmation tag", info->confirmation_tag);
    line_number(t, "signer leaf", info->signer);
}

static void describe(struct text *t, const struct sg_mls_message *message)
{
    static const char *const kinds[] = {"public message", "private message", "welcome",
                                        "group info", "key package"};
    line(t, "message", kinds[message->wire_format - 1]);
    switch (message->wire_format) {
    case SG_MLS_WIRE_PUBLIC:
        describe_public(t, &message->u.public_message);
        break;
    case SG_MLS_WIRE_PRIVATE:
        describe_private(t, &message->u.private_message);
        break;
    case SG_MLS_WIRE_WELCOME:
        describe_welcome(t, &message->u.welcome);
        break;
    case SG_MLS_WIRE_GROUP_INFO:
        describe_info(t, &message->u.group_info);
        break;
    default:
        describe_package(t, &message->u.key_package);
    }
}

sg_err sg_mls_describe(struct sg_bytes message, struct sg_mls_blob *out)
{
    struct text text = {.prefix = ""};
    struct sg_mls_arena arena;
    struct sg_mls_message *decoded;
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    decoded = sg_mls_arena_new(&arena, 1, sizeof(*decoded));
    sg_err err = decoded == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    if (err == SG_OK)
        err = sg_mls_decode_message(message, &arena, decoded);
    if (err == SG_OK) {
        describe(&text, decoded);
        err = text.is_full ? SG_ERR_NO_MEMORY : SG_OK;
    }
    if (err == SG_OK)
        err = sg_mls_blob_copy(sg_bytes(text.at, text.len), out);
    free(text.at);
    sg_mls_arena_fini(&arena);
    return err;
}
