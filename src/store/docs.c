/* A document in SQLite.
 *
 *   doc         genesis BLOB: one row, what the document is
 *   batch       n INTEGER, name BLOB [32] unique, author INTEGER, seq, lamport, prev BLOB,
 *               rest BLOB
 *   author      id INTEGER, name BLOB [32] unique
 *   signed      chain BLOB [32] unique, author, seq, bytes BLOB: the newest checkpoint of each
 *               chain, for an author who forked has several
 *   snapshot    n INTEGER, state BLOB (zlib), floor BLOB: at most one row
 *   own         author INTEGER, name BLOB: the newest batch that was made here
 *   used        author INTEGER, seq INTEGER: numbers below it are used
 *   unsynced    bytes BLOB: what a floor that was taken over did not have
 *
 * Rows of batches are in the order in which they were applied, each after its past, so any prefix
 * of them is a document. WAL with synchronous FULL: a transaction is on the disk when it is
 * answered, and a process that is killed within one leaves the rows before it. Signatures are in a
 * table of their own: they would waste pages in the rows.
 *
 * A file is made in one transaction, with application_id and user_version: it is either empty or
 * whole. One that is not ours is never written to.
 *
 * Version 1 had a checkpoint of each author instead of `signed`, and made the tables below that one
 * when they were needed: programs that know only that version would pass over `used` and take
 * numbers twice, so a file becomes version 2 when it is opened. */
#include "store/docs_impl.h"
#include "store/pack.h"

#define APPLICATION_ID 1396789068 /* "SADL" */
#define VERSION 2
#define STATE_MAX (UINT32_MAX - 1)

/* ---- opening --------------------------------------------------------------------------------- */

/* What version 2 has more than the first one. */
#define SCHEMA_2                                                                                   \
    "CREATE TABLE IF NOT EXISTS own(author INTEGER PRIMARY KEY REFERENCES author,"                 \
    " name BLOB NOT NULL) STRICT;"                                                                 \
    "CREATE TABLE IF NOT EXISTS used(author INTEGER PRIMARY KEY REFERENCES author,"                \
    " seq INTEGER NOT NULL) STRICT;"                                                               \
    "CREATE TABLE IF NOT EXISTS unsynced(n INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"      \
    "CREATE TABLE IF NOT EXISTS signed(n INTEGER PRIMARY KEY, chain BLOB NOT NULL UNIQUE,"         \
    " author INTEGER NOT NULL REFERENCES author, seq INTEGER NOT NULL,"                            \
    " bytes BLOB NOT NULL) STRICT;"

static const char schema[] =
    "CREATE TABLE doc(genesis BLOB NOT NULL) STRICT;"
    "CREATE TABLE author(id INTEGER PRIMARY KEY,"
    " name BLOB NOT NULL UNIQUE CHECK(length(name) = 32)) STRICT;"
    "CREATE TABLE batch(n INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE CHECK(length(name) = 32),"
    " author INTEGER NOT NULL REFERENCES author, seq INTEGER NOT NULL, lamport INTEGER NOT NULL,"
    " prev BLOB, rest BLOB NOT NULL) STRICT;"
    "CREATE TABLE snapshot(n INTEGER PRIMARY KEY, state BLOB NOT NULL, floor BLOB NOT NULL) "
    "STRICT;" SCHEMA_2 "PRAGMA application_id = 1396789068;"
    "PRAGMA user_version = 2;";

/* A checkpoint of an author counts as one of a chain with his name, until a newer one comes. A file
 * of version 1 may have `signed` with such a row: the newer one of the two stays, for by an older
 * one the author would take numbers for free that he has used. */
static const char migration[] =
    SCHEMA_2 "INSERT INTO signed(chain, author, seq, bytes)"
             " SELECT name, author, seq, bytes FROM checkpoint JOIN author ON id = author"
             " WHERE true ON CONFLICT(chain) DO UPDATE SET seq = excluded.seq,"
             " bytes = excluded.bytes WHERE excluded.seq > seq;"
             "DROP TABLE checkpoint;"
             "PRAGMA user_version = 2;";

sg_err sg_docs_begin(sqlite3 *db)
{
    return sg_sql_exec(db, "BEGIN IMMEDIATE");
}

