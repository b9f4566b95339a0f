/* Replicated documents: one JSON object a run; the traces come from where SAORSA_VECTORS says.
 * bench/crdt.py runs it beside other libraries. Times are CPU times of this thread. */
#include <inttypes.h>
#include <malloc.h>
#include <time.h>

#include "../tests/vectors/traces.h"
#include "base/prng.h"
#include "crdt/state.h"
#include "crypto/init.h"

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void demand(sg_err err, const char *what)
{
    if (err == SG_OK)
        return;
    (void)fprintf(stderr, "bench_crdt: %s: %s\n", what, sg_err_text(err));
    exit(1);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static size_t live;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    void *ptr = malloc(size);
    live += ptr == NULL ? 0 : malloc_usable_size(ptr) + 8;
    return ptr;
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    size_t before = ptr == NULL ? 0 : malloc_usable_size(ptr) + 8;
    void *moved = realloc(ptr, size);
    if (moved != NULL)
        live += malloc_usable_size(moved) + 8 - before;
    return moved;
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    live -= ptr == NULL ? 0 : malloc_usable_size(ptr) + 8;
    free(ptr);
}

static const struct sg_mem counting = {count_alloc, count_realloc, count_free, NULL};

/* ---- replicas -------------------------------------------------------------------------------- */

static void open_replica(struct sg_replica *r, const struct sg_mem *mem)
{
    const struct sg_replica_config config = {
        .mem = mem, .suite = sg_suite_default(), .limits = SG_CRDT_LIMITS_DEFAULT, .seed = 1};
    demand(sg_replica_init(r, &config), "init");
    r->config.limits.batch_bytes = 64 << 20;
}

static uint32_t text_cell(struct sg_replica *r)
{
    uint32_t cell;
    demand(sg_replica_cell(r, SG_CELL_ROOT, SG_CELL_TEXT, SG_BYTES_LIT("text"), &cell), "cell");
    return cell;
}

static const uint8_t author[SG_ID_LEN] = {1};

static void edit(struct sg_replica *r, uint32_t cell, const struct trace_patch *patch)
{
    if (patch->deleted > 0)
        demand(sg_replica_delete(r, cell, patch->pos, patch->deleted), "delete");
    if (patch->len > 0)
        demand(sg_replica_insert(r, cell, patch->pos, sg_bytes(patch->text, patch->len)), "insert");
}

/* Edits of the whole trace; per_batch 0: one batch for all. Gives seconds. */
static double replay(struct sg_replica *r, const struct trace *t, uint32_t per_batch)
{
    uint32_t batch;
    uint32_t cell = text_cell(r);
    double start = now_s();
    for (uint32_t i = 0; i < t->patch_count; i++) {
        if (i == 0 || (per_batch > 0 && i % per_batch == 0))
            demand(sg_replica_begin(r, author), "begin");
        edit(r, cell, &t->patches[i]);
        if (i + 1 == t->patch_count || (per_batch > 0 && i % per_batch == per_batch - 1))
            demand(sg_replica_commit(r, &batch), "commit");
    }
    return now_s() - start;
}

static bool ends_well(const struct sg_replica *r, uint32_t cell, const struct trace *t)
{
    const struct sg_seq *text = r->cells.cells[cell].text;
    struct sg_bytes piece;
    size_t at = 0;
    for (uint32_t pos = 0; (piece = sg_seq_read(text, pos)).len > 0;) {
        if (memcmp(t->end + at, piece.data, piece.len) != 0)
            return false;
        at += piece.len;
        pos += sg_utf8_count(piece).chars;
    }
    return t->end[at] == 0;
}

/* Names are given, not hashed: what merging costs without crypto. */
static void cheap_hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    uint64_t sum = 0x9e3779b97f4a7c15u;
    memset(out, 0, SG_HASH_LEN);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k + 8 <= parts[i].len; k += 8)
            sum = (sum ^ sg_load64(parts[i].data + k)) * 0xff51afd7ed558ccdu;
        for (size_t k = parts[i].len & ~(size_t)7; k < parts[i].len; k++)
            sum = (sum ^ parts[i].data[k]) * 0xc4ceb9fe1a85ec53u;
    }
    sum ^= sum >> 29;
    memcpy(out, &sum, sizeof(sum));
    sum *= 0xbf58476d1ce4e5b9u;
    memcpy(out + 8, &sum, sizeof(sum));
}

