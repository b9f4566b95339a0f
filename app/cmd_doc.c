/* saorsa doc: shared documents in files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <saorsa/crdt.h>
#include <saorsa/gossip.h>

#include "doc_json.h"
#include "json_out.h"
#include "options.h"
#include "passphrase.h"
#include "paths.h"

struct doc_args {
    struct sg_app_path_options paths;
    const char *passphrase_file;
    const char *kind;
    const char *at;
    const char *since;
    const char *trust;
    uint64_t remove;
    bool json, rga, text, plain;
    const char *items[4]; /* verb, file, .. */
    size_t count;
    char dir[SG_APP_PATH_MAX];
    char passphrase[SG_PASSPHRASE_CAP];
};

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
        {SG_ERR_NO_SPACE, "no space left on the device; nothing was lost"},
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

static int fail(const char *what, sg_err err)
{
    sg_complain("%s: %s", what, explain(err));
    return SG_EXIT_FAILURE;
}

static int finish(struct sg_doc *doc, const char *file, sg_err err)
{
    sg_err closed = sg_doc_close(doc);
    if (err == SG_OK)
        err = closed;
    return err == SG_OK ? SG_EXIT_OK : fail(file, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* Who writes: the identity of the state folder. While a node uses it, its id alone is taken, and
 * what is written stays unsigned until the next time. False: complained. */
static bool who_writes(struct doc_args *args, struct sg_doc_options *options)
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

typedef sg_err (*opener)(const struct sg_doc_options *options, const void *user,
                         struct sg_doc **doc);

/* The lock may be that of the identity, which a node holds, or that of the document. */
static sg_err open_with(struct doc_args *args, const char *file, opener open, const void *user,
                        struct sg_doc **doc)
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
        (void)fail(file, err);
    return err;
}

static sg_err open_one(const struct sg_doc_options *options, const void *user, struct sg_doc **doc)
{
    (void)user;
    return sg_doc_open(options, doc);
}

static sg_err create_one(const struct sg_doc_options *options, const void *user,
                         struct sg_doc **doc)
{
    const bool *is_rga = user;
    return sg_doc_create(options, *is_rga ? SG_DOC_RGA : SG_DOC_FUGUE_MAX, doc);
}

static sg_err join_one(const struct sg_doc_options *options, const void *user, struct sg_doc **doc)
{
    const struct sg_doc_bytes *bundle = user;
    return sg_doc_join(options, (struct sg_bytes){bundle->data, bundle->len}, doc);
}

static struct sg_doc *open_doc(struct doc_args *args)
{
    struct sg_doc *doc = NULL;
    return open_with(args, args->items[1], open_one, NULL, &doc) == SG_OK ? doc : NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool read_all(const char *name, struct sg_doc_bytes *out)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    size_t cap = 1 << 16;
    *out = (struct sg_doc_bytes){malloc(cap), 0};
    while (file != NULL && out->data != NULL) {
        size_t got = fread(out->data + out->len, 1, cap - out->len, file);
        out->len += got;
        if (got == 0)
            break;
        if (out->len == cap) {
            cap *= 2;
            uint8_t *grown = realloc(out->data, cap);
            if (grown == NULL)
                break;
            out->data = grown;
        }
    }
    bool is_good = file != NULL && out->data != NULL && !ferror(file) && out->len < cap;
    if (!is_good) {
        sg_complain("%s: %s", name, strerror(errno));
        free(out->data);
    }
    if (file != NULL && file != stdin)
        (void)fclose(file);
    return is_good;
}

static bool write_all(const char *name, const struct sg_doc_bytes *bytes)
{
    FILE *file = strcmp(name, "-") == 0 ? stdout : fopen(name, "wb");
    bool is_good = file != NULL && fwrite(bytes->data, 1, bytes->len, file) == bytes->len;
    is_good = is_good && fflush(file) == 0;
    if (file != NULL && file != stdout)
        is_good = fclose(file) == 0 && is_good;
    if (!is_good)
        sg_complain("%s: %s", name, strerror(errno));
    return is_good;
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

static int get(struct doc_args *args)
{
    const char *path = args->count > 2 ? args->items[2] : "";
    enum sg_doc_kind kind;
    sg_doc_node node;
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    int code = SG_EXIT_FAILURE;
    if (sg_doc_path_find(doc, path, SG_DOC_ELEMENT, &node, &kind) == SG_OK)
        code = print_node(doc, node, kind, args->json);
    else
        sg_complain("%s: nothing is at '%.80s'", args->items[1], path);
    int closed = finish(doc, args->items[1], SG_OK);
    return code != SG_EXIT_OK ? code : closed;
}

static int show_log(struct doc_args *args)
{
    struct sg_doc_log_entry entry;
    char author[SG_ID_TEXT_LEN + 1];
    char name[SG_ID_TEXT_LEN + 1];
    struct sg_doc *doc = open_doc(args);
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
    return finish(doc, args->items[1], SG_OK);
}

/* ---- writing --------------------------------------------------------------------------------- */

static bool kind_of(const char *name, enum sg_doc_kind *kind)
{
    static const char *const names[] = {"set", "counter", "register", "multi"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            *kind = (enum sg_doc_kind)(SG_DOC_SET + i);
            return true;
        }
    }
    return false;
}

static sg_err change(struct doc_args *args, struct sg_doc *doc, enum sg_doc_kind kind)
{
    struct sg_doc_value value = sg_doc_value_word(args->items[3], args->text);
    sg_doc_node node;
    sg_err err = sg_doc_path_make(doc, args->items[2], kind, &node);
    if (err != SG_OK)
        return err;
    if (kind == SG_DOC_COUNTER)
        return value.kind == SG_DOC_INT ? sg_doc_count(doc, node, value.number)
                                        : SG_ERR_INVALID_ARGUMENT;
    return kind == SG_DOC_SET ? sg_doc_add(doc, node, &value) : sg_doc_set(doc, node, &value);
}

/* set: a register. add: an element of a set, or to a counter. */
static int set_or_add(struct doc_args *args, bool is_add)
{
    enum sg_doc_kind kind = is_add ? SG_DOC_SET : SG_DOC_REGISTER;
    if (args->kind != NULL && (!kind_of(args->kind, &kind) || is_add != (kind < SG_DOC_REGISTER)))
        return sg_opt_usage_error(&sg_cmd_doc, "--kind of %s is %s", args->items[0],
                                  is_add ? "set or counter" : "register or multi");
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_begin(doc);
    if (err == SG_OK)
        err = change(args, doc, kind);
    if (err == SG_OK)
        err = sg_doc_commit(doc);
    return finish(doc, args->items[1], err);
}

static sg_err remove_thing(struct doc_args *args, struct sg_doc *doc)
{
    enum sg_doc_kind kind;
    sg_doc_node node;
    bool is_element = args->count > 3;
    sg_err err = sg_doc_path_find(doc, args->items[2], is_element ? SG_DOC_SET : SG_DOC_ELEMENT,
                                  &node, &kind);
    if (err != SG_OK || !is_element)
        return err != SG_OK ? err : sg_doc_clear(doc, node);
    struct sg_doc_value value = sg_doc_value_word(args->items[3], args->text);
    return sg_doc_has(doc, node, &value) ? sg_doc_remove(doc, node, &value) : SG_ERR_NOT_FOUND;
}

static int rm(struct doc_args *args)
{
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_begin(doc);
    if (err == SG_OK)
        err = remove_thing(args, doc);
    if (err == SG_ERR_NOT_FOUND) {
        sg_complain("%s: there is no '%.80s' to be removed", args->items[1],
                    args->items[args->count - 1]);
        (void)sg_doc_close(doc);
        return SG_EXIT_FAILURE;
    }
    if (err == SG_OK)
        err = sg_doc_commit(doc);
    return finish(doc, args->items[1], err);
}

static sg_err edit_text(struct doc_args *args, struct sg_doc *doc)
{
    const char *text = args->count > 3 ? args->items[3] : "";
    sg_doc_node node;
    char *end;
    sg_err err = sg_doc_path_make(doc, args->items[2], SG_DOC_TEXT, &node);
    if (err != SG_OK)
        return err;
    uint32_t len = sg_doc_text_len(doc, node, SG_DOC_CHARS);
    unsigned long at = args->at == NULL ? len : strtoul(args->at, &end, 10);
    if (at > len || args->remove > len - at || (args->at != NULL && *end != 0))
        return SG_ERR_INVALID_ARGUMENT;
    if (args->remove > 0)
        err = sg_doc_text_delete(doc, node, (uint32_t)at, (uint32_t)args->remove);
    return err != SG_OK ? err : sg_doc_text_insert(doc, node, (uint32_t)at, text, strlen(text));
}

static int text(struct doc_args *args)
{
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_begin(doc);
    if (err == SG_OK)
        err = edit_text(args, doc);
    if (err == SG_ERR_INVALID_ARGUMENT) {
        sg_complain("%s: the text is not that long", args->items[1]);
        (void)sg_doc_close(doc);
        return SG_EXIT_FAILURE;
    }
    if (err == SG_OK)
        err = sg_doc_commit(doc);
    return finish(doc, args->items[1], err);
}

/* ---- others ---------------------------------------------------------------------------------- */

static int create(struct doc_args *args)
{
    char id[SG_ID_TEXT_LEN + 1];
    uint8_t raw[SG_ID_LEN];
    struct sg_doc *doc = NULL;
    if (open_with(args, args->items[1], create_one, &args->rga, &doc) != SG_OK)
        return SG_EXIT_FAILURE;
    sg_doc_id(doc, raw);
    sg_id_to_text(raw, id);
    if (args->json)
        printf("{\"id\":\"%s\"}\n", id);
    else
        (void)puts(id);
    return finish(doc, args->items[1], SG_OK);
}

static int export(struct doc_args *args)
{
    struct sg_doc_bytes since = {NULL, 0};
    struct sg_doc_bytes bundle;
    if (args->since != NULL && !read_all(args->since, &since))
        return SG_EXIT_FAILURE;
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL) {
        free(since.data);
        return SG_EXIT_FAILURE;
    }
    sg_err err =
        sg_doc_export_since(doc, (struct sg_bytes){since.data, since.len}, !args->plain, &bundle);
    free(since.data);
    bool is_written = err == SG_OK && write_all(args->count > 2 ? args->items[2] : "-", &bundle);
    if (err == SG_OK)
        sg_doc_bytes_free(&bundle);
    int code = finish(doc, args->items[1], err);
    return err == SG_OK && !is_written ? SG_EXIT_FAILURE : code;
}

