#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/contacts.h"

#define ID "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct sg_peers_entry numbered(uint8_t n, uint8_t hint)
{
    struct sg_peers_entry entry = {.id = {{n}}, .time_ms = n};
    entry.hints.count = hint != 0;
    entry.hints.hint[0].len = 7;
    entry.hints.hint[0].b[0] = hint;
    return entry;
}

static void texts(void **state)
{
    (void)state;
    struct sg_peers_entry out;
    assert_int_equal(sg_rt_contact_parse(ID, &out), SG_OK);
    assert_int_equal(out.hints.count, 0);
    assert_int_equal(sg_rt_contact_parse(ID "@1.2.3.4:5", &out), SG_OK);
    assert_int_equal(out.hints.count, 1);
    assert_int_equal(out.hints.hint[0].len, 7);
    assert_int_equal(sg_rt_contact_parse(ID "@[2001:db8::1]:5", &out), SG_OK);
    assert_int_equal(out.hints.hint[0].len, 19);
    static const char *const bad[] = {
        "",
        "x",
        ID "a",
        "@1.2.3.4:5",
        ID "@",
        ID "@1.2.3.4",
        ID "@host:5",
        ID "@1.2.3.4:0",
        ID "@0.0.0.0:5",
        ID "@224.0.0.1:5",
        ID "@[fe80::1%2]:5",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (sg_rt_contact_parse(bad[i], &out) != SG_ERR_INVALID_ARGUMENT)
            fail_msg("accepted \"%s\"", bad[i]);
    }
}

static void put_renew_remove(void **state)
{
    (void)state;
    struct sg_rt_contacts c = {.count = 0};
    struct sg_peers_entry a = numbered(1, 11);
    struct sg_peers_entry b = numbered(2, 0);
    assert_int_equal(sg_rt_contacts_put(&c, &a)->hints.hint[0].b[0], 11);
    (void)sg_rt_contacts_put(&c, &b);
    a = numbered(1, 12);
    assert_int_equal(sg_rt_contacts_put(&c, &a)->hints.hint[0].b[0], 12);
    a = numbered(1, 0); /* without an address the old one stays */
    assert_int_equal(sg_rt_contacts_put(&c, &a)->hints.hint[0].b[0], 12);
    assert_int_equal(c.count, 2);
    sg_rt_contacts_remove(&c, &a.id);
    assert_null(sg_rt_contacts_find(&c, &a.id));
    assert_int_equal(c.count, 1);
    assert_int_equal(c.contact[0].id.b[0], 2);
}

static void bounded(void **state)
{
    (void)state;
    struct sg_rt_contacts c = {.count = 0};
    for (uint8_t n = 0; n < SG_PEERS_CONTACTS_MAX; n++) {
        struct sg_peers_entry entry = numbered(n, 1);
        assert_true(sg_rt_contacts_has_room(&c, &entry.id));
        (void)sg_rt_contacts_put(&c, &entry);
    }
    struct sg_peers_entry more = numbered(200, 1);
    assert_false(sg_rt_contacts_has_room(&c, &more.id));
    assert_true(sg_rt_contacts_has_room(&c, &c.contact[3].id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),
        cmocka_unit_test(put_renew_remove),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
