/* A non-blocking UDP socket for QUIC: batches in both directions, the best of three paths.
 *
 *   path        send                           receive
 *   best        one sendmsg/sendmmsg with      recvmmsg of aggregates that the kernel glued
 *               UDP_SEGMENT per 64 datagrams   together (UDP_GRO), split here
 *   mmsg        sendmmsg, 64 datagrams         recvmmsg, 64 datagrams
 *   plain       one sendmsg per datagram       one recvmsg per datagram
 *
 * What the kernel lacks is found out at run time, when the socket is opened or when a call first
 * fails; the socket then steps down by itself and sends the same datagrams again another way.
 * Plain uses sendmsg/recvmsg, not sendto/recvfrom: the same cost, and ECN and the local address
 * survive.
 *
 * Errors of single datagrams (no route, refused, filtered, too long, no buffers) are normal on
 * the internet. They are counted by kind, the datagram counts as lost, and the loop goes on:
 * QUIC repairs losses. Only a full socket buffer stops a send, and only a broken descriptor
 * (a bug) is reported as an error.
 *
 * Memory: one arena per socket for received bytes. On the best path it has 4 slots of 64 KiB (an
 * aggregate can be that long), elsewhere 64 (plain: 1) of datagram_max. The kernel fills slots
 * from the first on and only what arrives is touched: an idle socket measured 32 KiB resident, one
 * that has seen bulk data 250 KiB. 8 slots measured no faster (bench/bench_udp.c).
 *
 * Not thread-safe: one loop owns the socket. Linux only so far. */
#ifndef SG_OS_UDP_H
#define SG_OS_UDP_H

#include "base/mem.h"
#include "os/addr.h"

/* Default limit of one received datagram. Advertise it as max_udp_payload_size: 1 500 byte
 * links fit, and a slot of the mmsg path stays small. */
#define SG_UDP_DATAGRAM_MAX 2048
#define SG_UDP_BUFFER_LEN (UINT32_C(4) << 20)
/* ECN code points (RFC 3168 s5). */
#define SG_ECN_NONE 0
#define SG_ECN_ECT1 1
#define SG_ECN_ECT0 2
#define SG_ECN_CE 3

struct sg_udp;
struct sg_udp_ops; /* os/udp_ops.h */

enum sg_udp_path { SG_UDP_PATH_BEST, SG_UDP_PATH_MMSG, SG_UDP_PATH_PLAIN };

struct sg_udp_options {
    struct sg_addr bind;          /* any address of family 4 or 6; port 0 = the kernel picks */
    bool dual_stack;              /* family 6 only: take IPv4 as well, when bound to :: */
    enum sg_udp_path path;        /* the best path to try */
    uint32_t buffer_len;          /* SO_RCVBUF and SO_SNDBUF, best effort; 0 = 4 MiB */
    uint32_t datagram_max;        /* longer ones are dropped and counted; 0 = 2048; <= 65535 */
    const struct sg_mem *mem;     /* NULL = sg_mem_default(); must outlive the socket */
    const struct sg_udp_ops *ops; /* NULL = the kernel; tests inject errors here */
};

/* What the socket got from the kernel; gso, sendmmsg and recvmmsg may turn false later. */
struct sg_udp_features {
    bool gso;
    bool gro;
    bool sendmmsg;
    bool recvmmsg;
    bool ecn;            /* received datagrams carry their ECN bits */
    bool pktinfo;        /* received datagrams carry their local address (wildcard bind only) */
    bool dual_stack;     /* IPv4 arrives on this IPv6 socket */
    bool dont_fragment;  /* DF is set and the kernel's own path MTU guess is not used */
    uint32_t recv_bytes; /* socket buffers as granted */
    uint32_t send_bytes;
};

/* X(name, text): why a datagram was lost or a receive failed. */
#define SG_UDP_FAULT_TABLE(X)                                                                      \
    X(HOST_UNREACHABLE, "host_unreachable") /* EHOSTUNREACH, EHOSTDOWN */                          \
    X(NET_UNREACHABLE, "net_unreachable")   /* ENETUNREACH; no form in the socket's domain */      \
    X(NET_DOWN, "net_down")                 /* ENETDOWN, ENONET, ENODEV, ENXIO */                  \
    X(REFUSED, "refused")                   /* ECONNREFUSED, ECONNRESET */                         \
    X(NO_BUFFERS, "no_buffers")             /* ENOBUFS, ENOMEM */                                  \
    X(PERMISSION, "permission")             /* EPERM, EACCES: a local firewall */                  \
    X(TOO_LONG, "too_long")                 /* EMSGSIZE: longer than the path takes */             \
    X(ADDRESS, "address")                   /* EADDRNOTAVAIL, EINVAL: local address gone */        \
    X(OTHER, "other")

