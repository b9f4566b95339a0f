/* Address tokens, made and kept. */
#include "quic/token.h"

#include "unit/quic/link.h"

#define S SG_NS_PER_S

static ngtcp2_addr sockaddr_of(const struct sg_addr *addr, struct sockaddr_storage *sa)
{
    ngtcp2_addr out = {.addr = (struct sockaddr *)sa};
    out.addrlen = sg_addr_to_sockaddr(addr, AF_INET, sa);
    return out;
}

static ngtcp2_pkt_hd header(uint8_t dcid)
{
    ngtcp2_pkt_hd hd = {.version = NGTCP2_PROTO_VER_V1};
    hd.dcid.datalen = 8;
    memset(hd.dcid.data, dcid, 8);
    return hd;
}

static void retry_tokens_vouch_for_address_and_ids(void **state)
{
    (void)state;
    struct sg_quic_token_keys keys;
    struct sockaddr_storage sa, sb;
    struct sg_addr a = net_addr(1), b = net_addr(2);
    ngtcp2_addr remote = sockaddr_of(&a, &sa), other = sockaddr_of(&b, &sb);
    uint8_t token[SG_TOKEN_MAX];
    ngtcp2_cid odcid;
    assert_int_equal(sg_quic_token_keys_init(&keys, 120 * S, 0), SG_OK);
    ngtcp2_pkt_hd first = header(1), second = header(2), wrong = header(3);
    const struct sg_quic_retry retry = {.hd = &first, .remote = &remote, .scid = &second.dcid};
    size_t len = sg_quic_token_retry(&keys, &retry, 0, token);
    assert_true(len > 0);
    second.token = wrong.token = token;
    second.tokenlen = wrong.tokenlen = len;
    assert_int_equal(sg_quic_token_verify(&keys, &second, &remote, 1 * S, &odcid), SG_TOKEN_RETRY);
    assert_memory_equal(odcid.data, first.dcid.data, 8);
    assert_int_equal(sg_quic_token_verify(&keys, &second, &other, 1 * S, &odcid), SG_TOKEN_BAD);
    assert_int_equal(sg_quic_token_verify(&keys, &wrong, &remote, 1 * S, &odcid), SG_TOKEN_BAD);
    assert_int_equal(sg_quic_token_verify(&keys, &second, &remote, 11 * S, &odcid), SG_TOKEN_BAD);
    for (size_t i = 0; i < len; i++) { /* each byte counts; the first says what it is */
        token[i] ^= 1;
        enum sg_quic_token_verdict v = sg_quic_token_verify(&keys, &second, &remote, 1 * S, &odcid);
        assert_true(v == (i == 0 ? SG_TOKEN_NONE : SG_TOKEN_BAD));
        token[i] ^= 1;
    }
    sg_quic_token_keys_wipe(&keys);
}

static void new_tokens_live_two_generations(void **state)
{
    (void)state;
    struct sg_quic_token_keys keys;
    struct sockaddr_storage sa;
    struct sg_addr a = net_addr(1);
    ngtcp2_addr remote = sockaddr_of(&a, &sa);
    uint8_t token[SG_TOKEN_MAX];
    ngtcp2_cid odcid;
    ngtcp2_pkt_hd hd = header(1);
    assert_int_equal(sg_quic_token_keys_init(&keys, 120 * S, 0), SG_OK);
    hd.tokenlen = sg_quic_token_new(&keys, &remote, 100 * S, token);
    hd.token = token;
    assert_true(hd.tokenlen > 0 && hd.tokenlen <= 64);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 110 * S, &odcid), SG_TOKEN_VALID);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 130 * S, &odcid), SG_TOKEN_VALID);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 245 * S, &odcid), SG_TOKEN_VALID);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 366 * S, &odcid), SG_TOKEN_NONE);
    /* a long sleep makes both generations new */
    hd.tokenlen = sg_quic_token_new(&keys, &remote, 370 * S, token);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 371 * S, &odcid), SG_TOKEN_VALID);
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 1000 * S, &odcid), SG_TOKEN_NONE);
    hd.tokenlen = 0;
    assert_int_equal(sg_quic_token_verify(&keys, &hd, &remote, 1000 * S, &odcid), SG_TOKEN_NONE);
}

static void the_cache_keeps_the_latest(void **state)
{
    (void)state;
    struct sg_quic_token_cache cache;
    uint8_t out[SG_TOKEN_MAX], big[SG_TOKEN_MAX + 1] = {0};
    sg_quic_token_cache_init(&cache, sg_mem_default(), 3);
    for (size_t i = 0; i < 5; i++) {
        struct sg_addr addr = net_addr(i);
        uint8_t token[2] = {(uint8_t)i, 7};
        sg_quic_token_cache_put(&cache, &addr, sg_bytes(token, 2));
    }
    assert_int_equal(cache.count, 3);
    struct sg_addr gone = net_addr(1), there = net_addr(2), last = net_addr(4);
    assert_int_equal(sg_quic_token_cache_take(&cache, &gone, out), 0);
    assert_int_equal(sg_quic_token_cache_take(&cache, &there, out), 2);
    assert_int_equal(out[0], 2);
    assert_int_equal(sg_quic_token_cache_take(&cache, &there, out), 0); /* used once */
    sg_quic_token_cache_put(&cache, &last, sg_bytes("xyz", 3));         /* replaces */
    assert_int_equal(cache.count, 2);
    assert_int_equal(sg_quic_token_cache_take(&cache, &last, out), 3);
    sg_quic_token_cache_put(&cache, &last, sg_bytes(big, sizeof(big))); /* too long */
    sg_quic_token_cache_put(&cache, &last, sg_bytes(big, 0));
    assert_int_equal(cache.count, 1);
    sg_quic_token_cache_fini(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_tokens_vouch_for_address_and_ids),
        cmocka_unit_test(new_tokens_live_two_generations),
        cmocka_unit_test(the_cache_keeps_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
