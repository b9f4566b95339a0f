/* mls/state.c: what a step writes does not grow with what the group has seen. */
#include "mls_store.h"

/* Alice, Bob, who speaks for all others, and as many leaves as MEMBERS. */
#define MEMBERS 32

static void set_up_many(struct pair *p, struct client *others)
{
    struct sg_mls_proposal adds[MEMBERS - 2];
    struct sg_mls_commit_options options = {
        .send = {.now = WORLD_NOW}, .values = adds, .count = MEMBERS - 2, .omits_path = true};
    struct sg_mls_commit_result result;
    set_up(p);
    for (unsigned i = 0; i < MEMBERS - 2; i++) {
        client_init(&p->w, &others[i], "other");
        adds[i] = add_of(&p->w, &others[i]);
    }
    assert_int_equal(sg_mls_group_commit(p->a.group, &p->w.arena, &options, &result), SG_OK);
    assert_int_equal(sg_mls_group_merge(p->a.group), SG_OK);
    assert_int_equal(give(&p->b, result.commit, SG_MLS_EVENT_COMMIT), SG_OK);
}

/* Data by the member at leaf: all share the secrets of the epoch, so Bob can make it. */
static struct sg_bytes say_as(struct pair *p, const struct client *others, uint32_t leaf)
{
    struct sg_mls_epoch *epoch = p->b.group->epoch;
    epoch->own.leaf = leaf;
    memcpy(epoch->signature_private, others[leaf - 2].signature_private,
           p->w.suite->sig_private_len);
    return say(p, &p->b);
}

static size_t bytes_for(struct pair *p, struct sg_bytes message)
{
    assert_int_equal(give(&p->a, message, SG_MLS_EVENT_APPLICATION), SG_OK);
    save(p);
    return p->store.bytes;
}

/* Suite 1, five levels: two ratchets, and at most five secrets beside the way down. */
#define SENDER_LEN (8 + 2 * (4 + 32 + 4))
#define SENDER_MAX (SENDER_LEN + 5 * (4 + 32))

static void a_message_writes_one_sender(void **state)
{
    struct pair p;
    static struct client others[MEMBERS - 2];
    struct sg_bytes again[MEMBERS];
    (void)state;
    set_up_many(&p, others);
    restart(&p);
    for (uint32_t leaf = 2; leaf < MEMBERS; leaf++) {
        /* and the one whose record had the secret above it, and which is the newest */
        assert_true(bytes_for(&p, say_as(&p, others, leaf)) <= 2 * SENDER_MAX + 41);
        assert_true(p.store.records <= 3);
        assert_true(bytes_for(&p, again[leaf] = say_as(&p, others, leaf)) <= SENDER_MAX);
        assert_int_equal(p.store.records, 1);
    }
    restart(&p);
    for (uint32_t leaf = 2; leaf < MEMBERS; leaf++) {
        assert_int_equal(give(&p.a, again[leaf], SG_MLS_EVENT_APPLICATION), SG_ERR_DUPLICATE);
        assert_true(bytes_for(&p, say_as(&p, others, leaf)) <= SENDER_MAX);
        restart(&p);
    }
    save(&p); /* nothing has changed */
    assert_int_equal(p.store.records, 0);
    tear_down(&p);
}

/* RFC9420 s9.2: what a sender's record keeps for others goes when one of them speaks. */
static void a_secret_goes_from_the_record_that_had_it(void **state)
{
    struct pair p;
    static struct client others[MEMBERS - 2];
    (void)state;
    set_up_many(&p, others);
    (void)bytes_for(&p, say_as(&p, others, 2));
    uint32_t right = sg_mls_root(MEMBERS) + 16; /* above the second half */
    struct sg_mls_secret above =
        sg_mls_secret_tree_node(&p.a.group->epoch->ratchets, right)->secret;
    assert_true(store_contains(&p.store, sg_bytes(above.b, 32)));
    (void)bytes_for(&p, say_as(&p, others, MEMBERS - 1));
    assert_false(store_contains(&p.store, sg_bytes(above.b, 32)));
    restart(&p);
    (void)bytes_for(&p, say_as(&p, others, MEMBERS - 3));
    tear_down(&p);
}

