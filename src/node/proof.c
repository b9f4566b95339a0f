/* Proofs: signed roots and authors' keys, and which of them are missing.
 *
 * A root is verified once, whatever number of messages and copies use it. KEY and ROOT frames come
 * in front of the first GOSSIP that needs them and wait on the link; they enter the shared caches
 * only after a signature has verified, so nobody can flush good entries with junk. What is hashed
 * and signed stands in batch.c, who waits for a verification in verify.c. */
#include "crypto/ids.h"
#include "node/internal.h"

#include <assert.h>

/* One PROOF_WANT brings the root for all messages below it; the others of these wait so long. */
#define WANT_NS SG_NS_PER_S
/* PROOF_WANTs at once and a second to a link that brings no roots, and what each root that it
 * brings gives: who sends what it never proves must not have an answer to each. */
#define WANTS_MAX 64
#define WANTS_RATE 10
#define WANTS_PER_ROOT 2
/* Verifications for peers that are no neighbours in the topic, of all of them together. Some of
 * what a neighbour sent arrives after it has ceased to be one; the tree brings the rest. Anybody
 * else can know the topic, so this is a quarter of what is verified at a time and not a link's. */
#define STRANGE_RATE 16
#define STRANGE_BURST 64

uint64_t sg_tag_of(const uint8_t id[SG_ID_LEN])
{
    uint64_t tag = sg_load64(id);
    return tag == 0 ? 1 : tag;
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
    sg_buf_unref(core->past_root);
}

struct sg_link_proofs *sg_link_proofs(struct sg_core *core, struct sg_link *link)
{
    if (link->proofs != NULL)
        return link->proofs;
    link->proofs = sg_mem_new(core->config.mem, 1, sizeof(*link->proofs));
    if (link->proofs != NULL)
        sg_bucket_init(&link->proofs->wants, core->now, WANTS_MAX);
    return link->proofs;
}

void sg_proofs_free(struct sg_core *core, struct sg_link_proofs *proofs)
{
    const struct sg_mem *mem = core->config.mem;
    if (proofs == NULL)
        return;
    for (size_t i = 0; i < proofs->roots_cap; i++)
        sg_buf_unref(proofs->roots[i].frame);
    for (size_t i = 0; proofs->new_keys != NULL && i < SG_LINK_NEW_KEYS_MAX; i++)
        sg_buf_unref(proofs->new_keys[i].frame);
    sg_mem_free(mem, proofs->new_keys);
    sg_mem_free(mem, proofs->wanted);
    sg_mem_free(mem, proofs->keys_sent.tags);
    sg_mem_free(mem, proofs->roots_sent.tags);
    sg_mem_free(mem, proofs->roots);
    sg_mem_free(mem, proofs);
}

/* A place for a ROOT frame: a free one, a new one, or that of the oldest; NULL when there is no
 * memory for the first. */
static struct sg_root_wait *root_place(struct sg_core *core, struct sg_link_proofs *proofs)
{
    for (uint8_t i = 0; i < proofs->roots_cap; i++) {
        if (proofs->roots[i].frame == NULL)
            return &proofs->roots[i];
    }
    if (proofs->roots_cap < SG_LINK_ROOTS_MAX) {
        uint8_t cap = proofs->roots_cap == 0 ? 1 : (uint8_t)(2 * proofs->roots_cap);
        struct sg_root_wait *roots =
            sg_mem_resize(core->config.mem, proofs->roots, cap, sizeof(*roots));
        if (roots != NULL) {
            memset(roots + proofs->roots_cap, 0, (cap - proofs->roots_cap) * sizeof(*roots));
            proofs->roots = roots;
            proofs->roots_next = proofs->roots_cap;
            proofs->roots_cap = cap;
        }
    }
    if (proofs->roots_cap == 0)
        return NULL;
    uint8_t at = proofs->roots_next;
    proofs->roots_next = (uint8_t)((at + 1) % proofs->roots_cap);
    return &proofs->roots[at];
}

void sg_proof_root_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                           struct sg_bytes frame)
{
    struct sg_root root;
    sg_err err = sg_root_decode(r, &root);
    if (err == SG_OK && root.signature.len != core->config.suite->sig_len)
        err = SG_ERR_MALFORMED;
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (sg_index_get(&core->roots.index, root.root) != SG_INDEX_NONE)
        return;
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    struct sg_root_wait *slot = proofs == NULL ? NULL : root_place(core, proofs);
    if (slot == NULL)
        return; /* asked for when it is needed */
    sg_buf_unref(slot->frame);
    memcpy(slot->root, root.root, SG_ID_LEN);
    slot->frame = sg_share(core, sg_buf_copy(core->config.mem, frame));
}

