/* Contacts and the peer cache through the public API: what a node still knows after a restart. */
#include "state_fixture.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "store/peers.h"
#include "unit/base/failing_mem.h"

struct contact_text {
    char text[SG_ID_TEXT_LEN + 80];
};

/* "<id>", or "<id>@address". */
static struct contact_text contact_of(const struct sg_node *node, bool with_address)
{
    struct contact_text out;
    struct sg_peer_id id = id_of(node);
    char id_text[SG_ID_TEXT_LEN + 1];
    sg_id_to_text(id.b, id_text);
    (void)snprintf(out.text, sizeof out.text, "%s%s%s", id_text, with_address ? "@" : "",
                   with_address ? place_of(node).text : "");
    return out;
}

static const char *peers_path(const char *dir)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/" SG_PEERS_FILE, dir);
    return path;
}

static void contacts_outlive_a_restart(void **state)
{
    const char *dir = *state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_with_state(dir, NULL);
    struct sg_peer_id id_a = id_of(a);
    struct sg_contact contacts[4];
    struct sg_member member;
    assert_int_equal(sg_contacts(b, contacts, 4), 0);
    assert_int_equal(sg_contact_add(b, contact_of(a, true).text), SG_OK);
    (void)wait_event(b, SG_EVENT_JOINED); /* dialled without a seed */
    stop_fast(b);
    assert_int_equal(unlink(peers_path(dir)), 0);

    /* with the contact alone, added before the start, and no cache */
    struct sg_node_config config = local_config();
    config.state_dir = dir;
    b = make_node(&config);
    assert_int_equal(sg_contact_add(b, contact_of(a, true).text), SG_OK);
    sg_node_free(b);
    b = start_with_state(dir, NULL);
    assert_int_equal(sg_contacts(b, contacts, 4), 1);
    assert_true(same_peer(&contacts[0].id, &id_a));
    assert_string_equal(contacts[0].address, place_of(a).text);
    (void)wait_event(b, SG_EVENT_JOINED);
    assert_int_equal(sg_contacts(b, contacts, 4), 1);
    assert_true(contacts[0].is_neighbor);
    assert_int_equal(sg_node_members(b, &member, 1), 1);
    assert_true(same_peer(&member.id, &id_a) && member.is_contact);
    assert_int_equal(sg_contact_remove(b, &id_a), SG_OK);
    assert_int_equal(sg_contact_remove(b, &id_a), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_contacts(b, contacts, 4), 0);
    stop_fast(b);
    b = start_with_state(dir, NULL);
    assert_int_equal(sg_contacts(b, contacts, 4), 0);
    stop_fast(b);
    stop_fast(a);
}

static void contacts_without_a_folder(void **state)
{
    (void)state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_node(NULL);
    struct sg_contact contact;
    char error[DETAIL_CAP];
    assert_int_equal(sg_contact_add(b, contact_of(b, true).text), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_contact_add(b, "nonsense"), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_contact_add(b, NULL), SG_ERR_INVALID_ARGUMENT);
    sg_node_last_error(b, error, sizeof error);
    assert_non_null(strstr(error, "<peer id>@address:port"));
    assert_int_equal(sg_contact_add(b, contact_of(a, false).text), SG_OK);
    assert_int_equal(sg_contacts(b, &contact, 1), 1);
    assert_string_equal(contact.address, "");
    assert_int_equal(sg_contact_add(b, contact_of(a, true).text), SG_OK); /* now with one */
    (void)wait_event(b, SG_EVENT_JOINED);
    assert_int_equal(sg_contacts(b, &contact, 1), 1);
    assert_string_equal(contact.address, place_of(a).text);
    for (unsigned i = 1; i < SG_PEERS_CONTACTS_MAX + 1; i++) {
        char text[SG_ID_TEXT_LEN + 1];
        struct sg_peer_id id = {{(uint8_t)i}};
        sg_id_to_text(id.b, text);
        assert_int_equal(sg_contact_add(b, text), i < SG_PEERS_CONTACTS_MAX ? SG_OK : SG_ERR_LIMIT);
    }
    assert_int_equal(sg_contacts(b, NULL, 0), SG_PEERS_CONTACTS_MAX);
    assert_int_equal(sg_node_leave(b), SG_OK);
    assert_int_equal(sg_contact_add(b, contact_of(a, true).text), SG_ERR_STOPPED);
    stop_fast(b);
    stop_fast(a);
}

