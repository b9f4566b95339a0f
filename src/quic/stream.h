/* The bytes of one stream, each direction: what we send waits in a queue of references until it is
 * acknowledged; what we receive waits in one piece of memory until it is pulled. */
#ifndef SG_QUIC_STREAM_H
#define SG_QUIC_STREAM_H

#include <stdbool.h>

#include <ngtcp2/ngtcp2.h>

#include "base/buf.h"
#include "base/mem.h"

/* RFC9420 s2.1.2: a length of up to 4 bytes before each frame. */
#define SG_CHUNK_HEAD_MAX 4

/* A shared buffer with the few bytes that go before it. */
struct sg_quic_chunk {
    struct sg_quic_chunk *next;
    struct sg_buf *buf; /* one reference; NULL: only head */
    uint8_t head_len;
    uint8_t head[SG_CHUNK_HEAD_MAX];
};

struct sg_quic_sendq {
    struct sg_quic_chunk *first; /* oldest that is not acknowledged completely */
    struct sg_quic_chunk *last;
    struct sg_quic_chunk *unsent; /* chunk of the next byte to send; NULL: all sent */
    size_t unsent_at;             /* that byte within it */
    size_t acked;                 /* acknowledged bytes of first */
    size_t len;                   /* bytes held: unsent and not acknowledged */
    size_t unsent_len;
};

/* Appends head [<= 4] and buf (takes a reference; NULL for none). SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_sendq_push(struct sg_quic_sendq *q, const struct sg_mem *mem,
                                      struct sg_bytes head, struct sg_buf *buf);
/* Up to max unsent bytes as vec [cap]; gives the number of entries. */
size_t sg_quic_sendq_peek(const struct sg_quic_sendq *q, ngtcp2_vec *vec, size_t cap, size_t max);
/* len bytes of what peek showed are on their way. */
void sg_quic_sendq_sent(struct sg_quic_sendq *q, size_t len);
/* The next len bytes are acknowledged: gives up the references. */
void sg_quic_sendq_acked(struct sg_quic_sendq *q, const struct sg_mem *mem, size_t len);
void sg_quic_sendq_clear(struct sg_quic_sendq *q, const struct sg_mem *mem);

/* Received bytes in one piece: [head, tail) is not pulled yet. Memory goes back when it is
 * empty. */
struct sg_quic_recvq {
    uint8_t *data;
    size_t cap;
    size_t head;
    size_t tail;
};

/* SG_ERR_NO_MEMORY. May move the bytes. */
SG_MUST_USE sg_err sg_quic_recvq_push(struct sg_quic_recvq *q, const struct sg_mem *mem,
                                      struct sg_bytes bytes);
/* Moves the bytes to the front of the memory, or frees it when there are none. */
void sg_quic_recvq_pack(struct sg_quic_recvq *q, const struct sg_mem *mem);
void sg_quic_recvq_clear(struct sg_quic_recvq *q, const struct sg_mem *mem);

static inline size_t sg_quic_recvq_len(const struct sg_quic_recvq *q)
{
    return q->tail - q->head;
}

#endif
