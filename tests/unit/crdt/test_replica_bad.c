/* crdt/replica*.c, plan.c: what is refused, each with its error, and nothing has changed. */
#include "unit/base/failing_mem.h"
#include "unit/crdt/fixture.h"

struct bad {
    struct sg_replica *r;
    struct sg_batch batch; /* on top of one batch of author 1 with a text "t" of "abc" */
    struct sg_body_writer body;
    uint8_t head[SG_ID_LEN];
};

static void open_bad(struct bad *b)
{
    *b = (struct bad){.r = replica_new(SG_SEQ_FUGUE_MAX)};
    begin(b->r, 1);
    uint32_t cell = cell_of(b->r, SG_CELL_TEXT, "t");
    assert_int_equal(sg_replica_insert(b->r, cell, 0, text_bytes("abc")), SG_OK);
    (void)commit(b->r);
    memcpy(b->head, b->r->log.batches[0].name, SG_ID_LEN);
    memcpy(b->batch.document, b->r->document, SG_ID_LEN);
    memcpy(b->batch.author, author_of(2).id, SG_ID_LEN);
    b->batch.lamport = 4;
    b->batch.dep_count = 1;
    b->batch.deps = sg_bytes(b->head, SG_ID_LEN);
    sg_body_begin(&b->body, sg_mem_default(), 0, 1);
}

static void close_bad(struct bad *b)
{
    sg_body_fini(&b->body);
    replica_free(b->r);
}

static void name_object(struct bad *b, uint32_t parent, uint8_t kind, const char *key)
{
    const struct sg_body_object object = {parent, kind, text_bytes(key)};
    (void)sg_body_object(&b->body, &object);
}

/* Encodes and imports; the replica must not have changed on an error. */
static sg_err bring_to(struct bad *b, uint32_t count)
{
    struct sg_column out = {.mem = sg_mem_default()};
    struct sg_column rest = {.mem = sg_mem_default()};
    uint8_t prefix[SG_BATCH_PREFIX_MAX];
    char *before = dump(b->r);
    sg_put_uint(&rest, b->batch.lamport);
    sg_put_uint(&rest, b->batch.dep_count);
    sg_put_bytes(&rest, b->batch.deps);
    assert_int_equal(sg_body_end(&b->body, &rest), SG_OK);
    size_t len = sg_batch_prefix(&b->batch, prefix);
    sg_put_bytes(&out, sg_bytes(prefix, len));
    sg_put_bytes(&out, sg_column_bytes(&rest));
    enum sg_import result;
    sg_err err = sg_replica_import(b->r, sg_column_bytes(&out), 1, &result);
    if (err != SG_OK) {
        assert_dump(b->r, before);
        assert_int_equal(b->r->log.count, count);
        assert_int_equal(b->r->log.chain_count, count == 1 ? 1 : 2);
        assert_false(b->r->is_broken);
    }
    free(before);
    sg_column_fini(&out);
    sg_column_fini(&rest);
    return err;
}

static sg_err bring(struct bad *b)
{
    return bring_to(b, 1);
}

static struct sg_op insert_op(struct sg_body_element left, struct sg_body_element right,
                              const char *text)
{
    struct sg_op op = {
        .kind = SG_OP_INSERT, .left = left, .right = right, .text = text_bytes(text)};
    op.count = (uint32_t)strlen(text);
    return op;
}

static const struct sg_body_element none = {SG_SEQ_CHAIN_NONE, 0};

static sg_err bring_insert(uint8_t kind, struct sg_body_element left, struct sg_body_element right,
                           const char *text)
{
    struct bad b;
    open_bad(&b);
    name_object(&b, 0, kind, "t");
    struct sg_op op = insert_op(left, right, text);
    sg_body_put(&b.body, &op);
    sg_err err = bring(&b);
    close_bad(&b);
    return err;
}

static struct sg_body_element at(uint32_t ref, uint32_t counter)
{
    return (struct sg_body_element){ref, counter};
}

