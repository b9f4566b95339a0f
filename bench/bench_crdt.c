/* Replicated documents: one JSON object a run; the traces come from where SAORSA_VECTORS says.
 * bench/crdt.py runs it beside other libraries. Times are CPU times of this thread. */
#include <inttypes.h>
#include <malloc.h>

#include "../tests/vectors/traces.h"
#include "base/prng.h"
#include "crdt/state.h"
#include "crypto/init.h"
#include "node/doc_compare.h"
#include "store/docs.h"
#include "timing.h"

#include <saorsa/crdt.h>

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
    double start = cpu_s();
    for (uint32_t i = 0; i < t->patch_count; i++) {
        if (i == 0 || (per_batch > 0 && i % per_batch == 0))
            demand(sg_replica_begin(r, author), "begin");
        edit(r, cell, &t->patches[i]);
        if (i + 1 == t->patch_count || (per_batch > 0 && i % per_batch == per_batch - 1))
            demand(sg_replica_commit(r, &batch), "commit");
    }
    return cpu_s() - start;
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
static double merge(const struct sg_replica *from, const struct trace *t)
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
    double start = cpu_s();
    for (uint32_t i = 0; i < from->log.count; i++) {
        size_t at = i == 0 ? 0 : ends[i - 1];
        enum sg_import result;
        demand(sg_replica_import(&to, sg_bytes(all.data + at, ends[i] - at), 0, &result), "import");
    }
    double spent = cpu_s() - start;
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

static void run_trace(const char *name)
{
    struct trace t;
    struct sg_replica r;
    char path[256];
    (void)snprintf(path, sizeof(path), "sequential/%s", name);
    if (!trace_load(&t, path, "."))
        demand(SG_ERR_NOT_FOUND, path);
    double ops = (double)(t.inserted + t.deleted);
    live = 0;
    open_replica(&r, &counting);
    double local = replay(&r, &t, 0);
    bool is_good = ends_well(&r, text_cell(&r), &t);
    size_t ram = live;
    double whole = merge(&r, &t);
    struct sg_column state = {.mem = sg_mem_default()};
    demand(sg_state_encode(&r, &state), "state");
    size_t log_bytes = r.log.bytes_len;
    sg_replica_fini(&r);
    open_replica(&r, sg_mem_default());
    r.config.suite = cheap_suite();
    double keystrokes = replay(&r, &t, 1);
    double per_key = merge(&r, &t);
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
    double start = cpu_s();
    for (uint32_t i = 0; i < EDITS; i++) {
        uint32_t len = sg_seq_len(r.cells.cells[cell].text, SG_SEQ_CHARS);
        uint32_t pos = (uint32_t)sg_prng_below(&prng, len);
        if (i % 2 == 0)
            demand(sg_replica_insert(&r, cell, pos, SG_BYTES_LIT("y")), "insert");
        else
            demand(sg_replica_delete(&r, cell, pos, 1), "delete");
    }
    double spent = cpu_s() - start;
    demand(sg_replica_commit(&r, &batch), "commit");
    printf("{\"random_chars\": %" PRIu32 ", \"edit_ns\": %.0f}\n", chars, spent / EDITS * 1e9);
    sg_replica_fini(&r);
    free(text);
}

/* ---- files ----------------------------------------------------------------------------------- */

static struct sg_doc *make_file(const struct trace *t, const char *path, uint32_t per_txn)
{
    struct sg_doc_options options;
    struct sg_doc *doc;
    sg_doc_node text;
    sg_doc_options_init(&options);
    options.path = path;
    options.lazy = true;
    options.author.b[0] = 1;
    demand(sg_doc_create(&options, SG_DOC_FUGUE_MAX, &doc), path);
    demand(sg_doc_node_of(doc, SG_DOC_ROOT, SG_DOC_TEXT, "text", &text), "node");
    for (uint32_t i = 0; i < t->patch_count; i++) {
        const struct trace_patch *patch = &t->patches[i];
        if (i % per_txn == 0)
            demand(sg_doc_begin(doc), "begin");
        demand(sg_doc_text_delete(doc, text, patch->pos, patch->deleted), "delete");
        demand(sg_doc_text_insert(doc, text, patch->pos, patch->text, patch->len), "insert");
        if (i % per_txn == per_txn - 1 || i + 1 == t->patch_count)
            demand(sg_doc_commit(doc), "commit");
    }
    return doc;
}

