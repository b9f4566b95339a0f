#include "runtime/seeds.h"

#include <string.h>

sg_err sg_rt_seed_parse(const char *text, struct sg_rt_seed *seed)
{
    *seed = (struct sg_rt_seed){.pause_ns = SG_RT_SEED_PAUSE_NS};
    size_t len = strlen(text);
    if (len >= sizeof seed->text)
        return SG_ERR_INVALID_ARGUMENT;
    memcpy(seed->text, text, len + 1);
    const char *where = text;
    const char *at = strchr(text, '@');
    if (at != NULL) {
        if (sg_id_from_text(text, (size_t)(at - text), seed->id.b) != SG_OK)
            return SG_ERR_INVALID_ARGUMENT;
        seed->has_id = true;
        where = at + 1;
    }
    SG_TRY(sg_addr_split(where, seed->host, &seed->port));
    if (seed->port == 0 || strpbrk(seed->host, "@ \t\r\n") != NULL)
        return SG_ERR_INVALID_ARGUMENT;
    return SG_OK;
}

void sg_rt_seeds_init(struct sg_rt_seeds *s)
{
    s->count = 0;
}

void sg_rt_seeds_fini(struct sg_rt_seeds *s, const struct sg_mem *mem)
{
    for (size_t i = 0; i < s->count; i++)
        sg_mem_free(mem, s->seed[i]);
    s->count = 0;
}

sg_err sg_rt_seeds_add(struct sg_rt_seeds *s, const struct sg_mem *mem, const char *text,
                       struct sg_rt_seed **out)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->seed[i]->text, text) == 0) {
            *out = s->seed[i];
            return SG_OK;
        }
    }
    struct sg_rt_seed *seed = sg_mem_new(mem, 1, sizeof *seed);
    if (seed == NULL)
        return SG_ERR_NO_MEMORY;
    sg_err err = sg_rt_seed_parse(text, seed);
    if (err == SG_OK && s->count == SG_RT_SEEDS_MAX)
        err = SG_ERR_LIMIT;
    if (err != SG_OK) {
        sg_mem_free(mem, seed);
        return err;
    }
    s->seed[s->count++] = seed;
    *out = seed;
    return SG_OK;
}

static bool has_conn(const struct sg_rt_seed *seed)
{
    return seed->state == SG_RT_SEED_DIALLING || seed->state == SG_RT_SEED_GREETING;
}

struct sg_rt_seed *sg_rt_seeds_of_conn(struct sg_rt_seeds *s, uint64_t conn)
{
    for (size_t i = 0; i < s->count; i++) {
        if (has_conn(s->seed[i]) && s->seed[i]->conn == conn)
            return s->seed[i];
    }
    return NULL;
}

size_t sg_rt_seeds_flying(const struct sg_rt_seeds *s)
{
    size_t flying = 0;
    for (size_t i = 0; i < s->count; i++)
        flying += s->seed[i]->state == SG_RT_SEED_DIALLING;
    return flying;
}

sg_time_ns sg_rt_seeds_deadline(const struct sg_rt_seeds *s)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (size_t i = 0; i < s->count; i++) {
        if (s->seed[i]->state == SG_RT_SEED_WAITING)
            at = sg_time_min(at, s->seed[i]->at);
    }
    return at;
}

void sg_rt_seed_want(struct sg_rt_seed *seed, sg_time_ns now)
{
    if (seed->state != SG_RT_SEED_IDLE || seed->is_self)
        return;
    seed->state = SG_RT_SEED_WAITING;
    if (seed->at < now)
        seed->at = now;
}

/* Sets the earliest time of the next try and doubles the pause. */
static void hold_off(struct sg_rt_seed *seed, sg_time_ns now, struct sg_prng *prng)
{
    seed->at = sg_time_add(now, sg_prng_jitter(prng, seed->pause_ns, 25));
    seed->pause_ns *= 2;
    if (seed->pause_ns > SG_RT_SEED_PAUSE_MAX_NS)
        seed->pause_ns = SG_RT_SEED_PAUSE_MAX_NS;
}

void sg_rt_seed_failed(struct sg_rt_seed *seed, sg_time_ns now, bool is_wanted,
                       struct sg_prng *prng)
{
    hold_off(seed, now, prng);
    seed->conn = 0;
    bool again = (is_wanted || seed->insists) && !seed->is_self;
    seed->state = again ? SG_RT_SEED_WAITING : SG_RT_SEED_IDLE;
}

void sg_rt_seed_reached(struct sg_rt_seed *seed, sg_time_ns now, struct sg_prng *prng)
{
    hold_off(seed, now, prng);
    seed->state = SG_RT_SEED_IDLE;
    seed->conn = 0;
    seed->insists = false;
}

void sg_rt_seeds_joined(struct sg_rt_seeds *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sg_rt_seed *seed = s->seed[i];
        if (seed->insists)
            continue;
        seed->pause_ns = SG_RT_SEED_PAUSE_NS;
        seed->at = 0;
        if (seed->state == SG_RT_SEED_WAITING)
            seed->state = SG_RT_SEED_IDLE;
    }
}
