/* All editing traces end in their endContent: by local edits, and merged from batches in several
 * orders of delivery. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/crdt/fixture.h"
#include "vectors/missing.h"
#include "vectors/traces.h"

static const char *const sequential[] = {
    "sequential/automerge-paper",     "sequential/rustcode",
    "sequential/sveltecomponent",     "sequential/json-crdt-blog-post",
    "sequential/friendsforever_flat",
};

static void load(struct trace *t, const char *name)
{
    if (trace_load(t, name, SG_TEST_SOURCE_DIR))
        return;
    vectors_skip(name);
}

static void edit(struct sg_replica *r, uint32_t cell, const struct trace_patch *patch)
{
    if (patch->deleted > 0)
        assert_int_equal(sg_replica_delete(r, cell, patch->pos, patch->deleted), SG_OK);
    struct sg_bytes text = sg_bytes(patch->text, patch->len);
    assert_int_equal(sg_replica_insert(r, cell, patch->pos, text), SG_OK);
}

static char *content(const struct sg_replica *r, uint32_t cell)
{
    const struct sg_seq *text = r->cells.cells[cell].text;
    struct sg_column out = {.mem = sg_mem_default()};
    struct sg_bytes piece;
    for (uint32_t pos = 0; (piece = sg_seq_read(text, pos)).len > 0;) {
        sg_put_bytes(&out, piece);
        pos += sg_utf8_count(piece).chars;
    }
    return column_text(&out);
}

static void assert_content(const struct sg_replica *r, uint32_t cell, const char *want)
{
    char *got = content(r, cell);
    size_t at = 0;
    while (got[at] != 0 && got[at] == want[at])
        at++;
    if (got[at] != want[at])
        fail_msg("differs at byte %zu of %zu", at, strlen(want));
    free(got);
}

/* per_batch: transactions of the trace in one batch. */
static struct sg_replica *replay(const struct trace *t, enum sg_seq_kind order, uint32_t per_batch)
{
    struct sg_replica *r = replica_new(order);
    uint32_t cell = cell_of(r, SG_CELL_TEXT, "text");
    for (uint32_t i = 0; i < t->txn_count; i++) {
        if (i % per_batch == 0)
            begin(r, 1);
        for (uint32_t k = 0; k < t->txns[i].count; k++)
            edit(r, cell, &t->patches[t->txns[i].first + k]);
        if (i % per_batch == per_batch - 1 || i + 1 == t->txn_count)
            (void)commit(r);
    }
    return r;
}

static void test_sequential(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(sequential) / sizeof(sequential[0]); i++) {
        struct trace t;
        load(&t, sequential[i]);
        struct sg_replica *r =
            replay(&t, i == 1 ? SG_SEQ_RGA : SG_SEQ_FUGUE_MAX, i == 0 ? 500 : 60);
        struct sg_replica *copy = replica_new(r->config.genesis.order);
        uint32_t cell = cell_of(r, SG_CELL_TEXT, "text");
        assert_content(r, cell, t.end);
        sg_seq_check(r->cells.cells[cell].text);
        merge(copy, r);
        assert_content(copy, cell_of(copy, SG_CELL_TEXT, "text"), t.end);
        assert_equal_state(r, copy);
        replica_free(copy);
        replica_free(r);
        trace_free(&t);
    }
}

/* ---- two writers ---- */

static void deliver(struct sg_replica *r, const struct sg_column *batch)
{
    enum sg_import result;
    assert_int_equal(sg_replica_import(r, sg_column_bytes(batch), 0, &result), SG_OK);
}

/* Each agent's replica gets what the next transaction's parents have in their past. */
static void catch_up(struct sg_replica *r, const struct trace *t, const struct sg_column *batches,
                     const uint32_t *need, uint32_t *have)
{
    for (uint32_t agent = 0; agent < t->agents; agent++) {
        for (uint32_t i = 0; i < t->txn_count && have[agent] < need[agent]; i++) {
            if (t->txns[i].agent != agent)
                continue;
            if (i >= have[agent])
                deliver(r, &batches[i]);
            have[agent] = i + 1 > have[agent] ? i + 1 : have[agent];
        }
    }
}

enum { AGENTS = 2 };

struct clock {
    uint32_t end[AGENTS]; /* number of the agent's newest transaction + 1 */
};

