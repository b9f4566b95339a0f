/* The demo's connections to its nodes, and its poll loop. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "demo.h"
#include "signals.h"

#define STEP_MS 50 /* how often conditions are looked at when nothing comes in */

bool sg_demo_connect(struct sg_demo *demo, struct sg_demo_node *node)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sg_demo_socket_path(demo, node->index, address.sun_path);
    node->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (node->fd < 0 || connect(node->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "cannot reach node %zu: %s", node->index,
                            strerror(errno));
    /* Connecting waits until the node accepts; from here on nothing may. */
    fcntl(node->fd, F_SETFL, O_NONBLOCK);
    sg_app_line_init(&node->in, SG_CTL_REPLY_MAX);
    return true;
}

static bool flush(struct sg_demo *demo, struct sg_demo_node *node)
{
    if (sg_outq_flush(&node->queue, node->fd))
        return true;
    return sg_demo_fail(demo, SG_EXIT_FAILURE, "lost the control socket of node %zu: %s",
                        node->index, strerror(errno));
}

bool sg_demo_send(struct sg_demo *demo, struct sg_demo_node *node,
                  const struct sg_ctl_request *request)
{
    char *line = sg_ctl_request_encode(request);
    bool ok = line != NULL && sg_outq_push_line(&node->queue, line);
    free(line);
    if (!ok)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "out of memory");
    return flush(demo, node);
}

/* ---- what nodes say ------------------------------------------------------------------------ */

static bool take_ready(struct sg_demo *demo, struct sg_demo_node *node, const json_t *object)
{
    const char *event = json_string_value(json_object_get(object, "event"));
    const char *id = json_string_value(json_object_get(object, "id"));
    const char *address = json_string_value(json_object_get(object, "address"));
    if (node->is_ready || event == NULL || strcmp(event, "ready") != 0)
        return true; /* its log of events */
    if (id == NULL || strlen(id) >= sizeof(node->id) || address == NULL ||
        strlen(address) >= sizeof(node->address))
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu said something odd", node->index);
    memcpy(node->id, id, strlen(id) + 1);
    memcpy(node->address, address, strlen(address) + 1);
    node->is_ready = true;
    return true;
}

/* The publish at the head of the node's list was answered. */
static bool take_published(struct sg_demo *demo, struct sg_demo_node *node, const json_t *answer)
{
    if (node->pending_count == 0)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu answers nothing", node->index);
    uint32_t message = node->pending[0];
    node->pending_count--;
    memmove(node->pending, node->pending + 1, node->pending_count * sizeof(*node->pending));
    sg_err err = sg_ctl_answer_err(answer);
    if (err == SG_OK) {
        sg_demo_on_accepted(demo, message, answer);
    } else if (err == SG_ERR_WOULD_BLOCK) {
        demo->messages[message].state = SG_DEMO_PLANNED;
        demo->retry[demo->retry_count++] = message;
    } else {
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu refused message %u: %s", node->index,
                            message, sg_err_text(err));
    }
    return true;
}

static bool take_answer(struct sg_demo *demo, struct sg_demo_node *node, json_t *answer)
{
    const char *op = json_string_value(json_object_get(answer, "op"));
    if (op != NULL && strcmp(op, sg_ctl_op_name(SG_CTL_PUBLISH)) == 0)
        return take_published(demo, node, answer);
    sg_err err = sg_ctl_answer_err(answer);
    if (err != SG_OK || op == NULL)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu refused %s: %s", node->index,
                            op != NULL ? op : "a request", sg_err_text(err));
    if (strcmp(op, sg_ctl_op_name(SG_CTL_SUBSCRIBE)) == 0)
        node->is_subscribed = true;
    if (strcmp(op, sg_ctl_op_name(SG_CTL_STATUS)) == 0) {
        json_decref(node->status);
        node->status = json_incref(answer);
        node->wants_status = false;
    }
    return true;
}

static bool take_object(struct sg_demo *demo, struct sg_demo_node *node, json_t *object)
{
    if (json_object_get(object, "ok") != NULL)
        return take_answer(demo, node, object);
    const char *event = json_string_value(json_object_get(object, "event"));
    if (event != NULL && strcmp(event, "message") == 0)
        sg_demo_on_message(demo, node, object);
    else if (event != NULL && strcmp(event, "member_fail") == 0)
        sg_demo_on_fail_event(demo, node, object);
    else if (event != NULL && strcmp(event, "dropped") == 0)
        return sg_demo_fail(demo, SG_EXIT_FAILURE,
                            "the demo reads too slowly: node %zu dropped messages", node->index);
    return true;
}

