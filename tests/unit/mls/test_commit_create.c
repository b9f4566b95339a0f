/* mls/commit_create.c and all around it: groups of our own clients, by hand and by chance.
 * TIMEOUT: 300 */
#include "mls_world.h"

#include "base/prng.h"

#define MEMBERS 9

struct party {
    struct world w;
    struct client clients[MEMBERS];
    bool in[MEMBERS];
    uint64_t checked; /* the epoch whose tree was looked at last, + 1 */
    struct sg_prng prng;
};

static uint32_t draw(struct party *p, uint32_t below)
{
    return (uint32_t)(sg_prng_next(&p->prng) % below);
}

static unsigned members(const struct party *p)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MEMBERS; i++)
        count += p->in[i];
    return count;
}

static unsigned any_member(struct party *p)
{
    for (;;) {
        unsigned i = draw(p, MEMBERS);
        if (p->in[i])
            return i;
    }
}

/* Gives a message to all members but the sender. */
static void broadcast(struct party *p, unsigned from, struct sg_bytes message,
                      enum sg_mls_event_kind kind)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        if (p->in[i] && i != from)
            assert_int_equal(give(&p->clients[i], message, kind), SG_OK);
}

static void deliver_commit(struct party *p, unsigned from, struct sg_bytes commit)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct sg_mls_event event;
        if (!p->in[i])
            continue;
        assert_int_equal(sg_mls_group_process(p->clients[i].group, commit, WORLD_NOW, &event),
                         SG_OK);
        if (event.kind == SG_MLS_EVENT_REMOVED) {
            p->in[i] = false;
            client_fini(&p->clients[i]);
        } else {
            assert_int_equal(event.kind, SG_MLS_EVENT_COMMIT);
            assert_int_equal(event.is_own, i == from);
        }
        sg_mls_event_fini(&event);
    }
}

static void check_agreement(struct party *p)
{
    unsigned first = any_member(p);
    for (unsigned i = 0; i < MEMBERS; i++)
        if (p->in[i])
            assert_same_epoch(&p->clients[first], &p->clients[i]);
    /* nobody has a private key of a node that is blank */
    for (unsigned i = 0; i < MEMBERS; i++)
        for (uint32_t j = 0; p->in[i] && j < p->clients[i].group->epoch->own.count; j++)
            assert_non_null(
                p->clients[i].group->tree.nodes[p->clients[i].group->epoch->own.keys[j].node]);
    /* the tree is one that a newcomer would accept; it only changes with the epoch */
    uint64_t epoch = p->clients[first].group->epoch->context.epoch;
    if (p->checked == epoch + 1)
        return;
    p->checked = epoch + 1;
    struct sg_mls_rules rules = sg_mls_group_rules(p->clients[first].group, WORLD_NOW);
    assert_int_equal(sg_mls_check_tree(&rules, &p->clients[first].group->tree), SG_OK);
}

static void commit_and_deliver(struct party *p, unsigned from,
                               struct sg_mls_commit_options *options, unsigned newcomer)
{
    struct sg_mls_commit_result result;
    options->send.now = WORLD_NOW;
    options->send.is_private = draw(p, 2);
    options->tree_in_welcome = draw(p, 2);
    options->omits_path = draw(p, 2);
    assert_int_equal(sg_mls_group_commit(p->clients[from].group, &p->w.arena, options, &result),
                     SG_OK);
    deliver_commit(p, from, result.commit);
    if (newcomer == MEMBERS)
        return;
    struct sg_bytes tree =
        options->tree_in_welcome ? sg_bytes(NULL, 0) : tree_of(&p->w, p->clients[from].group);
    assert_int_equal(client_join(&p->w, &p->clients[newcomer], result.welcome, tree), SG_OK);
    p->in[newcomer] = true;
}

static unsigned any_outsider(struct party *p)
{
    for (;;) {
        unsigned i = draw(p, MEMBERS);
        if (!p->in[i])
            return i;
    }
}

