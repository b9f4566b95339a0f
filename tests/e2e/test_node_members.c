/* Members through the public API: who is there, who left, who crashed, metadata, and a process that
 * stands still for two seconds. */
#include "state_fixture.h"

#include <signal.h>
#include <sys/wait.h>

/* The next event of that kind about that peer. */
static struct sg_event wait_member(struct sg_node *node, enum sg_event_kind kind,
                                   const struct sg_peer_id *peer)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_event event = {0};
    while (event.kind != kind || !same_peer(&event.peer, peer)) {
        uint64_t now = now_ms();
        if (now >= end || sg_node_next_event(node, (int)(end - now), &event) != SG_OK)
            fail_msg("no event %d", (int)kind);
    }
    return event;
}

/* Both have joined, in whatever order; their events say no more than that. */
static void wait_both(struct sg_node *node, const struct sg_peer_id *x, const struct sg_peer_id *y)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    bool has_x = false, has_y = false;
    struct sg_event event;
    while (!has_x || !has_y) {
        uint64_t now = now_ms();
        if (now >= end || sg_node_next_event(node, (int)(end - now), &event) != SG_OK)
            fail_msg("not both have joined");
        if (event.kind != SG_EVENT_MEMBER_JOIN)
            continue;
        assert_string_equal(event.text, "");
        has_x |= same_peer(&event.peer, x);
        has_y |= same_peer(&event.peer, y);
    }
}

static bool find_member(struct sg_node *node, const struct sg_peer_id *peer, struct sg_member *out)
{
    struct sg_member members[16];
    size_t count = sg_node_members(node, members, 16);
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        if (same_peer(&members[i].id, peer)) {
            *out = members[i];
            return true;
        }
    }
    return false;
}

static size_t count_members(struct sg_node *node)
{
    return sg_node_members(node, NULL, 0);
}

static void members_come_and_go(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_node *c = start_node(place_of(a).text);
    struct sg_peer_id id_a = id_of(a), id_b = id_of(b), id_c = id_of(c);
    struct sg_member member;
    struct sg_stats stats;
    struct sg_event event;
    wait_both(a, &id_b, &id_c);
    wait_both(b, &id_a, &id_c);
    wait_both(c, &id_a, &id_b);
    assert_int_equal(count_members(a), 2);
    assert_int_equal(count_members(b), 2);
    assert_true(find_member(b, &id_a, &member));
    assert_int_equal(member.state, SG_MEMBER_ALIVE);
    assert_string_equal(member.address, place_of(a).text);
    assert_true(member.is_linked && !member.is_contact);
    assert_true(member.incarnation >> 32 > 0);
    assert_true(member.heard_ms < PATIENCE_MS);
    assert_false(find_member(a, &id_a, &member)); /* without itself */
    assert_int_equal(sg_node_leave(c), SG_OK);
    event = wait_member(a, SG_EVENT_MEMBER_LEAVE, &id_c);
    assert_string_equal(event.text, "has left");
    (void)wait_member(b, SG_EVENT_MEMBER_LEAVE, &id_c);
    assert_int_equal(count_members(a), 1);
    sg_node_stats(a, &stats);
    assert_int_equal(stats.members, 1);
    assert_int_equal(stats.failures, 0);
    stop_fast(c);
    stop_fast(b);
    stop_fast(a);
}

/* Silence is answered by pings over DATAGRAM frames, and those by acks. */
static void datagrams_go_round(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_stats at_a = {0}, at_b = {0};
    struct sg_event event;
    uint64_t end = now_ms() + PATIENCE_MS;
    while (at_a.probe_packets_in < 3 || at_b.probe_packets_in < 3 || at_a.probes == 0) {
        assert_true(now_ms() < end);
        (void)!sg_node_next_event(a, 100, &event);
        sg_node_stats(a, &at_a);
        sg_node_stats(b, &at_b);
    }
    assert_true(at_a.probe_packets_out > 0 && at_b.probe_packets_out > 0);
    assert_int_equal(at_a.probes_failed + at_b.probes_failed, 0);
    assert_int_equal(at_a.refused_malformed + at_b.refused_malformed, 0);
    assert_int_equal(at_a.suspicions + at_b.suspicions, 0);
    stop_fast(b);
    stop_fast(a);
}

static void wait_meta(struct sg_node *node, const struct sg_peer_id *peer, const char *text)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    struct sg_member member;
    struct sg_event event;
    for (;;) {
        bool is_known = find_member(node, peer, &member);
        if (is_known && member.meta_len == strlen(text) &&
            memcmp(member.meta, text, member.meta_len) == 0)
            return;
        uint64_t now = now_ms();
        if (now >= end || sg_node_next_event(node, (int)(end - now), &event) != SG_OK)
            fail_msg("no metadata \"%s\"", text);
    }
}

