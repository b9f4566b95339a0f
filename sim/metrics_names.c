/* Names, units and meanings of what is measured. */
#include <stdio.h>
#include <string.h>

#include "metrics.h"

struct name {
    const char *name, *unit, *about;
};

static const struct name figures[] = {
#define X(id, name, unit, about) {name, unit, about},
    SG_SIM_FIGURES(X)
#undef X
};

/* One for each percentile: "known_by_all p50". */
static const struct name spreads[] = {
#define X(id, name, unit, about)                                                                   \
    {name " p50", unit, about}, {name " p95", unit, about}, {name " p99", unit, about},            \
        {name " max", unit, about}, {name " mean", unit, about},
    SG_SIM_SPREADS(X)
#undef X
};

static const struct name series[] = {
#define X(id, name, unit) {name, unit, ""},
    SG_SIM_SERIES(X)
#undef X
};

static const struct name *name_of(uint32_t metric)
{
    return metric < SG_SIM_FIG_COUNT ? &figures[metric] : &spreads[metric - SG_SIM_FIG_COUNT];
}

uint32_t sg_sim_metric_find(const char *name)
{
    for (uint32_t i = 0; i < SG_SIM_METRIC_COUNT; i++) {
        if (strcmp(name_of(i)->name, name) == 0)
            return i;
    }
    return SG_SIM_METRIC_NONE;
}

const char *sg_sim_metric_name(uint32_t metric)
{
    return name_of(metric)->name;
}

const char *sg_sim_metric_unit(uint32_t metric)
{
    return name_of(metric)->unit;
}

const char *sg_sim_metric_about(uint32_t metric)
{
    return name_of(metric)->about;
}

const char *sg_sim_series_name(uint32_t index)
{
    return series[index].name;
}

const char *sg_sim_series_unit(uint32_t index)
{
    return series[index].unit;
}

sg_err sg_sim_metric_unknown(struct sg_sim_line *line, const char *name)
{
    char list[sizeof(line->problem->text)] = "";
    size_t used = 0;
    for (int pass = 0; pass < 2 && used == 0; pass++) {
        for (uint32_t i = 0; i < SG_SIM_METRIC_COUNT && used < sizeof(list); i++) {
            const char *known = name_of(i)->name;
            if (pass == 1 || strncmp(known, name, 3) == 0)
                used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", known);
        }
    }
    return sg_sim_line_bad(line, "there is no metric '%.30s'; there are:%s", name, list);
}