enum sg_udp_fault {
#define SG_UDP_FAULT_ENUM_(name, text) SG_UDP_FAULT_##name,
    SG_UDP_FAULT_TABLE(SG_UDP_FAULT_ENUM_)
#undef SG_UDP_FAULT_ENUM_
        SG_UDP_FAULT_COUNT
};

struct sg_udp_stats {
    uint64_t sent_datagrams;
    uint64_t sent_bytes;
    uint64_t sent_calls;     /* system calls made to send */
    uint64_t sent_lost;      /* datagrams given up because of a fault */
    uint64_t sent_blocked;   /* times the socket buffer was full */
    uint64_t recv_datagrams; /* handed out */
    uint64_t recv_bytes;
    uint64_t recv_calls;     /* system calls made to receive */
    uint64_t recv_truncated; /* datagrams longer than datagram_max, dropped */
    uint64_t recv_invalid;   /* datagrams from port 0 or no IP address, dropped */
    uint64_t recv_overflow;  /* datagrams the kernel dropped: full receive buffer (SO_RXQ_OVFL) */
    uint64_t gso_fallbacks;  /* times a kernel or device refused UDP_SEGMENT */
    uint64_t send_faults[SG_UDP_FAULT_COUNT]; /* failed calls by kind */
    uint64_t recv_faults[SG_UDP_FAULT_COUNT];
};

/* A received datagram; data is borrowed until the next sg_udp_recv or sg_udp_close. */
struct sg_udp_in {
    struct sg_addr local; /* where it arrived; the bound address when the kernel did not tell */
    struct sg_addr remote;
    const uint8_t *data;
    uint32_t len;
    uint8_t ecn; /* SG_ECN_ */
};

/* Datagrams for one peer, back to back in data: all segment_len long, the last one not longer. */
struct sg_udp_out {
    struct sg_addr local; /* source on a wildcard socket; {0} or a wildcard = the kernel picks */
    struct sg_addr remote;
    const uint8_t *data; /* borrowed during the call */
    size_t len;          /* bytes in all; 0 sends nothing */
    size_t segment_len;  /* 0 = one datagram of len bytes */
    uint8_t ecn;         /* SG_ECN_, for every datagram */
};

/* Opens and binds a socket; *out is owned by the caller (sg_udp_close), NULL on error.
 * SG_ERR_ADDRESS_IN_USE; SG_ERR_PERMISSION: privileged port; SG_ERR_UNREACHABLE: not an address
 * of this host; SG_ERR_UNSUPPORTED: no such family here; SG_ERR_LIMIT: out of descriptors;
 * SG_ERR_INVALID_ARGUMENT; SG_ERR_NO_MEMORY; SG_ERR_IO. */
SG_MUST_USE sg_err sg_udp_open(const struct sg_udp_options *options, struct sg_udp **out);
/* NULL is allowed. */
void sg_udp_close(struct sg_udp *udp);

/* The descriptor, to wait on; borrowed. */
int sg_udp_fd(const struct sg_udp *udp);
/* The bound address with the real port; borrowed. */
const struct sg_addr *sg_udp_local(const struct sg_udp *udp);
const struct sg_udp_features *sg_udp_features(const struct sg_udp *udp);
const struct sg_udp_stats *sg_udp_stats(const struct sg_udp *udp);
/* A short name for metrics, static. */
const char *sg_udp_fault_name(enum sg_udp_fault fault);

/* Hands out what has arrived: *in [*count], at least one, at most 64, borrowed until the next
 * call. Makes at most one system call that succeeds; call until it would block, or return to the
 * loop at any time: wait for readability level-triggered, as libuv and poll do. But what was
 * handed out in part is only in memory and not in the socket: before waiting, call until
 * SG_ERR_WOULD_BLOCK or until sg_udp_has_pending is false.
 * SG_ERR_WOULD_BLOCK: nothing more now, *count = 0; SG_ERR_CLOSED: the descriptor is broken;
 * SG_ERR_NO_MEMORY: there may be more, but no memory to read it into: not to be tried at once. */
SG_MUST_USE sg_err sg_udp_recv(struct sg_udp *udp, const struct sg_udp_in **in, size_t *count);
/* True when the next sg_udp_recv hands out datagrams that are already here. */
bool sg_udp_has_pending(const struct sg_udp *udp);

/* Sends out [count] in order. Datagrams with a fault are counted and passed over.
 * SG_OK: all handled, *done = count. SG_ERR_WOULD_BLOCK: the first *done are handled, and
 * out[*done] is trimmed (data, len) to what is left of it: keep the rest and call again when the
 * socket is writable. SG_ERR_CLOSED: the descriptor is broken; *done as above. */
SG_MUST_USE sg_err sg_udp_send(struct sg_udp *udp, struct sg_udp_out *out, size_t count,
                               size_t *done);

#endif
