/* A cluster of real node processes on loopback: convergence, idle cost, false positives, and
 * crashes by SIGKILL. One JSON object on stdout; bench/membership.py runs it beside memberlist.
 *
 *   bench_cluster [--nodes N] [--kills K] [--settle S] [--idle S] [--burners B] [--burn S]
 *                 [--seed X] [--respawn]
 *
 * Convergence counts from the moment when all nodes are told to join through node 0 until the last
 * of them has every other in its member table. It then settles before its idle cost is taken.
 * Detection counts from the kill until the first and until the last survivor says
 * SG_EVENT_MEMBER_FAIL. With --respawn each killed node is replaced by a new one, so that many
 * kills can follow one another. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster.h"

#define MEMBERS_MAX 320
#define KILLS_MAX 100
#define BURNERS_MAX 16
#define PATIENCE_MS 120000
#define PAUSE_MS 3000 /* before a kill; and up to a second more, so that phases differ */
#define NS_PER_MS 1000000u
#define READ_MAX 256

struct member {
    pid_t pid; /* 0 = dead */
    int commands;
    uint64_t died_ns;
    struct sg_peer_id id;
    char address[CLUSTER_ADDRESS_CAP];
    struct cluster_record table;
    bool is_ready, has_table;
};

struct counts {
    unsigned wrong;      /* living members that a living one gave up */
    unsigned suspicions; /* of living members */
};

struct kill {
    double suspect_ms, first_ms, full_ms; /* -1 = not seen */
    unsigned missed;                      /* survivors that did not notice in time */
};

struct bench {
    struct cluster_options opt;
    char dir[64];
    int events[2];
    struct member members[MEMBERS_MAX];
    unsigned count;
    bool sees[MEMBERS_MAX][MEMBERS_MAX];
    uint64_t gone_ns[MEMBERS_MAX]; /* of the current victim, by survivor */
    uint64_t suspect_ns;           /* the first suspicion of it */
    unsigned victim;
    uint64_t last_join_ns;
    struct counts counts;
    struct kill kills[KILLS_MAX];
    double create_ms, converge_ms, idle_cpu, idle_s;
    double join_cpu_s;             /* of all nodes together, until they were settled */
    double joins[CLUSTER_COUNTS];  /* of one node, until then */
    double rates[CLUSTER_COUNTS];  /* of one node, idle, per second */
    double connections, neighbors; /* of one node, idle */
    struct counts idle, burn;
    double cpu_min, cpu_max; /* of one node, percent */
    struct cluster_memory memory;
    unsigned agree; /* nodes whose table has exactly the living at the end */
};

static struct bench the;
static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
}

static void kill_all(void)
{
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].pid > 0)
            (void)kill(the.members[i].pid, SIGKILL);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void clean_up(void)
{
    kill_all();
    if (the.dir[0] != '\0')
        (void)nftw(the.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_cluster: %s\n", what);
    exit(1);
}

/* ---- processes ----------------------------------------------------------------------------- */

static _Noreturn void become_node(unsigned number, int commands)
{
    char text[16];
    char dir[96];
    char self[] = "/proc/self/exe";
    char flag[] = "--node";
    (void)snprintf(text, sizeof text, "%u", number);
    (void)snprintf(dir, sizeof dir, "%s/%u", the.dir, number);
    /* First out of the way of each other, then to where the node expects them. */
    int in = fcntl(commands, F_DUPFD, 10);
    int out = fcntl(the.events[1], F_DUPFD, 10);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, CLUSTER_EVENTS_FD) < 0)
        _exit(126);
    if (close_range(CLUSTER_EVENTS_FD + 1, ~0U, 0) != 0)
        _exit(126);
    char *argv[] = {self, flag, text, dir, NULL};
    (void)execv(self, argv);
    _exit(127);
}

static void spawn(unsigned number)
{
    struct member *m = &the.members[number];
    int pipes[2];
    if (number >= MEMBERS_MAX || pipe2(pipes, O_CLOEXEC) != 0)
        die("no more nodes possible");
    m->pid = fork();
    if (m->pid < 0)
        die("fork");
    if (m->pid == 0)
        become_node(number, pipes[0]);
    (void)close(pipes[0]);
    m->commands = pipes[1];
}

