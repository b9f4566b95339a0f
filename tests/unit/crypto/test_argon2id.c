#include "unit/crypto/vectors.h"

#include "crypto/argon2id.h"

static void test_vectors(void **state)
{
    struct vectors v;
    (void)state;
    vectors_open(&v, "argon2id.txt");
    while (vectors_next(&v)) {
        uint8_t out[64];
        struct sg_bytes want = vectors_bytes(&v, "output");
        struct sg_argon2id_cost cost = {.memory_kib = vectors_number(&v, "memory_kib"),
                                        .passes = vectors_number(&v, "passes"),
                                        .lanes = vectors_number(&v, "lanes")};
        assert_int_equal(sg_argon2id(&cost, vectors_bytes(&v, "passphrase"),
                                     vectors_bytes(&v, "salt"), out, want.len),
                         SG_OK);
        assert_memory_equal(out, want.data, want.len);
    }
    vectors_close(&v, 3);
}

static void test_default_is_within_the_limits(void **state)
{
    struct sg_argon2id_cost cost = sg_argon2id_cost_default();
    uint8_t out[32];
    (void)state;
    assert_int_equal(cost.memory_kib, 64 * 1024);
    assert_true(sg_argon2id_cost_is_valid(&cost));
    assert_int_equal(sg_argon2id(&cost, SG_BYTES_LIT("p"), SG_BYTES_LIT("saltsalt"), out, 32),
                     SG_OK);
}

static sg_err run(uint32_t memory_kib, uint32_t passes, uint32_t lanes)
{
    struct sg_argon2id_cost cost = {memory_kib, passes, lanes};
    static const uint8_t zeros[32];
    uint8_t out[32];
    memset(out, 7, sizeof(out));
    sg_err err = sg_argon2id(&cost, SG_BYTES_LIT("p"), SG_BYTES_LIT("saltsalt"), out, 32);
    if (err != SG_OK)
        assert_memory_equal(out, zeros, sizeof(out));
    assert_int_equal(sg_argon2id_cost_is_valid(&cost), err == SG_OK);
    return err;
}

static void test_cost_limits(void **state)
{
    (void)state;
    assert_int_equal(run(8, 1, 1), SG_OK);
    assert_int_equal(run(8 * 16, 16, 16), SG_OK);
    assert_int_equal(run(7, 1, 1), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(15, 1, 2), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(0, 1, 0), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(8, 0, 1), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(8, 17, 1), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(1024, 1, 17), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run((1u << 20) + 1, 1, 1), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(run(UINT32_MAX, 1, UINT32_MAX), SG_ERR_INVALID_ARGUMENT);
}

static void test_lengths(void **state)
{
    struct sg_argon2id_cost cost = {8, 1, 1};
    struct sg_bytes salt = SG_BYTES_LIT("saltsalt");
    struct sg_bytes none = {NULL, 0};
    uint8_t out[1024];
    (void)state;
    assert_int_equal(sg_argon2id(&cost, none, salt, out, 4), SG_OK);
    assert_int_equal(sg_argon2id(&cost, none, salt, out, 1024), SG_OK);
    assert_int_equal(sg_argon2id(&cost, none, salt, out, 3), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_argon2id(&cost, none, sg_bytes(salt.data, 7), out, 4),
                     SG_ERR_INVALID_ARGUMENT);
}

static void test_every_input_counts(void **state)
{
    struct sg_argon2id_cost cost = {8, 1, 1};
    struct sg_argon2id_cost costs[] = {{16, 1, 1}, {8, 2, 1}, {16, 1, 2}};
    struct sg_bytes pass = SG_BYTES_LIT("pass");
    struct sg_bytes salt = SG_BYTES_LIT("saltsalt");
    uint8_t base[32];
    uint8_t out[32];
    (void)state;
    assert_int_equal(sg_argon2id(&cost, pass, salt, base, 32), SG_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sg_argon2id(&costs[i], pass, salt, out, 32), SG_OK);
        assert_memory_not_equal(out, base, 32);
    }
    assert_int_equal(sg_argon2id(&cost, SG_BYTES_LIT("pasr"), salt, out, 32), SG_OK);
    assert_memory_not_equal(out, base, 32);
    assert_int_equal(sg_argon2id(&cost, pass, SG_BYTES_LIT("saltsalu"), out, 32), SG_OK);
    assert_memory_not_equal(out, base, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_default_is_within_the_limits),
        cmocka_unit_test(test_cost_limits),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_every_input_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
