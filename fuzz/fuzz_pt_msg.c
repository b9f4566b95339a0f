/* wire/pt_msg: IHAVE, GRAFT and IDONTWANT that decode encode to the same bytes. */
#include <assert.h>

#include "wire/pt_msg.h"

static uint8_t out[SG_PT_IHAVE_MAX * 40];

static void check_ihave(struct sg_bytes input)
{
    static struct sg_pt_have have[SG_PT_IHAVE_MAX];
    size_t count = 0;
    struct sg_reader r = sg_reader(input);
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_pt_ihave_decode(&r, have, &count) != SG_OK)
        return;
    assert(count >= 1 && count <= SG_PT_IHAVE_MAX);
    sg_pt_ihave_encode(&w, have, count);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

static void check_graft(struct sg_bytes input)
{
    struct sg_pt_graft graft;
    struct sg_reader r = sg_reader(input);
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_pt_graft_decode(&r, &graft) != SG_OK)
        return;
    sg_pt_graft_encode(&w, &graft);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

static void check_dontwant(struct sg_bytes input)
{
    struct sg_msg_id ids[SG_PT_IDS_MAX];
    size_t count = 0;
    struct sg_reader r = sg_reader(input);
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_pt_ids_decode(&r, ids, &count) != SG_OK)
        return;
    assert(count >= 1 && count <= SG_PT_IDS_MAX);
    sg_pt_ids_encode(&w, ids, count);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_ihave(sg_bytes(data, size));
    check_graft(sg_bytes(data, size));
    check_dontwant(sg_bytes(data, size));
    return 0;
}
