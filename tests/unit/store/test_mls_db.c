/* store/mls_db.c: all or nothing, one process at a time, and nothing stays of what was replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "store/mls_db.h"
#include "unit/os/faulty_sys.h"

#define GROUP SG_BYTES_LIT("garden")

static char path[SG_FILE_PATH_MAX];

static sg_err try_open(struct sg_mls_db **out)
{
    const struct sg_mls_db_options options = {path, sg_mem_default(), sg_file_sys_default()};
    return sg_mls_db_open(out, &options);
}

static struct sg_mls_db *open_db(void)
{
    struct sg_mls_db *db = NULL;
    assert_int_equal(try_open(&db), SG_OK);
    return db;
}

static void set_up(void **state)
{
    assert_int_equal(sg_file_path(path, *state, "mls.db"), SG_OK);
}

/* Half of the indices are secrets. */
static struct sg_mls_db_entry entry_of(uint32_t index)
{
    return (struct sg_mls_db_entry){1, index, {NULL, 0}, index < 1000};
}

static void put(struct sg_mls_db *db, struct sg_bytes group, uint32_t index, const char *value)
{
    struct sg_mls_db_entry entry = entry_of(index);
    if (value != NULL)
        entry.value = sg_bytes(value, strlen(value));
    assert_int_equal(sg_mls_db_write(db, group, &entry, 1), SG_OK);
}

static void expect(struct sg_mls_db *db, struct sg_bytes group, uint32_t index, const char *value)
{
    struct sg_mls_db_entry which = entry_of(index);
    uint8_t out[256];
    size_t len = 0;
    sg_err err = sg_mls_db_find(db, group, &which, &len);
    if (value == NULL) {
        assert_int_equal(err, SG_ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(err, SG_OK);
    assert_int_equal(len, strlen(value));
    assert_int_equal(sg_mls_db_read(db, out, len), SG_OK);
    assert_memory_equal(out, value, len);
}

static void entries_stay(void **state)
{
    struct stat info;
    set_up(state);
    struct sg_mls_db *db = open_db();
    expect(db, GROUP, 0, NULL);
    put(db, GROUP, 0, "zero");
    put(db, GROUP, UINT32_MAX, "last");
    put(db, SG_BYTES_LIT("other"), 0, "theirs");
    put(db, GROUP, 0, "zer0");
    put(db, GROUP, 1, "");
    put(db, GROUP, 0, "another length");
    expect(db, GROUP, 0, "another length");
    sg_mls_db_close(db);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    db = open_db();
    expect(db, GROUP, 0, "another length");
    expect(db, GROUP, 1, "");
    expect(db, GROUP, UINT32_MAX, "last");
    expect(db, SG_BYTES_LIT("other"), 0, "theirs");
    put(db, GROUP, 0, NULL);
    put(db, GROUP, 7, NULL);
    expect(db, GROUP, 0, NULL);
    expect(db, SG_BYTES_LIT("other"), 0, "theirs");
    sg_mls_db_close(db);
}

static void groups_are_listed_and_dropped(void **state)
{
    struct sg_bytes name;
    set_up(state);
    struct sg_mls_db *db = open_db();
    assert_int_equal(sg_mls_db_group(db, 0, &name), SG_ERR_NOT_FOUND);
    put(db, SG_BYTES_LIT("b"), 5, "of b");
    put(db, SG_BYTES_LIT("a"), 5, "of a");
    assert_int_equal(sg_mls_db_group(db, 1, &name), SG_OK);
    assert_true(sg_bytes_equal(name, SG_BYTES_LIT("a")));
    assert_int_equal(sg_mls_db_drop(db, SG_BYTES_LIT("b")), SG_OK);
    assert_int_equal(sg_mls_db_drop(db, SG_BYTES_LIT("unknown")), SG_OK);
    expect(db, SG_BYTES_LIT("b"), 5, NULL);
    expect(db, SG_BYTES_LIT("a"), 5, "of a");
    assert_int_equal(sg_mls_db_group(db, 0, &name), SG_OK);
    assert_true(sg_bytes_equal(name, SG_BYTES_LIT("a")));
    assert_int_equal(sg_mls_db_group(db, 1, &name), SG_ERR_NOT_FOUND);
    sg_mls_db_close(db);
}

static void change_by_hand(const char *statement)
{
    sqlite3 *sql;
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, statement, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sql), SQLITE_OK);
}

