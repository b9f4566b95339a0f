/* The endpoint's events, and carrying out what the link table decides. */
#include <assert.h>
#include <stdio.h>

#include "runtime/node_impl.h"

/* ---- to the core ----------------------------------------------------------------------------- */

static void link_hints(const struct sg_addr *remote, struct sg_hints *hints)
{
    size_t len = 0;
    hints->count = 0;
    if (sg_addr_hint_encode(remote, hints->hint[0].b, &len) != SG_OK)
        return;
    hints->hint[0].len = (uint8_t)len;
    hints->count = 1;
}

static void feed_frame(struct sg_node *node, const struct sg_peer_id *peer, enum sg_lane lane,
                       struct sg_bytes bytes)
{
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_FRAME, .peer = *peer, .lane = lane, .bytes = bytes};
    sg_rt_tell(node, &in);
}

/* Frames that came before the HELLO, in their order. */
static void release_held(struct sg_node *node, sg_quic_conn_id id)
{
    for (;;) {
        /* looked up anew: each frame may close connections */
        struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, id);
        const struct sg_rt_frame *first = conn == NULL ? NULL : sg_rt_frames_first(&conn->held);
        if (first == NULL)
            return;
        struct sg_buf *buf = sg_buf_ref(first->buf);
        enum sg_lane lane = first->lane;
        struct sg_peer_id peer = conn->peer;
        sg_rt_frames_pop(&conn->held, node->mem);
        feed_frame(node, &peer, lane, sg_buf_bytes(buf));
        sg_buf_unref(buf);
    }
}

static void link_up(struct sg_node *node, const struct sg_rt_act *act)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_UP, .peer = act->peer};
    struct sg_quic_conn_info info;
    sg_rt_dial_answered(node, &act->peer);
    if (sg_quic_conn_info(node->quic, act->conn, &info) != SG_OK)
        return; /* its CLOSED event is next, and LINK_DOWN is an answer too */
    in.dialled = info.dialled;
    in.srtt_ns = info.srtt_ns;
    in.rttvar_ns = info.rttvar_ns;
    link_hints(&info.remote, &in.hints);
    static_assert(sizeof(in.secret) == SG_QUIC_EXPORTER_LEN, "one secret");
    if (sg_quic_exporter(node->quic, act->conn, in.secret) != SG_OK)
        return; /* as above */
    struct sg_rt_link *link = sg_rt_links_find(&node->links, &act->peer);
    if (link != NULL)
        in.boot = link->boot;
    sg_rt_paths_alive(&node->paths, &info.remote, info.srtt_ns);
    if (sg_rt_feed(node, &in) != SG_OK)
        sg_rt_break_link(node, &act->peer, node->has_left ? SG_CLOSE_SHUTDOWN : SG_CLOSE_OVERLOAD,
                         SG_ERR_LIMIT);
}

static void link_secret(struct sg_node *node, const struct sg_rt_act *act)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_SECRET, .peer = act->peer};
    if (sg_quic_exporter(node->quic, act->conn, in.secret) == SG_OK)
        sg_rt_tell(node, &in);
}

static void link_down(struct sg_node *node, const struct sg_rt_act *act)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_LINK_DOWN, .peer = act->peer, .err = act->err};
    sg_rt_tell(node, &in);
}

void sg_rt_run_acts(struct sg_node *node, const struct sg_rt_acts *acts)
{
    for (size_t i = 0; i < acts->count; i++) {
        const struct sg_rt_act *act = &acts->act[i];
        struct sg_rt_link *link;
        switch (act->kind) {
        case SG_RT_ACT_DOWN:
            link_down(node, act);
            break;
        case SG_RT_ACT_UP:
            link_up(node, act);
            break;
        case SG_RT_ACT_MAIN:
            link_secret(node, act);
            link = sg_rt_links_find(&node->links, &act->peer);
            if (link != NULL)
                sg_rt_flush_backlog(node, link);
            break;
        case SG_RT_ACT_CLOSE:
            sg_quic_close(node->quic, node->now, act->conn, act->reason, act->flush);
            break;
        }
    }
}

