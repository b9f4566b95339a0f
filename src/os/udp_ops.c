#include "os/udp_ops.h"

#include <unistd.h>

/* glibc declares bind and getsockname with transparent unions; these have the plain types. */
static int ops_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return bind(fd, addr, len);
}

static int ops_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return getsockname(fd, addr, len);
}

static int ops_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return sendmmsg(fd, msgs, count, flags);
}

static int ops_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    return recvmmsg(fd, msgs, count, flags, NULL);
}

const struct sg_udp_ops *sg_udp_ops_default(void)
{
    static const struct sg_udp_ops ops = {
        .socket = socket,
        .bind = ops_bind,
        .getsockname = ops_getsockname,
        .setsockopt = setsockopt,
        .getsockopt = getsockopt,
        .sendmsg = sendmsg,
        .sendmmsg = ops_sendmmsg,
        .recvmsg = recvmsg,
        .recvmmsg = ops_recvmmsg,
        .close = close,
    };
    return &ops;
}
