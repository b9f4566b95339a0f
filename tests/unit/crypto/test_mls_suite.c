#include "unit/crypto/mls_fixture.h"

#include "crypto/init.h"

/* Calls test for a fixture with keys, for every suite. */
static void for_each_suite(void (*test)(struct fixture *f))
{
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    static struct fixture f;
    for (size_t i = 0; i < count; i++) {
        fixture_init(&f, &suites[i]);
        assert_int_equal(fixture_keys(&f), SG_OK);
        test(&f);
    }
}

static void test_table(void **state)
{
    static const uint16_t ids[] = {1, 2, 3, 4, 5, 6, 7, 0xf602, 0xf606, 0xf609, 0xf60a};
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    (void)state;
    assert_int_equal(count, sizeof(ids) / sizeof(ids[0]));
    for (size_t i = 0; i < count; i++) {
        const struct sg_mls_suite *s = &suites[i];
        assert_int_equal(s->id, ids[i]);
        assert_ptr_equal(sg_mls_suite_find(ids[i]), s);
        assert_memory_equal(s->name, "MLS_", 4);
        assert_true(s->hash_len <= SG_MLS_HASH_MAX && s->aead_key_len <= SG_MLS_AEAD_KEY_MAX);
        assert_int_equal(s->aead_nonce_len, SG_MLS_AEAD_NONCE_MAX);
        assert_int_equal(s->aead_tag_len, SG_MLS_AEAD_TAG_MAX);
        assert_true(s->kem_enc_len <= SG_MLS_KEM_ENC_MAX);
        assert_true(s->kem_public_len <= SG_MLS_KEM_PUBLIC_MAX);
        assert_true(s->kem_private_len <= SG_MLS_KEM_PRIVATE_MAX);
        assert_true(s->sig_public_len <= SG_MLS_SIG_PUBLIC_MAX);
        assert_true(s->sig_private_len <= SG_MLS_SIG_PRIVATE_MAX);
        assert_true(s->sig_max_len <= SG_MLS_SIG_MAX);
    }
    assert_null(sg_mls_suite_find(0));
    assert_null(sg_mls_suite_find(0x0a0a)); /* GREASE */
    assert_int_equal(SG_MLS_SUITE_DEFAULT, 0xf60a);
}

static void round_trip(struct fixture *f)
{
    static const uint8_t key[SG_MLS_AEAD_KEY_MAX] = {7};
    struct sg_mls_aead aead = {key, key, fixture_aad};
    assert_int_equal(f->s->kem_check(f->s, fixture_kem_public(f)), SG_OK);
    assert_int_equal(f->s->sig_check(f->s, fixture_sig_public(f)), SG_OK);
    assert_int_equal(fixture_seal(f), SG_OK);
    assert_int_equal(fixture_open(f), SG_OK);
    assert_memory_equal(f->out, fixture_plain.data, fixture_plain.len);
    assert_int_equal(fixture_sign(f), SG_OK);
    assert_true(f->signature_len <= f->s->sig_max_len);
    assert_int_equal(fixture_verify(f), SG_OK);
    assert_int_equal(f->s->aead_seal(f->s, &aead, fixture_plain, f->sealed), SG_OK);
    assert_int_equal(f->s->aead_open(f->s, &aead,
                                     sg_bytes(f->sealed, fixture_plain.len + f->s->aead_tag_len),
                                     f->sealed),
                     SG_OK); /* in place */
    assert_memory_equal(f->sealed, fixture_plain.data, fixture_plain.len);
}

/* An info that is prepared is the one that counts. */
static void seal_prepared(struct fixture *f)
{
    struct sg_mls_hpke_info prepared;
    struct sg_mls_hpke_to to = fixture_to(f);
    struct sg_mls_hpke_from from = fixture_from(f);
    to.info = SG_BYTES_LIT("not read");
    to.prepared = &prepared;
    assert_int_equal(f->s->hpke_prepare(f->s, from.info, &prepared), SG_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(f->s->hpke_seal(f->s, &f->random, &to, f->enc, f->sealed), SG_OK);
        assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_OK);
        assert_memory_equal(f->out, fixture_plain.data, fixture_plain.len);
    }
    assert_int_equal(f->s->hpke_prepare(f->s, to.info, &prepared), SG_OK);
    assert_int_equal(f->s->hpke_seal(f->s, &f->random, &to, f->enc, f->sealed), SG_OK);
    assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_AUTH);
    uint8_t sent[SG_MLS_HASH_MAX], received[SG_MLS_HASH_MAX];
    struct sg_mls_hpke_export out = {SG_BYTES_LIT("context"), sent, f->s->hash_len};
    assert_int_equal(f->s->hpke_prepare(f->s, from.info, &prepared), SG_OK);
    assert_int_equal(f->s->hpke_send_export(f->s, &f->random, &to, f->enc, &out), SG_OK);
    out.out = received;
    assert_int_equal(f->s->hpke_receive_export(f->s, &from, &out), SG_OK);
    assert_memory_equal(sent, received, f->s->hash_len);
}

