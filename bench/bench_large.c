/* One large payload to many nodes over QUIC on loopback, all in one process: time from sg_publish
 * to the last delivery, what it costs on the wire, and memory.
 *     bench_large [NODES [MIB [RUNS]]] */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <saorsa/gossip.h>

#define NODES_MAX 64
#define RUNS_MAX 32
#define PATIENCE_S 60.0

struct mesh {
    size_t count;
    struct sg_node *node[NODES_MAX];
    struct sg_subscription *sub[NODES_MAX];
};

struct run {
    double first_s, last_s, publish_ms, cpu_s;
    double wire; /* UDP payload sent by all, over payload times receivers */
    double most; /* the most that one node sent, over payload */
    uint64_t late;
};

static void die(const char *why)
{
    fprintf(stderr, "bench_large: %s\n", why);
    exit(1);
}

static void demand(sg_err err)
{
    if (err != SG_OK)
        die(sg_err_text(err));
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static double rss_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    nanosleep(&t, NULL);
}

static void start(struct mesh *m, const struct sg_topic_id *topic)
{
    char seed[64];
    const char *seeds[] = {seed};
    for (size_t i = 0; i < m->count; i++) {
        struct sg_node_config config;
        sg_node_config_init(&config);
        config.listen = "127.0.0.1:0";
        config.network = "bench";
        config.seeds = seeds;
        config.seed_count = i > 0 ? 1 : 0;
        demand(sg_node_new(&config, &m->node[i], NULL, 0));
        demand(sg_node_start(m->node[i]));
        demand(sg_subscribe(m->node[i], topic, NULL, &m->sub[i]));
        if (i == 0)
            sg_node_address(m->node[0], seed, sizeof seed);
    }
}

static void settle(struct mesh *m)
{
    uint32_t wanted = m->count - 1 < 6 ? (uint32_t)m->count - 1 : 6;
    double end = now_s() + PATIENCE_S;
    for (size_t i = 0; i < m->count;) {
        struct sg_stats stats;
        sg_node_stats(m->node[i], &stats);
        if (stats.neighbors_eager + stats.neighbors_lazy >= wanted)
            i++;
        else if (now_s() > end)
            die("the nodes do not find each other");
        else
            pause_ms(10);
    }
}

static void sum_up(struct mesh *m, struct sg_stats *all, uint64_t *sent)
{
    *all = (struct sg_stats){0};
    for (size_t i = 0; i < m->count; i++) {
        struct sg_stats stats;
        sg_node_stats(m->node[i], &stats);
        all->bytes_out += stats.bytes_out;
        all->chunks_late += stats.chunks_late;
        sent[i] = stats.bytes_out;
    }
}

static void receive(struct mesh *m, size_t len, double begun, struct run *run)
{
    bool has[NODES_MAX] = {true};
    size_t left = m->count - 1;
    while (left > 0) {
        for (size_t i = 1; i < m->count; i++) {
            struct sg_message *message;
            if (has[i] || sg_subscription_next(m->sub[i], 0, &message) != SG_OK)
                continue;
            if (message->len != len)
                die("a payload of another size came");
            sg_message_free(message);
            has[i] = true;
            left--;
            run->last_s = now_s() - begun;
            run->first_s = run->first_s > 0 ? run->first_s : run->last_s;
        }
        if (now_s() - begun > PATIENCE_S)
            die("not everybody got it in a minute");
        pause_ms(1);
    }
}

static void measure(struct mesh *m, const struct sg_topic_id *topic, struct sg_bytes payload,
                    struct run *run)
{
    struct sg_stats before, after;
    uint64_t sent_before[NODES_MAX], sent[NODES_MAX];
    *run = (struct run){0};
    sum_up(m, &before, sent_before);
    double cpu = cpu_s();
    double begun = now_s();
    demand(sg_publish(m->node[0], topic, payload, NULL));
    run->publish_ms = (now_s() - begun) * 1e3;
    receive(m, payload.len, begun, run);
    run->cpu_s = cpu_s() - cpu;
    pause_ms(200); /* what is still being said about it counts as well */
    sum_up(m, &after, sent);
    double size = (double)payload.len;
    run->wire = (double)(after.bytes_out - before.bytes_out) / (size * (double)(m->count - 1));
    run->late = after.chunks_late - before.chunks_late;
    for (size_t i = 0; i < m->count; i++) {
        double share = (double)(sent[i] - sent_before[i]) / size;
        run->most = share > run->most ? share : run->most;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median, least and most of one field of all runs. */
static void print_line(const char *name, const struct run *runs, size_t count, size_t offset)
{
    double value[RUNS_MAX];
    for (size_t i = 0; i < count; i++)
        memcpy(&value[i], (const char *)&runs[i] + offset, sizeof(double));
    qsort(value, count, sizeof(double), compare);
    printf("%-44s %8.3f  (%.3f .. %.3f)\n", name, value[count / 2], value[0], value[count - 1]);
}

int main(int argc, char **argv)
{
    struct mesh mesh = {.count = argc > 1 ? (size_t)atoi(argv[1]) : 8};
    size_t len = (argc > 2 ? (size_t)atoi(argv[2]) : 16) << 20;
    size_t runs = argc > 3 ? (size_t)atoi(argv[3]) : 5;
    struct run run[RUNS_MAX];
    struct sg_topic_id topic;
    uint64_t late = 0;
    if (mesh.count < 2 || mesh.count > NODES_MAX || len == 0 || runs < 1 || runs > RUNS_MAX)
        die("usage: bench_large [NODES [MIB [RUNS]]]");
    uint8_t *payload = malloc(len);
    if (payload == NULL)
        die("out of memory");
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)(i * 31 + (i >> 9));
    demand(sg_topic_from_name("large", &topic));
    start(&mesh, &topic);
    settle(&mesh);
    double idle = rss_mib();
    for (size_t i = 0; i < runs; i++) {
        measure(&mesh, &topic, (struct sg_bytes){payload, len}, &run[i]);
        late += run[i].late;
        pause_ms(1500); /* until it may give way to the next one */
    }
    printf("%zu nodes, %zu MiB, %zu runs: median (least .. most)\n", mesh.count, len >> 20, runs);
    print_line("first other node has it, s", run, runs, offsetof(struct run, first_s));
    print_line("last node has it, s", run, runs, offsetof(struct run, last_s));
    print_line("sg_publish, ms", run, runs, offsetof(struct run, publish_ms));
    print_line("processor time of all, s", run, runs, offsetof(struct run, cpu_s));
    print_line("UDP payload sent / payload x receivers", run, runs, offsetof(struct run, wire));
    print_line("most that one node sent / payload", run, runs, offsetof(struct run, most));
    printf("chunks asked of a second neighbour: %llu\n", (unsigned long long)late);
    printf("RSS per node: %.1f MiB idle, %.1f MiB after (%zu payloads kept at most)\n",
           idle / (double)mesh.count, rss_mib() / (double)mesh.count,
           (size_t)(64 << 20) / (len > 0 ? len : 1));
    for (size_t i = 0; i < mesh.count; i++) {
        sg_subscription_free(mesh.sub[i]);
        sg_node_free(mesh.node[i]);
    }
    free(payload);
    return 0;
}
