/* saorsa id new, saorsa id show: the identity in a state folder. */
#include <stdio.h>
#include <string.h>

#include <saorsa/gossip.h>

#include "command.h"
#include "json_out.h"
#include "options.h"
#include "passphrase.h"
#include "paths.h"

struct id_args {
    struct sg_app_path_options paths;
    const char *passphrase_file;
    bool json;
};

/* What went wrong with the folder, and what to do. */
static const char *explain(sg_err err)
{
    static const struct {
        sg_err err;
        const char *text;
    } TEXTS[] = {
        {SG_ERR_EXISTS, "there is an identity already, nothing was changed (see it with "
                        "'saorsa id show')"},
        {SG_ERR_NOT_FOUND, "there is no identity: make one with 'saorsa id new'"},
        {SG_ERR_CORRUPT, "the identity is damaged or not of this kind, and is left as it is: "
                         "restore it from a backup, or use another --dir"},
        {SG_ERR_PASSPHRASE, "the passphrase does not fit: give the right one with "
                            "--passphrase-file, and none when the identity is not sealed"},
        {SG_ERR_PERMISSION, "no permission: only you must be able to read and write the identity "
                            "(folder mode 0700, key file mode 0600)"},
        {SG_ERR_LOCKED, "a node is using the identity: ask it with 'saorsa status', or stop it"},
        {SG_ERR_NO_SPACE, "no space left on the device, no identity was made"},
    };
    for (size_t i = 0; i < SG_COUNT(TEXTS); i++) {
        if (TEXTS[i].err == err)
            return TEXTS[i].text;
    }
    return sg_err_text(err);
}

static int print_id(const struct sg_peer_id *id, const char *dir, bool json)
{
    char text[SG_ID_TEXT_LEN + 1];
    if (json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "id", sg_json_id(id->b));
        (void)json_object_set_new(object, "dir", sg_json_text(dir));
        return sg_json_print(object) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    }
    sg_id_to_text(id->b, text);
    (void)puts(text);
    return SG_EXIT_OK;
}

static int act(const struct id_args *args, bool create)
{
    char dir[SG_APP_PATH_MAX];
    char passphrase[SG_PASSPHRASE_CAP];
    struct sg_peer_id id;
    if (!sg_app_path_state(&args->paths, dir) ||
        !sg_passphrase_read(args->passphrase_file, passphrase))
        return SG_EXIT_FAILURE;
    sg_err err =
        create ? sg_identity_create(dir, passphrase, &id) : sg_identity_show(dir, passphrase, &id);
    sg_passphrase_wipe(passphrase);
    if (err == SG_OK)
        return print_id(&id, dir, args->json);
    sg_complain("%s: %s", dir, explain(err));
    return SG_EXIT_FAILURE;
}

static int run(int argc, char **argv)
{
    struct id_args args = {0};
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR",
         "state folder [$SAORSA_DIR, else ~/.local/share/saorsa]", 0, 0},
        {"passphrase-file", SG_OPT_TEXT, &args.passphrase_file, "FILE",
         "its first line seals the key [not sealed, file mode 0600]", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print {\"id\": ..., \"dir\": ...}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_id, opts, SG_COUNT(opts), 1, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    bool create = strcmp(rest.items[0], "new") == 0;
    if (!create && strcmp(rest.items[0], "show") != 0)
        return sg_opt_usage_error(&sg_cmd_id, "'%.40s' is neither 'new' nor 'show'", rest.items[0]);
    return act(&args, create);
}

const struct sg_command sg_cmd_id = {
    .name = "id",
    .summary = "Make or show the identity of this node.",
    .usage = "new|show [--dir DIR] [--passphrase-file FILE] [--json]",
    .about = "The identity is an ML-DSA-65 key pair in the state folder; the id printed here is\n"
             "the hash of its public key, in 52 characters. 'new' never replaces an identity.",
    .example = "  saorsa id new\n  saorsa id show --json",
    .run = run,
};
