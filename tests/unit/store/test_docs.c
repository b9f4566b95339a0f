/* store/docs.c: what is there after a crash, a full disk, damage; each error once. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "base/prng.h"
#include "store/docs.h"
#include "store/pack.h"
#include "unit/store/full_disk.h"

static char dir[64];
static char path[128];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/sg-docs-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/doc", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -r '%s'", dir);
    return system(command);
}

static sg_err open_docs(struct sg_docs **out, bool is_new)
{
    const struct sg_docs_options options = {.mem = sg_mem_default(),
                                            .sys = sg_file_sys_default(),
                                            .path = path,
                                            .genesis = sg_bytes("genesis", is_new ? 7 : 0)};
    return sg_docs_open(out, &options);
}

static struct sg_docs *must_open(bool is_new)
{
    struct sg_docs *docs = NULL;
    assert_int_equal(open_docs(&docs, is_new), SG_OK);
    return docs;
}

static uint8_t rest[300];

static struct sg_docs_batch batch_of(uint32_t number)
{
    struct sg_docs_batch batch = {.seq = number, .lamport = number + 1};
    batch.name[0] = (uint8_t)number;
    batch.name[1] = (uint8_t)(number >> 8);
    batch.name[31] = 1;
    batch.author[0] = (uint8_t)(number % 3);
    batch.prev[0] = 7;
    batch.rest = sg_bytes(rest, 1 + number % sizeof(rest));
    return batch;
}

static sg_err append(struct sg_docs *docs, uint32_t from, uint32_t count)
{
    struct sg_docs_batch batches[64];
    for (uint32_t i = 0; i < count; i++)
        batches[i] = batch_of(from + i);
    return sg_docs_append(docs, batches, count);
}

/* Rows are 0, 1, .. without a gap; gives how many. */
static uint32_t check_rows(struct sg_docs *docs)
{
    struct sg_docs_batch row;
    bool has_row = true;
    uint32_t count = 0;
    assert_int_equal(sg_docs_rewind(docs, 0), SG_OK);
    for (;; count++) {
        const struct sg_docs_batch want = batch_of(count);
        assert_int_equal(sg_docs_next(docs, &row, &has_row), SG_OK);
        if (!has_row)
            break;
        assert_int_equal(row.n, count + 1);
        assert_memory_equal(row.name, want.name, SG_ID_LEN);
        assert_memory_equal(row.author, want.author, SG_ID_LEN);
        assert_int_equal(row.seq, want.seq);
        assert_int_equal(row.lamport, want.lamport);
        assert_int_equal(row.prev[0], count == 0 ? 0 : 7);
        assert_int_equal(row.rest.len, want.rest.len);
    }
    assert_int_equal(sg_docs_last(docs), count);
    return count;
}

static void remove_doc(void)
{
    char command[160];
    (void)snprintf(command, sizeof(command), "rm -f '%s' '%s-wal' '%s-shm'", path, path, path);
    assert_int_equal(system(command), 0);
}

static void test_kept(void **state)
{
    (void)state;
    struct sg_docs *docs;
    struct sg_docs *other;
    struct stat st;
    uint8_t genesis[16];
    size_t len;
    assert_int_equal(open_docs(&docs, false), SG_ERR_NOT_FOUND);
    docs = must_open(true);
    assert_int_equal(open_docs(&other, false), SG_ERR_LOCKED);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(append(docs, 0, 64), SG_OK);
    assert_int_equal(append(docs, 64, 3), SG_OK);
    assert_int_equal(append(docs, 66, 3), SG_ERR_EXISTS); /* all or nothing */
    assert_int_equal(check_rows(docs), 67);
    sg_docs_close(docs);
    assert_int_equal(open_docs(&docs, true), SG_ERR_EXISTS);
    docs = must_open(false);
    assert_int_equal(sg_docs_genesis(docs, genesis, sizeof(genesis), &len), SG_OK);
    assert_int_equal(len, 7);
    assert_int_equal(sg_docs_genesis(docs, genesis, 6, &len), SG_ERR_CORRUPT);
    assert_int_equal(append(docs, 67, 1), SG_OK);
    assert_int_equal(check_rows(docs), 68);
    sg_docs_close(docs);
    remove_doc();
}

