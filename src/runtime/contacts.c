#include "runtime/contacts.h"

#include <assert.h>

#include "os/addr.h"

sg_err sg_rt_contact_parse(const char *text, struct sg_peers_entry *out)
{
    struct sg_addr addr;
    size_t len = 0;
    *out = (struct sg_peers_entry){0};
    const char *at = strchr(text, '@');
    size_t id_len = at == NULL ? strlen(text) : (size_t)(at - text);
    if (sg_id_from_text(text, id_len, out->id.b) != SG_OK)
        return SG_ERR_INVALID_ARGUMENT;
    if (at == NULL)
        return SG_OK;
    SG_TRY(sg_addr_parse(at + 1, &addr));
    SG_TRY(sg_addr_hint_encode(&addr, out->hints.hint[0].b, &len));
    out->hints.hint[0].len = (uint8_t)len;
    out->hints.count = 1;
    return SG_OK;
}

struct sg_peers_entry *sg_rt_contacts_find(const struct sg_rt_contacts *c,
                                           const struct sg_peer_id *id)
{
    for (size_t i = 0; i < c->count; i++) {
        if (sg_peer_id_equal(&c->contact[i].id, id))
            return (struct sg_peers_entry *)(uintptr_t)&c->contact[i];
    }
    return NULL;
}

bool sg_rt_contacts_has_room(const struct sg_rt_contacts *c, const struct sg_peer_id *id)
{
    return c->count < SG_PEERS_CONTACTS_MAX || sg_rt_contacts_find(c, id) != NULL;
}

const struct sg_peers_entry *sg_rt_contacts_put(struct sg_rt_contacts *c,
                                                const struct sg_peers_entry *contact)
{
    struct sg_peers_entry *known = sg_rt_contacts_find(c, &contact->id);
    if (known == NULL) {
        assert(c->count < SG_PEERS_CONTACTS_MAX);
        known = &c->contact[c->count++];
        *known = *contact;
    } else if (contact->hints.count > 0) {
        known->hints = contact->hints;
    }
    return known;
}

void sg_rt_contacts_remove(struct sg_rt_contacts *c, const struct sg_peer_id *id)
{
    struct sg_peers_entry *known = sg_rt_contacts_find(c, id);
    assert(known != NULL);
    size_t at = (size_t)(known - c->contact);
    c->count--;
    for (; at < c->count; at++)
        c->contact[at] = c->contact[at + 1];
}