/* Commits when err is SG_OK, else takes everything back; the first error counts. */
sg_err sg_docs_end(sqlite3 *db, sg_err err)
{
    if (err == SG_OK)
        err = sg_sql_exec(db, "COMMIT");
    if (err != SG_OK && sqlite3_get_autocommit(db) == 0)
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

sg_err sg_docs_name_author(struct sg_docs *docs, const uint8_t author[SG_ID_LEN])
{
    SG_TRY(sg_sql_bind_bytes(docs->author, 1, sg_bytes(author, SG_ID_LEN)));
    return sg_sql_run(docs->db, docs->author);
}

/* A copy of a column; NULL and no error when it is empty. */
sg_err sg_docs_copy_column(struct sg_docs *docs, sqlite3_stmt *stmt, int at, struct sg_bytes *out)
{
    struct sg_bytes bytes = sg_sql_bytes(stmt, at);
    uint8_t *copy = bytes.len == 0 ? NULL : sg_mem_new(docs->mem, bytes.len, 1);
    if (copy == NULL && bytes.len > 0)
        return SG_ERR_NO_MEMORY;
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    *out = sg_bytes(copy, bytes.len);
    return SG_OK;
}

/* That the tables are whole enough to be read: every batch is checked by its name when it is. */
static sg_err verify(sqlite3 *db, int64_t version)
{
    static const char checks_2[] = "SELECT (SELECT count(*) FROM signed) +"
                                   " (SELECT count(*) FROM own) + (SELECT count(*) FROM used) +"
                                   " (SELECT count(*) FROM unsynced)";
    int64_t count = 0;
    int64_t size = 0;
    int64_t pages = 0;
    SG_TRY(sg_sql_int(db, "PRAGMA page_size", &size));
    SG_TRY(sg_sql_int(db, "PRAGMA page_count", &pages));
    SG_TRY(sg_sql_int(db, "SELECT count(*) FROM doc", &count));
    if (count != 1)
        return SG_ERR_CORRUPT;
    SG_TRY(sg_sql_int(db, "SELECT count(*) FROM snapshot", &count));
    SG_TRY(sg_sql_int(db, "SELECT count(*) FROM author", &count));
    return sg_sql_int(db, version == 1 ? "SELECT count(*) FROM checkpoint" : checks_2, &count);
}

static sg_err migrate(sqlite3 *db)
{
    SG_TRY(sg_docs_begin(db));
    return sg_docs_end(db, sg_sql_exec(db, migration));
}

static sg_err make_tables(sqlite3 *db, struct sg_bytes genesis)
{
    sqlite3_stmt *stmt = NULL;
    SG_TRY(sg_docs_begin(db));
    sg_err err = sg_sql_exec(db, schema);
    if (err == SG_OK)
        err = sg_sql_prepare(db, "INSERT INTO doc VALUES(?1)", &stmt);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 1, genesis);
    if (err == SG_OK)
        err = sg_sql_run(db, stmt);
    (void)sqlite3_finalize(stmt);
    return sg_docs_end(db, err);
}

