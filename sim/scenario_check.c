/* What no line of a scenario shows by itself: whether all of them together make sense. Numbers of
 * nodes are compared with how many there can be, those that come with lost disks included. What
 * could not happen would pass in silence and look like success. */
#include <string.h>

#include "crypto/ids.h"
#include "internal.h"

/* ---- nodes ---- */

static sg_err check_number(struct sg_sim_line *line, uint32_t node)
{
    uint32_t nodes = line->scenario->config.nodes;
    return node < nodes ? SG_OK
                        : sg_sim_line_bad(line, "there is no node:%u, the last one is node:%u",
                                          node, nodes - 1);
}

static uint32_t seeds_of(const struct sg_sim_scenario *scenario)
{
    return 1 + scenario->first_nodes / 50;
}

static uint32_t attackers_of(const struct sg_sim_scenario *scenario,
                             const struct sg_sim_adversary_line *role)
{
    return role->who.kind == SG_SIM_WHO_SHARE ? (uint32_t)(role->who.share * scenario->first_nodes)
                                              : role->who.count;
}

static uint32_t all_attackers(const struct sg_sim_scenario *scenario)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < scenario->role_count; i++)
        sum += attackers_of(scenario, &scenario->roles[i]);
    return sum;
}

static sg_err check_who(struct sg_sim_line *line, const struct sg_sim_who *who)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    if (who->kind == SG_SIM_WHO_NODE)
        return check_number(line, who->count);
    if (who->kind != SG_SIM_WHO_COUNT)
        return SG_OK;
    uint32_t most = scenario->first_nodes - 1 - all_attackers(scenario);
    return who->count <= most
               ? SG_OK
               : sg_sim_line_bad(line,
                                 "%u of %u nodes are too many, %u can be drawn: no attackers, and "
                                 "node 0 with 'all' or as node:0 only",
                                 who->count, scenario->first_nodes, most);
}

/* ---- attackers ---- */

/* How many a line can still make attackers: no seeds, not whom they are after. One node beside the
 * first stays honest. */
static uint32_t room_of(const struct sg_sim_scenario *scenario,
                        const struct sg_sim_adversary_line *role, uint32_t taken)
{
    uint32_t first = scenario->first_nodes;
    uint32_t seeds = seeds_of(scenario);
    bool spares_one = role->target != SG_SIM_NONE && role->target >= seeds && role->target < first;
    uint32_t honest = seeds + (spares_one ? 1 : 0);
    if (honest < 2)
        honest = 2;
    return honest + taken < first ? first - honest - taken : 0;
}

static sg_err check_role(struct sg_sim_line *line, const struct sg_sim_adversary_line *role,
                         uint32_t taken)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    uint32_t want = attackers_of(scenario, role);
    uint32_t room = room_of(scenario, role, taken);
    if (role->target != SG_SIM_NONE)
        SG_TRY(check_number(line, role->target));
    if (want > room)
        return sg_sim_line_bad(line,
                               "%u attackers of %u nodes are too many, here at most %u: seeds, "
                               "one more node and whom they are after stay honest",
                               want, scenario->first_nodes, room);
    if (role->from > 0 && role->from >= scenario->safety_ns)
        return sg_sim_line_bad(line, "this is after the end of the safety phase");
    if (role->until > 0 && role->until <= role->from)
        return sg_sim_line_bad(line, "this ends before it begins");
    return SG_OK;
}

static sg_err check_roles(struct sg_sim_line *line)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < scenario->role_count; i++) {
        line->number = scenario->roles[i].line;
        SG_TRY(check_role(line, &scenario->roles[i], taken));
        taken += attackers_of(scenario, &scenario->roles[i]);
    }
    return SG_OK;
}

/* ---- actions ---- */

uint64_t sg_sim_action_times(const struct sg_sim_action *action)
{
    bool repeats = action->every > 0 && action->until > action->at;
    return repeats ? 1 + (action->until - action->at) / action->every : 1;
}

