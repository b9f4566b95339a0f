/* What can be wrong with the file, the disk, the memory, and the moment. */
#include "unit/store/store_fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "unit/base/failing_mem.h"
#include "unit/store/full_disk.h"

static void write_file(const char *dir, const void *data, size_t len)
{
    const struct sg_file_sys *sys = sg_file_sys_default();
    assert_int_equal(sg_file_write(sys, file_in(dir, SG_PEERS_FILE), sg_bytes(data, len), 0600),
                     SG_OK);
}

static size_t read_back(const char *dir, uint8_t *out, size_t cap)
{
    size_t len = 0;
    const struct sg_file_sys *sys = sg_file_sys_default();
    assert_int_equal(sg_file_read(sys, file_in(dir, SG_PEERS_FILE), out, cap, &len), SG_OK);
    return len;
}

static uint8_t before[1 << 20];
static uint8_t after[1 << 20];

static void expect_refused_untouched(const char *dir, sg_err expected)
{
    struct sg_peers *peers = (struct sg_peers *)(uintptr_t)1;
    size_t len = read_back(dir, before, sizeof before);
    assert_int_equal(try_open(dir, &peers), expected);
    assert_null(peers);
    assert_int_equal(read_back(dir, after, sizeof after), len);
    assert_memory_equal(before, after, len);
}

static void not_a_database(void **state)
{
    char text[5000];
    memset(text, 'x', sizeof text);
    write_file(*state, text, sizeof text);
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
}

static void a_database_of_somebody_else(void **state)
{
    run_sql(*state, "CREATE TABLE mine(a); INSERT INTO mine VALUES(1)");
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
    run_sql(*state, "PRAGMA application_id = 77");
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
}

static void a_newer_version(void **state)
{
    sg_peers_close(open_peers(*state));
    run_sql(*state, "PRAGMA user_version = 2");
    expect_refused_untouched(*state, SG_ERR_UNSUPPORTED);
    run_sql(*state, "PRAGMA user_version = 0");
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
}

static void a_missing_table_or_column(void **state)
{
    sg_peers_close(open_peers(*state));
    run_sql(*state, "ALTER TABLE peers RENAME COLUMN seen_ms TO other");
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
    run_sql(*state, "DROP TABLE peers");
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
}

/* Damage anywhere is found or harmless: never a crash, never a change of the file when refused. */
static void damaged_pages(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    see(peers, NOW_MS, 0, 600);
    put_contact(peers, 1);
    sg_peers_close(peers);
    size_t len = read_back(*state, before, sizeof before);
    static uint8_t sound[1 << 20];
    memcpy(sound, before, len);
    unsigned refused = 0;
    for (size_t at = 0; at < len; at += 4096) {
        memcpy(before, sound, len);
        memset(before + at, 0xa5, 512);
        write_file(*state, before, len);
        peers = NULL;
        sg_err err = try_open(*state, &peers);
        if (err != SG_OK)
            assert_int_equal(err, SG_ERR_CORRUPT);
        refused += err != SG_OK;
        sg_peers_close(peers);
    }
    assert_int_equal(refused, len / 4096); /* each page has its header in front */
    write_file(*state, sound, len / 2 + 100);
    expect_refused_untouched(*state, SG_ERR_CORRUPT);
}

