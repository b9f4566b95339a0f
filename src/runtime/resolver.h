/* Names of seeds to addresses, off the loop. Each look-up has a thread of its own, detached: the
 * system's resolver may take many seconds and cannot be interrupted, and a node must stop in less
 * than one. An abandoned look-up cleans up after itself. (libuv's pool would make the loop wait
 * for it.) */
#ifndef SG_RUNTIME_RESOLVER_H
#define SG_RUNTIME_RESOLVER_H

#include <stdbool.h>

#include <uv.h>

#include "os/resolve.h"

/* Look-ups at a time per node. */
#define SG_RT_RESOLVES_MAX 4

struct sg_rt_resolve;

/* Starts a look-up; wake is sent when it is done. The caller gives *out back with
 * sg_rt_resolve_release before wake is closed. SG_ERR_NO_MEMORY, SG_ERR_LIMIT (threads). */
SG_MUST_USE sg_err sg_rt_resolve_start(const char *host, uint16_t port, uv_async_t *wake,
                                       struct sg_rt_resolve **out);
/* false: still under way. true: *err and, on SG_OK, addrs [SG_RESOLVE_MAX], *count are set. */
bool sg_rt_resolve_result(struct sg_rt_resolve *resolve, sg_err *err, struct sg_addr *addrs,
                          size_t *count);
/* Lets go, done or not; wake is not touched afterwards. NULL is allowed. */
void sg_rt_resolve_release(struct sg_rt_resolve *resolve);

#endif
