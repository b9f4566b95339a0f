/* The loop of a node process: poll, drive the node, hand on what came out. */
#include "daemon.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "command.h"
#include "json_out.h"
#include "signals.h"

#define FIXED_FDS 2 /* signals, the node */

/* Sends an event to the clients that want events; one about a member with what is known of it now.
 * The table is copied once for all events of a round. */
static void send_event(struct sg_daemon *daemon, const struct sg_event *event,
                       struct sg_app_members *members)
{
    json_t *object = sg_daemon_event_json(event);
    if (object != NULL && sg_daemon_is_member_event(event->kind) &&
        (members->items != NULL || sg_app_members_take(members, daemon->node))) {
        const struct sg_member *member = sg_app_members_find(members, &event->peer);
        if (member != NULL)
            (void)json_object_set_new(object, "member", sg_json_member(member));
    }
    sg_ctl_server_event(daemon->server, object);
    json_decref(object);
}

/* Hands the node's events to the log, the neighbour table and the clients. */
static void take_events(struct sg_daemon *daemon)
{
    struct sg_event event;
    struct sg_app_members members = {0};
    bool is_watched = sg_ctl_server_has_watchers(daemon->server);
    while (sg_node_next_event(daemon->node, 0, &event) == SG_OK) {
        sg_app_neighbors_follow(&daemon->neighbors, &event);
        sg_daemon_log_event(daemon, &event);
        if (is_watched)
            send_event(daemon, &event, &members);
    }
    sg_app_members_free(&members);
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

/* Ends a node that has left once nobody is connected any more, or its time is over. */
static void check_left(struct sg_daemon *daemon)
{
    struct sg_stats stats;
    if (daemon->leave_by_ns == 0)
        return;
    sg_node_stats(daemon->node, &stats);
    if (stats.connections == 0 || sg_app_now_ns() >= daemon->leave_by_ns)
        daemon->stop = true;
}

/* Milliseconds that poll may wait, -1 = for ever. */
static int timeout_ms(struct sg_daemon *daemon)
{
    uint64_t now = sg_app_now_ns();
    uint64_t due = sg_ctl_server_due_ns(daemon->server);
    int node = sg_node_deadline_ms(daemon->node);
    if (daemon->leave_by_ns != 0 && (due == 0 || daemon->leave_by_ns < due))
        due = daemon->leave_by_ns;
    if (due == 0)
        return node;
    int own = sg_app_poll_ms(now, due);
    return node < 0 || own < node ? own : node;
}

/* One round; false when the node has failed. */
static bool run_once(struct sg_daemon *daemon, bool wait)
{
    struct pollfd fds[FIXED_FDS + SG_CTL_SERVER_POLL_MAX];
    fds[0] = (struct pollfd){.fd = sg_app_signals_fd(), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = sg_node_fd(daemon->node), .events = POLLIN};
    size_t clients = sg_ctl_server_poll(daemon->server, fds + FIXED_FDS);
    int timeout = wait ? timeout_ms(daemon) : 0;
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
    check_left(daemon);
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
