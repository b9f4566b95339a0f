/* saorsa trace: which way a message took, as the nodes that are asked remember it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "json_out.h"
#include "options.h"
#include "trace_view.h"

#define BEGINNING_MIN 6

struct trace_args {
    struct sg_opt_list dirs;
    struct sg_opt_list sockets;
    uint64_t count;
    bool json;
    char message[SG_ID_TEXT_LEN + 1]; /* "" = all */
};

/* Asks one node; its answer goes into answers. */
static int ask(const struct trace_args *args, const struct sg_app_path_options *paths,
               json_t *answers)
{
    struct sg_ctl_request request = {.op = SG_CTL_TRACE};
    struct sg_ctl_client client;
    json_t *answer;
    int code;
    memcpy(request.message, args->message, sizeof(request.message));
    if (!sg_ctl_client_open(&client, paths, &code))
        return code;
    code = sg_ctl_client_ask(&client, &request, &answer);
    sg_ctl_client_close(&client);
    if (code != SG_EXIT_OK)
        return code;
    code = sg_ctl_client_explain(answer);
    if (code == SG_EXIT_OK && json_array_append(answers, answer) != 0)
        code = SG_EXIT_FAILURE;
    json_decref(answer);
    return code;
}

static int ask_all(const struct trace_args *args, json_t *answers)
{
    int code = SG_EXIT_OK;
    struct sg_app_path_options paths = {0};
    if (args->dirs.count + args->sockets.count == 0)
        return ask(args, &paths, answers);
    for (size_t i = 0; i < args->dirs.count && code == SG_EXIT_OK; i++) {
        paths = (struct sg_app_path_options){.dir = args->dirs.items[i]};
        code = ask(args, &paths, answers);
    }
    for (size_t i = 0; i < args->sockets.count && code == SG_EXIT_OK; i++) {
        paths = (struct sg_app_path_options){.socket = args->sockets.items[i]};
        code = ask(args, &paths, answers);
    }
    return code;
}

/* An id, or the beginning of one, in lower case. */
static bool read_message(struct trace_args *args, const char *text)
{
    size_t len = strlen(text);
    if (len < BEGINNING_MIN || len > SG_ID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = (char)tolower((unsigned char)text[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7')))
            return false;
        args->message[i] = c;
    }
    return true;
}

static int run(int argc, char **argv)
{
    struct trace_args args = {.count = 20};
    const struct sg_opt opts[] = {
        {"dir", SG_OPT_LIST, &args.dirs, "DIR", "state folder of a node to ask, may be repeated", 0,
         0},
        {"socket", SG_OPT_LIST, &args.sockets, "PATH",
         "control socket of a node to ask, may be repeated", 0, 0},
        {"count", SG_OPT_COUNT, &args.count, "N", "without ID: list so many lines [20]", 1, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL,
         "print {\"messages\": [{\"node\", \"message\", \"steps\"}, ...]}", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_trace, opts, SG_COUNT(opts), 0, 1};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (rest.count == 1 && !read_message(&args, rest.items[0]))
        return sg_opt_usage_error(&sg_cmd_trace,
                                  "'%.60s' is no message id: it has %d characters a-z and 2-7, its "
                                  "first %d will do",
                                  rest.items[0], SG_ID_TEXT_LEN, BEGINNING_MIN);
    json_t *answers = json_array();
    code = answers == NULL ? SG_EXIT_FAILURE : ask_all(&args, answers);
    if (code == SG_EXIT_OK && rest.count == 1)
        code = sg_trace_view_message(answers, rest.items[0], args.json);
    else if (code == SG_EXIT_OK)
        code = sg_trace_view_list(answers, (size_t)args.count, args.json);
    json_decref(answers);
    return code;
}

const struct sg_command sg_cmd_trace = {
    .name = "trace",
    .summary = "Show which way a message took, or list the last messages.",
    .usage = "[ID] [--dir DIR]... [--socket PATH]... [--count N] [--json]",
    .about = "Each node remembers the last 4096 steps of messages: which neighbour brought one\n"
             "first, how many copies came, whom it was pushed to, whether it had to be asked for.\n"
             "Name all nodes that you can reach, to see the whole way. IDs stand in the output of\n"
             "'saorsa pub --json', 'saorsa sub --json', and 'saorsa trace' without ID.",
    .example = "  saorsa trace\n"
               "  saorsa trace abcdef --dir /tmp/a --dir /tmp/b --dir /tmp/c",
    .run = run,
};
