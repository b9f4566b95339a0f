/* Links: one per peer, shared by all scopes. A link is opened when a scope has something to say to
 * a peer, used while the peer is in an active view, and closed when nobody has needed it for a
 * while. Frames wait in a bounded queue while the dial is under way. */
#include "node/internal.h"

#include <assert.h>
#include <stddef.h>

#include "base/prefetch.h"

/* See sg_link_may_walk. */
#define WALK_RATE 20
#define WALK_BURST 1024
/* One round trip's worth of messages that overtook a NEIGHBOR answer. */
#define EARLY_BYTES_MAX (UINT64_C(256) << 10)
/* Room for frames that wait, at first; it doubles up to SG_LINK_QUEUE_MAX. */
#define WAITS_FIRST 4
static_assert((SG_LINK_QUEUE_MAX & (SG_LINK_QUEUE_MAX - 1)) == 0, "a power of two");

struct sg_link *sg_link_find(const struct sg_core *core, const struct sg_peer_id *peer)
{
    uint32_t at = sg_index_get(&core->link_index, peer->b);
    return at == SG_INDEX_NONE ? NULL : core->links[at];
}

void sg_link_prefetch(const struct sg_core *core, const struct sg_peer_id *peer)
{
    uint32_t at = sg_index_guess(&core->link_index, peer->b);
    if (at != SG_INDEX_NONE)
        sg_prefetch(core->links[at], offsetof(struct sg_link, heard_at));
}

static void free_waiting(struct sg_core *core, struct sg_frame_wait **list, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        sg_buf_unref((*list)[i].buf);
    sg_mem_free(core->config.mem, *list);
    *list = NULL;
    *count = 0;
}

static void link_free(struct sg_core *core, struct sg_link *link)
{
    free_waiting(core, &link->queue, &link->queue_count);
    free_waiting(core, &link->early, &link->early_count);
    sg_proofs_free(core, link->proofs);
    sg_mem_free(core->config.mem, link->digests);
    sg_mem_free(core->config.mem, link);
}

void sg_links_fini(struct sg_core *core)
{
    for (uint32_t i = 0; i < core->link_count; i++)
        link_free(core, core->links[i]);
    sg_mem_free(core->config.mem, core->links);
    sg_index_fini(&core->link_index, core->config.mem);
}

static uint32_t count_uses(const struct sg_core *core, const struct sg_peer_id *peer)
{
    uint32_t uses = 0;
    for (uint32_t i = 0; i < core->scope_count; i++)
        uses += sg_hpv_is_active(&core->scopes[i]->hpv, peer) ? 1 : 0;
    return uses;
}

/* Looks at unneeded links again when one linger has passed. */
static void watch_linger(struct sg_core *core)
{
    sg_time_ns due = sg_time_add(core->now, core->config.link_linger_ns);
    core->links_check_at = sg_time_min(core->links_check_at, due);
}

/* SHUFFLE and TOPIC_FIND name their origin, who is answered directly: somebody could have us dial
 * many made-up ones. A quarter of the table is enough for all dials of our own. */
static uint32_t dialing_max(const struct sg_core *core)
{
    return core->config.links_max < 4 ? 1 : core->config.links_max / 4;
}

static uint32_t count_dialing(const struct sg_core *core)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < core->link_count; i++)
        count += core->links[i]->state == SG_LINK_DIALING ? 1 : 0;
    return count;
}

/* Room for one more link; false when the table or memory is full. */
static bool grow_links(struct sg_core *core)
{
    const struct sg_mem *mem = core->config.mem;
    if (core->link_count == core->config.links_max ||
        sg_index_reserve(&core->link_index, mem, core->link_count + 1) != SG_OK)
        return false;
    if (core->link_count < core->link_cap)
        return true;
    void *links = sg_mem_grow(mem, core->links, &core->link_cap, core->config.links_max,
                              sizeof(struct sg_link *));
    if (links == NULL)
        return false;
    core->links = links;
    sg_index_pool(&core->link_index, links);
    return true;
}

