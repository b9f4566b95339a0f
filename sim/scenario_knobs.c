/* Numbers of a node's configuration that a scenario can set, by name. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"

enum kind { COUNT, TIME, FLAG };

static const struct {
    const char *name;
    enum kind kind;
    size_t offset, size;
} knobs[] = {
#define AT(field) offsetof(struct sg_core_config, field)
#define KNOB(name, kind, field)                                                                    \
    {                                                                                              \
        name, kind, AT(field), sizeof(((struct sg_core_config *)0)->field)                         \
    }
    KNOB("hpv.active", COUNT, hpv.active_target),
    KNOB("hpv.active_max", COUNT, hpv.active_max),
    KNOB("hpv.passive", COUNT, hpv.passive_max),
    KNOB("hpv.arwl", COUNT, hpv.arwl),
    KNOB("hpv.prwl", COUNT, hpv.prwl),
    KNOB("hpv.shuffle_ttl", COUNT, hpv.shuffle_ttl),
    KNOB("hpv.shuffle_active", COUNT, hpv.shuffle_active),
    KNOB("hpv.shuffle_passive", COUNT, hpv.shuffle_passive),
    KNOB("hpv.shuffle_interval", TIME, hpv.shuffle_interval_ns),
    KNOB("hpv.rotate_interval", TIME, hpv.rotate_interval_ns),
    KNOB("hpv.rotate_first", TIME, hpv.rotate_first_ns),
    KNOB("hpv.neighbor_timeout", TIME, hpv.neighbor_timeout_ns),
    KNOB("hpv.repair_backoff", TIME, hpv.repair_backoff_ns),
    KNOB("hpv.repair_backoff_max", TIME, hpv.repair_backoff_max_ns),
    KNOB("hpv.contact_slots", COUNT, hpv.contact_slots),
    KNOB("hpv.chosen_min", COUNT, hpv.chosen_min),
    KNOB("hpv.jitter", COUNT, hpv.jitter_percent),
    KNOB("swim.members", COUNT, swim.members_max),
    KNOB("swim.dead", COUNT, swim.dead_max),
    KNOB("swim.period", TIME, swim.period_ns),
    KNOB("swim.timeout_min", TIME, swim.timeout_min_ns),
    KNOB("swim.timeout_max", TIME, swim.timeout_max_ns),
    KNOB("swim.window", TIME, swim.window_ns),
    KNOB("swim.indirect", COUNT, swim.indirect),
    KNOB("swim.watch", TIME, swim.watch_ns),
    KNOB("swim.dial_interval", TIME, swim.dial_interval_ns),
    KNOB("swim.alpha_milli", COUNT, swim.alpha_milli),
    KNOB("swim.beta_milli", COUNT, swim.beta_milli),
    KNOB("swim.suspicion_min", TIME, swim.suspicion_min_ns),
    KNOB("swim.suspicion_cap", TIME, swim.suspicion_cap_ns),
    KNOB("swim.confirmations", COUNT, swim.confirmations),
    KNOB("swim.gossip_interval", TIME, swim.gossip_interval_ns),
    KNOB("swim.gossip_fanout", COUNT, swim.gossip_fanout),
    KNOB("swim.flood", FLAG, swim.flood),
    KNOB("swim.push_pull", TIME, swim.push_pull_ns),
    KNOB("swim.reconnect", TIME, swim.reconnect_ns),
    KNOB("swim.lha_probe", FLAG, swim.lha_probe),
    KNOB("swim.lha_suspicion", FLAG, swim.lha_suspicion),
    KNOB("swim.buddy", FLAG, swim.buddy),
    KNOB("swim.proofs", FLAG, swim.proofs),
    KNOB("retention", TIME, retention_ns),
    KNOB("retention.bytes", COUNT, retention_bytes_max),
    KNOB("retention.messages", COUNT, retention_max),
    KNOB("backfill.interval", TIME, backfill_interval_ns),
    KNOB("pt.backoff", TIME, pt.backoff_ns),
    KNOB("pt.threshold", COUNT, pt.optimise_threshold),
    KNOB("links", COUNT, links_max),
    KNOB("link.linger", TIME, link_linger_ns),
    KNOB("ban", TIME, ban_ns),
#undef KNOB
#undef AT
};
#define KNOB_COUNT (sizeof(knobs) / sizeof(knobs[0]))

/* The number in a field of this size. */
static uint64_t load(const void *field, size_t size)
{
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    void *to = size == 1 ? (void *)&u8 : size == 2 ? (void *)&u16 : size == 4 ? (void *)&u32 : &u64;
    memcpy(to, field, size);
    return size == 1 ? u8 : size == 2 ? u16 : size == 4 ? u32 : u64;
}

