/* MLSMessage: what decodes encodes to the same bytes, from the fields as well as from what was
 * kept; payloads of known extensions are read too. */
#include <assert.h>

#include "mls/message.h"

static struct sg_mls_arena arena;

static void write_any(struct sg_writer *w, const void *what)
{
    sg_mls_write_message(w, what);
}

static void expect(const struct sg_mls_message *message, struct sg_bytes want)
{
    struct sg_bytes out;
    assert(sg_mls_encode(&arena, write_any, message, &out) == SG_OK);
    assert(sg_bytes_equal(out, want));
}

static void expect_payload_error(sg_err err)
{
    assert(err == SG_OK || err == SG_ERR_NOT_FOUND || sg_err_class_of(err) == SG_ERR_CLASS_PEER);
}

static void read_extensions(struct sg_bytes extensions)
{
    struct sg_mls_extension e;
    struct sg_mls_required required;
    struct sg_mls_external_sender sender;
    struct sg_bytes key;
    while (sg_mls_extension_next(&extensions, &e)) {
        expect_payload_error(sg_mls_decode_required(e.data, &required));
        expect_payload_error(sg_mls_decode_external_sender(e.data, 1, &sender));
        expect_payload_error(sg_mls_decode_external_pub(e.data, &key));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_mls_message message;
    struct sg_bytes in = sg_bytes(data, size);
    sg_mls_arena_init(&arena, sg_mem_default(), NULL);
    sg_err err = sg_mls_decode_message(in, &arena, &message);
    if (err != SG_OK) {
        assert(sg_err_class_of(err) == SG_ERR_CLASS_PEER);
        sg_mls_arena_fini(&arena);
        return 0;
    }
    expect(&message, in);
    switch ((enum sg_mls_wire_format)message.wire_format) {
    case SG_MLS_WIRE_PUBLIC:
        message.u.public_message.content.body = sg_bytes(NULL, 0);
        expect(&message, in);
        break;
    case SG_MLS_WIRE_GROUP_INFO:
        read_extensions(message.u.group_info.extensions);
        read_extensions(message.u.group_info.context.extensions);
        break;
    case SG_MLS_WIRE_KEY_PACKAGE:
        read_extensions(message.u.key_package.extensions);
        read_extensions(message.u.key_package.leaf.extensions);
        break;
    case SG_MLS_WIRE_PRIVATE:
    case SG_MLS_WIRE_WELCOME:
        break;
    }
    sg_mls_arena_fini(&arena);
    return 0;
}
