#include "runtime/work.h"

#include "runtime/thread.h"

/* One for the process: nodes come and go, processors do not. */
static struct {
    uv_mutex_t mutex;
    uv_cond_t more; /* there is a job to run, or the threads shall end */
    uv_cond_t done; /* somebody waits for a job of its own */
    struct sg_rt_task *first, *last;
    unsigned idle;
    bool is_ending;
    /* under life */
    uv_mutex_t life;
    uv_thread_t threads[SG_RT_WORKERS_MAX];
    unsigned thread_count;
    unsigned members;
    bool is_usable;
} pool;
static uv_once_t pool_once = UV_ONCE_INIT;

static void make_pool(void)
{
    pool.is_usable = uv_mutex_init(&pool.mutex) == 0 && uv_mutex_init(&pool.life) == 0 &&
                     uv_cond_init(&pool.more) == 0 && uv_cond_init(&pool.done) == 0;
}

static void do_work(struct sg_rt_task *job)
{
    const struct sg_rt_work *owner = job->owner;
    if (job->kind == SG_CORE_OUT_SIGN)
        job->err = sg_core_job_sign(owner->signer, &job->root, job->signature);
    else
        job->err = sg_core_job_verify(owner->suite, &job->root, sg_buf_bytes(job->proof));
}

/* The lock is held, but not while a job is being done. */
static void run_one(void)
{
    struct sg_rt_task *job = pool.first;
    pool.first = job->next_to_run;
    if (pool.first == NULL)
        pool.last = NULL;
    uv_mutex_unlock(&pool.mutex);
    do_work(job);
    uv_mutex_lock(&pool.mutex);
    job->is_done = true;
    if (job == job->owner->first) /* the others are taken with those before them */
        (void)uv_async_send(job->owner->wake);
    uv_cond_broadcast(&pool.done);
}

static void run_worker(void *arg)
{
    (void)arg;
    uv_mutex_lock(&pool.mutex);
    while (!pool.is_ending) {
        if (pool.first != NULL) {
            run_one();
            continue;
        }
        pool.idle++;
        uv_cond_wait(&pool.more, &pool.mutex);
        pool.idle--;
    }
    uv_mutex_unlock(&pool.mutex);
}

static void start_threads(void)
{
    unsigned wanted = uv_available_parallelism();
    if (wanted > SG_RT_WORKERS_MAX)
        wanted = SG_RT_WORKERS_MAX;
    while (pool.thread_count < wanted) {
        if (sg_rt_thread_start(&pool.threads[pool.thread_count], run_worker, NULL) != SG_OK)
            return;
        pool.thread_count++;
    }
}

static void end_threads(void)
{
    uv_mutex_lock(&pool.mutex);
    pool.is_ending = true;
    uv_cond_broadcast(&pool.more);
    uv_mutex_unlock(&pool.mutex);
    while (pool.thread_count > 0)
        (void)uv_thread_join(&pool.threads[--pool.thread_count]);
    pool.is_ending = false;
}

/* Whether there are threads. */
static bool join_pool(struct sg_rt_work *work)
{
    uv_once(&pool_once, make_pool);
    if (!pool.is_usable)
        return false;
    if (work->is_member)
        return true;
    uv_mutex_lock(&pool.life);
    if (pool.thread_count == 0)
        start_threads();
    work->is_member = pool.thread_count > 0;
    pool.members += work->is_member ? 1 : 0;
    uv_mutex_unlock(&pool.life);
    return work->is_member;
}

static void leave_pool(struct sg_rt_work *work)
{
    if (!work->is_member)
        return;
    uv_mutex_lock(&pool.life);
    work->is_member = false;
    if (--pool.members == 0)
        end_threads();
    uv_mutex_unlock(&pool.life);
}

void sg_rt_work_init(struct sg_rt_work *work, const struct sg_mem *mem,
                     const struct sg_signer *signer, uv_async_t *wake)
{
    *work = (struct sg_rt_work){.mem = mem, .suite = signer->suite, .signer = signer, .wake = wake};
}

void sg_rt_task_free(struct sg_rt_work *work, struct sg_rt_task *job)
{
    sg_buf_unref(job->proof);
    sg_mem_free(work->mem, job);
}

void sg_rt_work_fini(struct sg_rt_work *work)
{
    struct sg_core_in in;
    while (work->count > 0)
        sg_rt_task_free(work, sg_rt_work_take(work, true, &in));
    leave_pool(work);
}

static void append(struct sg_rt_work *work, struct sg_rt_task *job)
{
    if (work->last == NULL)
        work->first = job;
    else
        work->last->next_of_node = job;
    work->last = job;
}

static void enqueue(struct sg_rt_task *job)
{
    if (pool.last == NULL)
        pool.first = job;
    else
        pool.last->next_to_run = job;
    pool.last = job;
    if (pool.idle > 0)
        uv_cond_signal(&pool.more);
}

sg_err sg_rt_work_submit(struct sg_rt_work *work, const struct sg_core_out *out, bool *is_done)
{
    size_t room = out->kind == SG_CORE_OUT_SIGN ? work->suite->sig_len : 0;
    struct sg_rt_task *job = sg_mem_new(work->mem, 1, sizeof(*job) + room);
    if (job == NULL)
        return SG_ERR_NO_MEMORY;
    job->owner = work;
    job->number = out->job;
    job->kind = out->kind;
    job->root = out->id;
    job->proof = out->buf == NULL ? NULL : sg_buf_ref(out->buf);
    work->count++;
    *is_done = !join_pool(work);
    if (*is_done) {
        do_work(job);
        job->is_done = true;
        append(work, job);
        return SG_OK;
    }
    uv_mutex_lock(&pool.mutex);
    append(work, job);
    enqueue(job);
    uv_mutex_unlock(&pool.mutex);
    return SG_OK;
}

static struct sg_rt_task *pop(struct sg_rt_work *work)
{
    struct sg_rt_task *job = work->first;
    if (job == NULL || !job->is_done)
        return NULL;
    work->first = job->next_of_node;
    if (work->first == NULL)
        work->last = NULL;
    return job;
}

struct sg_rt_task *sg_rt_work_take(struct sg_rt_work *work, bool wait, struct sg_core_in *in)
{
    if (work->count == 0)
        return NULL;
    if (work->is_member)
        uv_mutex_lock(&pool.mutex);
    struct sg_rt_task *job = pop(work);
    while (job == NULL && wait && work->is_member) {
        uv_cond_wait(&pool.done, &pool.mutex);
        job = pop(work);
    }
    if (work->is_member)
        uv_mutex_unlock(&pool.mutex);
    if (job == NULL)
        return NULL;
    work->count--;
    *in = (struct sg_core_in){.job = job->number, .err = job->err};
    in->kind = job->kind == SG_CORE_OUT_SIGN ? SG_CORE_IN_SIGNED : SG_CORE_IN_VERIFIED;
    if (job->kind == SG_CORE_OUT_SIGN)
        in->bytes = sg_bytes(job->signature, work->suite->sig_len);
    return job;
}
