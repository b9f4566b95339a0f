/* HyParView messages and outboxes as text, for unit tests and scenarios. Peers are named by words
 * of up to 31 characters: the id is the name, padded with zeros. */
#ifndef SG_TESTS_HPV_TEXT_H
#define SG_TESTS_HPV_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hyparview/hyparview.h"

static inline struct sg_peer_id peer_named(const char *name)
{
    struct sg_peer_id id = {{0}};
    size_t len = strlen(name);
    memcpy(id.b, name, len < SG_ID_LEN ? len : SG_ID_LEN - 1);
    return id;
}

static inline const char *name_of(const struct sg_peer_id *id)
{
    return (const char *)id->b;
}

static const char *const hpv_kind_names[] = {
    "",           "JOIN",    "FORWARD_JOIN",  "NEIGHBOR", "NEIGHBOR_REPLY",
    "DISCONNECT", "SHUFFLE", "SHUFFLE_REPLY",
};

/* Words as in msg_text below; false when they make no message. */
static inline bool msg_from_words(char *const words[], size_t count, struct sg_hpv_msg *msg)
{
    *msg = (struct sg_hpv_msg){0};
    for (int kind = SG_HPV_JOIN; kind <= SG_HPV_SHUFFLE_REPLY; kind++)
        if (count > 0 && strcmp(words[0], hpv_kind_names[kind]) == 0)
            msg->kind = (enum sg_hpv_kind)kind;
    for (size_t i = 1; i < count; i++) {
        if (strncmp(words[i], "ttl=", 4) == 0)
            msg->ttl = (uint8_t)strtoul(words[i] + 4, NULL, 10);
        else if (strcmp(words[i], "high") == 0)
            msg->high_priority = true;
        else if (strcmp(words[i], "accepted") == 0)
            msg->accepted = true;
        else if (strcmp(words[i], "leaving") == 0)
            msg->leaving = true;
        else if (strcmp(words[i], "low") == 0 || strcmp(words[i], "refused") == 0)
            continue;
        else if (msg->count < SG_HPV_SHUFFLE_MAX)
            msg->id[msg->count++] = peer_named(words[i]);
    }
    return (int)msg->kind != 0;
}

static inline void text_add(char *text, size_t cap, const char *word)
{
    size_t len = strlen(text);
    snprintf(text + len, cap - len, "%s", word);
}

static inline void msg_text(const struct sg_hpv_msg *msg, char *text, size_t cap)
{
    char ttl[16];
    text_add(text, cap, hpv_kind_names[msg->kind]);
    if (msg->kind == SG_HPV_NEIGHBOR)
        text_add(text, cap, msg->high_priority ? " high" : " low");
    if (msg->kind == SG_HPV_NEIGHBOR_REPLY)
        text_add(text, cap, msg->accepted ? " accepted" : " refused");
    if (msg->leaving)
        text_add(text, cap, " leaving");
    snprintf(ttl, sizeof(ttl), " ttl=%u", msg->ttl);
    if (msg->kind == SG_HPV_FORWARD_JOIN || msg->kind == SG_HPV_SHUFFLE)
        text_add(text, cap, ttl);
    for (uint8_t i = 0; i < msg->count; i++) {
        text_add(text, cap, " ");
        text_add(text, cap, name_of(&msg->id[i]));
    }
}

static inline void out_text(const struct sg_hpv_out *out, char *text, size_t cap)
{
    const char *verb = "";
    switch (out->kind) {
    case SG_HPV_OUT_SEND:
        verb = "send ";
        break;
    case SG_HPV_OUT_NEIGHBOR_UP:
        verb = "up ";
        break;
    case SG_HPV_OUT_NEIGHBOR_DOWN:
        verb = "down ";
        break;
    case SG_HPV_OUT_ISOLATED:
        text_add(text, cap, "isolated");
        return;
    case SG_HPV_OUT_SPARSE:
        text_add(text, cap, "sparse");
        return;
    }
    text_add(text, cap, verb);
    text_add(text, cap, name_of(&out->peer));
    if (out->kind != SG_HPV_OUT_SEND)
        return;
    text_add(text, cap, " ");
    msg_text(&out->msg, text, cap);
}

/* One output per line. */
static inline void outbox_text(const struct sg_hpv_outbox *outbox, char *text, size_t cap)
{
    text[0] = '\0';
    for (size_t i = 0; i < outbox->count; i++) {
        out_text(&outbox->out[i], text, cap);
        text_add(text, cap, "\n");
    }
}

#endif