static int tell_sync(const struct doc_args *args, const struct sg_doc_import_result *result)
{
    if (args->json)
        printf("{\"applied\":%u,\"known\":%u,\"pending\":%u,\"refused\":%u}\n", result->applied,
               result->known, result->pending, result->refused);
    else
        printf("%u new, %u known, %u waiting, %u refused\n", result->applied, result->known,
               result->pending, result->refused);
    if (result->refused > 0)
        sg_complain("refused: %s", result->refusal == SG_ERR_EXPIRED
                                       ? "written without knowing what 'compact' kept"
                                       : sg_err_text(result->refusal));
    return result->refused > 0 ? SG_EXIT_FAILURE : SG_EXIT_OK;
}

/* sync does not take over a floor: that may put changes aside. */
static int tell_floor(const struct sg_doc_import_result *result, const char *from, const char *to)
{
    if (!result->has_floor)
        return SG_EXIT_OK;
    sg_complain("%s was compacted with changes that %s lacks: export it and import that", from, to);
    return SG_EXIT_FAILURE;
}

/* The other side has compacted: its state is taken over; what it does not know goes to a file. */
static sg_err adopt(const struct doc_args *args, struct sg_doc *doc, struct sg_bytes bundle)
{
    struct sg_doc_bytes unsynced;
    char name[SG_APP_PATH_MAX];
    sg_err err = sg_doc_adopt(doc, bundle, &unsynced);
    if (err != SG_OK || unsynced.len == 0)
        return err;
    (void)snprintf(name, sizeof(name), "%s.unsynced", args->items[1]);
    if (write_all(name, &unsynced)) {
        sg_complain("the other side had compacted without some of your changes: they are in %s",
                    name);
        err = sg_doc_unsynced_done(doc);
    }
    sg_doc_bytes_free(&unsynced);
    return err;
}

