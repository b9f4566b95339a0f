#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "support/core_net.h"

#define NODES 10

static const struct sg_topic_id topic = {{7, 7, 7}};
static struct net net;

static struct sg_bytes meta_at(size_t node, size_t member)
{
    struct sg_core_member found;
    if (sg_core_member_find(net.core[node], net_id(&net, member), &found) != SG_OK)
        return sg_bytes(NULL, 0);
    return found.meta;
}

static bool has_meta(size_t node, size_t member, const char *text)
{
    struct sg_bytes meta = meta_at(node, member);
    return meta.len == strlen(text) && memcmp(meta.data, text, meta.len) == 0;
}

static void set_meta(size_t node, const char *text)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_META,
                            .bytes = sg_bytes((const uint8_t *)text, strlen(text))};
    assert_int_equal(net_input(&net, node, &in), SG_OK);
}

static void born_with_meta(struct sg_core_config *config)
{
    config->meta = SG_BYTES_LIT("born");
}

static void metadata_reaches_all(void **state)
{
    (void)state;
    net_init(&net, NODES, born_with_meta);
    net_settle(&net, &topic);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t other = 0; other < NODES; other++)
            assert_true(i == other || has_meta(i, other, "born"));
    }
    set_meta(2, "new");
    net_run(&net, SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++) {
        assert_true(i == 2 || has_meta(i, 2, "new"));
        assert_true(i == 2 || net_told(&net, i, 2, SG_CORE_MEMBER_UPDATE) == 2);
    }
    set_meta(2, "");
    net_run(&net, SG_NS_PER_S);
    for (size_t i = 0; i < NODES; i++)
        assert_true(i == 2 || has_meta(i, 2, ""));
    net_fini(&net);
}

static void a_newcomer_asks_for_what_it_lacks(void **state)
{
    (void)state;
    net_init(&net, NODES, NULL);
    for (size_t i = 1; i + 1 < NODES; i++)
        net_join(&net, i, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    set_meta(1, "one");
    net_run(&net, SG_NS_PER_S);
    net_join(&net, NODES - 1, 0);
    net_run(&net, 5 * SG_NS_PER_S);
    assert_true(has_meta(NODES - 1, 1, "one"));
    net_fini(&net);
}

static void too_much_metadata_is_refused(void **state)
{
    static const uint8_t big[SG_SWIM_META_MAX + 1];
    struct sg_core_in in = {.kind = SG_CORE_IN_META, .bytes = {big, sizeof(big)}};
    (void)state;
    net_init(&net, 1, NULL);
    assert_int_equal(net_input(&net, 0, &in), SG_ERR_TOO_LARGE);
    in.bytes.len = SG_SWIM_META_MAX;
    assert_int_equal(net_input(&net, 0, &in), SG_OK);
    net_fini(&net);
}

/* The RECORD frame of node 1, as node 0 keeps it. */
static size_t record_of_1(uint8_t *out, size_t cap)
{
    struct sg_buf *frame = net.core[1]->own_record;
    assert_non_null(frame);
    assert_true(frame->len <= cap);
    memcpy(out, frame->data, frame->len);
    return frame->len;
}

static void start_with_record(void)
{
    net_init(&net, 3, NULL);
    net_settle(&net, &topic);
    set_meta(1, "true");
}

static void a_flipped_bit_is_refused(void **state)
{
    static uint8_t good[16384];
    static uint8_t bad[16384];
    struct sg_core_stats stats;
    (void)state;
    start_with_record();
    size_t len = record_of_1(good, sizeof(good));
    net_run(&net, SG_NS_PER_S);
    /* every part of it, as a newer one: the incarnation is behind the key of 1952 bytes */
    for (size_t at = 4; at < len; at += 97) {
        memcpy(bad, good, len);
        bad[at] ^= 0x10;
        net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(bad, len));
        assert_true(has_meta(0, 1, "true"));
        assert_int_equal(net_told(&net, 0, 1, SG_CORE_MEMBER_LEAVE), 0);
        if (sg_link_find(net.core[0], net_id(&net, 2)) == NULL)
            break; /* banned for it */
    }
    sg_core_stats(net.core[0], &stats);
    assert_true(stats.records_refused > 0);
    assert_int_equal(stats.peers_banned, 1);
    net_fini(&net);
}

static void an_old_record_says_nothing(void **state)
{
    static uint8_t old[16384];
    struct sg_core_stats before;
    struct sg_core_stats after;
    (void)state;
    start_with_record();
    size_t len = record_of_1(old, sizeof(old));
    net_run(&net, SG_NS_PER_S);
    set_meta(1, "newer");
    net_run(&net, SG_NS_PER_S);
    assert_true(has_meta(0, 1, "newer"));
    sg_core_stats(net.core[0], &before);
    net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(old, len));
    sg_core_stats(net.core[0], &after);
    assert_true(has_meta(0, 1, "newer"));
    assert_int_equal(after.records_verified, before.records_verified);
    assert_int_equal(after.records_refused, before.records_refused);
    net_fini(&net);
}

static void a_record_of_another_network_is_refused(void **state)
{
    static uint8_t frame[16384];
    struct sg_core_stats stats;
    (void)state;
    start_with_record();
    size_t len = record_of_1(frame, sizeof(frame));
    net.core[0]->network[0] ^= 1; /* as if it had been signed elsewhere */
    net_inject(&net, 2, 0, SG_LANE_MSHIP, sg_bytes(frame, len));
    sg_core_stats(net.core[0], &stats);
    assert_int_equal(stats.records_refused, 1);
    net_fini(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_reaches_all),
        cmocka_unit_test(a_newcomer_asks_for_what_it_lacks),
        cmocka_unit_test(too_much_metadata_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused),
        cmocka_unit_test(an_old_record_says_nothing),
        cmocka_unit_test(a_record_of_another_network_is_refused),
    };
    return cmocka_run_group_tests_name("node/records", tests, NULL, NULL);
}