void sg_rt_break_link(struct sg_node *node, const struct sg_peer_id *peer,
                      enum sg_close_reason reason, sg_err err)
{
    const struct sg_core_in down = {.kind = SG_CORE_IN_LINK_DOWN, .peer = *peer, .err = err};
    struct sg_rt_acts acts;
    sg_rt_links_drop(&node->links, peer, reason, &acts);
    for (size_t i = 0; i < acts.count; i++)
        acts.act[i].flush = false;
    sg_rt_run_acts(node, &acts);
    sg_rt_tell(node, &down);
}

void sg_rt_expire_links(struct sg_node *node)
{
    struct sg_rt_acts acts;
    while (sg_rt_links_expire(&node->links, node->now, &acts)) {
        bool no_hello = acts.count == 1 && acts.act[0].kind == SG_RT_ACT_CLOSE &&
                        acts.act[0].reason == SG_CLOSE_PROTOCOL;
        sg_rt_run_acts(node, &acts);
        if (!no_hello)
            continue;
        const struct sg_rt_seed_loss loss = {.err = SG_ERR_TIMEOUT, .answered = true};
        if (!sg_rt_seed_lost(node, acts.act[0].conn, &loss))
            sg_rt_report_refused(node, &acts.act[0].peer, SG_ERR_TIMEOUT,
                                 "closed: the peer did not introduce itself");
        sg_rt_dial_lost(node, acts.act[0].conn, &acts.act[0].peer, SG_ERR_TIMEOUT);
    }
}

/* ---- a connection begins --------------------------------------------------------------------- */

static void count_handshake(struct sg_node *node, uint64_t ns)
{
    node->counters.handshakes++;
    node->counters.handshake_last_us = ns / SG_NS_PER_US;
    node->counters.handshake_sum_us += ns / SG_NS_PER_US;
}