/* All batches of one replica into a fresh one; gives seconds. */
static double merge(const struct sg_replica *from, const struct trace *t, bool is_cheap)
{
    struct sg_replica to;
    struct sg_column all = {.mem = sg_mem_default()};
    size_t *ends = malloc((from->log.count + 1) * sizeof(*ends));
    for (uint32_t i = 0; i < from->log.count; i++) {
        demand(sg_replica_export(from, i, &all), "export");
        ends[i] = all.len;
    }
    open_replica(&to, sg_mem_default());
    to.config.suite = from->config.suite;
    (void)is_cheap;
    double start = now_s();
    for (uint32_t i = 0; i < from->log.count; i++) {
        size_t at = i == 0 ? 0 : ends[i - 1];
        enum sg_import result;
        demand(sg_replica_import(&to, sg_bytes(all.data + at, ends[i] - at), 0, &result), "import");
    }
    double spent = now_s() - start;
    if (!ends_well(&to, text_cell(&to), t))
        demand(SG_ERR_CORRUPT, "merge");
    sg_replica_fini(&to);
    sg_column_fini(&all);
    free(ends);
    return spent;
}

static const struct sg_suite *cheap_suite(void)
{
    static struct sg_suite suite;
    suite = *sg_suite_default();
    suite.hash = cheap_hash;
    return &suite;
}

/* ---- figures --------------------------------------------------------------------------------- */

static void run_trace(const char *name, const char *folder)
{
    struct trace t;
    struct sg_replica r;
    char path[256];
    (void)snprintf(path, sizeof(path), "sequential/%s", name);
    if (!trace_load(&t, path, folder))
        demand(SG_ERR_NOT_FOUND, path);
    double ops = (double)(t.inserted + t.deleted);
    live = 0;
    open_replica(&r, &counting);
    double local = replay(&r, &t, 0);
    bool is_good = ends_well(&r, text_cell(&r), &t);
    size_t ram = live;
    double whole = merge(&r, &t, false);
    struct sg_column state = {.mem = sg_mem_default()};
    demand(sg_state_encode(&r, &state), "state");
    size_t log_bytes = r.log.bytes_len;
    sg_replica_fini(&r);
    open_replica(&r, sg_mem_default());
    r.config.suite = cheap_suite();
    double keystrokes = replay(&r, &t, 1);
    double per_key = merge(&r, &t, true);
    size_t key_bytes = r.log.bytes_len;
    uint32_t key_batches = r.log.count;
    sg_replica_fini(&r);
    printf("{\"trace\": \"%s\", \"ok\": %s, \"patches\": %" PRIu32
           ", \"ops\": %.0f, \"local_patches_s\": %.0f, \"local_ns\": %.1f, \"merge_ms\": %.2f, "
           "\"merge_ops_s\": %.0f, \"ram_per_op\": %.2f, \"log_per_op\": %.3f, "
           "\"state_per_op\": %.3f, \"keystroke_local_ns\": %.0f, \"keystroke_merge_ns\": %.0f, "
           "\"keystroke_bytes\": %.1f}\n",
           name, is_good ? "true" : "false", t.patch_count, ops, t.patch_count / local,
           local / t.patch_count * 1e9, whole * 1e3, ops / whole, (double)ram / ops,
           (double)log_bytes / ops, (double)state.len / ops, keystrokes / key_batches * 1e9,
           per_key / key_batches * 1e9, (double)key_bytes / key_batches);
    sg_column_fini(&state);
    trace_free(&t);
}

static void run_random(uint32_t chars)
{
    enum { EDITS = 200000 };
    struct sg_replica r;
    struct sg_prng prng;
    uint32_t batch;
    char *text = malloc(chars);
    memset(text, 'x', chars);
    open_replica(&r, &counting);
    sg_prng_init(&prng, 1);
    uint32_t cell = text_cell(&r);
    demand(sg_replica_begin(&r, author), "begin");
    demand(sg_replica_insert(&r, cell, 0, sg_bytes(text, chars)), "insert");
    double start = now_s();
    for (uint32_t i = 0; i < EDITS; i++) {
        uint32_t len = sg_seq_len(r.cells.cells[cell].text, SG_SEQ_CHARS);
        uint32_t pos = (uint32_t)sg_prng_below(&prng, len);
        if (i % 2 == 0)
            demand(sg_replica_insert(&r, cell, pos, SG_BYTES_LIT("y")), "insert");
        else
            demand(sg_replica_delete(&r, cell, pos, 1), "delete");
    }
    double spent = now_s() - start;
    demand(sg_replica_commit(&r, &batch), "commit");
    printf("{\"random_chars\": %" PRIu32 ", \"edit_ns\": %.0f}\n", chars, spent / EDITS * 1e9);
    sg_replica_fini(&r);
    free(text);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"automerge-paper", "rustcode", "sveltecomponent",
                                        "json-crdt-blog-post", "friendsforever_flat"};
    const char *folder = argc > 1 ? argv[1] : ".";
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        run_trace(names[i], folder);
    run_random(10000);
    run_random(100000);
    run_random(1000000);
    return 0;
}
