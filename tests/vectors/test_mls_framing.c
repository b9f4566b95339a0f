/* message-protection.json, welcome.json, and the sender data of secret-tree.json. */
#include "vectors/mls_json.h"

#include "crypto/init.h"
#include "mls/framing.h"
#include "mls/welcome.h"

static struct sg_mls_secret secret_of(const json_t *object, const char *name)
{
    struct sg_mls_secret secret = {{0}};
    struct sg_bytes bytes = hex(object, name);
    assert_true(bytes.len <= sizeof(secret.b));
    memcpy(secret.b, bytes.data, bytes.len);
    return secret;
}

static void sender_data(void **state)
{
    (void)state;
    json_t *root = mls_json_load("secret-tree");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        const struct sg_mls_suite *suite = suite_of(one);
        const json_t *part = field(one, "sender_data");
        struct sg_mls_secret secret = secret_of(part, "sender_data_secret");
        uint8_t key[SG_MLS_AEAD_KEY_MAX], nonce[SG_MLS_AEAD_NONCE_MAX];
        assert_int_equal(
            sg_mls_sender_data_key(suite, &secret, hex(part, "ciphertext"), key, nonce), SG_OK);
        assert_bytes_equal(sg_bytes(key, suite->aead_key_len), hex(part, "key"));
        assert_bytes_equal(sg_bytes(nonce, suite->aead_nonce_len), hex(part, "nonce"));
        count_case(&counts, suite);
    }
    print_counts("secret-tree, sender data", &counts);
    mls_json_free(root);
}

/* ---- message-protection ---- */

struct protection {
    const struct sg_mls_suite *suite;
    struct sg_mls_framing framing;
    struct sg_mls_secret membership_key;
    struct sg_mls_secret sender_data;
    struct sg_mls_secret_tree tree;
    struct sg_mls_signer signer;
    struct sg_bytes public_key;
    struct sg_bytes group_id;
    uint64_t epoch;
};

static void write_context(struct sg_writer *w, const void *context)
{
    sg_mls_write_group_context(w, context);
}

static void fresh_tree(struct protection *p, const json_t *one)
{
    struct sg_mls_secret encryption = secret_of(one, "encryption_secret");
    sg_mls_secret_tree_fini(&p->tree);
    assert_int_equal(sg_mls_secret_tree_init(&p->tree, sg_mem_default(), p->suite, 2, &encryption),
                     SG_OK);
}

static void set_up(struct protection *p, const json_t *one)
{
    memset(p, 0, sizeof(*p));
    p->suite = suite_of(one);
    p->group_id = hex(one, "group_id");
    p->epoch = number(one, "epoch");
    struct sg_mls_group_context context = {.version = SG_MLS_VERSION_10,
                                           .suite = p->suite->id,
                                           .group_id = p->group_id,
                                           .epoch = p->epoch,
                                           .tree_hash = hex(one, "tree_hash"),
                                           .confirmed_hash = hex(one, "confirmed_transcript_hash")};
    p->membership_key = secret_of(one, "membership_key");
    p->sender_data = secret_of(one, "sender_data_secret");
    p->framing = (struct sg_mls_framing){p->suite,           sg_mem_default(), {NULL, 0},
                                         &p->membership_key, &p->sender_data,  &p->tree};
    assert_int_equal(sg_mls_encode(&mls_json_arena, write_context, &context, &p->framing.context),
                     SG_OK);
    p->signer = (struct sg_mls_signer){
        p->suite, sg_mls_random_default(),
        private_key(hex(one, "signature_priv"), p->suite->sig_private_len), NULL};
    p->public_key = hex(one, "signature_pub");
    fresh_tree(p, one);
}

static void check_body(const struct protection *p, const struct sg_mls_authentic *message,
                       struct sg_bytes raw, uint8_t type)
{
    struct sg_bytes body = message->content.body;
    assert_int_equal(message->content.type, type);
    assert_int_equal(sg_mls_content_verify(&p->framing, p->public_key, message), SG_OK);
    if (type == SG_MLS_APPLICATION)
        body = message->content.application;
    assert_bytes_equal(body, raw);
}

