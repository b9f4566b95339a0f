/* Words of a scenario: durations, shares, counts, groups of nodes. */
#include <stdlib.h>
#include <string.h>

#include "scenario.h"

/* A year: longer than any scenario, far below what overflows. */
#define TIME_MAX_S (365.0 * 86400)

/* A plain decimal number at the start of a word: no sign, exponent, hex, "inf" or "nan". */
static bool decimal(const char *word, double *value, const char **rest)
{
    size_t len = strspn(word, "0123456789.");
    char text[32];
    char *end;
    if (len == 0 || len >= sizeof(text))
        return false;
    memcpy(text, word, len);
    text[len] = '\0';
    *value = strtod(text, &end);
    *rest = word + len;
    return *end == '\0';
}

static bool seconds(const char *word, double *value)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    const char *rest;
    if (!decimal(word, value, &rest))
        return false;
    if (*rest == '\0' && *value == 0)
        return true;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(rest, units[i].name) == 0) {
            *value *= units[i].factor;
            return *value <= TIME_MAX_S;
        }
    }
    return false;
}

bool sg_sim_word_time(const char *word, uint64_t *ns)
{
    double value;
    if (!seconds(word, &value))
        return false;
    *ns = (uint64_t)(value * 1e9 + 0.5);
    return true;
}

bool sg_sim_word_shift(const char *word, int64_t *ms)
{
    double value;
    bool is_back = *word == '-';
    if ((*word != '+' && !is_back) || !seconds(word + 1, &value))
        return false;
    *ms = (int64_t)(value * 1e3) * (is_back ? -1 : 1);
    return true;
}

bool sg_sim_word_number(const char *word, double *number)
{
    const char *rest;
    return decimal(word, number, &rest) && *rest == '\0';
}

bool sg_sim_word_share(const char *word, double *share)
{
    const char *rest;
    if (!decimal(word, share, &rest))
        return false;
    if (strcmp(rest, "%") == 0)
        *share /= 100;
    else if (*rest != '\0')
        return false;
    return *share <= 1;
}

bool sg_sim_word_count(const char *word, uint64_t max, uint64_t *count)
{
    if (*word == '\0' || strspn(word, "0123456789") != strlen(word) || strlen(word) > 18)
        return false;
    *count = strtoull(word, NULL, 10);
    return *count <= max;
}

bool sg_sim_word_who(const char *word, struct sg_sim_who *who)
{
    uint64_t count = 0;
    *who = (struct sg_sim_who){.kind = SG_SIM_WHO_SHARE};
    if (strcmp(word, "half") == 0) {
        who->share = 0.5;
        return true;
    }
    if (strchr(word, '%') != NULL)
        return sg_sim_word_share(word, &who->share);
    if (strcmp(word, "all") == 0)
        who->kind = SG_SIM_WHO_ALL;
    else if (strcmp(word, "seeds") == 0)
        who->kind = SG_SIM_WHO_SEEDS;
    else if (strncmp(word, "node:", 5) == 0 && sg_sim_word_count(word + 5, 99999, &count))
        who->kind = SG_SIM_WHO_NODE;
    else if (sg_sim_word_count(word, 100000, &count))
        who->kind = SG_SIM_WHO_COUNT;
    else
        return false;
    who->count = (uint32_t)count;
    return true;
}

bool sg_sim_word_value(const char *word, double *value)
{
    const char *rest;
    if (sg_sim_word_number(word, value))
        return true;
    if (decimal(word, value, &rest) && strcmp(rest, "%") == 0) {
        *value /= 100;
        return true;
    }
    return seconds(word, value);
}
