#include "runtime/cache.h"

#include "runtime/node_impl.h"
#include "runtime/thread.h"

sg_err sg_rt_cache_init(struct sg_node *node, const char *dir, const struct sg_file_sys *sys)
{
    struct sg_rt_cache *cache = &node->cache;
    cache->save_at = SG_TIME_NEVER;
    if (uv_mutex_init(&cache->mutex) != 0)
        return SG_ERR_LIMIT;
    cache->has_mutex = true;
    if (dir == NULL)
        return SG_OK;
    const struct sg_peers_options options = {
        .dir = dir, .mem = node->mem, .sys = sys != NULL ? sys : sg_file_sys_default()};
    SG_TRY(sg_peers_open(&cache->db, &options));
    cache->save_at = sg_time_add(node->now, SG_RT_SAVE_NS);
    return SG_OK;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void job_free(const struct sg_mem *mem, struct sg_rt_job *job)
{
    if (job == NULL)
        return;
    sg_mem_free(mem, job->seen);
    sg_mem_free(mem, job);
}

/* The work itself: in the job's thread, or in the one that stops the node. */
static void job_do(struct sg_rt_job *job)
{
    uv_mutex_lock(job->mutex);
    job->err = SG_OK;
    if (job->update.seen_count > 0 || job->update.failed_count > 0)
        job->err = sg_peers_update(job->db, &job->update);
    if (job->loads) {
        /* a full disk can still be read */
        sg_err err = sg_peers_best(job->db, job->found, SG_RT_LOAD_MAX, &job->found_count);
        job->err = err != SG_OK ? err : job->err;
    }
    uv_mutex_unlock(job->mutex);
}

static void job_run(void *arg)
{
    struct sg_rt_job *job = arg;
    job_do(job);
    atomic_store(&job->is_done, true);
    (void)uv_async_send(job->wake);
}

static struct sg_rt_job *job_new(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    struct sg_rt_job *job = sg_mem_new(node->mem, 1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->db = cache->db;
    job->mutex = &cache->mutex;
    job->wake = &node->wake;
    job->update.wall_ms = node->wall_ms;
    for (size_t i = 0; i < cache->failed_count; i++)
        job->failed[i] = cache->failed[i];
    job->update.failed = job->failed;
    job->update.failed_count = cache->failed_count;
    return job;
}

static void fill_sighting(const struct sg_node *node, struct sg_peers_sighting *seen)
{
    struct sg_core_member member;
    const struct sg_rt_link *link = sg_rt_links_find(&node->links, &seen->id);
    seen->is_linked = link != NULL && link->main != 0;
    seen->is_alive = seen->is_linked;
    seen->is_contact = sg_rt_contacts_find(&node->contacts, &seen->id) != NULL;
    if (sg_core_member_find(node->core, &seen->id, &member) == SG_OK)
        seen->is_alive = seen->is_alive || member.view.state == SG_SWIM_IS_ALIVE;
}

/* Adds what the core thinks worth keeping. Without memory the job keeps nothing this time. */
static void job_add_seen(struct sg_node *node, struct sg_rt_job *job)
{
    struct sg_peer_id *ids = sg_mem_new(node->mem, SG_RT_SAVE_MAX, sizeof *ids);
    struct sg_hints *hints = sg_mem_new(node->mem, SG_RT_SAVE_MAX, sizeof *hints);
    size_t count = 0;
    if (ids != NULL && hints != NULL)
        count = sg_core_cache(node->core, ids, hints, SG_RT_SAVE_MAX);
    if (count > 0)
        job->seen = sg_mem_new(node->mem, count, sizeof *job->seen);
    for (size_t i = 0; job->seen != NULL && i < count; i++) {
        job->seen[i].id = ids[i];
        job->seen[i].hints = hints[i];
        fill_sighting(node, &job->seen[i]);
        job->update.seen_count++;
    }
    job->update.seen = job->seen;
    sg_mem_free(node->mem, ids);
    sg_mem_free(node->mem, hints);
}

/* ---- what a job brought ---------------------------------------------------------------------- */

/* Candidates that were met at a loopback address show that this node has local peers. */
static bool was_local(const struct sg_peers_entry *entry)
{
    struct sg_addr addr;
    for (size_t i = 0; i < entry->hints.count && entry->successes > 0; i++) {
        struct sg_bytes hint = sg_bytes(entry->hints.hint[i].b, entry->hints.hint[i].len);
        if (sg_addr_hint_decode(hint, &addr) == SG_OK && sg_addr_is_loopback(&addr))
            return true;
    }
    return false;
}

static void feed_found(struct sg_node *node, const struct sg_rt_job *job)
{
    for (size_t i = 0; i < job->found_count && !node->has_left; i++) {
        const struct sg_peers_entry *entry = &job->found[i];
        const struct sg_core_in in = {
            .kind = SG_CORE_IN_CANDIDATE, .peer = entry->id, .hints = entry->hints};
        node->has_local_peers = node->has_local_peers || was_local(entry);
        if (!sg_peer_id_equal(&entry->id, &node->self))
            sg_rt_tell(node, &in);
    }
}

/* Once per bad time: a full disk stays full for a while. */
static void report(struct sg_node *node, sg_err err)
{
    struct sg_rt_cache *cache = &node->cache;
    bool is_news = err != SG_OK && !cache->has_failed;
    cache->has_failed = err != SG_OK;
    if (is_news)
        sg_rt_report_state(node, SG_PEERS_FILE, err);
}

static void take_result(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    struct sg_rt_job *job = cache->job;
    if (job == NULL || !atomic_load(&job->is_done))
        return;
    (void)uv_thread_join(&job->thread); /* it has nothing left to do */
    cache->job = NULL;
    report(node, job->err);
    if (job->err == SG_OK) {
        /* newer ones were added behind */
        size_t written = job->update.failed_count;
        cache->failed_count -= written;
        for (size_t i = 0; i < cache->failed_count; i++)
            cache->failed[i] = cache->failed[i + written];
    }
    feed_found(node, job);
    job_free(node->mem, job);
}

/* ---- the node's side ------------------------------------------------------------------------- */

void sg_rt_cache_wanted(struct sg_node *node)
{
    node->cache.wants_load = node->cache.db != NULL;
    node->more = node->more || (node->cache.wants_load && node->cache.job == NULL);
}

void sg_rt_cache_failed(struct sg_node *node, const struct sg_peer_id *peer)
{
    struct sg_rt_cache *cache = &node->cache;
    if (cache->db == NULL || cache->failed_count == SG_RT_FAILED_MAX)
        return;
    cache->failed[cache->failed_count++] = *peer;
}

void sg_rt_cache_joined(struct sg_node *node)
{
    if (node->cache.db != NULL)
        node->cache.save_at =
            sg_time_min(node->cache.save_at, sg_time_add(node->now, SG_RT_SAVE_FIRST_NS));
}

void sg_rt_run_cache(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    take_result(node);
    bool saves = cache->save_at <= node->now;
    if (cache->job != NULL || node->has_left || (!saves && !cache->wants_load))
        return;
    struct sg_rt_job *job = job_new(node);
    if (saves)
        cache->save_at = sg_time_add(node->now, SG_RT_SAVE_NS);
    if (job == NULL)
        return; /* the core asks again, and the next save comes */
    if (saves)
        job_add_seen(node, job);
    job->loads = cache->wants_load;
    cache->wants_load = false;
    if (sg_rt_thread_start(&job->thread, job_run, job) == SG_OK)
        cache->job = job;
    else
        job_free(node->mem, job);
}

void sg_rt_cache_remember(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    if (cache->db == NULL || cache->last != NULL)
        return;
    cache->last = job_new(node);
    if (cache->last != NULL)
        job_add_seen(node, cache->last);
}

void sg_rt_cache_finish(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    struct sg_rt_job *last = cache->last;
    if (cache->job != NULL) {
        (void)uv_thread_join(&cache->job->thread);
        bool has_saved = cache->job->err == SG_OK;
        /* its failures are among the last ones, too */
        if (last != NULL && has_saved) {
            last->update.failed += cache->job->update.failed_count;
            last->update.failed_count -= cache->job->update.failed_count;
        }
        job_free(node->mem, cache->job);
        cache->job = NULL;
    }
    cache->last = NULL;
    if (last == NULL)
        return;
    job_do(last);
    sg_err err = last->err;
    job_free(node->mem, last);
    sg_rt_enter_any(node);
    report(node, err);
    sg_rt_leave_quiet(node);
}

void sg_rt_cache_fini(struct sg_node *node)
{
    struct sg_rt_cache *cache = &node->cache;
    sg_peers_close(cache->db);
    cache->db = NULL;
    if (cache->has_mutex)
        uv_mutex_destroy(&cache->mutex);
    cache->has_mutex = false;
}
