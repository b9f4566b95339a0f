/* A replicated document.
 *
 * The document is a map of texts, sets, counters, registers and further maps (cells.c, seq.c). All
 * changes are operations in batches; a batch is what one author did in one go, linked by hashes to
 * all that he had seen (log.c). A replica applies a batch once, when all of its past is in, so two
 * replicas with the same batches show the same, whatever way the batches took.
 *
 * What a batch may do depends on its past alone, never on clocks or on what came first here: a
 * refused batch is refused by everybody. A batch is checked as a whole before any of it is applied.
 *
 * After Kleppmann (PaPoC 2022) for the log and Almeida, Shoker, Baquero (arXiv 1410.2803) for
 * deltas: a batch is a delta-interval of its author, and the causal merging condition reads "no gap
 * in its chain, and every dependency is in". What differs: removals carry no dots, because the past
 * of a batch says what its author had seen.
 *
 * Memory: when it runs out within a change, the replica says so and is broken: it can be read, and
 * loaded again from its log. */
#include "crdt/replica.h"

void sg_genesis_encode(const struct sg_genesis *genesis, uint8_t out[SG_GENESIS_LEN])
{
    out[0] = SG_BATCH_VERSION;
    out[1] = (uint8_t)genesis->order;
    memcpy(out + 2, genesis->creator, SG_ID_LEN);
    memcpy(out + 2 + SG_ID_LEN, genesis->nonce, sizeof(genesis->nonce));
}

sg_err sg_genesis_decode(struct sg_bytes bytes, struct sg_genesis *out)
{
    struct sg_reader r = sg_reader(bytes);
    uint8_t version = sg_read_u8(&r);
    uint8_t order = sg_read_u8(&r);
    sg_read_copy(&r, out->creator, SG_ID_LEN);
    sg_read_copy(&r, out->nonce, sizeof(out->nonce));
    SG_TRY(sg_reader_done(&r));
    if (version != SG_BATCH_VERSION)
        return SG_ERR_VERSION;
    out->order = order == SG_SEQ_RGA ? SG_SEQ_RGA : SG_SEQ_FUGUE_MAX;
    return order > SG_SEQ_RGA ? SG_ERR_MALFORMED : SG_OK;
}

void sg_genesis_id(const struct sg_suite *suite, const struct sg_genesis *genesis,
                   uint8_t id[SG_ID_LEN])
{
    uint8_t bytes[SG_GENESIS_LEN];
    sg_genesis_encode(genesis, bytes);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa document v1"),
                                     sg_bytes(bytes, sizeof(bytes))};
    suite->hash(parts, 2, id);
}

/* ---- what the sequences ask for -------------------------------------------------------------- */

static int order_compare(void *user, struct sg_seq_id a, struct sg_seq_id b)
{
    const struct sg_replica *r = user;
    return sg_log_compare(&r->log, a, b);
}

static uint64_t order_lamport(void *user, struct sg_seq_id id)
{
    const struct sg_replica *r = user;
    return sg_log_lamport(&r->log, id);
}

static bool order_is_past(void *user, struct sg_seq_id id)
{
    const struct sg_replica *r = user;
    /* what is in the past has a lower Lamport time, and this is quick to see */
    if (!r->view.sees_all && order_lamport(user, id) >= r->log.open_lamport &&
        id.chain != r->view.past->chain)
        return false;
    return sg_cells_has_seen(&r->view, id);
}

static struct sg_seq_age order_applying(void *user)
{
    const struct sg_replica *r = user;
    return (struct sg_seq_age){r->log.open_lamport, r->log.count};
}

static sg_err memo_room(struct sg_replica *r, uint32_t chains)
{
    uint32_t cap = chains + chains / 2 + 4;
    if (chains <= r->memo_cap)
        return SG_OK;
    void *memo = sg_mem_resize(r->config.mem, r->memo, cap, sizeof(r->memo[0]));
    if (memo == NULL)
        return SG_ERR_NO_MEMORY;
    r->memo = memo;
    memset(r->memo + r->memo_cap, 0, (cap - r->memo_cap) * sizeof(r->memo[0]));
    void *most = sg_mem_resize(r->config.mem, r->most, cap, sizeof(r->most[0]));
    if (most == NULL)
        return SG_ERR_NO_MEMORY;
    r->most = most;
    r->memo_cap = cap;
    return SG_OK;
}