static struct sg_bytes text_bytes(const char *text)
{
    return (struct sg_bytes){(const uint8_t *)text, strlen(text)};
}

static void metadata_reaches_everyone(void **state)
{
    (void)state;
    uint8_t big[513] = {0};
    struct sg_node_config config = local_config();
    struct sg_node *a = start_node(NULL);
    struct place place = place_of(a);
    const char *seed = place.text;
    config.seeds = &seed;
    config.seed_count = 1;
    config.meta = (const uint8_t *)"from the start";
    config.meta_len = 14;
    struct sg_node *b = make_node(&config);
    assert_int_equal(sg_node_start(b), SG_OK);
    struct sg_node *c = start_node(place.text);
    struct sg_peer_id id_b = id_of(b);
    wait_meta(a, &id_b, "from the start");
    wait_meta(c, &id_b, "from the start");
    assert_int_equal(sg_node_set_meta(b, text_bytes("something else")), SG_OK);
    (void)wait_member(a, SG_EVENT_MEMBER_UPDATE, &id_b);
    wait_meta(a, &id_b, "something else");
    wait_meta(c, &id_b, "something else");
    assert_int_equal(sg_node_set_meta(b, text_bytes("")), SG_OK);
    wait_meta(c, &id_b, "");
    assert_int_equal(sg_node_set_meta(b, (struct sg_bytes){big, 512}), SG_OK);
    assert_int_equal(sg_node_set_meta(b, (struct sg_bytes){big, 513}), SG_ERR_TOO_LARGE);
    stop_fast(c);
    stop_fast(b);
    assert_int_equal(sg_node_leave(a), SG_OK);
    assert_int_equal(sg_node_set_meta(a, text_bytes("too late")), SG_ERR_STOPPED);
    stop_fast(a);
}

static void a_crash_is_noticed_and_given_up(void **state)
{
    (void)state;
    atomic_store(&is_mute, false);
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_node *dying = start_mutable(NULL, place_of(a).text);
    struct sg_peer_id id_b = id_of(b), id = id_of(dying);
    struct sg_member member;
    (void)wait_member(a, SG_EVENT_MEMBER_JOIN, &id);
    (void)wait_member(b, SG_EVENT_MEMBER_JOIN, &id);
    atomic_store(&is_mute, true);
    assert_int_equal(sg_node_force_leave(a, &id), SG_ERR_NOT_FOUND); /* it lives, so far */
    struct sg_event event = wait_member(a, SG_EVENT_MEMBER_FAIL, &id);
    assert_string_equal(event.text, "has failed");
    (void)wait_member(b, SG_EVENT_MEMBER_FAIL, &id); /* how soon is measured elsewhere */
    assert_true(find_member(a, &id, &member));
    assert_int_equal(member.state, SG_MEMBER_FAILED);
    assert_false(member.is_linked || member.is_neighbor);
    assert_true(find_member(a, &id_b, &member));
    assert_int_equal(member.state, SG_MEMBER_ALIVE);
    assert_int_equal(sg_node_force_leave(a, &id), SG_OK);
    (void)wait_member(a, SG_EVENT_MEMBER_LEAVE, &id);
    assert_false(find_member(a, &id, &member));
    /* Nobody's word gives up a member elsewhere so soon after its death: b has to say so itself. */
    assert_true(find_member(b, &id, &member));
    assert_int_equal(member.state, SG_MEMBER_FAILED);
    assert_int_equal(sg_node_force_leave(b, &id), SG_OK);
    (void)wait_member(b, SG_EVENT_MEMBER_LEAVE, &id);
    assert_int_equal(sg_node_force_leave(a, &id), SG_ERR_NOT_FOUND);
    stop_fast(dying);
    stop_fast(b);
    stop_fast(a);
}

