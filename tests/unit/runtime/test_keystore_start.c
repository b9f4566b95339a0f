/* src/runtime/keystore.c: starts (load or create, boot numbers), and failing systems. */
#include "unit/runtime/keystore_fixture.h"

#include <sys/wait.h>

#include <openssl/rand.h>

#include "unit/base/failing_mem.h"

static sg_err load_or_create(struct fixture *f, struct sg_peer_id *id)
{
    struct sg_identity *identity;
    sg_err err = sg_keystore_load_or_create(&f->ks, none, &identity);
    if (err == SG_OK)
        *id = *sg_identity_peer_id(identity);
    sg_identity_free(identity);
    return err;
}

static void test_load_or_create(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id a;
    struct sg_peer_id b;
    assert_int_equal(load_or_create(f, &a), SG_OK);
    assert_int_equal(load_or_create(f, &b), SG_OK);
    assert_true(sg_peer_id_equal(&a, &b));
}

/* A boot file without a key tells that a key has been lost. */
static void test_lost_key_is_no_new_key(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id id;
    uint32_t boot;
    assert_int_equal(load_or_create(f, &id), SG_OK);
    assert_int_equal(sg_keystore_boot(&f->ks, 5, &boot), SG_OK);
    remove_file(f, "identity.key");
    assert_int_equal(load_or_create(f, &id), SG_ERR_NOT_FOUND);
    assert_false(has_file(f, "identity.key"));
    struct content c = {.len = 4, .data = "boot"};
    write_file(f, "boot", &c);
    assert_int_equal(load_or_create(f, &id), SG_ERR_CORRUPT);
    assert_false(has_file(f, "identity.key"));
}

static uint32_t boot_at(struct fixture *f, uint64_t wall_s)
{
    uint32_t boot;
    assert_int_equal(sg_keystore_boot(&f->ks, wall_s, &boot), SG_OK);
    return boot;
}

static void test_boot_counts(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(boot_at(f, 1000), 1000); /* the floor */
    assert_int_equal(boot_at(f, 1000), 1001);
    assert_int_equal(boot_at(f, 1000), 1002);
    assert_int_equal(boot_at(f, 0), 1003);
    assert_int_equal(boot_at(f, 2000), 2000);
    assert_int_equal(boot_at(f, UINT64_C(1) << 32), 2001); /* such a clock is not believed */
    remove_file(f, "boot");
    assert_int_equal(boot_at(f, 3000), 3000); /* the ghost had at most 2001 */
    remove_file(f, "boot");
    assert_int_equal(boot_at(f, 0), 1); /* never 0 */
}

static void test_boot_golden(void **state)
{
    struct fixture *f = *state;
    static const uint8_t check[] = {0x3f, 0x4f, 0xc0, 0xa0, 0xc2, 0xa5, 0x3f, 0x82,
                                    0x04, 0x2e, 0xa1, 0xec, 0x7d, 0x68, 0x46, 0x19,
                                    0x19, 0x1a, 0xab, 0x48, 0x3c, 0x8c, 0xf1, 0xb8,
                                    0x50, 0xea, 0xfd, 0xff, 0x4e, 0x2b, 0x7b, 0x53};
    (void)boot_at(f, 0x01020304);
    struct content c = read_file(f, "boot");
    assert_int_equal(c.len, BOOT_LEN);
    assert_memory_equal(c.data, "SAORSBOO\x01\x01\x02\x03\x04", 13);
    assert_memory_equal(c.data + 13, check, sizeof(check));
}

static void test_boot_limit(void **state)
{
    struct fixture *f = *state;
    uint32_t boot = 7;
    assert_true(boot_at(f, UINT32_MAX - 1) == UINT32_MAX - 1);
    assert_true(boot_at(f, 0) == UINT32_MAX);
    assert_int_equal(sg_keystore_boot(&f->ks, 0, &boot), SG_ERR_LIMIT);
    assert_int_equal(boot, 0);
}

static void check_bad_boot(struct fixture *f, const struct content *c, sg_err want)
{
    uint32_t boot = 7;
    write_file(f, "boot", c);
    assert_int_equal(sg_keystore_boot(&f->ks, 1, &boot), want);
    assert_int_equal(boot, 0);
    struct content after = read_file(f, "boot");
    assert_int_equal(after.len, c->len);
    assert_memory_equal(after.data, c->data, c->len);
}

static void test_damaged_boot(void **state)
{
    struct fixture *f = *state;
    (void)boot_at(f, 1);
    const struct content good = read_file(f, "boot");
    struct content c;
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        c = good;
        c.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        check_bad_boot(f, &c, SG_ERR_CORRUPT);
    }
    for (c = good; c.len > 0;) {
        c.len--;
        check_bad_boot(f, &c, SG_ERR_CORRUPT);
    }
    c = good;
    c.len = sizeof(c.data);
    check_bad_boot(f, &c, SG_ERR_CORRUPT);
    c.len = good.len + 1;
    mend_check(&c);
    check_bad_boot(f, &c, SG_ERR_CORRUPT);
    c = good;
    c.data[8] = 2;
    mend_check(&c);
    check_bad_boot(f, &c, SG_ERR_UNSUPPORTED);
    (void)create(f, none); /* a key file is no boot file */
    c = read_file(f, "identity.key");
    check_bad_boot(f, &c, SG_ERR_CORRUPT);
}

static void use_faulty(struct fixture *f, size_t n, int error, bool is_crash)
{
    faulty_set(n, error, is_crash);
    f->ks.options.sys = &faulty_sys;
}

static void use_real(struct fixture *f)
{
    f->ks.options.sys = sg_file_sys_default();
}

