#include "runtime/dials.h"

void sg_rt_dials_init(struct sg_rt_dials *d)
{
    d->count = 0;
}

sg_err sg_rt_dials_add(struct sg_rt_dials *d, const struct sg_rt_dial *dial)
{
    if (sg_rt_dials_of_peer(d, &dial->peer) != NULL)
        return SG_ERR_EXISTS;
    if (d->count == SG_RT_DIALS_MAX)
        return SG_ERR_FULL;
    struct sg_rt_dial *added = &d->dial[d->count++];
    *added = *dial;
    added->state = SG_RT_DIAL_QUEUED;
    added->next = 0;
    added->conn = 0;
    added->not_before = 0;
    added->err = SG_ERR_NOT_FOUND; /* should there be no address at all */
    return SG_OK;
}

struct sg_rt_dial *sg_rt_dials_of_peer(struct sg_rt_dials *d, const struct sg_peer_id *peer)
{
    for (size_t i = 0; i < d->count; i++) {
        if (sg_peer_id_equal(&d->dial[i].peer, peer))
            return &d->dial[i];
    }
    return NULL;
}

struct sg_rt_dial *sg_rt_dials_of_conn(struct sg_rt_dials *d, uint64_t conn)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->dial[i].state != SG_RT_DIAL_QUEUED && d->dial[i].conn == conn)
            return &d->dial[i];
    }
    return NULL;
}

struct sg_rt_dial *sg_rt_dials_next(struct sg_rt_dials *d, sg_time_ns now)
{
    for (size_t i = 0; i < d->count; i++) {
        if (d->dial[i].state == SG_RT_DIAL_QUEUED && d->dial[i].not_before <= now)
            return &d->dial[i];
    }
    return NULL;
}

sg_time_ns sg_rt_dials_deadline(const struct sg_rt_dials *d)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (size_t i = 0; i < d->count; i++) {
        /* 0: it waits for a flight to land, not for a time */
        if (d->dial[i].state == SG_RT_DIAL_QUEUED && d->dial[i].not_before != 0)
            at = sg_time_min(at, d->dial[i].not_before);
    }
    return at;
}

size_t sg_rt_dials_flying(const struct sg_rt_dials *d)
{
    size_t flying = 0;
    for (size_t i = 0; i < d->count; i++)
        flying += d->dial[i].state == SG_RT_DIAL_FLYING;
    return flying;
}

bool sg_rt_dial_failed(struct sg_rt_dial *dial, sg_err err)
{
    dial->err = err;
    dial->conn = 0;
    dial->not_before = 0;
    dial->state = SG_RT_DIAL_QUEUED;
    return dial->next < dial->count;
}

void sg_rt_dials_remove(struct sg_rt_dials *d, struct sg_rt_dial *dial)
{
    size_t at = (size_t)(dial - d->dial);
    d->count--;
    for (; at < d->count; at++)
        d->dial[at] = d->dial[at + 1];
}
