/* Flow control between real nodes on loopback, all in this process.
 *
 *   bench_flow [stall [ROUNDS] | storm [SECONDS]]      default both; about three minutes
 *
 * stall: one author and 12 neighbours, one of which takes nothing for 3 s again and again. Goal:
 * the P99 of the others changes by less than 10 %. Healthy and stalled phases take turns, each
 * round gives one ratio, so load of the machine by others hits both.
 * storm: ten times as many messages are offered as four subscribers can take. Goals: memory stays
 * flat, and the control lane's P99, a round trip of membership frames between two programs, is
 * below 50 ms. */
#include <poll.h>
#include <pthread.h>
#include <saorsa/gossip.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PEERS 12
#define PHASE_S 3.0
#define REST_S 2.0
#define RATE 100
#define PAYLOAD 1024
#define SAMPLES_MAX 65536
#define STORM_SUBS 4
#define PROBES 240

/* Microseconds, of one phase. */
struct samples {
    pthread_mutex_t mutex;
    double us[SAMPLES_MAX];
    size_t count;
};

static void samples_add(struct samples *s, double us)
{
    pthread_mutex_lock(&s->mutex);
    if (s->count < SAMPLES_MAX)
        s->us[s->count++] = us;
    pthread_mutex_unlock(&s->mutex);
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_flow: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

/* Empties it. */
static double quantile(struct samples *s, double share, size_t *count)
{
    pthread_mutex_lock(&s->mutex);
    qsort(s->us, s->count, sizeof *s->us, compare);
    double value = s->count == 0 ? 0 : s->us[(size_t)(share * (double)(s->count - 1))];
    *count = s->count;
    s->count = 0;
    pthread_mutex_unlock(&s->mutex);
    return value;
}

/* A node that receives, with a thread of its own that reads, or drives and reads. */
struct receiver {
    struct sg_node *node;
    struct sg_subscription *inbox;
    struct samples *samples; /* NULL: not measured */
    bool is_driven;
    atomic_bool stalls, ends;
    atomic_ulong delivered;
    pthread_t thread;
};

static struct sg_topic_id the_topic(void)
{
    struct sg_topic_id topic;
    if (sg_topic_from_name("flow", &topic) != SG_OK)
        die("topic");
    return topic;
}

static struct sg_node *make_node(const char *seed)
{
    struct sg_node_config config;
    struct sg_node *node;
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.network = "bench";
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    if (sg_node_new(&config, &node, NULL, 0) != SG_OK)
        die("cannot make a node");
    return node;
}

static void take(struct receiver *r, struct sg_message *message)
{
    double sent;
    memcpy(&sent, message->payload, sizeof sent);
    atomic_fetch_add(&r->delivered, 1);
    if (r->samples != NULL && sent > 0)
        samples_add(r->samples, (now_s() - sent) * 1e6);
    sg_message_free(message);
}

static void drive(struct receiver *r)
{
    struct pollfd p = {.fd = sg_node_fd(r->node), .events = POLLIN};
    int wait = sg_node_deadline_ms(r->node);
    (void)poll(&p, 1, wait < 0 || wait > 50 ? 50 : wait);
    (void)!sg_node_drive(r->node);
}

static void *receive(void *arg)
{
    struct receiver *r = arg;
    struct sg_message *message;
    while (!atomic_load(&r->ends)) {
        if (r->is_driven && atomic_load(&r->stalls)) {
            (void)usleep(1000);
            continue;
        }
        if (r->is_driven)
            drive(r);
        while (sg_subscription_next(r->inbox, r->is_driven ? 0 : 20, &message) == SG_OK)
            take(r, message);
    }
    return NULL;
}

static void start_receiver(struct receiver *r, const char *seed)
{
    const struct sg_subscribe_options options = {.queue_max = 1 << 16, .queue_bytes_max = 1 << 28};
    struct sg_topic_id topic = the_topic();
    r->node = make_node(seed);
    if (!r->is_driven && sg_node_start(r->node) != SG_OK)
        die("cannot start a node");
    if (sg_subscribe(r->node, &topic, &options, &r->inbox) != SG_OK ||
        pthread_create(&r->thread, NULL, receive, r) != 0)
        die("cannot start a receiver");
}

static void stop_receiver(struct receiver *r)
{
    atomic_store(&r->ends, true);
    pthread_join(r->thread, NULL);
    sg_node_free(r->node);
}

static void wait_neighbors(struct sg_node *node, size_t count)
{
    struct sg_topic_id topic = the_topic();
    struct sg_event event;
    double end = now_s() + 30;
    while (sg_topic_neighbors(node, &topic, NULL, 0) < count) {
        if (now_s() > end)
            die("the nodes do not find each other");
        (void)!sg_node_next_event(node, 50, &event);
    }
}

static sg_err publish(struct sg_node *node, size_t len, bool is_measured)
{
    static uint8_t payload[65536];
    struct sg_topic_id topic = the_topic();
    double now = is_measured ? now_s() : 0;
    memcpy(payload, &now, sizeof now);
    return sg_publish(node, &topic, (struct sg_bytes){payload, len}, NULL);
}

/* ---- stall ---------------------------------------------------------------------------------- */

static void publish_for(struct sg_node *author, double seconds, bool is_measured)
{
    double begin = now_s();
    for (uint64_t i = 0; now_s() < begin + seconds; i++) {
        (void)!publish(author, PAYLOAD, is_measured);
        double next = begin + (double)(i + 1) / RATE;
        double now = now_s();
        if (next > now)
            (void)usleep((useconds_t)((next - now) * 1e6));
    }
}

/* What is on its way comes. */
static double phase(struct sg_node *author, struct samples *samples, size_t *count)
{
    publish_for(author, PHASE_S, true);
    (void)usleep(200000);
    return quantile(samples, 0.99, count);
}

static void print_stall(double *healthy, double *stalled, double *ratio, int rounds,
                        struct sg_node *author)
{
    struct sg_stats stats;
    sg_node_stats(author, &stats);
    double low = ratio[0];
    double high = ratio[0];
    for (int i = 1; i < rounds; i++) {
        low = ratio[i] < low ? ratio[i] : low;
        high = ratio[i] > high ? ratio[i] : high;
    }
    printf("P99 of the 11 others, median of %d rounds: healthy %.2f ms, one stalled %.2f ms\n"
           "ratio stalled / healthy: median %.3f (%.3f .. %.3f)\n"
           "the peer became slow %llu times, %llu probes, %llu came back; %llu pushes dropped\n",
           rounds, median(healthy, rounds) / 1e3, median(stalled, rounds) / 1e3,
           median(ratio, rounds), low, high, (unsigned long long)stats.peers_slowed,
           (unsigned long long)stats.slow_probes, (unsigned long long)stats.slow_recovered,
           (unsigned long long)stats.push_dropped);
}

static void run_stall(int rounds)
{
    static struct samples samples = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    static struct receiver peers[PEERS];
    double healthy[64], stalled[64], ratio[64];
    char address[64];
    size_t count;
    rounds = rounds < 1 ? 1 : rounds > 64 ? 64 : rounds;
    struct sg_node *author = make_node(NULL);
    struct sg_subscription *own;
    struct sg_topic_id topic = the_topic();
    if (sg_node_start(author) != SG_OK || sg_subscribe(author, &topic, NULL, &own) != SG_OK)
        die("cannot start the author");
    sg_node_address(author, address, sizeof address);
    for (int i = 0; i < PEERS; i++) {
        peers[i].is_driven = i == 0;
        peers[i].samples = i == 0 ? NULL : &samples;
        start_receiver(&peers[i], address);
    }
    wait_neighbors(author, 8); /* the view's target: a peer is a neighbour of most others */
    publish_for(author, 3, false);
    printf("## one stalled peer of %d: %d messages/s of %d bytes\n", PEERS, RATE, PAYLOAD);
    for (int i = 0; i < rounds; i++) {
        healthy[i] = phase(author, &samples, &count);
        size_t before = count;
        atomic_store(&peers[0].stalls, true);
        stalled[i] = phase(author, &samples, &count);
        atomic_store(&peers[0].stalls, false);
        ratio[i] = stalled[i] / healthy[i];
        printf("round %2d  healthy P99 %8.2f ms (%zu)  stalled P99 %8.2f ms (%zu)  ratio %.3f\n",
               i + 1, healthy[i] / 1e3, before, stalled[i] / 1e3, count, ratio[i]);
        publish_for(author, REST_S, false);
    }
    print_stall(healthy, stalled, ratio, rounds, author);
    for (int i = 0; i < PEERS; i++)
        stop_receiver(&peers[i]);
    sg_node_free(author);
}

/* ---- storm ---------------------------------------------------------------------------------- */

static double resident_mib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1)
        die("/proc/self/statm");
    (void)fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* Asks the control lane ten times a second: a neighbour joins a topic that the author is in, and is
 * answered; one round trip of membership frames with what both nodes do for them. */
