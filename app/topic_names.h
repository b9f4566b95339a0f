/* The names of topics that this node has heard from its user, to show them instead of ids. The
 * newest SG_APP_TOPIC_NAMES_MAX are kept. */
#ifndef SG_APP_TOPIC_NAMES_H
#define SG_APP_TOPIC_NAMES_H

#include <saorsa/types.h>

#define SG_APP_TOPIC_NAMES_MAX 256

struct sg_app_topic_names {
    struct sg_topic_id ids[SG_APP_TOPIC_NAMES_MAX];
    char *names[SG_APP_TOPIC_NAMES_MAX]; /* NULL: free */
    size_t next;
};

void sg_app_topic_names_fini(struct sg_app_topic_names *names);
/* Without memory for it nothing is learned. */
void sg_app_topic_names_learn(struct sg_app_topic_names *names, const struct sg_topic_id *id,
                              const char *name);
/* NULL: not known. Borrowed until the next name is learned. */
const char *sg_app_topic_name(const struct sg_app_topic_names *names, const struct sg_topic_id *id);

#endif
