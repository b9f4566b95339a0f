#include "mls/framing.h"

/* ---- signatures ---- */

struct tbs {
    uint8_t head[4]; /* version, wire format */
    struct sg_bytes parts[3];
};

static bool signs_context(uint8_t sender_type)
{
    return sender_type == SG_MLS_SENDER_MEMBER || sender_type == SG_MLS_SENDER_NEW_COMMIT;
}

static void make_tbs(const struct sg_mls_authentic *message, struct sg_bytes context,
                     struct tbs *out)
{
    struct sg_writer w = sg_writer(out->head, sizeof(out->head));
    sg_mls_write_message_head(&w, message->wire_format);
    out->parts[0] = sg_bytes(out->head, sizeof(out->head));
    out->parts[1] = message->content.raw;
    /* RFC9420 s6.1: GroupContext for member and new_member_commit only */
    out->parts[2] = signs_context(message->content.sender.type) ? context : sg_bytes(NULL, 0);
}

static void write_content(struct sg_writer *w, const void *content)
{
    sg_mls_write_content(w, content);
}

static size_t len_of(void (*write)(struct sg_writer *, const struct sg_mls_content *),
                     const struct sg_mls_content *content)
{
    struct sg_writer w = sg_writer_counting();
    write(&w, content);
    return w.len;
}

/* SignContent of a content that is not encoded yet. */
struct sign_content {
    const struct tbs *tbs; /* but its parts[1] */
    const struct sg_mls_content *content;
    size_t content_len;
};

static void write_sign_content(struct sg_writer *w, const void *what)
{
    const struct sign_content *in = what;
    struct sg_bytes head = in->tbs->parts[0], context = in->tbs->parts[2];
    sg_mls_write_label_head(w, SG_BYTES_LIT("FramedContentTBS"),
                            head.len + in->content_len + context.len);
    sg_write_bytes(w, head);
    sg_mls_write_content(w, in->content);
    sg_write_bytes(w, context);
}

/* A commit can have megabytes: they are written once, and raw and body lie in what is signed. */
sg_err sg_mls_content_sign(const struct sg_mls_signer *signer, struct sg_mls_arena *arena,
                           struct sg_bytes context, struct sg_mls_authentic *message)
{
    struct tbs tbs;
    struct sg_mls_content *content = &message->content;
    struct sign_content in = {&tbs, content, len_of(sg_mls_write_content, content)};
    struct sg_mls_to_sign to_sign = {.private_key = signer->private_key, .ready = signer->ready};
    make_tbs(message, context, &tbs);
    SG_TRY(sg_mls_encode(arena, write_sign_content, &in, &to_sign.content));
    size_t body_len = len_of(sg_mls_write_content_body, content);
    const uint8_t *end = to_sign.content.data + to_sign.content.len - tbs.parts[2].len;
    content->raw = sg_bytes(end - in.content_len, in.content_len);
    content->body = sg_bytes(end - body_len, body_len);
    return sg_mls_sign_encoded(signer->suite, signer->random, arena, &to_sign,
                               &message->auth.signature);
}

sg_err sg_mls_content_verify(const struct sg_mls_framing *framing, struct sg_bytes public_key,
                             const struct sg_mls_authentic *message)
{
    struct tbs tbs;
    make_tbs(message, framing->context, &tbs);
    struct sg_mls_signing in = {public_key, NULL, SG_BYTES_LIT("FramedContentTBS"), {tbs.parts, 3}};
    return sg_mls_verify_label(framing->suite, framing->mem, &in, message->auth.signature);
}

/* ---- public messages ---- */

static void write_vector_len(struct sg_writer *w, struct sg_bytes bytes)
{
    sg_write_varint(w, bytes.len);
}

/* RFC9420 s6.2: MAC(membership_key, FramedContentTBS || FramedContentAuthData). */
static sg_err membership_tag(const struct sg_mls_framing *framing,
                             const struct sg_mls_authentic *message, uint8_t *out)
{
    struct tbs tbs;
    uint8_t lens[8];
    struct sg_writer w = sg_writer(lens, sizeof(lens));
    struct sg_bytes tag = message->auth.confirmation_tag, none = sg_bytes(NULL, 0);
    bool has_tag = message->content.type == SG_MLS_COMMIT;
    make_tbs(message, framing->context, &tbs);
    write_vector_len(&w, message->auth.signature);
    size_t first = w.len;
    if (has_tag)
        write_vector_len(&w, tag);
    return framing->suite->hmac(
        framing->suite, sg_mls_secret_bytes(framing->suite, framing->membership_key),
        SG_MLS_PARTS(tbs.parts[0], tbs.parts[1], tbs.parts[2], sg_bytes(lens, first),
                     message->auth.signature, sg_bytes(lens + first, w.len - first),
                     has_tag ? tag : none),
        out);
}

