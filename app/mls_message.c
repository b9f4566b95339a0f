/* 'saorsa mls': messages that come and go, and looking at things. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_out.h"
#include "mls_actions.h"
#include "table.h"

static int print_json(json_t *object)
{
    return sg_json_print(object) ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

/* Bytes as "text" or "base64" in an object of their own. */
static json_t *json_bytes(struct sg_bytes bytes)
{
    json_t *object = json_object();
    if (sg_json_set_payload(object, bytes))
        return object;
    json_decref(object);
    return NULL;
}

/* ---- what came ---- */

static const char *got_name(enum sg_mls_got got)
{
    switch (got) {
    case SG_MLS_GOT_DATA:
        return "data";
    case SG_MLS_GOT_PROPOSAL:
        return "proposal";
    case SG_MLS_GOT_COMMIT:
        return "commit";
    case SG_MLS_GOT_REMOVED:
        return "removed";
    case SG_MLS_GOT_OWN:
        return "own";
    }
    return "?";
}

static json_t *json_leaves(const uint32_t *leaves, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_integer(leaves[i]));
    return array;
}

static int tell_json(const struct sg_mls_received *received)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "got", json_string(got_name(received->got)));
    (void)json_object_set_new(object, "epoch", json_integer((json_int_t)received->epoch));
    (void)json_object_set_new(object, "sender",
                              received->sender == UINT32_MAX ? json_null()
                                                             : json_integer(received->sender));
    if (received->got == SG_MLS_GOT_DATA)
        (void)json_object_set_new(object, "data", json_bytes(received->data));
    (void)json_object_set_new(object, "authenticated_data",
                              json_bytes(received->authenticated_data));
    (void)json_object_set_new(object, "added", json_leaves(received->added, received->added_count));
    (void)json_object_set_new(object, "removed",
                              json_leaves(received->removed, received->removed_count));
    (void)json_object_set_new(object, "closed", json_boolean(received->is_closed));
    return print_json(object);
}

static void print_leaves(const char *what, const uint32_t *leaves, size_t count)
{
    if (count == 0)
        return;
    printf(", %s leaf", what);
    for (size_t i = 0; i < count; i++)
        printf(" %u", leaves[i]);
}

static void print_sender(const struct sg_mls_box *box, uint32_t leaf)
{
    struct sg_mls_leaf_info info;
    if (leaf == UINT32_MAX)
        printf(" from outside");
    else if (sg_mls_member_leaf(box->member, leaf, &info) == SG_OK &&
             sg_json_is_text(info.credential))
        printf(" from %.*s (leaf %u)", (int)info.credential.len, (const char *)info.credential.data,
               leaf);
    else
        printf(" from leaf %u", leaf);
}

static int tell_text(const struct sg_mls_box *box, const struct sg_mls_received *received)
{
    switch (received->got) {
    case SG_MLS_GOT_DATA:
        printf("data");
        print_sender(box, received->sender);
        printf(", %zu bytes: ", received->data.len);
        if (sg_json_is_text(received->data))
            printf("%.*s", (int)received->data.len, (const char *)received->data.data);
        else
            printf("(binary; 'unprotect --out FILE' would have written it)");
        break;
    case SG_MLS_GOT_PROPOSAL:
        printf("proposal");
        print_sender(box, received->sender);
        printf(": it waits for a commit");
        break;
    case SG_MLS_GOT_COMMIT:
        printf("commit");
        print_sender(box, received->sender);
        printf(": epoch %llu begins", (unsigned long long)received->epoch + 1);
        print_leaves("added", received->added, received->added_count);
        print_leaves("removed", received->removed, received->removed_count);
        printf("%s", received->is_closed ? ", the group is closed" : "");
        break;
    case SG_MLS_GOT_REMOVED:
        printf("commit: this client is no longer a member");
        break;
    case SG_MLS_GOT_OWN:
        printf("a message of one's own came back: nothing happened");
        break;
    }
    printf("\n");
    return SG_EXIT_OK;
}

int sg_mls_do_process(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_received received;
    struct sg_mls_blob message;
    if (!sg_mls_read(args->rest[0], &message))
        return SG_EXIT_FAILURE;
    sg_err err = sg_mls_member_receive(box->member, sg_mls_bytes(&message), &received);
    int code;
    if (err != SG_OK) {
        code = sg_mls_complain(args->rest[0], err);
    } else {
        code = args->json ? tell_json(&received) : tell_text(box, &received);
        sg_mls_received_free(&received);
    }
    sg_mls_blob_free(&message);
    return code;
}

