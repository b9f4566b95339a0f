#include "base/trace.h"

const char *sg_trace_text(enum sg_trace_event event)
{
    static const char *const texts[SG_TRACE_COUNT] = {
#define X(name, text) [SG_TRACE_##name] = (text),
#include "base/trace_events.def"
#undef X
    };
    return (unsigned)event < SG_TRACE_COUNT ? texts[event] : "unknown";
}
