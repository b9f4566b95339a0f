#include "share.h"

#include "crypto_sim.h"

#define CAP_MIN 1024

void sg_sim_share_init(struct sg_sim_share *share, const struct sg_mem *mem)
{
    *share = (struct sg_sim_share){.mem = mem};
}

void sg_sim_share_fini(struct sg_sim_share *share)
{
    for (size_t i = 0; i < share->cap; i++)
        sg_buf_unref(share->slots[i].buf);
    sg_mem_free(share->mem, share->slots);
    *share = (struct sg_sim_share){.mem = share->mem};
}

static bool is_same(const struct sg_sim_share_slot *slot, uint64_t digest, const struct sg_buf *buf)
{
    return slot->digest == digest && slot->buf->len == buf->len &&
           memcmp(slot->buf->data, buf->data, buf->len) == 0;
}

/* The place of these bytes, or the free one where they belong. */
static struct sg_sim_share_slot *find(const struct sg_sim_share *share, uint64_t digest,
                                      const struct sg_buf *buf)
{
    size_t at = (size_t)digest & (share->cap - 1);
    while (share->slots[at].buf != NULL && !is_same(&share->slots[at], digest, buf))
        at = (at + 1) & (share->cap - 1);
    return &share->slots[at];
}

static bool is_held(const struct sg_buf *buf)
{
    return buf != NULL && buf->refs > 1;
}

/* Takes what is held, and no more, into a table of another size. */
static bool resize(struct sg_sim_share *share, size_t cap)
{
    struct sg_sim_share old = *share;
    struct sg_sim_share_slot *slots = sg_mem_new(share->mem, cap, sizeof(*slots));
    if (slots == NULL) {
        share->err = SG_ERR_NO_MEMORY;
        return false;
    }
    share->slots = slots;
    share->cap = cap;
    share->count = 0;
    for (size_t i = 0; i < old.cap; i++) {
        const struct sg_sim_share_slot *slot = &old.slots[i];
        if (is_held(slot->buf)) {
            *find(share, slot->digest, slot->buf) = *slot;
            share->count++;
        } else {
            sg_buf_unref(slot->buf);
        }
    }
    sg_mem_free(share->mem, old.slots);
    return true;
}

struct sg_buf *sg_sim_share_swap(void *user, struct sg_buf *buf)
{
    struct sg_sim_share *share = user;
    size_t cap = share->cap == 0 ? CAP_MIN : 2 * share->cap;
    if (2 * (share->count + 1) > share->cap && !resize(share, cap))
        return buf;
    uint64_t digest = sg_sim_digest(sg_buf_bytes(buf));
    struct sg_sim_share_slot *slot = find(share, digest, buf);
    if (slot->buf == NULL) {
        *slot = (struct sg_sim_share_slot){digest, sg_buf_ref(buf)};
        share->count++;
        return buf;
    }
    sg_buf_unref(buf);
    return sg_buf_ref(slot->buf);
}

void sg_sim_share_sweep(struct sg_sim_share *share)
{
    size_t held = 0;
    size_t cap = CAP_MIN;
    for (size_t i = 0; i < share->cap; i++)
        held += is_held(share->slots[i].buf) ? 1 : 0;
    while (cap < 4 * held)
        cap *= 2;
    if (share->count > held)
        (void)resize(share, cap);
}
