/* Who lacks what of a document: by lists and by symbols, in either role, with forks, and with a
 * peer that lies. */
#include "../crdt/fixture.h"
#include "node/doc_compare.h"

/* One batch of an author who has seen nothing but his own ones. */
static void write_alone(struct sg_replica *to, struct sg_replica *also, uint32_t author,
                        uint32_t batches)
{
    struct sg_replica *own = replica_new(SG_SEQ_FUGUE_MAX);
    char key[16];
    (void)snprintf(key, sizeof(key), "n%u", (unsigned)author);
    for (uint32_t i = 0; i < batches; i++) {
        begin(own, author);
        assert_int_equal(sg_replica_count(own, cell_of(own, SG_CELL_COUNTER, key), 1), SG_OK);
        (void)commit(own);
    }
    merge(to, own);
    if (also != NULL)
        merge(also, own);
    replica_free(own);
}

struct pair {
    struct sg_doc_compare c[2];
    size_t bytes[2];    /* given out by each */
    uint32_t half_ways; /* one-way trips until both were ready */
    sg_err err;
};

static void open_pair(struct pair *p, const struct sg_replica *a, const struct sg_replica *b)
{
    const uint8_t first[SG_DOC_NONCE_LEN] = {1};
    const uint8_t second[SG_DOC_NONCE_LEN] = {2};
    *p = (struct pair){.err = SG_OK};
    assert_int_equal(sg_doc_compare_init(&p->c[0], a, first), SG_OK);
    assert_int_equal(sg_doc_compare_init(&p->c[1], b, second), SG_OK);
}

static void close_pair(struct pair *p)
{
    sg_doc_compare_fini(&p->c[0]);
    sg_doc_compare_fini(&p->c[1]);
}

static bool has_ended(const struct sg_doc_compare *c)
{
    return sg_doc_compare_is_equal(c) || sg_doc_compare_is_ready(c);
}

/* All that one side has to say now goes over; false: nothing. */
static bool carry(struct pair *p, int from)
{
    bool any = false;
    for (;;) {
        struct sg_column out = {.mem = sg_mem_default()};
        assert_int_equal(sg_doc_compare_next(&p->c[from], &out), SG_OK);
        size_t len = out.len;
        p->bytes[from] += len;
        if (len > 0 && p->err == SG_OK)
            p->err = sg_doc_compare_input(&p->c[1 - from], (enum sg_doc_compare_kind)out.data[0],
                                          sg_bytes(out.data + 1, len - 1));
        sg_column_fini(&out);
        if (len == 0)
            return any;
        any = true;
    }
}

/* In turns; simultaneous: both have spoken before they heard. */
static void run(struct pair *p, bool simultaneous)
{
    if (simultaneous) {
        struct sg_column out[2] = {{.mem = sg_mem_default()}, {.mem = sg_mem_default()}};
        for (int i = 0; i < 2; i++)
            assert_int_equal(sg_doc_compare_next(&p->c[i], &out[i]), SG_OK);
        for (int i = 0; i < 2; i++) {
            p->bytes[i] += out[i].len;
            assert_int_equal(sg_doc_compare_input(&p->c[1 - i], SG_DOC_OPEN,
                                                  sg_bytes(out[i].data + 1, out[i].len - 1)),
                             SG_OK);
            sg_column_fini(&out[i]);
        }
    }
    for (int quiet = 0, from = 0; quiet < 2; from = 1 - from) {
        bool moved = carry(p, from);
        quiet = moved ? 0 : quiet + 1;
        if (moved && !(has_ended(&p->c[0]) && has_ended(&p->c[1])))
            p->half_ways++;
    }
}

/* The view of what `other` has is exactly right for every batch of r. */
static void assert_view(const struct sg_doc_compare *c, const struct sg_replica *r,
                        const struct sg_replica *other)
{
    assert_true(sg_doc_compare_is_ready(c));
    for (uint32_t i = 0; i < r->log.count; i++) {
        bool has = sg_log_find(&other->log, r->log.batches[i].name) != SG_LOG_NONE;
        assert_int_equal(sg_frontier_has(r, &c->view, i), has);
    }
}

static void assert_right(const struct sg_replica *a, const struct sg_replica *b)
{
    for (int simultaneous = 0; simultaneous < 2; simultaneous++) {
        struct pair p;
        open_pair(&p, a, b);
        run(&p, simultaneous == 1);
        assert_int_equal(p.err, SG_OK);
        assert_view(&p.c[0], a, b);
        assert_view(&p.c[1], b, a);
        close_pair(&p);
    }
}

