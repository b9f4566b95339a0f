/* The peer cache of a running node: what is worth keeping goes to the disk every minute and at the
 * stop, and comes back when the core has nobody left to ask (NEED_CACHE).
 *
 * The loop never waits for the disk: each load or save is a job with a thread of its own, one at a
 * time, a few milliseconds long (a thread costs 0.05 ms; none is kept). Only `mutex` holder may use
 * the database. Lock order: mutex, then the node's lock; so nobody who holds the node's lock may
 * take the mutex or wait for a job. Without a state folder there is no database, and all of this
 * does nothing. */
#ifndef SG_RUNTIME_CACHE_H
#define SG_RUNTIME_CACHE_H

#include <stdatomic.h>
#include <uv.h>

#include "store/peers.h"

struct sg_node;

#define SG_RT_SAVE_NS (60 * SG_NS_PER_S)
/* The first save after the node has joined: those who let it in are worth remembering. */
#define SG_RT_SAVE_FIRST_NS (5 * SG_NS_PER_S)
/* Of the core's peers worth keeping, per save. */
#define SG_RT_SAVE_MAX 512
/* Candidates per load: a passive view holds 64. */
#define SG_RT_LOAD_MAX 64
/* Failed dials between two saves; more are forgotten. */
#define SG_RT_FAILED_MAX 128

/* One save, load or both, in this order. */
struct sg_rt_job {
    struct sg_peers *db;
    uv_mutex_t *mutex;
    uv_async_t *wake;
    uv_thread_t thread;
    atomic_bool is_done;
    bool loads;
    struct sg_peers_update update;
    struct sg_peers_sighting *seen;
    struct sg_peer_id failed[SG_RT_FAILED_MAX];
    sg_err err;
    struct sg_peers_entry found[SG_RT_LOAD_MAX];
    size_t found_count;
};

struct sg_rt_cache {
    struct sg_peers *db; /* NULL: nothing is kept */
    uv_mutex_t mutex;    /* of db, and of changes to the contacts */
    bool has_mutex;
    /* under the node's lock */
    struct sg_rt_job *job;  /* under way, or NULL */
    struct sg_rt_job *last; /* the node's last words: written by the stop */
    bool wants_load;
    bool has_failed; /* the last save; told once */
    sg_time_ns save_at;
    struct sg_peer_id failed[SG_RT_FAILED_MAX];
    size_t failed_count;
};

/* Opens the database in dir (NULL: none). Errors of sg_peers_open, SG_ERR_LIMIT. */
SG_MUST_USE sg_err sg_rt_cache_init(struct sg_node *node, const char *dir,
                                    const struct sg_file_sys *sys);
void sg_rt_cache_fini(struct sg_node *node);

/* All below: under the node's lock. */

/* NEED_CACHE. */
void sg_rt_cache_wanted(struct sg_node *node);
/* A peer could not be reached. */
void sg_rt_cache_failed(struct sg_node *node, const struct sg_peer_id *peer);
/* The first neighbour is there. */
void sg_rt_cache_joined(struct sg_node *node);
/* Takes what a job brought, and starts what is due. */
void sg_rt_run_cache(struct sg_node *node);
/* The node is about to leave, and will know nobody afterwards. */
void sg_rt_cache_remember(struct sg_node *node);

/* Not under the lock, the loop has ended: waits for the job, and writes what is remembered. */
void sg_rt_cache_finish(struct sg_node *node);

#endif
