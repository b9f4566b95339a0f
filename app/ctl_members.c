/* The requests of control clients about members, contacts and metadata. */
#include <stdlib.h>
#include <string.h>

#include "ctl_ops.h"
#include "json_out.h"
#include "member_list.h"

#define CONTACTS_MAX 32 /* the library's limit */

/* {"ok":true,"op":...,"<key>":array}; takes the reference of array. */
static json_t *answer_array(enum sg_ctl_op op, const char *key, json_t *array, bool ok)
{
    json_t *answer = sg_ctl_answer(op);
    if (!ok || answer == NULL) {
        json_decref(array);
        return sg_ctl_checked(answer, false);
    }
    return sg_ctl_checked(answer, json_object_set_new(answer, key, array) == 0);
}

json_t *sg_ctl_answer_members(struct sg_daemon *daemon)
{
    struct sg_app_members members;
    json_t *array = json_array();
    bool ok = array != NULL && sg_app_members_take(&members, daemon->node);
    if (!ok)
        return answer_array(SG_CTL_MEMBERS, "members", array, false);
    for (size_t i = 0; ok && i < members.count; i++)
        ok = json_array_append_new(array, sg_json_member(&members.items[i])) == 0;
    sg_app_members_free(&members);
    return answer_array(SG_CTL_MEMBERS, "members", array, ok);
}

json_t *sg_ctl_answer_contacts(struct sg_daemon *daemon)
{
    struct sg_contact contacts[CONTACTS_MAX];
    size_t count = sg_contacts(daemon->node, contacts, CONTACTS_MAX);
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < count && i < CONTACTS_MAX; i++)
        ok = json_array_append_new(array, sg_json_contact(&contacts[i])) == 0;
    return answer_array(SG_CTL_CONTACTS, "contacts", array, ok);
}

/* An error with a sentence of ours. */
static json_t *refused(enum sg_ctl_op op, sg_err err, const char *why)
{
    return sg_ctl_error(sg_ctl_op_name(op), err, why);
}

static json_t *answer_id(enum sg_ctl_op op, const struct sg_peer_id *id)
{
    json_t *answer = sg_ctl_answer(op);
    return sg_ctl_checked(answer, json_object_set_new(answer, "id", sg_json_id(id->b)) == 0);
}

static struct sg_bytes peer_of(const struct sg_ctl_request *request)
{
    return (struct sg_bytes){(const uint8_t *)request->peer, strlen(request->peer)};
}

json_t *sg_ctl_answer_force_leave(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_peer_id id;
    char why[SG_APP_WHY_CAP];
    sg_err err = sg_app_resolve(daemon->node, peer_of(request), &id, why);
    if (err == SG_OK)
        err = sg_app_force_leave(daemon->node, &id, why);
    return err == SG_OK ? answer_id(SG_CTL_FORCE_LEAVE, &id)
                        : refused(SG_CTL_FORCE_LEAVE, err, why);
}

json_t *sg_ctl_answer_contact_add(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    char why[SG_APP_WHY_CAP];
    sg_err err = sg_app_contact_add(daemon->node, request->peer, why);
    return err == SG_OK ? sg_ctl_answer(SG_CTL_CONTACT_ADD) : refused(SG_CTL_CONTACT_ADD, err, why);
}

json_t *sg_ctl_answer_contact_rm(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_peer_id id;
    char why[SG_APP_WHY_CAP];
    sg_err err = sg_app_resolve(daemon->node, peer_of(request), &id, why);
    if (err != SG_OK)
        return refused(SG_CTL_CONTACT_RM, err, why);
    err = sg_contact_remove(daemon->node, &id);
    if (err == SG_ERR_NOT_FOUND)
        return refused(SG_CTL_CONTACT_RM, err, "it is no contact: 'saorsa contact list' shows all");
    return err == SG_OK ? answer_id(SG_CTL_CONTACT_RM, &id)
                        : sg_ctl_failed(daemon, SG_CTL_CONTACT_RM, err);
}

json_t *sg_ctl_answer_meta_set(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_bytes meta = {request->payload, request->payload_len};
    sg_err err = sg_node_set_meta(daemon->node, meta);
    if (err != SG_OK)
        return sg_ctl_failed(daemon, SG_CTL_META_SET, err);
    daemon->meta_len = meta.len; /* the decoder has checked that it fits */
    if (meta.len > 0)
        memcpy(daemon->meta, meta.data, meta.len);
    return sg_ctl_answer(SG_CTL_META_SET);
}
