/* One machine on the bench: inputs by words, whole outboxes as text. */
#ifndef SG_TESTS_HPV_FIXTURE_H
#define SG_TESTS_HPV_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/hyparview/hpv_text.h"

struct bench {
    struct sg_hpv m;
    struct sg_hpv_outbox out;
    struct sg_hpv_config config;
    sg_time_ns now;
    char text[16384];
};

/* target and max of the active view, no jitter, nothing against strangers; the
 * rest as by default. */
static inline void bench_open(struct bench *b, uint16_t target, uint16_t max, uint16_t passive)
{
    struct sg_peer_id self = peer_named("self");
    *b = (struct bench){.config = sg_hpv_config_default(sg_mem_default())};
    b->config.active_target = target;
    b->config.active_max = max;
    b->config.passive_max = passive;
    b->config.jitter_percent = 0;
    b->config.chosen_min = 0;
    b->config.evict_interval_ns = 0;
    b->config.evict_youngest = false;
    assert_int_equal(sg_hpv_init(&b->m, &b->config, &self, 0, 1), SG_OK);
}

static inline void bench_close(struct bench *b)
{
    sg_hpv_fini(&b->m);
}

static inline const char *bench_input(struct bench *b, const struct sg_hpv_in *in)
{
    sg_err err = sg_hpv_input(&b->m, b->now, in, &b->out);
    sg_hpv_check(&b->m);
    if (err != SG_OK)
        return sg_err_name(err);
    outbox_text(&b->out, b->text, sizeof(b->text));
    return b->text;
}

/* Words of a text into an array; returns their number. The copy holds them. */
static inline size_t split(const char *text, char *copy, size_t cap, char *words[], size_t max)
{
    size_t count = 0;
    snprintf(copy, cap, "%s", text);
    for (char *word = strtok(copy, " "); word != NULL && count < max; word = strtok(NULL, " "))
        words[count++] = word;
    return count;
}

/* The message of that text comes from the peer. */
static inline const char *says(struct bench *b, const char *peer, const char *text)
{
    char copy[512];
    char *words[32];
    struct sg_hpv_msg msg;
    size_t count = split(text, copy, sizeof(copy), words, 32);
    assert_true(msg_from_words(words, count, &msg));
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .peer = peer_named(peer), .msg = &msg};
    return bench_input(b, &in);
}

static inline const char *event(struct bench *b, enum sg_hpv_in_kind kind, const char *peer)
{
    struct sg_hpv_in in = {.kind = kind, .peer = peer_named(peer)};
    return bench_input(b, &in);
}

static inline const char *candidates(struct bench *b, const char *text)
{
    char copy[512];
    char *words[32];
    struct sg_peer_id peers[32];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CANDIDATES, .peers = peers};
    in.count = split(text, copy, sizeof(copy), words, 32);
    for (size_t i = 0; i < in.count; i++)
        peers[i] = peer_named(words[i]);
    return bench_input(b, &in);
}

/* Each becomes a neighbour by a request of its own. */
static inline void neighbors(struct bench *b, const char *text)
{
    char copy[512];
    char *words[32];
    size_t count = split(text, copy, sizeof(copy), words, 32);
    for (size_t i = 0; i < count; i++)
        says(b, words[i], "NEIGHBOR high");
}

/* IN_TIMEOUT at the deadline. */
static inline const char *next_timeout(struct bench *b)
{
    sg_time_ns deadline = sg_hpv_deadline(&b->m);
    assert_true(deadline != SG_TIME_NEVER);
    b->now = deadline > b->now ? deadline : b->now;
    event(b, SG_HPV_IN_TIMEOUT, "");
    assert_true(sg_hpv_deadline(&b->m) > b->now);
    return b->text;
}

/* "active: a b; passive: c; pending: d" */
static inline const char *views(struct bench *b)
{
    const struct sg_hpv *m = &b->m;
    size_t cap = sizeof(b->text);
    b->text[0] = '\0';
    text_add(b->text, cap, "active:");
    for (uint16_t i = 0; i < m->active_count; i++) {
        text_add(b->text, cap, " ");
        text_add(b->text, cap, name_of(&m->active[i].id));
    }
    text_add(b->text, cap, "; passive:");
    for (uint16_t i = 0; i < m->passive_count; i++) {
        text_add(b->text, cap, " ");
        text_add(b->text, cap, name_of(&m->passive[i]));
    }
    text_add(b->text, cap, "; pending:");
    for (uint8_t i = 0; i < m->pending_count; i++) {
        text_add(b->text, cap, " ");
        text_add(b->text, cap, name_of(&m->pending[i].id));
    }
    return b->text;
}

static inline bool has_passive(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    for (uint16_t i = 0; i < b->m.passive_count; i++)
        if (sg_peer_id_equal(&b->m.passive[i], &id))
            return true;
    return false;
}

static inline bool is_active(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    return sg_hpv_is_active(&b->m, &id);
}

static inline bool is_pending(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    return sg_hpv_is_pending(&b->m, &id);
}

#endif