/* The number of a group that is gone serves again, when there are no others left. */
static void there_is_always_room_for_few_groups(void **state)
{
    set_up(state);
    struct sg_mls_db *db = open_db();
    put(db, SG_BYTES_LIT("a"), 5, "of a");
    put(db, SG_BYTES_LIT("b"), 5, "of b");
    put(db, SG_BYTES_LIT("c"), 5, "of c");
    sg_mls_db_close(db);
    change_by_hand("UPDATE groups SET id = 1048575 WHERE name = CAST('c' AS BLOB);"
                   "UPDATE entries SET id = id + (1048572 << 42) WHERE id >> 42 = 3");
    db = open_db();
    expect(db, SG_BYTES_LIT("c"), 5, "of c");
    put(db, SG_BYTES_LIT("d"), 5, "of d");
    assert_int_equal(sg_mls_db_drop(db, SG_BYTES_LIT("a")), SG_OK);
    put(db, SG_BYTES_LIT("e"), 5, "of e");
    expect(db, SG_BYTES_LIT("b"), 5, "of b");
    expect(db, SG_BYTES_LIT("c"), 5, "of c");
    expect(db, SG_BYTES_LIT("d"), 5, "of d");
    expect(db, SG_BYTES_LIT("e"), 5, "of e");
    expect(db, SG_BYTES_LIT("a"), 5, NULL);
    sg_mls_db_close(db);
}

static void a_batch_that_fails_changes_nothing(void **state)
{
    set_up(state);
    struct sg_mls_db *db = open_db();
    put(db, GROUP, 0, "before");
    const struct sg_mls_db_entry batch[] = {
        {1, 0, SG_BYTES_LIT("after"), true},
        {1, 1, SG_BYTES_LIT("new"), true},
        {SG_MLS_DB_KINDS, 0, SG_BYTES_LIT("no such kind"), false}};
    assert_int_equal(sg_mls_db_write(db, GROUP, batch, 3), SG_ERR_INVALID_ARGUMENT);
    expect(db, GROUP, 0, "before");
    expect(db, GROUP, 1, NULL);
    uint8_t out[3];
    assert_int_equal(sg_mls_db_read(db, out, 3), SG_ERR_INVALID_ARGUMENT);
    sg_mls_db_close(db);
}

