/* Seeds that are wrong, dead, unresolvable, ourselves, or come later: always an event that says
 * what to do, never a hang, and the node joins as soon as it can.
 * LINK: --wrap=getaddrinfo --wrap=freeaddrinfo */
#include "node_fixture.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* A resolver of our own: "late.test" answers once the gate is open, all else does not exist. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int asked;

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
void __wrap_freeaddrinfo(struct addrinfo *list);

static struct sockaddr_in late_addr;
static struct addrinfo late = {.ai_family = AF_INET,
                               .ai_socktype = SOCK_DGRAM,
                               .ai_addrlen = sizeof late_addr,
                               .ai_addr = (struct sockaddr *)&late_addr};

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    (void)service;
    (void)hints;
    pthread_mutex_lock(&gate_lock);
    asked++;
    pthread_cond_broadcast(&gate_changed);
    bool is_late = strcmp(host, "late.test") == 0;
    while (is_late && !gate_open)
        pthread_cond_wait(&gate_changed, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    if (!is_late)
        return EAI_NONAME;
    late_addr.sin_family = AF_INET;
    late_addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *list = &late;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}

static void set_gate(bool open)
{
    pthread_mutex_lock(&gate_lock);
    gate_open = open;
    pthread_cond_broadcast(&gate_changed);
    pthread_mutex_unlock(&gate_lock);
}

