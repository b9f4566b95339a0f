/* Two cores joined by function calls: what publishing and receiving cost without QUIC, sockets and
 * threads. */
#include "pubsub.h"

#include <string.h>

#include "base/writer.h"
#include "crypto/identity.h"
#include "node/core.h"

#define WALL_MS UINT64_C(1700000000000)
#define SIGNATURES 400

struct end {
    struct sg_core *core;
    struct sg_identity *identity;
    struct sg_core_outbox out;
    double cpu;
    uint64_t delivered, bytes;
};

struct pair {
    struct end end[2]; /* author, receiver */
    sg_time_ns now;
};

static const struct sg_topic_id topic = {{7}};

static void demand(sg_err err)
{
    if (err != SG_OK)
        pubsub_die(sg_err_text(err));
}

static void carry(struct pair *p, size_t from);

static void feed(struct pair *p, size_t to, const struct sg_core_in *in)
{
    struct end *e = &p->end[to];
    double start = pubsub_thread_cpu();
    demand(sg_core_input(e->core, p->now, WALL_MS + p->now / SG_NS_PER_MS, in, &e->out));
    e->cpu += pubsub_thread_cpu() - start;
}

/* Frames go over at once, many to one look at the clock. */
static void carry(struct pair *p, size_t from)
{
    struct end *a = &p->end[from];
    struct end *b = &p->end[1 - from];
    struct sg_core_outbox out = a->out;
    a->out = (struct sg_core_outbox){0};
    double start = pubsub_thread_cpu();
    for (size_t i = 0; i < out.count; i++) {
        const struct sg_core_out *o = &out.out[i];
        a->delivered += o->kind == SG_CORE_OUT_DELIVER;
        if (o->kind != SG_CORE_OUT_SEND)
            continue;
        const struct sg_core_in in = {.kind = SG_CORE_IN_FRAME,
                                      .peer = *sg_identity_peer_id(a->identity),
                                      .lane = o->lane,
                                      .bytes = sg_buf_bytes(o->buf)};
        a->bytes += o->buf->len + sg_varint_len(o->buf->len);
        demand(sg_core_input(b->core, p->now, WALL_MS + p->now / SG_NS_PER_MS, &in, &b->out));
    }
    b->cpu += pubsub_thread_cpu() - start;
    sg_core_outbox_fini(&out, sg_mem_default());
    if (b->out.count > 0)
        carry(p, 1 - from);
}

static void make_end(struct end *e, uint64_t seed, uint8_t batch)
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    demand(sg_identity_new_random(sg_mem_default(), &e->identity));
    config.suite = sg_identity_suite(e->identity);
    config.signer = *sg_identity_signer(e->identity);
    config.self = *sg_identity_peer_id(e->identity);
    config.network = SG_BYTES_LIT("bench");
    config.boot = 1;
    config.seed = seed;
    config.batch_max = batch;
    config.linger_ns = batch == 1 ? 0 : SG_NS_PER_S; /* full batches only */
    config.verify_rate = 1000000;
    config.verify_burst = 1000000;
    config.pubsub_rate = 1000000;
    demand(sg_core_new(&e->core, &config, 0));
}

static void join(struct pair *p)
{
    for (size_t i = 0; i < 2; i++) {
        const struct sg_core_in up = {.kind = SG_CORE_IN_LINK_UP,
                                      .peer = *sg_identity_peer_id(p->end[1 - i].identity),
                                      .dialled = i == 1,
                                      .boot = 1,
                                      .hints = {.count = 1, .hint = {{.len = 1}}},
                                      .srtt_ns = SG_NS_PER_MS};
        const struct sg_core_in subscribe = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic};
        feed(p, i, &up);
        feed(p, i, &subscribe);
    }
    const struct sg_core_in seed = {.kind = SG_CORE_IN_SEED,
                                    .peer = *sg_identity_peer_id(p->end[0].identity)};
    feed(p, 1, &seed);
    const struct sg_core_in timeout = {.kind = SG_CORE_IN_TIMEOUT};
    for (int i = 0; i < 300; i++) {
        p->now += 10 * SG_NS_PER_MS;
        for (size_t k = 0; k < 2; k++) {
            if (sg_core_deadline(p->end[k].core) <= p->now)
                feed(p, k, &timeout);
            carry(p, k);
        }
    }
    if (sg_core_neighbors(p->end[0].core, &topic, NULL, 0) != 1)
        pubsub_die("the two cores are no neighbours");
}

