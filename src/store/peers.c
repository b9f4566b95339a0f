/* The peer cache and the contacts in SQLite.
 *
 *   peers     id BLOB [32], hints BLOB, seen_ms, successes, failures
 *   contacts  id BLOB [32], hints BLOB, added_ms
 *
 * hints: for each hint its length (one byte) and its bytes, as on the wire. application_id tells
 * our files from others, user_version counts schemas; both are set in the transaction that makes
 * the tables, so a file is either empty or whole. A file that is not ours, damaged, or newer is an
 * error and stays as it is: it may hold the user's contacts, and those are what protects the node
 * from being surrounded (threats.md 8), so they must not vanish silently.
 *
 * WAL with synchronous NORMAL: the cache is written without waiting for the disk, a power loss
 * costs its newest entries but never its soundness. Contacts are written with FULL. The log is
 * folded back at 64 pages, so that it stays small. */
#include "store/peers.h"

#include "store/sql.h"

#define APPLICATION_ID "1396789074" /* "SAOR" */
#define APPLICATION_ID_INT 1396789074
#define VERSION 1
#define HINTS_BLOB_MAX (SG_HINTS_MAX * (1 + SG_HINT_LEN_MAX))
#define COUNT_MAX 1000000000 /* of successes and failures */

struct sg_peers {
    const struct sg_mem *mem;
    sqlite3 *db;
};

/* ---- hints ----------------------------------------------------------------------------------- */

static struct sg_bytes hints_encode(const struct sg_hints *hints, uint8_t blob[HINTS_BLOB_MAX])
{
    size_t len = 0;
    for (size_t i = 0; i < hints->count && i < SG_HINTS_MAX; i++) {
        uint8_t n = hints->hint[i].len;
        if (n == 0 || n > SG_HINT_LEN_MAX)
            continue;
        blob[len++] = n;
        memcpy(blob + len, hints->hint[i].b, n);
        len += n;
    }
    return sg_bytes(blob, len);
}

static bool hints_decode(struct sg_bytes blob, struct sg_hints *hints)
{
    size_t at = 0;
    *hints = (struct sg_hints){0};
    while (at < blob.len) {
        uint8_t n = blob.data[at++];
        if (n == 0 || n > SG_HINT_LEN_MAX || n > blob.len - at || hints->count == SG_HINTS_MAX)
            return false;
        hints->hint[hints->count].len = n;
        memcpy(hints->hint[hints->count++].b, blob.data + at, n);
        at += n;
    }
    return true;
}

