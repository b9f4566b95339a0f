/* saorsa leave, force-leave, meta: what a node tells the others about itself, and of the lost. */
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "json_out.h"
#include "meta_arg.h"
#include "options.h"
#include "peer_ref.h"

struct leave_args {
    struct sg_app_path_options paths;
    bool json;
};

/* Options that all of these have, to be put into a table. */
#define LEAVE_OPTIONS(args)                                                                        \
    {"dir", SG_OPT_TEXT, &(args).paths.dir, "DIR", "state folder of the node", 0, 0},              \
        {"socket", SG_OPT_TEXT, &(args).paths.socket, "PATH", "control socket of the node", 0, 0}, \
    {                                                                                              \
        "json", SG_OPT_FLAG, &(args).json, NULL, "print {\"ok\": true}", 0, 0                      \
    }

/* ---- leave --------------------------------------------------------------------------------- */

static int run_leave(int argc, char **argv)
{
    struct leave_args args = {0};
    const struct sg_opt opts[] = {LEAVE_OPTIONS(args)};
    const struct sg_opt_set set = {&sg_cmd_leave, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (!sg_ctl_client_open(&client, &args.paths, &code))
        return code;
    code = sg_ctl_client_ask_simple(&client, SG_CTL_LEAVE, &answer);
    if (code == SG_EXIT_OK) {
        json_decref(answer);
        code = sg_ctl_client_wait_end(&client);
    }
    sg_ctl_client_close(&client);
    if (code == SG_EXIT_OK && args.json)
        code = sg_json_print(json_pack("{s:b}", "ok", 1)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    return code;
}

const struct sg_command sg_cmd_leave = {
    .name = "leave",
    .summary = "Take the node out of the network: goodbye to all, then it ends.",
    .usage = "[--json] [...]",
    .about =
        "The members hear that the node has left, so that nobody takes it for failed. It ends\n"
        "when the goodbyes have arrived, after 2 seconds at the latest, and this command\n"
        "returns then. 'saorsa stop', SIGINT and SIGTERM also say goodbye, but the command\n"
        "returns at once and the node waits for 1 second at most. In either way the identity,\n"
        "the contacts and what the node knows of others stay in the state folder, and it may\n"
        "come back.",
    .example = "  saorsa leave",
    .run = run_leave,
};

/* ---- force-leave --------------------------------------------------------------------------- */

static int run_force_leave(int argc, char **argv)
{
    struct leave_args args = {0};
    struct sg_ctl_request request = {.op = SG_CTL_FORCE_LEAVE};
    struct sg_app_ref ref;
    const struct sg_opt opts[] = {LEAVE_OPTIONS(args)};
    const struct sg_opt_set set = {&sg_cmd_force_leave, opts, SG_COUNT(opts), 1, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (!sg_app_ref_begin(&ref, rest.items[0], strlen(rest.items[0])))
        return sg_opt_usage_error(
            &sg_cmd_force_leave,
            "'%.80s' is no id: it has %d characters a-z and 2-7, its first %d "
            "will do",
            rest.items[0], SG_ID_TEXT_LEN, SG_APP_REF_MIN);
    memcpy(request.peer, ref.text, sizeof(ref.text));
    return sg_ctl_client_do(&args.paths, args.json, &request);
}

const struct sg_command sg_cmd_force_leave = {
    .name = "force-leave",
    .summary = "Give up a failed member that will not come back.",
    .usage = "ID [--json] [...]",
    .about = "A failed member is remembered for a day and tried again now and then. This forgets\n"
             "it here, and at those nodes that have held it for failed for an hour. A member that\n"
             "lives cannot be given up, and one that comes back is welcome. Of the id the first 6\n"
             "characters will do when only one member begins so.",
    .example = "  saorsa members\n"
               "  saorsa force-leave abcdef",
    .run = run_force_leave,
};

/* ---- meta ---------------------------------------------------------------------------------- */

static int run_meta(int argc, char **argv)
{
    struct leave_args args = {0};
    uint8_t meta[SG_CTL_META_MAX];
    struct sg_ctl_request request = {.op = SG_CTL_META_SET, .payload = meta};
    const struct sg_opt opts[] = {LEAVE_OPTIONS(args)};
    const struct sg_opt_set set = {&sg_cmd_meta, opts, SG_COUNT(opts), 2, 2};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (strcmp(rest.items[0], "set") != 0)
        return sg_opt_usage_error(&sg_cmd_meta, "'%.40s' is not 'set'", rest.items[0]);
    code = sg_meta_arg_read(rest.items[1], meta, &request.payload_len);
    return code == SG_EXIT_OK ? sg_ctl_client_do(&args.paths, args.json, &request) : code;
}

const struct sg_command sg_cmd_meta = {
    .name = "meta",
    .summary = "Tell all members something about this node.",
    .usage = "set TEXT|@FILE [--json] [...]",
    .about =
        "At most 512 bytes, text or not, signed by the node: a name, a role, a version. Members\n"
        "see it in 'saorsa members' and as an update. @FILE takes it from a file, @- from\n"
        "stdin; '' takes it back. It lasts until the node ends: 'saorsa node --meta' sets it\n"
        "from the start, 'saorsa status' shows what it is.",
    .example = "  saorsa meta set 'role=printer floor=3'\n"
               "  saorsa meta set @card.bin",
    .run = run_meta,
};
