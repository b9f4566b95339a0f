/* The whole core fed by three peers, with time passing and links coming and going. The input is a
 * list of steps: one byte says which peer and what happens, then a frame with a 16-bit length. All
 * invariants are checked after each step. The suite is a stand-in without secrets, so that the
 * fuzzer can get past hashes and signatures. Inputs of odd size have their signatures checked by
 * jobs, each of which is done two steps later. */
#include <assert.h>
#include <string.h>

#include "node/core.h"

#define PEERS 3
#define PUBLIC_LEN 32
#define SIG_LEN 4

static void weak_hash(const struct sg_bytes *parts, size_t count, uint8_t out[SG_HASH_LEN])
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i].len; k++)
            h = (h ^ parts[i].data[k]) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < SG_HASH_LEN; i++) {
        out[i] = (uint8_t)(h >> 56);
        h = h * UINT64_C(0x5851f42d4c957f2d) + 1;
    }
}

static sg_err weak_verify(struct sg_bytes public_key, struct sg_bytes context,
                          struct sg_bytes message, struct sg_bytes signature)
{
    (void)public_key;
    (void)context;
    (void)message;
    return signature.len == SIG_LEN && signature.data[0] == 0 ? SG_OK : SG_ERR_BAD_SIGNATURE;
}

static const struct sg_suite weak = {"fuzz", 1, PUBLIC_LEN, SIG_LEN, weak_hash, weak_verify};

static sg_err weak_sign(void *state, struct sg_bytes context, struct sg_bytes message,
                        uint8_t *signature)
{
    (void)state;
    (void)context;
    (void)message;
    memset(signature, 0, SIG_LEN);
    return SG_OK;
}

static const uint8_t own_key[PUBLIC_LEN] = {1};
static const struct sg_topic_id topic = {{1}};

#define JOBS_MAX 256
static struct {
    size_t count;
    struct {
        uint64_t number;
        enum sg_core_in_kind kind;
        sg_err err;
    } job[JOBS_MAX];
} jobs;

static struct sg_core *new_core(bool offload)
{
    struct sg_core_config config = sg_core_config_default(sg_mem_default());
    struct sg_core *core = NULL;
    config.suite = &weak;
    config.signer.suite = &weak;
    config.signer.public_key = sg_bytes(own_key, sizeof(own_key));
    config.signer.sign = weak_sign;
    config.self.b[0] = 0xff;
    config.network = SG_BYTES_LIT("fuzz");
    config.boot = 1;
    config.pt.seen_max = 64;
    config.pt.cache_max = 16;
    config.pt.missing_max = 16;
    config.book_max = 48;
    config.keys_max = 4;
    config.roots_max = 4;
    config.authors_max = 4;
    config.links_max = 8;
    config.offload = offload;
    config.waiting_bytes_max = 8192;
    config.verify_jobs_max = 8;
    sg_err err = sg_core_new(&core, &config, 0);
    assert(err == SG_OK);
    return core;
}

static void note_jobs(const struct sg_core_outbox *out)
{
    for (size_t i = 0; i < out->count; i++) {
        const struct sg_core_out *o = &out->out[i];
        if (o->kind != SG_CORE_OUT_VERIFY)
            continue;
        assert(jobs.count < JOBS_MAX);
        jobs.job[jobs.count].number = o->job;
        jobs.job[jobs.count].kind = SG_CORE_IN_VERIFIED;
        jobs.job[jobs.count++].err = sg_core_job_verify(&weak, &o->id, sg_buf_bytes(o->buf));
    }
}

static void feed(struct sg_core *core, sg_time_ns now, const struct sg_core_in *in)
{
    struct sg_core_outbox out = {0};
    sg_err err = sg_core_input(core, now, 1000000, in, &out);
    assert(err != SG_ERR_NO_MEMORY);
    note_jobs(&out);
    sg_core_outbox_fini(&out, sg_mem_default());
    sg_core_check(core);
}

/* The first count jobs. */
static void do_jobs(struct sg_core *core, sg_time_ns now, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sg_core_in in = {
            .kind = jobs.job[i].kind, .job = jobs.job[i].number, .err = jobs.job[i].err};
        feed(core, now, &in);
    }
    jobs.count -= count;
    memmove(jobs.job, jobs.job + count, jobs.count * sizeof(jobs.job[0]));
}

/* One step; gives how far the clock goes on. */
static uint64_t step(struct sg_core *core, sg_time_ns now, struct sg_reader *r)
{
    uint8_t op = sg_read_u8(r);
    struct sg_core_in in = {.peer = {{(uint8_t)(op % PEERS + 1)}}, .topic = topic};
    in.bytes = sg_read_bytes(r, sg_read_u16(r));
    switch ((op / PEERS) % 8) {
    case 0:
        in.kind = SG_CORE_IN_LINK_UP;
        in.hints.count = 1;
        in.hints.hint[0].len = 1;
        break;
    case 1:
        in.kind = SG_CORE_IN_LINK_DOWN;
        in.err = SG_ERR_CLOSED;
        break;
    case 2:
        in.kind = SG_CORE_IN_SEED;
        break;
    case 3:
        in.kind = SG_CORE_IN_TIMEOUT;
        feed(core, now, &in);
        return (uint64_t)op * 20 * SG_NS_PER_MS;
    case 4:
        in.kind = op & 1 ? SG_CORE_IN_SUBSCRIBE : SG_CORE_IN_UNSUBSCRIBE;
        break;
    default:
        in.kind = SG_CORE_IN_FRAME;
        in.lane = op & 0x80 ? SG_LANE_MSHIP : SG_LANE_PUBSUB;
        break;
    }
    feed(core, now, &in);
    return SG_NS_PER_US;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_reader r = sg_reader(sg_bytes(data, size));
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = topic};
    struct sg_core *core = new_core(size % 2 != 0);
    sg_time_ns now = 0;
    size_t old_jobs = 0;
    jobs.count = 0;
    feed(core, now, &in);
    in.kind = SG_CORE_IN_LINK_UP;
    for (uint8_t i = 1; i <= PEERS; i++) {
        in.peer = (struct sg_peer_id){{i}};
        feed(core, now, &in);
    }
    for (int steps = 0; steps < 200 && r.left > 0; steps++) {
        size_t older = jobs.count;
        now += step(core, now, &r);
        do_jobs(core, now, old_jobs);
        old_jobs = older - old_jobs;
    }
    sg_core_free(core);
    return 0;
}