/* Whoever was met is found again without seeds and contacts. */
static void the_cache_leads_back(void **state)
{
    const char *dir = *state;
    struct sg_node *a = start_node(NULL);
    struct sg_node *b = start_with_state(dir, place_of(a).text);
    struct stat st;
    (void)wait_event(b, SG_EVENT_JOINED);
    stop_fast(b);
    assert_int_equal(stat(peers_path(dir), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    for (int run = 0; run < 2; run++) {
        b = start_with_state(dir, NULL);
        (void)wait_event(b, SG_EVENT_JOINED);
        if (run == 0)
            assert_int_equal(sg_node_leave(b), SG_OK); /* what it knew before counts */
        stop_fast(b);
    }
    stop_fast(a);
}

static void a_bad_file_is_named_and_left_alone(void **state)
{
    const char *dir = *state;
    struct sg_node_config config = local_config();
    struct sg_node *node = NULL;
    char detail[DETAIL_CAP];
    char content[32] = "";
    config.state_dir = dir;
    FILE *file = fopen(peers_path(dir), "w");
    assert_non_null(file);
    assert_true(fputs("no database at all, but a text", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(sg_node_new(&config, &node, detail, sizeof detail), SG_ERR_CORRUPT);
    assert_null(node);
    assert_non_null(strstr(detail, peers_path(dir)));
    assert_non_null(strstr(detail, "move it away"));
    file = fopen(peers_path(dir), "r");
    assert_non_null(fgets(content, sizeof content, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(content, "no database at all, but a text");
    assert_int_equal(unlink(peers_path(dir)), 0);
    node = make_node(&config);
    sg_node_free(node);
}

/* A state folder that cannot be written is told once; the node runs on, and catches up later. */
static void a_locked_database_is_told_and_survived(void **state)
{
    const char *dir = *state;
    struct sg_topic_id topic = topic_of("locked");
    struct sg_node *a = start_node(NULL);
    struct sg_subscription *at_a = subscribe(a, &topic);
    struct sg_node *b = start_with_state(dir, place_of(a).text);
    (void)wait_event(b, SG_EVENT_JOINED); /* saved soon, but not yet */
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(peers_path(dir), &db), SQLITE_OK);
    assert_int_equal(sqlite3_busy_timeout(db, PATIENCE_MS), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    struct sg_event event = wait_event(b, SG_EVENT_STATE_FAILED);
    assert_int_equal(event.err, SG_ERR_LOCKED);
    assert_non_null(strstr(event.text, SG_PEERS_FILE));
    assert_int_equal(sg_contact_add(b, contact_of(a, true).text), SG_ERR_LOCKED);
    assert_int_equal(sg_contacts(b, NULL, 0), 0); /* not half added */
    publish(b, &topic, "still here");
    expect_text(at_a, "still here", b);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    stop_fast(b);
    b = start_with_state(dir, NULL); /* the last save of the stop found its way */
    (void)wait_event(b, SG_EVENT_JOINED);
    stop_fast(b);
    stop_fast(a);
}

#define DEAD 1000

static void fill_with_the_dead(const char *dir)
{
    const struct sg_peers_options options = {
        .dir = dir, .mem = sg_mem_default(), .sys = sg_file_sys_default()};
    struct sg_peers *peers = NULL;
    struct sg_peers_sighting *seen = calloc(DEAD, sizeof *seen);
    assert_non_null(seen);
    for (unsigned i = 0; i < DEAD; i++) {
        const uint8_t hint[7] = {4, 127, 1, (uint8_t)(i >> 8), (uint8_t)i, 0, 9}; /* discard */
        seen[i].id = (struct sg_peer_id){{(uint8_t)(i >> 8), (uint8_t)i, 1}};
        seen[i].hints.count = 1;
        seen[i].hints.hint[0].len = sizeof hint;
        memcpy(seen[i].hints.hint[0].b, hint, sizeof hint);
        seen[i].is_alive = seen[i].is_linked = true;
    }
    const struct sg_peers_update update = {.wall_ms = 1, .seen = seen, .seen_count = DEAD};
    assert_int_equal(sg_peers_open(&peers, &options), SG_OK);
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
    sg_peers_close(peers);
    free(seen);
}

/* traps.md 19: a thousand dead addresses cost no more than a few. */
static void a_thousand_dead_addresses(void **state)
{
    const char *dir = *state;
    static struct failing_mem counted;
    const struct sg_node_seams seams = {.mem = failing_mem_init(&counted, 0)};
    struct sg_node_config config = local_config();
    struct sg_node *node = NULL;
    struct sg_stats stats = {0};
    struct sg_event event;
    enum { LOOK_MS = 9000, EARLY_MS = 4000 };
    size_t early = 0, most = 0;
    fill_with_the_dead(dir);
    config.state_dir = dir;
    assert_int_equal(sg_node_new_with(&config, &seams, &node, NULL, 0), SG_OK);
    uint64_t begin = now_ms(); /* driven: the counts belong to this thread, or to none */
    while (now_ms() - begin < LOOK_MS) {
        assert_int_equal(sg_node_drive(node), SG_OK);
        struct pollfd p = {.fd = sg_node_fd(node), .events = POLLIN};
        int wait = sg_node_deadline_ms(node);
        (void)poll(&p, 1, wait < 0 || wait > 100 ? 100 : wait);
        while (sg_node_next_event(node, 0, &event) == SG_OK)
            continue;
        sg_node_stats(node, &stats);
        assert_true(stats.connections <= 16);
        if (now_ms() - begin < EARLY_MS)
            early = counted.live > early ? counted.live : early;
        most = counted.live > most ? counted.live : most;
    }
    assert_true(stats.dials >= 4); /* it does try: the machine asks four at a time */
    assert_true(stats.dials <= 64 + 16 * (LOOK_MS / 1000 + 1));
    assert_true(most <= early + early / 4);
    sg_node_free(node);
    assert_int_equal(counted.live, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, state_setup, state_teardown)
    const struct CMUnitTest tests[] = {
        CASE(contacts_outlive_a_restart),
        cmocka_unit_test(contacts_without_a_folder),
        CASE(the_cache_leads_back),
        CASE(a_bad_file_is_named_and_left_alone),
        CASE(a_locked_database_is_told_and_survived),
        CASE(a_thousand_dead_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
