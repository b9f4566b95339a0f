/* The contacts of a node: peers the user vouches for. Pure: the list and its text form; keeping it
 * on disk and telling the core is done around it (contact_api.c). */
#ifndef SG_RUNTIME_CONTACTS_H
#define SG_RUNTIME_CONTACTS_H

#include "store/peers.h"

struct sg_rt_contacts {
    struct sg_peers_entry
        contact[SG_PEERS_CONTACTS_MAX]; /* [count], in the order they were added */
    size_t count;
};

/* "<peer id>" or "<peer id>@address:port" (an IP address that can be dialled) -> id and hints of
 * out, the rest zero. SG_ERR_INVALID_ARGUMENT: anything else. */
SG_MUST_USE sg_err sg_rt_contact_parse(const char *text, struct sg_peers_entry *out);

/* NULL when unknown. */
struct sg_peers_entry *sg_rt_contacts_find(const struct sg_rt_contacts *c,
                                           const struct sg_peer_id *id);
/* Whether put would find room. */
bool sg_rt_contacts_has_room(const struct sg_rt_contacts *c, const struct sg_peer_id *id);
/* Adds a contact, or renews its hints (none: the known ones stay): the entry as it is now. There is
 * room. */
const struct sg_peers_entry *sg_rt_contacts_put(struct sg_rt_contacts *c,
                                                const struct sg_peers_entry *contact);
/* It is there. */
void sg_rt_contacts_remove(struct sg_rt_contacts *c, const struct sg_peer_id *id);

#endif