/* Takes the complete lines of a stream. */
static bool take_lines(struct sg_demo *demo, struct sg_demo_node *node, struct sg_app_line *lines)
{
    const char *text;
    size_t len;
    enum sg_app_line_result result;
    bool ok = true;
    while (ok && (result = sg_app_line_next(lines, &text, &len)) != SG_APP_LINE_MORE) {
        json_t *object = result == SG_APP_LINE_READY ? sg_ctl_parse(text, len) : NULL;
        if (object == NULL)
            return sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu talks nonsense", node->index);
        ok = lines == &node->out ? take_ready(demo, node, object) : take_object(demo, node, object);
        json_decref(object);
    }
    return ok;
}

/* ---- the poll loop ------------------------------------------------------------------------- */

static bool read_out(struct sg_demo *demo, struct sg_demo_node *node)
{
    switch (sg_app_line_fill(&node->out, node->out_fd)) {
    case SG_APP_LINE_FILLED:
        return take_lines(demo, node, &node->out);
    case SG_APP_LINE_AGAIN:
        return true;
    case SG_APP_LINE_END:
    case SG_APP_LINE_FAILED:
        close(node->out_fd);
        node->out_fd = -1;
        demo->has_ended = true;
        return true;
    }
    return true;
}

static bool read_control(struct sg_demo *demo, struct sg_demo_node *node)
{
    switch (sg_app_line_fill(&node->in, node->fd)) {
    case SG_APP_LINE_FILLED:
        return take_lines(demo, node, &node->in);
    case SG_APP_LINE_AGAIN:
        return true;
    case SG_APP_LINE_END:
    case SG_APP_LINE_FAILED:
        close(node->fd);
        node->fd = -1;
        demo->has_ended = true;
        return true;
    }
    return true;
}

static bool handle(struct sg_demo *demo, struct sg_demo_node *node, const struct pollfd *fds)
{
    const short readable = POLLIN | POLLHUP | POLLERR;
    bool ok = true;
    if (node->out_fd >= 0 && (fds[0].revents & readable) != 0)
        ok = read_out(demo, node);
    if (ok && node->fd >= 0 && (fds[1].revents & POLLOUT) != 0)
        ok = flush(demo, node);
    if (ok && node->fd >= 0 && (fds[1].revents & readable) != 0)
        ok = read_control(demo, node);
    return ok;
}

bool sg_demo_poll(struct sg_demo *demo, int timeout_ms)
{
    struct pollfd fds[1 + 2 * SG_DEMO_NODES_MAX];
    size_t count = 1;
    fds[0] = (struct pollfd){.fd = sg_app_signals_fd(), .events = POLLIN};
    for (size_t i = 0; i < demo->started; i++) {
        const struct sg_demo_node *node = &demo->nodes[i];
        int wanted = sg_outq_len(&node->queue) > 0 ? POLLIN | POLLOUT : POLLIN;
        fds[count++] = (struct pollfd){.fd = node->out_fd, .events = POLLIN};
        fds[count++] = (struct pollfd){.fd = node->fd, .events = (short)wanted};
    }
    if (poll(fds, (nfds_t)count, timeout_ms) < 0 && errno != EINTR)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "poll: %s", strerror(errno));
    if (sg_app_signals_caught() != 0)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "interrupted");
    for (size_t i = 0; i < demo->started; i++) {
        if (!handle(demo, &demo->nodes[i], &fds[1 + 2 * i]))
            return false;
    }
    return sg_demo_check_alive(demo);
}

bool sg_demo_wait(struct sg_demo *demo, bool (*done)(struct sg_demo *demo), const char *what)
{
    while (!done(demo)) {
        uint64_t now = sg_app_now_ns();
        if (demo->failure[0] != '\0')
            return false;
        if (now >= demo->deadline_ns)
            return sg_demo_fail(demo, SG_EXIT_TIMEOUT, "timed out after %llu s waiting for %s",
                                (unsigned long long)demo->options.timeout_s, what);
        int timeout = sg_app_poll_ms(now, demo->deadline_ns);
        if (!sg_demo_poll(demo, timeout < STEP_MS ? timeout : STEP_MS))
            return false;
    }
    return true;
}

static bool has_all_status(struct sg_demo *demo)
{
    for (size_t i = 0; i < demo->started; i++) {
        if (demo->nodes[i].pid != 0 && demo->nodes[i].wants_status)
            return false;
    }
    return true;
}

bool sg_demo_ask_status(struct sg_demo *demo)
{
    const struct sg_ctl_request request = {.op = SG_CTL_STATUS};
    for (size_t i = 0; i < demo->started; i++) {
        struct sg_demo_node *node = &demo->nodes[i];
        if (node->pid == 0 || node->wants_status)
            continue;
        node->wants_status = true;
        if (!sg_demo_send(demo, node, &request))
            return false;
    }
    return sg_demo_wait(demo, has_all_status, "the nodes' status");
}
