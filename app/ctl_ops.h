/* What the handlers of control requests share; for the files ctl_*.c alone. */
#ifndef SG_APP_CTL_OPS_H
#define SG_APP_CTL_OPS_H

#include <jansson.h>

#include "ctl_codec.h"
#include "daemon.h"

/* An error with the node's sentence about it. */
json_t *sg_ctl_failed(struct sg_daemon *daemon, enum sg_ctl_op op, sg_err err);
/* The answer, or what it becomes when it could not be completed. */
json_t *sg_ctl_checked(json_t *answer, bool ok);

/* ctl_members.c: members, contacts, metadata. */
json_t *sg_ctl_answer_members(struct sg_daemon *daemon);
json_t *sg_ctl_answer_force_leave(struct sg_daemon *daemon, const struct sg_ctl_request *request);
json_t *sg_ctl_answer_contacts(struct sg_daemon *daemon);
json_t *sg_ctl_answer_contact_add(struct sg_daemon *daemon, const struct sg_ctl_request *request);
json_t *sg_ctl_answer_contact_rm(struct sg_daemon *daemon, const struct sg_ctl_request *request);
json_t *sg_ctl_answer_meta_set(struct sg_daemon *daemon, const struct sg_ctl_request *request);

/* ctl_topics.c: topics, and the ways of messages. */
json_t *sg_ctl_answer_topics(struct sg_daemon *daemon);
json_t *sg_ctl_answer_priority(struct sg_daemon *daemon, const struct sg_ctl_request *request);
json_t *sg_ctl_answer_trace(struct sg_daemon *daemon, const struct sg_ctl_request *request);

#endif
