/* The seeds: addresses given by people, through which the node joins. A seed is wanted from the
 * start, from sg_node_join, and whenever the node is isolated, until a link to it is up; while it
 * is wanted it is tried with back-off for ever. Pure: the state and its timers only. */
#ifndef SG_RUNTIME_SEEDS_H
#define SG_RUNTIME_SEEDS_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "os/addr.h"
#include "os/resolve.h"

#define SG_RT_SEEDS_MAX 64
/* Pauses between tries, doubling, +- 25 %. */
#define SG_RT_SEED_PAUSE_NS (250 * SG_NS_PER_MS)
#define SG_RT_SEED_PAUSE_MAX_NS (30 * SG_NS_PER_S)
/* "<id>@host:port", with the NUL. */
#define SG_RT_SEED_TEXT_CAP (SG_ID_TEXT_LEN + 1 + SG_ADDR_HOST_CAP + 8)

enum sg_rt_seed_state {
    SG_RT_SEED_IDLE,      /* not wanted */
    SG_RT_SEED_WAITING,   /* until at */
    SG_RT_SEED_RESOLVING, /* its name */
    SG_RT_SEED_DIALLING,  /* conn: handshake under way to addr[addr_at] */
    SG_RT_SEED_GREETING   /* conn: connected, HELLO under way */
};

struct sg_rt_resolve; /* resolver.h */

struct sg_rt_seed {
    char text[SG_RT_SEED_TEXT_CAP]; /* as given */
    char host[SG_ADDR_HOST_CAP];
    uint16_t port;
    bool has_id;
    struct sg_peer_id id;
    enum sg_rt_seed_state state;
    bool insists;  /* joined by name: tried until reached, whoever else is a neighbour */
    bool is_self;  /* it is this node: never tried again */
    sg_time_ns at; /* WAITING */
    uint64_t pause_ns;
    struct sg_addr addr[SG_RESOLVE_MAX];
    size_t addr_count;
    size_t addr_at;
    uint64_t conn;
    bool knows_peer; /* who answered there last */
    struct sg_peer_id peer;
    struct sg_rt_resolve *resolve;
};

struct sg_rt_seeds {
    struct sg_rt_seed *seed[SG_RT_SEEDS_MAX];
    size_t count;
};

/* "host:port" or "<peer id>@host:port", port not 0 -> seed, IDLE.
 * SG_ERR_INVALID_ARGUMENT: anything else. */
SG_MUST_USE sg_err sg_rt_seed_parse(const char *text, struct sg_rt_seed *seed);

void sg_rt_seeds_init(struct sg_rt_seeds *s);
void sg_rt_seeds_fini(struct sg_rt_seeds *s, const struct sg_mem *mem);
/* Adds a seed, or finds it when the same text is there: *out is borrowed.
 * SG_ERR_INVALID_ARGUMENT, SG_ERR_LIMIT, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_seeds_add(struct sg_rt_seeds *s, const struct sg_mem *mem,
                                   const char *text, struct sg_rt_seed **out);
/* The seed that uses conn, or NULL. */
struct sg_rt_seed *sg_rt_seeds_of_conn(struct sg_rt_seeds *s, uint64_t conn);
/* Number DIALLING. */
size_t sg_rt_seeds_flying(const struct sg_rt_seeds *s);
/* When the next one is to be tried. */
sg_time_ns sg_rt_seeds_deadline(const struct sg_rt_seeds *s);

/* An idle seed is wanted from now on: tried at once, or after its pause if it failed lately. */
void sg_rt_seed_want(struct sg_rt_seed *seed, sg_time_ns now);
/* A try has failed: waits for the next one when it is still wanted. */
void sg_rt_seed_failed(struct sg_rt_seed *seed, sg_time_ns now, bool is_wanted,
                       struct sg_prng *prng);
/* Its link is up. Should nobody become a neighbour through it and the seeds be wanted again, it
 * pauses like one that failed. */
void sg_rt_seed_reached(struct sg_rt_seed *seed, sg_time_ns now, struct sg_prng *prng);
/* The node has neighbours: seeds that do not insist stop waiting, and pauses start anew. */
void sg_rt_seeds_joined(struct sg_rt_seeds *s);

#endif
