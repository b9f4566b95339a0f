#include "topic_names.h"

#include <stdlib.h>
#include <string.h>

void sg_app_topic_names_fini(struct sg_app_topic_names *names)
{
    for (size_t i = 0; i < SG_APP_TOPIC_NAMES_MAX; i++)
        free(names->names[i]);
    *names = (struct sg_app_topic_names){.next = 0};
}

const char *sg_app_topic_name(const struct sg_app_topic_names *names, const struct sg_topic_id *id)
{
    for (size_t i = 0; i < SG_APP_TOPIC_NAMES_MAX && names->names[i] != NULL; i++) {
        if (memcmp(names->ids[i].b, id->b, SG_ID_LEN) == 0)
            return names->names[i];
    }
    return NULL;
}

void sg_app_topic_names_learn(struct sg_app_topic_names *names, const struct sg_topic_id *id,
                              const char *name)
{
    if (sg_app_topic_name(names, id) != NULL)
        return;
    char *copy = strdup(name);
    if (copy == NULL)
        return;
    free(names->names[names->next]);
    names->names[names->next] = copy;
    names->ids[names->next] = *id;
    names->next = (names->next + 1) % SG_APP_TOPIC_NAMES_MAX;
}
