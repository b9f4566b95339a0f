/* The peer cache and the contacts: what is kept, in what order, and what goes. */
#include "unit/store/store_fixture.h"

#include <sys/stat.h>

static void kept_across_restarts(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[8];
    size_t count = 9;
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(count, 0);
    see(peers, NOW_MS, 1, 2);
    see(peers, NOW_MS + 5, 1, 2);
    sg_peers_close(peers);
    peers = open_peers(*state);
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(count, 1);
    const struct sg_peer_id id = id_of(1);
    const struct sg_hints hints = hints_of(1);
    assert_memory_equal(&got[0].id, &id, sizeof id);
    assert_int_equal(got[0].hints.count, 1);
    assert_int_equal(got[0].hints.hint[0].len, 7);
    assert_memory_equal(got[0].hints.hint[0].b, hints.hint[0].b, 7);
    assert_int_equal(got[0].time_ms, NOW_MS + 5);
    assert_int_equal(got[0].successes, 2);
    assert_int_equal(got[0].failures, 0);
    sg_peers_close(peers);
}

static void files_are_private(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    static const char *const names[] = {"peers.db", "peers.db-wal", "peers.db-shm"};
    struct stat st;
    see(peers, NOW_MS, 1, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(file_in(*state, names[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    sg_peers_close(peers);
    assert_int_equal(temp_count(*state), 1); /* the log is folded back */
}

static void best_first(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[8];
    size_t count = 0;
    see(peers, NOW_MS - 5 * HOUR_MS, 1, 2); /* long ago */
    see(peers, NOW_MS, 2, 5);
    fail_peer(peers, 3, 1);
    fail_peer(peers, 4, 2);
    fail_peer(peers, 99, 1); /* unknown: nothing */
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(count, 4);
    static const unsigned order[] = {2, 1, 3, 4};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(got[i].id.b[1], order[i]);
    assert_int_equal(got[3].failures, 2);
    /* a link makes good for all failures */
    see(peers, NOW_MS + 1, 4, 5);
    assert_int_equal(sg_peers_best(peers, got, 1, &count), SG_OK);
    assert_int_equal(count, 1);
    assert_true(got[0].id.b[1] == 2 || got[0].id.b[1] == 4);
    sg_peers_close(peers);
}

static void equals_are_shuffled(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[64];
    size_t count = 0;
    bool was_first[100] = {false};
    unsigned different = 0;
    see(peers, NOW_MS, 0, 100);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(sg_peers_best(peers, got, 64, &count), SG_OK);
        assert_int_equal(count, 64);
        different += !was_first[got[0].id.b[1]];
        was_first[got[0].id.b[1]] = true;
    }
    assert_true(different > 15);
    sg_peers_close(peers);
}

static void cache_is_bounded(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    static struct sg_peers_entry got[2 * SG_PEERS_CACHE_MAX];
    size_t count = 0;
    see(peers, NOW_MS - 2 * HOUR_MS, 0, 100);
    see(peers, NOW_MS, 100, SG_PEERS_CACHE_MAX);
    fail_peer(peers, 500, 3);
    see(peers, NOW_MS, 2000, 2010); /* ten more: 500 goes, and nine of the oldest */
    assert_int_equal(sg_peers_best(peers, got, 2 * SG_PEERS_CACHE_MAX, &count), SG_OK);
    assert_int_equal(count, SG_PEERS_CACHE_MAX);
    unsigned old = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned n = got[i].id.b[0] * 256u + got[i].id.b[1];
        assert_int_not_equal(n, 500);
        old += n < 100;
    }
    assert_int_equal(old, 91);
    see(peers, NOW_MS, 5000, 5000 + 2048); /* more than fits at once */
    assert_int_equal(sg_peers_best(peers, got, 2 * SG_PEERS_CACHE_MAX, &count), SG_OK);
    assert_int_equal(count, SG_PEERS_CACHE_MAX);
    sg_peers_close(peers);
}

/* Hearsay does not make a peer look alive, and no hints do not erase hints. */
static void hearsay_and_missing_hints(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_sighting seen[] = {{.id = id_of(1)}, {.id = id_of(2), .hints = hints_of(2)}};
    const struct sg_peers_update update = {.wall_ms = NOW_MS, .seen = seen, .seen_count = 2};
    struct sg_peers_entry got[8];
    size_t count = 0;
    see(peers, NOW_MS - HOUR_MS, 1, 2);
    fail_peer(peers, 1, 1);
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(count, 2);
    assert_int_equal(got[0].id.b[1], 2);
    assert_int_equal(got[0].time_ms, 0);
    assert_int_equal(got[1].hints.count, 1);
    assert_int_equal(got[1].time_ms, NOW_MS - HOUR_MS);
    assert_int_equal(got[1].failures, 1);
    sg_peers_close(peers);
}

/* What was written while the clock was ahead does not stay in front for ever. */
static void a_clock_that_was_ahead(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[8];
    size_t count = 0;
    see(peers, NOW_MS + 10000 * HOUR_MS, 1, 2);
    see(peers, NOW_MS, 1, 2);
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(got[0].time_ms, NOW_MS);
    see(peers, UINT64_MAX, 1, 2);
    assert_int_equal(sg_peers_best(peers, got, 8, &count), SG_OK);
    assert_int_equal(got[0].time_ms, INT64_MAX);
    sg_peers_close(peers);
}

static void contacts_are_kept_and_bounded(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[SG_PEERS_CONTACTS_MAX];
    size_t count = 0;
    for (unsigned n = 0; n < SG_PEERS_CONTACTS_MAX; n++)
        put_contact(peers, n);
    const struct sg_peers_entry more = {.id = id_of(100)};
    assert_int_equal(sg_peers_contact_put(peers, &more), SG_ERR_FULL);
    put_contact(peers, 3); /* again: no more than there were */
    sg_peers_close(peers);
    peers = open_peers(*state);
    assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
    assert_int_equal(count, SG_PEERS_CONTACTS_MAX);
    for (unsigned n = 0; n < SG_PEERS_CONTACTS_MAX; n++)
        assert_int_equal(got[n].id.b[1], n);
    const struct sg_peer_id id = id_of(5);
    assert_int_equal(sg_peers_contact_remove(peers, &id), SG_OK);
    assert_int_equal(sg_peers_contact_remove(peers, &id), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_peers_contact_put(peers, &more), SG_OK);
    assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
    assert_int_equal(count, SG_PEERS_CONTACTS_MAX);
    sg_peers_close(peers);
}

/* Its address follows a contact; without a new one the old one stays. */
static void contact_hints_are_renewed(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[SG_PEERS_CONTACTS_MAX];
    size_t count = 0;
    struct sg_peers_entry contact = {.id = id_of(1), .time_ms = NOW_MS};
    assert_int_equal(sg_peers_contact_put(peers, &contact), SG_OK);
    struct sg_peers_sighting seen = linked(1);
    const struct sg_peers_update update = {.wall_ms = NOW_MS, .seen = &seen, .seen_count = 1};
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
    assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
    assert_int_equal(got[0].hints.count, 0); /* nobody said it is a contact */
    seen.is_contact = true;
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
    assert_int_equal(sg_peers_contact_put(peers, &contact), SG_OK);
    assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
    assert_int_equal(count, 1);
    assert_int_equal(got[0].hints.count, 1);
    assert_int_equal(got[0].time_ms, NOW_MS);
    sg_peers_close(peers);
}

static void two_hints_of_any_length(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_sighting seen = linked(1);
    struct sg_peers_entry got[1];
    size_t count = 0;
    seen.hints.count = 2;
    seen.hints.hint[1].len = SG_HINT_LEN_MAX;
    memset(seen.hints.hint[1].b, 0xee, SG_HINT_LEN_MAX);
    const struct sg_peers_update update = {.wall_ms = NOW_MS, .seen = &seen, .seen_count = 1};
    assert_int_equal(sg_peers_update(peers, &update), SG_OK);
    assert_int_equal(sg_peers_best(peers, got, 1, &count), SG_OK);
    assert_int_equal(got[0].hints.count, 2);
    assert_int_equal(got[0].hints.hint[1].len, SG_HINT_LEN_MAX);
    assert_memory_equal(got[0].hints.hint[1].b, seen.hints.hint[1].b, SG_HINT_LEN_MAX);
    sg_peers_close(peers);
}

/* The file may have been edited by anybody: rows without sense are passed over. */
static void rows_without_sense(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_entry got[16];
    size_t count = 0;
    see(peers, NOW_MS, 1, 2);
    sg_peers_close(peers);
    run_sql(*state, "INSERT INTO peers VALUES(zeroblob(32), x'00', 1, 1, 0);"
                    "INSERT INTO peers VALUES(randomblob(32), x'ff01', 1, 1, 0);"
                    "INSERT INTO peers VALUES(randomblob(32), x'0901', 1, 1, 0);"
                    "INSERT INTO peers VALUES(randomblob(32), x'010101010101', 1, 1, 0);"
                    "INSERT INTO peers VALUES(randomblob(32), zeroblob(100000), 1, 1, 0);"
                    "INSERT INTO peers VALUES(randomblob(32), x'0101', -5, -1, -9);"
                    "INSERT INTO contacts VALUES(randomblob(32), x'00', -1)");
    peers = open_peers(*state);
    assert_int_equal(sg_peers_best(peers, got, 16, &count), SG_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_true(got[i].time_ms == NOW_MS || got[i].time_ms == 0);
        assert_int_equal(got[i].failures, 0);
    }
    assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
    assert_int_equal(count, 0);
    sg_peers_close(peers);
}

static void a_folder_called_like_an_uri(void **state)
{
    char before[SG_FILE_PATH_MAX];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(mkdir("file:x", 0700), 0);
    struct sg_peers *peers = open_peers("file:x");
    sg_peers_close(peers);
    assert_int_equal(temp_count("file:x"), 1);
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(kept_across_restarts),
        CASE(files_are_private),
        CASE(best_first),
        CASE(equals_are_shuffled),
        CASE(cache_is_bounded),
        CASE(hearsay_and_missing_hints),
        CASE(a_clock_that_was_ahead),
        CASE(contacts_are_kept_and_bounded),
        CASE(contact_hints_are_renewed),
        CASE(two_hints_of_any_length),
        CASE(rows_without_sense),
        CASE(a_folder_called_like_an_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
