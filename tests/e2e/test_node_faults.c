/* What breaks below a node: sockets whose calls fail now and then, and memory that runs out. */
#include "state_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/udp_ops.h"
#include "runtime/node_seams.h"
#include "unit/base/failing_mem.h"

/* ---- the socket ------------------------------------------------------------------------------ */

static const int transient[] = {EHOSTUNREACH, ECONNREFUSED, ENETUNREACH, ENOBUFS,
                                EPERM,        EINTR,        ENETDOWN,    EAGAIN};
static atomic_uint calls;
static atomic_bool is_faulty;

/* Every third call fails, with one error after the other. */
static bool fails(void)
{
    unsigned n = atomic_fetch_add(&calls, 1);
    if (!atomic_load(&is_faulty) || n % 3 != 0)
        return false;
    errno = transient[n / 3 % (sizeof transient / sizeof transient[0])];
    return true;
}

static ssize_t faulty_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return fails() ? -1 : sg_udp_ops_default()->sendmsg(fd, msg, flags);
}

static int faulty_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return fails() ? -1 : sg_udp_ops_default()->sendmmsg(fd, msgs, count, flags);
}

static ssize_t faulty_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return fails() ? -1 : sg_udp_ops_default()->recvmsg(fd, msg, flags);
}

static int faulty_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return fails() ? -1 : sg_udp_ops_default()->recvmmsg(fd, msgs, count, flags);
}

static struct sg_node *start_with(const struct sg_node_seams *seams, const char *seed)
{
    struct sg_node_config config = local_config();
    struct sg_node *node = NULL;
    char detail[DETAIL_CAP];
    config.seeds = &seed;
    config.seed_count = seed != NULL;
    assert_int_equal(sg_node_new_with(&config, seams, &node, detail, sizeof detail), SG_OK);
    assert_int_equal(sg_node_start(node), SG_OK);
    return node;
}

static void transient_errors_never_stop_the_loop(void **state)
{
    (void)state;
    for (int path = SG_UDP_PATH_BEST; path <= SG_UDP_PATH_PLAIN; path++) {
        struct sg_udp_ops ops = *sg_udp_ops_default();
        ops.sendmsg = faulty_sendmsg;
        ops.sendmmsg = faulty_sendmmsg;
        ops.recvmsg = faulty_recvmsg;
        ops.recvmmsg = faulty_recvmmsg;
        const struct sg_node_seams seams = {.udp_ops = &ops, .udp_path = (enum sg_udp_path)path};
        struct sg_topic_id topic = topic_of("faulty");
        atomic_store(&is_faulty, true);
        struct sg_node *a = start_with(&seams, NULL);
        struct sg_node *b = start_with(&seams, place_of(a).text);
        struct sg_subscription *at_b = subscribe(b, &topic);
        (void)subscribe(a, &topic);
        wait_neighbors(a, &topic, 1);
        for (int i = 0; i < 30; i++) {
            char text[32];
            (void)snprintf(text, sizeof text, "message %d", i);
            publish(a, &topic, text);
            expect_text(at_b, text, a);
        }
        atomic_store(&is_faulty, false);
        struct sg_stats stats;
        sg_node_stats(a, &stats);
        assert_true(stats.socket_errors_transient > 0);
        stop_fast(b);
        stop_fast(a);
    }
}

/* A node dies without a word and comes back under its identity while its neighbour still has the
 * old link: the higher boot counter replaces the ghost at once, not after the idle timeout. */
