/* Bytes become inputs to a machine that lives: whatever comes, in whatever order and with whatever
 * delay, its invariants hold and it asks to be woken only for something to do. */
#include <assert.h>
#include <stdlib.h>

#include "swim/swim.h"

#define PEERS 24
#define TIMEOUTS_AT_ONCE_MAX 64

struct bytes {
    const uint8_t *data;
    size_t left;
};

static uint8_t take(struct bytes *b)
{
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->data++;
}

/* 0 is the machine itself. */
static struct sg_peer_id peer_of(uint8_t byte)
{
    struct sg_peer_id id = {{(uint8_t)(byte % PEERS)}};
    return id;
}

static sg_incarnation incarnation_of(uint8_t byte)
{
    static const sg_incarnation odd[] = {0, UINT64_MAX, UINT64_MAX - 1, UINT64_C(1) << 63,
                                         UINT64_C(0xffffffff)};
    if (byte < sizeof(odd) / sizeof(odd[0]))
        return odd[byte];
    return ((uint64_t)(byte >> 4) << 32) + (byte & 15);
}

static uint64_t delay_of(uint8_t byte)
{
    /* 0 .. 63 ms, 0 .. 6.3 s, 0 .. 63 s, 0 .. 10 h */
    static const uint64_t unit[] = {SG_NS_PER_MS, 100 * SG_NS_PER_MS, SG_NS_PER_S,
                                    600 * SG_NS_PER_S};
    return unit[byte >> 6] * (byte & 63);
}

static void make_packet(struct bytes *b, struct sg_swim_packet *packet)
{
    *packet = (struct sg_swim_packet){.kind = (enum sg_swim_kind)(take(b) % 7)};
    packet->seq = take(b);
    packet->target = peer_of(take(b));
    packet->count = take(b) % 17; /* 16 is too many */
    for (uint8_t i = 0; i < packet->count && i < SG_SWIM_RUMORS_MAX; i++) {
        struct sg_swim_rumor *rumor = &packet->rumor[i];
        rumor->kind = (enum sg_swim_rumor_kind)(take(b) % 6);
        rumor->member = peer_of(take(b));
        rumor->accuser = peer_of(take(b));
        rumor->incarnation = incarnation_of(take(b));
    }
}

static void make_table(struct bytes *b, const struct sg_peer_id *from, struct sg_swim_table *table)
{
    table->wants_reply = take(b) & 1;
    table->count = take(b) % 130;
    for (uint8_t i = 0; i < table->count && i < SG_SWIM_TABLE_MAX; i++) {
        table->entry[i] = (struct sg_swim_entry){
            .member = peer_of(take(b)),
            .incarnation = incarnation_of(take(b)),
            .state = (enum sg_swim_state)(1 + take(b) % 3),
        };
    }
    table->entry[0].member = *from;
    table->entry[0].state = SG_SWIM_IS_ALIVE;
}

/* An answer to a question the machine has asked: nobody guesses its sequence numbers. */
static void answer_last(const struct sg_swim_outbox *out, struct sg_swim_in *in,
                        struct sg_swim_packet *packet)
{
    for (size_t i = out->count; i-- > 0;) {
        const struct sg_swim_out *o = &out->out[i];
        if (o->kind != SG_SWIM_OUT_SEND ||
            (o->packet != SG_SWIM_PING && o->packet != SG_SWIM_PING_REQ))
            continue;
        packet->seq = in->seq = o->seq;
        in->peer = o->peer;
        return;
    }
}

static void check_outbox(const struct sg_swim_outbox *out)
{
    assert(out->count <= SG_SWIM_OUT_MAX && out->rumor_count <= SG_SWIM_OUT_RUMORS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_swim_out *o = &out->out[i];
        assert(o->peer.b[0] != 0 || o->kind == SG_SWIM_OUT_ANNOUNCE);
        assert((size_t)o->rumor_at + o->rumor_count <= out->rumor_count);
        assert(o->rumor_count <= SG_SWIM_RUMORS_MAX);
        assert(o->kind != SG_SWIM_OUT_SEND || o->packet != SG_SWIM_GOSSIP || o->rumor_count > 0);
    }
}

static void step(struct sg_swim *m, struct bytes *b, sg_time_ns *now)
{
    static struct sg_swim_outbox out;
    static struct sg_swim_packet packet;
    static struct sg_swim_table table;
    struct sg_peer_id peers[4];
    struct sg_swim_in in = {.packet = &packet, .table = &table, .peers = peers};
    uint8_t what = take(b);
    in.kind = (enum sg_swim_in_kind)(what % 15); /* 14 is none */
    *now += delay_of(take(b));
    in.peer = peer_of(take(b));
    in.incarnation = incarnation_of(take(b));
    uint8_t flags = take(b);
    in.on = flags & 1;
    in.is_failure = flags & 2;
    in.leaves = (flags & 0x3c) == 0x3c;
    in.is_lasting = flags & 8;
    in.lost_permille = flags & 64 ? 500 : 0;
    in.srtt_ns = incarnation_of(flags);
    in.rttvar_ns = in.srtt_ns / 2;
    if (in.kind == SG_SWIM_IN_LEAVE && flags != 0xff)
        in.kind = SG_SWIM_IN_TIMEOUT;
    if (in.kind == SG_SWIM_IN_PACKET)
        make_packet(b, &packet);
    if ((in.kind == SG_SWIM_IN_PACKET || in.kind == SG_SWIM_IN_UNTRIED) && (flags & 4))
        answer_last(&out, &in, &packet);
    if (in.kind == SG_SWIM_IN_TABLE)
        make_table(b, &in.peer, &table);
    if (in.kind == SG_SWIM_IN_HEARSAY)
        for (; in.count < 4; in.count++)
            peers[in.count] = peer_of(take(b));
    sg_err err = sg_swim_input(m, *now, &in, &out);
    sg_swim_check(m);
    if (err == SG_OK)
        check_outbox(&out);
    in.kind = SG_SWIM_IN_TIMEOUT;
    int rounds = 0;
    for (; sg_swim_deadline(m) <= *now && (flags & 128); rounds++) {
        err = sg_swim_input(m, *now, &in, &out);
        assert(err == SG_OK && rounds < TIMEOUTS_AT_ONCE_MAX);
        sg_swim_check(m);
        check_outbox(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes b = {data, size};
    uint8_t mode = take(&b);
    struct sg_swim_config config = mode & 1 ? sg_swim_config_paper(sg_mem_default(), mode & 2)
                                            : sg_swim_config_default(sg_mem_default());
    struct sg_swim *m;
    sg_time_ns now = mode & 4 ? 0 : 1000 * SG_NS_PER_S;
    if (mode & 8) { /* everything gets crowded */
        config.members_max = 6;
        config.dead_max = 3;
    }
    struct sg_swim_start start = {
        .incarnation = incarnation_of(take(&b)), .now = now, .seed = mode};
    if (sg_swim_new(&m, &config, &start) != SG_OK)
        abort();
    for (int i = 0; i < 400 && b.left > 0; i++)
        step(m, &b, &now);
    sg_swim_free(m);
    return 0;
}
