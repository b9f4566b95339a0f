/* wire/gossip_msg: GOSSIP, ROOT, KEY and PROOF_WANT that decode encode to the same bytes. */
#include <assert.h>

#include "wire/gossip_msg.h"
#include "wire/pt_msg.h"

static uint8_t out[2 * SG_PAYLOAD_MAX];

static void check_same(const struct sg_writer *w, struct sg_bytes input)
{
    assert(w->err == SG_OK && sg_bytes_equal(sg_bytes(out, w->len), input));
}

static void check_gossip(struct sg_bytes input, struct sg_reader *r)
{
    struct sg_gossip msg;
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_gossip_decode(r, &msg) != SG_OK)
        return;
    assert(msg.hop >= 1 && msg.batch_count >= 1 && msg.batch_index < msg.batch_count);
    assert(msg.payload.len <= SG_PAYLOAD_MAX);
    sg_gossip_encode(&w, &msg);
    check_same(&w, input);
}

static void check_root(struct sg_bytes input, struct sg_reader *r)
{
    struct sg_root root;
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_root_decode(r, &root) != SG_OK)
        return;
    assert(root.count >= 1 && root.count <= SG_BATCH_MAX);
    sg_root_encode(&w, &root);
    check_same(&w, input);
}

static void check_key(struct sg_bytes input, struct sg_reader *r)
{
    struct sg_bytes public_key;
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_key_decode(r, &public_key) != SG_OK)
        return;
    sg_key_encode(&w, public_key);
    check_same(&w, input);
}

static void check_want(struct sg_bytes input, struct sg_reader *r)
{
    struct sg_msg_id id;
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_proof_want_decode(r, &id) != SG_OK)
        return;
    sg_proof_want_encode(&w, &id);
    check_same(&w, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_bytes input = sg_bytes(data, size);
    struct sg_reader r = sg_reader(input);
    uint8_t kind = sg_read_u8(&r);
    if (kind == SG_PT_GOSSIP)
        check_gossip(input, &r);
    else if (kind == SG_PT_ROOT)
        check_root(input, &r);
    else if (kind == SG_PT_KEY)
        check_key(input, &r);
    else if (kind == SG_PT_PROOF_WANT)
        check_want(input, &r);
    return 0;
}