/* Moved on both sides, new on both sides, and never seen. */
static void test_few(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    struct pair p;
    open_pair(&p, a, b);
    run(&p, false);
    assert_true(sg_doc_compare_is_equal(&p.c[0]) && sg_doc_compare_is_equal(&p.c[1]));
    assert_true(p.bytes[0] <= 90 && p.bytes[1] <= 90);
    close_pair(&p);
    write_alone(a, NULL, 1, 3);
    assert_right(a, b); /* a newcomer */
    assert_right(b, a);
    merge(b, a);
    for (uint32_t i = 2; i < 40; i++)
        write_alone(a, b, i, 1 + i % 3);
    write_alone(a, NULL, 50, 4);
    write_alone(b, NULL, 51, 4);
    write_alone(a, NULL, 5, 9); /* the same author, further: the first ones are known */
    write_alone(b, NULL, 6, 9);
    assert_right(a, b);
    replica_free(a);
    replica_free(b);
}

/* An author who forked is two ends; each side has seen other parts of it. */
static void test_forks(void **state)
{
    (void)state;
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    write_alone(a, b, 1, 3);
    struct sg_replica *fork = replica_new(SG_SEQ_FUGUE_MAX);
    merge(fork, a);
    for (int i = 0; i < 3; i++) {
        begin(fork, 1);
        assert_int_equal(sg_replica_count(fork, cell_of(fork, SG_CELL_COUNTER, "x"), 7), SG_OK);
        (void)commit(fork);
    }
    write_alone(a, NULL, 1, 6); /* a: 0 1 2 3 4 5 */
    merge(b, fork);             /* b: 0 1 2 3' 4' 5' */
    struct pair p;
    open_pair(&p, a, b);
    run(&p, false);
    assert_int_equal(p.err, SG_OK);
    for (int i = 0; i < 2; i++) { /* never believed to be there when it is not */
        const struct sg_replica *r = i == 0 ? a : b;
        assert_true(sg_doc_compare_is_ready(&p.c[i]));
        for (uint32_t k = 3; k < 6; k++)
            assert_false(sg_frontier_has(r, &p.c[i].view, k));
    }
    close_pair(&p);
    merge(b, a);
    assert_right(a, b);
    assert_right(b, a);
    replica_free(fork);
    replica_free(a);
    replica_free(b);
}

static void test_many(void **state)
{
    (void)state;
    enum { AUTHORS = 700 };
    struct sg_replica *a = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *b = replica_new(SG_SEQ_FUGUE_MAX);
    for (uint32_t i = 0; i < AUTHORS; i++)
        write_alone(a, b, i, 2);
    for (uint32_t i = 0; i < 30; i++)
        write_alone(i % 2 == 0 ? a : b, NULL, 7 * i, 12);
    assert_right(a, b);
    struct pair p;
    open_pair(&p, a, b);
    run(&p, false);
    assert_true(p.half_ways <= 4);
    assert_true(p.bytes[0] + p.bytes[1] < 4000);
    close_pair(&p);
    /* nearly all of them: symbols give way to the list */
    for (uint32_t i = 0; i < AUTHORS; i++)
        write_alone(a, NULL, i, 13);
    open_pair(&p, a, b);
    run(&p, true);
    assert_int_equal(p.err, SG_OK);
    assert_view(&p.c[0], a, b);
    assert_view(&p.c[1], b, a);
    assert_true(p.bytes[0] + p.bytes[1] < AUTHORS * 68 * 11 / 10);
    close_pair(&p);
    /* one side has few, the other many */
    struct sg_replica *small = replica_new(SG_SEQ_FUGUE_MAX);
    write_alone(small, NULL, 3, 20);
    assert_right(a, small);
    assert_right(small, a);
    replica_free(small);
    replica_free(a);
    replica_free(b);
}

/* ---- bad peers ---- */

static sg_err tell(struct sg_doc_compare *c, enum sg_doc_compare_kind kind,
                   const struct sg_column *body)
{
    return sg_doc_compare_input(c, kind, sg_column_bytes(body));
}

static struct sg_column open_of(const struct sg_replica *r, uint8_t nonce, uint8_t was_first,
                                uint32_t count)
{
    struct sg_column out = {.mem = sg_mem_default()};
    static const uint8_t digest[SG_ID_LEN] = {9};
    uint8_t bytes[SG_DOC_NONCE_LEN] = {nonce};
    sg_put_bytes(&out, sg_bytes(r->document, SG_ID_LEN));
    sg_put_bytes(&out, sg_bytes(bytes, sizeof(bytes)));
    sg_put_u8(&out, was_first);
    sg_put_uint(&out, count);
    sg_put_bytes(&out, sg_bytes(digest, SG_ID_LEN));
    return out;
}

static void begin_one(struct sg_doc_compare *c, const struct sg_replica *r)
{
    const uint8_t nonce[SG_DOC_NONCE_LEN] = {5};
    assert_int_equal(sg_doc_compare_init(c, r, nonce), SG_OK);
}

