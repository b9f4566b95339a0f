/* The books: which messages there are, who has them, when they came, what they cost. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "internal.h"
#include "metrics.h"

/* Nodes keep a message for the retention's time; who has not asked by then, and some, never will.
 * */
#define GRACE_NS (15 * SG_NS_PER_S)

sg_err sg_sim_ledger_init(struct sg_sim *sim)
{
    struct sg_sim_ledger *ledger = &sim->ledger;
    uint32_t total = sg_sim_total(&sim->config);
    size_t payload_len = sim->config.payload_len;
    ledger->total = total;
    ledger->warmup = sg_sim_warmup(&sim->config);
    ledger->words = (sim->config.nodes + 63) / 64;
    SG_TRY(sg_map_init(&ledger->index, sim->mem, total > 0 ? total : 1, sim->config.seed));
    ledger->hist = sg_mem_new(sim->mem, SG_SIM_HIST_SIZE, sizeof(*ledger->hist));
    ledger->payload = sg_mem_new(sim->mem, payload_len > 0 ? payload_len : 1, 1);
    size_t rows = total > 0 ? total : 1;
    ledger->messages = sg_mem_new(sim->mem, rows, sizeof(*ledger->messages));
    ledger->times = sg_mem_new(sim->mem, rows, sizeof(*ledger->times));
    ledger->delivered = sg_mem_new(sim->mem, rows * ledger->words, sizeof(uint64_t));
    bool ok = ledger->hist != NULL && ledger->payload != NULL && ledger->messages != NULL &&
              ledger->times != NULL && ledger->delivered != NULL;
    return ok ? SG_OK : SG_ERR_NO_MEMORY;
}

void sg_sim_ledger_fini(struct sg_sim *sim)
{
    struct sg_sim_ledger *ledger = &sim->ledger;
    sg_map_fini(&ledger->index);
    sg_mem_free(sim->mem, ledger->hist);
    sg_mem_free(sim->mem, ledger->payload);
    sg_mem_free(sim->mem, ledger->messages);
    sg_mem_free(sim->mem, ledger->times);
    sg_mem_free(sim->mem, ledger->delivered);
}

struct sg_bytes sg_sim_ledger_payload(struct sg_sim *sim, uint32_t number)
{
    uint8_t *payload = sim->ledger.payload;
    uint64_t word = sg_sim_mix(sim->config.seed, number);
    for (uint32_t i = 0; i < sim->config.payload_len; i++) {
        if (i % 8 == 0)
            word = sg_sim_mix(word, i);
        payload[i] = (uint8_t)(word >> (8 * (i % 8)));
    }
    return sg_bytes(payload, sim->config.payload_len);
}

static uint64_t *word_of(const struct sg_sim_ledger *ledger, uint32_t number, uint32_t node)
{
    return &ledger->delivered[number * ledger->words + node / 64];
}

static bool has(const struct sg_sim_ledger *ledger, uint32_t number, uint32_t node)
{
    return (*word_of(ledger, number, node) >> (node % 64)) & 1;
}

void sg_sim_ledger_published(struct sg_sim *sim, uint32_t author,
                             const struct sg_core_publish *published)
{
    struct sg_sim_ledger *ledger = &sim->ledger;
    struct sg_sim_node *node = &sim->nodes[author];
    uint32_t number = ledger->count++;
    assert(number < ledger->total);
    if (sg_map_get(&ledger->index, published->id.b) != SG_MAP_NONE)
        sg_sim_broken(sim, author, "two messages have one id");
    if (published->sequence <= node->sequence)
        sg_sim_broken(sim, author, "sequence numbers do not grow");
    node->sequence = published->sequence;
    if (sg_map_put(&ledger->index, published->id.b, number) != SG_OK)
        sim->err = SG_ERR_NO_MEMORY;
    struct sg_bytes payload = sg_bytes(ledger->payload, sim->config.payload_len);
    ledger->messages[number] = (struct sg_sim_message){.id = published->id,
                                                       .sequence = published->sequence,
                                                       .digest = sg_sim_digest(payload),
                                                       .at = sim->now,
                                                       .last_at = sim->now,
                                                       .author = author};
}

/* ---- deliveries ---- */

static unsigned bit_length(uint64_t x)
{
    unsigned bits = 0;
    for (; x != 0; x >>= 1)
        bits++;
    return bits;
}

