/* wire/topic_msg: what decodes encodes to the same bytes. */
#include <assert.h>

#include "wire/topic_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[8192];
    static struct sg_topic_msg msg;
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_err err = sg_topic_msg_decode(&r, &msg);
    if (err != SG_OK) {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER);
        return 0;
    }
    sg_topic_msg_encode(&w, &msg);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), sg_bytes(data, size)));
    return 0;
}
