/* HPKE: the vectors of RFC 9180 in base mode, of draft-ietf-hpke-pq, and of X-Wing. Encapsulation
 * gets the vectors' randomness through the same door as the product's. */
#include "vectors/official.h"

#include "crypto/hpke.h"

enum { ENC_MAX = 1700, KEY_MAX = 1700, TEXT_MAX = 256 };

/* A random source that gives bytes in order and notices when it is asked for too many. */
static sg_err feed(void *state, uint8_t *out, size_t len)
{
    struct sg_bytes *left = state;
    if (left->len < len)
        return SG_ERR_ENTROPY;
    memcpy(out, left->data, len);
    left->data += len;
    left->len -= len;
    return SG_OK;
}

/* The X448 case of hpke-pq has the scalar with the bits set that RFC 7748 s5 sets before use, RFC
 * 9180 has it as derived. Both mean the same key. */
static void clamp_448(uint8_t *private_key)
{
    private_key[0] &= 252;
    private_key[55] |= 128;
}

static bool is_clamped(const struct sg_hpke_kem *kem, struct sg_bytes private_key)
{
    return kem->id == SG_HPKE_DHKEM_X448 && (private_key.data[0] & 3) == 0 &&
           private_key.data[55] >= 128;
}

static void check_key_pair(struct official *o, json_t *v, const struct sg_hpke_kem *kem)
{
    uint8_t private_key[KEY_MAX];
    uint8_t public_key[KEY_MAX];
    struct sg_bytes want_private = official_hex(o, v, "skRm");
    struct sg_bytes want_public = official_hex(o, v, "pkRm");
    assert_int_equal(sg_hpke_kem_derive(kem, official_hex(o, v, "ikmR"), private_key, public_key),
                     SG_OK);
    if (is_clamped(kem, want_private))
        clamp_448(private_key);
    official_assert_equal(sg_bytes(private_key, kem->private_len), want_private);
    official_assert_equal(sg_bytes(public_key, kem->public_len), want_public);
    assert_int_equal(sg_hpke_kem_public(kem, want_private, public_key), SG_OK);
    official_assert_equal(sg_bytes(public_key, kem->public_len), want_public);
    assert_int_equal(sg_hpke_kem_check(kem, want_public), SG_OK);
}

/* The randomness of encapsulation: DHKEM takes the scalar, which the vectors derive from ikmE. */
static struct sg_bytes randomness(struct official *o, json_t *v, const struct sg_hpke_kem *kem)
{
    static uint8_t scalar[KEY_MAX];
    uint8_t public_key[KEY_MAX];
    struct sg_bytes ikm = official_hex(o, v, "ikmE");
    if (kem->kind != SG_HPKE_KIND_DH)
        return ikm;
    assert_int_equal(sg_hpke_kem_derive(kem, ikm, scalar, public_key), SG_OK);
    return sg_bytes(scalar, kem->private_len);
}

static void check_secret(struct official *o, json_t *v, const struct sg_hpke_kem *kem)
{
    uint8_t enc[ENC_MAX];
    uint8_t secret[SG_HPKE_SECRET_MAX];
    struct sg_bytes bytes = randomness(o, v, kem);
    struct sg_mls_random random = {&bytes, feed};
    struct sg_bytes want = official_hex(o, v, "shared_secret");
    struct sg_bytes want_enc = official_hex(o, v, "enc");
    struct sg_hpke_pair own = {official_hex(o, v, "skRm"), official_hex(o, v, "pkRm")};
    assert_int_equal(sg_hpke_kem_encaps(kem, &random, own.public_key, enc, secret), SG_OK);
    /* the vector of ML-KEM-768 with P-256 has spare candidates for the scalar */
    assert_int_equal(bytes.len, kem->id == SG_HPKE_ML_KEM_768_P256 ? 64 : 0);
    official_assert_equal(sg_bytes(enc, kem->enc_len), want_enc);
    official_assert_equal(sg_bytes(secret, kem->secret_len), want);
    assert_int_equal(sg_hpke_kem_decaps(kem, &own, want_enc, secret), SG_OK);
    official_assert_equal(sg_bytes(secret, kem->secret_len), want);
    own.public_key.len = 0; /* computed then */
    assert_int_equal(sg_hpke_kem_decaps(kem, &own, want_enc, secret), SG_OK);
    official_assert_equal(sg_bytes(secret, kem->secret_len), want);
}

