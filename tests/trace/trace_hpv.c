/* Scenarios for HyParView. The machine under test is "self"; other peers are any words.
 *
 *     new [seed=1] [at=0] [target=] [max=] [passive=] [arwl=] [prwl=] [ttl=] [ka=] [kp=] [jitter=]
 *         [chosen=0] [slots=2] [youngest=0] [shuffle=] [rotate=] [first=300] [evict=0]  seconds
 *     join PEER                 IN_JOIN
 *     candidates PEER...        IN_CANDIDATES
 *     failed PEER               IN_FAILED
 *     dead PEER                 IN_DEAD
 *     contact PEER              IN_CONTACT, on
 *     stranger PEER             IN_CONTACT, off
 *     leave                     IN_LEAVE
 *     PEER says MESSAGE         IN_MESSAGE, e.g. b says NEIGHBOR high
 *     neighbors PEER...         each says NEIGHBOR high; prints nothing
 *     wait MS                   time passes, no input
 *     run MS                    time passes with IN_TIMEOUT at each deadline
 *     next                      IN_TIMEOUT at the next deadline
 *     show                      the views
 *
 * The clock starts at 0 or at=; timers jitter by 0 % unless jitter= says so. */
#include "trace/trace.h"

#include <inttypes.h>

#include "unit/hyparview/hpv_text.h"

struct scenario {
    struct sg_hpv machine;
    struct sg_hpv_outbox outbox;
    sg_time_ns now;
    bool is_new;
};

static void *scenario_open(void)
{
    return calloc(1, sizeof(struct scenario));
}

static void scenario_close(void *state)
{
    struct scenario *s = state;
    if (s->is_new)
        sg_hpv_fini(&s->machine);
    free(s);
}

/* ---- new ---- */

struct setting {
    const char *name;
    uint16_t *value;
};

static bool set(const struct setting *settings, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(settings[i].name);
        if (strncmp(word, settings[i].name, len) != 0 || word[len] != '=')
            continue;
        *settings[i].value = (uint16_t)strtoul(word + len + 1, NULL, 10);
        return true;
    }
    return false;
}

static bool scenario_new(struct scenario *s, char *const words[], size_t count)
{
    struct sg_hpv_config config = sg_hpv_config_default(sg_mem_default());
    struct sg_peer_id self = peer_named("self");
    uint16_t seed = 1, at = 0, jitter = 0, arwl = config.arwl, prwl = config.prwl;
    uint16_t ttl = config.shuffle_ttl, ka = config.shuffle_active, kp = config.shuffle_passive;
    uint16_t shuffle = 30, rotate = 300, evict = 0;
    uint16_t first = 300; /* out of the way of all else */
    uint16_t chosen = 0, slots = config.contact_slots, youngest = 0;
    const struct setting settings[] = {
        {"seed", &seed},
        {"at", &at},
        {"jitter", &jitter},
        {"arwl", &arwl},
        {"prwl", &prwl},
        {"ttl", &ttl},
        {"ka", &ka},
        {"kp", &kp},
        {"shuffle", &shuffle},
        {"rotate", &rotate},
        {"first", &first},
        {"evict", &evict},
        {"chosen", &chosen},
        {"slots", &slots},
        {"youngest", &youngest},
        {"target", &config.active_target},
        {"max", &config.active_max},
        {"passive", &config.passive_max},
    };
    for (size_t i = 1; i < count; i++)
        if (!set(settings, sizeof(settings) / sizeof(settings[0]), words[i]))
            return false;
    config.jitter_percent = (uint8_t)jitter;
    config.arwl = (uint8_t)arwl;
    config.prwl = (uint8_t)prwl;
    config.shuffle_ttl = (uint8_t)ttl;
    config.shuffle_active = (uint8_t)ka;
    config.shuffle_passive = (uint8_t)kp;
    config.shuffle_interval_ns = shuffle * SG_NS_PER_S;
    config.rotate_interval_ns = rotate * SG_NS_PER_S;
    config.rotate_first_ns = first * SG_NS_PER_S;
    config.evict_interval_ns = evict * SG_NS_PER_S;
    config.evict_youngest = youngest != 0;
    config.chosen_min = (uint8_t)chosen;
    config.contact_slots = (uint8_t)slots;
    if (s->is_new)
        sg_hpv_fini(&s->machine);
    s->now = at * SG_NS_PER_MS;
    s->is_new = sg_hpv_init(&s->machine, &config, &self, s->now, seed) == SG_OK;
    return s->is_new;
}

/* ---- inputs ---- */

static void print_outbox(const struct sg_hpv_outbox *outbox, struct trace_text *out)
{
    char text[SG_HPV_OUT_MAX * 256];
    outbox_text(outbox, text, sizeof(text));
    trace_print(out, "%s", text);
}

static void input(struct scenario *s, const struct sg_hpv_in *in, struct trace_text *out)
{
    sg_err err = sg_hpv_input(&s->machine, s->now, in, &s->outbox);
    sg_hpv_check(&s->machine);
    if (err != SG_OK)
        trace_print(out, "%s\n", sg_err_name(err));
    else if (out != NULL)
        print_outbox(&s->outbox, out);
}

static void input_peer(struct scenario *s, enum sg_hpv_in_kind kind, const char *peer,
                       struct trace_text *out)
{
    struct sg_hpv_in in = {.kind = kind, .peer = peer_named(peer)};
    input(s, &in, out);
}

