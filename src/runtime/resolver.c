#include "runtime/resolver.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"

struct sg_rt_resolve {
    uv_mutex_t mutex;
    unsigned refs;    /* the node and the thread */
    uv_async_t *wake; /* NULL once the node has let go */
    bool done;
    sg_err err;
    struct sg_addr addrs[SG_RESOLVE_MAX];
    size_t count;
    uint16_t port;
    char host[SG_ADDR_HOST_CAP];
};

/* The thread may outlive the node, and so the node's allocator: this uses the C library's. */
static void unref(struct sg_rt_resolve *resolve)
{
    uv_mutex_lock(&resolve->mutex);
    bool is_last = --resolve->refs == 0;
    uv_mutex_unlock(&resolve->mutex);
    if (!is_last)
        return;
    uv_mutex_destroy(&resolve->mutex);
    sg_mem_free(sg_mem_default(), resolve);
}

static void *look_up(void *arg)
{
    struct sg_rt_resolve *resolve = arg;
    struct sg_addr addrs[SG_RESOLVE_MAX];
    size_t count = 0;
    sg_err err = sg_resolve(resolve->host, resolve->port, addrs, SG_RESOLVE_MAX, &count);
    uv_mutex_lock(&resolve->mutex);
    resolve->err = err;
    resolve->count = count;
    memcpy(resolve->addrs, addrs, count * sizeof *addrs);
    resolve->done = true;
    if (resolve->wake != NULL)
        (void)uv_async_send(resolve->wake);
    uv_mutex_unlock(&resolve->mutex);
    unref(resolve);
    return NULL;
}

/* A detached thread that no signal interrupts: handlers are the program's business. */
static sg_err start_thread(struct sg_rt_resolve *resolve)
{
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return SG_ERR_NO_MEMORY;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int failed = pthread_create(&thread, &attr, look_up, resolve);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return failed == 0 ? SG_OK : SG_ERR_LIMIT;
}

sg_err sg_rt_resolve_start(const char *host, uint16_t port, uv_async_t *wake,
                           struct sg_rt_resolve **out)
{
    size_t len = strlen(host);
    if (len >= SG_ADDR_HOST_CAP)
        return SG_ERR_INVALID_ARGUMENT;
    struct sg_rt_resolve *resolve = sg_mem_new(sg_mem_default(), 1, sizeof *resolve);
    if (resolve == NULL)
        return SG_ERR_NO_MEMORY;
    if (uv_mutex_init(&resolve->mutex) != 0) {
        sg_mem_free(sg_mem_default(), resolve);
        return SG_ERR_NO_MEMORY;
    }
    resolve->refs = 2;
    resolve->wake = wake;
    resolve->port = port;
    memcpy(resolve->host, host, len + 1);
    sg_err err = start_thread(resolve);
    if (err != SG_OK) {
        resolve->refs = 1;
        unref(resolve);
        return err;
    }
    *out = resolve;
    return SG_OK;
}

bool sg_rt_resolve_result(struct sg_rt_resolve *resolve, sg_err *err, struct sg_addr *addrs,
                          size_t *count)
{
    uv_mutex_lock(&resolve->mutex);
    bool done = resolve->done;
    if (done) {
        *err = resolve->err;
        *count = resolve->count;
        memcpy(addrs, resolve->addrs, resolve->count * sizeof *addrs);
    }
    uv_mutex_unlock(&resolve->mutex);
    return done;
}

void sg_rt_resolve_release(struct sg_rt_resolve *resolve)
{
    if (resolve == NULL)
        return;
    uv_mutex_lock(&resolve->mutex);
    resolve->wake = NULL;
    uv_mutex_unlock(&resolve->mutex);
    unref(resolve);
}
