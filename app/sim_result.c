#include "sim_result.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "input_file.h"
#include "json_out.h"
#include "table.h"

typedef unsigned long long ull;

/* ---- keeping ---- */

static json_t *number(bool is_known, double value)
{
    return is_known && isfinite(value) ? json_real(value) : json_null();
}

static json_t *expectations_of(const struct sg_sim_result *result)
{
    json_t *array = json_array();
    struct sg_sim_expectation expectation;
    for (size_t i = 0; sg_sim_result_expectation(result, i, &expectation); i++) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "expect", sg_json_text(expectation.text));
        (void)json_object_set_new(object, "unit", json_string(expectation.unit));
        (void)json_object_set_new(object, "value", number(expectation.is_known, expectation.value));
        (void)json_object_set_new(object, "limit", json_real(expectation.limit));
        (void)json_object_set_new(object, "ok", json_boolean(expectation.is_met));
        (void)json_array_append_new(array, object);
    }
    return array;
}

static json_t *figures_of(const struct sg_sim_result *result)
{
    json_t *object = json_object();
    struct sg_sim_figure figure;
    for (size_t i = 0; sg_sim_result_figure(result, i, &figure); i++) {
        if (figure.is_known)
            (void)json_object_set_new(object, figure.name, number(true, figure.value));
    }
    return object;
}

static json_t *column(const double *values, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, number(true, values[i]));
    return array;
}

static json_t *series_of(const struct sg_sim_result *result)
{
    json_t *object = json_object();
    struct sg_sim_series series;
    for (size_t i = 0; sg_sim_result_series(result, i, &series); i++) {
        if (i == 0)
            (void)json_object_set_new(object, "time_s", column(series.times, series.count));
        (void)json_object_set_new(object, series.name, column(series.values, series.count));
    }
    return object;
}

bool sg_app_results_add(struct sg_app_results *results, uint64_t seed,
                        const struct sg_sim_result *result)
{
    const struct sg_sim_report *report = sg_sim_result_report(result);
    char hash[20];
    json_t *run = json_object();
    if (results->runs == NULL)
        results->runs = json_array();
    snprintf(hash, sizeof(hash), "%016llx", (ull)report->trace_hash);
    (void)json_object_set_new(run, "seed", sg_json_seed(seed));
    (void)json_object_set_new(run, "ok", json_boolean(sg_sim_result_is_met(result)));
    (void)json_object_set_new(run, "trace_hash", json_string(hash));
    (void)json_object_set_new(run, "events", json_integer((json_int_t)report->events));
    (void)json_object_set_new(run, "virtual_s", json_real((double)report->virtual_ns / 1e9));
    (void)json_object_set_new(run, "wall_s", json_real(report->wall_seconds));
    (void)json_object_set_new(run, "expectations", expectations_of(result));
    (void)json_object_set_new(run, "figures", figures_of(result));
    if (results->keeps_series)
        (void)json_object_set_new(run, "series", series_of(result));
    return json_array_append_new(results->runs, run) == 0;
}

void sg_app_results_fini(struct sg_app_results *results)
{
    json_decref(results->runs);
    results->runs = NULL;
}

static bool is_met(const json_t *object)
{
    return json_is_true(json_object_get(object, "ok"));
}

bool sg_app_results_are_met(const struct sg_app_results *results)
{
    bool met = json_array_size(results->runs) > 0;
    for (size_t i = 0; i < json_array_size(results->runs); i++)
        met = met && is_met(json_array_get(results->runs, i));
    return met;
}

/* ---- the table ---- */

