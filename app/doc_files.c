/* saorsa doc: documents and their copies, as files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc_cmd.h"
#include "input_file.h"

/* ---- files ----------------------------------------------------------------------------------- */

bool sg_doc_read_all(const char *name, struct sg_doc_bytes *out)
{
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? -1 : sg_input_open(name);
    FILE *file = is_stdin ? stdin : fd >= 0 ? fdopen(fd, "rb") : NULL;
    size_t cap = 1 << 16;
    *out = (struct sg_doc_bytes){malloc(cap), 0};
    while (file != NULL && out->data != NULL) {
        size_t got = fread(out->data + out->len, 1, cap - out->len, file);
        out->len += got;
        if (got == 0)
            break;
        if (out->len == cap) {
            uint8_t *grown = realloc(out->data, 2 * cap);
            if (grown == NULL)
                break; /* len == cap says so */
            out->data = grown;
            cap *= 2;
        }
    }
    bool is_good = file != NULL && out->data != NULL && !ferror(file) && out->len < cap;
    if (!is_good) {
        sg_complain_read(is_stdin ? "stdin" : name, errno);
        free(out->data);
    }
    if (file != NULL && !is_stdin)
        (void)fclose(file);
    else if (fd >= 0)
        close(fd);
    return is_good;
}

static bool write_to(FILE *file, const struct sg_doc_bytes *bytes)
{
    bool is_good = fwrite(bytes->data, 1, bytes->len, file) == bytes->len;
    return fflush(file) == 0 && is_good;
}

bool sg_doc_write_all(const char *name, const struct sg_doc_bytes *bytes, bool may_replace)
{
    char whole[SG_APP_PATH_MAX];
    if (strcmp(name, "-") == 0) {
        bool is_written = write_to(stdout, bytes);
        if (!is_written)
            sg_complain_write("stdout", errno);
        return is_written;
    }
    int len = snprintf(whole, sizeof(whole), may_replace ? "%s.new" : "%s", name);
    if (len < 0 || (size_t)len >= sizeof(whole)) {
        sg_complain("%s: the name is too long", name);
        return false;
    }
    FILE *file = fopen(whole, may_replace ? "wb" : "wbx");
    bool is_good = file != NULL && write_to(file, bytes) && fsync(fileno(file)) == 0;
    if (file != NULL)
        is_good = fclose(file) == 0 && is_good;
    if (is_good && may_replace)
        is_good = rename(whole, name) == 0;
    if (is_good)
        return true;
    sg_complain_write(name, errno);
    if (file != NULL) /* a part of it is of no use */
        (void)unlink(whole);
    return false;
}

static sg_err join_one(const struct sg_doc_options *options, const void *user, struct sg_doc **doc)
{
    const struct sg_doc_bytes *bundle = user;
    return sg_doc_join(options, (struct sg_bytes){bundle->data, bundle->len}, doc);
}

/* ---- others ---------------------------------------------------------------------------------- */

int sg_doc_run_export(struct sg_doc_args *args)
{
    struct sg_doc_bytes since = {NULL, 0};
    struct sg_doc_bytes bundle;
    if (args->since != NULL && !sg_doc_read_all(args->since, &since))
        return SG_EXIT_FAILURE;
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL) {
        free(since.data);
        return SG_EXIT_FAILURE;
    }
    sg_err err =
        sg_doc_export_since(doc, (struct sg_bytes){since.data, since.len}, !args->plain, &bundle);
    free(since.data);
    bool is_written = err == SG_OK && sg_doc_write_all(args->count > 2 ? args->items[2] : "-",
                                                       &bundle, args->force);
    if (err == SG_OK)
        sg_doc_bytes_free(&bundle);
    int code = sg_doc_finish(doc, args->items[1], err);
    return err == SG_OK && !is_written ? SG_EXIT_FAILURE : code;
}

/* Both batches count, and all see the same; but somebody should know. */
static void tell_forks(const struct sg_doc *doc, const char *file, uint32_t before)
{
    uint32_t more = sg_doc_forks(doc) - before;
    if (more > 0)
        sg_complain("%s: %u times an author wrote two different changes with one number: "
                    "see 'saorsa doc log'",
                    file, more);
}

static int tell_sync(const struct sg_doc_args *args, const struct sg_doc_import_result *result)
{
    if (args->json)
        printf("{\"applied\":%u,\"known\":%u,\"pending\":%u,\"refused\":%u,\"postponed\":%u}\n",
               result->applied, result->known, result->pending, result->refused, result->postponed);
    else
        printf("%u new, %u known, %u waiting, %u refused\n", result->applied, result->known,
               result->pending, result->refused);
    if (result->refused > 0)
        sg_complain("refused: %s", result->refusal == SG_ERR_EXPIRED
                                       ? "written without knowing what 'compact' kept"
                                       : sg_err_text(result->refusal));
    if (result->pending > 0)
        sg_complain("what waits is not kept: import it again when that is here which it follows");
    if (result->postponed > 0)
        sg_complain(
            "there was no room in memory for %u changes: they come again with the next sync",
            result->postponed);
    return result->refused + result->postponed > 0 ? SG_EXIT_FAILURE : SG_EXIT_OK;
}

