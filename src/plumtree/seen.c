#include <assert.h>

#include "plumtree/state.h"

/* Expiry waits until more has expired, by this share of its time: a steady flow of messages then
 * wakes the machine a few times a minute and not once more per message. */
#define SLACK_SHARE 64

static uint32_t place_of(const struct sg_pt *m, uint32_t nth)
{
    uint32_t place = m->seen.first + nth;
    return place < m->seen.cap ? place : place - m->seen.cap;
}

void sg_pt_seen_init(struct sg_pt *m)
{
    sg_index_init(&m->seen.index, &m->keys, sizeof(*m->seen.entries));
}

void sg_pt_seen_fini(struct sg_pt *m)
{
    sg_mem_free(m->config.mem, m->seen.entries);
    sg_index_fini(&m->seen.index, m->config.mem);
}

struct sg_pt_seen *sg_pt_seen_find(const struct sg_pt *m, const struct sg_msg_id *id)
{
    uint32_t at = sg_index_get(&m->seen.index, id->b);
    return at == SG_INDEX_NONE ? NULL : &m->seen.entries[at];
}

bool sg_pt_seen_is_recent(const struct sg_pt *m, const struct sg_pt_seen *entry)
{
    uint32_t at = (uint32_t)(entry - m->seen.entries);
    uint32_t nth = at >= m->seen.first ? at - m->seen.first : at + m->seen.cap - m->seen.first;
    return nth >= m->seen.count - m->seen.held;
}

bool sg_pt_seen_is_held(const struct sg_pt *m, const struct sg_pt_seen *entry)
{
    return entry->is_held && !entry->is_gone && sg_pt_seen_is_recent(m, entry);
}

/* Into a larger array, the oldest first. */
static void move_to(struct sg_pt *m, struct sg_pt_seen *entries, uint32_t cap)
{
    struct sg_pt_seen_ring *seen = &m->seen;
    sg_index_clear(&seen->index);
    sg_index_pool(&seen->index, entries);
    for (uint32_t i = 0; i < seen->count; i++) {
        entries[i] = seen->entries[place_of(m, i)];
        sg_index_add(&seen->index, i);
    }
    sg_mem_free(m->config.mem, seen->entries);
    seen->entries = entries;
    seen->cap = cap;
    seen->first = 0;
}

sg_err sg_pt_seen_reserve(struct sg_pt *m)
{
    struct sg_pt_seen_ring *seen = &m->seen;
    uint32_t cap = seen->cap;
    if (seen->count < cap || cap == m->config.seen_max)
        return SG_OK;
    struct sg_pt_seen *entries =
        sg_mem_grow(m->config.mem, NULL, &cap, m->config.seen_max, sizeof(*entries));
    if (entries == NULL)
        return SG_ERR_NO_MEMORY;
    if (sg_index_reserve(&seen->index, m->config.mem, cap) != SG_OK) {
        sg_mem_free(m->config.mem, entries);
        return SG_ERR_NO_MEMORY;
    }
    move_to(m, entries, cap);
    return SG_OK;
}

struct sg_pt_seen *sg_pt_seen_recent(const struct sg_pt *m, uint32_t age)
{
    assert(age < m->seen.count);
    return &m->seen.entries[place_of(m, m->seen.count - 1 - age)];
}

/* So far back at most: who grinds small ids makes each copy of one cost no more. */
#define SMALLEST_MAX 256

/* Stops at the first smaller one: after a few entries, but for the smallest. */
bool sg_pt_seen_is_smallest(const struct sg_pt *m, const struct sg_pt_seen *entry,
                            uint64_t window_ns)
{
    for (uint32_t age = 0; age < m->seen.count; age++) {
        const struct sg_pt_seen *other = sg_pt_seen_recent(m, age);
        if (sg_time_since(entry->at, other->at) >= window_ns)
            break;
        if (memcmp(other->id.b, entry->id.b, SG_ID_LEN) < 0)
            return false;
        if (age == SMALLEST_MAX)
            return false;
    }
    return true;
}

