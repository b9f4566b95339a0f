/* index.c against a plain array, with chains that are long and short. */
#include "unit/plumtree/fixture.h"

#include "plumtree/index.h"

#define ELEMENTS 200

struct element {
    struct sg_pt_key key;
    bool is_in;
};

static struct sg_msg_id id_of(uint32_t n)
{
    struct sg_msg_id id = {{0}};
    id.b[n % SG_ID_LEN] = (uint8_t)(n + 1); /* differ anywhere in the id */
    return id;
}

static void expect_all(const struct sg_pt_index *ix, const struct element *elements)
{
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        struct sg_msg_id id = id_of(i);
        assert_int_equal(sg_pt_index_get(ix, &id), elements[i].is_in ? i : SG_PT_NONE);
    }
}

static void churn(uint32_t max)
{
    struct element elements[ELEMENTS] = {0};
    struct sg_pt_index ix;
    struct sg_prng prng;
    sg_prng_init(&prng, max);
    assert_int_equal(sg_pt_index_init(&ix, sg_mem_default(), max, &prng), SG_OK);
    sg_pt_index_pool(&ix, elements, sizeof(elements[0]));
    for (int step = 0; step < 2000; step++) {
        uint32_t at = (uint32_t)sg_prng_below(&prng, ELEMENTS);
        elements[at].key.id = id_of(at);
        if (elements[at].is_in)
            sg_pt_index_remove(&ix, at);
        else
            sg_pt_index_add(&ix, at);
        elements[at].is_in = !elements[at].is_in;
        if (step % 50 == 0)
            expect_all(&ix, elements);
    }
    expect_all(&ix, elements);
    sg_pt_index_fini(&ix, sg_mem_default());
}

static void test_like_an_array(void **state)
{
    (void)state;
    churn(1); /* one chain */
    churn(16);
    churn(4096);
}

static uint32_t longest_chain(const struct sg_pt_index *ix, const struct element *elements)
{
    uint32_t longest = 0;
    for (uint32_t h = 0; h <= ix->mask; h++) {
        uint32_t len = 0;
        for (uint32_t at = ix->heads[h]; at != SG_PT_NONE; at = elements[at].key.next)
            len++;
        longest = len > longest ? len : longest;
    }
    return longest;
}

/* Ids that agree in all but one byte do not share chains, whichever byte it is. */
static void test_ids_ground_to_collide(void **state)
{
    (void)state;
    for (size_t byte = 0; byte < SG_ID_LEN; byte++) {
        struct element elements[ELEMENTS] = {0};
        struct sg_pt_index ix;
        struct sg_prng prng;
        sg_prng_init(&prng, byte);
        assert_int_equal(sg_pt_index_init(&ix, sg_mem_default(), 256, &prng), SG_OK);
        sg_pt_index_pool(&ix, elements, sizeof(elements[0]));
        for (uint32_t i = 0; i < ELEMENTS; i++) {
            elements[i].key.id.b[byte] = (uint8_t)i;
            sg_pt_index_add(&ix, i);
        }
        assert_in_range(longest_chain(&ix, elements), 1, 12);
        sg_pt_index_fini(&ix, sg_mem_default());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_like_an_array),
        cmocka_unit_test(test_ids_ground_to_collide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
