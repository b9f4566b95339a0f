#include "mls/config.h"

void sg_mls_config_init(struct sg_mls_config *config)
{
    *config = (struct sg_mls_config){
        .lifetime_max = UINT64_C(93) * 24 * 3600,
        .cache_bytes = (size_t)16 << 20,
        .message_max = (size_t)128 << 20,
        .limits = {SG_MLS_PROPOSALS_MAX, SG_MLS_PATH_SECRETS_MAX},
        .past_epochs = 5,
        .resumption_epochs = 64,
        .forward_max = 1000,
        .skipped_max = 1000,
        .padding = 64,
    };
}

sg_err sg_mls_config_decode(const struct sg_mls_config *config, struct sg_bytes bytes,
                            struct sg_mls_arena *arena, struct sg_mls_message *out)
{
    if (bytes.len > config->message_max)
        return SG_ERR_OVERSIZED;
    arena->limits = config->limits;
    return sg_mls_decode_message(bytes, arena, out);
}

const struct sg_mls_suite *sg_mls_config_suite(const struct sg_mls_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++)
        if (config->suites[i].id == id)
            return &config->suites[i];
    return NULL;
}