static bool is_data_message(struct sg_bytes message)
{
    /* MLSMessage: version, wire format 2; PrivateMessage: group id, epoch, content type 1 */
    size_t at = 4, len;
    if (message.len < 5 || message.data[2] != 0 || message.data[3] != 2)
        return false;
    unsigned form = message.data[at] >> 6;
    len = message.data[at++] & 0x3f;
    for (unsigned i = 1; i < 1u << form && form < 3 && at < message.len; i++)
        len = len << 8 | message.data[at++];
    return message.len - at > len + 8 && message.data[at + len + 8] == 1;
}

int sg_mls_do_unprotect(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_received received;
    struct sg_mls_blob message;
    int code = SG_EXIT_FAILURE;
    if (!sg_mls_read(args->rest[0], &message))
        return SG_EXIT_FAILURE;
    if (!is_data_message(sg_mls_bytes(&message))) {
        sg_complain("%s is no encrypted data: 'saorsa mls process' takes proposals and commits",
                    args->rest[0]);
        sg_mls_blob_free(&message);
        return SG_EXIT_FAILURE;
    }
    sg_err err = sg_mls_member_receive(box->member, sg_mls_bytes(&message), &received);
    if (err != SG_OK) {
        sg_mls_complain(args->rest[0], err);
    } else if (received.got != SG_MLS_GOT_DATA) {
        sg_complain("%s is one's own message, which only the others can read", args->rest[0]);
    } else if (args->json) {
        code = tell_json(&received);
    } else {
        const struct sg_mls_blob data = {(uint8_t *)(uintptr_t)received.data.data,
                                         received.data.len};
        bool is_plain = args->out == NULL && sg_json_is_text(received.data);
        if (is_plain)
            code =
                fwrite(data.data, 1, data.len, stdout) == data.len ? SG_EXIT_OK : SG_EXIT_FAILURE;
        else
            code = sg_mls_write(args->out, &data) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    }
    if (err == SG_OK)
        sg_mls_received_free(&received);
    sg_mls_blob_free(&message);
    return code;
}

int sg_mls_do_protect(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob data, message;
    if (!sg_mls_read(args->rest[0], &data))
        return SG_EXIT_FAILURE;
    sg_err err =
        sg_mls_member_protect(box->member, sg_mls_bytes(&data), sg_mls_text(args->aad), &message);
    sg_mls_blob_free(&data);
    if (err != SG_OK)
        return sg_mls_complain("protect", err);
    bool is_written = sg_mls_write(args->out, &message);
    sg_mls_blob_free(&message);
    return is_written ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

/* ---- looking ---- */

static json_t *json_members(const struct sg_mls_member *member, uint32_t leaves)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < leaves; i++) {
        struct sg_mls_leaf_info info;
        if (sg_mls_member_leaf(member, i, &info) != SG_OK)
            continue;
        json_t *one = json_object();
        (void)json_object_set_new(one, "leaf", json_integer(i));
        (void)json_object_set_new(one, "credential_type", json_integer(info.credential_type));
        (void)json_object_set_new(one, "credential", json_bytes(info.credential));
        (void)json_array_append_new(array, one);
    }
    return array;
}

static int members_json(const struct sg_mls_member *member, const struct sg_mls_state_info *state)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "group", json_bytes(state->group_id));
    (void)json_object_set_new(object, "suite", json_integer(state->suite));
    (void)json_object_set_new(object, "epoch", json_integer((json_int_t)state->epoch));
    (void)json_object_set_new(object, "own_leaf", json_integer(state->own_leaf));
    (void)json_object_set_new(object, "leaves", json_integer(state->leaves));
    (void)json_object_set_new(object, "blank_parents", json_integer(state->blank_parents));
    (void)json_object_set_new(object, "waiting_proposals", json_integer(state->waiting));
    (void)json_object_set_new(object, "pending_commit", json_boolean(state->has_pending));
    (void)json_object_set_new(object, "closed", json_boolean(state->is_closed));
    (void)json_object_set_new(object, "members", json_members(member, state->leaves));
    return print_json(object);
}

static void add_credential(struct sg_app_table *table, const struct sg_mls_leaf_info *info)
{
    if (sg_json_is_text(info->credential))
        sg_app_table_add(table, "%.*s", (int)info->credential.len,
                         (const char *)info->credential.data);
    else
        sg_app_table_add(table, "(%zu bytes, type %u)", info->credential.len,
                         info->credential_type);
}