sg_err sg_replica_see(struct sg_replica *r, const struct sg_log_past *past)
{
    SG_TRY(memo_room(r, r->log.chain_count));
    r->view = (struct sg_cells_view){
        .log = &r->log, .past = past, .sees_all = sg_log_sees_all(&r->log, past), .memo = r->memo};
    r->log.open_lamport = sg_log_next_lamport(&r->log, past);
    sg_replica_forget(r);
    return SG_OK;
}

void sg_replica_forget(struct sg_replica *r)
{
    if (++r->turn == 0) { /* once in 2^32 */
        memset(r->memo, 0, r->memo_cap * sizeof(r->memo[0]));
        r->turn = 1;
    }
    r->view.turn = r->turn;
}

/* ---- life ------------------------------------------------------------------------------------ */

sg_err sg_replica_init(struct sg_replica *r, const struct sg_replica_config *config)
{
    *r = (struct sg_replica){.config = *config};
    sg_genesis_id(config->suite, &config->genesis, r->document);
    sg_log_init(&r->log, config->mem, config->seed);
    sg_pending_init(&r->pending, config->mem, &r->log.keys, &r->config.limits);
    r->order =
        (struct sg_seq_order){r, order_compare, order_lamport, order_is_past, order_applying};
    return sg_cells_init(&r->cells, config->mem, &r->log, config->seed);
}

static void txn_fini(struct sg_replica *r)
{
    if (r->txn.is_open)
        sg_body_fini(&r->txn.body);
    sg_mem_free(r->config.mem, r->txn.deps);
    sg_mem_free(r->config.mem, r->txn.refs);
}

void sg_replica_fini(struct sg_replica *r)
{
    txn_fini(r);
    sg_pending_fini(&r->pending);
    sg_cells_fini(&r->cells);
    sg_log_fini(&r->log);
    sg_mem_free(r->config.mem, r->memo);
    sg_mem_free(r->config.mem, r->most);
    sg_mem_free(r->config.mem, r->forks);
    *r = (struct sg_replica){0};
}

sg_err sg_replica_text(struct sg_replica *r, uint32_t cell, struct sg_seq **out)
{
    struct sg_cell *c = &r->cells.cells[cell];
    if (c->text == NULL) {
        struct sg_seq *text = sg_mem_new(r->config.mem, 1, sizeof(*text));
        if (text == NULL)
            return SG_ERR_NO_MEMORY;
        sg_err err = sg_seq_init(text, r->config.mem, &r->order, r->config.genesis.order);
        if (err != SG_OK) {
            sg_mem_free(r->config.mem, text);
            return err;
        }
        c->text = text;
    }
    *out = c->text;
    return SG_OK;
}

sg_err sg_replica_batch(const struct sg_replica *r, uint32_t number, struct sg_batch *out)
{
    if (number >= r->log.count || number < r->log.floor_count)
        return SG_ERR_NOT_FOUND;
    const struct sg_log_batch *batch = &r->log.batches[number];
    *out = (struct sg_batch){.seq = batch->seq};
    memcpy(out->document, r->document, SG_ID_LEN);
    memcpy(out->author, r->log.chains[batch->chain].author, SG_ID_LEN);
    if (batch->seq > 0) {
        uint32_t prev = sg_log_at(&r->log, batch->chain, batch->seq - 1);
        if (prev != SG_LOG_NONE)
            memcpy(out->prev, r->log.batches[prev].name, SG_ID_LEN);
    }
    out->rest = sg_log_rest(&r->log, batch);
    return sg_batch_decode_rest(out->rest, &r->config.limits, out);
}

sg_err sg_replica_export(const struct sg_replica *r, uint32_t number, struct sg_column *out)
{
    struct sg_batch batch;
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    SG_TRY(sg_replica_batch(r, number, &batch));
    size_t len = sg_batch_prefix(&batch, prefix);
    sg_put_bytes(out, sg_bytes(prefix, len));
    sg_put_bytes(out, batch.rest);
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}
