/* What no line of a scenario shows by itself: whether all of them together make sense. Numbers of
 * nodes are compared with how many there can be, those that come with lost disks included. */
#include "internal.h"

static sg_err check_number(struct sg_sim_line *line, uint32_t node)
{
    uint32_t nodes = line->scenario->config.nodes;
    return node < nodes ? SG_OK
                        : sg_sim_line_bad(line, "there is no node:%u, the last one is node:%u",
                                          node, nodes - 1);
}

static sg_err check_roles(struct sg_sim_line *line)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    for (uint32_t i = 0; i < scenario->role_count; i++) {
        const struct sg_sim_adversary_line *role = &scenario->roles[i];
        line->number = role->line;
        if (role->target != SG_SIM_NONE)
            SG_TRY(check_number(line, role->target));
    }
    return SG_OK;
}

sg_err sg_sim_scenario_check(struct sg_sim_line *line)
{
    return check_roles(line);
}