static void test_origins(void **state)
{
    (void)state;
    assert_int_equal(bring_insert(SG_CELL_TEXT, at(1, 0), at(1, 1), "x"), SG_OK);
    /* an element that there is not, in a chain that there is, in one that there is not */
    assert_int_equal(bring_insert(SG_CELL_TEXT, at(1, 3), none, "x"), SG_ERR_PROTOCOL);
    assert_int_equal(bring_insert(SG_CELL_TEXT, none, at(1, 77), "x"), SG_ERR_PROTOCOL);
    assert_int_equal(bring_insert(SG_CELL_TEXT, at(0, 0), none, "x"), SG_ERR_PROTOCOL);
    /* in a thing that is no text, or another one */
    assert_int_equal(bring_insert(SG_CELL_SET, none, none, "x"), SG_ERR_MALFORMED);
    assert_int_equal(bring_insert(SG_CELL_ELEMENT, none, none, "x"), SG_ERR_MALFORMED);
    assert_int_equal(bring_insert(SG_CELL_TEXT, none, none, "\xc3("), SG_ERR_MALFORMED);
    assert_int_equal(bring_insert(SG_CELL_TEXT, none, none, "\xed\xa0\x80"), SG_ERR_MALFORMED);
}

static void test_deletions(void **state)
{
    (void)state;
    static const struct {
        uint32_t ref, counter, count;
        sg_err err;
    } cases[] = {
        {1, 0, 3, SG_OK},           {1, 0, 4, SG_ERR_PROTOCOL},        {1, 3, 1, SG_ERR_PROTOCOL},
        {0, 0, 1, SG_ERR_PROTOCOL}, {1, 2, 1u << 29, SG_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bad b;
        open_bad(&b);
        name_object(&b, 0, SG_CELL_TEXT, "t");
        struct sg_op op = {.kind = SG_OP_DELETE,
                           .count = cases[i].count,
                           .target = at(cases[i].ref, cases[i].counter)};
        sg_body_put(&b.body, &op);
        assert_int_equal(bring(&b), cases[i].err);
        close_bad(&b);
    }
}

static void with_op(struct bad *b)
{
    open_bad(b);
    name_object(b, 0, SG_CELL_COUNTER, "c");
    struct sg_op op = {.kind = SG_OP_COUNT, .count = 1, .delta = 1};
    sg_body_put(&b->body, &op);
}

static void test_headers(void **state)
{
    (void)state;
    struct bad b;
    with_op(&b);
    b.batch.lamport = 3; /* too early, too late */
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    b.batch.lamport = 5;
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    b.batch.lamport = 4;
    b.batch.document[0] ^= 1;
    assert_int_equal(bring(&b), SG_ERR_WRONG_PEER);
    b.batch.document[0] ^= 1;
    /* another author's chain, or a gap in it */
    b.batch.seq = 1;
    b.batch.dep_count = 0;
    b.batch.deps.len = 0;
    memcpy(b.batch.prev, b.head, SG_ID_LEN);
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    memcpy(b.batch.author, author_of(1).id, SG_ID_LEN);
    b.batch.seq = 2;
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    /* a dependency that the predecessor is */
    b.batch.seq = 1;
    b.batch.dep_count = 1;
    b.batch.deps.len = SG_ID_LEN;
    assert_int_equal(bring(&b), SG_ERR_NOT_CANONICAL);
    close_bad(&b);
}

/* Dependencies that nobody has, itself among them as far as a hash can be guessed, wait; the room
 * for waiting is limited. */
static void test_missing(void **state)
{
    (void)state;
    struct bad b;
    with_op(&b);
    uint8_t deps[2 * SG_ID_LEN] = {0};
    b.batch.deps = sg_bytes(deps, sizeof(deps));
    b.batch.dep_count = 2;
    assert_int_equal(bring(&b), SG_ERR_NOT_CANONICAL); /* the same twice */
    deps[63] = 1;
    b.r->config.limits.pending_peer_bytes = 1000;
    sg_err err = SG_OK;
    uint32_t count = 0;
    for (; err == SG_OK && count < 100; count++) {
        deps[0] = (uint8_t)count;
        deps[32] = 255;
        err = bring(&b);
    }
    assert_int_equal(err, SG_ERR_LIMIT);
    assert_int_equal(b.r->pending.count, count - 1);
    assert_in_range(b.r->pending.bytes, 500, 1000);
    close_bad(&b);
}

static void test_objects(void **state)
{
    (void)state;
    struct bad b;
    with_op(&b);
    name_object(&b, 2, SG_CELL_MAP, "later"); /* a parent that comes after it */
    assert_int_equal(bring(&b), SG_ERR_MALFORMED);
    close_bad(&b);
    with_op(&b);
    name_object(&b, 1, SG_CELL_MAP, "in a counter");
    assert_int_equal(bring(&b), SG_ERR_MALFORMED);
    close_bad(&b);
    with_op(&b);
    for (uint32_t i = 0; i <= SG_CRDT_DEPTH_MAX; i++)
        name_object(&b, i == 0 ? 0 : i + 1, SG_CELL_MAP, "deep");
    assert_int_equal(bring(&b), SG_ERR_MALFORMED);
    close_bad(&b);
    with_op(&b);
    b.r->config.limits.objects = 0; /* in one batch; how many there are is another matter */
    assert_int_equal(bring(&b), SG_ERR_OVERSIZED);
    b.r->config.limits.objects = 1;
    assert_int_equal(bring(&b), SG_OK);
    close_bad(&b);
    with_op(&b);
    b.r->config.limits.objects = 100;
    b.r->config.limits.batch_bytes = 20;
    assert_int_equal(bring(&b), SG_ERR_OVERSIZED);
    close_bad(&b);
    open_bad(&b); /* nothing at all */
    assert_int_equal(bring(&b), SG_ERR_MALFORMED);
    close_bad(&b);
}

/* Deleting the same again and again in one batch would cost time without bytes; a deletion uses up
 * one counter, however much it deletes. */
static void test_deleted_again(void **state)
{
    (void)state;
    struct bad b;
    open_bad(&b);
    name_object(&b, 0, SG_CELL_TEXT, "t");
    const struct sg_op op = {.kind = SG_OP_DELETE, .count = 3, .target = at(1, 0)};
    const struct sg_op part = {.kind = SG_OP_DELETE, .count = 1, .target = at(1, 2)};
    for (uint32_t i = 0; i < 50; i++)
        sg_body_put(&b.body, &op);
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    assert_dump(b.r, "text t: abc\n");
    close_bad(&b);
    open_bad(&b);
    name_object(&b, 0, SG_CELL_TEXT, "t");
    sg_body_put(&b.body, &part);
    sg_body_put(&b.body, &op);
    assert_int_equal(bring(&b), SG_ERR_PROTOCOL);
    close_bad(&b);
    open_bad(&b);
    name_object(&b, 0, SG_CELL_TEXT, "t");
    sg_body_put(&b.body, &op);
    assert_int_equal(bring(&b), SG_OK);
    assert_int_equal(b.r->log.lamport, 3 + 1);
    assert_dump(b.r, "");
    close_bad(&b);
}

/* Every prefix, and every byte changed: an error or another batch, never more. */
static void test_damage(void **state)
{
    (void)state;
    struct bad b;
    enum sg_import result;
    open_bad(&b);
    struct sg_column bytes = batch_bytes(b.r, 0);
    struct sg_replica *fresh = replica_new(SG_SEQ_FUGUE_MAX);
    for (size_t len = 0; len < bytes.len; len++) {
        struct sg_bytes cut = sg_bytes(bytes.data, len);
        assert_int_not_equal(sg_replica_import(fresh, cut, 0, &result), SG_OK);
    }
    assert_int_equal(fresh->log.count, 0);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 0x15;
        sg_err err = sg_replica_import(fresh, sg_column_bytes(&bytes), 0, &result);
        assert_true(err == SG_OK || sg_err_class_of(err) == SG_ERR_CLASS_PEER);
        bytes.data[i] ^= 0x15;
    }
    assert_false(fresh->is_broken);
    replica_free(fresh);
    sg_column_fini(&bytes);
    close_bad(&b);
}

