/* Scenarios for Plumtree; the commands are those of unit/plumtree/pt_play.h. */
#include "trace/trace.h"

#include "unit/plumtree/pt_play.h"

static void *scenario_open(void)
{
    return calloc(1, sizeof(struct pt_play));
}

static void scenario_close(void *state)
{
    struct pt_play *p = state;
    sg_pt_free(p->pt);
    free(p);
}

static bool scenario_run(void *state, char *const words[], size_t count, struct trace_text *out)
{
    struct pt_play *p = state;
    bool ok = pt_command(p, words, count);
    trace_print(out, "%s", p->text);
    return ok;
}

const struct trace_machine trace_pt = {"pt", scenario_open, scenario_close, scenario_run};
