/* 'saorsa mls': becoming a member, proposing, committing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mls_actions.h"

#define DAY_S UINT64_C(86400)

/* Writes a result, or complains about err. */
static int give(const struct sg_mls_args *args, sg_err err, struct sg_mls_blob *blob)
{
    if (err != SG_OK)
        return sg_mls_complain(args->rest[0] != NULL ? args->rest[0] : "mls", err);
    bool is_written = sg_mls_write(args->out, blob);
    sg_mls_blob_free(blob);
    return is_written ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

int sg_mls_do_package(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    const struct sg_mls_package_request request = {args->days * DAY_S, args->last_resort};
    struct sg_mls_blob package, secret;
    sg_err err = sg_mls_client_package(box->client, &request, &package, &secret);
    if (err != SG_OK)
        return sg_mls_complain(box->dir, err);
    /* what is given away must be usable */
    bool is_kept = sg_mls_box_keep_secret(box, &secret, args->last_resort);
    sg_mls_blob_free(&secret);
    if (!is_kept) {
        sg_mls_blob_free(&package);
        return SG_EXIT_FAILURE;
    }
    return give(args, SG_OK, &package);
}

int sg_mls_do_create(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    sg_err err = sg_mls_member_create(box->client, sg_mls_text(args->rest[0]), &box->member);
    return err == SG_OK ? SG_EXIT_OK : sg_mls_complain(args->rest[0], err);
}

int sg_mls_do_join(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob welcome, tree = {NULL, 0};
    if (!sg_mls_read(args->rest[0], &welcome))
        return SG_EXIT_FAILURE;
    if (args->tree != NULL && !sg_mls_read(args->tree, &tree)) {
        sg_mls_blob_free(&welcome);
        return SG_EXIT_FAILURE;
    }
    const struct sg_mls_join_request request = {.welcome = sg_mls_bytes(&welcome),
                                                .tree = sg_mls_bytes(&tree)};
    sg_err err = sg_mls_box_join(box, &request);
    sg_mls_blob_free(&welcome);
    sg_mls_blob_free(&tree);
    return err == SG_OK ? SG_EXIT_OK : sg_mls_complain(args->rest[0], err);
}

/* With the earlier member of the group, if one is there: it has the secrets of past epochs. */
static sg_err join_external(struct sg_mls_box *box, const struct sg_mls_args *args,
                            struct sg_mls_external_request *request, struct sg_mls_blob *commit)
{
    struct sg_bytes psks[SG_OPT_LIST_MAX];
    uint64_t resume[SG_OPT_LIST_MAX];
    struct sg_mls_member *old = NULL;
    if (args->resume.count > 0) {
        if (!sg_mls_read_epochs(&args->resume, resume) || !sg_mls_box_load(box, args->group))
            return SG_ERR_NOT_FOUND;
        old = box->member;
        box->member = NULL;
    }
    for (size_t i = 0; i < args->psk.count; i++)
        psks[i] = sg_mls_text(args->psk.items[i]);
    request->psks = psks;
    request->psk_count = args->psk.count;
    request->resume = resume;
    request->resume_count = args->resume.count;
    request->old = old;
    sg_err err = sg_mls_member_join_external(box->client, request, &box->member, commit);
    sg_mls_member_free(old);
    if (err != SG_OK)
        sg_mls_complain(args->rest[0], err);
    return err;
}

int sg_mls_do_join_external(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob info, commit, tree = {NULL, 0};
    if (!sg_mls_read(args->rest[0], &info))
        return SG_EXIT_FAILURE;
    if (args->tree != NULL && !sg_mls_read(args->tree, &tree)) {
        sg_mls_blob_free(&info);
        return SG_EXIT_FAILURE;
    }
    struct sg_mls_external_request request = {.group_info = sg_mls_bytes(&info),
                                              .tree = sg_mls_bytes(&tree),
                                              .removes_prior = args->resync};
    sg_err err = join_external(box, args, &request, &commit);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&tree);
    return err == SG_OK ? give(args, SG_OK, &commit) : SG_EXIT_FAILURE;
}

/* ---- who ---- */

static bool is_named(const struct sg_mls_member *member, uint32_t leaf, struct sg_bytes name)
{
    struct sg_mls_leaf_info info;
    return sg_mls_member_leaf(member, leaf, &info) == SG_OK && info.credential.len == name.len &&
           memcmp(info.credential.data, name.data, name.len) == 0;
}

