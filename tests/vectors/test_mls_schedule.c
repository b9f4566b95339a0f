/* crypto-basics.json, key-schedule.json, psk_secret.json, transcript-hashes.json,
 * secret-tree.json. */
#include "vectors/mls_json.h"

#include "crypto/init.h"
#include "mls/message.h"
#include "mls/schedule.h"
#include "mls/secret_tree.h"

static struct sg_bytes result(size_t len)
{
    return sg_bytes(sg_mls_arena_new(&mls_json_arena, len, 1), len);
}

static uint8_t *writable(struct sg_bytes bytes)
{
    return (uint8_t *)(uintptr_t)bytes.data;
}

static void check_kdf(const struct sg_mls_suite *suite, const json_t *one)
{
    const json_t *part = field(one, "ref_hash");
    struct sg_bytes out = result(suite->hash_len);
    sg_mls_ref_hash(suite, text(part, "label"), SG_MLS_PARTS(hex(part, "value")), writable(out));
    assert_bytes_equal(out, hex(part, "out"));

    part = field(one, "expand_with_label");
    struct sg_mls_expand in = {hex(part, "secret"), text(part, "label"), hex(part, "context")};
    out = result(number(part, "length"));
    assert_int_equal(sg_mls_expand_label(suite, &in, writable(out), out.len), SG_OK);
    assert_bytes_equal(out, hex(part, "out"));

    part = field(one, "derive_secret");
    struct sg_mls_secret secret;
    assert_int_equal(sg_mls_derive_secret(suite, hex(part, "secret"), text(part, "label"), &secret),
                     SG_OK);
    assert_bytes_equal(sg_mls_secret_bytes(suite, &secret), hex(part, "out"));

    part = field(one, "derive_tree_secret");
    in = (struct sg_mls_expand){hex(part, "secret"), text(part, "label"), sg_bytes(NULL, 0)};
    out = result(number(part, "length"));
    assert_int_equal(sg_mls_derive_tree_secret(suite, &in, (uint32_t)number(part, "generation"),
                                               writable(out), out.len),
                     SG_OK);
    assert_bytes_equal(out, hex(part, "out"));
}

static void check_sign(const struct sg_mls_suite *suite, const json_t *part)
{
    struct sg_bytes signature;
    struct sg_mls_signing verify = {hex(part, "pub"), NULL, text(part, "label"),
                                    SG_MLS_PARTS(hex(part, "content"))};
    assert_int_equal(sg_mls_verify_label(suite, sg_mem_default(), &verify, hex(part, "signature")),
                     SG_OK);
    struct sg_mls_signing sign = verify;
    sign.key = private_key(hex(part, "priv"), suite->sig_private_len);
    assert_int_equal(
        sg_mls_sign_label(suite, sg_mls_random_default(), &mls_json_arena, &sign, &signature),
        SG_OK);
    assert_int_equal(sg_mls_verify_label(suite, sg_mem_default(), &verify, signature), SG_OK);
    verify.label = SG_BYTES_LIT("another label");
    assert_int_equal(sg_mls_verify_label(suite, sg_mem_default(), &verify, signature),
                     SG_ERR_BAD_SIGNATURE);
}

static void check_encrypt(const struct sg_mls_suite *suite, const json_t *part)
{
    struct sg_bytes info, plain = hex(part, "plaintext");
    assert_int_equal(
        sg_mls_encrypt_context(&mls_json_arena, text(part, "label"), hex(part, "context"), &info),
        SG_OK);
    struct sg_mls_hpke_from from = {.private_key =
                                        private_key(hex(part, "priv"), suite->kem_private_len),
                                    .public_key = hex(part, "pub"),
                                    .enc = hex(part, "kem_output"),
                                    .info = info,
                                    .sealed = hex(part, "ciphertext")};
    struct sg_bytes out = result(from.sealed.len);
    assert_int_equal(suite->hpke_open(suite, &from, writable(out)), SG_OK);
    assert_bytes_equal(sg_bytes(out.data, from.sealed.len - suite->aead_tag_len), plain);

    struct sg_mls_hpke_to to = {.public_key = from.public_key, .info = info, .plain = plain};
    struct sg_bytes enc = result(suite->kem_enc_len);
    struct sg_bytes sealed = result(plain.len + suite->aead_tag_len);
    assert_int_equal(
        suite->hpke_seal(suite, sg_mls_random_default(), &to, writable(enc), writable(sealed)),
        SG_OK);
    from.enc = enc;
    from.sealed = sealed;
    assert_int_equal(suite->hpke_open(suite, &from, writable(out)), SG_OK);
    assert_bytes_equal(sg_bytes(out.data, plain.len), plain);
}