static void expect_words(const struct sg_event *event, const char *word)
{
    if (strstr(event->text, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", event->text, word);
}

static void wrong_network_is_refused_on_both_sides(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct sg_node_config config = local_config();
    struct place place = place_of(a);
    const char *seed = place.text;
    config.network = "another";
    config.seeds = &seed;
    config.seed_count = 1;
    struct sg_node *b = make_node(&config);
    assert_int_equal(sg_node_start(b), SG_OK);
    struct sg_event failed = wait_event(b, SG_EVENT_SEED_FAILED);
    assert_int_equal(failed.err, SG_ERR_WRONG_NETWORK);
    expect_words(&failed, "another network");
    expect_words(&failed, place.text);
    struct sg_event refused = wait_event(a, SG_EVENT_REFUSED);
    struct sg_peer_id id = id_of(b);
    assert_int_equal(refused.err, SG_ERR_WRONG_NETWORK);
    assert_true(same_peer(&refused.peer, &id));
    char text[DETAIL_CAP];
    sg_node_last_error(b, text, sizeof text);
    assert_non_null(strstr(text, "another network"));
    assert_int_equal(sg_node_peers(a, NULL, 0), 0);
    assert_int_equal(sg_node_peers(b, NULL, 0), 0);
    struct sg_stats stats;
    sg_node_stats(a, &stats);
    assert_true(stats.refused_network > 0);
    stop_fast(a);
    stop_fast(b);
}

static void seed_with_the_wrong_id_is_refused(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *other = start_node(NULL);
    struct sg_peer_id wanted = id_of(other);
    char id[SG_ID_TEXT_LEN + 1];
    char seed[160];
    sg_id_to_text(wanted.b, id);
    (void)snprintf(seed, sizeof seed, "%s@%s", id, place_of(a).text);
    struct sg_node *b = start_node(seed);
    struct sg_event failed = wait_event(b, SG_EVENT_SEED_FAILED);
    assert_int_equal(failed.err, SG_ERR_WRONG_PEER);
    assert_true(same_peer(&failed.peer, &wanted));
    expect_words(&failed, "check the id");
    /* and the right one is taken */
    (void)snprintf(seed, sizeof seed, "%s@%s", id, place_of(other).text);
    assert_int_equal(sg_node_join(b, seed), SG_OK);
    (void)wait_event(b, SG_EVENT_JOINED);
    stop_fast(a);
    stop_fast(b);
    stop_fast(other);
}

/* A port of loopback that nobody uses. */
static struct place free_place(void)
{
    struct place place;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    close(fd);
    (void)snprintf(place.text, sizeof place.text, "127.0.0.1:%u", ntohs(addr.sin_port));
    return place;
}

static void dead_seed_is_told_and_joined_when_it_appears(void **state)
{
    (void)state;
    struct place place = free_place();
    struct sg_node *b = start_node(place.text);
    uint64_t begin = now_ms();
    struct sg_event failed = wait_event(b, SG_EVENT_SEED_FAILED);
    assert_int_equal(failed.err, SG_ERR_TIMEOUT);
    expect_words(&failed, place.text);
    expect_words(&failed, "no answer");
    assert_true(now_ms() - begin < 12000);
    struct sg_node_config config = local_config();
    config.listen = place.text;
    struct sg_node *a = make_node(&config);
    assert_int_equal(sg_node_start(a), SG_OK);
    (void)wait_event(b, SG_EVENT_JOINED);
    stop_fast(a);
    stop_fast(b);
}

static void unresolvable_seed_is_told_again_and_again(void **state)
{
    (void)state;
    struct sg_node *b = start_node("no-such-host.test:4433");
    for (int i = 0; i < 3; i++) {
        struct sg_event failed = wait_event(b, SG_EVENT_SEED_FAILED);
        assert_int_equal(failed.err, SG_ERR_RESOLVE);
        expect_words(&failed, "no-such-host.test:4433");
        expect_words(&failed, "does not resolve");
    }
    stop_fast(b);
}

static void slow_resolver_delays_only_itself(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    char seed[64];
    set_gate(false);
    (void)snprintf(seed, sizeof seed, "late.test%s", strrchr(place_of(a).text, ':'));
    struct sg_node *b = start_node(seed);
    struct sg_event event;
    assert_int_equal(sg_node_next_event(b, 50, &event), SG_ERR_TIMEOUT);
    set_gate(true);
    (void)wait_event(b, SG_EVENT_JOINED);
    stop_fast(b);
    stop_fast(a);
}

/* The look-up goes on when the node is gone, and cleans up after itself. */
static void stop_does_not_wait_for_the_resolver(void **state)
{
    (void)state;
    set_gate(false);
    pthread_mutex_lock(&gate_lock);
    asked = 0;
    pthread_mutex_unlock(&gate_lock);
    struct sg_node *b = start_node("late.test:1");
    pthread_mutex_lock(&gate_lock);
    while (asked == 0)
        pthread_cond_wait(&gate_changed, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
    stop_fast(b);
    set_gate(true);
}

static void a_seed_that_is_ourselves_is_skipped(void **state)
{
    (void)state;
    struct sg_node_config config = local_config();
    config.listen = "0.0.0.0:0";
    struct sg_node *node = make_node(&config);
    assert_int_equal(sg_node_start(node), SG_OK);
    char seed[64];
    (void)snprintf(seed, sizeof seed, "127.0.0.1%s", strrchr(place_of(node).text, ':'));
    assert_int_equal(sg_node_join(node, seed), SG_OK);
    struct sg_event failed = wait_event(node, SG_EVENT_SEED_FAILED);
    expect_words(&failed, "itself");
    /* at an address that does not show it, the handshake tells */
    (void)snprintf(seed, sizeof seed, "127.0.0.2%s", strrchr(place_of(node).text, ':'));
    assert_int_equal(sg_node_join(node, seed), SG_OK);
    failed = wait_event(node, SG_EVENT_SEED_FAILED);
    expect_words(&failed, "itself");
    assert_int_equal(sg_node_peers(node, NULL, 0), 0);
    stop_fast(node);
}

/* Dead addresses cost a bounded number of handshakes at a time, and little of anything else. */
static void many_dead_seeds_are_tried_a_few_at_a_time(void **state)
{
    (void)state;
    enum { MANY = 20, AT_ONCE = 16 };
    struct sg_node *node = start_node(NULL);
    struct place place = free_place();
    struct sg_stats stats = {0};
    struct sg_event event;
    for (int i = 0; i < MANY; i++) {
        char seed[96];
        (void)snprintf(seed, sizeof seed, "127.0.%d.1%s", i + 1, strrchr(place.text, ':'));
        assert_int_equal(sg_node_join(node, seed), SG_OK);
    }
    uint64_t end = now_ms() + PATIENCE_MS;
    unsigned failed = 0;
    while (failed < MANY && now_ms() < end) {
        sg_err err = sg_node_next_event(node, 100, &event);
        failed += err == SG_OK && event.kind == SG_EVENT_SEED_FAILED;
        sg_node_stats(node, &stats);
        assert_true(stats.connections <= AT_ONCE);
    }
    assert_int_equal(failed, MANY);
    assert_true(stats.dials_failed >= MANY);
    stop_fast(node);
}

static void bad_seeds_are_refused_at_once(void **state)
{
    (void)state;
    struct sg_node *node = start_node(NULL);
    assert_int_equal(sg_node_join(node, "nonsense"), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_node_join(node, "x@127.0.0.1:1"), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_node_join(node, NULL), SG_ERR_INVALID_ARGUMENT);
    char text[DETAIL_CAP];
    sg_node_last_error(node, text, sizeof text);
    assert_non_null(strstr(text, "host:port"));
    stop_fast(node);
}

static void port_in_use_is_said(void **state)
{
    (void)state;
    struct sg_node *first = start_node(NULL);
    struct place place = place_of(first);
    struct sg_node_config config = local_config();
    struct sg_node *second = NULL;
    char detail[DETAIL_CAP];
    char expected[DETAIL_CAP];
    config.listen = place.text;
    assert_int_equal(sg_node_new(&config, &second, detail, sizeof detail), SG_ERR_ADDRESS_IN_USE);
    (void)snprintf(expected, sizeof expected,
                   "cannot bind %s: address in use; choose another --listen port", place.text);
    assert_string_equal(detail, expected);
    assert_null(second);
    stop_fast(first);
    second = make_node(&config); /* free again */
    sg_node_free(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_network_is_refused_on_both_sides),
        cmocka_unit_test(seed_with_the_wrong_id_is_refused),
        cmocka_unit_test(dead_seed_is_told_and_joined_when_it_appears),
        cmocka_unit_test(unresolvable_seed_is_told_again_and_again),
        cmocka_unit_test(slow_resolver_delays_only_itself),
        cmocka_unit_test(stop_does_not_wait_for_the_resolver),
        cmocka_unit_test(a_seed_that_is_ourselves_is_skipped),
        cmocka_unit_test(many_dead_seeds_are_tried_a_few_at_a_time),
        cmocka_unit_test(bad_seeds_are_refused_at_once),
        cmocka_unit_test(port_in_use_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
