#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "os/resolve.h"

/* A resolver of our own, so that no test depends on the machine's.
 * LINK: --wrap=getaddrinfo --wrap=freeaddrinfo */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
void __wrap_freeaddrinfo(struct addrinfo *list);
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
void __real_freeaddrinfo(struct addrinfo *list);

#define ANSWERS_MAX 40
static struct {
    int status;
    bool real;
    size_t count;
    unsigned asked;
    unsigned freed;
    struct addrinfo nodes[ANSWERS_MAX];
    struct sockaddr_storage addrs[ANSWERS_MAX];
} resolver;

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    resolver.asked++;
    if (resolver.real)
        return __real_getaddrinfo(host, service, hints, list);
    if (resolver.status != 0)
        return resolver.status;
    for (size_t i = 0; i + 1 < resolver.count; i++)
        resolver.nodes[i].ai_next = &resolver.nodes[i + 1];
    *list = resolver.count == 0 ? NULL : &resolver.nodes[0];
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    resolver.freed++;
    if (resolver.real)
        __real_freeaddrinfo(list);
}

static void answer(const char *text)
{
    struct sg_addr addr;
    struct addrinfo *node = &resolver.nodes[resolver.count];
    assert_int_equal(sg_addr_parse(text, &addr), SG_OK);
    int domain = addr.family == 4 ? AF_INET : AF_INET6;
    node->ai_addrlen = sg_addr_to_sockaddr(&addr, domain, &resolver.addrs[resolver.count]);
    node->ai_addr = (struct sockaddr *)&resolver.addrs[resolver.count];
    resolver.count++;
}

static int reset(void **state)
{
    (void)state;
    memset(&resolver, 0, sizeof resolver);
    return 0;
}

static void assert_addrs(const struct sg_addr *addrs, size_t count, const char *expected)
{
    char all[SG_ADDR_TEXT_CAP * SG_RESOLVE_MAX] = "";
    for (size_t i = 0; i < count; i++) {
        char text[SG_ADDR_TEXT_CAP];
        if (i > 0)
            strcat(all, " ");
        strcat(all, sg_addr_format(&addrs[i], text));
    }
    assert_string_equal(all, expected);
}

static void numeric_never_asks(void **state)
{
    (void)state;
    static const char *const hosts[] = {"1.2.3.4", "::1", "fe80::1%2", "::ffff:1.2.3.4"};
    static const char *const expected[] = {"1.2.3.4:9", "[::1]:9", "[fe80::1%2]:9", "1.2.3.4:9"};
    for (size_t i = 0; i < 4; i++) {
        struct sg_addr out;
        size_t count = 0;
        assert_int_equal(sg_resolve(hosts[i], 9, &out, 1, &count), SG_OK);
        assert_addrs(&out, count, expected[i]);
    }
    assert_int_equal(resolver.asked, 0);
}

static void names_interleave(void **state)
{
    (void)state;
    struct sg_addr out[SG_RESOLVE_MAX];
    size_t count = 0;
    answer("[2001:db8::1]:0");
    answer("[2001:db8::2]:0");
    answer("[2001:db8::3]:0");
    answer("[2001:db8::2]:0"); /* twice */
    answer("1.1.1.1:0");
    answer("2.2.2.2:0");
    assert_int_equal(sg_resolve("node.example", 7, out, SG_RESOLVE_MAX, &count), SG_OK);
    assert_addrs(out, count, "[2001:db8::1]:7 1.1.1.1:7 [2001:db8::2]:7 2.2.2.2:7 [2001:db8::3]:7");
    assert_int_equal(resolver.freed, 1);
    /* A small cap still meets both families. */
    assert_int_equal(sg_resolve("node.example", 7, out, 2, &count), SG_OK);
    assert_addrs(out, count, "[2001:db8::1]:7 1.1.1.1:7");
}

static void first_choice_stays_first(void **state)
{
    (void)state;
    struct sg_addr out[SG_RESOLVE_MAX];
    size_t count = 0;
    answer("1.1.1.1:0");
    answer("2.2.2.2:0");
    answer("[2001:db8::1]:0");
    assert_int_equal(sg_resolve("n", 1, out, SG_RESOLVE_MAX, &count), SG_OK);
    assert_addrs(out, count, "1.1.1.1:1 [2001:db8::1]:1 2.2.2.2:1");
}

static void long_answers_are_cut(void **state)
{
    (void)state;
    struct sg_addr out[SG_RESOLVE_MAX + 4];
    size_t count = 0;
    for (unsigned i = 0; i < ANSWERS_MAX; i++) {
        char text[SG_ADDR_TEXT_CAP];
        struct sg_addr addr = sg_addr_v4((const uint8_t[4]){1, 1, 1, (uint8_t)i}, 0);
        answer(sg_addr_format(&addr, text));
    }
    assert_int_equal(sg_resolve("n", 1, out, SG_RESOLVE_MAX + 4, &count), SG_OK);
    assert_int_equal(count, SG_RESOLVE_MAX);
}

static void errors(void **state)
{
    (void)state;
    struct sg_addr out[2];
    size_t count = 9;
    resolver.status = EAI_NONAME;
    assert_int_equal(sg_resolve("no.example", 1, out, 2, &count), SG_ERR_RESOLVE);
    assert_int_equal(count, 0);
    resolver.status = EAI_AGAIN;
    assert_int_equal(sg_resolve("no.example", 1, out, 2, &count), SG_ERR_RESOLVE);
    resolver.status = EAI_MEMORY;
    assert_int_equal(sg_resolve("no.example", 1, out, 2, &count), SG_ERR_NO_MEMORY);
    resolver.status = 0;
    assert_int_equal(sg_resolve("empty.example", 1, out, 2, &count), SG_ERR_RESOLVE);
    assert_int_equal(resolver.asked, 4);
}

static void refuses_without_asking(void **state)
{
    (void)state;
    struct sg_addr out[2];
    size_t count = 9;
    char longest[SG_ADDR_HOST_CAP + 1];
    memset(longest, 'a', sizeof longest);
    longest[SG_ADDR_HOST_CAP] = 0;
    static const char *const bad[] = {"", "::g", "fe80::1%eth0", "1.2.3.4:5"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sg_resolve(bad[i], 1, out, 2, &count), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_resolve(longest, 1, out, 2, &count), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_resolve("1.2.3.4", 1, out, 0, &count), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(count, 0);
    assert_int_equal(resolver.asked, 0);
}

static void localhost_by_the_real_resolver(void **state)
{
    (void)state;
    struct sg_addr out[SG_RESOLVE_MAX];
    size_t count = 0;
    resolver.real = true;
    assert_int_equal(sg_resolve("localhost", 5, out, SG_RESOLVE_MAX, &count), SG_OK);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        assert_true(sg_addr_is_loopback(&out[i]));
        assert_int_equal(out[i].port, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numeric_never_asks, reset),
        cmocka_unit_test_setup(names_interleave, reset),
        cmocka_unit_test_setup(first_choice_stays_first, reset),
        cmocka_unit_test_setup(long_answers_are_cut, reset),
        cmocka_unit_test_setup(errors, reset),
        cmocka_unit_test_setup(refuses_without_asking, reset),
        cmocka_unit_test_setup(localhost_by_the_real_resolver, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
