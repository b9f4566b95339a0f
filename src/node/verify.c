/* Roots under verification elsewhere, and the messages that wait for them.
 *
 * With config.offload a signature is checked by a job. Meanwhile more messages below the same root
 * may come, and copies of each over other links: all of them wait for the one verdict. Copies are
 * remembered by their links, because each of them says something about the tree (Plumtree prunes
 * by copies); who was first is the parent.
 *
 * A bad signature is the fault of the link that brought this ROOT frame, and of nobody else: the
 * root itself may be genuine, with a good signature on its way over another link. So the messages
 * that came over other links as well are checked again with what those brought.
 *
 * Bounded: roots at a time and per link, bytes of waiting messages, in all and per link. What does
 * not fit counts as announced and is asked for later. Nobody can fill more than a quarter. */
#include "node/internal.h"

#include <assert.h>

/* One link may use so much of what there is. */
#define LINK_SHARE 4

static uint32_t share_of(uint64_t whole)
{
    return whole / LINK_SHARE == 0 ? 1 : (uint32_t)(whole / LINK_SHARE);
}

struct sg_check *sg_check_find(const struct sg_core *core, const uint8_t root[SG_ID_LEN])
{
    uint64_t tag = sg_tag_of(root);
    for (uint32_t i = 0; i < core->checks.count; i++) {
        struct sg_check *check = core->checks.slots[i];
        if (check->tag == tag && memcmp(check->root, root, SG_ID_LEN) == 0)
            return check;
    }
    return NULL;
}

/* ---- starting ---- */

static bool is_allowed(const struct sg_core *core, const struct sg_peer_id *bringer)
{
    const struct sg_checks *checks = &core->checks;
    uint32_t own = 0;
    for (uint32_t i = 0; i < checks->count; i++)
        own += sg_peer_id_equal(&checks->slots[i]->bringer, bringer) ? 1 : 0;
    return checks->count < core->config.verify_jobs_max &&
           own < share_of(core->config.verify_jobs_max);
}

static sg_err grow(struct sg_core *core)
{
    struct sg_checks *checks = &core->checks;
    if (checks->count < checks->cap)
        return SG_OK;
    void *slots = sg_mem_grow(core->config.mem, checks->slots, &checks->cap,
                              core->config.verify_jobs_max, sizeof(struct sg_check *));
    if (slots == NULL)
        return SG_ERR_NO_MEMORY;
    checks->slots = slots;
    return SG_OK;
}

/* Key and signature in one buffer, for the job. */
static struct sg_buf *proof_of(const struct sg_core *core, const struct sg_check *check)
{
    struct sg_reader key = sg_frame_body(check->key);
    struct sg_reader frame = sg_frame_body(check->frame);
    struct sg_bytes public_key;
    struct sg_root root;
    if (sg_key_decode(&key, &public_key) != SG_OK || sg_root_decode(&frame, &root) != SG_OK)
        return NULL;
    struct sg_buf *buf = sg_buf_new(core->config.mem, public_key.len + root.signature.len);
    if (buf == NULL)
        return NULL;
    struct sg_writer w = sg_writer(buf->data, buf->cap);
    sg_write_bytes(&w, public_key);
    sg_write_bytes(&w, root.signature);
    buf->len = (uint32_t)w.len;
    return buf;
}