static void write_message(struct sg_writer *w, const void *message)
{
    sg_mls_write_message(w, message);
}

sg_err sg_mls_protect_public(const struct sg_mls_framing *framing, struct sg_mls_arena *arena,
                             const struct sg_mls_authentic *message, struct sg_bytes *out)
{
    uint8_t tag[SG_MLS_HASH_MAX];
    struct sg_mls_message *whole = sg_mls_arena_new(arena, 1, sizeof(*whole));
    if (whole == NULL)
        return SG_ERR_NO_MEMORY;
    /* RFC9420 s6: "Applications MUST use PrivateMessage to encrypt application messages" */
    if (message->content.type == SG_MLS_APPLICATION)
        return SG_ERR_INVALID_ARGUMENT;
    whole->version = SG_MLS_VERSION_10;
    whole->wire_format = SG_MLS_WIRE_PUBLIC;
    whole->u.public_message.content = message->content;
    whole->u.public_message.auth = message->auth;
    if (message->content.sender.type == SG_MLS_SENDER_MEMBER) {
        SG_TRY(membership_tag(framing, message, tag));
        whole->u.public_message.membership_tag = sg_bytes(tag, framing->suite->hash_len);
    }
    return sg_mls_encode(arena, write_message, whole, out);
}

/* RFC9420 s6.1: what each type of sender may send. */
static sg_err check_sender(const struct sg_mls_content *content)
{
    uint8_t sender = content->sender.type;
    bool is_proposal = content->type == SG_MLS_PROPOSAL;
    if (content->type == SG_MLS_APPLICATION)
        return SG_ERR_MLS_SENDER;
    if (sender == SG_MLS_SENDER_MEMBER)
        return SG_OK;
    if (sender == SG_MLS_SENDER_NEW_COMMIT)
        return content->type == SG_MLS_COMMIT ? SG_OK : SG_ERR_MLS_SENDER;
    if (sender == SG_MLS_SENDER_NEW_PROPOSAL)
        return is_proposal && content->proposal.type == SG_MLS_ADD ? SG_OK : SG_ERR_MLS_SENDER;
    return is_proposal ? SG_OK : SG_ERR_MLS_SENDER;
}

sg_err sg_mls_unprotect_public(const struct sg_mls_framing *framing,
                               const struct sg_mls_public_message *in, struct sg_mls_authentic *out)
{
    uint8_t tag[SG_MLS_HASH_MAX];
    out->wire_format = SG_MLS_WIRE_PUBLIC;
    out->content = in->content;
    out->auth = in->auth;
    SG_TRY(check_sender(&out->content));
    if (in->content.sender.type != SG_MLS_SENDER_MEMBER)
        return SG_OK;
    /* RFC9420 s6.2: "the application MUST check membership_tag" */
    SG_TRY(membership_tag(framing, out, tag));
    bool is_right =
        framing->suite->equal(sg_bytes(tag, framing->suite->hash_len), in->membership_tag);
    return is_right ? SG_OK : SG_ERR_MLS_TAG;
}

/* ---- private messages ---- */

static enum sg_mls_ratchet_kind ratchet_kind(uint8_t content_type)
{
    return content_type == SG_MLS_APPLICATION ? SG_MLS_RATCHET_APPLICATION
                                              : SG_MLS_RATCHET_HANDSHAKE;
}

sg_err sg_mls_sender_data_key(const struct sg_mls_suite *suite,
                              const struct sg_mls_secret *sender_data, struct sg_bytes ciphertext,
                              uint8_t *key, uint8_t *nonce)
{
    size_t sample = ciphertext.len < suite->hash_len ? ciphertext.len : suite->hash_len;
    struct sg_mls_expand in = {sg_mls_secret_bytes(suite, sender_data), SG_BYTES_LIT("key"),
                               sg_bytes(ciphertext.data, sample)};
    SG_TRY(sg_mls_expand_label(suite, &in, key, suite->aead_key_len));
    in.label = SG_BYTES_LIT("nonce");
    return sg_mls_expand_label(suite, &in, nonce, suite->aead_nonce_len);
}

static void write_sender_aad(struct sg_writer *w, const void *what)
{
    const struct sg_mls_private_message *in = what;
    sg_write_vector(w, in->group_id);
    sg_write_u64(w, in->epoch);
    sg_write_u8(w, in->type);
}

static void write_content_aad(struct sg_writer *w, const void *what)
{
    const struct sg_mls_private_message *in = what;
    write_sender_aad(w, in);
    sg_write_vector(w, in->authenticated_data);
}

#define SENDER_DATA_LEN 12

