/* The public calls about contacts. A change is on the disk before it is made in memory. The mutex
 * of the cache puts changes in one order; the node's lock is free while the disk works. */
#include "os/clock.h"
#include "runtime/node_impl.h"

static void tell(struct sg_node *node, const struct sg_peers_entry *contact, bool on)
{
    const struct sg_core_in in = {
        .kind = SG_CORE_IN_CONTACT, .peer = contact->id, .hints = contact->hints, .on = on};
    sg_rt_tell(node, &in);
}

/* Addresses that people give are meant, also those of this machine. */
static void trust(struct sg_node *node, const struct sg_peers_entry *contact)
{
    struct sg_addr addr;
    for (size_t i = 0; i < contact->hints.count; i++) {
        struct sg_bytes hint = sg_bytes(contact->hints.hint[i].b, contact->hints.hint[i].len);
        if (sg_addr_hint_decode(hint, &addr) == SG_OK && sg_addr_is_loopback(&addr))
            node->has_local_peers = true;
    }
}

sg_err sg_rt_contacts_load(struct sg_node *node)
{
    struct sg_rt_contacts *contacts = &node->contacts;
    if (node->cache.db == NULL)
        return SG_OK;
    SG_TRY(sg_peers_contacts(node->cache.db, contacts->contact, &contacts->count));
    for (size_t i = 0; i < contacts->count; i++)
        trust(node, &contacts->contact[i]);
    return SG_OK;
}

void sg_rt_contacts_begin(struct sg_node *node)
{
    for (size_t i = 0; i < node->contacts.count; i++)
        tell(node, &node->contacts.contact[i], true);
}

/* Whether the node still takes changes. Comes back without its lock. */
static sg_err check(struct sg_node *node, const struct sg_peer_id *id, bool adds)
{
    sg_err err = SG_OK;
    SG_TRY(sg_rt_enter(node));
    if (adds && !sg_rt_contacts_has_room(&node->contacts, id))
        err = SG_ERR_LIMIT;
    if (!adds && sg_rt_contacts_find(&node->contacts, id) == NULL)
        err = SG_ERR_NOT_FOUND;
    if (err == SG_ERR_LIMIT)
        sg_rt_note_error(node, "%d contacts are there already; remove one first",
                         SG_PEERS_CONTACTS_MAX);
    sg_rt_leave_quiet(node);
    return err;
}

static void note_disk_error(struct sg_node *node, sg_err err)
{
    sg_rt_enter_any(node);
    sg_rt_note_error(node, "the contact was not changed: cannot write %s: %s", SG_PEERS_FILE,
                     sg_err_text(err));
    sg_rt_leave_quiet(node);
}

/* The mutex is held. */
static sg_err add(struct sg_node *node, struct sg_peers_entry *contact)
{
    SG_TRY(check(node, &contact->id, true));
    contact->time_ms = sg_clock_wall_ms();
    sg_err err = SG_OK;
    if (node->cache.db != NULL)
        err = sg_peers_contact_put(node->cache.db, contact);
    if (err != SG_OK) {
        note_disk_error(node, err);
        return err;
    }
    sg_rt_enter_any(node);
    const struct sg_peers_entry *known = sg_rt_contacts_put(&node->contacts, contact);
    trust(node, known);
    if (node->has_begun && !node->has_left)
        tell(node, known, true);
    sg_rt_leave(node);
    return SG_OK;
}

static sg_err take_away(struct sg_node *node, const struct sg_peer_id *id)
{
    SG_TRY(check(node, id, false));
    sg_err err = SG_OK;
    if (node->cache.db != NULL)
        err = sg_peers_contact_remove(node->cache.db, id);
    if (err != SG_OK && err != SG_ERR_NOT_FOUND) {
        note_disk_error(node, err);
        return err;
    }
    sg_rt_enter_any(node);
    const struct sg_peers_entry gone = *sg_rt_contacts_find(&node->contacts, id);
    sg_rt_contacts_remove(&node->contacts, id);
    if (node->has_begun && !node->has_left)
        tell(node, &gone, false);
    sg_rt_leave(node);
    return SG_OK;
}

sg_err sg_contact_add(struct sg_node *node, const char *peer)
{
    struct sg_peers_entry contact;
    if (peer == NULL || sg_rt_contact_parse(peer, &contact) != SG_OK ||
        sg_peer_id_equal(&contact.id, &node->self)) {
        sg_rt_enter_any(node);
        sg_rt_note_error(node,
                         "\"%.130s\" is not a contact: give <peer id> or <peer id>@address:"
                         "port, of another node",
                         peer != NULL ? peer : "");
        sg_rt_leave_quiet(node);
        return SG_ERR_INVALID_ARGUMENT;
    }
    uv_mutex_lock(&node->cache.mutex);
    sg_err err = add(node, &contact);
    uv_mutex_unlock(&node->cache.mutex);
    return err;
}

sg_err sg_contact_remove(struct sg_node *node, const struct sg_peer_id *peer)
{
    uv_mutex_lock(&node->cache.mutex);
    sg_err err = take_away(node, peer);
    uv_mutex_unlock(&node->cache.mutex);
    return err;
}

static void fill(const struct sg_node *node, const struct sg_peers_entry *in,
                 struct sg_contact *out)
{
    struct sg_core_member member;
    uint16_t topics;
    *out = (struct sg_contact){.id = in->id};
    sg_core_peer_use(node->core, &in->id, &out->is_neighbor, &topics);
    sg_rt_hint_text(&in->hints, out->address, sizeof out->address);
    if (sg_core_member_find(node->core, &in->id, &member) == SG_OK && member.hints.count > 0)
        sg_rt_hint_text(&member.hints, out->address, sizeof out->address);
}

size_t sg_contacts(struct sg_node *node, struct sg_contact *contacts, size_t cap)
{
    sg_rt_enter_any(node);
    size_t count = node->contacts.count;
    for (size_t i = 0; i < count && i < cap; i++)
        fill(node, &node->contacts.contact[i], &contacts[i]);
    sg_rt_leave_quiet(node);
    return count;
}
