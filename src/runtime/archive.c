#include "runtime/archive.h"

#include <string.h>

#include "runtime/node_impl.h"
#include "runtime/thread.h"

sg_err sg_rt_archive_init(struct sg_node *node, const struct sg_node_config *config,
                          const struct sg_file_sys *sys)
{
    struct sg_rt_archive *archive = &node->archive;
    archive->flush_at = SG_TIME_NEVER;
    archive->sys = sys != NULL ? sys : sg_file_sys_default();
    archive->age_ms = config->durable_age_ms;
    archive->bytes_max = config->durable_bytes_max;
    if (uv_mutex_init(&archive->mutex) != 0)
        return SG_ERR_LIMIT;
    archive->has_mutex = true;
    if (config->state_dir == NULL)
        return SG_OK;
    size_t len = strlen(config->state_dir);
    archive->dir = sg_mem_new(node->mem, len + 1, 1);
    if (archive->dir == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(archive->dir, config->state_dir, len);
    return SG_OK;
}

sg_err sg_rt_archive_open(struct sg_node *node)
{
    struct sg_rt_archive *archive = &node->archive;
    const struct sg_messages_options options = {
        .dir = archive->dir, .mem = node->mem, .sys = archive->sys};
    struct sg_messages *db = NULL;
    if (archive->dir == NULL)
        return SG_ERR_INVALID_ARGUMENT;
    uv_mutex_lock(&archive->mutex);
    sg_err err = SG_OK;
    if (atomic_load(&archive->db) == NULL) {
        err = sg_messages_open(&db, &options);
        if (err == SG_OK)
            atomic_store(&archive->db, db);
    }
    uv_mutex_unlock(&archive->mutex);
    return err;
}

static const char *refusal(sg_err err)
{
    if (err == SG_ERR_CORRUPT)
        return "it is damaged, or something else. It stays as it is; when " SG_MESSAGES_FILE
               "* is moved away, the node starts a new one";
    if (err == SG_ERR_UNSUPPORTED)
        return "it is of a newer version of this program";
    return sg_err_text(err);
}

void sg_rt_archive_refused(struct sg_node *node, sg_err err)
{
    const char *dir = node->archive.dir;
    sg_rt_enter_any(node);
    if (dir == NULL)
        sg_rt_note_error(node, "a durable topic needs a state folder");
    else
        sg_rt_note_error(node, "cannot use %.100s/%s: %s", dir, SG_MESSAGES_FILE, refusal(err));
    sg_rt_leave_quiet(node);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void rows_free(struct sg_node *node, struct sg_messages_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sg_messages_row_fini(&rows[i]);
    sg_mem_free(node->mem, rows);
}

/* In the job's thread, or in the one that stops the node. Reads buffers, and owns none. */
static void write_do(struct sg_rt_write *job)
{
    uv_mutex_lock(job->mutex);
    job->err = job->count > 0 ? sg_messages_put(job->db, job->rows, job->count) : SG_OK;
    if (job->err == SG_OK && job->trims)
        job->err = sg_messages_trim(job->db, job->min_time_ms, job->bytes_max, &job->dropped);
    uv_mutex_unlock(job->mutex);
}

static void write_run(void *arg)
{
    struct sg_rt_write *job = arg;
    write_do(job);
    atomic_store(&job->is_done, true);
    (void)uv_async_send(job->wake);
}

/* The topics may be quiet, and what is too old goes nevertheless. */
static sg_time_ns trim_due(const struct sg_rt_archive *archive)
{
    return atomic_load(&archive->db) == NULL ? SG_TIME_NEVER : archive->trim_at;
}

/* Takes over all that waits. */
static struct sg_rt_write *write_new(struct sg_node *node)
{
    struct sg_rt_archive *archive = &node->archive;
    struct sg_rt_write *job = sg_mem_new(node->mem, 1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->db = atomic_load(&archive->db);
    job->mutex = &archive->mutex;
    job->wake = &node->wake;
    job->rows = archive->rows;
    job->count = archive->count;
    job->bytes = archive->bytes;
    job->trims = archive->trim_at <= node->now;
    job->bytes_max = archive->bytes_max;
    job->min_time_ms = node->wall_ms > archive->age_ms ? node->wall_ms - archive->age_ms : 0;
    if (job->trims)
        archive->trim_at = sg_time_add(node->now, SG_RT_TRIM_NS);
    archive->rows = NULL;
    archive->count = 0;
    archive->cap = 0;
    archive->bytes = 0;
    return job;
}

static void report(struct sg_node *node, sg_err err)
{
    struct sg_rt_archive *archive = &node->archive;
    bool is_news = err != SG_OK && !archive->has_failed;
    archive->has_failed = err != SG_OK;
    if (is_news)
        sg_rt_report_state(node, SG_MESSAGES_FILE, err);
}

/* What could not be written waits again, in front, when it is not too much. */
static bool put_back(struct sg_node *node, struct sg_rt_write *job)
{
    struct sg_rt_archive *archive = &node->archive;
    size_t count = job->count + archive->count;
    if (job->count == 0)
        return true;
    if (job->bytes + archive->bytes > SG_RT_UNWRITTEN_MAX)
        return false;
    void *rows = sg_mem_resize(node->mem, job->rows, count, sizeof *job->rows);
    if (rows == NULL)
        return false;
    job->rows = rows;
    for (size_t i = 0; i < archive->count; i++)
        job->rows[job->count + i] = archive->rows[i];
    sg_mem_free(node->mem, archive->rows);
    archive->rows = job->rows;
    archive->count = count;
    archive->cap = count;
    archive->bytes += job->bytes;
    job->rows = NULL;
    job->count = 0;
    return true;
}

/* The thread has ended. */
static void write_done(struct sg_node *node, struct sg_rt_write *job)
{
    struct sg_rt_archive *archive = &node->archive;
    report(node, job->err);
    archive->lost += job->dropped;
    if (job->err == SG_OK) {
        archive->stored += job->count;
    } else {
        archive->flush_at = sg_time_add(node->now, SG_RT_FLUSH_AGAIN_NS);
        if (!put_back(node, job))
            archive->lost += job->count;
    }
    rows_free(node, job->rows, job->count);
    sg_mem_free(node->mem, job);
}

void sg_rt_archive_store(struct sg_node *node, const struct sg_core_out *out)
{
    struct sg_rt_archive *archive = &node->archive;
    uint64_t bytes = out->buf->len + out->store.root->len + sizeof *archive->rows;
    uint64_t under_way = archive->job == NULL ? 0 : archive->job->bytes;
    if (under_way + archive->bytes + bytes > SG_RT_UNWRITTEN_MAX) {
        archive->lost++;
        report(node, SG_ERR_FULL);
        return;
    }
    if (archive->count == archive->cap) {
        size_t cap = archive->cap == 0 ? 64 : archive->cap * 2;
        void *rows = sg_mem_resize(node->mem, archive->rows, cap, sizeof *archive->rows);
        if (rows == NULL) {
            archive->lost++;
            return;
        }
        archive->rows = rows;
        archive->cap = cap;
    }
    struct sg_messages_row *row = &archive->rows[archive->count++];
    *row = (struct sg_messages_row){.topic = out->topic,
                                    .id = out->id,
                                    .author = out->message.author,
                                    .time_ms = out->message.time_ms,
                                    .gossip = sg_buf_ref(out->buf),
                                    .root_frame = sg_buf_ref(out->store.root),
                                    .key_frame = sg_buf_ref(out->store.key)};
    sg_core_root_name(out->store.root, row->root);
    archive->bytes += bytes;
    if (archive->flush_at == SG_TIME_NEVER)
        archive->flush_at = sg_time_add(node->now, SG_RT_FLUSH_NS);
}

void sg_rt_run_archive(struct sg_node *node)
{
    struct sg_rt_archive *archive = &node->archive;
    struct sg_rt_write *job = archive->job;
    if (job != NULL && atomic_load(&job->is_done)) {
        (void)uv_thread_join(&job->thread);
        archive->job = NULL;
        write_done(node, job);
    }
    bool trims = node->now >= trim_due(archive);
    if (archive->job != NULL || (node->now < archive->flush_at && !trims))
        return;
    archive->flush_at = SG_TIME_NEVER;
    if (archive->count == 0 && !trims)
        return;
    job = write_new(node);
    if (job == NULL) {
        archive->flush_at = sg_time_add(node->now, SG_RT_FLUSH_AGAIN_NS);
        archive->trim_at = trims ? archive->flush_at : archive->trim_at;
        return;
    }
    sg_err err = sg_rt_thread_start(&job->thread, write_run, job);
    if (err == SG_OK) {
        archive->job = job;
        return;
    }
    job->err = err;
    write_done(node, job);
}

sg_time_ns sg_rt_archive_deadline(const struct sg_node *node)
{
    const struct sg_rt_archive *archive = &node->archive;
    if (archive->job != NULL)
        return SG_TIME_NEVER;
    return sg_time_min(archive->flush_at, trim_due(archive));
}

/* ---- ending ---------------------------------------------------------------------------------- */

void sg_rt_archive_finish(struct sg_node *node)
{
    struct sg_rt_archive *archive = &node->archive;
    struct sg_rt_write *job = archive->job; /* nobody else starts one any more */
    if (job != NULL)
        (void)uv_thread_join(&job->thread);
    sg_rt_enter_any(node);
    if (job != NULL)
        write_done(node, job);
    archive->job = NULL;
    job = archive->count > 0 ? write_new(node) : NULL;
    sg_rt_leave_quiet(node);
    if (job == NULL)
        return;
    write_do(job);
    sg_rt_enter_any(node);
    write_done(node, job);
    sg_rt_leave_quiet(node);
}

void sg_rt_archive_fini(struct sg_node *node)
{
    struct sg_rt_archive *archive = &node->archive;
    rows_free(node, archive->rows, archive->count);
    sg_messages_close(atomic_load(&archive->db));
    if (archive->has_mutex)
        uv_mutex_destroy(&archive->mutex);
    sg_mem_free(node->mem, archive->dir);
    *archive = (struct sg_rt_archive){0};
}