static void test_own_mistakes(void **state)
{
    (void)state;
    struct bad b;
    struct sg_value value = text_value("x");
    uint32_t cell;
    uint32_t batch;
    open_bad(&b);
    cell = cell_of(b.r, SG_CELL_TEXT, "t");
    assert_int_equal(sg_replica_insert(b.r, cell, 0, text_bytes("x")), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_replica_commit(b.r, &batch), SG_ERR_INVALID_STATE);
    begin(b.r, 2);
    assert_int_equal(sg_replica_begin(b.r, author_of(3).id), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_replica_insert(b.r, cell, 4, text_bytes("x")), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_replica_insert(b.r, cell, 0, text_bytes("\xff")), SG_ERR_MALFORMED);
    assert_int_equal(sg_replica_delete(b.r, cell, 2, 2), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_replica_set(b.r, cell, &value), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_replica_clear(b.r, SG_CELL_ROOT), SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(sg_replica_clear(b.r, 99), SG_ERR_INVALID_ARGUMENT);
    value.kind = SG_VALUE_DOUBLE;
    uint32_t reg = cell_of(b.r, SG_CELL_REGISTER, "r");
    assert_int_equal(sg_replica_set(b.r, reg, &value), SG_ERR_MALFORMED);
    assert_int_equal(sg_replica_cell(b.r, cell, SG_CELL_MAP, text_bytes("x"), &cell),
                     SG_ERR_INVALID_ARGUMENT);
    assert_int_equal(commit(b.r), SG_LOG_NONE);
    begin(b.r, 2);
    b.r->config.limits.ops = 5; /* 3 are used up */
    assert_int_equal(sg_replica_insert(b.r, cell, 0, text_bytes("xyz")), SG_ERR_LIMIT);
    (void)commit(b.r);
    assert_dump(b.r, "text t: abc\n");
    close_bad(&b);
}

/* How often it was asked whether an author had seen an element. */
static uint64_t asked;
static bool (*real_is_past)(void *user, struct sg_seq_id id);

static bool counting_is_past(void *user, struct sg_seq_id id)
{
    asked++;
    return real_is_past(user, id);
}

/* Ten thousand authors who write at one spot without knowing of each other. */
static void test_many_at_one_spot(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct bad b;
    static struct sg_column batches[MANY];
    open_bad(&b);
    for (uint32_t i = 0; i < MANY; i++) {
        struct sg_replica *r = replica_new(SG_SEQ_FUGUE_MAX);
        merge(r, b.r);
        begin(r, 2 + i * 7 % MANY); /* 7 has no part in MANY */
        uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(r, cell, 1, text_bytes(i % 2 == 0 ? "x" : "yz")), SG_OK);
        batches[i] = batch_bytes(r, commit(r));
        replica_free(r);
    }
    struct sg_replica *other = replica_new(SG_SEQ_FUGUE_MAX);
    merge(other, b.r);
    real_is_past = b.r->order.is_past;
    b.r->order.is_past = counting_is_past;
    asked = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        enum sg_import result;
        struct sg_bytes there = sg_column_bytes(&batches[i]);
        struct sg_bytes back = sg_column_bytes(&batches[MANY - 1 - i]);
        assert_int_equal(sg_replica_import(b.r, there, 0, &result), SG_OK);
        assert_int_equal(sg_replica_import(other, back, 0, &result), SG_OK);
    }
    assert_int_equal(b.r->log.head_count, MANY);
    /* no more than the two leaves that have something of the past in them */
    assert_in_range(asked, MANY, UINT64_C(2) * MANY * SG_SEQ_SPANS);
    assert_equal_state(b.r, other);
    begin(b.r, 1);
    assert_int_equal(sg_replica_insert(b.r, cell_of(b.r, SG_CELL_TEXT, "t"), 5, text_bytes("!")),
                     SG_OK);
    (void)commit(b.r);
    assert_int_equal(b.r->log.head_count, 1);
    merge(other, b.r);
    assert_equal_state(b.r, other);
    replica_free(other);
    for (uint32_t i = 0; i < MANY; i++)
        sg_column_fini(&batches[i]);
    close_bad(&b);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct bad b;
    open_bad(&b);
    begin(b.r, 3);
    struct sg_value value = text_value("v");
    uint32_t map = cell_of(b.r, SG_CELL_MAP, "m");
    assert_int_equal(sg_replica_set(b.r, cell_in(b.r, map, SG_CELL_MULTI, "k"), &value), SG_OK);
    assert_int_equal(sg_replica_add(b.r, cell_in(b.r, map, SG_CELL_SET, "k"), &value), SG_OK);
    assert_int_equal(sg_replica_delete(b.r, cell_of(b.r, SG_CELL_TEXT, "t"), 1, 1), SG_OK);
    (void)commit(b.r);
    bool is_done = false;
    for (size_t n = 1; !is_done; n++) {
        struct failing_mem mem;
        struct sg_replica r;
        struct sg_replica_config config = config_of(SG_SEQ_FUGUE_MAX);
        config.mem = failing_mem_init(&mem, n);
        sg_err err = sg_replica_init(&r, &config);
        bool is_open = err == SG_OK;
        for (uint32_t i = 0; err == SG_OK && i < 4; i++) { /* the second one first: it waits */
            struct sg_column bytes = batch_bytes(b.r, 1 - i % 2);
            enum sg_import result;
            err = sg_replica_import(&r, sg_column_bytes(&bytes), 0, &result);
            sg_column_fini(&bytes);
        }
        if (err == SG_OK)
            err = sg_replica_begin(&r, author_of(4).id);
        if (err == SG_OK)
            err = sg_replica_insert(&r, cell_of(b.r, SG_CELL_TEXT, "t"), 0, text_bytes("z"));
        uint32_t batch;
        if (err == SG_OK)
            err = sg_replica_commit(&r, &batch);
        assert_true(err == SG_OK || err == SG_ERR_NO_MEMORY);
        is_done = err == SG_OK;
        if (is_open)
            sg_replica_fini(&r);
        assert_int_equal(mem.live, 0);
    }
    close_bad(&b);
}

