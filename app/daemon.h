/* A running node process: the node, its control socket, and what both share. Single-threaded: the
 * program drives the node from its own poll loop (daemon.c), so control requests, messages and
 * protocol work never wait for a lock. */
#ifndef SG_APP_DAEMON_H
#define SG_APP_DAEMON_H

#include <poll.h>

#include <saorsa/gossip.h>

#include "ctl_codec.h"
#include "ctl_server.h"
#include "limiter.h"
#include "member_list.h"
#include "neighbors.h"
#include "topic_names.h"

#define SG_DAEMON_TOPICS_MAX 64
/* How long a node that leaves waits for its goodbyes to arrive. */
#define SG_DAEMON_LEAVE_NS UINT64_C(2000000000)

/* A topic that --topic subscribed: the node takes part in its overlay without any client. */
struct sg_daemon_topic {
    const char *name; /* borrowed */
    struct sg_topic_id id;
    struct sg_subscription *sub;
};

struct sg_daemon {
    struct sg_node *node;
    struct sg_ctl_server *server;
    struct sg_app_neighbors neighbors;
    struct sg_app_topic_names names;
    struct sg_app_limiter limiter;        /* of complaints */
    struct sg_app_limiter member_limiter; /* of lines about members */
    struct sg_daemon_topic topics[SG_DAEMON_TOPICS_MAX];
    size_t topic_count;
    const char *network; /* borrowed */
    const char *dir;     /* NULL: ephemeral */
    const char *socket;
    uint8_t meta[SG_CTL_META_MAX]; /* what this node tells about itself [meta_len] */
    size_t meta_len;
    uint64_t leave_by_ns; /* when a node that has left stops at the latest; 0: it has not left */
    bool json;            /* log objects on stdout instead of lines on stderr */
    bool verbose;         /* log topic overlays and messages too */
    bool stop;            /* a client asked */
};

/* Runs until a signal or a stop request; gives the exit code. The node is not stopped here. */
int sg_daemon_run(struct sg_daemon *daemon);

/* Logs an event of the node, when it is worth a line (daemon_log.c). */
void sg_daemon_log_event(struct sg_daemon *daemon, const struct sg_event *event);
/* The event as an object with "event": its name, time_ms and at_ns: now, by the wall clock and by
 * CLOCK_MONOTONIC; NULL when out of memory. */
json_t *sg_daemon_event_json(const struct sg_event *event);
/* Whether an event is about a member. */
bool sg_daemon_is_member_event(enum sg_event_kind kind);
void sg_daemon_log_message(struct sg_daemon *daemon, const struct sg_message *message,
                           const char *topic);

#endif
