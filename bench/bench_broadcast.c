/* Broadcast by many nodes in one process, as bench/pubsub.py measures other systems beside ours:
 * the same senders, payloads and pauses, in C here and for the others under bench/peers.
 *
 *   bench_broadcast NODES PAYLOAD LONE BATCHES SEED [loops]
 *
 * LONE messages one after the other, then BATCHES times 16 at once, each from a random node; the
 * next follows when every node has the last and 5 ms have passed. One JSON object a line on stdout.
 * Two threads drive the nodes, as the runtimes of the others have a thread for each of two
 * processors; with `loops` each node has its own loop thread (sg_node_start) instead, which is the
 * usual way, but made for one node in a process. Messages are signed and verified on the library's
 * own threads in both. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "cluster.h"

#define NODES_MAX 64
#define DRIVERS 2
#define BATCH 16
#define PAYLOAD_MIN 8 /* its number */
#define PAYLOAD_MAX 65536
#define MESSAGES_MAX 100000
#define PATIENCE_NS UINT64_C(30000000000)
#define SETTLE_MS 3000
#define IDLE_MS 2000
#define PAUSE_MS 5
#define LINKS_WANTED 4
#define WAKE_DRIVER UINT32_MAX

struct counts {
    double datagrams, syscalls, ihaves, copies, verified, made;
};

struct figures {
    double *last_ms, *each_ms;
    size_t last, each, wanted;
    double cpu_s, bytes, took_s;
    struct counts counts;
};

enum order { ORDER_PUBLISH, ORDER_COUNT, ORDER_END };

/* A thread that makes all calls on its nodes: those with number % DRIVERS == its own. */
struct driver {
    pthread_t thread;
    unsigned number;
    int epoll, wake;
    enum order order; /* of the main thread, which waits on done */
    sem_t done;
    unsigned author, count; /* PUBLISH */
    struct counts counts;   /* COUNT: sums .. */
    uint32_t links;         /* .. and the least neighbours that one of its nodes has */
};

static struct {
    unsigned count;
    bool has_loops;
    struct sg_node *node[NODES_MAX];
    struct sg_subscription *sub[NODES_MAX];
    struct driver driver[DRIVERS];
    uint64_t due_ns[NODES_MAX]; /* when a node wants to be driven */
    struct sg_topic_id topic;
    uint64_t random;
    uint64_t number; /* of the next message */
    size_t payload;
    uint8_t bytes[PAYLOAD_MAX];
    double rss_empty_kb;
} the;

/* Messages under way: numbers first .. first + count - 1. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t all_here;
    uint64_t first, sent_ns[BATCH], last_ns[BATCH];
    uint64_t has[BATCH]; /* a bit for each node */
    unsigned count, left;
    struct figures *figures;
} flight = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_broadcast: %s\n", what);
    exit(1);
}

static void demand(sg_err err)
{
    if (err != SG_OK)
        die(sg_err_text(err));
}

/* splitmix64, which all the programs that are compared draw their senders from. */
static uint64_t draw(void)
{
    uint64_t z = the.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The number behind `key` in a file of lines: the first, or the one after `skip` others. */
static double number_in(const char *path, const char *key, int skip)
{
    char line[512];
    double value = 0;
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *at = strstr(line, key);
        if (at == NULL)
            continue;
        at += strlen(key);
        for (int i = 0; i <= skip; i++)
            value = strtod(at, &at);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
    return value;
}

static double rss_kb(void)
{
    return number_in("/proc/self/status", "VmRSS:", 0);
}

/* Sent over loopback with all headers, of this network namespace. */
static double loopback_bytes(void)
{
    return number_in("/proc/self/net/dev", "lo:", 8);
}

/* ---- messages ---- */

static uint64_t number_of(const uint8_t *bytes)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++)
        n = n << 8 | bytes[i];
    return n;
}

static void take(unsigned node, const struct sg_message *message)
{
    uint64_t now = cluster_now_ns();
    uint64_t slot = number_of(message->payload) - flight.first;
    if (message->len != the.payload || slot >= flight.count || (flight.has[slot] >> node & 1) != 0)
        return;
    struct figures *f = flight.figures;
    flight.has[slot] |= UINT64_C(1) << node;
    flight.last_ns[slot] = now;
    f->each_ms[f->each++] = (double)(now - flight.sent_ns[slot]) / 1e6;
    if (--flight.left == 0)
        (void)pthread_cond_signal(&flight.all_here);
}

