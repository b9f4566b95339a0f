/* wire/frame: a head or HELLO that decodes encodes to the same bytes. */
#include <assert.h>

#include "wire/frame.h"

static void check_head(struct sg_bytes input)
{
    struct sg_reader r = sg_reader(input);
    struct sg_frame_head head;
    uint8_t out[SG_FRAME_HEAD_MAX];
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_err err = sg_frame_head_decode(&r, &head);
    if (err != SG_OK) {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER);
        return;
    }
    sg_frame_head_encode(&w, &head);
    assert(w.err == SG_OK && w.len == input.len - r.left);
    assert(memcmp(out, input.data, w.len) == 0);
}

static void check_hello(struct sg_bytes input)
{
    struct sg_hello hello;
    uint8_t out[SG_HELLO_MAX];
    struct sg_writer w = sg_writer(out, sizeof(out));
    if (sg_hello_decode(input, &hello) != SG_OK)
        return;
    sg_hello_encode(&w, &hello);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_head(sg_bytes(data, size));
    check_hello(sg_bytes(data, size));
    return 0;
}