static void test_prepared_infos(void **state)
{
    (void)state;
    for_each_suite(seal_prepared);
}

/* Verifying in turns with two keys and two contents: what is kept of the key before decides
 * nothing. */
static void verify_in_turns(struct fixture *f)
{
    static struct fixture other;
    fixture_init(&other, f->s);
    sg_prng_init(&other.prng, 77);
    assert_int_equal(fixture_keys(&other), SG_OK);
    assert_int_equal(fixture_sign(f), SG_OK);
    assert_int_equal(fixture_sign(&other), SG_OK);
    for (unsigned i = 0; i < 16; i++) {
        const struct fixture *key = i % 2 == 0 ? f : &other, *signature = i % 3 == 0 ? f : &other;
        sg_err err =
            f->s->verify(f->s, fixture_sig_public(key), i % 5 == 4 ? fixture_aad : fixture_plain,
                         sg_bytes(signature->signature, signature->signature_len));
        assert_int_equal(err, key == signature && i % 5 != 4 ? SG_OK : SG_ERR_BAD_SIGNATURE);
    }
}

static void test_turns(void **state)
{
    (void)state;
    for_each_suite(verify_in_turns);
}

static void test_round_trips(void **state)
{
    (void)state;
    for_each_suite(round_trip);
}

/* RFC9420 s8.3: an external joiner and the group agree on a secret. */
static void export_both(struct fixture *f)
{
    uint8_t sent[SG_MLS_HASH_MAX];
    uint8_t received[SG_MLS_HASH_MAX];
    struct sg_mls_hpke_to to = fixture_to(f);
    struct sg_mls_hpke_from from = fixture_from(f);
    struct sg_mls_hpke_export out = {SG_BYTES_LIT("context"), sent, f->s->hash_len};
    assert_int_equal(f->s->hpke_send_export(f->s, &f->random, &to, f->enc, &out), SG_OK);
    out.out = received;
    assert_int_equal(f->s->hpke_receive_export(f->s, &from, &out), SG_OK);
    assert_memory_equal(sent, received, f->s->hash_len);
    out.context = SG_BYTES_LIT("another");
    assert_int_equal(f->s->hpke_receive_export(f->s, &from, &out), SG_OK);
    assert_memory_not_equal(sent, received, f->s->hash_len);
    out.len = 0;
    assert_int_equal(f->s->hpke_receive_export(f->s, &from, &out), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(f->s->hpke_send_export(f->s, &f->random, &to, f->enc, &out),
                     SG_ERR_INVALID_ARGUMENT);
    assert_zero(f->enc, f->s->kem_enc_len);
    from.enc.len--;
    out.len = f->s->hash_len;
    assert_int_equal(f->s->hpke_receive_export(f->s, &from, &out), SG_ERR_MALFORMED);
    assert_zero(received, f->s->hash_len);
}

static void test_exports(void **state)
{
    (void)state;
    for_each_suite(export_both);
}

/* The same randomness gives the same keys, messages and signatures: nothing else goes in. */
static void repeat(struct fixture *f)
{
    static struct fixture again;
    assert_int_equal(fixture_seal(f), SG_OK);
    assert_int_equal(fixture_sign(f), SG_OK);
    fixture_init(&again, f->s);
    assert_int_equal(fixture_keys(&again), SG_OK);
    assert_int_equal(fixture_seal(&again), SG_OK);
    assert_int_equal(fixture_sign(&again), SG_OK);
    assert_memory_equal(again.enc, f->enc, sizeof(f->enc));
    assert_memory_equal(again.sealed, f->sealed, sizeof(f->sealed));
    assert_memory_equal(again.signature, f->signature, sizeof(f->signature));
    assert_int_equal(fixture_seal(&again), SG_OK);
    assert_memory_not_equal(again.enc, f->enc, f->s->kem_enc_len);
}

/* A key that is ready is used for its own private key only, and is wiped at the end. */
static void sign_ready(struct fixture *f)
{
    uint8_t other_private[SG_MLS_SIG_PRIVATE_MAX], other_public[SG_MLS_SIG_PUBLIC_MAX];
    struct sg_mls_ready ready = {.key = NULL};
    struct sg_mls_to_sign in = fixture_to_sign(f), other = in;
    assert_int_equal(f->s->sig_generate(f->s, &f->random, other_private, other_public), SG_OK);
    other.private_key = sg_bytes(other_private, f->s->sig_private_len);
    in.ready = other.ready = &ready;
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *public_key = i == 2 ? other_public : f->sig_public;
        const void *before = ready.key;
        assert_int_equal(
            f->s->sign(f->s, &f->random, i == 2 ? &other : &in, f->signature, &f->signature_len),
            SG_OK);
        assert_int_equal(f->s->verify(f->s, sg_bytes(public_key, f->s->sig_public_len), in.content,
                                      sg_bytes(f->signature, f->signature_len)),
                         SG_OK);
        assert_non_null(ready.key);
        assert_true(i != 1 || ready.key == before);
    }
    in.private_key.len--;
    assert_int_equal(f->s->sign(f->s, &f->random, &in, f->signature, &f->signature_len),
                     SG_ERR_MALFORMED);
    f->s->sign_ready_fini(&ready);
    assert_null(ready.key);
    assert_zero(ready.of, sizeof(ready.of));
}

