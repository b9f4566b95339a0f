/* Sending: aggregates are cut into messages (one datagram each, or up to 64 with GSO), a batch of
 * messages goes out with as few calls as the kernel allows, and each message that was handled is
 * taken off the front of its aggregate. Strictly in order, so that "what is left" is always the
 * rest of one aggregate and all later ones. */
#include "os/udp_impl.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

static size_t datagram_len(const struct sg_udp_out *out)
{
    return out->segment_len == 0 || out->segment_len > out->len ? out->len : out->segment_len;
}

/* Datagrams that one message may carry. */
static size_t segments_max(const struct sg_udp *udp, const struct sg_udp_out *out)
{
    size_t fit = SG_UDP_AGGREGATE_MAX / datagram_len(out);
    if (!udp->features.gso || fit < 2)
        return 1;
    return fit < SG_UDP_SEGMENTS_MAX ? fit : SG_UDP_SEGMENTS_MAX;
}

/* The control messages of one sendmsg, appended one after the other. */
static void push_control(struct msghdr *msg, const int type[2], const void *value, size_t len)
{
    struct cmsghdr *cmsg =
        (struct cmsghdr *)(void *)((uint8_t *)msg->msg_control + msg->msg_controllen);
    cmsg->cmsg_level = type[0];
    cmsg->cmsg_type = type[1];
    cmsg->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(cmsg), value, len);
    msg->msg_controllen += CMSG_SPACE(len);
}

/* The source address, on a wildcard socket only. The interface stays open for IPv4 (the route
 * decides) and is named for link-local IPv6, which has no meaning without. */
static void push_source(const struct sg_udp *udp, struct msghdr *msg, const struct sg_udp_out *out)
{
    const struct sg_addr *local = &out->local;
    if (!udp->wildcard || local->family != out->remote.family || sg_addr_is_any(local))
        return;
    if (local->family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        push_control(msg, (const int[2]){IPPROTO_IP, IP_PKTINFO}, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope};
        memcpy(&info.ipi6_addr, local->ip, 16);
        push_control(msg, (const int[2]){IPPROTO_IPV6, IPV6_PKTINFO}, &info, sizeof info);
    }
}

static void push_ecn(struct msghdr *msg, const struct sg_udp_out *out)
{
    int ecn = out->ecn & 3;
    if (ecn == SG_ECN_NONE)
        return;
    if (out->remote.family == 4)
        push_control(msg, (const int[2]){IPPROTO_IP, IP_TOS}, &ecn, sizeof ecn);
    else
        push_control(msg, (const int[2]){IPPROTO_IPV6, IPV6_TCLASS}, &ecn, sizeof ecn);
}

/* Fills slot at of the plan with the datagrams at offset of out; gives the bytes taken, 0 when
 * the remote address has no form in the socket's domain. */
static size_t plan_message(struct sg_udp *udp, size_t at, const struct sg_udp_out *out,
                           size_t offset)
{
    struct sg_udp_tx *tx = &udp->tx[at];
    struct msghdr *msg = &udp->tx_msgs[at].msg_hdr;
    size_t segment = datagram_len(out);
    size_t left = out->len - offset;
    size_t bytes = segments_max(udp, out) * segment;
    bytes = bytes < left ? bytes : left;
    socklen_t name_len = sg_addr_to_sockaddr(&out->remote, udp->domain, &tx->name);
    if (name_len == 0)
        return 0;
    tx->segments = (bytes + segment - 1) / segment;
    tx->iov = (struct iovec){(void *)(out->data + offset), bytes};
    *msg = (struct msghdr){.msg_name = &tx->name,
                           .msg_namelen = name_len,
                           .msg_iov = &tx->iov,
                           .msg_iovlen = 1,
                           .msg_control = tx->control};
    push_source(udp, msg, out);
    push_ecn(msg, out);
    if (tx->segments > 1) {
        uint16_t segment_len = (uint16_t)segment;
        push_control(msg, (const int[2]){IPPROTO_UDP, UDP_SEGMENT}, &segment_len,
                     sizeof segment_len);
    }
    if (msg->msg_controllen == 0)
        msg->msg_control = NULL;
    return bytes;
}

/* Plans messages for out [count] from the front, at most a batch; gives how many. */
static size_t plan_batch(struct sg_udp *udp, const struct sg_udp_out *out, size_t count)
{
    size_t planned = 0;
    for (size_t i = 0; i < count; i++) {
        size_t offset = 0;
        while (offset < out[i].len) {
            if (planned == SG_UDP_BATCH)
                return planned;
            size_t bytes = plan_message(udp, planned, &out[i], offset);
            if (bytes == 0)
                return planned;
            offset += bytes;
            planned++;
        }
    }
    return planned;
}

/* What is still to be handled: out [count], of which the first done are finished. */
struct cursor {
    struct sg_udp_out *out;
    size_t count;
    size_t done;
};

