/* Every limit of what may come from the network: the paper's name and the reason for the value.
 * A decoder refuses what is larger; an encoder never writes it. */
#ifndef SG_WIRE_LIMITS_H
#define SG_WIRE_LIMITS_H

/* Versions, one byte per message family; an unknown one is refused (SG_ERR_VERSION). */
#define SG_WIRE_LINK_VERSION 1
#define SG_WIRE_HYPARVIEW_VERSION 1
#define SG_WIRE_PLUMTREE_VERSION 1
#define SG_WIRE_TOPIC_VERSION 1
#define SG_WIRE_SWIM_VERSION 1
#define SG_WIRE_RECONCILE_VERSION 1
#define SG_WIRE_LARGE_VERSION 1
#define SG_WIRE_DOC_VERSION 1

/* Lane mship: the largest frame is a SHUFFLE of 16 entries with two hints each, about 1.3 KiB, or
 * a TOPICS list; 16 KiB leaves room for SWIM push/pull. */
#define SG_FRAME_MSHIP_MAX 16384
/* Lane pubsub: a GOSSIP of 64 KiB payload with header and Merkle path, or an IHAVE of 1 024 ids
 * (33 KiB). */
#define SG_FRAME_PUBSUB_MAX 69632
/* Bulk: a stream carries one frame, a CHUNK of 64 KiB with its head. */
#define SG_FRAME_BULK_MAX 66560

/* protocol.md 4: push up to 64 KiB, above that announce and fetch. */
#define SG_PAYLOAD_MAX 65536
/* protocol.md 4: 16 MiB, in chunks as large as what may be pushed. With 256 of them their hashes
 * take 8 KiB, so that the whole list is pushed (ADR 33). */
#define SG_LARGE_MAX 16777216
#define SG_CHUNK_LEN 65536
#define SG_CHUNKS_MAX 256
/* Chunks one ASK can name: more than a neighbour has under way at a time. */
#define SG_LARGE_ASK_MAX 8
/* Documents: a part of a message is one bulk frame, as a chunk is. */
#define SG_DOC_PART_MAX 65536
/* A message of a session: a state as large as a payload may be, with what goes around it. */
#define SG_DOC_MESSAGE_MAX (SG_LARGE_MAX + 65536)
/* Messages that gather, all sessions of a node. */
#define SG_DOC_GATHERED_MAX (3 * SG_DOC_MESSAGE_MAX)
/* A topic name is a person's word for it; 255 is what fits one length byte in a config. */
#define SG_TOPIC_NAME_MAX 255
/* Names of networks likewise. */
#define SG_NETWORK_NAME_MAX 255

/* One address as an opaque hint: kind, IPv6, port. */
#define SG_HINT_LEN_MAX 19
/* An IPv4 and an IPv6 address per peer. */
#define SG_HINTS_MAX 2

/* HyParView: shuffle = self + ka + kp; the paper has 1 + 3 + 4 = 8. */
#define SG_HPV_SHUFFLE_MAX 16
/* ARWL is 6; a longer walk on the wire is an amplification attempt. */
#define SG_HPV_TTL_MAX 16

/* SWIM: a packet with its frame head fits one QUIC DATAGRAM frame (1 152 bytes, transport.md) in a
 * 1 200 byte UDP datagram. */
#define SG_SWIM_PACKET_MAX 1152
/* Rumors in one packet: 1 152 bytes hold 15 accusations of 73 bytes. */
#define SG_SWIM_RUMORS_MAX 15
/* Entries of 32 + 8 + 2 + at most 41 bytes in a frame of the mship lane (16 KiB). */
#define SG_SWIM_TABLE_MAX 128
/* Application metadata of a member: an address, a name, a role; records are kept for each member
 * and told to newcomers. */
#define SG_SWIM_META_MAX 512
/* As many as one TABLE can name. */
#define SG_SWIM_WANT_MAX 128

/* protocol.md 4: IHAVE batches of at most 1 024 ids. */
#define SG_PT_IHAVE_MAX 1024
/* IDONTWANT, IDONTHAVE: as many as one signature covers. */
#define SG_PT_IDS_MAX 64
/* A GOSSIP frame above this is worth an IDONTWANT (45 bytes) per neighbour. */
#define SG_PT_DONTWANT_LEN 1024
/* Hops are a hint for tree optimisation; a path longer than this is not a tree of ours. */
#define SG_PT_HOP_MAX 255
/* protocol.md 4: one signature for up to 64 messages; their ids take 2 KiB beside its 3.3 KB. */
#define SG_BATCH_MAX 64

/* Topics one node tells a base-scope neighbour. 256 topics * 32 B = 8 KiB, below the lane limit. */
#define SG_TOPICS_MAX 256
/* TOPIC_FIND walk: fanout 3, TTL 4 (protocol.md 3). */
#define SG_TOPIC_FIND_TTL_MAX 4
#define SG_TOPIC_FOUND_MAX 8

/* Reconciliation: symbols in one frame. With 87 of them a SKETCH and its frame's head are 1 199
 * bytes, which fit a datagram (sync.md 2.5), and "stop" saves most of what is not needed. */
#define SG_REC_PIECE_MAX 87
/* Short ids in one frame: 8 KiB. */
#define SG_REC_IDS_MAX 1024
/* Symbols in one session: beyond 2^24 the step of an index leaves its range (sync.md 2.2). */
#define SG_REC_SYMBOLS_MAX 16777216

#endif