static void test_ready_keys(void **state)
{
    (void)state;
    for_each_suite(sign_ready);
}

static void test_injected_randomness(void **state)
{
    (void)state;
    for_each_suite(repeat);
}

static sg_err no_entropy(void *state, uint8_t *out, size_t len)
{
    (void)state;
    memset(out, 0xa5, len); /* what a failing source leaves must not get out */
    return SG_ERR_ENTROPY;
}

static sg_err all_ones(void *state, uint8_t *out, size_t len)
{
    (void)state;
    memset(out, 0xff, len);
    return SG_OK;
}

static void fail_random(struct fixture *f)
{
    struct sg_mls_to_sign in = fixture_to_sign(f);
    bool is_ml_dsa = f->s->sig_private_len == 32 && f->s->sig_public_len > 1000;
    f->random.fill = no_entropy;
    f->enc[0] = f->sealed[0] = 1;
    assert_int_equal(fixture_seal(f), SG_ERR_ENTROPY);
    assert_zero(f->enc, f->s->kem_enc_len);
    assert_zero(f->sealed, sizeof(f->sealed));
    assert_int_equal(f->s->sign(f->s, &f->random, &in, f->signature, &f->signature_len),
                     is_ml_dsa ? SG_ERR_ENTROPY : SG_OK);
    assert_true(!is_ml_dsa || f->signature_len == 0);
    assert_int_equal(f->s->kem_generate(f->s, &f->random, f->kem_private, f->kem_public),
                     SG_ERR_ENTROPY);
    assert_zero(f->kem_private, f->s->kem_private_len);
    assert_zero(f->kem_public, f->s->kem_public_len);
    assert_int_equal(f->s->sig_generate(f->s, &f->random, f->sig_private, f->sig_public),
                     SG_ERR_ENTROPY);
    assert_zero(f->sig_private, f->s->sig_private_len);
    assert_zero(f->sig_public, f->s->sig_public_len);
}

static void test_random_fails(void **state)
{
    struct sg_mls_random ones = {NULL, all_ones};
    uint8_t private_key[SG_MLS_KEM_PRIVATE_MAX];
    uint8_t public_key[SG_MLS_KEM_PUBLIC_MAX];
    const struct sg_mls_suite *p256 = sg_mls_suite_find(2);
    (void)state;
    for_each_suite(fail_random);
    /* not a scalar of P-256, however often it is asked */
    assert_int_equal(p256->kem_generate(p256, &ones, private_key, public_key), SG_ERR_CRYPTO);
    assert_zero(private_key, p256->kem_private_len);
}

static void flip_message(struct fixture *f, uint8_t *data, size_t len)
{
    size_t step = len / 7 + 1;
    for (size_t i = 0; i < len; i += step) {
        data[i] ^= 1;
        sg_err err = fixture_open(f);
        assert_true(err == SG_ERR_AUTH || err == SG_ERR_MALFORMED);
        assert_zero(f->out, fixture_plain.len);
        data[i] ^= 1;
    }
}