static void take_all(unsigned node)
{
    struct sg_message *message;
    while (sg_subscription_next(the.sub[node], 0, &message) == SG_OK) {
        (void)pthread_mutex_lock(&flight.mutex);
        take(node, message);
        (void)pthread_mutex_unlock(&flight.mutex);
        sg_message_free(message);
    }
}

static void publish(unsigned author, unsigned count)
{
    for (unsigned i = 0; i < count; i++, the.number++) {
        for (int k = 0; k < 8; k++)
            the.bytes[k] = (uint8_t)(the.number >> (56 - 8 * k));
        (void)pthread_mutex_lock(&flight.mutex);
        flight.sent_ns[i] = cluster_now_ns();
        (void)pthread_mutex_unlock(&flight.mutex);
        demand(sg_publish(the.node[author], &the.topic, (struct sg_bytes){the.bytes, the.payload},
                          NULL));
    }
}

/* ---- the threads that drive ---- */

static void count(struct driver *d)
{
    struct counts *c = &d->counts;
    *c = (struct counts){0};
    d->links = UINT32_MAX;
    for (unsigned i = d->number; i < the.count; i += DRIVERS) {
        struct sg_stats stats;
        sg_node_stats(the.node[i], &stats);
        c->datagrams += (double)stats.datagrams_out;
        c->syscalls += (double)stats.syscalls;
        c->ihaves += (double)stats.ihaves_sent;
        c->copies += (double)stats.payloads_received;
        c->verified += (double)stats.signatures_verified;
        c->made += (double)stats.signatures_made;
        uint32_t links = stats.neighbors_eager + stats.neighbors_lazy;
        d->links = links < d->links ? links : d->links;
    }
}

/* Asked for after each call on a node that may change it. */
static void note_deadline(unsigned node)
{
    int ms = the.has_loops ? -1 : sg_node_deadline_ms(the.node[node]);
    the.due_ns[node] = ms < 0 ? UINT64_MAX : cluster_now_ns() + (uint64_t)ms * 1000000;
}

/* False for the last one. */
static bool obey(struct driver *d)
{
    uint64_t times;
    if (read(d->wake, &times, sizeof times) != (ssize_t)sizeof times)
        return true;
    enum order order = d->order;
    if (order == ORDER_PUBLISH) {
        publish(d->author, d->count);
        note_deadline(d->author);
    } else if (order == ORDER_COUNT)
        count(d);
    (void)sem_post(&d->done);
    return order != ORDER_END;
}

/* Until the first node wants its time, -1 = not before its descriptor is readable. */
static int patience_ms(const struct driver *d)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = d->number; i < the.count; i += DRIVERS)
        least = the.due_ns[i] < least ? the.due_ns[i] : least;
    if (least == UINT64_MAX)
        return -1;
    uint64_t now = cluster_now_ns();
    return least <= now ? 0 : (int)((least - now + 999999) / 1000000);
}

static void serve(unsigned node)
{
    if (!the.has_loops)
        demand(sg_node_drive(the.node[node]));
    take_all(node);
    note_deadline(node);
}

static void serve_late(const struct driver *d)
{
    uint64_t now = cluster_now_ns();
    for (unsigned i = d->number; i < the.count; i += DRIVERS)
        if (the.due_ns[i] <= now)
            serve(i);
}

static void *drive(void *driver)
{
    struct driver *d = driver;
    struct epoll_event events[NODES_MAX];
    for (bool goes_on = true; goes_on;) {
        int n = epoll_wait(d->epoll, events, NODES_MAX, patience_ms(d));
        for (int i = 0; i < n; i++) {
            if (events[i].data.u32 == WAKE_DRIVER)
                goes_on = obey(d);
            else
                serve(events[i].data.u32);
        }
        serve_late(d);
    }
    return NULL;
}

static void order(struct driver *d, enum order order)
{
    const uint64_t once = 1;
    d->order = order;
    if (write(d->wake, &once, sizeof once) != (ssize_t)sizeof once)
        die(strerror(errno));
    while (sem_wait(&d->done) != 0)
        continue;
}

static void watch(struct driver *d, int fd, unsigned number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die(strerror(errno));
}

static void start_driver(struct driver *d)
{
    d->epoll = epoll_create1(0);
    d->wake = eventfd(0, EFD_NONBLOCK);
    (void)sem_init(&d->done, 0, 0);
    watch(d, d->wake, WAKE_DRIVER);
    for (unsigned i = d->number; i < the.count; i += DRIVERS)
        watch(d, the.has_loops ? sg_subscription_fd(the.sub[i]) : sg_node_fd(the.node[i]), i);
    if (pthread_create(&d->thread, NULL, drive, d) != 0)
        die("no thread");
}

