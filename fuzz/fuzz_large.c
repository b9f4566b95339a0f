/* node/large: transfers under attack by three neighbours. The input is a list of steps of three
 * bytes: who, what, how. Frames are made whole here, so that the fuzzer gets past hashes and
 * lengths, or come as bytes of the input. All invariants are checked after each step, and whatever
 * is delivered is the payload that was announced. */
#include <assert.h>
#include <string.h>

#include "node/internal.h"
#include "weak_suite.h"
#include "wire/pt_msg.h"

#define PEERS 3
#define PAYLOADS 3 /* 0: our own; 1 and 2: announced by a stranger */
/* three chunks, of which the last has 1 .. 3 bytes */
#define SIZE (2 * SG_CHUNK_LEN + 1)

static sg_err weak_verify(struct sg_bytes public_key, struct sg_bytes context,
                          struct sg_bytes message, struct sg_bytes signature)
{
    (void)public_key;
    (void)context;
    (void)message;
    return signature.len == SIG_LEN && signature.data[0] == 0 ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

static const struct sg_suite weak = {"fuzz",    1,           PUBLIC_LEN, SIG_LEN,
                                     weak_hash, weak_verify, weak_kdf};

static const uint8_t own_key[PUBLIC_LEN] = {1};
static const uint8_t strange_key[PUBLIC_LEN] = {2};
static const struct sg_topic_id topic = {{1}};
static struct sg_core *core;
static sg_time_ns now;
static uint8_t payload[SIZE + PAYLOADS];
static struct sg_msg_id ids[PAYLOADS];
static unsigned delivered[PAYLOADS];

static struct sg_bytes payload_of(size_t which)
{
    return sg_bytes(payload, SIZE + which);
}

static void take(struct sg_core_outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_core_out *o = &out->out[i];
        if (o->kind != SG_CORE_OUT_DELIVER)
            continue;
        size_t which = 0;
        while (which < PAYLOADS && !sg_msg_id_equal(&ids[which], &o->id))
            which++;
        if (which == PAYLOADS)
            continue; /* a plain message out of the input */
        assert(sg_bytes_equal(o->message.payload, payload_of(which)));
        assert(++delivered[which] == 1);
    }
    sg_core_outbox_fini(out, sg_mem_default());
    sg_core_check(core);
}

static void feed(const struct sg_core_in *in)
{
    struct sg_core_outbox out = {0};
    sg_err err = sg_core_input(core, now, 1000000, in, &out);
    assert(err != SG_ERR_NO_MEMORY);
    take(&out);
}

static void feed_frame(uint8_t peer, enum sg_lane lane, struct sg_buf *frame)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_FRAME, .peer = {{peer}}, .lane = lane};
    assert(frame != NULL);
    in.bytes = sg_buf_bytes(frame);
    in.buf = lane == SG_LANE_BULK ? frame : NULL;
    feed(&in);
    sg_buf_unref(frame);
}

static void link_up(uint8_t peer)
{
    struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP, .peer = {{peer}}, .srtt_ns = 1000000};
    struct sg_hpv_msg join = {.kind = SG_HPV_NEIGHBOR, .high_priority = true};
    struct sg_frame_head head = {.family = SG_FAMILY_HYPARVIEW, .scope = topic};
    struct sg_hints hints[SG_HPV_SHUFFLE_MAX] = {{0}};
    struct sg_writer w;
    up.hints.count = 1;
    up.hints.hint[0].len = 1;
    feed(&up);
    struct sg_buf *frame = sg_frame_begin(core, &head, 256, &w);
    assert(frame != NULL);
    sg_hpv_msg_encode(&w, &join, hints);
    feed_frame(peer, SG_LANE_MSHIP, sg_frame_end(frame, &w));
}

/* KEY, ROOT and GOSSIP of a stranger's message. */
static void announce(size_t which, uint8_t peer)
{
    const uint8_t signature[SIG_LEN] = {0};
    struct sg_gossip msg = {.hop = 1,
                            .sequence = (UINT64_C(1) << 32) + which,
                            .time_ms = 1000000,
                            .expiry_ms = 1060000,
                            .batch_count = 1,
                            .is_large = true};
    struct sg_root root = {.count = 1, .signature = sg_bytes(signature, SIG_LEN)};
    const struct sg_bytes key[] = {SG_BYTES_LIT("saorsa peer v1"),
                                   sg_bytes(strange_key, PUBLIC_LEN)};
    weak_hash(key, 2, msg.author.b);
    struct sg_buf *text = sg_large_announce(core, payload_of(which));
    assert(text != NULL);
    msg.payload = sg_buf_bytes(text);
    sg_message_id(core, &topic, &msg, &ids[which]);
    sg_batch_root(core, &msg.author, &(struct sg_leaves){ids[which].b, 1}, root.root);
    feed_frame(peer, SG_LANE_PUBSUB, sg_key_frame(core, sg_bytes(strange_key, PUBLIC_LEN)));
    feed_frame(peer, SG_LANE_PUBSUB, sg_root_frame(core, &root));
    feed_frame(peer, SG_LANE_PUBSUB, sg_gossip_frame(core, &topic, &msg));
    sg_buf_unref(text);
}

