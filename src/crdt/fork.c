#include "crdt/fork.h"

sg_err sg_fork_batches(const struct sg_replica *r, uint32_t at, uint32_t batches[2])
{
    const struct sg_log *log = &r->log;
    if (at >= r->fork_count)
        return SG_ERR_NOT_FOUND;
    const struct sg_fork *fork = &r->forks[at];
    const uint8_t *author = log->chains[fork->chain].author;
    batches[0] = sg_log_at(log, fork->chain, fork->seq);
    for (uint32_t i = 0; i < log->chain_count; i++) {
        if (memcmp(log->chains[i].author, author, SG_ID_LEN) != 0)
            continue;
        batches[1] = sg_log_at(log, i, fork->seq);
        bool is_other = batches[1] != SG_LOG_NONE && batches[1] != batches[0];
        if (is_other && batches[0] != SG_LOG_NONE && batches[1] >= log->floor_count)
            return SG_OK;
    }
    return SG_ERR_NOT_FOUND;
}

sg_err sg_fork_put_side(const struct sg_replica *r, uint32_t batch, uint32_t last,
                        struct sg_bytes checkpoint, struct sg_column *out)
{
    uint32_t chain = r->log.batches[last].chain;
    uint32_t seq = r->log.batches[batch].seq;
    uint32_t end_seq = r->log.batches[last].seq + 1;
    if (end_seq <= seq || end_seq - seq > SG_FORK_BATCHES_MAX)
        return SG_ERR_LIMIT;
    sg_put_uint(out, end_seq - seq);
    for (; seq < end_seq; seq++) {
        struct sg_column whole = {.mem = r->config.mem};
        uint32_t number = sg_log_at(&r->log, chain, seq);
        sg_err err =
            number == SG_LOG_NONE ? SG_ERR_NOT_FOUND : sg_replica_export(r, number, &whole);
        if (err == SG_OK)
            sg_put_vector(out, sg_column_bytes(&whole));
        sg_column_fini(&whole);
        SG_TRY(err);
    }
    sg_put_vector(out, checkpoint);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The end of one side so far. */
struct end {
    uint32_t seq;
    uint8_t name[SG_ID_LEN];
};

static sg_err read_batch(const struct sg_suite *suite, struct sg_bytes bytes,
                         struct sg_fork_proof *proof, struct end *end, bool is_first)
{
    static const struct sg_crdt_limits limits = SG_CRDT_LIMITS_DEFAULT;
    struct sg_batch batch;
    SG_TRY(sg_batch_decode(bytes, &limits, &batch));
    if (memcmp(batch.document, proof->document, SG_ID_LEN) != 0 ||
        memcmp(batch.author, proof->author, SG_ID_LEN) != 0)
        return SG_ERR_PROTOCOL;
    bool is_next = batch.seq == end->seq + 1 && memcmp(batch.prev, end->name, SG_ID_LEN) == 0;
    if (is_first ? batch.seq != proof->seq : !is_next)
        return SG_ERR_PROTOCOL;
    end->seq = batch.seq;
    sg_batch_name(suite, &batch, end->name);
    return SG_OK;
}

static sg_err read_side(const struct sg_suite *suite, struct sg_reader *in, unsigned side,
                        struct sg_fork_proof *proof)
{
    struct end end = {0};
    uint32_t count = sg_get_u32(in, SG_FORK_BATCHES_MAX);
    if (in->err == SG_OK && count == 0)
        return SG_ERR_MALFORMED;
    for (uint32_t i = 0; i < count; i++) {
        struct sg_bytes bytes = sg_get_vector(in, UINT32_MAX);
        SG_TRY(in->err);
        SG_TRY(read_batch(suite, bytes, proof, &end, i == 0));
        if (i == 0)
            memcpy(proof->names[side], end.name, SG_ID_LEN);
    }
    struct sg_bytes checkpoint = sg_get_vector(in, UINT32_MAX);
    SG_TRY(in->err);
    if (checkpoint.len == 0)
        return SG_OK;
    struct sg_checkpoint got;
    SG_TRY(sg_checkpoint_read(suite, checkpoint, &got));
    if (memcmp(got.document, proof->document, SG_ID_LEN) != 0 ||
        memcmp(got.author, proof->author, SG_ID_LEN) != 0 || got.seq != end.seq ||
        memcmp(got.head, end.name, SG_ID_LEN) != 0)
        return SG_ERR_PROTOCOL;
    proof->is_signed[side] = true;
    return SG_OK;
}

/* Document, author and number are those of the first batch. */
static sg_err read_head(struct sg_bytes bytes, struct sg_fork_proof *proof)
{
    static const struct sg_crdt_limits limits = SG_CRDT_LIMITS_DEFAULT;
    struct sg_reader in = sg_reader(bytes);
    struct sg_batch batch;
    (void)sg_get_u32(&in, SG_FORK_BATCHES_MAX);
    struct sg_bytes first = sg_get_vector(&in, UINT32_MAX);
    SG_TRY(in.err);
    SG_TRY(sg_batch_decode(first, &limits, &batch));
    memcpy(proof->document, batch.document, SG_ID_LEN);
    memcpy(proof->author, batch.author, SG_ID_LEN);
    proof->seq = batch.seq;
    return SG_OK;
}

sg_err sg_fork_read(const struct sg_suite *suite, struct sg_bytes bytes, struct sg_fork_proof *out)
{
    struct sg_reader in = sg_reader(bytes);
    *out = (struct sg_fork_proof){0};
    SG_TRY(read_head(bytes, out));
    for (unsigned side = 0; side < 2; side++)
        SG_TRY(read_side(suite, &in, side, out));
    SG_TRY(sg_reader_done(&in));
    return memcmp(out->names[0], out->names[1], SG_ID_LEN) == 0 ? SG_ERR_PROTOCOL : SG_OK;
}
