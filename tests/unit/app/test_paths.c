#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"

static int clean(void **state)
{
    (void)state;
    unsetenv("SAORSA_DIR");
    unsetenv("SAORSA_SOCKET");
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", "/h", 1);
    return 0;
}

static void expect_dir(const char *option, const char *expected)
{
    char dir[SG_APP_PATH_MAX];
    const struct sg_app_path_options options = {.dir = option};
    assert_true(sg_app_path_state(&options, dir));
    assert_string_equal(dir, expected);
}

static void expect_socket(const struct sg_app_path_options *options, const char *expected)
{
    char path[SG_SOCKET_PATH_MAX];
    assert_true(sg_app_path_socket(options, path));
    assert_string_equal(path, expected);
}

static void test_state_folder(void **state)
{
    (void)state;
    expect_dir(NULL, "/h/.local/share/saorsa");
    setenv("XDG_DATA_HOME", "/x", 1);
    expect_dir(NULL, "/x/saorsa");
    setenv("SAORSA_DIR", "/s", 1);
    expect_dir(NULL, "/s");
    expect_dir("/d", "/d");
    setenv("SAORSA_DIR", "", 1); /* empty counts as not set */
    expect_dir(NULL, "/x/saorsa");
}

static void test_socket(void **state)
{
    const struct sg_app_path_options none = {0};
    const struct sg_app_path_options dir = {.dir = "/d"};
    const struct sg_app_path_options both = {.dir = "/d", .socket = "/p"};
    (void)state;
    expect_socket(&none, "/h/.local/share/saorsa/control.sock");
    expect_socket(&dir, "/d/control.sock");
    expect_socket(&both, "/p");
    setenv("SAORSA_SOCKET", "/e", 1);
    expect_socket(&none, "/e");
    expect_socket(&dir, "/d/control.sock"); /* the command line outranks the environment */
}

static void test_what_cannot_be(void **state)
{
    char dir[SG_APP_PATH_MAX];
    char path[SG_SOCKET_PATH_MAX];
    char longest[SG_SOCKET_PATH_MAX + 1];
    struct sg_app_path_options options = {.socket = longest};
    (void)state;
    memset(longest, 'x', sizeof(longest));
    longest[SG_SOCKET_PATH_MAX - 1] = '\0';
    assert_true(sg_app_path_socket(&options, path));
    longest[SG_SOCKET_PATH_MAX - 1] = 'x';
    longest[SG_SOCKET_PATH_MAX] = '\0';
    assert_false(sg_app_path_socket(&options, path));
    options.socket = "";
    assert_false(sg_app_path_socket(&options, path));
    options = (struct sg_app_path_options){.dir = ""};
    assert_false(sg_app_path_state(&options, dir));
    options.dir = NULL;
    unsetenv("HOME");
    assert_false(sg_app_path_state(&options, dir));
}

static void test_folders_are_private(void **state)
{
    char root[] = "/tmp/sg-paths-XXXXXX";
    char file[64];
    char folder[64];
    struct stat info;
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(file, sizeof(file), "%s/a/b/socket", root);
    assert_true(sg_app_path_make_parent(file));
    assert_true(sg_app_path_make_parent(file));
    snprintf(folder, sizeof(folder), "%s/a/b", root);
    assert_int_equal(stat(folder, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(rmdir(folder), 0);
    snprintf(folder, sizeof(folder), "%s/a", root);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(root), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_state_folder, clean),
        cmocka_unit_test_setup(test_socket, clean),
        cmocka_unit_test_setup(test_what_cannot_be, clean),
        cmocka_unit_test(test_folders_are_private),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
