/* What decodes is encoded to the same bytes, and no input breaks a HyParView machine. */
#include <stdlib.h>

#include "hyparview/hyparview.h"

/* First use: the message as such. */
static bool decode(const uint8_t *data, size_t size, struct sg_hpv_msg *msg)
{
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX];
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    if (sg_hpv_msg_decode(&r, msg, hints) != SG_OK)
        return false;
    uint8_t again[SG_HPV_MSG_LEN_MAX];
    struct sg_writer w = sg_writer(again, sizeof(again));
    sg_hpv_msg_encode(&w, msg, hints);
    if (sg_writer_done(&w) != SG_OK || w.len != size || memcmp(again, data, size) != 0)
        abort();
    return true;
}

static void feed(struct sg_hpv *m, sg_time_ns now, const struct sg_hpv_msg *msg, uint8_t from)
{
    static struct sg_hpv_outbox out;
    struct sg_hpv_in in = {.kind = SG_HPV_IN_MESSAGE, .msg = msg};
    in.peer.b[0] = from;
    sg_err err = sg_hpv_input(m, now, &in, &out);
    sg_hpv_check(m);
    in.kind = SG_HPV_IN_TIMEOUT;
    if (err == SG_OK && sg_hpv_input(m, now, &in, &out) == SG_OK)
        sg_hpv_check(m);
}

/* Second use: to machines that are alone, that know the sender, and that are full. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_hpv_msg msg;
    struct sg_hpv m;
    struct sg_peer_id self = {{0}};
    struct sg_hpv_config config = sg_hpv_config_default(sg_mem_default());
    const struct sg_hpv_msg neighbor = {.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    if (!decode(data, size, &msg))
        return 0;
    config.active_target = 2;
    config.active_max = 3;
    config.passive_max = 4;
    if (sg_hpv_init(&m, &config, &self, 0, size) != SG_OK)
        return 0;
    for (uint8_t i = 1; i <= 5; i++) {
        feed(&m, i * SG_NS_PER_S, &msg, i);
        feed(&m, i * SG_NS_PER_S, &msg, 0);
        feed(&m, i * SG_NS_PER_S, &neighbor, i);
        feed(&m, i * SG_NS_PER_S, &msg, i);
    }
    sg_hpv_fini(&m);
    return 0;
}
