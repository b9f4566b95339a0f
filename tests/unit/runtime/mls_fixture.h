/* What tests of the public MLS API share. */
#ifndef MLS_FIXTURE_H
#define MLS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <saorsa/mls.h>

static inline struct sg_bytes text(const char *s)
{
    return (struct sg_bytes){(const uint8_t *)s, strlen(s)};
}

static inline struct sg_bytes bytes(const struct sg_mls_blob *blob)
{
    return (struct sg_bytes){blob->data, blob->len};
}

static inline void assert_same_state(const struct sg_mls_member *a, const struct sg_mls_member *b)
{
    uint8_t x[64], y[64];
    size_t len, other;
    assert_int_equal(sg_mls_member_authenticator(a, x, &len), SG_OK);
    assert_int_equal(sg_mls_member_authenticator(b, y, &other), SG_OK);
    assert_int_equal(len, other);
    assert_memory_equal(x, y, len);
    assert_int_equal(sg_mls_member_export(a, text("label"), text("context"), x, 40), SG_OK);
    assert_int_equal(sg_mls_member_export(b, text("label"), text("context"), y, 40), SG_OK);
    assert_memory_equal(x, y, 40);
}

/* The guest becomes a member: the host commits at once and accepts it. */
static inline struct sg_mls_member *admit(struct sg_mls_member *host, struct sg_mls_client *guest)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    struct sg_mls_member *member;
    assert_int_equal(sg_mls_client_package(guest, NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(host, &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_accept(host), SG_OK);
    struct sg_mls_join_request join = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(guest, &join, &member), SG_OK);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
    return member;
}

/* Receives what has to be of that kind; or the error. */
static inline sg_err take_in(struct sg_mls_member *member, const struct sg_mls_blob *message,
                             enum sg_mls_got got)
{
    struct sg_mls_received received;
    sg_err err = sg_mls_member_receive(member, bytes(message), &received);
    if (err != SG_OK)
        return err;
    assert_int_equal(received.got, got);
    sg_mls_received_free(&received);
    return SG_OK;
}

static inline void pair_free(struct sg_mls_member *alice, struct sg_mls_member *bob,
                             struct sg_mls_client *alice_client, struct sg_mls_client *bob_client)
{
    sg_mls_member_free(alice);
    sg_mls_member_free(bob);
    sg_mls_client_free(alice_client);
    sg_mls_client_free(bob_client);
}

/* The only member of a client, of group "g", comes back from its storage. NULL with an error. */
static inline sg_err come_back(const struct sg_mls_client_config *config,
                               struct sg_mls_client **client, struct sg_mls_member **member)
{
    sg_mls_member_free(*member);
    sg_mls_client_free(*client);
    *member = NULL;
    assert_int_equal(sg_mls_client_new(config, client), SG_OK);
    return sg_mls_member_load(*client, text("g"), member);
}

#endif
