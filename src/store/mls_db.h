/* Entries of MLS groups in one SQLite file, mode 0600, for one process at a time: two that work on
 * the same group would encrypt twice with one key, so the file is locked from open to close.
 *
 * A write is one transaction, durable on return: a process that is killed at any moment leaves the
 * state before or after it. Entries marked as secret that a write replaces or deletes are
 * overwritten, in the database (secure_delete) and in the journal, which is filled with zeros after
 * each write and at each open. A file system that does not write in place may keep copies that
 * nobody here can reach. One thread at a time. After an error nothing has changed, and the object
 * can be used on.
 *
 * Errors of all calls, besides those named: SG_ERR_NO_SPACE, SG_ERR_PERMISSION, SG_ERR_LOCKED,
 * SG_ERR_CORRUPT, SG_ERR_LIMIT (descriptors), SG_ERR_IO, SG_ERR_NO_MEMORY. */
#ifndef SG_STORE_MLS_DB_H
#define SG_STORE_MLS_DB_H

#include "base/mem.h"
#include "os/file.h"

/* Kinds are below it: they share a row number with group and index. */
#define SG_MLS_DB_KINDS 1024
/* A file holds fewer groups than this at a time: what is left of the row number. The number of a
 * group that was dropped is used again. */
#define SG_MLS_DB_GROUPS_MAX (1 << 20)

struct sg_mls_db;

struct sg_mls_db_entry {
    uint32_t kind; /* < SG_MLS_DB_KINDS */
    uint32_t index;
    struct sg_bytes value; /* data NULL: the entry goes */
    bool is_secret;        /* always the same for a kind; costs up to 4.5 KB more */
};

struct sg_mls_db_options {
    const char *path;              /* its folder is there; borrowed for the call */
    const struct sg_mem *mem;      /* SQLite has its own memory */
    const struct sg_file_sys *sys; /* makes the file; SQLite has its own calls */
};

/* Opens the database, or makes an empty one. The caller owns *out; NULL on an error, and a file
 * that was there is as it was. SG_ERR_LOCKED: another process has it. SG_ERR_CORRUPT: damaged, or
 * no database of ours. SG_ERR_UNSUPPORTED: of another version. SG_ERR_TOO_LARGE: the path. */
SG_MUST_USE sg_err sg_mls_db_open(struct sg_mls_db **out, const struct sg_mls_db_options *options);
/* NULL is allowed. */
void sg_mls_db_close(struct sg_mls_db *db);

/* All entries or none. SG_ERR_INVALID_ARGUMENT: a kind; SG_ERR_TOO_LARGE: a value of 1 GB or
 * more; SG_ERR_LIMIT: too many groups. */
SG_MUST_USE sg_err sg_mls_db_write(struct sg_mls_db *db, struct sg_bytes group,
                                   const struct sg_mls_db_entry *entries, size_t count);
/* The length of a value, which sg_mls_db_read then copies to out [len]. SG_ERR_NOT_FOUND;
 * SG_ERR_INVALID_ARGUMENT: a kind, or another length. */
SG_MUST_USE sg_err sg_mls_db_find(struct sg_mls_db *db, struct sg_bytes group,
                                  const struct sg_mls_db_entry *which, size_t *len);
SG_MUST_USE sg_err sg_mls_db_read(struct sg_mls_db *db, uint8_t *out, size_t len);
/* All entries of a group; fine when there are none. */
SG_MUST_USE sg_err sg_mls_db_drop(struct sg_mls_db *db, struct sg_bytes group);
/* The id of group number index, from 0, in the order in which they came (but see
 * SG_MLS_DB_GROUPS_MAX); borrowed until the next call. SG_ERR_NOT_FOUND: there are fewer. */
SG_MUST_USE sg_err sg_mls_db_group(struct sg_mls_db *db, size_t index, struct sg_bytes *out);

#endif
