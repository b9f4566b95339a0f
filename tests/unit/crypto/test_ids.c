#include "unit/crypto/vectors.h"

#include "crypto/ids.h"

/* A suite of another shape, whose hash notes what it was given: ids.c must not know SHA-256 or
 * ML-DSA. */
static uint8_t hashed[64];
static size_t hashed_len;

static void note_hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    hashed_len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(hashed + hashed_len, parts[i].data, parts[i].len);
        hashed_len += parts[i].len;
    }
    memset(out, 0xab, SG_HASH_LEN);
}

static const struct sg_suite note_suite = {.name = "note", .sig_public_len = 3, .hash = note_hash};

static void test_peer_id_goes_through_the_suite(void **state)
{
    struct sg_peer_id id;
    (void)state;
    assert_int_equal(sg_peer_id_from_public_key(&note_suite, SG_BYTES_LIT("key"), &id), SG_OK);
    assert_int_equal(hashed_len, 17);
    assert_memory_equal(hashed, "saorsa peer v1key", 17);
    assert_int_equal(id.b[0], 0xab);
    assert_int_equal(id.b[31], 0xab);
}

static void test_topic_id_goes_through_the_suite(void **state)
{
    struct sg_topic_id id;
    (void)state;
    sg_topic_id_from_name(&note_suite, SG_BYTES_LIT("news"), &id);
    assert_int_equal(hashed_len, 19);
    assert_memory_equal(hashed, "saorsa topic v1news", 19);
    assert_int_equal(id.b[31], 0xab);
    sg_topic_id_from_name(&note_suite, sg_bytes(NULL, 0), &id);
    assert_int_equal(hashed_len, 15);
}

static void test_key_of_another_length_is_refused(void **state)
{
    struct sg_peer_id id = {{7}};
    (void)state;
    assert_int_equal(sg_peer_id_from_public_key(&note_suite, SG_BYTES_LIT("ke"), &id),
                     SG_ERR_MALFORMED);
    assert_int_equal(sg_peer_id_from_public_key(&note_suite, SG_BYTES_LIT("keys"), &id),
                     SG_ERR_MALFORMED);
    assert_int_equal(id.b[0], 7);
}

/* A change here renames every peer and topic. printf 'saorsa topic v1news' | sha256sum */
static void test_golden(void **state)
{
    static const char peer[] = "af465c7d79c5add11f3d54ff34e79aacb20262d747d7827fddd7b0d4c63e1a1b";
    static const char topic[] = "ae8f50704e9829a187813956952cef8f1e594d7d7995c18d0eeb1b00934ce282";
    static const uint8_t key[1952];
    const struct sg_suite *suite = sg_suite_default();
    struct sg_peer_id peer_id;
    struct sg_topic_id topic_id;
    char hex[65];
    (void)state;
    assert_int_equal(sg_peer_id_from_public_key(suite, sg_bytes(key, sizeof(key)), &peer_id),
                     SG_OK);
    sg_hex(peer_id.b, 32, hex);
    assert_string_equal(hex, peer);
    sg_topic_id_from_name(suite, SG_BYTES_LIT("news"), &topic_id);
    sg_hex(topic_id.b, 32, hex);
    assert_string_equal(hex, topic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peer_id_goes_through_the_suite),
        cmocka_unit_test(test_topic_id_goes_through_the_suite),
        cmocka_unit_test(test_key_of_another_length_is_refused),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