static void check_message(json_t *v, struct sg_hpke *send, struct sg_hpke *receive)
{
    struct official o = {0};
    uint8_t out[TEXT_MAX];
    struct sg_bytes aad = official_hex(&o, v, "aad");
    struct sg_bytes plain = official_hex(&o, v, "pt");
    struct sg_bytes sealed = official_hex(&o, v, "ct");
    assert_true(sealed.len <= TEXT_MAX);
    assert_int_equal(sg_hpke_seal(send, aad, plain, out), SG_OK);
    official_assert_equal(sg_bytes(out, plain.len + SG_AEAD_TAG_LEN), sealed);
    assert_int_equal(sg_hpke_open(receive, aad, sealed, out), SG_OK);
    official_assert_equal(sg_bytes(out, plain.len), plain);
    official_clear(&o);
}

static void check_export(json_t *v, const struct sg_hpke *send, const struct sg_hpke *receive)
{
    struct official o = {0};
    uint8_t out[TEXT_MAX];
    struct sg_bytes context = official_hex(&o, v, "exporter_context");
    struct sg_bytes want = official_hex(&o, v, "exported_value");
    assert_int_equal(want.len, (size_t)official_int(v, "L"));
    assert_int_equal(sg_hpke_export(send, context, out, want.len), SG_OK);
    official_assert_equal(sg_bytes(out, want.len), want);
    assert_int_equal(sg_hpke_export(receive, context, out, want.len), SG_OK);
    official_assert_equal(sg_bytes(out, want.len), want);
    official_clear(&o);
}

static void check_schedule(struct official *o, json_t *v, const struct sg_hpke *h)
{
    size_t key_len = h->suite->key_len;
    struct sg_bytes exporter_secret = official_hex(o, v, "exporter_secret");
    official_assert_equal(sg_bytes(h->exporter_secret, h->suite->hash_len), exporter_secret);
    if (key_len == 0)
        return;
    official_assert_equal(sg_bytes(h->key, key_len), official_hex(o, v, "key"));
    official_assert_equal(sg_bytes(h->base_nonce, SG_AEAD_NONCE_LEN),
                          official_hex(o, v, "base_nonce"));
}

struct totals {
    size_t cases;
    size_t messages;
    size_t exports;
};

static void check_conversation(struct official *o, json_t *v, const struct sg_hpke_suite *suite,
                               struct totals *totals)
{
    uint8_t enc[ENC_MAX];
    size_t i;
    json_t *item;
    struct sg_bytes bytes = randomness(o, v, suite->kem);
    struct sg_mls_random random = {&bytes, feed};
    struct sg_bytes info = official_hex(o, v, "info");
    struct sg_hpke_pair own = {official_hex(o, v, "skRm"), official_hex(o, v, "pkRm")};
    struct sg_hpke send = {.suite = suite, .use = SG_HPKE_BOTH};
    struct sg_hpke receive = {.suite = suite, .use = SG_HPKE_BOTH};
    assert_int_equal(sg_hpke_setup_send(&send, &random, own.public_key, info, enc), SG_OK);
    struct sg_bytes sent = sg_bytes(enc, suite->kem->enc_len);
    assert_int_equal(sg_hpke_setup_receive(&receive, &own, sent, info), SG_OK);
    check_schedule(o, v, &send);
    check_schedule(o, v, &receive);
    json_array_foreach(official_field(v, "encryptions"), i, item)
        check_message(item, &send, &receive);
    totals->messages += i;
    json_array_foreach(official_field(v, "exports"), i, item) check_export(item, &send, &receive);
    totals->exports += i;
    totals->cases++;
}