static void start(void)
{
    char seed[CLUSTER_ADDRESS_CAP], detail[256] = "";
    const char *seeds[] = {seed};
    demand(sg_topic_from_name("bench", &the.topic));
    for (unsigned i = 0; i < the.count; i++) {
        struct sg_node_config config;
        sg_node_config_init(&config);
        config.listen = "127.0.0.1:0";
        config.network = "bench";
        config.seeds = seeds;
        config.seed_count = i > 0 ? 1 : 0;
        if (sg_node_new(&config, &the.node[i], detail, sizeof detail) != SG_OK)
            die(detail);
        if (the.has_loops)
            demand(sg_node_start(the.node[i]));
        demand(sg_subscribe(the.node[i], &the.topic, NULL, &the.sub[i]));
        if (i == 0)
            sg_node_address(the.node[0], seed, sizeof seed);
    }
    for (unsigned i = 0; i < DRIVERS; i++) {
        the.driver[i].number = i;
        start_driver(&the.driver[i]);
    }
}

static struct counts counts_now(uint32_t *links)
{
    struct counts sum = {0};
    *links = UINT32_MAX;
    for (unsigned i = 0; i < DRIVERS; i++) {
        struct driver *d = &the.driver[i];
        order(d, ORDER_COUNT);
        sum.datagrams += d->counts.datagrams;
        sum.syscalls += d->counts.syscalls;
        sum.ihaves += d->counts.ihaves;
        sum.copies += d->counts.copies;
        sum.verified += d->counts.verified;
        sum.made += d->counts.made;
        *links = d->links < *links ? d->links : *links;
    }
    return sum;
}

static void settle(void)
{
    uint64_t end = cluster_now_ns() + PATIENCE_NS;
    uint32_t wanted = the.count > LINKS_WANTED ? LINKS_WANTED : the.count - 1;
    for (uint32_t links = 0; links < wanted;) {
        if (cluster_now_ns() > end)
            die("the nodes do not find each other");
        cluster_sleep_ms(50);
        (void)counts_now(&links);
    }
    cluster_sleep_ms(SETTLE_MS);
}

static void stop(void)
{
    for (unsigned i = 0; i < DRIVERS; i++) {
        order(&the.driver[i], ORDER_END);
        (void)pthread_join(the.driver[i].thread, NULL);
        (void)close(the.driver[i].epoll);
        (void)close(the.driver[i].wake);
    }
    for (unsigned i = 0; i < the.count; i++)
        sg_node_free(the.node[i]);
}

/* ---- the load ---- */

static void prepare(unsigned batch, struct figures *f)
{
    flight.first = the.number;
    flight.count = batch;
    flight.left = batch * (the.count - 1);
    flight.figures = f;
    memset(flight.has, 0, sizeof flight.has);
    f->wanted += flight.left;
}

static void wait_for_all(void)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)(PATIENCE_NS / 1000000000);
    int err = 0;
    while (flight.left > 0 && err == 0)
        err = pthread_cond_timedwait(&flight.all_here, &flight.mutex, &end);
}

static void send_batch(unsigned author, unsigned batch, struct figures *f)
{
    (void)pthread_mutex_lock(&flight.mutex);
    prepare(batch, f);
    (void)pthread_mutex_unlock(&flight.mutex);
    struct driver *d = &the.driver[author % DRIVERS];
    d->author = author;
    d->count = batch;
    order(d, ORDER_PUBLISH);
    (void)pthread_mutex_lock(&flight.mutex);
    wait_for_all();
    for (unsigned i = 0; i < batch; i++) {
        /* One that did not come everywhere counts with the time that was waited for it. */
        bool all = (unsigned)__builtin_popcountll(flight.has[i]) == the.count - 1;
        uint64_t last = all ? flight.last_ns[i] : cluster_now_ns();
        f->last_ms[f->last++] = (double)(last - flight.sent_ns[i]) / 1e6;
    }
    flight.count = 0;
    (void)pthread_mutex_unlock(&flight.mutex);
}

static struct figures figures_for(size_t messages)
{
    struct figures f = {.last_ms = calloc(messages, sizeof(double)),
                        .each_ms = calloc(messages * the.count, sizeof(double))};
    if (f.last_ms == NULL || f.each_ms == NULL)
        die("no memory");
    return f;
}

static void forget(struct figures *f)
{
    free(f->last_ms);
    free(f->each_ms);
}