void sg_proof_key_arrived(struct sg_core *core, struct sg_link *link, struct sg_reader *r,
                          struct sg_bytes frame)
{
    struct sg_bytes public_key;
    struct sg_peer_id author;
    sg_err err = sg_key_decode(r, &public_key);
    if (err == SG_OK)
        err = sg_peer_id_from_public_key(core->config.suite, public_key, &author);
    if (err != SG_OK) {
        sg_refuse(core, link, NULL, err);
        return;
    }
    if (sg_index_get(&core->keys.index, author.b) != SG_INDEX_NONE)
        return;
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    if (proofs != NULL && proofs->new_keys == NULL)
        proofs->new_keys =
            sg_mem_new(core->config.mem, SG_LINK_NEW_KEYS_MAX, sizeof(*proofs->new_keys));
    if (proofs == NULL || proofs->new_keys == NULL)
        return;
    struct sg_key *slot = &proofs->new_keys[proofs->new_keys_next];
    proofs->new_keys_next = (uint8_t)((proofs->new_keys_next + 1) % SG_LINK_NEW_KEYS_MAX);
    sg_buf_unref(slot->frame);
    slot->author = author;
    slot->frame = sg_share(core, sg_buf_copy(core->config.mem, frame));
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
    const struct sg_key *new_keys = link->proofs == NULL ? NULL : link->proofs->new_keys;
    for (size_t i = 0; new_keys != NULL && i < SG_LINK_NEW_KEYS_MAX; i++) {
        const struct sg_key *key = &new_keys[i];
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

struct sg_buf *sg_proof_key(struct sg_core *core, const struct sg_peer_id *author,
                            struct sg_buf *frame)
{
    if (sg_peer_id_equal(author, &core->config.self))
        return core->own_key;
    keep_key(core, author, frame);
    uint32_t at = sg_index_get(&core->keys.index, author->b);
    return at == SG_INDEX_NONE ? frame : core->keys.slots[at].frame;
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

/* A ROOT frame that this node has checked. */
static struct sg_root root_of(const struct sg_buf *frame)
{
    struct sg_reader r = sg_frame_body(frame);
    struct sg_root root;
    sg_err err = sg_root_decode(&r, &root);
    assert(err == SG_OK);
    (void)err;
    return root;
}

static void keep_root(struct sg_core *core, const struct sg_check *check)
{
    uint32_t at = root_slot(core);
    if (at == SG_INDEX_NONE)
        return;
    struct sg_verified *slot = &core->roots.slots[at];
    struct sg_root root = root_of(check->frame);
    memcpy(slot->root, check->root, SG_ID_LEN);
    slot->author = check->author;
    slot->frame = sg_buf_ref(check->frame);
    slot->leaves = (struct sg_leaves){.ids = root.ids, .count = root.count};
    sg_index_add(&core->roots.index, at);
}

void sg_proof_keep(struct sg_core *core, const struct sg_check *check)
{
    keep_key(core, &check->author, check->key);
    if (check->batch_count > 1 && sg_index_get(&core->roots.index, check->root) == SG_INDEX_NONE)
        keep_root(core, check);
}

struct sg_buf *sg_proof_waiting(const struct sg_link *link, const uint8_t root[SG_ID_LEN])
{
    for (size_t i = 0; link->proofs != NULL && i < link->proofs->roots_cap; i++) {
        const struct sg_root_wait *wait = &link->proofs->roots[i];
        if (wait->frame != NULL && memcmp(wait->root, root, SG_ID_LEN) == 0)
            return wait->frame;
    }
    return NULL;
}

bool sg_proof_is_waiting(const struct sg_link *link)
{
    for (size_t i = 0; link->proofs != NULL && i < link->proofs->roots_cap; i++) {
        if (link->proofs->roots[i].frame != NULL)
            return true;
    }
    return false;
}

void sg_proof_drop(struct sg_link *link, const uint8_t root[SG_ID_LEN])
{
    for (size_t i = 0; link->proofs != NULL && i < link->proofs->roots_cap; i++) {
        struct sg_root_wait *wait = &link->proofs->roots[i];
        if (wait->frame == NULL || memcmp(wait->root, root, SG_ID_LEN) != 0)
            continue;
        sg_buf_unref(wait->frame);
        *wait = (struct sg_root_wait){0};
    }
}

/* Whether the message is the leaf that it says it is. The root of a lone message was computed from
 * its id. */
static bool is_leaf(const struct sg_leaves *leaves, const struct sg_arrival *a)
{
    if (leaves->count != a->msg.batch_count)
        return false;
    if (leaves->count == 1) /* and there are no ids */
        return true;
    const uint8_t *leaf = leaves->ids + (size_t)a->msg.batch_index * SG_ID_LEN;
    return memcmp(leaf, a->id.b, SG_ID_LEN) == 0;
}

/* Whether the leaves that came with a root are what the root stands for. */
static bool is_tree(const struct sg_core *core, const struct sg_root *root,
                    const struct sg_arrival *a)
{
    const struct sg_leaves leaves = {.ids = root->ids, .count = root->count};
    uint8_t top[SG_ID_LEN];
    if (!is_leaf(&leaves, a))
        return false;
    if (leaves.count == 1)
        return true;
    sg_batch_root(core, &a->msg.author, &leaves, top);
    return memcmp(top, root->root, SG_ID_LEN) == 0;
}

static sg_err verify_here(struct sg_core *core, const struct sg_check *what)
{
    struct sg_root root = root_of(what->frame);
    struct sg_reader key = sg_frame_body(what->key);
    struct sg_bytes public_key;
    SG_TRY(sg_key_decode(&key, &public_key));
    core->stats.signatures_verified++;
    return core->config.suite->verify(public_key, sg_batch_context, sg_bytes(root.root, SG_ID_LEN),
                                      root.signature);
}

/* A root, which is well but for its signature; were that bad, the link would go. */
static void has_brought(struct sg_link *link)
{
    if (link->proofs->wants.milli <= 1000 * (WANTS_MAX - WANTS_PER_ROOT))
        link->proofs->wants.milli += 1000 * WANTS_PER_ROOT;
}

static sg_err begin(struct sg_core *core, struct sg_link *link, const struct sg_arrival *a,
                    const struct sg_check *what)
{
    struct sg_root root = root_of(what->frame);
    if (a->is_strange && !sg_bucket_take(&core->strange, core->now, STRANGE_RATE, STRANGE_BURST))
        return SG_ERR_LIMIT;
    if (!sg_bucket_take(&link->verify, core->now, core->config.verify_rate,
                        core->config.verify_burst))
        return SG_ERR_LIMIT;
    if (!is_tree(core, &root, a))
        return SG_ERR_BAD_PROOF;
    has_brought(link);
    if (core->config.offload) {
        SG_TRY(sg_check_start(core, what));
        return SG_ERR_WOULD_BLOCK;
    }
    SG_TRY(verify_here(core, what));
    sg_proof_keep(core, what);
    return SG_OK;
}

static void give(struct sg_held *proof, struct sg_buf *root, struct sg_buf *key)
{
    proof->root = sg_buf_ref(root);
    proof->key = sg_buf_ref(key);
}

bool sg_proof_may_ask(struct sg_core *core, struct sg_link *link, const uint8_t root[SG_ID_LEN])
{
    struct sg_link_proofs *proofs = sg_link_proofs(core, link);
    uint64_t tag = sg_tag_of(root);
    if (proofs != NULL && proofs->wanted == NULL)
        proofs->wanted = sg_mem_new(core->config.mem, SG_LINK_WANTED_MAX, sizeof(*proofs->wanted));
    if (proofs == NULL || proofs->wanted == NULL)
        return true;
    struct sg_wanted *oldest = proofs->wanted;
    for (size_t i = 0; i < SG_LINK_WANTED_MAX; i++) {
        struct sg_wanted *wanted = &proofs->wanted[i];
        if (wanted->tag == tag && sg_time_since(core->now, wanted->at) < WANT_NS)
            return false;
        if (wanted->at < oldest->at)
            oldest = wanted;
    }
    if (!sg_bucket_take(&proofs->wants, core->now, WANTS_RATE, WANTS_MAX))
        return false;
    *oldest = (struct sg_wanted){tag, core->now};
    return true;
}

sg_err sg_proof_check(struct sg_core *core, struct sg_link *link, const struct sg_arrival *a,
                      struct sg_held *proof)
{
    struct sg_buf *key = find_key(core, link, &a->msg.author);
    uint32_t at = SG_INDEX_NONE;
    if (a->msg.batch_count > 1)
        at = sg_index_get(&core->roots.index, a->root);
    if (at != SG_INDEX_NONE) {
        const struct sg_verified *root = &core->roots.slots[at];
        /* the signature is of this author, whatever ids it has put below its root */
        if (!sg_peer_id_equal(&root->author, &a->msg.author) || !is_leaf(&root->leaves, a))
            return SG_ERR_BAD_PROOF;
        if (key == NULL)
            return SG_ERR_NOT_FOUND;
        give(proof, root->frame, key);
        keep_key(core, &a->msg.author, key);
        return SG_OK;
    }
    const struct sg_check *check = sg_check_find(core, a->root);
    if (check != NULL) {
        struct sg_root root = root_of(check->frame);
        const struct sg_leaves leaves = {.ids = root.ids, .count = root.count};
        bool is_its = sg_peer_id_equal(&check->author, &a->msg.author) && is_leaf(&leaves, a);
        return is_its ? SG_ERR_WOULD_BLOCK : SG_ERR_BAD_PROOF;
    }
    struct sg_check what = {.author = a->msg.author,
                            .bringer = link->peer,
                            .key = key,
                            .frame = sg_proof_waiting(link, a->root),
                            .batch_count = a->msg.batch_count};
    memcpy(what.root, a->root, SG_ID_LEN);
    if (what.key == NULL || what.frame == NULL)
        return SG_ERR_NOT_FOUND;
    SG_TRY(begin(core, link, a, &what));
    give(proof, what.frame, what.key);
    return SG_OK;
}
