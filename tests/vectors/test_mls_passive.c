/* passive-client-welcome.json, passive-client-handling-commit.json, passive-client-random.json.
 * TIMEOUT: 300 */
#include "vectors/mls_json.h"

#include "crypto/init.h"
#include "mls/join.h"
#include "mls/process.h"

static sg_err find_psk(void *user, const struct sg_mls_psk_id *id, struct sg_mls_psk_out *out)
{
    const json_t *one = user;
    size_t i;
    json_t *psk;
    json_array_foreach(field(one, "external_psks"), i, psk)
    {
        if (id->type != SG_MLS_PSK_EXTERNAL || !sg_bytes_equal(hex(psk, "psk_id"), id->id))
            continue;
        struct sg_bytes secret = hex(psk, "psk");
        memcpy(out->secret, secret.data, secret.len);
        out->len = secret.len;
        return SG_OK;
    }
    return SG_ERR_MLS_PSK;
}

static struct sg_mls_config config_of(json_t *one)
{
    struct sg_mls_config config;
    sg_mls_config_init(&config);
    config.mem = sg_mem_default();
    config.suites = sg_mls_suites(&config.suite_count);
    config.random = sg_mls_random_default();
    config.psk = find_psk;
    config.user = one;
    /* the key packages of the vectors ended in March 2024, or never */
    config.accepts_expired = true;
    return config;
}

static const uint64_t NOW = UINT64_C(1700000000);

static void check_authenticator(const struct sg_mls_group *group, const json_t *object,
                                const char *name)
{
    assert_bytes_equal(sg_mls_secret_bytes(group->suite, &group->epoch->secrets.authenticator),
                       hex(object, name));
}

static struct sg_mls_group *join(const json_t *one, const struct sg_mls_config *config)
{
    const struct sg_mls_suite *suite = suite_of(one);
    struct sg_mls_message package;
    struct sg_mls_group *group = NULL;
    assert_int_equal(sg_mls_decode_message(hex(one, "key_package"), &mls_json_arena, &package),
                     SG_OK);
    struct sg_mls_join in = {
        .config = config,
        .welcome = hex(one, "welcome"),
        .keys = {package.u.key_package.raw,
                 private_key(hex(one, "init_priv"), suite->kem_private_len),
                 private_key(hex(one, "encryption_priv"), suite->kem_private_len),
                 private_key(hex(one, "signature_priv"), suite->sig_private_len)},
        .tree = hex(one, "ratchet_tree"),
        .now = NOW,
    };
    assert_int_equal(sg_mls_group_join(&in, &group), SG_OK);
    check_authenticator(group, one, "initial_epoch_authenticator");
    return group;
}

static void process(struct sg_mls_group *group, struct sg_bytes message,
                    enum sg_mls_event_kind kind)
{
    struct sg_mls_event event;
    assert_int_equal(sg_mls_group_process(group, message, NOW, &event), SG_OK);
    assert_int_equal(event.kind, kind);
    sg_mls_event_fini(&event);
}

static void passive(const char *name, unsigned *epochs)
{
    json_t *root = mls_json_load(name);
    struct counts counts = {0};
    size_t i, j, k;
    json_t *one, *epoch, *proposal;
    *epochs = 0;
    json_array_foreach(root, i, one)
    {
        struct sg_mls_config config = config_of(one);
        struct sg_mls_group *group = join(one, &config);
        json_array_foreach(field(one, "epochs"), j, epoch)
        {
            json_array_foreach(field(epoch, "proposals"), k, proposal)
                process(group, hex_of(proposal), SG_MLS_EVENT_PROPOSAL);
            process(group, hex(epoch, "commit"), SG_MLS_EVENT_COMMIT);
            check_authenticator(group, epoch, "epoch_authenticator");
            ++*epochs;
        }
        sg_mls_group_free(group);
        count_case(&counts, suite_of(one));
    }
    print_counts(name, &counts);
    printf("%s: %u epochs\n", name, *epochs);
    mls_json_free(root);
}

static void passive_welcome(void **state)
{
    unsigned epochs;
    (void)state;
    passive("passive-client-welcome", &epochs);
}

static void passive_commit(void **state)
{
    unsigned epochs;
    (void)state;
    passive("passive-client-handling-commit", &epochs);
    assert_int_equal(epochs, 2 * 91);
}

static void passive_random(void **state)
{
    unsigned epochs;
    (void)state;
    passive("passive-client-random", &epochs);
    assert_int_equal(epochs, 200);
}

static int setup(void **state)
{
    (void)state;
    return sg_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passive_welcome),
        cmocka_unit_test(passive_commit),
        cmocka_unit_test(passive_random),
    };
    return vectors_result(cmocka_run_group_tests(tests, setup, NULL));
}
