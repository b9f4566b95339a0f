/* saorsa doc: shared documents in files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc_cmd.h"
#include "input_file.h"
#include "json_out.h"

static const char *explain(sg_err err)
{
    static const struct {
        sg_err err;
        const char *text;
    } TEXTS[] = {
        {SG_ERR_NOT_FOUND, "there is no document: make one with 'saorsa doc create'"},
        {SG_ERR_EXISTS, "there is a document already, nothing was changed"},
        {SG_ERR_CORRUPT, "this is no document, or it is damaged; it is left as it is"},
        {SG_ERR_UNSUPPORTED, "the document was written by a newer version"},
        {SG_ERR_LOCKED, "another process has the document open"},
        {SG_ERR_NO_SPACE,
         "no space left on the device: what is new is not kept, all that was there is"},
        {SG_ERR_PROTOCOL, "this is no sound export: something in it does not follow from the rest"},
        {SG_ERR_BAD_SIGNATURE, "a signature in it is wrong: nothing that it is for was taken over"},
        {SG_ERR_WRONG_PEER, "these are parts of another document"},
        {SG_ERR_MALFORMED, "this is neither a document nor an export of one"},
        {SG_ERR_PERMISSION,
         "permission denied; if it is that the other side has compacted and you believe it: "
         "--trust PEER"},
        {SG_ERR_EXPIRED, "the other side has compacted without what was compacted here"},
        {SG_ERR_TRUNCATED, "this is neither a document nor an export of one"},
    };
    for (size_t i = 0; i < SG_COUNT(TEXTS); i++) {
        if (TEXTS[i].err == err)
            return TEXTS[i].text;
    }
    return sg_err_text(err);
}

/* What SQLite cannot use as a file says little by its error: a folder, a device, another's file. */
static int file_error(const char *file, sg_err err)
{
    switch (err) {
    case SG_ERR_IO:
    case SG_ERR_NOT_FOUND:
    case SG_ERR_EXISTS:
    case SG_ERR_CORRUPT:
    case SG_ERR_PERMISSION:
        break;
    default:
        return 0;
    }
    int error = sg_input_kind_error(file);
    if (error == 0 && access(file, F_OK) == 0 && access(file, R_OK | W_OK) != 0)
        error = errno;
    return error;
}

int sg_doc_fail(const char *what, sg_err err)
{
    int error = file_error(what, err);
    sg_complain("%s: %s", what, error != 0 ? sg_input_why(error) : explain(err));
    return SG_EXIT_FAILURE;
}

const char *sg_doc_about(const struct sg_doc_args *args, const char *file, sg_err err)
{
    bool is_of_content = sg_err_class_of(err) == SG_ERR_CLASS_PEER || err == SG_ERR_CORRUPT;
    return is_of_content && args->bundle != NULL ? args->bundle : file;
}

