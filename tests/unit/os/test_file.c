#include "unit/os/faulty_sys.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/bytes.h"

static const struct sg_bytes old_bytes = {(const uint8_t *)"old content", 11};
static const struct sg_bytes new_bytes = {(const uint8_t *)"the new content, longer", 23};

static const struct sg_file_sys *sys(void)
{
    return sg_file_sys_default();
}

static const char *path_in(const char *dir, const char *name)
{
    static char path[SG_FILE_PATH_MAX];
    assert_int_equal(sg_file_path(path, dir, name), SG_OK);
    return path;
}

static bool holds(const char *path, struct sg_bytes want)
{
    uint8_t data[64];
    size_t len;
    return sg_file_read(sys(), path, data, sizeof(data), &len) == SG_OK &&
           sg_bytes_equal(sg_bytes(data, len), want);
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void test_path(void **state)
{
    static char dir[SG_FILE_PATH_MAX + 1];
    char out[SG_FILE_PATH_MAX];
    (void)state;
    assert_int_equal(sg_file_path(out, "/a/b", "c"), SG_OK);
    assert_string_equal(out, "/a/b/c");
    assert_int_equal(sg_file_path(out, "", "c"), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_file_path(out, "a", ""), SG_ERR_INVALID_ARGUMENT);
    memset(dir, 'd', SG_FILE_PATH_MAX - 3);
    assert_int_equal(sg_file_path(out, dir, "c"), SG_OK);
    assert_int_equal(sg_file_path(out, dir, "cc"), SG_ERR_TOO_LARGE);
}

static void test_errno_table(void **state)
{
    static const struct {
        int error;
        sg_err want;
    } rows[] = {
        {ENOENT, SG_ERR_NOT_FOUND},
        {EEXIST, SG_ERR_EXISTS},
        {EACCES, SG_ERR_PERMISSION},
        {EPERM, SG_ERR_PERMISSION},
        {EROFS, SG_ERR_PERMISSION},
        {ENOSPC, SG_ERR_NO_SPACE},
        {EDQUOT, SG_ERR_NO_SPACE},
        {EFBIG, SG_ERR_NO_SPACE},
        {ENOMEM, SG_ERR_NO_MEMORY},
        {EMFILE, SG_ERR_LIMIT},
        {ENFILE, SG_ERR_LIMIT},
        {ENAMETOOLONG, SG_ERR_TOO_LARGE},
        {EAGAIN, SG_ERR_WOULD_BLOCK},
        {EWOULDBLOCK, SG_ERR_WOULD_BLOCK},
        {EIO, SG_ERR_IO},
        {ENOTDIR, SG_ERR_IO},
        {EISDIR, SG_ERR_IO},
        {0, SG_ERR_IO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(sg_err_from_errno(rows[i].error), rows[i].want);
}

static void test_write_then_read(void **state)
{
    const char *path = path_in(*state, "file");
    assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_OK);
    assert_true(holds(path, old_bytes));
    assert_int_equal(mode_of(path), 0600);
    mode_t mask = umask(0777);
    assert_int_equal(sg_file_write(sys(), path, new_bytes, 0640), SG_OK);
    (void)umask(mask);
    assert_true(holds(path, new_bytes));
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(sg_file_write(sys(), path, sg_bytes(NULL, 0), 0600), SG_OK);
    assert_true(holds(path, sg_bytes(NULL, 0)));
    assert_int_equal(temp_count(*state), 1);
}

static void test_read_limit(void **state)
{
    const char *path = path_in(*state, "file");
    static const uint8_t zeros[16];
    uint8_t data[16];
    size_t len;
    assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_OK);
    assert_int_equal(sg_file_read(sys(), path, data, 11, &len), SG_OK);
    assert_int_equal(len, 11);
    memset(data, 7, sizeof(data));
    assert_int_equal(sg_file_read(sys(), path, data, 10, &len), SG_ERR_TOO_LARGE);
    assert_int_equal(len, 0);
    assert_memory_equal(data, zeros, 10);
    assert_int_equal(sg_file_read(sys(), path, data, 0, &len), SG_ERR_TOO_LARGE);
}

static void test_read_refuses_what_is_no_file(void **state)
{
    uint8_t data[16];
    size_t len;
    const char *dir = *state;
    assert_int_equal(sg_file_read(sys(), path_in(dir, "none"), data, sizeof(data), &len),
                     SG_ERR_NOT_FOUND);
    assert_int_equal(sg_file_read(sys(), dir, data, sizeof(data), &len), SG_ERR_IO);
    assert_int_equal(mkfifo(path_in(dir, "fifo"), 0600), 0);
    assert_int_equal(sg_file_read(sys(), path_in(dir, "fifo"), data, sizeof(data), &len),
                     SG_ERR_IO);
}

static void test_read_private_looks_at_the_mode(void **state)
{
    const char *path = path_in(*state, "file");
    uint8_t data[16];
    size_t len;
    for (mode_t bit = 1; bit <= 0100; bit <<= 1) {
        assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600 | bit), SG_OK);
        sg_err err = sg_file_read_private(sys(), path, data, sizeof(data), &len);
        assert_int_equal(err, bit == 0100 ? SG_OK : SG_ERR_PERMISSION);
        assert_int_equal(sg_file_read(sys(), path, data, sizeof(data), &len), SG_OK);
    }
}

