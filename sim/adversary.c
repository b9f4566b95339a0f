/* Attackers (placeholder). */
#include "internal.h"
sg_err sg_sim_adversary_init(struct sg_sim *sim)
{
    (void)sim;
    return SG_OK;
}
void sg_sim_adversary_fini(struct sg_sim *sim)
{
    (void)sim;
}
void sg_sim_adversary_act(struct sg_sim *sim, const struct sg_sim_event *event)
{
    (void)sim;
    (void)event;
}
bool sg_sim_adversary_sees(struct sg_sim *sim, uint32_t node, uint32_t peer, enum sg_lane lane,
                           struct sg_bytes frame)
{
    (void)sim;
    (void)node;
    (void)peer;
    (void)lane;
    (void)frame;
    return false;
}
