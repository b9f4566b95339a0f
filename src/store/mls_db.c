/* Entries of MLS groups in SQLite.
 *
 *   groups   id INTEGER, name BLOB (group_id)
 *   entries  id INTEGER = groups.id << 42 | kind << 32 | index, value BLOB
 *
 * One number for a row saves an index that would repeat the group id for each of the tens of
 * thousands of nodes of a large group.
 *
 * Where secrets could stay behind, and what is done about it:
 *   - free cells and pages of the database: secure_delete fills them with zeros;
 *   - copies that SQLite 3.40 leaves in a page when it moves cells between pages, which
 *     secure_delete does not know: a secret begins behind so much padding, and has such a length,
 *     that the cell holds padding only and all of the secret is in overflow pages, which are never
 *     copied;
 *   - the rollback journal, which holds pages as they were: it persists (unlinking would leave its
 *     blocks on the disk as they are) and is filled with zeros once the transaction is durable, or
 *     at the next open when a process was killed in between. Only one that was killed within a
 *     transaction leaves a journal that SQLite itself plays back and unlinks;
 *   - SQLite's memory: a value is written and read through a blob handle, straight to and from a
 *     page, not through a record that is built on the heap.
 * A write-ahead log would keep old pages until it wraps, so there is none.
 *
 * application_id tells our files from others, user_version counts schemas; both are set in the
 * transaction that makes the tables, so a file is either empty or whole. */
#include "store/mls_db.h"

#include "store/sql.h"

#define APPLICATION_ID "1396789069" /* "SAOM", roughly */
#define APPLICATION_ID_INT 1396789069
#define VERSION 2
#define ZEROS_LEN 4096
#define GROUP_SHIFT 42
#define VALUE_MAX (1000 * 1000 * 1000)
/* SQLite's file format 2.3.4 for pages of 4096 bytes: what a cell of a table holds of a row whose
 * rest fills overflow pages, and what one of those holds. */
#define PAGE_SIZE "4096"
#define CELL_LEN 489
#define OVERFLOW_LEN 4092
#define LENGTH_LEN 4

struct found {
    size_t at;
    size_t len;
};

struct sg_mls_db {
    const struct sg_mem *mem;
    sqlite3 *sql;
    sqlite3_stmt *insert;
    sqlite3_stmt *remove;
    sqlite3_stmt *find_group;
    sqlite3_stmt *measure;
    sqlite3_stmt *at;
    sqlite3_blob *blob; /* the row that was used last, or NULL */
    struct found found; /* in it, by sg_mls_db_find */
};

/* ---- the journal ---- */

/* Fills it with zeros. It is valid only as long as its first bytes are, and after a commit they are
 * zero already. */
static sg_err scrub(sqlite3 *sql)
{
    static const uint8_t zeros[ZEROS_LEN];
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    SG_TRY(sg_sql_err(sql, sqlite3_file_control(sql, NULL, SQLITE_FCNTL_JOURNAL_POINTER, &file)));
    if (file == NULL || file->pMethods == NULL)
        return SG_OK;
    SG_TRY(sg_sql_err(sql, file->pMethods->xFileSize(file, &size)));
    for (sqlite3_int64 at = 0; at < size; at += ZEROS_LEN) {
        int len = size - at < ZEROS_LEN ? (int)(size - at) : ZEROS_LEN;
        SG_TRY(sg_sql_err(sql, file->pMethods->xWrite(file, zeros, len, at)));
    }
    return size == 0 ? SG_OK : sg_sql_err(sql, file->pMethods->xSync(file, SQLITE_SYNC_NORMAL));
}

/* ---- opening ---- */

static const char schema[] =
    "CREATE TABLE groups(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE entries(id INTEGER PRIMARY KEY, value BLOB NOT NULL) STRICT;"
    "CREATE TABLE scrubbed(id INTEGER PRIMARY KEY CHECK(id = 0), times INTEGER NOT NULL) STRICT;"
    "INSERT INTO scrubbed VALUES(0, 0);"
    "PRAGMA application_id = " APPLICATION_ID ";"
    "PRAGMA user_version = 2";

