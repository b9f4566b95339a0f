/* LINK: --wrap=getentropy */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/entropy.h"

static bool is_broken;

int __real_getentropy(void *out, size_t len);
int __wrap_getentropy(void *out, size_t len);

int __wrap_getentropy(void *out, size_t len)
{
    if (!is_broken)
        return __real_getentropy(out, len);
    errno = ENOSYS;
    return -1;
}

static void test_seeds_differ(void **state)
{
    uint64_t a;
    uint64_t b;
    (void)state;
    assert_int_equal(sg_entropy_seed(&a), SG_OK);
    assert_int_equal(sg_entropy_seed(&b), SG_OK);
    assert_true(a != b);
}

static void test_fails_closed(void **state)
{
    uint64_t seed = 7;
    (void)state;
    is_broken = true;
    assert_int_equal(sg_entropy_seed(&seed), SG_ERR_ENTROPY);
    assert_true(seed == 0);
    is_broken = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_fails_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
