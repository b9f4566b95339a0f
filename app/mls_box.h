/* What 'saorsa mls' keeps of one client, in a folder of its own (mode 0700, files 0600):
 *
 *   client          text: suite, name, secret of the client, storage secret, further extension
 *                   types; version 1, before there was a storage secret, is still read
 *   mls.db          its groups (sg_mls_file_open)
 *   package-N.key   secret half of a key package that waits for a welcome
 *   package-N.last  of a last resort, which stays
 *   psk-HEX         secret of an external pre-shared key; its id in hex */
#ifndef SG_APP_MLS_BOX_H
#define SG_APP_MLS_BOX_H

#include <stdbool.h>

#include <saorsa/mls.h>

#include "paths.h"

struct sg_mls_box {
    char dir[SG_APP_PATH_MAX];
    struct sg_mls_file *file;
    struct sg_mls_client *client;
    struct sg_mls_member *member; /* of the group that is worked on, or NULL */
};

/* A new client in an empty or missing folder; suite 0 is the default. False: complained. */
bool sg_mls_box_create(const char *dir, const char *name, uint16_t suite, bool is_public);
/* The client of a folder. False: complained; the box needs no closing then. */
bool sg_mls_box_open(struct sg_mls_box *box, const char *dir, bool is_public);
/* Its member of a group; name NULL: of the only one. False: complained. */
bool sg_mls_box_load(struct sg_mls_box *box, const char *name);
void sg_mls_box_close(struct sg_mls_box *box);
/* Changes what the client is, in the folder too; its groups are told by a commit or an update. */
struct sg_mls_box_renewal {
    const char *name;
    bool keeps_key;
    const uint16_t *types; /* [type_count] extension types that it understands from now on */
    size_t type_count;
};
/* With another key the secrets of key packages go. False: complained, and the folder is as it was,
 * unless what failed is to make it last. */
bool sg_mls_box_renew(struct sg_mls_box *box, const struct sg_mls_box_renewal *renewal);
/* Keeps the secret half of a key package. */
bool sg_mls_box_keep_secret(const struct sg_mls_box *box, const struct sg_mls_blob *secret,
                            bool is_last_resort);
/* Joins by whichever of the secrets fits, and deletes it unless it is a last resort's. */
sg_err sg_mls_box_join(struct sg_mls_box *box, const struct sg_mls_join_request *request);

/* Keeps the secret of a pre-shared key, which replaces an earlier one of this id. False:
 * complained. */
bool sg_mls_box_keep_psk(const struct sg_mls_box *box, const char *id,
                         const struct sg_mls_blob *secret);

/* ---- bytes ---- */

/* A whole file, or stdin for "-". False: complained. */
bool sg_mls_read(const char *path, struct sg_mls_blob *out);
/* To a file, or stdout for NULL and "-": not to a terminal. False: complained. */
bool sg_mls_write(const char *path, const struct sg_mls_blob *blob);
static inline struct sg_bytes sg_mls_bytes(const struct sg_mls_blob *blob)
{
    return (struct sg_bytes){blob->data, blob->len};
}
static inline struct sg_bytes sg_mls_text(const char *text)
{
    return (struct sg_bytes){(const uint8_t *)text, text == NULL ? 0 : __builtin_strlen(text)};
}
/* Complains: what went wrong with something, and what to do about it. Gives SG_EXIT_FAILURE. */
int sg_mls_complain(const char *what, sg_err err);

#endif