static size_t hist_place(uint64_t value)
{
    unsigned bits = bit_length(value);
    if (bits <= SG_SIM_HIST_BITS)
        return (size_t)value;
    unsigned shift = bits - SG_SIM_HIST_BITS - 1;
    size_t low = (size_t)(value >> shift) & ((1u << SG_SIM_HIST_BITS) - 1);
    return ((size_t)(shift + 1) << SG_SIM_HIST_BITS) + low;
}

/* The middle of the values of a place. */
static uint64_t hist_value(size_t place)
{
    if (place < (1u << SG_SIM_HIST_BITS))
        return place;
    unsigned shift = (unsigned)(place >> SG_SIM_HIST_BITS) - 1;
    uint64_t low = place & ((1u << SG_SIM_HIST_BITS) - 1);
    uint64_t base = ((UINT64_C(1) << SG_SIM_HIST_BITS) + low) << shift;
    return base + ((UINT64_C(1) << shift) >> 1);
}

static void check_delivery(const struct sg_sim *sim, uint32_t node, uint32_t number,
                           const struct sg_core_message *in)
{
    const struct sg_sim_message *message = &sim->ledger.messages[number];
    if (has(&sim->ledger, number, node))
        sg_sim_broken(sim, node, "a message is delivered twice");
    if (!sg_peer_id_equal(&in->author, &sim->nodes[message->author].id))
        sg_sim_broken(sim, node, "a message is delivered with another author");
    if (in->sequence != message->sequence)
        sg_sim_broken(sim, node, "a message is delivered with another sequence number");
    if (in->payload.len != sim->config.payload_len || sg_sim_digest(in->payload) != message->digest)
        sg_sim_broken(sim, node, "a message is delivered with another payload");
}

void sg_sim_ledger_delivered(struct sg_sim *sim, uint32_t node, const struct sg_core_out *out)
{
    struct sg_sim_ledger *ledger = &sim->ledger;
    uint32_t number = sg_map_get(&ledger->index, out->id.b);
    if (number == SG_MAP_NONE)
        sg_sim_broken(sim, node, "a message is delivered that nobody has published");
    check_delivery(sim, node, number, &out->message);
    struct sg_sim_message *message = &ledger->messages[number];
    *word_of(ledger, number, node) |= UINT64_C(1) << (node % 64);
    if (node == message->author)
        return;
    ledger->deliveries++;
    if (ledger->count > ledger->warmup)
        ledger->paid_deliveries++;
    message->deliveries++;
    message->copies++;
    message->last_at = sim->now;
    if (message->hops_max < out->message.hops)
        message->hops_max = out->message.hops;
    /* who came back later and catches up is another matter */
    if (sim->nodes[node].alive_since > message->at || sim->nodes[node].role != SG_SIM_HONEST)
        return;
    uint64_t latency = sim->now - message->at;
    if (sim->metrics != NULL)
        sg_sim_metrics_latency(sim, message->at, (double)latency / 1e9);
    ledger->hist[hist_place(latency)]++;
    if (latency > ledger->latency_max)
        ledger->latency_max = latency;
}

void sg_sim_ledger_copy(struct sg_sim *sim, const uint8_t *id)
{
    uint32_t number = sg_map_get(&sim->ledger.index, id);
    if (number != SG_MAP_NONE)
        sim->ledger.messages[number].copies++;
}

void sg_sim_ledger_bytes(struct sg_sim *sim, const struct sg_core_out *out)
{
    static const struct sg_msg_id none = {{0}};
    struct sg_sim_ledger *ledger = &sim->ledger;
    if (ledger->count <= ledger->warmup)
        return;
    ledger->bytes += out->buf->len;
    /* a ROOT is droppable too, but belongs to no message */
    if (out->droppable && !sg_msg_id_equal(&out->id, &none))
        ledger->payload_bytes += out->buf->len;
}

void sg_sim_ledger_forget(struct sg_sim *sim, uint32_t node)
{
    for (uint32_t i = 0; i < sim->ledger.count; i++)
        *word_of(&sim->ledger, i, node) &= ~(UINT64_C(1) << (node % 64));
}

/* ---- who still lacks what ---- */

/* Who lives since before the message was published is to get it. */
static bool is_expected(const struct sg_sim *sim, const struct sg_sim_message *message,
                        uint32_t node)
{
    const struct sg_sim_node *n = &sim->nodes[node];
    return n->core != NULL && n->role == SG_SIM_HONEST && !n->is_leaving &&
           n->alive_since <= message->at && node != message->author;
}

struct sums {
    uint64_t expected, missing;
    bool is_held; /* somebody alive has it */
};