int sg_doc_finish(struct sg_doc *doc, const char *file, sg_err err)
{
    sg_err closed = sg_doc_close(doc);
    if (err == SG_OK)
        err = closed;
    return err == SG_OK ? SG_EXIT_OK : sg_doc_fail(file, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Who writes: the identity of the state folder. While a node uses it, its id alone is taken, and
 * what is written stays unsigned until the next time. False: complained. */
static bool who_writes(struct sg_doc_args *args, struct sg_doc_options *options)
{
    sg_doc_options_init(options);
    if (!sg_app_path_state(&args->paths, args->dir) ||
        !sg_passphrase_read(args->passphrase_file, args->passphrase))
        return false;
    sg_err err = sg_identity_show(args->dir, args->passphrase, &options->author);
    if (err != SG_OK) {
        sg_complain("%s: %s", args->dir,
                    err == SG_ERR_NOT_FOUND ? "there is no identity: make one with 'saorsa id new'"
                                            : sg_err_text(err));
        return false;
    }
    options->identity_dir = args->dir;
    options->passphrase = args->passphrase;
    return true;
}

/* The lock may be that of the identity, which a node holds, or that of the document. */
sg_err sg_doc_open_with(struct sg_doc_args *args, const char *file, sg_doc_opener open,
                        const void *user, struct sg_doc **doc)
{
    struct sg_doc_options options;
    struct sg_peer_id trusted;
    if (!who_writes(args, &options))
        return SG_ERR_STOPPED;
    if (args->trust != NULL) {
        if (sg_id_from_text(args->trust, strlen(args->trust), trusted.b) != SG_OK) {
            sg_complain("--trust takes the id of a peer, as 'saorsa id' prints it");
            return SG_ERR_STOPPED;
        }
        options.trusted = &trusted;
        options.trusted_count = 1;
    }
    options.path = file;
    sg_err err = open(&options, user, doc);
    if (err == SG_ERR_LOCKED) {
        options.identity_dir = NULL;
        err = open(&options, user, doc);
    }
    sg_passphrase_wipe(args->passphrase);
    if (err != SG_OK)
        (void)sg_doc_fail(sg_doc_about(args, file, err), err);
    return err;
}

sg_err sg_doc_open_one(const struct sg_doc_options *options, const void *user, struct sg_doc **doc)
{
    (void)user;
    return sg_doc_open(options, doc);
}

static sg_err create_one(const struct sg_doc_options *options, const void *user,
                         struct sg_doc **doc)
{
    const struct sg_doc_args *args = user;
    struct sg_doc_options named = *options;
    named.shared_name = args->topic;
    return sg_doc_create(&named, args->rga ? SG_DOC_RGA : SG_DOC_FUGUE_MAX, doc);
}

struct sg_doc *sg_doc_open_args(struct sg_doc_args *args)
{
    struct sg_doc *doc = NULL;
    return sg_doc_open_with(args, args->items[1], sg_doc_open_one, NULL, &doc) == SG_OK ? doc
                                                                                        : NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int print_node(const struct sg_doc *doc, sg_doc_node node, enum sg_doc_kind kind, bool json)
{
    if (json || kind != SG_DOC_TEXT) {
        json_t *tree = sg_doc_json(doc, node, kind);
        char *text = json ? NULL : json_dumps(tree, JSON_ENCODE_ANY | JSON_INDENT(2));
        json_t *object = json ? json_object() : NULL;
        if (json) {
            (void)json_object_set(object, "value", tree);
            (void)sg_json_print(object);
        } else if (text != NULL) {
            (void)puts(text);
        }
        free(text);
        json_decref(tree);
        return SG_EXIT_OK;
    }
    size_t len;
    char *text = sg_doc_text_all(doc, node, &len);
    if (text != NULL)
        (void)fwrite(text, 1, len, stdout);
    free(text);
    return text == NULL ? SG_EXIT_FAILURE : SG_EXIT_OK;
}

static int get(struct sg_doc_args *args)
{
    const char *path = args->count > 2 ? args->items[2] : "";
    enum sg_doc_kind kind;
    sg_doc_node node;
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    int code = SG_EXIT_FAILURE;
    if (sg_doc_path_find(doc, path, SG_DOC_ELEMENT, &node, &kind) == SG_OK)
        code = print_node(doc, node, kind, args->json);
    else
        sg_complain("%s: nothing is at '%.80s'", args->items[1], path);
    int closed = sg_doc_finish(doc, args->items[1], SG_OK);
    return code != SG_EXIT_OK ? code : closed;
}

static int show_log(struct sg_doc_args *args)
{
    struct sg_doc_log_entry entry;
    char author[SG_ID_TEXT_LEN + 1];
    char name[SG_ID_TEXT_LEN + 1];
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    for (uint32_t at = 0; sg_doc_log(doc, at, &entry) == SG_OK; at++) {
        sg_id_to_text(entry.author.b, author);
        sg_id_to_text(entry.name, name);
        if (args->json)
            printf("{\"author\":\"%s\",\"seq\":%u,\"ops\":%u,\"name\":\"%s\",\"provisional\":%s}\n",
                   author, entry.seq, entry.ops, name, entry.is_provisional ? "true" : "false");
        else
            printf("%.12s  #%-6u %6u changes  %.12s  %s\n", author, entry.seq, entry.ops, name,
                   entry.is_provisional ? "provisional" : "signed");
    }
    return sg_doc_finish(doc, args->items[1], SG_OK);
}

/* ---- a new one ------------------------------------------------------------------------------- */

static int create(struct sg_doc_args *args)
{
    char id[SG_ID_TEXT_LEN + 1];
    uint8_t raw[SG_ID_LEN];
    struct sg_doc *doc = NULL;
    if (sg_doc_open_with(args, args->items[1], create_one, args, &doc) != SG_OK)
        return SG_EXIT_FAILURE;
    sg_doc_id(doc, raw);
    sg_id_to_text(raw, id);
    if (args->json)
        printf("{\"id\":\"%s\"}\n", id);
    else
        (void)puts(id);
    return sg_doc_finish(doc, args->items[1], SG_OK);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct sg_doc_args *args);
        size_t min, max; /* words, with verb and file */
    } VERBS[] = {
        {"create", create, 2, 2},
        {"get", get, 2, 3},
        {"set", sg_doc_run_edit, 4, 4},
        {"add", sg_doc_run_edit, 4, 4},
        {"rm", sg_doc_run_edit, 3, 4},
        {"text", sg_doc_run_edit, 3, 4},
        {"log", show_log, 2, 2},
        {"export", sg_doc_run_export, 2, 3},
        {"import", sg_doc_run_import, 2, 3},
        {"sync", sg_doc_run_sync, 3, 3},
        {"share", sg_doc_run_share, 2, 2},
        {"compact", sg_doc_run_compact, 2, 2},
    };
    static struct sg_doc_args args;
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR", "state folder with the identity", 0, 0},
        {"passphrase-file", SG_OPT_TEXT, &args.passphrase_file, "FILE", "opens a sealed key", 0, 0},
        {"kind", SG_OPT_TEXT, &args.kind, "KIND",
         "set: register or multi [register]; add: set or counter [set]", 0, 0},
        {"string", SG_OPT_FLAG, &args.text, NULL,
         "the value is text even when it looks like a number", 0, 0},
        {"at", SG_OPT_TEXT, &args.at, "N", "text: position in characters [the end]", 0, 0},
        {"delete", SG_OPT_COUNT, &args.remove, "N", "text: characters to delete there [0]", 0, 0},
        {"rga", SG_OPT_FLAG, &args.rga, NULL, "create: order text by RGA [FugueMax]", 0, 0},
        {"plain", SG_OPT_FLAG, &args.plain, NULL, "export: not compressed", 0, 0},
        {"trust", SG_OPT_TEXT, &args.trust, "PEER", "import: believe what this peer compacted", 0,
         0},
        {"force", SG_OPT_FLAG, &args.force, NULL, "export: over a file that is there", 0, 0},
        {"topic", SG_OPT_TEXT, &args.topic, "NAME",
         "create: the same document for all who name this; share: on\nthis topic", 0, 0},
        {"listen", SG_OPT_TEXT, &args.listen, "ADDR:PORT", "share: as 'saorsa node'", 0, 0},
        {"seed", SG_OPT_LIST, &args.seeds, "[ID@]HOST:PORT", "share: as 'saorsa node'", 0, 0},
        {"network", SG_OPT_TEXT, &args.network, "NAME", "share: as 'saorsa node'", 0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print JSON", 0, 0},
    };
    const struct sg_opt_set options = {&sg_cmd_doc, opts, SG_COUNT(opts), 2, 4};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&options, argc, argv, &rest, &code))
        return code;
    for (size_t i = 0; i < rest.count; i++)
        args.items[i] = rest.items[i];
    args.count = rest.count;
    for (size_t i = 0; i < SG_COUNT(VERBS); i++) {
        if (strcmp(VERBS[i].name, args.items[0]) != 0)
            continue;
        if (args.count < VERBS[i].min || args.count > VERBS[i].max)
            return sg_opt_usage_error(&sg_cmd_doc, "%s takes %zu to %zu words, the file among them",
                                      VERBS[i].name, VERBS[i].min - 1, VERBS[i].max - 1);
        return VERBS[i].run(&args);
    }
    return sg_opt_usage_error(&sg_cmd_doc, "'%.40s' is no verb of doc", args.items[0]);
}

