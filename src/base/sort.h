/* Sorting in place: heap sort, so that there is no recursion and no input that is slow. Inline, as
 * the compiler then knows size and compare of each caller: with calls by pointer a session that
 * compares the frontiers of a document took two fifths longer. */
#ifndef SG_BASE_SORT_H
#define SG_BASE_SORT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Longest element. */
#define SG_SORT_SIZE_MAX 128

/* < 0, 0, > 0 as a is below, equal to or above b. */
typedef int (*sg_compare)(const void *context, const void *a, const void *b);

struct sg_sort_heap {
    uint8_t *items;
    size_t size;
    sg_compare compare;
    const void *context;
};

/* Lets value, for which there is a hole at place, down to where it belongs among the first count.
 */
static inline void sg_sort_sift(const struct sg_sort_heap *h, const uint8_t *value, size_t place,
                                size_t count)
{
    for (size_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
        const uint8_t *lower = h->items + child * h->size;
        if (child + 1 < count && h->compare(h->context, lower, lower + h->size) < 0) {
            lower += h->size;
            child++;
        }
        if (h->compare(h->context, value, lower) >= 0)
            break;
        memcpy(h->items + place * h->size, lower, h->size);
        place = child;
    }
    memcpy(h->items + place * h->size, value, h->size);
}

/* items [count * size], rising afterwards; equal ones in any order, the same on every machine.
 * O(count * log count). */
static inline void sg_sort(void *items, size_t count, size_t size, sg_compare compare,
                           const void *context)
{
    const struct sg_sort_heap h = {items, size, compare, context};
    _Alignas(max_align_t) uint8_t value[SG_SORT_SIZE_MAX];
    assert(size > 0 && size <= SG_SORT_SIZE_MAX);
    for (size_t i = count / 2; i-- > 0;) {
        memcpy(value, h.items + i * size, size);
        sg_sort_sift(&h, value, i, count);
    }
    for (size_t last = count; last-- > 1;) {
        memcpy(value, h.items + last * size, size);
        memcpy(h.items + last * size, h.items, size);
        sg_sort_sift(&h, value, 0, last);
    }
}

#endif
