/* Proofs: message ids, the Merkle tree over a batch, signed roots and authors' keys.
 *
 *     id   = H("saorsa msg v1" | network | topic | author | seq | time | expiry | H(payload))
 *     leaf = H("saorsa leaf v1" | id)         node = H("saorsa node v1" | left | right)
 *     root = H("saorsa root v1" | network | author | count | top)
 *     signature = ML-DSA(key, context "saorsa batch v1", root)
 *
 * Leaves, nodes and roots are hashed under different labels, so none can pass for another. The
 * tree has the shape of RFC 9162 s2.1.1. A root is verified once, whatever number of messages and
 * copies use it. KEY and ROOT frames come in front of the first GOSSIP that needs them and wait on
 * the link; they enter the shared caches only after a signature has verified, so nobody can flush
 * good entries with junk. */
#include "node/internal.h"

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
        SG_BYTES_LIT("saorsa msg v1"),      sg_bytes(core->network, SG_HASH_LEN),
        sg_bytes(topic->b, SG_ID_LEN),      sg_bytes(msg->author.b, SG_ID_LEN),
        sg_bytes(numbers, sizeof(numbers)), sg_bytes(payload_hash, SG_HASH_LEN),
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

/* On which side of its sibling the leaf's ancestor is, from the root down: 1 = right. */
static void descend(uint8_t count, uint8_t index, uint8_t *is_right)
{
    for (uint8_t depth = 0; count > 1; depth++) {
        uint8_t left = 1;
        while (left * 2 < count)
            left = (uint8_t)(left * 2);
        is_right[depth] = index >= left;
        if (is_right[depth]) {
            index = (uint8_t)(index - left);
            count = (uint8_t)(count - left);
        } else {
            count = left;
        }
    }
}

void sg_batch_root(const struct sg_core *core, const struct sg_msg_id *id,
                   const struct sg_gossip *msg, uint8_t root[SG_ID_LEN])
{
    const struct sg_suite *suite = core->config.suite;
    const struct sg_bytes leaf[] = {SG_BYTES_LIT("saorsa leaf v1"), sg_bytes(id->b, SG_ID_LEN)};
    uint8_t is_right[SG_BATCH_PATH_MAX] = {0};
    uint8_t at[SG_HASH_LEN];
    suite->hash(leaf, 2, at);
    descend(msg->batch_count, msg->batch_index, is_right);
    for (uint8_t i = 0; i < msg->path_len; i++) {
        const uint8_t *sibling = msg->path + (size_t)i * SG_HASH_LEN;
        if (is_right[msg->path_len - 1 - i])
            node_hash(suite, sibling, at, at);
        else
            node_hash(suite, at, sibling, at);
    }
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa root v1"),
                                     sg_bytes(core->network, SG_HASH_LEN),
                                     sg_bytes(msg->author.b, SG_ID_LEN),
                                     sg_bytes(&msg->batch_count, 1), sg_bytes(at, SG_HASH_LEN)};
    suite->hash(parts, 5, root);
}

sg_err sg_proofs_init(struct sg_core *core)
{
    const struct sg_core_config *config = &core->config;
    sg_index_init(&core->keys.index, &core->index_keys, sizeof(*core->keys.slots));
    sg_index_init(&core->roots.index, &core->index_keys, sizeof(*core->roots.slots));
    core->keys.max = config->keys_max;
    core->roots.max = config->roots_max;
    core->own_key = sg_key_frame(core, config->signer.public_key);
    return core->own_key == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

void sg_proofs_fini(struct sg_core *core)
{
    const struct sg_mem *mem = core->config.mem;
    for (uint32_t i = 0; i < core->keys.index.count; i++)
        sg_buf_unref(core->keys.slots[i].frame);
    for (uint32_t i = 0; i < core->roots.index.count; i++)
        sg_buf_unref(core->roots.slots[i].frame);
    sg_mem_free(mem, core->keys.slots);
    sg_mem_free(mem, core->roots.slots);
    sg_index_fini(&core->keys.index, mem);
    sg_index_fini(&core->roots.index, mem);
    sg_buf_unref(core->own_key);
}

static void author_of(const struct sg_core *core, struct sg_bytes public_key,
                      struct sg_peer_id *author)
{
    const struct sg_bytes parts[] = {SG_BYTES_LIT("saorsa peer v1"), public_key};
    core->config.suite->hash(parts, 2, author->b);
}

void sg_proof_root_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                           struct sg_bytes frame)
{
    uint8_t root[SG_ID_LEN];
    struct sg_bytes signature;
    sg_err err = sg_root_decode(r, root, &signature);
    if (err == SG_OK && signature.len != core->config.suite->sig_len)
        err = SG_ERR_MALFORMED;
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (sg_index_get(&core->roots.index, root) != SG_INDEX_NONE)
        return;
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    if (proofs == NULL)
        return; /* asked for when it is needed */
    struct sg_root_wait *slot = &proofs->roots[proofs->roots_next];
    proofs->roots_next = (uint8_t)((proofs->roots_next + 1) % SG_LINK_ROOTS_MAX);
    sg_buf_unref(slot->frame);
    memcpy(slot->root, root, SG_ID_LEN);
    slot->frame = sg_buf_copy(core->config.mem, frame);
}

