/* 'saorsa mls commit': what goes into a commit at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mls_actions.h"

/* What the request points to. */
struct commit {
    struct sg_mls_blob files[3 * SG_OPT_LIST_MAX]; /* all that was read */
    size_t file_count;
    struct sg_bytes add[SG_OPT_LIST_MAX];
    uint32_t remove[SG_OPT_LIST_MAX];
    struct sg_bytes psks[SG_OPT_LIST_MAX];
    uint64_t resume[SG_OPT_LIST_MAX];
    struct sg_mls_extension_item extensions[SG_OPT_LIST_MAX];
    struct sg_mls_app_data_item app_data[SG_OPT_LIST_MAX];
    struct sg_mls_reinit_request reinit;
};

bool sg_mls_read_number(const char *text, char stop, uint64_t max, uint64_t *out)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    /* not base 0, to which 010 is 8 */
    *out = strtoull(text, &end, text[0] == '0' && (text[1] | 32) == 'x' ? 16 : 10);
    return errno == 0 && *end == stop && *out <= max;
}

bool sg_mls_read_epochs(const struct sg_opt_list *list, uint64_t *out)
{
    for (size_t i = 0; i < list->count; i++) {
        if (sg_mls_read_number(list->items[i], '\0', UINT64_MAX, &out[i]))
            continue;
        sg_complain("--resume wants the number of an epoch, not '%.40s'", list->items[i]);
        return false;
    }
    return true;
}

static bool read_file(struct commit *c, const char *path, struct sg_bytes *out)
{
    if (!sg_mls_read(path, &c->files[c->file_count]))
        return false;
    *out = sg_mls_bytes(&c->files[c->file_count++]);
    return true;
}

/* "NUMBER=FILE": the number, and what is in the file. */
static bool read_item(struct commit *c, const char *text, uint16_t *number, struct sg_bytes *out)
{
    uint64_t value;
    if (sg_mls_read_number(text, '=', UINT16_MAX, &value)) {
        *number = (uint16_t)value;
        return read_file(c, strchr(text, '=') + 1, out);
    }
    sg_complain("'%.80s' is not NUMBER=FILE with a number up to 0xffff", text);
    return false;
}

static bool read_lists(const struct sg_mls_box *box, const struct sg_mls_args *args,
                       struct commit *c)
{
    for (size_t i = 0; i < args->add.count; i++)
        if (!read_file(c, args->add.items[i], &c->add[i]))
            return false;
    for (size_t i = 0; i < args->remove.count; i++)
        if (!sg_mls_find_leaf(box->member, args->remove.items[i], &c->remove[i]))
            return false;
    for (size_t i = 0; i < args->psk.count; i++)
        c->psks[i] = sg_mls_text(args->psk.items[i]);
    for (size_t i = 0; i < args->extension.count; i++)
        if (!read_item(c, args->extension.items[i], &c->extensions[i].type, &c->extensions[i].data))
            return false;
    for (size_t i = 0; i < args->app_data.count; i++)
        if (!read_item(c, args->app_data.items[i], &c->app_data[i].component,
                       &c->app_data[i].update))
            return false;
    return sg_mls_read_epochs(&args->resume, c->resume);
}

/* The member has its state after the commit on the disk already; without the file it is of no
 * use. */
static int give_commit(struct sg_mls_box *box, const struct sg_mls_args *args,
                       const struct sg_mls_commit_output *output)
{
    bool has_welcome = output->welcome.len > 0;
    if (sg_mls_write(args->out, &output->commit) &&
        (!has_welcome || sg_mls_write(args->welcome, &output->welcome)))
        return SG_EXIT_OK;
    if (sg_mls_member_discard(box->member) == SG_OK)
        sg_complain("the commit is discarded, since it could not be written");
    return SG_EXIT_FAILURE;
}

static void fill(const struct sg_mls_args *args, struct commit *c,
                 struct sg_mls_commit_request *out)
{
    *out = (struct sg_mls_commit_request){
        .add = c->add,
        .add_count = args->add.count,
        .remove = c->remove,
        .remove_count = args->remove.count,
        .tree_in_welcome = !args->tree_beside,
        .without_waiting = args->without_waiting,
        .renews_leaf = args->renew,
        .psks = c->psks,
        .psk_count = args->psk.count,
        .resume = c->resume,
        .resume_count = args->resume.count,
        .sets_extensions = args->extension.count > 0 || args->no_extensions,
        .extensions = c->extensions,
        .extension_count = args->extension.count,
        .app_data = c->app_data,
        .app_data_count = args->app_data.count,
    };
    if (args->reinit == NULL)
        return;
    c->reinit.group_id = sg_mls_text(args->reinit);
    out->reinit = &c->reinit;
}

static int commit(struct sg_mls_box *box, const struct sg_mls_args *args, struct commit *c)
{
    struct sg_mls_commit_output output;
    struct sg_mls_commit_request request;
    fill(args, c, &request);
    sg_err err = sg_mls_member_commit(box->member, &request, &output);
    if (err != SG_OK)
        return sg_mls_complain("commit", err);
    int code;
    if (output.welcome.len > 0 && args->welcome == NULL) {
        sg_err undone = sg_mls_member_discard(box->member);
        sg_complain("the commit adds members: say with --welcome FILE where their welcome goes "
                    "(nothing was done%s)",
                    undone == SG_OK ? "" : ", but the commit is pending: 'saorsa mls discard'");
        code = SG_EXIT_USAGE;
    } else {
        code = give_commit(box, args, &output);
    }
    sg_mls_commit_output_free(&output);
    return code;
}

int sg_mls_do_commit(struct sg_mls_box *box, const struct sg_mls_args *args)
{
    struct commit *c = calloc(1, sizeof(*c));
    int code = SG_EXIT_FAILURE;
    if (c == NULL)
        return sg_mls_complain("commit", SG_ERR_NO_MEMORY);
    if (args->no_extensions && args->extension.count > 0)
        code =
            sg_opt_usage_error(&sg_cmd_mls, "--extension and --no-extensions exclude each other");
    else if (read_lists(box, args, c))
        code = commit(box, args, c);
    for (size_t i = 0; i < c->file_count; i++)
        sg_mls_blob_free(&c->files[i]);
    free(c);
    return code;
}
