#include "ctl_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "json_out.h"

static int complain_connect(const char *path, int error)
{
    if (error == ENOENT || error == ECONNREFUSED) {
        sg_complain("no node is running at %s: start one with 'saorsa node', or name its folder "
                    "with --dir or its socket with --socket",
                    path);
    } else if (error == EACCES || error == EPERM) {
        sg_complain("the control socket %s belongs to another user", path);
    } else {
        sg_complain("cannot reach the node at %s: %s", path, strerror(error));
    }
    return SG_EXIT_NO_NODE;
}

bool sg_ctl_client_open(struct sg_ctl_client *client, const struct sg_app_path_options *options,
                        int *code)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *client = (struct sg_ctl_client){.fd = -1};
    *code = SG_EXIT_FAILURE;
    if (!sg_app_path_socket(options, client->path))
        return false;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path, client->path, sizeof(address.sun_path));
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        *code = complain_connect(client->path, errno);
        sg_ctl_client_close(client);
        return false;
    }
    sg_app_line_init(&client->in, SG_CTL_REPLY_MAX);
    return true;
}

void sg_ctl_client_close(struct sg_ctl_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    sg_app_line_fini(&client->in);
}

enum sg_ctl_client_result sg_ctl_client_next(struct sg_ctl_client *client, json_t **object)
{
    const char *text;
    size_t len;
    switch (sg_app_line_next(&client->in, &text, &len)) {
    case SG_APP_LINE_READY:
        *object = sg_ctl_parse(text, len);
        return *object != NULL ? SG_CTL_CLIENT_OBJECT : SG_CTL_CLIENT_GARBLED;
    case SG_APP_LINE_MORE:
        return SG_CTL_CLIENT_MORE;
    case SG_APP_LINE_TOO_LONG:
        return SG_CTL_CLIENT_GARBLED;
    }
    return SG_CTL_CLIENT_GARBLED;
}

enum sg_ctl_client_result sg_ctl_client_fill(struct sg_ctl_client *client)
{
    switch (sg_app_line_fill(&client->in, client->fd)) {
    case SG_APP_LINE_FILLED:
    case SG_APP_LINE_AGAIN:
        return SG_CTL_CLIENT_MORE;
    case SG_APP_LINE_END:
    case SG_APP_LINE_FAILED:
        return SG_CTL_CLIENT_GONE;
    }
    return SG_CTL_CLIENT_GONE;
}

int sg_ctl_client_lost(const struct sg_ctl_client *client, enum sg_ctl_client_result result)
{
    if (result == SG_CTL_CLIENT_GARBLED) {
        sg_complain("what answers at %s is no node of this version", client->path);
        return SG_EXIT_FAILURE;
    }
    sg_complain("the node at %s went away", client->path);
    return SG_EXIT_NO_NODE;
}

static bool send_line(struct sg_ctl_client *client, const char *line)
{
    struct sg_outq queue = {0};
    bool ok = sg_outq_push_line(&queue, line) && sg_outq_flush(&queue, client->fd);
    sg_outq_fini(&queue);
    return ok;
}

/* Waits for the next object that is an answer; events of a stream before it are dropped. */
static int wait_answer(struct sg_ctl_client *client, json_t **answer)
{
    uint64_t deadline = sg_app_now_ns() + SG_CTL_CLIENT_ANSWER_MS * UINT64_C(1000000);
    for (;;) {
        enum sg_ctl_client_result result = sg_ctl_client_next(client, answer);
        if (result == SG_CTL_CLIENT_OBJECT && json_object_get(*answer, "ok") != NULL)
            return SG_EXIT_OK;
        if (result == SG_CTL_CLIENT_OBJECT) {
            json_decref(*answer);
            continue;
        }
        if (result != SG_CTL_CLIENT_MORE)
            return sg_ctl_client_lost(client, result);
        struct pollfd fd = {.fd = client->fd, .events = POLLIN};
        if (poll(&fd, 1, sg_app_poll_ms(sg_app_now_ns(), deadline)) == 0) {
            sg_complain("the node at %s did not answer in %d s", client->path,
                        SG_CTL_CLIENT_ANSWER_MS / 1000);
            return SG_EXIT_TIMEOUT;
        }
        result = sg_ctl_client_fill(client);
        if (result != SG_CTL_CLIENT_MORE)
            return sg_ctl_client_lost(client, result);
    }
}

int sg_ctl_client_ask(struct sg_ctl_client *client, const struct sg_ctl_request *request,
                      json_t **answer)
{
    char *line = sg_ctl_request_encode(request);
    *answer = NULL;
    if (line == NULL) {
        sg_complain("topics, seeds and peers must be UTF-8 text");
        return SG_EXIT_USAGE;
    }
    /* A node that turned us away has said why and closed: read that before complaining. */
    bool sent = send_line(client, line);
    free(line);
    if (!sent && errno != EPIPE && errno != ECONNRESET)
        return sg_ctl_client_lost(client, SG_CTL_CLIENT_GONE);
    return wait_answer(client, answer);
}

int sg_ctl_client_explain(const json_t *answer)
{
    sg_err err = sg_ctl_answer_err(answer);
    if (err == SG_OK)
        return SG_EXIT_OK;
    const char *text = json_string_value(json_object_get(answer, "text"));
    const char *name = json_string_value(json_object_get(answer, "error"));
    sg_complain("the node refused: %s (%s)", text != NULL ? text : "no reason given",
                name != NULL ? name : "no code");
    return err == SG_ERR_TIMEOUT || err == SG_ERR_WOULD_BLOCK ? SG_EXIT_TIMEOUT : SG_EXIT_FAILURE;
}

int sg_ctl_client_ask_simple(struct sg_ctl_client *client, enum sg_ctl_op op, json_t **answer)
{
    struct sg_ctl_request request = {.op = op};
    int code = sg_ctl_client_ask(client, &request, answer);
    if (code != SG_EXIT_OK)
        return code;
    code = sg_ctl_client_explain(*answer);
    if (code != SG_EXIT_OK) {
        json_decref(*answer);
        *answer = NULL;
    }
    return code;
}

int sg_ctl_client_do(const struct sg_app_path_options *options, bool json,
                     const struct sg_ctl_request *request)
{
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    if (!sg_ctl_client_open(&client, options, &code))
        return code;
    code = sg_ctl_client_ask(&client, request, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    code = sg_ctl_client_explain(answer);
    if (json && code == SG_EXIT_OK)
        code = sg_json_print(json_pack("{s:b}", "ok", 1)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
    json_decref(answer);
    return code;
}

int sg_ctl_client_wait_end(struct sg_ctl_client *client)
{
    uint64_t deadline = sg_app_now_ns() + SG_CTL_CLIENT_ANSWER_MS * UINT64_C(1000000);
    for (;;) {
        char ignored[256];
        struct pollfd fd = {.fd = client->fd, .events = POLLIN};
        if (poll(&fd, 1, sg_app_poll_ms(sg_app_now_ns(), deadline)) == 0) {
            sg_complain("the node at %s has left but does not end", client->path);
            return SG_EXIT_TIMEOUT;
        }
        if (fd.revents != 0 && read(client->fd, ignored, sizeof(ignored)) <= 0)
            return SG_EXIT_OK;
    }
}
