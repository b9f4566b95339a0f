/* saorsa sub: messages of a topic on stdout. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "clock.h"
#include "ctl_client.h"
#include "json_out.h"
#include "options.h"
#include "payload_file.h"
#include "peer_ref.h"
#include "progress.h"
#include "signals.h"
#include "topic_words.h"

struct sub {
    struct sg_app_path_options paths;
    const char *topic;
    uint64_t count;     /* 0 = no end */
    uint64_t timeout_s; /* 0 = none */
    uint64_t since_ms;
    const char *from; /* an author's id or its beginning; NULL = anybody */
    bool json;
    bool raw;
    bool own;
    const char *output; /* a folder, or NULL */
    const char *policy; /* of a full queue, NULL = the node's default */
    struct sg_progress progress;
    uint64_t seen;
    bool out_gone; /* whoever read our stdout is gone */
    bool failed;   /* a file could not be written, or the node has ended the subscription */
    struct sg_ctl_client client;
};

static bool print_payload(const struct sub *sub, const json_t *message)
{
    uint8_t *payload;
    size_t len;
    if (sg_ctl_payload(message, &payload, &len) != SG_OK)
        return true; /* a node of another version: nothing to print */
    bool ok = fwrite(payload, 1, len, stdout) == len;
    ok = ok && (sub->raw || fputc('\n', stdout) != EOF) && fflush(stdout) == 0;
    free(payload);
    return ok;
}

static bool print_json(json_t *message)
{
    json_object_del(message, "event");
    json_object_del(message, "received_ns");
    return sg_json_print(json_incref(message)) && !ferror(stdout);
}

static bool is_wanted(const struct sub *sub, const json_t *message)
{
    const char *author = json_string_value(json_object_get(message, "author"));
    return sub->from == NULL ||
           (author != NULL && strncasecmp(author, sub->from, strlen(sub->from)) == 0);
}

/* What stands on stdout for a payload that is in a file: its path, or the object without it. */
static bool print_file(const struct sub *sub, json_t *message, const char *name, size_t len)
{
    if (!sub->json)
        return printf("%s/%s\n", sub->output, name) > 0 && fflush(stdout) == 0;
    json_object_del(message, "text");
    json_object_del(message, "base64");
    json_object_set_new(message, "size", json_integer((json_int_t)len));
    json_object_set_new(message, "file", sg_json_text(name));
    return print_json(message);
}

/* The id names the file: it is the same for all who get the message. */
static bool write_file(struct sub *sub, json_t *message)
{
    const char *name = sg_json_get_text(message, "id", "");
    uint8_t *payload;
    size_t len;
    if (strlen(name) != SG_ID_TEXT_LEN || strchr(name, '/') != NULL ||
        sg_ctl_payload(message, &payload, &len) != SG_OK)
        return true;
    enum sg_app_payload_written written = sg_app_payload_write(sub->output, name, payload, len);
    free(payload);
    sub->failed = written == SG_APP_PAYLOAD_FAILED;
    return written == SG_APP_PAYLOAD_EXISTS ||
           (!sub->failed && print_file(sub, message, name, len));
}

static void take_message(struct sub *sub, json_t *message)
{
    bool ok;
    if (!is_wanted(sub, message))
        return;
    sg_progress_clear(&sub->progress);
    if (sub->output != NULL)
        ok = write_file(sub, message);
    else
        ok = sub->json ? print_json(message) : print_payload(sub, message);
    if (ok)
        sub->seen++;
    else
        sub->out_gone = true;
}

/* Only asked for on a terminal. */
static void take_transfer(struct sub *sub, const json_t *event)
{
    double done = (double)sg_json_count(event, "done") / 1048576;
    double total = (double)sg_json_count(event, "total") / 1048576;
    if (sg_progress_due(&sub->progress))
        sg_progress_show(&sub->progress, "receiving %.1f of %.1f MiB", done, total);
}

