/* Receiving: one call fills slots of the arena, which are then taken apart, slot by slot, into
 * datagrams. An array of results holds fewer than a full arena can give (64 against 4 times 64 or
 * more), so the position in the arena is kept between calls. */
#include "os/udp_impl.h"

#include "os/scratch.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

/* Receive errors and batches of nothing but dropped datagrams to pass over in one call. */
#define TRIES_MAX 16

/* The integer in a control message: TOS is a byte, the others are four. */
static uint32_t control_uint(const struct cmsghdr *cmsg)
{
    uint32_t value = 0;
    if (cmsg->cmsg_len == CMSG_LEN(1))
        return *CMSG_DATA(cmsg);
    if (cmsg->cmsg_len >= CMSG_LEN(sizeof value))
        memcpy(&value, CMSG_DATA(cmsg), sizeof value);
    return value;
}

/* ipi_spec_dst and not ipi_addr: the same for unicast, and one of ours for broadcast. */
static void read_pktinfo(struct sg_udp *udp, const struct cmsghdr *cmsg)
{
    uint16_t port = udp->local.port;
    if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(cmsg), sizeof info);
        udp->meta.local = sg_addr_v4((const uint8_t *)&info.ipi_spec_dst, port);
    }
    if (cmsg->cmsg_level == IPPROTO_IPV6 &&
        cmsg->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(cmsg), sizeof info);
        udp->meta.local = sg_addr_v6(info.ipi6_addr.s6_addr, port, info.ipi6_ifindex);
    }
}

static void read_control(struct sg_udp *udp, const struct cmsghdr *cmsg)
{
    int level = cmsg->cmsg_level;
    int type = cmsg->cmsg_type;
    if ((level == IPPROTO_IP && type == IP_TOS) || (level == IPPROTO_IPV6 && type == IPV6_TCLASS))
        udp->meta.ecn = (uint8_t)(control_uint(cmsg) & 3);
    else if ((level == IPPROTO_IP && type == IP_PKTINFO) ||
             (level == IPPROTO_IPV6 && type == IPV6_PKTINFO))
        read_pktinfo(udp, cmsg);
    else if (level == IPPROTO_UDP && type == UDP_GRO)
        udp->meta.segment_len = control_uint(cmsg);
    else if (level == SOL_SOCKET && type == SO_RXQ_OVFL) {
        /* A running 32-bit count since the socket was opened. */
        uint32_t more = control_uint(cmsg) - (uint32_t)udp->stats.recv_overflow;
        udp->stats.recv_overflow += more;
    }
}

/* Reads who sent the message of slot_at and how; false when it is to be dropped. */
static bool read_meta(struct sg_udp *udp)
{
    struct msghdr *msg = &udp->rx_msgs[udp->slot_at].msg_hdr;
    udp->meta = (struct sg_udp_meta){.local = udp->local};
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg))
        read_control(udp, cmsg);
    /* Without its control messages an aggregate would look like one datagram. */
    if ((msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        udp->stats.recv_truncated++;
        return false;
    }
    sg_err err = sg_addr_from_sockaddr(msg->msg_name, msg->msg_namelen, &udp->meta.remote);
    if (err != SG_OK || udp->meta.remote.port == 0) {
        udp->stats.recv_invalid++;
        return false;
    }
    return true;
}

static void next_slot(struct sg_udp *udp)
{
    udp->slot_at++;
    udp->offset = 0;
}

/* Takes one datagram off the current slot into *in; false when it was too long and is dropped. */
static bool split_one(struct sg_udp *udp, struct sg_udp_in *in)
{
    uint32_t total = udp->rx_msgs[udp->slot_at].msg_len;
    uint32_t left = total - udp->offset;
    uint32_t segment = udp->meta.segment_len;
    uint32_t len = segment == 0 || segment > left ? left : segment;
    const uint8_t *bytes = udp->rx_iovs[udp->slot_at].iov_base;
    *in = (struct sg_udp_in){.local = udp->meta.local,
                             .remote = udp->meta.remote,
                             .data = bytes + udp->offset,
                             .len = len,
                             .ecn = udp->meta.ecn};
    udp->offset += len;
    if (udp->offset == total)
        next_slot(udp);
    if (len > udp->datagram_max) {
        udp->stats.recv_truncated++;
        return false;
    }
    return true;
}