/* NULL when the table or memory is full. */
static struct sg_link *link_new(struct sg_core *core, const struct sg_peer_id *peer)
{
    if (!grow_links(core))
        return NULL;
    struct sg_link *link = sg_mem_new(core->config.mem, 1, sizeof(*link));
    if (link == NULL)
        return NULL;
    link->peer = *peer;
    link->state = SG_LINK_DIALING;
    link->uses = count_uses(core, peer);
    link->unneeded_since = link->uses > 0 ? SG_TIME_NEVER : core->now;
    sg_standing_restore(core, link);
    core->links[core->link_count] = link;
    sg_index_add(&core->link_index, core->link_count++);
    watch_linger(core);
    return link;
}

/* Takes a link out of the table, keeping the order of the others. */
static void unlist(struct sg_core *core, struct sg_link *link)
{
    uint32_t at = sg_index_get(&core->link_index, link->peer.b);
    assert(at != SG_INDEX_NONE && core->links[at] == link);
    sg_index_remove(&core->link_index, at);
    core->link_count--;
    for (uint32_t i = at; i < core->link_count; i++) {
        core->links[i] = core->links[i + 1];
        sg_index_moved(&core->link_index, i + 1, i);
    }
}

/* Room for one more: most wait with few others. The count tells when the room is used up, for it is
 * a power of two; where it was more, it is used up then as well. */
static bool reserve(const struct sg_core *core, struct sg_frame_wait **list, uint32_t count)
{
    bool is_full = count >= WAITS_FIRST && (count & (count - 1)) == 0;
    if (*list != NULL && !is_full)
        return true;
    if (count == SG_LINK_QUEUE_MAX)
        return false;
    uint32_t cap = count < WAITS_FIRST ? WAITS_FIRST : 2 * count;
    void *grown = sg_mem_resize(core->config.mem, *list, cap, sizeof(**list));
    if (grown == NULL)
        return false;
    *list = grown;
    return true;
}

/* Appends a frame; false when the list is full. Takes over the buffer's reference. */
static bool append(struct sg_core *core, struct sg_frame_wait **list, uint32_t *count,
                   const struct sg_frame_wait *wait)
{
    if (!reserve(core, list, *count)) {
        sg_buf_unref(wait->buf);
        return false;
    }
    (*list)[(*count)++] = *wait;
    return true;
}

static void emit_send(struct sg_core *core, const struct sg_peer_id *peer,
                      const struct sg_frame_wait *wait)
{
    core->stats.frames_out++;
    core->stats.bytes_out += wait->buf->len;
    struct sg_core_out *out = sg_emit_place(core, wait->buf);
    if (out == NULL)
        return;
    out->kind = SG_CORE_OUT_SEND;
    out->peer = *peer;
    out->topic = wait->topic;
    out->id = wait->id;
    out->lane = wait->lane;
    out->droppable = wait->droppable;
    out->klass = wait->klass;
}

/* SG_ERR_NOT_FOUND: the peer cannot be dialled. SG_ERR_LIMIT: we have no room for it now, which is
 * no fault of the peer. */
static sg_err dial(struct sg_core *core, const struct sg_peer_id *peer, struct sg_link **out)
{
    struct sg_core_out dial = {.kind = SG_CORE_OUT_DIAL, .peer = *peer};
    sg_book_get(&core->book, peer, &dial.hints);
    if (dial.hints.count == 0 || sg_is_banned(core, peer))
        return SG_ERR_NOT_FOUND;
    if (count_dialing(core) >= dialing_max(core))
        return SG_ERR_LIMIT;
    struct sg_link *link = link_new(core, peer);
    if (link == NULL)
        return SG_ERR_LIMIT;
    if (!sg_emit(core, &dial)) {
        /* nobody would ever answer a dial that was not asked for */
        unlist(core, link);
        link_free(core, link);
        return SG_ERR_LIMIT;
    }
    core->stats.dials++;
    sg_trace(&core->config.trace, SG_TRACE_DIAL, peer->b, NULL, dial.hints.count);
    *out = link;
    return SG_OK;
}

