#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_codec.h"
#include "payload_file.h"
#include "unit/app/scratch_dir.h"

static void write_len(const char *name, size_t len)
{
    FILE *file = fopen(in_dir(name), "wb");
    assert_non_null(file);
    for (size_t i = 0; i < len; i++)
        (void)fputc((int)(i % 251), file);
    assert_int_equal(fclose(file), 0);
}

static void files_are_read_whole(void **state)
{
    static const size_t sizes[] = {0, 1, 65536, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint8_t *data;
        size_t len;
        write_len("in", sizes[i]);
        assert_true(sg_app_payload_read(in_dir("in"), &data, &len));
        assert_int_equal(len, sizes[i]);
        for (size_t k = 0; k < len; k++)
            assert_int_equal(data[k], k % 251);
        free(data);
    }
}

static void what_is_no_payload_is_refused(void **state)
{
    uint8_t *data;
    size_t len;
    (void)state;
    assert_false(sg_app_payload_read(in_dir("missing"), &data, &len));
    assert_false(sg_app_payload_read(dir, &data, &len));
    write_len("in", 10);
    assert_int_equal(truncate(in_dir("in"), SG_CTL_PAYLOAD_MAX), 0);
    assert_true(sg_app_payload_read(in_dir("in"), &data, &len));
    assert_int_equal(len, SG_CTL_PAYLOAD_MAX);
    free(data);
    assert_int_equal(truncate(in_dir("in"), SG_CTL_PAYLOAD_MAX + 1), 0);
    assert_false(sg_app_payload_read(in_dir("in"), &data, &len));
    assert_null(data);
    /* no file whose size could be looked at */
    assert_false(sg_app_payload_read("/dev/zero", &data, &len));
    assert_null(data);
}

static void files_are_never_written_over(void **state)
{
    uint8_t *data;
    size_t len;
    (void)state;
    assert_int_equal(sg_app_payload_write(dir, "out", (const uint8_t *)"one", 3),
                     SG_APP_PAYLOAD_WRITTEN);
    assert_int_equal(sg_app_payload_write(dir, "out", (const uint8_t *)"two", 3),
                     SG_APP_PAYLOAD_EXISTS);
    assert_true(sg_app_payload_read(in_dir("out"), &data, &len));
    assert_true(len == 3 && memcmp(data, "one", 3) == 0);
    free(data);
    assert_int_equal(symlink("/tmp", in_dir("link")), 0);
    assert_int_equal(sg_app_payload_write(dir, "link", (const uint8_t *)"x", 1),
                     SG_APP_PAYLOAD_EXISTS);
    assert_int_equal(sg_app_payload_write("/nowhere", "out", (const uint8_t *)"x", 1),
                     SG_APP_PAYLOAD_FAILED);
    assert_true(sg_app_payload_dir(dir));
    assert_false(sg_app_payload_dir(in_dir("out")));
    assert_false(sg_app_payload_dir(in_dir("missing")));
}

/* That nothing but what was written is there is part of the test. */
static int remove_dir(void **state)
{
    static const char *const names[] = {"in", "out", "link"};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)unlink(in_dir(names[i]));
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(what_is_no_payload_is_refused),
        cmocka_unit_test(files_are_never_written_over),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
