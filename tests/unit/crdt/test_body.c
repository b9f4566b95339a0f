/* crdt/body_write.c, body_read.c: what is written is read back, and has one form only. */
#include "crdt/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct sg_crdt_limits limits = SG_CRDT_LIMITS_DEFAULT;

static struct sg_body_element at(uint32_t ref, uint32_t counter)
{
    return (struct sg_body_element){ref, counter};
}

static struct sg_op insert(struct sg_body_element left, struct sg_body_element right,
                           const char *text)
{
    struct sg_op op = {.kind = SG_OP_INSERT, .left = left, .right = right};
    op.text = sg_bytes(text, strlen(text));
    op.count = (uint32_t)strlen(text);
    return op;
}

static struct sg_op delete (struct sg_body_element target, uint32_t count)
{
    return (struct sg_op){.kind = SG_OP_DELETE, .target = target, .count = count};
}

static const uint8_t name[SG_ID_LEN] = {9};

/* One text object, one dependency, one further chain: refs 0, 1, 2; counters from 10 on. */
static struct sg_column write_ops(const struct sg_op *ops, size_t count)
{
    struct sg_body_writer w;
    struct sg_column out = {.mem = sg_mem_default()};
    const struct sg_body_object object = {0, SG_CELL_TEXT, SG_BYTES_LIT("t")};
    sg_body_begin(&w, sg_mem_default(), 10, 1);
    assert_int_equal(sg_body_ref(&w, name), 2);
    assert_int_equal(sg_body_object(&w, &object), 0);
    for (size_t i = 0; i < count; i++)
        sg_body_put(&w, &ops[i]);
    assert_int_equal(sg_body_end(&w, &out), SG_OK);
    sg_body_fini(&w);
    return out;
}

/* Reads up to `cap` operations; gives the error, *count how many came before it. */
static sg_err read_ops(struct sg_bytes body, struct sg_op *ops, size_t cap, size_t *count)
{
    struct sg_body_reader r;
    struct sg_body_object object;
    uint32_t last[3] = {0};
    bool has_op = true;
    *count = 0;
    SG_TRY(sg_body_open(&r, body, &limits));
    assert_int_equal(r.ref_count, 1);
    assert_int_equal(r.object_count, 1);
    SG_TRY(sg_body_next_object(&r, &object));
    sg_body_start(&r, 10, last, 3);
    while (*count < cap) {
        SG_TRY(sg_body_next(&r, &ops[*count], &has_op));
        if (!has_op)
            break;
        ++*count;
    }
    return SG_OK;
}

static void test_typing_is_joined(void **state)
{
    (void)state;
    const struct sg_op ops[] = {
        insert(at(1, 5), at(1, 6), "a"),
        insert(at(0, 10), at(1, 6), "b"),
        insert(at(0, 11), at(1, 6), "cd"),
        delete (at(0, 13), 1),
        delete (at(0, 12), 1),
        delete (at(2, 3), 2),
        insert(at(0, 11), at(0, 12), "x"),
    };
    struct sg_op got[8];
    size_t count;
    struct sg_column body = write_ops(ops, 7);
    assert_int_equal(read_ops(sg_column_bytes(&body), got, 8, &count), SG_OK);
    assert_int_equal(count, 4);
    assert_int_equal(got[0].count, 4);
    assert_memory_equal(got[0].text.data, "abcd", 4);
    assert_int_equal(got[0].left.counter, 5);
    assert_int_equal(got[0].right.counter, 6);
    assert_int_equal(got[1].kind, SG_OP_DELETE);
    assert_int_equal(got[1].target.counter, 12);
    assert_int_equal(got[1].count, 2);
    assert_int_equal(got[2].target.ref, 2);
    assert_int_equal(got[3].left.counter, 11);
    assert_int_equal(got[3].right.counter, 12);
    struct sg_column again = write_ops(got, count);
    assert_int_equal(again.len, body.len);
    assert_memory_equal(again.data, body.data, body.len);
    sg_column_fini(&body);
    sg_column_fini(&again);
}

/* heads and origins by hand, for one text object and one chain more. */
static sg_err read_raw(const char *heads, size_t head_len, const char *origins, size_t origin_len)
{
    struct sg_column out = {.mem = sg_mem_default()};
    struct sg_op got[8];
    size_t count;
    sg_put_uint(&out, 1);
    sg_put_bytes(&out, sg_bytes(name, SG_ID_LEN));
    sg_put_uint(&out, 1);
    sg_put_bytes(&out, sg_bytes("\0\1\1t", 4));
    sg_put_vector(&out, sg_bytes(heads, head_len));
    sg_put_vector(&out, sg_bytes(origins, origin_len));
    sg_put_vector(&out, sg_bytes(NULL, 0));
    sg_put_bytes(&out, SG_BYTES_LIT("ab"));
    sg_err err = read_ops(sg_column_bytes(&out), got, 8, &count);
    sg_column_fini(&out);
    return err;
}

static void test_one_form(void **state)
{
    (void)state;
    /* select 0; insert two, at the start, before the end */
    assert_int_equal(read_raw("\x00\x21", 2, "\0\0", 2), SG_OK);
    /* in two operations, which would have been one */
    assert_int_equal(read_raw("\x00\x11\x11", 3, "\0\0\1\0", 4), SG_ERR_NOT_CANONICAL);
    assert_int_equal(read_raw("\x00\x11\x11", 3, "\0\0\0\0", 4), SG_OK);
    /* selected twice; nothing selected; an object that there is not */
    assert_int_equal(read_raw("\x00\x11\x00\x11", 4, "\0\0\0\0", 4), SG_ERR_NOT_CANONICAL);
    assert_int_equal(read_raw("\x21", 1, "\0\0", 2), SG_ERR_MALFORMED);
    assert_int_equal(read_raw("\x10\x21", 2, "\0\0", 2), SG_ERR_MALFORMED);
    /* what there was not before: an inserted element, a right origin */
    assert_int_equal(read_raw("\x00\x21", 2, "\1\0", 2), SG_ERR_NOT_CANONICAL);
    assert_int_equal(read_raw("\x00\x21", 2, "\0\1", 2), SG_ERR_NOT_CANONICAL);
    assert_int_equal(read_raw("\x00\x21", 2, "\0\2", 2), SG_ERR_NOT_CANONICAL);
    /* the element after the left origin has a form of its own */
    assert_int_equal(read_raw("\x00\x21", 2, "\x02\x02", 2), SG_OK);
    assert_int_equal(read_raw("\x00\x21", 2, "\x02\x07", 2), SG_ERR_NOT_CANONICAL);
    /* nothing, too little, too much */
    assert_int_equal(read_raw("", 0, "", 0), SG_ERR_MALFORMED);
    assert_int_equal(read_raw("\x00", 1, "", 0), SG_ERR_TRUNCATED);
    assert_int_equal(read_raw("\x00\x31", 2, "\0\0", 2), SG_ERR_TRUNCATED);
    assert_int_equal(read_raw("\x00\x11", 2, "\0\0", 2), SG_ERR_TRAILING);
    assert_int_equal(read_raw("\x00\x21", 2, "\0\0\0", 3), SG_ERR_TRAILING);
    assert_int_equal(read_raw("\x00\x01", 2, "\0\0", 2), SG_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_is_joined),
        cmocka_unit_test(test_one_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
