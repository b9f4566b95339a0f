/* One node in a process of its own: commands in, records out. */
#include "cluster.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_CAP 256
#define MEMBERS_CAP 512

struct process {
    struct sg_node *node;
    uint32_t number;
    char line[LINE_CAP];
    size_t line_len;
};

static struct cluster_record record_of(const struct process *p, enum cluster_record_type type)
{
    struct cluster_record r = {0};
    r.node = p->number;
    r.type = type;
    r.time_ns = cluster_now_ns();
    return r;
}

static bool tell(const struct cluster_record *r)
{
    ssize_t n;
    do
        n = write(CLUSTER_EVENTS_FD, r, sizeof *r);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof *r;
}

static bool tell_events(const struct process *p)
{
    struct sg_event event;
    while (sg_node_next_event(p->node, 0, &event) == SG_OK) {
        struct cluster_record r = record_of(p, CLUSTER_EVENT);
        r.kind = event.kind;
        r.peer = event.peer;
        if (!tell(&r))
            return false;
    }
    return true;
}

static bool tell_table(const struct process *p)
{
    static struct sg_member members[MEMBERS_CAP]; /* touched only when asked */
    struct cluster_record r = record_of(p, CLUSTER_TABLE);
    struct sg_stats stats;
    size_t count = sg_node_members(p->node, members, MEMBERS_CAP);
    for (size_t i = 0; i < count && i < MEMBERS_CAP; i++) {
        r.alive += members[i].state == SG_MEMBER_ALIVE;
        r.suspect += members[i].state == SG_MEMBER_SUSPECT;
        r.failed += members[i].state == SG_MEMBER_FAILED;
    }
    sg_node_stats(p->node, &stats);
    r.connections = stats.connections;
    r.neighbors = stats.base_active;
    r.counts[CLUSTER_BYTES] = stats.bytes_out;
    r.counts[CLUSTER_DATAGRAMS] = stats.datagrams_out;
    r.counts[CLUSTER_PROBE_PACKETS] = stats.probe_packets_out;
    r.counts[CLUSTER_PROBES] = stats.probes;
    r.counts[CLUSTER_DIALS] = stats.dials;
    r.counts[CLUSTER_HANDSHAKES] = stats.handshakes_done;
    r.counts[CLUSTER_SIGNATURES] = stats.signatures_made + stats.signatures_verified;
    return tell(&r);
}

static bool obey(const struct process *p, const char *line)
{
    if (strncmp(line, "join ", 5) == 0)
        return sg_node_join(p->node, line + 5) == SG_OK;
    if (strcmp(line, "table") == 0)
        return tell_table(p);
    return false;
}

/* False at the end of the commands, or when one makes no sense. */
static bool read_commands(struct process *p)
{
    ssize_t n = read(STDIN_FILENO, p->line + p->line_len, LINE_CAP - p->line_len);
    if (n <= 0)
        return n < 0 && errno == EINTR;
    p->line_len += (size_t)n;
    char *end;
    while ((end = memchr(p->line, '\n', p->line_len)) != NULL) {
        *end = '\0';
        if (!obey(p, p->line))
            return false;
        size_t used = (size_t)(end - p->line) + 1;
        p->line_len -= used;
        memmove(p->line, end + 1, p->line_len);
    }
    return p->line_len < LINE_CAP;
}

static int serve(struct process *p)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = sg_node_fd(p->node), .events = POLLIN}};
        if (poll(fds, 2, sg_node_deadline_ms(p->node)) < 0 && errno != EINTR)
            return 1;
        if (sg_node_drive(p->node) != SG_OK || !tell_events(p))
            return 1;
        if (fds[0].revents != 0 && !read_commands(p))
            return 0;
    }
}

int cluster_node_main(uint32_t number, const char *dir, const char *network)
{
    struct process p = {.number = number};
    struct sg_node_config config;
    char detail[256] = "";
    sg_node_config_init(&config);
    config.listen = "127.0.0.1:0";
    config.state_dir = dir;
    config.network = network;
    if (sg_node_new(&config, &p.node, detail, sizeof detail) != SG_OK) {
        (void)fprintf(stderr, "node %u: %s\n", number, detail);
        return 1;
    }
    struct cluster_record ready = record_of(&p, CLUSTER_READY);
    sg_node_id(p.node, &ready.peer);
    sg_node_address(p.node, ready.address, sizeof ready.address);
    int code = tell(&ready) ? serve(&p) : 1;
    sg_node_free(p.node);
    return code;
}