static void open_public(struct protection *p, struct sg_bytes bytes, struct sg_bytes raw,
                        uint8_t type)
{
    struct sg_mls_message message;
    struct sg_mls_authentic out;
    assert_int_equal(sg_mls_decode_message(bytes, &mls_json_arena, &message), SG_OK);
    assert_int_equal(message.wire_format, SG_MLS_WIRE_PUBLIC);
    assert_int_equal(sg_mls_unprotect_public(&p->framing, &message.u.public_message, &out), SG_OK);
    check_body(p, &out, raw, type);
    p->membership_key.b[0] ^= 1;
    assert_int_equal(sg_mls_unprotect_public(&p->framing, &message.u.public_message, &out),
                     SG_ERR_MLS_TAG);
    p->membership_key.b[0] ^= 1;
}

static void open_private(struct protection *p, struct sg_bytes bytes, struct sg_bytes raw,
                         uint8_t type)
{
    struct sg_mls_message message;
    struct sg_mls_authentic out;
    struct sg_mls_key_use use;
    struct sg_mls_private_in in = {.message = &message.u.private_message, .use = &use};
    assert_int_equal(sg_mls_decode_message(bytes, &mls_json_arena, &message), SG_OK);
    assert_int_equal(message.wire_format, SG_MLS_WIRE_PRIVATE);
    assert_int_equal(sg_mls_open_sender(&p->framing, &message.u.private_message, &in.sender),
                     SG_OK);
    assert_int_equal(in.sender.leaf, 1);
    assert_int_equal(sg_mls_open_content(&p->framing, &mls_json_arena, &in, &out), SG_OK);
    check_body(p, &out, raw, type);
    sg_mls_secret_tree_take(&p->tree, &use);
    sg_mls_key_use_fini(&p->tree, &use);
    assert_int_equal(sg_mls_open_content(&p->framing, &mls_json_arena, &in, &out),
                     SG_ERR_DUPLICATE);
    sg_mls_key_use_fini(&p->tree, &use);
}

/* A message of our own with the content that raw is. */
static struct sg_mls_authentic own_message(struct protection *p, struct sg_bytes raw, uint8_t type,
                                           uint16_t format)
{
    struct sg_mls_authentic message;
    struct sg_reader r = sg_reader(raw);
    memset(&message, 0, sizeof(message));
    message.wire_format = format;
    message.content.group_id = p->group_id;
    message.content.epoch = p->epoch;
    message.content.sender = (struct sg_mls_sender){SG_MLS_SENDER_MEMBER, 1};
    message.content.type = type;
    if (type == SG_MLS_APPLICATION)
        message.content.application = raw;
    else
        sg_mls_read_content_body(&r, &mls_json_arena, &message.content);
    assert_int_equal(r.err, SG_OK);
    assert_int_equal(sg_mls_content_sign(&p->signer, &mls_json_arena, p->framing.context, &message),
                     SG_OK);
    if (type == SG_MLS_COMMIT)
        message.auth.confirmation_tag = SG_BYTES_LIT("any tag will do");
    return message;
}

static void round_trip(struct protection *p, const json_t *one, struct sg_bytes raw, uint8_t type)
{
    struct sg_mls_key_use use;
    struct sg_mls_private_out how = {sg_mls_random_default(), 100, &use};
    struct sg_bytes bytes;
    struct sg_mls_authentic message = own_message(p, raw, type, SG_MLS_WIRE_PUBLIC);
    if (type == SG_MLS_APPLICATION) {
        assert_int_equal(sg_mls_protect_public(&p->framing, &mls_json_arena, &message, &bytes),
                         SG_ERR_INVALID_ARGUMENT);
    } else {
        assert_int_equal(sg_mls_protect_public(&p->framing, &mls_json_arena, &message, &bytes),
                         SG_OK);
        open_public(p, bytes, raw, type);
    }
    message = own_message(p, raw, type, SG_MLS_WIRE_PRIVATE);
    fresh_tree(p, one);
    assert_int_equal(sg_mls_protect_private(&p->framing, &how, &mls_json_arena, &message, &bytes),
                     SG_OK);
    sg_mls_key_use_fini(&p->tree, &use);
    open_private(p, bytes, raw, type);
}