static void say(struct sg_doc_compare *c)
{
    struct sg_column out = {.mem = sg_mem_default()};
    assert_int_equal(sg_doc_compare_next(c, &out), SG_OK);
    sg_column_fini(&out);
}

static void test_bad_open(void **state)
{
    (void)state;
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_doc_compare c;
    write_alone(r, NULL, 1, 1);
    const struct {
        uint8_t nonce, was_first;
        uint32_t count;
        bool spoke;
        sg_err err;
    } cases[] = {
        {6, 2, 1, false, SG_ERR_PROTOCOL},
        {6, 0, 1, false, SG_ERR_PROTOCOL},
        {5, 1, 1, true, SG_ERR_PROTOCOL},
        {6, 1, SG_DOC_ENTRIES_MAX + 1, false, SG_ERR_OVERSIZED},
        {6, 1, 1, true, SG_OK},
        {6, 0, 1, true, SG_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_one(&c, r);
        if (cases[i].spoke)
            say(&c);
        struct sg_column open = open_of(r, cases[i].nonce, cases[i].was_first, cases[i].count);
        assert_int_equal(tell(&c, SG_DOC_LIST, &open), SG_ERR_PROTOCOL);
        assert_int_equal(tell(&c, SG_DOC_OPEN, &open), cases[i].err);
        if (cases[i].err == SG_OK)
            assert_int_equal(tell(&c, SG_DOC_OPEN, &open), SG_ERR_PROTOCOL);
        sg_column_fini(&open);
        sg_doc_compare_fini(&c);
    }
    replica_free(r);
}

static void test_bad_differ(void **state)
{
    (void)state;
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_doc_compare c;
    write_alone(r, NULL, 1, 1);
    static const uint8_t stranger[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0};
    static const uint8_t falling[] = {0, 2, 9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t many[] = {0xff, 0xff, 0x3f};
    static const uint8_t good[] = {0, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    const struct {
        struct sg_bytes body;
        sg_err err;
    } cases[] = {
        {sg_bytes(stranger, sizeof(stranger)), SG_ERR_PROTOCOL},
        {sg_bytes(falling, sizeof(falling)), SG_ERR_NOT_CANONICAL},
        {sg_bytes(many, sizeof(many)), SG_ERR_TRUNCATED},
        {sg_bytes(good, 9), SG_ERR_TRUNCATED},
        {sg_bytes(good, sizeof(good)), SG_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_column open = open_of(r, 6, 1, 1);
        begin_one(&c, r);
        assert_int_equal(tell(&c, SG_DOC_OPEN, &open), SG_OK); /* it decodes */
        assert_int_equal(sg_doc_compare_input(&c, SG_DOC_KNOWN, cases[i].body), SG_ERR_PROTOCOL);
        assert_int_equal(sg_doc_compare_input(&c, SG_DOC_LIST, cases[i].body), SG_ERR_PROTOCOL);
        assert_int_equal(sg_doc_compare_input(&c, SG_DOC_SYMBOLS, cases[i].body), SG_ERR_PROTOCOL);
        assert_int_equal(sg_doc_compare_input(&c, SG_DOC_DIFFER, cases[i].body), cases[i].err);
        if (cases[i].err == SG_OK) {
            assert_int_equal(sg_doc_compare_input(&c, SG_DOC_DIFFER, cases[i].body),
                             SG_ERR_PROTOCOL);
            assert_false(sg_doc_compare_is_ready(&c)); /* KNOWN goes first */
            say(&c);
            say(&c);
            assert_true(sg_doc_compare_is_ready(&c));
        }
        sg_column_fini(&open);
        sg_doc_compare_fini(&c);
    }
    replica_free(r);
}

static void test_bad_list(void **state)
{
    (void)state;
    struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_doc_compare c;
    static const uint8_t ids[24] = {9, [8] = 9};
    write_alone(r, NULL, 1, 1);
    struct sg_column open = open_of(r, 4, 1, 2); /* 5 decodes */
    begin_one(&c, r);
    say(&c);
    assert_int_equal(tell(&c, SG_DOC_OPEN, &open), SG_OK);
    assert_int_equal(sg_doc_compare_input(&c, SG_DOC_LIST, sg_bytes(ids, 24)), SG_ERR_MALFORMED);
    assert_int_equal(sg_doc_compare_input(&c, SG_DOC_LIST, sg_bytes(ids, 16)),
                     SG_ERR_NOT_CANONICAL);
    assert_int_equal(sg_doc_compare_input(&c, SG_DOC_DIFFER, sg_bytes(ids, 1)), SG_ERR_PROTOCOL);
    sg_doc_compare_fini(&c);
    sg_column_fini(&open);
    replica_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),        cmocka_unit_test(test_forks),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_bad_open),
        cmocka_unit_test(test_bad_differ), cmocka_unit_test(test_bad_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
