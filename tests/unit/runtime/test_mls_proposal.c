/* runtime/mls_proposal.c, mls_outside.c: proposals of each type, from members and from outside, by
 * reference in anybody's commit and by value (RFC 9420 s12.1, s12.1.8, s12.4, s12.4.3.2). */
#include "mls_fixture.h"

static sg_err find_psk(void *user, struct sg_bytes id, uint8_t *secret, size_t *len)
{
    (void)user;
    if (id.len != 4 || memcmp(id.data, "key", 3) != 0)
        return SG_ERR_MLS_PSK;
    memset(secret, id.data[3], 32);
    *len = 32;
    return SG_OK;
}

static struct sg_mls_client *client_of(const char *name)
{
    struct sg_mls_client_config config;
    struct sg_mls_client *client;
    sg_mls_client_config_init(&config);
    config.suite = 1;
    config.identity = text(name);
    config.find_psk = find_psk;
    assert_int_equal(sg_mls_client_new(&config, &client), SG_OK);
    return client;
}

/* Three members, and one who is none: Dave, whom the group names as its external sender. */
enum { ALICE, BOB, CAROL, DAVE, CLIENTS };

struct scene {
    struct sg_mls_client *clients[CLIENTS];
    struct sg_mls_member *members[CLIENTS];
    struct sg_mls_blob package, secret; /* Dave's */
};

static void join(struct scene *s, unsigned who)
{
    struct sg_mls_blob package, secret;
    struct sg_mls_commit_output output;
    assert_int_equal(sg_mls_client_package(s->clients[who], NULL, &package, &secret), SG_OK);
    struct sg_bytes packages[] = {bytes(&package)};
    struct sg_mls_commit_request request = {
        .add = packages, .add_count = 1, .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s->members[ALICE], &request, &output), SG_OK);
    for (unsigned i = ALICE; i < who; i++)
        assert_int_equal(take_in(s->members[i], &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    struct sg_mls_join_request in = {.welcome = bytes(&output.welcome), .secret = bytes(&secret)};
    assert_int_equal(sg_mls_member_join(s->clients[who], &in, &s->members[who]), SG_OK);
    sg_mls_blob_free(&package);
    sg_mls_blob_free(&secret);
    sg_mls_commit_output_free(&output);
}

/* external_senders with one entry: Dave's key, which his key package shows, and his name. */
static void name_sender(const struct scene *s, uint8_t senders[41])
{
    /* MLSMessage, version, suite, init key, encryption key: then the signature key */
    senders[0] = 40;
    senders[1] = 32;
    memcpy(senders + 2, s->package.data + 8 + 2 * 33 + 1, 32);
    memcpy(senders + 34, "\0\1\4dave", 7);
}

static void set_up(struct scene *s)
{
    static const char *const names[] = {"alice", "bob", "carol", "dave"};
    uint8_t senders[41];
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < CLIENTS; i++)
        s->clients[i] = client_of(names[i]);
    assert_int_equal(sg_mls_client_package(s->clients[DAVE], NULL, &s->package, &s->secret), SG_OK);
    name_sender(s, senders);
    const struct sg_mls_extension_item items[] = {{5, {senders, sizeof(senders)}}};
    const struct sg_mls_create_request create = {text("g"), items, 1};
    assert_int_equal(sg_mls_member_create_with(s->clients[ALICE], &create, &s->members[ALICE]),
                     SG_OK);
    join(s, BOB);
    join(s, CAROL);
}

static void tear_down(struct scene *s)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        sg_mls_member_free(s->members[i]);
        sg_mls_client_free(s->clients[i]);
    }
    sg_mls_blob_free(&s->package);
    sg_mls_blob_free(&s->secret);
}

/* ---- each type ---- */

enum what { ADD, REMOVE, PSK, RESUMPTION, EXTENSIONS, REINIT, APP_DATA, OUTSIDE_COUNT };
enum { UPDATE = OUTSIDE_COUNT, RENEWAL, LEAVE, WHAT_COUNT };

