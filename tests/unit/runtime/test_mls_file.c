/* runtime/mls_file.c, mls_storage.c: members in an SQLite file. A process that is killed at any
 * write comes back to the state before or after it, and what RFC 9420 s9.2 wants deleted is neither
 * in the file nor in the memory of the process. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "runtime/mls_impl.h"
#include "unit/os/faulty_sys.h"
#include "unit/runtime/mls_needles.h"

/* One client with its file, or without: then in memory only, for others to talk to. */
struct user {
    char path[SG_FILE_PATH_MAX];
    const char *name;
    struct sg_mls_blob secret; /* of the client, as if from a keystore */
    struct sg_mls_file *file;
    struct sg_mls_client *client;
    struct sg_mls_member *member;
};

static void start(struct user *u)
{
    struct sg_mls_client_config config;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(u->name);
    config.secret = bytes(&u->secret);
    config.past_epochs = 0;
    if (u->path[0] != '\0') {
        assert_int_equal(sg_mls_file_open(u->path, &u->file), SG_OK);
        sg_mls_file_storage(u->file, &config.storage);
    }
    assert_int_equal(sg_mls_client_new(&config, &u->client), SG_OK);
    if (u->secret.data == NULL)
        assert_int_equal(sg_mls_client_secret(u->client, &u->secret), SG_OK);
}

static void stop(struct user *u)
{
    sg_mls_member_free(u->member);
    sg_mls_client_free(u->client);
    sg_mls_file_close(u->file);
    u->member = NULL;
}

static void restart(struct user *u)
{
    stop(u);
    start(u);
    assert_int_equal(sg_mls_member_load(u->client, text("g"), &u->member), SG_OK);
}

static void user_fini(struct user *u)
{
    stop(u);
    sg_mls_blob_free(&u->secret);
}

struct pair {
    struct user alice, bob;
};

/* dir NULL: without a file. */
static void user_init(struct user *u, const char *dir, const char *name)
{
    char file[32];
    memset(u, 0, sizeof(*u));
    (void)snprintf(file, sizeof(file), "%s.db", name);
    if (dir != NULL)
        assert_int_equal(sg_file_path(u->path, dir, file), SG_OK);
    u->name = name;
    start(u);
}

static void set_up(struct pair *p, const char *dir, const char *bobs_dir)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    user_init(&p->alice, dir, "alice");
    user_init(&p->bob, bobs_dir, "bob");
    assert_int_equal(sg_mls_member_create(p->alice.client, text("g"), &p->alice.member), SG_OK);
    assert_int_equal(sg_mls_client_package(p->bob.client, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(p->alice.member, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(p->alice.member), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(p->bob.client, &join, &p->bob.member), SG_OK);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
}

static void receive(struct user *u, const struct sg_mls_blob *message, enum sg_mls_got got)
{
    struct sg_mls_received received;
    assert_int_equal(sg_mls_member_receive(u->member, bytes(message), &received), SG_OK);
    assert_int_equal(received.got, got);
    sg_mls_received_free(&received);
}

static void say(struct user *from, struct user *to)
{
    struct sg_mls_blob message;
    assert_int_equal(sg_mls_member_protect(from->member, text("hi"), text(""), &message), SG_OK);
    receive(to, &message, SG_MLS_GOT_DATA);
    sg_mls_blob_free(&message);
}

static void commit_by(struct user *from, struct user *to)
{
    struct sg_mls_commit_output output;
    assert_int_equal(sg_mls_member_commit(from->member, NULL, &output), SG_OK);
    receive(to, &output.commit, SG_MLS_GOT_COMMIT);
    receive(from, &output.commit, SG_MLS_GOT_COMMIT);
    sg_mls_commit_output_free(&output);
}

static uint64_t epoch_of(const struct user *u)
{
    struct sg_mls_state_info info;
    sg_mls_member_state(u->member, &info);
    return info.epoch;
}

static void members_come_back(void **state)
{
    struct pair p;
    struct sg_mls_blob id;
    struct sg_mls_member *again;
    set_up(&p, *state, *state);
    for (unsigned i = 0; i < 3; i++) {
        say(&p.alice, &p.bob);
        restart(&p.bob);
        say(&p.bob, &p.alice);
        restart(&p.alice);
        commit_by(i % 2 == 0 ? &p.alice : &p.bob, i % 2 == 0 ? &p.bob : &p.alice);
    }
    assert_int_equal(epoch_of(&p.alice), 4);
    assert_int_equal(sg_mls_file_group(p.alice.file, 0, &id), SG_OK);
    assert_int_equal(id.len, 1);
    sg_mls_blob_free(&id);
    assert_int_equal(sg_mls_file_group(p.alice.file, 1, &id), SG_ERR_NOT_FOUND);
    sg_mls_member_free(p.alice.member);
    p.alice.member = NULL;
    assert_int_equal(sg_mls_file_drop(p.alice.file, text("g")), SG_OK);
    assert_int_equal(sg_mls_member_load(p.alice.client, text("g"), &again), SG_ERR_NOT_FOUND);
    user_fini(&p.alice);
    user_fini(&p.bob);
}

/* ---- killed ---- */

/* Alice, in a process of her own, does what follows from where she is, and dies after so many
 * writes have begun: with a commit of hers pending, adopted, or one of Bob's processed. */
struct life {
    struct sg_mls_storage inner;
    unsigned writes_left;
};

static sg_err mortal_write(void *user, struct sg_bytes group_id, const struct sg_mls_item *items,
                           size_t count)
{
    struct life *life = user;
    if (life->writes_left-- == 0)
        _exit(7);
    sg_err err = life->inner.write(life->inner.user, group_id, items, count);
    if (life->writes_left-- == 0)
        _exit(7);
    return err;
}

static sg_err mortal_read(void *user, struct sg_bytes group_id, const struct sg_mls_item *item,
                          struct sg_mls_blob *value)
{
    struct life *life = user;
    return life->inner.read(life->inner.user, group_id, item, value);
}

static void put_file(const char *path, const struct sg_mls_blob *blob)
{
    assert_int_equal(sg_file_write(sg_file_sys_default(), path, bytes(blob), 0600), SG_OK);
}

/* Returns whether she came to the end. */
static bool live(struct user *u, const struct sg_mls_blob *theirs, const char *out, unsigned writes)
{
    pid_t child = fork();
    if (child != 0) {
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 7);
        return WEXITSTATUS(status) == 0;
    }
    struct life life = {.writes_left = writes};
    struct sg_mls_commit_output output;
    start(u);
    sg_mls_file_storage(u->file, &life.inner);
    u->client->config.storage = (struct sg_mls_storage){&life, mortal_write, mortal_read};
    if (sg_mls_member_load(u->client, text("g"), &u->member) != SG_OK)
        _exit(8);
    receive(u, theirs, SG_MLS_GOT_COMMIT);
    assert_int_equal(sg_mls_member_commit(u->member, NULL, &output), SG_OK);
    put_file(out, &output.commit);
    assert_int_equal(sg_mls_member_accept(u->member), SG_OK);
    _exit(0);
}