static void test_rfc9180(void **state)
{
    json_t *root = official_load("hpke/rfc9180-test-vectors.json.gz");
    struct totals totals = {0};
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(root, i, v)
    {
        struct official o = {0};
        struct sg_hpke_suite suite;
        if (official_int(v, "mode") != 0)
            continue;
        assert_int_equal(sg_hpke_suite_init(&suite, (uint16_t)official_int(v, "kem_id"),
                                            (uint16_t)official_int(v, "kdf_id"),
                                            (uint16_t)official_int(v, "aead_id")),
                         SG_OK);
        check_key_pair(&o, v, suite.kem);
        check_secret(&o, v, suite.kem);
        check_conversation(&o, v, &suite, &totals);
        official_clear(&o);
    }
    print_message("   RFC 9180: %zu cases in base mode, %zu messages, %zu exports\n", totals.cases,
                  totals.messages, totals.exports);
    assert_int_equal(totals.cases, 32);
    json_decref(root);
}

/* KDFs 0x10 to 0x13 are one-stage SHAKE and TurboSHAKE, which no MLS suite uses: of those cases
 * only the KEM is checked. */
static void test_pq(void **state)
{
    json_t *root = official_load("hpke/hpke-pq-test-vectors.json");
    struct totals totals = {0};
    size_t kems = 0;
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(root, i, v)
    {
        struct official o = {0};
        struct sg_hpke_suite suite;
        int kdf_id = official_int(v, "kdf_id");
        const struct sg_hpke_kem *kem = sg_hpke_kem_find((uint16_t)official_int(v, "kem_id"));
        assert_non_null(kem);
        check_key_pair(&o, v, kem);
        kems++;
        if (kdf_id <= 3) {
            check_secret(&o, v, kem);
            assert_int_equal(sg_hpke_suite_init(&suite, kem->id, (uint16_t)kdf_id,
                                                (uint16_t)official_int(v, "aead_id")),
                             SG_OK);
            check_conversation(&o, v, &suite, &totals);
        }
        official_clear(&o);
    }
    print_message("   hpke-pq: %zu key pairs; %zu cases in full, %zu messages, %zu exports\n", kems,
                  totals.cases, totals.messages, totals.exports);
    assert_int_equal(kems, 13);
    assert_int_equal(totals.cases, 6);
    json_decref(root);
}

static void test_x_wing(void **state)
{
    json_t *root = official_load("hpke/xwing-kem-test-vectors.json");
    const struct sg_hpke_kem *kem = sg_hpke_kem_find(SG_HPKE_X_WING);
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(root, i, v)
    {
        struct official o = {0};
        uint8_t out[KEY_MAX];
        uint8_t secret[SG_HPKE_SECRET_MAX];
        struct sg_bytes bytes = official_hex(&o, v, "eseed");
        struct sg_mls_random random = {&bytes, feed};
        struct sg_bytes want = official_hex(&o, v, "ss");
        struct sg_bytes ciphertext = official_hex(&o, v, "ct");
        struct sg_hpke_pair own = {official_hex(&o, v, "sk"), official_hex(&o, v, "pk")};
        assert_int_equal(sg_hpke_kem_public(kem, own.private_key, out), SG_OK);
        official_assert_equal(sg_bytes(out, kem->public_len), own.public_key);
        assert_int_equal(sg_hpke_kem_encaps(kem, &random, own.public_key, out, secret), SG_OK);
        official_assert_equal(sg_bytes(out, kem->enc_len), ciphertext);
        official_assert_equal(sg_bytes(secret, kem->secret_len), want);
        assert_int_equal(sg_hpke_kem_decaps(kem, &own, ciphertext, secret), SG_OK);
        official_assert_equal(sg_bytes(secret, kem->secret_len), want);
        official_clear(&o);
    }
    print_message("   X-Wing: %zu cases\n", i);
    assert_int_equal(i, 3);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc9180),
        cmocka_unit_test(test_pq),
        cmocka_unit_test(test_x_wing),
    };
    return vectors_result(cmocka_run_group_tests(tests, NULL, NULL));
}