static void contact(struct scenario *s, const char *peer, bool on, struct trace_text *out)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CONTACT, .peer = peer_named(peer), .on = on};
    input(s, &in, out);
}

static bool says(struct scenario *s, char *const words[], size_t count, struct trace_text *out)
{
    struct sg_hpv_msg msg;
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .peer = peer_named(words[0]), .msg = &msg};
    if (!msg_from_words(words + 2, count - 2, &msg))
        return false;
    input(s, &in, out);
    return true;
}

static void candidates(struct scenario *s, char *const words[], size_t count,
                       struct trace_text *out)
{
    struct sg_peer_id peers[64];
    struct sg_hpv_in in = {.kind = SG_HPV_IN_CANDIDATES, .peers = peers};
    for (size_t i = 1; i < count && in.count < 64; i++)
        peers[in.count++] = peer_named(words[i]);
    input(s, &in, out);
}

static void neighbors(struct scenario *s, char *const words[], size_t count)
{
    struct sg_hpv_msg msg = {.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    struct trace_text ignored = {0};
    for (size_t i = 1; i < count; i++) {
        struct sg_hpv_in in = {
            .kind = SG_HPV_IN_MESSAGE, .peer = peer_named(words[i]), .msg = &msg};
        input(s, &in, &ignored);
    }
    free(ignored.data);
}

/* ---- time ---- */

static void timeout(struct scenario *s, struct trace_text *out)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_TIMEOUT};
    sg_time_ns deadline = sg_hpv_deadline(&s->machine);
    if (deadline == SG_TIME_NEVER) {
        trace_print(out, "no deadline\n");
        return;
    }
    s->now = deadline > s->now ? deadline : s->now;
    trace_print(out, "at %" PRIu64 " ms\n", s->now / SG_NS_PER_MS);
    input(s, &in, out);
}

static void run_for(struct scenario *s, const char *ms, struct trace_text *out)
{
    sg_time_ns end = s->now + strtoull(ms, NULL, 10) * SG_NS_PER_MS;
    while (sg_hpv_deadline(&s->machine) <= end)
        timeout(s, out);
    s->now = end;
}

/* ---- show ---- */

static void show(const struct scenario *s, struct trace_text *out)
{
    const struct sg_hpv *m = &s->machine;
    trace_print(out, "active:");
    for (uint16_t i = 0; i < m->active_count; i++)
        trace_print(out, " %s", name_of(&m->active[i].id));
    trace_print(out, "\npassive:");
    for (uint16_t i = 0; i < m->passive_count; i++) {
        trace_print(out, " %s", name_of(&m->passive[i]));
        if (m->trial[i].failures > 0)
            trace_print(out, "(failed %u)", m->trial[i].failures);
    }
    for (uint16_t i = 0; i < m->contact_count; i++) {
        trace_print(out, i == 0 ? "\ncontacts: %s" : " %s", name_of(&m->contacts[i].id));
        if (m->contacts[i].trial.failures > 0)
            trace_print(out, "(failed %u)", m->contacts[i].trial.failures);
    }
    trace_print(out, "\npending:");
    for (uint8_t i = 0; i < m->pending_count; i++)
        trace_print(out, " %s", name_of(&m->pending[i].id));
    trace_print(out, "\n");
}

static bool run_simple(struct scenario *s, char *const words[], size_t count,
                       struct trace_text *out)
{
    const char *verb = words[0];
    if (count == 1 && strcmp(verb, "show") == 0)
        show(s, out);
    else if (count == 1 && strcmp(verb, "next") == 0)
        timeout(s, out);
    else if (count == 1 && strcmp(verb, "leave") == 0)
        input_peer(s, SG_HPV_IN_LEAVE, "", out);
    else if (count == 2 && strcmp(verb, "join") == 0)
        input_peer(s, SG_HPV_IN_JOIN, words[1], out);
    else if (count == 2 && strcmp(verb, "failed") == 0)
        input_peer(s, SG_HPV_IN_FAILED, words[1], out);
    else if (count == 2 && strcmp(verb, "dead") == 0)
        input_peer(s, SG_HPV_IN_DEAD, words[1], out);
    else if (count == 2 && strcmp(verb, "contact") == 0)
        contact(s, words[1], true, out);
    else if (count == 2 && strcmp(verb, "stranger") == 0)
        contact(s, words[1], false, out);
    else if (count == 2 && strcmp(verb, "run") == 0)
        run_for(s, words[1], out);
    else if (count == 2 && strcmp(verb, "wait") == 0)
        s->now += strtoull(words[1], NULL, 10) * SG_NS_PER_MS;
    else
        return false;
    return true;
}

static bool scenario_run(void *state, char *const words[], size_t count, struct trace_text *out)
{
    struct scenario *s = state;
    if (strcmp(words[0], "new") == 0)
        return scenario_new(s, words, count);
    if (!s->is_new)
        return false;
    if (count >= 3 && strcmp(words[1], "says") == 0)
        return says(s, words, count, out);
    if (strcmp(words[0], "candidates") == 0) {
        candidates(s, words, count, out);
        return true;
    }
    if (strcmp(words[0], "neighbors") == 0) {
        neighbors(s, words, count);
        return true;
    }
    return run_simple(s, words, count, out);
}

const struct trace_machine trace_hpv = {"hpv", scenario_open, scenario_close, scenario_run};