/* The records of an epoch go with it, and those of one that took its number are its own. */
static void senders_go_with_their_epoch(void **state)
{
    struct pair p;
    static struct client others[MEMBERS - 2];
    (void)state;
    set_up_many(&p, others);
    p.w.config.past_epochs = 1;
    p.w.config.undo_epochs = 1;
    for (uint32_t leaf = 2; leaf < 6; leaf++)
        (void)bytes_for(&p, say_as(&p, others, leaf));
    (void)commit_alone(&p);
    save(&p);
    (void)say(&p, &p.a);
    restart(&p);
    assert_int_equal(sg_mls_group_rollback(p.a.group), SG_OK);
    (void)commit_alone(&p); /* another one of the same number, without senders */
    save(&p);
    (void)commit_alone(&p);
    restart(&p);
    for (uint32_t leaf = 2; leaf < 6; leaf++)
        assert_false(sg_mls_secret_tree_has_sender(&p.a.group->past[0].epoch->ratchets, leaf));
    tear_down(&p);
}

static void a_proposal_writes_itself(void **state)
{
    struct pair p;
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_mls_proposal proposal = {.type = SG_MLS_PSK};
    size_t first = 0;
    (void)state;
    set_up(&p);
    restart(&p);
    proposal.u.psk = (struct sg_mls_psk_id){.type = SG_MLS_PSK_EXTERNAL,
                                            .id = SG_BYTES_LIT("shared"),
                                            .nonce = SG_BYTES_LIT("0123456789abcdef"
                                                                  "0123456789abcde0")};
    for (unsigned i = 0; i < 20; i++) {
        uint8_t nonce[32] = {(uint8_t)i};
        struct sg_bytes message;
        proposal.u.psk.nonce = sg_bytes(nonce, 32);
        assert_int_equal(sg_mls_group_propose(p.a.group, &p.w.arena, &proposal, &send, &message),
                         SG_OK);
        save(&p);
        assert_int_equal(p.store.records, 2); /* and the next number */
        first = i == 0 ? p.store.bytes : first;
        assert_int_equal(p.store.bytes, first);
    }
    uint8_t ref[SG_MLS_HASH_MAX], last[SG_MLS_HASH_MAX];
    memcpy(ref, p.a.group->cache[7].ref, 32);
    memcpy(last, p.a.group->cache[19].ref, 32);
    assert_int_equal(sg_mls_cache_drop(p.a.group, sg_bytes(ref, 32)), SG_OK);
    restart(&p);
    assert_int_equal(p.a.group->cache_count, 19);
    assert_null(sg_mls_cache_find(p.a.group, sg_bytes(ref, 32)));
    assert_memory_equal(p.a.group->cache[18].ref, last, 32);
    assert_null(find(&p.store, SG_MLS_RECORD_CACHED, 7)->value);
    (void)commit_alone(&p);
    restart(&p);
    assert_int_equal(p.a.group->cache_count, 0);
    for (uint32_t i = 0; i < 20; i++)
        assert_null(find(&p.store, SG_MLS_RECORD_CACHED, i)->value);
    tear_down(&p);
}

/* While a commit of ours waits, a message does not write it again. */
static void a_pending_commit_is_written_once(void **state)
{
    struct pair p;
    (void)state;
    set_up(&p);
    restart(&p);
    assert_true(bytes_for(&p, say(&p, &p.b)) > 0);
    (void)commit_by(&p, &p.a);
    save(&p);
    assert_true(p.store.bytes > 1000);
    restart(&p);
    assert_true(bytes_for(&p, say(&p, &p.b)) <= SENDER_MAX);
    sg_mls_group_clear_pending(p.a.group);
    restart(&p);
    assert_null(find(&p.store, SG_MLS_RECORD_PENDING, 0)->value);
    assert_null(p.a.group->pending);
    tear_down(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_writes_one_sender),
        cmocka_unit_test(a_secret_goes_from_the_record_that_had_it),
        cmocka_unit_test(senders_go_with_their_epoch),
        cmocka_unit_test(a_proposal_writes_itself),
        cmocka_unit_test(a_pending_commit_is_written_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
