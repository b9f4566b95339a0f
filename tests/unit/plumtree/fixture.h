/* For the unit tests of plumtree/: cmocka, and a machine driven by lines of words. */
#ifndef SG_TESTS_PT_FIXTURE_H
#define SG_TESTS_PT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/plumtree/pt_play.h"

static inline int pt_setup(void **state)
{
    *state = calloc(1, sizeof(struct pt_play));
    return *state == NULL;
}

static inline int pt_teardown(void **state)
{
    struct pt_play *p = *state;
    sg_pt_free(p->pt);
    free(p);
    return 0;
}

#define PT_TEST(function) cmocka_unit_test_setup_teardown(function, pt_setup, pt_teardown)

/* The line gives exactly these records. */
#define EXPECT(p, line, records)                                                                   \
    do {                                                                                           \
        assert_true(pt_line(p, line));                                                             \
        assert_string_equal((p)->text, records);                                                   \
    } while (0)

/* The line is for what it does. */
#define DO(p, line) assert_true(pt_line(p, line))

#endif
