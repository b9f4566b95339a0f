/* One client of the control socket. */
#ifndef SG_APP_CTL_CONN_H
#define SG_APP_CTL_CONN_H

#include <saorsa/gossip.h>

#include "ctl_codec.h"
#include "ctl_server.h"
#include "line.h"
#include "outq.h"

#define SG_CTL_CONN_ROUND 16 /* requests answered before the node is driven again */

struct sg_ctl_conn_topic {
    char *name; /* owned */
    struct sg_subscription *sub;
    uint64_t dropped; /* of the subscription, as the client was told */
    bool closed;      /* the client was told that it has ended */
};

struct sg_ctl_conn {
    int fd;
    struct sg_app_line in;
    struct sg_outq out;
    struct sg_ctl_conn_topic topics[SG_CTL_SERVER_TOPICS_MAX];
    size_t topic_count;
    bool events;             /* wants events */
    uint64_t events_dropped; /* left out since the last one it got */
    bool backlog;            /* complete lines wait to be answered */
    bool closing;            /* closes when out is empty */
    bool dead;               /* closes now */
};

/* Takes fd (non-blocking); NULL when out of memory, then fd stays the caller's. */
struct sg_ctl_conn *sg_ctl_conn_new(int fd);
/* Closes fd and ends the subscriptions. */
void sg_ctl_conn_free(struct sg_ctl_conn *conn);

/* Whether the queue is above the mark. */
bool sg_ctl_conn_is_behind(const struct sg_ctl_conn *conn);
/* Queues an object as a line and drops the reference; NULL or lack of memory ends the client. */
void sg_ctl_conn_send(struct sg_ctl_conn *conn, json_t *object);
/* Queues an event for a client that wants events; borrowed. */
void sg_ctl_conn_event(struct sg_ctl_conn *conn, json_t *event);
/* Tells a client that has read on how many events it missed. */
void sg_ctl_conn_tell_left_out(struct sg_ctl_conn *conn);
/* Whether more requests should be read: none wait, and answers have room. */
bool sg_ctl_conn_wants_input(const struct sg_ctl_conn *conn);
/* Reads once and answers lines. */
void sg_ctl_conn_read(struct sg_ctl_conn *conn, struct sg_daemon *daemon);
/* Answers lines that were read already: at most SG_CTL_CONN_ROUND, so that a burst of requests does
 * not hold up the node. */
void sg_ctl_conn_answer_waiting(struct sg_ctl_conn *conn, struct sg_daemon *daemon);
/* Moves waiting messages to the queue; true when some are left for want of room. */
bool sg_ctl_conn_pump(struct sg_ctl_conn *conn);
void sg_ctl_conn_flush(struct sg_ctl_conn *conn);

#endif