/* Asks for the job of a check that is filled in. */
static sg_err submit(struct sg_core *core, struct sg_check *check)
{
    struct sg_core_out out = {.kind = SG_CORE_OUT_VERIFY, .job = ++core->job};
    out.buf = proof_of(core, check);
    if (out.buf == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(out.id.b, check->root, SG_ID_LEN);
    if (!sg_emit(core, &out))
        return SG_ERR_NO_MEMORY;
    core->stats.signatures_verified++;
    check->job = out.job;
    return SG_OK;
}

sg_err sg_check_start(struct sg_core *core, const struct sg_check *what)
{
    struct sg_checks *checks = &core->checks;
    if (!is_allowed(core, &what->bringer))
        return SG_ERR_LIMIT;
    SG_TRY(grow(core));
    struct sg_check *check = sg_mem_new(core->config.mem, 1, sizeof(*check));
    if (check == NULL)
        return SG_ERR_NO_MEMORY;
    *check = *what;
    check->tag = sg_tag_of(check->root);
    sg_err err = submit(core, check);
    if (err != SG_OK) {
        sg_mem_free(core->config.mem, check);
        return err;
    }
    (void)sg_buf_ref(check->key);
    (void)sg_buf_ref(check->frame);
    checks->slots[checks->count++] = check;
    return SG_OK;
}

/* ---- waiting ---- */

static void note_copy(struct sg_waiting *waiting, const struct sg_copy *copy)
{
    for (uint8_t i = 0; i < waiting->copy_count; i++) {
        if (sg_peer_id_equal(&waiting->copy[i].peer, &copy->peer))
            return;
    }
    if (waiting->copy_count < SG_COPIES_MAX)
        waiting->copy[waiting->copy_count++] = *copy;
}

bool sg_check_is_copy(struct sg_core *core, const struct sg_link *link, const struct sg_arrival *a)
{
    struct sg_check *check = sg_check_find(core, a->root);
    if (check == NULL || check->batch_count != a->msg.batch_count)
        return false;
    struct sg_waiting *waiting = check->waiting[a->msg.batch_index];
    if (waiting == NULL || !sg_msg_id_equal(&waiting->held.id, &a->id))
        return false;
    note_copy(waiting, &(struct sg_copy){link->peer, a->msg.hop, a->is_past});
    return true;
}

static uint32_t size_of(const struct sg_waiting *waiting)
{
    return (uint32_t)sizeof(*waiting) + waiting->held.gossip->len;
}

static bool has_room(const struct sg_core *core, const struct sg_link *link, size_t size)
{
    uint64_t max = core->config.waiting_bytes_max;
    return core->checks.bytes + size <= max && link->waiting + size <= share_of(max);
}

sg_err sg_check_wait(struct sg_core *core, struct sg_link *link, const struct sg_scope *scope,
                     const struct sg_arrival *a, struct sg_bytes frame)
{
    struct sg_check *check = sg_check_find(core, a->root);
    assert(check != NULL && check->waiting[a->msg.batch_index] == NULL);
    if (!has_room(core, link, sizeof(struct sg_waiting) + frame.len))
        return SG_ERR_LIMIT;
    struct sg_waiting *waiting = sg_mem_new(core->config.mem, 1, sizeof(*waiting));
    if (waiting == NULL)
        return SG_ERR_NO_MEMORY;
    waiting->held.id = a->id;
    waiting->held.author = a->msg.author;
    waiting->held.hop = sg_hop_after(a->msg.hop);
    waiting->held.is_batched = a->msg.batch_count > 1;
    waiting->held.is_large = a->msg.is_large;
    waiting->held.gossip = sg_gossip_next(core, frame, waiting->held.hop);
    if (waiting->held.gossip == NULL) {
        sg_mem_free(core->config.mem, waiting);
        return SG_ERR_NO_MEMORY;
    }
    waiting->topic = scope->topic;
    waiting->sequence = a->msg.sequence;
    note_copy(waiting, &(struct sg_copy){link->peer, a->msg.hop, a->is_past});
    check->waiting[a->msg.batch_index] = waiting;
    check->order[check->count++] = a->msg.batch_index;
    core->checks.bytes += size_of(waiting);
    link->waiting += size_of(waiting);
    core->stats.verify_waited++;
    return SG_OK;
}

/* Charged no longer to the link that brought it first. */
static void discharge(struct sg_core *core, const struct sg_waiting *waiting)
{
    uint32_t size = size_of(waiting);
    struct sg_link *link = sg_link_find(core, &waiting->copy[0].peer);
    core->checks.bytes -= size;
    if (link != NULL) /* a new link of this peer has a new account */
        link->waiting -= link->waiting < size ? link->waiting : size;
}

static void waiting_free(struct sg_core *core, struct sg_waiting *waiting)
{
    sg_held_drop(&waiting->held);
    sg_mem_free(core->config.mem, waiting);
}

/* Takes the next message out, in order of arrival; NULL when there is none. */
static struct sg_waiting *take_next(struct sg_core *core, struct sg_check *check)
{
    if (check->count == 0)
        return NULL;
    uint8_t index = check->order[0];
    struct sg_waiting *waiting = check->waiting[index];
    check->count--;
    memmove(check->order, check->order + 1, check->count);
    check->waiting[index] = NULL;
    discharge(core, waiting);
    return waiting;
}

static void check_free(struct sg_core *core, struct sg_check *check)
{
    struct sg_waiting *waiting;
    while ((waiting = take_next(core, check)) != NULL)
        waiting_free(core, waiting);
    sg_buf_unref(check->key);
    sg_buf_unref(check->frame);
    sg_mem_free(core->config.mem, check);
}

void sg_checks_fini(struct sg_core *core)
{
    struct sg_checks *checks = &core->checks;
    while (checks->count > 0)
        check_free(core, checks->slots[--checks->count]);
    sg_mem_free(core->config.mem, checks->slots);
    *checks = (struct sg_checks){0};
}

/* ---- the verdict ---- */

/* The signature is good: the message is new for the first link, a copy for the others. */
static void accept(struct sg_core *core, const struct sg_check *check, struct sg_waiting *waiting)
{
    struct sg_scope *scope = sg_scope_find(core, &waiting->topic);
    struct sg_msg_id id = waiting->held.id;
    if (scope == NULL)
        return;
    uint8_t first = 0;
    if (!sg_gossip_is_known(scope, &id)) {
        waiting->held.root = sg_buf_ref(check->frame);
        waiting->held.key = sg_buf_ref(check->key);
        sg_err err =
            sg_gossip_accept(core, scope, &waiting->copy[0], waiting->sequence, &waiting->held);
        if (err != SG_OK)
            sg_gossip_refuse(core, scope, &waiting->copy[0].peer, &id, err);
        first = 1;
    }
    for (uint8_t i = first; i < waiting->copy_count; i++)
        sg_gossip_duplicate(core, scope, &waiting->copy[i], &id);
}

/* It could not be told: the message counts as announced by all who sent it. */
static void postpone(struct sg_core *core, const struct sg_waiting *waiting)
{
    struct sg_scope *scope = sg_scope_find(core, &waiting->topic);
    for (uint8_t i = 0; scope != NULL && i < waiting->copy_count; i++)
        sg_gossip_refuse(core, scope, &waiting->copy[i].peer, &waiting->held.id, SG_ERR_LIMIT);
}

/* Forgets the copies of a link; false when there are no others. */
static bool drop_copies_of(struct sg_waiting *waiting, const struct sg_peer_id *peer)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < waiting->copy_count; i++) {
        if (!sg_peer_id_equal(&waiting->copy[i].peer, peer))
            waiting->copy[kept++] = waiting->copy[i];
    }
    waiting->copy_count = kept;
    return kept > 0;
}

