/* The address book: what was heard of where peers are. Bounded, oldest forgotten first. */
#include "node/internal.h"

sg_err sg_book_init(struct sg_book *book, const struct sg_mem *mem, uint32_t max, uint64_t seed)
{
    *book = (struct sg_book){0};
    SG_TRY(sg_map_init(&book->index, mem, max, seed));
    book->entries = sg_mem_new(mem, max, sizeof(*book->entries));
    if (book->entries != NULL)
        return SG_OK;
    sg_map_fini(&book->index);
    return SG_ERR_NO_MEMORY;
}

void sg_book_fini(struct sg_book *book, const struct sg_mem *mem)
{
    sg_map_fini(&book->index);
    sg_mem_free(mem, book->entries);
}

void sg_book_learn(struct sg_book *book, const struct sg_peer_id *peer,
                   const struct sg_hints *hints, bool first_hand)
{
    if (hints->count == 0)
        return;
    uint32_t at = sg_map_get(&book->index, peer->b);
    if (at == SG_MAP_NONE) {
        at = book->next;
        book->next = (book->next + 1) % book->index.max;
        if (book->entries[at].hints.count > 0)
            (void)sg_map_remove(&book->index, book->entries[at].peer.b);
        /* the removal above made room, so only an impossible error is left */
        if (sg_map_put(&book->index, peer->b, at) != SG_OK)
            return;
        book->entries[at].peer = *peer;
        book->entries[at].first_hand = false;
    }
    struct sg_book_entry *entry = &book->entries[at];
    if (entry->first_hand && !first_hand)
        return;
    entry->hints = *hints;
    entry->first_hand = first_hand;
}

void sg_book_doubt(struct sg_book *book, const struct sg_peer_id *peer)
{
    uint32_t at = sg_map_get(&book->index, peer->b);
    if (at != SG_MAP_NONE)
        book->entries[at].first_hand = false;
}

void sg_book_get(const struct sg_book *book, const struct sg_peer_id *peer, struct sg_hints *hints)
{
    uint32_t at = sg_map_get(&book->index, peer->b);
    if (at == SG_MAP_NONE)
        *hints = (struct sg_hints){0};
    else
        *hints = book->entries[at].hints;
}
