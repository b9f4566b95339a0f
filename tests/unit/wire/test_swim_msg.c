/* wire/swim_msg.c: golden bytes (docs/protocol.md, "SWIM"), round trips, every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h>

#include "wire/swim_msg.h"

static uint8_t out[SG_FRAME_MSHIP_MAX];

static struct sg_peer_id id_of(uint8_t fill)
{
    struct sg_peer_id id;
    memset(id.b, fill, sizeof(id.b));
    return id;
}

/* text: hex digits; "aa*32" repeats a byte; spaces are ignored. */
static size_t bytes_of(const char *text, uint8_t *bytes)
{
    size_t len = 0;
    unsigned value = 0, times = 0;
    int used = 0;
    while (*text != '\0') {
        if (*text == ' ') {
            text++;
            continue;
        }
        assert_int_equal(sscanf(text, "%2x%n", &value, &used), 1);
        text += used;
        times = 1;
        if (*text == '*') {
            assert_int_equal(sscanf(text, "*%u%n", &times, &used), 1);
            text += used;
        }
        for (; times > 0; times--)
            bytes[len++] = (uint8_t)value;
    }
    return len;
}

static void assert_bytes(const struct sg_writer *w, const char *text)
{
    static uint8_t expected[SG_FRAME_MSHIP_MAX];
    size_t len = bytes_of(text, expected);
    assert_int_equal(sg_writer_done(w), SG_OK);
    assert_int_equal(w->len, len);
    assert_memory_equal(w->data, expected, len);
}

static struct sg_hints one_hint(void)
{
    struct sg_hints hints = {.count = 1};
    hints.hint[0].len = 7;
    memcpy(hints.hint[0].b, "\x04\x7f\x00\x00\x01\x10\x00", 7);
    return hints;
}

/* ---- golden bytes ---- */

static void packets_have_these_bytes(void **state)
{
    (void)state;
    struct sg_swim_packet p = {.kind = SG_SWIM_PING, .seq = 0x01020304};
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_swim_packet_encode(&w, &p, NULL);
    assert_bytes(&w, "01 01020304 00");
    p = (struct sg_swim_packet){.kind = SG_SWIM_PING_REQ, .seq = 5, .target = id_of(0xcc)};
    w = sg_writer(out, sizeof(out));
    sg_swim_packet_encode(&w, &p, NULL);
    assert_bytes(&w, "02 00000005 cc*32 00");
    p = (struct sg_swim_packet){.kind = SG_SWIM_ACK, .seq = 6, .count = 1};
    p.rumor[0] = (struct sg_swim_rumor){.kind = SG_SWIM_SUSPECT,
                                        .member = id_of(0xaa),
                                        .incarnation = 0x100000002,
                                        .accuser = id_of(0xbb)};
    w = sg_writer(out, sizeof(out));
    sg_swim_packet_encode(&w, &p, NULL);
    assert_bytes(&w, "03 00000006 01 02 0000000100000002 aa*32 bb*32");
    p = (struct sg_swim_packet){.kind = SG_SWIM_NACK, .seq = 7};
    w = sg_writer(out, sizeof(out));
    sg_swim_packet_encode(&w, &p, NULL);
    assert_bytes(&w, "04 00000007 00");
}

static void gossip_has_these_bytes(void **state)
{
    (void)state;
    struct sg_swim_packet p = {.kind = SG_SWIM_GOSSIP, .count = 3};
    struct sg_hints hints[3] = {one_hint()};
    p.rumor[0] =
        (struct sg_swim_rumor){.kind = SG_SWIM_ALIVE, .member = id_of(0xaa), .incarnation = 9};
    p.rumor[1] = (struct sg_swim_rumor){
        .kind = SG_SWIM_DEAD, .member = id_of(0xab), .incarnation = 8, .accuser = id_of(0xbb)};
    p.rumor[2] = p.rumor[1];
    p.rumor[2].kind = SG_SWIM_FORGET;
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_swim_packet_encode(&w, &p, hints);
    assert_bytes(&w, "05 03 01 0000000000000009 aa*32 01 07 047f0000011000"
                     "03 0000000000000008 ab*32 bb*32 04 0000000000000008 ab*32 bb*32");
    assert_int_equal(sg_swim_rumor_len(&p.rumor[0], NULL), 42);
    assert_int_equal(sg_swim_rumor_len(&p.rumor[0], &hints[0]), 50);
    assert_int_equal(sg_swim_rumor_len(&p.rumor[1], NULL), 73);
}

