/* What is in the past of what. */
#include "crdt/log.h"

/* Number of tracks of a chain that are below this one. */
uint32_t sg_log_track_rank(const struct sg_log_chain *chain, uint32_t other)
{
    uint32_t low = 0;
    uint32_t high = chain->track_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (chain->tracks[mid].chain < other)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* What batch seq had seen by this track. */
uint32_t sg_log_track_upto(const struct sg_log_track *track, uint32_t seq)
{
    uint32_t low = 0;
    uint32_t high = track->count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (track->steps[mid].seq <= seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? 0 : track->steps[low - 1].upto;
}

/* Operations of chain `other` in the past of a batch, its own ones included. */
static uint32_t batch_upto(const struct sg_log *log, uint32_t number, uint32_t other)
{
    const struct sg_log_batch *batch = &log->batches[number];
    uint32_t chain = batch->chain;
    uint32_t seq = batch->seq;
    uint32_t upto = log->chains[other].floor;
    if (chain == other)
        return batch->counter + batch->ops;
    while (chain != SG_LOG_NONE) {
        const struct sg_log_chain *c = &log->chains[chain];
        uint32_t rank = sg_log_track_rank(c, other);
        if (rank < c->track_count && c->tracks[rank].chain == other) {
            uint32_t seen = sg_log_track_upto(&c->tracks[rank], seq);
            upto = seen > upto ? seen : upto;
        }
        /* the part of its parent that a fork goes on from */
        if (c->parent == other && c->start > upto)
            upto = c->start;
        seq = c->start_seq == 0 ? 0 : c->start_seq - 1;
        chain = c->parent;
    }
    return upto;
}

uint32_t sg_log_upto(const struct sg_log *log, const struct sg_log_past *past, uint32_t chain)
{
    uint32_t upto = log->chains[chain].floor;
    if (past->prev != SG_LOG_NONE) {
        uint32_t seen = batch_upto(log, past->prev, chain);
        upto = seen > upto ? seen : upto;
    }
    for (uint32_t i = 0; i < past->dep_count; i++) {
        uint32_t seen = batch_upto(log, past->deps[i], chain);
        upto = seen > upto ? seen : upto;
    }
    return upto;
}

/* What chain has seen of another one so far. */
static uint32_t seen_of(const struct sg_log_chain *chain, uint32_t other, bool *has_track)
{
    uint32_t rank = sg_log_track_rank(chain, other);
    *has_track = rank < chain->track_count && chain->tracks[rank].chain == other;
    const struct sg_log_track *track = *has_track ? &chain->tracks[rank] : NULL;
    return track == NULL || track->count == 0 ? 0 : track->steps[track->count - 1].upto;
}

static uint64_t cost_of(const struct sg_log_chain *chain, uint32_t other, uint32_t upto)
{
    bool has_track;
    if (upto == 0 || seen_of(chain, other, &has_track) >= upto)
        return 0;
    return sizeof(struct sg_log_step) + (has_track ? 0 : sizeof(struct sg_log_track));
}

uint64_t sg_log_seen_by(const struct sg_log *log, const struct sg_log_past *past)
{
    const struct sg_log_chain *own = &log->chains[past->chain];
    uint64_t sum = 0;
    for (uint32_t i = 0; i < past->dep_count; i++) {
        const struct sg_log_batch *dep = &log->batches[past->deps[i]];
        uint32_t chain = dep->chain;
        uint32_t seq = dep->seq;
        uint32_t upto = dep->counter + dep->ops;
        while (chain != SG_LOG_NONE) {
            const struct sg_log_chain *c = &log->chains[chain];
            sum += cost_of(own, chain, upto);
            for (uint32_t k = 0; k < c->track_count; k++)
                sum += cost_of(own, c->tracks[k].chain, sg_log_track_upto(&c->tracks[k], seq));
            upto = c->start;
            seq = c->start_seq == 0 ? 0 : c->start_seq - 1;
            chain = c->parent;
        }
    }
    return sum;
}

/* What one batch has in its past, itself apart, is more of what `most` knows. */
static void gather(const struct sg_log *log, uint32_t number, uint32_t *most)
{
    uint32_t chain = log->batches[number].chain;
    uint32_t seq = log->batches[number].seq;
    while (chain != SG_LOG_NONE) {
        const struct sg_log_chain *c = &log->chains[chain];
        for (uint32_t i = 0; i < c->track_count; i++) {
            uint32_t upto = sg_log_track_upto(&c->tracks[i], seq);
            uint32_t *at = &most[c->tracks[i].chain];
            *at = upto > *at ? upto : *at;
        }
        if (c->parent != SG_LOG_NONE && c->start > most[c->parent])
            most[c->parent] = c->start;
        seq = c->start_seq == 0 ? 0 : c->start_seq - 1;
        chain = c->parent;
    }
}

static void gather_whole(const struct sg_log *log, uint32_t number, uint32_t *most)
{
    const struct sg_log_batch *batch = &log->batches[number];
    gather(log, number, most);
    if (batch->counter + batch->ops > most[batch->chain])
        most[batch->chain] = batch->counter + batch->ops;
}

void sg_log_upto_all(const struct sg_log *log, const struct sg_log_past *past, uint32_t *upto)
{
    for (uint32_t i = 0; i < log->chain_count; i++)
        upto[i] = log->chains[i].floor;
    if (past->prev != SG_LOG_NONE)
        gather_whole(log, past->prev, upto);
    for (uint32_t i = 0; i < past->dep_count; i++)
        gather_whole(log, past->deps[i], upto);
}

bool sg_log_is_last(const struct sg_log *log, const uint32_t *upto, uint32_t chain, uint32_t end)
{
    if (upto[chain] != end)
        return false;
    for (uint32_t i = log->chains[chain].first_child; i != SG_LOG_NONE;
         i = log->chains[i].next_child) {
        if (log->chains[i].start == end && upto[i] > end)
            return false;
    }
    return true;
}

/* Whether a dependency says something that prev and the other ones do not. */
static bool is_news(const struct sg_log *log, const struct sg_log_past *past, uint32_t dep,
                    const uint32_t *most)
{
    const struct sg_log_batch *batch = &log->batches[dep];
    if (dep < log->floor_count) {
        bool is_above = past->prev != SG_LOG_NONE && past->prev >= log->floor_count;
        for (uint32_t i = 0; i < past->dep_count; i++)
            is_above = is_above || past->deps[i] >= log->floor_count;
        return batch->is_floor_head && !is_above;
    }
    return most[batch->chain] < batch->counter + batch->ops;
}

/* Gathering a past looks at all that was seen; this many dependencies are compared in pairs. */
#define FEW_DEPS 8

static bool has_seen(const struct sg_log *log, uint32_t number, uint32_t other)
{
    const struct sg_log_batch *batch = &log->batches[other];
    return batch_upto(log, number, batch->chain) >= batch->counter + batch->ops;
}

/* Above the floor: whether one of few dependencies is in the past of prev or of another one. */
static bool is_few_minimal(const struct sg_log *log, const struct sg_log_past *past)
{
    for (uint32_t i = 0; i < past->dep_count; i++) {
        if (past->prev != SG_LOG_NONE && has_seen(log, past->prev, past->deps[i]))
            return false;
        for (uint32_t k = 0; k < past->dep_count; k++) {
            if (k != i && has_seen(log, past->deps[k], past->deps[i]))
                return false;
        }
    }
    return true;
}

static bool is_above_floor(const struct sg_log *log, const struct sg_log_past *past)
{
    for (uint32_t i = 0; i < past->dep_count; i++) {
        if (past->deps[i] < log->floor_count)
            return false;
    }
    return true;
}

bool sg_log_is_minimal(const struct sg_log *log, const struct sg_log_past *past, uint32_t *most)
{
    if (past->dep_count <= FEW_DEPS && is_above_floor(log, past))
        return is_few_minimal(log, past);
    memset(most, 0, log->chain_count * sizeof(most[0]));
    if (past->prev != SG_LOG_NONE) {
        const struct sg_log_batch *prev = &log->batches[past->prev];
        gather(log, past->prev, most);
        most[prev->chain] = prev->counter + prev->ops;
    }
    for (uint32_t i = 0; i < past->dep_count; i++)
        gather(log, past->deps[i], most);
    for (uint32_t i = 0; i < past->dep_count; i++) {
        if (!is_news(log, past, past->deps[i], most))
            return false;
    }
    /* of one chain the later one covers the earlier one */
    for (uint32_t i = 0; i < past->dep_count; i++) {
        uint32_t *seen = &most[log->batches[past->deps[i]].chain];
        if (*seen == UINT32_MAX)
            return false;
        *seen = UINT32_MAX;
    }
    return true;
}

static bool is_named(const struct sg_log *log, const struct sg_log_past *past, uint32_t head)
{
    uint32_t low = 0;
    uint32_t high = past->dep_count;
    if (past->prev == head)
        return true;
    while (low < high) { /* by name, as they are written */
        uint32_t mid = (low + high) / 2;
        int order = memcmp(log->batches[past->deps[mid]].name, log->batches[head].name, SG_ID_LEN);
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

bool sg_log_sees_all(const struct sg_log *log, const struct sg_log_past *past)
{
    for (uint32_t i = 0; i < log->head_count; i++) {
        if (!is_named(log, past, log->heads[i]))
            return false;
    }
    return true;
}

/* A batch above the floor has all of it in its past, so one such in a past is enough; the first one
 * above names all heads of the floor. */
bool sg_log_sees_floor(const struct sg_log *log, const struct sg_log_past *past)
{
    uint32_t found = 0;
    if (log->floor_count == 0 || (past->prev != SG_LOG_NONE && past->prev >= log->floor_count))
        return true;
    for (uint32_t i = 0; i < past->dep_count; i++) {
        if (past->deps[i] >= log->floor_count)
            return true;
        found += log->batches[past->deps[i]].is_floor_head;
    }
    if (past->prev != SG_LOG_NONE)
        found += log->batches[past->prev].is_floor_head;
    return found == log->floor_heads;
}

static uint32_t later(const struct sg_log *log, uint32_t number, uint32_t lamport)
{
    const struct sg_log_batch *batch = &log->batches[number];
    uint32_t next = batch->lamport + batch->ops;
    return next > lamport ? next : lamport;
}

uint32_t sg_log_next_lamport(const struct sg_log *log, const struct sg_log_past *past)
{
    uint32_t lamport = past->prev == SG_LOG_NONE ? 1 : later(log, past->prev, 1);
    for (uint32_t i = 0; i < past->dep_count; i++)
        lamport = later(log, past->deps[i], lamport);
    return lamport;
}
