/* A batch on its way into a replica: first checked as a whole, then applied. */
#ifndef SG_CRDT_PLAN_H
#define SG_CRDT_PLAN_H

#include "crdt/replica.h"

/* A chain that a body refers to: which one, and how much of it may be meant. */
struct sg_plan_ref {
    uint32_t chain, limit;
};

/* An object that a body names. */
struct sg_plan_object {
    uint32_t cell; /* SG_CELL_NONE: not there yet */
    uint32_t parent;
    uint8_t kind, depth;
    struct sg_bytes key;
};

/* Elements that the batch itself inserts. */
struct sg_plan_run {
    uint32_t counter, count, object;
};

/* Elements that the batch deletes. */
struct sg_plan_target {
    struct sg_seq_id id;
    uint32_t count;
};

struct sg_plan {
    struct sg_batch batch;
    uint8_t name[SG_ID_LEN];
    struct sg_log_past past;
    uint32_t *deps; /* owned */
    bool is_new_chain, is_fork;
    enum sg_import result;
    uint32_t ops;
    /* while it is checked and applied; owned */
    uint32_t *last;                 /* [ref_count] */
    struct sg_plan_ref *refs;       /* [ref_count] */
    struct sg_plan_object *objects; /* [object_count] */
    struct sg_plan_run *runs;       /* [run_count] */
    struct sg_plan_target *targets; /* [target_count] */
    uint32_t ref_count, object_count, run_count, run_cap, target_count, target_cap;
};

/* Checks all operations against the past; changes nothing. r->view is that of the past. */
SG_MUST_USE sg_err sg_plan_check(struct sg_replica *r, struct sg_plan *plan);
/* Applies what has been checked; frees what the plan has. SG_ERR_NO_MEMORY only. */
SG_MUST_USE sg_err sg_plan_apply(struct sg_replica *r, struct sg_plan *plan);

#endif
