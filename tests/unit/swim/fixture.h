/* One machine on a bench: peers are letters, outputs are text. */
#ifndef SG_TESTS_SWIM_FIXTURE_H
#define SG_TESTS_SWIM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/swim/swim_text.h"

#define MS SG_NS_PER_MS
#define SEC SG_NS_PER_S
#define BOOT(n) ((uint64_t)(n) << 32)

struct bench {
    struct sg_swim *m;
    struct sg_swim_outbox out;
    sg_time_ns now;
    char text[SG_SWIM_OUT_MAX * 128];
};

static inline struct sg_swim_config quiet_config(void)
{
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    config.jitter_percent = 0;
    config.gossip_interval_ns = 0;
    config.push_pull_ns = 0;
    config.reconnect_ns = 0;
    config.watch_ns = SG_NS_PER_S;
    return config;
}

static inline void bench_open_at(struct bench *b, const struct sg_swim_config *config,
                                 sg_incarnation incarnation, uint64_t seed)
{
    struct sg_swim_start start = {
        .self = peer_named("self"), .incarnation = incarnation, .now = b->now, .seed = seed};
    assert_int_equal(sg_swim_new(&b->m, config, &start), SG_OK);
}

static inline void bench_open(struct bench *b, const struct sg_swim_config *config)
{
    b->now = 100 * SEC;
    bench_open_at(b, config, BOOT(1), 1);
}

static inline void bench_close(struct bench *b)
{
    sg_swim_free(b->m);
}

static inline const char *feed(struct bench *b, const struct sg_swim_in *in)
{
    sg_err err = sg_swim_input(b->m, b->now, in, &b->out);
    sg_swim_check(b->m);
    if (err != SG_OK)
        return sg_err_name(err);
    swim_outbox_text(&b->out, b->text, sizeof(b->text));
    return b->text;
}

static inline const char *link_up(struct bench *b, const char *peer)
{
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_LINK_UP, .peer = peer_named(peer), .incarnation = BOOT(1)};
    return feed(b, &in);
}

static inline const char *link_down(struct bench *b, const char *peer, bool is_failure)
{
    struct sg_swim_in in = {
        .kind = SG_SWIM_IN_LINK_DOWN, .peer = peer_named(peer), .is_failure = is_failure};
    return feed(b, &in);
}

static inline const char *watch(struct bench *b, const char *peer, bool on)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_WATCH, .peer = peer_named(peer), .on = on};
    return feed(b, &in);
}

static inline const char *heard(struct bench *b, const char *peer)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_HEARD, .peer = peer_named(peer)};
    return feed(b, &in);
}

static inline const char *record(struct bench *b, const char *peer, sg_incarnation incarnation,
                                 bool leaves)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_RECORD,
                            .peer = peer_named(peer),
                            .incarnation = incarnation,
                            .leaves = leaves};
    return feed(b, &in);
}

static inline const char *simple(struct bench *b, enum sg_swim_in_kind kind)
{
    struct sg_swim_in in = {.kind = kind};
    return feed(b, &in);
}

static inline const char *packet(struct bench *b, const char *from, enum sg_swim_kind kind,
                                 uint32_t seq)
{
    struct sg_swim_packet packet = {.kind = kind, .seq = seq};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named(from), .packet = &packet};
    return feed(b, &in);
}

static inline const char *ping_req(struct bench *b, const char *from, const char *target,
                                   uint32_t seq)
{
    struct sg_swim_packet packet = {
        .kind = SG_SWIM_PING_REQ, .seq = seq, .target = peer_named(target)};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named(from), .packet = &packet};
    return feed(b, &in);
}

struct said {
    enum sg_swim_rumor_kind kind;
    const char *member;
    sg_incarnation incarnation;
    const char *accuser; /* NULL = none */
};

/* says(bench, from, kind, member, incarnation, accuser): from tells one rumor. */
#define says(b, from, ...) say((b), (from), (struct said){__VA_ARGS__})
static inline const char *say(struct bench *b, const char *from, struct said said)
{
    struct sg_swim_packet packet = {.kind = SG_SWIM_GOSSIP, .count = 1};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named(from), .packet = &packet};
    packet.rumor[0] = (struct sg_swim_rumor){
        .kind = said.kind, .member = peer_named(said.member), .incarnation = said.incarnation};
    if (said.accuser != NULL)
        packet.rumor[0].accuser = peer_named(said.accuser);
    return feed(b, &in);
}

/* Time passes, with IN_TIMEOUT at each deadline; the outputs of all of them. */
static inline const char *wait_ns(struct bench *b, uint64_t ns)
{
    static char all[1 << 16];
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    sg_time_ns end = b->now + ns;
    all[0] = '\0';
    while (sg_swim_deadline(b->m) <= end) {
        sg_time_ns due = sg_swim_deadline(b->m);
        b->now = due > b->now ? due : b->now;
        const char *text = feed(b, &in);
        assert_true(strlen(all) + strlen(text) < sizeof(all));
        strcat(all, text);
    }
    b->now = end;
    return all;
}

/* As wait_ns, and all with a link say something each 300 ms. */
static inline const char *live(struct bench *b, uint64_t ns)
{
    static char all[1 << 16];
    sg_time_ns end = b->now + ns;
    all[0] = '\0';
    while (b->now < end) {
        for (uint16_t i = 0; i < b->m->ring_count; i++)
            if (b->m->member[b->m->ring[i]].is_linked)
                heard(b, name_of(&b->m->member[b->m->ring[i]].id));
        const char *text = wait_ns(b, end - b->now < 300 * MS ? end - b->now : 300 * MS);
        assert_true(strlen(all) + strlen(text) < sizeof(all));
        strcat(all, text);
    }
    return all;
}

/* A member with a link; watched or not. */
static inline void member(struct bench *b, const char *peer, bool is_watched)
{
    link_up(b, peer);
    if (is_watched)
        watch(b, peer, true);
}

/* Each letter a member. */
static inline void members(struct bench *b, const char *letters, bool is_watched)
{
    for (; *letters != '\0'; letters++)
        member(b, (const char[]){*letters, '\0'}, is_watched);
}

/* Nothing that the bench's own start has left to tell. */
static inline void forget_rumors(struct bench *b)
{
    while (b->m->queued_count > 0)
        sg_swim_untell(b->m, &b->m->said[b->m->queued[0].said].member);
}

static inline enum sg_swim_state state_of(const struct bench *b, const char *peer)
{
    struct sg_peer_id id = peer_named(peer);
    struct sg_swim_view view;
    return sg_swim_find(b->m, &id, &view) == SG_OK ? view.state : (enum sg_swim_state)0;
}

/* The sequence number of the last PING or PING_REQ in the outbox. */
static inline uint32_t last_seq(const struct bench *b)
{
    for (size_t i = b->out.count; i-- > 0;)
        if (b->out.out[i].kind == SG_SWIM_OUT_SEND &&
            (b->out.out[i].packet == SG_SWIM_PING || b->out.out[i].packet == SG_SWIM_PING_REQ))
            return b->out.out[i].seq;
    return 0;
}

#endif