/* Plays the trace on a replica per agent; authors[agent] is the number of its author. */
static void play(const struct trace *t, const uint32_t *authors, enum sg_seq_kind order,
                 struct sg_column *batches)
{
    struct sg_replica *r[AGENTS] = {replica_new(order), replica_new(order)};
    struct clock *clocks = calloc(t->txn_count, sizeof(*clocks));
    struct clock have[AGENTS] = {{{0}}, {{0}}};
    assert_non_null(clocks);
    for (uint32_t i = 0; i < t->txn_count; i++) {
        const struct trace_txn *txn = &t->txns[i];
        for (uint32_t p = 0; p < txn->parent_count; p++) {
            for (uint32_t a = 0; a < AGENTS; a++) {
                uint32_t end = clocks[txn->parents[p]].end[a];
                clocks[i].end[a] = end > clocks[i].end[a] ? end : clocks[i].end[a];
            }
        }
        struct sg_replica *at = r[txn->agent];
        catch_up(at, t, batches, clocks[i].end, have[txn->agent].end);
        uint32_t cell = cell_of(at, SG_CELL_TEXT, "text");
        begin(at, authors[txn->agent]);
        for (uint32_t k = 0; k < txn->count; k++)
            edit(at, cell, &t->patches[txn->first + k]);
        uint32_t batch = commit(at);
        batches[i] = (struct sg_column){.mem = sg_mem_default()};
        if (batch != SG_LOG_NONE)
            batches[i] = batch_bytes(at, batch);
        clocks[i].end[txn->agent] = i + 1;
        have[txn->agent].end[txn->agent] = i + 1;
    }
    for (uint32_t a = 0; a < AGENTS; a++) {
        const uint32_t all[AGENTS] = {t->txn_count, t->txn_count};
        catch_up(r[a], t, batches, all, have[a].end);
        assert_content(r[a], cell_of(r[a], SG_CELL_TEXT, "text"), t->end);
        replica_free(r[a]);
    }
    free(clocks);
}

/* In blocks that are turned around, agents apart, or shuffled: what cannot be applied waits. */
static void in_order(const struct trace *t, const struct sg_column *batches, enum sg_seq_kind order,
                     uint32_t way)
{
    struct sg_replica *r = replica_new(order);
    uint32_t *at = malloc(t->txn_count * sizeof(*at));
    struct sg_prng prng;
    uint32_t count = 0;
    assert_non_null(at);
    sg_prng_init(&prng, way);
    for (uint32_t agent = 0; agent < AGENTS; agent++) {
        for (uint32_t i = 0; i < t->txn_count; i++) {
            if (way == 0 ? t->txns[i].agent == agent : agent == 0)
                at[count++] = way == 1 ? (i / 200 * 200) + 199 - i % 200 : i;
        }
    }
    for (uint32_t i = 0; way >= 2 && i < count; i++) {
        uint32_t k = (uint32_t)sg_prng_below(&prng, i + 1);
        uint32_t swap = at[i];
        at[i] = at[k];
        at[k] = swap;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (at[i] < t->txn_count && batches[at[i]].len > 0)
            deliver(r, &batches[at[i]]);
    }
    for (uint32_t i = 0; i < t->txn_count; i++) { /* turned blocks reach beyond the end */
        if (way == 1 && batches[i].len > 0)
            deliver(r, &batches[i]);
    }
    assert_int_equal(r->pending.count, 0);
    assert_content(r, cell_of(r, SG_CELL_TEXT, "text"), t->end);
    replica_free(r);
    free(at);
}

static void test_concurrent(void **state)
{
    (void)state;
    struct trace t;
    load(&t, "concurrent/friendsforever");
    assert_int_equal(t.agents, AGENTS);
    struct sg_column *batches = calloc(t.txn_count, sizeof(*batches));
    assert_non_null(batches);
    for (uint32_t turn = 0; turn < 4; turn++) {
        const uint32_t authors[AGENTS] = {1 + turn % 2, 2 - turn % 2};
        enum sg_seq_kind order = turn < 2 ? SG_SEQ_FUGUE_MAX : SG_SEQ_RGA;
        play(&t, authors, order, batches);
        in_order(&t, batches, order, turn);
        for (uint32_t i = 0; i < t.txn_count; i++)
            sg_column_fini(&batches[i]);
    }
    free(batches);
    trace_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequential),
        cmocka_unit_test(test_concurrent),
    };
    return vectors_result(cmocka_run_group_tests(tests, NULL, NULL));
}
