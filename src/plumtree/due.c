#include <assert.h>

#include "plumtree/state.h"

static bool is_before(const struct sg_pt_missing_set *set, uint32_t a, uint32_t b)
{
    const struct sg_pt_missing *ea = &set->entries[a];
    const struct sg_pt_missing *eb = &set->entries[b];
    return ea->due < eb->due || (ea->due == eb->due && ea->serial < eb->serial);
}

static void put(struct sg_pt_missing_set *set, uint32_t place, uint32_t at)
{
    set->heap[place] = at;
    set->entries[at].place = place;
}

static void sift_up(struct sg_pt_missing_set *set, uint32_t place)
{
    uint32_t at = set->heap[place];
    while (place > 0 && is_before(set, at, set->heap[(place - 1) / 2])) {
        put(set, place, set->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(set, place, at);
}

static void sift_down(struct sg_pt_missing_set *set, uint32_t place)
{
    uint32_t at = set->heap[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < set->count && is_before(set, set->heap[child + 1], set->heap[child]))
            child++;
        if (child >= set->count || !is_before(set, set->heap[child], at))
            break;
        put(set, place, set->heap[child]);
        place = child;
    }
    put(set, place, at);
}

void sg_pt_due_add(struct sg_pt_missing_set *set, uint32_t at)
{
    put(set, set->count, at);
    set->count++;
    sift_up(set, set->count - 1);
}

void sg_pt_due_remove(struct sg_pt_missing_set *set, uint32_t at)
{
    uint32_t place = set->entries[at].place;
    assert(set->heap[place] == at);
    set->count--;
    if (place == set->count)
        return;
    uint32_t last = set->heap[set->count];
    put(set, place, last);
    sg_pt_due_moved(set, last);
}

void sg_pt_due_moved(struct sg_pt_missing_set *set, uint32_t at)
{
    sift_up(set, set->entries[at].place);
    sift_down(set, set->entries[at].place);
}
