#include "wire/frame.h"

static const uint8_t versions[] = {
    [SG_FAMILY_LINK] = SG_WIRE_LINK_VERSION,
    [SG_FAMILY_HYPARVIEW] = SG_WIRE_HYPARVIEW_VERSION,
    [SG_FAMILY_PLUMTREE] = SG_WIRE_PLUMTREE_VERSION,
    [SG_FAMILY_TOPIC] = SG_WIRE_TOPIC_VERSION,
    [SG_FAMILY_SWIM] = SG_WIRE_SWIM_VERSION,
    [SG_FAMILY_RECONCILE] = SG_WIRE_RECONCILE_VERSION,
    [SG_FAMILY_LARGE] = SG_WIRE_LARGE_VERSION,
    [SG_FAMILY_DOC] = SG_WIRE_DOC_VERSION,
};

bool sg_scope_is_base(const struct sg_topic_id *scope)
{
    uint8_t any = 0;
    for (size_t i = 0; i < SG_ID_LEN; i++)
        any |= scope->b[i];
    return any == 0;
}

void sg_frame_head_encode(struct sg_writer *w, const struct sg_frame_head *head)
{
    sg_write_u8(w, (uint8_t)head->family);
    sg_write_u8(w, versions[head->family]);
    if (sg_scope_is_base(&head->scope))
        sg_write_varint(w, 0);
    else
        sg_write_vector(w, sg_bytes(head->scope.b, SG_ID_LEN));
}

sg_err sg_frame_head_decode(struct sg_reader *r, struct sg_frame_head *head)
{
    uint8_t family = sg_read_u8(r);
    uint8_t version = sg_read_u8(r);
    if (r->err == SG_OK && (family >= sizeof(versions) || version == 0 || /* 0: not used yet */
                            version != versions[family]))
        sg_reader_fail(r, SG_ERR_VERSION);
    struct sg_bytes scope = sg_read_vector(r, SG_ID_LEN);
    *head = (struct sg_frame_head){.family = SG_FAMILY_LINK};
    if (r->err != SG_OK)
        return r->err;
    head->family = (enum sg_family)family;
    if (scope.len == 0)
        return SG_OK;
    if (scope.len != SG_ID_LEN) {
        sg_reader_fail(r, SG_ERR_MALFORMED);
        return r->err;
    }
    memcpy(head->scope.b, scope.data, SG_ID_LEN);
    if (sg_scope_is_base(&head->scope))
        sg_reader_fail(r, SG_ERR_NOT_CANONICAL);
    return r->err;
}

void sg_hello_encode(struct sg_writer *w, const struct sg_hello *hello)
{
    struct sg_frame_head head = {.family = SG_FAMILY_LINK};
    sg_frame_head_encode(w, &head);
    sg_write_u8(w, hello->suite);
    sg_write_bytes(w, sg_bytes(hello->network, SG_ID_LEN));
    sg_write_u64(w, hello->boot);
}

sg_err sg_hello_decode(struct sg_bytes frame, struct sg_hello *hello)
{
    struct sg_reader r = sg_reader(frame);
    struct sg_frame_head head;
    SG_TRY(sg_frame_head_decode(&r, &head));
    if (head.family != SG_FAMILY_LINK || !sg_scope_is_base(&head.scope))
        return SG_ERR_MALFORMED;
    hello->suite = sg_read_u8(&r);
    sg_read_copy(&r, hello->network, SG_ID_LEN);
    hello->boot = sg_read_u64(&r);
    return sg_reader_done(&r);
}
