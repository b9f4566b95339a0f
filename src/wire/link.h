/* What both ends of a link agree on besides frames: lanes and reasons to close. */
#ifndef SG_WIRE_LINK_H
#define SG_WIRE_LINK_H

#include <stdint.h>

/* The lanes in order of priority; the value is the first byte of each stream. DATAGRAM stands for
 * DATAGRAM frames where a lane is asked for: no stream, no order, losable, at most
 * SG_SWIM_PACKET_MAX bytes; its value is never on the wire. */
enum sg_lane { SG_LANE_MSHIP = 0, SG_LANE_PUBSUB = 1, SG_LANE_BULK = 2, SG_LANE_DATAGRAM = 3 };
#define SG_LANE_COUNT 3       /* for budgets: mship, pubsub, all bulk streams together */
#define SG_FRAME_LANE_COUNT 2 /* the lanes that carry frames */

/* Application error codes of CONNECTION_CLOSE. On the wire: never renumber. */
enum sg_close_reason {
    SG_CLOSE_NONE = 0,           /* no reason given */
    SG_CLOSE_SHUTDOWN = 1,       /* the node stops */
    SG_CLOSE_DUPLICATE = 2,      /* another connection to the same peer survives */
    SG_CLOSE_WRONG_NETWORK = 3,  /* HELLO of another network */
    SG_CLOSE_PROTOCOL = 4,       /* protocol violation, e.g. a malformed frame or unknown lane */
    SG_CLOSE_OVERSIZED = 5,      /* a frame above its lane's limit */
    SG_CLOSE_OVERLOAD = 6,       /* no room: shed load */
    SG_CLOSE_LEAVING = 7,        /* the link is no longer wanted (view changes) */
    SG_CLOSE_BANNED = 8,         /* refused after earlier violations */
    SG_CLOSE_IDLE = 9,           /* nothing was received for the idle timeout (local only) */
    SG_CLOSE_STALLED = 10,       /* half-open: data waits and nothing is acknowledged */
    SG_CLOSE_RESET = 11,         /* stateless reset: the peer lost the connection (local only) */
    SG_CLOSE_TRANSPORT = 12,     /* QUIC or TLS error (local only) */
    SG_CLOSE_SELF = 13,          /* the peer is this node */
    SG_CLOSE_WRONG_PROFILE = 14, /* HELLO of another crypto profile */
    SG_CLOSE_VERSION = 15        /* HELLO of an unknown version */
};
#define SG_CLOSE_COUNT 16

#endif
