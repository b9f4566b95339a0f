#include "ctl_conn.h"

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "json_out.h"

struct sg_ctl_conn *sg_ctl_conn_new(int fd)
{
    struct sg_ctl_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        return NULL;
    conn->fd = fd;
    sg_app_line_init(&conn->in, SG_CTL_LINE_MAX);
    return conn;
}

void sg_ctl_conn_free(struct sg_ctl_conn *conn)
{
    for (size_t i = 0; i < conn->topic_count; i++) {
        sg_subscription_free(conn->topics[i].sub);
        free(conn->topics[i].name);
    }
    close(conn->fd);
    sg_app_line_fini(&conn->in);
    sg_outq_fini(&conn->out);
    free(conn);
}

bool sg_ctl_conn_is_behind(const struct sg_ctl_conn *conn)
{
    return sg_outq_len(&conn->out) > SG_CTL_SERVER_QUEUE_HIGH;
}

void sg_ctl_conn_send(struct sg_ctl_conn *conn, json_t *object)
{
    char *line = object != NULL ? json_dumps(object, SG_JSON_FLAGS) : NULL;
    if (line == NULL || !sg_outq_push_line(&conn->out, line))
        conn->dead = true;
    free(line);
    json_decref(object);
}

static json_t *dropped_notice(const char *topic, uint64_t count)
{
    json_t *object = json_object();
    bool ok = json_object_set_new(object, "event", json_string("dropped")) == 0 &&
              json_object_set_new(object, "count", json_integer((json_int_t)count)) == 0;
    if (ok && topic != NULL)
        ok = json_object_set_new(object, "topic", json_string(topic)) == 0;
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

void sg_ctl_conn_event(struct sg_ctl_conn *conn, json_t *event)
{
    if (!conn->events || conn->closing)
        return;
    if (sg_ctl_conn_is_behind(conn)) {
        conn->events_dropped++;
        return;
    }
    sg_ctl_conn_tell_left_out(conn);
    sg_ctl_conn_send(conn, json_incref(event));
}

void sg_ctl_conn_tell_left_out(struct sg_ctl_conn *conn)
{
    if (conn->events_dropped == 0 || conn->closing || sg_ctl_conn_is_behind(conn))
        return;
    sg_ctl_conn_send(conn, dropped_notice(NULL, conn->events_dropped));
    conn->events_dropped = 0;
}

bool sg_ctl_conn_wants_input(const struct sg_ctl_conn *conn)
{
    return !conn->backlog && !conn->closing && !sg_ctl_conn_is_behind(conn);
}

void sg_ctl_conn_answer_waiting(struct sg_ctl_conn *conn, struct sg_daemon *daemon)
{
    const char *text;
    size_t len;
    conn->backlog = true;
    for (int i = 0; i < SG_CTL_CONN_ROUND && !conn->closing && !sg_ctl_conn_is_behind(conn); i++) {
        switch (sg_app_line_next(&conn->in, &text, &len)) {
        case SG_APP_LINE_READY:
            sg_ctl_server_answer(daemon, conn, text, len);
            break;
        case SG_APP_LINE_MORE:
            conn->backlog = false;
            return;
        case SG_APP_LINE_TOO_LONG:
            sg_ctl_conn_send(conn, sg_ctl_error(NULL, SG_ERR_TOO_LARGE, "the line is too long"));
            conn->closing = true;
            return;
        }
    }
}

void sg_ctl_conn_read(struct sg_ctl_conn *conn, struct sg_daemon *daemon)
{
    switch (sg_app_line_fill(&conn->in, conn->fd)) {
    case SG_APP_LINE_FILLED:
        sg_ctl_conn_answer_waiting(conn, daemon);
        return;
    case SG_APP_LINE_AGAIN:
        return;
    case SG_APP_LINE_END:
        conn->closing = true; /* it may still read the answers to what it sent */
        return;
    case SG_APP_LINE_FAILED:
        conn->dead = true;
        return;
    }
}

/* Tells the client about messages that its subscription dropped since the last time. */
static void tell_dropped(struct sg_ctl_conn *conn, struct sg_ctl_conn_topic *topic)
{
    uint64_t dropped = sg_subscription_dropped(topic->sub);
    if (dropped == topic->dropped)
        return;
    sg_ctl_conn_send(conn, dropped_notice(topic->name, dropped - topic->dropped));
    topic->dropped = dropped;
}

/* Policy "disconnect": the node has ended the subscription. */
static void tell_closed(struct sg_ctl_conn *conn, struct sg_ctl_conn_topic *topic)
{
    if (topic->closed)
        return;
    topic->closed = true;
    sg_ctl_conn_send(conn, json_pack("{s:s,s:s}", "event", "closed", "topic", topic->name));
}

/* Moves one message; false when none waits. */
static bool pump_one(struct sg_ctl_conn *conn, struct sg_ctl_conn_topic *topic)
{
    struct sg_message *message;
    sg_err err = sg_subscription_next(topic->sub, 0, &message);
    if (err == SG_ERR_CLOSED)
        tell_closed(conn, topic);
    if (err != SG_OK)
        return false;
    json_int_t now = (json_int_t)sg_app_now_ns();
    tell_dropped(conn, topic);
    json_t *object = sg_json_message(message, topic->name);
    sg_message_free(message);
    bool ok = json_object_set_new(object, "event", json_string("message")) == 0 &&
              json_object_set_new(object, "received_ns", json_integer(now)) == 0;
    if (!ok) {
        json_decref(object);
        object = NULL;
    }
    sg_ctl_conn_send(conn, object);
    return true;
}

bool sg_ctl_conn_pump(struct sg_ctl_conn *conn)
{
    for (size_t i = 0; i < conn->topic_count; i++) {
        do {
            if (conn->dead || conn->closing)
                return false;
            if (sg_ctl_conn_is_behind(conn))
                return true;
        } while (pump_one(conn, &conn->topics[i]));
    }
    return false;
}

void sg_ctl_conn_flush(struct sg_ctl_conn *conn)
{
    if (!sg_outq_flush(&conn->out, conn->fd))
        conn->dead = true;
    if (conn->closing && sg_outq_len(&conn->out) == 0)
        conn->dead = true;
}
