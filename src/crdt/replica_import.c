/* Batches of others: where they belong, what they wait for, what is wrong with them. */
#include "crdt/plan.h"

/* ---- where it belongs ------------------------------------------------------------------------ */

/* A first batch has none, and one whose author begins anew behind a floor that lacks what he wrote
 * before: he goes on with numbers that he has never used. */
static bool has_prev(const struct sg_batch *batch)
{
    static const uint8_t none[SG_ID_LEN];
    return batch->seq > 0 && memcmp(batch->prev, none, SG_ID_LEN) != 0;
}

/* Finds all that a batch names. *missing: the first name that is not in, or NULL. */
static sg_err find_past(struct sg_replica *r, struct sg_plan *plan, const uint8_t **missing)
{
    const struct sg_batch *batch = &plan->batch;
    plan->past.prev = SG_LOG_NONE;
    *missing = NULL;
    if (has_prev(batch)) {
        plan->past.prev = sg_log_find(&r->log, batch->prev);
        if (plan->past.prev == SG_LOG_NONE) {
            *missing = batch->prev;
            return SG_OK;
        }
    }
    plan->deps = sg_mem_new(r->config.mem, batch->dep_count + 1u, sizeof(plan->deps[0]));
    if (plan->deps == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < batch->dep_count; i++) {
        const uint8_t *name = batch->deps.data + (size_t)i * SG_ID_LEN;
        plan->deps[i] = sg_log_find(&r->log, name);
        if (plan->deps[i] == SG_LOG_NONE) {
            *missing = name;
            return SG_OK;
        }
    }
    plan->past.deps = plan->deps;
    plan->past.dep_count = batch->dep_count;
    return SG_OK;
}

/* The chain of a batch; one that is not there yet is made, and taken back when the batch is
 * refused. Two batches with one number are a fork. */
static sg_err find_chain(struct sg_replica *r, struct sg_plan *plan)
{
    struct sg_log *log = &r->log;
    const struct sg_batch *batch = &plan->batch;
    uint32_t parent = SG_LOG_NONE;
    uint32_t chain;
    if (plan->past.prev == SG_LOG_NONE) {
        chain = sg_log_root(log, batch->author, batch->seq);
        if (chain != SG_LOG_NONE && log->chains[chain].end_seq == batch->seq) {
            plan->past.chain = chain;
            return SG_OK;
        }
        plan->is_fork =
            batch->seq == 0 ? chain != SG_LOG_NONE : sg_log_is_used(log, batch->author, batch->seq);
    } else {
        const struct sg_log_batch *prev = &log->batches[plan->past.prev];
        chain = prev->chain;
        if (prev->seq + 1 != batch->seq ||
            memcmp(log->chains[chain].author, batch->author, SG_ID_LEN) != 0)
            return SG_ERR_PROTOCOL;
        plan->past.chain = chain;
        if (log->chains[chain].end_seq == batch->seq) {
            /* one that began anew may have had this number first */
            uint32_t other = sg_log_root(log, batch->author, batch->seq);
            plan->is_fork = other != SG_LOG_NONE && log->chains[other].end_seq > batch->seq;
            return SG_OK;
        }
        plan->is_fork = true;
        parent = chain;
    }
    SG_TRY(sg_log_chain_new(log, batch->author, parent, batch->seq, &plan->past.chain));
    plan->is_new_chain = true;
    return SG_OK;
}