static const struct sg_mls_reinit_request reinit = {.group_id = {(const uint8_t *)"next", 4}};

/* Of Bob's, where it is about a member: of Carol. */
static sg_err propose(struct scene *s, unsigned what, struct sg_mls_blob *out)
{
    struct sg_mls_member *bob = s->members[BOB];
    switch (what) {
    case ADD:
        return sg_mls_member_propose_add(bob, bytes(&s->package), out);
    case REMOVE:
        return sg_mls_member_propose_remove(bob, CAROL, out);
    case PSK:
        return sg_mls_member_propose_psk(bob, text("key1"), out);
    case RESUMPTION:
        return sg_mls_member_propose_resumption(bob, 2, out);
    case EXTENSIONS:
        return sg_mls_member_propose_extensions(bob, NULL, 0, out);
    case REINIT:
        return sg_mls_member_propose_reinit(bob, &reinit, out);
    case APP_DATA:
        return sg_mls_member_propose_app_data(bob, 9, text("rules"), out);
    case UPDATE:
        return sg_mls_member_propose_update(bob, out);
    case RENEWAL:
        return sg_mls_member_propose_renewal(bob, out);
    default:
        return sg_mls_member_propose_leave(bob, out);
    }
}

/* The same of somebody who is no member. */
static sg_err propose_outside(struct scene *s, unsigned what, uint32_t sender,
                              struct sg_mls_blob *out)
{
    const struct sg_mls_client *dave = s->clients[DAVE];
    const struct sg_mls_outside_request at = {text("g"), 2, sender};
    const struct sg_mls_app_data_item item = {9, text("rules")};
    switch (what) {
    case ADD:
        return sg_mls_client_propose_add(dave, &at, bytes(&s->package), out);
    case REMOVE:
        return sg_mls_client_propose_remove(dave, &at, CAROL, out);
    case PSK:
        return sg_mls_client_propose_psk(dave, &at, text("key1"), out);
    case RESUMPTION:
        return sg_mls_client_propose_resumption(dave, &at, 2, out);
    case EXTENSIONS:
        return sg_mls_client_propose_extensions(dave, &at, NULL, 0, out);
    case REINIT:
        return sg_mls_client_propose_reinit(dave, &at, &reinit, out);
    default:
        return sg_mls_client_propose_app_data(dave, &at, &item, out);
    }
}

/* What the commit did, as a member sees it. */
static void assert_done(const struct scene *s, unsigned what, struct sg_mls_member *member)
{
    struct sg_mls_state_info info;
    struct sg_bytes data;
    sg_mls_member_state(member, &info);
    assert_int_equal(info.epoch, 3);
    assert_int_equal(info.waiting, 0);
    assert_int_equal(info.is_closed, what == REINIT);
    assert_int_equal(info.members, what == ADD ? 4 : what == REMOVE || what == LEAVE ? 2 : 3);
    assert_int_equal(sg_mls_member_app_data(member, 9, &data),
                     what == APP_DATA ? SG_OK : SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_extension(member, 5, &data),
                     what == EXTENSIONS ? SG_ERR_NOT_FOUND : SG_OK);
    assert_same_state(member, s->members[ALICE]);
}

/* Committer commits what waits; all others process that. */
static void commit_by(struct scene *s, unsigned committer, unsigned what)
{
    struct sg_mls_commit_output output;
    struct sg_mls_commit_request request = {.tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s->members[committer], &request, &output), SG_OK);
    for (unsigned i = ALICE; i <= CAROL; i++) {
        bool is_out = (what == REMOVE && i == CAROL) || (what == LEAVE && i == BOB);
        assert_int_equal(
            take_in(s->members[i], &output.commit, is_out ? SG_MLS_GOT_REMOVED : SG_MLS_GOT_COMMIT),
            SG_OK);
    }
    for (unsigned i = ALICE; i <= CAROL; i++)
        if (!(what == REMOVE && i == CAROL) && !(what == LEAVE && i == BOB))
            assert_done(s, what, s->members[i]);
    sg_mls_commit_output_free(&output);
}

