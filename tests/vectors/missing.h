/* Official data is not part of this repository. Where it is absent a program says so, and ctest
 * shows it as skipped, never as passed. */
#ifndef TEST_VECTORS_MISSING_H
#define TEST_VECTORS_MISSING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

/* SKIP_RETURN_CODE in cmake/SgTestSupport.cmake. */
#define VECTORS_SKIPPED 77

static bool vectors_are_missing;

/* Leaves the test. */
static inline void vectors_skip(const char *name)
{
    print_message("SKIPPED: %s is not there (set SAORSA_VECTORS)\n", name);
    vectors_are_missing = true;
    skip();
}

/* What main returns. */
static inline int vectors_result(int failed)
{
    return failed == 0 && vectors_are_missing ? VECTORS_SKIPPED : failed;
}

#endif