static void crypto_basics(void **state)
{
    (void)state;
    json_t *root = mls_json_load("crypto-basics");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        check_kdf(suite, one);
        check_sign(suite, field(one, "sign_with_label"));
        check_encrypt(suite, field(one, "encrypt_with_label"));
        count_case(&counts, suite);
    }
    print_counts("crypto-basics", &counts);
    mls_json_free(root);
}

static void write_context(struct sg_writer *w, const void *context)
{
    sg_mls_write_group_context(w, context);
}

static struct sg_mls_secret secret_of(const json_t *object, const char *name)
{
    struct sg_mls_secret secret = {{0}};
    struct sg_bytes bytes = hex(object, name);
    assert_true(bytes.len <= sizeof(secret.b));
    memcpy(secret.b, bytes.data, bytes.len);
    return secret;
}

static void check_secrets(const struct sg_mls_suite *suite, const struct sg_mls_epoch_secrets *s,
                          const json_t *one)
{
    const struct {
        const char *name;
        const struct sg_mls_secret *secret;
    } all[] = {
        {"init_secret", &s->init},
        {"sender_data_secret", &s->sender_data},
        {"encryption_secret", &s->encryption},
        {"exporter_secret", &s->exporter},
        {"epoch_authenticator", &s->authenticator},
        {"external_secret", &s->external},
        {"confirmation_key", &s->confirmation_key},
        {"membership_key", &s->membership_key},
        {"resumption_psk", &s->resumption},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_bytes_equal(sg_mls_secret_bytes(suite, all[i].secret), hex(one, all[i].name));
    uint8_t private_bytes[SG_MLS_KEM_PRIVATE_MAX], public_bytes[SG_MLS_KEM_PUBLIC_MAX];
    assert_int_equal(suite->kem_derive(suite, sg_mls_secret_bytes(suite, &s->external),
                                       private_bytes, public_bytes),
                     SG_OK);
    assert_bytes_equal(sg_bytes(public_bytes, suite->kem_public_len), hex(one, "external_pub"));
    const json_t *exporter = field(one, "exporter");
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, &s->exporter), text(exporter, "label"),
                               hex(exporter, "context")};
    struct sg_bytes out = result(number(exporter, "length"));
    assert_int_equal(sg_mls_exporter(suite, &in, writable(out), out.len), SG_OK);
    assert_bytes_equal(out, hex(exporter, "secret"));
}

static void check_epoch(const struct sg_mls_suite *suite, const json_t *schedule, uint64_t epoch,
                        const json_t *one, struct sg_mls_secret *init)
{
    struct sg_mls_group_context context = {.version = SG_MLS_VERSION_10,
                                           .suite = suite->id,
                                           .group_id = hex(schedule, "group_id"),
                                           .epoch = epoch,
                                           .tree_hash = hex(one, "tree_hash"),
                                           .confirmed_hash = hex(one, "confirmed_transcript_hash")};
    struct sg_bytes encoded;
    struct sg_mls_secret commit = secret_of(one, "commit_secret");
    struct sg_mls_secret psk = secret_of(one, "psk_secret");
    struct sg_mls_secret joiner, welcome;
    struct sg_mls_epoch_secrets secrets;
    assert_int_equal(sg_mls_encode(&mls_json_arena, write_context, &context, &encoded), SG_OK);
    assert_bytes_equal(encoded, hex(one, "group_context"));
    assert_int_equal(sg_mls_joiner_secret(suite, init, &commit, encoded, &joiner), SG_OK);
    assert_bytes_equal(sg_mls_secret_bytes(suite, &joiner), hex(one, "joiner_secret"));
    assert_int_equal(sg_mls_welcome_secret(suite, &joiner, &psk, &welcome), SG_OK);
    assert_bytes_equal(sg_mls_secret_bytes(suite, &welcome), hex(one, "welcome_secret"));
    assert_int_equal(sg_mls_epoch_secrets(suite, &joiner, &psk, encoded, &secrets), SG_OK);
    check_secrets(suite, &secrets, one);
    *init = secrets.init;
}

static void key_schedule(void **state)
{
    (void)state;
    json_t *root = mls_json_load("key-schedule");
    struct counts counts = {0};
    size_t i, j;
    json_t *one, *epoch;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        struct sg_mls_secret init = secret_of(one, "initial_init_secret");
        json_array_foreach(field(one, "epochs"), j, epoch) check_epoch(suite, one, j, epoch, &init);
        count_case(&counts, suite);
    }
    print_counts("key-schedule", &counts);
    mls_json_free(root);
}

