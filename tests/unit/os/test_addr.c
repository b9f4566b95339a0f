#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <string.h>

#include "os/addr.h"

static struct sg_addr parsed(const char *text)
{
    struct sg_addr addr;
    assert_int_equal(sg_addr_parse(text, &addr), SG_OK);
    return addr;
}

static void assert_format(const char *text, const char *expected)
{
    struct sg_addr addr = parsed(text);
    char out[SG_ADDR_TEXT_CAP];
    assert_string_equal(sg_addr_format(&addr, out), expected);
}

static void parse_and_format(void **state)
{
    (void)state;
    assert_format("1.2.3.4:5", "1.2.3.4:5");
    assert_format("0.0.0.0:0", "0.0.0.0:0");
    assert_format("255.255.255.255:65535", "255.255.255.255:65535");
    assert_format("[::1]:5", "[::1]:5");
    assert_format("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443");
    assert_format("[fe80::1%3]:9", "[fe80::1%3]:9");
    assert_format("[fe80::1]:9", "[fe80::1]:9");
    assert_format("[::ffff:1.2.3.4]:5", "1.2.3.4:5");
    assert_format("[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535",
                  "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535");
    struct sg_addr none = {0};
    char out[SG_ADDR_TEXT_CAP];
    assert_string_equal(sg_addr_format(&none, out), "none");
}

static void parse_fields(void **state)
{
    (void)state;
    struct sg_addr v4 = parsed("1.2.3.4:5678");
    static const uint8_t v4_ip[16] = {1, 2, 3, 4};
    assert_int_equal(v4.family, 4);
    assert_int_equal(v4.port, 5678);
    assert_int_equal(v4.scope, 0);
    assert_memory_equal(v4.ip, v4_ip, 16);
    struct sg_addr v6 = parsed("[fe80::2%7]:1");
    static const uint8_t v6_ip[16] = {0xfe, 0x80, [15] = 2};
    assert_int_equal(v6.family, 6);
    assert_int_equal(v6.scope, 7);
    assert_memory_equal(v6.ip, v6_ip, 16);
}

static void parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "1.2.3.4",
                                      "1.2.3.4:",
                                      ":5",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:05",
                                      "1.2.3.4:+5",
                                      "1.2.3.4: 5",
                                      "1.2.3.4:5 ",
                                      " 1.2.3.4:5",
                                      "1.2.3:4",
                                      "01.2.3.4:5",
                                      "256.1.1.1:5",
                                      "::1:5",
                                      "[::1]",
                                      "[::1]5",
                                      "[::1]:",
                                      "[::1:5",
                                      "[]:5",
                                      "[1.2.3.4]:5",
                                      "[::g]:5",
                                      "localhost:5",
                                      "[::1%3]:5",
                                      "[fe80::1%]:5",
                                      "[fe80::1%0]:5",
                                      "[fe80::1%eth0]:5",
                                      "[fe80::1%4294967296]:5",
                                      "[fe80::1%03]:5",
                                      "1.2.3.4:99999999999",
                                      "[1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:1:2:3:4:5:6:7:8:9]:1",
                                      "[::ffff:1.2.3.4%2]:5"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sg_addr addr;
        memset(&addr, 0xaa, sizeof addr);
        assert_int_equal(sg_addr_parse(bad[i], &addr), SG_ERR_INVALID_ARGUMENT);
        struct sg_addr none = {0};
        assert_true(sg_addr_equal(&addr, &none));
    }
}

static void split(void **state)
{
    (void)state;
    char host[SG_ADDR_HOST_CAP];
    uint16_t port = 0;
    assert_int_equal(sg_addr_split("node.example:7000", host, &port), SG_OK);
    assert_string_equal(host, "node.example");
    assert_int_equal(port, 7000);
    assert_int_equal(sg_addr_split("[2001:db8::1]:80", host, &port), SG_OK);
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 80);

    char text[SG_ADDR_HOST_CAP + 8];
    memset(text, 'a', sizeof text);
    memcpy(text + SG_ADDR_HOST_CAP - 1, ":1", 3);
    assert_int_equal(sg_addr_split(text, host, &port), SG_OK);
    assert_int_equal(strlen(host), SG_ADDR_HOST_CAP - 1);
    text[SG_ADDR_HOST_CAP - 1] = 'a';
    memcpy(text + SG_ADDR_HOST_CAP, ":1", 3);
    assert_int_equal(sg_addr_split(text, host, &port), SG_ERR_INVALID_ARGUMENT);
}

