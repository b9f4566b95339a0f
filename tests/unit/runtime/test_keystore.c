#include "unit/runtime/keystore_fixture.h"

#include <sys/wait.h>

static void check_create_and_load(struct fixture *f, struct sg_bytes passphrase, size_t len)
{
    struct sg_peer_id made = create(f, passphrase);
    struct sg_peer_id read;
    struct stat info;
    char path[SG_FILE_PATH_MAX];
    assert_int_equal(load(f, passphrase, &read), SG_OK);
    assert_true(sg_peer_id_equal(&made, &read));
    assert_int_equal(sg_file_path(path, f->dir, "identity.key"), SG_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, len);
    assert_int_equal(temp_count(f->dir), 2); /* and the lock */
}

static void test_plain(void **state)
{
    check_create_and_load(*state, none, PLAIN_LEN);
}

static void test_sealed(void **state)
{
    check_create_and_load(*state, pass, SEALED_LEN);
}

/* With the cost that users get. */
static void test_sealed_by_default_cost(void **state)
{
    struct fixture *f = *state;
    sg_keystore_fini(&f->ks);
    assert_int_equal(sg_keystore_init(&f->ks, f->dir, NULL), SG_OK);
    check_create_and_load(f, pass, SEALED_LEN);
    struct content c = read_file(f, "identity.key");
    static const uint8_t cost[12] = {0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4};
    assert_memory_equal(c.data + HEAD_LEN, cost, sizeof(cost));
}

static bool holds_bytes(const struct content *c, const void *what, size_t len)
{
    for (size_t i = 0; i + len <= c->len; i++) {
        if (memcmp(c->data + i, what, len) == 0)
            return true;
    }
    return false;
}

/* The plain file holds the seed, at its place; a sealed file of the same seed would show it. */
static void test_where_the_seed_is(void **state)
{
    struct fixture *f = *state;
    struct sg_sig_seed seed;
    struct sg_identity *identity;
    struct sg_peer_id id = create(f, none);
    struct content c = read_file(f, "identity.key");
    memcpy(seed.b, c.data + HEAD_LEN, sizeof(seed.b));
    assert_int_equal(sg_identity_new(sg_mem_default(), &seed, &identity), SG_OK);
    assert_true(sg_peer_id_equal(sg_identity_peer_id(identity), &id));
    assert_true(holds_bytes(&c, id.b, sizeof(id.b)));
    sg_identity_free(identity);
}

/* Byte for byte: seed 00 01 .. 1f. Files that exist must stay readable for ever. */
static void test_golden_plain(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id id;
    struct sg_peer_id want;
    struct content c = {.len = PLAIN_LEN};
    static const char head[] = "SAORSKEY\x01\x01\x01";
    static const char text[] = "lu7l5kw6m7pf3nmk2xa4j4hr55uqbpzho4mvvhxsikjp4427t5ca";
    static const uint8_t check[] = {0x9b, 0x77, 0xfc, 0x08, 0x58, 0x2a, 0x96, 0x96,
                                    0x89, 0xfb, 0xdd, 0x82, 0xa4, 0x77, 0x77, 0x31,
                                    0x08, 0xee, 0xca, 0xc3, 0x4d, 0xbb, 0x4a, 0x7f,
                                    0xe5, 0x52, 0x76, 0xc3, 0x2c, 0x3b, 0x52, 0x6c};
    memcpy(c.data, head, 11);
    assert_int_equal(sg_id_from_text(text, sizeof(text) - 1, want.b), SG_OK);
    memcpy(c.data + 11, want.b, 32);
    for (size_t i = 0; i < 32; i++)
        c.data[HEAD_LEN + i] = (uint8_t)i;
    memcpy(c.data + HEAD_LEN + 32, check, sizeof(check));
    write_file(f, "identity.key", &c);
    assert_int_equal(load(f, none, &id), SG_OK);
    assert_true(sg_peer_id_equal(&id, &want));
}

/* The same seed sealed by another implementation (Python's cryptography): 64 KiB, 2 passes,
 * 2 lanes, salt 40 .. 4f, nonce 50 .. 5b. */
