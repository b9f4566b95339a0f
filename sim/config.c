/* Limits of a run, and cores as small as the run allows. */
#include "adversary.h"
#include "internal.h"

#define NODES_MAX 100000
#define MESSAGES_MAX (UINT32_C(1) << 24)
#define DAY_NS (86400 * SG_NS_PER_S)

void sg_sim_config_init(struct sg_sim_config *config)
{
    *config = (struct sg_sim_config){
        .nodes = 100,
        .seed = 1,
        .messages = 100,
        .payload_len = 256,
        .rate = 10,
        .delay_ns = 10 * SG_NS_PER_MS,
        .jitter_percent = 10,
        .limit_ns = 600 * SG_NS_PER_S,
        .check = true,
    };
}

/* Written so that a NaN fails. */
static bool is_within(double value, double min, double max)
{
    return value >= min && value <= max;
}

sg_err sg_sim_config_check(const struct sg_sim_config *c)
{
    bool counts = c->nodes >= 1 && c->nodes <= NODES_MAX && c->messages <= MESSAGES_MAX &&
                  c->warmup <= MESSAGES_MAX && c->payload_len <= SG_LARGE_MAX;
    bool links = c->delay_ns <= 60 * SG_NS_PER_S && c->jitter_percent <= 100 &&
                 is_within(c->loss, 0, 0.9) && is_within(c->duplicate, 0, 1) &&
                 is_within(c->reorder, 0, 1);
    bool faults = is_within(c->kill, 0, 1) && is_within(c->partition, 0, 1) &&
                  c->partition_at_ns <= 365 * DAY_NS && c->partition_for_ns <= 365 * DAY_NS;
    bool times = is_within(c->rate, 1e-3, 1e6) && c->limit_ns >= 1 && c->limit_ns <= 365 * DAY_NS;
    return counts && links && faults && times ? SG_OK : SG_ERR_INVALID_ARGUMENT;
}

uint32_t sg_sim_warmup(const struct sg_sim_config *config)
{
    if (config->messages == 0)
        return 0;
    if (config->warmup > 0)
        return config->warmup;
    return config->messages / 10 > 5 ? config->messages / 10 : 5;
}

uint32_t sg_sim_total(const struct sg_sim_config *config)
{
    return sg_sim_warmup(config) + config->messages;
}

static uint32_t clamp(uint64_t value, uint32_t min, uint32_t max)
{
    return value < min ? min : value > max ? max : (uint32_t)value;
}

/* Tables no larger than the messages and authors of this run can fill, never above the defaults. */
static void shrink(const struct sg_sim_config *run, bool is_seed, struct sg_core_config *config)
{
    uint64_t total = sg_sim_total(run);
    uint64_t authors = total < run->nodes ? total : run->nodes;
    config->pt.peers_max = config->hpv.active_max;
    config->pt.seen_max = clamp(total + 1, 32, config->pt.seen_max);
    config->pt.cache_max = clamp(total + 1, 32, config->pt.cache_max);
    config->pt.missing_max = clamp(total + 1, 32, config->pt.missing_max);
    config->pt.ihave_queue_max = (uint16_t)clamp(total + 1, 16, config->pt.ihave_queue_max);
    config->scopes_max = 4;
    /* both views of two scopes; 3/4 of a power of two fills a map */
    config->book_max = clamp(run->nodes, 48, 3u * config->hpv.passive_max);
    config->links_max = clamp(run->nodes, 16, is_seed ? config->links_max : 192);
    config->keys_max = clamp(authors, 8, config->keys_max);
    config->roots_max = 16; /* only batches use it */
    config->authors_max = clamp(authors + 8, 8, config->authors_max);
}

void sg_sim_core_shape(const struct sg_sim_config *run, const struct sg_sim_scenario *scenario,
                       enum sg_sim_role role, bool is_seed, struct sg_core_config *config)
{
    shrink(run, is_seed, config);
    if (scenario != NULL)
        sg_sim_knobs_apply(scenario, config);
    if (config->pt.peers_max < config->hpv.active_max)
        config->pt.peers_max = config->hpv.active_max;
    if (sg_sim_is_sybil(role))
        sg_sim_sybil_config(config);
}

void sg_sim_core_config(struct sg_sim *sim, uint32_t node, struct sg_core_config *config)
{
    const struct sg_sim_extra *extra = sim->extra;
    struct sg_sim_node *self = &sim->nodes[node];
    *config = sg_core_config_default(sim->core_mem);
    sg_sim_core_shape(&sim->config, sim->scenario, self->role, node < sim->seeds, config);
    config->suite = extra->suite;
    config->signer = sg_sim_signer(extra->suite, self->public_key);
    config->self = self->id;
    config->network = SG_BYTES_LIT("sim");
    config->boot = self->boot;
    config->offload = extra->job_ns > 0;
    config->share = (struct sg_core_share){sg_sim_share_swap, &sim->share};
    uint64_t seed = sg_sim_mix(sim->config.seed, node + UINT64_C(1));
    config->seed = sg_sim_mix(seed, self->boot);
    if (extra->tune != NULL)
        extra->tune(config);
}