static void assert_resolved(const struct sg_log *log, uint32_t chain, uint32_t counter)
{
    uint32_t want = chain;
    uint32_t end = UINT32_MAX;
    uint32_t count = UINT32_MAX;
    while (counter < log->chains[want].start) {
        end = log->chains[want].start;
        want = log->chains[want].parent;
    }
    struct sg_seq_id id = sg_log_resolve_range(log, chain, counter, &count);
    assert_true(sg_seq_id_equal(id, (struct sg_seq_id){want, counter}));
    assert_true(sg_seq_id_equal(sg_log_resolve(log, chain, counter), id));
    assert_int_equal(count, end == UINT32_MAX ? UINT32_MAX : end - counter);
    /* each batch has one operation here */
    uint32_t batch = sg_log_at(log, chain, counter);
    assert_int_equal(log->batches[batch].chain, want);
    assert_int_equal(log->batches[batch].counter, counter);
}

/* An author who forks from each of his forks: what lies far up is found by jumps. */
static void test_deep_forks(void **state)
{
    (void)state;
    enum { DEEP = 100 };
    struct sg_replica *liar = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *all = replica_new(SG_SEQ_FUGUE_MAX);
    struct sg_replica *other = replica_new(SG_SEQ_FUGUE_MAX);
    for (uint32_t i = 0; i < DEEP; i++) {
        struct sg_replica *writers[2] = {replica_new(SG_SEQ_FUGUE_MAX), liar};
        struct sg_column twins[2];
        enum sg_import result;
        merge(writers[0], liar);
        for (uint32_t k = 0; k < 2; k++) {
            struct sg_replica *r = writers[k];
            begin(r, 1);
            uint32_t cell = cell_of(r, SG_CELL_TEXT, "t");
            assert_int_equal(sg_replica_insert(r, cell, 0, text_bytes(k == 0 ? "b" : "a")), SG_OK);
            twins[k] = batch_bytes(r, commit(r));
        }
        /* that which goes on comes second, so it is the fork; elsewhere it is the first */
        for (uint32_t k = 0; k < 2; k++) {
            struct sg_bytes there = sg_column_bytes(&twins[k]);
            struct sg_bytes back = sg_column_bytes(&twins[1 - k]);
            assert_int_equal(sg_replica_import(all, there, 0, &result), SG_OK);
            assert_int_equal(sg_replica_import(other, back, 0, &result), SG_OK);
        }
        for (uint32_t k = 0; k < 2; k++)
            sg_column_fini(&twins[k]);
        replica_free(writers[0]);
    }
    const struct sg_log *log = &all->log;
    assert_int_equal(log->chain_count, DEEP + 1);
    assert_int_equal(log->chains[DEEP].depth, DEEP - 1);
    for (uint32_t chain = 0; chain < log->chain_count; chain++) {
        for (uint32_t counter = 0; counter < log->chains[chain].end; counter++)
            assert_resolved(log, chain, counter);
    }
    char *text = dump(other);
    assert_dump(all, text);
    free(text);
    replica_free(all);
    replica_free(other);
    replica_free(liar);
}

