/* The event loop: libuv's handles, the loop thread, caller-driven mode, and the stop.
 *
 * Every handle's callback does the same, one turn. The timer stands at the next deadline of
 * anything, so an idle node sleeps until QUIC's keep-alive or the next shuffle. */
#include "os/clock.h"
#include "runtime/node_impl.h"
#include "runtime/resolver.h"
#include "runtime/thread.h"

/* Threads that call the API wait so many turns at most. */
#define TURNS_PER_WAKE 3

static void on_timer(uv_timer_t *timer);

/* libuv counts milliseconds: rounded up, or it would wake too early and spin to the deadline. */
static uint64_t ms_until(sg_time_ns at, sg_time_ns now)
{
    uint64_t left = sg_time_since(at, now);
    return left / SG_NS_PER_MS + (left % SG_NS_PER_MS != 0);
}

static void set_timer(struct sg_node *node)
{
    sg_time_ns at = sg_rt_deadline(node);
    if (at == SG_TIME_NEVER) {
        (void)uv_timer_stop(&node->timer);
        return;
    }
    uint64_t ms = ms_until(at, sg_clock_now());
    if (ms == 0) {
        /* libuv runs due timers until none is left, one that is started again included, and would
         * neither poll nor stop meanwhile */
        (void)uv_timer_stop(&node->timer);
        (void)uv_async_send(&node->wake);
        return;
    }
    uv_update_time(&node->loop);
    (void)uv_timer_start(&node->timer, on_timer, ms, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Waits for room in the socket only while something does not fit. */
static void set_interest(struct sg_node *node)
{
    int wanted = UV_READABLE | (node->out.blocked ? UV_WRITABLE : 0);
    if (node->is_broken || node->starved_until != 0)
        wanted = 0;
    if (wanted == node->interest)
        return;
    if (wanted == 0)
        (void)uv_poll_stop(&node->poll);
    else if (uv_poll_start(&node->poll, wanted, on_poll) != 0)
        return; /* tried again after the next turn */
    node->interest = wanted;
    node->rearm = true;
}

static bool is_stop_due(struct sg_node *node)
{
    if (atomic_load(&node->mode) != SG_RT_STOPPING)
        return false;
    struct sg_quic_stats stats;
    sg_quic_stats(node->quic, &stats);
    bool idle = stats.connections_live == 0 && node->out.sent == node->out.count;
    return idle || node->now >= node->stop_at;
}

static void loop_turn(struct sg_node *node)
{
    sg_rt_enter_any(node);
    /* what is left over is usually little: waking ourselves for it costs more than doing it */
    for (int i = 0; i < TURNS_PER_WAKE; i++) {
        sg_rt_turn(node);
        if (atomic_load(&node->mode) == SG_RT_STOPPING || sg_rt_deadline(node) > sg_clock_now())
            break;
    }
    if (is_stop_due(node)) {
        uv_stop(&node->loop);
    } else {
        set_interest(node);
        if (atomic_load(&node->mode) != SG_RT_DRIVEN) /* who drives keeps the time */
            set_timer(node);
    }
    sg_rt_leave_quiet(node);
}

static void on_timer(uv_timer_t *timer)
{
    loop_turn(timer->data);
}

static void on_wake(uv_async_t *wake)
{
    loop_turn(wake->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct sg_node *node = poll->data;
    (void)events;
    /* On EPOLLERR libuv stops the handle; the error itself is the socket's next result, and a
     * transient one must not end anything (traps.md 15). */
    if (status < 0)
        node->interest = 0;
    node->out.blocked = false;
    loop_turn(node);
}

sg_err sg_rt_loop_init(struct sg_node *node)
{
    if (uv_loop_init(&node->loop) != 0)
        return SG_ERR_LIMIT;
    node->has_loop = true;
    node->timer.data = node;
    node->poll.data = node;
    node->wake.data = node;
    /* These cannot fail but for the descriptors that async and poll need; what is not initialised
     * has type UV_UNKNOWN_HANDLE and is not closed. */
    if (uv_timer_init(&node->loop, &node->timer) != 0)
        return SG_ERR_LIMIT;
    if (uv_async_init(&node->loop, &node->wake, on_wake) != 0)
        return SG_ERR_LIMIT;
    if (uv_poll_init(&node->loop, &node->poll, sg_udp_fd(node->udp)) != 0)
        return SG_ERR_IO;
    node->rearm = true;
    return SG_OK;
}

static void close_handle(uv_handle_t *handle)
{
    if (handle->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handle))
        uv_close(handle, NULL);
}

void sg_rt_loop_fini(struct sg_node *node)
{
    if (!node->has_loop)
        return;
    for (size_t i = 0; i < node->seeds.count; i++) {
        sg_rt_resolve_release(node->seeds.seed[i]->resolve);
        node->seeds.seed[i]->resolve = NULL;
    }
    close_handle((uv_handle_t *)&node->poll);
    close_handle((uv_handle_t *)&node->timer);
    close_handle((uv_handle_t *)&node->wake);
    while (uv_run(&node->loop, UV_RUN_DEFAULT) != 0)
        continue;
    (void)uv_loop_close(&node->loop);
    node->has_loop = false;
}

/* ---- with a thread --------------------------------------------------------------------------- */

static void run_thread(void *arg)
{
    struct sg_node *node = arg;
    loop_turn(node);
    (void)uv_run(&node->loop, UV_RUN_DEFAULT);
}

sg_err sg_node_start(struct sg_node *node)
{
    sg_rt_enter_any(node);
    sg_err err = SG_OK;
    int mode = atomic_load(&node->mode);
    if (mode == SG_RT_STOPPED || mode == SG_RT_STOPPING)
        err = SG_ERR_STOPPED;
    else if (mode != SG_RT_NEW)
        err = SG_ERR_INVALID_STATE;
    if (err == SG_OK) {
        atomic_store(&node->mode, SG_RT_THREADED);
        err = sg_rt_thread_start(&node->thread, run_thread, node);
        if (err != SG_OK) {
            atomic_store(&node->mode, SG_RT_NEW);
            sg_rt_note_error(node, "cannot start a thread");
        }
    }
    sg_rt_leave_quiet(node);
    return err;
}

/* ---- driven by the caller -------------------------------------------------------------------- */

int sg_node_fd(const struct sg_node *node)
{
    return node->has_loop ? uv_backend_fd(&node->loop) : -1;
}

int sg_node_deadline_ms(const struct sg_node *node)
{
    int mode = atomic_load(&node->mode);
    if (mode == SG_RT_NEW || (mode == SG_RT_DRIVEN && node->rearm))
        return 0;
    if (mode != SG_RT_DRIVEN)
        return -1;
    /* Looking changes nothing that anybody sees: machines compute their deadlines lazily. */
    sg_time_ns at = sg_rt_deadline((struct sg_node *)(uintptr_t)node);
    if (at == SG_TIME_NEVER)
        return -1;
    uint64_t ms = ms_until(at, sg_clock_now());
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

sg_err sg_node_drive(struct sg_node *node)
{
    int mode = atomic_load(&node->mode);
    if (mode == SG_RT_STOPPED || mode == SG_RT_STOPPING)
        return SG_ERR_STOPPED;
    if (mode == SG_RT_THREADED)
        return SG_ERR_INVALID_STATE;
    atomic_store(&node->mode, SG_RT_DRIVEN);
    uint64_t heard = sg_udp_stats(node->udp)->recv_datagrams;
    loop_turn(node);
    /* The loop takes note of changed interest, and of what other threads have done. A turn that
     * read from the socket need not ask for the latter: the descriptor stays readable. */
    if (node->rearm || sg_udp_stats(node->udp)->recv_datagrams == heard) {
        node->rearm = false;
        (void)uv_run(&node->loop, UV_RUN_NOWAIT);
    }
    return SG_OK;
}

/* ---- stop ------------------------------------------------------------------------------------ */

/* Says goodbye: the overlays first, then every connection. */
static void begin_stop(struct sg_node *node)
{
    const struct sg_core_in leave = {.kind = SG_CORE_IN_LEAVE};
    atomic_store(&node->mode, SG_RT_STOPPING);
    node->stop_at = sg_time_add(node->now, SG_RT_STOP_NS);
    if (!node->has_left)
        sg_rt_finish_jobs(node);
    if (node->has_begun)
        sg_rt_cache_remember(node);
    if (!node->has_left)
        sg_rt_tell(node, &leave);
    node->has_left = true;
    sg_quic_close_all(node->quic, node->now, SG_CLOSE_SHUTDOWN, true);
    sg_rt_subs_stop(&node->subs);
    sg_rt_events_stop(&node->events);
}

/* The time for goodbyes is over, or everyone has heard. */
static void end_stop(struct sg_node *node)
{
    sg_rt_cache_finish(node);
    sg_rt_archive_finish(node);
    sg_rt_enter_any(node);
    if (node->quic != NULL) {
        sg_quic_close_all(node->quic, node->now, SG_CLOSE_SHUTDOWN, false);
        node->out.blocked = false;
        sg_rt_write_socket(node);
        node->udp_stats = *sg_udp_stats(node->udp);
    }
    atomic_store(&node->mode, SG_RT_STOPPED);
    sg_rt_work_fini(&node->work);
    sg_rt_loop_fini(node);
    sg_udp_close(node->udp);
    node->udp = NULL;
    sg_rt_leave_quiet(node);
}

void sg_node_stop(struct sg_node *node)
{
    sg_rt_enter_any(node);
    int mode = atomic_load(&node->mode);
    bool begins = mode != SG_RT_STOPPING && mode != SG_RT_STOPPED;
    bool is_whole = node->core != NULL && node->has_loop;
    if (begins && is_whole)
        begin_stop(node);
    if (begins && mode == SG_RT_THREADED)
        (void)uv_async_send(&node->wake);
    sg_rt_leave_quiet(node);
    if (!begins)
        return;
    if (mode == SG_RT_THREADED) {
        (void)uv_thread_join(&node->thread);
    } else if (mode == SG_RT_DRIVEN) {
        loop_turn(node);
        (void)uv_run(&node->loop, UV_RUN_DEFAULT);
    }
    end_stop(node);
}
