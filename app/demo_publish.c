/* Publishing at a rate from random nodes, and killing some of them half-way. */
#include <string.h>

#include "clock.h"
#include "demo.h"

#define RETRY_MS 5 /* pause before a node whose queues were full is asked again */
#define TALLY_NS UINT64_C(20000000)

static void show_progress(struct sg_demo *demo)
{
    if (sg_progress_due(&demo->progress))
        sg_progress_show(&demo->progress, "published %zu of %llu messages, %llu payloads delivered",
                         demo->accepted, (unsigned long long)demo->options.messages,
                         (unsigned long long)demo->deliveries);
}

/* A random node that runs. */
static size_t pick_alive(struct sg_demo *demo)
{
    size_t node;
    do {
        node = (size_t)sg_demo_random(demo, demo->started);
    } while (demo->nodes[node].killed);
    return node;
}

/* Hands a message to its publisher. */
static bool send_message(struct sg_demo *demo, uint32_t index)
{
    struct sg_demo_message *message = &demo->messages[index];
    struct sg_demo_node *node = &demo->nodes[message->publisher];
    struct sg_bytes payload = sg_demo_payload(demo, index);
    struct sg_ctl_request request = {.op = SG_CTL_PUBLISH, .topic = SG_DEMO_TOPIC};
    request.payload = payload.data;
    request.payload_len = payload.len;
    node->pending[node->pending_count++] = index;
    message->state = SG_DEMO_SENT;
    return sg_demo_send(demo, node, &request);
}

static bool has_room(const struct sg_demo *demo, uint32_t message)
{
    return demo->nodes[demo->messages[message].publisher].pending_count < SG_DEMO_PENDING_MAX;
}

/* Sends again what nodes could not take. */
static bool send_again(struct sg_demo *demo)
{
    size_t count = demo->retry_count;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t message = demo->retry[i];
        if (!has_room(demo, message))
            demo->retry[kept++] = message;
        else if (!send_message(demo, message))
            return false;
    }
    demo->retry_count = kept;
    return true;
}

/* Sends the messages that are due by the clock. */
static bool send_due(struct sg_demo *demo, size_t end, uint64_t start_ns, size_t start)
{
    double rate = demo->options.rate;
    while (demo->sent < end) {
        double since = (double)(sg_app_now_ns() - start_ns) / 1e9;
        if (rate > 0 && (double)(demo->sent - start) > since * rate)
            return true;
        if (!has_room(demo, (uint32_t)demo->sent))
            return true;
        if (!send_message(demo, (uint32_t)demo->sent))
            return false;
        demo->sent++;
        if (demo->sent < end)
            demo->messages[demo->sent].publisher = (uint32_t)pick_alive(demo);
        if (!sg_demo_poll(demo, 0))
            return false;
    }
    return true;
}

/* How long to wait for the next thing to do. */
static int pause_ms(const struct sg_demo *demo, size_t end, uint64_t start_ns, size_t start)
{
    if (demo->retry_count > 0)
        return RETRY_MS;
    if (demo->sent >= end || demo->options.rate <= 0 || !has_room(demo, (uint32_t)demo->sent))
        return 50;
    double due = (double)(demo->sent - start) / demo->options.rate * 1e9;
    int ms = sg_app_poll_ms(sg_app_now_ns(), start_ns + (uint64_t)due);
    return ms < 50 ? ms : 50;
}

bool sg_demo_publish_until(struct sg_demo *demo, size_t end)
{
    uint64_t start_ns = sg_app_now_ns();
    size_t start = demo->sent;
    if (start < end)
        demo->messages[start].publisher = (uint32_t)pick_alive(demo);
    while (demo->accepted < end) {
        if (!send_due(demo, end, start_ns, start))
            return false;
        show_progress(demo);
        if (demo->accepted == end)
            break;
        if (sg_app_now_ns() >= demo->deadline_ns)
            return sg_demo_fail(demo, SG_EXIT_TIMEOUT,
                                "timed out after %llu s: %zu of %llu messages were accepted",
                                (unsigned long long)demo->options.timeout_s, demo->accepted,
                                (unsigned long long)demo->options.messages);
        if (!sg_demo_poll(demo, pause_ms(demo, end, start_ns, start)) || !send_again(demo))
            return false;
    }
    return true;
}

/* Counting costs messages x nodes, so it is not done after every delivery. */
static bool is_settled(struct sg_demo *demo)
{
    uint64_t now = sg_app_now_ns();
    show_progress(demo);
    if (demo->options.kill == 0)
        return demo->deliveries == demo->accepted * (demo->options.nodes - 1);
    if (now < demo->next_tally_ns)
        return false;
    demo->next_tally_ns = now + TALLY_NS;
    struct sg_demo_tally tally = sg_demo_tally(demo, demo->sent);
    return tally.arrived == tally.expected;
}

bool sg_demo_settle(struct sg_demo *demo)
{
    return sg_demo_wait(demo, is_settled, "all messages to arrive");
}

/* Between two publishes, so nothing is pending: what a victim has accepted is known. Half-way
 * through, deliveries are still under way, and that is the point. */
bool sg_demo_kill_some(struct sg_demo *demo)
{
    for (uint64_t i = 0; i < demo->options.kill; i++) {
        size_t victim = pick_alive(demo);
        sg_progress_note(&demo->progress, "killing node %zu%s", victim,
                         victim == 0 ? ", the one all others joined through" : "");
        sg_demo_kill(demo, &demo->nodes[victim]);
    }
    return true;
}