static void mapped_becomes_v4(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 9, 8, 7, 6};
    struct sg_addr addr = sg_addr_v6(mapped, 1, 2);
    struct sg_addr expected = parsed("9.8.7.6:1");
    assert_true(sg_addr_equal(&addr, &expected));
    static const uint8_t global[16] = {0x20, 0x01, [15] = 1};
    assert_int_equal(sg_addr_v6(global, 1, 5).scope, 0);
}

static void assert_sockaddr_round_trip(const char *text, int domain, socklen_t expected_len)
{
    struct sg_addr addr = parsed(text);
    struct sg_addr back;
    struct sockaddr_storage sa;
    socklen_t len = sg_addr_to_sockaddr(&addr, domain, &sa);
    assert_int_equal(len, expected_len);
    assert_int_equal(sa.ss_family, domain);
    assert_int_equal(sg_addr_from_sockaddr((const struct sockaddr *)&sa, len, &back), SG_OK);
    assert_true(sg_addr_equal(&addr, &back));
    assert_int_equal(sg_addr_from_sockaddr((const struct sockaddr *)&sa, len - 1, &back),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(back.family, 0);
}

static void sockaddr_round_trip(void **state)
{
    (void)state;
    assert_sockaddr_round_trip("1.2.3.4:5", AF_INET, sizeof(struct sockaddr_in));
    assert_sockaddr_round_trip("1.2.3.4:5", AF_INET6, sizeof(struct sockaddr_in6));
    assert_sockaddr_round_trip("[2001:db8::1]:65535", AF_INET6, sizeof(struct sockaddr_in6));
    assert_sockaddr_round_trip("[fe80::1%9]:1", AF_INET6, sizeof(struct sockaddr_in6));

    struct sockaddr_storage sa = {.ss_family = AF_UNIX};
    struct sg_addr v6 = parsed("[::1]:1");
    struct sg_addr none = {0};
    struct sg_addr out;
    assert_int_equal(sg_addr_to_sockaddr(&v6, AF_INET, &sa), 0);
    assert_int_equal(sg_addr_to_sockaddr(&none, AF_INET6, &sa), 0);
    sa.ss_family = AF_UNIX;
    assert_int_equal(sg_addr_from_sockaddr((const struct sockaddr *)&sa, sizeof sa, &out),
                     SG_ERR_UNSUPPORTED);
    assert_int_equal(sg_addr_from_sockaddr((const struct sockaddr *)&sa, 0, &out),
                     SG_ERR_INVALID_ARGUMENT);
}

static void order(void **state)
{
    (void)state;
    static const char *const sorted[] = {"1.2.3.4:5",     "1.2.3.4:6",     "1.2.3.5:1",
                                         "200.0.0.1:1",   "[::1]:1",       "[2001:db8::1]:9",
                                         "[fe80::1%1]:1", "[fe80::1%2]:1", "[fe80::1%1]:2"};
    size_t count = sizeof sorted / sizeof sorted[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct sg_addr a = parsed(sorted[i]);
            struct sg_addr b = parsed(sorted[j]);
            int got = sg_addr_compare(&a, &b);
            assert_int_equal((got > 0) - (got < 0), (i > j) - (i < j));
            assert_int_equal(sg_addr_equal(&a, &b), i == j);
        }
    }
}

enum kind { LOOPBACK = 1, ANY = 2, PRIVATE = 4, LINK_LOCAL = 8, MULTICAST = 16, HINT = 32 };

static int kinds(const struct sg_addr *addr)
{
    return (sg_addr_is_loopback(addr) ? LOOPBACK : 0) | (sg_addr_is_any(addr) ? ANY : 0) |
           (sg_addr_is_private(addr) ? PRIVATE : 0) |
           (sg_addr_is_link_local(addr) ? LINK_LOCAL : 0) |
           (sg_addr_is_multicast(addr) ? MULTICAST : 0) | (sg_addr_is_hint(addr) ? HINT : 0);
}