static void command(unsigned number, const char *text)
{
    size_t len = strlen(text);
    if (write(the.members[number].commands, text, len) != (ssize_t)len)
        die("a node does not take commands");
}

static void join(unsigned number, unsigned seed)
{
    char text[CLUSTER_ADDRESS_CAP + 8];
    (void)snprintf(text, sizeof text, "join %s\n", the.members[seed].address);
    command(number, text);
}

static unsigned living(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < the.count; i++)
        count += the.members[i].pid > 0;
    return count;
}

/* ---- what the nodes say -------------------------------------------------------------------- */

static int find(const struct sg_peer_id *id)
{
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].is_ready && memcmp(the.members[i].id.b, id->b, SG_ID_LEN) == 0)
            return (int)i;
    }
    return -1;
}

static void note_fail(const struct cluster_record *r, unsigned peer)
{
    the.sees[r->node][peer] = false;
    if (the.members[peer].pid > 0 || r->time_ns < the.members[peer].died_ns)
        the.counts.wrong += the.members[r->node].pid > 0;
    else if (peer == the.victim && the.gone_ns[r->node] == 0)
        the.gone_ns[r->node] = r->time_ns;
}

static void note_suspect(const struct cluster_record *r, unsigned peer)
{
    if (the.members[peer].pid > 0)
        the.counts.suspicions++;
    else if (peer == the.victim && the.suspect_ns == 0)
        the.suspect_ns = r->time_ns;
}

static void note_event(const struct cluster_record *r)
{
    int peer = find(&r->peer);
    if (peer < 0)
        return;
    switch ((enum sg_event_kind)r->kind) {
    case SG_EVENT_MEMBER_JOIN:
        the.sees[r->node][peer] = true;
        the.last_join_ns = r->time_ns > the.last_join_ns ? r->time_ns : the.last_join_ns;
        break;
    case SG_EVENT_MEMBER_SUSPECT:
        note_suspect(r, (unsigned)peer);
        break;
    case SG_EVENT_MEMBER_FAIL:
        note_fail(r, (unsigned)peer);
        break;
    case SG_EVENT_MEMBER_LEAVE:
        the.sees[r->node][peer] = false;
        break;
    case SG_EVENT_PEER_UP:
    case SG_EVENT_PEER_DOWN:
    case SG_EVENT_JOINED:
    case SG_EVENT_ISOLATED:
    case SG_EVENT_SEED_FAILED:
    case SG_EVENT_REFUSED:
    case SG_EVENT_MEMBER_REFUTED:
    case SG_EVENT_MEMBER_UPDATE:
    case SG_EVENT_STATE_FAILED:
    case SG_EVENT_TRANSFER:
        break;
    }
}

static void note(const struct cluster_record *r)
{
    struct member *m = &the.members[r->node];
    if (r->type == CLUSTER_EVENT) {
        note_event(r);
    } else if (r->type == CLUSTER_READY) {
        m->id = r->peer;
        memcpy(m->address, r->address, sizeof m->address);
        m->is_ready = true;
    } else {
        m->table = *r;
        m->has_table = true;
    }
}

static void see_deaths(void)
{
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid > 0)
        (void)fprintf(stderr, "bench_cluster: process %d ended, status %d\n", (int)pid, status);
    if (pid > 0)
        die("a node ended by itself");
}

/* Takes what is there, waiting for it up to a time. */
static void pump(int timeout_ms)
{
    static struct cluster_record records[READ_MAX];
    struct pollfd fd = {.fd = the.events[0], .events = POLLIN};
    see_deaths();
    if (is_stopped)
        die("stopped"); /* leaves no folder behind */
    if (poll(&fd, 1, timeout_ms) <= 0)
        return;
    ssize_t n = read(the.events[0], records, sizeof records);
    if (n <= 0 || n % (ssize_t)sizeof records[0] != 0)
        die("the records are torn");
    for (size_t i = 0; i < (size_t)n / sizeof records[0]; i++)
        note(&records[i]);
}

