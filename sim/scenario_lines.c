/* One function per command of a scenario. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lab_scenario.h"
#include "metrics.h"
#include "scenario.h"

/* The limits of sg_sim_config_check. */
#define DELAY_MAX_NS (60 * SG_NS_PER_S)
#define RATE_MIN 1e-3
#define RATE_MAX 1e6

sg_err sg_sim_line_bad(struct sg_sim_line *line, const char *format, ...)
{
    va_list args;
    line->problem->line = line->number;
    va_start(args, format);
    (void)vsnprintf(line->problem->text, sizeof(line->problem->text), format, args);
    va_end(args);
    return SG_ERR_MALFORMED;
}

static bool is(const struct sg_sim_line *line, uint32_t at, const char *text)
{
    return at < line->count && strcmp(line->word[at], text) == 0;
}

static sg_err read_nodes(struct sg_sim_line *line)
{
    uint64_t count = 0;
    if (line->count != 2 || !sg_sim_word_count(line->word[1], 100000, &count) || count == 0)
        return sg_sim_line_bad(line, "write: nodes N, with 1 .. 100000");
    line->scenario->first_nodes = (uint32_t)count;
    return SG_OK;
}

static sg_err read_seeds(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    const uint64_t max = UINT64_C(1) << 48;
    char *dots = line->count == 2 ? strstr(line->word[1], "..") : NULL;
    bool ok = line->count == 2;
    if (dots != NULL)
        *dots = '\0';
    const char *last = dots != NULL ? dots + 2 : line->word[1];
    ok = ok && sg_sim_word_count(line->word[1], max, &scenario->seed_first) &&
         sg_sim_word_count(last, max, &scenario->seed_last) &&
         scenario->seed_first <= scenario->seed_last;
    return ok ? SG_OK : sg_sim_line_bad(line, "write: seeds 7, or seeds 1..20");
}

/* Pairs of a name and a value. */
static sg_err read_link(struct sg_sim_line *line)
{
    struct sg_sim_config *config = &line->scenario->config;
    bool ok = line->count > 1 && line->count % 2 == 1;
    for (uint32_t i = 1; ok && i + 1 < line->count; i += 2) {
        const char *value = line->word[i + 1];
        double share = 0;
        if (is(line, i, "delay")) {
            ok = sg_sim_word_time(value, &config->delay_ns) && config->delay_ns <= DELAY_MAX_NS;
        } else if (is(line, i, "loss")) {
            ok = sg_sim_word_share(value, &config->loss) && config->loss <= 0.9;
        } else if (is(line, i, "duplicate")) {
            ok = sg_sim_word_share(value, &config->duplicate);
        } else if (is(line, i, "reorder")) {
            ok = sg_sim_word_share(value, &config->reorder);
        } else {
            ok = is(line, i, "jitter") && sg_sim_word_share(value, &share);
            config->jitter_percent = (unsigned)(share * 100 + 0.5);
        }
    }
    return ok ? SG_OK
              : sg_sim_line_bad(line, "write: link [delay 10ms] [jitter 10%%] [loss 1%%] "
                                      "[duplicate 1%%] [reorder 1%%], delay at most 60s, loss at "
                                      "most 90%%");
}

static sg_err read_join(struct sg_sim_line *line)
{
    bool ok = line->count == 3 && is(line, 1, "over") &&
              sg_sim_word_time(line->word[2], &line->scenario->join_ns);
    return ok ? SG_OK : sg_sim_line_bad(line, "write: join over TIME; 0 = all at once");
}

static sg_err read_settle(struct sg_sim_line *line)
{
    bool ok = line->count == 2 && sg_sim_word_time(line->word[1], &line->scenario->settle_ns);
    return ok ? SG_OK : sg_sim_line_bad(line, "write: settle TIME");
}

static sg_err read_sample(struct sg_sim_line *line)
{
    bool ok = line->count == 3 && is(line, 1, "every") &&
              sg_sim_word_time(line->word[2], &line->scenario->sample_ns) &&
              line->scenario->sample_ns >= SG_NS_PER_S;
    return ok ? SG_OK : sg_sim_line_bad(line, "write: sample every TIME, whole seconds");
}

