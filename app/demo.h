/* saorsa demo: starts real node processes, lets them broadcast real lines, and measures.
 *
 * The demo is a client like any other: it talks to each node through its control socket. Time
 * stamps come from the nodes themselves (CLOCK_MONOTONIC is one clock for all processes of a
 * machine), so the demo's own delays are not in the figures. One thread, one poll loop.
 *
 *   demo.c          the phases          demo_link.c     control sockets, the poll loop
 *   demo_input.c    the lines           demo_track.c    which message arrived where, and when
 *   demo_spawn.c    processes, folders  demo_publish.c  publishing at a rate, killing
 *   demo_join.c     is all joined?      demo_measure.c  figures
 *   demo_diagnose.c what is missing     demo_detect.c   when killed nodes were noticed */
#ifndef SG_APP_DEMO_H
#define SG_APP_DEMO_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>
#include <saorsa/gossip.h>

#include "command.h"
#include "ctl_codec.h"
#include "histogram.h"
#include "line.h"
#include "outq.h"
#include "paths.h"
#include "progress.h"
#include "report.h"

#define SG_DEMO_NODES_MAX 200
#define SG_DEMO_MESSAGES_MAX 100000
#define SG_DEMO_TOPIC "demo"
#define SG_DEMO_PENDING_MAX 32 /* publishes that one node has not answered */

struct sg_demo_options {
    uint64_t nodes, messages, size, kill, timeout_s, seed;
    double rate;
    const char *input; /* NULL: the text that comes with the program */
    bool json, keep;
};

/* What a node counts, as far as the demo needs it. */
struct sg_demo_counts {
    uint64_t received, duplicate, bytes_out;
    uint64_t handshakes;
    double handshake_ns; /* mean */
    double cpu_ms;
    uint64_t rss;
};

struct sg_demo_node {
    size_t index;
    pid_t pid; /* 0: not running */
    bool killed;
    uint64_t killed_ns; /* just before the signal */
    int out_fd;         /* its stdout, -1 when closed */
    struct sg_app_line out;
    bool is_ready; /* its ready line came; address and id are set */
    char id[SG_ID_TEXT_LEN + 1];
    char address[64];
    int fd; /* its control socket, -1 when closed */
    struct sg_app_line in;
    struct sg_outq queue;
    bool is_subscribed;
    bool wants_status;                     /* asked, not answered */
    json_t *status;                        /* the newest answer, may be NULL */
    uint32_t pending[SG_DEMO_PENDING_MAX]; /* messages in the order of their requests */
    size_t pending_count;
    struct sg_demo_counts begin, warm, end, idle;
};

enum sg_demo_state { SG_DEMO_PLANNED, SG_DEMO_SENT, SG_DEMO_ACCEPTED };

struct sg_demo_message {
    enum sg_demo_state state;
    uint32_t publisher;
    uint8_t id[SG_ID_LEN];
    uint64_t published_ns;
    uint64_t last_ns; /* when the last node so far had it */
    uint32_t hop_max;
};

/* A delivery whose message is not known yet, because its publisher's answer is still on the way. */
struct sg_demo_early {
    uint32_t node;
    uint32_t hops;
    uint64_t received_ns;
    uint8_t id[SG_ID_LEN];
    uint8_t *payload; /* owned */
    size_t len;
};

/* Sums over the messages at some moment; see sg_demo_tally. */
struct sg_demo_tally {
    uint64_t expected; /* (message, surviving node) pairs */
    uint64_t arrived;
    uint64_t victim_all;  /* accepted messages of killed nodes that reached all survivors, */
    uint64_t victim_none; /* none of them, */
    uint64_t victim_some; /* or some, which must not be */
};

struct sg_demo {
    struct sg_demo_options options;
    struct sg_progress progress;
    uint64_t random; /* state of the generator */
    uint64_t deadline_ns;
    char failure[256]; /* why the demo ends early, "" for none */
    int code;          /* exit code that goes with it */

    char dir[SG_APP_PATH_MAX]; /* "" until made */
    char network[48];
    struct sg_demo_node *nodes; /* [options.nodes] */
    size_t started;
    bool has_ended; /* some node closed a descriptor, see sg_demo_check_alive */

    char *text; /* the input */
    struct sg_bytes *lines;
    size_t line_count;
    uint8_t *scratch; /* [options.size] */

    struct sg_demo_message *messages; /* [options.messages] */
    uint8_t *got;                     /* [messages][nodes] */
    uint32_t *index;                  /* hash of id -> message + 1 [index_mask + 1] */
    size_t index_mask;
    struct sg_demo_early *early;
    size_t early_count, early_cap;
    uint32_t *retry; /* messages that a node could not take; [messages] */
    size_t retry_count;
    size_t sent; /* messages handed to their publisher at least once */
    size_t accepted;
    size_t warmup;
    uint64_t deliveries; /* of any kind, for the progress line */
    uint64_t corrupt;    /* payload differs */
    uint64_t repeated;   /* delivered twice */
    uint64_t unknown;    /* never published */
    struct sg_app_hist *latency;
    uint64_t next_tally_ns;