/* The calls and their order are what survives a power loss, so they are written down here. */
static void test_order_of_calls(void **state)
{
    const char *path = path_in(*state, "file");
    faulty_set(0, 0, false);
    assert_int_equal(sg_file_write(&faulty_sys, path, old_bytes, 0600), SG_OK);
    assert_string_equal(faulty.log, "unlink open fchmod write fsync close rename "
                                    "opendir fsync close");
    assert_int_equal(unlink(path), 0);
    faulty_set(0, 0, false);
    assert_int_equal(sg_file_create(&faulty_sys, path, old_bytes, 0600), SG_OK);
    assert_string_equal(faulty.log, "unlink open fchmod write fsync close link unlink "
                                    "opendir fsync close");
}

/* The n-th call fails, for every n: the old or the new content, no temporary file. */
static void write_with_failure(const char *dir, int error)
{
    const char *path = path_in(dir, "file");
    sg_err err;
    size_t n = 0;
    do {
        assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_OK);
        faulty_set(++n, error, false);
        err = sg_file_write(&faulty_sys, path, new_bytes, 0600);
        bool is_new = holds(path, new_bytes);
        assert_true(is_new || holds(path, old_bytes));
        assert_int_equal(temp_count(dir), 1);
        if (err == SG_OK)
            assert_true(is_new);
        else
            assert_int_equal(err, sg_err_from_errno(error));
    } while (faulty.calls >= n);
    assert_int_equal(n, 11);
    assert_int_equal(err, SG_OK);
}

static void test_write_with_each_failure(void **state)
{
    write_with_failure(*state, EIO);
    write_with_failure(*state, ENOSPC);
    write_with_failure(*state, EACCES);
}

/* The process dies at the n-th call, for every n: the old or the new content, and the next write
 * works and tidies up. */
static void test_write_with_each_crash(void **state)
{
    const char *dir = *state;
    const char *path = path_in(dir, "file");
    size_t n = 0;
    do {
        assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_OK);
        faulty_set(++n, EIO, true);
        sg_err err = sg_file_write(&faulty_sys, path, new_bytes, 0600);
        assert_true(holds(path, new_bytes) || (err != SG_OK && holds(path, old_bytes)));
        assert_true(temp_count(dir) <= 2);
        assert_int_equal(sg_file_write(sys(), path, new_bytes, 0600), SG_OK);
        assert_true(holds(path, new_bytes));
        assert_int_equal(temp_count(dir), 1);
    } while (faulty.calls >= n);
    assert_int_equal(n, 11);
}

