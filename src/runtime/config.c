#include "runtime/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "swim/swim.h"
#include "wire/limits.h"

/* A table of connections beyond this would need other structures than lists. */
#define CONNECTIONS_MAX 4096
#define EVENTS_MAX (UINT32_C(1) << 20)
/* Of core.h: a longer expiry is refused by peers. */
#define TTL_MAX_MS 900000
#define DAY_MS UINT64_C(86400000)
#define DURABLE_AGE_MAX_MS (3650 * DAY_MS)
/* Of the base view's 8 neighbours. */
#define CONTACT_SLOTS_MAX 8

void sg_node_config_init(struct sg_node_config *config)
{
    *config = (struct sg_node_config){.network = "saorsa",
                                      .listen = "0.0.0.0:0",
                                      .max_connections = 256,
                                      .retry_threshold = 32,
                                      .event_queue_max = 1024,
                                      .idle_timeout_ms = 30000,
                                      .keep_alive_ms = 10000,
                                      .message_ttl_ms = 900000,
                                      .durable_age_ms = 7 * DAY_MS,
                                      .durable_bytes_max = UINT64_C(1) << 30,
                                      .shuffle_interval_ms = 30000,
                                      .members_max = 256,
                                      .contact_slots = 2};
}

void sg_rt_detail(const struct sg_rt_detail *detail, const char *format, ...)
{
    if (detail == NULL || detail->text == NULL || detail->cap == 0)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail->text, detail->cap, format, args);
    va_end(args);
}

static sg_err check_listen(struct sg_rt_settings *out, const struct sg_rt_detail *detail)
{
    const char *listen = out->config.listen;
    if (listen == NULL || sg_addr_parse(listen, &out->listen) != SG_OK) {
        sg_rt_detail(detail,
                     "\"%.80s\" is not an address to listen on; give address:port, for example "
                     "0.0.0.0:4433 or [::]:4433",
                     listen != NULL ? listen : "");
        return SG_ERR_INVALID_ARGUMENT;
    }
    out->dual_stack = out->listen.family == 6 && sg_addr_is_any(&out->listen);
    return SG_OK;
}

static sg_err check_names(const struct sg_node_config *config, const struct sg_rt_detail *detail)
{
    size_t len = config->network == NULL ? 0 : strlen(config->network);
    if (len == 0 || len > SG_NETWORK_NAME_MAX) {
        sg_rt_detail(detail, "the network needs a name of 1 to %d bytes", SG_NETWORK_NAME_MAX);
        return SG_ERR_INVALID_ARGUMENT;
    }
    if (config->state_dir != NULL && config->state_dir[0] == 0) {
        sg_rt_detail(detail, "the state folder has no name; give a path, or NULL for none");
        return SG_ERR_INVALID_ARGUMENT;
    }
    if (config->seed_count > SG_RT_SEEDS_MAX) {
        sg_rt_detail(detail, "%zu seeds are too many, the limit is %d", config->seed_count,
                     SG_RT_SEEDS_MAX);
        return SG_ERR_INVALID_ARGUMENT;
    }
    for (size_t i = 0; i < config->seed_count; i++) {
        struct sg_rt_seed seed;
        const char *text = config->seeds[i];
        if (text != NULL && sg_rt_seed_parse(text, &seed) == SG_OK)
            continue;
        sg_rt_detail(detail, "\"%.100s\" is not a seed; give host:port or <peer id>@host:port",
                     text != NULL ? text : "");
        return SG_ERR_INVALID_ARGUMENT;
    }
    return SG_OK;
}

static sg_err check_range(const struct sg_rt_detail *detail, const char *name, uint64_t value,
                          uint64_t min, uint64_t max)
{
    if (value >= min && value <= max)
        return SG_OK;
    sg_rt_detail(detail, "%s is %llu, it must be %llu to %llu", name, (unsigned long long)value,
                 (unsigned long long)min, (unsigned long long)max);
    return SG_ERR_INVALID_ARGUMENT;
}

static sg_err check_numbers(const struct sg_node_config *c, const struct sg_rt_detail *detail)
{
    SG_TRY(check_range(detail, "max_connections", c->max_connections, 4, CONNECTIONS_MAX));
    SG_TRY(check_range(detail, "event_queue_max", c->event_queue_max, 1, EVENTS_MAX));
    SG_TRY(check_range(detail, "idle_timeout_ms", c->idle_timeout_ms, 1000, DAY_MS));
    SG_TRY(check_range(detail, "members_max", c->members_max, 1, SG_SWIM_MEMBERS_HARD));
    SG_TRY(check_range(detail, "contact_slots", c->contact_slots, 0, CONTACT_SLOTS_MAX));
    SG_TRY(check_range(detail, "meta_len", c->meta_len, 0, SG_SWIM_META_MAX));
    SG_TRY(check_range(detail, "message_ttl_ms", c->message_ttl_ms, 1, TTL_MAX_MS));
    SG_TRY(check_range(detail, "durable_age_ms", c->durable_age_ms, 1000, DURABLE_AGE_MAX_MS));
    SG_TRY(check_range(detail, "durable_bytes_max", c->durable_bytes_max, UINT64_C(1) << 20,
                       UINT64_C(1) << 40));
    SG_TRY(check_range(detail, "shuffle_interval_ms", c->shuffle_interval_ms, 10, DAY_MS));
    return check_range(detail, "keep_alive_ms", c->keep_alive_ms, 0, c->idle_timeout_ms);
}

sg_err sg_rt_settings_of(const struct sg_node_config *config, struct sg_rt_settings *out,
                         const struct sg_rt_detail *detail)
{
    *out = (struct sg_rt_settings){.config = *config};
    SG_TRY(check_listen(out, detail));
    SG_TRY(check_names(config, detail));
    return check_numbers(config, detail);
}
