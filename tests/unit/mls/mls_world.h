/* Clients of ours that talk to each other in memory. */
#ifndef SG_TESTS_UNIT_MLS_MLS_WORLD_H
#define SG_TESTS_UNIT_MLS_MLS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/init.h"
#include "mls/join.h"
#include "mls/package.h"

#define WORLD_NOW UINT64_C(1800000000)
#define WORLD_DAY UINT64_C(86400)

struct client {
    char name[16];
    uint8_t signature_private[SG_MLS_SIG_PRIVATE_MAX];
    uint8_t signature_public[SG_MLS_SIG_PUBLIC_MAX];
    struct sg_mls_identity identity;
    struct sg_mls_package package;
    struct sg_mls_group *group;
};

/* One arena for what the test holds, one config for all. */
struct world {
    struct sg_mls_config config;
    struct sg_mls_arena arena;
    const struct sg_mls_suite *suite;
};

static inline sg_err world_psk(void *user, const struct sg_mls_psk_id *id,
                               struct sg_mls_psk_out *out)
{
    (void)user;
    if (id->type != SG_MLS_PSK_EXTERNAL || !sg_bytes_equal(id->id, SG_BYTES_LIT("shared")))
        return SG_ERR_MLS_PSK;
    out->len = 32;
    memset(out->secret, 0x5a, out->len);
    return SG_OK;
}

static inline void world_init(struct world *w, uint16_t suite)
{
    memset(w, 0, sizeof(*w));
    assert_int_equal(sg_crypto_init(), SG_OK);
    sg_mls_config_init(&w->config);
    w->config.mem = sg_mem_default();
    w->config.suites = sg_mls_suites(&w->config.suite_count);
    w->config.random = sg_mls_random_default();
    w->config.psk = world_psk;
    w->suite = sg_mls_suite_find(suite);
    assert_non_null(w->suite);
    sg_mls_arena_init(&w->arena, sg_mem_default(), NULL);
}

static inline void world_fini(struct world *w)
{
    sg_mls_arena_fini(&w->arena);
}

static inline void client_init(struct world *w, struct client *c, const char *name)
{
    memset(c, 0, sizeof(*c));
    snprintf(c->name, sizeof(c->name), "%s", name);
    assert_int_equal(w->suite->sig_generate(w->suite, w->config.random, c->signature_private,
                                            c->signature_public),
                     SG_OK);
    c->identity = (struct sg_mls_identity){
        .suite = w->suite,
        .credential = {SG_MLS_CREDENTIAL_BASIC, sg_bytes(c->name, strlen(c->name))},
        .signature_public = sg_bytes(c->signature_public, w->suite->sig_public_len),
        .signature_private = sg_bytes(c->signature_private, w->suite->sig_private_len)};
}

static inline void client_package(struct world *w, struct client *c)
{
    struct sg_mls_package_options options = {.now = WORLD_NOW, .lifetime = 30 * WORLD_DAY};
    assert_int_equal(
        sg_mls_package_make(&w->config, &c->identity, &options, &w->arena, &c->package), SG_OK);
}

static inline struct sg_mls_package_keys client_keys(const struct client *c)
{
    return (struct sg_mls_package_keys){c->package.package, c->package.init_private,
                                        c->package.encryption_private,
                                        c->identity.signature_private};
}

static inline void client_create(struct world *w, struct client *c, const char *group_id)
{
    client_package(w, c);
    struct sg_mls_create in = {.config = &w->config,
                               .group_id = sg_bytes(group_id, strlen(group_id)),
                               .keys = client_keys(c),
                               .now = WORLD_NOW};
    assert_int_equal(sg_mls_group_create(&in, &c->group), SG_OK);
}

static inline sg_err client_join(struct world *w, struct client *c, struct sg_bytes welcome,
                                 struct sg_bytes tree)
{
    struct sg_mls_join in = {.config = &w->config,
                             .welcome = welcome,
                             .keys = client_keys(c),
                             .tree = tree,
                             .now = WORLD_NOW};
    return sg_mls_group_join(&in, &c->group);
}

static inline void client_fini(struct client *c)
{
    sg_mls_group_free(c->group);
    c->group = NULL;
}

/* An Add of a fresh key package of c, which is decoded into the arena. */
static inline struct sg_mls_proposal add_of(struct world *w, struct client *c)
{
    struct sg_mls_proposal proposal = {.type = SG_MLS_ADD};
    client_package(w, c);
    proposal.u.add = sg_mls_arena_new(&w->arena, 1, sizeof(*proposal.u.add));
    struct sg_reader r = sg_reader(c->package.package);
    sg_mls_read_key_package(&r, proposal.u.add);
    assert_int_equal(sg_reader_done(&r), SG_OK);
    return proposal;
}

static inline void world_write_tree(struct sg_writer *w, const void *tree)
{
    sg_mls_write_tree(w, tree);
}

static inline struct sg_bytes tree_of(struct world *w, const struct sg_mls_group *group)
{
    struct sg_bytes out;
    assert_int_equal(sg_mls_encode(&w->arena, world_write_tree, &group->tree, &out), SG_OK);
    return out;
}

static inline sg_err give(struct client *c, struct sg_bytes message, enum sg_mls_event_kind kind)
{
    struct sg_mls_event event;
    sg_err err = sg_mls_group_process(c->group, message, WORLD_NOW, &event);
    if (err != SG_OK)
        return err;
    assert_int_equal(event.kind, kind);
    sg_mls_event_fini(&event);
    return SG_OK;
}

static inline void assert_same_epoch(const struct client *a, const struct client *b)
{
    assert_int_equal(a->group->epoch->context.epoch, b->group->epoch->context.epoch);
    assert_memory_equal(a->group->epoch->secrets.authenticator.b,
                        b->group->epoch->secrets.authenticator.b, a->group->suite->hash_len);
}

#endif
