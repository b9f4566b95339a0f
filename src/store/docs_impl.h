/* Shared by the files of a stored document. */
#ifndef SG_STORE_DOCS_IMPL_H
#define SG_STORE_DOCS_IMPL_H

#include "store/docs.h"
#include "store/sql.h"

struct sg_docs {
    const struct sg_mem *mem;
    const struct sg_file_sys *sys;
    sqlite3 *db;
    int lock;
    sqlite3_stmt *insert, *author, *rows;
    uint64_t last;
};

/* ---- docs.c ---- */
SG_MUST_USE sg_err sg_docs_begin(sqlite3 *db);
/* Commits when err is SG_OK, else takes everything back; the first error counts. */
SG_MUST_USE sg_err sg_docs_end(sqlite3 *db, sg_err err);
/* A row for an author, if there is none. */
SG_MUST_USE sg_err sg_docs_name_author(struct sg_docs *docs, const uint8_t author[SG_ID_LEN]);
/* A copy of a column; NULL and no error when it is empty. */
SG_MUST_USE sg_err sg_docs_copy_column(struct sg_docs *docs, sqlite3_stmt *stmt, int at,
                                       struct sg_bytes *out);

/* ---- docs_own.c, within a transaction ---- */
/* The newest batch that was made here. */
SG_MUST_USE sg_err sg_docs_put_own(struct sg_docs *docs, const struct sg_docs_batch *batch);

#endif