static void test_golden_sealed(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id id;
    static const struct content c = {
        .len = SEALED_LEN,
        .data = {0x53, 0x41, 0x4f, 0x52, 0x53, 0x4b, 0x45, 0x59, 0x01, 0x01, 0x02, 0x5d, 0x3e, 0xbe,
                 0xaa, 0xde, 0x67, 0xde, 0x5d, 0xb5, 0x8a, 0xd5, 0xc1, 0xc4, 0xf0, 0xf1, 0xef, 0x69,
                 0x00, 0xbf, 0x27, 0x77, 0x19, 0x5a, 0x9e, 0xf2, 0x42, 0x92, 0xfe, 0x73, 0x5f, 0x9f,
                 0x44, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x40,
                 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e,
                 0x4f, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x65,
                 0xfb, 0x5d, 0x60, 0x31, 0xaa, 0x01, 0x6f, 0x0a, 0x96, 0xba, 0x26, 0x83, 0xfc, 0x30,
                 0x7b, 0x68, 0xd2, 0x4f, 0x5c, 0x72, 0xce, 0xaf, 0x92, 0x8b, 0x15, 0x7f, 0xea, 0x89,
                 0x7b, 0xb7, 0x68, 0x7e, 0x39, 0xae, 0x2d, 0x5d, 0x1b, 0xf2, 0x04, 0x00, 0xae, 0x8d,
                 0x95, 0x75, 0x0c, 0x9e, 0xd1, 0x16, 0x5a, 0x68, 0x94, 0x87, 0xf5, 0x61, 0x9f, 0xff,
                 0x98, 0x94, 0x5c, 0xf2, 0xe1, 0xbc, 0xfb, 0x8c, 0xf7, 0xf6, 0xea, 0x70, 0x16, 0x7a,
                 0x96, 0x8e, 0xcc, 0x20, 0x44, 0xde, 0xa0, 0x42, 0x1b}};
    write_file(f, "identity.key", &c);
    assert_int_equal(load(f, pass, &id), SG_OK);
    assert_memory_equal(id.b, c.data + 11, sizeof(id.b));
    assert_int_equal(load_any(f, wrong), SG_ERR_PASSPHRASE);
}

static void test_two_creates_differ(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id a = create(f, none);
    remove_file(f, "identity.key");
    struct sg_peer_id b = create(f, none);
    assert_false(sg_peer_id_equal(&a, &b));
}

static void test_create_never_overwrites(void **state)
{
    struct fixture *f = *state;
    struct sg_identity *identity;
    struct content c = {.len = 3, .data = "foo"};
    write_file(f, "identity.key", &c); /* not even rubbish */
    assert_int_equal(sg_keystore_create(&f->ks, none, &identity), SG_ERR_EXISTS);
    assert_null(identity);
    c = read_file(f, "identity.key");
    assert_int_equal(c.len, 3);
    assert_memory_equal(c.data, "foo", 3);
    assert_int_equal(temp_count(f->dir), 2);
}

static void test_nothing_there(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load_any(f, none), SG_ERR_NOT_FOUND);
    assert_int_equal(temp_count(f->dir), 1);
}

static void test_passphrases(void **state)
{
    struct fixture *f = *state;
    (void)create(f, pass);
    assert_int_equal(load_any(f, pass), SG_OK);
    assert_int_equal(load_any(f, wrong), SG_ERR_PASSPHRASE);
    assert_int_equal(load_any(f, none), SG_ERR_PASSPHRASE);
    assert_int_equal(load_any(f, sg_bytes(pass.data, pass.len - 1)), SG_ERR_PASSPHRASE);
    remove_file(f, "identity.key");
    (void)create(f, none);
    assert_int_equal(load_any(f, pass), SG_ERR_PASSPHRASE);
    assert_int_equal(load_any(f, none), SG_OK);
}

