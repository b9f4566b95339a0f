#include "topic_words.h"

#include <string.h>

#include "command.h"

const char *sg_app_priority_word(enum sg_priority priority)
{
    switch (priority) {
    case SG_PRIORITY_NORMAL:
        return "normal";
    case SG_PRIORITY_CRITICAL:
        return "critical";
    case SG_PRIORITY_BULK:
        return "bulk";
    }
    return "normal";
}

bool sg_app_priority_of(const char *word, enum sg_priority *priority)
{
    static const enum sg_priority ALL[] = {SG_PRIORITY_NORMAL, SG_PRIORITY_CRITICAL,
                                           SG_PRIORITY_BULK};
    for (size_t i = 0; i < SG_COUNT(ALL); i++) {
        if (strcmp(word, sg_app_priority_word(ALL[i])) == 0) {
            *priority = ALL[i];
            return true;
        }
    }
    return false;
}

bool sg_app_policy_of(const char *word, enum sg_full_policy *policy)
{
    static const struct {
        const char *word;
        enum sg_full_policy policy;
    } WORDS[] = {{"drop-oldest", SG_FULL_DROP_OLDEST},
                 {"drop-newest", SG_FULL_DROP_NEWEST},
                 {"block", SG_FULL_BLOCK},
                 {"disconnect", SG_FULL_CLOSE}};
    for (size_t i = 0; i < SG_COUNT(WORDS); i++) {
        if (strcmp(word, WORDS[i].word) == 0) {
            *policy = WORDS[i].policy;
            return true;
        }
    }
    return false;
}

const char *sg_app_step_word(enum sg_step_kind kind)
{
    switch (kind) {
    case SG_STEP_PUBLISHED:
        return "published";
    case SG_STEP_FIRST:
        return "first";
    case SG_STEP_COPY:
        return "copy";
    case SG_STEP_ASKED:
        return "asked";
    case SG_STEP_PUSHED:
        return "pushed";
    case SG_STEP_DROPPED:
        return "dropped";
    }
    return "?";
}
