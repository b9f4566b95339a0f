/* Running a scenario from the command line: load, one run per seed, table or JSON, files. */
#include "sim_scenario.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <saorsa/sim.h>

#include "input_file.h"
#include "json_out.h"
#include "progress.h"
#include "sim_result.h"
#include "table.h"

#define FILE_MAX (1 << 20)

/* What to type to see a run again; also written by the handler of SIGABRT. */
static char replay_text[1024];

static void on_abort(int signal_number)
{
    static const char head[] = "saorsa: replay: ";
    (void)signal_number;
    /* nothing can be done when stderr is gone */
    ssize_t done = write(STDERR_FILENO, head, sizeof(head) - 1);
    done += write(STDERR_FILENO, replay_text, strlen(replay_text));
    done += write(STDERR_FILENO, "\n", 1);
    (void)done;
}

static void set_replay(const struct sg_app_scenario_args *args, uint64_t seed)
{
    size_t used = (size_t)snprintf(replay_text, sizeof(replay_text),
                                   "saorsa sim --scenario '%s' --seeds %llu%s", args->name,
                                   (unsigned long long)seed, args->small ? " --small" : "");
    for (size_t i = 0; i < args->setting.count && used < sizeof(replay_text); i++)
        used += (size_t)snprintf(replay_text + used, sizeof(replay_text) - used, " --set '%s'",
                                 args->setting.items[i]);
}

/* ---- loading ---- */

/* The bytes of a file, NULL with a complaint; the caller frees. */
static char *read_file(const char *path, size_t *len)
{
    int fd = sg_input_open(path);
    FILE *file = fd >= 0 ? fdopen(fd, "rb") : NULL;
    char *text = file != NULL ? malloc(FILE_MAX) : NULL;
    if (text == NULL) {
        if (file != NULL)
            fclose(file);
        else if (fd >= 0)
            close(fd);
        return NULL;
    }
    *len = fread(text, 1, FILE_MAX, file);
    int error = ferror(file) != 0 ? errno : *len < FILE_MAX ? 0 : EFBIG;
    fclose(file);
    if (error == 0)
        return text;
    free(text);
    errno = error;
    return NULL;
}

static int unknown_scenario(const char *name)
{
    if (strchr(name, '/') != NULL || strchr(name, '.') != NULL)
        sg_complain_read(name, errno);
    else
        sg_complain("there is no scenario '%s' ('saorsa sim --list' names them; a path works, too)",
                    name);
    return SG_EXIT_USAGE;
}

static int parse(const struct sg_app_scenario_args *args, struct sg_bytes text,
                 struct sg_sim_scenario **scenario)
{
    struct sg_sim_problem problem;
    const struct sg_sim_settings settings = {args->setting.items, args->setting.count, args->small};
    sg_err err = sg_sim_scenario_new(text, &settings, scenario, &problem);
    if (err == SG_OK)
        return SG_EXIT_OK;
    if (err != SG_ERR_MALFORMED)
        sg_complain("%s: %s", args->name, sg_err_text(err));
    else if (problem.line > 0)
        sg_complain("%s, line %u: %s", args->name, problem.line, problem.text);
    else
        sg_complain("%s: %s", args->name, problem.text);
    return SG_EXIT_USAGE;
}

static int load(const struct sg_app_scenario_args *args, struct sg_sim_scenario **scenario)
{
    const struct sg_sim_builtin *builtin = sg_sim_builtin_find(args->name);
    if (builtin != NULL)
        return parse(args, builtin->text, scenario);
    size_t len = 0;
    char *text = read_file(args->name, &len);
    if (text == NULL)
        return unknown_scenario(args->name);
    int code = parse(args, (struct sg_bytes){(const uint8_t *)text, len}, scenario);
    free(text);
    return code;
}

/* "7" or "1..20". */
static bool read_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *first = *last = strtoull(text, &end, 10);
    if (strncmp(end, "..", 2) == 0 && end[2] >= '0' && end[2] <= '9')
        *last = strtoull(end + 2, &end, 10);
    return *end == '\0' && errno == 0 && *first <= *last && *last - *first < 100000;
}

int sg_app_scenario_list(void)
{
    struct sg_app_table table;
    sg_app_table_init(&table, 2);
    for (size_t i = 0; sg_sim_builtin_at(i) != NULL; i++) {
        const struct sg_sim_builtin *builtin = sg_sim_builtin_at(i);
        struct sg_sim_problem problem;
        struct sg_sim_scenario *scenario;
        if (sg_sim_scenario_new(builtin->text, NULL, &scenario, &problem) != SG_OK)
            continue;
        sg_app_table_add(&table, "%s", builtin->name);
        sg_app_table_add(&table, "%s", sg_sim_scenario_about(scenario));
        sg_sim_scenario_free(scenario);
    }
    sg_app_table_print(&table, "  ", stdout);
    sg_app_table_fini(&table);
    return SG_EXIT_OK;
}

