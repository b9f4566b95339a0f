#include "runtime/bulk.h"

/* The first room of a frame of which little has come. */
#define CAP_MIN 4096

void sg_rt_bulk_init(struct sg_rt_bulk *bulk, const struct sg_mem *mem)
{
    *bulk = (struct sg_rt_bulk){.mem = mem};
}

static void remove_at(struct sg_rt_bulk *bulk, uint32_t at)
{
    sg_buf_unref(bulk->streams[at].buf);
    bulk->count--;
    for (; at < bulk->count; at++)
        bulk->streams[at] = bulk->streams[at + 1];
}

void sg_rt_bulk_fini(struct sg_rt_bulk *bulk)
{
    while (bulk->count > 0)
        remove_at(bulk, bulk->count - 1);
    sg_mem_free(bulk->mem, bulk->streams);
    bulk->streams = NULL;
    bulk->cap = 0;
}

/* Its place; count when there is none. */
static uint32_t find(const struct sg_rt_bulk *bulk, uint64_t conn, uint64_t stream)
{
    uint32_t at = 0;
    while (at < bulk->count &&
           (bulk->streams[at].conn != conn || bulk->streams[at].stream != stream))
        at++;
    return at;
}

static uint32_t streams_of(const struct sg_rt_bulk *bulk, uint64_t conn)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < bulk->count; i++)
        count += bulk->streams[i].conn == conn ? 1 : 0;
    return count;
}

static sg_err begin(struct sg_rt_bulk *bulk, const struct sg_rt_piece *piece,
                    struct sg_rt_stream *victim)
{
    if (streams_of(bulk, piece->conn) == SG_RT_BULK_PER_CONN_MAX)
        return SG_ERR_LIMIT;
    if (bulk->count == SG_RT_BULK_STREAMS_MAX) {
        *victim = (struct sg_rt_stream){bulk->streams[0].conn, bulk->streams[0].stream, NULL};
        remove_at(bulk, 0);
    }
    if (bulk->count == bulk->cap) {
        void *streams = sg_mem_grow(bulk->mem, bulk->streams, &bulk->cap, SG_RT_BULK_STREAMS_MAX,
                                    sizeof(*bulk->streams));
        if (streams == NULL)
            return SG_ERR_NO_MEMORY;
        bulk->streams = streams;
    }
    bulk->streams[bulk->count++] = (struct sg_rt_stream){piece->conn, piece->stream, NULL};
    return SG_OK;
}

static sg_err append(const struct sg_rt_bulk *bulk, struct sg_rt_stream *s, struct sg_bytes bytes)
{
    size_t len = s->buf == NULL ? 0 : s->buf->len;
    if (bytes.len > SG_FRAME_BULK_MAX - len)
        return SG_ERR_OVERSIZED;
    if (s->buf == NULL || s->buf->cap - len < bytes.len) {
        size_t cap = 2 * (len + bytes.len) > CAP_MIN ? 2 * (len + bytes.len) : CAP_MIN;
        struct sg_buf *larger =
            sg_buf_new(bulk->mem, cap < SG_FRAME_BULK_MAX ? cap : SG_FRAME_BULK_MAX);
        if (larger == NULL)
            return SG_ERR_NO_MEMORY;
        if (len > 0)
            memcpy(larger->data, s->buf->data, len);
        larger->len = (uint32_t)len;
        sg_buf_unref(s->buf);
        s->buf = larger;
    }
    if (bytes.len > 0)
        memcpy(s->buf->data + len, bytes.data, bytes.len);
    s->buf->len += (uint32_t)bytes.len;
    return SG_OK;
}

sg_err sg_rt_bulk_take(struct sg_rt_bulk *bulk, const struct sg_rt_piece *piece,
                       struct sg_buf **frame, struct sg_rt_stream *victim)
{
    *frame = NULL;
    *victim = (struct sg_rt_stream){0};
    uint32_t at = find(bulk, piece->conn, piece->stream);
    if (at == bulk->count) {
        SG_TRY(begin(bulk, piece, victim));
        at = bulk->count - 1;
    }
    sg_err err = append(bulk, &bulk->streams[at], piece->bytes);
    if (err == SG_OK && !piece->is_last)
        return SG_OK;
    if (err == SG_OK)
        *frame = sg_buf_ref(bulk->streams[at].buf);
    remove_at(bulk, at);
    return err;
}

void sg_rt_bulk_forget(struct sg_rt_bulk *bulk, uint64_t conn, uint64_t stream)
{
    uint32_t at = find(bulk, conn, stream);
    if (at < bulk->count)
        remove_at(bulk, at);
}

void sg_rt_bulk_forget_conn(struct sg_rt_bulk *bulk, uint64_t conn)
{
    for (uint32_t i = bulk->count; i-- > 0;) {
        if (bulk->streams[i].conn == conn)
            remove_at(bulk, i);
    }
}