static void the_event_descriptor(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct pollfd p = {.fd = sg_node_event_fd(a), .events = POLLIN};
    struct sg_event event;
    assert_true(p.fd >= 0);
    assert_int_equal(sg_node_event_fd(a), p.fd);
    assert_int_equal(poll(&p, 1, 0), 0);
    struct sg_node *b = start_node(place_of(a).text);
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(sg_node_next_event(a, 0, &event), SG_OK);
    stop_fast(b);
    sg_node_stop(a);
    while (sg_node_next_event(a, 0, &event) == SG_OK)
        continue;
    assert_int_equal(poll(&p, 1, 0), 1); /* so that a poll loop learns of the end */
    sg_node_free(a);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    struct sg_node *node = NULL;
    char detail[DETAIL_CAP];
    struct sg_node_config config = local_config();
    config.members_max = 0;
    assert_int_equal(sg_node_new(&config, &node, detail, sizeof detail), SG_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(detail, "members_max"));
    config = local_config();
    config.contact_slots = 9;
    assert_int_equal(sg_node_new(&config, &node, detail, sizeof detail), SG_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(detail, "contact_slots"));
    config = local_config();
    config.meta_len = 513;
    assert_int_equal(sg_node_new(&config, &node, detail, sizeof detail), SG_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(detail, "meta_len"));
}

/* ---- a process that stands still ------------------------------------------------------------- */

#define STILL_MS 2000

/* What the child tells when it is asked. */
struct confession {
    uint64_t failures;
    uint64_t members;
    struct sg_peer_id id;
};

static void live_as_child(const char *seed, int to_parent, int from_parent)
{
    struct sg_node *node = start_node(seed);
    struct confession confession = {.id = id_of(node)};
    struct sg_stats stats;
    char byte;
    if (write(to_parent, &confession, sizeof confession) != sizeof confession)
        _exit(1);
    if (read(from_parent, &byte, 1) != 1)
        _exit(1);
    sg_node_stats(node, &stats);
    confession.failures = stats.failures;
    confession.members = stats.members;
    if (write(to_parent, &confession, sizeof confession) != sizeof confession)
        _exit(1);
    sg_node_free(node);
    _exit(0);
}

static void read_confession(int fd, struct confession *out)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(read(fd, out, sizeof *out), sizeof *out);
}

/* It is not dead, and does not hold the others for dead: their answers waited in its socket. */
static void two_seconds_of_standing_still(void **state)
{
    (void)state;
    int up[2], down[2], place[2];
    char text[64] = "";
    assert_int_equal(pipe(up) | pipe(down) | pipe(place), 0);
    pid_t child = fork(); /* before this process has threads */
    assert_true(child >= 0);
    if (child == 0) {
        if (read(place[0], text, sizeof text) != sizeof text)
            _exit(1);
        live_as_child(text, up[1], down[0]);
    }
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(place_of(a).text);
    struct sg_node *c = start_node(place_of(a).text);
    (void)snprintf(text, sizeof text, "%s", place_of(a).text);
    assert_int_equal(write(place[1], text, sizeof text), sizeof text);
    struct confession confession;
    read_confession(up[0], &confession);
    struct sg_peer_id id = confession.id;
    (void)wait_member(a, SG_EVENT_MEMBER_JOIN, &id);
    (void)wait_member(b, SG_EVENT_MEMBER_JOIN, &id);
    (void)wait_member(c, SG_EVENT_MEMBER_JOIN, &id);
    assert_int_equal(kill(child, SIGSTOP), 0);
    uint64_t end = now_ms() + STILL_MS;
    struct sg_event event;
    unsigned failed = 0;
    for (uint64_t now = now_ms(); now < end; now = now_ms()) {
        if (sg_node_next_event(a, (int)(end - now), &event) == SG_OK)
            failed += event.kind == SG_EVENT_MEMBER_FAIL;
    }
    assert_int_equal(kill(child, SIGCONT), 0);
    end = now_ms() + 4000; /* longer than any suspicion */
    for (uint64_t now = now_ms(); now < end; now = now_ms()) {
        if (sg_node_next_event(a, (int)(end - now), &event) == SG_OK)
            failed += event.kind == SG_EVENT_MEMBER_FAIL;
    }
    struct sg_member member;
    assert_int_equal(failed, 0);
    assert_true(find_member(a, &id, &member));
    assert_int_equal(member.state, SG_MEMBER_ALIVE);
    assert_int_equal(write(down[1], "", 1), 1);
    read_confession(up[0], &confession);
    assert_int_equal(confession.failures, 0);
    assert_int_equal(confession.members, 3);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    for (int i = 0; i < 2; i++)
        (void)(close(up[i]) | close(down[i]) | close(place[i]));
    stop_fast(c);
    stop_fast(b);
    stop_fast(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_seconds_of_standing_still),
        cmocka_unit_test(members_come_and_go),
        cmocka_unit_test(datagrams_go_round),
        cmocka_unit_test(metadata_reaches_everyone),
        cmocka_unit_test(a_crash_is_noticed_and_given_up),
        cmocka_unit_test(the_event_descriptor),
        cmocka_unit_test(numbers_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