/* HELLO is the first frame in each direction; a new lane has room for it. */
static sg_err send_hello(struct sg_node *node, sg_quic_conn_id conn)
{
    uint8_t hello[SG_HELLO_MAX];
    size_t len = sg_core_hello(node->core, hello);
    struct sg_buf *buf = sg_buf_copy(node->mem, sg_bytes(hello, len));
    if (buf == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_quic_write_frame(node->quic, conn, SG_LANE_MSHIP, buf);
    sg_buf_unref(buf);
    return err;
}

static void on_self(struct sg_node *node, sg_quic_conn_id conn)
{
    (void)sg_rt_seed_is_self(node, conn);
    sg_rt_dial_lost(node, conn, &node->self, SG_ERR_WRONG_PEER);
    sg_quic_close(node->quic, node->now, conn, SG_CLOSE_SELF, false);
}

static void on_connected(struct sg_node *node, const struct sg_quic_event *event)
{
    const struct sg_rt_conn conn = {
        .id = event->conn, .peer = event->connected.peer, .dialled = event->connected.dialled};
    count_handshake(node, event->connected.handshake_ns);
    if (sg_peer_id_equal(&conn.peer, &node->self)) {
        on_self(node, conn.id);
        return;
    }
    if (node->has_left) {
        sg_quic_close(node->quic, node->now, conn.id, SG_CLOSE_SHUTDOWN, false);
        return;
    }
    sg_rt_paths_alive(&node->paths, &event->connected.remote, event->connected.srtt_ns);
    node->has_local_peers = node->has_local_peers || sg_addr_is_loopback(&event->connected.remote);
    struct sg_rt_dial *dial = sg_rt_dials_of_conn(&node->dials, conn.id);
    if (dial != NULL)
        dial->state = SG_RT_DIAL_GREETING;
    sg_rt_seed_connected(node, conn.id, &conn.peer);
    sg_err err = sg_rt_links_connected(&node->links, node->now, &conn);
    if (err == SG_OK)
        err = send_hello(node, conn.id);
    /* Closed by the peer meanwhile: the CLOSED event is next and knows why. */
    bool is_closed = err == SG_ERR_INVALID_STATE || err == SG_ERR_NOT_FOUND;
    if (err == SG_OK || is_closed)
        return;
    const struct sg_rt_seed_loss loss = {.err = err, .answered = true};
    sg_quic_close(node->quic, node->now, conn.id, SG_CLOSE_OVERLOAD, false);
    sg_rt_links_closing(&node->links, conn.id);
    (void)sg_rt_seed_lost(node, conn.id, &loss);
    sg_rt_dial_lost(node, conn.id, &conn.peer, err);
}

static void on_dial_failed(struct sg_node *node, const struct sg_quic_event *event)
{
    const struct sg_addr *remote = &event->dial_failed.remote;
    const struct sg_rt_seed_loss loss = {.err = event->dial_failed.err,
                                         .answered = event->dial_failed.answered,
                                         .reason = event->dial_failed.reason};
    struct sg_rt_dial *dial = sg_rt_dials_of_conn(&node->dials, event->conn);
    node->counters.dials_failed++;
    if (!loss.answered)
        sg_rt_paths_failed(&node->paths, node->now, remote, NULL, &node->prng);
    else if (dial != NULL)
        sg_rt_paths_failed(&node->paths, node->now, remote, &dial->peer, &node->prng);
    if (dial != NULL && sg_err_class_of(loss.err) == SG_ERR_CLASS_PEER)
        sg_rt_report_refused(node, &dial->peer, loss.err, sg_err_text(loss.err));
    (void)sg_rt_seed_lost(node, event->conn, &loss);
    sg_rt_dial_lost(node, event->conn, NULL, loss.err);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void refuse_hello(struct sg_node *node, const struct sg_rt_conn *conn, sg_err err)
{
    const struct sg_rt_seed_loss loss = {.err = err, .answered = true};
    sg_quic_conn_id id = conn->id;
    struct sg_peer_id peer = conn->peer;
    node->counters.refused_network += err == SG_ERR_WRONG_NETWORK;
    node->counters.refused_version += err == SG_ERR_VERSION;
    sg_rt_links_closing(&node->links, id);
    sg_quic_close(node->quic, node->now, id, sg_core_hello_reason(err), true);
    if (!sg_rt_seed_lost(node, id, &loss))
        sg_rt_report_refused(node, &peer, err, sg_err_text(err));
    sg_rt_dial_lost(node, id, &peer, err);
}

static void on_hello(struct sg_node *node, const struct sg_rt_conn *conn, struct sg_bytes frame)
{
    sg_quic_conn_id id = conn->id;
    struct sg_rt_acts acts;
    uint64_t boot = 0;
    sg_err err = sg_core_hello_check(node->core, &conn->peer, frame, &boot);
    if (err == SG_OK)
        err = sg_rt_links_hello(&node->links, node->now, id, boot, &acts);
    if (err != SG_OK) {
        refuse_hello(node, conn, err);
        return;
    }
    sg_rt_run_acts(node, &acts);
    sg_rt_seed_link_up(node, id);
    release_held(node, id);
}

/* A frame of another lane that overtook the HELLO: nothing is lost, and nothing is read yet. */
static void hold(struct sg_node *node, struct sg_rt_conn *conn, enum sg_lane lane,
                 struct sg_bytes bytes)
{
    struct sg_buf *buf = sg_buf_copy(node->mem, bytes);
    sg_err err =
        buf == NULL ? SG_ERR_NO_MEMORY : sg_rt_frames_push(&conn->held, node->mem, lane, buf);
    if (err == SG_OK)
        return;
    sg_buf_unref(buf);
    refuse_hello(node, conn, err);
}

static void on_frame(struct sg_node *node, const struct sg_quic_event *event)
{
    struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, event->conn);
    if (conn == NULL)
        return;
    switch (conn->state) {
    case SG_RT_CONN_HELLO:
        if (event->frame.lane == SG_LANE_MSHIP)
            on_hello(node, conn, event->frame.bytes);
        else
            hold(node, conn, event->frame.lane, event->frame.bytes);
        break;
    case SG_RT_CONN_MAIN:
    case SG_RT_CONN_SPARE:
        feed_frame(node, &conn->peer, event->frame.lane, event->frame.bytes);
        break;
    case SG_RT_CONN_CLOSING:
        break;
    }
}

/* Datagrams are pulled before frames, so one that was sent behind the HELLO may come first: it
 * waits too, unless there is no room. */
static void on_datagram(struct sg_node *node, const struct sg_quic_event *event)
{
    struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, event->conn);
    if (conn == NULL || conn->state == SG_RT_CONN_CLOSING)
        return;
    if (conn->state != SG_RT_CONN_HELLO) {
        feed_frame(node, &conn->peer, SG_LANE_DATAGRAM, event->datagram.bytes);
        return;
    }
    struct sg_buf *buf = sg_buf_copy(node->mem, event->datagram.bytes);
    sg_err err = SG_ERR_NO_MEMORY;
    if (buf != NULL && conn->held.count < SG_RT_HELD_DATAGRAMS_MAX)
        err = sg_rt_frames_push(&conn->held, node->mem, SG_LANE_DATAGRAM, buf);
    node->counters.datagrams_dropped += err != SG_OK;
    if (err != SG_OK)
        sg_buf_unref(buf);
}

