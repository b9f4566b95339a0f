/* How long the survivors took to notice that a node was killed: from just before the signal until
 * the event member_fail, by the clock of the machine that all processes share. */
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "json_out.h"

static size_t count_killed(const struct sg_demo *demo)
{
    size_t killed = 0;
    for (size_t i = 0; i < demo->started; i++)
        killed += demo->nodes[i].killed;
    return killed;
}

/* Whether every node had so many members in its newest status. */
static bool are_acquainted(struct sg_demo *demo)
{
    const struct sg_ctl_request request = {.op = SG_CTL_STATUS};
    size_t complete = 0;
    bool waiting = false;
    for (size_t i = 0; i < demo->started; i++) {
        const json_t *stats = json_object_get(demo->nodes[i].status, "stats");
        complete += sg_json_count(stats, "members") + 1 >= demo->started;
        waiting = waiting || demo->nodes[i].wants_status;
    }
    if (sg_progress_due(&demo->progress))
        sg_progress_show(&demo->progress, "joining: %zu of %zu nodes know all others", complete,
                         demo->started);
    if (complete == demo->started)
        return true;
    for (size_t i = 0; i < demo->started && !waiting; i++) {
        demo->nodes[i].wants_status = true;
        if (!sg_demo_send(demo, &demo->nodes[i], &request))
            return false;
    }
    return false;
}

bool sg_demo_watch_members(struct sg_demo *demo)
{
    const struct sg_ctl_request request = {.op = SG_CTL_EVENTS};
    demo->detected_ns = calloc(demo->started * demo->started, sizeof(*demo->detected_ns));
    if (demo->detected_ns == NULL)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "out of memory");
    for (size_t i = 0; i < demo->started; i++) {
        if (!sg_demo_send(demo, &demo->nodes[i], &request))
            return false;
    }
    return sg_demo_wait(demo, are_acquainted, "all nodes to know each other");
}

void sg_demo_on_fail_event(struct sg_demo *demo, const struct sg_demo_node *node,
                           const json_t *object)
{
    const char *id = sg_json_get_text(object, "peer", "");
    size_t victim = 0;
    if (demo->detected_ns == NULL)
        return;
    while (victim < demo->started && strcmp(demo->nodes[victim].id, id) != 0)
        victim++;
    if (victim == demo->started)
        return;
    uint64_t *at = &demo->detected_ns[victim * demo->started + node->index];
    uint64_t now = sg_json_count(object, "at_ns");
    if (!demo->nodes[victim].killed || now < demo->nodes[victim].killed_ns)
        demo->false_alarms++;
    else if (*at == 0)
        *at = now;
}

/* Whether every survivor has noticed every killed node. */
static bool are_detected(struct sg_demo *demo)
{
    struct sg_app_report_detection detection;
    sg_demo_figure_detection(demo, &detection);
    if (sg_progress_due(&demo->progress))
        sg_progress_show(&demo->progress, "waiting until all have noticed: %llu of %llu",
                         (unsigned long long)detection.seen,
                         (unsigned long long)detection.expected);
    return detection.seen == detection.expected;
}

bool sg_demo_await_detection(struct sg_demo *demo)
{
    if (demo->detected_ns == NULL)
        return true;
    return sg_demo_wait(demo, are_detected, "all survivors to notice the killed nodes");
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Puts the times of all survivors that noticed into times; gives their number. */
static size_t collect(const struct sg_demo *demo, uint64_t *times)
{
    size_t count = 0;
    for (size_t v = 0; v < demo->started; v++) {
        for (size_t s = 0; demo->nodes[v].killed && s < demo->started; s++) {
            uint64_t at = demo->detected_ns[v * demo->started + s];
            if (!demo->nodes[s].killed && at >= demo->nodes[v].killed_ns)
                times[count++] = at - demo->nodes[v].killed_ns;
        }
    }
    return count;
}

void sg_demo_figure_detection(const struct sg_demo *demo, struct sg_app_report_detection *detection)
{
    size_t killed = count_killed(demo);
    *detection = (struct sg_app_report_detection){0};
    if (demo->detected_ns == NULL || killed == 0)
        return;
    uint64_t *times = calloc(killed * demo->started, sizeof(*times));
    if (times == NULL)
        return;
    size_t count = collect(demo, times);
    qsort(times, count, sizeof(*times), compare);
    detection->expected = killed * (demo->started - killed);
    detection->seen = count;
    detection->false_alarms = demo->false_alarms;
    if (count > 0) {
        detection->first_ns = (double)times[0];
        detection->p50_ns = (double)times[(count - 1) / 2];
        detection->max_ns = (double)times[count - 1];
    }
    free(times);
}