static sg_err read_publish(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    uint64_t size = 256;
    bool ok = line->count > 1 && line->count % 2 == 1;
    for (uint32_t i = 1; ok && i + 1 < line->count; i += 2) {
        const char *value = line->word[i + 1];
        if (is(line, i, "rate"))
            ok = sg_sim_word_number(value, &scenario->publish_rate) &&
                 scenario->publish_rate >= RATE_MIN && scenario->publish_rate <= RATE_MAX;
        else if (is(line, i, "size"))
            ok = sg_sim_word_count(value, SG_LARGE_MAX, &size);
        else if (is(line, i, "from"))
            ok = sg_sim_word_time(value, &scenario->publish_from);
        else
            ok = is(line, i, "until") && sg_sim_word_time(value, &scenario->publish_until);
    }
    scenario->has_publish = true;
    scenario->publish_line = line->number;
    scenario->config.payload_len = (uint32_t)size;
    return ok ? SG_OK
              : sg_sim_line_bad(line, "write: publish rate 10 [size 256] [from TIME] [until TIME], "
                                      "rate 0.001 .. 1000000");
}

static sg_err read_phase(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    bool ok = line->count == 4;
    if (ok && is(line, 1, "safety"))
        ok = is(line, 2, "until") && sg_sim_word_time(line->word[3], &scenario->safety_ns);
    else
        ok = ok && is(line, 1, "converge") && is(line, 2, "within") &&
             sg_sim_word_time(line->word[3], &scenario->converge_ns);
    return ok ? SG_OK
              : sg_sim_line_bad(line,
                                "write: phase safety until TIME, or phase converge within TIME");
}

static sg_err read_check(struct sg_sim_line *line)
{
    bool on = line->count == 2 && is(line, 1, "on");
    line->scenario->config.check = on;
    return on || (line->count == 2 && is(line, 1, "off"))
               ? SG_OK
               : sg_sim_line_bad(line, "write: check on, or check off");
}

static sg_err read_metric(struct sg_sim_line *line)
{
    if (line->count == 2 && is(line, 1, "graph"))
        line->scenario->wants_graph = true;
    else if (line->count == 2 && is(line, 1, "heap"))
        line->scenario->wants_heap = true;
    else
        return sg_sim_line_bad(line, "write: metric graph (clustering, path), or metric heap");
    return SG_OK;
}

static sg_err read_contacts(struct sg_sim_line *line)
{
    uint64_t count = 0;
    if (line->count != 2 || !sg_sim_word_count(line->word[1], SG_HPV_CONTACTS_MAX, &count) ||
        count % 2 != 0)
        return sg_sim_line_bad(line, "write: contacts N, an even number, at most %d",
                               SG_HPV_CONTACTS_MAX);
    line->scenario->contacts = (uint32_t)count;
    return SG_OK;
}

/* What follows the kind of an attacker, one or two words at a time; 0: it makes no sense. */
static uint32_t read_adversary_word(const struct sg_sim_line *line, uint32_t at,
                                    struct sg_sim_adversary_line *adversary)
{
    struct sg_sim_who who;
    if (is(line, at, "always") || is(line, at, "first")) {
        adversary->is_always = true;
        adversary->is_first = is(line, at, "first");
        return 1;
    }
    if (at + 1 >= line->count)
        return 0;
    const char *value = line->word[at + 1];
    if (is(line, at, "from") && sg_sim_word_time(value, &adversary->from))
        return 2;
    if (is(line, at, "until") && sg_sim_word_time(value, &adversary->until))
        return 2;
    if (!is(line, at, "at") || !sg_sim_word_who(value, &who) || who.kind != SG_SIM_WHO_NODE)
        return 0;
    adversary->target = who.count;
    return 2;
}