static double open_file(const char *path, const struct trace *t)
{
    struct sg_doc_options options;
    struct sg_doc *doc;
    sg_doc_node text;
    sg_doc_options_init(&options);
    options.path = path;
    options.author.b[0] = 1;
    double start = cpu_s();
    demand(sg_doc_open(&options, &doc), path);
    demand(sg_doc_find(doc, SG_DOC_ROOT, SG_DOC_TEXT, "text", &text), "find");
    struct sg_bytes piece = sg_doc_text_read(doc, text, 0);
    double spent = cpu_s() - start;
    if (piece.len == 0 || memcmp(piece.data, t->end, piece.len) != 0)
        demand(SG_ERR_CORRUPT, "text of the file");
    demand(sg_doc_close(doc), "close");
    return spent;
}

static void remove_file(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char name[256];
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)remove(name);
    }
}

/* A file with all history, as it is exported; and opening the database. */
static void run_file(uint32_t per_txn)
{
    struct trace t;
    struct sg_doc_bytes bundle;
    const struct sg_bytes all = {NULL, 0};
    char path[64];
    double opens[9];
    (void)snprintf(path, sizeof(path), "/tmp/bench_crdt_%d.doc", (int)getpid());
    if (!trace_load(&t, "sequential/automerge-paper", "."))
        demand(SG_ERR_NOT_FOUND, "automerge-paper");
    remove_file(path);
    struct sg_doc *doc = make_file(&t, path, per_txn);
    double start = cpu_s();
    demand(sg_doc_export_since(doc, all, true, &bundle), "export");
    double spent = cpu_s() - start;
    demand(sg_doc_close(doc), "close");
    for (size_t i = 0; i < 9; i++)
        opens[i] = open_file(path, &t);
    qsort(opens, 9, sizeof(opens[0]), compare_doubles);
    double ops = (double)(t.inserted + t.deleted);
    printf("{\"per_txn\": %" PRIu32 ", \"file_per_op\": %.4f, \"export_ms\": %.1f, "
           "\"open_ms\": %.2f, \"open_min_ms\": %.2f, \"open_max_ms\": %.2f}\n",
           per_txn, (double)bundle.len / ops, spent * 1e3, opens[4] * 1e3, opens[0] * 1e3,
           opens[8] * 1e3);
    sg_doc_bytes_free(&bundle);
    remove_file(path);
    trace_free(&t);
}

/* Durable rows, 64 to a transaction, in real time: the disk is what is measured. */
static void run_store(void)
{
    enum { BATCHES = 64, ROUNDS = 400 };
    static uint8_t rest[300];
    struct sg_docs_batch batches[BATCHES];
    struct sg_docs *docs;
    char path[64];
    (void)snprintf(path, sizeof(path), "/tmp/bench_crdt_%d.db", (int)getpid());
    remove_file(path);
    const struct sg_docs_options options = {.mem = sg_mem_default(),
                                            .sys = sg_file_sys_default(),
                                            .path = path,
                                            .genesis = SG_BYTES_LIT("g")};
    demand(sg_docs_open(&docs, &options), path);
    double start = wall_s();
    double start_cpu = cpu_s();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < BATCHES; i++) {
            uint32_t number = round * BATCHES + i;
            batches[i] = (struct sg_docs_batch){.seq = number, .rest = sg_bytes(rest, 300)};
            const struct sg_bytes seed = sg_bytes((const uint8_t *)&number, sizeof(number));
            sg_suite_default()->hash(&seed, 1, batches[i].name); /* names are hashes */
        }
        demand(sg_docs_append(docs, batches, BATCHES), "append");
    }
    double spent = wall_s() - start;
    printf("{\"durable_batches_s\": %.0f, \"durable_cpu_us\": %.2f, \"durable_txn_ms\": %.2f}\n",
           BATCHES * ROUNDS / spent, (cpu_s() - start_cpu) * 1e6 / (BATCHES * ROUNDS),
           spent * 1e3 / ROUNDS);
    sg_docs_close(docs);
    remove_file(path);
}

/* What one author does: a character between the two that are there, or at the top, after lines that
 * he has written there before. */