static void message_protection(void **state)
{
    (void)state;
    json_t *root = mls_json_load("message-protection");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        struct protection p;
        set_up(&p, one);
        open_public(&p, hex(one, "proposal_pub"), hex(one, "proposal"), SG_MLS_PROPOSAL);
        open_public(&p, hex(one, "commit_pub"), hex(one, "commit"), SG_MLS_COMMIT);
        open_private(&p, hex(one, "proposal_priv"), hex(one, "proposal"), SG_MLS_PROPOSAL);
        fresh_tree(&p, one); /* each message of the vectors is a sender's first */
        open_private(&p, hex(one, "commit_priv"), hex(one, "commit"), SG_MLS_COMMIT);
        open_private(&p, hex(one, "application_priv"), hex(one, "application"), SG_MLS_APPLICATION);
        round_trip(&p, one, hex(one, "proposal"), SG_MLS_PROPOSAL);
        round_trip(&p, one, hex(one, "commit"), SG_MLS_COMMIT);
        round_trip(&p, one, hex(one, "application"), SG_MLS_APPLICATION);
        sg_mls_secret_tree_fini(&p.tree);
        count_case(&counts, p.suite);
    }
    print_counts("message-protection", &counts);
    mls_json_free(root);
}

static void check_welcome(const struct sg_mls_suite *suite, const json_t *one)
{
    struct sg_mls_message package, welcome;
    struct sg_mls_group_secrets secrets;
    struct sg_mls_group_info info;
    struct sg_mls_secret joiner = {{0}}, psk = {{0}}, key;
    struct sg_mls_epoch_secrets epoch;
    uint8_t ref[SG_MLS_HASH_MAX], tag[SG_MLS_HASH_MAX];
    assert_int_equal(sg_mls_decode_message(hex(one, "key_package"), &mls_json_arena, &package),
                     SG_OK);
    assert_int_equal(sg_mls_decode_message(hex(one, "welcome"), &mls_json_arena, &welcome), SG_OK);
    sg_mls_key_package_ref(suite, package.u.key_package.raw, ref);
    struct sg_mls_welcome_key own = {sg_bytes(ref, suite->hash_len),
                                     private_key(hex(one, "init_priv"), suite->kem_private_len),
                                     package.u.key_package.init_key};
    assert_int_equal(sg_mls_key_package_verify(suite, sg_mem_default(), &package.u.key_package),
                     SG_OK);
    assert_int_equal(
        sg_mls_welcome_open_secrets(suite, &mls_json_arena, &welcome.u.welcome, &own, &secrets),
        SG_OK);
    memcpy(joiner.b, secrets.joiner_secret.data, secrets.joiner_secret.len);
    assert_int_equal(sg_mls_welcome_secret(suite, &joiner, &psk, &key), SG_OK);
    assert_int_equal(
        sg_mls_welcome_open_info(suite, &mls_json_arena, &welcome.u.welcome, &key, &info), SG_OK);
    assert_int_equal(
        sg_mls_group_info_verify(suite, sg_mem_default(), hex(one, "signer_pub"), &info), SG_OK);
    assert_int_equal(sg_mls_epoch_secrets(suite, &joiner, &psk, info.context.raw, &epoch), SG_OK);
    assert_int_equal(
        sg_mls_confirmation_tag(suite, &epoch.confirmation_key, info.context.confirmed_hash, tag),
        SG_OK);
    assert_bytes_equal(sg_bytes(tag, suite->hash_len), info.confirmation_tag);
}

static void welcome(void **state)
{
    (void)state;
    json_t *root = mls_json_load("welcome");
    struct counts counts = {0};
    size_t i;
    json_t *one;
    json_array_foreach(root, i, one)
    {
        check_welcome(suite_of(one), one);
        count_case(&counts, suite_of(one));
    }
    print_counts("welcome", &counts);
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
        cmocka_unit_test(sender_data),
        cmocka_unit_test(message_protection),
        cmocka_unit_test(welcome),
    };
    return vectors_result(cmocka_run_group_tests(tests, setup, NULL));
}