/* ---- opening --------------------------------------------------------------------------------- */

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE peers(id BLOB PRIMARY KEY CHECK(length(id) = 32), hints BLOB NOT NULL,"
    " seen_ms INTEGER NOT NULL, successes INTEGER NOT NULL, failures INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE contacts(id BLOB PRIMARY KEY CHECK(length(id) = 32), hints BLOB NOT NULL,"
    " added_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = " APPLICATION_ID ";"
    "PRAGMA user_version = 1;"
    "COMMIT";

static const char *const checks[] = {
    "SELECT count(hints || seen_ms || successes || failures) FROM peers",
    "SELECT count(hints || added_ms) FROM contacts",
    NULL,
};

sg_err sg_peers_open(struct sg_peers **out, const struct sg_peers_options *options)
{
    static const struct sg_sql_file file = {
        .name = SG_PEERS_FILE,
        .application_id = APPLICATION_ID_INT,
        .version = VERSION,
        .schema = schema,
        .pragmas = "PRAGMA cache_size = -256; PRAGMA temp_store = MEMORY;"
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                   "PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = 262144",
        .checks = checks,
        .reads_all = true,
        .busy_ms = SG_PEERS_BUSY_MS,
    };
    sqlite3 *db = NULL;
    *out = NULL;
    SG_TRY(sg_sql_open(&db, &file, options->dir, options->sys));
    struct sg_peers *peers = sg_mem_new(options->mem, 1, sizeof *peers);
    if (peers == NULL) {
        (void)sqlite3_close(db);
        return SG_ERR_NO_MEMORY;
    }
    *peers = (struct sg_peers){.mem = options->mem, .db = db};
    *out = peers;
    return SG_OK;
}

void sg_peers_close(struct sg_peers *peers)
{
    if (peers == NULL)
        return;
    (void)sqlite3_close(peers->db);
    sg_mem_free(peers->mem, peers);
}

/* ---- transactions ---------------------------------------------------------------------------- */

static sg_err begin(const struct sg_peers *peers)
{
    return sg_sql_exec(peers->db, "BEGIN IMMEDIATE");
}

static sg_err end(const struct sg_peers *peers, sg_err err)
{
    return sg_sql_end(peers->db, err);
}

/* ---- the cache ------------------------------------------------------------------------------- */

static sg_err bind_id(sqlite3_stmt *stmt, int at, const struct sg_peer_id *id)
{
    return sg_sql_bind_bytes(stmt, at, sg_bytes(id->b, SG_ID_LEN));
}

static sg_err put_seen(sqlite3 *db, sqlite3_stmt *stmt, uint64_t wall_ms,
                       const struct sg_peers_sighting *seen)
{
    uint8_t blob[HINTS_BLOB_MAX];
    SG_TRY(bind_id(stmt, 1, &seen->id));
    SG_TRY(sg_sql_bind_bytes(stmt, 2, hints_encode(&seen->hints, blob)));
    SG_TRY(sg_sql_bind_u64(stmt, 3, seen->is_alive ? wall_ms : 0));
    SG_TRY(sg_sql_bind_u64(stmt, 4, seen->is_linked));
    SG_TRY(sg_sql_bind_u64(stmt, 5, wall_ms));
    return sg_sql_run(db, stmt);
}

static sg_err put_all_seen(sqlite3 *db, const struct sg_peers_update *update)
{
    sqlite3_stmt *stmt;
    sg_err err = SG_OK;
    /* A time ahead of the clock is none: the clock was wrong when it was written. */
    SG_TRY(
        sg_sql_prepare(db,
                       "INSERT INTO peers VALUES(?1, ?2, ?3, ?4, 0) ON CONFLICT(id) DO UPDATE SET"
                       " hints = iif(length(excluded.hints) > 0, excluded.hints, hints),"
                       " seen_ms = max(iif(seen_ms > ?5, 0, seen_ms), excluded.seen_ms),"
                       " successes = min(successes + excluded.successes, 1000000000),"
                       " failures = iif(excluded.successes > 0, 0, failures)",
                       &stmt));
    for (size_t i = 0; i < update->seen_count && err == SG_OK; i++)
        err = put_seen(db, stmt, update->wall_ms, &update->seen[i]);
    (void)sqlite3_finalize(stmt);
    return err;
}

static sg_err put_contact_hints(sqlite3 *db, const struct sg_peers_update *update)
{
    sqlite3_stmt *stmt;
    sg_err err = SG_OK;
    uint8_t blob[HINTS_BLOB_MAX];
    SG_TRY(
        sg_sql_prepare(db, "UPDATE contacts SET hints = ?2 WHERE id = ?1 AND hints <> ?2", &stmt));
    for (size_t i = 0; i < update->seen_count && err == SG_OK; i++) {
        const struct sg_peers_sighting *seen = &update->seen[i];
        if (!seen->is_contact || seen->hints.count == 0)
            continue;
        err = bind_id(stmt, 1, &seen->id);
        if (err == SG_OK)
            err = sg_sql_bind_bytes(stmt, 2, hints_encode(&seen->hints, blob));
        if (err == SG_OK)
            err = sg_sql_run(db, stmt);
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

static sg_err put_failed(sqlite3 *db, const struct sg_peers_update *update)
{
    sqlite3_stmt *stmt;
    sg_err err = SG_OK;
    SG_TRY(sg_sql_prepare(
        db, "UPDATE peers SET failures = min(failures + 1, 1000000000) WHERE id = ?1", &stmt));
    for (size_t i = 0; i < update->failed_count && err == SG_OK; i++) {
        err = bind_id(stmt, 1, &update->failed[i]);
        if (err == SG_OK)
            err = sg_sql_run(db, stmt);
    }
    (void)sqlite3_finalize(stmt);
    return err;
}

static sg_err drop_worst(sqlite3 *db)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_sql_prepare(db,
                          "DELETE FROM peers WHERE id IN (SELECT id FROM peers"
                          " ORDER BY failures >= 3 DESC, seen_ms, id"
                          " LIMIT max(0, (SELECT count(*) FROM peers) - ?1))",
                          &stmt));
    sg_err err = sg_sql_bind_u64(stmt, 1, SG_PEERS_CACHE_MAX);
    if (err == SG_OK)
        err = sg_sql_run(db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_peers_update(struct sg_peers *peers, const struct sg_peers_update *update)
{
    SG_TRY(begin(peers));
    sg_err err = put_all_seen(peers->db, update);
    if (err == SG_OK)
        err = put_contact_hints(peers->db, update);
    if (err == SG_OK)
        err = put_failed(peers->db, update);
    if (err == SG_OK)
        err = drop_worst(peers->db);
    return end(peers, err);
}

static uint32_t count_of(sqlite3_stmt *stmt, int at)
{
    uint64_t count = sg_sql_u64(stmt, at);
    return count > COUNT_MAX ? COUNT_MAX : (uint32_t)count;
}

/* A row: id, hints, time, successes, failures. false: it makes no sense. */
static bool read_row(sqlite3_stmt *stmt, struct sg_peers_entry *out)
{
    struct sg_bytes id = sg_sql_bytes(stmt, 0);
    if (id.len != SG_ID_LEN)
        return false;
    memcpy(out->id.b, id.data, SG_ID_LEN);
    if (!hints_decode(sg_sql_bytes(stmt, 1), &out->hints))
        return false;
    out->time_ms = sg_sql_u64(stmt, 2);
    out->successes = count_of(stmt, 3);
    out->failures = count_of(stmt, 4);
    return true;
}

/* Runs stmt, whose parameter 1 is the most rows wanted, and finalizes it. */
static sg_err read_rows(const struct sg_peers *peers, sqlite3_stmt *stmt,
                        struct sg_peers_entry *out, size_t cap, size_t *count)
{
    bool has_row = false;
    *count = 0;
    sg_err err = sg_sql_bind_u64(stmt, 1, cap);
    if (err == SG_OK)
        err = sg_sql_step(peers->db, stmt, &has_row);
    while (err == SG_OK && has_row && *count < cap) {
        *count += read_row(stmt, &out[*count]);
        err = sg_sql_step(peers->db, stmt, &has_row);
    }
    (void)sqlite3_finalize(stmt);
    if (err != SG_OK)
        *count = 0;
    return err;
}

sg_err sg_peers_best(struct sg_peers *peers, struct sg_peers_entry *out, size_t cap, size_t *count)
{
    sqlite3_stmt *stmt;
    *count = 0;
    SG_TRY(sg_sql_prepare(peers->db,
                          "SELECT id, hints, seen_ms, successes, failures FROM peers"
                          " WHERE length(hints) > 0"
                          " ORDER BY min(failures, 3), seen_ms / 3600000 DESC, random() LIMIT ?1",
                          &stmt));
    return read_rows(peers, stmt, out, cap, count);
}

/* ---- the contacts ---------------------------------------------------------------------------- */

static sg_err put_contact(sqlite3 *db, const struct sg_peers_entry *contact)
{
    sqlite3_stmt *stmt;
    uint8_t blob[HINTS_BLOB_MAX];
    int64_t count = 0;
    SG_TRY(sg_sql_prepare(db,
                          "INSERT INTO contacts VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET"
                          " hints = iif(length(excluded.hints) > 0, excluded.hints, hints)",
                          &stmt));
    sg_err err = bind_id(stmt, 1, &contact->id);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 2, hints_encode(&contact->hints, blob));
    if (err == SG_OK)
        err = sg_sql_bind_u64(stmt, 3, contact->time_ms);
    if (err == SG_OK)
        err = sg_sql_run(db, stmt);
    (void)sqlite3_finalize(stmt);
    SG_TRY(err);
    SG_TRY(sg_sql_int(db, "SELECT count(*) FROM contacts", &count));
    return count > SG_PEERS_CONTACTS_MAX ? SG_ERR_FULL : SG_OK;
}

static sg_err remove_contact(sqlite3 *db, const struct sg_peer_id *id)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_sql_prepare(db, "DELETE FROM contacts WHERE id = ?1", &stmt));
    sg_err err = bind_id(stmt, 1, id);
    if (err == SG_OK)
        err = sg_sql_run(db, stmt);
    (void)sqlite3_finalize(stmt);
    SG_TRY(err);
    return sqlite3_changes(db) == 0 ? SG_ERR_NOT_FOUND : SG_OK;
}