static sg_err read_adversary(struct sg_sim_line *line)
{
    static const char *const names[] = {"honest",  "liar",  "ghost",  "replay", "storm",
                                        "flapper", "sybil", "censor", "degrade"};
    struct sg_sim_scenario *scenario = line->scenario;
    struct sg_sim_adversary_line adversary = {
        .role = SG_SIM_HONEST, .target = SG_SIM_NONE, .line = line->number};
    bool ok = line->count >= 3 && sg_sim_word_who(line->word[1], &adversary.who) &&
              adversary.who.kind <= SG_SIM_WHO_COUNT;
    for (size_t i = 1; ok && i < sizeof(names) / sizeof(names[0]); i++) {
        if (is(line, 2, names[i]))
            adversary.role = (enum sg_sim_role)i;
    }
    for (uint32_t at = 3; ok && at < line->count;) {
        uint32_t words = read_adversary_word(line, at, &adversary);
        ok = words > 0;
        at += words;
    }
    if (!ok || adversary.role == SG_SIM_HONEST)
        return sg_sim_line_bad(line, "write: adversary 10%% liar|ghost|replay|storm|flapper|sybil|"
                                     "censor|degrade [always|first|from TIME] [until TIME] "
                                     "[at node:N]");
    if (scenario->role_count == SG_SIM_ROLES_MAX)
        return sg_sim_line_bad(line, "more than %d lines 'adversary'", SG_SIM_ROLES_MAX);
    scenario->roles[scenario->role_count++] = adversary;
    return SG_OK;
}

static bool read_op(const char *word, enum sg_sim_op *op)
{
    static const char *const names[] = {"<", "<=", "==", ">=", ">", "!="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], word) == 0) {
            *op = (enum sg_sim_op)i;
            return true;
        }
    }
    return false;
}

static void join_words(const struct sg_sim_line *line, uint32_t from, char *text, size_t cap)
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = from; i < line->count && used < cap; i++)
        used +=
            (size_t)snprintf(text + used, cap - used, "%s%s", i > from ? " " : "", line->word[i]);
}

static sg_err read_expect(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    struct sg_sim_expect expect = {.metric = 0};
    char name[2 * 64 + 2];
    uint32_t op_at = line->count - 2;
    if (line->count < 4 || line->count > 5 || !read_op(line->word[op_at], &expect.op) ||
        !sg_sim_word_value(line->word[op_at + 1], &expect.limit))
        return sg_sim_line_bad(line, "write: expect METRIC [p50|p95|p99|max] OP VALUE, OP one of "
                                     "< <= == >= > !=, VALUE such as 0, 3s, 99%%");
    (void)snprintf(name, sizeof(name), "%s%s%s", line->word[1], op_at == 3 ? " " : "",
                   op_at == 3 ? line->word[2] : "");
    expect.metric = sg_sim_metric_find(name);
    if (expect.metric == SG_SIM_METRIC_NONE)
        return sg_sim_metric_unknown(line, name);
    if (scenario->expect_count == SG_SIM_EXPECT_MAX)
        return sg_sim_line_bad(line, "more than %d lines 'expect'", SG_SIM_EXPECT_MAX);
    join_words(line, 1, expect.text, sizeof(expect.text));
    scenario->expects[scenario->expect_count++] = expect;
    return SG_OK;
}

sg_err sg_sim_line_read(struct sg_sim_line *line)
{
    static const struct {
        const char *name;
        sg_err (*read)(struct sg_sim_line *line);
    } commands[] = {
        {"nodes", read_nodes},       {"seeds", read_seeds},    {"link", read_link},
        {"join", read_join},         {"settle", read_settle},  {"publish", read_publish},
        {"at", sg_sim_line_at},      {"set", sg_sim_line_set}, {"adversary", read_adversary},
        {"phase", read_phase},       {"expect", read_expect},  {"sample", read_sample},
        {"metric", read_metric},     {"check", read_check},    {"lab", sg_sim_line_lab},
        {"contacts", read_contacts},
    };
    char list[160] = "";
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, line->word[0]) == 0)
            return commands[i].read(line);
        strcat(list, " ");
        strcat(list, commands[i].name);
    }
    return sg_sim_line_bad(line, "'%.20s' is no command; there are: let small%s", line->word[0],
                           list);
}
