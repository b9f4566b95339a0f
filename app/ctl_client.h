/* The client side of a node's control socket. */
#ifndef SG_APP_CTL_CLIENT_H
#define SG_APP_CTL_CLIENT_H

#include <jansson.h>

#include "command.h"
#include "ctl_codec.h"
#include "line.h"
#include "outq.h"
#include "paths.h"

struct sg_ctl_client {
    int fd;
    char path[SG_SOCKET_PATH_MAX];
    struct sg_app_line in;
};

/* How long an answer may take. */
#define SG_CTL_CLIENT_ANSWER_MS 10000

/* Connects to the node that the options name. On failure complains, sets *code to an exit code
 * (SG_EXIT_NO_NODE when none is running) and gives false. */
bool sg_ctl_client_open(struct sg_ctl_client *client, const struct sg_app_path_options *options,
                        int *code);
void sg_ctl_client_close(struct sg_ctl_client *client);

/* Sends a request and waits for its answer; *answer is owned by the caller. Complains and gives an
 * exit code other than SG_EXIT_OK when the node is gone, slow, or does not speak our protocol. An
 * answer that says no is an answer: look with sg_ctl_answer_err. */
int sg_ctl_client_ask(struct sg_ctl_client *client, const struct sg_ctl_request *request,
                      json_t **answer);
/* sg_ctl_client_ask for a request without members; complains about a no as well. */
int sg_ctl_client_ask_simple(struct sg_ctl_client *client, enum sg_ctl_op op, json_t **answer);
/* Complains about an answer that says no and gives the exit code. */
int sg_ctl_client_explain(const json_t *answer);

/* The whole of a simple command: connects, asks, complains about a no; with json prints
 * {"ok": true} when all is well. Gives the exit code. */
int sg_ctl_client_do(const struct sg_app_path_options *options, bool json,
                     const struct sg_ctl_request *request);
/* Waits until the node has closed the connection; SG_EXIT_TIMEOUT after a complaint when it does
 * not. */
int sg_ctl_client_wait_end(struct sg_ctl_client *client);

enum sg_ctl_client_result {
    SG_CTL_CLIENT_OBJECT,
    SG_CTL_CLIENT_MORE,
    SG_CTL_CLIENT_GONE,
    SG_CTL_CLIENT_GARBLED
};

/* For streams, after poll: the next complete object that was read, or SG_CTL_CLIENT_MORE. */
enum sg_ctl_client_result sg_ctl_client_next(struct sg_ctl_client *client, json_t **object);
/* Reads once from the socket. MORE: look with sg_ctl_client_next. */
enum sg_ctl_client_result sg_ctl_client_fill(struct sg_ctl_client *client);
/* Complains about GONE and GARBLED and gives the exit code. */
int sg_ctl_client_lost(const struct sg_ctl_client *client, enum sg_ctl_client_result result);

#endif
