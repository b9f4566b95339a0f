/* A Plumtree machine driven by lines of words, for unit tests and scenarios. Peers and ids are
 * words of up to 31 characters, so that ids sort as words do. Commands:
 *
 *     new [seed=1] [peers=] [seen=] [cache=] [missing=] [advertisers=] [queue=] [onup=]
 *         [threshold=] [tries=] [cache_ms=] [seen_ms=] [flush_ms=] [pause_ms=] [min_ms=]
 *         [max_ms=] [backoff_ms=] [dontwant_ms=] [promise_ms=]
 *     up PEER..., down PEER...  IN_NEIGHBOR_UP, IN_NEIGHBOR_DOWN
 *     broadcast ID              IN_BROADCAST
 *     gone ID                   IN_GONE
 *     PEER gossip ID [HOP]      IN_GOSSIP; HOP is 1 unless given, here and below
 *     PEER copy ID [HOP]        IN_DUPLICATE
 *     PEER refused ID           IN_REFUSED
 *     PEER ihave ID[/HOP]...    IN_IHAVE
 *     PEER graft [ID [kept]]    IN_GRAFT
 *     PEER prune                IN_PRUNE
 *     PEER rtt MS [VAR_MS]      IN_RTT
 *     PEER dropped ID           IN_PUSH_DROPPED
 *     PEER arriving ID          IN_ARRIVING
 *     PEER dontwant ID          IN_DONTWANT
 *     PEER donthave ID          IN_DONTHAVE
 *     PEER invalid, PEER fault  IN_CONDUCT
 *     PEER about GROUP [1]      IN_ABOUT; 1: is trusted
 *     score PEER...             sg_pt_score
 *     wait MS                   time passes, no input
 *     run MS                    time passes with IN_TIMEOUT at each deadline
 *     next                      IN_TIMEOUT at the next deadline
 *     timeout                   IN_TIMEOUT now
 *     show                      the neighbours
 *     known ID...               what is known of them
 *
 * Records: the outputs, or the error's name; `run` and `next` tell the time of each outbox. */
#ifndef SG_TESTS_PT_PLAY_H
#define SG_TESTS_PT_PLAY_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plumtree/state.h"

#define PT_PLAY_IDS_MAX 64

