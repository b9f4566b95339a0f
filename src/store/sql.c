#include "store/sql.h"

#include <string.h>

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

/* ---- opening --------------------------------------------------------------------------------- */

static sg_err make_file(const struct sg_sql_file *file, const char *dir,
                        const struct sg_file_sys *sys, char path[SG_FILE_PATH_MAX])
{
    size_t skip = 0;
    if (dir[0] != '/') {
        /* or a folder called "file:x" would be taken for an URI */
        memcpy(path, "./", 2);
        skip = 2;
    }
    char plain[SG_FILE_PATH_MAX];
    SG_TRY(sg_file_path(plain, dir, file->name));
    size_t len = strlen(plain);
    if (len + skip >= SG_FILE_PATH_MAX)
        return SG_ERR_TOO_LARGE;
    memcpy(path + skip, plain, len + 1);
    /* SQLite gives its other files the same mode. */
    sg_file_tidy(sys, path);
    sg_err err = sg_file_create(sys, path, (struct sg_bytes){NULL, 0}, 0600);
    return err == SG_ERR_EXISTS ? SG_OK : err;
}

sg_err sg_sql_identify(sqlite3 *db, const struct sg_sql_file *file, bool *is_empty)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t tables = 0;
    SG_TRY(sg_sql_int(db, "PRAGMA application_id", &id));
    SG_TRY(sg_sql_int(db, "PRAGMA user_version", &version));
    SG_TRY(sg_sql_int(db, "SELECT count(*) FROM sqlite_schema", &tables));
    *is_empty = id == 0 && version == 0 && tables == 0;
    if (*is_empty)
        return SG_OK;
    if (id != file->application_id || version < 1)
        return SG_ERR_CORRUPT;
    return version > file->version || version < file->oldest ? SG_ERR_UNSUPPORTED : SG_OK;
}

static sg_err read_all(sqlite3 *db)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    SG_TRY(sg_sql_prepare(db, "PRAGMA quick_check(1)", &stmt));
    sg_err err = sg_sql_step(db, stmt, &has_row);
    if (err == SG_OK) {
        struct sg_bytes text = has_row ? sg_sql_bytes(stmt, 0) : (struct sg_bytes){NULL, 0};
        err = sg_bytes_equal(text, SG_BYTES_LIT("ok")) ? SG_OK : SG_ERR_CORRUPT;
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

static sg_err verify(sqlite3 *db, const struct sg_sql_file *file)
{
    int64_t rows;
    if (file->reads_all)
        SG_TRY(read_all(db));
    for (const char *const *check = file->checks; *check != NULL; check++)
        SG_TRY(sg_sql_int(db, *check, &rows));
    return SG_OK;
}

static sg_err prepare_database(sqlite3 *db, const struct sg_sql_file *file)
{
    bool is_empty = false;
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, file->busy_ms);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    SG_TRY(sg_sql_identify(db, file, &is_empty));
    if (!is_empty)
        SG_TRY(verify(db, file));
    SG_TRY(sg_sql_exec(db, file->pragmas));
    return is_empty ? sg_sql_exec(db, file->schema) : SG_OK;
}

sg_err sg_sql_open(sqlite3 **db, const struct sg_sql_file *file, const char *dir,
                   const struct sg_file_sys *sys)
{
    char path[SG_FILE_PATH_MAX];
    sqlite3 *opened = NULL;
    *db = NULL;
    SG_TRY(make_file(file, dir, sys, path));
    int rc = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sg_err err = sg_sql_err(opened, rc);
    if (err == SG_OK)
        err = prepare_database(opened, file);
    if (err != SG_OK)
        (void)sqlite3_close(opened);
    else
        *db = opened;
    return err;
}

sg_err sg_sql_end(sqlite3 *db, sg_err err)
{
    if (err == SG_OK)
        err = sg_sql_exec(db, "COMMIT");
    /* After a full disk SQLite may have done so by itself. */
    if (err != SG_OK && sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}