static void test_snapshots(void **state)
{
    (void)state;
    struct sg_docs *docs = must_open(true);
    struct sg_docs_snapshot snapshot;
    struct sg_docs_batch row;
    bool has_row;
    uint8_t *bytes;
    size_t len;
    const struct sg_docs_batch first = batch_of(0);
    assert_int_equal(append(docs, 0, 10), SG_OK);
    assert_int_equal(sg_docs_snapshot(docs, &snapshot), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_docs_put_snapshot(docs, 10, sg_bytes(rest, 300)), SG_OK);
    assert_int_equal(sg_docs_put_snapshot(docs, 9, sg_bytes(rest, 200)), SG_OK);
    assert_int_equal(sg_docs_snapshot(docs, &snapshot), SG_OK);
    assert_int_equal(snapshot.n, 9);
    assert_int_equal(snapshot.state.len, 200);
    assert_int_equal(snapshot.floor.len, 0);
    sg_docs_free_snapshot(docs, &snapshot);
    /* the newest of each chain: an author who forked has two */
    struct sg_docs_checkpoint five = {.chain = {1}, .seq = 5, .bytes = SG_BYTES_LIT("five")};
    struct sg_docs_checkpoint three = {.chain = {1}, .seq = 3, .bytes = SG_BYTES_LIT("three")};
    struct sg_docs_checkpoint fork = {.chain = {2}, .seq = 2, .bytes = SG_BYTES_LIT("2")};
    uint64_t after = 0;
    memcpy(five.author, first.author, SG_ID_LEN);
    memcpy(three.author, first.author, SG_ID_LEN);
    memcpy(fork.author, first.author, SG_ID_LEN);
    assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
    assert_false(has_row);
    assert_int_equal(sg_docs_put_checkpoint(docs, &five), SG_OK);
    assert_int_equal(sg_docs_put_checkpoint(docs, &three), SG_OK);
    assert_int_equal(sg_docs_put_checkpoint(docs, &fork), SG_OK);
    assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
    assert_true(has_row && len == 4);
    sg_mem_free(sg_mem_default(), bytes);
    assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
    assert_true(has_row && len == 1);
    sg_mem_free(sg_mem_default(), bytes);
    assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
    assert_false(has_row);
    assert_int_equal(sg_docs_unsynced(docs, &bytes, &len), SG_ERR_NOT_FOUND);
    assert_int_equal(
        sg_docs_compact(docs, sg_bytes(rest, 100), SG_BYTES_LIT("signed"), SG_BYTES_LIT("lost?")),
        SG_OK);
    assert_int_equal(sg_docs_unsynced(docs, &bytes, &len), SG_OK);
    assert_int_equal(len, 5);
    sg_mem_free(sg_mem_default(), bytes);
    assert_int_equal(sg_docs_forget_unsynced(docs), SG_OK);
    assert_int_equal(sg_docs_unsynced(docs, &bytes, &len), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_docs_snapshot(docs, &snapshot), SG_OK);
    assert_int_equal(snapshot.n, 10);
    assert_int_equal(snapshot.floor.len, 6);
    sg_docs_free_snapshot(docs, &snapshot);
    assert_int_equal(append(docs, 10, 1), SG_OK);
    assert_int_equal(sg_docs_rewind(docs, 10), SG_OK);
    assert_int_equal(sg_docs_next(docs, &row, &has_row), SG_OK);
    assert_true(has_row && row.n == 11);
    sg_docs_stop(docs);
    sg_docs_close(docs);
    remove_doc();
}

