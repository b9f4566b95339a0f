/* Defaults and limits of the config. */
#include "plumtree/state.h"

#define TIMER_MAX_NS (3600 * SG_NS_PER_S)
#define RATE_MAX 1000000

struct sg_pt_config sg_pt_config_default(const struct sg_mem *mem)
{
    return (struct sg_pt_config){
        .mem = mem,
        .peers_max = 16,
        .seen_max = 16384,
        .cache_max = 2048,
        .missing_max = 2048,
        .advertisers_max = 4,
        .ihave_queue_max = 256,
        .ihave_on_up = 256,
        .optimise_threshold = 3,
        .cache_ns = 60 * SG_NS_PER_S,
        .seen_ns = 300 * SG_NS_PER_S,
        .ihave_flush_ns = 10 * SG_NS_PER_MS,
        .ihave_pause_ns = 100 * SG_NS_PER_MS,
        .graft_min_ns = 50 * SG_NS_PER_MS,
        .graft_max_ns = 2 * SG_NS_PER_S,
        .graft_tries_max = 8,
        .backoff_ns = 60 * SG_NS_PER_S,
        .dontwant_ns = 10 * SG_NS_PER_S,
        .promise_ns = 6 * SG_NS_PER_S,
        .ihave_frames = 200,
        .ihave_ids = 5000,
        .asks = 10,
        .weights = sg_score_weights_default(),
    };
}

bool sg_pt_config_is_valid(const struct sg_pt_config *c)
{
    const uint32_t ids_max = UINT32_C(1) << 26;
    bool sizes = c->peers_max >= 1 && c->peers_max <= SG_PT_PEERS_HARD && c->cache_max >= 1 &&
                 c->cache_max <= c->seen_max && c->seen_max <= ids_max && c->missing_max >= 1 &&
                 c->missing_max <= ids_max;
    bool lists = c->advertisers_max >= 1 && c->advertisers_max <= SG_PT_ADVERTISERS_HARD &&
                 c->ihave_queue_max >= 1 && c->ihave_queue_max <= SG_PT_IHAVE_MAX;
    bool times = c->cache_ns <= c->seen_ns && c->graft_min_ns >= 1 &&
                 c->graft_min_ns <= c->graft_max_ns && c->graft_max_ns <= TIMER_MAX_NS;
    bool rates = c->ihave_frames >= 1 && c->ihave_frames <= RATE_MAX && c->ihave_ids >= 1 &&
                 c->ihave_ids <= RATE_MAX && c->asks >= 1 && c->asks <= RATE_MAX &&
                 c->backoff_ns <= TIMER_MAX_NS && c->dontwant_ns <= TIMER_MAX_NS &&
                 c->promise_ns <= TIMER_MAX_NS && c->ihave_pause_ns <= TIMER_MAX_NS;
    return c->mem != NULL && sizes && lists && times && rates && c->graft_tries_max >= 1;
}
