/* A little around SQLite for the files of this folder: errors of ours, short calls. */
#ifndef SG_STORE_SQL_H
#define SG_STORE_SQL_H

#include <sqlite3.h>

#include "base/bytes.h"
#include "os/file.h"

/* A database of ours. */
struct sg_sql_file {
    const char *name;
    int64_t application_id; /* tells our files from others */
    int64_t version;        /* of the schema */
    int64_t oldest;         /* version that can be used still; 0: all */
    const char *schema;     /* one transaction that also sets application_id and user_version, so a
                             * file is either empty or whole */
    const char *pragmas;
    const char *const *checks; /* statements with one number each, NULL at the end: columns exist */
    bool reads_all;            /* every page is checked at once */
    int busy_ms;               /* longest wait for another process */
};

/* Whose file is it? Writes nothing; of the file only id and version are looked at. SG_ERR_CORRUPT:
 * another program's; SG_ERR_UNSUPPORTED: of a later version, or before the oldest; and errors of
 * the disk. */
SG_MUST_USE sg_err sg_sql_identify(sqlite3 *db, const struct sg_sql_file *file, bool *is_empty);
/* Opens the file in dir (there already), or makes an empty one of mode 0600. A file that is not
 * ours, damaged, or newer stays as it is. The caller closes *db by sqlite3_close; NULL on an error.
 * SG_ERR_CORRUPT, SG_ERR_UNSUPPORTED (newer), SG_ERR_TOO_LARGE (the path), and those below. */
SG_MUST_USE sg_err sg_sql_open(sqlite3 **db, const struct sg_sql_file *file, const char *dir,
                               const struct sg_file_sys *sys);
/* Commits when err is SG_OK, else takes everything back; the first error counts. */
SG_MUST_USE sg_err sg_sql_end(sqlite3 *db, sg_err err);

/* The error for result code rc of the newest call on db (NULL allowed).
 * NOMEM: NO_MEMORY. FULL: NO_SPACE. BUSY, LOCKED: LOCKED. READONLY, PERM, AUTH: PERMISSION.
 * CORRUPT, NOTADB, FORMAT, and what no sound file of ours causes (ERROR, CONSTRAINT, MISMATCH,
 * SCHEMA, TOOBIG): CORRUPT. CANTOPEN, IOERR: by errno, see sg_err_from_errno. All others: IO. */
SG_MUST_USE sg_err sg_sql_err(sqlite3 *db, int rc);

/* Runs statements that give no rows, or whose rows nobody wants. */
SG_MUST_USE sg_err sg_sql_exec(sqlite3 *db, const char *sql);
/* The first column of the first row. SG_ERR_CORRUPT when there is none. */
SG_MUST_USE sg_err sg_sql_int(sqlite3 *db, const char *sql, int64_t *out);
/* One statement; the caller finalizes *out, which is NULL on an error. */
SG_MUST_USE sg_err sg_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out);
/* Runs a prepared statement that gives no rows, and makes it ready for the next time. */
SG_MUST_USE sg_err sg_sql_run(sqlite3 *db, sqlite3_stmt *stmt);
/* The next row: *has_row. */
SG_MUST_USE sg_err sg_sql_step(sqlite3 *db, sqlite3_stmt *stmt, bool *has_row);

/* Parameter at (from 1). The bytes must live until the statement has run; none is an empty blob. */
SG_MUST_USE sg_err sg_sql_bind_bytes(sqlite3_stmt *stmt, int at, struct sg_bytes bytes);
/* value up to INT64_MAX, above that it is INT64_MAX. */
SG_MUST_USE sg_err sg_sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value);
/* Column at (from 0), borrowed until the next step. */
struct sg_bytes sg_sql_bytes(sqlite3_stmt *stmt, int at);
/* Negative numbers give 0. */
uint64_t sg_sql_u64(sqlite3_stmt *stmt, int at);

#endif
