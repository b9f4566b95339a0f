/* The address book: what was heard of where peers are. Bounded, oldest forgotten first. */
#include "base/prefetch.h"
#include "node/internal.h"

/* Places looked at for one that may go. */
#define LOOK_MAX 64

void sg_book_init(struct sg_book *book, const struct sg_mem *mem, uint32_t max,
                  const struct sg_index_keys *keys)
{
    *book = (struct sg_book){.mem = mem, .max = max};
    sg_index_init(&book->index, keys, sizeof(*book->entries));
}

static void free_wide(const struct sg_book *book, struct sg_book_entry *entry)
{
    if (entry->len == SG_BOOK_WIDE)
        sg_mem_free(book->mem, entry->wide);
}

void sg_book_fini(struct sg_book *book)
{
    for (uint32_t i = 0; i < book->count; i++)
        free_wide(book, &book->entries[i]);
    sg_mem_free(book->mem, book->entries);
    sg_index_fini(&book->index, book->mem);
    *book = (struct sg_book){.mem = book->mem};
}

/* A place for a new peer; SG_INDEX_NONE when out of memory. */
static uint32_t take_place(struct sg_book *book)
{
    if (book->count == book->max) {
        uint32_t at = book->next;
        /* rather hearsay than what was seen; contacts never, which are fewer than places */
        for (uint32_t i = 0;
             i < LOOK_MAX && (book->entries[at].first_hand || book->entries[at].is_pinned); i++)
            at = (at + 1) % book->max;
        while (book->entries[at].is_pinned)
            at = (at + 1) % book->max;
        book->next = (at + 1) % book->max;
        sg_index_remove(&book->index, at);
        free_wide(book, &book->entries[at]);
        return at;
    }
    if (sg_index_reserve(&book->index, book->mem, book->count + 1) != SG_OK)
        return SG_INDEX_NONE;
    if (book->count == book->cap) {
        void *entries =
            sg_mem_grow(book->mem, book->entries, &book->cap, book->max, sizeof(*book->entries));
        if (entries == NULL)
            return SG_INDEX_NONE;
        book->entries = entries;
        sg_index_pool(&book->index, entries);
    }
    return book->count++;
}

/* Bytes of the small form. */
static size_t small_len(const struct sg_hints *hints)
{
    size_t len = 0;
    for (uint8_t i = 0; i < hints->count; i++)
        len += 1u + hints->hint[i].len;
    return len;
}

static void set_small(struct sg_book_entry *entry, const struct sg_hints *hints)
{
    entry->len = 0;
    for (uint8_t i = 0; i < hints->count; i++) {
        entry->small[entry->len++] = hints->hint[i].len;
        memcpy(entry->small + entry->len, hints->hint[i].b, hints->hint[i].len);
        entry->len = (uint8_t)(entry->len + hints->hint[i].len);
    }
}

static void get_small(const struct sg_book_entry *entry, struct sg_hints *hints)
{
    for (uint8_t at = 0; at < entry->len;) {
        uint8_t len = entry->small[at++];
        hints->hint[hints->count].len = len;
        memcpy(hints->hint[hints->count].b, entry->small + at, len);
        at = (uint8_t)(at + len);
        hints->count++;
    }
}

/* Without memory for the wide form the old hints stay. */
static void set_hints(struct sg_book *book, struct sg_book_entry *entry,
                      const struct sg_hints *hints)
{
    if (small_len(hints) <= SG_BOOK_SMALL) {
        free_wide(book, entry);
        set_small(entry, hints);
        return;
    }
    if (entry->len != SG_BOOK_WIDE) {
        struct sg_hints *wide = sg_mem_new(book->mem, 1, sizeof(*wide));
        if (wide == NULL)
            return;
        entry->wide = wide;
        entry->len = SG_BOOK_WIDE;
    }
    *entry->wide = *hints;
}

static bool has_hint(const struct sg_hints *hints, const void *bytes, uint8_t len)
{
    for (uint8_t i = 0; i < hints->count; i++) {
        if (hints->hint[i].len == len && memcmp(hints->hint[i].b, bytes, len) == 0)
            return true;
    }
    return false;
}

