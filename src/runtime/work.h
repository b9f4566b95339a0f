/* Signatures off the loop: jobs of the core (SG_CORE_OUT_SIGN, SG_CORE_OUT_VERIFY) on worker
 * threads.
 *
 * All nodes of a process share the threads, as many as there are processors and at most
 * SG_RT_WORKERS_MAX; they start with the first job and end with the last node that had one. Results
 * are taken in the order in which jobs were handed in, so messages of an author stay in order. How
 * many jobs a node may have is the core's to limit. */
#ifndef SG_RUNTIME_WORK_H
#define SG_RUNTIME_WORK_H

#include <uv.h>

#include "base/mem.h"
#include "node/core.h"

#define SG_RT_WORKERS_MAX 4

struct sg_rt_task {
    struct sg_rt_task *next_of_node; /* in order of submission */
    struct sg_rt_task *next_to_run;
    struct sg_rt_work *owner;
    uint64_t number;
    enum sg_core_out_kind kind;
    struct sg_msg_id root;
    struct sg_buf *proof; /* VERIFY; the owner's, workers only read its bytes */
    sg_err err;
    bool is_done;
    uint8_t signature[]; /* SIGN [suite->sig_len] */
};

/* The jobs of one node. All calls are made under the node's lock. */
struct sg_rt_work {
    const struct sg_mem *mem;
    const struct sg_suite *suite;
    const struct sg_signer *signer;
    uv_async_t *wake;                /* told when the oldest job is done */
    struct sg_rt_task *first, *last; /* under the pool's lock */
    uint32_t count;                  /* jobs not yet taken; the node's */
    bool is_member;                  /* of the pool */
};

/* signer and wake are borrowed until fini. */
void sg_rt_work_init(struct sg_rt_work *work, const struct sg_mem *mem,
                     const struct sg_signer *signer, uv_async_t *wake);
/* Waits for jobs that are being done; their results are lost. */
void sg_rt_work_fini(struct sg_rt_work *work);
/* Hands in a job; takes a reference of out->buf. Where no thread can be had the job is done at
 * once, and *is_done says so: take it. SG_ERR_NO_MEMORY: nobody will answer this job. */
SG_MUST_USE sg_err sg_rt_work_submit(struct sg_rt_work *work, const struct sg_core_out *out,
                                     bool *is_done);
/* The oldest job when it is done, or, with wait, as soon as it is; NULL when there is none. in is
 * filled in for the core and points into the job, which the caller frees. */
struct sg_rt_task *sg_rt_work_take(struct sg_rt_work *work, bool wait, struct sg_core_in *in);
void sg_rt_task_free(struct sg_rt_work *work, struct sg_rt_task *job);

#endif