static void take_object(struct sub *sub, json_t *object)
{
    const char *event = json_string_value(json_object_get(object, "event"));
    if (event != NULL && strcmp(event, "message") == 0)
        take_message(sub, object);
    else if (event != NULL && strcmp(event, "transfer") == 0)
        take_transfer(sub, object);
    else if (event != NULL && strcmp(event, "dropped") == 0 &&
             json_object_get(object, "topic") != NULL) /* else of progress */
        sg_complain("too slow: the node dropped %llu messages",
                    (unsigned long long)sg_json_count(object, "count"));
    else if (event != NULL && strcmp(event, "closed") == 0) {
        sg_complain("too slow: the node has ended the subscription, as --policy disconnect asks");
        sub->failed = true;
    }
    json_decref(object);
}

static bool is_done(const struct sub *sub)
{
    return sub->out_gone || sub->failed || (sub->count > 0 && sub->seen >= sub->count) ||
           sg_app_signals_caught() != 0;
}

/* Takes all objects that have been read; MORE when the stream goes on. */
static enum sg_ctl_client_result take_ready(struct sub *sub)
{
    enum sg_ctl_client_result result = SG_CTL_CLIENT_OBJECT;
    while (result == SG_CTL_CLIENT_OBJECT && !is_done(sub)) {
        json_t *object;
        result = sg_ctl_client_next(&sub->client, &object);
        if (result == SG_CTL_CLIENT_OBJECT)
            take_object(sub, object);
    }
    return result == SG_CTL_CLIENT_OBJECT ? SG_CTL_CLIENT_MORE : result;
}

