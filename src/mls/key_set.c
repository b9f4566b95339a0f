/* The hash set of the keys of a tree: open addressing, linear probing, deletion by backward shift.
 * A slot names the node, whose key is compared in place. */
#include <assert.h>

#include "mls/tree.h"

static uint32_t hash_of(const struct sg_mls_tree *tree, struct sg_bytes key, bool is_signature)
{
    uint64_t h = tree->keys.seed + is_signature;
    for (size_t i = 0; i < key.len; i += 8) {
        uint8_t word[8] = {0};
        size_t len = key.len - i < 8 ? key.len - i : 8;
        memcpy(word, key.data + i, len);
        h = (h ^ sg_load64(word)) * UINT64_C(0xd6e8feb86659fd93);
        h ^= h >> 32;
    }
    return (uint32_t)(h >> 16);
}

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
    uint32_t hash = hash_of(tree, key, is_signature);
    if (has_equal(tree, key, hash, ref))
        tree->keys.duplicates++;
    insert(&tree->keys, (struct sg_mls_key_slot){hash, ref + 1});
}

void sg_mls_keys_remove(struct sg_mls_tree *tree, uint32_t node, bool is_signature)
{
    struct sg_mls_key_set *keys = &tree->keys;
    uint32_t ref = node * 2 + is_signature;
    struct sg_bytes key = key_of(tree, ref);
    uint32_t hash = hash_of(tree, key, is_signature);
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
    return has_equal(tree, key, hash_of(tree, key, false), UINT32_MAX - 1);
}