/* Gives a message that came over other links, too, back to receiving, as of the next of them. */
static void try_again(struct sg_core *core, const struct sg_waiting *waiting)
{
    struct sg_scope *scope = sg_scope_find(core, &waiting->topic);
    for (uint8_t i = 0; scope != NULL && i < waiting->copy_count; i++) {
        const struct sg_copy *copy = &waiting->copy[i];
        struct sg_link *link = sg_link_find(core, &copy->peer);
        if (link == NULL || link->doomed != SG_CLOSE_NONE)
            continue;
        struct sg_buf *frame = sg_gossip_next(core, sg_buf_bytes(waiting->held.gossip), copy->hop);
        if (frame == NULL)
            continue;
        struct sg_reader r = sg_frame_body(frame);
        sg_gossip_receive(core, link, scope, &r, sg_buf_bytes(frame));
        sg_buf_unref(frame);
    }
}

static void refuse(struct sg_core *core, struct sg_check *check)
{
    struct sg_link *link = sg_link_find(core, &check->bringer);
    struct sg_waiting *waiting;
    if (link != NULL) {
        sg_proof_drop(link, check->root);
        sg_refuse(core, link, NULL, SG_ERR_BAD_SIGNATURE);
    } else {
        core->stats.refused_signature++;
    }
    while ((waiting = take_next(core, check)) != NULL) {
        if (drop_copies_of(waiting, &check->bringer))
            try_again(core, waiting);
        waiting_free(core, waiting);
    }
}

/* Takes a check out of the table, keeping the order of the others. */
static struct sg_check *unlist(struct sg_core *core, uint64_t job)
{
    struct sg_checks *checks = &core->checks;
    uint32_t at = 0;
    while (at < checks->count && checks->slots[at]->job != job)
        at++;
    if (at == checks->count)
        return NULL;
    struct sg_check *check = checks->slots[at];
    checks->count--;
    for (; at < checks->count; at++)
        checks->slots[at] = checks->slots[at + 1];
    return check;
}

sg_err sg_check_verified(struct sg_core *core, const struct sg_core_in *in)
{
    struct sg_check *check = unlist(core, in->job);
    struct sg_waiting *waiting;
    if (check == NULL)
        return SG_ERR_NOT_FOUND;
    if (in->err == SG_OK)
        sg_proof_keep(core, check);
    else if (in->err == SG_ERR_BAD_SIGNATURE)
        refuse(core, check);
    while ((waiting = take_next(core, check)) != NULL) {
        if (in->err == SG_OK)
            accept(core, check, waiting);
        else
            postpone(core, waiting);
        waiting_free(core, waiting);
    }
    check_free(core, check);
    return SG_OK;
}

void sg_checks_check(const struct sg_core *core)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < core->checks.count; i++) {
        const struct sg_check *check = core->checks.slots[i];
        uint32_t count = 0;
        assert(check->job != 0 && sg_check_find(core, check->root) == check);
        for (uint32_t k = 0; k < SG_BATCH_MAX; k++) {
            if (check->waiting[k] == NULL)
                continue;
            assert(check->waiting[k]->copy_count >= 1 && k < check->batch_count);
            bytes += size_of(check->waiting[k]);
            count++;
        }
        assert(count == check->count);
    }
    assert(bytes == core->checks.bytes);
}
