/* Connection id -> connection, for the demultiplexing of datagrams. An id can be the client's
 * choice, so the hash is keyed (SipHash-2-4). Each connection chains its own ids, so that all of
 * them go at once. */
#ifndef SG_QUIC_CID_MAP_H
#define SG_QUIC_CID_MAP_H

#include "base/bytes.h"
#include "base/mem.h"

/* RFC9000 s17.2: up to 20 bytes. */
#define SG_CID_MAX 20

struct sg_quic_conn;

struct sg_quic_cid_entry {
    struct sg_quic_cid_entry *next; /* in the bucket */
    struct sg_quic_cid_entry *peer; /* the next id of the same connection */
    struct sg_quic_conn *conn;
    uint8_t len;
    uint8_t data[SG_CID_MAX];
};

struct sg_quic_cid_map {
    const struct sg_mem *mem;
    struct sg_quic_cid_entry **buckets; /* [mask + 1] */
    size_t mask;
    size_t count;
    uint64_t key[2];
};

/* key [16 bytes] secret. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_quic_cid_map_init(struct sg_quic_cid_map *map, const struct sg_mem *mem,
                                        const uint8_t key[16]);
void sg_quic_cid_map_fini(struct sg_quic_cid_map *map);

/* NULL when unknown. */
struct sg_quic_conn *sg_quic_cid_map_get(const struct sg_quic_cid_map *map, struct sg_bytes cid);
/* Maps cid [1 .. 20] to conn and chains it to *ids. SG_ERR_EXISTS, SG_ERR_NO_MEMORY,
 * SG_ERR_INVALID_ARGUMENT (length). */
SG_MUST_USE sg_err sg_quic_cid_map_put(struct sg_quic_cid_map *map, struct sg_bytes cid,
                                       struct sg_quic_conn *conn, struct sg_quic_cid_entry **ids);
/* Removes one id of the chain *ids; unknown ones are ignored. */
void sg_quic_cid_map_remove(struct sg_quic_cid_map *map, struct sg_bytes cid,
                            struct sg_quic_cid_entry **ids);
/* Removes all ids of the chain. */
void sg_quic_cid_map_remove_all(struct sg_quic_cid_map *map, struct sg_quic_cid_entry **ids);

/* SipHash-2-4 (Aumasson & Bernstein 2012) of data under key; also used to spread address
 * prefixes over buckets. */
uint64_t sg_quic_siphash(const uint64_t key[2], struct sg_bytes data);

#endif