/* Damaged in any way is damaged, whatever the passphrase, and the file stays as it is. */
static void check_damage(struct fixture *f, struct sg_bytes passphrase, const struct content *c)
{
    struct sg_keystore_info info;
    struct sg_identity *identity;
    write_file(f, "identity.key", c);
    assert_int_equal(load_any(f, passphrase), SG_ERR_CORRUPT);
    assert_int_equal(sg_keystore_read_info(f->dir, NULL, &info), SG_ERR_CORRUPT);
    assert_int_equal(sg_keystore_load_or_create(&f->ks, passphrase, &identity), SG_ERR_CORRUPT);
    assert_null(identity);
    struct content after = read_file(f, "identity.key");
    assert_int_equal(after.len, c->len);
    assert_memory_equal(after.data, c->data, c->len);
}

static void check_all_damage(struct fixture *f, struct sg_bytes passphrase)
{
    (void)create(f, passphrase);
    const struct content good = read_file(f, "identity.key");
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        struct content c = good;
        c.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_damage(f, passphrase, &c);
    }
    for (size_t len = 0; len < good.len; len++) {
        struct content c = good;
        c.len = len;
        check_damage(f, passphrase, &c);
    }
    for (size_t more = 1; more < sizeof(good.data) - good.len; more += 40) {
        struct content c = good;
        memset(c.data + c.len, 0, more);
        c.len += more;
        check_damage(f, passphrase, &c);
    }
    write_file(f, "identity.key", &good);
    assert_int_equal(load_any(f, passphrase), SG_OK);
}

static void test_damaged_plain(void **state)
{
    check_all_damage(*state, none);
}

static void test_damaged_sealed(void **state)
{
    check_all_damage(*state, pass);
}

/* A changed byte under a right check. */
static sg_err load_forged(struct fixture *f, const struct content *good, size_t at, uint8_t value)
{
    struct content c = *good;
    assert_true(c.data[at] != value);
    c.data[at] = value;
    mend_check(&c);
    write_file(f, "identity.key", &c);
    return load_any(f, c.data[10] == 2 ? pass : none);
}

static void test_newer_or_foreign_but_sound(void **state)
{
    struct fixture *f = *state;
    (void)create(f, none);
    const struct content good = read_file(f, "identity.key");
    struct content c = good;
    assert_int_equal(load_forged(f, &good, 0, 'X'), SG_ERR_CORRUPT);
    assert_int_equal(load_forged(f, &good, 8, 0), SG_ERR_UNSUPPORTED);
    assert_int_equal(load_forged(f, &good, 8, 2), SG_ERR_UNSUPPORTED);
    assert_int_equal(load_forged(f, &good, 9, 2), SG_ERR_UNSUPPORTED);
    assert_int_equal(load_forged(f, &good, 10, 0), SG_ERR_CORRUPT);
    assert_int_equal(load_forged(f, &good, 10, 2), SG_ERR_CORRUPT); /* sealed, but short */
    assert_int_equal(load_forged(f, &good, 10, 3), SG_ERR_CORRUPT);
    c.len++;
    mend_check(&c);
    check_damage(f, none, &c);
    c.len = good.len - 1;
    mend_check(&c);
    check_damage(f, none, &c);
}

/* The seed and the id belong together: a node never becomes somebody else. */
static void test_seed_and_id_must_match(void **state)
{
    struct fixture *f = *state;
    (void)create(f, none);
    const struct content good = read_file(f, "identity.key");
    for (size_t at = 11; at < HEAD_LEN + 32; at += 5)
        assert_int_equal(load_forged(f, &good, at, (uint8_t)~good.data[at]), SG_ERR_CORRUPT);
}

static void test_all_of_a_sealed_file_is_authenticated(void **state)
{
    struct fixture *f = *state;
    (void)create(f, pass);
    const struct content good = read_file(f, "identity.key");
    /* cost: memory_kib 8 -> 9, passes 1 -> 2; lanes 1 -> 0 is out of range */
    assert_int_equal(load_forged(f, &good, HEAD_LEN + 3, 9), SG_ERR_PASSPHRASE);
    assert_int_equal(load_forged(f, &good, HEAD_LEN + 7, 2), SG_ERR_PASSPHRASE);
    assert_int_equal(load_forged(f, &good, HEAD_LEN + 11, 0), SG_ERR_CORRUPT);
    assert_int_equal(load_forged(f, &good, HEAD_LEN, 0xff), SG_ERR_CORRUPT);
    for (size_t at = 11; at < SEALED_LEN - CHECK_LEN; at++) {
        if (at >= HEAD_LEN && at < HEAD_LEN + 12)
            continue;
        assert_int_equal(load_forged(f, &good, at, (uint8_t)~good.data[at]), SG_ERR_PASSPHRASE);
    }
}