static void crashed_node_replaces_its_ghost(void **state)
{
    const char *dir = *state;
    struct sg_topic_id topic = topic_of("ghost");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct place place = place_of(a);
    atomic_store(&is_mute, false);
    struct sg_node *b = start_mutable(dir, place.text);
    (void)subscribe(b, &topic);
    wait_neighbors(a, &topic, 1);
    atomic_store(&is_mute, true);
    stop_fast(b);
    atomic_store(&is_mute, false);
    uint64_t begin = now_ms();
    b = start_mutable(dir, place.text);
    struct sg_subscription *at_b = subscribe(b, &topic);
    wait_neighbors(b, &topic, 1);
    publish(b, &topic, "it is me");
    expect_text(at_a, "it is me", b);
    publish(a, &topic, "so it is");
    expect_text(at_b, "so it is", a);
    assert_true(now_ms() - begin < 15000);
    struct sg_event down = wait_event(a, SG_EVENT_PEER_DOWN);
    struct sg_peer_id id = id_of(b);
    assert_true(same_peer(&down.peer, &id));
    stop_fast(b);
    stop_fast(a);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* One run of a node in this thread; every call may fail, none may crash or leak. */
static sg_err play(const struct sg_mem *mem)
{
    const struct sg_node_seams seams = {.mem = mem};
    struct sg_node_config config = local_config();
    struct sg_topic_id topic = topic_of("memory");
    struct sg_subscribe_options options = {
        .queue_max = 10, .queue_bytes_max = 1000, .own_messages = true};
    struct sg_node *node = NULL;
    struct sg_subscription *sub = NULL;
    struct sg_message *message = NULL;
    char detail[DETAIL_CAP];
    sg_err err = sg_node_new_with(&config, &seams, &node, detail, sizeof detail);
    if (err != SG_OK) {
        assert_null(node);
        assert_true(detail[0] != 0);
        return err;
    }
    sg_err first = sg_subscribe(node, &topic, &options, &sub);
    assert_true((first == SG_OK) == (sub != NULL));
    struct sg_bytes payload = {(const uint8_t *)"bytes", 5};
    err = sg_publish(node, &topic, payload, NULL);
    first = first == SG_OK ? err : first;
    err = sg_node_join(node, "127.0.0.1:9");
    first = first == SG_OK ? err : first;
    err = sg_node_drive(node);
    first = first == SG_OK ? err : first;
    if (sub != NULL && sg_subscription_next(sub, 0, &message) == SG_OK)
        sg_message_free(message);
    sg_node_free(node);
    return first;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct failing_mem failing;
    size_t runs = 0;
    do {
        const struct sg_mem *mem = failing_mem_init(&failing, ++runs);
        sg_err err = play(mem);
        if (err != SG_OK && err != SG_ERR_NO_MEMORY)
            fail_msg("allocation %zu: %s", runs, sg_err_name(err));
        if (failing.live != 0)
            fail_msg("allocation %zu: %zu not freed", runs, failing.live);
    } while (failing.calls >= failing.fail_at);
    assert_true(runs > 20);
}

/* Two nodes that talk while one of them cannot allocate now and then: nothing crashes or leaks, and
 * once there is memory again they find each other and talk. */
static void two_nodes_with_little_memory(void **state)
{
    (void)state;
    struct failing_mem failing;
    const struct sg_mem *mem = failing_mem_init(&failing, 0);
    const struct sg_node_seams seams = {.mem = mem};
    struct sg_topic_id topic = topic_of("little");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct place place = place_of(a);
    const char *seed = place.text;
    for (size_t step = 1; step < 1000; step = step * 2) {
        struct sg_node_config config = local_config();
        struct sg_node *b = NULL;
        struct sg_message *message = NULL;
        config.seeds = &seed;
        config.seed_count = 1;
        failing.fail_at = 0;
        assert_int_equal(sg_node_new_with(&config, &seams, &b, NULL, 0), SG_OK);
        failing.fail_at = failing.calls + step;
        uint64_t end = now_ms() + PATIENCE_MS;
        bool is_heard = false;
        while (!is_heard && now_ms() < end) {
            struct pollfd p = {.fd = sg_node_fd(b), .events = POLLIN};
            int wait = sg_node_deadline_ms(b);
            (void)poll(&p, 1, wait < 0 || wait > 20 ? 20 : wait);
            assert_int_equal(sg_node_drive(b), SG_OK);
            sg_err err = sg_publish(b, &topic, (struct sg_bytes){NULL, 0}, NULL);
            assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY || err == SG_ERR_WOULD_BLOCK);
            is_heard = sg_subscription_next(at_a, 0, &message) == SG_OK;
        }
        if (!is_heard)
            fail_msg("allocation %zu: never recovers", step);
        sg_message_free(message);
        stop_fast(b);
        assert_int_equal(failing.live, 0);
        while (sg_subscription_next(at_a, 0, &message) == SG_OK)
            sg_message_free(message);
    }
    stop_fast(a);
}

/* ---- no memory for the socket's buffers ------------------------------------------------------ */

#define BUFFER_MIN 32768
static atomic_bool is_short;
static atomic_uint refused;

static void *short_alloc(void *user, size_t size)
{
    (void)user;
    if (size < BUFFER_MIN || !atomic_load(&is_short))
        return malloc(size);
    atomic_fetch_add(&refused, 1);
    return NULL;
}

static void *short_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    return realloc(ptr, size);
}

static void short_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void drive(struct sg_node *node)
{
    int ms = sg_node_deadline_ms(node);
    struct pollfd p = {.fd = sg_node_fd(node), .events = POLLIN};
    (void)poll(&p, 1, ms < 0 || ms > 100 ? 100 : ms);
    assert_int_equal(sg_node_drive(node), SG_OK);
}

/* The descriptor stays readable, and what is to be sent stays due, but the node does not try again
 * and again: two refusals a time, one to read and one to write. */
static void a_node_without_buffers_does_not_spin(void **state)
{
    const struct sg_mem mem = {short_alloc, short_realloc, short_free, NULL};
    const struct sg_node_seams seams = {.mem = &mem};
    struct sg_node_config config = local_config();
    struct sg_node *a = NULL;
    char detail[DETAIL_CAP];
    (void)state;
    assert_int_equal(sg_node_new_with(&config, &seams, &a, detail, sizeof detail), SG_OK);
    drive(a);
    atomic_store(&is_short, true);
    struct sg_node *b = start_node(place_of(a).text);
    while (atomic_load(&refused) == 0)
        drive(a);
    uint64_t begin = now_ms();
    unsigned already = atomic_load(&refused);
    while (atomic_load(&refused) < already + 10)
        drive(a);
    assert_true(now_ms() - begin >= 60);
    atomic_store(&is_short, false);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (sg_node_peers(a, NULL, 0) == 0) {
        assert_true(now_ms() < end);
        drive(a);
    }
    stop_fast(b);
    stop_fast(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transient_errors_never_stop_the_loop),
        cmocka_unit_test_setup_teardown(crashed_node_replaces_its_ghost, state_setup,
                                        state_teardown),
        cmocka_unit_test(a_node_without_buffers_does_not_spin),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(two_nodes_with_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
