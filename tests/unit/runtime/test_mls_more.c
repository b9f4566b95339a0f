/* runtime/mls_more.c, mls_member.c: what could not be given away leaves nothing behind.
 *
 * LINK: --wrap=sg_mls_blob_copy */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/mls_impl.h"

static bool fails;

sg_err __real_sg_mls_blob_copy(struct sg_bytes bytes, struct sg_mls_blob *out);
sg_err __wrap_sg_mls_blob_copy(struct sg_bytes bytes, struct sg_mls_blob *out);

sg_err __wrap_sg_mls_blob_copy(struct sg_bytes bytes, struct sg_mls_blob *out)
{
    *out = (struct sg_mls_blob){NULL, 0};
    return fails ? SG_ERR_NO_MEMORY : __real_sg_mls_blob_copy(bytes, out);
}

/* One who is alone, without storage to come back to. */
struct scene {
    struct sg_mls_client *client;
    struct sg_mls_member *member;
    struct sg_mls_blob package; /* of a second client */
};

static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    (void)user;
    (void)id;
    memset(secret, 7, 32);
    *len = 32;
    return SG_OK;
}

static void set_up(struct scene *s)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *other;
    struct sg_mls_blob secret;
    fails = false;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = SG_BYTES_LIT("alice");
    config.find_psk = find_psk;
    assert_int_equal(sg_mls_client_new(&config, &s->client), SG_OK);
    assert_int_equal(sg_mls_member_create(s->client, SG_BYTES_LIT("g"), &s->member), SG_OK);
    config.identity = SG_BYTES_LIT("bob");
    assert_int_equal(sg_mls_client_new(&config, &other), SG_OK);
    assert_int_equal(sg_mls_client_package(other, NULL, &s->package, &secret), SG_OK);
    sg_mls_blob_free(&secret);
    sg_mls_client_free(other);
}

static void tear_down(struct scene *s)
{
    sg_mls_blob_free(&s->package);
    sg_mls_member_free(s->member);
    sg_mls_client_free(s->client);
}

static sg_err propose(struct scene *s, unsigned what, struct sg_mls_blob *message)
{
    switch (what) {
    case 0:
        return sg_mls_member_propose_add(s->member, sg_bytes(s->package.data, s->package.len),
                                         message);
    case 1:
        return sg_mls_member_propose_psk(s->member, SG_BYTES_LIT("key"), message);
    case 2:
        return sg_mls_member_propose_app_data(s->member, 3, SG_BYTES_LIT("x"), message);
    case 3:
        return sg_mls_member_propose_update(s->member, message);
    default:
        return sg_mls_member_propose_extensions(s->member, NULL, 0, message);
    }
}

static void a_proposal_that_is_not_given_does_not_wait(void **state)
{
    struct scene s;
    struct sg_mls_state_info info;
    struct sg_mls_blob message;
    (void)state;
    set_up(&s);
    for (unsigned what = 0; what < 5; what++) {
        fails = true;
        assert_int_equal(propose(&s, what, &message), SG_ERR_NO_MEMORY);
        assert_null(message.data);
        fails = false;
        sg_mls_member_state(s.member, &info);
        assert_int_equal(info.waiting, 0);
        /* RFC9420 s12.4: with one that waits, this would be refused */
        assert_int_equal(
            sg_mls_member_protect(s.member, SG_BYTES_LIT("hello"), sg_bytes(NULL, 0), &message),
            SG_OK);
        sg_mls_blob_free(&message);
        assert_int_equal(propose(&s, what, &message), SG_OK);
        sg_mls_member_state(s.member, &info);
        assert_int_equal(info.waiting, 1);
        struct sg_mls_cached *cached = s.member->group->cache;
        assert_int_equal(sg_mls_member_drop(s.member, sg_bytes(cached->ref, 32)), SG_OK);
        sg_mls_blob_free(&message);
    }
    tear_down(&s);
}

static void a_commit_that_is_not_given_is_not_pending(void **state)
{
    struct scene s;
    struct sg_mls_state_info info;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    fails = true;
    assert_int_equal(sg_mls_member_commit(s.member, NULL, &output), SG_ERR_NO_MEMORY);
    fails = false;
    sg_mls_member_state(s.member, &info);
    assert_false(info.has_pending);
    assert_int_equal(sg_mls_member_commit(s.member, NULL, &output), SG_OK);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposal_that_is_not_given_does_not_wait),
        cmocka_unit_test(a_commit_that_is_not_given_is_not_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
