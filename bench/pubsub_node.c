/* A full mesh of nodes over QUIC on loopback, all in one process: the processor time is that of
 * everybody who takes part. */
#include "pubsub.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <saorsa/gossip.h>

#define NODES_MAX 16
#define PATIENCE_S 20.0
#define WARM_UP 200

struct mesh {
    size_t count;
    struct sg_node *node[NODES_MAX];
    struct sg_subscription *sub[NODES_MAX];
    size_t got[NODES_MAX];
};

static void sleep_us(uint64_t us)
{
    struct timespec t = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    while (nanosleep(&t, &t) != 0)
        continue;
}

static void demand(sg_err err)
{
    if (err != SG_OK)
        pubsub_die(sg_err_text(err));
}

static void start(struct mesh *m, size_t count, const struct sg_topic_id *topic)
{
    const struct sg_subscribe_options options = {
        .queue_max = 1 << 20, .queue_bytes_max = (size_t)1 << 30, .policy = SG_FULL_DROP_OLDEST};
    char seed[64];
    const char *seeds[] = {seed};
    *m = (struct mesh){.count = count};
    for (size_t i = 0; i < count; i++) {
        struct sg_node_config config;
        sg_node_config_init(&config);
        config.listen = "127.0.0.1:0";
        config.network = "bench";
        config.seeds = seeds;
        config.seed_count = i > 0 ? 1 : 0;
        demand(sg_node_new(&config, &m->node[i], NULL, 0));
        demand(sg_node_start(m->node[i]));
        demand(sg_subscribe(m->node[i], topic, &options, &m->sub[i]));
        if (i == 0)
            sg_node_address(m->node[0], seed, sizeof seed);
    }
}

static uint32_t links_of(struct sg_node *node)
{
    struct sg_stats stats;
    sg_node_stats(node, &stats);
    return stats.neighbors_eager + stats.neighbors_lazy;
}

static void settle(struct mesh *m)
{
    uint32_t wanted = m->count - 1 < 8 ? (uint32_t)m->count - 1 : 8;
    double end = pubsub_now() + PATIENCE_S;
    for (size_t i = 0; i < m->count;) {
        if (links_of(m->node[i]) >= wanted)
            i++;
        else if (pubsub_now() > end)
            pubsub_die("the nodes do not find each other");
        else
            sleep_us(10000);
    }
}

static void drain(struct mesh *m)
{
    for (size_t i = 0; i < m->count; i++) {
        struct sg_message *message;
        while (sg_subscription_next(m->sub[i], 0, &message) == SG_OK) {
            m->got[i]++;
            sg_message_free(message);
        }
    }
}

static size_t got_least(const struct mesh *m)
{
    size_t least = SIZE_MAX;
    for (size_t i = 1; i < m->count; i++)
        least = m->got[i] < least ? m->got[i] : least;
    return least;
}

static void wait_for(struct mesh *m, size_t count)
{
    double end = pubsub_now() + PATIENCE_S;
    drain(m);
    while (got_least(m) < count && pubsub_now() < end) {
        sleep_us(2000);
        drain(m);
    }
}

static void publish(struct mesh *m, const struct sg_topic_id *topic, const struct pubsub_load *load)
{
    static uint8_t payload[65536];
    for (size_t i = 0; i < load->messages;) {
        sg_err err = sg_publish(m->node[0], topic, (struct sg_bytes){payload, load->payload}, NULL);
        if (err == SG_ERR_WOULD_BLOCK) {
            sleep_us(500);
            continue;
        }
        demand(err);
        i++;
        if (load->gap_us > 0 && i % load->burst == 0)
            sleep_us(load->gap_us);
        if (i % 1024 == 0)
            drain(m);
    }
}

struct sums {
    double delivered, bytes, made, received, ihaves, published;
};

static struct sums sums_of(const struct mesh *m)
{
    struct sums s = {0};
    for (size_t i = 0; i < m->count; i++) {
        struct sg_stats stats;
        sg_node_stats(m->node[i], &stats);
        s.delivered += (double)stats.delivered;
        s.bytes += (double)stats.bytes_out;
        s.made += (double)stats.signatures_made;
        s.received += (double)stats.payloads_received;
        s.ihaves += (double)stats.ihaves_sent;
        s.published += (double)stats.published;
    }
    return s;
}

struct pubsub_mesh pubsub_mesh_run(const struct pubsub_load *load)
{
    struct mesh m;
    struct sg_topic_id topic;
    demand(sg_topic_from_name("bench", &topic));
    start(&m, load->nodes, &topic);
    settle(&m);
    struct pubsub_load warm = *load;
    warm.messages = WARM_UP;
    warm.burst = 1;
    warm.gap_us = 2000;
    publish(&m, &topic, &warm);
    wait_for(&m, WARM_UP);
    memset(m.got, 0, sizeof m.got);
    struct sums before = sums_of(&m);
    double cpu = pubsub_process_cpu();
    double began = pubsub_now();
    publish(&m, &topic, load);
    wait_for(&m, load->messages);
    double took = pubsub_now() - began;
    cpu = pubsub_process_cpu() - cpu;
    struct sums after = sums_of(&m);
    double n = after.delivered - before.delivered;
    double wanted = (double)load->messages * (double)(load->nodes - 1);
    struct pubsub_mesh result = {
        .delivered_per_cpu_s = n / cpu,
        .delivered_per_s = n / took,
        .overhead = (after.bytes - before.bytes) / n - (double)load->payload,
        .control = 33 * (after.ihaves - before.ihaves) / n,
        .batch = (after.published - before.published) / (after.made - before.made),
        .copies = (after.received - before.received) / n,
        .lost = (wanted - n) / wanted};
    for (size_t i = 0; i < m.count; i++)
        sg_node_free(m.node[i]);
    return result;
}