static sg_err prepare_database(sqlite3 *db, struct sg_bytes genesis)
{
    const struct sg_sql_file file = {.application_id = APPLICATION_ID, .version = VERSION};
    bool is_empty = false;
    int64_t version = 0;
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, 1000);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    SG_TRY(sg_sql_identify(db, &file, &is_empty));
    if (is_empty && genesis.len == 0)
        return SG_ERR_NOT_FOUND;
    if (!is_empty && genesis.len > 0)
        return SG_ERR_EXISTS;
    SG_TRY(sg_sql_int(db, "PRAGMA user_version", &version));
    if (!is_empty)
        SG_TRY(verify(db, version));
    SG_TRY(sg_sql_exec(db, "PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;"
                           "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "PRAGMA journal_size_limit = 1048576"));
    if (is_empty)
        return make_tables(db, genesis);
    return version < VERSION ? migrate(db) : SG_OK;
}

static sg_err prepare_statements(struct sg_docs *docs)
{
    int64_t last = 0;
    SG_TRY(sg_sql_prepare(docs->db,
                          "INSERT INTO batch VALUES(?1, ?2,"
                          " (SELECT id FROM author WHERE name = ?3), ?4, ?5, ?6, ?7)",
                          &docs->insert));
    SG_TRY(
        sg_sql_prepare(docs->db, "INSERT OR IGNORE INTO author(name) VALUES(?1)", &docs->author));
    SG_TRY(sg_sql_prepare(docs->db,
                          "SELECT n, batch.name, author.name, seq, lamport, prev, rest FROM batch"
                          " JOIN author ON author.id = author WHERE n > ?1 ORDER BY n",
                          &docs->rows));
    SG_TRY(sg_sql_int(docs->db,
                      "SELECT max(coalesce((SELECT max(n) FROM batch), 0),"
                      " coalesce((SELECT max(n) FROM snapshot), 0))",
                      &last));
    docs->last = (uint64_t)last;
    return SG_OK;
}

/* SQLite takes "file:x" for an URI only when told so; a path that begins with '-' is harmless. */
static sg_err open_database(struct sg_docs *docs, const struct sg_docs_options *options)
{
    char path[SG_FILE_PATH_MAX];
    size_t len = strlen(options->path);
    if (len + 6 > sizeof(path))
        return SG_ERR_TOO_LARGE;
    memcpy(path, options->path, len);
    memcpy(path + len, "-lock", 6);
    SG_TRY(sg_file_lock(docs->sys, path, &docs->lock));
    if (options->genesis.len > 0) {
        /* SQLite gives its other files the same mode */
        sg_err err = sg_file_create(docs->sys, options->path, sg_bytes(NULL, 0), 0600);
        if (err != SG_OK && err != SG_ERR_EXISTS)
            return err;
    }
    int rc = sqlite3_open_v2(options->path, &docs->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    SG_TRY(sg_sql_err(docs->db, rc));
    SG_TRY(prepare_database(docs->db, options->genesis));
    return prepare_statements(docs);
}

sg_err sg_docs_open(struct sg_docs **out, const struct sg_docs_options *options)
{
    *out = NULL;
    struct sg_docs *docs = sg_mem_new(options->mem, 1, sizeof(*docs));
    if (docs == NULL)
        return SG_ERR_NO_MEMORY;
    *docs = (struct sg_docs){.mem = options->mem, .sys = options->sys, .lock = -1};
    sg_err err = open_database(docs, options);
    if (err != SG_OK) {
        sg_docs_close(docs);
        return err;
    }
    *out = docs;
    return SG_OK;
}

void sg_docs_close(struct sg_docs *docs)
{
    if (docs == NULL)
        return;
    (void)sqlite3_finalize(docs->insert);
    (void)sqlite3_finalize(docs->author);
    (void)sqlite3_finalize(docs->rows);
    (void)sqlite3_close(docs->db);
    sg_file_unlock(docs->sys, docs->lock);
    sg_mem_free(docs->mem, docs);
}

sg_err sg_docs_genesis(struct sg_docs *docs, uint8_t *out, size_t cap, size_t *len)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    SG_TRY(sg_sql_prepare(docs->db, "SELECT genesis FROM doc", &stmt));
    sg_err err = sg_sql_step(docs->db, stmt, &has_row);
    struct sg_bytes bytes = has_row ? sg_sql_bytes(stmt, 0) : sg_bytes(NULL, 0);
    if (err == SG_OK && (bytes.len == 0 || bytes.len > cap))
        err = SG_ERR_CORRUPT;
    if (err == SG_OK) {
        memcpy(out, bytes.data, bytes.len);
        *len = bytes.len;
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

/* ---- batches --------------------------------------------------------------------------------- */

static sg_err insert_row(struct sg_docs *docs, const struct sg_docs_batch *batch, uint64_t n)
{
    sqlite3_stmt *stmt = docs->insert;
    struct sg_bytes prev = sg_bytes(batch->prev, batch->seq > 0 ? SG_ID_LEN : 0);
    SG_TRY(sg_sql_bind_u64(stmt, 1, n));
    SG_TRY(sg_sql_bind_bytes(stmt, 2, sg_bytes(batch->name, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_bytes(stmt, 3, sg_bytes(batch->author, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_u64(stmt, 4, batch->seq));
    SG_TRY(sg_sql_bind_u64(stmt, 5, batch->lamport));
    SG_TRY(sg_sql_bind_bytes(stmt, 6, prev));
    SG_TRY(sg_sql_bind_bytes(stmt, 7, batch->rest));
    return sg_sql_run(docs->db, stmt);
}

sg_err sg_docs_append(struct sg_docs *docs, const struct sg_docs_batch *batches, size_t count)
{
    const uint8_t *author = NULL;
    const struct sg_docs_batch *own = NULL;
    SG_TRY(sg_docs_begin(docs->db));
    sg_err err = SG_OK;
    for (size_t i = 0; i < count && err == SG_OK; i++) {
        if (author == NULL || memcmp(author, batches[i].author, SG_ID_LEN) != 0)
            err = sg_docs_name_author(docs, batches[i].author);
        author = batches[i].author;
        own = batches[i].is_own ? &batches[i] : own;
        if (err == SG_OK)
            err = insert_row(docs, &batches[i], docs->last + i + 1);
        if (err == SG_ERR_CORRUPT && (sqlite3_errcode(docs->db) & 0xff) == SQLITE_CONSTRAINT)
            err = SG_ERR_EXISTS;
    }
    if (err == SG_OK && own != NULL)
        err = sg_docs_put_own(docs, own);
    err = sg_docs_end(docs->db, err);
    if (err == SG_OK)
        docs->last += count;
    return err;
}

sg_err sg_docs_rewind(struct sg_docs *docs, uint64_t after)
{
    (void)sqlite3_reset(docs->rows);
    return sg_sql_bind_u64(docs->rows, 1, after);
}

void sg_docs_stop(struct sg_docs *docs)
{
    (void)sqlite3_reset(docs->rows);
}

sg_err sg_docs_next(struct sg_docs *docs, struct sg_docs_batch *out, bool *has_row)
{
    sqlite3_stmt *stmt = docs->rows;
    SG_TRY(sg_sql_step(docs->db, stmt, has_row));
    if (!*has_row) {
        (void)sqlite3_reset(stmt);
        return SG_OK;
    }
    struct sg_bytes name = sg_sql_bytes(stmt, 1);
    struct sg_bytes author = sg_sql_bytes(stmt, 2);
    struct sg_bytes prev = sg_sql_bytes(stmt, 5);
    *out = (struct sg_docs_batch){.n = sg_sql_u64(stmt, 0)};
    uint64_t seq = sg_sql_u64(stmt, 3);
    uint64_t lamport = sg_sql_u64(stmt, 4);
    if (name.len != SG_ID_LEN || author.len != SG_ID_LEN || seq > UINT32_MAX ||
        lamport > UINT32_MAX || prev.len != (seq > 0 ? SG_ID_LEN : 0))
        return SG_ERR_CORRUPT;
    memcpy(out->name, name.data, SG_ID_LEN);
    memcpy(out->author, author.data, SG_ID_LEN);
    if (prev.len > 0)
        memcpy(out->prev, prev.data, SG_ID_LEN);
    out->seq = (uint32_t)seq;
    out->lamport = (uint32_t)lamport;
    out->rest = sg_sql_bytes(stmt, 6);
    return SG_OK;
}

uint64_t sg_docs_last(const struct sg_docs *docs)
{
    return docs->last;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

static sg_err write_snapshot(struct sg_docs *docs, uint64_t n, struct sg_bytes packed,
                             struct sg_bytes floor)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_sql_exec(docs->db, "DELETE FROM snapshot"));
    SG_TRY(sg_sql_prepare(docs->db, "INSERT INTO snapshot VALUES(?1, ?2, ?3)", &stmt));
    sg_err err = sg_sql_bind_u64(stmt, 1, n);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 2, packed);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 3, floor);
    if (err == SG_OK)
        err = sg_sql_run(docs->db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_put_snapshot(struct sg_docs *docs, uint64_t n, struct sg_bytes state)
{
    uint8_t *packed;
    size_t len;
    SG_TRY(sg_pack(docs->mem, state, 6, &packed, &len));
    sg_err err = sg_docs_begin(docs->db);
    if (err == SG_OK)
        err = sg_docs_end(docs->db,
                          write_snapshot(docs, n, sg_bytes(packed, len), sg_bytes(NULL, 0)));
    sg_mem_free(docs->mem, packed);
    return err;
}

static sg_err keep_unsynced(struct sg_docs *docs, struct sg_bytes unsynced)
{
    sqlite3_stmt *stmt;
    if (unsynced.len == 0)
        return SG_OK;
    SG_TRY(sg_sql_prepare(docs->db, "INSERT INTO unsynced(bytes) VALUES(?1)", &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, unsynced);
    if (err == SG_OK)
        err = sg_sql_run(docs->db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_unsynced(struct sg_docs *docs, uint8_t **out, size_t *len)
{
    sqlite3_stmt *stmt;
    struct sg_bytes bytes = {0};
    bool has = false;
    SG_TRY(sg_sql_prepare(docs->db, "SELECT bytes FROM unsynced ORDER BY n LIMIT 1", &stmt));
    sg_err err = sg_sql_step(docs->db, stmt, &has);
    if (err == SG_OK && !has)
        err = SG_ERR_NOT_FOUND;
    if (err == SG_OK)
        err = sg_docs_copy_column(docs, stmt, 0, &bytes);
    *out = (uint8_t *)bytes.data;
    *len = bytes.len;
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_forget_unsynced(struct sg_docs *docs)
{
    return sg_sql_exec(docs->db, "DELETE FROM unsynced WHERE n = (SELECT min(n) FROM unsynced)");
}

sg_err sg_docs_compact(struct sg_docs *docs, struct sg_bytes state, struct sg_bytes floor,
                       struct sg_bytes unsynced)
{
    uint8_t *packed;
    size_t len;
    SG_TRY(sg_pack(docs->mem, state, 6, &packed, &len));
    sg_err err = sg_docs_begin(docs->db);
    if (err == SG_OK) {
        err = sg_sql_exec(docs->db, "DELETE FROM batch; DELETE FROM signed");
        if (err == SG_OK)
            err = write_snapshot(docs, docs->last, sg_bytes(packed, len), floor);
        if (err == SG_OK)
            err = keep_unsynced(docs, unsynced);
        err = sg_docs_end(docs->db, err);
    }
    sg_mem_free(docs->mem, packed);
    return err;
}

sg_err sg_docs_snapshot(struct sg_docs *docs, struct sg_docs_snapshot *out)
{
    sqlite3_stmt *stmt;
    bool has_row = false;
    uint8_t *state = NULL;
    size_t len = 0;
    *out = (struct sg_docs_snapshot){0};
    SG_TRY(sg_sql_prepare(docs->db, "SELECT n, state, floor FROM snapshot", &stmt));
    sg_err err = sg_sql_step(docs->db, stmt, &has_row);
    if (err == SG_OK && !has_row)
        err = SG_ERR_NOT_FOUND;
    if (err == SG_OK) {
        out->n = sg_sql_u64(stmt, 0);
        err = sg_unpack(docs->mem, sg_sql_bytes(stmt, 1), STATE_MAX, &state, &len);
    }
    if (err == SG_OK) {
        out->state = sg_bytes(state, len);
        err = sg_docs_copy_column(docs, stmt, 2, &out->floor);
    }
    (void)sqlite3_finalize(stmt);
    if (err != SG_OK)
        sg_docs_free_snapshot(docs, out);
    return err;
}

void sg_docs_free_snapshot(struct sg_docs *docs, struct sg_docs_snapshot *snapshot)
{
    sg_mem_free(docs->mem, (uint8_t *)snapshot->state.data);
    sg_mem_free(docs->mem, (uint8_t *)snapshot->floor.data);
    *snapshot = (struct sg_docs_snapshot){0};
}

sg_err sg_docs_limit_pages(struct sg_docs *docs, uint32_t pages)
{
    /* 0 is what SQLite takes for "as it is"; its own limit is 2^32 - 2 */
    char sql[64];
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA max_page_count = %u",
                     pages == 0 ? 0xfffffffe : pages);
    return sg_sql_exec(docs->db, sql);
}
