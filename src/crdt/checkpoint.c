#include "crdt/checkpoint.h"

static const char context[] = "saorsa checkpoint v1";

static struct sg_bytes context_bytes(void)
{
    return sg_bytes(context, sizeof(context) - 1);
}

/* PeerId of a key, as crypto/ids.h has it; false: no key of this suite. */
static bool owner_of(const struct sg_suite *suite, struct sg_bytes key, uint8_t id[SG_ID_LEN])
{
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa peer v1"), key};
    if (key.len != suite->sig_public_len)
        return false;
    suite->hash(parts, 2, id);
    return true;
}

/* Of the batch before end_seq. */
static void put_head(struct sg_column *out, const struct sg_replica *r, uint32_t chain,
                     uint32_t end_seq)
{
    const struct sg_log_chain *c = &r->log.chains[chain];
    uint32_t last = sg_log_at(&r->log, chain, end_seq - 1);
    sg_put_u8(out, SG_BATCH_VERSION);
    sg_put_bytes(out, sg_bytes(r->document, SG_ID_LEN));
    sg_put_bytes(out, sg_bytes(c->author, SG_ID_LEN));
    sg_put_uint(out, end_seq - 1);
    sg_put_bytes(out,
                 sg_bytes(last == SG_LOG_NONE ? c->head : r->log.batches[last].name, SG_ID_LEN));
}

sg_err sg_checkpoint_sign(const struct sg_replica *r, const struct sg_signer *signer,
                          struct sg_column *out)
{
    uint8_t author[SG_ID_LEN];
    uint8_t signature[SG_SIG_MAX];
    size_t start = out->len;
    if (!owner_of(signer->suite, signer->public_key, author))
        return SG_ERR_MALFORMED;
    uint32_t end_seq;
    uint32_t chain = sg_log_own(&r->log, author, &end_seq);
    if (chain == SG_LOG_NONE)
        return SG_ERR_NOT_FOUND;
    put_head(out, r, chain, end_seq);
    if (out->has_failed)
        return SG_ERR_NO_MEMORY;
    struct sg_bytes message = sg_bytes(out->data + start, out->len - start);
    SG_TRY(signer->sign(signer->state, context_bytes(), message, signature));
    sg_put_vector(out, signer->public_key);
    sg_put_vector(out, sg_bytes(signature, signer->suite->sig_len));
    return out->has_failed ? SG_ERR_NO_MEMORY : SG_OK;
}

static sg_err parse(const struct sg_suite *suite, struct sg_bytes bytes, struct sg_checkpoint *out)
{
    struct sg_reader in = sg_reader(bytes);
    uint8_t owner[SG_ID_LEN];
    uint8_t version = sg_read_u8(&in);
    sg_read_copy(&in, out->document, SG_ID_LEN);
    sg_read_copy(&in, out->author, SG_ID_LEN);
    out->seq = sg_get_u32(&in, INT32_MAX);
    sg_read_copy(&in, out->head, SG_ID_LEN);
    out->message = sg_bytes(bytes.data, bytes.len - in.left);
    out->key = sg_get_vector(&in, SG_SIG_PUBLIC_MAX);
    out->signature = sg_get_vector(&in, SG_SIG_MAX);
    SG_TRY(sg_reader_done(&in));
    if (version != SG_BATCH_VERSION)
        return SG_ERR_VERSION;
    bool is_owner = owner_of(suite, out->key, owner) && memcmp(owner, out->author, SG_ID_LEN) == 0;
    return is_owner ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

static sg_err verify(const struct sg_suite *suite, const struct sg_checkpoint *c)
{
    return suite->verify(c->key, context_bytes(), c->message, c->signature);
}

sg_err sg_checkpoint_read(const struct sg_suite *suite, struct sg_bytes bytes,
                          struct sg_checkpoint *out)
{
    SG_TRY(parse(suite, bytes, out));
    return verify(suite, out);
}

sg_err sg_checkpoint_verify(const struct sg_replica *r, struct sg_bytes bytes, uint32_t *chain,
                            uint32_t *seq)
{
    struct sg_checkpoint c;
    sg_err err = parse(r->config.suite, bytes, &c);
    if (err != SG_OK && err != SG_ERR_BAD_SIGNATURE)
        return err;
    if (memcmp(c.document, r->document, SG_ID_LEN) != 0)
        return SG_ERR_WRONG_PEER;
    SG_TRY(err);
    /* what is not there is not worth a verification */
    uint32_t number = sg_log_find(&r->log, c.head);
    if (number == SG_LOG_NONE)
        return SG_ERR_NOT_FOUND;
    const struct sg_log_batch *batch = &r->log.batches[number];
    *chain = batch->chain;
    *seq = c.seq;
    if (batch->seq != c.seq || memcmp(r->log.chains[*chain].author, c.author, SG_ID_LEN) != 0)
        return SG_ERR_PROTOCOL;
    return verify(r->config.suite, &c);
}

sg_err sg_checkpoint_take(struct sg_replica *r, struct sg_bytes bytes)
{
    uint32_t chain;
    uint32_t seq;
    SG_TRY(sg_checkpoint_verify(r, bytes, &chain, &seq));
    for (uint32_t end = seq + 1; chain != SG_LOG_NONE;) {
        struct sg_log_chain *c = &r->log.chains[chain];
        if (end > c->signed_seq)
            c->signed_seq = end;
        end = c->start_seq; /* of the chain that it forked from */
        chain = c->parent;
    }
    return SG_OK;
}

bool sg_checkpoint_is_provisional(const struct sg_replica *r, uint32_t batch)
{
    const struct sg_log_batch *b = &r->log.batches[batch];
    return b->seq >= r->log.chains[b->chain].signed_seq;
}

uint32_t sg_checkpoint_unsigned(const struct sg_replica *r, const uint8_t author[SG_ID_LEN])
{
    uint32_t chain = sg_log_longest(&r->log, author);
    if (chain == SG_LOG_NONE)
        return 0;
    const struct sg_log_chain *c = &r->log.chains[chain];
    return c->end_seq > c->signed_seq ? c->end_seq - c->signed_seq : 0;
}