static void classes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int kinds;
    } cases[] = {
        {"127.0.0.1:1", LOOPBACK | HINT},
        {"127.255.0.9:1", LOOPBACK | HINT},
        {"[::1]:1", LOOPBACK | HINT},
        {"0.0.0.0:1", ANY},
        {"[::]:1", ANY},
        {"0.0.0.1:1", 0},
        {"10.255.0.1:1", PRIVATE | HINT},
        {"172.15.0.1:1", HINT},
        {"172.16.0.1:1", PRIVATE | HINT},
        {"172.31.255.255:1", PRIVATE | HINT},
        {"172.32.0.1:1", HINT},
        {"192.168.0.1:1", PRIVATE | HINT},
        {"192.169.0.1:1", HINT},
        {"100.63.0.1:1", HINT},
        {"100.64.0.1:1", PRIVATE | HINT},
        {"100.127.0.1:1", PRIVATE | HINT},
        {"100.128.0.1:1", HINT},
        {"169.254.0.1:1", PRIVATE | LINK_LOCAL | HINT},
        {"[fd00::1]:1", PRIVATE | HINT},
        {"[fc00::1]:1", PRIVATE | HINT},
        {"[fe80::1%1]:1", PRIVATE | LINK_LOCAL},
        {"[febf::1%1]:1", PRIVATE | LINK_LOCAL},
        {"[fec0::1]:1", HINT},
        {"[2001:db8::1]:1", HINT},
        {"224.0.0.1:1", MULTICAST},
        {"239.255.255.255:1", MULTICAST},
        {"240.0.0.1:1", HINT},
        {"255.255.255.255:1", 0},
        {"[ff02::1]:1", MULTICAST},
        {"8.8.8.8:1", HINT},
        {"8.8.8.8:0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sg_addr addr = parsed(cases[i].text);
        if (kinds(&addr) != cases[i].kinds)
            fail_msg("%s: %d instead of %d", cases[i].text, kinds(&addr), cases[i].kinds);
    }
    struct sg_addr none = {.port = 1};
    assert_int_equal(kinds(&none), 0);
}

static void prefixes(void **state)
{
    (void)state;
    struct sg_addr v4 = parsed("192.168.171.205:77");
    struct sg_addr v6 = parsed("[fe80:1:2:3:4:5:6:7%8]:77");
    char text[SG_ADDR_TEXT_CAP];
    struct sg_addr net = sg_addr_prefix(&v4, 24, 64);
    assert_string_equal(sg_addr_format(&net, text), "192.168.171.0:0");
    net = sg_addr_prefix(&v4, 20, 64);
    assert_string_equal(sg_addr_format(&net, text), "192.168.160.0:0");
    net = sg_addr_prefix(&v4, 0, 0);
    assert_string_equal(sg_addr_format(&net, text), "0.0.0.0:0");
    net = sg_addr_prefix(&v4, 99, 0);
    assert_string_equal(sg_addr_format(&net, text), "192.168.171.205:0");
    net = sg_addr_prefix(&v6, 0, 64);
    assert_string_equal(sg_addr_format(&net, text), "[fe80:1:2:3::]:0");
    net = sg_addr_prefix(&v6, 0, 17);
    assert_string_equal(sg_addr_format(&net, text), "[fe80::]:0");
    net = sg_addr_prefix(&v6, 0, 200);
    assert_string_equal(sg_addr_format(&net, text), "[fe80:1:2:3:4:5:6:7]:0");
    struct sg_addr key = sg_addr_rate_key(&v4);
    assert_string_equal(sg_addr_format(&key, text), "192.168.171.205:0");
    key = sg_addr_rate_key(&v6);
    assert_string_equal(sg_addr_format(&key, text), "[fe80:1:2:3::]:0");
}

