/* A process that is killed while it writes: snapshots, compaction, adopting. Nothing that was told
 * to be durable is lost, and the document opens. */
#include "doc_fixture.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/doc_impl.h"

enum { KILLS = 12 };

/* What a child tells: how many characters are durable. */
static void tell(int fd, uint32_t count)
{
    if (write(fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        _exit(1);
}

/* Runs work in a child and kills it after so many microseconds; gives what it told last. */
static uint32_t run_and_kill(void (*work)(int fd, uint32_t have), uint32_t have, uint32_t after_us)
{
    int pipes[2];
    int status;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(pipes[0]);
        work(pipes[1], have);
        _exit(0);
    }
    (void)close(pipes[1]);
    uint32_t count = have;
    bool is_killed = false;
    while (read(pipes[0], &count, sizeof(count)) == (ssize_t)sizeof(count)) {
        if (is_killed)
            continue;
        const struct timespec pause = {0, (long)after_us * 1000};
        (void)nanosleep(&pause, NULL); /* where in its work it is killed is left to chance */
        assert_int_equal(kill(child, SIGKILL), 0);
        is_killed = true;
    }
    (void)close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return count;
}

static uint32_t length(struct sg_doc *doc)
{
    return sg_doc_text_len(doc, node(doc, SG_DOC_TEXT, "t"), SG_DOC_CHARS);
}

/* Types on, one character a batch, and now and then does what is tested. */
static void type_on(int fd, const char *name, uint32_t have, void (*now_and_then)(struct sg_doc *))
{
    struct sg_doc *doc = with_identity(name, "id");
    for (;;) {
        type(doc, have++, "x");
        tell(fd, have);
        if (have % 3 == 0)
            now_and_then(doc);
    }
}

static void compact_it(struct sg_doc *doc)
{
    if (sg_doc_compact(doc) != SG_OK)
        _exit(1);
}

static void compact_work(int fd, uint32_t have)
{
    type_on(fd, "compact", have, compact_it);
}

static void snapshot_it(struct sg_doc *doc)
{
    struct sg_column state = {.mem = doc->mem};
    if (sg_state_encode(doc->replica, &state) != SG_OK ||
        sg_docs_put_snapshot(doc->store, sg_docs_last(doc->store), sg_column_bytes(&state)) !=
            SG_OK)
        _exit(1);
    sg_column_fini(&state);
}

static void snapshot_work(int fd, uint32_t have)
{
    type_on(fd, "snapshot", have, snapshot_it);
}

static void kill_often(const char *name, void (*work)(int fd, uint32_t have))
{
    struct sg_doc *doc = with_identity(name, "id");
    type(doc, 0, "x");
    assert_int_equal(sg_doc_close(doc), SG_OK);
    uint32_t have = 1;
    for (uint32_t i = 0; i < KILLS; i++) {
        have = run_and_kill(work, have, 500 + i * 1700);
        doc = with_identity(name, "id");
        assert_in_range(length(doc), have, have + 1);
        have = length(doc);
        /* history, too: as long as there is some, it is whole */
        struct sg_doc_log_entry entry;
        sg_err err = sg_doc_log(doc, 0, &entry);
        assert_true(err == SG_OK || err == SG_ERR_NOT_FOUND);
        assert_int_equal(length(doc), have);
        assert_int_equal(sg_doc_close(doc), SG_OK);
    }
}

static void test_compact(void **state)
{
    (void)state;
    kill_often("compact", compact_work);
}

static void test_snapshot(void **state)
{
    (void)state;
    kill_often("snapshot", snapshot_work);
}

/* ---- adopting ---- */

static struct sg_doc_bytes floor_bundle;
static struct sg_peer_id floor_signer;

static struct sg_doc *open_late(void)
{
    struct sg_doc_options options = options_of("late", 3);
    struct sg_doc *doc = NULL;
    options.trusted = &floor_signer;
    options.trusted_count = 1;
    assert_int_equal(sg_doc_open(&options, &doc), SG_OK);
    return doc;
}

static void adopt_work(int fd, uint32_t have)
{
    struct sg_doc_bytes unsynced;
    struct sg_doc *doc = open_late();
    tell(fd, have);
    if (sg_doc_adopt(doc, view_of(&floor_bundle), &unsynced) != SG_OK)
        _exit(1);
    for (;;)
        (void)pause();
}

/* Whether a bundle has a batch of author 3. */
static bool is_his(const struct sg_doc_bytes *bundle)
{
    for (size_t i = 0; i + SG_ID_LEN < bundle->len; i++) {
        static const uint8_t author[SG_ID_LEN] = {3};
        if (memcmp(bundle->data + i, author, SG_ID_LEN) == 0)
            return true;
    }
    return false;
}

/* Either nothing has happened, or the floor is there and what it lacks is kept. */
static bool check_late(void)
{
    struct sg_doc_bytes kept;
    struct sg_doc *doc = open_late();
    bool is_adopted = length(doc) == strlen("begin more");
    sg_err err = sg_doc_unsynced(doc, &kept);
    assert_int_equal(err, is_adopted ? SG_OK : SG_ERR_NOT_FOUND);
    if (is_adopted) {
        assert_text(doc, "begin more");
        assert_true(is_his(&kept));
        sg_doc_bytes_free(&kept);
    } else {
        assert_text(doc, "mine begin ");
    }
    assert_int_equal(sg_doc_close(doc), SG_OK);
    return is_adopted;
}

static void remove_late(void)
{
    static const char *const ends[] = {"late", "late-wal", "late-shm", "late-lock"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        (void)unlink(path_of(ends[i]));
}

static void test_adopt(void **state)
{
    (void)state;
    struct sg_doc *doc = with_identity("floor", "id");
    type(doc, 0, "begin ");
    struct sg_doc_bytes early = export_for(doc, NULL);
    type(doc, 6, "more");
    assert_int_equal(sg_doc_compact(doc), SG_OK);
    floor_bundle = export_for(doc, NULL);
    assert_int_equal(sg_doc_close(doc), SG_OK);
    assert_int_equal(sg_identity_show(path_of("id"), NULL, &floor_signer), SG_OK);
    uint32_t adopted = 0;
    /* later and later, until one had the time for it, however busy the machine is */
    for (uint32_t i = 0; i < KILLS || (adopted == 0 && i < 10 * KILLS); i++) {
        const struct sg_doc_options options = options_of("late", 3);
        struct sg_doc *late = NULL;
        assert_int_equal(sg_doc_join(&options, view_of(&early), &late), SG_OK);
        type(late, 0, "mine ");
        assert_int_equal(sg_doc_close(late), SG_OK);
        (void)run_and_kill(adopt_work, 0, i < 48 ? i * i * 400 : 900000);
        adopted += check_late();
        remove_late();
    }
    assert_true(adopted > 0);
    sg_doc_bytes_free(&early);
    sg_doc_bytes_free(&floor_bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_adopt),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
