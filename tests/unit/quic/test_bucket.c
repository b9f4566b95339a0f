/* The table of token buckets. */
#include "quic/bucket.h"

#include "unit/quic/link.h"

static void rate_zero_never_refuses(void **state)
{
    (void)state;
    const uint64_t key[2] = {1, 2};
    struct sg_quic_bucket_table t;
    struct sg_addr a = net_addr(1);
    sg_quic_bucket_table_init(&t, sg_mem_default(), key, 0, 0);
    for (int i = 0; i < 1000; i++)
        assert_true(sg_quic_bucket_table_take(&t, &a, 0));
    assert_null(t.cells); /* nor costs memory */
    sg_quic_bucket_table_fini(&t);
}

static void prefixes_have_their_own(void **state)
{
    (void)state;
    const uint64_t key[2] = {1, 2};
    const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1};
    const uint8_t v6_same[16] = {0x20, 0x01, 0x0d, 0xb8, [8] = 9, [15] = 2};
    const uint8_t loopback[4] = {127, 0, 0, 1};
    struct sg_quic_bucket_table t;
    sg_quic_bucket_table_init(&t, sg_mem_default(), key, 20, 5);
    struct sg_addr a = net_addr(1), b = net_addr(2), other_port = a;
    other_port.port++;
    for (int i = 0; i < 5; i++)
        assert_true(sg_quic_bucket_table_take(&t, &a, 0));
    assert_false(sg_quic_bucket_table_take(&t, &a, 0));
    assert_false(sg_quic_bucket_table_take(&t, &other_port, 0));
    assert_true(sg_quic_bucket_table_take(&t, &b, 0));
    assert_true(sg_quic_bucket_table_take(&t, &a, 50 * MS));
    assert_false(sg_quic_bucket_table_take(&t, &a, 50 * MS));
    struct sg_addr x = sg_addr_v6(v6, 1, 0), y = sg_addr_v6(v6_same, 1, 0);
    for (int i = 0; i < 5; i++)
        assert_true(sg_quic_bucket_table_take(&t, &x, 0));
    assert_false(sg_quic_bucket_table_take(&t, &y, 0)); /* the same /64 */
    struct sg_addr l = sg_addr_v4(loopback, 1);
    for (int i = 0; i < 100; i++)
        assert_true(sg_quic_bucket_table_take(&t, &l, 0));
    sg_quic_bucket_table_fini(&t);
}

static void ten_thousand_prefixes_hardly_meet(void **state)
{
    (void)state;
    const uint64_t key[2] = {3, 4};
    struct sg_quic_bucket_table t;
    unsigned refused = 0;
    sg_quic_bucket_table_init(&t, sg_mem_default(), key, 20, 5);
    for (uint32_t i = 0; i < 10000; i++) {
        uint8_t ip[4] = {30, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        struct sg_addr addr = sg_addr_v4(ip, 1);
        refused += !sg_quic_bucket_table_take(&t, &addr, 0);
    }
    assert_true(refused < 100);
    sg_quic_bucket_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_zero_never_refuses),
        cmocka_unit_test(prefixes_have_their_own),
        cmocka_unit_test(ten_thousand_prefixes_hardly_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
