/* Events are pulled. There is no queue of events: each connection knows what it has to tell (frames
 * in its receive queues, flags), and stands in one list per class while it has. So the memory for
 * events is bounded by the receive windows, and a class or a connection that floods cannot delay
 * the others. */
#include "quic/internal.h"

/* After so many events of higher classes a waiting class gets one. */
#define PATIENCE 16

void sg_quic_event_mark(struct sg_quic_conn *conn, enum sg_quic_event_class class)
{
    sg_quic_list_push(&conn->ep->events[class], &conn->events[class]);
}

void sg_quic_event_release(struct sg_quic_endpoint *ep)
{
    sg_mem_free(ep->mem, ep->held);
    ep->held = NULL;
    ep->held_q = NULL;
}

void sg_quic_event_keep(struct sg_quic_endpoint *ep, struct sg_quic_recvq *q)
{
    ep->held_q = q;
    if (sg_quic_recvq_len(q) == 0)
        sg_quic_event_forget(ep, q);
}

void sg_quic_event_forget(struct sg_quic_endpoint *ep, struct sg_quic_recvq *q)
{
    if (ep->held_q == q) {
        ep->held = q->data;
        ep->held_q = NULL;
        *q = (struct sg_quic_recvq){0};
    }
    sg_quic_recvq_clear(q, ep->mem);
}

/* Nothing received is left to be pulled. */
static bool is_drained(const struct sg_quic_conn *conn)
{
    return conn->dgram_rx.first == NULL && !sg_quic_lane_has_frame(conn, SG_LANE_MSHIP) &&
           !sg_quic_lane_has_frame(conn, SG_LANE_PUBSUB) && !sg_quic_bulk_has_event(conn);
}

void sg_quic_event_final(struct sg_quic_conn *conn)
{
    conn->final_event = true;
    conn->writable = 0;
    sg_quic_list_remove(&conn->events[SG_EV_WRITABLE]);
    if (is_drained(conn))
        sg_quic_event_mark(conn, SG_EV_CONTROL);
}

static void fill_connected(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    ngtcp2_conn_info info = {0};
    if (conn->nc != NULL)
        ngtcp2_conn_get_conn_info2(conn->nc, &info);
    event->type = SG_QUIC_CONNECTED;
    event->connected.peer = conn->peer;
    event->connected.public_key = sg_bytes(conn->public_key, conn->public_key_len);
    event->connected.remote = conn->remote;
    event->connected.dialled = conn->dialled;
    event->connected.resumed = false;
    event->connected.srtt_ns = info.smoothed_rtt;
    event->connected.handshake_ns = conn->handshake_ns;
    conn->connected_event = false;
    conn->ep->held = conn->public_key;
    conn->public_key = NULL;
}

static void fill_token(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    event->type = SG_QUIC_NEW_TOKEN;
    event->new_token.remote = conn->remote;
    event->new_token.token = sg_bytes(conn->token->data, conn->token->len);
    conn->ep->held = conn->token;
    conn->token = NULL;
}

static void fill_final(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    if (conn->announced) {
        event->type = SG_QUIC_CLOSED;
        event->closed.err = conn->err;
        event->closed.reason = conn->reason;
        event->closed.by_peer = conn->closed_by_peer;
        event->closed.remote = conn->remote;
    } else {
        event->type = SG_QUIC_DIAL_FAILED;
        event->dial_failed.remote = conn->remote;
        event->dial_failed.err = conn->err == SG_OK ? SG_ERR_CLOSED : conn->err;
        event->dial_failed.answered = conn->answered;
        event->dial_failed.reason = conn->closed_by_peer ? conn->reason : SG_CLOSE_NONE;
    }
    conn->event_life = false;
    conn->final_event = false;
    sg_quic_conn_reap(conn);
}

static void fill_acked(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    event->type = SG_QUIC_DATAGRAM_ACKED;
    conn->acked_event = false;
}

static bool pull_control(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    if (conn->connected_event)
        fill_connected(conn, event);
    else if (conn->token != NULL)
        fill_token(conn, event);
    else if (conn->acked_event)
        fill_acked(conn, event);
    else if (conn->final_event && is_drained(conn))
        fill_final(conn, event);
    else
        return false;
    return true;
}

static bool pull_writable(struct sg_quic_conn *conn, struct sg_quic_event *event)
{
    for (int lane = 0; lane < SG_LANE_COUNT; lane++) {
        if ((conn->writable & (1u << lane)) != 0) {
            conn->writable &= ~(1u << lane);
            event->type = SG_QUIC_WRITABLE;
            event->writable.lane = (enum sg_lane)lane;
            return true;
        }
    }
    return false;
}

static bool pull(struct sg_quic_conn *conn, enum sg_quic_event_class class,
                 struct sg_quic_event *event)
{
    switch (class) {
    case SG_EV_CONTROL:
        return pull_control(conn, event);
    case SG_EV_DATAGRAM:
        return sg_quic_dgram_pull(conn, event);
    case SG_EV_MSHIP:
        return sg_quic_lane_pull(conn, SG_LANE_MSHIP, event);
    case SG_EV_PUBSUB:
        return sg_quic_lane_pull(conn, SG_LANE_PUBSUB, event);
    case SG_EV_BULK:
        return sg_quic_bulk_pull(conn, event);
    case SG_EV_WRITABLE:
        return pull_writable(conn, event);
    }
    return false;
}

/* The class to serve: the lowest that lost its patience, else the highest; -1: none waits. */
static int choose(const struct sg_quic_endpoint *ep)
{
    int highest = -1;
    for (int i = SG_EV_COUNT - 1; i >= 0; i--) {
        if (sg_quic_list_first(&ep->events[i]) == NULL)
            continue;
        if (ep->passed_over[i] >= PATIENCE)
            return i;
        highest = i;
    }
    return highest;
}

static void count_patience(struct sg_quic_endpoint *ep, int served)
{
    ep->passed_over[served] = 0;
    for (int i = served + 1; i < SG_EV_COUNT; i++) {
        if (sg_quic_list_first(&ep->events[i]) != NULL)
            ep->passed_over[i]++;
    }
}

bool sg_quic_next_event(struct sg_quic_endpoint *ep, struct sg_quic_event *event)
{
    sg_quic_event_release(ep);
    sg_quic_conn_sweep(ep);
    for (int class; (class = choose(ep)) >= 0;) {
        struct sg_quic_conn *conn = sg_quic_list_first(&ep->events[class]);
        sg_quic_list_remove(&conn->events[class]);
        event->conn = conn->id;
        if (!conn->event_life || (class != SG_EV_CONTROL && !conn->announced))
            continue;
        if (!pull(conn, (enum sg_quic_event_class) class, event))
            continue;
        if (conn->event_life) { /* its turn comes again after the others'; pull knows if it ended */
            sg_quic_event_mark(conn, (enum sg_quic_event_class) class);
            if (conn->final_event)
                sg_quic_event_mark(conn, SG_EV_CONTROL);
            if (class != SG_EV_CONTROL)
                sg_quic_conn_wake(conn); /* credit for the peer */
        }
        count_patience(ep, class);
        return true;
    }
    return false;
}
