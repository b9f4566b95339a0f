#include "quic/bucket.h"

#include "quic/cid_map.h"

#define CELLS 8192 /* a power of two */

/* Level in thousandths of a token at a time in ms; both 32 bits, so that the table stays small. A
 * clock that wraps after 49 days makes one bucket full or empty once. */
struct sg_quic_bucket_cell {
    uint32_t spent; /* thousandths below full; 0 = never used */
    uint32_t at_ms;
};

void sg_quic_bucket_table_init(struct sg_quic_bucket_table *table, const struct sg_mem *mem,
                               const uint64_t key[2], uint32_t rate, uint32_t burst)
{
    *table =
        (struct sg_quic_bucket_table){.mem = mem, .rate = rate, .burst = burst > 0 ? burst : 1};
    table->key[0] = key[0];
    table->key[1] = key[1];
}

void sg_quic_bucket_table_fini(struct sg_quic_bucket_table *table)
{
    if (table->mem != NULL)
        sg_mem_free(table->mem, table->cells);
    table->cells = NULL;
}

bool sg_quic_bucket_table_take(struct sg_quic_bucket_table *table, const struct sg_addr *addr,
                               sg_time_ns now)
{
    if (table->rate == 0 || sg_addr_is_loopback(addr))
        return true;
    if (table->cells == NULL)
        table->cells = sg_mem_new(table->mem, CELLS, sizeof(struct sg_quic_bucket_cell));
    if (table->cells == NULL)
        return false;
    struct sg_addr prefix = sg_addr_rate_key(addr);
    uint64_t hash = sg_quic_siphash(table->key, sg_bytes(prefix.ip, sizeof(prefix.ip)));
    struct sg_quic_bucket_cell *cell = &table->cells[hash & (CELLS - 1)];
    uint32_t now_ms = (uint32_t)(now / SG_NS_PER_MS);
    uint64_t refill = (uint64_t)(uint32_t)(now_ms - cell->at_ms) * table->rate;
    cell->spent = refill >= cell->spent ? 0 : cell->spent - (uint32_t)refill;
    cell->at_ms = now_ms;
    if (cell->spent + UINT64_C(1000) > (uint64_t)table->burst * 1000)
        return false;
    cell->spent += 1000;
    return true;
}