/* RFC9420 s12.4.2: who proposed something follows the commit that covers it, whoever's it is. */
static void ones_own_proposals_in_anybodys_commit(void **state)
{
    (void)state;
    for (unsigned what = 0; what < WHAT_COUNT; what++) {
        for (unsigned committer = ALICE; committer <= BOB; committer++) {
            struct scene s;
            struct sg_mls_blob message;
            if (committer == BOB && what >= UPDATE)
                continue; /* RFC9420 s12.2: not those of the committer */
            set_up(&s);
            assert_int_equal(propose(&s, what, &message), SG_OK);
            assert_int_equal(take_in(s.members[ALICE], &message, SG_MLS_GOT_PROPOSAL), SG_OK);
            assert_int_equal(take_in(s.members[CAROL], &message, SG_MLS_GOT_PROPOSAL), SG_OK);
            assert_int_equal(take_in(s.members[BOB], &message, SG_MLS_GOT_OWN), SG_OK);
            commit_by(&s, committer, what);
            sg_mls_blob_free(&message);
            tear_down(&s);
        }
    }
}

/* RFC9420 s12.1.8: Add, Remove, PreSharedKey, ReInit, GroupContextExtensions (and AppDataUpdate) of
 * an external sender; of a newcomer only the Add. */
static void all_that_outsiders_may_propose(void **state)
{
    (void)state;
    for (unsigned what = 0; what < OUTSIDE_COUNT; what++) {
        struct scene s;
        struct sg_mls_blob message;
        set_up(&s);
        assert_int_equal(propose_outside(&s, what, UINT32_MAX, &message),
                         what == ADD ? SG_OK : SG_ERR_MLS_SENDER);
        if (what == ADD) /* which this group does not accept */
            assert_int_equal(take_in(s.members[ALICE], &message, SG_MLS_GOT_PROPOSAL),
                             SG_ERR_MLS_SENDER);
        sg_mls_blob_free(&message);
        /* nobody is number 1 of the group's senders */
        assert_int_equal(propose_outside(&s, what, 1, &message), SG_OK);
        assert_int_equal(take_in(s.members[ALICE], &message, SG_MLS_GOT_PROPOSAL),
                         SG_ERR_MLS_SENDER);
        sg_mls_blob_free(&message);
        assert_int_equal(propose_outside(&s, what, 0, &message), SG_OK);
        for (unsigned i = ALICE; i <= CAROL; i++)
            assert_int_equal(take_in(s.members[i], &message, SG_MLS_GOT_PROPOSAL), SG_OK);
        commit_by(&s, BOB, what);
        sg_mls_blob_free(&message);
        tear_down(&s);
    }
}

/* ---- by value ---- */

static const struct sg_bytes psks[] = {{(const uint8_t *)"key1", 4}, {(const uint8_t *)"key2", 4}};
static const uint64_t resume[] = {2};
static const struct sg_mls_app_data_item app_data[] = {{9, {(const uint8_t *)"rules", 5}}};

