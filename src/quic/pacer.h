/* Spreads out what a connection sends (RFC 9002 s7.7).
 *
 * ngtcp2 has a pacer of its own, whose rate follows the congestion window only when that grows. A
 * link of a gossip overlay says little, its window never grows, and so its rate would for ever be
 * the one of the handshake, when the machine was busy and round trips looked a hundred times as
 * long: a burst of twenty messages waited for up to 100 ms. This one takes the round-trip time as
 * it is now. */
#ifndef SG_QUIC_PACER_H
#define SG_QUIC_PACER_H

#include <stddef.h>

#include "base/time.h"

struct sg_quic_pacer {
    sg_time_ns done; /* when all that was sent would have left, at the pace */
};

/* What the path bears at the moment. */
struct sg_quic_pace {
    uint64_t window; /* congestion window, bytes, not 0 */
    uint64_t rtt_ns; /* smoothed; SG_QUIC_PACE_RTT before the first sample */
    size_t packet;   /* bytes of a full one */
};

#define SG_QUIC_PACE_RTT SG_NS_PER_MS

/* The earliest time for more: a burst may run ahead of the pace by ten packets, the initial window
 * (RFC 9002 s7.2), or by what leaves in two milliseconds. */
sg_time_ns sg_quic_pacer_next(const struct sg_quic_pacer *pacer, const struct sg_quic_pace *pace);
/* Bytes to send in one go when nothing holds the pacer back: what leaves in a millisecond, but ten
 * packets at least and 64 KiB at most. */
size_t sg_quic_pacer_quantum(const struct sg_quic_pace *pace);
void sg_quic_pacer_sent(struct sg_quic_pacer *pacer, const struct sg_quic_pace *pace,
                        sg_time_ns now, size_t bytes);

#endif
