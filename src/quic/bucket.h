/* A table of token buckets by source prefix. */
#ifndef SG_QUIC_BUCKET_H
#define SG_QUIC_BUCKET_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/time.h"
#include "os/addr.h"

/* rate tokens per second, at most burst, for each IPv4 address or IPv6 /64; rate 0 never refuses.
 * Prefixes are spread over a fixed number of buckets by a keyed hash and are not stored: a flood
 * from spoofed sources cannot make the table grow, and two prefixes that share a bucket share its
 * rate. A cell is half the size of a sg_bucket. Memory is taken at first use (64 KiB). */
struct sg_quic_bucket_table {
    const struct sg_mem *mem;
    uint64_t key[2];
    uint32_t rate;
    uint32_t burst;
    struct sg_quic_bucket_cell *cells;
};

void sg_quic_bucket_table_init(struct sg_quic_bucket_table *table, const struct sg_mem *mem,
                               const uint64_t key[2], uint32_t rate, uint32_t burst);
void sg_quic_bucket_table_fini(struct sg_quic_bucket_table *table);
/* Takes a token of the address' prefix; also false when there is no memory for the table. */
bool sg_quic_bucket_table_take(struct sg_quic_bucket_table *table, const struct sg_addr *addr,
                               sg_time_ns now);

#endif