static void note_unreachable(struct sg_core *core, const struct sg_peer_id *peer,
                             const struct sg_topic_id *topic)
{
    /* what does not fit is found out by the machines' own timeouts */
    if (core->todo_count == SG_TODO_MAX)
        return;
    if (core->todo_count == core->todo_cap) {
        void *todo = sg_mem_grow(core->config.mem, core->todo, &core->todo_cap, SG_TODO_MAX,
                                 sizeof(*core->todo));
        if (todo == NULL)
            return;
        core->todo = todo;
    }
    core->todo[core->todo_count++] = (struct sg_todo){*peer, *topic};
}

void sg_link_send(struct sg_core *core, const struct sg_peer_id *peer,
                  const struct sg_frame_wait *wait)
{
    struct sg_link *link = sg_link_find(core, peer);
    sg_err err = link == NULL ? dial(core, peer, &link) : SG_OK;
    if (err == SG_ERR_NOT_FOUND || (err == SG_OK && link->doomed != SG_CLOSE_NONE))
        note_unreachable(core, peer, &wait->topic);
    if (err != SG_OK || link->doomed != SG_CLOSE_NONE) {
        sg_buf_unref(wait->buf);
        return;
    }
    if (link->state == SG_LINK_UP)
        emit_send(core, peer, wait);
    else
        (void)append(core, &link->queue, &link->queue_count, wait);
}

sg_err sg_link_ping(struct sg_core *core, const struct sg_peer_id *peer,
                    const struct sg_frame_wait *wait)
{
    struct sg_link *link = sg_link_find(core, peer);
    sg_err err = link == NULL ? dial(core, peer, &link) : SG_OK;
    if (err != SG_OK || link->doomed != SG_CLOSE_NONE)
        sg_buf_unref(wait->buf); /* of a doomed link the end is told */
    else if (link->state == SG_LINK_UP)
        emit_send(core, peer, wait);
    else
        (void)append(core, &link->queue, &link->queue_count, wait); /* the dial answers as well */
    return err;
}

static bool is_pending_somewhere(const struct sg_core *core, const struct sg_peer_id *peer)
{
    for (uint32_t i = 0; i < core->scope_count; i++) {
        if (sg_hpv_is_pending(&core->scopes[i]->hpv, peer))
            return true;
    }
    return false;
}

bool sg_link_may_answer(const struct sg_core *core, const struct sg_peer_id *peer)
{
    return sg_link_find(core, peer) != NULL || count_dialing(core) < (dialing_max(core) + 1) / 2;
}

bool sg_link_may_walk(const struct sg_core *core, struct sg_link *link)
{
    return sg_bucket_take(&link->walks, core->now, WALK_RATE, WALK_BURST);
}

static void close_link(struct sg_core *core, struct sg_link *link);

/* Strangers that nobody needs must not keep others out. */
static void make_room(struct sg_core *core)
{
    struct sg_link *longest = NULL;
    if (core->link_count < core->config.links_max)
        return;
    for (uint32_t i = 0; i < core->link_count; i++) {
        struct sg_link *link = core->links[i];
        bool is_unneeded = link->state == SG_LINK_UP && link->uses == 0;
        if (is_unneeded && !is_pending_somewhere(core, &link->peer) &&
            (longest == NULL || link->unneeded_since < longest->unneeded_since))
            longest = link;
    }
    if (longest == NULL)
        return;
    longest->doomed = SG_CLOSE_OVERLOAD;
    close_link(core, longest);
}

void sg_link_secret(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    if (link == NULL || memcmp(link->secret, in->secret, sizeof(link->secret)) == 0)
        return;
    memcpy(link->secret, in->secret, sizeof(link->secret));
    link->sessions = 0; /* numbers are used once under a secret */
}

