/* crdt/seq*.c against the plain model: local edits, edits of others in any order, both orders. */
#include "unit/base/failing_mem.h"
#include "unit/crdt/seq_model.h"

enum { REPLICAS = 4, OPS = 120, LAMPORTS = 4096 };

/* Lamport times of elements by chain and counter. */
static uint64_t lamports[REPLICAS + 1][LAMPORTS];

static int order_compare(void *user, struct sg_seq_id a, struct sg_seq_id b)
{
    (void)user;
    return id_compare(a, b);
}

static uint64_t order_lamport(void *user, struct sg_seq_id id)
{
    (void)user;
    return lamports[id.chain][id.counter];
}

static const struct sg_seq_order order = {NULL, order_compare, order_lamport, NULL, NULL};

static const char *const letters[] = {
    "a", "b", "c", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};

static struct sg_seq_insertion insertion(struct sg_seq_id id, struct sg_bytes text)
{
    struct sg_seq_insertion in = {
        .id = id, .left = SG_SEQ_NONE, .right = SG_SEQ_NONE, .text = text};
    assert_int_equal(sg_utf8_check(text, &in.counts), SG_OK);
    return in;
}

/* ---- one writer ---- */

static void check_units(const struct sg_seq *seq, const char *text)
{
    uint32_t chars = 0;
    uint32_t utf16 = 0;
    size_t byte = 0;
    while (byte <= strlen(text)) {
        assert_int_equal(sg_seq_from_chars(seq, chars, SG_SEQ_BYTES), byte);
        assert_int_equal(sg_seq_from_chars(seq, chars, SG_SEQ_UTF16), utf16);
        assert_int_equal(sg_seq_to_chars(seq, (uint32_t)byte, SG_SEQ_BYTES), chars);
        assert_int_equal(sg_seq_to_chars(seq, utf16, SG_SEQ_UTF16), chars);
        size_t len = sg_utf8_skip(sg_bytes(text + byte, strlen(text) - byte), 1);
        if (len == 4) /* inside a pair */
            assert_int_equal(sg_seq_to_chars(seq, utf16 + 1, SG_SEQ_UTF16), chars);
        byte += len == 0 ? 1 : len;
        utf16 += len == 4 ? 2 : 1;
        chars++;
    }
}

/* Random edits of one writer; the text is compared as plain bytes. */
static void local_edits(uint64_t seed, uint32_t edits, uint32_t longest)
{
    struct sg_prng prng;
    struct sg_seq seq;
    struct model m = {0};
    uint32_t counter = 0;
    sg_prng_init(&prng, seed);
    assert_int_equal(sg_seq_init(&seq, sg_mem_default(), &order, SG_SEQ_FUGUE_MAX), SG_OK);
    for (uint32_t i = 0; i < edits; i++) {
        uint32_t len = sg_seq_len(&seq, SG_SEQ_CHARS);
        uint32_t pos = (uint32_t)sg_prng_below(&prng, len + 1);
        if (pos < len && sg_prng_below(&prng, 3) == 0) {
            uint32_t count = 1 + (uint32_t)sg_prng_below(&prng, longest);
            struct sg_seq_id id;
            assert_int_equal(sg_seq_delete(&seq, pos, &count, &id), SG_OK);
            for (uint32_t k = 0; k < count; k++)
                m.at[model_visible(&m, pos)].is_deleted = true;
            continue;
        }
        char text[1024] = "";
        uint32_t count = 1 + (uint32_t)sg_prng_below(&prng, longest);
        size_t to = pos == 0 ? 0 : model_visible(&m, pos - 1) + 1;
        for (uint32_t k = 0; k < count; k++) {
            const char *letter = letters[sg_prng_below(&prng, 6)];
            struct element e = {.id = {1, counter + k}};
            memcpy(e.text, letter, strlen(letter) + 1);
            strcat(text, letter);
            model_put(&m, to + k, &e);
        }
        struct sg_seq_insertion in =
            insertion((struct sg_seq_id){1, counter}, sg_bytes(text, strlen(text)));
        counter += count + (uint32_t)sg_prng_below(&prng, 2);
        assert_int_equal(sg_seq_insert(&seq, pos, &in), SG_OK);
    }
    sg_seq_check(&seq);
    assert_same(&seq, &m);
    char *text = model_text(&m);
    check_units(&seq, text);
    free(text);
    model_fini(&m);
    sg_seq_fini(&seq);
}

static void test_local_edits(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        local_edits(seed, 200, 1 + (uint32_t)seed % 7);
    local_edits(99, 1500, 3);
    local_edits(100, 150, 200);
}

