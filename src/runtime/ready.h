/* A descriptor for poll(2) that is readable while something waits: an eventfd, made when somebody
 * first asks for it, because most readers just block. The owner's lock guards it. */
#ifndef SG_RUNTIME_READY_H
#define SG_RUNTIME_READY_H

#include <stdbool.h>

struct sg_rt_ready {
    int fd; /* -1: nobody asked yet */
};

void sg_rt_ready_init(struct sg_rt_ready *ready);
void sg_rt_ready_fini(struct sg_rt_ready *ready);
/* The descriptor, owned by ready; readable from the start when is_ready. -1: none is left. */
int sg_rt_ready_fd(struct sg_rt_ready *ready, bool is_ready);
void sg_rt_ready_set(const struct sg_rt_ready *ready, bool is_ready);

#endif
