/* Scenarios whose run is a laboratory: single machines instead of whole nodes, to repeat an
 * experiment as it was published. The line 'lab' of the language, and the runs. */
#ifndef SG_SIM_LAB_SCENARIO_H
#define SG_SIM_LAB_SCENARIO_H

#include "scenario.h"

/* "lab hyparview fail 50%": fills in scenario->lab. */
SG_MUST_USE sg_err sg_sim_line_lab(struct sg_sim_line *line);
/* Whether the other lines go with the lab. */
SG_MUST_USE sg_err sg_sim_lab_finish(struct sg_sim_line *line,
                                     const struct sg_sim_scenario *scenario);

/* What a run gives: all NAN, then filled in. */
struct sg_sim_lab_result {
    double *values; /* [SG_SIM_METRIC_COUNT] */
    double *known;  /* [known_count] sorted seconds from a stall until all know; owned */
    uint32_t known_count;
    uint64_t events;
    uint64_t virtual_ns; /* 0 = the lab does not tell */
};

/* One run; progress may be NULL. SG_ERR_NO_MEMORY, SG_ERR_INVALID_ARGUMENT: numbers that the lab
 * does not take. */
SG_MUST_USE sg_err sg_sim_lab_run(const struct sg_sim_scenario *scenario, uint64_t seed,
                                  void (*progress)(void *user, double share), void *user,
                                  struct sg_sim_lab_result *result);

#endif