/* sync does not take over a floor: that may put changes aside. */
static int tell_floor(const struct sg_doc_import_result *result, const char *from, const char *to)
{
    if (!result->has_floor)
        return SG_EXIT_OK;
    sg_complain("%s was compacted with changes that %s lacks: export it and import that", from, to);
    return SG_EXIT_FAILURE;
}

/* A name beside the document that no file has: what was put aside earlier may be the only copy. */
static void free_name(const char *file, char name[SG_APP_PATH_MAX])
{
    (void)snprintf(name, SG_APP_PATH_MAX, "%s.unsynced", file);
    for (unsigned i = 2; access(name, F_OK) == 0 && i < 1000; i++)
        (void)snprintf(name, SG_APP_PATH_MAX, "%s.unsynced.%u", file, i);
}

/* The other side has compacted: its state is taken over; what it does not know goes to a file. */
static sg_err adopt(const struct sg_doc_args *args, struct sg_doc *doc, struct sg_bytes bundle)
{
    struct sg_doc_bytes unsynced;
    char name[SG_APP_PATH_MAX];
    sg_err err = sg_doc_adopt(doc, bundle, &unsynced);
    if (err != SG_OK || unsynced.len == 0)
        return err;
    free_name(args->items[1], name);
    if (sg_doc_write_all(name, &unsynced, false)) {
        sg_complain("the other side had compacted without some of your changes: they are in %s",
                    name);
        err = sg_doc_unsynced_done(doc);
    }
    sg_doc_bytes_free(&unsynced);
    return err;
}

/* Of a document that was just made of the bundle only what is wrong is told. */
static sg_err take_in(const struct sg_doc_args *args, struct sg_doc *doc,
                      const struct sg_doc_bytes *bundle, bool is_new, int *told)
{
    struct sg_doc_import_result result = {0};
    struct sg_bytes bytes = {bundle->data, bundle->len};
    uint32_t forks = is_new ? 0 : sg_doc_forks(doc);
    sg_err err = sg_doc_import(doc, bytes, 0, &result);
    if (err == SG_OK && result.has_floor)
        err = adopt(args, doc, bytes);
    if (err != SG_OK)
        return err;
    if (!is_new || result.pending + result.refused + result.postponed > 0)
        *told = tell_sync(args, &result);
    tell_forks(doc, args->items[1], forks);
    return SG_OK;
}

/* Takes in an export; a document that is not there is made of it. */
int sg_doc_run_import(struct sg_doc_args *args)
{
    struct sg_doc_bytes bundle;
    struct sg_doc *doc = NULL;
    const char *name = args->count > 2 ? args->items[2] : "-";
    if (!sg_doc_read_all(name, &bundle))
        return SG_EXIT_FAILURE;
    const char *file = args->items[1];
    bool is_new = access(file, F_OK) != 0;
    int told = SG_EXIT_OK;
    if (is_new)
        args->bundle = name;
    sg_err err = sg_doc_open_with(args, file, is_new ? join_one : sg_doc_open_one, &bundle, &doc);
    args->bundle = name;
    if (err == SG_OK)
        err = take_in(args, doc, &bundle, is_new, &told);
    free(bundle.data);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    int code = sg_doc_finish(doc, sg_doc_about(args, file, err), err);
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

int sg_doc_run_sync(struct sg_doc_args *args)
{
    struct sg_doc_import_result here = {0};
    struct sg_doc_import_result there = {0};
    struct sg_doc_options options;
    struct sg_doc *other = NULL;
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_doc_options_init(&options);
    options.path = args->items[2];
    options.author.b[0] = 1; /* nothing is written there */
    sg_err err = sg_doc_open(&options, &other);
    if (err != SG_OK) {
        (void)sg_doc_close(doc);
        return sg_doc_fail(args->items[2], err);
    }
    uint32_t forks = sg_doc_forks(doc);
    err = one_way(other, doc, &here);
    if (err == SG_OK)
        err = one_way(doc, other, &there);
    if (err == SG_OK)
        tell_forks(doc, args->items[1], forks);
    sg_err closed = sg_doc_close(other);
    int code = sg_doc_finish(doc, args->items[1], err != SG_OK ? err : closed);
    if (code != SG_EXIT_OK)
        return code;
    int first = tell_sync(args, &here);
    int second = tell_sync(args, &there);
    if (tell_floor(&here, args->items[2], args->items[1]) != SG_EXIT_OK ||
        tell_floor(&there, args->items[1], args->items[2]) != SG_EXIT_OK)
        return SG_EXIT_FAILURE;
    return first != SG_EXIT_OK ? first : second;
}

int sg_doc_run_compact(struct sg_doc_args *args)
{
    struct sg_doc *doc = sg_doc_open_args(args);
    if (doc == NULL)
        return SG_EXIT_FAILURE;
    sg_err err = sg_doc_compact(doc);
    if (err != SG_ERR_INVALID_STATE)
        return sg_doc_finish(doc, args->items[1], err);
    sg_complain("%s: to compact it needs something in it, nothing waiting, and the identity, which "
                "a running node holds",
                args->items[1]);
    (void)sg_doc_close(doc);
    return SG_EXIT_FAILURE;
}