/* Twice around: the tree takes its shape, and every key crosses its links. */
static void warm_up(void)
{
    struct figures f = figures_for(2 * (size_t)the.count);
    for (unsigned i = 0; i < 2 * the.count; i++) {
        send_batch(i % the.count, 1, &f);
        cluster_sleep_ms(PAUSE_MS);
    }
    forget(&f);
}

static struct counts counts_since(const struct counts *before)
{
    uint32_t links;
    struct counts c = counts_now(&links);
    c.datagrams -= before->datagrams;
    c.syscalls -= before->syscalls;
    c.ihaves -= before->ihaves;
    c.copies -= before->copies;
    c.verified -= before->verified;
    c.made -= before->made;
    return c;
}

static struct figures run(unsigned rounds, unsigned batch)
{
    struct figures f = figures_for((size_t)rounds * batch);
    uint32_t links;
    struct counts before = counts_now(&links);
    double cpu = cpu_s();
    double bytes = loopback_bytes();
    uint64_t began = cluster_now_ns();
    for (unsigned i = 0; i < rounds; i++) {
        send_batch((unsigned)(draw() % the.count), batch, &f);
        cluster_sleep_ms(PAUSE_MS);
    }
    f.cpu_s = cpu_s() - cpu;
    f.bytes = loopback_bytes() - bytes;
    f.took_s = (double)(cluster_now_ns() - began) / 1e9;
    f.counts = counts_since(&before);
    return f;
}

/* ---- the table ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, size_t count, double q)
{
    qsort(values, count, sizeof *values, compare);
    return count == 0 ? 0 : values[(size_t)(q * (double)(count - 1) + 0.5)];
}

static void measure(const char *mode, unsigned rounds, unsigned batch, double idle)
{
    struct figures f = run(rounds, batch);
    double n = f.each > 0 ? (double)f.each : 1;
    printf("{\"system\": \"saorsa\", \"version\": \"%s\", \"nodes\": %u, \"payload\": %zu, "
           "\"mode\": \"%s\", \"messages\": %zu, \"wanted\": %zu, \"delivered\": %zu, ",
           sg_version(), the.count, the.payload, mode, f.last, f.wanted, f.each);
    printf("\"last_p50_ms\": %.3f, \"last_p99_ms\": %.3f, \"each_p50_ms\": %.3f, "
           "\"each_p99_ms\": %.3f, \"took_s\": %.3f, \"cpu_us\": %.2f, \"bytes\": %.1f, "
           "\"idle_cpu_percent\": %.3f, \"rss_kb\": %.0f, ",
           quantile(f.last_ms, f.last, 0.5), quantile(f.last_ms, f.last, 0.99),
           quantile(f.each_ms, f.each, 0.5), quantile(f.each_ms, f.each, 0.99), f.took_s,
           f.cpu_s * 1e6 / n, f.bytes / n, idle, (rss_kb() - the.rss_empty_kb) / the.count);
    const struct counts *c = &f.counts;
    printf("\"datagrams\": %.2f, \"syscalls\": %.2f, \"ihaves\": %.2f, \"copies\": %.4f, "
           "\"verified\": %.4f, \"signed\": %.4f}\n",
           c->datagrams / n, c->syscalls / n, c->ihaves / n, c->copies / n, c->verified / n,
           c->made / (double)f.last);
    (void)fflush(stdout);
    forget(&f);
}

static double idle_percent(void)
{
    double cpu = cpu_s();
    cluster_sleep_ms(IDLE_MS);
    return (cpu_s() - cpu) * 1e5 / IDLE_MS;
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most)
        die("usage: bench_broadcast NODES PAYLOAD LONE BATCHES SEED [loops]");
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    if (argc != 6 && (argc != 7 || strcmp(argv[6], "loops") != 0))
        die("usage: bench_broadcast NODES PAYLOAD LONE BATCHES SEED [loops]");
    the.has_loops = argc == 7;
    the.rss_empty_kb = rss_kb();
    the.count = number(argv[1], 2, NODES_MAX);
    the.payload = number(argv[2], PAYLOAD_MIN, PAYLOAD_MAX);
    unsigned lone = number(argv[3], 1, MESSAGES_MAX);
    unsigned batches = number(argv[4], 1, MESSAGES_MAX / BATCH);
    the.random = number(argv[5], 0, UINT32_MAX);
    for (size_t i = 0; i < PAYLOAD_MAX; i++)
        the.bytes[i] = (uint8_t)draw();
    start();
    settle();
    double idle = idle_percent();
    warm_up();
    measure("lone", lone, 1, idle);
    measure("batch", batches, BATCH, idle);
    stop();
    return 0;
}
