/* What went wrong, in words that lead somewhere. */
#include <stdio.h>
#include <string.h>

#include "demo.h"

#define LINES_MAX 10

/* "  message 17, published by node 3 ("Some are short."), is missing at nodes 4, 7" */
static void print_missing(struct sg_demo *demo, size_t index)
{
    const struct sg_demo_message *message = &demo->messages[index];
    struct sg_bytes payload = sg_demo_payload(demo, index);
    int shown = payload.len < 40 ? (int)payload.len : 40;
    const char *separator = "";
    fprintf(stderr, "  message %zu, published by node %u (", index, message->publisher);
    for (int i = 0; i < shown; i++)
        fputc(payload.data[i] >= 0x20 && payload.data[i] < 0x7f ? payload.data[i] : '?', stderr);
    fprintf(stderr, "%s), is missing at nodes ", payload.len > 40 ? "..." : "");
    for (size_t i = 0; i < demo->started; i++) {
        if (demo->nodes[i].killed || i == message->publisher || sg_demo_has(demo, index, i))
            continue;
        fprintf(stderr, "%s%zu", separator, i);
        separator = ", ";
    }
    fputc('\n', stderr);
}

/* Whether a message that should be everywhere is not: those of killed nodes may be nowhere. */
static bool is_missing(const struct sg_demo *demo, size_t index)
{
    const struct sg_demo_message *message = &demo->messages[index];
    bool by_victim = demo->nodes[message->publisher].killed;
    size_t lacking = 0;
    size_t having = 0;
    for (size_t i = 0; i < demo->started; i++) {
        if (demo->nodes[i].killed || i == message->publisher)
            continue;
        if (sg_demo_has(demo, index, i))
            having++;
        else
            lacking++;
    }
    return lacking > 0 && (!by_victim || having > 0);
}

static void diagnose_missing(struct sg_demo *demo)
{
    size_t found = 0;
    for (size_t i = 0; i < demo->sent; i++) {
        if (!is_missing(demo, i))
            continue;
        if (found++ < LINES_MAX)
            print_missing(demo, i);
    }
    if (found > LINES_MAX)
        fprintf(stderr, "  and %zu more messages\n", found - LINES_MAX);
    if (found > 0 && !demo->options.keep)
        fputs("  run it again with --keep to look at the nodes' logs\n", stderr);
}

static void diagnose_victims(struct sg_demo *demo)
{
    struct sg_demo_tally tally = sg_demo_tally(demo, demo->sent);
    uint64_t all = tally.victim_all + tally.victim_none + tally.victim_some;
    if (all > 0)
        sg_progress_note(&demo->progress,
                         "the killed nodes had published %llu messages: %llu reached every "
                         "survivor, %llu none, %llu only some",
                         (unsigned long long)all, (unsigned long long)tally.victim_all,
                         (unsigned long long)tally.victim_none,
                         (unsigned long long)tally.victim_some);
}

static void complain_count(const char *what, uint64_t count)
{
    if (count > 0)
        sg_complain("%llu %s", (unsigned long long)count, what);
}

void sg_demo_diagnose(struct sg_demo *demo)
{
    demo->unknown += demo->early_count;
    sg_progress_clear(&demo->progress);
    if (demo->failure[0] != '\0')
        sg_complain("%s", demo->failure);
    if (demo->messages == NULL)
        return;
    diagnose_victims(demo);
    diagnose_missing(demo);
    complain_count("payloads differ from what was published", demo->corrupt);
    complain_count("deliveries came twice, or to the publisher itself", demo->repeated);
    complain_count("deliveries have an id that nobody published", demo->unknown);
}
