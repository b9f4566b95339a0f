/* saorsa mls ACTION: groups of RFC 9420 over files. */
#include <stdio.h>
#include <string.h>

#include "mls_actions.h"

enum need { NEEDS_NOTHING, NEEDS_CLIENT, NEEDS_MEMBER };

struct action {
    const char *name;
    enum need need;
    size_t args; /* positional ones */
    const char *wants;
    int (*run)(struct sg_mls_box *box, const struct sg_mls_args *args);
};

static const struct action ACTIONS[] = {
    {"new", NEEDS_NOTHING, 1, "NAME", NULL},
    {"package", NEEDS_CLIENT, 0, "", sg_mls_do_package},
    {"create", NEEDS_CLIENT, 1, "GROUP", sg_mls_do_create},
    {"join", NEEDS_CLIENT, 1, "WELCOME", sg_mls_do_join},
    {"join-external", NEEDS_CLIENT, 1, "GROUPINFO", sg_mls_do_join_external},
    {"renew", NEEDS_CLIENT, 1, "NAME", sg_mls_do_renew},
    {"add", NEEDS_MEMBER, 1, "PACKAGE", sg_mls_do_add},
    {"remove", NEEDS_MEMBER, 1, "MEMBER", sg_mls_do_remove},
    {"update", NEEDS_MEMBER, 0, "", sg_mls_do_update},
    {"leave", NEEDS_MEMBER, 0, "", sg_mls_do_leave},
    {"keep-psk", NEEDS_CLIENT, 2, "ID FILE", sg_mls_do_keep_psk},
    {"psk", NEEDS_MEMBER, 1, "ID", sg_mls_do_psk},
    {"resume", NEEDS_MEMBER, 1, "EPOCH", sg_mls_do_resume},
    {"commit", NEEDS_MEMBER, 0, "", sg_mls_do_commit},
    {"accept", NEEDS_MEMBER, 0, "", sg_mls_do_accept},
    {"discard", NEEDS_MEMBER, 0, "", sg_mls_do_discard},
    {"process", NEEDS_MEMBER, 1, "MESSAGE", sg_mls_do_process},
    {"protect", NEEDS_MEMBER, 1, "FILE", sg_mls_do_protect},
    {"unprotect", NEEDS_MEMBER, 1, "MESSAGE", sg_mls_do_unprotect},
    {"forget", NEEDS_CLIENT, 1, "GROUP", sg_mls_do_forget},
    {"members", NEEDS_MEMBER, 0, "", sg_mls_do_members},
    {"groups", NEEDS_CLIENT, 0, "", sg_mls_do_groups},
    {"export", NEEDS_MEMBER, 1, "LABEL", sg_mls_do_export},
    {"tree", NEEDS_MEMBER, 0, "", sg_mls_do_tree},
    {"info", NEEDS_MEMBER, 0, "", sg_mls_do_info},
    {"inspect", NEEDS_NOTHING, 1, "MESSAGE", sg_mls_do_inspect},
    {"suites", NEEDS_NOTHING, 0, "", sg_mls_do_suites},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < SG_COUNT(ACTIONS); i++)
        if (strcmp(ACTIONS[i].name, name) == 0)
            return &ACTIONS[i];
    return NULL;
}

/* The folder: --dir, else "mls" in the state folder. */
static bool find_dir(const struct sg_mls_args *args, char dir[SG_APP_PATH_MAX])
{
    const struct sg_app_path_options paths = {.dir = args->dir};
    if (!sg_app_path_state(&paths, dir))
        return false;
    size_t len = strlen(dir);
    if (args->dir != NULL)
        return true;
    if (len + 5 > SG_APP_PATH_MAX) {
        sg_complain("the state folder's path is too long: name a folder with --dir");
        return false;
    }
    memcpy(dir + len, "/mls", 5);
    return true;
}

static int make_client(const struct sg_mls_args *args)
{
    char dir[SG_APP_PATH_MAX];
    uint64_t suite = 0;
    if (args->suite != NULL && !sg_mls_read_number(args->suite, '\0', UINT16_MAX, &suite))
        return sg_opt_usage_error(&sg_cmd_mls, "--suite wants a number ('saorsa mls suites' lists "
                                               "them)");
    return find_dir(args, dir) &&
                   sg_mls_box_create(dir, args->rest[0], (uint16_t)suite, args->is_public)
               ? SG_EXIT_OK
               : SG_EXIT_FAILURE;
}