static void flip(struct fixture *f)
{
    assert_int_equal(fixture_seal(f), SG_OK);
    assert_int_equal(fixture_sign(f), SG_OK);
    flip_message(f, f->enc, f->s->kem_enc_len);
    flip_message(f, f->sealed, fixture_plain.len + f->s->aead_tag_len);
    struct sg_mls_hpke_from from = fixture_from(f);
    from.aad = fixture_info;
    assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_AUTH);
    from.aad = fixture_aad;
    from.info = fixture_aad;
    assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_AUTH);
    size_t step = f->signature_len / 9 + 1;
    for (size_t i = 0; i < f->signature_len; i += step) {
        f->signature[i] ^= 1;
        assert_int_equal(fixture_verify(f), SG_ERR_BAD_SIGNATURE);
        f->signature[i] ^= 1;
    }
    assert_int_equal(f->s->verify(f->s, fixture_sig_public(f), fixture_info,
                                  sg_bytes(f->signature, f->signature_len)),
                     SG_ERR_BAD_SIGNATURE);
    f->sig_public[f->s->sig_public_len - 1] ^= 1;
    assert_int_equal(fixture_verify(f), SG_ERR_BAD_SIGNATURE);
}

static void test_bit_flips(void **state)
{
    (void)state;
    for_each_suite(flip);
}

static void wrong_lengths_kem(struct fixture *f)
{
    struct sg_bytes public_key = fixture_kem_public(f);
    uint8_t out[SG_MLS_KEM_PUBLIC_MAX];
    assert_int_equal(fixture_seal(f), SG_OK);
    for (int i = 0; i < 3; i++) {
        struct sg_mls_hpke_to to = fixture_to(f);
        struct sg_mls_hpke_from from = fixture_from(f);
        size_t cut = i == 0 ? 1 : i == 1 ? public_key.len : public_key.len - 1;
        to.public_key = sg_bytes(public_key.data, public_key.len - cut);
        assert_int_equal(f->s->kem_check(f->s, to.public_key), SG_ERR_MALFORMED);
        assert_int_equal(f->s->hpke_seal(f->s, &f->random, &to, out, f->out), SG_ERR_MALFORMED);
        from.enc.len = i == 0 ? from.enc.len - 1 : (size_t)i - 1;
        assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_MALFORMED);
        from = fixture_from(f);
        from.private_key.len -= (size_t)i + 1;
        assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_MALFORMED);
        assert_int_equal(f->s->kem_public(f->s, from.private_key, out), SG_ERR_MALFORMED);
        assert_zero(out, f->s->kem_public_len);
        from = fixture_from(f);
        from.public_key.len = (size_t)i + 1;
        assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_MALFORMED);
        from = fixture_from(f);
        from.sealed.len = (size_t)i * 7;
        assert_int_equal(f->s->hpke_open(f->s, &from, f->out), SG_ERR_AUTH);
    }
}

static void wrong_lengths_sig(struct fixture *f)
{
    struct sg_mls_to_sign in = fixture_to_sign(f);
    uint8_t out[SG_MLS_SIG_PUBLIC_MAX];
    struct sg_bytes public_key = fixture_sig_public(f);
    assert_int_equal(fixture_sign(f), SG_OK);
    struct sg_bytes signature = sg_bytes(f->signature, f->signature_len);
    for (size_t cut = 0; cut <= signature.len; cut += signature.len / 3) {
        struct sg_bytes cut_off = sg_bytes(signature.data, signature.len - cut);
        assert_int_equal(f->s->verify(f->s, public_key, fixture_plain, cut_off),
                         cut == 0 ? SG_OK : SG_ERR_BAD_SIGNATURE);
    }
    public_key.len--;
    assert_int_equal(f->s->verify(f->s, public_key, fixture_plain, signature),
                     SG_ERR_BAD_SIGNATURE);
    assert_int_equal(f->s->sig_check(f->s, public_key), SG_ERR_MALFORMED);
    public_key.len = 0;
    assert_int_equal(f->s->sig_check(f->s, public_key), SG_ERR_MALFORMED);
    in.private_key.len--;
    assert_int_equal(f->s->sign(f->s, &f->random, &in, f->signature, &f->signature_len),
                     SG_ERR_MALFORMED);
    assert_zero(f->signature, f->s->sig_max_len);
    assert_int_equal(f->signature_len, 0);
    assert_int_equal(f->s->sig_public(f->s, in.private_key, out), SG_ERR_MALFORMED);
    assert_zero(out, f->s->sig_public_len);
}