struct prober {
    struct sg_node *author, *neighbor;
    struct samples *samples;
    atomic_bool ends;
    unsigned next, lost;
    double mib_max;
    pthread_t thread;
};

static struct sg_topic_id probe_topic(unsigned number)
{
    struct sg_topic_id topic;
    char name[32];
    (void)snprintf(name, sizeof name, "probe %u", number);
    if (sg_topic_from_name(name, &topic) != SG_OK)
        die("topic");
    return topic;
}

static void prepare_probes(struct prober *p)
{
    struct sg_subscription *sub;
    for (unsigned i = 0; i < PROBES; i++) {
        struct sg_topic_id topic = probe_topic(i);
        if (sg_subscribe(p->author, &topic, NULL, &sub) != SG_OK)
            die("cannot subscribe");
    }
    (void)usleep(3000000); /* the neighbour hears of them */
}

static void probe_once(struct prober *p)
{
    struct sg_topic_id topic = probe_topic(p->next++ % PROBES);
    struct sg_subscription *sub;
    struct sg_event event;
    double begin = now_s();
    bool is_up = false;
    if (sg_subscribe(p->neighbor, &topic, NULL, &sub) != SG_OK)
        die("cannot subscribe");
    while (!is_up && now_s() < begin + 2) {
        if (sg_node_next_event(p->neighbor, 100, &event) == SG_OK)
            is_up =
                event.kind == SG_EVENT_PEER_UP && memcmp(event.topic.b, topic.b, SG_ID_LEN) == 0;
    }
    if (is_up)
        samples_add(p->samples, (now_s() - begin) * 1e6);
    p->lost += !is_up;
    sg_subscription_free(sub);
}