static void frames_have_these_bytes(void **state)
{
    (void)state;
    struct sg_swim_table t = {.wants_reply = true, .count = 2};
    struct sg_hints hints[2] = {{0}, one_hint()};
    t.entry[0] = (struct sg_swim_entry){
        .member = id_of(0xaa), .incarnation = 1, .state = SG_SWIM_IS_ALIVE, .has_record = true};
    t.entry[1] =
        (struct sg_swim_entry){.member = id_of(0xab), .incarnation = 2, .state = SG_SWIM_IS_DEAD};
    struct sg_writer w = sg_writer(out, sizeof(out));
    sg_swim_table_encode(&w, &t, hints);
    assert_bytes(&w, "06 01 02 01 01 0000000000000001 aa*32 00"
                     "03 00 0000000000000002 ab*32 01 07 047f0000011000");
    struct sg_swim_record record = {.public_key = SG_BYTES_LIT("key"),
                                    .incarnation = 3,
                                    .leaves = true,
                                    .meta = SG_BYTES_LIT("m"),
                                    .signature = SG_BYTES_LIT("sig")};
    w = sg_writer(out, sizeof(out));
    sg_swim_record_encode(&w, &record);
    assert_bytes(&w, "07 03 6b6579 0000000000000003 01 01 6d 03 736967");
    struct sg_peer_id members[2] = {id_of(1), id_of(2)};
    w = sg_writer(out, sizeof(out));
    sg_swim_want_encode(&w, members, 2);
    assert_bytes(&w, "08 02 01*32 02*32");
}

/* ---- back again ---- */

static void packets_come_back(void **state)
{
    (void)state;
    for (int kind = SG_SWIM_PING; kind <= SG_SWIM_GOSSIP; kind++) {
        struct sg_swim_packet p = {.kind = (enum sg_swim_kind)kind, .count = SG_SWIM_RUMORS_MAX};
        struct sg_swim_packet back;
        struct sg_hints hints[SG_SWIM_RUMORS_MAX];
        p.seq = kind == SG_SWIM_GOSSIP ? 0 : 77;
        if (kind == SG_SWIM_PING_REQ)
            p.target = id_of(9);
        for (uint8_t i = 0; i < p.count; i++)
            p.rumor[i] = (struct sg_swim_rumor){.kind = SG_SWIM_DEAD,
                                                .member = id_of(i),
                                                .incarnation = UINT64_MAX - i,
                                                .accuser = id_of((uint8_t)(i + 1))};
        struct sg_writer w = sg_writer(out, SG_SWIM_PACKET_MAX);
        sg_swim_packet_encode(&w, &p, NULL);
        assert_int_equal(sg_writer_done(&w), SG_OK);
        struct sg_reader r = sg_reader(sg_bytes(out, w.len));
        assert_int_equal(sg_swim_packet_decode(&r, &back, hints), SG_OK);
        assert_int_equal(back.kind, p.kind);
        assert_int_equal(back.seq, p.seq);
        assert_int_equal(back.count, p.count);
        assert_memory_equal(&back.target, &p.target, sizeof(p.target));
        for (uint8_t i = 0; i < p.count; i++) {
            assert_true(back.rumor[i].incarnation == p.rumor[i].incarnation);
            assert_memory_equal(&back.rumor[i].accuser, &p.rumor[i].accuser, SG_ID_LEN);
        }
        for (size_t len = 0; len < w.len; len++) { /* cut anywhere */
            r = sg_reader(sg_bytes(out, len));
            assert_int_equal(sg_swim_packet_decode(&r, &back, hints), SG_ERR_TRUNCATED);
        }
    }
}

static sg_err decode(const char *text)
{
    static uint8_t bytes[SG_FRAME_MSHIP_MAX];
    static struct sg_swim_table table;
    static struct sg_hints hints[SG_SWIM_TABLE_MAX];
    struct sg_swim_packet packet;
    struct sg_swim_record record;
    struct sg_peer_id members[SG_SWIM_WANT_MAX];
    size_t count;
    size_t len = bytes_of(text, bytes);
    struct sg_reader r = sg_reader(sg_bytes(bytes, len));
    if (len == 0 || bytes[0] < SG_SWIM_TABLE || bytes[0] > SG_SWIM_WANT)
        return sg_swim_packet_decode(&r, &packet, hints);
    uint8_t kind = sg_read_u8(&r);
    if (kind == SG_SWIM_TABLE)
        return sg_swim_table_decode(&r, &table, hints);
    return kind == SG_SWIM_RECORD ? sg_swim_record_decode(&r, &record)
                                  : sg_swim_want_decode(&r, members, &count);
}

