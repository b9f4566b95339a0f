#include "mls/config.h"

void sg_mls_config_init(struct sg_mls_config *config)
{
    *config = (struct sg_mls_config){
        .lifetime_max = UINT64_C(93) * 24 * 3600,
        .cache_bytes = (size_t)16 << 20,
        .past_epochs = 5,
        .resumption_epochs = 64,
        .forward_max = 1000,
        .skipped_max = 1000,
        .padding = 64,
    };
}

const struct sg_mls_suite *sg_mls_config_suite(const struct sg_mls_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++)
        if (config->suites[i].id == id)
            return &config->suites[i];
    return NULL;
}
