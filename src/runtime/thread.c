#include "runtime/thread.h"

#include <pthread.h>
#include <signal.h>

sg_err sg_rt_thread_start(uv_thread_t *thread, uv_thread_cb run, void *arg)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = uv_thread_create(thread, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? SG_OK : SG_ERR_LIMIT;
}