static void get_file(const char *path, struct sg_mls_blob *out)
{
    static uint8_t content[1 << 16];
    size_t len = 0;
    *out = (struct sg_mls_blob){NULL, 0};
    if (sg_file_read(sg_file_sys_default(), path, content, sizeof(content), &len) == SG_OK)
        assert_int_equal(sg_mls_blob_copy(sg_bytes(content, len), out), SG_OK);
}

/* What left her before the end must be what she can still stand for. */
static void after_a_kill(struct pair *p, const struct sg_mls_blob *theirs, const char *out)
{
    struct sg_mls_blob ours;
    struct sg_mls_state_info info;
    get_file(out, &ours);
    start(&p->alice);
    assert_int_equal(sg_mls_member_load(p->alice.client, text("g"), &p->alice.member), SG_OK);
    sg_mls_member_state(p->alice.member, &info);
    if (info.epoch == 1)
        receive(&p->alice, theirs, SG_MLS_GOT_COMMIT);
    if (ours.data != NULL) {
        receive(&p->bob, &ours, SG_MLS_GOT_COMMIT);
        if (epoch_of(&p->alice) == 2)
            receive(&p->alice, &ours, SG_MLS_GOT_COMMIT);
    } else if (info.has_pending) {
        assert_int_equal(sg_mls_member_discard(p->alice.member), SG_OK);
    }
    assert_int_equal(epoch_of(&p->alice), epoch_of(&p->bob));
    say(&p->alice, &p->bob);
    say(&p->bob, &p->alice);
    sg_mls_blob_free(&ours);
}

static void a_kill_at_any_write_is_survived(void **state)
{
    bool came_to_the_end = false;
    unsigned cases = 0;
    for (unsigned writes = 0; !came_to_the_end; writes++, cases++) {
        struct pair p;
        char dir[SG_FILE_PATH_MAX], out[SG_FILE_PATH_MAX], name[16];
        struct sg_mls_commit_output theirs;
        (void)snprintf(name, sizeof(name), "run%u", writes);
        assert_int_equal(sg_file_path(dir, *state, name), SG_OK);
        assert_int_equal(sg_file_mkdirs(sg_file_sys_default(), dir), SG_OK);
        assert_int_equal(sg_file_path(out, dir, "commit"), SG_OK);
        set_up(&p, dir, NULL);
        assert_int_equal(sg_mls_member_commit(p.bob.member, NULL, &theirs), SG_OK);
        assert_int_equal(sg_mls_member_accept(p.bob.member), SG_OK);
        stop(&p.alice);
        came_to_the_end = live(&p.alice, &theirs.commit, out, writes);
        after_a_kill(&p, &theirs.commit, out);
        sg_mls_commit_output_free(&theirs);
        user_fini(&p.alice);
        user_fini(&p.bob);
    }
    /* before and after each of three writes, and none */
    assert_int_equal(cases, 7);
}

