/* What a node remembers of others across restarts, in its state directory:
 *
 *   peers.db   SQLite, mode 0600, with peers.db-wal and peers.db-shm while it is open
 *
 * Two tables: the cache, peers that were met, bounded and forgetful; and the contacts, peers the
 * user vouches for, never dropped. Schema and reasons: top of peers.c.
 *
 * Every change is one transaction: a process that is killed at any moment leaves the state before
 * or after it. Calls block on the disk, a busy database at most SG_PEERS_BUSY_MS. One thread at a
 * time. After an error other than of open nothing has changed, and the object can be used on.
 *
 * Errors of all calls, besides those named: SG_ERR_NO_SPACE, SG_ERR_PERMISSION, SG_ERR_LOCKED
 * (somebody else writes to the file), SG_ERR_CORRUPT, SG_ERR_LIMIT (descriptors), SG_ERR_IO,
 * SG_ERR_NO_MEMORY. */
#ifndef SG_STORE_PEERS_H
#define SG_STORE_PEERS_H

#include "base/mem.h"
#include "os/file.h"
#include "wire/hpv_msg.h"

#define SG_PEERS_FILE "peers.db"
/* Four networks of 256 members; a row takes about 100 bytes. */
#define SG_PEERS_CACHE_MAX 1024
#define SG_PEERS_CONTACTS_MAX 32
#define SG_PEERS_BUSY_MS 500

struct sg_peers;

struct sg_peers_options {
    const char *dir;               /* there already; borrowed for the call */
    const struct sg_mem *mem;      /* SQLite has its own memory */
    const struct sg_file_sys *sys; /* makes the file; SQLite has its own calls */
};

/* Opens the database, or makes an empty one. The caller owns *out; NULL on an error, and a file
 * that was there is as it was. Reads the whole file once (< 200 KiB).
 * SG_ERR_CORRUPT: damaged, or no database of ours. SG_ERR_UNSUPPORTED: of a newer version.
 * SG_ERR_TOO_LARGE: the path. */
SG_MUST_USE sg_err sg_peers_open(struct sg_peers **out, const struct sg_peers_options *options);
/* NULL is allowed. */
void sg_peers_close(struct sg_peers *peers);

/* ---- the cache ---- */

/* A peer that is worth keeping. */
struct sg_peers_sighting {
    struct sg_peer_id id;
    struct sg_hints hints; /* none: the known ones stay */
    bool is_alive;         /* known to live now; otherwise only heard of */
    bool is_linked;        /* met at these hints: its failures are forgotten */
    bool is_contact;       /* its hints are kept with the contacts, too */
};

struct sg_peers_update {
    uint64_t wall_ms;
    const struct sg_peers_sighting *seen; /* [seen_count] */
    size_t seen_count;
    const struct sg_peer_id
        *failed; /* [failed_count] could not be reached since; unknown ones count
                                      * for nothing */
    size_t failed_count;
};

/* First the sightings, then the failures; then, above SG_PEERS_CACHE_MAX, those go that failed
 * three times in a row, and the ones not seen for longest. One transaction. */
SG_MUST_USE sg_err sg_peers_update(struct sg_peers *peers, const struct sg_peers_update *update);

struct sg_peers_entry {
    struct sg_peer_id id;
    struct sg_hints hints; /* of the cache: at least one */
    uint64_t time_ms;      /* cache: last seen alive, 0 = never; contact: added */
    uint32_t successes;    /* of the cache: updates in which it was linked */
    uint32_t failures;     /* of the cache: in a row */
};

/* The best entries with hints into out [cap], *count of them: the fewest failures first (three and
 * more are equal), then by the hour they were last seen, equals in random order. Rows that make no
 * sense are passed over. */
SG_MUST_USE sg_err sg_peers_best(struct sg_peers *peers, struct sg_peers_entry *out, size_t cap,
                                 size_t *count);

/* ---- the contacts ---- */

/* Adds a contact, or renews its hints (none: the known ones stay). On the disk when this returns.
 * SG_ERR_FULL: SG_PEERS_CONTACTS_MAX. */
SG_MUST_USE sg_err sg_peers_contact_put(struct sg_peers *peers,
                                        const struct sg_peers_entry *contact);
/* SG_ERR_NOT_FOUND. On the disk when this returns. */
SG_MUST_USE sg_err sg_peers_contact_remove(struct sg_peers *peers, const struct sg_peer_id *id);
/* All contacts into out [SG_PEERS_CONTACTS_MAX], *count of them, in the order they were added. */
SG_MUST_USE sg_err sg_peers_contacts(struct sg_peers *peers, struct sg_peers_entry *out,
                                     size_t *count);

#endif