bool sg_pt_seen_is_alone(const struct sg_pt *m, const struct sg_pt_seen *entry, uint64_t window_ns)
{
    for (uint32_t age = 0; age < m->seen.count && age < 2; age++) {
        const struct sg_pt_seen *other = sg_pt_seen_recent(m, age);
        if (other != entry && sg_time_since(entry->at, other->at) < window_ns)
            return false;
    }
    return true;
}

static struct sg_pt_seen *oldest_held(const struct sg_pt *m)
{
    return m->seen.held == 0 ? NULL : sg_pt_seen_recent(m, m->seen.held - 1);
}

static void forget_oldest(struct sg_pt *m, struct sg_pt_outbox *out)
{
    struct sg_pt_seen *entry = oldest_held(m);
    m->seen.held--;
    if (entry->is_held)
        sg_pt_emit(out, SG_PT_OUT_FORGET, NULL)->id = entry->id;
}

static void evict_oldest(struct sg_pt *m)
{
    assert(m->seen.count > m->seen.held);
    sg_index_remove(&m->seen.index, m->seen.first);
    m->seen.first = place_of(m, 1);
    m->seen.count--;
}

struct sg_pt_seen *sg_pt_seen_add(struct sg_pt *m, const struct sg_msg_id *id, bool is_held,
                                  struct sg_pt_outbox *out)
{
    if (m->seen.held == m->config.cache_max)
        forget_oldest(m, out);
    if (m->seen.count == m->config.seen_max) {
        if (sg_time_since(m->now, m->seen.entries[m->seen.first].at) < m->config.seen_ns)
            m->stats.seen_overflow++;
        evict_oldest(m);
    }
    uint32_t place = place_of(m, m->seen.count);
    struct sg_pt_seen *entry = &m->seen.entries[place];
    *entry = (struct sg_pt_seen){.id = *id, .at = m->now, .is_held = is_held};
    sg_index_add(&m->seen.index, place);
    m->seen.count++;
    m->seen.held++;
    return entry;
}

static bool is_past(const struct sg_pt *m, const struct sg_pt_seen *entry, uint64_t after_ns)
{
    return sg_time_add(entry->at, after_ns) <= m->now;
}

void sg_pt_seen_count_sent(struct sg_pt_seen *entry, uint8_t slot)
{
    if (sg_pt_seen_sent(entry, slot) < SG_PT_SENT_MAX)
        entry->sent += UINT64_C(1) << (2 * slot);
}

void sg_pt_seen_uncount_sent(struct sg_pt_seen *entry, uint8_t slot)
{
    if (sg_pt_seen_sent(entry, slot) > 0)
        entry->sent -= UINT64_C(1) << (2 * slot);
}

void sg_pt_seen_clear_slot(struct sg_pt *m, uint8_t slot)
{
    for (uint32_t age = 0; age < m->seen.held; age++)
        sg_pt_seen_recent(m, age)->sent &= ~(UINT64_C(3) << (2 * slot));
}

void sg_pt_seen_timeout(struct sg_pt *m, struct sg_pt_outbox *out)
{
    for (int i = 0; i < SG_PT_FORGET_SLICE && m->seen.held > 0; i++) {
        if (!is_past(m, oldest_held(m), m->config.cache_ns))
            break;
        forget_oldest(m, out);
    }
    for (int i = 0; i < SG_PT_EVICT_SLICE && m->seen.count > m->seen.held; i++) {
        if (!is_past(m, &m->seen.entries[m->seen.first], m->config.seen_ns))
            break;
        evict_oldest(m);
    }
}

static sg_time_ns expiry(const struct sg_pt_seen *entry, uint64_t after_ns)
{
    return sg_time_add(sg_time_add(entry->at, after_ns), after_ns / SLACK_SHARE);
}

sg_time_ns sg_pt_seen_deadline(const struct sg_pt *m)
{
    sg_time_ns at = SG_TIME_NEVER;
    if (m->seen.held > 0)
        at = expiry(oldest_held(m), m->config.cache_ns);
    if (m->seen.count > m->seen.held)
        at = sg_time_min(at, expiry(&m->seen.entries[m->seen.first], m->config.seen_ns));
    return at;
}