/* A partition of this name, or any, that is there when the last of these comes. */
static sg_err check_heal(struct sg_sim_line *line, const struct sg_sim_action *heal)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    bool is_named = heal->name[0] != '\0';
    sg_time_ns last = heal->at + (sg_sim_action_times(heal) - 1) * heal->every;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct sg_sim_action *cut = &scenario->actions[i];
        if (cut->kind == SG_SIM_DO_PARTITION && cut->at <= last &&
            (!is_named || strcmp(cut->name, heal->name) == 0))
            return SG_OK;
    }
    return sg_sim_line_bad(line, "no 'partition WHO%s%s' comes before this: nothing to heal",
                           is_named ? " name " : "", heal->name);
}

static sg_err check_actions(struct sg_sim_line *line)
{
    const struct sg_sim_scenario *scenario = line->scenario;
    uint64_t cuts = 0;
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        const struct sg_sim_action *action = &scenario->actions[i];
        line->number = action->line;
        SG_TRY(check_who(line, &action->who));
        if (action->kind == SG_SIM_DO_HEAL)
            SG_TRY(check_heal(line, action));
        if (action->kind == SG_SIM_DO_PARTITION)
            cuts += sg_sim_action_times(action);
        if (cuts > SG_SIM_CUTS_MAX)
            return sg_sim_line_bad(line, "more than %d partitions, each time counts",
                                   SG_SIM_CUTS_MAX);
    }
    return SG_OK;
}

/* ---- settings ---- */

/* A core with a topic, as in the run. */
static sg_err start_core(const struct sg_sim_scenario *scenario, enum sg_sim_role role,
                         bool is_seed)
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    uint8_t public_key[SG_SIM_PUBLIC_LEN];
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE};
    struct sg_core_outbox out = {0};
    struct sg_core *core;
    sg_sim_core_shape(&scenario->config, scenario, role, is_seed, &config);
    sg_sim_public_key(1, 0, public_key);
    config.suite = sg_sim_suite();
    config.signer = sg_sim_signer(config.suite, public_key);
    config.network = SG_BYTES_LIT("sim");
    sg_topic_id_from_name(config.suite, SG_BYTES_LIT("sim"), &in.topic);
    SG_TRY(sg_peer_id_from_public_key(config.suite, sg_bytes(public_key, SG_SIM_PUBLIC_LEN),
                                      &config.self));
    SG_TRY(sg_core_new(&core, &config, 0));
    sg_err err = sg_core_input(core, 0, SG_SIM_WALL_MS, &in, &out);
    sg_core_outbox_fini(&out, config.mem);
    sg_core_free(core);
    return err;
}

/* Whether nodes of all roles start with the first so many settings. */
static sg_err start_with(struct sg_sim_scenario *scenario, uint32_t knob_count)
{
    uint32_t all = scenario->knob_count;
    scenario->knob_count = knob_count;
    sg_err err = start_core(scenario, SG_SIM_HONEST, true);
    if (err == SG_OK)
        err = start_core(scenario, SG_SIM_HONEST, false);
    for (uint32_t i = 0; i < scenario->role_count && err == SG_OK; i++)
        err = start_core(scenario, scenario->roles[i].role, false);
    scenario->knob_count = all;
    return err;
}

/* The setting to be blamed is the one from which on no node starts. */
static sg_err check_knobs(struct sg_sim_line *line)
{
    struct sg_sim_scenario *scenario = line->scenario;
    uint32_t bad = scenario->knob_count;
    sg_err err = bad > 0 ? start_with(scenario, bad) : SG_OK;
    if (err != SG_ERR_INVALID_ARGUMENT)
        return err;
    while (bad > 1 && start_with(scenario, bad - 1) == SG_ERR_INVALID_ARGUMENT)
        bad--;
    return sg_sim_knob_bad(line, bad - 1);
}

sg_err sg_sim_scenario_check(struct sg_sim_line *line)
{
    SG_TRY(check_roles(line));
    SG_TRY(check_actions(line));
    return check_knobs(line);
}