sg_err sg_link_up(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    if (link == NULL)
        make_room(core);
    if (link == NULL)
        link = link_new(core, &in->peer);
    if (link == NULL)
        return core->link_count == core->config.links_max ? SG_ERR_LIMIT : SG_ERR_NO_MEMORY;
    link->state = SG_LINK_UP;
    link->dialled = in->dialled;
    link->srtt_ns = in->srtt_ns;
    link->rttvar_ns = in->rttvar_ns;
    sg_link_secret(core, in);
    if (link->uses == 0) {
        link->unneeded_since = core->now;
        watch_linger(core);
    }
    sg_book_learn(&core->book, &in->peer, &in->hints, true);
    sg_trace(&core->config.trace, SG_TRACE_LINK_UP, in->peer.b, NULL, in->dialled);
    for (uint32_t i = 0; i < link->queue_count; i++)
        emit_send(core, &link->peer, &link->queue[i]);
    sg_mem_free(core->config.mem, link->queue);
    link->queue = NULL;
    link->queue_count = 0;
    sg_members_link_up(core, link, in->boot);
    return SG_OK;
}

void sg_link_repeat(struct sg_core *core, struct sg_link *link)
{
    struct sg_swim_view view = {.state = SG_SWIM_IS_ALIVE};
    if (link == NULL || link->state != SG_LINK_UP || link->doomed != SG_CLOSE_NONE)
        return;
    struct sg_swim_in up = {
        .kind = SG_SWIM_IN_LINK_UP, .peer = link->peer, .incarnation = link->boot << 32};
    (void)!sg_swim_find(core->swim, &link->peer, &view);
    if (view.state != SG_SWIM_IS_ALIVE || (view.is_linked && view.is_watched == link->is_watched))
        return;
    if (!view.is_linked)
        (void)sg_members_input(core, &up);
    link->is_watched = false;
    sg_members_watch(core, link);
}

/* Tells the scopes that cared for the peer; after a failed dial all of them, so that it stops being
 * a candidate. */
static void tell_scopes(struct sg_core *core, const struct sg_peer_id *peer, bool dial_failed)
{
    struct sg_hpv_in in = {.kind = SG_HPV_IN_FAILED, .peer = *peer};
    for (uint32_t i = 0; i < core->scope_count; i++) {
        struct sg_scope *scope = core->scopes[i];
        bool cares = sg_hpv_is_active(&scope->hpv, peer) || sg_hpv_is_pending(&scope->hpv, peer);
        if (cares || dial_failed)
            (void)sg_scope_hpv(core, scope, &in);
    }
}

void sg_link_down(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_link *link = sg_link_find(core, &in->peer);
    if (link == NULL)
        return;
    bool dial_failed = link->state == SG_LINK_DIALING;
    if (dial_failed) {
        core->stats.dials_failed++;
        sg_book_doubt(&core->book, &in->peer);
        if (sg_err_class_of(in->err) !=
            SG_ERR_CLASS_RESOURCE) /* that says nothing about the peer */
            sg_adverts_doubt(core, &in->peer, NULL);
    }
    sg_trace(&core->config.trace, SG_TRACE_LINK_DOWN, in->peer.b, NULL,
             (uint64_t)(-(int64_t)in->err));
    unlist(core, link);
    core->down_err = in->err;
    tell_scopes(core, &in->peer, dial_failed);
    core->down_err = SG_OK;
    /* CLOSED: one end said so; resource: this node had no room to dial. The others are signs that
     * the peer may be dead. */
    bool is_sign = in->err != SG_OK && in->err != SG_ERR_CLOSED &&
                   sg_err_class_of(in->err) != SG_ERR_CLASS_RESOURCE;
    sg_members_link_down(core, &in->peer, is_sign);
    sg_standing_keep(core, link);
    link_free(core, link);
}

void sg_link_count_uses(struct sg_core *core, const struct sg_peer_id *peer)
{
    struct sg_link *link = sg_link_find(core, peer);
    if (link == NULL)
        return;
    uint32_t before = link->uses;
    link->uses = count_uses(core, peer);
    if (link->uses > 0) {
        link->unneeded_since = SG_TIME_NEVER;
    } else if (before > 0) {
        link->unneeded_since = core->now;
        watch_linger(core);
    }
    sg_members_watch(core, link);
}

