/* Lines that begin with "at": what happens when, to whom, for how long, how often. */
#include <string.h>

#include "scenario.h"

/* Less would be no fault, but a run without end. */
#define EVERY_MIN_NS SG_NS_PER_MS

static const struct verb {
    const char *name;
    enum sg_sim_action_kind kind;
    bool has_who, needs_for;
    const char *usage;
} verbs[] = {
    {"kill", SG_SIM_DO_KILL, true, false, "kill WHO [for TIME] [lost-disk]"},
    {"restart", SG_SIM_DO_RESTART, true, false, "restart WHO [lost-disk]"},
    {"leave", SG_SIM_DO_LEAVE, true, false, "leave WHO"},
    {"partition", SG_SIM_DO_PARTITION, true, false, "partition WHO [name NAME] [for TIME]"},
    {"heal", SG_SIM_DO_HEAL, false, false, "heal [name NAME]"},
    {"stall", SG_SIM_DO_STALL, true, true, "stall WHO for TIME"},
    {"freeze", SG_SIM_DO_FREEZE, true, true, "freeze WHO for TIME"},
    {"suspend", SG_SIM_DO_SUSPEND, true, true, "suspend WHO for TIME"},
    {"clock", SG_SIM_DO_CLOCK, true, false, "clock WHO by +1h"},
    {"loss", SG_SIM_DO_LOSS, false, false, "loss SHARE [for TIME]"},
    {"oneway", SG_SIM_DO_ONEWAY, true, false, "oneway WHO loss SHARE in|out [for TIME]"},
    {"slow", SG_SIM_DO_SLOW, true, false, "slow WHO by TIME [for TIME]"},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *verb_of(const char *word)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strcmp(verbs[i].name, word) == 0)
            return &verbs[i];
    }
    return NULL;
}

/* The next word, NULL at the end of the line. */
static const char *next(struct sg_sim_line *line)
{
    return line->at < line->count ? line->word[line->at++] : NULL;
}

static bool next_time(struct sg_sim_line *line, uint64_t *ns)
{
    const char *word = next(line);
    return word != NULL && sg_sim_word_time(word, ns);
}

/* What stands between the nodes and the options. */
static bool read_details(struct sg_sim_line *line, struct sg_sim_action *action)
{
    const char *word;
    switch (action->kind) {
    case SG_SIM_DO_CLOCK:
        word = next(line);
        if (word == NULL || strcmp(word, "by") != 0)
            return false;
        word = next(line);
        return word != NULL && sg_sim_word_shift(word, &action->shift_ms);
    case SG_SIM_DO_SLOW:
        word = next(line);
        return word != NULL && strcmp(word, "by") == 0 && next_time(line, &action->delay_ns);
    case SG_SIM_DO_ONEWAY:
        word = next(line);
        if (word == NULL || strcmp(word, "loss") != 0)
            return false;
        word = next(line);
        if (word == NULL || !sg_sim_word_share(word, &action->share))
            return false;
        word = next(line);
        action->is_inward = word != NULL && strcmp(word, "in") == 0;
        return word != NULL && (action->is_inward || strcmp(word, "out") == 0);
    case SG_SIM_DO_LOSS:
        word = next(line);
        return word != NULL && sg_sim_word_share(word, &action->share);
    case SG_SIM_DO_KILL:
    case SG_SIM_DO_RESTART:
    case SG_SIM_DO_LEAVE:
    case SG_SIM_DO_PARTITION:
    case SG_SIM_DO_HEAL:
    case SG_SIM_DO_STALL:
    case SG_SIM_DO_FREEZE:
    case SG_SIM_DO_SUSPEND:
        return true;
    }
    return false;
}

static bool read_option(struct sg_sim_line *line, struct sg_sim_action *action)
{
    const char *word = next(line);
    if (strcmp(word, "for") == 0)
        return next_time(line, &action->length) && action->length > 0;
    if (strcmp(word, "every") == 0)
        return next_time(line, &action->every) && action->every > 0;
    if (strcmp(word, "until") == 0)
        return next_time(line, &action->until);
    if (strcmp(word, "lost-disk") == 0 &&
        (action->kind == SG_SIM_DO_KILL || action->kind == SG_SIM_DO_RESTART)) {
        action->lost_disk = true;
        return true;
    }
    if (strcmp(word, "name") != 0 ||
        (action->kind != SG_SIM_DO_PARTITION && action->kind != SG_SIM_DO_HEAL))
        return false;
    word = next(line);
    if (word == NULL || strlen(word) >= SG_SIM_NAME_MAX)
        return false;
    memcpy(action->name, word, strlen(word) + 1);
    return true;
}

static sg_err unknown_verb(struct sg_sim_line *line, const char *word)
{
    char list[160] = "";
    for (size_t i = 0; i < VERB_COUNT; i++) {
        strcat(list, " ");
        strcat(list, verbs[i].name);
    }
    return sg_sim_line_bad(line, "'%.20s' is nothing that can happen; there are:%s", word, list);
}

sg_err sg_sim_line_at(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    struct sg_sim_action action = {.line = line->number};
    line->at = 1;
    if (!next_time(line, &action.at) || line->at == line->count)
        return sg_sim_line_bad(line, "write: at TIME WHAT .., e.g. at 30s kill 50%%");
    const char *word = next(line);
    const struct verb *verb = verb_of(word);
    if (verb == NULL)
        return unknown_verb(line, word);
    action.kind = verb->kind;
    word = verb->has_who ? next(line) : "all";
    bool ok = word != NULL && sg_sim_word_who(word, &action.who) && read_details(line, &action);
    while (ok && line->at < line->count)
        ok = read_option(line, &action);
    if (!ok || (verb->needs_for && action.length == 0))
        return sg_sim_line_bad(line,
                               "write: at TIME %s [every TIME] [until TIME]; WHO: 50%%, 8, half, "
                               "all, seeds, node:3",
                               verb->usage);
    if (action.every > 0 && action.every < EVERY_MIN_NS)
        return sg_sim_line_bad(line, "every 1ms is the least");
    if (action.share > 0.9)
        return sg_sim_line_bad(line, "a loss of more than 90%% is no link: use partition");
    if (scenario->action_count == SG_SIM_ACTIONS_MAX)
        return sg_sim_line_bad(line, "more than %d lines 'at'", SG_SIM_ACTIONS_MAX);
    scenario->actions[scenario->action_count++] = action;
    return SG_OK;
}