static void wrong_lengths_kdf(struct fixture *f)
{
    static uint8_t out[256 * SG_MLS_HASH_MAX];
    static const uint8_t key[SG_MLS_HASH_MAX] = {1};
    size_t len = f->s->hash_len;
    struct sg_mls_aead aead = {key, key, {NULL, 0}};
    struct sg_mls_parts info = SG_MLS_PARTS(fixture_info);
    assert_int_equal(f->s->expand(f->s, sg_bytes(key, len), info, out, 255 * len), SG_OK);
    assert_int_equal(f->s->expand(f->s, sg_bytes(key, len), info, out, 255 * len + 1),
                     SG_ERR_INVALID_ARGUMENT);
    assert_zero(out, 255 * len + 1);
    assert_int_equal(f->s->expand(f->s, sg_bytes(key, len), info, out, 0), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(f->s->expand(f->s, sg_bytes(key, len - 1), info, out, 1),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(f->s->aead_open(f->s, &aead, sg_bytes(key, 15), out), SG_ERR_AUTH);
    assert_int_equal(f->s->aead_seal(f->s, &aead, sg_bytes(key, SIZE_MAX), out), SG_ERR_TOO_LARGE);
    assert_int_equal(f->s->aead_open(f->s, &aead, sg_bytes(key, SIZE_MAX), out), SG_ERR_TOO_LARGE);
}

static void test_wrong_lengths(void **state)
{
    (void)state;
    for_each_suite(wrong_lengths_kem);
    for_each_suite(wrong_lengths_sig);
    for_each_suite(wrong_lengths_kdf);
}

/* Outputs may be inputs where the header says so, and parts are nothing but their concatenation. */
static void alias(struct fixture *f)
{
    uint8_t want[SG_MLS_HASH_MAX];
    uint8_t buffer[SG_MLS_HASH_MAX] = {3};
    struct sg_bytes secret = sg_bytes(buffer, f->s->hash_len);
    struct sg_mls_parts whole = SG_MLS_PARTS(SG_BYTES_LIT("abcdef"));
    struct sg_mls_parts split =
        SG_MLS_PARTS(SG_BYTES_LIT("ab"), sg_bytes(NULL, 0), SG_BYTES_LIT("cdef"));
    assert_int_equal(f->s->expand(f->s, secret, whole, want, f->s->hash_len), SG_OK);
    assert_int_equal(f->s->expand(f->s, secret, split, buffer, f->s->hash_len), SG_OK);
    assert_memory_equal(buffer, want, f->s->hash_len);
    assert_int_equal(f->s->extract(f->s, fixture_info, SG_MLS_PARTS(secret), want), SG_OK);
    assert_int_equal(f->s->extract(f->s, fixture_info, SG_MLS_PARTS(secret), buffer), SG_OK);
    assert_memory_equal(buffer, want, f->s->hash_len);
    assert_int_equal(f->s->extract(f->s, secret, whole, want), SG_OK);
    assert_int_equal(f->s->hmac(f->s, secret, split, buffer), SG_OK);
    assert_memory_equal(buffer, want, f->s->hash_len);
    f->s->hash(f->s, whole, want);
    f->s->hash(f->s, split, buffer);
    assert_memory_equal(buffer, want, f->s->hash_len);
    assert_true(f->s->equal(sg_bytes(buffer, 5), sg_bytes(want, 5)));
    assert_false(f->s->equal(sg_bytes(buffer, 5), sg_bytes(want, 6)));
    buffer[4] ^= 1;
    assert_false(f->s->equal(sg_bytes(buffer, 5), sg_bytes(want, 5)));
    assert_true(f->s->equal(sg_bytes(NULL, 0), sg_bytes(want, 0)));
    f->s->wipe(buffer, sizeof(buffer));
    assert_zero(buffer, sizeof(buffer));
}

static void test_aliases_and_parts(void **state)
{
    (void)state;
    for_each_suite(alias);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_prepared_infos),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_injected_randomness),
        cmocka_unit_test(test_ready_keys),
        cmocka_unit_test(test_random_fails),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_wrong_lengths),
        cmocka_unit_test(test_aliases_and_parts),
    };
    return sg_crypto_init() != SG_OK || cmocka_run_group_tests(tests, NULL, NULL);
}
