/* The system calls of os/udp as a table, so that a test can make any of them fail. Signatures and
 * results are those of the manual pages, errno included. */
#ifndef SG_OS_UDP_OPS_H
#define SG_OS_UDP_OPS_H

#include <sys/socket.h>

struct mmsghdr;

struct sg_udp_ops {
    int (*socket)(int domain, int type, int protocol);
    int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
    int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
    int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
    ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
    int (*sendmmsg)(int fd, struct mmsghdr *msgs, unsigned count, int flags);
    ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
    int (*recvmmsg)(int fd, struct mmsghdr *msgs, unsigned count, int flags);
    int (*close)(int fd);
};

/* The kernel's. Static. */
const struct sg_udp_ops *sg_udp_ops_default(void);

#endif
