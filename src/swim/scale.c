/* The logarithms of the papers, in fixed point: the pure set has no math.h, and every machine gets
 * the same bits. */
#include "swim/internal.h"

#include <assert.h>

/* log10(2) * 2^32 */
#define LOG10_2_Q32 UINT64_C(1292913986)

/* log2(n) * 65536: the integer part by shifts, the fraction bit by bit by squaring. */
static uint32_t log2_q16(uint32_t n)
{
    uint32_t whole = 0;
    while (n >> whole > 1)
        whole++;
    uint64_t x = (uint64_t)n << (31 - whole); /* n / 2^whole in 1.31 */
    uint32_t fraction = 0;
    for (int bit = 15; bit >= 0; bit--) {
        x = x * x >> 31;
        if (x >> 32 != 0) {
            x >>= 1;
            fraction |= UINT32_C(1) << bit;
        }
    }
    return whole << 16 | fraction;
}

uint32_t sg_swim_log10_q16(uint32_t n)
{
    assert(n >= 1);
    return (uint32_t)((log2_q16(n) * LOG10_2_Q32 + (UINT64_C(1) << 31)) >> 32);
}

uint64_t sg_swim_suspicion_min(const struct sg_swim_config *config, uint32_t n)
{
    uint32_t nodes = n < 10 ? 10 : n; /* log10 at least 1 */
    uint64_t one = config->period_ns / 1000 * config->alpha_milli;
    uint64_t min_ns = (one >> 8) * sg_swim_log10_q16(nodes) >> 8;
    if (min_ns < config->suspicion_min_ns)
        min_ns = config->suspicion_min_ns;
    return min_ns > config->suspicion_cap_ns ? config->suspicion_cap_ns : min_ns;
}

uint64_t sg_swim_suspicion_timeout(uint64_t min_ns, uint64_t max_ns, uint8_t c, uint8_t k)
{
    /* ln(1 .. 9) * 65536 */
    static const uint32_t ln[SG_SWIM_CONFIRMATIONS_HARD + 1] = {
        0, 45426, 71999, 90852, 105476, 117425, 127526, 136278, 143998};
    if (k == 0 || c >= k)
        return min_ns;
    uint64_t span = max_ns - min_ns;
    uint64_t less = span / ln[k] * ln[c] + span % ln[k] * ln[c] / ln[k];
    return max_ns - less;
}

uint8_t sg_swim_transmits(const struct sg_swim_config *config, uint32_t n)
{
    uint64_t digits = 0; /* ceil(log10(n + 1)) */
    for (uint64_t power = 1; power < (uint64_t)n + 1; power *= 10)
        digits++;
    uint64_t transmits = (config->lambda_milli * digits + 999) / 1000;
    if (transmits == 0)
        return 1;
    return transmits > UINT8_MAX ? UINT8_MAX : (uint8_t)transmits;
}
