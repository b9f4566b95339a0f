#include "unit/crypto/vectors.h"

#include <sys/wait.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "crypto/random.h"

static void test_fills_all_bytes(void **state)
{
    uint8_t seen[64] = {0};
    (void)state;
    assert_int_equal(sg_random(NULL, 0), SG_OK);
    for (int round = 0; round < 8; round++) {
        uint8_t data[66] = {0};
        assert_int_equal(sg_random(data + 1, 64), SG_OK);
        assert_int_equal(data[0], 0);
        assert_int_equal(data[65], 0);
        for (size_t i = 0; i < 64; i++)
            seen[i] |= data[i + 1];
    }
    for (size_t i = 0; i < 64; i++) /* all zero in eight rounds: 2^-64 */
        assert_int_not_equal(seen[i], 0);
}

static void test_two_draws_differ(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    (void)state;
    assert_int_equal(sg_random(a, sizeof(a)), SG_OK);
    assert_int_equal(sg_random(b, sizeof(b)), SG_OK);
    assert_memory_not_equal(a, b, sizeof(a));
}

/* In a process of its own, before the first draw: OpenSSL chooses its generator then. */
static void test_no_generator_is_an_error_and_gives_zeros(void)
{
    static const uint8_t zeros[32];
    uint8_t data[32];
    memset(data, 7, sizeof(data));
    if (RAND_set_DRBG_type(NULL, "NO-SUCH-GENERATOR", NULL, NULL, NULL) != 1 ||
        sg_random(data, sizeof(data)) != SG_ERR_ENTROPY || memcmp(data, zeros, sizeof(data)) != 0)
        _exit(1);
    _exit(0);
}

static void test_fails_closed(void **state)
{
    int status = -1;
    pid_t child = fork();
    (void)state;
    if (child == 0)
        test_no_generator_is_an_error_and_gives_zeros();
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fails_closed), /* first: see there */
        cmocka_unit_test(test_fills_all_bytes),
        cmocka_unit_test(test_two_draws_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
