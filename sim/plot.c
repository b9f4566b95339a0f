#include <saorsa/sim.h>

#include "metrics.h"
sg_err sg_sim_result_chart(const struct sg_sim_result *result, size_t index, const char *title,
                           struct sg_sim_chart *chart)
{
    (void)result;
    (void)index;
    (void)title;
    (void)chart;
    return SG_ERR_NOT_FOUND;
}
void sg_sim_chart_free(struct sg_sim_chart *chart)
{
    (void)chart;
}
