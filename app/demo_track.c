/* Which message arrived where and when. A delivery counts when its payload is, byte for byte, what
 * was published under that id. */
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "json_out.h"

/* ---- the index of ids ---------------------------------------------------------------------- */

/* The slot of an id, or the free one where it belongs. Ids are hashes: their bytes need no more
 * hashing. */
static size_t slot_of(const struct sg_demo *demo, const uint8_t id[SG_ID_LEN])
{
    size_t at;
    memcpy(&at, id, sizeof(at));
    for (at &= demo->index_mask; demo->index[at] != 0; at = (at + 1) & demo->index_mask) {
        if (memcmp(demo->messages[demo->index[at] - 1].id, id, SG_ID_LEN) == 0)
            break;
    }
    return at;
}

bool sg_demo_track_init(struct sg_demo *demo)
{
    size_t count = demo->options.messages;
    size_t slots = 16;
    while (slots < 2 * count)
        slots *= 2;
    demo->index_mask = slots - 1;
    demo->messages = calloc(count, sizeof(*demo->messages));
    demo->got = calloc(count, demo->options.nodes);
    demo->index = calloc(slots, sizeof(*demo->index));
    demo->retry = calloc(count, sizeof(*demo->retry));
    demo->latency = malloc(sizeof(*demo->latency));
    if (demo->messages == NULL || demo->got == NULL || demo->index == NULL || demo->retry == NULL ||
        demo->latency == NULL)
        return sg_demo_fail(demo, SG_EXIT_FAILURE, "out of memory");
    sg_app_hist_init(demo->latency);
    return true;
}

void sg_demo_track_fini(struct sg_demo *demo)
{
    for (size_t i = 0; i < demo->early_count; i++)
        free(demo->early[i].payload);
    free(demo->early);
    free(demo->messages);
    free(demo->got);
    free(demo->index);
    free(demo->retry);
    free(demo->latency);
}

/* ---- deliveries ---------------------------------------------------------------------------- */

static void record(struct sg_demo *demo, size_t index, const struct sg_demo_early *delivery)
{
    struct sg_demo_message *message = &demo->messages[index];
    uint8_t *got = &demo->got[index * demo->options.nodes + delivery->node];
    struct sg_bytes expected = sg_demo_payload(demo, index);
    if (*got != 0 || message->publisher == delivery->node) {
        demo->repeated++;
        return;
    }
    if (expected.len != delivery->len ||
        (expected.len > 0 && memcmp(expected.data, delivery->payload, expected.len) != 0)) {
        demo->corrupt++;
        return;
    }
    *got = 1;
    demo->deliveries++;
    uint64_t received = delivery->received_ns;
    sg_app_hist_add(demo->latency,
                    received > message->published_ns ? received - message->published_ns : 0);
    message->last_ns = received > message->last_ns ? received : message->last_ns;
    message->hop_max = delivery->hops > message->hop_max ? delivery->hops : message->hop_max;
}

/* Keeps a delivery until its publisher's answer is here. */
static void keep(struct sg_demo *demo, const struct sg_demo_early *delivery)
{
    if (demo->early_count == demo->early_cap) {
        size_t cap = demo->early_cap > 0 ? demo->early_cap * 2 : 64;
        struct sg_demo_early *early = realloc(demo->early, cap * sizeof(*early));
        if (early == NULL) {
            sg_demo_fail(demo, SG_EXIT_FAILURE, "out of memory");
            free(delivery->payload);
            return;
        }
        demo->early = early;
        demo->early_cap = cap;
    }
    demo->early[demo->early_count++] = *delivery;
}

void sg_demo_on_message(struct sg_demo *demo, const struct sg_demo_node *node, const json_t *object)
{
    struct sg_demo_early delivery = {
        .node = (uint32_t)node->index,
        .hops = (uint32_t)sg_json_count(object, "hops"),
        .received_ns = sg_json_count(object, "received_ns"),
    };
    const char *id = json_string_value(json_object_get(object, "id"));
    if (id == NULL || sg_id_from_text(id, strlen(id), delivery.id) != SG_OK ||
        sg_ctl_payload(object, &delivery.payload, &delivery.len) != SG_OK) {
        sg_demo_fail(demo, SG_EXIT_FAILURE, "node %zu delivers nonsense", node->index);
        return;
    }
    uint32_t known = demo->index[slot_of(demo, delivery.id)];
    if (known == 0) {
        keep(demo, &delivery);
        return;
    }
    record(demo, known - 1, &delivery);
    free(delivery.payload);
}

/* Records the deliveries that waited for this message. */
static void record_early(struct sg_demo *demo, uint32_t message)
{
    size_t kept = 0;
    for (size_t i = 0; i < demo->early_count; i++) {
        struct sg_demo_early *early = &demo->early[i];
        if (memcmp(early->id, demo->messages[message].id, SG_ID_LEN) == 0) {
            record(demo, message, early);
            free(early->payload);
        } else {
            demo->early[kept++] = *early;
        }
    }
    demo->early_count = kept;
}

void sg_demo_on_accepted(struct sg_demo *demo, uint32_t message, const json_t *answer)
{
    struct sg_demo_message *entry = &demo->messages[message];
    const char *id = json_string_value(json_object_get(answer, "id"));
    if (id == NULL || sg_id_from_text(id, strlen(id), entry->id) != SG_OK) {
        sg_demo_fail(demo, SG_EXIT_FAILURE, "node %u answers nonsense", entry->publisher);
        return;
    }
    size_t slot = slot_of(demo, entry->id);
    if (demo->index[slot] != 0) {
        sg_demo_fail(demo, SG_EXIT_FAILURE, "two messages have one id: %s", id);
        return;
    }
    demo->index[slot] = message + 1;
    entry->state = SG_DEMO_ACCEPTED;
    entry->published_ns = sg_json_count(answer, "published_ns");
    demo->accepted++;
    record_early(demo, message);
}

/* ---- counting ------------------------------------------------------------------------------ */

static uint64_t count_arrived(const struct sg_demo *demo, size_t message)
{
    uint64_t arrived = 0;
    for (size_t i = 0; i < demo->started; i++)
        arrived += !demo->nodes[i].killed && sg_demo_has(demo, message, i);
    return arrived;
}

struct sg_demo_tally sg_demo_tally(const struct sg_demo *demo, size_t messages)
{
    struct sg_demo_tally tally = {0};
    uint64_t survivors = 0;
    for (size_t i = 0; i < demo->started; i++)
        survivors += !demo->nodes[i].killed;
    for (size_t i = 0; i < messages; i++) {
        const struct sg_demo_message *message = &demo->messages[i];
        uint64_t arrived = count_arrived(demo, i);
        if (!demo->nodes[message->publisher].killed) {
            tally.expected += survivors - 1;
            tally.arrived += arrived;
            continue;
        }
        tally.victim_all += arrived == survivors;
        tally.victim_none += arrived == 0;
        tally.victim_some += arrived > 0 && arrived < survivors;
        tally.expected += arrived > 0 ? survivors : 0;
        tally.arrived += arrived;
    }
    return tally;
}
