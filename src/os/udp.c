#include "os/udp_impl.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

static const char *const fault_names[] = {
#define FAULT_NAME_(name, text) text,
    SG_UDP_FAULT_TABLE(FAULT_NAME_)
#undef FAULT_NAME_
};

const char *sg_udp_fault_name(enum sg_udp_fault fault)
{
    return (unsigned)fault < SG_UDP_FAULT_COUNT ? fault_names[fault] : "unknown";
}

enum sg_udp_fault sg_udp_fault_of(int error)
{
    switch (error) {
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return SG_UDP_FAULT_HOST_UNREACHABLE;
    case ENETUNREACH:
    case EAFNOSUPPORT:
        return SG_UDP_FAULT_NET_UNREACHABLE;
    case ENETDOWN:
    case ENONET:
    case ENODEV:
    case ENXIO:
        return SG_UDP_FAULT_NET_DOWN;
    case ECONNREFUSED:
    case ECONNRESET:
        return SG_UDP_FAULT_REFUSED;
    case ENOBUFS:
    case ENOMEM:
        return SG_UDP_FAULT_NO_BUFFERS;
    case EPERM:
    case EACCES:
        return SG_UDP_FAULT_PERMISSION;
    case EMSGSIZE:
        return SG_UDP_FAULT_TOO_LONG;
    case EADDRNOTAVAIL:
    case EINVAL:
        return SG_UDP_FAULT_ADDRESS;
    default:
        return SG_UDP_FAULT_OTHER;
    }
}

bool sg_udp_is_broken(int error)
{
    return error == EBADF || error == ENOTSOCK;
}

static sg_err open_error(int error)
{
    switch (error) {
    case EADDRINUSE:
        return SG_ERR_ADDRESS_IN_USE;
    case EACCES:
    case EPERM:
        return SG_ERR_PERMISSION;
    case EADDRNOTAVAIL:
    case ENODEV:
        return SG_ERR_UNREACHABLE;
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
        return SG_ERR_UNSUPPORTED;
    case EMFILE:
    case ENFILE:
        return SG_ERR_LIMIT;
    case ENOMEM:
    case ENOBUFS:
        return SG_ERR_NO_MEMORY;
    case EINVAL:
        return SG_ERR_INVALID_ARGUMENT;
    default:
        return SG_ERR_IO;
    }
}

/* True when the kernel took the option. */
static bool set_int(const struct sg_udp *udp, int level, int name, int value)
{
    return udp->ops->setsockopt(udp->fd, level, name, &value, sizeof value) == 0;
}

static uint32_t granted(const struct sg_udp *udp, int name)
{
    int value = 0;
    socklen_t len = sizeof value;
    if (udp->ops->getsockopt(udp->fd, SOL_SOCKET, name, &value, &len) != 0 || value < 0)
        return 0;
    return (uint32_t)value / 2; /* socket(7): the kernel doubles what was asked for */
}

static void set_buffers(struct sg_udp *udp, uint32_t len)
{
    int value = len == 0 || len > INT32_MAX ? (int)SG_UDP_BUFFER_LEN : (int)len;
    (void)set_int(udp, SOL_SOCKET, SO_RCVBUF, value);
    (void)set_int(udp, SOL_SOCKET, SO_SNDBUF, value);
    udp->features.recv_bytes = granted(udp, SO_RCVBUF);
    udp->features.send_bytes = granted(udp, SO_SNDBUF);
}

/* PROBE and not DO: DF is set either way (RFC 9000 s14: "UDP datagrams MUST NOT be fragmented at
 * the IP layer"), but with DO anybody who can forge an ICMP "packet too big" makes the kernel
 * refuse our datagrams. ngtcp2 probes the path MTU itself. */
