/* The loop of a node process: poll, drive the node, hand on what came out. */
#include "daemon.h"

#include <errno.h>
#include <string.h>

#include "command.h"
#include "signals.h"

#define FIXED_FDS 2 /* signals, the node */

/* Hands the node's events to the log, the neighbour table and the clients. */
static void take_events(struct sg_daemon *daemon)
{
    struct sg_event event;
    while (sg_node_next_event(daemon->node, 0, &event) == SG_OK) {
        sg_app_neighbors_follow(&daemon->neighbors, &event);
        sg_daemon_log_event(daemon, &event);
        if (sg_ctl_server_client_count(daemon->server) > 0) {
            json_t *object = sg_daemon_event_json(&event);
            sg_ctl_server_event(daemon->server, object);
            json_decref(object);
        }
    }
}

/* Messages of the topics that --topic named: nobody reads them here, clients have their own
 * subscriptions. */
static void take_messages(struct sg_daemon *daemon)
{
    for (size_t i = 0; i < daemon->topic_count; i++) {
        struct sg_message *message;
        while (sg_subscription_next(daemon->topics[i].sub, 0, &message) == SG_OK) {
            if (daemon->verbose)
                sg_daemon_log_message(daemon, message, daemon->topics[i].name);
            sg_message_free(message);
        }
    }
}

/* One round; false when the node has failed. */
static bool run_once(struct sg_daemon *daemon, bool wait)
{
    struct pollfd fds[FIXED_FDS + SG_CTL_SERVER_POLL_MAX];
    fds[0] = (struct pollfd){.fd = sg_app_signals_fd(), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = sg_node_fd(daemon->node), .events = POLLIN};
    size_t clients = sg_ctl_server_poll(daemon->server, fds + FIXED_FDS);
    int timeout = wait ? sg_node_deadline_ms(daemon->node) : 0;
    if (poll(fds, (nfds_t)(FIXED_FDS + clients), timeout) < 0) {
        if (errno == EINTR)
            return true;
        sg_complain("poll: %s", strerror(errno));
        return false;
    }
    sg_err err = sg_node_drive(daemon->node);
    if (err != SG_OK) {
        char text[256];
        sg_node_last_error(daemon->node, text, sizeof(text));
        sg_complain("the node failed: %s", text[0] != '\0' ? text : sg_err_text(err));
        return false;
    }
    take_events(daemon);
    take_messages(daemon);
    sg_ctl_server_handle(daemon->server, fds + FIXED_FDS, clients);
    return true;
}

int sg_daemon_run(struct sg_daemon *daemon)
{
    bool more = false;
    while (sg_app_signals_caught() == 0 && !daemon->stop) {
        if (!run_once(daemon, !more))
            return SG_EXIT_FAILURE;
        more = sg_ctl_server_pump(daemon->server);
    }
    return SG_EXIT_OK;
}
