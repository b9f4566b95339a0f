/* Durable messages: what is kept, in what order it is read, and what goes. */
#include "store/messages.h"
#include "unit/store/store_fixture.h"

static sg_err open_with(const char *dir, struct sg_messages **out)
{
    const struct sg_messages_options options = {
        .dir = dir, .mem = sg_mem_default(), .sys = sg_file_sys_default()};
    return sg_messages_open(out, &options);
}

static struct sg_messages *open_messages(const char *dir)
{
    struct sg_messages *messages = NULL;
    assert_int_equal(open_with(dir, &messages), SG_OK);
    assert_non_null(messages);
    return messages;
}

static const struct sg_topic_id topic = {{7}};

static struct sg_buf *buf_of(size_t len, uint8_t fill)
{
    struct sg_buf *buf = sg_buf_new(sg_mem_default(), len);
    assert_non_null(buf);
    memset(buf->data, fill, len);
    buf->len = (uint32_t)len;
    return buf;
}

/* Message n, of author n % 3, under the root n / 4. */
static struct sg_messages_row row_of(unsigned n, uint64_t time_ms, size_t len)
{
    struct sg_messages_row row = {.topic = topic, .time_ms = time_ms, .author = id_of(n % 3)};
    row.id.b[0] = (uint8_t)(n >> 8);
    row.id.b[1] = (uint8_t)n;
    row.root[0] = (uint8_t)(n / 4);
    row.root[1] = (uint8_t)(n / 4 >> 8);
    row.gossip = buf_of(len, (uint8_t)n);
    row.root_frame = buf_of(40, (uint8_t)(n / 4));
    row.key_frame = buf_of(50, (uint8_t)(n % 3));
    return row;
}

static void put(struct sg_messages *messages, unsigned from, unsigned to, size_t len)
{
    struct sg_messages_row rows[64];
    for (unsigned n = from; n < to; n += 64) {
        size_t count = 0;
        for (unsigned i = n; i < to && i < n + 64; i++)
            rows[count++] = row_of(i, NOW_MS + i, len);
        assert_int_equal(sg_messages_put(messages, rows, count), SG_OK);
        for (size_t i = 0; i < count; i++)
            sg_messages_row_fini(&rows[i]);
    }
}

static struct sg_messages_query all(void)
{
    return (struct sg_messages_query){.topic = topic, .upto_number = UINT64_MAX};
}

/* Reads on and drops; how many there were. Checks the order. */
static size_t count_from(struct sg_messages *messages, struct sg_messages_query query)
{
    struct sg_messages_row rows[7];
    size_t sum = 0;
    size_t got = 0;
    do {
        assert_int_equal(sg_messages_read(messages, &query, rows, 7, &got), SG_OK);
        for (size_t i = 0; i < got; i++) {
            assert_true(rows[i].time_ms >= query.since_ms);
            query.since_ms = rows[i].time_ms;
            query.after_number = rows[i].number;
            sg_messages_row_fini(&rows[i]);
        }
        sum += got;
    } while (got > 0);
    return sum;
}

static void kept_with_their_proofs(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    put(messages, 0, 100, 10);
    sg_messages_close(messages);
    messages = open_messages(*state);
    struct sg_messages_query query = all();
    struct sg_messages_row rows[100];
    size_t got = 0;
    query.has_proofs = true;
    assert_int_equal(sg_messages_read(messages, &query, rows, 100, &got), SG_OK);
    assert_int_equal(got, 100);
    for (unsigned n = 0; n < 100; n++) {
        struct sg_messages_row want = row_of(n, NOW_MS + n, 10);
        assert_memory_equal(&rows[n].id, &want.id, sizeof want.id);
        assert_memory_equal(&rows[n].author, &want.author, sizeof want.author);
        assert_memory_equal(rows[n].root, want.root, sizeof want.root);
        assert_int_equal(rows[n].time_ms, want.time_ms);
        assert_true(sg_bytes_equal(sg_buf_bytes(rows[n].gossip), sg_buf_bytes(want.gossip)));
        assert_true(
            sg_bytes_equal(sg_buf_bytes(rows[n].root_frame), sg_buf_bytes(want.root_frame)));
        assert_true(sg_bytes_equal(sg_buf_bytes(rows[n].key_frame), sg_buf_bytes(want.key_frame)));
        sg_messages_row_fini(&want);
        sg_messages_row_fini(&rows[n]);
    }
    sg_messages_close(messages);
}

static void read_by_time_up_to_a_number(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    uint64_t last = 1;
    assert_int_equal(sg_messages_last(messages, &last), SG_OK);
    assert_int_equal(last, 0);
    put(messages, 50, 100, 10); /* the later ones first */
    put(messages, 0, 50, 10);
    assert_int_equal(count_from(messages, all()), 100);
    put(messages, 0, 100, 10); /* they are there */
    assert_int_equal(count_from(messages, all()), 100);
    struct sg_messages_query query = all();
    query.since_ms = NOW_MS + 90;
    assert_int_equal(count_from(messages, query), 10);
    query.topic.b[0] = 8;
    assert_int_equal(count_from(messages, query), 0);
    assert_int_equal(sg_messages_last(messages, &last), SG_OK);
    put(messages, 100, 120, 10);
    query = all();
    query.upto_number = last;
    assert_int_equal(count_from(messages, query), 100);
    sg_messages_close(messages);
}