static void set_header_options(struct sg_udp *udp)
{
    bool v6 = udp->domain == AF_INET6;
    bool v4 = !v6 || (udp->wildcard && udp->features.dual_stack);
    struct sg_udp_features *f = &udp->features;
    f->ecn = true;
    f->dont_fragment = true;
    f->pktinfo = udp->wildcard;
    if (v4) {
        f->ecn &= set_int(udp, IPPROTO_IP, IP_RECVTOS, 1);
        f->dont_fragment &= set_int(udp, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    }
    if (v6) {
        f->ecn &= set_int(udp, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        f->dont_fragment &= set_int(udp, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    }
    /* An IPv6 socket reports IPv4 arrivals v4-mapped. */
    if (udp->wildcard)
        f->pktinfo = v6 ? set_int(udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                        : set_int(udp, IPPROTO_IP, IP_PKTINFO, 1);
    (void)set_int(udp, SOL_SOCKET, SO_RXQ_OVFL, 1);
}

static void detect_path(struct sg_udp *udp, enum sg_udp_path path)
{
    struct sg_udp_features *f = &udp->features;
    f->sendmmsg = path != SG_UDP_PATH_PLAIN;
    f->recvmmsg = path != SG_UDP_PATH_PLAIN;
    /* A default segment size of 0 changes nothing, but tells whether the option exists. */
    f->gso = path == SG_UDP_PATH_BEST && set_int(udp, IPPROTO_UDP, UDP_SEGMENT, 0);
    f->gro = path == SG_UDP_PATH_BEST && set_int(udp, IPPROTO_UDP, UDP_GRO, 1);
}

static sg_err open_socket(struct sg_udp *udp, const struct sg_udp_options *options)
{
    int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    udp->fd = udp->ops->socket(udp->domain, type, IPPROTO_UDP);
    if (udp->fd < 0)
        return open_error(errno);
    /* Always said: the default is a system setting (net.ipv6.bindv6only). */
    if (udp->domain == AF_INET6 &&
        !set_int(udp, IPPROTO_IPV6, IPV6_V6ONLY, udp->features.dual_stack ? 0 : 1))
        return open_error(errno);
    set_buffers(udp, options->buffer_len);
    set_header_options(udp);
    detect_path(udp, options->path);
    return SG_OK;
}

/* No SO_REUSEADDR: on Linux it lets two UDP sockets take the same port without an error. */
static sg_err bind_socket(struct sg_udp *udp, const struct sg_addr *addr)
{
    struct sockaddr_storage name;
    socklen_t len = sg_addr_to_sockaddr(addr, udp->domain, &name);
    if (udp->ops->bind(udp->fd, (const struct sockaddr *)&name, len) != 0)
        return open_error(errno);
    len = sizeof name;
    if (udp->ops->getsockname(udp->fd, (struct sockaddr *)&name, &len) != 0)
        return open_error(errno);
    return sg_addr_from_sockaddr((const struct sockaddr *)&name, len, &udp->local);
}

static void plan_arena(struct sg_udp *udp)
{
    const struct sg_udp_features *f = &udp->features;
    udp->slot_count = f->gro ? SG_UDP_GRO_SLOTS : (f->recvmmsg ? SG_UDP_MMSG_SLOTS : 1);
    udp->slot_len = f->gro ? SG_UDP_GRO_SLOT_LEN : udp->datagram_max;
    size_t align = _Alignof(struct sg_udp_slot_head);
    udp->slot_stride =
        sizeof(struct sg_udp_slot_head) + (udp->slot_len + align - 1) / align * align;
}

sg_err sg_udp_open(const struct sg_udp_options *options, struct sg_udp **out)
{
    const struct sg_addr *addr = &options->bind;
    const struct sg_mem *mem = options->mem == NULL ? sg_mem_default() : options->mem;
    *out = NULL;
    if ((addr->family != 4 && addr->family != 6) || options->datagram_max > UINT16_MAX)
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_udp *udp = sg_mem_new(mem, 1, sizeof *udp);
    if (udp == NULL)
        return SG_ERR_NO_MEMORY;
    udp->fd = -1;
    udp->mem = mem;
    udp->ops = options->ops == NULL ? sg_udp_ops_default() : options->ops;
    udp->domain = addr->family == 4 ? AF_INET : AF_INET6;
    udp->wildcard = sg_addr_is_any(addr);
    udp->features.dual_stack = options->dual_stack && udp->wildcard && addr->family == 6;
    udp->datagram_max = options->datagram_max == 0 ? SG_UDP_DATAGRAM_MAX : options->datagram_max;
    sg_err err = open_socket(udp, options);
    if (err == SG_OK)
        err = bind_socket(udp, addr);
    plan_arena(udp);
    if (err != SG_OK) {
        sg_udp_close(udp);
        return err;
    }
    *out = udp;
    return SG_OK;
}

void sg_udp_close(struct sg_udp *udp)
{
    if (udp == NULL)
        return;
    if (udp->fd >= 0)
        (void)udp->ops->close(udp->fd);
    sg_udp_arena_put(udp);
    sg_mem_free(udp->mem, udp);
}

int sg_udp_fd(const struct sg_udp *udp)
{
    return udp->fd;
}

const struct sg_addr *sg_udp_local(const struct sg_udp *udp)
{
    return &udp->local;
}

const struct sg_udp_features *sg_udp_features(const struct sg_udp *udp)
{
    return &udp->features;
}

const struct sg_udp_stats *sg_udp_stats(const struct sg_udp *udp)
{
    return &udp->stats;
}
