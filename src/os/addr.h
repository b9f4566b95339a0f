/* A UDP endpoint: IP address and port, in one canonical form. An IPv4 address is never held as
 * v4-mapped IPv6, bytes of ip that are not used are zero, and scope is zero except for IPv6
 * link-local addresses: two addresses are the same endpoint exactly when all fields are equal.
 * Build one with the functions below, never by hand. {0} is "no address" (family 0). */
#ifndef SG_OS_ADDR_H
#define SG_OS_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/bytes.h"

struct sg_addr {
    uint8_t family; /* 0 none, 4, 6 */
    uint16_t port;  /* host order */
    uint8_t ip[16]; /* network order; IPv4 in the first 4 bytes, the rest zero */
    uint32_t scope; /* interface index of an IPv6 link-local address, else 0 */
};

/* Bytes for the longest text, "[...%4294967295]:65535", with the NUL. */
#define SG_ADDR_TEXT_CAP 72
/* Bytes for the longest host name (RFC 1035 s2.3.4: 253 characters as text), with the NUL. */
#define SG_ADDR_HOST_CAP 256
/* The longest address hint on the wire: kind, IPv6 address, port. */
#define SG_ADDR_HINT_MAX 19

/* ip [4] in network order. */
struct sg_addr sg_addr_v4(const uint8_t ip[4], uint16_t port);
/* ip [16] in network order; a v4-mapped address (RFC 4291 s2.5.5.2) becomes IPv4. scope is kept
 * only when the address is link-local. */
struct sg_addr sg_addr_v6(const uint8_t ip[16], uint16_t port, uint32_t scope);

bool sg_addr_equal(const struct sg_addr *a, const struct sg_addr *b);
/* < 0, 0, > 0: by family, ip, port, scope. A total order that is the same on every machine. */
int sg_addr_compare(const struct sg_addr *a, const struct sg_addr *b);

/* Socket address [len bytes] -> out. SG_ERR_UNSUPPORTED: neither AF_INET nor AF_INET6;
 * SG_ERR_INVALID_ARGUMENT: len too short. On error out is {0}. */
SG_MUST_USE sg_err sg_addr_from_sockaddr(const struct sockaddr *sa, socklen_t len,
                                         struct sg_addr *out);
/* addr -> out for a socket of domain AF_INET or AF_INET6 (where IPv4 is written v4-mapped).
 * Gives the length, or 0 when the address has no form in that domain. */
socklen_t sg_addr_to_sockaddr(const struct sg_addr *addr, int domain, struct sockaddr_storage *out);

/* "1.2.3.4:5", "[::1]:5", "[fe80::1%2]:5" (numeric scope); port 0 is allowed, leading zeros are
 * not. Names are refused: split them and use os/resolve.
 * SG_ERR_INVALID_ARGUMENT: anything else; out is then {0}. */
SG_MUST_USE sg_err sg_addr_parse(const char *text, struct sg_addr *out);
/* "1.2.3.4", "::1", "fe80::1%2" with the given port; errors as sg_addr_parse. */
SG_MUST_USE sg_err sg_addr_parse_ip(const char *text, uint16_t port, struct sg_addr *out);
/* "name:port", "1.2.3.4:port", "[v6]:port" -> host without brackets [SG_ADDR_HOST_CAP], port.
 * The host is not checked beyond its length and that it is not empty.
 * SG_ERR_INVALID_ARGUMENT: no port, no host, host too long, brackets not closed, or several ':'
 * outside brackets. */
SG_MUST_USE sg_err sg_addr_split(const char *text, char host[SG_ADDR_HOST_CAP], uint16_t *port);
/* The form that sg_addr_parse reads (RFC 5952), or "none"; returns text. */
const char *sg_addr_format(const struct sg_addr *addr, char text[SG_ADDR_TEXT_CAP]);

/* 127.0.0.0/8, ::1. */
bool sg_addr_is_loopback(const struct sg_addr *addr);
/* 0.0.0.0, :: (the wildcard of a bind). */
bool sg_addr_is_any(const struct sg_addr *addr);
/* Not reachable from the whole internet: RFC 1918, RFC 6598 (shared, carrier NAT), unique local
 * (RFC 4193), link-local. Loopback is not private. */
bool sg_addr_is_private(const struct sg_addr *addr);
/* 169.254.0.0/16, fe80::/10. */
bool sg_addr_is_link_local(const struct sg_addr *addr);
/* 224.0.0.0/4, ff00::/8. */
bool sg_addr_is_multicast(const struct sg_addr *addr);

/* The network of addr: the first v4_bits or v6_bits of ip, the rest, port and scope zero. */
struct sg_addr sg_addr_prefix(const struct sg_addr *addr, unsigned v4_bits, unsigned v6_bits);
/* What one customer of a provider holds, for rate limits: IPv4 /32, IPv6 /64. */
static inline struct sg_addr sg_addr_rate_key(const struct sg_addr *addr)
{
    return sg_addr_prefix(addr, 32, 64);
}

/* An address that a peer may be told to dial. Never: no address, port 0, unspecified and 0/8,
 * multicast, broadcast, IPv6 link-local (its scope means nothing on another host). Loopback and
 * private addresses are hints; whether to dial them is the caller's policy. */
bool sg_addr_is_hint(const struct sg_addr *addr);
/* addr -> out [SG_ADDR_HINT_MAX], *len = 7 or 19: kind (4 or 6), ip, port big-endian.
 * SG_ERR_INVALID_ARGUMENT: not sg_addr_is_hint; *len is then 0. */
SG_MUST_USE sg_err sg_addr_hint_encode(const struct sg_addr *addr, uint8_t out[SG_ADDR_HINT_MAX],
                                       size_t *len);
/* hint -> out; encoding it again gives the same bytes.
 * SG_ERR_MALFORMED: wrong kind or length, v4-mapped, or not sg_addr_is_hint; out is then {0}. */
SG_MUST_USE sg_err sg_addr_hint_decode(struct sg_bytes hint, struct sg_addr *out);

#endif