static void test_typing_makes_one_span(void **state)
{
    (void)state;
    struct sg_seq seq;
    assert_int_equal(sg_seq_init(&seq, sg_mem_default(), &order, SG_SEQ_FUGUE_MAX), SG_OK);
    for (uint32_t i = 0; i < 500; i++) {
        struct sg_seq_insertion in = insertion((struct sg_seq_id){1, i}, SG_BYTES_LIT("x"));
        assert_int_equal(sg_seq_insert(&seq, i, &in), SG_OK);
    }
    assert_int_equal(seq.first->count, 1);
    for (uint32_t i = 0; i < 100; i++) { /* backspace */
        uint32_t count = 1;
        struct sg_seq_id id;
        assert_int_equal(sg_seq_delete(&seq, 499 - i, &count, &id), SG_OK);
        assert_int_equal(id.counter, 499 - i);
    }
    for (uint32_t i = 0; i < 100; i++) { /* delete */
        uint32_t count = 1;
        struct sg_seq_id id;
        assert_int_equal(sg_seq_delete(&seq, 0, &count, &id), SG_OK);
    }
    assert_int_equal(seq.first->count, 3);
    sg_seq_check(&seq);
    sg_seq_fini(&seq);
}

/* ---- many writers ---- */

struct event {
    bool is_insert;
    uint32_t author, need[REPLICAS]; /* events of each author that it has seen */
    struct sg_seq_insertion in;      /* text points to `text` */
    char text[16];
    uint32_t count; /* of elements */
};

struct history {
    struct event events[REPLICAS][OPS];
    uint32_t count[REPLICAS];
};

struct replica {
    struct sg_seq seq;
    struct model m;
    uint32_t seen[REPLICAS];
    uint64_t clock; /* the largest Lamport time seen */
};

static void replica_open(struct replica *r, enum sg_seq_kind kind)
{
    *r = (struct replica){.m.kind = kind};
    assert_int_equal(sg_seq_init(&r->seq, sg_mem_default(), &order, kind), SG_OK);
}

static void replica_close(struct replica *r)
{
    sg_seq_fini(&r->seq);
    model_fini(&r->m);
}

static void model_apply(struct model *m, const struct event *e)
{
    const char *at = e->text;
    for (uint32_t i = 0; i < e->count; i++) {
        struct sg_seq_id id = {e->in.id.chain, e->in.id.counter + i};
        if (!e->is_insert) {
            m->at[model_find(m, id)].is_deleted = true;
            continue;
        }
        size_t len = sg_utf8_skip(sg_bytes(at, strlen(at)), 1);
        struct element one = {.id = id, .left = e->in.left, .right = e->in.right};
        if (i > 0)
            one.left = (struct sg_seq_id){id.chain, id.counter - 1};
        one.lamport = lamports[id.chain][id.counter];
        memcpy(one.text, at, len);
        model_integrate(m, &one);
        at += len;
    }
}

static void apply(struct replica *r, const struct event *e)
{
    uint32_t pos;
    model_apply(&r->m, e);
    r->seen[e->author]++;
    if (e->is_insert) {
        uint64_t last = lamports[e->author][e->in.id.counter + e->count - 1];
        r->clock = last > r->clock ? last : r->clock;
        assert_int_equal(sg_seq_integrate(&r->seq, &e->in, &pos), SG_OK);
        return;
    }
    struct sg_seq_id id = e->in.id;
    assert_true(sg_seq_has(&r->seq, id, e->count));
    for (uint32_t left = e->count; left > 0;) {
        struct sg_seq_removal out;
        assert_int_equal(sg_seq_remove(&r->seq, id, left, &out), SG_OK);
        id.counter += out.step;
        left -= out.step;
    }
}

/* A replica makes an edit. */
static void edit(struct history *h, struct replica *r, uint32_t author, uint32_t *counter,
                 struct sg_prng *prng)
{
    struct event *e = &h->events[author][h->count[author]];
    uint32_t len = sg_seq_len(&r->seq, SG_SEQ_CHARS);
    uint32_t pos = (uint32_t)sg_prng_below(prng, len + 1);
    memcpy(e->need, r->seen, sizeof(e->need));
    e->author = author;
    if (pos < len && sg_prng_below(prng, 3) == 0) {
        e->count = 1 + (uint32_t)sg_prng_below(prng, 4);
        assert_int_equal(sg_seq_delete(&r->seq, pos, &e->count, &e->in.id), SG_OK);
        model_apply(&r->m, e);
    } else {
        e->is_insert = true;
        e->count = 1 + (uint32_t)sg_prng_below(prng, 3);
        for (uint32_t i = 0; i < e->count; i++) {
            strcat(e->text, letters[sg_prng_below(prng, 6)]);
            lamports[author][*counter + i] = ++r->clock;
        }
        struct sg_seq_id id = {author, *counter};
        e->in = insertion(id, sg_bytes(e->text, strlen(e->text)));
        *counter += e->count;
        assert_int_equal(sg_seq_insert(&r->seq, pos, &e->in), SG_OK);
        model_apply(&r->m, e);
    }
    r->seen[author]++;
    h->count[author]++;
}