    uint64_t *detected_ns; /* [started victims][started survivors], NULL without --kill; 0: not */
    uint64_t false_alarms; /* a living node was declared failed */

    uint64_t joined_ns; /* how long joining took */
    uint64_t begin_ns, end_ns, idle_begin_ns, idle_end_ns;
};

/* demo.c */
int sg_demo_run(const struct sg_demo_options *options);
/* Notes the first failure; gives false, for "return sg_demo_fail(...)". */
bool sg_demo_fail(struct sg_demo *demo, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A number below n. */
uint64_t sg_demo_random(struct sg_demo *demo, uint64_t n);

/* demo_input.c: false after a complaint. */
bool sg_demo_load(struct sg_demo *demo);
void sg_demo_unload(struct sg_demo *demo);
/* The payload of a message; valid until the next call. */
struct sg_bytes sg_demo_payload(struct sg_demo *demo, size_t message);

/* demo_spawn.c */
bool sg_demo_make_dir(struct sg_demo *demo);
bool sg_demo_start(struct sg_demo *demo, size_t index);
/* Whether no started node has ended by itself; otherwise the failure says which. */
bool sg_demo_check_alive(struct sg_demo *demo);
void sg_demo_kill(struct sg_demo *demo, struct sg_demo_node *node);
/* Ends all nodes; gives the number of those that did not end well. */
size_t sg_demo_stop_all(struct sg_demo *demo);
void sg_demo_remove_dir(struct sg_demo *demo);
void sg_demo_socket_path(const struct sg_demo *demo, size_t index, char path[SG_SOCKET_PATH_MAX]);
/* The last lines of a node's log on stderr. */
void sg_demo_print_log(const struct sg_demo *demo, size_t index);

/* demo_link.c: false after sg_demo_fail. */
bool sg_demo_connect(struct sg_demo *demo, struct sg_demo_node *node);
bool sg_demo_send(struct sg_demo *demo, struct sg_demo_node *node,
                  const struct sg_ctl_request *request);
bool sg_demo_poll(struct sg_demo *demo, int timeout_ms);
/* Polls until done says so; fails at the deadline, saying what was waited for. */
bool sg_demo_wait(struct sg_demo *demo, bool (*done)(struct sg_demo *demo), const char *what);
/* Asks every running node for its status and waits for all answers. */
bool sg_demo_ask_status(struct sg_demo *demo);

/* demo_join.c: whether the topic's overlay is one piece; asks for news when it is not. */
bool sg_demo_is_joined(struct sg_demo *demo);

/* demo_track.c */
bool sg_demo_track_init(struct sg_demo *demo);
void sg_demo_track_fini(struct sg_demo *demo);
/* The publisher's answer came. */
void sg_demo_on_accepted(struct sg_demo *demo, uint32_t message, const json_t *answer);
/* A node delivered a message. */
void sg_demo_on_message(struct sg_demo *demo, const struct sg_demo_node *node,
                        const json_t *object);
/* Counts over the first so many messages. */
struct sg_demo_tally sg_demo_tally(const struct sg_demo *demo, size_t messages);
static inline bool sg_demo_has(const struct sg_demo *demo, size_t message, size_t node)
{
    return demo->got[message * demo->options.nodes + node] != 0;
}

/* demo_publish.c: publishes messages up to end, and waits until they have arrived. */
bool sg_demo_publish_until(struct sg_demo *demo, size_t end);
bool sg_demo_settle(struct sg_demo *demo);
bool sg_demo_kill_some(struct sg_demo *demo);

/* demo_detect.c: asks for events and waits until all nodes know each other. */
bool sg_demo_watch_members(struct sg_demo *demo);
void sg_demo_on_fail_event(struct sg_demo *demo, const struct sg_demo_node *node,
                           const json_t *object);
bool sg_demo_await_detection(struct sg_demo *demo);
/* All zero when nobody was killed. */
void sg_demo_figure_detection(const struct sg_demo *demo,
                              struct sg_app_report_detection *detection);

/* demo_measure.c */
enum sg_demo_moment { SG_DEMO_BEGIN, SG_DEMO_WARM, SG_DEMO_END, SG_DEMO_IDLE };
bool sg_demo_snapshot(struct sg_demo *demo, enum sg_demo_moment moment);
/* What a report points to. */
struct sg_demo_figures {
    struct sg_app_report_costs costs;
    struct sg_app_report_detection detection;
};
void sg_demo_figures(struct sg_demo *demo, struct sg_app_report *report,
                     struct sg_demo_figures *figures);

/* demo_diagnose.c: tells on stderr which messages are missing where, and what else went wrong. */
void sg_demo_diagnose(struct sg_demo *demo);

#endif
