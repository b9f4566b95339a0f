/* saorsa bench: load on running nodes, and how fast it gets through. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_load.h"
#include "clock.h"
#include "options.h"
#include "signals.h"

struct bench_args {
    struct sg_app_path_options paths;
    struct sg_opt_list subscribers; /* folders or sockets */
    uint64_t join;
    uint64_t timeout_s;
    const char *topic;
    bool json;
};

/* A state folder, or a control socket. */
static struct sg_app_path_options paths_of(const char *path)
{
    struct stat info;
    bool is_dir = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return is_dir ? (struct sg_app_path_options){.dir = path}
                  : (struct sg_app_path_options){.socket = path};
}

static int add_subscribers(struct sg_bench *bench, const struct bench_args *args)
{
    int code = SG_EXIT_OK;
    for (size_t i = 0; i < args->subscribers.count && code == SG_EXIT_OK; i++) {
        struct sg_app_path_options paths = paths_of(args->subscribers.items[i]);
        code = sg_bench_add_socket(bench, &paths);
    }
    if (code == SG_EXIT_OK && args->join > 0)
        code = sg_bench_add_own(bench, (size_t)args->join);
    if (code == SG_EXIT_OK && bench->sub_count == 0)
        code = sg_bench_add_socket(bench, &args->paths);
    return code;
}

static int measure(struct sg_bench *bench, const struct bench_args *args)
{
    int code;
    if (!sg_ctl_client_open(&bench->publisher, &args->paths, &code))
        return code;
    code = add_subscribers(bench, args);
    if (code == SG_EXIT_OK)
        code = sg_bench_run(bench);
    bool has_run = bench->accepted > 0 && (code == SG_EXIT_OK || code == SG_EXIT_TIMEOUT);
    if (has_run && !sg_bench_print(bench, args->json))
        code = SG_EXIT_FAILURE;
    sg_ctl_client_close(&bench->publisher);
    return code;
}

static int run(int argc, char **argv)
{
    static struct sg_bench bench = {.count = 1000, .rate = 100, .size = 1024};
    struct bench_args args = {.timeout_s = 10};
    const struct sg_opt opts[] = {
        {"subscriber", SG_OPT_LIST, &args.subscribers, "PATH",
         "state folder or control socket of a node that receives, may be\n"
         "repeated [the publishing node alone]",
         0, 0},
        {"join", SG_OPT_COUNT, &args.join, "N",
         "so many subscriber nodes more, in this process, that join\n"
         "through the publishing node",
         0, SG_BENCH_SUBS_MAX},
        {"rate", SG_OPT_COUNT, &bench.rate, "N",
         "messages per second [100]; 0 = as fast as they go", 0, 10000000},
        {"count", SG_OPT_COUNT, &bench.count, "N", "messages [1000]", 1, 100000000},
        {"size", SG_OPT_COUNT, &bench.size, "BYTES", "of a payload [1024]", SG_BENCH_SIZE_MIN,
         SG_CTL_PAYLOAD_MAX},
        {"topic", SG_OPT_TEXT, &args.topic, "NAME", "where to publish [bench-PID]", 0, 0},
        {"timeout", SG_OPT_COUNT, &args.timeout_s, "S",
         "give up when nothing comes for so long [10]; at the beginning\n"
         "after twice as long",
         1, 86400},
        {"dir", SG_OPT_TEXT, &args.paths.dir, "DIR", "state folder of the publishing node", 0, 0},
        {"socket", SG_OPT_TEXT, &args.paths.socket, "PATH", "control socket of the publishing node",
         0, 0},
        {"json", SG_OPT_FLAG, &args.json, NULL, "print everything as an object", 0, 0},
    };
    const struct sg_opt_set set = {&sg_cmd_bench, opts, SG_COUNT(opts), 0, 0};
    struct sg_opt_args rest;
    int code;
    if (!sg_opt_begin(&set, argc, argv, &rest, &code))
        return code;
    if (args.topic != NULL && (args.topic[0] == '\0' || strlen(args.topic) > SG_CTL_TOPIC_MAX))
        return sg_opt_usage_error(&sg_cmd_bench, "a topic's name has 1 to %d bytes",
                                  SG_CTL_TOPIC_MAX);
    if (args.topic != NULL)
        memcpy(bench.topic, args.topic, strlen(args.topic) + 1);
    else
        (void)snprintf(bench.topic, sizeof(bench.topic), "bench-%ld", (long)getpid());
    if (!sg_app_signals_init()) {
        sg_complain("no descriptors left");
        return SG_EXIT_FAILURE;
    }
    bench.patience_ns = args.timeout_s * UINT64_C(1000000000);
    bench.quiet = !isatty(STDERR_FILENO);
    code = measure(&bench, &args);
    sg_bench_fini(&bench);
    return code;
}

const struct sg_command sg_cmd_bench = {
    .name = "bench",
    .summary = "Put load on running nodes and measure how fast it gets through.",
    .usage = "[--subscriber PATH]... [--join N] [--rate N] [--count N] [--size BYTES] [...]",
    .about =
        "Publishes on a topic of its own through one node and subscribes at others, over their\n"
        "control sockets. A latency is the time from handing a message to the publishing\n"
        "node's socket until the subscribing node hands it out, signature, network and\n"
        "verification included. Subscribers block: none loses a message because it is slow.\n"
        "Exit code 4 says that messages are missing; without figures, that none got through.",
    .example = "  saorsa bench --subscriber /tmp/b --subscriber /tmp/c\n"
               "  saorsa bench --join 4 --rate 0 --count 20000 --size 256\n"
               "  saorsa bench --join 2 --json | jq .latency_ms.p99",
    .run = run,
};