int sg_app_scenario_show(const char *name)
{
    const struct sg_sim_builtin *builtin = sg_sim_builtin_find(name);
    if (builtin != NULL) {
        fwrite(builtin->text.data, 1, builtin->text.len, stdout);
        return SG_EXIT_OK;
    }
    size_t len = 0;
    char *text = read_file(name, &len);
    if (text == NULL)
        return unknown_scenario(name);
    fwrite(text, 1, len, stdout);
    free(text);
    return SG_EXIT_OK;
}

/* ---- running ---- */

struct show {
    struct sg_progress progress;
    uint64_t seed, last;
};

static void show_progress(void *user, double share)
{
    struct show *show = user;
    if (sg_progress_due(&show->progress))
        sg_progress_show(&show->progress, "seed %llu of %llu: %.0f %%",
                         (unsigned long long)show->seed, (unsigned long long)show->last,
                         share * 100);
}

static bool write_charts(const struct sg_app_scenario_args *args, uint64_t seed,
                         const struct sg_sim_result *result)
{
    struct sg_sim_chart chart;
    char path[4096];
    char title[200];
    bool ok = true;
    snprintf(title, sizeof(title), "%s, seed %llu", args->name, (unsigned long long)seed);
    for (size_t i = 0; ok && sg_sim_result_chart(result, i, title, &chart) == SG_OK; i++) {
        snprintf(path, sizeof(path), "%s/seed%llu-%s.svg", args->out, (unsigned long long)seed,
                 chart.name);
        ok = sg_app_write_file(path, chart.svg, chart.len);
        sg_sim_chart_free(&chart);
    }
    return ok;
}

static int run_seed(const struct sg_app_scenario_args *args, const struct sg_sim_scenario *scenario,
                    struct show *show, struct sg_app_results *results)
{
    struct sg_sim_result *result;
    set_replay(args, show->seed);
    sg_err err = sg_sim_scenario_run(scenario, show->seed, show_progress, show, &result);
    sg_progress_clear(&show->progress);
    if (err != SG_OK) {
        sg_complain("the simulation failed: %s", sg_err_text(err));
        return SG_EXIT_FAILURE;
    }
    if (!sg_sim_result_is_met(result))
        fprintf(stderr, "saorsa: seed %llu does not meet its expectations; replay: %s\n",
                (unsigned long long)show->seed, replay_text);
    bool ok = args->out == NULL || write_charts(args, show->seed, result);
    ok = sg_app_results_add(results, show->seed, result) && ok;
    sg_sim_result_free(result);
    return ok ? SG_EXIT_OK : SG_EXIT_FAILURE;
}

static int run_all(const struct sg_app_scenario_args *args, const struct sg_sim_scenario *scenario,
                   uint64_t first, uint64_t last)
{
    struct sg_app_results results = {.name = args->name,
                                     .about = sg_sim_scenario_about(scenario),
                                     .keeps_series = args->out != NULL};
    struct show show = {.seed = first, .last = last};
    int code = SG_EXIT_OK;
    sg_progress_init(&show.progress, args->json);
    if (args->out != NULL && mkdir(args->out, 0777) != 0 && errno != EEXIST) {
        sg_complain("%s: %s", args->out, strerror(errno));
        return SG_EXIT_FAILURE;
    }
    signal(SIGABRT, on_abort);
    do
        code = run_seed(args, scenario, &show, &results);
    while (code == SG_EXIT_OK && show.seed++ < last); /* the last one may be the largest number */
    signal(SIGABRT, SIG_DFL);
    if (code == SG_EXIT_OK && args->out != NULL && !sg_app_results_write(&results, args->out))
        code = SG_EXIT_FAILURE;
    if (code == SG_EXIT_OK && args->json && !sg_app_results_print_json(&results))
        code = SG_EXIT_FAILURE;
    if (code == SG_EXIT_OK && !args->json)
        sg_app_results_print(&results);
    if (code == SG_EXIT_OK && !sg_app_results_are_met(&results))
        code = SG_EXIT_FAILURE;
    sg_app_results_fini(&results);
    return code;
}

int sg_app_scenario_run(const struct sg_app_scenario_args *args)
{
    struct sg_sim_scenario *scenario;
    uint64_t first;
    uint64_t last;
    int code = load(args, &scenario);
    if (code != SG_EXIT_OK)
        return code;
    sg_sim_scenario_seeds(scenario, &first, &last);
    if (args->seeds != NULL && !read_seeds(args->seeds, &first, &last)) {
        sg_complain("--seeds takes a number or a range such as 1..20, not '%s'", args->seeds);
        code = SG_EXIT_USAGE;
    } else {
        code = run_all(args, scenario, first, last);
    }
    sg_sim_scenario_free(scenario);
    return code;
}