static void test_create_with_each_failure(void **state)
{
    const char *dir = *state;
    const char *path = path_in(dir, "file");
    size_t n = 0;
    do {
        (void)unlink(path);
        faulty_set(++n, EIO, false);
        sg_err err = sg_file_create(&faulty_sys, path, new_bytes, 0600);
        if (err == SG_OK) {
            assert_true(holds(path, new_bytes));
        } else {
            assert_int_equal(err, SG_ERR_IO);
            assert_int_equal(access(path, F_OK), -1);
        }
        /* one unlink of the temporary file may have been what failed */
        assert_true(temp_count(dir) <= 1 + (n == 8));
        (void)unlink(path_in(dir, "file.tmp"));
        path = path_in(dir, "file");
    } while (faulty.calls >= n);
    assert_int_equal(n, 12);
}

static void test_create_with_each_crash(void **state)
{
    const char *dir = *state;
    size_t n = 0;
    do {
        (void)unlink(path_in(dir, "file"));
        faulty_set(++n, EIO, true);
        sg_err err = sg_file_create(&faulty_sys, path_in(dir, "file"), new_bytes, 0600);
        if (access(path_in(dir, "file"), F_OK) == 0) {
            assert_true(holds(path_in(dir, "file"), new_bytes));
            assert_int_equal(sg_file_create(sys(), path_in(dir, "file"), old_bytes, 0600),
                             SG_ERR_EXISTS);
        } else {
            assert_int_equal(err, SG_ERR_IO);
            assert_int_equal(sg_file_create(sys(), path_in(dir, "file"), new_bytes, 0600), SG_OK);
        }
        assert_true(holds(path_in(dir, "file"), new_bytes));
        assert_int_equal(temp_count(dir), 1);
    } while (faulty.calls >= n);
}

static void test_tidy(void **state)
{
    const char *dir = *state;
    static char path[SG_FILE_PATH_MAX + 1];
    assert_int_equal(sg_file_write(sys(), path_in(dir, "file"), old_bytes, 0600), SG_OK);
    assert_int_equal(sg_file_write(sys(), path_in(dir, "file.tmp"), new_bytes, 0600), SG_OK);
    sg_file_tidy(sys(), path_in(dir, "file"));
    assert_int_equal(temp_count(dir), 1);
    assert_true(holds(path_in(dir, "file"), old_bytes));
    sg_file_tidy(sys(), path_in(dir, "file")); /* nothing to do is fine */
    memset(path, 'p', SG_FILE_PATH_MAX);
    sg_file_tidy(sys(), path);
}

static void test_create_never_overwrites(void **state)
{
    const char *path = path_in(*state, "file");
    assert_int_equal(sg_file_create(sys(), path, old_bytes, 0600), SG_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(sg_file_create(sys(), path, new_bytes, 0600), SG_ERR_EXISTS);
    assert_true(holds(path, old_bytes));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(sg_file_create(sys(), path, new_bytes, 0600), SG_ERR_EXISTS);
    assert_int_equal(temp_count(*state), 1);
}

static void test_each_failing_read(void **state)
{
    const char *path = path_in(*state, "file");
    static const uint8_t zeros[64];
    uint8_t data[64];
    size_t len;
    assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_OK);
    for (size_t n = 1; n <= 4; n++) { /* open fstat read read */
        memset(data, 7, sizeof(data));
        faulty_set(n, EIO, false);
        assert_int_equal(sg_file_read(&faulty_sys, path, data, sizeof(data), &len), SG_ERR_IO);
        assert_int_equal(len, 0);
        assert_memory_equal(data, zeros, sizeof(data));
    }
    faulty_set(5, EIO, false); /* close: nothing is lost */
    assert_int_equal(sg_file_read(&faulty_sys, path, data, sizeof(data), &len), SG_OK);
    assert_string_equal(faulty.log, "open fstat read read close");
}

