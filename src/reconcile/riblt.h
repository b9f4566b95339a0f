/* Rateless invertible Bloom lookup tables (Yang, Gilad, Alizadeh, SIGCOMM 2024): a set becomes an
 * endless row of coded symbols, and any prefix about 1.4 times as long as the difference to another
 * set is enough to find that difference. See riblt.c for the essay.
 *
 * Items are 64-bit short ids under a key of the session. */
#ifndef SG_RECONCILE_RIBLT_H
#define SG_RECONCILE_RIBLT_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/siphash.h"
#include "wire/reconcile_msg.h"

/* K1 and K2 of a session, secret from third parties: with known keys a set of items can be ground
 * that cancels another one's. */
struct sg_riblt_keys {
    struct sg_siphash_key id;    /* short id = SipHash-2-4(K1, 32-byte id) */
    struct sg_siphash_key check; /* check = SipHash-2-4(K2, short id) */
};

/* Length of the keys as bytes: K1, then K2. */
#define SG_RIBLT_KEYS_LEN 32
struct sg_riblt_keys sg_riblt_keys(const uint8_t bytes[SG_RIBLT_KEYS_LEN]);

/* Which bits of a check count at an index. */
static inline uint64_t sg_riblt_check_mask(uint32_t index)
{
    return index < SG_REC_SHORT_CHECKS ? UINT32_MAX : UINT64_MAX;
}

/* An item and where it goes next. */
struct sg_riblt_item {
    uint64_t id;
    uint64_t check;
    uint64_t state;
    uint32_t next; /* index, UINT32_MAX = beyond SG_REC_SYMBOLS_MAX */
    uint32_t sign; /* decoder: 1 = only the other set has it, 255 = only ours */
};

/* The digest of a set, keyed by the session: two sums mod 2^64 over the items of products of the
 * short id and its check, so that it shares no algebra with the symbols, which are XORs. */
struct sg_riblt_digest {
    uint64_t sum[2];
};
/* Adds an item (sign 1) or takes it out (sign 255). */
void sg_riblt_digest_add(struct sg_riblt_digest *digest, const struct sg_riblt_item *item,
                         uint32_t sign);

/* ---- encoder ---- */

struct sg_riblt_encoder {
    const struct sg_mem *mem;
    struct sg_riblt_item *items; /* [count] owned */
    uint32_t count;
    struct sg_riblt_digest digest;
    struct sg_rec_symbol *window; /* [to - from] symbols made and not yet forgotten */
    uint32_t from, to, at;        /* at: the next one to be given */
};

/* A set of count items, 32 bytes each. SG_ERR_NO_MEMORY; then there is nothing to be freed. */
SG_MUST_USE sg_err sg_riblt_encoder_init(struct sg_riblt_encoder *e, const struct sg_mem *mem,
                                         uint32_t count);
/* Item number at of count becomes the one with this short id. All must be set, once, before the
 * first symbol is taken. */
void sg_riblt_encoder_set(struct sg_riblt_encoder *e, const struct sg_riblt_keys *keys, uint32_t at,
                          uint64_t id);
void sg_riblt_encoder_fini(struct sg_riblt_encoder *e);
/* The next count symbols -> out [count]. Amortised O(items * log(symbols)) for all together; memory
 * is that of the symbols given so far. SG_ERR_LIMIT beyond SG_REC_SYMBOLS_MAX: nothing has
 * changed. SG_ERR_NO_MEMORY: some may be given, the encoder is of no more use. */
SG_MUST_USE sg_err sg_riblt_encode(struct sg_riblt_encoder *e, uint32_t count,
                                   struct sg_rec_symbol *out);

/* ---- decoder ---- */

/* A symbol of both sides' difference. */
struct sg_riblt_cell {
    uint64_t id;
    uint64_t check;
    uint8_t count;
    uint8_t is_queued; /* 1: its index waits in the queue */
};

struct sg_riblt_decoder {
    const struct sg_mem *mem;
    const struct sg_riblt_keys *keys; /* borrowed */
    struct sg_riblt_cell *cells;      /* [count] differences, what is found taken out */
    uint32_t *queue;                  /* [queue_count] of cells that may hold one item alone */
    uint32_t count, cap, queue_count;
    struct sg_riblt_item *found; /* [found_count] */
    uint32_t found_count, found_cap;
    uint64_t touches; /* cells changed by peeling, see riblt.c */
};

/* keys must outlive it. */
void sg_riblt_decoder_init(struct sg_riblt_decoder *d, const struct sg_mem *mem,
                           const struct sg_riblt_keys *keys);
void sg_riblt_decoder_fini(struct sg_riblt_decoder *d);
/* The next symbols [count] of the other set and of ours; peels what can be peeled. Items found so
 * far are in d->found. SG_ERR_LIMIT beyond SG_REC_SYMBOLS_MAX: nothing has changed.
 * SG_ERR_PROTOCOL: the other side's symbols come from no set. After this and after
 * SG_ERR_NO_MEMORY the decoder is of no more use. */
SG_MUST_USE sg_err sg_riblt_decode(struct sg_riblt_decoder *d, uint32_t count,
                                   const struct sg_rec_symbol *theirs,
                                   const struct sg_rec_symbol *ours);
/* Whether the whole difference is found: every item is in symbol 0, so nothing is left in it. */
bool sg_riblt_is_done(const struct sg_riblt_decoder *d);
/* How many items differ, found ones included, judged by the counts of undecoded symbols; excess =
 * size of the other set - size of ours. Standard error about 1/sqrt(symbols / 2); UINT32_MAX when
 * there is no telling. */
uint32_t sg_riblt_estimate(const struct sg_riblt_decoder *d, int64_t excess);

#endif