bool sg_mls_find_leaf(const struct sg_mls_member *member, const char *text, uint32_t *leaf)
{
    struct sg_mls_state_info state;
    uint32_t found = 0;
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    sg_mls_member_state(member, &state);
    for (uint32_t i = 0; i < state.leaves; i++) {
        if (!is_named(member, i, sg_mls_text(text)))
            continue;
        *leaf = i;
        found++;
    }
    if (found == 0 && end != text && *end == '\0' && number < state.leaves) {
        *leaf = (uint32_t)number;
        return true;
    }
    if (found > 1)
        sg_complain("%u members are called '%.80s': name one by its leaf ('saorsa mls members')",
                    found, text);
    else if (found == 0)
        sg_complain("nobody in the group is '%.80s' ('saorsa mls members' lists all)", text);
    return found == 1;
}

/* ---- proposals ---- */

int sg_mls_do_add(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob package, message;
    if (!sg_mls_read(args->rest[0], &package))
        return SG_EXIT_FAILURE;
    sg_err err = sg_mls_member_propose_add(box->member, sg_mls_bytes(&package), &message);
    sg_mls_blob_free(&package);
    return give(args, err, &message);
}

int sg_mls_do_remove(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message;
    uint32_t leaf;
    if (!sg_mls_find_leaf(box->member, args->rest[0], &leaf))
        return SG_EXIT_FAILURE;
    return give(args, sg_mls_member_propose_remove(box->member, leaf, &message), &message);
}

int sg_mls_do_update(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message;
    sg_err err = args->renew ? sg_mls_member_propose_renewal(box->member, &message)
                             : sg_mls_member_propose_update(box->member, &message);
    return give(args, err, &message);
}

int sg_mls_do_leave(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message;
    return give(args, sg_mls_member_propose_leave(box->member, &message), &message);
}

int sg_mls_do_renew(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    uint16_t types[SG_OPT_LIST_MAX];
    for (size_t i = 0; i < args->understands.count; i++) {
        uint64_t type;
        if (!sg_mls_read_number(args->understands.items[i], '\0', UINT16_MAX, &type))
            return sg_opt_usage_error(&sg_cmd_mls, "--understands wants the number of an extension "
                                                   "type, up to 0xffff");
        types[i] = (uint16_t)type;
    }
    const struct sg_mls_box_renewal renewal = {.name = args->rest[0],
                                               .keeps_key = args->keep_key,
                                               .types = types,
                                               .type_count = args->understands.count};
    return sg_mls_box_renew(box, &renewal) ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

/* ---- pre-shared keys ---- */

int sg_mls_do_keep_psk(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob secret;
    if (!sg_mls_read(args->rest[1], &secret))
        return SG_EXIT_FAILURE;
    bool is_kept = sg_mls_box_keep_psk(box, args->rest[0], &secret);
    sg_mls_blob_free(&secret);
    return is_kept ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

int sg_mls_do_psk(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message;
    return give(args, sg_mls_member_propose_psk(box->member, sg_mls_text(args->rest[0]), &message),
                &message);
}

int sg_mls_do_resume(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct sg_mls_blob message;
    uint64_t epoch;
    if (!sg_mls_read_number(args->rest[0], '\0', UINT64_MAX, &epoch))
        return sg_opt_usage_error(&sg_cmd_mls, "resume wants the number of an epoch, not '%.40s'",
                                  args->rest[0]);
    sg_err err = sg_mls_member_propose_resumption(box->member, epoch, &message);
    if (err != SG_ERR_MLS_PSK)
        return give(args, err, &message);
    sg_complain("the secret of epoch %llu is not kept: this client was no member then, or it is "
                "too long ago",
                (unsigned long long)epoch);
    return SG_EXIT_FAILURE;
}

/* ---- after a commit ---- */

int sg_mls_do_accept(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    (void)args;
    sg_err err = sg_mls_member_accept(box->member);
    if (err == SG_ERR_INVALID_STATE) {
        sg_complain("no commit is pending");
        return SG_EXIT_FAILURE;
    }
    return err == SG_OK ? SG_EXIT_OK : sg_mls_complain("accept", err);
}

int sg_mls_do_discard(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    (void)args;
    sg_err err = sg_mls_member_discard(box->member);
    return err == SG_OK ? SG_EXIT_OK : sg_mls_complain("discard", err);
}

int sg_mls_do_forget(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    sg_err err = sg_mls_file_drop(box->file, sg_mls_text(args->rest[0]));
    return err == SG_OK ? SG_EXIT_OK : sg_mls_complain(args->rest[0], err);
}