static bool wait_until(bool (*is_done)(void), uint64_t limit_ms)
{
    uint64_t end = cluster_now_ns() + limit_ms * NS_PER_MS;
    while (!is_done()) {
        if (cluster_now_ns() >= end)
            return false;
        pump(100);
    }
    return true;
}

static void listen_for(uint64_t ms)
{
    uint64_t end = cluster_now_ns() + ms * NS_PER_MS;
    for (uint64_t now = cluster_now_ns(); now < end; now = cluster_now_ns())
        pump((int)((end - now) / NS_PER_MS) + 1);
}

static bool all_ready(void)
{
    for (unsigned i = 0; i < the.count; i++) {
        if (!the.members[i].is_ready)
            return false;
    }
    return true;
}

/* Every living member has every other living one. */
static unsigned pairs_missing(void)
{
    unsigned missing = 0;
    for (unsigned i = 0; i < the.count; i++) {
        for (unsigned j = 0; the.members[i].pid > 0 && j < the.count; j++)
            missing += i != j && the.members[j].pid > 0 && !the.sees[i][j];
    }
    return missing;
}

static bool all_see_all(void)
{
    return pairs_missing() == 0;
}

static bool all_tables(void)
{
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].pid > 0 && !the.members[i].has_table)
            return false;
    }
    return true;
}

static bool all_noticed(void)
{
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].pid > 0 && the.gone_ns[i] == 0)
            return false;
    }
    return true;
}

static void ask_tables(void)
{
    for (unsigned i = 0; i < the.count; i++)
        the.members[i].has_table = false;
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].pid > 0)
            command(i, "table\n");
    }
    if (!wait_until(all_tables, PATIENCE_MS))
        die("a node does not answer");
}

/* ---- phases -------------------------------------------------------------------------------- */

static void converge(void)
{
    uint64_t begin = cluster_now_ns();
    for (unsigned i = 0; i < the.opt.nodes; i++)
        spawn(the.count++);
    if (!wait_until(all_ready, PATIENCE_MS))
        die("the nodes do not start");
    the.create_ms = (double)(cluster_now_ns() - begin) / NS_PER_MS;
    begin = cluster_now_ns();
    for (unsigned i = 1; i < the.count; i++)
        join(i, 0);
    if (!wait_until(all_see_all, PATIENCE_MS)) {
        (void)fprintf(stderr, "bench_cluster: %u pairs do not know each other\n", pairs_missing());
        die("no convergence");
    }
    the.converge_ms = (double)(the.last_join_ns - begin) / NS_PER_MS;
}

/* Asks all nodes; sums is of their counts. */
static void sum_tables(double sums[CLUSTER_COUNTS])
{
    memset(sums, 0, CLUSTER_COUNTS * sizeof sums[0]);
    ask_tables();
    the.connections = the.neighbors = 0;
    for (unsigned i = 0; i < the.count; i++) {
        const struct cluster_record *t = &the.members[i].table;
        for (unsigned k = 0; k < CLUSTER_COUNTS; k++)
            sums[k] += (double)t->counts[k];
        the.connections += (double)t->connections / the.count;
        the.neighbors += (double)t->neighbors / the.count;
    }
}

