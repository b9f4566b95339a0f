/* wire/doc_msg: frames of sessions of documents that decode encode to the same bytes. */
#include <assert.h>

#include "wire/doc_msg.h"

static uint8_t out[2 * SG_FRAME_BULK_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    struct sg_writer w = sg_writer(out, sizeof(out));
    struct sg_doc_msg msg;
    if (sg_doc_msg_decode(&r, &msg) != SG_OK)
        return 0;
    assert(msg.bytes.len <= SG_DOC_PART_MAX);
    sg_doc_msg_encode(&w, &msg);
    assert(w.err == SG_OK && sg_bytes_equal(sg_bytes(out, w.len), sg_bytes(data, size)));
    return 0;
}