static void *probe(void *arg)
{
    struct prober *p = arg;
    while (!atomic_load(&p->ends)) {
        double mib = resident_mib();
        p->mib_max = mib > p->mib_max ? mib : p->mib_max;
        probe_once(p);
        (void)usleep(100000);
    }
    return NULL;
}

static uint64_t delivered(struct receiver *subs)
{
    uint64_t sum = 0;
    for (int i = 0; i < STORM_SUBS; i++)
        sum += atomic_load(&subs[i].delivered);
    return sum;
}

/* All nodes are honest: whoever bans one is wrong. */
static uint64_t bans(const struct receiver *subs)
{
    uint64_t sum = 0;
    for (int i = 0; i < STORM_SUBS; i++) {
        struct sg_stats stats;
        sg_node_stats(subs[i].node, &stats);
        sum += stats.peers_banned;
    }
    return sum;
}

/* Offers rate messages a second, 0 = waits whenever it is told to; messages accepted per second. */
static double offer(struct sg_node *author, double seconds, double rate, uint64_t *offered)
{
    double begin = now_s();
    uint64_t accepted = 0;
    *offered = 0;
    for (;;) {
        double now = now_s();
        if (now >= begin + seconds)
            return (double)accepted / (now - begin);
        if (rate > 0 && (double)*offered > (now - begin) * rate) {
            (void)usleep(200);
            continue;
        }
        sg_err err = publish(author, PAYLOAD, false);
        *offered += 1;
        accepted += err == SG_OK;
        if (err != SG_OK && rate == 0)
            (void)usleep(200);
    }
}

