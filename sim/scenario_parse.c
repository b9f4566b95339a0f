/* From text to a scenario: lines, words, variables, and what all lines together must be.
 *
 * A line is words up to a '#'. "let NAME VALUE" makes a variable, "$NAME" is replaced by it. Lines
 * that begin with "small" count only at the small scale, and after all others; settings given
 * beside the text come last of all. So later lines override earlier ones. */
#include <stdio.h>
#include <string.h>

#include "lab_scenario.h"

#define VARS_MAX 24
#define TOTAL_NS_MAX (40 * 86400 * SG_NS_PER_S)
#define MESSAGES_MAX 4000000

struct variable {
    char name[64];
    char value[64];
};

struct parser {
    struct sg_bytes text;
    const struct sg_sim_settings *settings;
    struct sg_sim_line line;
    struct variable vars[VARS_MAX];
    uint32_t var_count;
};

/* ---- words ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Splits text [len] into the words of the line. */
static sg_err split(struct sg_sim_line *line, const uint8_t *text, size_t len)
{
    size_t at = 0;
    line->count = line->at = 0;
    for (;;) {
        while (at < len && is_space(text[at]))
            at++;
        if (at == len || text[at] == '#')
            return SG_OK;
        size_t start = at;
        while (at < len && !is_space(text[at]) && text[at] != '#')
            at++;
        if (line->count == SG_SIM_WORDS_MAX || at - start >= sizeof(line->word[0]))
            return sg_sim_line_bad(line, "a line has at most %d words of at most 63 characters",
                                   SG_SIM_WORDS_MAX);
        memcpy(line->word[line->count], text + start, at - start);
        line->word[line->count++][at - start] = '\0';
    }
}

static void drop_first_word(struct sg_sim_line *line)
{
    line->count--;
    memmove(line->word[0], line->word[1], line->count * sizeof(line->word[0]));
}

static struct variable *find(struct parser *p, const char *name)
{
    for (uint32_t i = 0; i < p->var_count; i++) {
        if (strcmp(p->vars[i].name, name) == 0)
            return &p->vars[i];
    }
    return NULL;
}

static sg_err let(struct parser *p)
{
    struct sg_sim_line *line = &p->line;
    if (line->count != 3)
        return sg_sim_line_bad(line, "write: let NAME VALUE");
    struct variable *var = find(p, line->word[1]);
    if (var == NULL && p->var_count == VARS_MAX)
        return sg_sim_line_bad(line, "more than %d variables", VARS_MAX);
    if (var == NULL)
        var = &p->vars[p->var_count++];
    memcpy(var->name, line->word[1], sizeof(var->name));
    memcpy(var->value, line->word[2], sizeof(var->value));
    return SG_OK;
}

static sg_err replace(struct parser *p)
{
    struct sg_sim_line *line = &p->line;
    for (uint32_t i = 0; i < line->count; i++) {
        if (line->word[i][0] != '$')
            continue;
        const struct variable *var = find(p, line->word[i] + 1);
        if (var == NULL)
            return sg_sim_line_bad(line, "there is no 'let %s'", line->word[i] + 1);
        memcpy(line->word[i], var->value, sizeof(line->word[i]));
    }
    return SG_OK;
}

/* ---- sweeps ---- */

enum sweep { LETS, SMALL_LETS, COMMANDS, SMALL_COMMANDS };

static sg_err read_line(struct parser *p, enum sweep sweep)
{
    struct sg_sim_line *line = &p->line;
    if (line->count == 0)
        return SG_OK;
    bool is_small = strcmp(line->word[0], "small") == 0;
    if (is_small && line->count == 1)
        return sg_sim_line_bad(line, "write: small COMMAND ..");
    if (is_small)
        drop_first_word(line);
    if (is_small != (sweep == SMALL_LETS || sweep == SMALL_COMMANDS))
        return SG_OK;
    bool is_let = strcmp(line->word[0], "let") == 0;
    if (is_let != (sweep == LETS || sweep == SMALL_LETS))
        return SG_OK;
    if (is_let)
        return let(p);
    SG_TRY(replace(p));
    return sg_sim_line_read(line);
}

static sg_err sweep_text(struct parser *p, enum sweep sweep)
{
    const uint8_t *text = p->text.data;
    size_t at = 0;
    p->line.number = 0;
    while (at < p->text.len) {
        size_t end = at;
        while (end < p->text.len && text[end] != '\n')
            end++;
        p->line.number++;
        SG_TRY(split(&p->line, text + at, end - at));
        SG_TRY(read_line(p, sweep));
        at = end + 1;
    }
    return SG_OK;
}

