/* Durable messages in SQLite.
 *
 *   messages  number, topic, id, author, time_ms, root, gossip (a frame)
 *   roots     root, time_ms, frame: one for all messages of a batch
 *   keys      author, time_ms, frame
 *
 * A ROOT frame is 3.4 kB and serves up to 64 messages, a KEY frame 2 kB and serves an author for
 * ever: both are kept once. Their time_ms is that of the newest message that needs them, so they go
 * when the oldest message kept is newer, without counting references. number only grows, also when
 * rows were dropped (AUTOINCREMENT): a reader can leave out what came after it began.
 *
 * WAL with synchronous FULL: what was put is on the disk, at the price of one fsync per
 * transaction; the caller gathers messages. A power loss at any moment leaves whole ones. */
#include "store/messages.h"

#include "store/sql.h"

#define APPLICATION_ID 1396789085 /* "SAOR" + 11: not peers.db */
#define VERSION 1
/* Rows dropped between two looks at the size. */
#define TRIM_STEP "1024"

struct sg_messages {
    const struct sg_mem *mem;
    sqlite3 *db;
};

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE messages(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " topic BLOB NOT NULL CHECK(length(topic) = 32),"
    " id BLOB NOT NULL UNIQUE CHECK(length(id) = 32),"
    " author BLOB NOT NULL CHECK(length(author) = 32), time_ms INTEGER NOT NULL,"
    " root BLOB NOT NULL CHECK(length(root) = 32), gossip BLOB NOT NULL) STRICT;"
    "CREATE INDEX messages_topic ON messages(topic, time_ms, number);"
    "CREATE INDEX messages_time ON messages(time_ms);"
    "CREATE TABLE roots(root BLOB PRIMARY KEY CHECK(length(root) = 32),"
    " time_ms INTEGER NOT NULL, frame BLOB NOT NULL) STRICT;"
    "CREATE INDEX roots_time ON roots(time_ms);"
    "CREATE TABLE keys(author BLOB PRIMARY KEY CHECK(length(author) = 32),"
    " time_ms INTEGER NOT NULL, frame BLOB NOT NULL) STRICT;"
    "PRAGMA application_id = 1396789085;"
    "PRAGMA user_version = 1;"
    "COMMIT";

static const char *const checks[] = {
    "SELECT count(topic || id || author || time_ms || root || gossip) FROM"
    " (SELECT * FROM messages LIMIT 1)",
    "SELECT count(root || time_ms || frame) FROM (SELECT * FROM roots LIMIT 1)",
    "SELECT count(author || time_ms || frame) FROM (SELECT * FROM keys LIMIT 1)",
    NULL,
};

sg_err sg_messages_open(struct sg_messages **out, const struct sg_messages_options *options)
{
    static const struct sg_sql_file file = {
        .name = SG_MESSAGES_FILE,
        .application_id = APPLICATION_ID,
        .version = VERSION,
        .schema = schema,
        .pragmas = "PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                   "PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576",
        .checks = checks,
        .busy_ms = SG_MESSAGES_BUSY_MS,
    };
    sqlite3 *db = NULL;
    *out = NULL;
    SG_TRY(sg_sql_open(&db, &file, options->dir, options->sys));
    struct sg_messages *messages = sg_mem_new(options->mem, 1, sizeof *messages);
    if (messages == NULL) {
        (void)sqlite3_close(db);
        return SG_ERR_NO_MEMORY;
    }
    *messages = (struct sg_messages){.mem = options->mem, .db = db};
    *out = messages;
    return SG_OK;
}

void sg_messages_close(struct sg_messages *messages)
{
    if (messages == NULL)
        return;
    (void)sqlite3_close(messages->db);
    sg_mem_free(messages->mem, messages);
}

/* ---- putting --------------------------------------------------------------------------------- */

/* The statements of one transaction. */
struct putting {
    sqlite3_stmt *message, *root, *key;
};

static sg_err prepare(sqlite3 *db, struct putting *put)
{
    *put = (struct putting){0};
    SG_TRY(sg_sql_prepare(db,
                          "INSERT INTO messages(topic, id, author, time_ms, root, gossip)"
                          " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(id) DO NOTHING",
                          &put->message));
    SG_TRY(sg_sql_prepare(db,
                          "INSERT INTO roots(root, time_ms, frame) VALUES(?1, ?2, ?3)"
                          " ON CONFLICT(root) DO UPDATE SET time_ms = max(time_ms, ?2)",
                          &put->root));
    return sg_sql_prepare(db,
                          "INSERT INTO keys(author, time_ms, frame) VALUES(?1, ?2, ?3)"
                          " ON CONFLICT(author) DO UPDATE SET time_ms = max(time_ms, ?2)",
                          &put->key);
}

static void finalize(struct putting *put)
{
    (void)sqlite3_finalize(put->message);
    (void)sqlite3_finalize(put->root);
    (void)sqlite3_finalize(put->key);
}

static sg_err put_proof(sqlite3 *db, sqlite3_stmt *stmt, struct sg_bytes name, uint64_t time_ms,
                        const struct sg_buf *frame)
{
    SG_TRY(sg_sql_bind_bytes(stmt, 1, name));
    SG_TRY(sg_sql_bind_u64(stmt, 2, time_ms));
    SG_TRY(sg_sql_bind_bytes(stmt, 3, sg_buf_bytes(frame)));
    return sg_sql_run(db, stmt);
}

static sg_err put_row(sqlite3 *db, const struct putting *put, const struct sg_messages_row *row)
{
    sqlite3_stmt *stmt = put->message;
    SG_TRY(sg_sql_bind_bytes(stmt, 1, sg_bytes(row->topic.b, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_bytes(stmt, 2, sg_bytes(row->id.b, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_bytes(stmt, 3, sg_bytes(row->author.b, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_u64(stmt, 4, row->time_ms));
    SG_TRY(sg_sql_bind_bytes(stmt, 5, sg_bytes(row->root, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_bytes(stmt, 6, sg_buf_bytes(row->gossip)));
    SG_TRY(sg_sql_run(db, stmt));
    SG_TRY(put_proof(db, put->root, sg_bytes(row->root, SG_ID_LEN), row->time_ms, row->root_frame));
    return put_proof(db, put->key, sg_bytes(row->author.b, SG_ID_LEN), row->time_ms,
                     row->key_frame);
}

sg_err sg_messages_put(struct sg_messages *messages, const struct sg_messages_row *rows,
                       size_t count)
{
    sqlite3 *db = messages->db;
    struct putting put;
    SG_TRY(sg_sql_exec(db, "BEGIN IMMEDIATE"));
    sg_err err = prepare(db, &put);
    for (size_t i = 0; err == SG_OK && i < count; i++)
        err = put_row(db, &put, &rows[i]);
    finalize(&put);
    return sg_sql_end(db, err);
}

/* ---- reading --------------------------------------------------------------------------------- */

void sg_messages_row_fini(struct sg_messages_row *row)
{
    sg_buf_unref(row->gossip);
    sg_buf_unref(row->root_frame);
    sg_buf_unref(row->key_frame);
    *row = (struct sg_messages_row){0};
}

static const char read_plain[] =
    "SELECT id, author, time_ms, number, root, gossip FROM messages WHERE topic = ?1"
    " AND (time_ms, number) > (?2, ?3) AND number <= ?4 ORDER BY time_ms, number LIMIT ?5";
static const char read_proofs[] =
    "SELECT id, author, m.time_ms, number, root, gossip, r.frame, k.frame FROM messages AS m"
    " JOIN roots AS r USING(root) JOIN keys AS k USING(author) WHERE topic = ?1"
    " AND (m.time_ms, number) > (?2, ?3) AND number <= ?4 ORDER BY m.time_ms, number LIMIT ?5";

static sg_err bind_query(sqlite3_stmt *stmt, const struct sg_messages_query *query, size_t cap)
{
    SG_TRY(sg_sql_bind_bytes(stmt, 1, sg_bytes(query->topic.b, SG_ID_LEN)));
    SG_TRY(sg_sql_bind_u64(stmt, 2, query->since_ms));
    SG_TRY(sg_sql_bind_u64(stmt, 3, query->after_number));
    SG_TRY(sg_sql_bind_u64(stmt, 4, query->upto_number));
    return sg_sql_bind_u64(stmt, 5, cap);
}

static bool read_id(sqlite3_stmt *stmt, int at, uint8_t id[SG_ID_LEN])
{
    struct sg_bytes bytes = sg_sql_bytes(stmt, at);
    if (bytes.len != SG_ID_LEN)
        return false;
    memcpy(id, bytes.data, SG_ID_LEN);
    return true;
}

static sg_err read_row(sqlite3_stmt *stmt, const struct sg_mem *mem,
                       const struct sg_messages_query *query, struct sg_messages_row *row)
{
    *row = (struct sg_messages_row){
        .topic = query->topic, .time_ms = sg_sql_u64(stmt, 2), .number = sg_sql_u64(stmt, 3)};
    if (!read_id(stmt, 0, row->id.b) || !read_id(stmt, 1, row->author.b) ||
        !read_id(stmt, 4, row->root))
        return SG_ERR_CORRUPT;
    row->gossip = sg_buf_copy(mem, sg_sql_bytes(stmt, 5));
    bool is_whole = row->gossip != NULL;
    if (query->has_proofs) {
        row->root_frame = sg_buf_copy(mem, sg_sql_bytes(stmt, 6));
        row->key_frame = sg_buf_copy(mem, sg_sql_bytes(stmt, 7));
        is_whole = is_whole && row->root_frame != NULL && row->key_frame != NULL;
    }
    return is_whole ? SG_OK : SG_ERR_NO_MEMORY;
}

sg_err sg_messages_read(struct sg_messages *messages, const struct sg_messages_query *query,
                        struct sg_messages_row *rows, size_t cap, size_t *count)
{
    sqlite3_stmt *stmt;
    bool has_row = true;
    size_t got = 0;
    *count = 0;
    SG_TRY(sg_sql_prepare(messages->db, query->has_proofs ? read_proofs : read_plain, &stmt));
    sg_err err = bind_query(stmt, query, cap);
    while (err == SG_OK && got < cap) {
        err = sg_sql_step(messages->db, stmt, &has_row);
        if (err != SG_OK || !has_row)
            break;
        err = read_row(stmt, messages->mem, query, &rows[got++]);
    }
    (void)sqlite3_finalize(stmt);
    if (err == SG_OK) {
        *count = got;
        return SG_OK;
    }
    while (got > 0)
        sg_messages_row_fini(&rows[--got]);
    return err;
}

static const char read_sizes[] =
    "SELECT m.time_ms, length(gossip), root, length(r.frame) FROM messages AS m"
    " JOIN roots AS r USING(root) JOIN keys AS k USING(author) WHERE topic = ?1"
    " AND (m.time_ms, number) > (?2, ?3) AND number <= ?4"
    " ORDER BY m.time_ms DESC, number DESC LIMIT ?5";

/* What the next row adds: its message, and its root's frame when the last one had another. */
static uint64_t weigh(sqlite3_stmt *stmt, uint8_t root[SG_ID_LEN])
{
    struct sg_bytes name = sg_sql_bytes(stmt, 2);
    uint64_t bytes = sg_sql_u64(stmt, 1);
    if (name.len != SG_ID_LEN || memcmp(name.data, root, SG_ID_LEN) == 0)
        return bytes;
    memcpy(root, name.data, SG_ID_LEN);
    return bytes + sg_sql_u64(stmt, 3);
}

sg_err sg_messages_reach(struct sg_messages *messages, const struct sg_messages_query *query,
                         uint64_t count_max, uint64_t bytes_max, uint64_t *from_ms)
{
    sqlite3_stmt *stmt;
    uint8_t root[SG_ID_LEN] = {0};
    uint64_t bytes = 0;
    bool has_row = true;
    *from_ms = query->since_ms;
    SG_TRY(sg_sql_prepare(messages->db, read_sizes, &stmt));
    sg_err err = bind_query(stmt, query, count_max + 1);
    for (uint64_t count = 1; err == SG_OK; count++) {
        err = sg_sql_step(messages->db, stmt, &has_row);
        if (err != SG_OK || !has_row)
            break;
        bytes += weigh(stmt, root);
        if (count <= count_max && bytes <= bytes_max)
            continue;
        *from_ms = sg_sql_u64(stmt, 0) + 1; /* this one is too many */
        break;
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_messages_last(struct sg_messages *messages, uint64_t *number)
{
    int64_t last = 0;
    SG_TRY(sg_sql_int(messages->db, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence", &last));
    *number = last < 0 ? 0 : (uint64_t)last;
    return SG_OK;
}

/* ---- trimming -------------------------------------------------------------------------------- */

static sg_err used_bytes(sqlite3 *db, uint64_t *bytes)
{
    int64_t pages = 0;
    int64_t unused = 0;
    int64_t size = 0;
    SG_TRY(sg_sql_int(db, "PRAGMA page_count", &pages));
    SG_TRY(sg_sql_int(db, "PRAGMA freelist_count", &unused));
    SG_TRY(sg_sql_int(db, "PRAGMA page_size", &size));
    *bytes = (uint64_t)(pages - unused) * (uint64_t)size;
    return SG_OK;
}

static sg_err drop_before(sqlite3 *db, uint64_t min_time_ms)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_sql_prepare(db, "DELETE FROM messages WHERE time_ms < ?1", &stmt));
    sg_err err = sg_sql_bind_u64(stmt, 1, min_time_ms);
    if (err == SG_OK)
        err = sg_sql_run(db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

/* Proofs that no message needs any more. */
static sg_err drop_proofs(sqlite3 *db)
{
    return sg_sql_exec(
        db, "DELETE FROM roots WHERE time_ms < coalesce((SELECT min(time_ms) FROM messages),"
            " 9223372036854775807);"
            "DELETE FROM keys WHERE time_ms < coalesce((SELECT min(time_ms) FROM messages),"
            " 9223372036854775807)");
}

static sg_err drop_for_room(sqlite3 *db, uint64_t bytes_max, uint64_t *dropped)
{
    uint64_t used = 0;
    SG_TRY(used_bytes(db, &used));
    while (used > bytes_max) {
        SG_TRY(sg_sql_exec(db,
                           "DELETE FROM messages WHERE number IN"
                           " (SELECT number FROM messages ORDER BY time_ms LIMIT " TRIM_STEP ")"));
        int64_t gone = sqlite3_changes64(db);
        SG_TRY(drop_proofs(db));
        if (gone == 0)
            return SG_OK;
        *dropped += (uint64_t)gone;
        SG_TRY(used_bytes(db, &used));
    }
    return SG_OK;
}

sg_err sg_messages_trim(struct sg_messages *messages, uint64_t min_time_ms, uint64_t bytes_max,
                        uint64_t *dropped)
{
    sqlite3 *db = messages->db;
    uint64_t count = 0;
    SG_TRY(sg_sql_exec(db, "BEGIN IMMEDIATE"));
    sg_err err = drop_before(db, min_time_ms);
    if (err == SG_OK)
        err = drop_proofs(db);
    if (err == SG_OK)
        err = drop_for_room(db, bytes_max, &count);
    err = sg_sql_end(db, err);
    if (err == SG_OK)
        *dropped += count;
    return err;
}
