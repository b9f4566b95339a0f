/* Scenarios for SWIM. The machine under test is "self"; other peers are any words. Incarnations are
 * written boot.counter; sequence numbers are left out of the records.
 *
 *     new [paper|plain] [seed=1] [members=N]   default mode; paper: Lifeguard; plain: SWIM alone
 *     link PEER [boot]          IN_LINK_UP
 *     unlink PEER [failure]     IN_LINK_DOWN
 *     watch PEER...             IN_LINK_UP and IN_WATCH of each; prints nothing
 *     heard PEER...             IN_HEARD of each
 *     PEER says RUMOR MEMBER INCARNATION [ACCUSER]   GOSSIP, e.g. a says SUSPECT b 1.0 c
 *     PEER pings                PING
 *     PEER asks MEMBER          PING_REQ
 *     PEER acks | nacks         with the number of the last PING or PING_REQ sent
 *     record PEER INCARNATION [leaves]
 *     announce | leave          IN_ANNOUNCE, IN_LEAVE
 *     calm                      rumors that wait are forgotten; prints nothing
 *     run MS                    time passes with IN_TIMEOUT at each deadline
 *     show                      the members
 *
 * The clock starts at 100 s; no jitter, no gossip rounds, no table exchange, no reconnects. */
#include "trace/trace.h"

#include <stdlib.h>

#include "unit/swim/swim_text.h"

struct scenario {
    struct sg_swim *m;
    struct sg_swim_outbox outbox;
    sg_time_ns now;
    uint32_t seq;
};

static void *scenario_open(void)
{
    return calloc(1, sizeof(struct scenario));
}

static void scenario_close(void *state)
{
    struct scenario *s = state;
    sg_swim_free(s->m);
    free(s);
}

static bool scenario_new(struct scenario *s, char *const words[], size_t count)
{
    struct sg_swim_config config = sg_swim_config_default(sg_mem_default());
    struct sg_swim_start start = {
        .self = peer_named("self"), .incarnation = UINT64_C(1) << 32, .seed = 1};
    for (size_t i = 1; i < count; i++) {
        if (strcmp(words[i], "paper") == 0 || strcmp(words[i], "plain") == 0)
            config = sg_swim_config_paper(sg_mem_default(), words[i][1] == 'a');
        else if (strncmp(words[i], "seed=", 5) == 0)
            start.seed = strtoull(words[i] + 5, NULL, 10);
        else if (strncmp(words[i], "members=", 8) == 0)
            config.members_max = (uint16_t)strtoul(words[i] + 8, NULL, 10);
        else
            return false;
    }
    config.jitter_percent = 0;
    config.gossip_interval_ns = config.push_pull_ns = config.reconnect_ns = 0;
    sg_swim_free(s->m);
    s->now = start.now = 100 * SG_NS_PER_S;
    return sg_swim_new(&s->m, &config, &start) == SG_OK;
}

static void input(struct scenario *s, const struct sg_swim_in *in, struct trace_text *out)
{
    static char text[SG_SWIM_OUT_MAX * 256];
    sg_err err = sg_swim_input(s->m, s->now, in, &s->outbox);
    sg_swim_check(s->m);
    if (err != SG_OK) {
        trace_print(out, "%s\n", sg_err_name(err));
        return;
    }
    for (size_t i = 0; i < s->outbox.count; i++)
        if (s->outbox.out[i].kind == SG_SWIM_OUT_SEND &&
            (s->outbox.out[i].packet == SG_SWIM_PING ||
             s->outbox.out[i].packet == SG_SWIM_PING_REQ))
            s->seq = s->outbox.out[i].seq;
    swim_outbox_text(&s->outbox, text, sizeof(text));
    if (out != NULL)
        trace_print(out, "%s", text);
}

static sg_incarnation incarnation_of(const char *word)
{
    char *end;
    sg_incarnation incarnation = strtoull(word, &end, 10) << 32;
    return *end == '.' ? incarnation + strtoull(end + 1, NULL, 10) : incarnation;
}

static bool rumor_kind(const char *word, enum sg_swim_rumor_kind *kind)
{
    for (int k = SG_SWIM_ALIVE; k <= SG_SWIM_FORGET; k++) {
        *kind = (enum sg_swim_rumor_kind)k;
        if (strcmp(word, swim_rumor_name(*kind)) == 0)
            return true;
    }
    return false;
}