/* The n-th system call fails, for every n: no key, or the whole key. */
static void test_create_with_each_failure(void **state)
{
    struct fixture *f = *state;
    struct sg_identity *identity;
    size_t n = 0;
    sg_err err;
    do {
        use_faulty(f, ++n, ENOSPC, false);
        err = sg_keystore_create(&f->ks, none, &identity);
        use_real(f);
        if (err != SG_OK) {
            assert_int_equal(err, SG_ERR_NO_SPACE);
            assert_null(identity);
            assert_false(has_file(f, "identity.key"));
            continue;
        }
        struct sg_peer_id id;
        assert_int_equal(load(f, none, &id), SG_OK);
        assert_true(sg_peer_id_equal(&id, sg_identity_peer_id(identity)));
        sg_identity_free(identity);
        remove_file(f, "identity.key");
    } while (err != SG_OK || faulty.calls >= n);
    assert_int_equal(n, 12);
}

static void test_create_with_each_crash(void **state)
{
    struct fixture *f = *state;
    struct sg_identity *identity;
    struct sg_peer_id id;
    size_t n = 0;
    do {
        use_faulty(f, ++n, EIO, true);
        if (sg_keystore_create(&f->ks, none, &identity) == SG_OK)
            sg_identity_free(identity);
        use_real(f);
        sg_keystore_fini(&f->ks); /* the next start */
        assert_int_equal(sg_keystore_init(&f->ks, f->dir, &cheap), SG_OK);
        assert_int_equal(load_or_create(f, &id), SG_OK);
        assert_int_equal(temp_count(f->dir), 2); /* lock and key, no second name of the key */
        remove_file(f, "identity.key");
    } while (faulty.calls >= n);
}

/* Numbers that were given out never come again, whichever call fails or is the last. */
static void boot_with_each_failure(struct fixture *f, bool is_crash)
{
    uint32_t last = 0;
    size_t n = 0;
    do {
        uint32_t boot;
        use_faulty(f, ++n, EIO, is_crash);
        sg_err err = sg_keystore_boot(&f->ks, 0, &boot);
        use_real(f);
        if (err == SG_OK) {
            assert_true(boot > last);
            last = boot;
        } else {
            assert_int_equal(err, SG_ERR_IO);
            assert_int_equal(boot, 0);
        }
        boot = boot_at(f, 0);
        assert_true(boot > last);
        last = boot;
    } while (faulty.calls >= n);
    assert_true(n > 12);
}

static void test_boot_with_each_failure(void **state)
{
    struct fixture *f = *state;
    (void)boot_at(f, 0);
    boot_with_each_failure(f, false);
    boot_with_each_failure(f, true);
}

static void test_load_with_each_failure(void **state)
{
    struct fixture *f = *state;
    struct sg_peer_id id = create(f, pass);
    struct sg_peer_id read;
    size_t n = 0;
    do {
        use_faulty(f, ++n, EIO, false);
        sg_err err = load(f, pass, &read);
        assert_true(err == SG_ERR_IO || (err == SG_OK && sg_peer_id_equal(&id, &read)));
    } while (faulty.calls >= n);
    assert_string_equal(faulty.log, "open fstat read read close");
}

static void test_init_with_each_failure(void **state)
{
    struct fixture *f = *state;
    struct sg_keystore_options options = {.sys = &faulty_sys};
    struct sg_keystore ks;
    char path[SG_FILE_PATH_MAX];
    size_t n = 0;
    sg_err err;
    assert_int_equal(sg_file_path(path, f->dir, "sub"), SG_OK);
    do {
        faulty_set(++n, ENOSPC, false);
        err = sg_keystore_init(&ks, path, &options);
        assert_true(err == SG_OK || err == SG_ERR_NO_SPACE);
        if (err == SG_OK)
            sg_keystore_fini(&ks);
        temp_remove(path);
    } while (faulty.calls >= n);
    assert_int_equal(err, SG_OK);
}

static void test_out_of_memory(void **state)
{
    struct fixture *f = *state;
    struct failing_mem mem;
    struct sg_identity *identity;
    size_t n = 0;
    sg_err err;
    do {
        f->ks.options.mem = failing_mem_init(&mem, ++n);
        err = sg_keystore_create(&f->ks, none, &identity);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        assert_int_equal(has_file(f, "identity.key"), err == SG_OK);
        sg_identity_free(identity);
        assert_int_equal(mem.live, 0);
    } while (err != SG_OK);
    n = 0;
    do {
        f->ks.options.mem = failing_mem_init(&mem, ++n);
        err = sg_keystore_load(&f->ks, none, &identity);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        sg_identity_free(identity);
        assert_int_equal(mem.live, 0);
    } while (err != SG_OK);
    assert_int_equal(n, 3);
}

/* First of all: OpenSSL chooses its generator at the first draw. */
static void test_no_randomness_no_key(void **state)
{
    struct fixture *f = *state;
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        struct sg_identity *identity;
        bool is_set = RAND_set_DRBG_type(NULL, "NO-SUCH-GENERATOR", NULL, NULL, NULL) == 1;
        sg_err err = sg_keystore_create(&f->ks, none, &identity);
        _exit(is_set && err == SG_ERR_ENTROPY && identity == NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(has_file(f, "identity.key"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_randomness_no_key),
        TEST(test_load_or_create),
        TEST(test_lost_key_is_no_new_key),
        TEST(test_boot_counts),
        TEST(test_boot_golden),
        TEST(test_boot_limit),
        TEST(test_damaged_boot),
        TEST(test_create_with_each_failure),
        TEST(test_create_with_each_crash),
        TEST(test_boot_with_each_failure),
        TEST(test_load_with_each_failure),
        TEST(test_init_with_each_failure),
        TEST(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
