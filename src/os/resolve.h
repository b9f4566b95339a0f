/* Host names to addresses. Blocking: call it from a worker thread (libuv's pool), never from the
 * loop. */
#ifndef SG_OS_RESOLVE_H
#define SG_OS_RESOLVE_H

#include "os/addr.h"

/* Enough for every sensible name; more are cut off. */
#define SG_RESOLVE_MAX 16

/* host (a name, or an address as text, as sg_addr_split gives it) and port -> out [cap], *count.
 * A numeric address gives itself and touches neither resolver nor network. A name gives all its
 * addresses without duplicates, in the system's order (RFC 6724) but with IPv6 and IPv4 taking
 * turns, the system's first choice first: whoever dials them one after the other meets both
 * families early (RFC 8305 s4). Can take seconds: the system's resolver decides. Thread-safe.
 * SG_ERR_INVALID_ARGUMENT: empty or overlong host, cap 0; SG_ERR_RESOLVE: no such name, no
 * address, or no answer; SG_ERR_NO_MEMORY. On error *count = 0. */
SG_MUST_USE sg_err sg_resolve(const char *host, uint16_t port, struct sg_addr *out, size_t cap,
                              size_t *count);

/* The interleaving alone: stable, addrs [count] <= SG_RESOLVE_MAX. */
void sg_resolve_interleave(struct sg_addr *addrs, size_t count);

#endif
