/* saorsa pub: lines of stdin, an argument or all of stdin become messages. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "ctl_client.h"
#include "json_out.h"
#include "options.h"
#include "payload_file.h"

struct pub {
    struct sg_app_path_options paths;
    const char *topic;
    const char *file;
    uint64_t timeout_s;
    bool whole;
    bool json;
    bool warned; /* that nobody is there yet */
    struct sg_ctl_client client;
};

/* What --json prints of an answer: all but the protocol's own members, and the size. */
static int print_result(json_t *answer, size_t len)
{
    json_object_set_new(answer, "size", json_integer((json_int_t)len));
    json_object_del(answer, "op");
    json_object_del(answer, "published_ns");
    return sg_json_print(json_incref(answer)) ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

static int accepted(struct pub *pub, json_t *answer, size_t len)
{
    bool alone = sg_json_count(answer, "neighbors") == 0;
    if (alone && !pub->warned && !pub->json && isatty(STDERR_FILENO)) {
        fputs("saorsa: nobody else is in this topic yet; the node keeps the message for a minute\n",
              stderr);
        pub->warned = true;
    }
    return pub->json ? print_result(answer, len) : SG_EXIT_OK;
}

static void wait_ms(int ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000L};
    nanosleep(&pause, NULL);
}

/* Publishes one message; while the node's queues are full it tries again, so that order is kept. */
static int publish(struct pub *pub, const char *data, size_t len)
{
    uint64_t deadline = sg_app_now_ns() + pub->timeout_s * UINT64_C(1000000000);
    struct sg_ctl_request request = {.op = SG_CTL_PUBLISH, .payload_len = len};
    request.payload = (const uint8_t *)data;
    memcpy(request.topic, pub->topic, strlen(pub->topic) + 1);
    for (int pause = 1;; pause = pause < 64 ? pause * 2 : 100) {
        json_t *answer;
        int code = sg_ctl_client_ask(&pub->client, &request, &answer);
        if (code != SG_EXIT_OK)
            return code;
        sg_err err = sg_ctl_answer_err(answer);
        bool again = err == SG_ERR_WOULD_BLOCK && sg_app_now_ns() < deadline;
        if (!again)
            code = err == SG_OK ? accepted(pub, answer, len) : sg_ctl_client_explain(answer);
        json_decref(answer);
        if (!again)
            return code;
        wait_ms(pause);
    }
}

static int too_long(uint64_t line)
{
    sg_complain("line %llu is longer than a message can be (%d bytes)%s", (unsigned long long)line,
                SG_CTL_PAYLOAD_MAX, line > 1 ? "; the lines before it were published" : "");
    return SG_EXIT_FAILURE;
}

/* Publishes what complete lines there are. */
static int publish_ready(struct pub *pub, struct sg_app_line *in, uint64_t *number)
{
    const char *text;
    size_t len;
    for (;;) {
        enum sg_app_line_result result = sg_app_line_next(in, &text, &len);
        if (result == SG_APP_LINE_MORE)
            return SG_EXIT_OK;
        *number += 1;
        if (result == SG_APP_LINE_TOO_LONG)
            return too_long(*number);
        int code = publish(pub, text, len);
        if (code != SG_EXIT_OK)
            return code;
    }
}

static int publish_lines(struct pub *pub)
{
    struct sg_app_line in;
    uint64_t number = 0;
    enum sg_app_line_fill fill;
    const char *text;
    size_t len;
    int code = SG_EXIT_OK;
    sg_app_line_init(&in, SG_CTL_PAYLOAD_MAX);
    do {
        fill = sg_app_line_fill(&in, STDIN_FILENO);
        if (fill == SG_APP_LINE_FILLED)
            code = publish_ready(pub, &in, &number);
    } while (code == SG_EXIT_OK && (fill == SG_APP_LINE_FILLED || fill == SG_APP_LINE_AGAIN));
    if (code == SG_EXIT_OK && fill == SG_APP_LINE_FAILED) {
        sg_complain("cannot read stdin: %s", strerror(errno));
        code = SG_EXIT_FAILURE;
    }
    if (code == SG_EXIT_OK && sg_app_line_last(&in, &text, &len))
        code = publish(pub, text, len);
    sg_app_line_fini(&in);
    return code;
}