/* A fresh identity for each arrival. */
static void rename_client(struct party *p, unsigned i)
{
    char name[16];
    snprintf(name, sizeof(name), "c%u-%u", i, draw(p, 100000));
    client_fini(&p->clients[i]);
    client_init(&p->w, &p->clients[i], name);
}

static struct sg_mls_send any_send(struct party *p)
{
    return (struct sg_mls_send){.is_private = draw(p, 2), .now = WORLD_NOW};
}

static void do_add(struct party *p)
{
    if (members(p) == MEMBERS)
        return;
    unsigned from = any_member(p), newcomer = any_outsider(p);
    rename_client(p, newcomer);
    struct sg_mls_proposal add = add_of(&p->w, &p->clients[newcomer]);
    struct sg_mls_commit_options options = {.values = &add, .count = 1};
    if (draw(p, 2)) {
        struct sg_mls_send send = any_send(p);
        struct sg_bytes message;
        unsigned proposer = any_member(p);
        assert_int_equal(
            sg_mls_group_propose(p->clients[proposer].group, &p->w.arena, &add, &send, &message),
            SG_OK);
        broadcast(p, proposer, message, SG_MLS_EVENT_PROPOSAL);
        options.count = 0;
    }
    commit_and_deliver(p, from, &options, newcomer);
}

static void do_remove(struct party *p)
{
    if (members(p) < 3)
        return;
    unsigned from = any_member(p), victim = any_member(p);
    if (from == victim)
        return;
    struct sg_mls_proposal remove = {.type = SG_MLS_REMOVE,
                                     .u.removed = sg_mls_group_leaf(p->clients[victim].group)};
    struct sg_mls_commit_options options = {.values = &remove, .count = 1};
    commit_and_deliver(p, from, &options, MEMBERS);
    assert_false(p->in[victim]);
}

static void do_updates(struct party *p)
{
    unsigned from = any_member(p);
    for (unsigned i = 0; i < MEMBERS; i++) {
        struct sg_mls_send send = any_send(p);
        struct sg_bytes message;
        if (!p->in[i] || draw(p, 2))
            continue;
        assert_int_equal(
            sg_mls_group_propose_update(p->clients[i].group, &p->w.arena, NULL, &send, &message),
            SG_OK);
        broadcast(p, i, message, SG_MLS_EVENT_PROPOSAL);
    }
    struct sg_mls_commit_options options = {0};
    commit_and_deliver(p, from, &options, MEMBERS);
}

static void do_leave(struct party *p)
{
    if (members(p) < 3)
        return;
    unsigned from = any_member(p), leaver = any_member(p);
    struct sg_mls_proposal leave = {.type = SG_MLS_SELF_REMOVE};
    struct sg_mls_send send = any_send(p);
    struct sg_bytes message;
    if (from == leaver)
        return;
    assert_int_equal(
        sg_mls_group_propose(p->clients[leaver].group, &p->w.arena, &leave, &send, &message),
        SG_OK);
    broadcast(p, leaver, message, SG_MLS_EVENT_PROPOSAL);
    struct sg_mls_commit_options options = {0};
    commit_and_deliver(p, from, &options, MEMBERS);
    assert_false(p->in[leaver]);
}

static void do_psks(struct party *p)
{
    unsigned from = any_member(p);
    uint8_t nonce[SG_MLS_HASH_MAX];
    memset(nonce, (int)draw(p, 256), sizeof(nonce));
    const struct sg_mls_group *group = p->clients[from].group;
    struct sg_mls_proposal psks[2] = {{.type = SG_MLS_PSK}, {.type = SG_MLS_PSK}};
    psks[0].u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL,
                                           .id = SG_BYTES_LIT("shared"),
                                           .nonce = sg_bytes(nonce, p->w.suite->hash_len)};
    psks[1].u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_RESUMPTION,
                                           .usage = SG_MLS_USAGE_APPLICATION,
                                           .id = group->epoch->context.group_id,
                                           .epoch = group->epoch->context.epoch,
                                           .nonce = sg_bytes(nonce, p->w.suite->hash_len)};
    struct sg_mls_commit_options options = {.values = psks, .count = 2};
    commit_and_deliver(p, from, &options, MEMBERS);
}