/* RFC9420 s12.4: a commit with one proposal of each kind that may be together. */
static void a_commit_has_all_types_by_value(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    struct sg_mls_blob words;
    struct sg_bytes data;
    (void)state;
    set_up(&s);
    const struct sg_bytes packages[] = {bytes(&s.package)};
    const uint32_t remove[] = {CAROL};
    struct sg_mls_commit_request request = {.add = packages,
                                            .add_count = 1,
                                            .remove = remove,
                                            .remove_count = 1,
                                            .psks = psks,
                                            .psk_count = 2,
                                            .resume = resume,
                                            .resume_count = 1,
                                            .sets_extensions = true,
                                            .app_data = app_data,
                                            .app_data_count = 1,
                                            .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s.members[BOB], &request, &output), SG_OK);
    assert_int_equal(take_in(s.members[ALICE], &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(take_in(s.members[CAROL], &output.commit, SG_MLS_GOT_REMOVED), SG_OK);
    assert_int_equal(sg_mls_member_accept(s.members[BOB]), SG_OK);
    assert_same_state(s.members[ALICE], s.members[BOB]);
    assert_int_equal(sg_mls_member_extension(s.members[ALICE], 5, &data), SG_ERR_NOT_FOUND);
    assert_int_equal(sg_mls_member_app_data(s.members[ALICE], 9, &data), SG_OK);
    /* Dave was no member in epoch 2 */
    struct sg_mls_join_request in = {.welcome = bytes(&output.welcome), .secret = bytes(&s.secret)};
    assert_int_equal(sg_mls_member_join(s.clients[DAVE], &in, &s.members[DAVE]), SG_ERR_MLS_PSK);
    assert_int_equal(sg_mls_describe(bytes(&output.commit), &words), SG_OK);
    sg_mls_blob_free(&words);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void a_newcomer_has_the_psks_of_its_commit(void **state)
{
    struct scene s;
    struct sg_mls_commit_output output;
    (void)state;
    set_up(&s);
    const struct sg_bytes packages[] = {bytes(&s.package)};
    struct sg_mls_commit_request request = {.add = packages,
                                            .add_count = 1,
                                            .psks = psks,
                                            .psk_count = 2,
                                            .without_path = true,
                                            .tree_in_welcome = true};
    assert_int_equal(sg_mls_member_commit(s.members[BOB], &request, &output), SG_OK);
    for (unsigned i = ALICE; i <= CAROL; i++)
        assert_int_equal(take_in(s.members[i], &output.commit, SG_MLS_GOT_COMMIT), SG_OK);
    struct sg_mls_join_request in = {.welcome = bytes(&output.welcome), .secret = bytes(&s.secret)};
    assert_int_equal(sg_mls_member_join(s.clients[DAVE], &in, &s.members[DAVE]), SG_OK);
    assert_same_state(s.members[CAROL], s.members[DAVE]);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void a_reinit_by_value_is_alone(void **state)
{
    struct scene s;
    struct sg_mls_blob message;
    struct sg_mls_commit_output output;
    struct sg_mls_received received;
    (void)state;
    set_up(&s);
    struct sg_mls_commit_request request = {.reinit = &reinit, .psks = psks, .psk_count = 1};
    assert_int_equal(sg_mls_member_commit(s.members[BOB], &request, &output), SG_ERR_MLS_PROPOSAL);
    request.psk_count = 0;
    /* what waits is not covered beside it */
    assert_int_equal(propose(&s, APP_DATA, &message), SG_OK);
    assert_int_equal(take_in(s.members[ALICE], &message, SG_MLS_GOT_PROPOSAL), SG_OK);
    sg_mls_blob_free(&message);
    assert_int_equal(sg_mls_member_commit(s.members[BOB], &request, &output), SG_OK);
    assert_int_equal(sg_mls_member_receive(s.members[ALICE], bytes(&output.commit), &received),
                     SG_OK);
    assert_true(received.is_closed);
    sg_mls_received_free(&received);
    assert_int_equal(sg_mls_member_accept(s.members[BOB]), SG_OK);
    assert_same_state(s.members[ALICE], s.members[BOB]);
    sg_mls_commit_output_free(&output);
    tear_down(&s);
}

static void values_that_are_refused(void **state)
{
    static const struct sg_bytes unknown[] = {{(const uint8_t *)"none", 4}};
    static const uint64_t never[] = {7};
    static const struct sg_mls_app_data_item nothing[] = {{8, {NULL, 0}}};
    const struct sg_mls_extension_item twice[] = {{5, {NULL, 0}}, {5, {NULL, 0}}};
    const struct sg_mls_extension_item foreign[] = {{0xf0a1, {NULL, 0}}};
    const struct {
        struct sg_mls_commit_request request;
        sg_err err;
    } cases[] = {
        {{.psks = unknown, .psk_count = 1}, SG_ERR_MLS_PSK},
        {{.resume = never, .resume_count = 1}, SG_ERR_MLS_PSK},
        {{.app_data = nothing, .app_data_count = 1}, SG_ERR_MLS_PROPOSAL},
        {{.sets_extensions = true, .extensions = twice, .extension_count = 2},
         SG_ERR_INVALID_ARGUMENT},
        {{.sets_extensions = true, .extensions = foreign, .extension_count = 1},
         SG_ERR_MLS_CAPABILITY},
        {{.extensions = foreign, .extension_count = 1}, SG_ERR_INVALID_ARGUMENT},
        {{.psks = psks, .psk_count = 257}, SG_ERR_LIMIT},
        {{.resume = resume, .resume_count = UINT16_MAX + 1}, SG_ERR_LIMIT},
    };
    struct sg_bytes many[257];
    struct sg_mls_commit_output output;
    struct sg_mls_state_info info;
    struct scene s;
    (void)state;
    set_up(&s);
    for (size_t i = 0; i < 257; i++)
        many[i] = psks[0];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_mls_commit_request request = cases[i].request;
        if (request.psk_count == 257)
            request.psks = many;
        assert_int_equal(sg_mls_member_commit(s.members[BOB], &request, &output), cases[i].err);
        sg_mls_member_state(s.members[BOB], &info);
        assert_false(info.has_pending);
    }
    assert_same_state(s.members[ALICE], s.members[BOB]);
    tear_down(&s);
}

/* ---- from outside, with what one knew ---- */

/* RFC9420 s12.4.3.2, s8.6: Bob comes back, and the commit shows that he was there in epoch 1, which
 * Alice knows and Carol does not. */
static void a_resync_with_a_resumption_secret(void **state)
{
    static const uint64_t zero[] = {0}, first[] = {1}, never[] = {9};
    struct scene s;
    struct sg_mls_blob info, commit;
    struct sg_mls_member *bob, *other;
    (void)state;
    set_up(&s);
    assert_int_equal(sg_mls_member_create(s.clients[BOB], text("h"), &other), SG_OK);
    assert_int_equal(sg_mls_member_info(s.members[ALICE], true, true, &info), SG_OK);
    struct sg_mls_external_request request = {
        .group_info = bytes(&info), .removes_prior = true, .resume = first, .resume_count = 1};
    assert_int_equal(sg_mls_member_join_external(s.clients[BOB], &request, &bob, &commit),
                     SG_ERR_INVALID_ARGUMENT); /* nobody has it */
    /* those of another group are not looked up by the members */
    request.old = other;
    request.resume = zero;
    assert_int_equal(sg_mls_member_join_external(s.clients[BOB], &request, &bob, &commit),
                     SG_ERR_MLS_GROUP);
    request.old = s.members[BOB];
    request.resume = never;
    assert_int_equal(sg_mls_member_join_external(s.clients[BOB], &request, &bob, &commit),
                     SG_ERR_MLS_PSK);
    request.resume = first;
    request.psks = psks;
    request.psk_count = 256;
    assert_int_equal(sg_mls_member_join_external(s.clients[BOB], &request, &bob, &commit),
                     SG_ERR_LIMIT);
    request.psk_count = 1;
    assert_int_equal(sg_mls_member_join_external(s.clients[BOB], &request, &bob, &commit), SG_OK);
    assert_int_equal(take_in(s.members[ALICE], &commit, SG_MLS_GOT_COMMIT), SG_OK);
    assert_int_equal(take_in(s.members[CAROL], &commit, SG_MLS_GOT_COMMIT), SG_ERR_MLS_PSK);
    assert_int_equal(sg_mls_member_accept(bob), SG_OK);
    assert_same_state(s.members[ALICE], bob);
    sg_mls_member_free(bob);
    sg_mls_member_free(other);
    sg_mls_blob_free(&info);
    sg_mls_blob_free(&commit);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ones_own_proposals_in_anybodys_commit),
        cmocka_unit_test(all_that_outsiders_may_propose),
        cmocka_unit_test(a_commit_has_all_types_by_value),
        cmocka_unit_test(a_newcomer_has_the_psks_of_its_commit),
        cmocka_unit_test(a_reinit_by_value_is_alone),
        cmocka_unit_test(values_that_are_refused),
        cmocka_unit_test(a_resync_with_a_resumption_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
