/* Results of a scenario over all its seeds: as a table, as JSON, as files. */
#ifndef SG_APP_SIM_RESULT_H
#define SG_APP_SIM_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <saorsa/sim.h>

struct sg_app_results {
    const char *name, *about;
    bool keeps_series; /* series go into the JSON, too */
    json_t *runs;      /* array, one object per seed; NULL = none yet */
};

/* Keeps what the result says; false when out of memory. */
bool sg_app_results_add(struct sg_app_results *results, uint64_t seed,
                        const struct sg_sim_result *result);
void sg_app_results_fini(struct sg_app_results *results);
bool sg_app_results_are_met(const struct sg_app_results *results);
void sg_app_results_print(const struct sg_app_results *results);
/* False when out of memory. */
bool sg_app_results_print_json(const struct sg_app_results *results);
/* Writes folder/result.json; false with a complaint. */
bool sg_app_results_write(const struct sg_app_results *results, const char *folder);
/* Writes a whole file; false with a complaint. */
bool sg_app_write_file(const char *path, const char *text, size_t len);

#endif