static void idle(void)
{
    static uint64_t cpu[MEMBERS_MAX];
    double first[CLUSTER_COUNTS];
    double last[CLUSTER_COUNTS];
    listen_for((uint64_t)the.opt.settle_s * 1000);
    sum_tables(first);
    struct counts before = the.counts;
    for (unsigned i = 0; i < the.count; i++) {
        cpu[i] = cluster_cpu_ns(the.members[i].pid);
        the.join_cpu_s += (double)cpu[i] / 1e9;
    }
    for (unsigned k = 0; k < CLUSTER_COUNTS; k++)
        the.joins[k] = first[k] / the.count;
    uint64_t begin = cluster_now_ns();
    listen_for((uint64_t)the.opt.idle_s * 1000);
    double took_ns = (double)(cluster_now_ns() - begin);
    the.cpu_min = 1e9;
    for (unsigned i = 0; i < the.count; i++) {
        double share = 100 * (double)(cluster_cpu_ns(the.members[i].pid) - cpu[i]) / took_ns;
        the.idle_cpu += share;
        the.cpu_min = share < the.cpu_min ? share : the.cpu_min;
        the.cpu_max = share > the.cpu_max ? share : the.cpu_max;
    }
    sum_tables(last);
    the.idle_s = took_ns / 1e9;
    for (unsigned k = 0; k < CLUSTER_COUNTS; k++)
        the.rates[k] = (last[k] - first[k]) / the.idle_s / the.count;
    the.idle.wrong = the.counts.wrong - before.wrong;
    the.idle.suspicions = the.counts.suspicions - before.suspicions;
    for (unsigned i = 0; i < the.count; i++) {
        if (!cluster_memory_add(the.members[i].pid, &the.memory))
            die("no memory figures");
    }
}

/* Busy processes from outside, for a while. */
static void burn(void)
{
    pid_t burners[BURNERS_MAX];
    struct counts before = the.counts;
    if (the.opt.burners > BURNERS_MAX)
        die("too many burners");
    for (unsigned i = 0; i < the.opt.burners; i++) {
        burners[i] = fork();
        if (burners[i] < 0)
            die("fork");
        if (burners[i] == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile unsigned long n = 0;; n++)
                continue;
        }
    }
    listen_for((uint64_t)the.opt.burn_s * 1000);
    for (unsigned i = 0; i < the.opt.burners; i++) {
        (void)kill(burners[i], SIGKILL);
        (void)waitpid(burners[i], NULL, 0);
    }
    the.burn.wrong = the.counts.wrong - before.wrong;
    the.burn.suspicions = the.counts.suspicions - before.suspicions;
}

static struct kill result_of_kill(uint64_t begin)
{
    struct kill k = {-1, -1, -1, 0};
    uint64_t first = 0;
    uint64_t last = 0;
    for (unsigned i = 0; i < the.count; i++) {
        if (the.members[i].pid == 0)
            continue;
        uint64_t at = the.gone_ns[i];
        k.missed += at == 0;
        first = at != 0 && (first == 0 || at < first) ? at : first;
        last = at > last ? at : last;
    }
    if (the.suspect_ns != 0)
        k.suspect_ms = (double)(the.suspect_ns - begin) / NS_PER_MS;
    if (first != 0)
        k.first_ms = (double)(first - begin) / NS_PER_MS;
    if (k.missed == 0)
        k.full_ms = (double)(last - begin) / NS_PER_MS;
    return k;
}

static void replace(void)
{
    unsigned seed = 0;
    while (the.members[seed].pid == 0)
        seed++;
    spawn(the.count++);
    if (!wait_until(all_ready, PATIENCE_MS))
        die("a new node does not start");
    join(the.count - 1, seed);
    if (!wait_until(all_see_all, PATIENCE_MS))
        die("a new node is not known to all");
}

static void kill_one(unsigned victim, unsigned number)
{
    struct member *m = &the.members[victim];
    the.victim = victim;
    the.suspect_ns = 0;
    memset(the.gone_ns, 0, sizeof the.gone_ns);
    uint64_t begin = cluster_now_ns();
    pid_t pid = m->pid;
    if (kill(pid, SIGKILL) != 0)
        die("kill");
    (void)waitpid(pid, NULL, 0);
    m->died_ns = begin;
    m->pid = 0;
    (void)close(m->commands);
    (void)wait_until(all_noticed, PATIENCE_MS / 2);
    the.kills[number] = result_of_kill(begin);
}

