/* The words that stand for the library's enums, on the command line and in JSON. */
#ifndef SG_APP_TOPIC_WORDS_H
#define SG_APP_TOPIC_WORDS_H

#include <stdbool.h>

#include <saorsa/gossip.h>

#define SG_APP_PRIORITIES "critical, normal or bulk"
#define SG_APP_POLICIES "drop-oldest, drop-newest, block or disconnect"

const char *sg_app_priority_word(enum sg_priority priority);
/* False: no such word. */
bool sg_app_priority_of(const char *word, enum sg_priority *priority);
bool sg_app_policy_of(const char *word, enum sg_full_policy *policy);
/* "published", "first", "copy", "asked", "pushed", "dropped" */
const char *sg_app_step_word(enum sg_step_kind kind);

#endif