static void begin(void)
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic};
    struct sg_core_publish_in own = {.wall_ms = 1000000, .topic = topic, .payload = payload_of(0)};
    struct sg_core_publish result;
    struct sg_core_outbox out = {0};
    config.suite = &weak;
    config.signer.suite = &weak;
    config.signer.public_key = sg_bytes(own_key, sizeof(own_key));
    config.signer.sign = weak_sign;
    config.self.b[0] = 0xff;
    config.network = SG_BYTES_LIT("fuzz");
    config.boot = 1;
    config.links_max = 8;
    config.book_max = 48;
    sg_err err = sg_core_new(&core, &config, 0);
    assert(err == SG_OK);
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i >> 4);
    memset(ids, 0, sizeof(ids));
    memset(delivered, 0, sizeof(delivered));
    now = 0;
    feed(&in);
    for (uint8_t i = 1; i <= PEERS; i++)
        link_up(i);
    err = sg_core_publish(core, now, &own, &result, &out);
    assert(err == SG_OK);
    ids[0] = result.id;
    take(&out);
}

static struct sg_large_msg chunk_msg(size_t which, uint8_t how)
{
    uint16_t index = how % 4; /* 3: there is none */
    struct sg_large_msg msg = {.kind = SG_LARGE_CHUNK, .id = ids[which], .index = index};
    size_t at = (size_t)(index % 3) * SG_CHUNK_LEN;
    size_t left = SIZE + which - at;
    msg.bytes = sg_bytes(payload + at, left < SG_CHUNK_LEN ? left : SG_CHUNK_LEN);
    if ((how & 4) != 0)
        msg.bytes.len--; /* too short */
    if ((how & 8) != 0)
        msg.bytes.data++; /* other bytes */
    if (msg.bytes.len == 0 || msg.bytes.data + msg.bytes.len > payload + sizeof(payload))
        msg.bytes = sg_bytes(payload, 1);
    return msg;
}

static void frame_step(uint8_t peer, unsigned what, size_t which, uint8_t how)
{
    struct sg_large_msg msg = {.id = ids[which], .len = 1};
    enum sg_lane lane = SG_LANE_PUBSUB;
    msg.chunks.b[0] = how & 7;
    if (what == 0) {
        msg.kind = SG_LARGE_HAVE;
        msg.wants_reply = (how & 8) != 0;
        msg.chunks.b[0] = how & 0x80 ? how : how & 7;
    } else if (what == 1) {
        msg.kind = SG_LARGE_ASK;
        if (msg.chunks.b[0] == 0)
            msg.chunks.b[0] = 1;
    } else if (what == 2) {
        msg = chunk_msg(which, how);
        lane = SG_LANE_BULK;
    } else {
        msg.kind = SG_LARGE_NONE;
    }
    feed_frame(peer, lane, sg_large_chunk_frame(core, &topic, &msg));
}

static void step(const uint8_t at[3])
{
    uint8_t peer = (uint8_t)(at[0] % PEERS + 1);
    size_t which = at[0] / PEERS % PAYLOADS;
    struct sg_core_in in = {.peer = {{peer}}, .topic = topic};
    switch (at[1] % 10) {
    case 4:
        if (which > 0)
            announce(which, peer);
        return;
    case 5:
        in.kind = SG_CORE_IN_TIMEOUT;
        now += (uint64_t)at[2] * at[2] * 4 * SG_NS_PER_MS;
        feed(&in);
        return;
    case 6:
        in.kind = SG_CORE_IN_LINK_DOWN;
        in.err = SG_ERR_CLOSED;
        feed(&in);
        return;
    case 7:
        link_up(peer);
        return;
    case 8:
        in.kind = SG_CORE_IN_PUSH_DROPPED;
        in.lane = SG_LANE_BULK;
        in.id = ids[which];
        feed(&in);
        return;
    case 9:
        in.kind = at[2] & 1 ? SG_CORE_IN_SUBSCRIBE : SG_CORE_IN_UNSUBSCRIBE;
        memset(delivered, 0, sizeof(delivered)); /* a topic opened anew knows nothing */
        feed(&in);
        return;
    default:
        frame_step(peer, at[1] % 10, which, at[2]);
        return;
    }
}

/* The rest of the input as one frame. */
static void raw(const uint8_t *data, size_t size)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_FRAME, .peer = {{1}}, .topic = topic};
    in.lane = size % 2 == 0 ? SG_LANE_PUBSUB : SG_LANE_BULK;
    in.bytes = sg_bytes(data, size);
    feed(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    size_t used = 0;
    for (; used + 3 <= size && used < 3 * 64; used += 3) {
        if (data[used] == 0xff)
            break;
        step(data + used);
    }
    if (used < size)
        raw(data + used, size - used);
    sg_core_free(core);
    return 0;
}
