/* A node's identity on disk, in its state directory:
 *
 *   lock           held (flock) by the process that runs this identity
 *   identity.key   the 32-byte seed, plain or sealed with a passphrase; mode 0600
 *   boot           how often the identity was started; mode 0600
 *
 * A node never silently becomes somebody else (protocol.md s1): a key file that is there but cannot
 * be read is an error, and nothing here ever overwrites a key. Formats: top of keystore.c. */
#ifndef SG_RUNTIME_KEYSTORE_H
#define SG_RUNTIME_KEYSTORE_H

#include "base/mem.h"
#include "crypto/argon2id.h"
#include "crypto/identity.h"
#include "os/file.h"

struct sg_keystore_options {
    const struct sg_mem *mem;      /* borrowed; NULL: sg_mem_default() */
    const struct sg_file_sys *sys; /* borrowed; NULL: sg_file_sys_default() */
    /* What sealing a new key costs; all zero: sg_argon2id_cost_default(). */
    struct sg_argon2id_cost cost;
};

/* An open, locked state directory. The fields are private. */
struct sg_keystore {
    struct sg_keystore_options options;
    int lock_fd;
    char dir[SG_FILE_PATH_MAX];
};

/* What a key file says about itself without its passphrase. A sealed file's peer_id is a claim
 * until sg_keystore_load succeeds. */
struct sg_keystore_info {
    struct sg_peer_id peer_id;
    bool is_sealed;
};

/* Makes dir (and its parents, mode 0700) when missing, locks it, and removes what a crash within
 * sg_keystore_create may have left; options may be NULL.
 * SG_ERR_LOCKED: another process, or this one, runs this identity. SG_ERR_TOO_LARGE: the path.
 * SG_ERR_PERMISSION, SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_LIMIT: from the file system.
 * After an error there is nothing to fini. */
SG_MUST_USE sg_err sg_keystore_init(struct sg_keystore *ks, const char *dir,
                                    const struct sg_keystore_options *options);
/* Unlocks. */
void sg_keystore_fini(struct sg_keystore *ks);

/* Passphrases: any bytes; length 0 means none. Borrowed; the caller wipes them. */

/* Makes a random identity and its file, durable when this returns. The caller owns *out; on error
 * it is NULL and no key file was made or changed.
 * SG_ERR_EXISTS: there is a key file already, readable or not. SG_ERR_ENTROPY, SG_ERR_NO_MEMORY,
 * SG_ERR_CRYPTO; SG_ERR_INVALID_ARGUMENT: options.cost; file system errors as above. Sealing takes
 * the cost's time and memory (about 0.1 s and 64 MiB). */
SG_MUST_USE sg_err sg_keystore_create(struct sg_keystore *ks, struct sg_bytes passphrase,
                                      struct sg_identity **out);

/* Reads the identity. The caller owns *out; on error it is NULL. Writes nothing.
 * SG_ERR_NOT_FOUND: no key file. SG_ERR_PASSPHRASE: wrong; or missing for a sealed file; or given
 * for a plain one, whose owner is mistaken about its protection. SG_ERR_CORRUPT: truncated,
 * foreign, damaged, or with bytes behind its end. SG_ERR_UNSUPPORTED: sound, but of a newer version
 * or another crypto profile. SG_ERR_PERMISSION: not readable, or open to group or others.
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO, SG_ERR_IO. */
SG_MUST_USE sg_err sg_keystore_load(struct sg_keystore *ks, struct sg_bytes passphrase,
                                    struct sg_identity **out);

/* sg_keystore_load, and sg_keystore_create when there is no key file at all: neither a key file nor
 * a boot file, which would show that a key has been lost (SG_ERR_NOT_FOUND; call
 * sg_keystore_create to start over). Errors of both. */
SG_MUST_USE sg_err sg_keystore_load_or_create(struct sg_keystore *ks, struct sg_bytes passphrase,
                                              struct sg_identity **out);

/* The number of this start, durable before it is given out: call once per start, before the first
 * message. Together with a counter in memory it is the incarnation, so a restarted node outranks
 * its own ghost.
 *
 * boot = max(stored + 1, wall_s). The floor, seconds since 1970 by the wall clock, makes the number
 * outrank earlier ones also when the file is lost or comes from an old backup. That fails only when
 * the clock has stepped back behind the last start as well; then SWIM's rule (a node that hears of
 * itself at a higher incarnation jumps past it) heals. A wall_s that does not fit is not believed.
 * The number belongs to the directory, not to the key: it only ever has to grow.
 * SG_ERR_CORRUPT: the file is damaged; it is left alone. SG_ERR_UNSUPPORTED: a newer version.
 * SG_ERR_LIMIT: 2^32 - 1 is used up, or open files. SG_ERR_PERMISSION, SG_ERR_NO_SPACE, SG_ERR_IO,
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. On error *boot is 0. */
SG_MUST_USE sg_err sg_keystore_boot(struct sg_keystore *ks, uint64_t wall_s, uint32_t *boot);

/* Looks at dir's key file without lock and passphrase, e.g. to ask for a passphrase only when there
 * is something to open. Errors of sg_keystore_load but SG_ERR_PASSPHRASE. */
SG_MUST_USE sg_err sg_keystore_read_info(const char *dir, const struct sg_keystore_options *options,
                                         struct sg_keystore_info *out);

#endif
