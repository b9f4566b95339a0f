/* node/docflow: sessions of a bound document under attack by three neighbours. The input is a list
 * of steps of three bytes: who, what, how. All invariants are checked after each step; a message
 * that is given out is what the parts were in order, and no session is told of twice. */
#include <assert.h>
#include <string.h>

#include "node/internal.h"
#include "weak_suite.h"

#define PEERS 3

static sg_err weak_verify(struct sg_bytes public_key, struct sg_bytes context,
                          struct sg_bytes message, struct sg_bytes signature)
{
    (void)public_key, (void)context, (void)message, (void)signature;
    return SG_ERR_BAD_SIGNATURE;
}

static const struct sg_suite weak = {"fuzz",    1,           PUBLIC_LEN, SIG_LEN,
                                     weak_hash, weak_verify, weak_kdf};

static const uint8_t own_key[PUBLIC_LEN] = {1};
static const struct sg_topic_id topic = {{1}};
static struct sg_core *core;
static sg_time_ns now;
static uint64_t sessions[4]; /* the newest that were heard of */

static void take(struct sg_core_outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_core_out *o = &out->out[i];
        if (o->kind != SG_CORE_OUT_DOC)
            continue;
        assert((o->doc == SG_CORE_DOC_MESSAGE) == (o->buf != NULL) && o->job != 0);
        if (o->doc == SG_CORE_DOC_MESSAGE) {
            for (size_t k = 1; k < o->buf->len; k++)
                assert(o->buf->data[k] == (uint8_t)(o->buf->data[k - 1] + 1));
        }
        sessions[o->job % 4] = o->job;
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
    frame = sg_frame_end(frame, &w);
    struct sg_core_in in = {.kind = SG_CORE_IN_FRAME, .peer = {{peer}}, .lane = SG_LANE_MSHIP};
    in.bytes = sg_buf_bytes(frame);
    feed(&in);
    sg_buf_unref(frame);
}

static void begin(void)
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic, .on = true};
    config.suite = &weak;
    config.signer = (struct sg_signer){
        .suite = &weak, .public_key = {own_key, sizeof(own_key)}, .sign = weak_sign};
    config.self.b[0] = 2;
    config.network = SG_BYTES_LIT("fuzz");
    config.boot = 1;
    config.links_max = 8;
    config.book_max = 48;
    sg_err err = sg_core_new(&core, &config, 0);
    assert(err == SG_OK);
    now = 0;
    memset(sessions, 0, sizeof(sessions));
    in.on = false;
    feed(&in);
    in.kind = SG_CORE_IN_DOC_BIND;
    in.on = true;
    feed(&in);
    for (uint8_t i = 1; i <= PEERS; i++)
        link_up((uint8_t)(2 * i - 1));
}

/* Parts hold bytes that rise through a message: part n begins with 8 n. */
static void frame_step(uint8_t peer, unsigned what, uint8_t how)
{
    static uint8_t bytes[8];
    struct sg_frame_head head = {.family = SG_FAMILY_DOC, .scope = topic};
    struct sg_doc_msg msg = {.kind = (enum sg_doc_msg_kind)(what + 1),
                             .session = how & 8 ? (uint32_t)sessions[how & 3] : how & 3u,
                             .by_opener = (how & 4) != 0,
                             .number = how >> 5,
                             .is_last = (how & 16) != 0,
                             .reason = (enum sg_doc_close)(how % 3)};
    struct sg_core_in in = {.kind = SG_CORE_IN_FRAME, .peer = {{peer}}};
    struct sg_writer w;
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(msg.number * 8 + i);
    msg.bytes = sg_bytes(bytes, 8);
    in.lane = msg.kind == SG_DOC_PART ? SG_LANE_BULK : SG_LANE_PUBSUB;
    struct sg_buf *frame = sg_frame_begin(core, &head, 64, &w);
    assert(frame != NULL);
    sg_doc_msg_encode(&w, &msg);
    frame = sg_frame_end(frame, &w);
    in.bytes = sg_buf_bytes(frame);
    in.buf = msg.kind == SG_DOC_PART ? frame : NULL;
    feed(&in);
    sg_buf_unref(frame);
}

static void step(const uint8_t at[3])
{
    static uint8_t message[3 * SG_DOC_PART_MAX];
    uint8_t peer = (uint8_t)(2 * (at[0] % PEERS) + 1);
    struct sg_core_in in = {.peer = {{peer}}, .topic = topic, .job = sessions[at[2] % 4]};
    switch (at[1] % 11) {
    case 3:
        in.kind = SG_CORE_IN_TIMEOUT;
        now += (uint64_t)at[2] * at[2] * 2 * SG_NS_PER_MS;
        break;
    case 4:
        in.kind = SG_CORE_IN_LINK_DOWN;
        in.err = SG_ERR_CLOSED;
        break;
    case 5:
        link_up(peer);
        return;
    case 6:
        in.kind = SG_CORE_IN_PUSH_DROPPED;
        in.lane = SG_LANE_BULK;
        break;
    case 7:
        in.kind = SG_CORE_IN_DOC_SEND;
        in.bytes = sg_bytes(message, (size_t)(at[2] >> 2) * 3000 + 1);
        break;
    case 8:
        in.kind = SG_CORE_IN_DOC_TAKEN;
        break;
    case 9:
        in.kind = SG_CORE_IN_DOC_CLOSE;
        in.err = at[2] & 4 ? SG_OK : SG_ERR_CLOSED;
        break;
    case 10:
        in.kind = at[2] & 4 ? SG_CORE_IN_DOC_SOON : SG_CORE_IN_DOC_BIND;
        in.on = (at[2] & 8) != 0;
        break;
    default:
        frame_step(peer, at[1] % 11, at[2]);
        return;
    }
    feed(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 600)
        return 0;
    begin();
    for (; size >= 3; size -= 3, data += 3)
        step(data);
    sg_core_free(core);
    return 0;
}
