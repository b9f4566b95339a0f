/* OpenSSL's allocator fails at its n-th call, for every n: each function of the MLS suites gives
 * SG_ERR_NO_MEMORY with its outputs zeroed, or succeeds; it never blames the peer, leaks nothing
 * (LeakSanitizer) and works again afterwards. */
#include "unit/crypto/mls_fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "crypto/init.h"
#include "crypto/mls_evp.h"

static size_t calls;
static size_t fail_at; /* 0: none */

static void *count_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return ++calls == fail_at ? NULL : malloc(size);
}

static void *count_realloc(void *ptr, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return ++calls == fail_at ? NULL : realloc(ptr, size);
}

static void count_free(void *ptr, const char *file, int line)
{
    (void)file;
    (void)line;
    free(ptr);
}

static struct fixture f;

static sg_err try_generate(void)
{
    sg_prng_init(&f.prng, f.s->id); /* the same keys each time */
    sg_err err = f.s->kem_generate(f.s, &f.random, f.kem_private, f.kem_public);
    if (err != SG_OK)
        assert_zero(f.kem_private, f.s->kem_private_len);
    return err;
}

static sg_err try_sig_generate(void)
{
    sg_prng_init(&f.prng, f.s->id);
    sg_err err = f.s->sig_generate(f.s, &f.random, f.sig_private, f.sig_public);
    if (err != SG_OK)
        assert_zero(f.sig_private, f.s->sig_private_len);
    return err;
}

static sg_err try_derive(void)
{
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t public_key[SG_MLS_KEM_PUBLIC_MAX];
    sg_err err = f.s->kem_derive(f.s, fixture_plain, private_key, public_key);
    if (err != SG_OK)
        assert_zero(private_key, f.s->kem_private_len);
    return err;
}

static sg_err try_checks(void)
{
    SG_TRY(f.s->kem_check(f.s, fixture_kem_public(&f)));
    return f.s->sig_check(f.s, fixture_sig_public(&f));
}

static sg_err try_seal(void)
{
    sg_err err = fixture_seal(&f);
    if (err != SG_OK)
        assert_zero(f.sealed, fixture_plain.len + f.s->aead_tag_len);
    return err;
}

static sg_err try_open(void)
{
    sg_err err = fixture_open(&f);
    if (err != SG_OK)
        assert_zero(f.out, fixture_plain.len);
    return err;
}

static sg_err try_sign(void)
{
    sg_err err = fixture_sign(&f);
    if (err != SG_OK)
        assert_zero(f.signature, f.s->sig_max_len);
    return err;
}

static sg_err try_verify(void)
{
    return fixture_verify(&f);
}

static sg_err try_kdf(void)
{
    uint8_t out[SG_MLS_HASH_MAX] = {1};
    struct sg_mls_parts parts = SG_MLS_PARTS(fixture_info);
    sg_err err = f.s->extract(f.s, fixture_plain, parts, out);
    if (err == SG_OK)
        err = f.s->expand(f.s, sg_bytes(out, f.s->hash_len), parts, out, f.s->hash_len);
    if (err != SG_OK)
        assert_zero(out, f.s->hash_len);
    return err;
}

static size_t fail_each(sg_err (*op)(void))
{
    size_t failures = 0;
    fail_at = 0;
    assert_int_equal(op(), SG_OK);
    for (size_t n = 1;; n++) {
        calls = 0;
        fail_at = n;
        sg_err err = op();
        bool is_through = calls < n;
        fail_at = 0;
        if (err != SG_OK) {
            assert_int_equal(err, SG_ERR_NO_MEMORY);
            assert_int_equal(ERR_peek_error(), 0);
        }
        failures += err != SG_OK;
        if (is_through)
            break;
    }
    assert_int_equal(op(), SG_OK);
    return failures;
}

static void test_each_operation(void **state)
{
    static const uint16_t ids[] = {1, 2, 4, 0xf602, 0xf60a}; /* every kind of KEM and signature */
    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        size_t failures = 0;
        fixture_init(&f, sg_mls_suite_find(ids[i]));
        failures += fail_each(try_generate);
        failures += fail_each(try_sig_generate);
        failures += fail_each(try_derive);
        failures += fail_each(try_checks);
        failures += fail_each(try_seal);
        failures += fail_each(try_open);
        failures += fail_each(try_sign);
        failures += fail_each(try_verify);
        failures += fail_each(try_kdf);
        print_message("   suite %04x: %zu failures were noticed\n", ids[i], failures);
        assert_true(failures > 0);
    }
}

enum { FETCH_FAILED = 40, FETCH_LOST, FETCH_ABSORBED, FETCH_THROUGH, FETCH_WRONG };

/* In a process of its own, because what was fetched stays. */
static int fetch_child(size_t n)
{
    const struct sg_mls_evp *evp;
    calls = 0;
    fail_at = n;
    sg_err err = sg_mls_evp_begin(&evp);
    bool is_through = calls < n;
    fail_at = 0;
    if (err != SG_OK && err != SG_ERR_NO_MEMORY && err != SG_ERR_CRYPTO)
        return FETCH_WRONG;
    if (sg_mls_evp_begin(&evp) != SG_OK) /* OpenSSL lost an algorithm, and we said so */
        return err == SG_OK ? FETCH_WRONG : FETCH_LOST;
    fixture_init(&f, sg_mls_suite_find(2));
    if (fixture_keys(&f) != SG_OK || fixture_seal(&f) != SG_OK || fixture_open(&f) != SG_OK)
        return FETCH_WRONG;
    if (is_through)
        return FETCH_THROUGH;
    return err == SG_OK ? FETCH_ABSORBED : FETCH_FAILED;
}

static void test_fetch_with_failures(void **state)
{
    size_t failures = 0;
    int result = FETCH_FAILED;
    (void)state;
    for (size_t n = 1; result != FETCH_THROUGH; n += n < 10 ? 1 : 13) {
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            _exit(fetch_child(n));
        assert_true(child > 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        result = WEXITSTATUS(status);
        assert_in_range(result, FETCH_FAILED, FETCH_THROUGH);
        failures += result == FETCH_FAILED;
    }
    print_message("   %zu of the failures were noticed\n", failures);
    assert_true(failures > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fetch_with_failures), /* first: nothing of MLS is fetched yet */
        cmocka_unit_test(test_each_operation),
    };
    if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
        return 1;
    return sg_crypto_init() != SG_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
