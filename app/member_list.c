#include "member_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "peer_ref.h"

#define CONTACTS_MAX 32 /* the library's limit */

bool sg_app_members_take(struct sg_app_members *members, struct sg_node *node)
{
    size_t there = sg_node_members(node, NULL, 0);
    *members = (struct sg_app_members){.items = calloc(there + 1, sizeof(*members->items))};
    if (members->items == NULL)
        return false;
    size_t got = sg_node_members(node, members->items, there);
    members->count = got < there ? got : there;
    return true;
}

void sg_app_members_free(struct sg_app_members *members)
{
    free(members->items);
    *members = (struct sg_app_members){0};
}

const struct sg_member *sg_app_members_find(const struct sg_app_members *members,
                                            const struct sg_peer_id *id)
{
    for (size_t i = 0; i < members->count; i++) {
        if (memcmp(members->items[i].id.b, id->b, SG_ID_LEN) == 0)
            return &members->items[i];
    }
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool offer_all(struct sg_app_ref *ref, struct sg_node *node)
{
    struct sg_app_members members;
    struct sg_contact contacts[CONTACTS_MAX];
    struct sg_peer_id self;
    if (!sg_app_members_take(&members, node))
        return false;
    for (size_t i = 0; i < members.count; i++)
        sg_app_ref_offer(ref, &members.items[i].id);
    sg_app_members_free(&members);
    size_t count = sg_contacts(node, contacts, CONTACTS_MAX);
    for (size_t i = 0; i < count && i < CONTACTS_MAX; i++)
        sg_app_ref_offer(ref, &contacts[i].id);
    sg_node_id(node, &self);
    sg_app_ref_offer(ref, &self);
    return true;
}

sg_err sg_app_resolve(struct sg_node *node, struct sg_bytes text, struct sg_peer_id *id, char *why)
{
    struct sg_app_ref ref;
    char list[SG_APP_WHY_CAP / 2 + SG_ID_TEXT_LEN];
    if (!sg_app_ref_begin(&ref, (const char *)text.data, text.len)) {
        (void)snprintf(why, SG_APP_WHY_CAP,
                       "a peer id has %d characters a-z and 2-7; its first %d will do",
                       SG_ID_TEXT_LEN, SG_APP_REF_MIN);
        return SG_ERR_INVALID_ARGUMENT;
    }
    if (ref.len < SG_ID_TEXT_LEN && !offer_all(&ref, node)) {
        (void)snprintf(why, SG_APP_WHY_CAP, "%s", sg_err_text(SG_ERR_NO_MEMORY));
        return SG_ERR_NO_MEMORY;
    }
    if (ref.count == 0) {
        (void)snprintf(why, SG_APP_WHY_CAP, "no member or contact begins with %s", ref.text);
        return SG_ERR_NOT_FOUND;
    }
    if (ref.count > 1) {
        (void)snprintf(why, SG_APP_WHY_CAP, "%s is ambiguous: %s", ref.text,
                       sg_app_ref_list(&ref, list, sizeof(list)));
        return SG_ERR_INVALID_ARGUMENT;
    }
    *id = ref.found[0];
    return SG_OK;
}

sg_err sg_app_expand(struct sg_node *node, const char *peer, char *full, char *why)
{
    struct sg_peer_id id;
    char id_text[SG_ID_TEXT_LEN + 1];
    size_t len = strcspn(peer, "@");
    sg_err err = sg_app_resolve(node, (struct sg_bytes){(const uint8_t *)peer, len}, &id, why);
    if (err != SG_OK)
        return err;
    sg_id_to_text(id.b, id_text);
    int used = snprintf(full, SG_APP_PEER_TEXT_CAP, "%s%s", id_text, peer + len);
    if (used > 0 && used < SG_APP_PEER_TEXT_CAP)
        return SG_OK;
    (void)snprintf(why, SG_APP_WHY_CAP, "the address is too long");
    return SG_ERR_INVALID_ARGUMENT;
}

static bool is_self(struct sg_node *node, const struct sg_peer_id *id)
{
    struct sg_peer_id self;
    sg_node_id(node, &self);
    return memcmp(self.b, id->b, SG_ID_LEN) == 0;
}

/* ---- contacts ------------------------------------------------------------------------------ */

static const char *why_no_contact(sg_err err)
{
    if (err == SG_ERR_INVALID_ARGUMENT)
        return "a contact is written ID or ID@ADDRESS:PORT, with an IP address";
    if (err == SG_ERR_LIMIT)
        return "there are 32 contacts already: remove one with 'saorsa contact rm ID'";
    return sg_err_text(err);
}

sg_err sg_app_contact_add(struct sg_node *node, const char *peer, char *why)
{
    struct sg_peer_id id;
    char full[SG_APP_PEER_TEXT_CAP];
    sg_err err = sg_app_expand(node, peer, full, why);
    if (err != SG_OK)
        return err;
    err = sg_id_from_text(full, SG_ID_TEXT_LEN, id.b);
    if (err == SG_OK && is_self(node, &id)) {
        (void)snprintf(why, SG_APP_WHY_CAP, "that is this node itself: it needs no contact to it");
        return SG_ERR_INVALID_ARGUMENT;
    }
    if (err == SG_OK)
        err = sg_contact_add(node, full);
    if (err != SG_OK)
        (void)snprintf(why, SG_APP_WHY_CAP, "%s", why_no_contact(err));
    return err;
}

/* ---- giving up ----------------------------------------------------------------------------- */

static sg_err check_failed(struct sg_node *node, const struct sg_peer_id *id, char *why)
{
    struct sg_app_members members;
    char text[SG_FMT_CAP];
    sg_fmt_short_id(text, id->b);
    if (is_self(node, id)) {
        (void)snprintf(why, SG_APP_WHY_CAP,
                       "that is this node itself: it leaves by 'saorsa leave'");
        return SG_ERR_INVALID_STATE;
    }
    if (!sg_app_members_take(&members, node)) {
        (void)snprintf(why, SG_APP_WHY_CAP, "%s", sg_err_text(SG_ERR_NO_MEMORY));
        return SG_ERR_NO_MEMORY;
    }
    const struct sg_member *member = sg_app_members_find(&members, id);
    sg_err err = member == NULL                      ? SG_ERR_NOT_FOUND
                 : member->state == SG_MEMBER_FAILED ? SG_OK
                                                     : SG_ERR_INVALID_STATE;
    if (err == SG_ERR_NOT_FOUND)
        (void)snprintf(why, SG_APP_WHY_CAP, "%s is no member that is known here", text);
    else if (err != SG_OK)
        (void)snprintf(why, SG_APP_WHY_CAP, "%s is %s: only failed members can be given up", text,
                       member->state == SG_MEMBER_SUSPECT ? "suspect, not failed" : "alive");
    sg_app_members_free(&members);
    return err;
}

sg_err sg_app_force_leave(struct sg_node *node, const struct sg_peer_id *id, char *why)
{
    sg_err err = check_failed(node, id, why);
    if (err != SG_OK)
        return err;
    err = sg_node_force_leave(node, id);
    if (err != SG_OK)
        (void)snprintf(why, SG_APP_WHY_CAP, "%s", sg_err_text(err));
    return err;
}