static bool run_packet(struct scenario *s, char *const words[], size_t count,
                       struct trace_text *out)
{
    struct sg_swim_packet p = {.kind = SG_SWIM_PING, .seq = s->seq};
    struct sg_swim_in in = {.kind = SG_SWIM_IN_PACKET, .peer = peer_named(words[0]), .packet = &p};
    if (count >= 5 && strcmp(words[1], "says") == 0) {
        p = (struct sg_swim_packet){.kind = SG_SWIM_GOSSIP, .count = 1};
        p.rumor[0] = (struct sg_swim_rumor){.member = peer_named(words[3]),
                                            .incarnation = incarnation_of(words[4])};
        if (count == 6)
            p.rumor[0].accuser = peer_named(words[5]);
        if (!rumor_kind(words[2], &p.rumor[0].kind))
            return false;
    } else if (count == 3 && strcmp(words[1], "asks") == 0) {
        p.kind = SG_SWIM_PING_REQ;
        p.target = peer_named(words[2]);
    } else if (count == 2 && strcmp(words[1], "acks") == 0) {
        p.kind = SG_SWIM_ACK;
    } else if (count == 2 && strcmp(words[1], "nacks") == 0) {
        p.kind = SG_SWIM_NACK;
    } else if (count != 2 || strcmp(words[1], "pings") != 0) {
        return false;
    }
    input(s, &in, out);
    return true;
}

static void watch_all(struct scenario *s, char *const words[], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sg_swim_in in = {.kind = SG_SWIM_IN_LINK_UP,
                                .peer = peer_named(words[i]),
                                .incarnation = UINT64_C(1) << 32,
                                .on = true};
        input(s, &in, NULL);
        in.kind = SG_SWIM_IN_WATCH;
        input(s, &in, NULL);
    }
}

static void run_for(struct scenario *s, const char *ms, struct trace_text *out)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_TIMEOUT};
    sg_time_ns end = s->now + strtoull(ms, NULL, 10) * SG_NS_PER_MS;
    while (sg_swim_deadline(s->m) <= end) {
        sg_time_ns due = sg_swim_deadline(s->m);
        s->now = due > s->now ? due : s->now;
        struct trace_text text = {0};
        input(s, &in, &text);
        if (text.len > 0)
            trace_print(out, "at %" PRIu64 " ms\n%s", s->now / SG_NS_PER_MS, text.data);
        free(text.data);
    }
    s->now = end;
}

static void show(const struct scenario *s, struct trace_text *out)
{
    static const char *const states[] = {"?", "alive", "suspect", "dead"};
    struct sg_swim_view view;
    char number[48];
    for (uint32_t i = 0; sg_swim_at(s->m, i, &view); i++) {
        swim_incarnation_text(view.incarnation, number, sizeof(number));
        trace_print(out, "%s %s %s\n", name_of(&view.peer), number, states[view.state]);
    }
    trace_print(out, "health %u\n", sg_swim_health(s->m));
}

static bool run_member(struct scenario *s, char *const words[], size_t count,
                       struct trace_text *out)
{
    struct sg_swim_in in = {.peer = peer_named(words[1])};
    bool has_third = count == 3;
    if (strcmp(words[0], "link") == 0) {
        in.kind = SG_SWIM_IN_LINK_UP;
        in.incarnation = incarnation_of(has_third ? words[2] : "1");
    } else if (strcmp(words[0], "unlink") == 0) {
        in.kind = SG_SWIM_IN_LINK_DOWN;
        in.is_failure = has_third;
    } else if (strcmp(words[0], "record") == 0 && count >= 3) {
        in.kind = SG_SWIM_IN_RECORD;
        in.incarnation = incarnation_of(words[2]);
        in.leaves = count == 4;
    } else {
        return false;
    }
    input(s, &in, out);
    return true;
}

static bool run_simple(struct scenario *s, char *const words[], size_t count,
                       struct trace_text *out)
{
    struct sg_swim_in in = {.kind = SG_SWIM_IN_LEAVE};
    if (count == 2 && strcmp(words[0], "run") == 0) {
        run_for(s, words[1], out);
    } else if (count == 1 && strcmp(words[0], "show") == 0) {
        show(s, out);
    } else if (count == 1 && strcmp(words[0], "leave") == 0) {
        input(s, &in, out);
    } else if (count == 1 && strcmp(words[0], "announce") == 0) {
        in.kind = SG_SWIM_IN_ANNOUNCE;
        input(s, &in, out);
    } else if (count == 1 && strcmp(words[0], "calm") == 0) {
        while (s->m->queued_count > 0)
            sg_swim_untell(s->m, &s->m->said[s->m->queued[0].said].member);
    } else {
        return false;
    }
    return true;
}

static bool scenario_run(void *state, char *const words[], size_t count, struct trace_text *out)
{
    struct scenario *s = state;
    if (strcmp(words[0], "new") == 0)
        return scenario_new(s, words, count);
    if (s->m == NULL)
        return false;
    if (strcmp(words[0], "watch") == 0) {
        watch_all(s, words, count);
        return true;
    }
    if (strcmp(words[0], "heard") == 0) {
        for (size_t i = 1; i < count; i++) {
            struct sg_swim_in in = {.kind = SG_SWIM_IN_HEARD, .peer = peer_named(words[i])};
            input(s, &in, out);
        }
        return true;
    }
    return run_simple(s, words, count, out) ||
           (count >= 2 && (run_packet(s, words, count, out) || run_member(s, words, count, out)));
}

const struct trace_machine trace_swim = {"swim", scenario_open, scenario_close, scenario_run};