static void test_full_disk(void **state)
{
    (void)state;
    struct sg_docs *docs = must_open(true);
    assert_int_equal(append(docs, 0, 64), SG_OK);
    assert_int_equal(sg_docs_limit_pages(docs, 1), SG_OK); /* at least what there is */
    uint32_t count = 64;
    sg_err err = SG_OK;
    for (; err == SG_OK && count < 10000; count += 64)
        err = append(docs, count, 64);
    assert_int_equal(err, SG_ERR_NO_SPACE);
    count -= 64;
    assert_int_equal(check_rows(docs), count);
    assert_int_equal(sg_docs_limit_pages(docs, 0), SG_OK); /* somebody made room */
    assert_int_equal(append(docs, count, 64), SG_OK);
    assert_int_equal(check_rows(docs), count + 64);
    sg_docs_close(docs);
    docs = must_open(false);
    assert_int_equal(check_rows(docs), count + 64);
    sg_docs_close(docs);
    remove_doc();
}

/* Writes until it is killed; tells each number of rows that is durable. */
static void write_for_ever(int out, uint32_t seed)
{
    struct sg_docs *docs;
    struct sg_prng prng;
    sg_prng_init(&prng, seed);
    if (open_docs(&docs, access(path, F_OK) != 0) != SG_OK)
        _exit(1);
    for (;;) {
        uint32_t from = (uint32_t)sg_docs_last(docs);
        if (append(docs, from, 1 + (uint32_t)sg_prng_below(&prng, 64)) != SG_OK)
            _exit(1);
        uint32_t durable = (uint32_t)sg_docs_last(docs);
        if (write(out, &durable, sizeof(durable)) != sizeof(durable))
            _exit(1);
    }
}

static void test_killed(void **state)
{
    (void)state;
    struct sg_prng prng;
    sg_prng_init(&prng, 1);
    for (uint32_t round = 0; round < 12; round++) {
        int pipes[2];
        uint32_t told = 0;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_for_ever(pipes[1], round);
        close(pipes[1]);
        /* at any write: after so many answers, in the middle of the next one */
        for (uint64_t answers = sg_prng_below(&prng, 20); answers > 0; answers--)
            assert_int_equal(read(pipes[0], &told, sizeof(told)), sizeof(told));
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* and not by itself */
        uint32_t more;
        while (read(pipes[0], &more, sizeof(more)) == sizeof(more))
            told = more;
        close(pipes[0]);
        struct sg_docs *docs = NULL;
        sg_err err = open_docs(&docs, false);
        if (err == SG_ERR_NOT_FOUND && told == 0)
            continue; /* killed before there was a document */
        assert_int_equal(err, SG_OK);
        assert_true(check_rows(docs) >= told);
        sg_docs_close(docs);
    }
    remove_doc();
}

static void damage(long at, const char *bytes, size_t len, bool cut)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, len, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    if (cut)
        assert_int_equal(truncate(path, at), 0);
}

static void test_damaged(void **state)
{
    (void)state;
    static const struct {
        long at;
        const char *bytes;
        size_t len;
        bool cut;
        sg_err err;
    } cases[] = {
        {0, "X", 1, false, SG_ERR_CORRUPT},                   /* not SQLite's magic */
        {68, "\0\0\0\1", 4, false, SG_ERR_CORRUPT},           /* another application */
        {60, "\0\0\0\3", 4, false, SG_ERR_UNSUPPORTED},       /* a newer version */
        {4096, "x", 1, true, SG_ERR_CORRUPT},                 /* cut */
        {4096, "garbage garbage", 16, false, SG_ERR_CORRUPT}, /* the page of doc */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_docs *docs = must_open(true);
        struct stat before;
        struct stat after;
        assert_int_equal(append(docs, 0, 64), SG_OK);
        sg_docs_close(docs);
        damage(cases[i].at, cases[i].bytes, cases[i].len, cases[i].cut);
        assert_int_equal(stat(path, &before), 0);
        assert_int_equal(open_docs(&docs, false), cases[i].err);
        assert_int_equal(stat(path, &after), 0);
        assert_int_equal(before.st_size, after.st_size);
        assert_int_equal(before.st_mtime, after.st_mtime);
        remove_doc();
    }
}

