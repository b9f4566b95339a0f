/* The hash set of the keys of a tree: open addressing, linear probing, deletion by backward shift.
 * A slot names the node, whose key is compared in place. */
#include <assert.h>

#include "mls/tree.h"

/* ---- SipHash-2-4 (Aumasson, Bernstein 2012) ---- */

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

/* Peers choose their keys: with a hash that they could find collisions for, a tree of such keys
 * would take time quadratic in its size. Each class has a key of its own. */
uint32_t sg_mls_keys_hash(const struct sg_mls_tree *tree, struct sg_bytes key, bool is_signature)
{
    const uint64_t k[2] = {tree->keys.seed[0] ^ is_signature, tree->keys.seed[1]};
    uint64_t v[4] = {k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d),
                     k[0] ^ UINT64_C(0x6c7967656e657261), k[1] ^ UINT64_C(0x7465646279746573)};
    uint8_t last[8] = {0};
    size_t whole = key.len / 8 * 8;
    for (size_t i = 0; i < whole; i += 8)
        sip_word(v, sg_load64(key.data + i));
    if (key.len > whole)
        memcpy(last, key.data + whole, key.len - whole);
    last[7] = (uint8_t)key.len;
    sip_word(v, sg_load64(last));
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* ---- the set ---- */

static struct sg_bytes key_of(const struct sg_mls_tree *tree, uint32_t ref)
{
    const struct sg_mls_node *node = tree->nodes[ref / 2];
    return ref % 2 == 0 ? sg_mls_node_key(node) : sg_mls_node_second(node);
}

static void insert(struct sg_mls_key_set *keys, struct sg_mls_key_slot slot)
{
    uint32_t at = slot.hash & keys->mask;
    while (keys->slots[at].ref_plus_1 != 0)
        at = (at + 1) & keys->mask;
    keys->slots[at] = slot;
    keys->count++;
}

sg_err sg_mls_keys_reserve(struct sg_mls_tree *tree, uint32_t more)
{
    struct sg_mls_key_set *keys = &tree->keys;
    uint32_t slots = keys->slots == NULL ? 16 : keys->mask + 1;
    while (slots / 4 * 3 < keys->count + more)
        slots *= 2;
    if (keys->slots != NULL && slots == keys->mask + 1)
        return SG_OK;
    struct sg_mls_key_set grown = *keys;
    grown.slots = sg_mem_new(tree->mem, slots, sizeof(*grown.slots));
    if (grown.slots == NULL)
        return SG_ERR_NO_MEMORY;
    grown.mask = slots - 1;
    grown.count = 0;
    for (uint32_t i = 0; keys->slots != NULL && i <= keys->mask; i++)
        if (keys->slots[i].ref_plus_1 != 0)
            insert(&grown, keys->slots[i]);
    sg_mem_free(tree->mem, keys->slots);
    *keys = grown;
    return SG_OK;
}

/* Is there a key of the class of ref (its last bit) that equals key, at another ref? */
static bool has_equal(const struct sg_mls_tree *tree, struct sg_bytes key, uint32_t hash,
                      uint32_t ref)
{
    const struct sg_mls_key_set *keys = &tree->keys;
    if (keys->slots == NULL)
        return false;
    for (uint32_t at = hash & keys->mask; keys->slots[at].ref_plus_1 != 0;
         at = (at + 1) & keys->mask) {
        uint32_t other = keys->slots[at].ref_plus_1 - 1;
        if (keys->slots[at].hash == hash && other != ref && other % 2 == ref % 2 &&
            sg_bytes_equal(key_of(tree, other), key))
            return true;
    }
    return false;
}

void sg_mls_keys_add(struct sg_mls_tree *tree, uint32_t node, bool is_signature)
{
    uint32_t ref = node * 2 + is_signature;
    struct sg_bytes key = key_of(tree, ref);
    uint32_t hash = sg_mls_keys_hash(tree, key, is_signature);
    if (has_equal(tree, key, hash, ref))
        tree->keys.duplicates++;
    insert(&tree->keys, (struct sg_mls_key_slot){hash, ref + 1});
}

void sg_mls_keys_remove(struct sg_mls_tree *tree, uint32_t node, bool is_signature)
{
    struct sg_mls_key_set *keys = &tree->keys;
    uint32_t ref = node * 2 + is_signature;
    struct sg_bytes key = key_of(tree, ref);
    uint32_t hash = sg_mls_keys_hash(tree, key, is_signature);
    uint32_t hole = hash & keys->mask;
    if (has_equal(tree, key, hash, ref))
        keys->duplicates--;
    while (keys->slots[hole].ref_plus_1 != ref + 1) {
        assert(keys->slots[hole].ref_plus_1 != 0);
        hole = (hole + 1) & keys->mask;
    }
    for (uint32_t at = (hole + 1) & keys->mask; keys->slots[at].ref_plus_1 != 0;
         at = (at + 1) & keys->mask) {
        uint32_t home = keys->slots[at].hash & keys->mask;
        if (((at - home) & keys->mask) >= ((at - hole) & keys->mask)) {
            keys->slots[hole] = keys->slots[at];
            hole = at;
        }
    }
    keys->slots[hole].ref_plus_1 = 0;
    keys->count--;
}

bool sg_mls_tree_has_key(const struct sg_mls_tree *tree, struct sg_bytes key)
{
    /* a ref that no node has, of the class of encryption keys */
    return has_equal(tree, key, sg_mls_keys_hash(tree, key, false), UINT32_MAX - 1);
}
