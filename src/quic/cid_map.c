#include "quic/cid_map.h"

#include <string.h>

static uint64_t rotl(uint64_t v, unsigned n)
{
    return (v << n) | (v >> (64 - n));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint64_t sg_quic_siphash(const uint64_t key[2], struct sg_bytes data)
{
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t left = data.len;
    for (const uint8_t *p = data.data;; p += 8, left -= 8) {
        uint64_t m =
            left >= 8 ? load_le(p, 8) : load_le(p, left) | ((uint64_t)(data.len & 0xff) << 56);
        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
        if (left < 8)
            break;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

sg_err sg_quic_cid_map_init(struct sg_quic_cid_map *map, const struct sg_mem *mem,
                            const uint8_t key[16])
{
    *map = (struct sg_quic_cid_map){.mem = mem, .mask = 63};
    map->key[0] = load_le(key, 8);
    map->key[1] = load_le(key + 8, 8);
    map->buckets = sg_mem_new(mem, map->mask + 1, sizeof(struct sg_quic_cid_entry *));
    return map->buckets == NULL ? SG_ERR_NO_MEMORY : SG_OK;
}

void sg_quic_cid_map_fini(struct sg_quic_cid_map *map)
{
    if (map->buckets == NULL)
        return;
    for (size_t i = 0; i <= map->mask; i++) {
        for (struct sg_quic_cid_entry *e = map->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            sg_mem_free(map->mem, e);
        }
    }
    sg_mem_free(map->mem, map->buckets);
    map->buckets = NULL;
}

static struct sg_quic_cid_entry **bucket_of(const struct sg_quic_cid_map *map, struct sg_bytes cid)
{
    return &map->buckets[sg_quic_siphash(map->key, cid) & map->mask];
}

static bool is_cid(const struct sg_quic_cid_entry *e, struct sg_bytes cid)
{
    return e->len == cid.len && memcmp(e->data, cid.data, cid.len) == 0;
}

struct sg_quic_conn *sg_quic_cid_map_get(const struct sg_quic_cid_map *map, struct sg_bytes cid)
{
    if (cid.len == 0 || cid.len > SG_CID_MAX)
        return NULL;
    for (struct sg_quic_cid_entry *e = *bucket_of(map, cid); e != NULL; e = e->next) {
        if (is_cid(e, cid))
            return e->conn;
    }
    return NULL;
}

/* Doubles the buckets; when there is no memory, chains just get longer. */
static void grow(struct sg_quic_cid_map *map)
{
    size_t old_mask = map->mask;
    struct sg_quic_cid_entry **old = map->buckets;
    struct sg_quic_cid_entry **fresh =
        sg_mem_new(map->mem, 2 * (old_mask + 1), sizeof(struct sg_quic_cid_entry *));
    if (fresh == NULL)
        return;
    map->buckets = fresh;
    map->mask = 2 * old_mask + 1;
    for (size_t i = 0; i <= old_mask; i++) {
        for (struct sg_quic_cid_entry *e = old[i], *next; e != NULL; e = next) {
            next = e->next;
            struct sg_quic_cid_entry **bucket = bucket_of(map, sg_bytes(e->data, e->len));
            e->next = *bucket;
            *bucket = e;
        }
    }
    sg_mem_free(map->mem, old);
}

sg_err sg_quic_cid_map_put(struct sg_quic_cid_map *map, struct sg_bytes cid,
                           struct sg_quic_conn *conn, struct sg_quic_cid_entry **ids)
{
    if (cid.len == 0 || cid.len > SG_CID_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    if (sg_quic_cid_map_get(map, cid) != NULL)
        return SG_ERR_EXISTS;
    struct sg_quic_cid_entry *e = sg_mem_new(map->mem, 1, sizeof(*e));
    if (e == NULL)
        return SG_ERR_NO_MEMORY;
    if (map->count > map->mask)
        grow(map);
    e->conn = conn;
    e->len = (uint8_t)cid.len;
    memcpy(e->data, cid.data, cid.len);
    struct sg_quic_cid_entry **bucket = bucket_of(map, cid);
    e->next = *bucket;
    *bucket = e;
    e->peer = *ids;
    *ids = e;
    map->count++;
    return SG_OK;
}

static void unlink_entry(struct sg_quic_cid_map *map, struct sg_quic_cid_entry *entry)
{
    struct sg_quic_cid_entry **at = bucket_of(map, sg_bytes(entry->data, entry->len));
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    map->count--;
    sg_mem_free(map->mem, entry);
}

void sg_quic_cid_map_remove(struct sg_quic_cid_map *map, struct sg_bytes cid,
                            struct sg_quic_cid_entry **ids)
{
    for (struct sg_quic_cid_entry **at = ids; *at != NULL; at = &(*at)->peer) {
        struct sg_quic_cid_entry *e = *at;
        if (is_cid(e, cid)) {
            *at = e->peer;
            unlink_entry(map, e);
            return;
        }
    }
}

void sg_quic_cid_map_remove_all(struct sg_quic_cid_map *map, struct sg_quic_cid_entry **ids)
{
    while (*ids != NULL) {
        struct sg_quic_cid_entry *e = *ids;
        *ids = e->peer;
        unlink_entry(map, e);
    }
}
