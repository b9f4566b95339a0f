/* Documents for tests, in a folder of their own. */
#ifndef TEST_RUNTIME_DOC_FIXTURE_H
#define TEST_RUNTIME_DOC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <saorsa/crdt.h>
#include <saorsa/gossip.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/sg-doc-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -r '%s'", dir);
    return system(command);
}

static inline char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

static inline struct sg_doc_options options_of(const char *name, uint8_t author)
{
    struct sg_doc_options options;
    sg_doc_options_init(&options);
    options.path = name == NULL ? NULL : path_of(name);
    options.author.b[0] = author;
    return options;
}

static inline struct sg_doc *create(const char *name, uint8_t author)
{
    const struct sg_doc_options options = options_of(name, author);
    struct sg_doc *doc = NULL;
    assert_int_equal(sg_doc_create(&options, SG_DOC_FUGUE_MAX, &doc), SG_OK);
    return doc;
}

static inline struct sg_doc *reopen(const char *name, uint8_t author)
{
    const struct sg_doc_options options = options_of(name, author);
    struct sg_doc *doc = NULL;
    assert_int_equal(sg_doc_open(&options, &doc), SG_OK);
    return doc;
}

/* Opens or makes a document that an identity signs. */
static inline struct sg_doc *with_identity_of(const char *name, const char *id,
                                              enum sg_doc_order order)
{
    struct sg_doc_options options = options_of(name, 0);
    struct sg_peer_id peer;
    struct sg_doc *doc = NULL;
    options.identity_dir = path_of(id);
    sg_err err = sg_identity_create(options.identity_dir, NULL, &peer);
    assert_true(err == SG_OK || err == SG_ERR_EXISTS);
    err = sg_doc_open(&options, &doc);
    if (err == SG_ERR_NOT_FOUND)
        err = sg_doc_create(&options, order, &doc);
    assert_int_equal(err, SG_OK);
    return doc;
}

static inline struct sg_doc *with_identity(const char *name, const char *id)
{
    return with_identity_of(name, id, SG_DOC_FUGUE_MAX);
}

static inline sg_doc_node node(struct sg_doc *doc, enum sg_doc_kind kind, const char *key)
{
    sg_doc_node n;
    assert_int_equal(sg_doc_node_of(doc, SG_DOC_ROOT, kind, key, &n), SG_OK);
    return n;
}

/* One transaction that types into a text. */
static inline void type_in(struct sg_doc *doc, sg_doc_node n, uint32_t pos, const char *text)
{
    assert_int_equal(sg_doc_begin(doc), SG_OK);
    assert_int_equal(sg_doc_text_insert(doc, n, pos, text, strlen(text)), SG_OK);
    assert_int_equal(sg_doc_commit(doc), SG_OK);
}

static inline void type(struct sg_doc *doc, uint32_t pos, const char *text)
{
    type_in(doc, node(doc, SG_DOC_TEXT, "t"), pos, text);
}

static inline void assert_text_of(struct sg_doc *doc, const char *key, const char *want)
{
    char got[4096];
    size_t len = 0;
    struct sg_bytes piece;
    sg_doc_node n = node(doc, SG_DOC_TEXT, key);
    for (uint32_t pos = 0; (piece = sg_doc_text_read(doc, n, pos)).len > 0;) {
        assert_true(len + piece.len < sizeof(got));
        memcpy(got + len, piece.data, piece.len);
        len += piece.len;
        pos = sg_doc_text_convert(doc, n, (uint32_t)len, SG_DOC_UTF8, SG_DOC_CHARS);
    }
    got[len] = 0;
    assert_string_equal(got, want);
}

static inline void assert_text(struct sg_doc *doc, const char *want)
{
    assert_text_of(doc, "t", want);
}

static inline struct sg_bytes view_of(const struct sg_doc_bytes *bytes)
{
    return (struct sg_bytes){bytes->data, bytes->len};
}

/* What `from` has and `to` lacks; to NULL: all. */
static inline struct sg_doc_bytes export_packed(struct sg_doc *from, struct sg_doc *to, bool pack)
{
    struct sg_doc_bytes frontier = {NULL, 0};
    struct sg_doc_bytes bundle;
    if (to != NULL)
        assert_int_equal(sg_doc_frontier_encode(to, &frontier), SG_OK);
    assert_int_equal(sg_doc_export_since(from, view_of(&frontier), pack, &bundle), SG_OK);
    sg_doc_bytes_free(&frontier);
    return bundle;
}

static inline struct sg_doc_bytes export_for(struct sg_doc *from, struct sg_doc *to)
{
    return export_packed(from, to, false);
}

static inline struct sg_doc_import_result send_packed(struct sg_doc *from, struct sg_doc *to,
                                                      bool pack)
{
    struct sg_doc_bytes bundle = export_packed(from, to, pack);
    struct sg_doc_import_result result;
    assert_int_equal(sg_doc_import(to, view_of(&bundle), 1, &result), SG_OK);
    sg_doc_bytes_free(&bundle);
    return result;
}

static inline struct sg_doc_import_result send_all(struct sg_doc *from, struct sg_doc *to)
{
    return send_packed(from, to, false);
}

static inline struct sg_doc *join(struct sg_doc *from, const char *name, uint8_t author)
{
    const struct sg_doc_options options = options_of(name, author);
    struct sg_doc_bytes bundle = export_packed(from, NULL, true);
    struct sg_doc *doc = NULL;
    assert_int_equal(sg_doc_join(&options, view_of(&bundle), &doc), SG_OK);
    sg_doc_bytes_free(&bundle);
    return doc;
}

/* A replica, by a file or in memory, that takes over floors of the identity in folder "id". */
static inline struct sg_doc *joined(struct sg_bytes bundle, const char *name, uint8_t author)
{
    struct sg_doc_options options = options_of(name, author);
    struct sg_peer_id peer;
    struct sg_doc *doc = NULL;
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &peer), SG_OK);
    options.trusted = &peer;
    options.trusted_count = 1;
    assert_int_equal(sg_doc_join(&options, bundle, &doc), SG_OK);
    return doc;
}

static inline struct sg_doc *follow(struct sg_doc *from, const char *name, uint8_t author)
{
    struct sg_doc_bytes bundle = export_for(from, NULL);
    struct sg_doc *doc = joined(view_of(&bundle), name, author);
    sg_doc_bytes_free(&bundle);
    return doc;
}

#endif
