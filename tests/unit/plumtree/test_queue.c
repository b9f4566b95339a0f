/* queue.c: the order of announcement survives removals and splices. */
#include "unit/plumtree/fixture.h"

static struct sg_pt_missing entries[16];

static void expect(const struct sg_pt_queue *queue, const char *order)
{
    char text[32] = "";
    char back[32] = "";
    size_t len = 0;
    for (uint32_t at = queue->oldest; at != SG_PT_NONE; at = entries[at].newer)
        text[len++] = (char)('0' + at);
    assert_string_equal(text, order);
    assert_int_equal(len, queue->count);
    for (uint32_t at = queue->newest; at != SG_PT_NONE; at = entries[at].older)
        back[--len] = (char)('0' + at);
    assert_string_equal(back, order);
}

static void fill(struct sg_pt_queue *queue, const char *order)
{
    sg_pt_queue_init(queue);
    for (; *order != '\0'; order++)
        sg_pt_queue_append(entries, queue, (uint32_t)(*order - '0'));
}

static void test_append_and_remove(void **state)
{
    struct sg_pt_queue queue;
    (void)state;
    fill(&queue, "");
    expect(&queue, "");
    fill(&queue, "31425");
    expect(&queue, "31425");
    sg_pt_queue_remove(entries, &queue, 4);
    expect(&queue, "3125");
    sg_pt_queue_remove(entries, &queue, 3);
    expect(&queue, "125");
    sg_pt_queue_remove(entries, &queue, 5);
    expect(&queue, "12");
    sg_pt_queue_remove(entries, &queue, 1);
    sg_pt_queue_remove(entries, &queue, 2);
    expect(&queue, "");
    sg_pt_queue_append(entries, &queue, 6);
    expect(&queue, "6");
}

static void test_splice(void **state)
{
    static const char *const cases[][3] = {
        {"", "", ""}, {"12", "", "12"}, {"", "34", "34"}, {"12", "34", "1234"}, {"1", "2", "12"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sg_pt_queue to;
        struct sg_pt_queue from;
        fill(&to, cases[i][0]);
        fill(&from, cases[i][1]);
        sg_pt_queue_splice(entries, &to, &from);
        expect(&to, cases[i][2]);
        sg_pt_queue_append(entries, &to, 9);
        sg_pt_queue_remove(entries, &to, 9);
        expect(&to, cases[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append_and_remove),
        cmocka_unit_test(test_splice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