/* Takes in an export; a document that is not there is made of it. */
static int import(struct doc_args *args)
{
    struct sg_doc_import_result result = {0};
    struct sg_doc_bytes bundle;
    struct sg_doc *doc = NULL;
    if (!read_all(args->count > 2 ? args->items[2] : "-", &bundle))
        return SG_EXIT_FAILURE;
    struct sg_bytes bytes = {bundle.data, bundle.len};
    sg_err err;
    int told = SG_EXIT_OK;
    if (access(args->items[1], F_OK) != 0) {
        err = open_with(args, args->items[1], join_one, &bundle, &doc);
    } else {
        err = open_with(args, args->items[1], open_one, NULL, &doc);
        if (err == SG_OK)
            err = sg_doc_import(doc, bytes, 0, &result);
        if (err == SG_OK && result.has_floor)
            err = adopt(args, doc, bytes);
        if (err == SG_OK)
            told = tell_sync(args, &result);
    }
    free(bundle.data);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    int code = finish(doc, args->items[1], err);
    return code != SG_EXIT_OK ? code : told;
}

/* What one document has and the other lacks goes over, both ways. */
static sg_err one_way(struct sg_doc *from, struct sg_doc *to, struct sg_doc_import_result *result)
{
    struct sg_doc_bytes frontier;
    struct sg_doc_bytes bundle;
    sg_err err = sg_doc_frontier_encode(to, &frontier);
    if (err != SG_OK)
        return err;
    struct sg_bytes view = {frontier.data, frontier.len};
    err = sg_doc_export_since(from, view, false, &bundle);
    sg_doc_bytes_free(&frontier);
    if (err != SG_OK)
        return err;
    err = sg_doc_import(to, (struct sg_bytes){bundle.data, bundle.len}, 0, result);
    sg_doc_bytes_free(&bundle);
    return err;
}

