#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/dials.h"

static struct sg_rt_dials dials;

static struct sg_rt_dial dial_to(unsigned n, uint8_t addresses)
{
    struct sg_rt_dial dial = {.peer = {{(uint8_t)n, (uint8_t)(n >> 8)}}, .count = addresses};
    for (uint8_t i = 0; i < addresses; i++)
        dial.addr[i] = sg_addr_v4((const uint8_t[4]){10, 0, i, 1}, 4433);
    return dial;
}

static struct sg_rt_dial *add(unsigned n, uint8_t addresses)
{
    struct sg_rt_dial dial = dial_to(n, addresses);
    assert_int_equal(sg_rt_dials_add(&dials, &dial), SG_OK);
    return sg_rt_dials_of_peer(&dials, &dial.peer);
}

static void first_come_first_tried(void **state)
{
    (void)state;
    sg_rt_dials_init(&dials);
    assert_null(sg_rt_dials_next(&dials, 0));
    add(1, 1);
    add(2, 1);
    struct sg_rt_dial *first = sg_rt_dials_next(&dials, 0);
    assert_int_equal(first->peer.b[0], 1);
    first->state = SG_RT_DIAL_FLYING;
    first->conn = 50;
    assert_int_equal(sg_rt_dials_next(&dials, 0)->peer.b[0], 2);
    assert_int_equal(sg_rt_dials_flying(&dials), 1);
    assert_ptr_equal(sg_rt_dials_of_conn(&dials, 50), first);
    assert_null(sg_rt_dials_of_conn(&dials, 51));
    first->state = SG_RT_DIAL_GREETING;
    assert_int_equal(sg_rt_dials_flying(&dials), 0);
    assert_ptr_equal(sg_rt_dials_of_conn(&dials, 50), first);
    sg_rt_dials_remove(&dials, first);
    assert_null(sg_rt_dials_of_conn(&dials, 50));
    assert_int_equal(dials.count, 1);
    assert_int_equal(dials.dial[0].peer.b[0], 2);
}

static void addresses_one_after_the_other(void **state)
{
    (void)state;
    sg_rt_dials_init(&dials);
    struct sg_rt_dial *dial = add(1, 2);
    dial->next = 1;
    dial->state = SG_RT_DIAL_FLYING;
    dial->conn = 50;
    assert_true(sg_rt_dial_failed(dial, SG_ERR_TIMEOUT));
    assert_int_equal(dial->state, SG_RT_DIAL_QUEUED);
    assert_null(sg_rt_dials_of_conn(&dials, 50));
    dial->next = 2;
    dial->state = SG_RT_DIAL_FLYING;
    assert_false(sg_rt_dial_failed(dial, SG_ERR_WRONG_PEER));
    assert_int_equal(dial->err, SG_ERR_WRONG_PEER);
}

static void bounded(void **state)
{
    (void)state;
    sg_rt_dials_init(&dials);
    for (unsigned n = 0; n < SG_RT_DIALS_MAX; n++)
        add(n, 1);
    struct sg_rt_dial one = dial_to(5, 1);
    assert_int_equal(sg_rt_dials_add(&dials, &one), SG_ERR_EXISTS);
    one = dial_to(SG_RT_DIALS_MAX, 1);
    assert_int_equal(sg_rt_dials_add(&dials, &one), SG_ERR_FULL);
    sg_rt_dials_remove(&dials, sg_rt_dials_next(&dials, 0));
    assert_int_equal(sg_rt_dials_add(&dials, &one), SG_OK);
}

static void one_that_waits_lets_others_go_first(void **state)
{
    (void)state;
    sg_rt_dials_init(&dials);
    assert_int_equal(sg_rt_dials_deadline(&dials), SG_TIME_NEVER);
    struct sg_rt_dial *first = add(1, 1);
    add(2, 1);
    assert_int_equal(sg_rt_dials_deadline(&dials), SG_TIME_NEVER); /* it can go now */
    first->not_before = 100;
    assert_int_equal(sg_rt_dials_next(&dials, 99)->peer.b[0], 2);
    assert_int_equal(sg_rt_dials_deadline(&dials), 100);
    assert_int_equal(sg_rt_dials_next(&dials, 100)->peer.b[0], 1);
    first->state = SG_RT_DIAL_FLYING;
    assert_int_equal(sg_rt_dials_deadline(&dials), SG_TIME_NEVER);
}

static void without_address_there_is_an_error_to_tell(void **state)
{
    (void)state;
    sg_rt_dials_init(&dials);
    assert_int_equal(add(1, 0)->err, SG_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_tried),
        cmocka_unit_test(addresses_one_after_the_other),
        cmocka_unit_test(bounded),
        cmocka_unit_test(one_that_waits_lets_others_go_first),
        cmocka_unit_test(without_address_there_is_an_error_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