/* What else is said is tried after what was said first, which may be the truth. */
static void add_hearsay(struct sg_book *book, struct sg_book_entry *entry,
                        const struct sg_hints *hints)
{
    struct sg_hints both;
    sg_book_get(book, &entry->peer, &both);
    for (uint8_t i = 0; i < hints->count; i++) {
        if (has_hint(&both, hints->hint[i].b, hints->hint[i].len))
            continue;
        uint8_t place = both.count < SG_HINTS_MAX ? both.count++ : SG_HINTS_MAX - 1;
        both.hint[place] = hints->hint[i];
        set_hints(book, entry, &both);
        return;
    }
}

void sg_book_learn(struct sg_book *book, const struct sg_peer_id *peer,
                   const struct sg_hints *hints, bool first_hand)
{
    if (hints->count == 0)
        return;
    uint32_t at = sg_index_get(&book->index, peer->b);
    if (at == SG_INDEX_NONE) {
        at = take_place(book);
        if (at == SG_INDEX_NONE)
            return;
        book->entries[at] = (struct sg_book_entry){.peer = *peer};
        sg_index_add(&book->index, at);
    }
    struct sg_book_entry *entry = &book->entries[at];
    if (entry->first_hand && !first_hand)
        return;
    if (!first_hand && entry->len > 0 && !entry->is_doubted) {
        add_hearsay(book, entry, hints);
        return;
    }
    set_hints(book, entry, hints);
    entry->first_hand = first_hand;
    entry->is_doubted = false;
}

void sg_book_doubt(struct sg_book *book, const struct sg_peer_id *peer)
{
    uint32_t at = sg_index_get(&book->index, peer->b);
    if (at == SG_INDEX_NONE || book->entries[at].is_pinned)
        return;
    book->entries[at].first_hand = false;
    book->entries[at].is_doubted = true;
}

void sg_book_pin(struct sg_book *book, const struct sg_peer_id *peer, bool on)
{
    uint32_t at = sg_index_get(&book->index, peer->b);
    if (at != SG_INDEX_NONE)
        book->entries[at].is_pinned = on;
}

void sg_book_prefetch(const struct sg_book *book, const struct sg_peer_id *peer, unsigned stage)
{
    if (stage == 0) {
        sg_index_prefetch(&book->index, peer->b);
        return;
    }
    uint32_t at = sg_index_guess(&book->index, peer->b);
    if (at != SG_INDEX_NONE)
        sg_prefetch(&book->entries[at], sizeof(*book->entries));
}

void sg_book_get(const struct sg_book *book, const struct sg_peer_id *peer, struct sg_hints *hints)
{
    uint32_t at = sg_index_get(&book->index, peer->b);
    *hints = (struct sg_hints){0};
    if (at == SG_INDEX_NONE)
        return;
    if (book->entries[at].len == SG_BOOK_WIDE)
        *hints = *book->entries[at].wide;
    else
        get_small(&book->entries[at], hints);
}

/* Private, shared, link-local, loopback and unspecified networks: RFC 6890. */
static bool is_public4(const uint8_t *a)
{
    return a[0] != 0 && a[0] != 10 && a[0] != 127 && !(a[0] == 100 && (a[1] & 0xc0) == 64) &&
           !(a[0] == 169 && a[1] == 254) && !(a[0] == 172 && (a[1] & 0xf0) == 16) &&
           !(a[0] == 192 && a[1] == 168);
}

/* 2000::/3 is all there is. */
static bool is_public6(const uint8_t *a)
{
    return (a[0] & 0xe0) == 0x20;
}

uint64_t sg_book_group(const struct sg_book *book, const struct sg_peer_id *peer)
{
    struct sg_hints hints;
    sg_book_get(book, peer, &hints);
    if (hints.count == 0)
        return 0;
    const uint8_t *hint = hints.hint[0].b;
    const uint8_t *a = hint + 1;
    if (hints.hint[0].len == 7 && hint[0] == 4 && is_public4(a))
        return UINT64_C(4) << 56 | (uint64_t)a[0] << 16 | (uint64_t)a[1] << 8 | a[2];
    if (hints.hint[0].len == 19 && hint[0] == 6 && is_public6(a))
        return UINT64_C(6) << 56 | (uint64_t)a[0] << 40 | (uint64_t)a[1] << 32 |
               (uint64_t)a[2] << 24 | (uint64_t)a[3] << 16 | (uint64_t)a[4] << 8 | a[5];
    return 0;
}