/* SQLite gives its other files the same mode. */
static sg_err make_file(const struct sg_mls_db_options *options, char path[SG_FILE_PATH_MAX])
{
    size_t len = strlen(options->path);
    /* or a folder called "file:x" would be taken for an URI */
    size_t skip = options->path[0] == '/' ? 0 : 2;
    if (len + skip >= SG_FILE_PATH_MAX)
        return SG_ERR_TOO_LARGE;
    memcpy(path, "./", 2);
    memcpy(path + skip, options->path, len + 1);
    sg_err err = sg_file_create(options->sys, path, (struct sg_bytes){NULL, 0}, 0600);
    return err == SG_ERR_EXISTS ? SG_OK : err;
}

static sg_err begin(sqlite3 *sql)
{
    return sg_sql_exec(sql, "BEGIN IMMEDIATE");
}

/* Commits when err is SG_OK, else takes everything back; the first error counts. */
static sg_err end(sqlite3 *sql, sg_err err)
{
    if (err == SG_OK)
        err = sg_sql_exec(sql, "COMMIT");
    /* After a full disk SQLite may have done so by itself. */
    if (err != SG_OK && sqlite3_get_autocommit(sql) == 0)
        (void)sqlite3_exec(sql, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* May the journal of a process that was killed after a commit have old pages in it still? A large
 * one is not looked at. */
static bool has_remains(const struct sg_file_sys *sys, const char *path)
{
    char name[SG_FILE_PATH_MAX + 16];
    uint8_t content[4 * ZEROS_LEN], any = 0;
    size_t len = strlen(path), got = 0;
    memcpy(name, path, len);
    memcpy(name + len, "-journal", sizeof("-journal"));
    sg_err err = sg_file_read(sys, name, content, sizeof(content), &got);
    if (err != SG_OK)
        return err != SG_ERR_NOT_FOUND;
    for (size_t i = 0; i < got; i++)
        any |= content[i];
    return any != 0;
}

/* Takes the lock for good. The first write opens the journal, and so is what fills it with zeros;
 * without remains it would only cost time. */
static sg_err take_over(sqlite3 *sql, bool is_empty, bool must_scrub)
{
    if (!is_empty && !must_scrub)
        return sg_sql_exec(sql, "BEGIN EXCLUSIVE; COMMIT");
    SG_TRY(begin(sql));
    sg_err err = is_empty ? sg_sql_exec(sql, schema) : SG_OK;
    if (err == SG_OK)
        err = sg_sql_exec(sql, "UPDATE scrubbed SET times = times + 1");
    SG_TRY(end(sql, err));
    return scrub(sql);
}

static sg_err prepare_database(sqlite3 *sql, const struct sg_file_sys *sys, const char *path)
{
    const struct sg_sql_file file = {
        .application_id = APPLICATION_ID_INT, .oldest = VERSION, .version = VERSION};
    bool is_empty = false;
    (void)sqlite3_extended_result_codes(sql, 1);
    (void)sqlite3_db_config(sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    SG_TRY(sg_sql_exec(sql, "PRAGMA page_size = " PAGE_SIZE ";"
                            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA secure_delete = ON;"
                            "PRAGMA temp_store = MEMORY; PRAGMA cache_spill = OFF"));
    SG_TRY(sg_sql_identify(sql, &file, &is_empty));
    SG_TRY(sg_sql_exec(sql, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL"));
    return take_over(sql, is_empty, has_remains(sys, path));
}

static sg_err prepare_statements(struct sg_mls_db *db)
{
    SG_TRY(sg_sql_prepare(db->sql, "INSERT INTO entries VALUES(?, zeroblob(?))", &db->insert));
    SG_TRY(sg_sql_prepare(db->sql, "DELETE FROM entries WHERE id = ?", &db->remove));
    SG_TRY(sg_sql_prepare(db->sql, "SELECT length(value) FROM entries WHERE id = ?", &db->measure));
    SG_TRY(sg_sql_prepare(db->sql, "SELECT id FROM groups WHERE name = ?", &db->find_group));
    return sg_sql_prepare(db->sql, "SELECT name FROM groups ORDER BY id LIMIT 1 OFFSET ?", &db->at);
}

sg_err sg_mls_db_open(struct sg_mls_db **out, const struct sg_mls_db_options *options)
{
    char path[SG_FILE_PATH_MAX];
    *out = NULL;
    SG_TRY(make_file(options, path));
    struct sg_mls_db *db = sg_mem_new(options->mem, 1, sizeof(*db));
    if (db == NULL)
        return SG_ERR_NO_MEMORY;
    db->mem = options->mem;
    int rc = sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sg_err err = sg_sql_err(db->sql, rc);
    if (err == SG_OK)
        err = prepare_database(db->sql, options->sys, path);
    if (err == SG_OK)
        err = prepare_statements(db);
    if (err == SG_OK)
        *out = db;
    else
        sg_mls_db_close(db);
    return err;
}

static void let_go(struct sg_mls_db *db)
{
    (void)sqlite3_blob_close(db->blob);
    db->blob = NULL;
    (void)sqlite3_reset(db->at);
}

void sg_mls_db_close(struct sg_mls_db *db)
{
    if (db == NULL)
        return;
    let_go(db);
    (void)sqlite3_finalize(db->insert);
    (void)sqlite3_finalize(db->remove);
    (void)sqlite3_finalize(db->measure);
    (void)sqlite3_finalize(db->find_group);
    (void)sqlite3_finalize(db->at);
    (void)sqlite3_close(db->sql);
    sg_mem_free(db->mem, db);
}

/* ---- groups ---- */

/* The number of a group; 0: there is none. */
static sg_err find_group(struct sg_mls_db *db, struct sg_bytes name, int64_t *out)
{
    bool has_row = false;
    *out = 0;
    sg_err err = sg_sql_bind_bytes(db->find_group, 1, name);
    if (err == SG_OK)
        err = sg_sql_step(db->sql, db->find_group, &has_row);
    if (has_row)
        *out = (int64_t)sg_sql_u64(db->find_group, 0);
    (void)sqlite3_reset(db->find_group);
    (void)sqlite3_clear_bindings(db->find_group);
    return err;
}

/* A number for a new group. The one after the last, so that groups are listed as they came; when
 * there is none, the first that a group which was dropped has left. */
static sg_err free_number(struct sg_mls_db *db, int64_t *out)
{
    SG_TRY(sg_sql_int(db->sql, "SELECT coalesce(max(id), 0) + 1 FROM groups", out));
    if (*out < SG_MLS_DB_GROUPS_MAX)
        return SG_OK;
    SG_TRY(sg_sql_int(db->sql,
                      "SELECT min(id) + 1 FROM (SELECT 0 AS id UNION ALL SELECT id FROM groups) "
                      "WHERE id + 1 NOT IN (SELECT id FROM groups)",
                      out));
    return *out < SG_MLS_DB_GROUPS_MAX ? SG_OK : SG_ERR_LIMIT;
}

static sg_err add_group(struct sg_mls_db *db, struct sg_bytes name, int64_t *out)
{
    sqlite3_stmt *stmt;
    SG_TRY(free_number(db, out));
    SG_TRY(sg_sql_prepare(db->sql, "INSERT INTO groups VALUES(?, ?)", &stmt));
    sg_err err = sg_sql_bind_u64(stmt, 1, (uint64_t)*out);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 2, name);
    if (err == SG_OK)
        err = sg_sql_run(db->sql, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_mls_db_group(struct sg_mls_db *db, size_t index, struct sg_bytes *out)
{
    bool has_row = false;
    let_go(db);
    SG_TRY(sg_sql_bind_u64(db->at, 1, index));
    SG_TRY(sg_sql_step(db->sql, db->at, &has_row));
    if (!has_row)
        return SG_ERR_NOT_FOUND;
    *out = sg_sql_bytes(db->at, 0);
    return SG_OK;
}

/* ---- entries ---- */

static int64_t row_of(int64_t group, const struct sg_mls_db_entry *entry)
{
    return (int64_t)((uint64_t)group << GROUP_SHIFT | (uint64_t)entry->kind << 32 | entry->index);
}

/* The length of a value, without reading it. */
static sg_err measure(struct sg_mls_db *db, int64_t row, bool *is_there, size_t *len)
{
    *is_there = false;
    sg_err err = sg_sql_bind_u64(db->measure, 1, (uint64_t)row);
    if (err == SG_OK)
        err = sg_sql_step(db->sql, db->measure, is_there);
    if (*is_there)
        *len = (size_t)sg_sql_u64(db->measure, 0);
    (void)sqlite3_reset(db->measure);
    return err;
}

/* Moves db->blob to a row that is there. */
static sg_err go_to(struct sg_mls_db *db, int64_t row, int is_writing)
{
    if (db->blob != NULL && sqlite3_blob_reopen(db->blob, row) == SQLITE_OK)
        return SG_OK;
    /* none yet, or the row that it was at is gone */
    (void)sqlite3_blob_close(db->blob);
    db->blob = NULL;
    int rc = sqlite3_blob_open(db->sql, "main", "entries", "value", row, is_writing, &db->blob);
    return sg_sql_err(db->sql, rc);
}

static sg_err remove_row(struct sg_mls_db *db, int64_t row)
{
    SG_TRY(sg_sql_bind_u64(db->remove, 1, (uint64_t)row));
    return sg_sql_run(db->sql, db->remove);
}

static sg_err insert_row(struct sg_mls_db *db, int64_t row, size_t len)
{
    SG_TRY(sg_sql_bind_u64(db->insert, 1, (uint64_t)row));
    SG_TRY(sg_sql_bind_u64(db->insert, 2, len));
    return sg_sql_run(db->sql, db->insert);
}

/* How a value lies in its row: after a part that a cell holds, before one that fills the last
 * overflow page. */
struct layout {
    size_t before;
    size_t stored; /* in all */
};

/* Bytes of a row's header: its own length, the type of id, the type of a value of len bytes. */
static size_t header_len(size_t len)
{
    size_t type = 2 * len + 12;
    size_t bytes = 1;
    for (; type >= 0x80; type >>= 7)
        bytes++;
    return 2 + bytes;
}

static struct layout layout_of(const struct sg_mls_db_entry *entry)
{
    struct layout out = {0, entry->value.len};
    if (!entry->is_secret)
        return out;
    out.before = CELL_LEN + LENGTH_LEN;
    size_t least = out.before + entry->value.len;
    size_t pages = (least - CELL_LEN + OVERFLOW_LEN - 1) / OVERFLOW_LEN;
    out.stored = CELL_LEN + pages * OVERFLOW_LEN;
    /* at most a few bytes less in the cell, which has CELL_LEN of the whole row */
    out.stored -= header_len(out.stored);
    if (out.stored < least)
        out.stored += OVERFLOW_LEN;
    return out;
}

static sg_err write_at(struct sg_mls_db *db, const void *data, size_t len, size_t at)
{
    return sg_sql_err(db->sql, sqlite3_blob_write(db->blob, data, (int)len, (int)at));
}

static sg_err write_value(struct sg_mls_db *db, const struct sg_mls_db_entry *entry,
                          const struct layout *layout)
{
    static const uint8_t zeros[OVERFLOW_LEN];
    size_t end = layout->before + entry->value.len;
    if (layout->before > 0) {
        uint32_t len = (uint32_t)entry->value.len;
        uint8_t head[LENGTH_LEN] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                    (uint8_t)len};
        SG_TRY(write_at(db, head, LENGTH_LEN, CELL_LEN));
    }
    SG_TRY(write_at(db, entry->value.data, entry->value.len, layout->before));
    return layout->stored > end ? write_at(db, zeros, layout->stored - end, end) : SG_OK;
}

static sg_err put(struct sg_mls_db *db, int64_t row, const struct sg_mls_db_entry *entry)
{
    const struct layout layout = layout_of(entry);
    bool is_gone = entry->value.data == NULL;
    bool is_there;
    size_t len = 0;
    if (entry->value.len >= VALUE_MAX)
        return SG_ERR_TOO_LARGE;
    SG_TRY(measure(db, row, &is_there, &len));
    if (is_there && (is_gone || len != layout.stored)) {
        SG_TRY(remove_row(db, row));
        is_there = false;
    }
    if (is_gone)
        return SG_OK;
    if (!is_there)
        SG_TRY(insert_row(db, row, layout.stored));
    SG_TRY(go_to(db, row, 1));
    return write_value(db, entry, &layout);
}

static sg_err write_all(struct sg_mls_db *db, struct sg_bytes name,
                        const struct sg_mls_db_entry *entries, size_t count)
{
    int64_t group;
    SG_TRY(find_group(db, name, &group));
    if (group == 0)
        SG_TRY(add_group(db, name, &group));
    for (size_t i = 0; i < count; i++) {
        if (entries[i].kind >= SG_MLS_DB_KINDS)
            return SG_ERR_INVALID_ARGUMENT;
        SG_TRY(put(db, row_of(group, &entries[i]), &entries[i]));
    }
    return SG_OK;
}

/* The commit is durable before the journal is filled with zeros; when that fails the write has
 * happened, and the next one or the next open fills it. */
static sg_err finish(struct sg_mls_db *db, sg_err err)
{
    let_go(db);
    SG_TRY(end(db->sql, err));
    sg_err scrubbed = scrub(db->sql);
    (void)scrubbed;
    return SG_OK;
}

sg_err sg_mls_db_write(struct sg_mls_db *db, struct sg_bytes group,
                       const struct sg_mls_db_entry *entries, size_t count)
{
    let_go(db);
    SG_TRY(begin(db->sql));
    return finish(db, write_all(db, group, entries, count));
}

/* Where a secret lies in the row that db->blob is at. */
static sg_err find_secret(struct sg_mls_db *db, size_t *len)
{
    uint8_t head[LENGTH_LEN];
    if (*len < CELL_LEN + LENGTH_LEN)
        return SG_ERR_CORRUPT;
    SG_TRY(sg_sql_err(db->sql, sqlite3_blob_read(db->blob, head, LENGTH_LEN, CELL_LEN)));
    size_t value = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (value > *len - CELL_LEN - LENGTH_LEN)
        return SG_ERR_CORRUPT;
    *len = value;
    db->found = (struct found){CELL_LEN + LENGTH_LEN, value};
    return SG_OK;
}

sg_err sg_mls_db_find(struct sg_mls_db *db, struct sg_bytes group,
                      const struct sg_mls_db_entry *which, size_t *len)
{
    int64_t number;
    bool is_there;
    if (which->kind >= SG_MLS_DB_KINDS)
        return SG_ERR_INVALID_ARGUMENT;
    SG_TRY(find_group(db, group, &number));
    if (number == 0)
        return SG_ERR_NOT_FOUND;
    SG_TRY(measure(db, row_of(number, which), &is_there, len));
    if (!is_there)
        return SG_ERR_NOT_FOUND;
    SG_TRY(go_to(db, row_of(number, which), 0));
    db->found = (struct found){0, *len};
    return which->is_secret ? find_secret(db, len) : SG_OK;
}

sg_err sg_mls_db_read(struct sg_mls_db *db, uint8_t *out, size_t len)
{
    if (db->blob == NULL || db->found.len != len)
        return SG_ERR_INVALID_ARGUMENT;
    return sg_sql_err(db->sql, sqlite3_blob_read(db->blob, out, (int)len, (int)db->found.at));
}

static sg_err drop(struct sg_mls_db *db, int64_t group)
{
    char sql[160];
    sqlite3_snprintf(sizeof(sql), sql,
                     "DELETE FROM entries WHERE id >= %lld AND id < %lld;"
                     "DELETE FROM groups WHERE id = %lld",
                     (long long)((uint64_t)group << GROUP_SHIFT),
                     (long long)((uint64_t)(group + 1) << GROUP_SHIFT), (long long)group);
    return sg_sql_exec(db->sql, sql);
}

sg_err sg_mls_db_drop(struct sg_mls_db *db, struct sg_bytes group)
{
    int64_t number;
    let_go(db);
    SG_TRY(find_group(db, group, &number));
    if (number == 0)
        return SG_OK;
    SG_TRY(begin(db->sql));
    return finish(db, drop(db, number));
}
