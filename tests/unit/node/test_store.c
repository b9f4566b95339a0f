#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/internal.h"
#include "unit/base/failing_mem.h"

static const struct sg_index_keys keys = {{1, 3, 5, 7, 9, 11, 13, 15, 17}};

static struct sg_held held_of(uint8_t n)
{
    struct sg_held held = {.id = {{n}}, .hop = n};
    held.gossip = sg_buf_copy(sg_mem_default(), sg_bytes(&n, 1));
    held.root = sg_buf_ref(held.gossip);
    held.key = sg_buf_ref(held.gossip);
    return held;
}

static void messages_are_found_until_they_are_forgotten(void **state)
{
    struct sg_store store;
    struct sg_msg_id id = {{1}};
    (void)state;
    sg_store_init(&store, 3, &keys);
    for (uint8_t round = 0; round < 4; round++) {
        for (uint8_t n = 1; n <= 3; n++) {
            struct sg_held held = held_of(n);
            assert_int_equal(sg_store_put(&store, sg_mem_default(), &held), SG_OK);
        }
        for (uint8_t n = 1; n <= 3; n++) {
            id.b[0] = n;
            assert_int_equal(sg_store_get(&store, &id)->hop, n);
        }
        id.b[0] = 2; /* the free list is used in another order each round */
        sg_store_forget(&store, &id);
        assert_null(sg_store_get(&store, &id));
        id.b[0] = 1;
        sg_store_forget(&store, &id);
        id.b[0] = 3;
        sg_store_forget(&store, &id);
        sg_store_forget(&store, &id);
    }
    sg_store_fini(&store, sg_mem_default());
}

static void a_full_store_and_a_second_copy_take_nothing(void **state)
{
    struct sg_store store;
    (void)state;
    sg_store_init(&store, 2, &keys);
    struct sg_held held = held_of(1);
    assert_int_equal(sg_store_put(&store, sg_mem_default(), &held), SG_OK);
    assert_int_equal(sg_store_put(&store, sg_mem_default(), &held), SG_ERR_EXISTS);
    held = held_of(2);
    assert_int_equal(sg_store_put(&store, sg_mem_default(), &held), SG_OK);
    held = held_of(3);
    assert_int_equal(sg_store_put(&store, sg_mem_default(), &held), SG_ERR_FULL);
    sg_buf_unref(held.gossip);
    sg_buf_unref(held.root);
    sg_buf_unref(held.key);
    sg_store_fini(&store, sg_mem_default());
}

static void it_grows_and_survives_a_lack_of_memory(void **state)
{
    struct sg_store store;
    struct failing_mem f;
    size_t refused = 0;
    (void)state;
    failing_mem_init(&f, 0);
    sg_store_init(&store, 100, &keys);
    for (uint8_t n = 0; n < 100; n++) {
        struct sg_held held = held_of(n);
        struct sg_msg_id id = held.id;
        f.fail_at = f.calls + 1; /* whatever it allocates next */
        sg_err err = sg_store_put(&store, &f.mem, &held);
        if (err == SG_ERR_NO_MEMORY) {
            refused++;
            assert_null(sg_store_get(&store, &id));
            f.fail_at = f.calls + 2; /* the second one, if there are two */
            err = sg_store_put(&store, &f.mem, &held);
        }
        f.fail_at = 0;
        if (err == SG_ERR_NO_MEMORY)
            err = sg_store_put(&store, &f.mem, &held);
        assert_int_equal(err, SG_OK);
        for (uint8_t i = 0; i <= n; i++) {
            id.b[0] = i;
            assert_int_equal(sg_store_get(&store, &id)->hop, i);
        }
    }
    assert_in_range(refused, 3, 20);
    sg_store_fini(&store, &f.mem);
    assert_int_equal(f.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_found_until_they_are_forgotten),
        cmocka_unit_test(it_grows_and_survives_a_lack_of_memory),
        cmocka_unit_test(a_full_store_and_a_second_copy_take_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
