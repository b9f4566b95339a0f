/* Bulk streams that arrive: each brings one frame, whose bytes gather here until the stream ends.
 *
 * Bounded: a frame by SG_FRAME_BULK_MAX, the streams of a connection (an honest peer sends as many
 * as it was asked for, SG_LARGE_WINDOW, and some that came late), and all streams together. When
 * those are too many, the one that began first goes: a peer that leaves streams open pushes its own
 * out, whoever is served goes on. */
#ifndef SG_RUNTIME_BULK_H
#define SG_RUNTIME_BULK_H

#include <stdbool.h>

#include "base/buf.h"
#include "wire/limits.h"

#define SG_RT_BULK_PER_CONN_MAX 8
/* 33 MiB at most. */
#define SG_RT_BULK_STREAMS_MAX 512

struct sg_rt_stream {
    uint64_t conn, stream; /* the endpoint's */
    struct sg_buf *buf;
};

struct sg_rt_bulk {
    const struct sg_mem *mem;
    struct sg_rt_stream *streams; /* [cap], the first count are used, oldest first */
    uint32_t count, cap;
};

/* Bytes of a stream that has come. */
struct sg_rt_piece {
    uint64_t conn, stream;
    struct sg_bytes bytes;
    bool is_last;
};

void sg_rt_bulk_init(struct sg_rt_bulk *bulk, const struct sg_mem *mem);
void sg_rt_bulk_fini(struct sg_rt_bulk *bulk);
/* Takes bytes in. With the last ones *frame is the whole frame, owned by the caller, and the stream
 * is forgotten; NULL before. victim: a stream that had to go, to be reset; its conn is 0 when there
 * is none.
 * SG_ERR_OVERSIZED: too long for a frame. SG_ERR_LIMIT: too many streams of this connection.
 * SG_ERR_NO_MEMORY. Then this stream is forgotten, and is to be reset. */
SG_MUST_USE sg_err sg_rt_bulk_take(struct sg_rt_bulk *bulk, const struct sg_rt_piece *piece,
                                   struct sg_buf **frame, struct sg_rt_stream *victim);
/* The peer has abandoned the stream. */
void sg_rt_bulk_forget(struct sg_rt_bulk *bulk, uint64_t conn, uint64_t stream);
/* The connection is gone. */
void sg_rt_bulk_forget_conn(struct sg_rt_bulk *bulk, uint64_t conn);

#endif