static int sync_files(struct doc_args *args)
{
    struct sg_doc_import_result here = {0};
    struct sg_doc_import_result there = {0};
    struct sg_doc_options options;
    struct sg_doc *other = NULL;
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_doc_options_init(&options);
    options.path = args->items[2];
    options.author.b[0] = 1; /* nothing is written there */
    sg_err err = sg_doc_open(&options, &other);
    if (err != SG_OK) {
        (void)sg_doc_close(doc);
        return fail(args->items[2], err);
    }
    err = one_way(other, doc, &here);
    if (err == SG_OK)
        err = one_way(doc, other, &there);
    sg_err closed = sg_doc_close(other);
    int code = finish(doc, args->items[1], err != SG_OK ? err : closed);
    if (code != SG_EXIT_OK)
        return code;
    int first = tell_sync(args, &here);
    int second = tell_sync(args, &there);
    if (tell_floor(&here, args->items[2], args->items[1]) != SG_EXIT_OK ||
        tell_floor(&there, args->items[1], args->items[2]) != SG_EXIT_OK)
        return SG_EXIT_FAILURE;
    return first != SG_EXIT_OK ? first : second;
}

static int compact(struct doc_args *args)
{
    struct sg_doc *doc = open_doc(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_compact(doc);
    if (err != SG_ERR_INVALID_STATE)
        return finish(doc, args->items[1], err);
    sg_complain("%s: to compact it needs something in it, nothing waiting, and the identity, which "
                "a running node holds",
                args->items[1]);
    (void)sg_doc_close(doc);
    return SG_EXIT_FAILURE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int set(struct doc_args *args)
{
    return set_or_add(args, false);
}

static int add(struct doc_args *args)
{
    return set_or_add(args, true);
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(struct doc_args *args);
        size_t min, max; /* words, with verb and file */
    } VERBS[] = {
        {"create", create, 2, 2},   {"get", get, 2, 3},         {"set", set, 4, 4},
        {"add", add, 4, 4},         {"rm", rm, 3, 4},           {"text", text, 3, 4},
        {"log", show_log, 2, 2},    {"export", export, 2, 3},   {"import", import, 2, 3},
        {"sync", sync_files, 3, 3}, {"compact", compact, 2, 2},
    };
    static struct doc_args args;
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
    .usage = "create|get|set|add|rm|text|log|export|import|sync|compact FILE [...]",
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
             "  sync FILE OTHER          compact FILE            forgets history",
    .example = "  saorsa doc create list.doc\n"
               "  saorsa doc add list.doc shopping milk\n"
               "  saorsa doc get list.doc",
    .run = run,
};