struct pt_play {
    struct sg_pt *pt;
    struct sg_pt_config config; /* of the last `new` */
    struct sg_pt_outbox out;
    sg_time_ns now;
    char text[16384]; /* records of the last command */
    size_t len;
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline void
pt_print(struct pt_play *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(p->text + p->len, sizeof(p->text) - p->len, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(p->text) - p->len)
        abort();
    p->len += (size_t)len;
}

static inline struct sg_peer_id pt_peer(const char *word)
{
    struct sg_peer_id id = {{0}};
    size_t len = strlen(word);
    memcpy(id.b, word, len < SG_ID_LEN ? len : SG_ID_LEN - 1);
    return id;
}

static inline struct sg_msg_id pt_msg(const char *word)
{
    struct sg_msg_id id = {{0}};
    size_t len = strcspn(word, "/");
    memcpy(id.b, word, len < SG_ID_LEN ? len : SG_ID_LEN - 1);
    return id;
}

static inline void pt_print_ihave(struct pt_play *p, const struct sg_pt_out *o)
{
    pt_print(p, "ihave %s", (const char *)o->peer.b);
    for (size_t i = 0; i < o->count; i++)
        pt_print(p, " %s/%u", (const char *)o->have[i].id.b, o->have[i].hop);
    pt_print(p, "\n");
}

static inline void pt_print_out(struct pt_play *p, const struct sg_pt_out *o)
{
    const char *peer = (const char *)o->peer.b;
    const char *id = (const char *)o->id.b;
    switch (o->kind) {
    case SG_PT_OUT_GOSSIP:
        pt_print(p, "push %s %s/%u\n", peer, id, o->hop);
        break;
    case SG_PT_OUT_IHAVE:
        pt_print_ihave(p, o);
        break;
    case SG_PT_OUT_GRAFT:
        pt_print(p, o->has_id ? "graft %s %s\n" : "graft %s\n", peer, id);
        break;
    case SG_PT_OUT_PRUNE:
        pt_print(p, "prune %s\n", peer);
        break;
    case SG_PT_OUT_FORGET:
        pt_print(p, "forget %s\n", id);
        break;
    case SG_PT_OUT_DONTWANT:
        pt_print(p, "dontwant %s %s\n", peer, id);
        break;
    case SG_PT_OUT_DONTHAVE:
        pt_print(p, "donthave %s %s\n", peer, id);
        break;
    case SG_PT_OUT_PUT_AWAY:
        pt_print(p, "put_away %s\n", peer);
        break;
    }
}

static inline void pt_input(struct pt_play *p, const struct sg_pt_in *in)
{
    sg_err err = sg_pt_input(p->pt, p->now, in, &p->out);
    sg_pt_check(p->pt);
    if (err != SG_OK) {
        pt_print(p, "%s\n", sg_err_name(err));
        return;
    }
    for (size_t i = 0; i < p->out.count; i++)
        pt_print_out(p, &p->out.out[i]);
}

/* ---- new ---- */

static inline uint64_t pt_setting(char *const words[], size_t count, const char *name,
                                  uint64_t otherwise)
{
    size_t len = strlen(name);
    for (size_t i = 1; i < count; i++)
        if (strncmp(words[i], name, len) == 0 && words[i][len] == '=')
            return strtoull(words[i] + len + 1, NULL, 10);
    return otherwise;
}

static inline uint64_t pt_setting_ms(char *const words[], size_t count, const char *name,
                                     uint64_t otherwise_ns)
{
    return pt_setting(words, count, name, otherwise_ns / SG_NS_PER_MS) * SG_NS_PER_MS;
}

static inline bool pt_new(struct pt_play *p, char *const words[], size_t count)
{
    struct sg_pt_config c = sg_pt_config_default(sg_mem_default());
    c.peers_max = (uint16_t)pt_setting(words, count, "peers", c.peers_max);
    c.seen_max = (uint32_t)pt_setting(words, count, "seen", c.seen_max);
    c.cache_max = (uint32_t)pt_setting(words, count, "cache", c.cache_max);
    c.missing_max = (uint32_t)pt_setting(words, count, "missing", c.missing_max);
    c.advertisers_max = (uint16_t)pt_setting(words, count, "advertisers", c.advertisers_max);
    c.ihave_queue_max = (uint16_t)pt_setting(words, count, "queue", c.ihave_queue_max);
    c.ihave_on_up = (uint16_t)pt_setting(words, count, "onup", c.ihave_on_up);
    c.optimise_threshold = (uint16_t)pt_setting(words, count, "threshold", c.optimise_threshold);
    c.graft_tries_max = (uint8_t)pt_setting(words, count, "tries", c.graft_tries_max);
    c.cache_ns = pt_setting_ms(words, count, "cache_ms", c.cache_ns);
    c.seen_ns = pt_setting_ms(words, count, "seen_ms", c.seen_ns);
    c.ihave_flush_ns = pt_setting_ms(words, count, "flush_ms", c.ihave_flush_ns);
    c.ihave_pause_ns = pt_setting_ms(words, count, "pause_ms", 0);
    c.graft_min_ns = pt_setting_ms(words, count, "min_ms", c.graft_min_ns);
    c.graft_max_ns = pt_setting_ms(words, count, "max_ms", c.graft_max_ns);
    c.backoff_ns = pt_setting_ms(words, count, "backoff_ms", c.backoff_ns);
    c.dontwant_ns = pt_setting_ms(words, count, "dontwant_ms", c.dontwant_ns);
    c.promise_ns = pt_setting_ms(words, count, "promise_ms", c.promise_ns);
    sg_pt_free(p->pt);
    p->pt = NULL;
    p->now = 0;
    p->config = c;
    sg_err err = sg_pt_new(&p->pt, &c, 0, pt_setting(words, count, "seed", 1));
    if (err != SG_OK)
        pt_print(p, "%s\n", sg_err_name(err));
    return err == SG_OK;
}

/* ---- time ---- */

static inline void pt_timeout(struct pt_play *p)
{
    size_t before = p->len;
    pt_print(p, "at %" PRIu64 " ms\n", p->now / SG_NS_PER_MS);
    size_t head = p->len;
    pt_input(p, &(struct sg_pt_in){.kind = SG_PT_IN_TIMEOUT});
    if (p->len == head)
        p->len = before; /* nothing to tell */
    p->text[p->len] = '\0';
}

static inline void pt_run(struct pt_play *p, uint64_t ms)
{
    sg_time_ns end = p->now + ms * SG_NS_PER_MS;
    while (sg_pt_deadline(p->pt) <= end) {
        if (p->now < sg_pt_deadline(p->pt))
            p->now = sg_pt_deadline(p->pt);
        pt_timeout(p);
    }
    p->now = end;
}

static inline void pt_next(struct pt_play *p)
{
    sg_time_ns deadline = sg_pt_deadline(p->pt);
    if (deadline == SG_TIME_NEVER) {
        pt_print(p, "never\n");
        return;
    }
    if (p->now < deadline)
        p->now = deadline;
    pt_timeout(p);
}

/* ---- looking ---- */

static inline void pt_show_set(struct pt_play *p, const char *name, bool is_eager, bool is_fed)
{
    pt_print(p, "%s:", name);
    for (uint32_t i = 0; i < p->pt->peers_count; i++)
        if (p->pt->peers[i].is_eager == is_eager && p->pt->peers[i].is_fed == is_fed)
            pt_print(p, " %s", (const char *)p->pt->peers[i].id.b);
    pt_print(p, "\n");
}

static inline void pt_known(struct pt_play *p, const char *word)
{
    static const char *const names[] = {"unknown", "seen", "cached"};
    struct sg_msg_id id = pt_msg(word);
    pt_print(p, "%s %s\n", word, names[sg_pt_known(p->pt, &id)]);
}

/* ---- commands ---- */

static inline bool pt_has_ids(const struct sg_pt_in *in, char *const words[], size_t count,
                              struct sg_pt_have have[PT_PLAY_IDS_MAX])
{
    if (in->kind != SG_PT_IN_IHAVE)
        return true;
    for (size_t i = 0; i < count && i < PT_PLAY_IDS_MAX; i++) {
        const char *slash = strchr(words[i], '/');
        have[i].id = pt_msg(words[i]);
        have[i].hop = slash == NULL ? 1 : (uint8_t)strtoul(slash + 1, NULL, 10);
    }
    return count > 0 && count <= PT_PLAY_IDS_MAX;
}

/* PEER VERB [MORE...] */
static inline bool pt_says(struct pt_play *p, char *const words[], size_t count)
{
    static const struct {
        const char *verb;
        enum sg_pt_in_kind kind;
    } verbs[] = {
        {"gossip", SG_PT_IN_GOSSIP},     {"copy", SG_PT_IN_DUPLICATE},
        {"refused", SG_PT_IN_REFUSED},   {"ihave", SG_PT_IN_IHAVE},
        {"graft", SG_PT_IN_GRAFT},       {"prune", SG_PT_IN_PRUNE},
        {"rtt", SG_PT_IN_RTT},           {"dropped", SG_PT_IN_PUSH_DROPPED},
        {"arriving", SG_PT_IN_ARRIVING}, {"dontwant", SG_PT_IN_DONTWANT},
        {"invalid", SG_PT_IN_CONDUCT},   {"fault", SG_PT_IN_CONDUCT},
        {"about", SG_PT_IN_ABOUT},       {"postponed", SG_PT_IN_IHAVE},
        {"donthave", SG_PT_IN_DONTHAVE},
    };
    struct sg_pt_have have[PT_PLAY_IDS_MAX];
    struct sg_pt_in in = {.peer = pt_peer(words[0]), .have = have, .count = count - 2, .hop = 1};
    size_t i = 0;
    while (i < sizeof(verbs) / sizeof(verbs[0]) && strcmp(verbs[i].verb, words[1]) != 0)
        i++;
    if (i == sizeof(verbs) / sizeof(verbs[0]))
        return false;
    in.kind = verbs[i].kind;
    in.is_postponed = strcmp(words[1], "postponed") == 0;
    in.event = strcmp(words[1], "invalid") == 0 ? SG_SCORE_INVALID : SG_SCORE_FAULT;
    in.group = in.kind == SG_PT_IN_ABOUT ? strtoull(words[2], NULL, 10) : 0;
    in.is_trusted = in.kind == SG_PT_IN_ABOUT && count > 3;
    in.is_kept = in.kind == SG_PT_IN_GRAFT && count > 3;
    if (!pt_has_ids(&in, words + 2, count - 2, have))
        return false;
    if (count > 2) {
        in.has_id = true;
        in.id = pt_msg(words[2]);
        in.srtt_ns = strtoull(words[2], NULL, 10) * SG_NS_PER_MS;
    }
    if (count > 3) {
        in.hop = (uint8_t)strtoul(words[3], NULL, 10);
        in.rttvar_ns = strtoull(words[3], NULL, 10) * SG_NS_PER_MS;
    }
    pt_input(p, &in);
    return true;
}

static inline bool pt_command_of_one(struct pt_play *p, const char *word)
{
    if (strcmp(word, "next") == 0) {
        pt_next(p);
    } else if (strcmp(word, "timeout") == 0) {
        pt_timeout(p);
    } else if (strcmp(word, "show") == 0) {
        pt_show_set(p, "eager", true, false);
        pt_show_set(p, "lazy", false, false);
        if (sg_pt_sources(p->pt) < p->pt->eager_count)
            pt_show_set(p, "fed", false, true);
    } else {
        return false;
    }
    return true;
}

static inline bool pt_command(struct pt_play *p, char *const words[], size_t count)
{
    bool is_up = strcmp(words[0], "up") == 0;
    p->len = 0;
    p->text[0] = '\0';
    if (strcmp(words[0], "new") == 0)
        return pt_new(p, words, count);
    if (p->pt == NULL || count < 2)
        return p->pt != NULL && pt_command_of_one(p, words[0]);
    if (strcmp(words[0], "wait") == 0) {
        p->now += strtoull(words[1], NULL, 10) * SG_NS_PER_MS;
    } else if (strcmp(words[0], "run") == 0) {
        pt_run(p, strtoull(words[1], NULL, 10));
    } else if (strcmp(words[0], "broadcast") == 0) {
        pt_input(p, &(struct sg_pt_in){.kind = SG_PT_IN_BROADCAST, .id = pt_msg(words[1])});
    } else if (strcmp(words[0], "gone") == 0) {
        pt_input(p, &(struct sg_pt_in){.kind = SG_PT_IN_GONE, .id = pt_msg(words[1])});
    } else if (is_up || strcmp(words[0], "down") == 0) {
        struct sg_pt_in in = {.kind = is_up ? SG_PT_IN_NEIGHBOR_UP : SG_PT_IN_NEIGHBOR_DOWN};
        for (size_t i = 1; i < count; i++) {
            in.peer = pt_peer(words[i]);
            pt_input(p, &in);
        }
    } else if (strcmp(words[0], "score") == 0) {
        for (size_t i = 1; i < count; i++) {
            struct sg_peer_id id = pt_peer(words[i]);
            pt_print(p, "%s %" PRId32 "\n", words[i], sg_pt_score(p->pt, &id));
        }
    } else if (strcmp(words[0], "known") == 0) {
        for (size_t i = 1; i < count; i++)
            pt_known(p, words[i]);
    } else {
        return pt_says(p, words, count);
    }
    return true;
}

/* One line; false when it makes no sense. */
static inline bool pt_line(struct pt_play *p, const char *line)
{
    char copy[1024];
    char *words[PT_PLAY_IDS_MAX];
    size_t count = 0;
    if (strlen(line) >= sizeof(copy))
        return false;
    memcpy(copy, line, strlen(line) + 1);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        if (count < PT_PLAY_IDS_MAX)
            words[count++] = word;
    return count > 0 && pt_command(p, words, count);
}

#endif
