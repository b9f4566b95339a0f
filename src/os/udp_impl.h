/* The socket object, shared by udp.c (open, close), udp_send.c and udp_recv.c and nobody else. */
#ifndef SG_OS_UDP_IMPL_H
#define SG_OS_UDP_IMPL_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "os/udp.h"
#include "os/udp_ops.h"

/* Messages per sendmmsg; datagrams handed out per sg_udp_recv. */
#define SG_UDP_BATCH 64
/* Linux 4.18 to 6.9 take 64 segments per message (UDP_MAX_SEGMENTS), newer ones 128. */
#define SG_UDP_SEGMENTS_MAX 64
/* One IPv4 packet: 65535 - 20 - 8. IPv6 would allow 20 more. */
#define SG_UDP_AGGREGATE_MAX 65507
/* Receive slots with and without GRO; see the top of os/udp.h. */
#ifndef SG_UDP_GRO_SLOTS
#define SG_UDP_GRO_SLOTS 4
#endif
#define SG_UDP_GRO_SLOT_LEN 65536
#define SG_UDP_MMSG_SLOTS 64
/* Control messages: received TOS, pktinfo, segment size and drop counter take 112 bytes, sent
 * TOS, pktinfo and segment size 88. */
#define SG_UDP_RECV_CONTROL 160
#define SG_UDP_SEND_CONTROL 96

/* One message for sendmsg: a datagram, or an aggregate of segments for UDP_SEGMENT. */
struct sg_udp_tx {
    struct sockaddr_storage name;
    struct iovec iov;
    size_t segments;
    _Alignas(struct cmsghdr) uint8_t control[SG_UDP_SEND_CONTROL];
};

/* Source address and control messages precede the bytes in each slot of the arena, so that an
 * unused slot costs no memory at all. */
struct sg_udp_slot_head {
    struct sockaddr_storage name;
    _Alignas(struct cmsghdr) uint8_t control[SG_UDP_RECV_CONTROL];
};

/* What the control messages of one received message said. */
struct sg_udp_meta {
    struct sg_addr local;
    struct sg_addr remote;
    uint32_t segment_len; /* 0 = not an aggregate */
    uint8_t ecn;
};

struct sg_udp {
    int fd;
    int domain; /* AF_INET or AF_INET6 */
    const struct sg_mem *mem;
    const struct sg_udp_ops *ops;
    struct sg_addr local;
    bool wildcard;
    uint32_t datagram_max;
    struct sg_udp_features features;
    struct sg_udp_stats stats;

    /* Receive: slots [slot_count], of which [filled] came with the last call and those before
     * slot_at are handed out; offset is the next byte of slot_at. */
    uint8_t *arena; /* [slot_count * slot_stride], taken while something is in it; or NULL */
    size_t slot_stride;
    size_t slot_len;
    unsigned slot_count;
    unsigned filled;
    unsigned slot_at;
    uint32_t offset;
    bool drained;            /* the last call emptied the socket: no need to ask again */
    struct sg_udp_meta meta; /* of slot_at once offset > 0 */
    struct mmsghdr rx_msgs[SG_UDP_MMSG_SLOTS];
    struct iovec rx_iovs[SG_UDP_MMSG_SLOTS];
    struct sg_udp_in in[SG_UDP_BATCH];

    /* Send: a plan of messages, made and used up within one sg_udp_send. */
    struct mmsghdr tx_msgs[SG_UDP_BATCH];
    struct sg_udp_tx tx[SG_UDP_BATCH];
};

enum sg_udp_fault sg_udp_fault_of(int error);
/* Gives the arena back, with what is in it. */
void sg_udp_arena_put(struct sg_udp *udp);
/* True for the errors that no other datagram can escape: the descriptor is not a socket. */
bool sg_udp_is_broken(int error);

#endif