static void good_frames_come_back(void **state)
{
    (void)state;
    assert_int_equal(decode("06 00 01 01 01 0000000000000001 aa*32 00"), SG_OK);
    assert_int_equal(decode("07 03 6b6579 0000000000000003 01 00 03 736967"), SG_OK);
    assert_int_equal(decode("08 01 aa*32"), SG_OK);
}

static void bad_packets_have_an_error_each(void **state)
{
    (void)state;
    assert_int_equal(decode(""), SG_ERR_TRUNCATED);
    assert_int_equal(decode("00 00000000 00"), SG_ERR_MALFORMED);
    assert_int_equal(decode("09 00000000 00"), SG_ERR_MALFORMED);
    assert_int_equal(decode("01 00000000 00 00"), SG_ERR_TRAILING);
    assert_int_equal(decode("01 00000000"), SG_ERR_TRUNCATED);
    assert_int_equal(decode("01 00000000 10"), SG_ERR_MALFORMED); /* 16 rumors */
    assert_int_equal(decode("05 00"), SG_ERR_MALFORMED);          /* gossip of nothing */
    assert_int_equal(decode("05 01 05 00*8 aa*32 bb*32"), SG_ERR_MALFORMED);
    assert_int_equal(decode("05 01 01 00*8 aa*32 03"), SG_ERR_MALFORMED);    /* three hints */
    assert_int_equal(decode("05 01 01 00*8 aa*32 01 00"), SG_ERR_MALFORMED); /* an empty one */
    assert_int_equal(decode("05 01 01 00*8 aa*32 01 14 00*20"), SG_ERR_OVERSIZED);
    assert_int_equal(decode("05 01 01 00*8 aa*32 01 4001 00"), SG_ERR_NOT_CANONICAL);
}

static void bad_frames_have_an_error_each(void **state)
{
    (void)state;
    assert_int_equal(decode("06 02 01 01 01 00*8 aa*32 00"), SG_ERR_MALFORMED); /* flag */
    assert_int_equal(decode("06 00 00"), SG_ERR_MALFORMED);                     /* nobody */
    assert_int_equal(decode("06 00 81"), SG_ERR_MALFORMED);                     /* 129 */
    assert_int_equal(decode("06 00 01 02 00 00*8 aa*32 00"), SG_ERR_MALFORMED); /* self suspect */
    assert_int_equal(decode("06 00 01 04 00 00*8 aa*32 00"), SG_ERR_MALFORMED);
    assert_int_equal(decode("06 00 01 01 00 00*8 aa*32"), SG_ERR_TRUNCATED);
    assert_int_equal(decode("07 00 00*8 00 00 01 aa"), SG_ERR_MALFORMED);    /* no key */
    assert_int_equal(decode("07 01 aa 00*8 00 00 00"), SG_ERR_MALFORMED);    /* no signature */
    assert_int_equal(decode("07 01 aa 00*8 02 00 01 aa"), SG_ERR_MALFORMED); /* flag */
    assert_int_equal(decode("07 01 aa 00*8 00 4201 00*513 01 aa"), SG_ERR_OVERSIZED);
    assert_int_equal(decode("07 01 aa 00*8 00 00 01 aa bb"), SG_ERR_TRAILING);
    assert_int_equal(decode("08 00"), SG_ERR_MALFORMED);
    assert_int_equal(decode("08 81 aa*32"), SG_ERR_MALFORMED);
    assert_int_equal(decode("08 02 aa*32"), SG_ERR_TRUNCATED);
    assert_int_equal(decode("08 01 aa*33"), SG_ERR_TRAILING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_have_these_bytes),
        cmocka_unit_test(gossip_has_these_bytes),
        cmocka_unit_test(frames_have_these_bytes),
        cmocka_unit_test(packets_come_back),
        cmocka_unit_test(good_frames_come_back),
        cmocka_unit_test(bad_packets_have_an_error_each),
        cmocka_unit_test(bad_frames_have_an_error_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
