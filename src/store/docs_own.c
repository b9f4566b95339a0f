/* Whose batches are whose: which were made here, which numbers are used, and what is signed. */
#include "store/docs_impl.h"

/* ---- what was made here ---------------------------------------------------------------------- */

sg_err sg_docs_put_own(struct sg_docs *docs, const struct sg_docs_batch *batch)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_sql_prepare(
        docs->db, "INSERT OR REPLACE INTO own SELECT id, ?2 FROM author WHERE name = ?1", &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, sg_bytes(batch->author, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 2, sg_bytes(batch->name, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_run(docs->db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_own(struct sg_docs *docs, const uint8_t author[SG_ID_LEN], uint8_t name[SG_ID_LEN])
{
    sqlite3_stmt *stmt;
    bool has = false;
    SG_TRY(sg_sql_prepare(docs->db,
                          "SELECT own.name FROM own JOIN author ON id = author"
                          " WHERE author.name = ?1",
                          &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, sg_bytes(author, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_step(docs->db, stmt, &has);
    struct sg_bytes bytes = err == SG_OK && has ? sg_sql_bytes(stmt, 0) : sg_bytes(NULL, 0);
    if (err == SG_OK && bytes.len != SG_ID_LEN)
        err = has ? SG_ERR_CORRUPT : SG_ERR_NOT_FOUND;
    if (err == SG_OK)
        memcpy(name, bytes.data, SG_ID_LEN);
    (void)sqlite3_finalize(stmt);
    return err;
}

static sg_err put_used(struct sg_docs *docs, const uint8_t author[SG_ID_LEN], uint32_t seq)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_docs_name_author(docs, author));
    SG_TRY(sg_sql_prepare(docs->db,
                          "INSERT INTO used SELECT id, ?2 FROM author WHERE name = ?1"
                          " ON CONFLICT(author) DO UPDATE SET seq = max(seq, excluded.seq)",
                          &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, sg_bytes(author, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_bind_u64(stmt, 2, seq);
    if (err == SG_OK)
        err = sg_sql_run(docs->db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_put_used(struct sg_docs *docs, const uint8_t author[SG_ID_LEN], uint32_t seq)
{
    SG_TRY(sg_docs_begin(docs->db));
    return sg_docs_end(docs->db, put_used(docs, author, seq));
}

sg_err sg_docs_used(struct sg_docs *docs, const uint8_t author[SG_ID_LEN], uint32_t *seq)
{
    sqlite3_stmt *stmt;
    bool has = false;
    *seq = 0;
    SG_TRY(sg_sql_prepare(
        docs->db, "SELECT seq FROM used JOIN author ON id = author WHERE author.name = ?1", &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, sg_bytes(author, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_step(docs->db, stmt, &has);
    if (err == SG_OK && has && sg_sql_u64(stmt, 0) > UINT32_MAX)
        err = SG_ERR_CORRUPT;
    if (err == SG_OK && has)
        *seq = (uint32_t)sg_sql_u64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return err;
}

/* ---- checkpoints ----------------------------------------------------------------------------- */

static sg_err put_checkpoint(struct sg_docs *docs, const struct sg_docs_checkpoint *checkpoint)
{
    sqlite3_stmt *stmt;
    SG_TRY(sg_docs_name_author(docs, checkpoint->author));
    SG_TRY(sg_sql_prepare(docs->db,
                          "INSERT INTO signed(chain, author, seq, bytes)"
                          " SELECT ?4, id, ?2, ?3 FROM author WHERE name = ?1"
                          " ON CONFLICT(chain) DO UPDATE SET seq = excluded.seq,"
                          " bytes = excluded.bytes WHERE excluded.seq > seq",
                          &stmt));
    sg_err err = sg_sql_bind_bytes(stmt, 1, sg_bytes(checkpoint->author, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_bind_u64(stmt, 2, checkpoint->seq);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 3, checkpoint->bytes);
    if (err == SG_OK)
        err = sg_sql_bind_bytes(stmt, 4, sg_bytes(checkpoint->chain, SG_ID_LEN));
    if (err == SG_OK)
        err = sg_sql_run(docs->db, stmt);
    (void)sqlite3_finalize(stmt);
    return err;
}

sg_err sg_docs_put_checkpoint(struct sg_docs *docs, const struct sg_docs_checkpoint *checkpoint)
{
    SG_TRY(sg_docs_begin(docs->db));
    return sg_docs_end(docs->db, put_checkpoint(docs, checkpoint));
}

sg_err sg_docs_checkpoint(struct sg_docs *docs, uint64_t *after, uint8_t **out, size_t *len,
                          bool *has_row)
{
    sqlite3_stmt *stmt;
    struct sg_bytes bytes = {0};
    SG_TRY(sg_sql_prepare(docs->db, "SELECT n, bytes FROM signed WHERE n > ?1 ORDER BY n LIMIT 1",
                          &stmt));
    sg_err err = sg_sql_bind_u64(stmt, 1, *after);
    if (err == SG_OK)
        err = sg_sql_step(docs->db, stmt, has_row);
    if (err == SG_OK && *has_row) {
        *after = sg_sql_u64(stmt, 0);
        err = sg_docs_copy_column(docs, stmt, 1, &bytes);
    }
    *out = (uint8_t *)bytes.data;
    *len = bytes.len;
    (void)sqlite3_finalize(stmt);
    return err;
}