static void test_interrupted_calls_are_repeated(void **state)
{
    const char *path = path_in(*state, "file");
    uint8_t data[64];
    size_t len;
    faulty_set(2, EINTR, false); /* open */
    assert_int_equal(sg_file_write(&faulty_sys, path, old_bytes, 0600), SG_OK);
    for (size_t n = 1; n <= 4; n++) {
        faulty_set(n, EINTR, false);
        sg_err err = sg_file_read(&faulty_sys, path, data, sizeof(data), &len);
        assert_int_equal(err, n == 2 ? SG_ERR_IO : SG_OK); /* fstat is never interrupted */
    }
}

static ssize_t write_one(int fd, const void *data, size_t len)
{
    return write(fd, data, len > 0 ? 1 : 0);
}

static ssize_t write_none(int fd, const void *data, size_t len)
{
    (void)fd;
    (void)data;
    (void)len;
    return 0;
}

static ssize_t write_interrupted(int fd, const void *data, size_t len)
{
    static bool is_odd;
    is_odd = !is_odd;
    if (is_odd) {
        errno = EINTR;
        return -1;
    }
    return write(fd, data, len > 3 ? 3 : len);
}

static void test_short_writes_are_continued(void **state)
{
    const char *path = path_in(*state, "file");
    struct sg_file_sys odd = *sys();
    odd.write = write_one;
    assert_int_equal(sg_file_write(&odd, path, new_bytes, 0600), SG_OK);
    assert_true(holds(path, new_bytes));
    odd.write = write_interrupted;
    assert_int_equal(sg_file_write(&odd, path, old_bytes, 0600), SG_OK);
    assert_true(holds(path, old_bytes));
    odd.write = write_none;
    assert_int_equal(sg_file_write(&odd, path, new_bytes, 0600), SG_ERR_IO);
    assert_true(holds(path, old_bytes));
}

/* Some file systems have no fsync for directories and say EINVAL. */
static void test_directory_without_fsync(void **state)
{
    const char *path = path_in(*state, "file");
    faulty_set(9, EINVAL, false);
    assert_int_equal(sg_file_write(&faulty_sys, path, old_bytes, 0600), SG_OK);
    faulty_set(5, EINVAL, false); /* but the file's own fsync must work */
    assert_int_equal(sg_file_write(&faulty_sys, path, old_bytes, 0600), SG_ERR_IO);
}

static void test_paths_too_long_or_missing(void **state)
{
    static char path[SG_FILE_PATH_MAX + 10];
    int fd;
    memset(path, 'p', sizeof(path) - 1);
    assert_int_equal(sg_file_write(sys(), path, old_bytes, 0600), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_file_create(sys(), path, old_bytes, 0600), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_file_mkdirs(sys(), path), SG_ERR_TOO_LARGE);
    assert_int_equal(sg_file_write(sys(), "", old_bytes, 0600), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_file_mkdirs(sys(), ""), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_file_write(sys(), path_in(*state, "no/file"), old_bytes, 0600),
                     SG_ERR_NOT_FOUND);
    assert_int_equal(sg_file_lock(sys(), path_in(*state, "no/lock"), &fd), SG_ERR_NOT_FOUND);
}

static void test_relative_path(void **state)
{
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(sg_file_write(sys(), "file", old_bytes, 0600), SG_OK);
    assert_true(holds("file", old_bytes));
    assert_int_equal(sg_file_mkdirs(sys(), "a/b"), SG_OK);
    assert_int_equal(mode_of("a/b"), 0700);
    assert_int_equal(chdir(before), 0);
    free(before);
}