/* Whether a batch is good must not depend on which side of a fork came first. Author 1 forks after
 * his first batch; author 2 has seen one side, and names this or that batch of his, so often. */
static sg_err bring_named(uint32_t first, uint32_t seen, uint32_t named, uint32_t times)
{
    struct bad b;
    struct sg_column twins[2];
    enum sg_import result;
    open_bad(&b);
    for (uint32_t k = 0; k < 2; k++) {
        struct sg_replica *writer = replica_new(SG_SEQ_FUGUE_MAX);
        merge(writer, b.r);
        begin(writer, 1);
        uint32_t cell = cell_of(writer, SG_CELL_TEXT, "t");
        assert_int_equal(sg_replica_insert(writer, cell, 0, text_bytes(k == 0 ? "x" : "y")), SG_OK);
        twins[k] = batch_bytes(writer, commit(writer));
        replica_free(writer);
    }
    for (uint32_t k = 0; k < 2; k++) {
        struct sg_bytes twin = sg_column_bytes(&twins[first == k ? 0 : 1]);
        assert_int_equal(sg_replica_import(b.r, twin, 0, &result), SG_OK);
    }
    uint8_t names[3][SG_ID_LEN]; /* the first batch, and both after it, whatever their order */
    for (uint32_t k = 0; k < 3; k++)
        memcpy(names[k], b.r->log.batches[k == 0 || first == 0 ? k : 3 - k].name, SG_ID_LEN);
    b.batch.deps = sg_bytes(names[seen], SG_ID_LEN);
    b.batch.lamport = 5;
    for (uint32_t k = 0; k < times; k++)
        (void)sg_body_ref(&b.body, names[named]);
    name_object(&b, 0, SG_CELL_TEXT, "t");
    const struct sg_op op = insert_op(none, none, "z");
    sg_body_put(&b.body, &op);
    sg_err err = bring_to(&b, 3);
    sg_column_fini(&twins[0]);
    sg_column_fini(&twins[1]);
    close_bad(&b);
    return err;
}

static void test_two_orders(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        for (uint32_t seen = 1; seen < 3; seen++) {
            assert_int_equal(bring_named(first, seen, 0, 0), SG_OK);
            assert_int_equal(bring_named(first, seen, seen, 1), SG_OK);
            assert_int_equal(bring_named(first, seen, seen, 2), SG_ERR_PROTOCOL);
            assert_int_equal(bring_named(first, seen, 3 - seen, 1), SG_ERR_PROTOCOL);
            assert_int_equal(bring_named(first, seen, 0, 1), SG_ERR_PROTOCOL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_origins),       cmocka_unit_test(test_deletions),
        cmocka_unit_test(test_headers),       cmocka_unit_test(test_missing),
        cmocka_unit_test(test_objects),       cmocka_unit_test(test_damage),
        cmocka_unit_test(test_own_mistakes),  cmocka_unit_test(test_many_at_one_spot),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_deleted_again),
        cmocka_unit_test(test_deep_forks),    cmocka_unit_test(test_two_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
