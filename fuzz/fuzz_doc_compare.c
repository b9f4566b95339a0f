/* Two replicas compare what they have while messages are changed on their way, come twice, or are
 * made up. When all came as they were sent, each knows exactly what the other one has. */
#include "doc_suite.h"
#include "node/doc_compare.h"

/* 0, 1: few chains; 2, 3: more than are listed. Built once, never changed by a comparison. */
static struct sg_replica replicas[4];

static void open_replica(struct sg_replica *r)
{
    const struct sg_replica_config config = {
        .mem = sg_mem_default(), .suite = &suite, .limits = SG_CRDT_LIMITS_DEFAULT};
    demand(sg_replica_init(r, &config) == SG_OK);
}

static void write_alone(uint32_t author, uint32_t batches, struct sg_replica *a,
                        struct sg_replica *b)
{
    struct sg_replica own;
    uint8_t id[SG_ID_LEN] = {1, (uint8_t)(author >> 8), (uint8_t)author};
    open_replica(&own);
    for (uint32_t i = 0; i < batches; i++) {
        struct sg_column bytes = {.mem = sg_mem_default()};
        enum sg_import result;
        uint32_t cell;
        uint32_t batch;
        demand(sg_replica_begin(&own, id) == SG_OK);
        demand(sg_replica_cell(&own, 0, SG_CELL_COUNTER, SG_BYTES_LIT("c"), &cell) == SG_OK);
        demand(sg_replica_count(&own, cell, 1) == SG_OK);
        demand(sg_replica_commit(&own, &batch) == SG_OK);
        demand(sg_replica_export(&own, batch, &bytes) == SG_OK);
        if (a != NULL)
            demand(sg_replica_import(a, sg_column_bytes(&bytes), 0, &result) == SG_OK);
        if (b != NULL)
            demand(sg_replica_import(b, sg_column_bytes(&bytes), 0, &result) == SG_OK);
        sg_column_fini(&bytes);
    }
    sg_replica_fini(&own);
}

static void build(void)
{
    for (size_t i = 0; i < 4; i++)
        open_replica(&replicas[i]);
    for (size_t pair = 0; pair < 4; pair += 2) {
        struct sg_replica *a = &replicas[pair];
        struct sg_replica *b = &replicas[pair + 1];
        uint32_t count = pair == 0 ? 9 : 340;
        for (uint32_t i = 0; i < count; i++)
            write_alone(i, 2, a, b);
        for (uint32_t i = 0; i < 8; i++)
            write_alone(i, 5, i % 2 == 0 ? a : NULL, i % 2 == 0 ? NULL : b);
        write_alone(1000, 1, a, NULL);
        write_alone(1001, 1, NULL, b);
    }
}

struct side {
    struct sg_doc_compare c;
    const struct sg_replica *r;
    struct sg_column message;
    bool is_over;
};

static void check_view(const struct side *s, const struct sg_replica *other)
{
    for (uint32_t i = 0; i < s->r->log.count; i++) {
        bool has = sg_log_find(&other->log, s->r->log.batches[i].name) != SG_LOG_NONE;
        demand(sg_frontier_has(s->r, &s->c.view, i) == has);
    }
}

/* What each of them says at the end of OPEN. */
static const struct sg_doc_wish wishes[2] = {
    {.refused_count = 2, .refused = {3, 4}, .wants_none = true},
    {.refused_count = 1, .refused = {5}, .part_count = 2, .parts = {{6, 1}, {7, 255}}},
};

/* A wish that was understood is what its sender would have written. */
static void check_wish(const struct sg_doc_wish *wish, struct sg_bytes message)
{
    struct sg_column out = {.mem = sg_mem_default()};
    sg_doc_put_wish(wish, &out);
    demand(out.len <= message.len);
    demand(out.len == 0 || memcmp(message.data + message.len - out.len, out.data, out.len) == 0);
    sg_column_fini(&out);
}

static void hear(struct side *s, struct sg_bytes message)
{
    if (message.len == 0 || message.data[0] < SG_DOC_OPEN || message.data[0] > SG_DOC_KNOWN ||
        s->is_over)
        return;
    sg_err err = sg_doc_compare_input(&s->c, (enum sg_doc_compare_kind)message.data[0],
                                      sg_bytes(message.data + 1, message.len - 1));
    s->is_over = err != SG_OK;
    if (err == SG_OK && message.data[0] == SG_DOC_OPEN)
        check_wish(&s->c.their_wish, message);
}

/* Steps: 0 .. 3: one side's next message goes over; 4, 5: with a byte changed; 6: cut; 7: bytes of
 * the input. Whether the step was an honest one. */
static bool step(struct side *sides, struct sg_reader *in)
{
    uint8_t what = sg_read_u8(in);
    struct side *from = &sides[what >> 3 & 1];
    struct side *to = &sides[1 - (what >> 3 & 1)];
    if (what % 8 == 7) {
        size_t len = sg_read_u8(in);
        hear(to, sg_read_bytes(in, len < in->left ? len : in->left));
        return false;
    }
    if (from->is_over)
        return false;
    from->message.len = 0;
    from->is_over = sg_doc_compare_next(&from->c, &from->message) != SG_OK;
    if (from->is_over || from->message.len == 0)
        return true;
    if (what % 8 >= 4) {
        size_t at = (size_t)(sg_read_u8(in) << 8 | sg_read_u8(in)) % from->message.len;
        from->message.data[at] ^= what % 8 == 6 ? 0 : sg_read_u8(in);
        from->message.len = what % 8 == 6 ? at : from->message.len;
    }
    hear(to, sg_column_bytes(&from->message));
    return what % 8 < 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct side sides[2];
    if (size < 2 || size > 4096)
        return 0;
    if (replicas[0].config.mem == NULL)
        build();
    for (size_t i = 0; i < 2; i++) {
        const uint8_t nonce[SG_DOC_NONCE_LEN] = {(uint8_t)(i + 1), data[0]};
        sides[i] = (struct side){.r = &replicas[data[0] % 2 * 2 + i]};
        sides[i].message.mem = sg_mem_default();
        demand(sg_doc_compare_init(&sides[i].c, sides[i].r, nonce) == SG_OK);
        sides[i].c.wish = wishes[i];
    }
    struct sg_reader in = sg_reader(sg_bytes(data + 1, size - 1));
    bool is_honest = true;
    while (in.left > 0 && in.err == SG_OK)
        is_honest = step(sides, &in) && is_honest;
    for (size_t i = 0; i < 2; i++) {
        demand(!is_honest || !sides[i].is_over);
        if (is_honest && sg_doc_compare_is_ready(&sides[i].c))
            check_view(&sides[i], sides[1 - i].r);
        sg_doc_compare_fini(&sides[i].c);
        sg_column_fini(&sides[i].message);
    }
    return 0;
}