/* Hands out what the arena holds; gives how many datagrams. */
static size_t split(struct sg_udp *udp)
{
    size_t count = 0;
    while (count < SG_UDP_BATCH && udp->slot_at < udp->filled) {
        if (udp->offset == 0 && !read_meta(udp)) {
            next_slot(udp);
            continue;
        }
        if (split_one(udp, &udp->in[count])) {
            udp->stats.recv_bytes += udp->in[count].len;
            count++;
        }
    }
    udp->stats.recv_datagrams += count;
    return count;
}

static bool take_arena(struct sg_udp *udp)
{
    if (udp->arena != NULL)
        return true;
    udp->arena = sg_scratch_take(udp->mem, udp->slot_count * udp->slot_stride);
    if (udp->arena == NULL)
        return false;
    for (unsigned i = 0; i < udp->slot_count; i++) {
        uint8_t *slot = udp->arena + i * udp->slot_stride;
        struct msghdr *msg = &udp->rx_msgs[i].msg_hdr;
        udp->rx_iovs[i].iov_base = slot + sizeof(struct sg_udp_slot_head);
        udp->rx_iovs[i].iov_len = udp->slot_len;
        msg->msg_name = slot + offsetof(struct sg_udp_slot_head, name);
        msg->msg_control = slot + offsetof(struct sg_udp_slot_head, control);
        msg->msg_iov = &udp->rx_iovs[i];
        msg->msg_iovlen = 1;
    }
    return true;
}

void sg_udp_arena_put(struct sg_udp *udp)
{
    sg_scratch_put(udp->mem, udp->arena, udp->slot_count * udp->slot_stride);
    udp->arena = NULL;
    udp->filled = udp->slot_at = 0;
}

/* Makes the headers of the slots that the last call used ready for the next. */
static void reset_slots(struct sg_udp *udp, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct msghdr *msg = &udp->rx_msgs[i].msg_hdr;
        msg->msg_namelen = sizeof(struct sockaddr_storage);
        msg->msg_controllen = SG_UDP_RECV_CONTROL;
        msg->msg_flags = 0;
    }
}

/* Messages received, or -1 and errno. */
static int receive(struct sg_udp *udp)
{
    udp->stats.recv_calls++;
    if (udp->features.recvmmsg) {
        reset_slots(udp, udp->slot_count);
        int count = udp->ops->recvmmsg(udp->fd, udp->rx_msgs, udp->slot_count, 0);
        if (count >= 0 || errno != ENOSYS)
            return count;
        udp->features.recvmmsg = false;
        udp->stats.recv_calls++;
    }
    reset_slots(udp, 1);
    ssize_t len = udp->ops->recvmsg(udp->fd, &udp->rx_msgs[0].msg_hdr, 0);
    if (len < 0)
        return -1;
    udp->rx_msgs[0].msg_len = (unsigned)len;
    return 1;
}

/* One round of the loop below: SG_OK when the arena may hold something or an error was passed
 * over, SG_ERR_WOULD_BLOCK, SG_ERR_NO_MEMORY, SG_ERR_CLOSED. */
static sg_err fill(struct sg_udp *udp)
{
    udp->filled = 0;
    udp->slot_at = 0;
    udp->offset = 0;
    if (!take_arena(udp))
        return SG_ERR_NO_MEMORY; /* the descriptor stays readable */
    int count = receive(udp);
    if (count >= 0) {
        udp->filled = (unsigned)count;
        udp->drained = udp->features.recvmmsg && udp->filled < udp->slot_count;
        return SG_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return SG_ERR_WOULD_BLOCK;
    if (sg_udp_is_broken(errno))
        return SG_ERR_CLOSED;
    if (errno != EINTR)
        udp->stats.recv_faults[sg_udp_fault_of(errno)]++;
    return SG_OK;
}

bool sg_udp_has_pending(const struct sg_udp *udp)
{
    return udp->slot_at < udp->filled;
}

/* A batch that did not fill all slots has emptied the socket: asking again would cost a system
 * call to learn nothing, which on a quiet link is every second call. A datagram that came in
 * between makes the descriptor readable again. The same holds after TRIES_MAX failures. */
static sg_err receive_some(struct sg_udp *udp, size_t *count)
{
    *count = split(udp);
    for (int tries = 0; *count == 0 && tries < TRIES_MAX; tries++) {
        if (udp->drained)
            break;
        SG_TRY(fill(udp));
        *count = split(udp);
    }
    if (*count > 0)
        return SG_OK;
    udp->drained = false;
    return SG_ERR_WOULD_BLOCK;
}

sg_err sg_udp_recv(struct sg_udp *udp, const struct sg_udp_in **in, size_t *count)
{
    *in = udp->in;
    sg_err err = receive_some(udp, count);
    if (err != SG_OK)
        sg_udp_arena_put(udp);
    return err;
}