/* ---- what stays ---- */

static void note_epoch(struct needles *n, const struct sg_mls_epoch *epoch)
{
    n->count = 0;
    note(n, epoch->secrets.init.b);
    note(n, epoch->secrets.exporter.b);
    note(n, epoch->secrets.external.b);
    note(n, epoch->secrets.membership_key.b);
    note(n, epoch->secrets.sender_data.b);
    note(n, epoch->secrets.confirmation_key.b);
    for (uint32_t i = 0; i < epoch->own.count; i++)
        note(n, epoch->own.keys[i].key);
    for (uint32_t i = 0; i < epoch->ratchets.node_count; i++)
        note(n, epoch->ratchets.nodes[i].secret.b);
}

static unsigned count_in_file(const char *path, const struct needles *n)
{
    static uint8_t content[1 << 20];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t len = read(fd, content, sizeof(content));
    (void)close(fd);
    assert_true(len >= 0 && len < (ssize_t)sizeof(content));
    unsigned found = count_in(content, (size_t)len, n);
    memset(content, 0, sizeof(content));
    return found;
}

static unsigned count_on_disk(const struct user *u, const struct needles *n)
{
    char journal[SG_FILE_PATH_MAX + 16];
    (void)snprintf(journal, sizeof(journal), "%s-journal", u->path);
    return count_in_file(u->path, n) + count_in_file(journal, n);
}

/* What the file has of the epoch, sealed: two pieces of it. */
static void note_sealed(struct needles *n, const struct user *u, uint64_t epoch)
{
    struct sg_mls_storage storage;
    struct sg_mls_item item = {SG_MLS_RECORD_EPOCH, (uint32_t)epoch, {NULL, 0}};
    struct sg_mls_blob value;
    n->count = 0;
    sg_mls_file_storage(u->file, &storage);
    assert_int_equal(storage.read(storage.user, text("g"), &item, &value), SG_OK);
    assert_true(value.len > 2 * NEEDLE);
    note(n, value.data);
    note(n, value.data + value.len - NEEDLE);
    sg_mls_blob_free(&value);
}

/* RFC9420 s9.2: neither in memory nor, even sealed, on the disk. */
static void deleted_secrets_are_gone(void **state)
{
    struct pair p;
    struct needles clear, sealed;
    set_up(&p, *state, NULL);
    stop(&p.bob); /* he knows the same secrets */
    for (unsigned i = 0; i < 2; i++) {
        struct sg_mls_commit_output output;
        note_epoch(&clear, p.alice.member->group->epoch);
        note_sealed(&sealed, &p.alice, epoch_of(&p.alice));
        assert_int_equal(count_on_disk(&p.alice, &sealed), sealed.count);
        assert_int_equal(count_on_disk(&p.alice, &clear), 0);
        assert_true(count_in_memory(&clear) >= clear.count);
        assert_int_equal(sg_mls_member_commit(p.alice.member, NULL, &output), SG_OK);
        assert_int_equal(sg_mls_member_accept(p.alice.member), SG_OK);
        sg_mls_commit_output_free(&output);
        assert_int_equal(count_on_disk(&p.alice, &sealed), 0);
        assert_int_equal(count_in_memory(&clear), 0);
        restart(&p.alice);
        assert_int_equal(count_in_memory(&clear), 0);
    }
    user_fini(&p.alice);
    sg_mls_blob_free(&p.bob.secret);
}

static void another_clients_secret_does_not_open_it(void **state)
{
    struct pair p;
    set_up(&p, *state, NULL);
    stop(&p.alice);
    sg_mls_blob_free(&p.alice.secret);
    assert_int_equal(sg_mls_blob_copy(bytes(&p.bob.secret), &p.alice.secret), SG_OK);
    start(&p.alice);
    assert_int_equal(sg_mls_member_load(p.alice.client, text("g"), &p.alice.member),
                     SG_ERR_CORRUPT);
    user_fini(&p.alice);
    user_fini(&p.bob);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, temp_setup, temp_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(members_come_back),
        CASE(a_kill_at_any_write_is_survived),
        CASE(deleted_secrets_are_gone),
        CASE(another_clients_secret_does_not_open_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