static void no_folder_and_no_right(void **state)
{
    struct sg_peers *peers = NULL;
    char longest[SG_FILE_PATH_MAX];
    assert_int_equal(try_open("/no/such/folder", &peers), SG_ERR_NOT_FOUND);
    memset(longest, 'd', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(try_open(longest, &peers), SG_ERR_TOO_LARGE);
    assert_int_equal(try_open("", &peers), SG_ERR_INVALID_ARGUMENT);
    if (geteuid() == 0)
        return; /* root may do anything */
    sg_peers_close(open_peers(*state));
    assert_int_equal(chmod(file_in(*state, SG_PEERS_FILE), 0), 0);
    assert_int_equal(try_open(*state, &peers), SG_ERR_PERMISSION);
}

static void making_the_file_fails(void **state)
{
    for (size_t n = 1; n < 20; n++) {
        struct sg_peers *peers = NULL;
        const struct sg_peers_options options = {
            .dir = *state, .mem = sg_mem_default(), .sys = &faulty_sys};
        faulty_set(n, ENOSPC, false);
        sg_err err = sg_peers_open(&peers, &options);
        if (faulty.calls < n) {
            assert_int_equal(err, SG_OK);
            sg_peers_close(peers);
            return;
        }
        assert_true(err == SG_ERR_NO_SPACE || err == SG_OK); /* closing a directory may fail */
        sg_peers_close(peers);
        if (err == SG_OK)
            assert_int_equal(unlink(file_in(*state, SG_PEERS_FILE)), 0);
    }
    fail_msg("no end");
}

static void somebody_else_writes(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    sqlite3 *db = NULL;
    const struct sg_peers_entry contact = {.id = id_of(1)};
    assert_int_equal(sqlite3_open(file_in(*state, SG_PEERS_FILE), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sg_peers_contact_put(peers, &contact), SG_ERR_LOCKED);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(sg_peers_contact_put(peers, &contact), SG_OK);
    sg_peers_close(peers);
}

/* ---- a full disk: SQLite's own system calls ---- */

static size_t count_entries(struct sg_peers *peers)
{
    static struct sg_peers_entry got[SG_PEERS_CACHE_MAX];
    size_t count = 0;
    assert_int_equal(sg_peers_best(peers, got, SG_PEERS_CACHE_MAX, &count), SG_OK);
    return count;
}

/* Whichever write finds no room: the transaction has not happened, and later ones work. */
static void full_disk(void **state)
{
    struct sg_peers *peers = open_peers(*state);
    struct sg_peers_sighting seen[200];
    for (unsigned n = 0; n < 200; n++)
        seen[n] = linked(n);
    const struct sg_peers_update update = {.wall_ms = NOW_MS, .seen = seen, .seen_count = 200};
    const struct sg_peers_entry contact = {.id = id_of(9)};
    unsigned failures = 0;
    see(peers, NOW_MS, 1000, 1001);
    for (int n = 0; n < 400; n++) {
        writes_left = n;
        limit_writes(true);
        sg_err put = sg_peers_contact_put(peers, &contact);
        sg_err err = sg_peers_update(peers, &update);
        limit_writes(false);
        if (err == SG_OK)
            break;
        failures++;
        assert_int_equal(err, SG_ERR_NO_SPACE);
        assert_true(put == SG_OK || put == SG_ERR_NO_SPACE);
        assert_int_equal(count_entries(peers), 1);
    }
    assert_true(failures > 5);
    assert_int_equal(count_entries(peers), 201);
    sg_peers_close(peers);
    peers = open_peers(*state);
    assert_int_equal(count_entries(peers), 201);
    sg_peers_close(peers);
}

/* ---- memory ---- */

static sqlite3_mem_methods real_memory;
static int allocations_left = -1; /* -1: no limit */

static bool memory_is_out(void)
{
    if (allocations_left < 0)
        return false;
    return allocations_left == 0 || allocations_left-- == 0;
}

static void *limited_malloc(int size)
{
    return memory_is_out() ? NULL : real_memory.xMalloc(size);
}

static void *limited_realloc(void *ptr, int size)
{
    return memory_is_out() ? NULL : real_memory.xRealloc(ptr, size);
}

static sg_err play(const char *dir)
{
    struct sg_peers *peers = NULL;
    struct sg_peers_sighting seen[] = {linked(1), linked(2)};
    const struct sg_peer_id failed = id_of(2);
    const struct sg_peers_update update = {
        .wall_ms = NOW_MS, .seen = seen, .seen_count = 2, .failed = &failed, .failed_count = 1};
    const struct sg_peers_entry contact = {.id = id_of(9)};
    struct sg_peers_entry got[SG_PEERS_CONTACTS_MAX];
    size_t count = 0;
    sg_err err = try_open(dir, &peers);
    if (err == SG_OK)
        err = sg_peers_update(peers, &update);
    if (err == SG_OK)
        err = sg_peers_contact_put(peers, &contact);
    if (err == SG_OK)
        err = sg_peers_best(peers, got, SG_PEERS_CONTACTS_MAX, &count);
    if (err == SG_OK)
        err = sg_peers_contacts(peers, got, &count);
    if (err == SG_OK)
        assert_int_equal(count, 1);
    sg_peers_close(peers);
    return err;
}

static void no_memory_for_sqlite(void **state)
{
    int n = 0;
    for (sg_err err = SG_ERR_NO_MEMORY; err != SG_OK; n++) {
        assert_true(n < 100000);
        allocations_left = n;
        err = play(*state);
        allocations_left = -1;
        if (err != SG_OK && err != SG_ERR_NO_MEMORY)
            fail_msg("allocation %d: %s", n, sg_err_name(err));
        n += n / 20; /* each of the first, then ever fewer */
    }
    assert_true(n > 100);
    assert_int_equal(play(*state), SG_OK);
}

static void no_memory_for_us(void **state)
{
    struct failing_mem failing;
    struct sg_peers *peers = NULL;
    struct sg_peers_options options = {.dir = *state, .sys = sg_file_sys_default()};
    options.mem = failing_mem_init(&failing, 1);
    assert_int_equal(sg_peers_open(&peers, &options), SG_ERR_NO_MEMORY);
    assert_null(peers);
    assert_int_equal(failing.live, 0);
}

/* ---- kill -9 ---- */

/* Writes until it is killed, and says through the pipe how many more contacts are safe. */
static void write_for_ever(const char *dir, int fd, size_t promised)
{
    struct sg_peers *peers = NULL;
    if (try_open(dir, &peers) != SG_OK)
        _exit(1);
    for (unsigned round = (unsigned)promised;; round++) {
        struct sg_peers_sighting seen[100];
        for (unsigned n = 0; n < 100; n++)
            seen[n] = linked(round * 100 % 5000 + n);
        const struct sg_peers_update update = {
            .wall_ms = NOW_MS + round, .seen = seen, .seen_count = 100};
        const struct sg_peers_entry contact = {.id = id_of(round), .time_ms = NOW_MS};
        if (sg_peers_update(peers, &update) != SG_OK)
            _exit(2);
        if (round < SG_PEERS_CONTACTS_MAX && sg_peers_contact_put(peers, &contact) == SG_OK &&
            write(fd, "", 1) != 1)
            _exit(3);
    }
}

static void kill_at(const char *dir, long delay_us, size_t *promised)
{
    int fd[2];
    char bytes[64];
    assert_int_equal(pipe(fd), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        write_for_ever(dir, fd[1], *promised);
    (void)close(fd[1]);
    struct timespec delay = {0, delay_us * 1000};
    (void)nanosleep(&delay, NULL); /* the moment is the point: any is right */
    assert_int_equal(kill(child, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    ssize_t got = read(fd[0], bytes, sizeof bytes);
    (void)close(fd[0]);
    assert_true(got >= 0);
    *promised += (size_t)got;
}

/* And more often on a busy machine, with more time each, until all contacts got there. */
static void killed_fifty_times(void **state)
{
    size_t promised = 0;
    unsigned seed = 12345;
    for (int i = 0; i < 50 || promised < SG_PEERS_CONTACTS_MAX; i++) {
        struct sg_peers_entry got[SG_PEERS_CONTACTS_MAX];
        size_t count = 0;
        seed = seed * 1103515245 + 12345;
        int longest_us = 60000 + 1000 * (i < 800 ? i : 800);
        kill_at(*state, 500 + (long)(seed >> 16) % longest_us, &promised);
        struct sg_peers *peers = open_peers(*state); /* quick_check is part of it */
        size_t entries = count_entries(peers);
        assert_true(entries <= SG_PEERS_CACHE_MAX);
        assert_int_equal(sg_peers_contacts(peers, got, &count), SG_OK);
        assert_true(count >= promised);
        sg_peers_close(peers);
    }
    assert_int_equal(promised, SG_PEERS_CONTACTS_MAX);
}

static int hook_memory(void **state)
{
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        return -1;
    sqlite3_mem_methods limited = real_memory;
    limited.xMalloc = limited_malloc;
    limited.xRealloc = limited_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &limited) == SQLITE_OK ? 0 : -1;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(not_a_database),
        CASE(a_database_of_somebody_else),
        CASE(a_newer_version),
        CASE(a_missing_table_or_column),
        CASE(damaged_pages),
        CASE(no_folder_and_no_right),
        CASE(making_the_file_fails),
        CASE(somebody_else_writes),
        CASE(full_disk),
        CASE(no_memory_for_sqlite),
        CASE(no_memory_for_us),
        CASE(killed_fifty_times),
    };
    return cmocka_run_group_tests(tests, hook_memory, NULL);
}
