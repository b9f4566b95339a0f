/* Key and boot files of any content, read by the keystore through system calls that serve the input
 * from memory. The first byte chooses: bit 0: the check at the end is made right, or the fuzzer
 * would never get behind it; bit 1: with the passphrase of the corpus; bit 2: a boot file. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "crypto/hmac.h"
#include "runtime/keystore.h"

enum { CHECK_LEN = 32, FILE_MAX = 600, COST_AT = 43 };

static struct {
    uint8_t data[FILE_MAX];
    size_t len;
    size_t at;
} file;

static int mem_open(const char *path, int flags, mode_t mode)
{
    (void)path;
    (void)mode;
    if ((flags & O_EXCL) != 0) { /* nothing can be written: what is read must be enough */
        errno = ENOSPC;
        return -1;
    }
    file.at = 0;
    return 1000;
}

static ssize_t mem_read(int fd, void *out, size_t cap)
{
    size_t n = file.len - file.at < cap ? file.len - file.at : cap;
    assert(fd == 1000);
    if (n > 0)
        memcpy(out, file.data + file.at, n);
    file.at += n;
    return (ssize_t)n;
}

static int mem_fstat(int fd, struct stat *out)
{
    assert(fd == 1000);
    *out = (struct stat){.st_mode = S_IFREG | 0600};
    return 0;
}

static int mem_ok_fd(int fd)
{
    assert(fd == 1000);
    return 0;
}

static int mem_flock(int fd, int operation)
{
    (void)operation;
    return mem_ok_fd(fd);
}

static int mem_mkdir(const char *path, mode_t mode)
{
    (void)path;
    (void)mode;
    errno = EEXIST;
    return -1;
}

static int mem_unlink(const char *path)
{
    (void)path;
    errno = ENOENT;
    return -1;
}

static ssize_t no_write(int fd, const void *data, size_t len)
{
    (void)fd;
    (void)data;
    (void)len;
    abort();
}

static int no_rename(const char *from, const char *to)
{
    (void)from;
    (void)to;
    abort();
}

static int no_fchmod(int fd, mode_t mode)
{
    (void)fd;
    (void)mode;
    abort();
}

static const struct sg_file_sys mem_sys = {
    .open = mem_open,
    .read = mem_read,
    .write = no_write,
    .fchmod = no_fchmod,
    .fstat = mem_fstat,
    .fsync = mem_ok_fd,
    .close = mem_ok_fd,
    .rename = no_rename,
    .link = no_rename,
    .unlink = mem_unlink,
    .mkdir = mem_mkdir,
    .flock = mem_flock,
};

static void mend_check(void)
{
    if (file.len < CHECK_LEN)
        return;
    struct sg_bytes body = {file.data, file.len - CHECK_LEN};
    sg_err err =
        sg_hmac(SG_HASH_SHA256, SG_BYTES_LIT("saorsa file v1"), &body, 1, file.data + body.len);
    assert(err == SG_OK);
}

/* Costs that are allowed but would make each run take seconds. */
static bool is_expensive(void)
{
    static const uint8_t cheap[] = {0, 0, 0, 64, 0, 0, 0, 2, 0, 0, 0, 2};
    for (size_t i = 0; i < sizeof(cheap); i++) {
        if (COST_AT + i < file.len && file.data[COST_AT + i] > cheap[i])
            return true;
    }
    return false;
}

static void try_key(struct sg_keystore *ks, struct sg_bytes passphrase)
{
    struct sg_keystore_info info;
    struct sg_identity *identity;
    sg_err info_err = sg_keystore_read_info("dir", &ks->options, &info);
    assert(info_err == SG_OK || info_err == SG_ERR_CORRUPT || info_err == SG_ERR_UNSUPPORTED);
    if (info_err == SG_OK && info.is_sealed && is_expensive())
        return;
    sg_err err = sg_keystore_load(ks, passphrase, &identity);
    if (info_err != SG_OK)
        assert(err == info_err);
    if (err == SG_OK) {
        assert(sg_peer_id_equal(&info.peer_id, sg_identity_peer_id(identity)));
        assert(info.is_sealed == (passphrase.len > 0));
        sg_identity_free(identity);
        return;
    }
    assert(identity == NULL);
    assert(err == SG_ERR_CORRUPT || err == SG_ERR_UNSUPPORTED || err == SG_ERR_PASSPHRASE);
}

static void try_boot(struct sg_keystore *ks)
{
    uint32_t boot;
    sg_err err = sg_keystore_boot(ks, 1, &boot);
    assert(boot == 0);
    assert(err == SG_ERR_CORRUPT || err == SG_ERR_UNSUPPORTED || err == SG_ERR_LIMIT ||
           err == SG_ERR_NO_SPACE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_keystore_options options = {.sys = &mem_sys};
    struct sg_keystore ks;
    if (size < 1 || size - 1 > FILE_MAX)
        return 0;
    file.len = size - 1;
    memcpy(file.data, data + 1, file.len);
    if ((data[0] & 1) != 0)
        mend_check();
    sg_err err = sg_keystore_init(&ks, "dir", &options);
    assert(err == SG_OK);
    if ((data[0] & 4) != 0)
        try_boot(&ks);
    else if ((data[0] & 2) != 0)
        try_key(&ks, SG_BYTES_LIT("correct horse"));
    else
        try_key(&ks, sg_bytes(NULL, 0));
    sg_keystore_fini(&ks);
    return 0;
}
