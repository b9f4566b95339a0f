/* due.c: whatever is added, moved and removed, the heap gives the earliest, the older first. */
#include "unit/plumtree/fixture.h"

#define ENTRIES 64

struct heap {
    struct sg_pt_missing entries[ENTRIES];
    uint32_t places[ENTRIES];
    bool is_in[ENTRIES];
    struct sg_pt_missing_set set;
};

static void expect_earliest_first(const struct heap *h)
{
    const struct sg_pt_missing_set *set = &h->set;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        if (!h->is_in[i])
            continue;
        const struct sg_pt_missing *first = &h->entries[set->heap[0]];
        const struct sg_pt_missing *entry = &h->entries[i];
        assert_true(first->due < entry->due ||
                    (first->due == entry->due && first->serial <= entry->serial));
        assert_int_equal(set->heap[entry->place], i);
        count++;
    }
    assert_int_equal(count, set->count);
}

static void test_random_order(void **state)
{
    static struct heap h;
    struct sg_prng prng;
    (void)state;
    sg_prng_init(&prng, 1);
    h.set.entries = h.entries;
    h.set.heap = h.places;
    for (int step = 0; step < 20000; step++) {
        uint32_t at = (uint32_t)sg_prng_below(&prng, ENTRIES);
        uint64_t due = sg_prng_below(&prng, 20);
        bool moves = sg_prng_below(&prng, 2) == 0;
        if (h.is_in[at] && !moves) {
            sg_pt_due_remove(&h.set, at);
            h.is_in[at] = false;
            continue;
        }
        h.entries[at].due = due;
        if (h.is_in[at]) {
            sg_pt_due_moved(&h.set, at);
        } else {
            h.entries[at].serial = (uint64_t)step;
            h.is_in[at] = true;
            sg_pt_due_add(&h.set, at);
        }
        expect_earliest_first(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