static void test_lock_excludes(void **state)
{
    const char *path = path_in(*state, "lock");
    int a;
    int b;
    assert_int_equal(sg_file_lock(sys(), path, &a), SG_OK);
    assert_int_equal(sg_file_lock(sys(), path, &b), SG_ERR_LOCKED);
    assert_int_equal(b, -1);
    sg_file_unlock(sys(), b);
    sg_file_unlock(sys(), a);
    assert_int_equal(sg_file_lock(sys(), path, &b), SG_OK);
    sg_file_unlock(sys(), b);
    assert_int_equal(mode_of(path), 0600);
}

static void test_lock_ends_with_its_process(void **state)
{
    const char *path = path_in(*state, "lock");
    int fd;
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (sg_file_lock(sys(), path, &fd) == SG_OK && write(ready[1], "x", 1) == 1)
            (void)pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(sg_file_lock(sys(), path, &fd), SG_ERR_LOCKED);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(sg_file_lock(sys(), path, &fd), SG_OK);
    sg_file_unlock(sys(), fd);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

static void test_failing_lock(void **state)
{
    const char *path = path_in(*state, "lock");
    int fd = 7;
    faulty_set(1, EACCES, false);
    assert_int_equal(sg_file_lock(&faulty_sys, path, &fd), SG_ERR_PERMISSION);
    assert_int_equal(fd, -1);
    faulty_set(2, EIO, false);
    assert_int_equal(sg_file_lock(&faulty_sys, path, &fd), SG_ERR_IO);
    assert_int_equal(fd, -1);
    assert_string_equal(faulty.log, "open flock close");
}

static void test_mkdirs(void **state)
{
    const char *path = path_in(*state, "a//b/c/");
    struct stat info;
    assert_int_equal(sg_file_mkdirs(sys(), path), SG_OK);
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(path_in(*state, "a")), 0700);
    assert_int_equal(chmod(path_in(*state, "a"), 0755), 0);
    assert_int_equal(sg_file_mkdirs(sys(), path_in(*state, "a/b/c")), SG_OK);
    assert_int_equal(mode_of(path_in(*state, "a")), 0755);
    assert_int_equal(sg_file_mkdirs(sys(), "/"), SG_OK);
    assert_int_equal(sg_file_mkdirs(sys(), "."), SG_OK);
}

static void test_mkdirs_over_a_file(void **state)
{
    assert_int_equal(sg_file_write(sys(), path_in(*state, "file"), old_bytes, 0600), SG_OK);
    assert_int_equal(sg_file_mkdirs(sys(), path_in(*state, "file")), SG_ERR_IO);
    assert_int_equal(sg_file_mkdirs(sys(), path_in(*state, "file/below")), SG_ERR_IO);
    assert_true(holds(path_in(*state, "file"), old_bytes));
}

static void test_mkdirs_with_each_failure(void **state)
{
    const char *dir = *state;
    sg_err err;
    size_t n = 0;
    do {
        faulty_set(++n, ENOSPC, false);
        err = sg_file_mkdirs(&faulty_sys, path_in(dir, "x/y"));
        assert_true(err == SG_OK || err == SG_ERR_NO_SPACE);
        (void)rmdir(path_in(dir, "x/y"));
        (void)rmdir(path_in(dir, "x"));
    } while (faulty.calls >= n);
    assert_int_equal(err, SG_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_errno_table),
        cmocka_unit_test_setup_teardown(test_write_then_read, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_read_limit, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_read_refuses_what_is_no_file, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(test_read_private_looks_at_the_mode, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(test_order_of_calls, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_write_with_each_failure, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_write_with_each_crash, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_create_with_each_failure, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_create_with_each_crash, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_tidy, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_create_never_overwrites, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_each_failing_read, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_interrupted_calls_are_repeated, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(test_short_writes_are_continued, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_directory_without_fsync, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_paths_too_long_or_missing, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_relative_path, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_lock_excludes, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_lock_ends_with_its_process, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_failing_lock, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_mkdirs, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_mkdirs_over_a_file, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_mkdirs_with_each_failure, temp_setup, temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