/* One event of a random author that the replica lacks and whose past it has; false: none. */
static bool receive(const struct history *h, struct replica *r, struct sg_prng *prng)
{
    uint32_t from = (uint32_t)sg_prng_below(prng, REPLICAS);
    for (uint32_t i = 0; i < REPLICAS; i++) {
        uint32_t a = (from + i) % REPLICAS;
        if (r->seen[a] == h->count[a])
            continue;
        const struct event *e = &h->events[a][r->seen[a]];
        bool is_ready = true;
        for (uint32_t k = 0; k < REPLICAS; k++)
            is_ready = is_ready && r->seen[k] >= e->need[k];
        if (is_ready) {
            apply(r, e);
            return true;
        }
    }
    return false;
}

static void converge(uint64_t seed, enum sg_seq_kind kind, uint32_t steps)
{
    static struct history h;
    struct replica r[REPLICAS];
    struct sg_prng prng;
    uint32_t counters[REPLICAS] = {0};
    memset(&h, 0, sizeof(h));
    sg_prng_init(&prng, seed);
    for (uint32_t i = 0; i < REPLICAS; i++)
        replica_open(&r[i], kind);
    uint64_t calm = sg_prng_below(&prng, 5);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t i = (uint32_t)sg_prng_below(&prng, REPLICAS);
        if (sg_prng_below(&prng, 4 + calm) >= 3)
            (void)receive(&h, &r[i], &prng);
        else if (h.count[i] < OPS)
            edit(&h, &r[i], i, &counters[i], &prng);
        assert_same(&r[i].seq, &r[i].m);
    }
    for (uint32_t i = 0; i < REPLICAS; i++) {
        while (receive(&h, &r[i], &prng)) {
        }
        sg_seq_check(&r[i].seq);
        assert_same(&r[i].seq, &r[0].m);
    }
    for (uint32_t i = 0; i < REPLICAS; i++)
        replica_close(&r[i]);
}

static void test_random_histories(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        converge(seed, SG_SEQ_FUGUE_MAX, 120);
        converge(seed, SG_SEQ_RGA, 120);
    }
}

/* ---- orders ---- */

static void put(struct sg_seq *seq, struct sg_seq_id id, struct sg_seq_id left,
                struct sg_seq_id right, const char *text)
{
    struct sg_seq_insertion in = insertion(id, sg_bytes(text, strlen(text)));
    uint32_t pos;
    in.left = left;
    in.right = right;
    for (uint32_t i = 0; i < in.counts.chars; i++)
        lamports[id.chain][id.counter + i] = id.counter + i + 1;
    assert_int_equal(sg_seq_integrate(seq, &in, &pos), SG_OK);
}

/* Two people type backwards at the same place: FugueMax keeps the words apart, RGA does not. */
static void test_backward_typing(void **state)
{
    (void)state;
    static const char *const want[] = {[SG_SEQ_FUGUE_MAX] = "abcxyz", [SG_SEQ_RGA] = "axbycz"};
    for (int kind = SG_SEQ_FUGUE_MAX; kind <= SG_SEQ_RGA; kind++) {
        struct sg_seq seq;
        assert_int_equal(sg_seq_init(&seq, sg_mem_default(), &order, (enum sg_seq_kind)kind),
                         SG_OK);
        for (uint32_t author = 1; author <= 2; author++) {
            for (uint32_t i = 0; i < 3; i++) {
                char text[2] = {(char)((author == 1 ? 'c' : 'z') - (int)i), 0};
                struct sg_seq_id right = i == 0 ? SG_SEQ_NONE : (struct sg_seq_id){author, i - 1};
                put(&seq, (struct sg_seq_id){author, i}, SG_SEQ_NONE, right, text);
            }
        }
        char *text = seq_text(&seq);
        assert_string_equal(text, want[kind]);
        free(text);
        sg_seq_fini(&seq);
    }
}

/* Ten thousand authors write at one spot, in random order. */
static int compare_author(void *user, struct sg_seq_id a, struct sg_seq_id b)
{
    size_t *calls = user;
    ++*calls;
    return id_compare(a, b);
}

static uint64_t same_lamport(void *user, struct sg_seq_id id)
{
    (void)user;
    (void)id;
    return 1;
}