const struct sg_command sg_cmd_doc = {
    .name = "doc",
    .summary = "Shared documents: texts, sets, counters and values that merge.",
    .usage = "create|get|set|add|rm|text|log|export|import|sync|share|compact FILE [...]",
    .about = "A document is a file. What different people write in their copies merges, in any\n"
             "order and after any time apart: 'export' and 'import' move it as a file or through\n"
             "'saorsa pub' and 'sub', 'sync' merges two copies. Paths are KEY or MAP/KEY.\n"
             "\n"
             "  create FILE              a new document; prints its id\n"
             "  get FILE [PATH]          all of it as JSON, or what is at a path\n"
             "  set FILE PATH VALUE      a value; the last one written wins\n"
             "  add FILE PATH VALUE      an element of a set, or to a counter\n"
             "  rm FILE PATH [VALUE]     what is there, or one element of a set\n"
             "  text FILE PATH [TEXT]    writes into a text\n"
             "  log FILE                 who wrote what after what\n"
             "  export FILE [OUT]        import FILE [IN]        '-' is stdout or stdin\n"
             "  sync FILE OTHER          compact FILE            forgets history\n"
             "  share FILE --topic NAME  runs a node; edits together with all who share NAME:\n"
             "                           lines 'add PATH VALUE', 'set ..', 'rm ..', 'text ..'",
    .example = "  saorsa doc create list.doc\n"
               "  saorsa doc add list.doc shopping milk\n"
               "  saorsa doc get list.doc",
    .run = run,
};