static void write_at_spot(struct sg_replica *r, uint32_t number, bool is_top)
{
    for (uint32_t i = 0; is_top && i < number % 5; i++)
        demand(sg_replica_insert(r, text_cell(r), 0, SG_BYTES_LIT("line\n")), "insert");
    demand(sg_replica_insert(r, text_cell(r), is_top ? 0 : 1, SG_BYTES_LIT("x")), "insert");
}

/* k authors write at one spot without knowing of each other. */
static void run_spot(uint32_t k, bool is_top)
{
    struct sg_replica base;
    struct sg_replica r;
    struct sg_column first = {.mem = sg_mem_default()};
    struct sg_column *batches = malloc(k * sizeof(*batches));
    uint32_t batch;
    enum sg_import result;
    open_replica(&base, sg_mem_default());
    demand(sg_replica_begin(&base, author), "begin");
    demand(sg_replica_insert(&base, text_cell(&base), 0, SG_BYTES_LIT("ab")), "insert");
    demand(sg_replica_commit(&base, &batch), "commit");
    demand(sg_replica_export(&base, batch, &first), "export");
    for (uint32_t i = 0; i < k; i++) {
        uint8_t who[SG_ID_LEN] = {2, (uint8_t)(i * 7919 >> 8), (uint8_t)(i * 7919), (uint8_t)i,
                                  (uint8_t)(i >> 8)};
        open_replica(&r, sg_mem_default());
        demand(sg_replica_import(&r, sg_column_bytes(&first), 0, &result), "import");
        demand(sg_replica_begin(&r, who), "begin");
        write_at_spot(&r, i, is_top);
        demand(sg_replica_commit(&r, &batch), "commit");
        batches[i] = (struct sg_column){.mem = sg_mem_default()};
        demand(sg_replica_export(&r, batch, &batches[i]), "export");
        sg_replica_fini(&r);
    }
    double start = cpu_s();
    for (uint32_t i = 0; i < k; i++)
        demand(sg_replica_import(&base, sg_column_bytes(&batches[i]), 0, &result), "import");
    double spent = cpu_s() - start;
    printf("{\"one_spot\": %" PRIu32 ", \"%s\": %.1f, \"%s\": %.2f}\n", k,
           is_top ? "top_total_ms" : "total_ms", spent * 1e3, is_top ? "top_us" : "us",
           spent * 1e6 / k);
    for (uint32_t i = 0; i < k; i++)
        sg_column_fini(&batches[i]);
    free(batches);
    sg_column_fini(&first);
    sg_replica_fini(&base);
}

/* ---- sync ------------------------------------------------------------------------------------ */

/* Batches of 200 operations of an author who knows only his own ones; b may be NULL. */
static void write_alone(uint32_t number, uint32_t batches, struct sg_replica *a,
                        struct sg_replica *b)
{
    struct sg_replica own;
    uint8_t who[SG_ID_LEN] = {3, (uint8_t)(number >> 8), (uint8_t)number};
    char text[200];
    char key[16];
    memset(text, 'x', sizeof(text));
    (void)snprintf(key, sizeof(key), "t%" PRIu32, number);
    open_replica(&own, sg_mem_default());
    for (uint32_t i = 0; i < batches; i++) {
        struct sg_column bytes = {.mem = sg_mem_default()};
        enum sg_import result;
        uint32_t cell;
        uint32_t batch;
        demand(sg_replica_begin(&own, who), "begin");
        demand(sg_replica_cell(&own, SG_CELL_ROOT, SG_CELL_TEXT, sg_bytes(key, strlen(key)), &cell),
               "cell");
        demand(sg_replica_insert(&own, cell, 0, sg_bytes(text, sizeof(text))), "insert");
        demand(sg_replica_commit(&own, &batch), "commit");
        demand(sg_replica_export(&own, batch, &bytes), "export");
        demand(sg_replica_import(a, sg_column_bytes(&bytes), 0, &result), "import");
        if (b != NULL)
            demand(sg_replica_import(b, sg_column_bytes(&bytes), 0, &result), "import");
        sg_column_fini(&bytes);
    }
    sg_replica_fini(&own);
}

struct comparison {
    size_t bytes;
    uint32_t trips; /* one way */
    double spent;   /* CPU seconds, both sides */
};