static void on_acked(struct sg_node *node, const struct sg_quic_event *event)
{
    const struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, event->conn);
    if (conn == NULL || conn->state == SG_RT_CONN_HELLO || conn->state == SG_RT_CONN_CLOSING)
        return;
    const struct sg_core_in alive = {.kind = SG_CORE_IN_LINK_ALIVE, .peer = conn->peer};
    sg_rt_tell(node, &alive);
}

/* ---- a connection ends ----------------------------------------------------------------------- */

static bool is_for_cause(uint64_t reason)
{
    return reason == SG_CLOSE_WRONG_NETWORK || reason == SG_CLOSE_PROTOCOL ||
           reason == SG_CLOSE_OVERSIZED || reason == SG_CLOSE_OVERLOAD ||
           reason == SG_CLOSE_BANNED || reason == SG_CLOSE_WRONG_PROFILE ||
           reason == SG_CLOSE_VERSION;
}

static void report_closed(struct sg_node *node, const struct sg_rt_conn *conn,
                          const struct sg_quic_event *event)
{
    char text[96];
    uint64_t reason = event->closed.reason;
    if (!is_for_cause(reason))
        return;
    (void)snprintf(text, sizeof text, "%s: %s",
                   event->closed.by_peer ? "closed by the peer" : "closed",
                   sg_close_reason_text(reason));
    sg_rt_report_refused(node, &conn->peer, sg_rt_err_of_reason(reason), text);
}

static void on_closed(struct sg_node *node, const struct sg_quic_event *event)
{
    const struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, event->conn);
    if (conn == NULL)
        return; /* to ourselves, or out of memory */
    sg_err err = event->closed.err;
    if (err == SG_OK)
        err = sg_rt_err_of_reason(event->closed.reason);
    node->counters.packets_lost += conn->packets_lost;
    sg_rt_bulk_forget_conn(&node->bulk, event->conn);
    bool was_new = conn->state == SG_RT_CONN_HELLO;
    bool was_ours = conn->state == SG_RT_CONN_CLOSING; /* and reported when we decided */
    struct sg_peer_id peer = conn->peer;
    const struct sg_rt_seed_loss loss = {
        .err = err, .answered = true, .reason = event->closed.reason};
    bool was_seed = was_new && sg_rt_seed_lost(node, event->conn, &loss);
    if (!was_seed && !was_ours)
        report_closed(node, conn, event);
    /* The overlays may still have something to tell it, and would dial. */
    if (event->closed.by_peer && event->closed.reason == SG_CLOSE_SHUTDOWN)
        sg_rt_paths_gone(&node->paths, node->now, &event->closed.remote);
    const struct sg_rt_act why = {.err = err, .reason = (enum sg_close_reason)event->closed.reason};
    struct sg_rt_acts acts;
    sg_rt_links_closed(&node->links, node->now, event->conn, &why, &acts);
    sg_rt_run_acts(node, &acts);
    if (was_new)
        sg_rt_dial_lost(node, event->conn, &peer, err);
}