/* The sender data under a key made of the ciphertext: sealed or, in place, opened. */
static sg_err crypt_sender(const struct sg_mls_framing *framing, struct sg_mls_arena *arena,
                           const struct sg_mls_private_message *message, bool is_seal,
                           uint8_t *data)
{
    const struct sg_mls_suite *suite = framing->suite;
    uint8_t key[SG_MLS_AEAD_KEY_MAX], nonce[SG_MLS_AEAD_NONCE_MAX];
    struct sg_mls_aead aead = {.key = key, .nonce = nonce};
    SG_TRY(sg_mls_encode(arena, write_sender_aad, message, &aead.aad));
    sg_err err =
        sg_mls_sender_data_key(suite, framing->sender_data, message->ciphertext, key, nonce);
    if (err == SG_OK && is_seal)
        err = suite->aead_seal(suite, &aead, sg_bytes(data, SENDER_DATA_LEN), data);
    else if (err == SG_OK)
        err = suite->aead_open(suite, &aead, message->sender_data, data);
    suite->wipe(key, sizeof(key));
    suite->wipe(nonce, sizeof(nonce));
    return err;
}

/* RFC9420 s6.3.1: the nonce is XORed with the reuse guard. */
static void guard_nonce(struct sg_mls_message_key *key, const uint8_t guard[4])
{
    for (size_t i = 0; i < 4; i++)
        key->nonce[i] ^= guard[i];
}

struct plain {
    const struct sg_mls_authentic *message;
    size_t padding;
};

static void write_plain(struct sg_writer *w, const void *what)
{
    static const uint8_t zeros[64] = {0};
    const struct plain *in = what;
    sg_write_bytes(w, in->message->content.body);
    sg_mls_write_auth(w, in->message->content.type, &in->message->auth);
    for (size_t left = in->padding; left > 0;) {
        size_t len = left < sizeof(zeros) ? left : sizeof(zeros);
        sg_write_bytes(w, sg_bytes(zeros, len));
        left -= len;
    }
}

static sg_err seal_content(const struct sg_mls_framing *framing, struct sg_mls_arena *arena,
                           const struct plain *plain, const struct sg_mls_message_key *key,
                           struct sg_mls_private_message *out)
{
    const struct sg_mls_suite *suite = framing->suite;
    struct sg_mls_aead aead = {.key = key->key, .nonce = key->nonce};
    struct sg_bytes bytes;
    SG_TRY(sg_mls_encode(arena, write_plain, plain, &bytes));
    SG_TRY(sg_mls_encode(arena, write_content_aad, out, &aead.aad));
    uint8_t *sealed = sg_mls_arena_new(arena, bytes.len + suite->aead_tag_len, 1);
    if (sealed == NULL)
        return SG_ERR_NO_MEMORY;
    out->ciphertext = sg_bytes(sealed, bytes.len + suite->aead_tag_len);
    return suite->aead_seal(suite, &aead, bytes, sealed);
}

static sg_err seal_private(const struct sg_mls_framing *framing, struct sg_mls_arena *arena,
                           const struct plain *plain, struct sg_mls_key_use *use,
                           struct sg_mls_private_message *out)
{
    const struct sg_mls_content *content = &plain->message->content;
    uint8_t *sender = sg_mls_arena_new(arena, SENDER_DATA_LEN + SG_MLS_AEAD_TAG_MAX, 1);
    struct sg_writer w = sg_writer(sender, SENDER_DATA_LEN);
    if (sender == NULL)
        return SG_ERR_NO_MEMORY;
    *out = (struct sg_mls_private_message){.group_id = content->group_id,
                                           .epoch = content->epoch,
                                           .type = content->type,
                                           .authenticated_data = content->authenticated_data};
    SG_TRY(seal_content(framing, arena, plain, &use->found, out));
    sg_write_u32(&w, content->sender.index);
    sg_write_u32(&w, use->found.generation);
    sg_write_bytes(&w, sg_bytes(use->guard, sizeof(use->guard)));
    out->sender_data = sg_bytes(sender, SENDER_DATA_LEN + framing->suite->aead_tag_len);
    return crypt_sender(framing, arena, out, true, sender);
}

sg_err sg_mls_protect_private(const struct sg_mls_framing *framing,
                              const struct sg_mls_private_out *how, struct sg_mls_arena *arena,
                              const struct sg_mls_authentic *message, struct sg_bytes *out)
{
    struct sg_mls_key_use *use = how->use;
    struct plain plain = {message, how->padding};
    struct sg_mls_key_want want = {.leaf = message->content.sender.index,
                                   .kind = ratchet_kind(message->content.type)};
    struct sg_mls_message *whole = sg_mls_arena_new(arena, 1, sizeof(*whole));
    memset(use, 0, sizeof(*use));
    if (whole == NULL)
        return SG_ERR_NO_MEMORY;
    /* RFC9420 s6.3.2: "the sender MUST verify Sender.sender_type is member" */
    if (message->content.sender.type != SG_MLS_SENDER_MEMBER)
        return SG_ERR_INVALID_ARGUMENT;
    want.generation = sg_mls_secret_tree_next(framing->tree, want.leaf, want.kind);
    SG_TRY(sg_mls_secret_tree_find(framing->tree, arena, &want, use));
    /* RFC9420 s6.3.1: "MUST generate a fresh random four-byte reuse guard" */
    SG_TRY(how->random->fill(how->random->state, use->guard, sizeof(use->guard)));
    guard_nonce(&use->found, use->guard);
    whole->wire_format = SG_MLS_WIRE_PRIVATE;
    SG_TRY(seal_private(framing, arena, &plain, use, &whole->u.private_message));
    return sg_mls_encode(arena, write_message, whole, out);
}