/* Messages in turns until both know what the other one has. */
static struct comparison compare(const struct sg_replica *a, const struct sg_replica *b,
                                 uint8_t seed)
{
    struct comparison got = {0};
    struct sg_doc_compare c[2];
    const uint8_t nonces[2][SG_DOC_NONCE_LEN] = {{seed, 1}, {seed, 2}};
    double start = cpu_s();
    demand(sg_doc_compare_init(&c[0], a, nonces[0]), "compare");
    demand(sg_doc_compare_init(&c[1], b, nonces[1]), "compare");
    while (!sg_doc_compare_is_ready(&c[0]) || !sg_doc_compare_is_ready(&c[1])) {
        struct sg_column out = {.mem = sg_mem_default()};
        size_t from = got.trips % 2;
        for (size_t had = 1; had > 0; had = out.len) {
            out.len = 0;
            demand(sg_doc_compare_next(&c[from], &out), "next");
            if (out.len > 0)
                demand(sg_doc_compare_input(&c[1 - from], (enum sg_doc_compare_kind)out.data[0],
                                            sg_bytes(out.data + 1, out.len - 1)),
                       "input");
            got.bytes += out.len;
        }
        sg_column_fini(&out);
        got.trips++;
    }
    got.spent = cpu_s() - start;
    sg_doc_compare_fini(&c[0]);
    sg_doc_compare_fini(&c[1]);
    return got;
}

/* sync.md 2.6: a million operations, 5 000 entries, 50 of them moved by 100 000 operations. Who is
 * ahead may be either side. */
static void run_sync(void)
{
    enum { ENTRIES = 5000, MOVED = 50, BATCHES = 11, RUNS = 200 };
    struct sg_replica a;
    struct sg_replica b;
    size_t most = 0;
    size_t sum = 0;
    uint32_t trips_most = 0;
    double times[RUNS];
    open_replica(&a, sg_mem_default());
    open_replica(&b, sg_mem_default());
    for (uint32_t i = 0; i < ENTRIES; i++)
        write_alone(i, i % (ENTRIES / MOVED) == 0 ? BATCHES : 1, &a,
                    i % (ENTRIES / MOVED) == 0 ? NULL : &b);
    for (uint32_t i = 0; i < ENTRIES; i += ENTRIES / MOVED)
        write_alone(i, 1, &b, NULL);
    for (uint32_t i = 0; i < RUNS; i++) {
        const struct comparison got =
            compare(i % 2 == 0 ? &a : &b, i % 2 == 0 ? &b : &a, (uint8_t)(i / 2));
        times[i] = got.spent;
        sum += got.bytes;
        most = got.bytes > most ? got.bytes : most;
        trips_most = got.trips > trips_most ? got.trips : trips_most;
    }
    qsort(times, RUNS, sizeof(times[0]), compare_doubles);
    printf("{\"sync_entries\": %d, \"moved\": %d, \"missing_ops\": %d, \"control_bytes\": %zu, "
           "\"control_bytes_max\": %zu, \"round_trips_max\": %.1f, \"both_sides_ms\": %.2f, "
           "\"both_sides_max_ms\": %.2f}\n",
           ENTRIES, MOVED, MOVED * (BATCHES - 1) * 200, sum / RUNS, most, trips_most / 2.0,
           times[RUNS / 2] * 1e3, times[RUNS - 1] * 1e3);
    sg_replica_fini(&a);
    sg_replica_fini(&b);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "sync") == 0) {
        run_sync();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "store") == 0) {
        run_store();
        return 0;
    }
    static const char *const names[] = {"automerge-paper", "rustcode", "sveltecomponent",
                                        "json-crdt-blog-post", "friendsforever_flat"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        run_trace(names[i]);
    run_file(1000);
    run_file(1);
    run_store();
    for (uint32_t is_top = 0; is_top < 2; is_top++) {
        run_spot(1000, is_top == 1);
        run_spot(1540, is_top == 1);
        run_spot(3000, is_top == 1);
        run_spot(10000, is_top == 1);
        run_spot(30000, is_top == 1);
    }
    run_random(10000);
    run_random(100000);
    run_random(1000000);
    run_sync();
    return 0;
}