/* It may have ended by itself. */
static void reset_bulk(struct sg_node *node, sg_quic_conn_id conn, sg_quic_stream_id stream)
{
    (void)!sg_quic_bulk_reset(node->quic, conn, stream, SG_CLOSE_OVERLOAD);
}

static void on_bulk(struct sg_node *node, const struct sg_quic_event *event)
{
    const struct sg_rt_conn *conn = sg_rt_links_conn(&node->links, event->conn);
    const struct sg_rt_piece piece = {.conn = event->conn,
                                      .stream = event->bulk.stream,
                                      .bytes = event->bulk.bytes,
                                      .is_last = event->bulk.fin};
    struct sg_rt_stream victim;
    struct sg_buf *frame;
    /* nobody asks for anything before HELLO */
    if (conn == NULL || (conn->state != SG_RT_CONN_MAIN && conn->state != SG_RT_CONN_SPARE)) {
        reset_bulk(node, event->conn, event->bulk.stream);
        return;
    }
    struct sg_peer_id peer = conn->peer;
    sg_err err = sg_rt_bulk_take(&node->bulk, &piece, &frame, &victim);
    if (victim.conn != 0)
        reset_bulk(node, victim.conn, victim.stream);
    if (err != SG_OK)
        reset_bulk(node, event->conn, event->bulk.stream);
    if (err == SG_ERR_OVERSIZED) {
        sg_rt_report_refused(node, &peer, err, sg_err_text(err));
        sg_rt_break_link(node, &peer, SG_CLOSE_OVERSIZED, err);
    }
    if (frame == NULL)
        return;
    const struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                                  .peer = peer,
                                  .lane = SG_LANE_BULK,
                                  .bytes = sg_buf_bytes(frame),
                                  .buf = frame};
    sg_rt_tell(node, &in);
    sg_buf_unref(frame);
}

void sg_rt_on_event(struct sg_node *node, const struct sg_quic_event *event)
{
    struct sg_rt_conn *conn;
    struct sg_rt_link *link;
    switch (event->type) {
    case SG_QUIC_CONNECTED:
        on_connected(node, event);
        break;
    case SG_QUIC_DIAL_FAILED:
        on_dial_failed(node, event);
        break;
    case SG_QUIC_CLOSED:
        on_closed(node, event);
        break;
    case SG_QUIC_FRAME:
        on_frame(node, event);
        break;
    case SG_QUIC_WRITABLE:
        conn = sg_rt_links_conn(&node->links, event->conn);
        link = conn == NULL ? NULL : sg_rt_links_find(&node->links, &conn->peer);
        if (link != NULL && link->main == event->conn)
            sg_rt_flush_backlog(node, link);
        break;
    case SG_QUIC_DATAGRAM:
        on_datagram(node, event);
        break;
    case SG_QUIC_DATAGRAM_ACKED:
        on_acked(node, event);
        break;
    case SG_QUIC_BULK_RESET:
        sg_rt_bulk_forget(&node->bulk, event->conn, event->bulk.stream);
        break;
    case SG_QUIC_BULK_STOPPED: /* the asker has its reasons */
    case SG_QUIC_NEW_TOKEN:    /* the endpoint keeps them for this run */
        break;
    case SG_QUIC_BULK:
        on_bulk(node, event);
        break;
    }
}
