/* Batches that came before what they depend on. Bounded in all and per peer: what does not fit is
 * refused, and the next sync brings it again. */
#include "crdt/replica.h"

/* How many entries wait for a name below this one. */
static uint32_t rank_of(const struct sg_replica *r, const uint8_t missing[SG_ID_LEN])
{
    uint32_t low = 0;
    uint32_t high = r->pending_count;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (memcmp(r->pending[mid].missing, missing, SG_ID_LEN) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool sg_pending_has(const struct sg_replica *r, const uint8_t missing[SG_ID_LEN],
                    const uint8_t name[SG_ID_LEN])
{
    for (uint32_t i = rank_of(r, missing);
         i < r->pending_count && memcmp(r->pending[i].missing, missing, SG_ID_LEN) == 0; i++) {
        if (memcmp(r->pending[i].name, name, SG_ID_LEN) == 0)
            return true;
    }
    return false;
}

static uint64_t bytes_of(const struct sg_replica *r, uint32_t source)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < r->pending_count; i++)
        sum += r->pending[i].source == source ? r->pending[i].len : 0;
    return sum;
}

sg_err sg_pending_add(struct sg_replica *r, const struct sg_pending *entry, struct sg_bytes bytes)
{
    const struct sg_crdt_limits *limits = &r->config.limits;
    if (r->pending_bytes + bytes.len > limits->pending_bytes ||
        bytes_of(r, entry->source) + bytes.len > limits->pending_peer_bytes)
        return SG_ERR_LIMIT;
    if (r->pending_count == r->pending_cap) {
        void *grown = sg_mem_grow(r->config.mem, r->pending, &r->pending_cap, UINT32_MAX,
                                  sizeof(r->pending[0]));
        if (grown == NULL)
            return SG_ERR_NO_MEMORY;
        r->pending = grown;
    }
    uint8_t *copy = sg_mem_new(r->config.mem, bytes.len, 1);
    if (copy == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(copy, bytes.data, bytes.len);
    uint32_t rank = rank_of(r, entry->missing);
    memmove(r->pending + rank + 1, r->pending + rank,
            (r->pending_count - rank) * sizeof(r->pending[0]));
    r->pending[rank] = *entry;
    r->pending[rank].bytes = copy;
    r->pending[rank].len = (uint32_t)bytes.len;
    r->pending_count++;
    r->pending_bytes += bytes.len;
    return SG_OK;
}

bool sg_pending_take(struct sg_replica *r, const uint8_t missing[SG_ID_LEN], struct sg_pending *out)
{
    uint32_t rank = rank_of(r, missing);
    if (rank == r->pending_count || memcmp(r->pending[rank].missing, missing, SG_ID_LEN) != 0)
        return false;
    *out = r->pending[rank];
    r->pending_count--;
    r->pending_bytes -= out->len;
    memmove(r->pending + rank, r->pending + rank + 1,
            (r->pending_count - rank) * sizeof(r->pending[0]));
    return true;
}

void sg_pending_fini(struct sg_replica *r)
{
    for (uint32_t i = 0; i < r->pending_count; i++)
        sg_mem_free(r->config.mem, r->pending[i].bytes);
    sg_mem_free(r->config.mem, r->pending);
}
