/* The phases of the demo. */
#include "demo.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "signals.h"

#define IDLE_NS UINT64_C(1000000000) /* how long idle traffic is measured */

bool sg_demo_fail(struct sg_demo *demo, int code, const char *format, ...)
{
    va_list arguments;
    if (demo->failure[0] != '\0')
        return false;
    va_start(arguments, format);
    vsnprintf(demo->failure, sizeof(demo->failure), format, arguments);
    va_end(arguments);
    demo->code = code;
    return false;
}

/* splitmix64 (Steele, Lea & Flood 2014); the bias of the modulo is of no concern here. */
uint64_t sg_demo_random(struct sg_demo *demo, uint64_t n)
{
    uint64_t z = demo->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % n;
}

/* ---- joining ------------------------------------------------------------------------------- */

static bool are_ready(struct sg_demo *demo)
{
    size_t ready = 0;
    for (size_t i = 0; i < demo->started; i++)
        ready += demo->nodes[i].is_ready;
    if (sg_progress_due(&demo->progress))
        sg_progress_show(&demo->progress, "starting: %zu of %llu nodes are up", ready,
                         (unsigned long long)demo->options.nodes);
    return ready == demo->started;
}

static bool are_subscribed(struct sg_demo *demo)
{
    for (size_t i = 0; i < demo->started; i++) {
        if (!demo->nodes[i].is_subscribed)
            return false;
    }
    return true;
}

static bool start_nodes(struct sg_demo *demo)
{
    if (!sg_demo_start(demo, 0) || !sg_demo_wait(demo, are_ready, "the first node to start"))
        return false;
    for (size_t i = 1; i < demo->options.nodes; i++) {
        if (!sg_demo_start(demo, i))
            return false;
    }
    return sg_demo_wait(demo, are_ready, "the nodes to start");
}

static bool subscribe_all(struct sg_demo *demo)
{
    const struct sg_ctl_request request = {.op = SG_CTL_SUBSCRIBE, .topic = SG_DEMO_TOPIC};
    for (size_t i = 0; i < demo->started; i++) {
        if (!sg_demo_connect(demo, &demo->nodes[i]) ||
            !sg_demo_send(demo, &demo->nodes[i], &request))
            return false;
    }
    return sg_demo_wait(demo, are_subscribed, "the nodes to subscribe");
}

static bool join(struct sg_demo *demo)
{
    uint64_t started = sg_app_now_ns();
    if (!start_nodes(demo) || !subscribe_all(demo) ||
        !sg_demo_wait(demo, sg_demo_is_joined, "all nodes to join one overlay"))
        return false;
    demo->joined_ns = sg_app_now_ns() - started;
    if (demo->options.kill > 0 && !sg_demo_watch_members(demo))
        return false;
    return sg_demo_ask_status(demo);
}

/* ---- publishing ---------------------------------------------------------------------------- */

/* Idle traffic is measured by being idle. */
static bool measure_idle(struct sg_demo *demo)
{
    demo->idle_begin_ns = sg_app_now_ns();
    uint64_t until = demo->idle_begin_ns + IDLE_NS;
    for (uint64_t now = demo->idle_begin_ns; now < until; now = sg_app_now_ns()) {
        if (!sg_demo_poll(demo, sg_app_poll_ms(now, until)))
            return false;
    }
    demo->idle_end_ns = sg_app_now_ns();
    return sg_demo_snapshot(demo, SG_DEMO_IDLE);
}

static bool publish(struct sg_demo *demo)
{
    size_t count = demo->options.messages;
    size_t half = count / 2 > demo->warmup ? count / 2 : demo->warmup;
    if (!sg_demo_snapshot(demo, SG_DEMO_BEGIN))
        return false;
    demo->begin_ns = sg_app_now_ns();
    /* The first messages find the tree; redundancy is counted after them. */
    if (!sg_demo_publish_until(demo, demo->warmup) || !sg_demo_settle(demo) ||
        !sg_demo_snapshot(demo, SG_DEMO_WARM))
        return false;
    if (demo->options.kill > 0 && (!sg_demo_publish_until(demo, half) || !sg_demo_kill_some(demo)))
        return false;
    bool ok = sg_demo_publish_until(demo, count) && sg_demo_settle(demo);
    demo->end_ns = sg_app_now_ns();
    return ok && sg_demo_snapshot(demo, SG_DEMO_END) && sg_demo_await_detection(demo) &&
           measure_idle(demo);
}

/* ---- all of it ----------------------------------------------------------------------------- */

static size_t warmup_of(const struct sg_demo_options *options)
{
    size_t warmup = options->messages / 10 > 5 ? options->messages / 10 : 5;
    return warmup < options->messages ? warmup : options->messages;
}

static bool init(struct sg_demo *demo, const struct sg_demo_options *options)
{
    demo->options = *options;
    demo->random = options->seed;
    demo->code = SG_EXIT_FAILURE;
    sg_progress_init(&demo->progress, options->json);
    if (!sg_demo_load(demo))
        return false;
    if (demo->options.timeout_s == 0) {
        double publishing = options->rate > 0 ? (double)demo->options.messages / options->rate : 0;
        demo->options.timeout_s = 60 + (uint64_t)publishing;
    }
    demo->warmup = warmup_of(&demo->options);
    demo->deadline_ns = sg_app_now_ns() + demo->options.timeout_s * UINT64_C(1000000000);
    demo->nodes = calloc(options->nodes, sizeof(*demo->nodes));
    if (demo->nodes == NULL || !sg_app_signals_init())
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "out of memory or descriptors");
    for (size_t i = 0; i < options->nodes; i++) {
        demo->nodes[i].index = i;
        demo->nodes[i].fd = -1;
        demo->nodes[i].out_fd = -1;
        sg_app_line_init(&demo->nodes[i].out, SG_CTL_REPLY_MAX);
    }
    return sg_demo_track_init(demo) && sg_demo_make_dir(demo);
}

static void fini(struct sg_demo *demo)
{
    sg_demo_remove_dir(demo);
    sg_demo_track_fini(demo);
    sg_demo_unload(demo);
    free(demo->nodes);
    free(demo->detected_ns);
}

/* Prints the report and gives the exit code. */
static int conclude(struct sg_demo *demo, bool finished, size_t unclean)
{
    struct sg_app_report report;
    struct sg_demo_figures figures;
    sg_demo_figures(demo, &report, &figures);
    report.ok = report.ok && finished && unclean == 0;
    bool printed = true;
    /* Without any message there is nothing to put into a table. */
    if (demo->options.json)
        printed = sg_app_report_print_json(&report);
    else if (demo->accepted > 0)
        sg_app_report_print(&report);
    if (!report.ok)
        return demo->failure[0] != '\0' ? demo->code : SG_EXIT_FAILURE;
    return printed ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

int sg_demo_run(const struct sg_demo_options *options)
{
    static struct sg_demo demo;
    int code = SG_EXIT_FAILURE;
    if (init(&demo, options)) {
        bool finished = join(&demo) && publish(&demo);
        size_t unclean = sg_demo_stop_all(&demo);
        sg_demo_diagnose(&demo);
        code = conclude(&demo, finished, unclean);
    } else if (demo.failure[0] != '\0') {
        sg_complain("%s", demo.failure);
    }
    fini(&demo);
    return code;
}