/* Waits for the node, a signal, or the end of whoever reads our stdout; false at the deadline. */
static bool wait_for_more(struct sub *sub, uint64_t deadline, enum sg_ctl_client_result *result)
{
    struct pollfd fds[] = {{.fd = sub->client.fd, .events = POLLIN},
                           {.fd = sg_app_signals_fd(), .events = POLLIN},
                           {.fd = STDOUT_FILENO, .events = 0}};
    int timeout = deadline == 0 ? -1 : sg_app_poll_ms(sg_app_now_ns(), deadline);
    if (poll(fds, SG_COUNT(fds), timeout) == 0)
        return false;
    if ((fds[2].revents & POLLERR) != 0)
        sub->out_gone = true;
    if ((fds[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        *result = sg_ctl_client_fill(&sub->client);
    return true;
}

static int follow(struct sub *sub)
{
    uint64_t deadline = 0;
    if (sub->timeout_s > 0)
        deadline = sg_app_now_ns() + sub->timeout_s * UINT64_C(1000000000);
    for (;;) {
        enum sg_ctl_client_result result = take_ready(sub);
        if (is_done(sub))
            return sub->failed ? SG_EXIT_FAILURE : SG_EXIT_OK;
        if (result == SG_CTL_CLIENT_MORE && !wait_for_more(sub, deadline, &result)) {
            if (sub->count == 0)
                return SG_EXIT_OK;
            sg_complain("only %llu of %llu messages came in %llu s", (unsigned long long)sub->seen,
                        (unsigned long long)sub->count, (unsigned long long)sub->timeout_s);
            return SG_EXIT_TIMEOUT;
        }
        if (result != SG_CTL_CLIENT_MORE)
            return sg_ctl_client_lost(&sub->client, result);
    }
}

static int subscribe(struct sub *sub)
{
    struct sg_ctl_request request = {
        .op = SG_CTL_SUBSCRIBE, .own = sub->own, .since_ms = sub->since_ms, .policy = sub->policy};
    json_t *answer;
    memcpy(request.topic, sub->topic, strlen(sub->topic) + 1);
    int code = SG_EXIT_OK;
    sg_progress_init(&sub->progress, sub->output == NULL || !isatty(STDERR_FILENO));
    if (!sub->progress.quiet) { /* before any message can come */
        code = sg_ctl_client_ask_simple(&sub->client, SG_CTL_EVENTS, &answer);
        if (code != SG_EXIT_OK)
            return code;
        json_decref(answer);
    }
    code = sg_ctl_client_ask(&sub->client, &request, &answer);
    if (code != SG_EXIT_OK)
        return code;
    code = sg_ctl_client_explain(answer);
    json_decref(answer);
    return code == SG_EXIT_OK ? follow(sub) : code;
}

static bool is_reference(const char *text)
{
    struct sg_app_ref ref;
    return sg_app_ref_begin(&ref, text, strlen(text));
}

static int run(int argc, char **argv)
{
    struct sub sub = {0};
    const struct sg_opt opts[] = {
        {"topic", SG_OPT_TEXT, &sub.topic, "NAME", "what to listen to (required)", 0, 0},
        {"count", SG_OPT_COUNT, &sub.count, "N", "stop after N messages [0 = never]", 0, 0},
        {"timeout", SG_OPT_COUNT, &sub.timeout_s, "S",
         "stop after S seconds [0 = never]; with --count, exit code 4\n"
         "when fewer messages came",
         0, 1000000},
        {"since", SG_OPT_TIME, &sub.since_ms, "TIME",
         "begin with what is kept of so long, such as 90s, 15m, 1h or 7d:\n"
         "15 minutes of any topic that the node is subscribed to, more\n"
         "of a durable one ('saorsa node --durable')",
         0, 0},
        {"from", SG_OPT_TEXT, &sub.from, "PEER",
         "only messages of this author: an id, or six or more characters\nat its beginning", 0, 0},
        {"policy", SG_OPT_TEXT, &sub.policy, "WORD",
         "when messages come faster than they are read and more than\n"
         "1024 or 16 MiB wait: drop-oldest [the default], drop-newest,\n"
         "block (they wait where the node keeps messages, up to 15\n"
         "minutes or 16 MiB) or disconnect (exit code 1)",
         0, 0},
        {"own", SG_OPT_FLAG, &sub.own, NULL, "messages of this node, too", 0, 0},
        {"raw", SG_OPT_FLAG, &sub.raw, NULL, "payloads as they are, without a newline after each",
         0, 0},
        {"output", SG_OPT_TEXT, &sub.output, "DIR",
         "each payload into a file there, named by the message's id;\n"
         "prints its path, never writes over a file",
         0, 0},
        {"dir", SG_OPT_TEXT, &sub.paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &sub.paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &sub.json, NULL,
         "an object for each message: topic, id, author, last_hop,\n"
         "hops, sequence, time_ms, age_ms, and text or base64, with\n"
         "--output size and file instead",
         0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_sub, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (sub.topic == NULL || sub.topic[0] == '\0' || strlen(sub.topic) > SG_CTL_TOPIC_MAX)
        return sg_opt_usage_error(&sg_cmd_sub, "--topic NAME is needed, 1 to %d bytes",
                                  SG_CTL_TOPIC_MAX);
    if (sub.raw && sub.json)
        return sg_opt_usage_error(&sg_cmd_sub, "--raw and --json exclude each other");
    if (sub.from != NULL && !is_reference(sub.from))
        return sg_opt_usage_error(&sg_cmd_sub,
                                  "--from wants an id, or six or more characters at its beginning");
    enum sg_full_policy policy;
    if (sub.policy != NULL && !sg_app_policy_of(sub.policy, &policy))
        return sg_opt_usage_error(&sg_cmd_sub, "--policy is " SG_APP_POLICIES ", not '%.40s'",
                                  sub.policy);
    if (sub.output != NULL && sub.raw)
        return sg_opt_usage_error(&sg_cmd_sub, "--raw and --output exclude each other");
    if (sub.output != NULL && !sg_app_payload_dir(sub.output))
        return SG_EXIT_FAILURE;
    if (!sg_app_signals_init()) {
        sg_complain("no descriptors left");
        return SG_EXIT_FAILURE;
    }
    if (!sg_ctl_client_open(&sub.client, &sub.paths, &code))
        return code;
    code = subscribe(&sub);
    sg_ctl_client_close(&sub.client);
    return code;
}

const struct sg_command sg_cmd_sub = {
    .name = "sub",
    .summary = "Print the messages of a topic as they come.",
    .usage = "--topic NAME [--since TIME] [--from PEER] [--count N] [--json] [...]",
    .about = "Prints each payload and a newline. Ends with exit code 0 at SIGINT, or when the\n"
             "reader of its output is gone.",
    .example = "  saorsa sub --topic chat\n"
               "  saorsa sub --topic chat --json | jq -r .author\n"
               "  saorsa sub --topic chat --since 1h --count 20\n"
               "  saorsa sub --topic pictures --raw --count 1 > one.png\n"
               "  saorsa sub --topic pictures --output pictures",
    .run = run,
};