static sg_err note_fork(struct sg_replica *r, uint32_t chain, uint32_t seq)
{
    if (r->fork_count == r->fork_cap) {
        void *grown =
            sg_mem_grow(r->config.mem, r->forks, &r->fork_cap, UINT32_MAX, sizeof(r->forks[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        r->forks = grown;
    }
    r->forks[r->fork_count++] = (struct sg_fork){chain, seq};
    return SG_OK;
}

/* ---- one batch ------------------------------------------------------------------------------- */

static sg_err check_header(const struct sg_replica *r, const struct sg_plan *plan)
{
    if (!sg_log_sees_floor(&r->log, &plan->past))
        return SG_ERR_EXPIRED;
    if (plan->batch.lamport != sg_log_next_lamport(&r->log, &plan->past))
        return SG_ERR_PROTOCOL;
    if (plan->past.dep_count > 0 && !sg_log_is_minimal(&r->log, &plan->past, r->most))
        return SG_ERR_NOT_CANONICAL;
    if (plan->past.dep_count == 0 || r->is_loading)
        return SG_OK;
    const struct sg_crdt_limits *limits = &r->config.limits;
    uint64_t most =
        limits->seen_free + limits->seen_ratio * (r->log.bytes_len + plan->batch.rest.len);
    most = most < limits->seen_bytes ? most : limits->seen_bytes;
    bool fits = r->log.seen + sg_log_seen_by(&r->log, &plan->past) <= most;
    return fits ? SG_OK : SG_ERR_LIMIT;
}

static void drop_chain(struct sg_replica *r, const struct sg_plan *plan)
{
    if (plan->is_new_chain)
        sg_log_chain_drop(&r->log);
}

/* Checks and applies a batch whose past is in. */
static sg_err take_in(struct sg_replica *r, struct sg_plan *plan)
{
    SG_TRY(find_chain(r, plan));
    sg_err err = sg_replica_see(r, &plan->past);
    if (err == SG_OK)
        err = check_header(r, plan);
    if (err == SG_OK)
        sg_replica_forget(r);
    if (err == SG_OK)
        err = sg_plan_check(r, plan);
    if (err != SG_OK) {
        drop_chain(r, plan);
        return err;
    }
    struct sg_log_batch entry = {.lamport = plan->batch.lamport, .ops = plan->ops};
    memcpy(entry.name, plan->name, SG_ID_LEN);
    if (plan->is_new_chain)
        memcpy(r->log.chains[plan->past.chain].first, plan->name, SG_ID_LEN);
    err = sg_plan_apply(r, plan);
    if (err == SG_OK)
        err = sg_log_add(&r->log, &plan->past, &entry, plan->batch.rest);
    if (err == SG_OK && plan->is_fork)
        err = note_fork(r, plan->past.chain, plan->batch.seq);
    if (err != SG_OK)
        r->is_broken = true;
    return err;
}

/* Like sg_replica_import, but what waits for it stays. */
static sg_err import_one(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                         struct sg_plan *plan)
{
    const uint8_t *missing = NULL;
    SG_TRY(sg_batch_decode(bytes, &r->config.limits, &plan->batch));
    if (memcmp(plan->batch.document, r->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    sg_batch_name(r->config.suite, &plan->batch, plan->name);
    bool is_waiting = sg_pending_has(&r->pending, plan->name);
    plan->result = is_waiting ? SG_IMPORT_PENDING : SG_IMPORT_KNOWN;
    if (is_waiting || sg_log_find(&r->log, plan->name) != SG_LOG_NONE)
        return SG_OK;
    /* What has seen the floor has later times than it; what has not will never be taken in, so
     * let it
     * not wait for batches that nobody has any more. */
    if (plan->batch.lamport <= r->log.floor_lamport)
        return SG_ERR_EXPIRED;
    SG_TRY(find_past(r, plan, &missing));
    if (missing == NULL) {
        plan->result = SG_IMPORT_APPLIED;
        return take_in(r, plan);
    }
    struct sg_pending entry = {.source = source};
    memcpy(entry.missing, missing, SG_ID_LEN);
    memcpy(entry.name, plan->name, SG_ID_LEN);
    plan->result = SG_IMPORT_PENDING;
    return sg_pending_add(&r->pending, &entry, bytes);
}

static sg_err import(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                     struct sg_plan *plan)
{
    *plan = (struct sg_plan){0};
    sg_err err = import_one(r, bytes, source, plan);
    sg_mem_free(r->config.mem, plan->deps);
    plan->deps = NULL;
    r->view = (struct sg_cells_view){0};
    return err;
}

/* Takes in what waited, and what waited for that: log entries from `from` on have just come in. A
 * waiting batch that turns out to be wrong is dropped: it is its sender's loss. */
static sg_err drain(struct sg_replica *r, uint32_t from)
{
    for (; from < r->log.count; from++) {
        struct sg_pending entry;
        uint8_t name[SG_ID_LEN];
        memcpy(name, r->log.batches[from].name, SG_ID_LEN);
        while (sg_pending_take(&r->pending, name, &entry)) {
            struct sg_plan plan;
            sg_err err = import(r, sg_bytes(entry.bytes, entry.len), entry.source, &plan);
            sg_mem_free(r->config.mem, entry.bytes);
            if (r->is_broken)
                return err;
        }
    }
    return SG_OK;
}

sg_err sg_replica_import(struct sg_replica *r, struct sg_bytes bytes, uint32_t source,
                         enum sg_import *result)
{
    struct sg_plan plan;
    uint32_t from = r->log.count;
    if (r->txn.is_open || r->is_broken)
        return SG_ERR_INVALID_STATE;
    SG_TRY(import(r, bytes, source, &plan));
    *result = plan.result;
    return plan.result == SG_IMPORT_APPLIED ? drain(r, from) : SG_OK;
}