static void skip_finished(struct cursor *c)
{
    while (c->done < c->count && c->out[c->done].len == 0)
        c->done++;
}

/* Takes bytes off the front; they belong to one aggregate. */
static void consume(struct cursor *c, size_t bytes)
{
    skip_finished(c);
    c->out[c->done].data += bytes;
    c->out[c->done].len -= bytes;
    skip_finished(c);
}

static void count_sent(struct sg_udp *udp, struct cursor *c, size_t at, size_t messages)
{
    for (size_t i = at; i < at + messages; i++) {
        udp->stats.sent_datagrams += udp->tx[i].segments;
        udp->stats.sent_bytes += udp->tx[i].iov.iov_len;
        consume(c, udp->tx[i].iov.iov_len);
    }
}

/* Sends messages [count] of the plan from at on: how many went out, or -1 and errno. */
static int transmit(struct sg_udp *udp, size_t at, size_t count)
{
    for (;;) {
        bool many = count > 1 && udp->features.sendmmsg;
        int sent = 0;
        udp->stats.sent_calls++;
        if (many)
            sent = udp->ops->sendmmsg(udp->fd, &udp->tx_msgs[at], (unsigned)count, 0);
        else if (udp->ops->sendmsg(udp->fd, &udp->tx_msgs[at].msg_hdr, 0) < 0)
            sent = -1;
        else
            sent = 1;
        if (sent >= 0 || (errno != EINTR && !(many && errno == ENOSYS)))
            return sent;
        if (errno == ENOSYS)
            udp->features.sendmmsg = false;
    }
}

/* What to do about a failed message at the front: SG_OK when it is given up and counted. */
static sg_err give_up(struct sg_udp *udp, struct cursor *c, size_t at, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK) {
        udp->stats.sent_blocked++;
        return SG_ERR_WOULD_BLOCK;
    }
    if (sg_udp_is_broken(error))
        return SG_ERR_CLOSED;
    udp->stats.send_faults[sg_udp_fault_of(error)]++;
    udp->stats.sent_lost += udp->tx[at].segments;
    consume(c, udp->tx[at].iov.iov_len);
    return SG_OK;
}

/* The kernel refused an aggregate (EIO: the device cannot checksum; EINVAL: anything). Its
 * datagrams go out one by one. If one of them gets through it was the segmentation, and the socket
 * stops using it; if none does, the reason was another (local address gone, longer than the MTU)
 * and GSO stays. Uses slot 0 of the plan. */
static sg_err resend_unsegmented(struct sg_udp *udp, struct cursor *c)
{
    struct sg_udp_out first = c->out[c->done];
    size_t bytes = segments_max(udp, &first) * datagram_len(&first);
    size_t end = first.len > bytes ? first.len - bytes : 0;
    size_t at = c->done;
    sg_err err = SG_OK;
    udp->features.gso = false;
    bool through = false;
    while (err == SG_OK && c->done == at && c->out[at].len > end) {
        (void)plan_message(udp, 0, &c->out[at], 0);
        if (transmit(udp, 0, 1) == 1) {
            count_sent(udp, c, 0, 1);
            through = true;
        } else {
            err = give_up(udp, c, 0, errno);
        }
    }
    udp->features.gso = !through;
    udp->stats.gso_fallbacks += through ? 1 : 0;
    return err;
}

/* Sends the plan. SG_OK: the front has moved, plan again. */
static sg_err send_batch(struct sg_udp *udp, struct cursor *c, size_t planned)
{
    size_t at = 0;
    while (at < planned) {
        int sent = transmit(udp, at, planned - at);
        if (sent > 0) {
            count_sent(udp, c, at, (size_t)sent);
            at += (size_t)sent;
            continue;
        }
        int error = sent == 0 ? EAGAIN : errno;
        if (udp->tx[at].segments > 1 && (error == EIO || error == EINVAL))
            return resend_unsegmented(udp, c);
        SG_TRY(give_up(udp, c, at, error));
        at++;
    }
    return SG_OK;
}

/* The remote of the first aggregate cannot be written for this socket: IPv6 peer, IPv4 socket. */
static void lose_unroutable(struct sg_udp *udp, struct cursor *c)
{
    struct sg_udp_out *out = &c->out[c->done];
    size_t segment = datagram_len(out);
    udp->stats.send_faults[SG_UDP_FAULT_NET_UNREACHABLE]++;
    udp->stats.sent_lost += (out->len + segment - 1) / segment;
    consume(c, out->len);
}

sg_err sg_udp_send(struct sg_udp *udp, struct sg_udp_out *out, size_t count, size_t *done)
{
    struct cursor c = {out, count, 0};
    sg_err err = SG_OK;
    skip_finished(&c);
    while (err == SG_OK && c.done < count) {
        size_t planned = plan_batch(udp, out + c.done, count - c.done);
        if (planned > 0)
            err = send_batch(udp, &c, planned);
        else
            lose_unroutable(udp, &c);
    }
    *done = c.done;
    return err;
}