static void publish_all(struct pair *p, uint8_t batch, size_t payload, size_t messages)
{
    static uint8_t bytes[SG_PAYLOAD_MAX];
    for (size_t i = 0; i < messages; i += batch) {
        struct sg_core_publish result;
        double start = pubsub_thread_cpu();
        p->now += 20 * SG_NS_PER_US * batch;
        for (uint8_t k = 0; k < batch; k++) {
            const struct sg_core_publish_in in = {.wall_ms = WALL_MS + p->now / SG_NS_PER_MS,
                                                  .topic = topic,
                                                  .payload = sg_bytes(bytes, payload)};
            demand(sg_core_publish(p->end[0].core, p->now, &in, &result, &p->end[0].out));
        }
        p->end[0].cpu += pubsub_thread_cpu() - start;
        carry(p, 0);
    }
}

struct pubsub_pair pubsub_core_pair(uint8_t batch, size_t payload, size_t messages)
{
    struct pair p = {0};
    struct sg_core_stats stats;
    for (size_t i = 0; i < 2; i++)
        make_end(&p.end[i], i + 1, batch);
    join(&p);
    if (batch > 1) /* the first message of all goes alone; and the key crosses the link */
        publish_all(&p, 1, payload, 1);
    publish_all(&p, batch, payload, 2 * (size_t)batch);
    p.end[0].cpu = p.end[1].cpu = 0;
    p.end[0].bytes = 0;
    uint64_t before = p.end[1].delivered;
    sg_core_stats(p.end[1].core, &stats);
    uint64_t verified = stats.signatures_verified;
    publish_all(&p, batch, payload, messages);
    if (p.end[1].delivered - before != messages)
        pubsub_die("messages were lost between two cores");
    sg_core_stats(p.end[1].core, &stats);
    double n = (double)messages;
    struct pubsub_pair result = {.author_us = p.end[0].cpu * 1e6 / n,
                                 .receiver_us = p.end[1].cpu * 1e6 / n,
                                 .wire_bytes = (double)p.end[0].bytes / n - (double)payload,
                                 .verified = (double)(stats.signatures_verified - verified) / n};
    for (size_t i = 0; i < 2; i++) {
        sg_core_free(p.end[i].core);
        sg_identity_free(p.end[i].identity);
        sg_core_outbox_fini(&p.end[i].out, sg_mem_default());
    }
    return result;
}

void pubsub_signature_costs(double *sign, double *verify)
{
    struct sg_identity *identity;
    uint8_t signature[SG_SIG_MAX];
    demand(sg_identity_new_random(sg_mem_default(), &identity));
    const struct sg_signer *signer = sg_identity_signer(identity);
    struct sg_msg_id root = {{1}};
    uint8_t proof[SG_SIG_PUBLIC_MAX + SG_SIG_MAX];
    double start = pubsub_thread_cpu();
    for (uint32_t i = 0; i < SIGNATURES; i++) {
        root.b[1] = (uint8_t)i;
        demand(sg_core_job_sign(signer, &root, signature));
    }
    *sign = (pubsub_thread_cpu() - start) * 1e6 / SIGNATURES;
    memcpy(proof, signer->public_key.data, signer->public_key.len);
    memcpy(proof + signer->public_key.len, signature, signer->suite->sig_len);
    size_t len = signer->public_key.len + signer->suite->sig_len;
    start = pubsub_thread_cpu();
    for (uint32_t i = 0; i < SIGNATURES; i++)
        demand(sg_core_job_verify(signer->suite, &root, sg_bytes(proof, len)));
    *verify = (pubsub_thread_cpu() - start) * 1e6 / SIGNATURES;
    sg_identity_free(identity);
}
