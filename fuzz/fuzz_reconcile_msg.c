/* Bytes become a reconciliation message or an error; what decodes encodes to the same bytes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/reconcile_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sg_rec_room room;
    struct sg_rec_msg msg;
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    if (sg_rec_msg_decode(&r, &msg, &room) != SG_OK)
        return 0;
    uint8_t *again = malloc(size);
    assert(again != NULL);
    struct sg_writer w = sg_writer(again, size);
    sg_rec_msg_encode(&w, &msg);
    assert(sg_writer_done(&w) == SG_OK && w.len == size);
    assert(memcmp(again, data, size) == 0);
    free(again);
    return 0;
}
