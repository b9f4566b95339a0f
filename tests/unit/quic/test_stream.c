/* Queues of sent and received bytes, beside plain arrays. */
#include "quic/stream.h"

#include "unit/base/failing_mem.h"
#include "unit/quic/link.h"

/* Everything pushed so far. */
struct plain {
    uint8_t bytes[200000 + 1000];
    size_t pushed, sent, acked;
};

static void push(struct sg_quic_sendq *q, struct plain *p, struct sg_prng *prng)
{
    uint8_t head[4];
    size_t head_len = sg_prng_below(prng, 5);
    size_t len = sg_prng_below(prng, 300);
    if (head_len + len == 0)
        len = 1;
    struct sg_buf *buf = len == 0 ? NULL : sg_buf_new(sg_mem_default(), len);
    for (size_t i = 0; i < head_len; i++)
        head[i] = (uint8_t)sg_prng_next(prng);
    memcpy(p->bytes + p->pushed, head, head_len);
    p->pushed += head_len;
    for (size_t i = 0; i < len; i++)
        buf->data[i] = p->bytes[p->pushed++] = (uint8_t)sg_prng_next(prng);
    if (buf != NULL)
        buf->len = (uint32_t)len;
    assert_int_equal(sg_quic_sendq_push(q, sg_mem_default(), sg_bytes(head, head_len), buf), SG_OK);
    sg_buf_unref(buf);
}

static void check_peek(const struct sg_quic_sendq *q, const struct plain *p, struct sg_prng *prng)
{
    ngtcp2_vec vec[6];
    size_t max = 1 + sg_prng_below(prng, 2000);
    size_t count = sg_quic_sendq_peek(q, vec, 6, max);
    size_t at = p->sent;
    for (size_t i = 0; i < count; i++) {
        assert_true(vec[i].len > 0);
        assert_memory_equal(vec[i].base, p->bytes + at, vec[i].len);
        at += vec[i].len;
    }
    assert_true(at - p->sent <= max);
    assert_int_equal(at == p->sent, p->pushed == p->sent);
    size_t take = sg_prng_below(prng, at - p->sent + 1);
    sg_quic_sendq_sent((struct sg_quic_sendq *)(uintptr_t)q, take);
}

static void send_queue_agrees_with_an_array(void **state)
{
    (void)state;
    static struct plain p;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct sg_quic_sendq q = {0};
        struct sg_prng prng;
        p.pushed = p.sent = p.acked = 0;
        sg_prng_init(&prng, seed);
        while (p.pushed < 200000) {
            if (sg_prng_below(&prng, 3) == 0)
                push(&q, &p, &prng);
            size_t before = q.unsent_len;
            check_peek(&q, &p, &prng);
            p.sent += before - q.unsent_len;
            size_t ack = sg_prng_below(&prng, p.sent - p.acked + 1);
            sg_quic_sendq_acked(&q, sg_mem_default(), ack);
            p.acked += ack;
            assert_int_equal(q.len, p.pushed - p.acked);
            assert_int_equal(q.unsent_len, p.pushed - p.sent);
        }
        sg_quic_sendq_sent(&q, q.unsent_len);
        sg_quic_sendq_acked(&q, sg_mem_default(), q.len);
        assert_null(q.first);
        assert_null(q.last);
        push(&q, &p, &prng);
        sg_quic_sendq_clear(&q, sg_mem_default());
        assert_int_equal(q.len, 0);
    }
}

static void receive_queue_agrees_with_an_array(void **state)
{
    (void)state;
    struct sg_quic_recvq q = {0};
    struct sg_prng prng;
    uint8_t piece[5000];
    uint8_t in = 0, out = 0; /* the bytes count up */
    sg_prng_init(&prng, 3);
    for (int step = 0; step < 3000; step++) {
        size_t n = sg_prng_below(&prng, sizeof(piece));
        for (size_t i = 0; i < n; i++)
            piece[i] = in++;
        assert_int_equal(sg_quic_recvq_push(&q, sg_mem_default(), sg_bytes(piece, n)), SG_OK);
        size_t take = sg_prng_below(&prng, sg_quic_recvq_len(&q) + 1);
        if (step % 50 == 0)
            take = sg_quic_recvq_len(&q);
        for (size_t i = 0; i < take; i++)
            assert_int_equal(q.data[q.head + i], out++);
        q.head += take;
        if (step % 3 == 0)
            sg_quic_recvq_pack(&q, sg_mem_default());
        assert_true(q.cap <= 64 * 1024);
    }
    q.head = q.tail;
    sg_quic_recvq_pack(&q, sg_mem_default());
    assert_null(q.data); /* empty queues hold no memory */
    sg_quic_recvq_clear(&q, sg_mem_default());
}

static void pushing_can_fail(void **state)
{
    (void)state;
    struct failing_mem failing;
    struct sg_quic_sendq s = {0};
    struct sg_quic_recvq r = {0};
    struct sg_buf *buf = numbered_frame(1, 10);
    failing_mem_init(&failing, 1);
    assert_int_equal(sg_quic_sendq_push(&s, &failing.mem, sg_bytes("a", 1), buf), SG_ERR_NO_MEMORY);
    assert_int_equal(buf->refs, 1);
    assert_int_equal(s.len, 0);
    failing_mem_init(&failing, 1);
    assert_int_equal(sg_quic_recvq_push(&r, &failing.mem, sg_bytes("a", 1)), SG_ERR_NO_MEMORY);
    assert_int_equal(sg_quic_recvq_len(&r), 0);
    sg_buf_unref(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_queue_agrees_with_an_array),
        cmocka_unit_test(receive_queue_agrees_with_an_array),
        cmocka_unit_test(pushing_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
