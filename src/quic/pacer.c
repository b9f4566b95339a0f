#include "quic/pacer.h"

#define BURST_PACKETS 10
/* Timers come in whole milliseconds, and late: with less a fast link would wait for them. */
#define BURST_NS (2 * SG_NS_PER_MS)
#define QUANTUM_NS SG_NS_PER_MS
#define QUANTUM_MAX ((size_t)65536)
/* A window in 4/5 of a round trip: 1.25 times the window's own rate (RFC 9002 s7.7), so that
 * pacing alone never keeps the window from being used. */
#define GAIN_NUM 4
#define GAIN_DEN 5
#define RTT_MAX ((uint64_t)60 * SG_NS_PER_S) /* keeps the product below 2^64 */

static uint64_t duration(const struct sg_quic_pace *pace, size_t bytes)
{
    uint64_t rtt = pace->rtt_ns < RTT_MAX ? pace->rtt_ns : RTT_MAX;
    return (uint64_t)bytes * rtt / GAIN_DEN * GAIN_NUM / pace->window;
}

sg_time_ns sg_quic_pacer_next(const struct sg_quic_pacer *pacer, const struct sg_quic_pace *pace)
{
    uint64_t ahead = duration(pace, BURST_PACKETS * pace->packet);
    ahead = ahead > BURST_NS ? ahead : BURST_NS;
    return pacer->done > ahead ? pacer->done - ahead : 0;
}

size_t sg_quic_pacer_quantum(const struct sg_quic_pace *pace)
{
    size_t least = BURST_PACKETS * pace->packet;
    uint64_t full = duration(pace, QUANTUM_MAX);
    if (full <= QUANTUM_NS)
        return QUANTUM_MAX;
    size_t in_burst = (size_t)(QUANTUM_MAX * QUANTUM_NS / full);
    return in_burst > least ? in_burst : least;
}

void sg_quic_pacer_sent(struct sg_quic_pacer *pacer, const struct sg_quic_pace *pace,
                        sg_time_ns now, size_t bytes)
{
    sg_time_ns from = pacer->done > now ? pacer->done : now;
    pacer->done = sg_time_add(from, duration(pace, bytes));
}
