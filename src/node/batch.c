/* Message ids and the Merkle tree over a batch.
 *
 *     id   = H("saorsa msg v1" | network | topic | author | seq | time | expiry | H(payload))
 *     of a large payload, whose announcement is what is hashed: "saorsa large v1" in front instead
 *     leaf = H("saorsa leaf v1" | id)         node = H("saorsa node v1" | left | right)
 *     root = H("saorsa root v1" | network | author | count | top)
 *     signature = ML-DSA(key, context "saorsa batch v1", root)
 *
 * Leaves, nodes and roots are hashed under different labels, so none can pass for another. The
 * tree has the shape of RFC 9162 s2.1.1. A message proves its place in it by the list of leaves
 * that comes with the signature (ROOT), not by a path of its own: 32 bytes a message instead of
 * 32 * log2 count, and each inner node is hashed once per batch instead of once per message. */
#include "node/internal.h"

#include <assert.h>

const struct sg_bytes sg_batch_context = {(const uint8_t *)"saorsa batch v1", 15};

static void put64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

void sg_message_id(const struct sg_core *core, const struct sg_topic_id *topic,
                   const struct sg_gossip *msg, struct sg_msg_id *id)
{
    uint8_t payload_hash[SG_HASH_LEN];
    uint8_t numbers[24];
    put64(numbers, msg->sequence);
    put64(numbers + 8, msg->time_ms);
    put64(numbers + 16, msg->expiry_ms);
    core->config.suite->hash(&msg->payload, 1, payload_hash);
    const struct sg_bytes parts[] = {
        msg->is_large ? SG_BYTES_LIT("saorsa large v1") : SG_BYTES_LIT("saorsa msg v1"),
        sg_bytes(core->network, SG_HASH_LEN),
        sg_bytes(topic->b, SG_ID_LEN),
        sg_bytes(msg->author.b, SG_ID_LEN),
        sg_bytes(numbers, sizeof(numbers)),
        sg_bytes(payload_hash, SG_HASH_LEN),
    };
    core->config.suite->hash(parts, sizeof(parts) / sizeof(parts[0]), id->b);
}

static void node_hash(const struct sg_suite *suite, const uint8_t *left, const uint8_t *right,
                      uint8_t out[SG_HASH_LEN])
{
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa node v1"), sg_bytes(left, SG_HASH_LEN),
                                     sg_bytes(right, SG_HASH_LEN)};
    suite->hash(parts, 3, out);
}

/* Level by level: neighbours pair up, the odd one out at the end goes up as it is. That is the
 * tree of RFC 9162 s2.1.1, whose left halves are the largest full trees. */
static void fold(const struct sg_suite *suite, uint8_t level[][SG_HASH_LEN], uint8_t count)
{
    while (count > 1) {
        for (uint8_t i = 0; i + 1 < count; i = (uint8_t)(i + 2))
            node_hash(suite, level[i], level[i + 1], level[i / 2]);
        if (count % 2 != 0)
            memmove(level[count / 2], level[count - 1], SG_HASH_LEN);
        count = (uint8_t)((count + 1) / 2);
    }
}

void sg_batch_root(const struct sg_core *core, const struct sg_peer_id *author,
                   const struct sg_leaves *leaves, uint8_t root[SG_ID_LEN])
{
    const struct sg_suite *suite = core->config.suite;
    uint8_t level[SG_BATCH_MAX][SG_HASH_LEN];
    assert(leaves->count >= 1 && leaves->count <= SG_BATCH_MAX);
    for (uint8_t i = 0; i < leaves->count; i++) {
        const struct sg_bytes leaf[] = {SG_BYTES_LIT("saorsa leaf v1"),
                                        sg_bytes(leaves->ids + (size_t)i * SG_ID_LEN, SG_ID_LEN)};
        suite->hash(leaf, 2, level[i]);
    }
    fold(suite, level, leaves->count);
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa root v1"),
                                     sg_bytes(core->network, SG_HASH_LEN),
                                     sg_bytes(author->b, SG_ID_LEN), sg_bytes(&leaves->count, 1),
                                     sg_bytes(level[0], SG_HASH_LEN)};
    suite->hash(parts, 5, root);
}

/* ---- the work of jobs, on any thread ---- */

sg_err sg_core_job_sign(const struct sg_signer *signer, const struct sg_msg_id *root,
                        uint8_t *signature)
{
    return signer->sign(signer->state, sg_batch_context, sg_bytes(root->b, SG_ID_LEN), signature);
}

sg_err sg_core_job_verify(const struct sg_suite *suite, const struct sg_msg_id *root,
                          struct sg_bytes proof)
{
    assert(proof.len == suite->sig_public_len + suite->sig_len);
    return suite->verify(sg_bytes(proof.data, suite->sig_public_len), sg_batch_context,
                         sg_bytes(root->b, SG_ID_LEN),
                         sg_bytes(proof.data + suite->sig_public_len, suite->sig_len));
}
