#include "unit/crypto/vectors.h"

#include "crypto/wipe.h"

static void test_wipe_zeroes_exactly_its_bytes(void **state)
{
    uint8_t data[5] = {1, 2, 3, 4, 5};
    const uint8_t want[5] = {1, 0, 0, 0, 5};
    (void)state;
    sg_wipe(data + 1, 3);
    assert_memory_equal(data, want, 5);
    sg_wipe(data, 0);
    sg_wipe(NULL, 0);
    assert_memory_equal(data, want, 5);
}

static void test_equal_finds_a_difference_in_every_bit(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    (void)state;
    memset(a, 7, sizeof(a));
    memset(b, 7, sizeof(b));
    assert_true(sg_secret_equal(a, b, sizeof(a)));
    assert_true(sg_secret_equal(NULL, NULL, 0));
    for (size_t bit = 0; bit < 8 * sizeof(b); bit++) {
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sg_secret_equal(a, b, sizeof(a)));
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wipe_zeroes_exactly_its_bytes),
        cmocka_unit_test(test_equal_finds_a_difference_in_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
