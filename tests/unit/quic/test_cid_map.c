/* Connection ids find their connection. */
#include "quic/cid_map.h"

#include "unit/base/failing_mem.h"
#include "unit/quic/link.h"

static const uint8_t key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Aumasson & Bernstein 2012, appendix A: input 00 01 .. 0e under key 00 01 .. 0f. */
static void siphash_gives_the_published_value(void **state)
{
    (void)state;
    const uint64_t k[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    uint8_t in[15];
    for (uint8_t i = 0; i < sizeof(in); i++)
        in[i] = i;
    assert_true(sg_quic_siphash(k, sg_bytes(in, sizeof(in))) == UINT64_C(0xa129ca6149be45e5));
    /* and the first of the reference implementation's vectors: no input */
    assert_true(sg_quic_siphash(k, sg_bytes(in, 0)) == UINT64_C(0x726fdb47dd0e0e31));
}

/* Connections are only pointers here. */
static struct sg_quic_conn *conn_of(uintptr_t n)
{
    return (struct sg_quic_conn *)(n * 64);
}

static struct sg_bytes cid_of(uint32_t n, uint8_t *buf)
{
    memset(buf, 0x5a, SG_CID_MAX);
    memcpy(buf, &n, sizeof(n));
    return sg_bytes(buf, 4 + n % 17);
}

static void ids_come_and_go(void **state)
{
    (void)state;
    struct sg_quic_cid_map map;
    struct sg_quic_cid_entry *ids[50] = {0};
    uint8_t buf[SG_CID_MAX];
    assert_int_equal(sg_quic_cid_map_init(&map, sg_mem_default(), key), SG_OK);
    for (uint32_t n = 0; n < 1000; n++)
        assert_int_equal(
            sg_quic_cid_map_put(&map, cid_of(n, buf), conn_of(1 + n % 50), &ids[n % 50]), SG_OK);
    for (uint32_t n = 0; n < 1000; n++)
        assert_ptr_equal(sg_quic_cid_map_get(&map, cid_of(n, buf)), conn_of(1 + n % 50));
    assert_int_equal(sg_quic_cid_map_put(&map, cid_of(7, buf), conn_of(1), &ids[0]), SG_ERR_EXISTS);
    for (uint32_t n = 0; n < 1000; n += 2)
        sg_quic_cid_map_remove(&map, cid_of(n, buf), &ids[n % 50]);
    sg_quic_cid_map_remove(&map, cid_of(0, buf), &ids[0]); /* not there any more */
    sg_quic_cid_map_remove(&map, cid_of(3, buf), &ids[4]); /* not this connection's */
    for (uint32_t n = 0; n < 1000; n++)
        assert_ptr_equal(sg_quic_cid_map_get(&map, cid_of(n, buf)),
                         n % 2 == 0 ? NULL : conn_of(1 + n % 50));
    assert_int_equal(map.count, 500);
    for (int i = 0; i < 50; i++)
        sg_quic_cid_map_remove_all(&map, &ids[i]);
    assert_int_equal(map.count, 0);
    assert_null(sg_quic_cid_map_get(&map, cid_of(1, buf)));
    sg_quic_cid_map_fini(&map);
}

static void lengths_are_checked(void **state)
{
    (void)state;
    struct sg_quic_cid_map map;
    struct sg_quic_cid_entry *ids = NULL;
    const uint8_t buf[21] = {0};
    assert_int_equal(sg_quic_cid_map_init(&map, sg_mem_default(), key), SG_OK);
    assert_int_equal(sg_quic_cid_map_put(&map, sg_bytes(buf, 0), conn_of(1), &ids),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_quic_cid_map_put(&map, sg_bytes(buf, 21), conn_of(1), &ids),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_quic_cid_map_put(&map, sg_bytes(buf, 20), conn_of(1), &ids), SG_OK);
    assert_null(sg_quic_cid_map_get(&map, sg_bytes(buf, 19))); /* a prefix is another id */
    assert_null(sg_quic_cid_map_get(&map, sg_bytes(buf, 21)));
    assert_null(sg_quic_cid_map_get(&map, sg_bytes(buf, 0)));
    sg_quic_cid_map_fini(&map); /* frees what is left */
}

static void it_works_without_memory_to_grow(void **state)
{
    (void)state;
    struct sg_quic_cid_map map;
    struct sg_quic_cid_entry *ids = NULL;
    struct failing_mem failing;
    uint8_t buf[SG_CID_MAX];
    assert_int_equal(sg_quic_cid_map_init(&map, failing_mem_init(&failing, 1), key),
                     SG_ERR_NO_MEMORY);
    sg_quic_cid_map_fini(&map);
    assert_int_equal(sg_quic_cid_map_init(&map, failing_mem_init(&failing, 67), key), SG_OK);
    for (uint32_t n = 0; n < 200; n++) {
        sg_err err = sg_quic_cid_map_put(&map, cid_of(n, buf), conn_of(1), &ids);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        assert_ptr_equal(sg_quic_cid_map_get(&map, cid_of(n, buf)),
                         err == SG_OK ? conn_of(1) : NULL);
    }
    sg_quic_cid_map_fini(&map);
    assert_int_equal(failing.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_gives_the_published_value),
        cmocka_unit_test(ids_come_and_go),
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(it_works_without_memory_to_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
