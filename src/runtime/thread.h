/* Threads of the node's own. */
#ifndef SG_RUNTIME_THREAD_H
#define SG_RUNTIME_THREAD_H

#include <uv.h>

#include "base/err.h"

/* Starts a thread that no signal interrupts: handlers are the business of the program's threads.
 * SG_ERR_LIMIT. */
SG_MUST_USE sg_err sg_rt_thread_start(uv_thread_t *thread, uv_thread_cb run, void *arg);

#endif
