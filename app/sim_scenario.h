/* 'saorsa sim --scenario': runs a scenario for each seed, prints what it expected and got, writes
 * result and charts. */
#ifndef SG_APP_SIM_SCENARIO_H
#define SG_APP_SIM_SCENARIO_H

#include <stdbool.h>

#include "options.h"

struct sg_app_scenario_args {
    const char *name;           /* built in, or the path of a file */
    const char *seeds;          /* "7" or "1..20"; NULL = as the scenario says */
    const char *out;            /* folder for result.json and charts, NULL = none */
    struct sg_opt_list setting; /* key=value */
    bool small, json;
};

/* All give exit codes. */
int sg_app_scenario_list(void);
int sg_app_scenario_show(const char *name);
int sg_app_scenario_run(const struct sg_app_scenario_args *args);

#endif