static void test_open_to_others(void **state)
{
    struct fixture *f = *state;
    char path[SG_FILE_PATH_MAX];
    struct sg_keystore_info info;
    (void)create(f, none);
    assert_int_equal(sg_file_path(path, f->dir, "identity.key"), SG_OK);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(load_any(f, none), SG_ERR_PERMISSION);
    assert_int_equal(sg_keystore_read_info(f->dir, NULL, &info), SG_ERR_PERMISSION);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(load_any(f, none), SG_OK);
}

static void test_lock(void **state)
{
    struct fixture *f = *state;
    struct sg_keystore second;
    int status = -1;
    assert_int_equal(sg_keystore_init(&second, f->dir, NULL), SG_ERR_LOCKED);
    sg_keystore_fini(&second); /* harmless */
    pid_t child = fork();
    if (child == 0)
        _exit(sg_keystore_init(&second, f->dir, NULL) == SG_ERR_LOCKED ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sg_keystore_fini(&f->ks);
    assert_int_equal(sg_keystore_init(&second, f->dir, NULL), SG_OK);
    sg_keystore_fini(&second);
}

static void test_init_makes_the_directory(void **state)
{
    struct fixture *f = *state;
    struct sg_keystore ks;
    struct stat info;
    static char path[SG_FILE_PATH_MAX + 1];
    assert_int_equal(sg_file_path(path, f->dir, "a/b"), SG_OK);
    assert_int_equal(sg_keystore_init(&ks, path, NULL), SG_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    sg_keystore_fini(&ks);
    assert_int_equal(sg_file_path(path, f->dir, "lock/a"), SG_OK);
    assert_int_equal(sg_keystore_init(&ks, path, NULL), SG_ERR_IO);
    memset(path, 'p', SG_FILE_PATH_MAX);
    assert_int_equal(sg_keystore_init(&ks, path, NULL), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_keystore_init(&ks, "", NULL), SG_ERR_INVALID_ARGUMENT);
}

static void test_bad_cost(void **state)
{
    struct fixture *f = *state;
    struct sg_identity *identity;
    f->ks.options.cost = (struct sg_argon2id_cost){.memory_kib = 1, .passes = 1, .lanes = 1};
    assert_int_equal(sg_keystore_create(&f->ks, pass, &identity), SG_ERR_INVALID_ARGUMENT);
    assert_null(identity);
    assert_int_equal(temp_count(f->dir), 1);
}

static void test_read_info(void **state)
{
    struct fixture *f = *state;
    struct sg_keystore_info info;
    assert_int_equal(sg_keystore_read_info(f->dir, NULL, &info), SG_ERR_NOT_FOUND);
    struct sg_peer_id id = create(f, pass);
    assert_int_equal(sg_keystore_read_info(f->dir, NULL, &info), SG_OK);
    assert_true(sg_peer_id_equal(&info.peer_id, &id));
    assert_true(info.is_sealed);
    remove_file(f, "identity.key");
    (void)create(f, none);
    assert_int_equal(sg_keystore_read_info(f->dir, NULL, &info), SG_OK);
    assert_false(info.is_sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain),
        TEST(test_sealed),
        TEST(test_sealed_by_default_cost),
        TEST(test_where_the_seed_is),
        TEST(test_golden_plain),
        TEST(test_golden_sealed),
        TEST(test_two_creates_differ),
        TEST(test_create_never_overwrites),
        TEST(test_nothing_there),
        TEST(test_passphrases),
        TEST(test_damaged_plain),
        TEST(test_damaged_sealed),
        TEST(test_newer_or_foreign_but_sound),
        TEST(test_seed_and_id_must_match),
        TEST(test_all_of_a_sealed_file_is_authenticated),
        TEST(test_open_to_others),
        TEST(test_lock),
        TEST(test_init_makes_the_directory),
        TEST(test_bad_cost),
        TEST(test_read_info),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