static struct sums sum_up(const struct sg_sim *sim, uint32_t number)
{
    const struct sg_sim_message *message = &sim->ledger.messages[number];
    struct sums sums = {0, 0, false};
    for (uint32_t node = 0; node < sim->config.nodes; node++) {
        bool got = has(&sim->ledger, number, node);
        sums.is_held = sums.is_held || (got && sim->nodes[node].core != NULL);
        if (!is_expected(sim, message, node))
            continue;
        sums.expected++;
        sums.missing += got ? 0 : 1;
    }
    /* it has died with its author, before anybody who lives could hear of it */
    return sums.is_held ? sums : (struct sums){0, 0, false};
}

double sg_sim_ledger_reach(const struct sg_sim *sim, uint32_t number)
{
    struct sums sums = sum_up(sim, number);
    return sums.expected == 0 ? NAN : 1 - (double)sums.missing / (double)sums.expected;
}

static bool is_given_up(const struct sg_sim *sim, const struct sg_sim_message *message)
{
    uint64_t held_for = sg_core_config_default(sim->mem).retention_ns;
    return sim->now > message->at + held_for + GRACE_NS;
}

bool sg_sim_ledger_settle(struct sg_sim *sim)
{
    struct sg_sim_ledger *ledger = &sim->ledger;
    bool all = true;
    for (uint32_t i = ledger->settled; i < ledger->count; i++) {
        struct sg_sim_message *message = &ledger->messages[i];
        if (!message->is_settled)
            message->is_settled = sum_up(sim, i).missing == 0 || is_given_up(sim, message);
        all = all && message->is_settled;
        if (all)
            ledger->settled = i + 1;
    }
    return all;
}

/* ---- report ---- */

static uint64_t percentile(const struct sg_sim_ledger *ledger, uint64_t count, unsigned permille)
{
    uint64_t rank = (count * permille + 999) / 1000;
    uint64_t sum = 0;
    for (size_t i = 0; i < SG_SIM_HIST_SIZE; i++) {
        sum += ledger->hist[i];
        if (sum >= rank && sum > 0)
            return hist_value(i);
    }
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (double)a / (double)b;
}

static void report_last_nodes(const struct sg_sim_ledger *ledger, struct sg_sim_report *report)
{
    size_t count = ledger->count;
    uint64_t *last = ledger->times;
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        last[i] = ledger->messages[i].last_at - ledger->messages[i].at;
    qsort(last, count, sizeof(*last), compare_times);
    report->last_node_p50_ns = last[(count * 50 + 99) / 100 - 1];
    report->last_node_p99_ns = last[(count * 99 + 99) / 100 - 1];
}

static void report_tree(const struct sg_sim_ledger *ledger, struct sg_sim_report *report)
{
    uint64_t copies = 0;
    uint64_t deliveries = 0;
    uint64_t hops = 0;
    for (uint32_t i = ledger->warmup; i < ledger->count; i++) {
        const struct sg_sim_message *message = &ledger->messages[i];
        copies += message->copies;
        deliveries += message->deliveries;
        hops += message->hops_max;
        if (report->ldh_max < message->hops_max)
            report->ldh_max = message->hops_max;
    }
    report->rmr = deliveries == 0 ? 0 : ratio(copies - deliveries, deliveries);
    if (ledger->count > ledger->warmup)
        report->ldh_mean = ratio(hops, ledger->count - ledger->warmup);
}

void sg_sim_ledger_report(struct sg_sim *sim, struct sg_sim_report *report)
{
    const struct sg_sim_ledger *ledger = &sim->ledger;
    uint64_t expected = 0;
    uint64_t timed = 0;
    for (uint32_t i = 0; i < ledger->count; i++) {
        struct sums sums = sum_up(sim, i);
        expected += sums.expected;
        report->missing += sums.missing;
    }
    for (size_t i = 0; i < SG_SIM_HIST_SIZE; i++)
        timed += ledger->hist[i];
    report->deliveries = ledger->deliveries;
    report->delivered = expected == 0 ? 1 : 1 - ratio(report->missing, expected);
    report->latency_p50_ns = percentile(ledger, timed, 500);
    report->latency_p95_ns = percentile(ledger, timed, 950);
    report->latency_p99_ns = percentile(ledger, timed, 990);
    report->latency_max_ns = ledger->latency_max;
    report->bytes_per_delivery = ratio(ledger->bytes, ledger->paid_deliveries);
    report->control_share = ratio(ledger->bytes - ledger->payload_bytes, ledger->bytes);
    report_last_nodes(ledger, report);
    report_tree(ledger, report);
}
