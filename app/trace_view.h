/* The way of one message through the nodes that were asked, put together from their steps. */
#ifndef SG_APP_TRACE_VIEW_H
#define SG_APP_TRACE_VIEW_H

#include <jansson.h>

#include "command.h"

/* answers: of the op trace, one from each node. Both print to stdout and give the exit code. */

/* The last messages that any of the nodes remembers, the newest first, at most max. */
int sg_trace_view_list(const json_t *answers, size_t max, bool json);
/* What each node did with the one message that begins with text; complains when it is none, or more
 * than one. */
int sg_trace_view_message(const json_t *answers, const char *text, bool json);

#endif
