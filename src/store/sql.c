#include "store/sql.h"

#include "os/file.h"

/* errno tells more than SQLite's code; without one it is just a failure. */
static sg_err by_errno(sqlite3 *db)
{
    int error = db == NULL ? 0 : sqlite3_system_errno(db);
    return error == 0 ? SG_ERR_IO : sg_err_from_errno(error);
}

sg_err sg_sql_err(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return SG_OK;
    case SQLITE_NOMEM:
        return SG_ERR_NO_MEMORY;
    case SQLITE_FULL:
        return SG_ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SG_ERR_LOCKED;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return SG_ERR_PERMISSION;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_ERROR:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_SCHEMA:
    case SQLITE_TOOBIG:
        return SG_ERR_CORRUPT;
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_NOMEM ? SG_ERR_NO_MEMORY : by_errno(db);
    case SQLITE_CANTOPEN:
        return by_errno(db);
    default:
        return SG_ERR_IO;
    }
}

sg_err sg_sql_exec(sqlite3 *db, const char *sql)
{
    return sg_sql_err(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

sg_err sg_sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out)
{
    *out = NULL;
    return sg_sql_err(db, sqlite3_prepare_v2(db, sql, -1, out, NULL));
}

sg_err sg_sql_step(sqlite3 *db, sqlite3_stmt *stmt, bool *has_row)
{
    int rc = sqlite3_step(stmt);
    *has_row = rc == SQLITE_ROW;
    return sg_sql_err(db, rc);
}

sg_err sg_sql_run(sqlite3 *db, sqlite3_stmt *stmt)
{
    sg_err err = sg_sql_err(db, sqlite3_step(stmt));
    (void)sqlite3_reset(stmt); /* gives the same error again */
    return err;
}

sg_err sg_sql_int(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    SG_TRY(sg_sql_prepare(db, sql, &stmt));
    sg_err err = sg_sql_step(db, stmt, &has_row);
    if (err == SG_OK && !has_row)
        err = SG_ERR_CORRUPT;
    if (err == SG_OK)
        *out = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_sql_bind_bytes(sqlite3_stmt *stmt, int at, struct sg_bytes bytes)
{
    int rc = bytes.len == 0 ? sqlite3_bind_zeroblob(stmt, at, 0)
                            : sqlite3_bind_blob64(stmt, at, bytes.data, bytes.len, SQLITE_STATIC);
    return sg_sql_err(sqlite3_db_handle(stmt), rc);
}

sg_err sg_sql_bind_u64(sqlite3_stmt *stmt, int at, uint64_t value)
{
    int64_t number = value > INT64_MAX ? INT64_MAX : (int64_t)value;
    return sg_sql_err(sqlite3_db_handle(stmt), sqlite3_bind_int64(stmt, at, number));
}

struct sg_bytes sg_sql_bytes(sqlite3_stmt *stmt, int at)
{
    const void *data = sqlite3_column_blob(stmt, at); /* first: may convert */
    int len = sqlite3_column_bytes(stmt, at);
    return sg_bytes(data, data == NULL || len < 0 ? 0 : (size_t)len);
}

uint64_t sg_sql_u64(sqlite3_stmt *stmt, int at)
{
    int64_t number = sqlite3_column_int64(stmt, at);
    return number < 0 ? 0 : (uint64_t)number;
}
