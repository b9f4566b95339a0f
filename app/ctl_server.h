/* The control socket of a node: accepts clients of the same user, answers their requests, streams
 * messages and events to them. Never waits for a client:
 *   - a client whose queue is above SG_CTL_SERVER_QUEUE_HIGH gets no more messages taken from its
 *     subscriptions, whose own bounded queues then drop the oldest; it is told how many went;
 *   - its requests are not read either, so answers cannot pile up;
 *   - events that find the queue above the mark are left out and counted; the client is told how
 *     many as soon as it has read on. */
#ifndef SG_APP_CTL_SERVER_H
#define SG_APP_CTL_SERVER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define SG_CTL_SERVER_CLIENTS_MAX 64
#define SG_CTL_SERVER_TOPICS_MAX 8 /* subscriptions of one client */
#define SG_CTL_SERVER_QUEUE_HIGH ((size_t)256 * 1024)
/* Payload bytes that wait in one subscription of a client: one message of the largest size. */
#define SG_CTL_SERVER_SUB_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define SG_CTL_SERVER_POLL_MAX (SG_CTL_SERVER_CLIENTS_MAX + 1)

struct sg_daemon;
struct sg_ctl_server;
struct sg_ctl_conn;

/* Listens at path: mode 0600, its folder made with mode 0700 when missing. The socket file of a
 * dead node is replaced. Complains and gives NULL on failure. */
struct sg_ctl_server *sg_ctl_server_new(struct sg_daemon *daemon, const char *path);
/* Closes all clients and removes the socket file, if it is still this one. NULL is allowed. */
void sg_ctl_server_free(struct sg_ctl_server *server);

/* What to poll: fills at most SG_CTL_SERVER_POLL_MAX entries and gives their number. */
size_t sg_ctl_server_poll(struct sg_ctl_server *server, struct pollfd *fds);
/* Does what poll found for the entries of the last sg_ctl_server_poll. */
void sg_ctl_server_handle(struct sg_ctl_server *server, const struct pollfd *fds, size_t count);
/* Moves waiting messages to their clients and sends what goes. True when more can be moved at
 * once. */
bool sg_ctl_server_pump(struct sg_ctl_server *server);
/* Whether some client asked for events. */
bool sg_ctl_server_has_watchers(const struct sg_ctl_server *server);
/* Sends an event to the clients that asked for events; borrowed, may be NULL. */
void sg_ctl_server_event(struct sg_ctl_server *server, json_t *event);
/* When (CLOCK_MONOTONIC) to poll again though nothing is ready; 0: never. */
uint64_t sg_ctl_server_due_ns(const struct sg_ctl_server *server);
size_t sg_ctl_server_client_count(const struct sg_ctl_server *server);

/* ---- for the handlers of requests (ctl_ops.c) --------------------------------------------- */

/* Answers one request line. */
void sg_ctl_server_answer(struct sg_daemon *daemon, struct sg_ctl_conn *conn, const char *line,
                          size_t len);
/* Adds every topic that clients subscribed to array, as sg_ctl_server_add_topic does. */
void sg_ctl_server_list_topics(struct sg_ctl_server *server, struct sg_daemon *daemon,
                               json_t *array);
/* Counts one more subscription of a topic in array, adding {name, id, subscriptions, neighbors}
 * when it is not there. */
void sg_ctl_server_add_topic(struct sg_daemon *daemon, json_t *array, const char *name);

#endif