static int publish_file(struct pub *pub, const char *path)
{
    uint8_t *data;
    size_t len;
    if (!sg_app_payload_read(path, &data, &len))
        return SG_EXIT_FAILURE;
    int code = publish(pub, (const char *)data, len);
    free(data);
    return code;
}

static int publish_argument(struct pub *pub, const char *text)
{
    size_t len = strlen(text);
    if (len > SG_CTL_PAYLOAD_MAX) {
        sg_complain("the text is longer than a message can be (%d bytes)", SG_CTL_PAYLOAD_MAX);
        return SG_EXIT_FAILURE;
    }
    return publish(pub, text, len);
}

static int run(int argc, char **argv)
{
    struct pub pub = {.timeout_s = 30};
    const struct sg_opt opts[] = {
        {"topic", SG_OPT_TEXT, &pub.topic, "NAME", "where to publish (required)", 0, 0},
        {"file", SG_OPT_TEXT, &pub.file, "PATH",
         "the file is one message, up to 16777216 bytes; - is stdin", 0, 0},
        {"whole", SG_OPT_FLAG, &pub.whole, NULL, "all of stdin is one message: as --file -", 0, 0},
        {"timeout", SG_OPT_COUNT, &pub.timeout_s, "S",
         "how long to wait when the node's queues are full [30]", 0, 86400},
        {"dir", SG_OPT_TEXT, &pub.paths.dir, "DIR", "state folder of the node", 0, 0},
        {"socket", SG_OPT_TEXT, &pub.paths.socket, "PATH", "control socket of the node", 0, 0},
        {"json", SG_OPT_FLAG, &pub.json, NULL,
         "print an object for each message: id, sequence, neighbors,\npushed, announced, size", 0,
         0},
    };
    const struct sg_opt_set set = {&sg_cmd_pub, opts, SG_COUNT(opts), 0, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (pub.topic == NULL || pub.topic[0] == '\0' || strlen(pub.topic) > SG_CTL_TOPIC_MAX)
        return sg_opt_usage_error(&sg_cmd_pub, "--topic NAME is needed, 1 to %d bytes",
                                  SG_CTL_TOPIC_MAX);
    if (pub.whole && rest.count > 0)
        return sg_opt_usage_error(&sg_cmd_pub, "--whole reads stdin, it goes with no TEXT");
    if (pub.file != NULL && (pub.whole || rest.count > 0))
        return sg_opt_usage_error(&sg_cmd_pub, "--file goes with neither TEXT nor --whole");
    if (pub.whole)
        pub.file = "-";
    if (!sg_ctl_client_open(&pub.client, &pub.paths, &code))
        return code;
    if (rest.count > 0)
        code = publish_argument(&pub, rest.items[0]);
    else
        code = pub.file != NULL ? publish_file(&pub, pub.file) : publish_lines(&pub);
    sg_ctl_client_close(&pub.client);
    return code;
}

const struct sg_command sg_cmd_pub = {
    .name = "pub",
    .summary = "Publish messages on a topic.",
    .usage = "--topic NAME [TEXT | --file PATH] [--json] [...]",
    .about = "Without TEXT or --file each line of stdin is a message, without its newline. Prints "
             "nothing;\n"
             "exit code 0 says that the node accepted all of them, 3 that no node is running,\n"
             "4 that its queues stayed full.",
    .example = "  saorsa pub --topic chat 'hello'\n"
               "  printf 'one\\ntwo\\n' | saorsa pub --topic chat\n"
               "  saorsa pub --topic pictures --file large.png\n"
               "  tar cz notes | saorsa pub --topic backup --file -",
    .run = run,
};
