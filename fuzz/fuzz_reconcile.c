/* A session against a peer that says whatever it likes: bytes become messages of the other side,
 * to an opener or to an answering machine, with symbols that may be true, false or single items by
 * the hundred. Invariants hold, memory and steps are bounded. */
#include <assert.h>
#include <stdlib.h>

#include "reconcile/reconcile.h"

#define ITEMS_MAX 64

struct bytes {
    const uint8_t *data;
    size_t left;
};

/* What is in use: a hostile peer must not make it grow. */
static size_t allocated;

static void *count_alloc(void *user, size_t size)
{
    size_t *block = malloc(size + 16);
    (void)user;
    if (block == NULL)
        return NULL;
    block[0] = size;
    allocated += size;
    return (uint8_t *)block + 16;
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    if (ptr == NULL)
        return;
    size_t *block = (size_t *)(void *)((uint8_t *)ptr - 16);
    allocated -= block[0];
    free(block);
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    void *fresh = count_alloc(user, size);
    if (fresh == NULL || ptr == NULL)
        return fresh;
    size_t old = *(size_t *)(void *)((uint8_t *)ptr - 16);
    memcpy(fresh, ptr, old < size ? old : size);
    count_free(user, ptr);
    return fresh;
}

static const struct sg_mem counting = {count_alloc, count_realloc, count_free, NULL};

static uint8_t take(struct bytes *b)
{
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->data++;
}

static struct sg_riblt_keys keys;
static uint64_t items[ITEMS_MAX];

/* True symbols of a set of the peer's own, or lies that pass for single items. */
static void make_symbols(struct bytes *b, struct sg_rec_room *room, uint16_t count)
{
    uint8_t style = take(b);
    for (uint16_t i = 0; i < count; i++) {
        struct sg_rec_symbol *symbol = &room->symbols[i];
        uint64_t id = style < 200 ? style % 16u : items[i % ITEMS_MAX];
        symbol->id = style & 1 ? id + i : id;
        symbol->check = style & 2 ? take(b) : sg_siphash_u64(&keys.check, symbol->id);
        symbol->count = style & 4 ? take(b) : style & 8 ? 255 : 1;
    }
}

static void make_message(struct bytes *b, struct sg_rec_msg *msg, struct sg_rec_room *room,
                         const struct sg_rec *m)
{
    *msg = (struct sg_rec_msg){.kind = (enum sg_rec_kind)(1 + take(b) % SG_REC_IDS)};
    msg->count = (uint32_t)take(b) << (take(b) % 16);
    msg->upto = (uint32_t)take(b) << (take(b) % 17);
    msg->digest[0] = take(b);
    msg->is_last = take(b) % 2 == 1;
    msg->symbols = room->symbols;
    msg->ids = room->ids;
    uint8_t right = take(b); /* mostly what comes next, or nothing would get far */
    msg->index = right < 240 ? m->decoder.count + m->pending_count : right;
    if (msg->kind == SG_REC_SKETCH || msg->kind == SG_REC_SYMBOLS) {
        msg->symbol_count = take(b) % (SG_REC_PIECE_MAX + 1);
        make_symbols(b, room, msg->symbol_count);
    }
    if (msg->kind == SG_REC_IDS) {
        msg->id_count = take(b);
        for (uint16_t i = 0; i < msg->id_count; i++)
            room->ids[i] = i % 3 == 0 ? take(b) : items[i % ITEMS_MAX];
    }
}

static void feed(struct sg_rec *m, sg_time_ns now, const struct sg_rec_in *in)
{
    struct sg_rec_outbox out;
    sg_err err = sg_rec_input(m, now, in, &out);
    assert(err == SG_OK || err == SG_ERR_PROTOCOL || err == SG_ERR_INVALID_STATE);
    assert(err == SG_OK || out.count == 0);
    sg_rec_check(m);
    assert(m->decoder.touches <= 33 * (uint64_t)m->decoder.count + 1024 + m->decoder.count);
    /* symbols of 24 to 32 bytes, items of 32, lists of 8, twice for growth; the sets */
    assert(allocated <= (size_t)200 * m->config.symbols_max + 4 * m->config.bytes_max + 400000);
    for (size_t i = 0; i < out.count; i++) {
        if (out.out[i].kind != SG_REC_OUT_SEND)
            continue;
        struct sg_writer w = sg_writer_counting();
        sg_rec_msg_encode(&w, &out.out[i].msg);
        assert(w.err == SG_OK && w.len <= 64 + 17 * SG_REC_PIECE_MAX + 8 * SG_REC_IDS_MAX);
    }
}

static void give_set(struct sg_rec *m, uint32_t count)
{
    struct sg_rec_in set = {
        .kind = SG_REC_IN_SET, .keys = keys, .ids = items, .count = count % (ITEMS_MAX + 1)};
    feed(m, 1, &set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sg_rec_room room;
    static const uint8_t key_bytes[SG_RIBLT_KEYS_LEN] = {1, 2, 3};
    struct bytes b = {data, size};
    struct sg_rec m;
    struct sg_rec_config config = sg_rec_config_default(&counting);
    sg_time_ns now = 1;
    config.symbols_max = 4096;
    config.bytes_max = 65536;
    keys = sg_riblt_keys(key_bytes);
    for (uint32_t i = 0; i < ITEMS_MAX; i++)
        items[i] = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
    sg_rec_init(&m, &config, now);
    uint8_t role = take(&b);
    if (role & 1) {
        struct sg_rec_in open = {.kind = SG_REC_IN_OPEN, .to = 1, .estimate = take(&b)};
        feed(&m, now, &open);
    }
    give_set(&m, role >> 1);
    while (b.left > 0 && m.state != SG_REC_ENDED) {
        struct sg_rec_msg msg;
        struct sg_rec_in in = {.kind = SG_REC_IN_MESSAGE, .msg = &msg};
        make_message(&b, &msg, &room, &m);
        if (take(&b) == 0) {
            in.kind = SG_REC_IN_TIMEOUT;
            now += SG_NS_PER_S;
        }
        feed(&m, now, &in);
    }
    sg_rec_fini(&m);
    assert(allocated == 0);
    return 0;
}