int sg_mls_do_members(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_state_info state;
    struct sg_app_table table;
    sg_mls_member_state(box->member, &state);
    if (args->json)
        return members_json(box->member, &state);
    printf("epoch %llu, %u members, %u of %u inner nodes blank%s%s\n",
           (unsigned long long)state.epoch, state.members, state.blank_parents, state.leaves - 1,
           state.has_pending ? ", a commit is pending" : "",
           state.is_closed ? ", the group is closed" : "");
    if (state.waiting > 0)
        printf("%u proposals wait for a commit\n", state.waiting);
    sg_app_table_init(&table, 3);
    sg_app_table_add(&table, "LEAF");
    sg_app_table_add(&table, "MEMBER");
    sg_app_table_add(&table, "%s", "");
    for (uint32_t i = 0; i < state.leaves; i++) {
        struct sg_mls_leaf_info info;
        if (sg_mls_member_leaf(box->member, i, &info) != SG_OK)
            continue;
        sg_app_table_add(&table, "%u", i);
        add_credential(&table, &info);
        sg_app_table_add(&table, "%s", i == state.own_leaf ? "this client" : "");
    }
    sg_app_table_print(&table, "", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

int sg_mls_do_groups(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    json_t *array = json_array();
    struct sg_mls_blob id;
    for (size_t i = 0; sg_mls_file_group(box->file, i, &id) == SG_OK; i++) {
        struct sg_bytes bytes = sg_mls_bytes(&id);
        if (args->json)
            (void)json_array_append_new(array, json_bytes(bytes));
        else if (sg_json_is_text(bytes))
            printf("%.*s\n", (int)bytes.len, (const char *)bytes.data);
        else
            printf("(%zu bytes)\n", bytes.len);
        sg_mls_blob_free(&id);
    }
    if (args->json)
        return print_json(json_pack("{s:o}", "groups", array));
    json_decref(array);
    return SG_EXIT_OK;
}

int sg_mls_do_export(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    uint8_t secret[4096];
    sg_err err = sg_mls_member_export(box->member, sg_mls_text(args->rest[0]),
                                      sg_mls_text(args->context), secret, (size_t)args->length);
    if (err != SG_OK)
        return sg_mls_complain("export", err);
    for (size_t i = 0; i < args->length; i++)
        printf("%02x", secret[i]);
    printf("\n");
    explicit_bzero(secret, sizeof(secret));
    return SG_EXIT_OK;
}

static int give(const struct sg_mls_args *args, sg_err err, struct sg_mls_blob *blob)
{
    if (err != SG_OK)
        return sg_mls_complain("mls", err);
    bool is_written = sg_mls_write(args->out, blob);
    sg_mls_blob_free(blob);
    return is_written ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

int sg_mls_do_tree(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob tree;
    return give(args, sg_mls_member_tree(box->member, &tree), &tree);
}

int sg_mls_do_info(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob info;
    return give(args, sg_mls_member_info(box->member, !args->tree_beside, true, &info), &info);
}

/* "name: value" lines as an object; numbers stay text, they may be large. */
static json_t *json_lines(const struct sg_mls_blob *words)
{
    json_t *object = json_object();
    const char *at = (const char *)words->data, *end = at + words->len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        const char *colon = stop == NULL ? NULL : memmem(at, (size_t)(stop - at), ": ", 2);
        if (colon == NULL)
            break;
        json_t *value = json_stringn(colon + 2, (size_t)(stop - colon - 2));
        (void)json_object_setn_new(object, at, (size_t)(colon - at), value);
        at = stop + 1;
    }
    return object;
}

int sg_mls_do_inspect(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message, words;
    (void)box;
    if (!sg_mls_read(args->rest[0], &message))
        return SG_EXIT_FAILURE;
    sg_err err = sg_mls_describe(sg_mls_bytes(&message), &words);
    sg_mls_blob_free(&message);
    if (err != SG_OK)
        return sg_mls_complain(args->rest[0], err);
    int code = SG_EXIT_OK;
    if (args->json)
        code = print_json(json_lines(&words));
    else if (fwrite(words.data, 1, words.len, stdout) != words.len)
        code = SG_EXIT_FAILURE;
    sg_mls_blob_free(&words);
    return code;
}

int sg_mls_do_suites(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_suite_info info;
    json_t *array = json_array();
    (void)box;
    for (size_t i = 0; sg_mls_suite_at(i, &info) == SG_OK; i++) {
        if (args->json)
            (void)json_array_append_new(array,
                                        json_pack("{s:i,s:s,s:b}", "id", info.id, "name", info.name,
                                                  "post_quantum", info.is_post_quantum));
        else
            printf("0x%04x  %s\n", info.id, info.name);
    }
    if (args->json)
        return print_json(json_pack("{s:o}", "suites", array));
    json_decref(array);
    return SG_EXIT_OK;
}
