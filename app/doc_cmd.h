/* saorsa doc: what its files share. */
#ifndef SG_APP_DOC_CMD_H
#define SG_APP_DOC_CMD_H

#include <saorsa/crdt.h>
#include <saorsa/gossip.h>

#include "doc_json.h"
#include "options.h"
#include "passphrase.h"
#include "paths.h"

struct sg_doc_args {
    struct sg_app_path_options paths;
    const char *passphrase_file;
    const char *kind;
    const char *at;
    const char *since;
    const char *trust;
    const char *topic, *listen, *network;
    struct sg_opt_list seeds;
    uint64_t remove;
    bool json, rga, text, plain, force;
    const char *items[4]; /* verb, file, .. */
    size_t count;
    const char *bundle; /* [NULL] that is imported */
    char dir[SG_APP_PATH_MAX];
    char passphrase[SG_PASSPHRASE_CAP];
};

/* ---- cmd_doc.c ---- */
/* Complains; gives SG_EXIT_FAILURE. */
int sg_doc_fail(const char *what, sg_err err);
/* What an error is about: the bundle that is imported, if its content is wrong, or a file. */
const char *sg_doc_about(const struct sg_doc_args *args, const char *file, sg_err err);
/* Closes the document; complains about err or what closing brought. Gives the exit code. */
int sg_doc_finish(struct sg_doc *doc, const char *file, sg_err err);

/* How to get a document: sg_doc_open and the like. */
typedef sg_err (*sg_doc_opener)(const struct sg_doc_options *options, const void *user,
                                struct sg_doc **doc);
/* Who writes: the identity of the state folder. While a node uses it, its id alone is taken, and
 * what is written stays unsigned until the next time. Complains about errors. */
sg_err sg_doc_open_with(struct sg_doc_args *args, const char *file, sg_doc_opener open,
                        const void *user, struct sg_doc **doc);
/* The document that is there, of args->items[1]; NULL: complained. */
struct sg_doc *sg_doc_open_args(struct sg_doc_args *args);
sg_err sg_doc_open_one(const struct sg_doc_options *options, const void *user, struct sg_doc **doc);

/* ---- doc_edit.c ---- */
/* One verb (set, add, rm, text) of args->items as one transaction. Complains about what is wrong
 * with the words; SG_ERR_STOPPED then. */
sg_err sg_doc_edit(struct sg_doc_args *args, struct sg_doc *doc);
/* The verbs as commands. */
int sg_doc_run_edit(struct sg_doc_args *args);

/* ---- doc_files.c ---- */
bool sg_doc_read_all(const char *name, struct sg_doc_bytes *out);
/* Never over a file that is there, unless may_replace; then the old one stays until the new one is
 * whole. "-" is stdout. False: complained. */
bool sg_doc_write_all(const char *name, const struct sg_doc_bytes *bytes, bool may_replace);
int sg_doc_run_export(struct sg_doc_args *args);
int sg_doc_run_import(struct sg_doc_args *args);
int sg_doc_run_sync(struct sg_doc_args *args);
int sg_doc_run_compact(struct sg_doc_args *args);

/* ---- doc_share.c ---- */
int sg_doc_run_share(struct sg_doc_args *args);

#endif
