#include "runtime/paths.h"

/* Rounds a measured time up to what a busy peer may take, and guesses for near networks. A lost
 * first flight costs three of these. */
#define RTT_LOOPBACK_NS (30 * SG_NS_PER_MS)
#define RTT_PRIVATE_NS (100 * SG_NS_PER_MS)

static const struct sg_peer_id anybody;

void sg_rt_paths_init(struct sg_rt_paths *t)
{
    *t = (struct sg_rt_paths){.is_lonely = true};
}

static struct sg_rt_path *find(struct sg_rt_paths *t, const struct sg_addr *addr,
                               const struct sg_peer_id *peer)
{
    for (size_t i = 0; i < SG_RT_PATHS_MAX; i++) {
        struct sg_rt_path *path = &t->path[i];
        if (path->addr.family == 0 || !sg_addr_equal(&path->addr, addr) ||
            !sg_peer_id_equal(&path->peer, peer))
            continue;
        path->used = ++t->tick;
        return path;
    }
    return NULL;
}

/* The entry, made in the least recently used place when it is new. */
static struct sg_rt_path *take(struct sg_rt_paths *t, const struct sg_addr *addr,
                               const struct sg_peer_id *peer)
{
    struct sg_rt_path *path = find(t, addr, peer);
    if (path != NULL)
        return path;
    path = &t->path[0];
    for (size_t i = 1; i < SG_RT_PATHS_MAX; i++) {
        if (t->path[i].used < path->used)
            path = &t->path[i];
    }
    *path = (struct sg_rt_path){.addr = *addr, .peer = *peer, .used = ++t->tick};
    return path;
}

bool sg_rt_paths_may_dial(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr,
                          const struct sg_peer_id *peer)
{
    const struct sg_rt_path *path = find(t, addr, &anybody);
    if (path != NULL && path->until > now)
        return false;
    path = find(t, addr, peer);
    return path == NULL || path->until <= now;
}

void sg_rt_paths_failed(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr,
                        const struct sg_peer_id *peer, struct sg_prng *prng)
{
    struct sg_rt_path *path = take(t, addr, peer != NULL ? peer : &anybody);
    uint64_t pause = SG_RT_PATH_PAUSE_NS;
    uint64_t most = t->is_lonely ? SG_RT_PATH_PAUSE_LONELY_NS : SG_RT_PATH_PAUSE_MAX_NS;
    if (sg_time_since(now, path->until) > SG_RT_PATH_FORGET_NS)
        path->failures = 0;
    for (uint32_t i = 0; i < path->failures && pause < most; i++)
        pause *= 2;
    if (pause > most)
        pause = most;
    path->failures++;
    path->until = sg_time_add(now, sg_prng_jitter(prng, pause, 20));
}

void sg_rt_paths_set_lonely(struct sg_rt_paths *t, sg_time_ns now, bool is_lonely)
{
    sg_time_ns latest = sg_time_add(now, SG_RT_PATH_PAUSE_LONELY_NS);
    t->is_lonely = is_lonely;
    for (size_t i = 0; is_lonely && i < SG_RT_PATHS_MAX; i++) {
        if (t->path[i].until > latest)
            t->path[i].until = latest;
    }
}

void sg_rt_paths_gone(struct sg_rt_paths *t, sg_time_ns now, const struct sg_addr *addr)
{
    take(t, addr, &anybody)->until = sg_time_add(now, SG_RT_PATH_GONE_NS);
}

void sg_rt_paths_alive(struct sg_rt_paths *t, const struct sg_addr *addr, uint64_t srtt_ns)
{
    struct sg_rt_path *path = take(t, addr, &anybody);
    path->failures = 0;
    path->until = 0;
    if (srtt_ns != 0)
        path->srtt_ns = srtt_ns;
}

uint64_t sg_rt_paths_rtt(struct sg_rt_paths *t, const struct sg_addr *addr)
{
    uint64_t guess = 0;
    if (sg_addr_is_loopback(addr))
        guess = RTT_LOOPBACK_NS;
    else if (sg_addr_is_private(addr))
        guess = RTT_PRIVATE_NS;
    const struct sg_rt_path *path = find(t, addr, &anybody);
    if (path == NULL || path->srtt_ns == 0)
        return guess;
    /* The handshake's signatures take time that an acknowledgement does not. */
    uint64_t measured = path->srtt_ns + path->srtt_ns / 2 + RTT_LOOPBACK_NS / 2;
    return guess != 0 && guess < measured ? guess : measured;
}

bool sg_rt_paths_small(struct sg_rt_paths *t, const struct sg_addr *addr)
{
    const struct sg_rt_path *path = find(t, addr, &anybody);
    return path != NULL && path->failures % 2 == 1;
}
