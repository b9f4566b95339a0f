#include "runtime/ready.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

void sg_rt_ready_init(struct sg_rt_ready *ready)
{
    ready->fd = -1;
}

void sg_rt_ready_fini(struct sg_rt_ready *ready)
{
    if (ready->fd >= 0)
        (void)close(ready->fd);
    ready->fd = -1;
}

int sg_rt_ready_fd(struct sg_rt_ready *ready, bool is_ready)
{
    if (ready->fd < 0) {
        ready->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (is_ready)
            sg_rt_ready_set(ready, true);
    }
    return ready->fd;
}

void sg_rt_ready_set(const struct sg_rt_ready *ready, bool is_ready)
{
    uint64_t one = 1;
    ssize_t n = 0;
    if (ready->fd < 0)
        return;
    do {
        if (is_ready)
            n = write(ready->fd, &one, sizeof one);
        else
            n = read(ready->fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
}