static void kill_some(void)
{
    unsigned random = the.opt.seed;
    for (unsigned k = 0; k < the.opt.kills; k++) {
        random = random * 1664525u + 1013904223u;
        listen_for(PAUSE_MS + (random >> 16) % 1000);
        /* The oldest ones in turn, node 0 included, when they are replaced; else as memberlist. */
        unsigned victim = the.opt.respawn ? k : 1 + k * 17 % (the.opt.nodes - 1);
        kill_one(victim, k);
        if (the.opt.respawn)
            replace();
    }
}

static void compare_tables(void)
{
    listen_for(1000);
    ask_tables();
    for (unsigned i = 0; i < the.count; i++) {
        const struct cluster_record *t = &the.members[i].table;
        the.agree += the.members[i].pid > 0 && t->alive + t->suspect == living() - 1;
    }
}

/* ---- output -------------------------------------------------------------------------------- */

static void print_kills(const char *name, size_t offset)
{
    printf("  \"%s\": [", name);
    for (unsigned k = 0; k < the.opt.kills; k++)
        printf("%s%.1f", k > 0 ? ", " : "",
               *(const double *)(const void *)((const char *)&the.kills[k] + offset));
    puts("],");
}

static void print(void)
{
    unsigned missed = 0;
    for (unsigned k = 0; k < the.opt.kills; k++)
        missed += the.kills[k].missed;
    printf("{\"peer\": \"saorsa\", \"version\": \"%s\", \"nodes\": %u,\n", sg_version(),
           the.opt.nodes);
    printf("  \"create_ms\": %.1f, \"converge_ms\": %.1f,\n", the.create_ms, the.converge_ms);
    printf("  \"idle_s\": %.1f, \"idle_cpu_percent\": %.3f,\n", the.idle_s, the.idle_cpu);
    printf("  \"node_cpu_min\": %.4f, \"node_cpu_max\": %.4f,\n", the.cpu_min, the.cpu_max);
    printf("  \"connections\": %.1f, \"neighbors\": %.1f,\n", the.connections, the.neighbors);
    cluster_print_counts("node_rates", the.rates);
    cluster_print_counts("node_joins", the.joins);
    printf("  \"join_cpu_s\": %.3f,\n", the.join_cpu_s);
    printf("  \"idle_false_positives\": %u, \"idle_suspicions\": %u,\n", the.idle.wrong,
           the.idle.suspicions);
    printf("  \"burners\": %u, \"burn_s\": %u,\n", the.opt.burners,
           the.opt.burners > 0 ? the.opt.burn_s : 0);
    printf("  \"burn_false_positives\": %u, \"burn_suspicions\": %u,\n", the.burn.wrong,
           the.burn.suspicions);
    cluster_print_memory("rss_kb", the.memory.rss, the.opt.nodes);
    cluster_print_memory("pss_kb", the.memory.pss, the.opt.nodes);
    print_kills("suspect_ms", offsetof(struct kill, suspect_ms));
    print_kills("first_ms", offsetof(struct kill, first_ms));
    print_kills("full_ms", offsetof(struct kill, full_ms));
    printf("  \"missed\": %u, \"false_positives\": %u, \"suspicions\": %u,\n", missed,
           the.counts.wrong, the.counts.suspicions);
    printf("  \"agreeing_tables\": %u, \"living\": %u}\n", the.agree, living());
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--node") == 0)
        return cluster_node_main((uint32_t)strtoul(argv[2], NULL, 10), argv[3], "bench");
    if (!cluster_parse(argc, argv, &the.opt) || the.opt.kills > KILLS_MAX ||
        the.opt.nodes + (the.opt.respawn ? the.opt.kills : 0) > MEMBERS_MAX)
        die("wrong options, see the top of bench_cluster.c");
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    (void)snprintf(the.dir, sizeof the.dir, "%s", "/tmp/saorsa-cluster-XXXXXX");
    if (mkdtemp(the.dir) == NULL || pipe2(the.events, O_CLOEXEC) != 0)
        die("no folder or no pipe");
    (void)atexit(clean_up);
    (void)fcntl(the.events[1], F_SETPIPE_SZ, 1 << 20);
    converge();
    idle();
    if (the.opt.burners > 0)
        burn();
    kill_some();
    compare_tables();
    print();
    return 0;
}