static void hint_golden(void **state)
{
    (void)state;
    static const uint8_t v4_bytes[] = {4, 1, 2, 3, 4, 0x1b, 0x58};
    static const uint8_t v6_bytes[] = {6, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,    0,   0,
                                       0, 0,    0,    0,    0,    0, 1, 0xff, 0xfe};
    static const struct {
        const char *text;
        struct sg_bytes bytes;
    } cases[] = {{"1.2.3.4:7000", {v4_bytes, sizeof v4_bytes}},
                 {"[2001:db8::1]:65534", {v6_bytes, sizeof v6_bytes}}};
    for (size_t i = 0; i < 2; i++) {
        uint8_t out[SG_ADDR_HINT_MAX];
        size_t len = 0;
        struct sg_addr addr = parsed(cases[i].text);
        struct sg_addr back;
        assert_int_equal(sg_addr_hint_encode(&addr, out, &len), SG_OK);
        assert_int_equal(len, cases[i].bytes.len);
        assert_memory_equal(out, cases[i].bytes.data, len);
        assert_int_equal(sg_addr_hint_decode(cases[i].bytes, &back), SG_OK);
        assert_true(sg_addr_equal(&addr, &back));
    }
}

static void assert_malformed(const uint8_t *data, size_t len)
{
    struct sg_addr out;
    memset(&out, 0xaa, sizeof out);
    assert_int_equal(sg_addr_hint_decode(sg_bytes(data, len), &out), SG_ERR_MALFORMED);
    assert_int_equal(out.family, 0);
}

static void hint_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"1.2.3.4:0",     "0.0.0.0:1",   "[::]:1",
                                      "224.0.0.1:1",   "[ff02::1]:1", "255.255.255.255:1",
                                      "[fe80::1%1]:1", "0.1.2.3:1"};
    uint8_t wire[SG_ADDR_HINT_MAX + 1] = {0};
    size_t len = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sg_addr addr = parsed(bad[i]);
        assert_int_equal(sg_addr_hint_encode(&addr, wire, &len), SG_ERR_INVALID_ARGUMENT);
        assert_int_equal(len, 0);
        size_t ip_len = addr.family == 4 ? 4 : 16;
        wire[0] = addr.family;
        memcpy(wire + 1, addr.ip, ip_len);
        wire[1 + ip_len] = (uint8_t)(addr.port >> 8);
        wire[2 + ip_len] = (uint8_t)addr.port;
        assert_malformed(wire, ip_len + 3);
    }
    static const uint8_t mapped[] = {6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 1};
    assert_malformed(mapped, sizeof mapped);
    struct sg_addr none = {.port = 1};
    assert_int_equal(sg_addr_hint_encode(&none, wire, &len), SG_ERR_INVALID_ARGUMENT);
}

static void hint_refuses_every_other_length(void **state)
{
    (void)state;
    static const uint8_t kinds_on_wire[] = {4, 6};
    for (size_t k = 0; k < 2; k++) {
        uint8_t wire[SG_ADDR_HINT_MAX + 2];
        memset(wire, 1, sizeof wire);
        wire[0] = kinds_on_wire[k];
        for (size_t len = 0; len <= sizeof wire; len++) {
            struct sg_addr out;
            if (len == (k == 0 ? 7U : 19U))
                assert_int_equal(sg_addr_hint_decode(sg_bytes(wire, len), &out), SG_OK);
            else
                assert_malformed(wire, len);
        }
    }
    for (unsigned kind = 0; kind < 256; kind++) {
        uint8_t wire[7] = {(uint8_t)kind, 1, 2, 3, 4, 5, 6};
        if (kind != 4)
            assert_malformed(wire, sizeof wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_and_format),
        cmocka_unit_test(parse_fields),
        cmocka_unit_test(parse_refuses),
        cmocka_unit_test(split),
        cmocka_unit_test(mapped_becomes_v4),
        cmocka_unit_test(sockaddr_round_trip),
        cmocka_unit_test(order),
        cmocka_unit_test(classes),
        cmocka_unit_test(prefixes),
        cmocka_unit_test(hint_golden),
        cmocka_unit_test(hint_refuses),
        cmocka_unit_test(hint_refuses_every_other_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
