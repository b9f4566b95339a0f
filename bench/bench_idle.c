/* An idle node: memory and processor time of one process with a node that has 8 links over
 * loopback and nothing to say. Its neighbours live in another process.
 *
 *   bench_idle [seconds]      default 20, at most 60
 *
 * Goals: RSS <= 12 MB, CPU < 0.2 % of a core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <saorsa/gossip.h>

#define LINKS 8
#define SETTLE_S 4
#define JOIN_S 30
#define WINDOWS 4
#define ADDRESS_LEN 64

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_idle: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void sleep_s(double seconds)
{
    struct timespec ts = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&ts, &ts) != 0)
        continue;
}

struct use {
    double cpu;
    long wakes;
};

static struct use used(void)
{
    struct rusage r;
    (void)getrusage(RUSAGE_SELF, &r);
    double cpu = (double)r.ru_utime.tv_sec + (double)r.ru_stime.tv_sec +
                 ((double)r.ru_utime.tv_usec + (double)r.ru_stime.tv_usec) * 1e-6;
    return (struct use){cpu, r.ru_nvcsw};
}

/* Kilobytes of a line of /proc/self/status. */
static long status_kb(const char *name)
{
    char line[128];
    long kb = -1;
    size_t len = strlen(name);
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, len) == 0)
            kb = strtol(line + len, NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return kb;
}

static struct sg_node *start(const char *seed)
{
    struct sg_node_config config;
    struct sg_node *node = NULL;
    char detail[200];
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    if (sg_node_new(&config, &node, detail, sizeof detail) != SG_OK)
        die(detail);
    if (sg_node_start(node) != SG_OK)
        die("the node does not start");
    return node;
}

static void wait_for_links(struct sg_node *node)
{
    struct sg_stats stats = {0};
    struct sg_event event;
    double end = now_s() + JOIN_S;
    while (stats.base_active < LINKS) {
        if (now_s() > end)
            die("the links do not come up");
        (void)!sg_node_next_event(node, 100, &event);
        sg_node_stats(node, &stats);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct sg_node *node, double seconds)
{
    double share[WINDOWS];
    struct use first = used();
    double begin = now_s();
    struct use before = first;
    for (int i = 0; i < WINDOWS; i++) {
        sleep_s(seconds / WINDOWS);
        struct use now = used();
        share[i] = 100 * (now.cpu - before.cpu) / (seconds / WINDOWS);
        before = now;
    }
    double took = now_s() - begin;
    struct sg_stats stats;
    sg_node_stats(node, &stats);
    qsort(share, WINDOWS, sizeof share[0], compare);
    printf("links %u (connections %u), measured for %.1f s\n", stats.base_active, stats.connections,
           took);
    printf("RSS   %.1f MB (anonymous %.1f, files %.1f), peak %.1f   goal <= 12\n",
           (double)status_kb("VmRSS:") / 1024, (double)status_kb("RssAnon:") / 1024,
           (double)status_kb("RssFile:") / 1024, (double)status_kb("VmHWM:") / 1024);
    printf("CPU   %.3f %% of a core (windows %.3f .. %.3f)   goal < 0.2\n",
           100 * (before.cpu - first.cpu) / took, share[0], share[WINDOWS - 1]);
    printf("wakes %.1f per second\n", (double)(before.wakes - first.wakes) / took);
}

/* The process that is measured: one node. */
static void run_idle(int address_fd, int done_fd, double seconds)
{
    char address[ADDRESS_LEN] = "";
    struct sg_node *node = start(NULL);
    sg_node_address(node, address, sizeof address);
    if (write(address_fd, address, sizeof address) != sizeof address)
        die("pipe");
    wait_for_links(node);
    sleep_s(SETTLE_S);
    measure(node, seconds);
    (void)fflush(stdout);
    (void)!write(done_fd, "", 1);
    sg_node_free(node);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 20;
    int address[2];
    int done[2];
    char text[ADDRESS_LEN];
    if (!(seconds >= 1 && seconds <= 60))
        die("usage: bench_idle [seconds], 1 to 60");
    if (pipe(address) != 0 || pipe(done) != 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        run_idle(address[1], done[1], seconds);
        return 0;
    }
    (void)close(done[1]);
    (void)close(address[1]);
    if (read(address[0], text, sizeof text) != sizeof text)
        die("the idle node did not start");
    struct sg_node *node[LINKS];
    for (int i = 0; i < LINKS; i++)
        node[i] = start(text);
    char byte;
    (void)!read(done[0], &byte, 1);
    for (int i = 0; i < LINKS; i++)
        sg_node_free(node[i]);
    int status = 1;
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
