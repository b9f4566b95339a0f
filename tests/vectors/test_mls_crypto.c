/* crypto-basics.json of the MLS working group, on the raw functions of the suite table: what is
 * labelled is put together here, independently of src/mls. */
#include "vectors/official.h"

#include "crypto/mls_suite.h"

enum { OUT_MAX = 4096, BUILT_MAX = 8192 };

/* Bytes put together; lengths are RFC 9000 varints (RFC9420 s2.1.2). */
struct built {
    uint8_t b[BUILT_MAX];
    size_t len;
};

static void put(struct built *out, struct sg_bytes bytes)
{
    assert_true(out->len + bytes.len <= BUILT_MAX);
    if (bytes.len > 0)
        memcpy(out->b + out->len, bytes.data, bytes.len);
    out->len += bytes.len;
}

static void put_vector(struct built *out, const struct sg_bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    uint8_t two[2] = {(uint8_t)(0x40 | len >> 8), (uint8_t)len};
    assert_true(len < 16384);
    put(out, len < 64 ? sg_bytes(&two[1], 1) : sg_bytes(two, 2));
    for (size_t i = 0; i < count; i++)
        put(out, parts[i]);
}

static struct sg_bytes text(json_t *v, const char *name)
{
    const char *s = json_string_value(official_field(v, name));
    assert_non_null(s);
    return sg_bytes(s, strlen(s));
}

static void put_label(struct built *out, struct sg_bytes label)
{
    struct sg_bytes parts[] = {SG_BYTES_LIT("MLS 1.0 "), label};
    put_vector(out, parts, 2);
}

/* label || context, as SignContent, EncryptContext and the tail of KDFLabel have it. */
static void put_labelled(struct built *out, struct sg_bytes label, struct sg_bytes context)
{
    put_label(out, label);
    put_vector(out, &context, 1);
}

static void expand_labelled(const struct sg_mls_suite *s, struct sg_bytes secret,
                            struct built *label, struct sg_bytes want)
{
    uint8_t out[OUT_MAX];
    uint8_t len[2] = {(uint8_t)(want.len >> 8), (uint8_t)want.len};
    assert_int_equal(s->expand(s, secret,
                               SG_MLS_PARTS(sg_bytes(len, 2), sg_bytes(label->b, label->len)), out,
                               want.len),
                     SG_OK);
    official_assert_equal(sg_bytes(out, want.len), want);
}

static void check_ref_hash(const struct sg_mls_suite *s, json_t *v)
{
    struct official o = {0};
    struct built in = {.len = 0};
    uint8_t out[SG_MLS_HASH_MAX];
    struct sg_bytes label = text(v, "label");
    struct sg_bytes value = official_hex(&o, v, "value");
    put_vector(&in, &label, 1);
    put_vector(&in, &value, 1);
    s->hash(s, SG_MLS_PARTS(sg_bytes(in.b, in.len)), out);
    official_assert_equal(sg_bytes(out, s->hash_len), official_hex(&o, v, "out"));
    official_clear(&o);
}

static void check_expansions(const struct sg_mls_suite *s, json_t *v)
{
    struct official o = {0};
    struct built label = {.len = 0};
    json_t *item = official_field(v, "expand_with_label");
    put_labelled(&label, text(item, "label"), official_hex(&o, item, "context"));
    assert_int_equal(official_int(item, "length"), official_hex(&o, item, "out").len);
    expand_labelled(s, official_hex(&o, item, "secret"), &label, official_hex(&o, item, "out"));

    item = official_field(v, "derive_secret");
    label.len = 0;
    put_labelled(&label, text(item, "label"), sg_bytes(NULL, 0));
    assert_int_equal(s->hash_len, official_hex(&o, item, "out").len);
    expand_labelled(s, official_hex(&o, item, "secret"), &label, official_hex(&o, item, "out"));

    item = official_field(v, "derive_tree_secret");
    label.len = 0;
    uint32_t generation = (uint32_t)json_integer_value(official_field(item, "generation"));
    uint8_t context[4] = {(uint8_t)(generation >> 24), (uint8_t)(generation >> 16),
                          (uint8_t)(generation >> 8), (uint8_t)generation};
    put_labelled(&label, text(item, "label"), sg_bytes(context, 4));
    expand_labelled(s, official_hex(&o, item, "secret"), &label, official_hex(&o, item, "out"));
    official_clear(&o);
}

