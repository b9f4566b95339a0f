/* mls/framing.c, mls/codec.c: what senders must not send and receivers must not take. */
#include "mls_scene.h"

#include "mls/codec.h"

#define NOTHING sg_bytes(NULL, 0)

/* RFC9420 s2.1.1, s13.4 */
static void encodings_that_are_refused(void **state)
{
    struct sg_reader r = sg_reader(SG_BYTES_LIT("\2"));
    (void)state;
    (void)sg_mls_read_present(&r);
    assert_int_equal(r.err, SG_ERR_MALFORMED);
    r = sg_reader(SG_BYTES_LIT("\6\xf0\1\0\xf0\1\0"));
    (void)sg_mls_read_extensions(&r);
    assert_int_equal(r.err, SG_ERR_MALFORMED);
    r = sg_reader(SG_BYTES_LIT("\6\xf0\1\0\xf0\2\0"));
    (void)sg_mls_read_extensions(&r);
    assert_int_equal(sg_reader_done(&r), SG_OK);
}

/* ---- framing ---- */

/* A PublicMessage of any sender, signed by Alice. */
static struct sg_bytes forge_public(struct scene *s, uint8_t sender_type, uint8_t type,
                                    const struct sg_mls_proposal *proposal)
{
    struct sg_mls_authentic *message = sg_mls_arena_new(&s->w.arena, 1, sizeof(*message));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_send send = {.now = WORLD_NOW};
    struct sg_bytes out;
    sg_mls_fill_content(s->a.group, &send, type, message);
    message->content.sender = (struct sg_mls_sender){sender_type, 0};
    if (proposal != NULL)
        message->content.proposal = *proposal;
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    message->auth.confirmation_tag = SG_BYTES_LIT("0123456789abcdef0123456789abcdef");
    assert_int_equal(sg_mls_protect_public(&framing, &s->w.arena, message, &out), SG_OK);
    return out;
}

/* RFC9420 s6.1, s6.3.2, s12.1.8 */
static void senders_that_must_not(void **state)
{
    static const uint16_t never_external[] = {SG_MLS_UPDATE, SG_MLS_EXTERNAL_INIT,
                                              SG_MLS_SELF_REMOVE, 0xf001};
    struct scene s;
    (void)state;
    set_up(&s);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(sg_mls_check_proposal_sender(never_external[i], SG_MLS_SENDER_EXTERNAL),
                         SG_ERR_MLS_SENDER);
    struct sg_mls_proposal carol = remove_of(2);
    const uint8_t proposal = SG_MLS_PROPOSAL, commit = SG_MLS_COMMIT;
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_PROPOSAL, proposal, &carol)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_PROPOSAL, commit, NULL)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_NEW_COMMIT, proposal, &carol)),
                     SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_public(&s, SG_MLS_SENDER_EXTERNAL, commit, NULL)),
                     SG_ERR_MLS_SENDER);
    struct sg_mls_framing framing = sg_mls_epoch_framing(s.a.group->epoch);
    struct sg_mls_key_use use;
    struct sg_mls_private_out how = {s.w.config.random, 0, &use};
    struct sg_mls_authentic *message = sg_mls_arena_new(&s.w.arena, 1, sizeof(*message));
    struct sg_bytes out;
    message->content.sender.type = SG_MLS_SENDER_EXTERNAL;
    message->content.type = SG_MLS_PROPOSAL;
    assert_int_equal(sg_mls_protect_private(&framing, &how, &s.w.arena, message, &out),
                     SG_ERR_INVALID_ARGUMENT);
    tear_down(&s);
}

/* Alice's application message as a leaf, with anything after its authentication data. */
static struct sg_bytes forge_private(struct scene *s, uint32_t leaf, struct sg_bytes padding)
{
    struct sg_mls_outgoing *out = sg_mls_arena_new(&s->w.arena, 1, sizeof(*out));
    struct sg_mls_framing framing = sg_mls_epoch_framing(s->a.group->epoch);
    struct sg_mls_signer signer = sg_mls_group_signer(s->a.group);
    struct sg_mls_send send = {true, {NULL, 0}, 0};
    struct sg_mls_private_out how = {s->w.config.random, 0, &out->use};
    struct sg_mls_authentic *message = &out->message;
    uint8_t body[256];
    sg_mls_fill_content(s->a.group, &send, SG_MLS_APPLICATION, message);
    message->content.sender.index = leaf;
    message->content.application = SG_BYTES_LIT("hello");
    assert_int_equal(
        sg_mls_content_sign(&signer, &s->w.arena, s->a.group->epoch->context.raw, message), SG_OK);
    if (padding.len > 0) {
        /* the signature and the padding as a part of the body; an empty signature follows */
        struct sg_writer w = sg_writer(body, sizeof(body));
        sg_write_bytes(&w, message->content.body);
        sg_write_vector(&w, message->auth.signature);
        sg_write_bytes(&w, padding);
        message->content.body = sg_bytes(body, w.len);
        message->auth.signature = NOTHING;
    }
    assert_int_equal(sg_mls_protect_private(&framing, &how, &s->w.arena, message, &out->bytes),
                     SG_OK);
    sg_mls_send_off(s->a.group, out);
    sg_mls_key_use_fini(&s->a.group->epoch->ratchets, &out->use);
    return out->bytes;
}

/* RFC9420 s6.3.1 */
static void padding_that_is_not_zero(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    assert_int_equal(process(&s.b, forge_private(&s, 0, SG_BYTES_LIT("\0\1\0"))), SG_ERR_MALFORMED);
    assert_int_equal(process(&s.b, forge_private(&s, 0, SG_BYTES_LIT("\0\0\0"))), SG_OK);
    assert_int_equal(process(&s.b, forge_private(&s, 0, NOTHING)), SG_OK);
    tear_down(&s);
}

/* RFC9420 s6.3.2 */
static void a_blank_leaf_sends_nothing(void **state)
{
    struct scene s;
    (void)state;
    set_up(&s);
    assert_int_equal(process(&s.b, forge_private(&s, 3, NOTHING)), SG_ERR_MLS_SENDER);
    assert_int_equal(process(&s.b, forge_private(&s, 2, NOTHING)), SG_ERR_BAD_SIGNATURE);
    tear_down(&s);
}

/* RFC9420 s6.3.1 */
static void reuse_guards_are_fresh(void **state)
{
    struct scene s;
    struct sg_mls_sender_data sender[2];
    (void)state;
    set_up(&s);
    struct sg_mls_framing framing = sg_mls_epoch_framing(s.b.group->epoch);
    for (unsigned i = 0; i < 2; i++) {
        struct sg_mls_message message;
        struct sg_bytes bytes = forge_private(&s, 0, NOTHING);
        assert_int_equal(sg_mls_decode_message(bytes, &s.w.arena, &message), SG_OK);
        assert_int_equal(sg_mls_open_sender(&framing, &message.u.private_message, &sender[i]),
                         SG_OK);
        assert_int_equal(sender[i].generation, i);
        assert_int_equal(process(&s.b, bytes), SG_OK);
    }
    assert_memory_not_equal(sender[0].reuse_guard, sender[1].reuse_guard, 4);
    tear_down(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_that_are_refused), cmocka_unit_test(senders_that_must_not),
        cmocka_unit_test(padding_that_is_not_zero),   cmocka_unit_test(a_blank_leaf_sends_nothing),
        cmocka_unit_test(reuse_guards_are_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