/* "key=value": a variable, "nodes=5" -> nodes 5, "link.loss=1%" -> link loss 1%, else a knob. */
static sg_err read_setting(struct parser *p, const char *item, bool lets)
{
    char text[160];
    char key[64];
    const char *equals = strchr(item, '=');
    p->line.number = 0;
    if (equals == NULL || equals == item || strlen(item) >= 120 ||
        (size_t)(equals - item) >= sizeof(key))
        return sg_sim_line_bad(&p->line, "'%.40s' is not key=value", item);
    memcpy(key, item, (size_t)(equals - item));
    key[equals - item] = '\0';
    bool is_var = find(p, key) != NULL;
    if (is_var != lets)
        return SG_OK;
    char *dot = strchr(key, '.');
    const char *verb = is_var ? "let " : dot != NULL || sg_sim_is_knob(key) ? "set " : "";
    if (dot != NULL && strncmp(key, "link.", 5) == 0 && !sg_sim_is_knob(key)) {
        verb = "";
        *dot = ' ';
    }
    int len = snprintf(text, sizeof(text), "%s%s %s", verb, key, equals + 1);
    SG_TRY(split(&p->line, (const uint8_t *)text, (size_t)len));
    return lets ? let(p) : sg_sim_line_read(&p->line);
}

static sg_err read_settings(struct parser *p, bool lets)
{
    for (size_t i = 0; p->settings != NULL && i < p->settings->count; i++)
        SG_TRY(read_setting(p, p->settings->items[i], lets));
    return SG_OK;
}

static sg_err read_all(struct parser *p)
{
    bool small = p->settings != NULL && p->settings->small;
    SG_TRY(sweep_text(p, LETS));
    if (small)
        SG_TRY(sweep_text(p, SMALL_LETS));
    SG_TRY(read_settings(p, true));
    SG_TRY(sweep_text(p, COMMANDS));
    if (small)
        SG_TRY(sweep_text(p, SMALL_COMMANDS));
    return read_settings(p, false);
}

/* ---- the whole ---- */

/* The first comment, without its sign. */
static void read_about(struct parser *p, struct sg_sim_scenario *scenario)
{
    size_t at = 0;
    while (at < p->text.len && (p->text.data[at] == '#' || is_space(p->text.data[at])))
        at++;
    size_t end = at;
    while (end < p->text.len && p->text.data[end] != '\n' && end - at < sizeof(scenario->about) - 1)
        end++;
    if (at > 0)
        memcpy(scenario->about, p->text.data + at, end - at);
}

static uint32_t count_of(const struct sg_sim_scenario *scenario, const struct sg_sim_who *who)
{
    switch (who->kind) {
    case SG_SIM_WHO_SHARE:
        return (uint32_t)(who->share * scenario->first_nodes + 0.5); /* as they are drawn */
    case SG_SIM_WHO_COUNT:
        return who->count;
    case SG_SIM_WHO_ALL:
        return scenario->first_nodes;
    case SG_SIM_WHO_SEEDS:
        return 1 + scenario->first_nodes / 50;
    case SG_SIM_WHO_NODE:
        return 1;
    }
    return 0;
}

/* A lost disk is a new identity, and so a new node: how many there may be. */
static uint64_t spares_of(const struct sg_sim_scenario *scenario)
{
    uint64_t spares = 0;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct sg_sim_action *action = &scenario->actions[i];
        if (action->lost_disk)
            spares += sg_sim_action_times(action) * count_of(scenario, &action->who);
    }
    return spares;
}

static sg_err finish_actions(struct sg_sim_line *line, struct sg_sim_scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        struct sg_sim_action *action = &scenario->actions[i];
        line->number = action->line;
        if (action->at > scenario->safety_ns)
            return sg_sim_line_bad(line, "this is after the end of the safety phase");
        if (action->until == 0 || action->until > scenario->safety_ns)
            action->until = scenario->safety_ns;
    }
    line->number = 0;
    return SG_OK;
}

static sg_err finish_publish(struct sg_sim_line *line, struct sg_sim_scenario *scenario)
{
    struct sg_sim_config *config = &scenario->config;
    config->messages = 0;
    if (!scenario->has_publish)
        return SG_OK;
    if (scenario->publish_until == 0 || scenario->publish_until > scenario->safety_ns)
        scenario->publish_until = scenario->safety_ns;
    double seconds = (double)sg_time_since(scenario->publish_until, scenario->publish_from) / 1e9;
    double messages = seconds * scenario->publish_rate;
    line->number = scenario->publish_line;
    if (messages < 1 || messages > MESSAGES_MAX)
        return sg_sim_line_bad(line, "'publish' gives %g messages, 1 .. %d are allowed", messages,
                               MESSAGES_MAX);
    /* at least one of the messages is left out of the redundancy: trees settle */
    uint32_t total = messages < 2 ? 2 : (uint32_t)messages;
    config->rate = scenario->publish_rate;
    config->warmup = total / 10 > 0 ? total / 10 : 1;
    config->messages = total - config->warmup;
    line->number = 0;
    return SG_OK;
}

