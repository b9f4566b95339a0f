/* The public calls about members. */
#include <stdio.h>

#include "runtime/node_impl.h"

void sg_rt_hint_text(const struct sg_hints *hints, char *text, size_t cap)
{
    char full[SG_ADDR_TEXT_CAP];
    struct sg_addr addr;
    text[0] = 0;
    for (size_t i = 0; i < hints->count && i < SG_HINTS_MAX; i++) {
        if (sg_addr_hint_decode(sg_bytes(hints->hint[i].b, hints->hint[i].len), &addr) != SG_OK)
            continue;
        (void)snprintf(text, cap, "%s", sg_addr_format(&addr, full));
        return;
    }
}

static enum sg_member_state state_of(enum sg_swim_state state)
{
    switch (state) {
    case SG_SWIM_IS_ALIVE:
        return SG_MEMBER_ALIVE;
    case SG_SWIM_IS_SUSPECT:
        return SG_MEMBER_SUSPECT;
    case SG_SWIM_IS_DEAD:
        return SG_MEMBER_FAILED;
    }
    return SG_MEMBER_FAILED;
}

static void fill_member(const struct sg_node *node, const struct sg_core_member *in,
                        struct sg_member *out)
{
    uint16_t topics;
    *out = (struct sg_member){.id = in->view.peer,
                              .state = state_of(in->view.state),
                              .incarnation = in->view.incarnation,
                              .state_ms = sg_time_since(node->now, in->view.since) / SG_NS_PER_MS,
                              .heard_ms = UINT64_MAX,
                              .is_linked = in->view.is_linked,
                              .is_contact = in->is_contact};
    if (in->view.heard != 0)
        out->heard_ms = sg_time_since(node->now, in->view.heard) / SG_NS_PER_MS;
    sg_rt_hint_text(&in->hints, out->address, sizeof out->address);
    sg_core_peer_use(node->core, &out->id, &out->is_neighbor, &topics);
    out->meta_len = in->meta.len < sizeof out->meta ? in->meta.len : sizeof out->meta;
    for (size_t i = 0; i < out->meta_len; i++)
        out->meta[i] = in->meta.data[i];
}

size_t sg_node_members(struct sg_node *node, struct sg_member *members, size_t cap)
{
    struct sg_core_member member;
    uint32_t at = 0;
    uint32_t count = 0;
    sg_rt_enter_any(node);
    for (; sg_core_member(node->core, &at, &member); count++) {
        if (count < cap)
            fill_member(node, &member, &members[count]);
    }
    sg_rt_leave_quiet(node);
    return count;
}

sg_err sg_node_set_meta(struct sg_node *node, struct sg_bytes meta)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_META, .bytes = meta};
    if (meta.len > SG_SWIM_META_MAX)
        return SG_ERR_TOO_LARGE;
    SG_TRY(sg_rt_enter(node));
    sg_err err = sg_rt_feed(node, &in);
    if (err != SG_OK)
        sg_rt_note_error(node, "cannot set metadata: %s", sg_err_text(err));
    sg_rt_leave(node);
    return err;
}

sg_err sg_node_force_leave(struct sg_node *node, const struct sg_peer_id *peer)
{
    const struct sg_core_in in = {.kind = SG_CORE_IN_FORGET, .peer = *peer};
    SG_TRY(sg_rt_enter(node));
    sg_err err = sg_rt_feed(node, &in);
    if (err != SG_OK)
        sg_rt_note_error(node, "only a failed member can be given up: %s", sg_err_text(err));
    sg_rt_leave(node);
    return err;
}