static void psk_secret(void **state)
{
    (void)state;
    json_t *root = mls_json_load("psk_secret");
    struct counts counts = {0};
    size_t i, j;
    json_t *one, *psk;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        struct sg_mls_psk psks[16];
        struct sg_mls_secret secret;
        size_t count = json_array_size(field(one, "psks"));
        assert_true(count <= 16);
        json_array_foreach(field(one, "psks"), j, psk) psks[j] = (struct sg_mls_psk){
            {.type = SG_MLS_PSK_EXTERNAL, .id = hex(psk, "psk_id"), .nonce = hex(psk, "psk_nonce")},
            hex(psk, "psk")};
        assert_int_equal(sg_mls_psk_secret(suite, &mls_json_arena, psks, (uint32_t)count, &secret),
                         SG_OK);
        assert_bytes_equal(sg_mls_secret_bytes(suite, &secret), hex(one, "psk_secret"));
        count_case(&counts, suite);
    }
    print_counts("psk_secret", &counts);
    mls_json_free(root);
}

static void transcript_hashes(void **state)
{
    (void)state;
    json_t *root = mls_json_load("transcript-hashes");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        struct sg_mls_authentic message;
        struct sg_reader r = sg_reader(hex(one, "authenticated_content"));
        uint8_t out[SG_MLS_HASH_MAX];
        struct sg_bytes hash = sg_bytes(out, suite->hash_len);
        sg_mls_read_authentic(&r, &mls_json_arena, &message);
        assert_int_equal(sg_reader_done(&r), SG_OK);
        assert_int_equal(message.content.type, SG_MLS_COMMIT);
        struct sg_mls_confirmed_input in = {hex(one, "interim_transcript_hash_before"),
                                            message.wire_format, message.content.raw,
                                            message.auth.signature};
        sg_mls_confirmed_hash(suite, &in, out);
        struct sg_bytes confirmed = hex(one, "confirmed_transcript_hash_after");
        assert_bytes_equal(hash, confirmed);
        struct sg_mls_secret key = secret_of(one, "confirmation_key");
        assert_int_equal(sg_mls_confirmation_tag(suite, &key, confirmed, out), SG_OK);
        assert_bytes_equal(hash, message.auth.confirmation_tag);
        sg_mls_interim_hash(suite, confirmed, message.auth.confirmation_tag, out);
        assert_bytes_equal(hash, hex(one, "interim_transcript_hash_after"));
        count_case(&counts, suite);
    }
    print_counts("transcript-hashes", &counts);
    mls_json_free(root);
}

static void check_key(struct sg_mls_secret_tree *tree, const struct sg_mls_key_want *want,
                      struct sg_bytes key, struct sg_bytes nonce)
{
    struct sg_mls_key_use use;
    assert_int_equal(sg_mls_secret_tree_find(tree, &mls_json_arena, want, &use), SG_OK);
    assert_bytes_equal(sg_bytes(use.found.key, tree->suite->aead_key_len), key);
    assert_bytes_equal(sg_bytes(use.found.nonce, tree->suite->aead_nonce_len), nonce);
    sg_mls_secret_tree_take(tree, &use);
    sg_mls_key_use_fini(tree, &use);
    assert_int_equal(sg_mls_secret_tree_find(tree, &mls_json_arena, want, &use), SG_ERR_DUPLICATE);
    sg_mls_key_use_fini(tree, &use);
}

static void check_leaves(struct sg_mls_secret_tree *tree, const json_t *leaves)
{
    size_t leaf, j;
    json_t *generations, *one;
    json_array_foreach(leaves, leaf, generations)
    {
        json_array_foreach(generations, j, one)
        {
            struct sg_mls_key_want want = {(uint32_t)leaf, SG_MLS_RATCHET_HANDSHAKE,
                                           (uint32_t)number(one, "generation")};
            check_key(tree, &want, hex(one, "handshake_key"), hex(one, "handshake_nonce"));
            want.kind = SG_MLS_RATCHET_APPLICATION;
            check_key(tree, &want, hex(one, "application_key"), hex(one, "application_nonce"));
        }
    }
}

static void secret_tree(void **state)
{
    (void)state;
    json_t *root = mls_json_load("secret-tree");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        const json_t *leaves = field(one, "leaves");
        struct sg_mls_secret encryption = secret_of(one, "encryption_secret");
        struct sg_mls_secret_tree tree;
        assert_int_equal(sg_mls_secret_tree_init(&tree, sg_mem_default(), suite,
                                                 (uint32_t)json_array_size(leaves), &encryption),
                         SG_OK);
        check_leaves(&tree, leaves);
        /* RFC9420 s9.2: every node's secret was used, so none is left */
        assert_int_equal(tree.node_count, 0);
        sg_mls_secret_tree_fini(&tree);
        count_case(&counts, suite);
    }
    print_counts("secret-tree", &counts);
    mls_json_free(root);
}

static int setup(void **state)
{
    (void)state;
    return sg_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crypto_basics), cmocka_unit_test(key_schedule),
        cmocka_unit_test(psk_secret),    cmocka_unit_test(transcript_hashes),
        cmocka_unit_test(secret_tree),
    };
    return vectors_result(cmocka_run_group_tests(tests, setup, NULL));
}