static void print_storm(const char *name, struct prober *p, double accepted, double offered)
{
    size_t count;
    pthread_mutex_lock(&p->samples->mutex);
    qsort(p->samples->us, p->samples->count, sizeof *p->samples->us, compare);
    pthread_mutex_unlock(&p->samples->mutex);
    size_t n = p->samples->count;
    double p50 = n == 0 ? 0 : p->samples->us[n / 2];
    double p99 = quantile(p->samples, 0.99, &count);
    printf("%-22s offered %9.0f/s accepted %7.0f/s  memory %6.1f MiB  control lane P50 %6.2f P99 "
           "%6.2f ms (%zu, %u lost)\n",
           name, offered, accepted, p->mib_max, p50 / 1e3, p99 / 1e3, count, p->lost);
    p->mib_max = 0;
}

static void run_storm(double seconds)
{
    static struct samples samples = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    static struct receiver subs[STORM_SUBS];
    struct sg_topic_id topic = the_topic();
    struct sg_subscription *own;
    char address[64];
    uint64_t offered;
    struct sg_node *author = make_node(NULL);
    if (sg_node_start(author) != SG_OK || sg_subscribe(author, &topic, NULL, &own) != SG_OK)
        die("cannot start the author");
    sg_node_address(author, address, sizeof address);
    for (int i = 0; i < STORM_SUBS; i++)
        start_receiver(&subs[i], address);
    wait_neighbors(author, STORM_SUBS);
    struct prober p = {.author = author, .neighbor = subs[0].node, .samples = &samples};
    prepare_probes(&p);
    printf("## publish storm: %d subscribers, %d bytes\n", STORM_SUBS, PAYLOAD);
    if (pthread_create(&p.thread, NULL, probe, &p) != 0)
        die("thread");
    (void)usleep((useconds_t)(seconds * 1e6 / 2));
    print_storm("idle", &p, 0, 0);
    double capacity = offer(author, seconds, 0, &offered);
    print_storm("capacity", &p, capacity, (double)offered / seconds);
    for (int i = 1; i <= 3; i++) {
        double accepted = offer(author, seconds, 10 * capacity, &offered);
        print_storm("storm of 10 x", &p, accepted, (double)offered / seconds);
    }
    atomic_store(&p.ends, true);
    pthread_join(p.thread, NULL);
    struct sg_stats stats;
    sg_node_stats(author, &stats);
    printf("delivered %llu; at the author: %.2f MiB queued, %llu pushes dropped, slow %llu times; "
           "banned by all %llu times\n",
           (unsigned long long)delivered(subs), (double)stats.bytes_queued / 1048576,
           (unsigned long long)stats.push_dropped, (unsigned long long)stats.peers_slowed,
           (unsigned long long)bans(subs));
    for (int i = 0; i < STORM_SUBS; i++)
        stop_receiver(&subs[i]);
    sg_node_free(author);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "all";
    double number = argc > 2 ? strtod(argv[2], NULL) : 10;
    if (strcmp(mode, "stall") != 0 && strcmp(mode, "storm") != 0 && strcmp(mode, "all") != 0)
        die("usage: bench_flow [stall [ROUNDS] | storm [SECONDS]]");
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(mode, "storm") != 0)
        run_stall((int)number);
    if (strcmp(mode, "stall") != 0)
        run_storm(number);
    return 0;
}