sg_err sg_mls_open_sender(const struct sg_mls_framing *framing,
                          const struct sg_mls_private_message *in, struct sg_mls_sender_data *out)
{
    uint8_t data[SENDER_DATA_LEN + SG_MLS_AEAD_TAG_MAX];
    struct sg_mls_arena arena;
    if (in->sender_data.len != SENDER_DATA_LEN + (size_t)framing->suite->aead_tag_len)
        return SG_ERR_AUTH;
    sg_mls_arena_init(&arena, framing->mem, framing->suite->wipe);
    sg_err err = crypt_sender(framing, &arena, in, false, data);
    sg_mls_arena_fini(&arena);
    SG_TRY(err);
    struct sg_reader r = sg_reader(sg_bytes(data, SENDER_DATA_LEN));
    out->leaf = sg_read_u32(&r);
    out->generation = sg_read_u32(&r);
    sg_read_copy(&r, out->reuse_guard, sizeof(out->reuse_guard));
    return out->leaf < framing->tree->leaves ? SG_OK : SG_ERR_MLS_SENDER;
}

static sg_err read_plain(struct sg_bytes plain, struct sg_mls_arena *arena,
                         struct sg_mls_authentic *out)
{
    struct sg_reader r = sg_reader(plain);
    sg_mls_read_content_body(&r, arena, &out->content);
    sg_mls_read_auth(&r, out->content.type, &out->auth);
    SG_TRY(r.err);
    /* RFC9420 s6.3.1: "A receiver MUST verify that there are no non-zero bytes in the padding" */
    uint8_t any = 0;
    for (size_t i = 0; i < r.left; i++)
        any |= r.at[i];
    if (any != 0)
        return SG_ERR_MALFORMED;
    return sg_mls_encode(arena, write_content, &out->content, &out->content.raw);
}

sg_err sg_mls_open_content(const struct sg_mls_framing *framing, struct sg_mls_arena *arena,
                           const struct sg_mls_private_in *how, struct sg_mls_authentic *out)
{
    const struct sg_mls_private_message *in = how->message;
    const struct sg_mls_sender_data *sender = &how->sender;
    struct sg_mls_key_use *use = how->use;
    const struct sg_mls_suite *suite = framing->suite;
    struct sg_mls_key_want want = {sender->leaf, ratchet_kind(in->type), sender->generation};
    struct sg_mls_aead aead = {.key = use->found.key, .nonce = use->found.nonce};
    memset(out, 0, sizeof(*out));
    SG_TRY(sg_mls_secret_tree_find(framing->tree, arena, &want, use));
    guard_nonce(&use->found, sender->reuse_guard);
    SG_TRY(sg_mls_encode(arena, write_content_aad, in, &aead.aad));
    uint8_t *plain = sg_mls_arena_new(arena, in->ciphertext.len, 1);
    if (plain == NULL)
        return SG_ERR_NO_MEMORY;
    SG_TRY(suite->aead_open(suite, &aead, in->ciphertext, plain));
    out->wire_format = SG_MLS_WIRE_PRIVATE;
    out->content.group_id = in->group_id;
    out->content.epoch = in->epoch;
    out->content.sender = (struct sg_mls_sender){SG_MLS_SENDER_MEMBER, sender->leaf};
    out->content.authenticated_data = in->authenticated_data;
    out->content.type = in->type;
    return read_plain(sg_bytes(plain, in->ciphertext.len - suite->aead_tag_len), arena, out);
}

static void write_authentic(struct sg_writer *w, const void *message)
{
    sg_mls_write_authentic(w, message);
}

sg_err sg_mls_proposal_ref(const struct sg_mls_suite *suite, struct sg_mls_arena *arena,
                           const struct sg_mls_authentic *message, uint8_t *out)
{
    struct sg_bytes encoded;
    SG_TRY(sg_mls_encode(arena, write_authentic, message, &encoded));
    sg_mls_ref_hash(suite, SG_BYTES_LIT("MLS 1.0 Proposal Reference"), SG_MLS_PARTS(encoded), out);
    return SG_OK;
}