void sg_proof_key_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                          struct sg_bytes frame)
{
    struct sg_bytes public_key;
    struct sg_peer_id author;
    sg_err err = sg_key_decode(r, &public_key);
    if (err == SG_OK && public_key.len != core->config.suite->sig_public_len)
        err = SG_ERR_MALFORMED;
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    author_of(core, public_key, &author);
    if (sg_index_get(&core->keys.index, author.b) != SG_INDEX_NONE)
        return;
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    if (proofs == NULL)
        return;
    struct sg_key *slot = &proofs->new_keys[proofs->new_keys_next];
    proofs->new_keys_next = (uint8_t)((proofs->new_keys_next + 1) % SG_LINK_NEW_KEYS_MAX);
    sg_buf_unref(slot->frame);
    slot->author = author;
    slot->frame = sg_buf_copy(core->config.mem, frame);
}

/* The KEY frame of an author, borrowed; NULL when it has to be asked for. */
static struct sg_buf *find_key(struct sg_core *core, const struct sg_link *link,
                               const struct sg_peer_id *author)
{
    if (sg_peer_id_equal(author, &core->config.self))
        return core->own_key;
    uint32_t at = sg_index_get(&core->keys.index, author->b);
    if (at != SG_INDEX_NONE) {
        core->keys.slots[at].used = ++core->keys.tick;
        return core->keys.slots[at].frame;
    }
    for (size_t i = 0; link->proofs != NULL && i < SG_LINK_NEW_KEYS_MAX; i++) {
        const struct sg_key *key = &link->proofs->new_keys[i];
        if (key->frame != NULL && sg_peer_id_equal(&key->author, author))
            return key->frame;
    }
    return NULL;
}

/* A free slot, if need be of the key unused for longest; SG_INDEX_NONE when out of memory. */
static uint32_t key_slot(struct sg_core *core)
{
    struct sg_keys *keys = &core->keys;
    const struct sg_mem *mem = core->config.mem;
    uint32_t count = keys->index.count;
    uint32_t oldest = 0;
    if (count == keys->max) {
        for (uint32_t i = 1; i < count; i++)
            oldest = keys->slots[i].used < keys->slots[oldest].used ? i : oldest;
        sg_index_remove(&keys->index, oldest);
        sg_buf_unref(keys->slots[oldest].frame);
        return oldest;
    }
    if (sg_index_reserve(&keys->index, mem, count + 1) != SG_OK)
        return SG_INDEX_NONE;
    if (count == keys->cap) {
        void *slots = sg_mem_grow(mem, keys->slots, &keys->cap, keys->max, sizeof(*keys->slots));
        if (slots == NULL)
            return SG_INDEX_NONE;
        keys->slots = slots;
        sg_index_pool(&keys->index, slots);
    }
    return count;
}

static void keep_key(struct sg_core *core, const struct sg_peer_id *author, struct sg_buf *frame)
{
    bool is_kept = sg_index_get(&core->keys.index, author->b) != SG_INDEX_NONE;
    if (is_kept || frame == core->own_key)
        return;
    uint32_t at = key_slot(core);
    if (at == SG_INDEX_NONE)
        return;
    core->keys.slots[at] = (struct sg_key){*author, sg_buf_ref(frame), ++core->keys.tick};
    sg_index_add(&core->keys.index, at);
}