static int act(const struct action *action, const struct sg_mls_args *args)
{
    char dir[SG_APP_PATH_MAX];
    struct sg_mls_box box;
    if (action->run == NULL)
        return make_client(args);
    if (action->need == NEEDS_NOTHING)
        return action->run(NULL, args);
    if (!find_dir(args, dir) || !sg_mls_box_open(&box, dir, args->is_public))
        return SG_EXIT_FAILURE;
    bool is_ready = action->need != NEEDS_MEMBER || sg_mls_box_load(&box, args->group);
    int code = is_ready ? action->run(&box, args) : SG_EXIT_FAILURE;
    sg_mls_box_close(&box);
    return code;
}

static int choose(const struct sg_opt_args *given, struct sg_mls_args *args)
{
    const struct action *action = find_action(given->items[0]);
    if (action == NULL)
        return sg_opt_usage_error(&sg_cmd_mls, "'%.40s' is no action of mls", given->items[0]);
    if (given->count - 1 != action->args)
        return sg_opt_usage_error(&sg_cmd_mls, "usage: saorsa mls %s%s%s [OPTIONS]", action->name,
                                  action->wants[0] == '\0' ? "" : " ", action->wants);
    for (size_t i = 1; i < given->count; i++)
        args->rest[i - 1] = given->items[i];
    return act(action, args);
}

static int run(int argc, char **argv)
{
    struct sg_mls_args args = {.length = 32, .days = 30};
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &args.dir, "DIR",
         "the client's folder [mls in $SAORSA_DIR, else\nin ~/.local/share/saorsa]", 0, 0},
        {"group", SG_OPT_TEXT, &args.group, "GROUP", "which one [the only one of the folder]", 0,
         0},
        {"out", SG_OPT_TEXT, &args.out, "FILE", "where the result goes [stdout]", 0, 0},
        {"welcome", SG_OPT_TEXT, &args.welcome, "FILE", "commit: where the welcome goes", 0, 0},
        {"add", SG_OPT_LIST, &args.add, "PACKAGE", "commit: adds at once, may be repeated", 0, 0},
        {"remove", SG_OPT_LIST, &args.remove, "MEMBER",
         "commit: removes at once, leaf or name, may be repeated", 0, 0},
        {"psk", SG_OPT_LIST, &args.psk, "ID",
         "commit, join-external: use this pre-shared key, may\nbe repeated", 0, 0},
        {"resume", SG_OPT_LIST, &args.resume, "EPOCH",
         "commit, join-external: use the secret of this earlier\nepoch, may be repeated", 0, 0},
        {"extension", SG_OPT_LIST, &args.extension, "TYPE=FILE",
         "commit: the group's extensions become those named so,\nwith the files' content, and no "
         "others",
         0, 0},
        {"no-extensions", SG_OPT_FLAG, &args.no_extensions, NULL,
         "commit: the group has no extensions from now on", 0, 0},
        {"app-data", SG_OPT_LIST, &args.app_data, "ID=FILE",
         "commit: the group keeps the file's content for the\nprogram's component ID, may be "
         "repeated",
         0, 0},
        {"reinit", SG_OPT_TEXT, &args.reinit, "GROUP",
         "commit: close the group, for a successor of this\nname; nothing else goes with it", 0, 0},
        {"renew", SG_OPT_FLAG, &args.renew, NULL,
         "commit, update: tell the group what 'mls renew' has\nchanged", 0, 0},
        {"without-waiting", SG_OPT_FLAG, &args.without_waiting, NULL,
         "commit: leave out what is proposed and waits", 0, 0},
        {"keep-key", SG_OPT_FLAG, &args.keep_key, NULL, "renew: the signature key stays", 0, 0},
        {"understands", SG_OPT_LIST, &args.understands, "TYPE",
         "renew: an extension type that the client understands\nfrom now on, may be repeated", 0,
         0},
        {"tree-beside", SG_OPT_FLAG, &args.tree_beside, NULL,
         "commit, info: leave the tree out ('mls tree' writes it)", 0, 0},
        {"tree", SG_OPT_TEXT, &args.tree, "FILE", "join: the tree, when it is not inside", 0, 0},
        {"resync", SG_OPT_FLAG, &args.resync, NULL, "join-external: remove one's earlier leaf", 0,
         0},
        {"public", SG_OPT_FLAG, &args.is_public, NULL, "handshakes as PublicMessage [encrypted]", 0,
         0},
        {"suite", SG_OPT_TEXT, &args.suite, "ID",
         "new: the ciphersuite [0xf60a: ML-KEM-768, ML-DSA-65]", 0, 0},
        {"last-resort", SG_OPT_FLAG, &args.last_resort, NULL, "package: may be used more than once",
         0, 0},
        {"days", SG_OPT_COUNT, &args.days, "N", "package: good for so long [30]", 1, 93},
        {"aad", SG_OPT_TEXT, &args.aad, "TEXT", "protect: data in the clear, authenticated", 0, 0},
        {"context", SG_OPT_TEXT, &args.context, "TEXT", "export: context [none]", 0, 0},
        {"length", SG_OPT_COUNT, &args.length, "N", "export: bytes [32]", 1, 4096},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print JSON", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_mls, opts, SG_COUNT(opts), 1, 3};
    struct sg_opt_args given;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &given, &code))
        return code;
    return choose(&given, &args);
}

