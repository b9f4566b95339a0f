/* Peers by name, outboxes as text; for unit tests and traces. */
#ifndef SG_TESTS_SWIM_TEXT_H
#define SG_TESTS_SWIM_TEXT_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "swim/internal.h"

static inline struct sg_peer_id peer_named(const char *name)
{
    struct sg_peer_id id = {{0}};
    strncpy((char *)id.b, name, SG_ID_LEN - 1);
    return id;
}

static inline const char *name_of(const struct sg_peer_id *id)
{
    return (const char *)id->b;
}

static inline const char *swim_rumor_name(enum sg_swim_rumor_kind kind)
{
    switch (kind) {
    case SG_SWIM_ALIVE:
        return "ALIVE";
    case SG_SWIM_SUSPECT:
        return "SUSPECT";
    case SG_SWIM_DEAD:
        return "DEAD";
    case SG_SWIM_FORGET:
        return "FORGET";
    }
    return "?";
}

static inline const char *swim_packet_name(enum sg_swim_kind kind)
{
    static const char *const names[] = {"?",      "PING",  "PING_REQ", "ACK", "NACK",
                                        "GOSSIP", "TABLE", "RECORD",   "WANT"};
    return names[kind];
}

static inline const char *swim_out_name(enum sg_swim_out_kind kind)
{
    static const char *const names[] = {"send",    "table", "announce", "join",    "suspect",
                                        "refuted", "fail",  "left",     "dropped", "update"};
    return names[kind];
}

/* boot.counter */
static inline int swim_incarnation_text(sg_incarnation incarnation, char *text, size_t cap)
{
    return snprintf(text, cap, "%" PRIu64 ".%" PRIu64, incarnation >> 32, incarnation & UINT32_MAX);
}

static inline void swim_rumor_text(const struct sg_swim_rumor *rumor, char *text, size_t cap)
{
    char number[48];
    swim_incarnation_text(rumor->incarnation, number, sizeof(number));
    if (rumor->kind == SG_SWIM_ALIVE)
        snprintf(text, cap, " [ALIVE %s %s]", name_of(&rumor->member), number);
    else
        snprintf(text, cap, " [%s %s %s by %s]", swim_rumor_name(rumor->kind),
                 name_of(&rumor->member), number, name_of(&rumor->accuser));
}

/* "send a PING [SUSPECT b 1.0 by self]"; sequence numbers are left out. */
static inline size_t swim_out_text(const struct sg_swim_outbox *box, const struct sg_swim_out *o,
                                   char *text, size_t cap)
{
    char number[48];
    size_t len = (size_t)snprintf(text, cap, "%s %s", swim_out_name(o->kind), name_of(&o->peer));
    if (o->kind == SG_SWIM_OUT_SEND) {
        len += (size_t)snprintf(text + len, cap - len, " %s", swim_packet_name(o->packet));
        if (o->packet == SG_SWIM_PING_REQ)
            len += (size_t)snprintf(text + len, cap - len, " %s", name_of(&o->target));
        for (uint8_t i = 0; i < o->rumor_count; i++) {
            swim_rumor_text(&box->rumor[o->rumor_at + i], text + len, cap - len);
            len += strlen(text + len);
        }
    } else if (o->kind == SG_SWIM_OUT_TABLE) {
        len += (size_t)snprintf(text + len, cap - len, "%s", o->wants_reply ? " wants" : "");
    } else {
        swim_incarnation_text(o->incarnation, number, sizeof(number));
        len += (size_t)snprintf(text + len, cap - len, " %s%s", number, o->leaves ? " leaves" : "");
    }
    len += (size_t)snprintf(text + len, cap - len, "\n");
    return len;
}

static inline void swim_outbox_text(const struct sg_swim_outbox *box, char *text, size_t cap)
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < box->count && len + 256 < cap; i++)
        len += swim_out_text(box, &box->out[i], text + len, cap - len);
}

#endif
