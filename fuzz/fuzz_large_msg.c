/* wire/large_msg: frames of large payloads and announcements that decode encode to the same
 * bytes. */
#include <assert.h>

#include "wire/large_msg.h"

static uint8_t out[2 * SG_FRAME_BULK_MAX];

static void check_message(struct sg_bytes input)
{
    struct sg_reader r = sg_reader(input);
    struct sg_writer w = sg_writer(out, sizeof(out));
    struct sg_large_msg msg;
    if (sg_large_msg_decode(&r, &msg) != SG_OK)
        return;
    assert(msg.index < SG_CHUNKS_MAX && msg.bytes.len <= SG_CHUNK_LEN);
    assert(msg.len <= sizeof(msg.chunks.b));
    sg_large_msg_encode(&w, &msg);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

static void check_announcement(struct sg_bytes input)
{
    struct sg_writer w = sg_writer(out, sizeof(out));
    struct sg_announcement what;
    if (sg_announcement_decode(input, &what) != SG_OK)
        return;
    uint64_t sum = 0;
    for (uint16_t i = 0; i < what.count; i++)
        sum += sg_chunk_len(&what, i);
    assert(sum == what.size && what.size <= SG_LARGE_MAX);
    sg_announcement_encode(&w, &what);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_message(sg_bytes(data, size));
    check_announcement(sg_bytes(data, size));
    return 0;
}
