/* The built-in scenarios by name. */
#include <string.h>

#include "scenario_data.h"

const struct sg_sim_builtin *sg_sim_builtin_at(size_t index)
{
    for (size_t i = 0; sg_sim_builtins[i].name != NULL; i++) {
        if (i == index)
            return &sg_sim_builtins[i];
    }
    return NULL;
}

const struct sg_sim_builtin *sg_sim_builtin_find(const char *name)
{
    for (size_t i = 0; sg_sim_builtins[i].name != NULL; i++) {
        if (strcmp(sg_sim_builtins[i].name, name) == 0)
            return &sg_sim_builtins[i];
    }
    return NULL;
}
