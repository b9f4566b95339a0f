/* Documents bound to a topic of real nodes on loopback. */
#include "node_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include <saorsa/crdt.h>

/* Somebody with a node and a document. */
struct site {
    struct sg_node *node;
    struct sg_doc *doc;
    struct sg_doc_binding *binding;
    struct sg_doc_news sum;
};

/* path NULL: in memory. */
static struct sg_doc *new_doc_at(const char *path, const struct sg_peer_id *author)
{
    struct sg_doc_options options;
    struct sg_doc *doc = NULL;
    sg_doc_options_init(&options);
    options.path = path;
    options.author = *author;
    options.shared_name = "list";
    assert_int_equal(sg_doc_create(&options, SG_DOC_FUGUE_MAX, &doc), SG_OK);
    return doc;
}

static struct sg_doc *new_doc(const struct sg_peer_id *author)
{
    return new_doc_at(NULL, author);
}

static void bind(struct site *s)
{
    struct sg_topic_id topic = topic_of("list");
    assert_int_equal(sg_doc_bind(s->doc, s->node, &topic, &s->binding), SG_OK);
}

static struct site start_site(const char *seed)
{
    struct site s = {.node = start_node(seed)};
    struct sg_peer_id id = id_of(s.node);
    s.doc = new_doc(&id);
    bind(&s);
    return s;
}

static void end_site(struct site *s)
{
    sg_doc_unbind(s->binding);
    if (s->node != NULL)
        stop_fast(s->node);
    assert_int_equal(sg_doc_close(s->doc), SG_OK);
}

static void run(struct site *s, int timeout_ms)
{
    struct sg_doc_news news;
    assert_int_equal(sg_doc_binding_run(s->binding, timeout_ms, &news), SG_OK);
    s->sum.applied += news.applied;
    s->sum.refused += news.refused;
    s->sum.published += news.published;
    s->sum.sessions += news.sessions;
    s->sum.has_floor = s->sum.has_floor || news.has_floor;
}

static void add(struct site *s, const char *what)
{
    const struct sg_doc_value value = {.kind = SG_DOC_STRING,
                                       .bytes = {(const uint8_t *)what, strlen(what)}};
    sg_doc_node set;
    assert_int_equal(sg_doc_node_of(s->doc, SG_DOC_ROOT, SG_DOC_SET, "shopping", &set), SG_OK);
    assert_int_equal(sg_doc_begin(s->doc), SG_OK);
    assert_int_equal(sg_doc_add(s->doc, set, &value), SG_OK);
    assert_int_equal(sg_doc_commit(s->doc), SG_OK);
}

static bool has(const struct site *s, const char *what)
{
    const struct sg_doc_value value = {.kind = SG_DOC_STRING,
                                       .bytes = {(const uint8_t *)what, strlen(what)}};
    sg_doc_node set;
    return sg_doc_find(s->doc, SG_DOC_ROOT, SG_DOC_SET, "shopping", &set) == SG_OK &&
           sg_doc_has(s->doc, set, &value);
}

static bool is_same(struct site *const *sites, size_t count)
{
    struct sg_doc_bytes first;
    bool same = true;
    assert_int_equal(sg_doc_frontier_encode(sites[0]->doc, &first), SG_OK);
    for (size_t i = 1; i < count; i++) {
        struct sg_doc_bytes other;
        assert_int_equal(sg_doc_frontier_encode(sites[i]->doc, &other), SG_OK);
        same = same && first.len == other.len && memcmp(first.data, other.data, first.len) == 0;
        sg_doc_bytes_free(&other);
    }
    sg_doc_bytes_free(&first);
    return same;
}

/* All work until they have the same. */
static void settle(struct site *const *sites, size_t count)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    do {
        if (now_ms() >= end)
            fail_msg("they are not the same");
        for (size_t i = 0; i < count; i++)
            run(sites[i], 5);
    } while (!is_same(sites, count));
}

