#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "command.h"
#include "meta_arg.h"

static uint8_t meta[SG_CTL_META_MAX];
static size_t len;

/* "@" and a file with so many bytes. */
static const char *file_of(size_t size, char path[64])
{
    strcpy(path, "@/tmp/saorsa-meta-XXXXXX");
    int fd = mkstemp(path + 1);
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(write(fd, "\xff", 1), 1);
    close(fd);
    return path;
}

static int read_file(size_t size)
{
    char path[64];
    int code = sg_meta_arg_read(file_of(size, path), meta, &len);
    unlink(path + 1);
    return code;
}

static void test_text(void **state)
{
    char text[SG_CTL_META_MAX + 2];
    (void)state;
    assert_int_equal(sg_meta_arg_read("", meta, &len), SG_EXIT_OK);
    assert_int_equal(len, 0);
    assert_int_equal(sg_meta_arg_read("a@b", meta, &len), SG_EXIT_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(meta, "a@b", 3);
    memset(text, 'x', sizeof(text));
    text[SG_CTL_META_MAX + 1] = '\0';
    assert_int_equal(sg_meta_arg_read(text, meta, &len), SG_EXIT_USAGE);
    text[SG_CTL_META_MAX] = '\0';
    assert_int_equal(sg_meta_arg_read(text, meta, &len), SG_EXIT_OK);
    assert_int_equal(len, SG_CTL_META_MAX);
}

static void test_files(void **state)
{
    (void)state;
    assert_int_equal(read_file(0), SG_EXIT_OK);
    assert_int_equal(len, 0);
    assert_int_equal(read_file(3), SG_EXIT_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(meta, "\xff\xff\xff", 3);
    assert_int_equal(read_file(SG_CTL_META_MAX), SG_EXIT_OK);
    assert_int_equal(len, SG_CTL_META_MAX);
    assert_int_equal(read_file(SG_CTL_META_MAX + 1), SG_EXIT_USAGE);
    assert_int_equal(sg_meta_arg_read("@", meta, &len), SG_EXIT_FAILURE);
    assert_int_equal(sg_meta_arg_read("@nosuchfile", meta, &len), SG_EXIT_FAILURE);
    assert_int_equal(sg_meta_arg_read("@.", meta, &len), SG_EXIT_FAILURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
