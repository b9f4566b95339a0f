/* The scenarios of the folder scenarios/, made into a table by the build; ends with a NULL name. */
#ifndef SG_SIM_SCENARIO_DATA_H
#define SG_SIM_SCENARIO_DATA_H

#include <saorsa/sim.h>

extern const struct sg_sim_builtin sg_sim_builtins[];

#endif