/* A free slot, if need be of the oldest root; SG_INDEX_NONE when out of memory. */
static uint32_t root_slot(struct sg_core *core)
{
    struct sg_roots *roots = &core->roots;
    const struct sg_mem *mem = core->config.mem;
    uint32_t at = roots->index.count;
    if (at == roots->max) {
        at = roots->next;
        roots->next = (at + 1) % roots->max;
        sg_index_remove(&roots->index, at);
        sg_buf_unref(roots->slots[at].frame);
        return at;
    }
    if (sg_index_reserve(&roots->index, mem, at + 1) != SG_OK)
        return SG_INDEX_NONE;
    if (at == roots->cap) {
        void *slots =
            sg_mem_grow(mem, roots->slots, &roots->cap, roots->max, sizeof(*roots->slots));
        if (slots == NULL)
            return SG_INDEX_NONE;
        roots->slots = slots;
        sg_index_pool(&roots->index, slots);
    }
    return at;
}

static void keep_root(struct sg_core *core, const struct sg_peer_id *author,
                      const uint8_t root[SG_ID_LEN], struct sg_buf *frame)
{
    uint32_t at = root_slot(core);
    if (at == SG_INDEX_NONE)
        return;
    struct sg_verified *slot = &core->roots.slots[at];
    memcpy(slot->root, root, SG_ID_LEN);
    slot->author = *author;
    slot->frame = sg_buf_ref(frame);
    sg_index_add(&core->roots.index, at);
}

static sg_err verify(struct sg_core *core, struct sg_buf *key_frame, struct sg_buf *root_frame)
{
    struct sg_reader key = sg_frame_body(key_frame);
    struct sg_reader proof = sg_frame_body(root_frame);
    struct sg_bytes public_key;
    struct sg_bytes signature;
    uint8_t root[SG_ID_LEN];
    SG_TRY(sg_key_decode(&key, &public_key));
    SG_TRY(sg_root_decode(&proof, root, &signature));
    core->stats.signatures_verified++;
    return core->config.suite->verify(public_key, sg_batch_context, sg_bytes(root, SG_ID_LEN),
                                      signature);
}

static struct sg_buf *waiting_root(const struct sg_link *link, const uint8_t root[SG_ID_LEN])
{
    for (size_t i = 0; link->proofs != NULL && i < SG_LINK_ROOTS_MAX; i++) {
        const struct sg_root_wait *wait = &link->proofs->roots[i];
        if (wait->frame != NULL && memcmp(wait->root, root, SG_ID_LEN) == 0)
            return wait->frame;
    }
    return NULL;
}

static void give_proof(struct sg_held *proof, struct sg_buf *root, struct sg_buf *key)
{
    proof->root = sg_buf_ref(root);
    proof->key = sg_buf_ref(key);
}

sg_err sg_proof_check(struct sg_core *core, struct sg_link *link, const struct sg_gossip *msg,
                      const uint8_t root[SG_ID_LEN], struct sg_held *proof)
{
    if (msg->batch_count > 1 && memcmp(root, msg->root, SG_ID_LEN) != 0)
        return SG_ERR_BAD_PROOF;
    struct sg_buf *key = find_key(core, link, &msg->author);
    uint32_t at = sg_index_get(&core->roots.index, root);
    if (key != NULL && at != SG_INDEX_NONE) {
        give_proof(proof, core->roots.slots[at].frame, key);
        keep_key(core, &msg->author, key);
        return SG_OK; /* the author is hashed into the root */
    }
    struct sg_buf *frame = waiting_root(link, root);
    if (key == NULL || frame == NULL)
        return SG_ERR_NOT_FOUND;
    if (!sg_bucket_take(&link->verify, core->now, core->config.verify_rate,
                        core->config.verify_burst))
        return SG_ERR_LIMIT;
    SG_TRY(verify(core, key, frame));
    keep_key(core, &msg->author, key);
    if (msg->batch_count > 1)
        keep_root(core, &msg->author, root, frame);
    give_proof(proof, frame, key);
    return SG_OK;
}