static void test_pack(void **state)
{
    (void)state;
    uint8_t *packed;
    uint8_t *back;
    size_t len;
    size_t back_len;
    assert_int_equal(sg_pack(sg_mem_default(), sg_bytes(rest, 300), 9, &packed, &len), SG_OK);
    assert_true(len < 30);
    struct sg_bytes all = sg_bytes(packed, len);
    assert_int_equal(sg_unpack(sg_mem_default(), all, 300, &back, &back_len), SG_OK);
    assert_int_equal(back_len, 300);
    sg_mem_free(sg_mem_default(), back);
    assert_int_equal(sg_unpack(sg_mem_default(), all, 299, &back, &back_len), SG_ERR_OVERSIZED);
    all.len--;
    assert_int_equal(sg_unpack(sg_mem_default(), all, 300, &back, &back_len), SG_ERR_CORRUPT);
    packed[0] ^= 1;
    assert_int_equal(sg_unpack(sg_mem_default(), all, 300, &back, &back_len), SG_ERR_CORRUPT);
    sg_mem_free(sg_mem_default(), packed);
}

/* ---- versions -------------------------------------------------------------------------------- */

/* As programs made it that knew version 1. */
static const char schema_1[] =
    "CREATE TABLE doc(genesis BLOB NOT NULL) STRICT;"
    "CREATE TABLE author(id INTEGER PRIMARY KEY,"
    " name BLOB NOT NULL UNIQUE CHECK(length(name) = 32)) STRICT;"
    "CREATE TABLE batch(n INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE CHECK(length(name) = 32),"
    " author INTEGER NOT NULL REFERENCES author, seq INTEGER NOT NULL, lamport INTEGER NOT NULL,"
    " prev BLOB, rest BLOB NOT NULL) STRICT;"
    "CREATE TABLE checkpoint(author INTEGER PRIMARY KEY REFERENCES author, seq INTEGER NOT NULL,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE snapshot(n INTEGER PRIMARY KEY, state BLOB NOT NULL, floor BLOB NOT NULL) STRICT;"
    "PRAGMA application_id = 1396789068;"
    "PRAGMA user_version = 1;"
    "PRAGMA journal_mode = WAL;"
    "INSERT INTO doc VALUES(x'67656e65736973');"
    "INSERT INTO author VALUES(1, zeroblob(32));"
    "INSERT INTO batch VALUES(1, zeroblob(32), 1, 0, 1, x'', x'0102');"
    "INSERT INTO checkpoint VALUES(1, 3, x'616263');";
/* Of these it made each when it was needed. */
static const char more_1[] =
    "CREATE TABLE own(author INTEGER PRIMARY KEY REFERENCES author, name BLOB NOT NULL) STRICT;"
    "INSERT INTO own VALUES(1, zeroblob(32));"
    "CREATE TABLE used(author INTEGER PRIMARY KEY REFERENCES author, seq INTEGER NOT NULL) STRICT;"
    "INSERT INTO used VALUES(1, 7);"
    "CREATE TABLE signed(n INTEGER PRIMARY KEY, chain BLOB NOT NULL UNIQUE,"
    " author INTEGER NOT NULL REFERENCES author, seq INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;"
    "INSERT INTO signed VALUES(1, x'01', 1, 5, x'64656667');"
    "DELETE FROM checkpoint;";

static void exec(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t version_of(void)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t version = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return version;
}

