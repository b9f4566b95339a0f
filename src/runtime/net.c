/* Between the endpoint and the socket. */
#include <stdio.h>

#include "os/clock.h"
#include "os/scratch.h"
#include "runtime/node_impl.h"

/* The socket hands out at most so many at a time. */
#define RX_BATCH 64
/* Without memory for a buffer the socket is left alone for so long. */
#define STARVED_NS (20 * SG_NS_PER_MS)

static void broken(struct sg_node *node)
{
    if (node->is_broken)
        return;
    node->is_broken = true;
    sg_rt_note_error(node, "the socket's descriptor is broken: did the program close it?");
}

/* The next turn would fail as this one did, and there is always a next one: the descriptor stays
 * readable, what is to be sent stays due. */
static void starve(struct sg_node *node)
{
    node->starved_until = sg_time_add(sg_clock_now(), STARVED_NS);
}

static void receive(struct sg_node *node, const struct sg_udp_in *in, size_t count)
{
    struct sg_quic_rx rx[RX_BATCH];
    while (count > 0) {
        size_t n = count < RX_BATCH ? count : RX_BATCH;
        for (size_t i = 0; i < n; i++) {
            rx[i] = (struct sg_quic_rx){.local = in[i].local,
                                        .remote = in[i].remote,
                                        .ecn = in[i].ecn,
                                        .data = in[i].data,
                                        .len = in[i].len};
        }
        sg_quic_recv(node->quic, node->now, rx, n);
        in += n;
        count -= n;
    }
}

void sg_rt_read_socket(struct sg_node *node)
{
    if (node->starved_until <= node->now)
        node->starved_until = 0;
    for (unsigned i = 0; !node->is_broken && node->starved_until == 0; i++) {
        if (i == SG_RT_READS_PER_TURN) {
            node->more = true;
            return;
        }
        const struct sg_udp_in *in = NULL;
        size_t count = 0;
        sg_err err = sg_udp_recv(node->udp, &in, &count);
        if (err == SG_ERR_CLOSED)
            broken(node);
        if (err == SG_ERR_NO_MEMORY)
            starve(node);
        if (err != SG_OK)
            return;
        receive(node, in, count);
    }
}

/* Collects what the endpoint has to send; false when that is nothing. */
static bool fill(struct sg_node *node)
{
    struct sg_rt_out *out = &node->out;
    size_t used = 0;
    out->count = 0;
    out->sent = 0;
    if (out->buf == NULL)
        out->buf = sg_scratch_take(node->mem, SG_RT_BATCH_BYTES);
    if (out->buf == NULL) {
        starve(node);
        return false;
    }
    node->now = sg_clock_now(); /* pacing goes by it */
    while (out->count < SG_RT_BATCH && SG_RT_BATCH_BYTES - used >= SG_RT_BATCH_ROOM_MIN) {
        size_t room = SG_RT_BATCH_BYTES - used;
        struct sg_quic_tx tx = {.buf = out->buf + used,
                                .cap = room < SG_QUIC_TX_MAX ? room : SG_QUIC_TX_MAX};
        if (!sg_quic_send(node->quic, node->now, &tx))
            break;
        out->batch[out->count++] = (struct sg_udp_out){.local = tx.local,
                                                       .remote = tx.remote,
                                                       .data = tx.buf,
                                                       .len = tx.len,
                                                       .segment_len = tx.segment_len,
                                                       .ecn = tx.ecn};
        used += tx.len;
    }
    return out->count > 0;
}

static void write_all(struct sg_node *node)
{
    struct sg_rt_out *out = &node->out;
    for (unsigned i = 0; i < SG_RT_WRITES_PER_TURN; i++) {
        if (out->blocked || node->is_broken || node->starved_until != 0)
            return;
        if (out->sent == out->count && !fill(node)) {
            if (!sg_rt_flow_pump(node))
                return;
            continue;
        }
        size_t done = 0;
        sg_err err = sg_udp_send(node->udp, out->batch + out->sent, out->count - out->sent, &done);
        out->sent += done;
        if (err == SG_ERR_WOULD_BLOCK)
            out->blocked = true;
        else if (err != SG_OK)
            broken(node);
    }
    node->more = true;
}

void sg_rt_write_socket(struct sg_node *node)
{
    struct sg_rt_out *out = &node->out;
    write_all(node);
    if (out->sent < out->count)
        return;
    sg_scratch_put(node->mem, out->buf, SG_RT_BATCH_BYTES);
    out->buf = NULL;
}
