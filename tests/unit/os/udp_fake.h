/* System calls of os/udp that fail on command: traps.md row 15. Every call goes to the kernel
 * unless the script below says otherwise. */
#ifndef SG_TESTS_UNIT_OS_UDP_FAKE_H
#define SG_TESTS_UNIT_OS_UDP_FAKE_H

#include "udp_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "os/udp_ops.h"

/* Sends and receives are counted from 0; those with from <= n < from + times fail with error. */
struct script {
    int error;
    unsigned from;
    unsigned times;
};

static struct {
    struct script send;
    struct script recv;
    unsigned sends;
    unsigned recvs;
    int gso_error;      /* of every send that carries UDP_SEGMENT */
    unsigned batch_max; /* sendmmsg takes no more than this; 0 = no limit */
    bool no_mmsg;       /* sendmmsg and recvmmsg do not exist */
    int option_level;   /* the option that setsockopt refuses */
    int option_name;    /* -1 = all of them */
    int option_error;
    int socket_error;
    int bind_error;
    int getsockname_error;
    int flags; /* added to the next received message */
    bool source_port_0;
    unsigned opened;
    unsigned closed;
} fake;

static inline bool fails(struct script script, unsigned n)
{
    if (script.error == 0 || n < script.from || n - script.from >= script.times)
        return false;
    errno = script.error;
    return true;
}

static inline bool has_gso(const struct msghdr *msg)
{
    struct msghdr copy = *msg;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c != NULL; c = CMSG_NXTHDR(&copy, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
            return true;
    }
    return false;
}

static inline ssize_t fake_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (fails(fake.send, fake.sends++))
        return -1;
    if (fake.gso_error != 0 && has_gso(msg)) {
        errno = fake.gso_error;
        return -1;
    }
    return sg_udp_ops_default()->sendmsg(fd, msg, flags);
}

/* Message by message, as the kernel does it: an error after the first one is reported as a
 * smaller count, and again by the next call. */
static inline int fake_sendmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    if (fake.no_mmsg) {
        errno = ENOSYS;
        return -1;
    }
    unsigned sent = 0;
    while (sent < count && (fake.batch_max == 0 || sent < fake.batch_max)) {
        if (fake_sendmsg(fd, &msgs[sent].msg_hdr, flags) < 0) {
            if (sent > 0)
                fake.sends--; /* the same message will be tried again */
            return sent > 0 ? (int)sent : -1;
        }
        sent++;
    }
    return (int)sent;
}

static inline void spoil(struct msghdr *msg)
{
    msg->msg_flags |= fake.flags;
    if (fake.source_port_0)
        memset((uint8_t *)msg->msg_name + offsetof(struct sockaddr_in, sin_port), 0, 2);
    fake.flags = 0;
    fake.source_port_0 = false;
}

static inline ssize_t fake_recvmsg(int fd, struct msghdr *msg, int flags)
{
    if (fails(fake.recv, fake.recvs++))
        return -1;
    ssize_t len = sg_udp_ops_default()->recvmsg(fd, msg, flags);
    if (len >= 0)
        spoil(msg);
    return len;
}

static inline int fake_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
    if (fake.no_mmsg) {
        errno = ENOSYS;
        return -1;
    }
    if (fails(fake.recv, fake.recvs++))
        return -1;
    int received = sg_udp_ops_default()->recvmmsg(fd, msgs, count, flags);
    if (received > 0)
        spoil(&msgs[0].msg_hdr);
    return received;
}

static inline int fake_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (fake.option_error != 0 &&
        (fake.option_name == -1 || (fake.option_level == level && fake.option_name == name))) {
        errno = fake.option_error;
        return -1;
    }
    return sg_udp_ops_default()->setsockopt(fd, level, name, value, len);
}

static inline int fake_socket(int domain, int type, int protocol)
{
    if (fake.socket_error != 0) {
        errno = fake.socket_error;
        return -1;
    }
    fake.opened++;
    return sg_udp_ops_default()->socket(domain, type, protocol);
}

static inline int fake_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    errno = fake.bind_error;
    return errno != 0 ? -1 : sg_udp_ops_default()->bind(fd, addr, len);
}

static inline int fake_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    errno = fake.getsockname_error;
    return errno != 0 ? -1 : sg_udp_ops_default()->getsockname(fd, addr, len);
}

static inline int fake_close(int fd)
{
    fake.closed++;
    return sg_udp_ops_default()->close(fd);
}

static const struct sg_udp_ops fake_ops = {
    .socket = fake_socket,
    .bind = fake_bind,
    .getsockname = fake_getsockname,
    .setsockopt = fake_setsockopt,
    .getsockopt = getsockopt,
    .sendmsg = fake_sendmsg,
    .sendmmsg = fake_sendmmsg,
    .recvmsg = fake_recvmsg,
    .recvmmsg = fake_recvmmsg,
    .close = fake_close,
};

static inline void clear(void)
{
    memset(&fake, 0, sizeof fake);
    forget_collected();
}

static inline int reset(void **state)
{
    (void)state;
    clear();
    return 0;
}

static inline struct sg_udp *open_fake(enum sg_udp_path path)
{
    return open_with("127.0.0.1:0", (struct sg_udp_options){.path = path, .ops = &fake_ops});
}

static const struct {
    int error;
    enum sg_udp_fault fault;
} transient[] = {
    {EHOSTUNREACH, SG_UDP_FAULT_HOST_UNREACHABLE},
    {EHOSTDOWN, SG_UDP_FAULT_HOST_UNREACHABLE},
    {ENETUNREACH, SG_UDP_FAULT_NET_UNREACHABLE},
    {EAFNOSUPPORT, SG_UDP_FAULT_NET_UNREACHABLE},
    {ENETDOWN, SG_UDP_FAULT_NET_DOWN},
    {ENODEV, SG_UDP_FAULT_NET_DOWN},
    {ECONNREFUSED, SG_UDP_FAULT_REFUSED},
    {ECONNRESET, SG_UDP_FAULT_REFUSED},
    {ENOBUFS, SG_UDP_FAULT_NO_BUFFERS},
    {ENOMEM, SG_UDP_FAULT_NO_BUFFERS},
    {EPERM, SG_UDP_FAULT_PERMISSION},
    {EACCES, SG_UDP_FAULT_PERMISSION},
    {EMSGSIZE, SG_UDP_FAULT_TOO_LONG},
    {EADDRNOTAVAIL, SG_UDP_FAULT_ADDRESS},
    {EINVAL, SG_UDP_FAULT_ADDRESS},
    {EPROTO, SG_UDP_FAULT_OTHER},
};
#define TRANSIENT_COUNT (sizeof transient / sizeof transient[0])

#endif
