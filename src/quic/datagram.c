/* DATAGRAM frames (RFC 9221): two short queues per connection. What does not fit is told to the
 * writer, or, on receipt, costs the oldest: fresh probes are worth more than stale ones. */
#include "quic/internal.h"

#include <string.h>

struct sg_quic_dgram *sg_quic_dgram_new(const struct sg_mem *mem, struct sg_bytes bytes)
{
    struct sg_quic_dgram *d = sg_mem_new(mem, 1, sizeof(*d) + bytes.len);
    if (d == NULL)
        return NULL;
    d->len = bytes.len;
    if (bytes.len > 0)
        memcpy(d->data, bytes.data, bytes.len);
    return d;
}

static void push(struct sg_quic_dgram_queue *queue, struct sg_quic_dgram *d)
{
    if (queue->last != NULL)
        queue->last->next = d;
    else
        queue->first = d;
    queue->last = d;
    queue->count++;
    queue->bytes += d->len;
}

struct sg_quic_dgram *sg_quic_dgram_pop(struct sg_quic_dgram_queue *queue)
{
    struct sg_quic_dgram *d = queue->first;
    if (d == NULL)
        return NULL;
    queue->first = d->next;
    if (queue->first == NULL)
        queue->last = NULL;
    queue->count--;
    queue->bytes -= d->len;
    return d;
}

void sg_quic_dgram_clear(struct sg_quic_conn *conn, struct sg_quic_dgram_queue *queue)
{
    for (struct sg_quic_dgram *d; (d = sg_quic_dgram_pop(queue)) != NULL;)
        sg_mem_free(conn->ep->mem, d);
}

static void drop_oldest(struct sg_quic_conn *conn)
{
    struct sg_quic_dgram *old = sg_quic_dgram_pop(&conn->dgram_rx);
    conn->ep->stats.receive_queued -= old->len;
    conn->ep->stats.quic_datagrams_dropped++;
    sg_mem_free(conn->ep->mem, old);
}

sg_err sg_quic_dgram_received(struct sg_quic_conn *conn, struct sg_bytes bytes)
{
    struct sg_quic_endpoint *ep = conn->ep;
    if (conn->state >= SG_CONN_FLUSHING || bytes.len == 0)
        return SG_OK;
    ep->stats.quic_datagrams_in++;
    if (conn->dgram_rx.count >= ep->config.limits.datagrams_max)
        drop_oldest(conn);
    SG_TRY(sg_quic_conn_account(conn, bytes.len));
    struct sg_quic_dgram *d = sg_quic_dgram_new(ep->mem, bytes);
    if (d == NULL) { /* as good as lost on the way */
        ep->stats.receive_queued -= bytes.len;
        ep->stats.quic_datagrams_dropped++;
        return SG_OK;
    }
    push(&conn->dgram_rx, d);
    sg_quic_event_mark(conn, SG_EV_DATAGRAM);
    return SG_OK;
}

bool sg_quic_dgram_pull(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    struct sg_quic_dgram *d = sg_quic_dgram_pop(&conn->dgram_rx);
    if (d == NULL)
        return false;
    conn->ep->stats.receive_queued -= d->len;
    conn->ep->held = d;
    event->type = SG_QUIC_DATAGRAM;
    event->datagram.bytes = sg_bytes(d->data, d->len);
    return true;
}

sg_err sg_quic_write_datagram(struct sg_quic_endpoint *ep, sg_quic_conn_id id,
                              struct sg_bytes datagram)
{
    struct sg_quic_conn *conn = sg_quic_conn_find(ep, id);
    if (conn == NULL)
        return SG_ERR_NOT_FOUND;
    if (datagram.len == 0)
        return SG_ERR_INVALID_ARGUMENT;
    if (datagram.len > SG_QUIC_DATAGRAM_MAX)
        return SG_ERR_TOO_LARGE;
    if (conn->state != SG_CONN_OPEN)
        return SG_ERR_INVALID_STATE;
    if (conn->dgram_tx.count >= ep->config.limits.datagrams_max)
        return SG_ERR_WOULD_BLOCK;
    struct sg_quic_dgram *d = sg_quic_dgram_new(ep->mem, datagram);
    if (d == NULL)
        return SG_ERR_NO_MEMORY;
    push(&conn->dgram_tx, d);
    ep->stats.quic_datagrams_out++;
    sg_quic_conn_wake(conn);
    return SG_OK;
}