static void run_until(struct site *const *sites, size_t count, const struct site *who,
                      const char *what)
{
    uint64_t end = now_ms() + PATIENCE_MS;
    while (!has(who, what)) {
        if (now_ms() >= end)
            fail_msg("no %s", what);
        for (size_t i = 0; i < count; i++)
            run(sites[i], 5);
    }
}

/* Changes go by broadcast once neighbours are there, and what was before by a session. */
static void three_edit_one_list(void **state)
{
    (void)state;
    struct site a = start_site(NULL);
    add(&a, "milk"); /* nobody is there to hear it */
    run(&a, 0);
    struct site b = start_site(place_of(a.node).text);
    struct site c = start_site(place_of(a.node).text);
    struct site *const all[] = {&a, &b, &c};
    add(&b, "eggs");
    settle(all, 3);
    assert_true(has(&c, "milk") && has(&c, "eggs") && has(&a, "eggs"));
    uint64_t end = now_ms() + PATIENCE_MS; /* both may have all before the last word is said */
    while (a.sum.sessions + b.sum.sessions + c.sum.sessions == 0 && now_ms() < end) {
        for (size_t i = 0; i < 3; i++)
            run(all[i], 5);
    }
    assert_true(a.sum.sessions + b.sum.sessions + c.sum.sessions > 0);
    add(&a, "tea");
    run_until(all, 3, &b, "tea");
    run_until(all, 3, &c, "tea");
    assert_true(a.sum.published > 0);
    assert_int_equal(a.sum.refused + b.sum.refused + c.sum.refused, 0);
    end_site(&a);
    end_site(&b);
    end_site(&c);
}

/* Two networks write without each other; the first link between them brings all to all. */
static void a_partition_heals(void **state)
{
    (void)state;
    struct site a = start_site(NULL);
    struct site b = start_site(place_of(a.node).text);
    struct site c = start_site(NULL);
    struct site d = start_site(place_of(c.node).text);
    struct site *const left[] = {&a, &b};
    struct site *const right[] = {&c, &d};
    struct site *const all[] = {&a, &b, &c, &d};
    for (int i = 0; i < 20; i++) {
        char what[16];
        (void)snprintf(what, sizeof(what), "left%d", i);
        add(i % 2 == 0 ? &a : &b, what);
        (void)snprintf(what, sizeof(what), "right%d", i);
        add(i % 2 == 0 ? &c : &d, what);
    }
    settle(left, 2);
    settle(right, 2);
    assert_false(has(&a, "right7"));
    assert_int_equal(sg_node_join(d.node, place_of(b.node).text), SG_OK);
    settle(all, 4);
    assert_true(has(&a, "right7") && has(&c, "left8"));
    for (size_t i = 0; i < 4; i++)
        end_site(all[i]);
}

/* Somebody goes on without his node, and another one comes when a batch of 300 kB and a hundred
 * small ones are long written. */
static void who_was_away_catches_up(void **state)
{
    (void)state;
    struct site a = start_site(NULL);
    struct site b = start_site(place_of(a.node).text);
    struct site *const both[] = {&a, &b};
    sg_doc_node note;
    size_t len = 300000;
    char *book = malloc(len);
    memset(book, 'x', len);
    settle(both, 2);
    sg_doc_unbind(b.binding);
    stop_fast(b.node);
    b.node = NULL;
    b.binding = NULL;
    add(&b, "offline");
    assert_int_equal(sg_doc_node_of(a.doc, SG_DOC_ROOT, SG_DOC_TEXT, "note", &note), SG_OK);
    assert_int_equal(sg_doc_begin(a.doc), SG_OK);
    assert_int_equal(sg_doc_text_insert(a.doc, note, 0, book, len), SG_OK);
    assert_int_equal(sg_doc_commit(a.doc), SG_OK);
    for (int i = 0; i < 100; i++) {
        char what[16];
        (void)snprintf(what, sizeof(what), "item%d", i);
        add(&a, what);
        run(&a, 0);
    }
    free(book);
    b.node = start_node(place_of(a.node).text);
    bind(&b);
    struct site late = start_site(place_of(a.node).text);
    struct site *const all[] = {&a, &b, &late};
    settle(all, 3);
    assert_true(has(&a, "offline") && has(&late, "offline") && has(&late, "item99"));
    assert_int_equal(sg_doc_find(late.doc, SG_DOC_ROOT, SG_DOC_TEXT, "note", &note), SG_OK);
    assert_int_equal(sg_doc_text_len(late.doc, note, SG_DOC_CHARS), 300000);
    for (size_t i = 0; i < 3; i++)
        end_site(all[i]);
}