/* A transaction that is on the disk when it has ended. */
static sg_err begin_durable(const struct sg_peers *peers)
{
    SG_TRY(sg_sql_exec(peers->db, "PRAGMA synchronous = FULL"));
    return begin(peers);
}

static sg_err end_durable(const struct sg_peers *peers, sg_err err)
{
    err = end(peers, err);
    (void)sqlite3_exec(peers->db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    return err;
}

sg_err sg_peers_contact_put(struct sg_peers *peers, const struct sg_peers_entry *contact)
{
    SG_TRY(begin_durable(peers));
    return end_durable(peers, put_contact(peers->db, contact));
}

sg_err sg_peers_contact_remove(struct sg_peers *peers, const struct sg_peer_id *id)
{
    SG_TRY(begin_durable(peers));
    return end_durable(peers, remove_contact(peers->db, id));
}

sg_err sg_peers_contacts(struct sg_peers *peers, struct sg_peers_entry *out, size_t *count)
{
    sqlite3_stmt *stmt;
    *count = 0;
    SG_TRY(sg_sql_prepare(peers->db,
                          "SELECT id, hints, added_ms, 0, 0 FROM contacts"
                          " ORDER BY added_ms, id LIMIT ?1",
                          &stmt));
    return read_rows(peers, stmt, out, SG_PEERS_CONTACTS_MAX, count);
}