static void many_siblings(enum sg_seq_kind kind, uint32_t k, size_t *calls)
{
    const struct sg_seq_order counting = {calls, compare_author, same_lamport, NULL, NULL};
    struct sg_seq seq;
    struct sg_prng prng;
    uint32_t *authors = malloc(k * sizeof(*authors));
    assert_non_null(authors);
    sg_prng_init(&prng, k);
    assert_int_equal(sg_seq_init(&seq, sg_mem_default(), &counting, kind), SG_OK);
    for (uint32_t i = 0; i < k; i++) {
        uint32_t j = (uint32_t)sg_prng_below(&prng, i + 1);
        authors[i] = authors[j];
        authors[j] = i;
    }
    for (uint32_t i = 0; i < k; i++) {
        struct sg_seq_insertion in =
            insertion((struct sg_seq_id){authors[i], 0}, SG_BYTES_LIT("xy"));
        uint32_t pos;
        assert_int_equal(sg_seq_integrate(&seq, &in, &pos), SG_OK);
    }
    for (uint32_t i = 0; i < k; i++)
        assert_int_equal(sg_seq_id_at(&seq, 2 * i).chain, i);
    sg_seq_check(&seq);
    sg_seq_fini(&seq);
    free(authors);
}

static void test_many_siblings(void **state)
{
    (void)state;
    for (int kind = SG_SEQ_FUGUE_MAX; kind <= SG_SEQ_RGA; kind++) {
        size_t calls = 0;
        many_siblings((enum sg_seq_kind)kind, 10000, &calls);
        assert_in_range(calls, 10000, 10000 * 20); /* log2 of 10 000 is 13.3 */
    }
}

/* ---- refused, and out of memory ---- */

static bool all_is_past(void *user, struct sg_seq_id id)
{
    (void)user;
    (void)id;
    return true;
}

static void test_wrong_origins(void **state)
{
    (void)state;
    struct sg_seq_order honest = order;
    struct sg_seq seq;
    uint32_t pos;
    honest.is_past = all_is_past;
    assert_int_equal(sg_seq_init(&seq, sg_mem_default(), &honest, SG_SEQ_FUGUE_MAX), SG_OK);
    put(&seq, (struct sg_seq_id){1, 0}, SG_SEQ_NONE, SG_SEQ_NONE, "abc");
    struct sg_seq_insertion in = insertion((struct sg_seq_id){2, 0}, SG_BYTES_LIT("x"));
    in.left = (struct sg_seq_id){1, 3};
    assert_false(sg_seq_has(&seq, in.left, 1));
    assert_int_equal(sg_seq_integrate(&seq, &in, &pos), SG_ERR_MALFORMED);
    /* the right origin before the left one, and too far behind it: corrected */
    in.left = (struct sg_seq_id){1, 1};
    in.right = (struct sg_seq_id){1, 0};
    assert_int_equal(sg_seq_integrate(&seq, &in, &pos), SG_OK);
    assert_int_equal(pos, 2);
    in.id.counter = 1;
    in.left = (struct sg_seq_id){1, 0};
    in.right = SG_SEQ_NONE;
    assert_int_equal(sg_seq_integrate(&seq, &in, &pos), SG_OK);
    char *text = seq_text(&seq);
    assert_string_equal(text, "axbxc");
    assert_true(sg_seq_id_equal(seq.first->spans[1].right, (struct sg_seq_id){1, 1}));
    free(text);
    assert_false(seq.is_broken);
    sg_seq_fini(&seq);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    bool is_done = false;
    for (uint32_t n = 1; !is_done; n++) {
        struct failing_mem mem;
        struct sg_seq seq;
        failing_mem_init(&mem, n);
        sg_err err = sg_seq_init(&seq, &mem.mem, &order, SG_SEQ_FUGUE_MAX);
        if (err != SG_OK)
            continue;
        for (uint32_t i = 0; i < 200 && err == SG_OK; i++) {
            struct sg_seq_insertion in =
                insertion((struct sg_seq_id){1, 2 * i}, SG_BYTES_LIT("xyz"));
            err = sg_seq_insert(&seq, i / 2, &in);
        }
        assert_true(err == SG_OK || (err == SG_ERR_NO_MEMORY && seq.is_broken));
        is_done = err == SG_OK;
        sg_seq_fini(&seq);
        assert_int_equal(mem.live, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_edits),      cmocka_unit_test(test_typing_makes_one_span),
        cmocka_unit_test(test_random_histories), cmocka_unit_test(test_backward_typing),
        cmocka_unit_test(test_many_siblings),    cmocka_unit_test(test_wrong_origins),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