/* Hundred messages of 10 bytes, of which four have a root of 40 in common. */
static void the_newest_that_there_is_room_for(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    struct sg_messages_query query = all();
    uint64_t from = 0;
    assert_int_equal(sg_messages_reach(messages, &query, 10, 1000, &from), SG_OK);
    assert_int_equal(from, 0); /* nothing there is all of it */
    put(messages, 0, 100, 10);
    assert_int_equal(sg_messages_reach(messages, &query, 100, 100000, &from), SG_OK);
    assert_int_equal(from, 0);
    assert_int_equal(sg_messages_reach(messages, &query, 99, 100000, &from), SG_OK);
    assert_int_equal(from, NOW_MS + 1);
    query.since_ms = from;
    assert_int_equal(count_from(messages, query), 99);
    query.since_ms = 0;
    assert_int_equal(sg_messages_reach(messages, &query, 100, 25 * (4 * 10 + 40), &from), SG_OK);
    assert_int_equal(from, 0);
    assert_int_equal(sg_messages_reach(messages, &query, 100, 25 * (4 * 10 + 40) - 1, &from),
                     SG_OK);
    assert_int_equal(from, NOW_MS + 1);
    assert_int_equal(sg_messages_reach(messages, &query, 100, 2 * (4 * 10 + 40), &from), SG_OK);
    assert_int_equal(from, NOW_MS + 92);
    query.upto_number = 50; /* what came later does not count */
    assert_int_equal(sg_messages_reach(messages, &query, 10, 100000, &from), SG_OK);
    assert_int_equal(from, NOW_MS + 40);
    query.since_ms = NOW_MS + 45;
    assert_int_equal(sg_messages_reach(messages, &query, 10, 100000, &from), SG_OK);
    assert_int_equal(from, NOW_MS + 45);
    sg_messages_close(messages);
}

static void go_by_age_and_by_size(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    uint64_t dropped = 0;
    put(messages, 0, 3000, 1000);
    assert_int_equal(sg_messages_trim(messages, NOW_MS + 500, UINT64_MAX, &dropped), SG_OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(count_from(messages, all()), 2500);
    assert_int_equal(sg_messages_trim(messages, 0, UINT64_C(1) << 20, &dropped), SG_OK);
    assert_in_range(dropped, 1024, 2500);
    assert_int_equal(count_from(messages, all()), 2500 - dropped);
    struct sg_messages_query query = all(); /* the newest stayed, with their proofs */
    query.since_ms = NOW_MS + 2990;
    query.has_proofs = true;
    assert_int_equal(count_from(messages, query), 10);
    uint64_t last = 0;
    assert_int_equal(sg_messages_trim(messages, NOW_MS + 3000, UINT64_MAX, &dropped), SG_OK);
    assert_int_equal(count_from(messages, all()), 0);
    assert_int_equal(sg_messages_last(messages, &last), SG_OK);
    put(messages, 0, 1, 10);
    query = all(); /* numbers are not given twice */
    query.upto_number = last;
    assert_int_equal(count_from(messages, query), 0);
    sg_messages_close(messages);
}

static void other_files_stay_as_they_are(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    sqlite3 *db = NULL;
    put(messages, 0, 1, 10);
    sg_messages_close(messages);
    assert_int_equal(sqlite3_open(file_in(*state, SG_MESSAGES_FILE), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 2", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(open_with(*state, &messages), SG_ERR_UNSUPPORTED);
    assert_null(messages);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1; DROP TABLE keys", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(open_with(*state, &messages), SG_ERR_CORRUPT);
    assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 5", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(open_with(*state, &messages), SG_ERR_CORRUPT);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_locked_file_changes_nothing(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    struct sg_messages_row row = row_of(1, NOW_MS, 10);
    sqlite3 *db = NULL;
    uint64_t dropped = 0;
    assert_int_equal(sqlite3_open(file_in(*state, SG_MESSAGES_FILE), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sg_messages_put(messages, &row, 1), SG_ERR_LOCKED);
    assert_int_equal(sg_messages_trim(messages, 0, 0, &dropped), SG_ERR_LOCKED);
    assert_int_equal(count_from(messages, all()), 0);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(sg_messages_put(messages, &row, 1), SG_OK);
    assert_int_equal(count_from(messages, all()), 1);
    sg_messages_row_fini(&row);
    sg_messages_close(messages);
}

/* The log of a process that was killed: a copy of the files as they stand, without a close. */
static void a_killed_writer_loses_nothing(void **state)
{
    struct sg_messages *messages = open_messages(*state);
    char command[2 * SG_FILE_PATH_MAX];
    put(messages, 0, 10, 10);
    (void)snprintf(command, sizeof command, "mkdir '%s/copy' && cp '%s'/messages.db* '%s/copy/'",
                   (char *)*state, (char *)*state, (char *)*state);
    assert_int_equal(system(command), 0);
    put(messages, 10, 20, 10);
    sg_messages_close(messages);
    char dir[SG_FILE_PATH_MAX];
    assert_int_equal(sg_file_path(dir, *state, "copy"), SG_OK);
    messages = open_messages(dir);
    assert_int_equal(count_from(messages, all()), 10);
    sg_messages_close(messages);
    (void)snprintf(command, sizeof command, "rm -r '%s/copy'", (char *)*state);
    assert_int_equal(system(command), 0);
}

int main(void)
{
#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        IN_DIR(kept_with_their_proofs),
        IN_DIR(read_by_time_up_to_a_number),
        IN_DIR(the_newest_that_there_is_room_for),
        IN_DIR(go_by_age_and_by_size),
        IN_DIR(other_files_stay_as_they_are),
        IN_DIR(a_locked_file_changes_nothing),
        IN_DIR(a_killed_writer_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