/* "phase converge within" is an expectation like others, the first one. */
static sg_err expect_convergence(struct sg_sim_line *line, struct sg_sim_scenario *scenario)
{
    char text[SG_SIM_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "expect converged_in <= %gs",
                       (double)scenario->converge_ns / 1e9);
    if (scenario->converge_ns == 0)
        return SG_OK;
    SG_TRY(split(line, (const uint8_t *)text, (size_t)len));
    SG_TRY(sg_sim_line_read(line));
    struct sg_sim_expect last = scenario->expects[scenario->expect_count - 1];
    memmove(&scenario->expects[1], &scenario->expects[0],
            (scenario->expect_count - 1) * sizeof(last));
    scenario->expects[0] = last;
    return SG_OK;
}

static sg_err finish(struct sg_sim_line *line, struct sg_sim_scenario *scenario)
{
    struct sg_sim_config *config = &scenario->config;
    line->number = 0;
    bool is_lab = scenario->lab.kind != SG_SIM_LAB_NONE;
    if (scenario->safety_ns == 0 && !is_lab)
        return sg_sim_line_bad(line, "a line 'phase safety until TIME' is missing");
    if (scenario->expect_count == 0)
        return sg_sim_line_bad(line, "a line 'expect ..' is missing: what is this to show?");
    if (is_lab)
        return sg_sim_lab_finish(line, scenario);
    SG_TRY(expect_convergence(line, scenario));
    SG_TRY(finish_actions(line, scenario));
    SG_TRY(finish_publish(line, scenario));
    uint64_t nodes = scenario->first_nodes + spares_of(scenario);
    if (nodes > 100000)
        return sg_sim_line_bad(line, "with lost disks this needs more than 100000 identities");
    config->nodes = (uint32_t)nodes;
    /* joining, and the 2 minutes that views are given to get into one piece */
    config->limit_ns = scenario->join_ns + scenario->settle_ns + 125 * SG_NS_PER_S +
                       scenario->safety_ns + scenario->converge_ns + 5 * SG_NS_PER_S;
    if (config->limit_ns > TOTAL_NS_MAX)
        return sg_sim_line_bad(line, "this takes more than 40 days of virtual time");
    return sg_sim_scenario_check(line);
}

static void set_defaults(struct sg_sim_scenario *scenario)
{
    sg_sim_config_init(&scenario->config);
    scenario->first_nodes = 100;
    scenario->seed_first = scenario->seed_last = 1;
    scenario->join_ns = 5 * SG_NS_PER_S;
    scenario->settle_ns = 10 * SG_NS_PER_S;
    scenario->sample_ns = SG_NS_PER_S;
}

sg_err sg_sim_scenario_new(struct sg_bytes text, const struct sg_sim_settings *settings,
                           struct sg_sim_scenario **out, struct sg_sim_problem *problem)
{
    if (out == NULL || problem == NULL || (text.data == NULL && text.len > 0))
        return SG_ERR_INVALID_ARGUMENT;
    const struct sg_mem *mem = sg_mem_default();
    struct parser *p = sg_mem_new(mem, 1, sizeof(*p));
    struct sg_sim_scenario *scenario = sg_mem_new(mem, 1, sizeof(*scenario));
    sg_err err = p == NULL || scenario == NULL ? SG_ERR_NO_MEMORY : SG_OK;
    *problem = (struct sg_sim_problem){.line = 0};
    if (err == SG_OK) {
        set_defaults(scenario);
        p->text = text;
        p->settings = settings;
        p->line.scenario = scenario;
        p->line.problem = problem;
        read_about(p, scenario);
        err = read_all(p);
    }
    if (err == SG_OK)
        err = finish(&p->line, scenario);
    sg_mem_free(mem, p);
    if (err != SG_OK) {
        sg_mem_free(mem, scenario);
        return err;
    }
    *out = scenario;
    return SG_OK;
}

void sg_sim_scenario_free(struct sg_sim_scenario *scenario)
{
    sg_mem_free(sg_mem_default(), scenario);
}

void sg_sim_scenario_seeds(const struct sg_sim_scenario *scenario, uint64_t *first, uint64_t *last)
{
    *first = scenario->seed_first;
    *last = scenario->seed_last;
}

const char *sg_sim_scenario_about(const struct sg_sim_scenario *scenario)
{
    return scenario->about;
}
