/* Trace events of the pure set, pushed to an injected sink. */
#ifndef SG_BASE_TRACE_H
#define SG_BASE_TRACE_H

#include "base/bytes.h"

enum sg_trace_event {
#define X(name, text) SG_TRACE_##name,
#include "base/trace_events.def"
#undef X
    SG_TRACE_COUNT
};

/* A sink; fn may be NULL. peer [32] and id [32] may be NULL and are borrowed for the call. The sink
 * must not call back into the machine that traces. */
struct sg_trace {
    void (*fn)(void *user, enum sg_trace_event event, const uint8_t *peer, const uint8_t *id,
               uint64_t number);
    void *user;
};

static inline void sg_trace(const struct sg_trace *trace, enum sg_trace_event event,
                            const uint8_t *peer, const uint8_t *id, uint64_t number)
{
    if (trace->fn != NULL)
        trace->fn(trace->user, event, peer, id, number);
}

/* A short text, never NULL, static. */
const char *sg_trace_text(enum sg_trace_event event);

#endif
