/* One turn of the loop. */
#include "os/clock.h"
#include "runtime/node_impl.h"

/* Core timers per turn: each works off everything that is due, a second one follows only when the
 * first made more work for now. */
#define TIMEOUTS_PER_TURN 8
/* Events between two looks at the clock. */
#define EVENTS_PER_LOOK 8
/* What a turn may take, several times over. */
#define LATE_NS (50 * SG_NS_PER_MS)
#define POSTPONED_MAX 16

sg_err sg_rt_feed(struct sg_node *node, const struct sg_core_in *in)
{
    sg_err err = sg_core_input(node->core, node->now, node->wall_ms, in, &node->outbox);
    if (!node->is_draining)
        sg_rt_run_outputs(node);
    return err;
}

void sg_rt_tell(struct sg_node *node, const struct sg_core_in *in)
{
    /* Out of memory: the input is lost as a frame can be, and the machines' timers repair it.
     * Stopped: nobody is interested any more. */
    sg_err err = sg_rt_feed(node, in);
    (void)err;
}

/* The core's timers accuse those who did not answer in time. When this process stood still, or is
 * behind with its work, the answers may wait in the socket or in the endpoint: they are heard
 * first. So a timer runs only when it was due before the socket was read (at read_at), nothing took
 * long since, and, if it is late, no input is left over. With so much input that this never comes
 * true, POSTPONED_MAX turns bound the wait. */
static bool must_hear_first(struct sg_node *node, sg_time_ns read_at)
{
    sg_time_ns due = sg_core_deadline(node->core);
    bool was_still = sg_time_since(node->now, read_at) > LATE_NS;
    bool is_late = sg_time_since(node->now, due) > LATE_NS;
    bool waits = due > read_at || was_still || (is_late && node->more);
    if (due > node->now || !waits || node->postponed == POSTPONED_MAX) {
        node->postponed = 0;
        return false;
    }
    node->postponed++;
    node->more = true;
    return true;
}

static void run_core_timers(struct sg_node *node, sg_time_ns read_at)
{
    const struct sg_core_in timeout = {.kind = SG_CORE_IN_TIMEOUT};
    if (node->has_left || must_hear_first(node, read_at))
        return;
    for (unsigned i = 0; i < TIMEOUTS_PER_TURN; i++) {
        if (sg_core_deadline(node->core) > node->now)
            return;
        sg_rt_tell(node, &timeout);
    }
    node->more = node->more || sg_core_deadline(node->core) <= node->now;
}

/* Whether there were any. */
static bool run_events(struct sg_node *node)
{
    sg_time_ns end = sg_time_add(node->now, SG_RT_TURN_NS);
    struct sg_quic_event event;
    unsigned i = 1;
    for (; sg_quic_next_event(node->quic, &event); i++) {
        sg_rt_on_event(node, &event);
        if (i % EVENTS_PER_LOOK != 0)
            continue;
        sg_rt_read_clocks(node);
        if (node->now >= end) {
            node->more = true;
            break;
        }
    }
    return i > 1;
}

static void begin(struct sg_node *node)
{
    node->has_begun = true;
    sg_rt_contacts_begin(node); /* first: they are dialled before the others */
    sg_rt_want_seeds(node);
    sg_rt_mix_later(node);
}

void sg_rt_turn(struct sg_node *node)
{
    node->more = false;
    node->counters.turns++;
    bool runs = atomic_load(&node->mode) != SG_RT_STOPPING;
    if (!node->has_begun && runs)
        begin(node);
    sg_time_ns read_at = node->now;
    sg_rt_read_socket(node);
    if (sg_quic_deadline(node->quic) <= node->now)
        sg_quic_expire(node->quic, node->now);
    sg_rt_run_jobs(node);
    (void)run_events(node);
    run_core_timers(node, read_at);
    if (runs) {
        sg_rt_expire_links(node);
        sg_rt_run_seeds(node);
        sg_rt_run_dials(node);
        sg_rt_run_watch(node);
        sg_rt_run_cache(node);
        sg_rt_run_archive(node);
        sg_rt_flow_run(node);
    }
    sg_rt_write_socket(node);
    /* Writing ends connections that were waiting to say goodbye. */
    if (run_events(node))
        node->more = true;
}

sg_time_ns sg_rt_deadline(struct sg_node *node)
{
    if (node->more || !node->has_begun)
        return 0;
    sg_time_ns at = sg_time_min(sg_quic_deadline(node->quic), node->stop_at);
    if (node->starved_until != 0) /* what is due cannot be written before */
        return node->starved_until;
    if (atomic_load(&node->mode) == SG_RT_STOPPING)
        return at;
    /* who has left asks neither machines nor seeds any more */
    if (!node->has_left) {
        at = sg_time_min(at, sg_core_deadline(node->core));
        at = sg_time_min(at, sg_rt_seeds_deadline(&node->seeds));
        at = sg_time_min(at, sg_rt_reseed_deadline(node));
        at = sg_time_min(at, sg_rt_dial_deadline(node));
        at = sg_time_min(at, sg_rt_flow_deadline(node));
    }
    at = sg_time_min(at, sg_rt_archive_deadline(node));
    at = sg_time_min(at, sg_rt_links_deadline(&node->links));
    return sg_time_min(at, node->watch_at);
}