/* What else is said on the topic is passed over; a second document there is refused. */
static void strangers_on_the_topic(void **state)
{
    (void)state;
    struct site a = start_site(NULL);
    struct site b = start_site(place_of(a.node).text);
    struct site *const both[] = {&a, &b};
    struct sg_topic_id topic = topic_of("list");
    struct sg_doc_binding *second = NULL;
    struct sg_peer_id id = id_of(a.node);
    struct sg_doc *other = new_doc(&id);
    settle(both, 2);
    assert_int_equal(sg_doc_bind(other, a.node, &topic, &second), SG_ERR_EXISTS);
    assert_null(second);
    assert_int_equal(sg_doc_bind(a.doc, a.node, &topic, &second), SG_ERR_INVALID_STATE);
    assert_int_equal(
        sg_publish(a.node, &topic, (struct sg_bytes){(const uint8_t *)"hello", 5}, NULL), SG_OK);
    add(&a, "milk");
    run_until(both, 2, &b, "milk");
    uint64_t end = now_ms() + PATIENCE_MS;
    while (b.sum.refused == 0 && now_ms() < end)
        run(&b, 5);
    assert_int_equal(b.sum.refused, 1);
    assert_int_equal(sg_doc_begin(a.doc), SG_OK);
    struct sg_doc_news news;
    assert_int_equal(sg_doc_binding_run(a.binding, 0, &news), SG_ERR_INVALID_STATE);
    assert_int_equal(sg_doc_commit(a.doc), SG_OK);
    sg_node_stop(a.node);
    assert_int_equal(sg_doc_binding_run(a.binding, 0, &news), SG_ERR_STOPPED);
    end_site(&a);
    end_site(&b);
    assert_int_equal(sg_doc_close(other), SG_OK);
}

/* A state that somebody signed whom nobody here trusts is told of, and ends nothing. */
static void a_floor_of_a_stranger(void **state)
{
    (void)state;
    char folder[] = "/tmp/sg-doc-XXXXXX";
    char path[64];
    char command[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/doc", folder);
    struct site a = {.node = start_node(NULL)};
    struct sg_peer_id id = id_of(a.node);
    a.doc = new_doc_at(path, &id);
    bind(&a);
    struct site b = start_site(place_of(a.node).text);
    struct site *const both[] = {&a, &b};
    struct sg_topic_id topic = topic_of("list");
    struct sg_doc_bytes all;
    wait_neighbors(b.node, &topic, 1);
    settle(both, 2);
    add(&a, "milk");
    assert_int_equal(sg_doc_compact(a.doc), SG_OK);
    assert_int_equal(sg_doc_export_since(a.doc, (struct sg_bytes){NULL, 0}, false, &all), SG_OK);
    assert_int_equal(sg_publish(a.node, &topic, (struct sg_bytes){all.data, all.len}, NULL), SG_OK);
    uint64_t end = now_ms() + PATIENCE_MS;
    while (!b.sum.has_floor && now_ms() < end)
        run(&b, 5);
    assert_true(b.sum.has_floor);
    assert_false(has(&b, "milk"));
    sg_doc_bytes_free(&all);
    end_site(&a);
    end_site(&b);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_edit_one_list),     cmocka_unit_test(a_partition_heals),
        cmocka_unit_test(who_was_away_catches_up), cmocka_unit_test(strangers_on_the_topic),
        cmocka_unit_test(a_floor_of_a_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