/* What a file of version 1 has stays when it becomes version 2. */
static void test_version_1(void **state)
{
    (void)state;
    static const uint8_t author[SG_ID_LEN];
    for (int has_more = 0; has_more < 2; has_more++) {
        exec(schema_1);
        if (has_more)
            exec(more_1);
        for (int round = 0; round < 2; round++) {
            struct sg_docs *docs = must_open(false);
            struct sg_docs_batch row;
            uint8_t name[SG_ID_LEN];
            uint8_t *bytes;
            size_t len;
            bool has_row;
            uint32_t used;
            uint64_t after = 0;
            assert_int_equal(sg_docs_rewind(docs, 0), SG_OK);
            assert_int_equal(sg_docs_next(docs, &row, &has_row), SG_OK);
            assert_true(has_row && row.n == 1 && row.rest.len == 2);
            sg_docs_stop(docs);
            assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
            assert_true(has_row && len == (has_more ? 4 : 3));
            sg_mem_free(sg_mem_default(), bytes);
            assert_int_equal(sg_docs_own(docs, author, name), has_more ? SG_OK : SG_ERR_NOT_FOUND);
            assert_int_equal(sg_docs_used(docs, author, &used), SG_OK);
            assert_int_equal(used, has_more ? 7 : 0);
            sg_docs_close(docs);
            assert_int_equal(version_of(), 2);
        }
        remove_doc();
    }
}

/* Where a file of version 1 has two checkpoints of an author, the newer one stays. */
static void test_newest_checkpoint(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "INSERT INTO signed VALUES(2, zeroblob(32), 1, 2, x'64656667');"
        "INSERT INTO checkpoint VALUES(1, 3, x'616263')",
        "INSERT INTO signed VALUES(2, zeroblob(32), 1, 4, x'616263');"
        "INSERT INTO checkpoint VALUES(1, 3, x'64656667')",
    };
    for (size_t i = 0; i < 2; i++) {
        struct sg_docs *docs;
        uint64_t after = 0;
        uint8_t *bytes;
        size_t len;
        bool has_row;
        exec(schema_1);
        exec(more_1);
        exec("DELETE FROM signed");
        exec(rows[i]);
        docs = must_open(false);
        assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
        assert_true(has_row);
        assert_int_equal(len, 3);
        assert_memory_equal(bytes, "abc", 3);
        sg_mem_free(sg_mem_default(), bytes);
        assert_int_equal(sg_docs_checkpoint(docs, &after, &bytes, &len, &has_row), SG_OK);
        assert_false(has_row);
        sg_docs_close(docs);
        remove_doc();
    }
}

/* A file of version 1 on a full disk cannot be opened; it is told why, and the file stays as it is
 * until there is room. */
static void test_version_1_full_disk(void **state)
{
    (void)state;
    struct sg_docs *docs;
    uint32_t failures = 0;
    exec(schema_1);
    exec(more_1);
    for (int n = 0; n < 400; n++) {
        writes_left = n;
        limit_writes(true);
        sg_err err = open_docs(&docs, false);
        if (err == SG_OK)
            sg_docs_close(docs);
        limit_writes(false);
        if (err == SG_OK)
            break;
        failures++;
        assert_int_equal(err, SG_ERR_NO_SPACE);
        assert_int_equal(version_of(), 1);
    }
    assert_true(failures > 5);
    assert_int_equal(version_of(), 2);
    remove_doc();
}

/* A newer file, and one whose tables are not those of its version, stay as they are. */
static void test_other_versions(void **state)
{
    (void)state;
    struct sg_docs *docs;
    exec(schema_1);
    exec("PRAGMA user_version = 3");
    assert_int_equal(open_docs(&docs, false), SG_ERR_UNSUPPORTED);
    assert_int_equal(version_of(), 3);
    exec("PRAGMA user_version = 2");
    assert_int_equal(open_docs(&docs, false), SG_ERR_CORRUPT);
    exec("PRAGMA user_version = 1; DROP TABLE checkpoint");
    assert_int_equal(open_docs(&docs, false), SG_ERR_CORRUPT);
    assert_int_equal(version_of(), 1);
    remove_doc();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept),           cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_full_disk),      cmocka_unit_test(test_killed),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_pack),
        cmocka_unit_test(test_version_1),      cmocka_unit_test(test_newest_checkpoint),
        cmocka_unit_test(test_other_versions), cmocka_unit_test(test_version_1_full_disk),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