const struct sg_command sg_cmd_mls = {
    .name = "mls",
    .summary = "Encrypted groups (MLS, RFC 9420) over files.",
    .usage = "ACTION [ARGUMENT] [--dir DIR] [--group GROUP] [--out FILE] [OPTIONS]",
    .about =
        "Messages are files of one MLSMessage each; how they travel is yours.\n\n"
        "  new NAME              make a client in the folder\n"
        "  package               a key package to give away\n"
        "  create GROUP          a group with this client as its only member\n"
        "  join WELCOME          become a member by a welcome\n"
        "  join-external INFO    become a member by a commit of one's own, see 'info'\n"
        "  renew NAME            give the client another name and signature key; each group\n"
        "                        hears of it by 'commit --renew' or 'update --renew'. Make\n"
        "                        new key packages: by those of before it cannot join any more\n"
        "  add PACKAGE, remove MEMBER, update, leave\n"
        "                        propose it: a message for all members\n"
        "  keep-psk ID FILE      keep a secret that others have, too, under an id\n"
        "  psk ID, resume EPOCH  propose that this secret, or that of an earlier epoch, goes\n"
        "                        into the next one: who has it not cannot follow\n"
        "  commit                cover what is proposed, and --add, --remove, --psk, ... below:\n"
        "                        a message for all members, and a welcome. It is pending until\n"
        "  accept, discard       it is the one that counts, or not ('process' of the own\n"
        "                        commit accepts it, too)\n"
        "  process MESSAGE       take what came: a proposal, commit or encrypted data\n"
        "  protect FILE          encrypt the content of a file, or - for stdin\n"
        "  unprotect MESSAGE     decrypt; the data goes to --out\n"
        "  export LABEL          a secret that all members of the epoch derive, in hex\n"
        "  members, groups       who and what is there\n"
        "  tree, info            ratchet tree for joiners; GroupInfo for external joins\n"
        "  forget GROUP          delete all that the folder has of it\n"
        "  inspect MESSAGE       any MLS message in words\n"
        "  suites                the ciphersuites\n\n"
        "A developer's tool: the client's secret lies in the folder, readable for its owner.",
    .example = "  saorsa mls new alice --dir a && saorsa mls new bob --dir b\n"
               "  saorsa mls package --dir b --out bob.kp\n"
               "  saorsa mls create garden --dir a\n"
               "  saorsa mls commit --dir a --add bob.kp --out c1 --welcome w1\n"
               "  saorsa mls accept --dir a && saorsa mls join w1 --dir b\n"
               "  echo hello | saorsa mls protect - --dir b --out m1\n"
               "  saorsa mls unprotect m1 --dir a",
    .run = run,
};