void sg_link_doom(struct sg_core *core, struct sg_link *link, enum sg_close_reason reason)
{
    if (link->doomed == SG_CLOSE_NONE)
        link->doomed = reason;
    core->any_doomed = true;
}

static void close_link(struct sg_core *core, struct sg_link *link)
{
    struct sg_core_out out = {
        .kind = SG_CORE_OUT_CLOSE, .peer = link->peer, .reason = link->doomed};
    struct sg_peer_id peer = link->peer;
    sg_trace(&core->config.trace, SG_TRACE_CLOSE, peer.b, NULL, (uint64_t)out.reason);
    unlist(core, link);
    sg_emit(core, &out);
    core->down_err = out.reason == SG_CLOSE_BANNED ? SG_ERR_BANNED : SG_OK;
    tell_scopes(core, &peer, false);
    core->down_err = SG_OK;
    sg_members_link_down(core, &peer, false);
    sg_standing_keep(core, link);
    link_free(core, link);
}

void sg_links_reap(struct sg_core *core)
{
    while (core->any_doomed) {
        core->any_doomed = false;
        for (uint32_t i = core->link_count; i-- > 0;) {
            /* closing one tells machines, which may doom or drop others: start over */
            if (i < core->link_count && core->links[i]->doomed != SG_CLOSE_NONE)
                close_link(core, core->links[i]);
        }
    }
}

/* Lets go of frames whose scope is gone or no longer waits for the peer's answer. */
static void prune_early(struct sg_core *core, struct sg_link *link)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < link->early_count; i++) {
        struct sg_scope *scope = sg_scope_find(core, &link->early[i].topic);
        if (scope != NULL && sg_hpv_is_pending(&scope->hpv, &link->peer))
            link->early[kept++] = link->early[i];
        else
            sg_buf_unref(link->early[i].buf);
    }
    link->early_count = kept;
}

static uint64_t early_bytes(const struct sg_link *link)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < link->early_count; i++)
        bytes += link->early[i].buf->len;
    return bytes;
}

void sg_links_timeout(struct sg_core *core)
{
    if (core->now < core->links_check_at)
        return;
    core->links_check_at = SG_TIME_NEVER;
    for (uint32_t i = 0; i < core->link_count; i++) {
        struct sg_link *link = core->links[i];
        prune_early(core, link);
        if (link->early_count > 0)
            watch_linger(core);
        if (link->uses > 0 || link->state == SG_LINK_DIALING)
            continue;
        sg_time_ns due = sg_time_add(link->unneeded_since, core->config.link_linger_ns);
        if (due > core->now) {
            core->links_check_at = sg_time_min(core->links_check_at, due);
        } else if (is_pending_somewhere(core, &link->peer)) {
            watch_linger(core);
        } else {
            sg_link_doom(core, link, SG_CLOSE_LEAVING);
        }
    }
}

void sg_link_hold_early(struct sg_core *core, struct sg_link *link, const struct sg_topic_id *topic,
                        struct sg_bytes frame)
{
    struct sg_frame_wait wait = {.topic = *topic, .lane = SG_LANE_PUBSUB};
    prune_early(core, link);
    if (early_bytes(link) + frame.len > EARLY_BYTES_MAX)
        return;
    if (link->early_count == 0)
        watch_linger(core);
    wait.buf = sg_buf_copy(core->config.mem, frame);
    if (wait.buf != NULL)
        (void)append(core, &link->early, &link->early_count, &wait);
}

void sg_link_release_early(struct sg_core *core, struct sg_link *link,
                           const struct sg_topic_id *topic)
{
    struct sg_frame_wait *held = link->early;
    uint32_t count = link->early_count;
    link->early = NULL;
    link->early_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (sg_topic_id_equal(&held[i].topic, topic)) {
            const struct sg_core_in in = {.lane = SG_LANE_PUBSUB,
                                          .bytes = sg_buf_bytes(held[i].buf)};
            sg_route_frame(core, link, &in);
            sg_buf_unref(held[i].buf);
        } else {
            (void)append(core, &link->early, &link->early_count, &held[i]);
        }
    }
    sg_mem_free(core->config.mem, held);
}