static void one_process_at_a_time(void **state)
{
    struct sg_mls_db *db, *second;
    set_up(state);
    db = open_db();
    assert_int_equal(try_open(&second), SG_ERR_LOCKED);
    put(db, GROUP, 0, "mine");
    sg_mls_db_close(db);
    assert_int_equal(try_open(&second), SG_OK);
    sg_mls_db_close(second);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void strange_files_are_left_alone(void **state)
{
    struct sg_mls_db *db;
    sqlite3 *sql;
    set_up(state);
    write_file("this is a shopping list, not a database, and it is long enough to look like one; "
               "milk, bread, butter, a dozen of eggs");
    assert_int_equal(try_open(&db), SG_ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(try_open(&db), SG_ERR_CORRUPT);
    assert_int_equal(sqlite3_exec(sql,
                                  "PRAGMA application_id = 1396789069; PRAGMA user_version = 3",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(try_open(&db), SG_ERR_UNSUPPORTED);
    assert_int_equal(sqlite3_exec(sql, "PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sql), SQLITE_OK);
    assert_int_equal(try_open(&db), SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_file_path(path, *state, "no/such/folder"), SG_OK);
    assert_int_equal(try_open(&db), SG_ERR_NOT_FOUND);
}

/* ---- what stays on the disk ---- */

static bool file_contains(const char *name, const char *what)
{
    static uint8_t content[1 << 20];
    FILE *f = fopen(name, "rb");
    if (f == NULL)
        return false;
    size_t len = fread(content, 1, sizeof(content), f);
    assert_true(feof(f));
    (void)fclose(f);
    return memmem(content, len, what, strlen(what)) != NULL;
}

static bool disk_contains(const char *what)
{
    char journal[SG_FILE_PATH_MAX + 16];
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
    return file_contains(path, what) || file_contains(journal, what);
}

/* Long ones, too: they spread over several pages. */
static void make_secret(char *out, size_t len, unsigned n)
{
    memset(out, 'a' + (char)(n % 26), len);
    (void)snprintf(out, 24, "first-secret-%08u", n);
    out[23] = '-';
    (void)snprintf(out + len - 24, 24, "-last-secret-%08u", n);
}

static bool has_any(unsigned n)
{
    char first[24], last[24];
    (void)snprintf(first, sizeof(first), "first-secret-%08u", n);
    (void)snprintf(last, sizeof(last), "last-secret-%08u", n);
    return disk_contains(first) || disk_contains(last);
}

static void nothing_stays_of_what_was_replaced(void **state)
{
    static const size_t lengths[] = {60, 60, 200, 5000, 20000, 60};
    static char secret[20001];
    set_up(state);
    struct sg_mls_db *db = open_db();
    for (uint32_t i = 0; i < 200; i++)
        put(db, GROUP, 1000 + i, "neighbours, so that pages split and merge");
    for (unsigned n = 0; n < 60; n++) {
        size_t len = lengths[n % 6];
        make_secret(secret, len, n);
        struct sg_mls_db_entry entry = {2, n % 3, sg_bytes(secret, len), true};
        assert_int_equal(sg_mls_db_write(db, GROUP, &entry, 1), SG_OK);
        assert_true(has_any(n));
        if (n >= 3)
            assert_false(has_any(n - 3));
        if (n % 7 == 0)
            put(db, GROUP, 1000 + n, NULL);
    }
    assert_int_equal(sg_mls_db_drop(db, GROUP), SG_OK);
    for (unsigned n = 57; n < 60; n++)
        assert_false(has_any(n));
    sg_mls_db_close(db);
}

/* A process that dies in the middle: then the old state is there, whole; after that the journal is
 * empty of it. */
static void a_kill_leaves_the_state_before_or_after(void **state)
{
    set_up(state);
    struct sg_mls_db *db = open_db();
    put(db, GROUP, 0, "before the kill");
    sg_mls_db_close(db);
    pid_t child = fork();
    if (child == 0) {
        /* a transaction that has reached the journal and the file, but is not committed */
        sqlite3 *sql;
        if (sqlite3_open(path, &sql) != SQLITE_OK)
            _exit(1);
        int rc = sqlite3_exec(sql,
                              "PRAGMA secure_delete = ON; PRAGMA cache_size = 1; BEGIN;"
                              "UPDATE entries SET value = CAST('torn' AS BLOB);"
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                              "WHERE i < 500) INSERT INTO entries SELECT i, zeroblob(900) FROM n",
                              NULL, NULL, NULL);
        _exit(rc == SQLITE_OK ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(disk_contains("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")); /* a hot journal */
    db = open_db();
    expect(db, GROUP, 0, "before the kill");
    put(db, GROUP, 0, "after");
    assert_false(disk_contains("before the kill"));
    sg_mls_db_close(db);
}

/* A process that was killed between the commit and the zeros. */
static void remains_in_the_journal_go_at_the_next_open(void **state)
{
    char journal[SG_FILE_PATH_MAX + 16];
    set_up(state);
    struct sg_mls_db *db = open_db();
    put(db, GROUP, 0, "kept");
    sg_mls_db_close(db);
    (void)snprintf(journal, sizeof(journal), "%s-journal", path);
    FILE *f = fopen(journal, "r+");
    assert_non_null(f);
    assert_int_equal(fseek(f, 3000, SEEK_SET), 0);
    assert_int_equal(fputs("an old secret", f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
    assert_true(disk_contains("an old secret"));
    db = open_db();
    assert_false(disk_contains("an old secret"));
    expect(db, GROUP, 0, "kept");
    sg_mls_db_close(db);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(entries_stay),
        CASE(groups_are_listed_and_dropped),
        CASE(there_is_always_room_for_few_groups),
        CASE(a_batch_that_fails_changes_nothing),
        CASE(one_process_at_a_time),
        CASE(strange_files_are_left_alone),
        CASE(nothing_stays_of_what_was_replaced),
        CASE(a_kill_leaves_the_state_before_or_after),
        CASE(remains_in_the_journal_go_at_the_next_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
