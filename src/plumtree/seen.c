#include <assert.h>

#include "plumtree/state.h"

/* Expiry waits until more has expired, by this share of its time: a steady flow of messages then
 * wakes the machine a few times a minute and not once more per message. */
#define SLACK_SHARE 64

static uint32_t place_of(const struct sg_pt *m, uint32_t nth)
{
    uint64_t place = (uint64_t)m->seen.first + nth;
    return (uint32_t)(place % m->config.seen_max);
}

sg_err sg_pt_seen_init(struct sg_pt *m)
{
    const struct sg_mem *mem = m->config.mem;
    size_t max = m->config.seen_max;
    SG_TRY(sg_pt_index_init(&m->seen.index, mem, m->config.seen_max, &m->prng));
    /* not sg_mem_new: memory that is not zeroed is not touched before its entry is used */
    m->seen.entries = mem->alloc(mem->user, max * sizeof(*m->seen.entries));
    if (m->seen.entries == NULL)
        return SG_ERR_NO_MEMORY;
    sg_pt_index_pool(&m->seen.index, m->seen.entries, sizeof(*m->seen.entries));
    return SG_OK;
}

void sg_pt_seen_fini(struct sg_pt *m)
{
    sg_mem_free(m->config.mem, m->seen.entries);
    sg_pt_index_fini(&m->seen.index, m->config.mem);
}

struct sg_pt_seen *sg_pt_seen_find(const struct sg_pt *m, const struct sg_msg_id *id)
{
    uint32_t at = sg_pt_index_get(&m->seen.index, id);
    return at == SG_PT_NONE ? NULL : &m->seen.entries[at];
}

bool sg_pt_seen_is_held(const struct sg_pt *m, const struct sg_pt_seen *entry)
{
    uint64_t place = (uint64_t)(entry - m->seen.entries) + m->config.seen_max - m->seen.first;
    uint32_t nth = (uint32_t)(place % m->config.seen_max);
    return entry->is_held && nth >= m->seen.count - m->seen.held;
}

struct sg_pt_seen *sg_pt_seen_recent(const struct sg_pt *m, uint32_t age)
{
    assert(age < m->seen.count);
    return &m->seen.entries[place_of(m, m->seen.count - 1 - age)];
}

/* Stops at the first smaller one: after a few entries, but for the smallest. */
bool sg_pt_seen_is_smallest(const struct sg_pt *m, const struct sg_pt_seen *entry,
                            uint64_t window_ns)
{
    for (uint32_t age = 0; age < m->seen.count; age++) {
        const struct sg_pt_seen *other = sg_pt_seen_recent(m, age);
        if (sg_time_since(entry->at, other->at) >= window_ns)
            break;
        if (memcmp(other->key.id.b, entry->key.id.b, SG_ID_LEN) < 0)
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
        sg_pt_emit(out, SG_PT_OUT_FORGET, NULL)->id = entry->key.id;
}

static void evict_oldest(struct sg_pt *m)
{
    assert(m->seen.count > m->seen.held);
    sg_pt_index_remove(&m->seen.index, m->seen.first);
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
    *entry = (struct sg_pt_seen){.key.id = *id, .at = m->now, .is_held = is_held};
    sg_pt_index_add(&m->seen.index, place);
    m->seen.count++;
    m->seen.held++;
    return entry;
}

static bool is_past(const struct sg_pt *m, const struct sg_pt_seen *entry, uint64_t after_ns)
{
    return sg_time_add(entry->at, after_ns) <= m->now;
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