static sg_err unknown(struct sg_sim_line *line, const char *name)
{
    char list[sizeof(line->problem->text)] = "";
    size_t used = 0;
    const char *dot = strchr(name, '.');
    size_t prefix = dot != NULL ? (size_t)(dot - name) : 0;
    for (size_t i = 0; i < KNOB_COUNT && used < sizeof(list); i++) {
        if (strncmp(knobs[i].name, name, prefix) == 0)
            used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", knobs[i].name);
    }
    return sg_sim_line_bad(line, "there is no setting '%.20s'; there are:%s", name, list);
}

static uint64_t max_of(size_t size)
{
    return size >= 8 ? UINT64_C(1) << 62 : (UINT64_C(1) << (8 * size)) - 1;
}

static bool read_value(size_t knob, const char *word, uint64_t *value)
{
    switch (knobs[knob].kind) {
    case COUNT:
        return sg_sim_word_count(word, max_of(knobs[knob].size), value);
    case TIME:
        return sg_sim_word_time(word, value) && (*value == 0 || *value >= SG_NS_PER_MS);
    case FLAG:
        *value = strcmp(word, "on") == 0;
        return *value == 1 || strcmp(word, "off") == 0;
    }
    return false;
}

static size_t find(const char *name)
{
    size_t i = 0;
    while (i < KNOB_COUNT && strcmp(knobs[i].name, name) != 0)
        i++;
    return i;
}

bool sg_sim_is_knob(const char *name)
{
    return find(name) < KNOB_COUNT;
}

sg_err sg_sim_line_set(struct sg_sim_line *line)
{
    static const char *const wanted[] = {"a whole number", "a time such as 30s, 0 or at least 1ms",
                                         "on or off"};
    struct sg_sim_scenario *scenario = line->scenario;
    uint64_t value = 0;
    if (line->count != 3)
        return sg_sim_line_bad(line, "write: set NAME VALUE");
    size_t i = find(line->word[1]);
    if (i == KNOB_COUNT)
        return unknown(line, line->word[1]);
    if (!read_value(i, line->word[2], &value))
        return sg_sim_line_bad(line, "'%s' is %s, not '%s'", knobs[i].name, wanted[knobs[i].kind],
                               line->word[2]);
    if (scenario->knob_count == SG_SIM_KNOBS_MAX)
        return sg_sim_line_bad(line, "more than %d lines 'set'", SG_SIM_KNOBS_MAX);
    scenario->knobs[scenario->knob_count++] =
        (struct sg_sim_knob){.index = (uint32_t)i, .value = value, .line = line->number};
    return SG_OK;
}

static void print_value(char text[32], size_t knob, uint64_t value)
{
    switch (knobs[knob].kind) {
    case COUNT:
        snprintf(text, 32, "%llu", (unsigned long long)value);
        return;
    case TIME:
        snprintf(text, 32, "%.9gs", (double)value / 1e9);
        return;
    case FLAG:
        snprintf(text, 32, "%s", value != 0 ? "on" : "off");
        return;
    }
}

sg_err sg_sim_knob_bad(struct sg_sim_line *line, uint32_t knob_index)
{
    const struct sg_sim_knob *knob = &line->scenario->knobs[knob_index];
    const struct sg_core_config usual = sg_core_config_default(sg_mem_default());
    char value[32];
    char default_value[32];
    print_value(value, knob->index, knob->value);
    print_value(default_value, knob->index,
                load((const uint8_t *)&usual + knobs[knob->index].offset, knobs[knob->index].size));
    line->number = knob->line;
    return sg_sim_line_bad(line,
                           "no node starts with '%s %s', alone or beside the other settings; the "
                           "default is %s",
                           knobs[knob->index].name, value, default_value);
}

/* Stores a number in a field of its size. */
static void store(void *field, size_t size, uint64_t value)
{
    const uint8_t u8 = (uint8_t)value;
    const uint16_t u16 = (uint16_t)value;
    const uint32_t u32 = (uint32_t)value;
    const void *from = size == 1   ? (const void *)&u8
                       : size == 2 ? (const void *)&u16
                       : size == 4 ? (const void *)&u32
                                   : (const void *)&value;
    memcpy(field, from, size);
}

void sg_sim_knobs_apply(const struct sg_sim_scenario *scenario, struct sg_core_config *config)
{
    for (uint32_t i = 0; i < scenario->knob_count; i++) {
        const struct sg_sim_knob *knob = &scenario->knobs[i];
        store((uint8_t *)config + knobs[knob->index].offset, knobs[knob->index].size, knob->value);
    }
}
