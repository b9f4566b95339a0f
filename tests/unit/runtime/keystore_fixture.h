/* A state directory with an open keystore, and what the tests do with its files. */
#ifndef TEST_KEYSTORE_FIXTURE_H
#define TEST_KEYSTORE_FIXTURE_H

#include "unit/os/faulty_sys.h"

#include "base/bytes.h"
#include "crypto/hmac.h"
#include "runtime/keystore.h"

enum { HEAD_LEN = 43, CHECK_LEN = 32, PLAIN_LEN = 107, SEALED_LEN = 163, BOOT_LEN = 45 };

static const struct sg_bytes none = {NULL, 0};
static const struct sg_bytes pass = {(const uint8_t *)"correct horse", 13};
static const struct sg_bytes wrong = {(const uint8_t *)"battery staple", 14};
/* Cheap, so that the tests are quick. */
static const struct sg_keystore_options cheap = {.cost = {8, 1, 1}};

struct fixture {
    char *dir;
    struct sg_keystore ks;
};

static inline int setup(void **state)
{
    static struct fixture f;
    void *dir = NULL;
    *state = &f;
    if (temp_setup(&dir) != 0)
        return -1;
    f.dir = dir;
    return sg_keystore_init(&f.ks, f.dir, &cheap) == SG_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    void *dir = f->dir;
    sg_keystore_fini(&f->ks);
    return temp_teardown(&dir);
}

struct content {
    uint8_t data[600];
    size_t len;
};

static inline struct content read_file(const struct fixture *f, const char *name)
{
    struct content c;
    char path[SG_FILE_PATH_MAX];
    assert_int_equal(sg_file_path(path, f->dir, name), SG_OK);
    assert_int_equal(sg_file_read(sg_file_sys_default(), path, c.data, sizeof(c.data), &c.len),
                     SG_OK);
    return c;
}

static inline int no_fsync(int fd)
{
    (void)fd;
    return 0;
}

/* Thousands of damaged files need not be durable. */
static inline void write_file(const struct fixture *f, const char *name, const struct content *c)
{
    struct sg_file_sys sys = *sg_file_sys_default();
    char path[SG_FILE_PATH_MAX];
    sys.fsync = no_fsync;
    assert_int_equal(sg_file_path(path, f->dir, name), SG_OK);
    assert_int_equal(sg_file_write(&sys, path, sg_bytes(c->data, c->len), 0600), SG_OK);
}

static inline bool has_file(const struct fixture *f, const char *name)
{
    char path[SG_FILE_PATH_MAX];
    struct stat info;
    assert_int_equal(sg_file_path(path, f->dir, name), SG_OK);
    return lstat(path, &info) == 0;
}

static inline void remove_file(const struct fixture *f, const char *name)
{
    char path[SG_FILE_PATH_MAX];
    assert_int_equal(sg_file_path(path, f->dir, name), SG_OK);
    assert_int_equal(unlink(path), 0);
}

/* Makes check right again after a change: what a newer program, or a forger, would write. */
static inline void mend_check(struct content *c)
{
    struct sg_bytes body = {c->data, c->len - CHECK_LEN};
    assert_int_equal(
        sg_hmac(SG_HASH_SHA256, SG_BYTES_LIT("saorsa file v1"), &body, 1, c->data + body.len),
        SG_OK);
}

static inline struct sg_peer_id create(struct fixture *f, struct sg_bytes passphrase)
{
    struct sg_identity *identity;
    assert_int_equal(sg_keystore_create(&f->ks, passphrase, &identity), SG_OK);
    struct sg_peer_id id = *sg_identity_peer_id(identity);
    sg_identity_free(identity);
    return id;
}

static inline sg_err load(struct fixture *f, struct sg_bytes passphrase, struct sg_peer_id *id)
{
    struct sg_identity *identity;
    sg_err err = sg_keystore_load(&f->ks, passphrase, &identity);
    if (err != SG_OK) {
        assert_null(identity);
        return err;
    }
    *id = *sg_identity_peer_id(identity);
    sg_identity_free(identity);
    return SG_OK;
}

static inline sg_err load_any(struct fixture *f, struct sg_bytes passphrase)
{
    struct sg_peer_id id;
    return load(f, passphrase, &id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
