#include "runtime/budget.h"

void sg_rt_budget_init(struct sg_rt_budget *budget, sg_time_ns now)
{
    *budget = (struct sg_rt_budget){0};
    sg_bucket_init(&budget->all, now, SG_RT_BUDGET_BURST);
}

/* The network's bucket; a new one takes the place that was not used for longest. */
static struct sg_bucket *bucket_of(struct sg_rt_budget *budget, sg_time_ns now,
                                   const struct sg_addr *addr)
{
    struct sg_addr prefix = sg_addr_prefix(addr, 24, 64);
    struct sg_rt_budget_net *oldest = &budget->net[0];
    for (size_t i = 0; i < SG_RT_BUDGET_NETS; i++) {
        struct sg_rt_budget_net *net = &budget->net[i];
        if (sg_addr_equal(&net->prefix, &prefix)) {
            net->used = now;
            return &net->bucket;
        }
        if (net->used < oldest->used || (net->prefix.family == 0 && oldest->prefix.family != 0))
            oldest = net;
    }
    *oldest = (struct sg_rt_budget_net){.prefix = prefix, .used = now};
    sg_bucket_init(&oldest->bucket, now, SG_RT_BUDGET_NET_BURST);
    return &oldest->bucket;
}

bool sg_rt_budget_take(struct sg_rt_budget *budget, sg_time_ns now, const struct sg_addr *addr)
{
    if (sg_bucket_level(&budget->all, now, SG_RT_BUDGET_RATE, SG_RT_BUDGET_BURST) < 1000)
        return false;
    if (!sg_addr_is_loopback(addr) &&
        !sg_bucket_take(bucket_of(budget, now, addr), now, SG_RT_BUDGET_NET_RATE,
                        SG_RT_BUDGET_NET_BURST))
        return false;
    return sg_bucket_take(&budget->all, now, SG_RT_BUDGET_RATE, SG_RT_BUDGET_BURST);
}
