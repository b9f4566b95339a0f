/* Every constant that must be the same on both ends of a link, in one place. */
#ifndef SG_QUIC_LABELS_H
#define SG_QUIC_LABELS_H

/* ALPN (RFC 7301): names and versions what runs inside the connection. */
#define SG_QUIC_ALPN "saorsa/1"
/* TLS: one group, one signature algorithm, network-wide (transport.md s1). */
#define SG_QUIC_GROUPS "MLKEM768"
#define SG_QUIC_SIGALGS "mldsa65"
#define SG_QUIC_CIPHERS "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
#define SG_QUIC_KEY_TYPE "ML-DSA-65"
/* RFC 8446 s7.5; no context. */
#define SG_QUIC_EXPORTER_LABEL "EXPORTER-saorsa-link-v1"

/* Our connection ids: 64 random bits cannot be guessed off-path, and save 12 bytes per packet
 * against the longest. */
#define SG_QUIC_CID_LEN 8
/* RFC9000 s7.2: unpredictable, and at least 8. */
#define SG_QUIC_FIRST_CID_LEN 16
/* Ids a peer may keep of ours: the one in use and two for a change of address. */
#define SG_QUIC_ACTIVE_CIDS 3
/* The longest UDP payload that we take: SG_UDP_DATAGRAM_MAX of os/udp.h. */
#define SG_QUIC_UDP_PAYLOAD_RX 2048

#endif
