/* app/input_file.c: which files are read, and what is said of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input_file.h"
#include "unit/app/scratch_dir.h"

/* A user without rights. */
#define SOMEBODY 65534

static void refused(const char *name, int error)
{
    errno = 0;
    assert_int_equal(sg_input_open(name), -1);
    assert_int_equal(errno, error);
}

static void taken(const char *name)
{
    int fd = sg_input_open(name);
    assert_true(fd >= 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(close(fd), 0);
}

static void what_has_an_end_is_read(void **state)
{
    (void)state;
    int fd = open(in_dir("file"), O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    taken(in_dir("file"));
    taken("/dev/null");
    /* a pipe, as of a shell's process substitution */
    int ends[2];
    char name[32];
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
    taken(name);
    close(ends[0]);
    close(ends[1]);
}

static void what_cannot_be_read_is_told_apart(void **state)
{
    (void)state;
    refused(dir, EISDIR);
    refused(in_dir("absent"), ENOENT);
    refused(in_dir("file/x"), ENOTDIR);
    refused("/dev/zero", ENODEV);
    /* root may read all files: it looks as somebody else */
    const uid_t was = geteuid();
    assert_int_equal(chmod(dir, 0711), 0);
    assert_int_equal(chmod(in_dir("file"), 0), 0);
    assert_int_equal(was == 0 ? seteuid(SOMEBODY) : 0, 0);
    refused(in_dir("file"), EACCES);
    assert_int_equal(was == 0 ? seteuid(was) : 0, 0);
}

static void kinds_without_opening(void **state)
{
    (void)state;
    assert_int_equal(sg_input_kind_error(dir), EISDIR);
    assert_int_equal(sg_input_kind_error(in_dir("absent")), 0);
    assert_int_equal(sg_input_kind_error(in_dir("file")), 0);
    assert_int_equal(sg_input_kind_error(in_dir("file/x")), ENOTDIR);
    assert_int_equal(sg_input_kind_error("/dev/zero"), ENODEV);
    assert_int_equal(sg_input_kind_error("/dev/null"), ENODEV);
}

/* The one line that was complained. */
static const char *said(void (*complain)(const char *name, int error), const char *name, int error)
{
    static char text[512];
    int was = dup(STDERR_FILENO);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(was >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    complain(name, error);
    assert_true(dup2(was, STDERR_FILENO) >= 0);
    close(was);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void each_complaint_says_what_to_do(void **state)
{
    static const struct {
        int error;
        const char *read, *written;
    } CASES[] = {
        {ENOENT, "check its name", "its folder is not there: make that first"},
        {ENOTDIR, "check the path", "check the path"},
        {EISDIR, "it is a folder: name a file", "it is a folder: name a file"},
        {ENODEV, "copy what you need of it into a file", "it is a device"},
        {ENXIO, "copy what you need of it into a file", "it is a device"},
        {EACCES, "'chmod' gives you the right", "'chmod' gives you the right"},
        {EPERM, "'chmod' gives you the right", "'chmod' gives you the right"},
        {EFBIG, "it is too large", "it is too large"},
        {EEXIST, "exist", "name another, or remove it first"},
        {ENOSPC, "space", "make room and try again"},
        {EDQUOT, "uota", "make room and try again"},
        {EIO, "nput/output error", "nput/output error"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const char *text = said(sg_complain_read, "x", CASES[i].error);
        assert_non_null(strstr(text, "cannot read x: "));
        assert_non_null(strstr(text, CASES[i].read));
        text = said(sg_complain_write, "x", CASES[i].error);
        assert_non_null(strstr(text, "cannot write x: "));
        assert_non_null(strstr(text, CASES[i].written));
    }
    /* what is in the way of a new file */
    assert_non_null(strstr(said(sg_complain_write, dir, EEXIST), "it is a folder"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_an_end_is_read),
        cmocka_unit_test(what_cannot_be_read_is_told_apart),
        cmocka_unit_test(kinds_without_opening),
        cmocka_unit_test(each_complaint_says_what_to_do),
    };
    assert_non_null(mkdtemp(dir));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(in_dir("file"));
    (void)rmdir(dir);
    return failed;
}
