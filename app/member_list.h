/* A copy of a node's member table, and naming peers by it. */
#ifndef SG_APP_MEMBER_LIST_H
#define SG_APP_MEMBER_LIST_H

#include <saorsa/gossip.h>

struct sg_app_members {
    struct sg_member *items; /* owned, NULL until taken */
    size_t count;
};

/* Copies the table of now; false when out of memory. */
bool sg_app_members_take(struct sg_app_members *members, struct sg_node *node);
void sg_app_members_free(struct sg_app_members *members);
/* NULL when it is not there. */
const struct sg_member *sg_app_members_find(const struct sg_app_members *members,
                                            const struct sg_peer_id *id);

#define SG_APP_WHY_CAP 320 /* a sentence with some ids in it */

/* The peer that text [len] means: an id, or the beginning of one that exactly one of the node's
 * members, its contacts and the node itself has. On an error why [SG_APP_WHY_CAP] says what is
 * wrong: SG_ERR_INVALID_ARGUMENT (form, ambiguous), SG_ERR_NOT_FOUND, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_app_resolve(struct sg_node *node, struct sg_bytes text, struct sg_peer_id *id,
                                  char *why);
#define SG_APP_PEER_TEXT_CAP 384 /* "ID@HOST:PORT" with the longest DNS name */

/* Writes peer, "ID" or "ID@HOST:PORT" with an id as sg_app_resolve takes it, with the whole id to
 * full [SG_APP_PEER_TEXT_CAP]. Errors of sg_app_resolve. */
SG_MUST_USE sg_err sg_app_expand(struct sg_node *node, const char *peer, char *full, char *why);
/* Adds a contact, "ID" or "ID@HOST:PORT" with an id as sg_app_resolve takes it. Errors of it and of
 * sg_contact_add, with a sentence in why [SG_APP_WHY_CAP]. */
SG_MUST_USE sg_err sg_app_contact_add(struct sg_node *node, const char *peer, char *why);
/* Gives up a failed member. SG_ERR_NOT_FOUND: no such member; SG_ERR_INVALID_STATE: it has not
 * failed; SG_ERR_NO_MEMORY; each with a sentence in why [SG_APP_WHY_CAP]. */
SG_MUST_USE sg_err sg_app_force_leave(struct sg_node *node, const struct sg_peer_id *id, char *why);

#endif
