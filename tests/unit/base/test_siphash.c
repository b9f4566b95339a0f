#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* vectors_sip64 of the authors' reference code: key 00 .. 0f, input 00 01 02 .. */
static void test_vectors(void **state)
{
    (void)state;
    uint8_t bytes[SG_ID_LEN];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    struct sg_siphash_key key = sg_siphash_key(bytes);
    assert_int_equal(sg_siphash_u64(&key, sg_load64(bytes)), UINT64_C(0x93f5f5799a932462));
    assert_int_equal(sg_siphash_id(&key, bytes), UINT64_C(0x7127512f72f27cce));
}

static void test_every_bit_counts(void **state)
{
    (void)state;
    uint8_t id[SG_ID_LEN] = {0};
    uint8_t bytes[16] = {0};
    struct sg_siphash_key key = sg_siphash_key(bytes);
    uint64_t plain = sg_siphash_id(&key, id);
    for (unsigned bit = 0; bit < 8 * SG_ID_LEN; bit++) {
        id[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(sg_siphash_id(&key, id), plain);
        id[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        key = sg_siphash_key(bytes);
        assert_int_not_equal(sg_siphash_id(&key, id), plain);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