static void do_external(struct party *p)
{
    unsigned host = any_member(p), guest = draw(p, MEMBERS);
    struct sg_mls_info_options info = {.has_tree = true, .has_external_pub = true};
    struct sg_mls_new_leaf leaf;
    struct sg_bytes group_info, commit;
    struct sg_mls_group *group;
    bool resync = p->in[guest];
    if (guest == host)
        return;
    if (!resync)
        rename_client(p, guest);
    struct client *c = &p->clients[guest];
    leaf.signature_private = c->identity.signature_private;
    assert_int_equal(
        sg_mls_identity_leaf(&p->w.config, &c->identity, false, &p->w.arena, &leaf.leaf), SG_OK);
    assert_int_equal(sg_mls_group_info(p->clients[host].group, &p->w.arena, &info, &group_info),
                     SG_OK);
    struct sg_mls_external in = {.config = &p->w.config,
                                 .group_info = group_info,
                                 .leaf = &leaf,
                                 .removes_prior = resync,
                                 .now = WORLD_NOW};
    assert_int_equal(sg_mls_group_external_join(&in, &p->w.arena, &group, &commit), SG_OK);
    deliver_commit(p, MEMBERS, commit);
    assert_false(p->in[guest]);
    c->group = group;
    p->in[guest] = true;
    assert_int_equal(give(c, commit, SG_MLS_EVENT_COMMIT), SG_OK);
}

static void do_message(struct party *p)
{
    unsigned from = any_member(p);
    struct sg_bytes message;
    assert_int_equal(sg_mls_group_protect(p->clients[from].group, &p->w.arena,
                                          SG_BYTES_LIT("hello"), SG_BYTES_LIT("aad"), &message),
                     SG_OK);
    broadcast(p, from, message, SG_MLS_EVENT_APPLICATION);
    assert_int_equal(give(&p->clients[from], message, SG_MLS_EVENT_OWN), SG_OK);
    for (unsigned i = 0; i < MEMBERS; i++)
        if (p->in[i] && i != from)
            assert_int_equal(give(&p->clients[i], message, SG_MLS_EVENT_APPLICATION),
                             SG_ERR_DUPLICATE);
}

static void play(uint16_t suite, unsigned steps, uint64_t seed)
{
    struct party p;
    memset(&p, 0, sizeof(p));
    world_init(&p.w, suite);
    sg_prng_init(&p.prng, seed);
    for (unsigned i = 0; i < MEMBERS; i++)
        client_init(&p.w, &p.clients[i], "nobody");
    rename_client(&p, 0);
    client_create(&p.w, &p.clients[0], "party");
    p.in[0] = true;
    void (*const actions[])(struct party *) = {do_add,     do_add,    do_add,      do_remove,
                                               do_updates, do_psks,   do_external, do_leave,
                                               do_message, do_message};
    for (unsigned i = 0; i < steps; i++) {
        actions[draw(&p, sizeof(actions) / sizeof(actions[0]))](&p);
        check_agreement(&p);
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        client_fini(&p.clients[i]);
    world_fini(&p.w);
}

static void members_agree_after_anything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++)
        play(SG_MLS_128_DHKEMX25519_AES128GCM_SHA256_ED25519, 60, seed);
}

static void members_agree_in_every_suite(void **state)
{
    size_t count;
    const struct sg_mls_suite *suites = sg_mls_suites(&count);
    (void)state;
    for (size_t i = 0; i < count; i++)
        play(suites[i].id, 10, 100 + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_agree_after_anything),
        cmocka_unit_test(members_agree_in_every_suite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