static void check_signatures(const struct sg_mls_suite *s, json_t *v)
{
    struct official o = {0};
    struct built content = {.len = 0};
    uint8_t public_key[SG_MLS_SIG_PUBLIC_MAX];
    uint8_t padded[SG_MLS_SIG_PRIVATE_MAX] = {0};
    uint8_t signature[SG_MLS_SIG_MAX];
    size_t len = 0;
    struct sg_bytes private_key = official_hex(&o, v, "priv");
    struct sg_bytes want = official_hex(&o, v, "pub");
    put_labelled(&content, text(v, "label"), official_hex(&o, v, "content"));
    struct sg_bytes signed_bytes = sg_bytes(content.b, content.len);
    assert_int_equal(s->verify(s, want, signed_bytes, official_hex(&o, v, "signature")), SG_OK);
    /* some private keys of P-521 lack their leading zeros */
    assert_true(private_key.len <= s->sig_private_len);
    memcpy(padded + s->sig_private_len - private_key.len, private_key.data, private_key.len);
    struct sg_mls_to_sign in = {sg_bytes(padded, s->sig_private_len), signed_bytes, NULL};
    assert_int_equal(s->sig_public(s, in.private_key, public_key), SG_OK);
    official_assert_equal(sg_bytes(public_key, s->sig_public_len), want);
    assert_int_equal(s->sign(s, sg_mls_random_default(), &in, signature, &len), SG_OK);
    assert_int_equal(s->verify(s, want, signed_bytes, sg_bytes(signature, len)), SG_OK);
    signature[len / 2] ^= 1;
    assert_int_equal(s->verify(s, want, signed_bytes, sg_bytes(signature, len)),
                     SG_ERR_BAD_SIGNATURE);
    official_clear(&o);
}

static void check_encryption(const struct sg_mls_suite *s, json_t *v)
{
    struct official o = {0};
    struct built info = {.len = 0};
    uint8_t out[OUT_MAX];
    uint8_t sealed[OUT_MAX];
    uint8_t enc[SG_MLS_KEM_ENC_MAX];
    put_labelled(&info, text(v, "label"), official_hex(&o, v, "context"));
    struct sg_bytes plain = official_hex(&o, v, "plaintext");
    struct sg_bytes public_key = official_hex(&o, v, "pub");
    struct sg_mls_hpke_from from = {.private_key = official_hex(&o, v, "priv"),
                                    .public_key = public_key,
                                    .enc = official_hex(&o, v, "kem_output"),
                                    .info = sg_bytes(info.b, info.len),
                                    .sealed = official_hex(&o, v, "ciphertext")};
    assert_int_equal(from.sealed.len, plain.len + s->aead_tag_len);
    assert_int_equal(s->hpke_open(s, &from, out), SG_OK);
    official_assert_equal(sg_bytes(out, plain.len), plain);
    from.public_key.len = 0;
    assert_int_equal(s->hpke_open(s, &from, out), SG_OK);
    assert_int_equal(s->kem_public(s, from.private_key, out), SG_OK);
    official_assert_equal(sg_bytes(out, s->kem_public_len), public_key);

    struct sg_mls_hpke_to to = {.public_key = public_key, .info = from.info, .plain = plain};
    assert_int_equal(s->hpke_seal(s, sg_mls_random_default(), &to, enc, sealed), SG_OK);
    from.enc = sg_bytes(enc, s->kem_enc_len);
    from.sealed = sg_bytes(sealed, plain.len + s->aead_tag_len);
    assert_int_equal(s->hpke_open(s, &from, out), SG_OK);
    official_assert_equal(sg_bytes(out, plain.len), plain);
    official_clear(&o);
}

static void test_crypto_basics(void **state)
{
    json_t *root = official_load("mls/crypto-basics.json");
    size_t i;
    json_t *v;
    (void)state;
    json_array_foreach(root, i, v)
    {
        const struct sg_mls_suite *s = sg_mls_suite_find((uint16_t)official_int(v, "cipher_suite"));
        assert_non_null(s);
        check_ref_hash(s, official_field(v, "ref_hash"));
        check_expansions(s, v);
        check_signatures(s, official_field(v, "sign_with_label"));
        check_encryption(s, official_field(v, "encrypt_with_label"));
    }
    print_message("   crypto-basics: %zu suites\n", i);
    assert_int_equal(i, 7);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_crypto_basics)};
    return vectors_result(cmocka_run_group_tests(tests, NULL, NULL));
}