static const char *format(char text[32], const char *unit, const json_t *value)
{
    double number = json_number_value(value);
    if (!json_is_number(value))
        return "unknown";
    if (strcmp(unit, "%") == 0 || strcmp(unit, "%/h") == 0)
        snprintf(text, 32, "%.4g %s", number * 100, unit);
    else
        snprintf(text, 32, "%.4g%s%s", number, unit[0] != '\0' ? " " : "", unit);
    return text;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One row per expectation: the smallest, median and largest value over all seeds. */
static void add_expectation(struct sg_app_table *table, const struct sg_app_results *results,
                            size_t index, double *values)
{
    size_t runs = json_array_size(results->runs);
    size_t known = 0;
    size_t met = 0;
    const json_t *object = NULL;
    for (size_t i = 0; i < runs; i++) {
        const json_t *run = json_array_get(results->runs, i);
        object = json_array_get(json_object_get(run, "expectations"), index);
        const json_t *value = json_object_get(object, "value");
        if (json_is_number(value))
            values[known++] = json_number_value(value);
        met += is_met(object) ? 1 : 0;
    }
    qsort(values, known, sizeof(*values), compare);
    const char *unit = json_string_value(json_object_get(object, "unit"));
    sg_app_table_add(table, "%s", json_string_value(json_object_get(object, "expect")));
    for (size_t i = 0; i < (runs > 1 ? 3 : 1); i++) {
        char text[32];
        json_t *value = known > 0 ? json_real(values[i * (known - 1) / 2]) : json_null();
        sg_app_table_add(table, "%s", format(text, unit, value));
        json_decref(value);
    }
    if (runs > 1)
        sg_app_table_add(table, "%zu of %zu%s", met, runs, met == runs ? "" : "  FAILED");
    else
        sg_app_table_add(table, "%s", met == runs ? "ok" : "FAILED");
}

static void add_head(struct sg_app_table *table, size_t runs)
{
    static const char *const many[] = {"expected", "smallest", "median", "largest", "seeds"};
    static const char *const one[] = {"expected", "measured", ""};
    const char *const *names = runs > 1 ? many : one;
    for (size_t i = 0; i < table->columns; i++) {
        sg_app_table_add(table, "%s", names[i]);
        table->right[i] = i > 0 && i + 1 < table->columns;
    }
}

void sg_app_results_print(const struct sg_app_results *results)
{
    struct sg_app_table table;
    size_t runs = json_array_size(results->runs);
    const json_t *first = json_array_get(results->runs, 0);
    size_t count = json_array_size(json_object_get(first, "expectations"));
    double *values = calloc(runs + 1, sizeof(*values));
    double wall = 0;
    double events = 0;
    if (values == NULL)
        return;
    for (size_t i = 0; i < runs; i++) {
        const json_t *run = json_array_get(results->runs, i);
        wall += json_number_value(json_object_get(run, "wall_s"));
        events += json_number_value(json_object_get(run, "events"));
    }
    printf("%s: %s\n\n", results->name, results->about);
    sg_app_table_init(&table, runs > 1 ? 5 : 3);
    add_head(&table, runs);
    for (size_t i = 0; i < count; i++)
        add_expectation(&table, results, i, values);
    sg_app_table_print(&table, "  ", stdout);
    sg_app_table_fini(&table);
    free(values);
    printf("\n%zu seed%s, %.0f events, %.0f s of virtual time each, in %.1f s", runs,
           runs == 1 ? "" : "s", events, json_number_value(json_object_get(first, "virtual_s")),
           wall);
    if (runs == 1)
        printf(", trace hash %s", json_string_value(json_object_get(first, "trace_hash")));
    printf("\n");
}

/* ---- JSON ---- */

static json_t *whole(const struct sg_app_results *results)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "scenario", sg_json_text(results->name));
    (void)json_object_set_new(object, "about", sg_json_text(results->about));
    (void)json_object_set_new(object, "ok", json_boolean(sg_app_results_are_met(results)));
    (void)json_object_set(object, "runs", results->runs);
    return object;
}

bool sg_app_results_print_json(const struct sg_app_results *results)
{
    return sg_json_print(whole(results));
}

bool sg_app_write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(text, 1, len, file) == len;
    if (file != NULL && fclose(file) != 0)
        ok = false;
    if (!ok)
        sg_complain_write(path, errno);
    return ok;
}

bool sg_app_results_write(const struct sg_app_results *results, const char *folder)
{
    char path[4096];
    json_t *object = whole(results);
    char *text = json_dumps(object, SG_JSON_FLAGS);
    json_decref(object);
    if (text == NULL)
        return false;
    snprintf(path, sizeof(path), "%s/result.json", folder);
    bool ok = sg_app_write_file(path, text, strlen(text));
    free(text);
    return ok;
}
