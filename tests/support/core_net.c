#include "support/core_net.h"

#include <assert.h>
#include <stdlib.h>

static const struct sg_core_config *tuned(struct sg_core_config *config, struct net *net, size_t i,
                                          void (*tune)(struct sg_core_config *))
{
    *config = sg_core_config_default(net->mem);
    config->suite = sg_identity_suite(net->identity[i]);
    config->signer = *sg_identity_signer(net->identity[i]);
    config->self = *sg_identity_peer_id(net->identity[i]);
    config->network = SG_BYTES_LIT("test");
    config->boot = 1;
    config->seed = 1000 + i;
    if (tune != NULL)
        tune(config);
    return config;
}

void net_init(struct net *net, size_t count, void (*tune)(struct sg_core_config *config))
{
    struct sg_core_config config;
    *net = (struct net){.count = count, .now = SG_NS_PER_S, .mem = sg_mem_default()};
    for (size_t i = 0; i < count; i++) {
        sg_err err = sg_identity_new_random(sg_mem_default(), &net->identity[i]);
        assert(err == SG_OK);
        err = sg_core_new(&net->core[i], tuned(&config, net, i, tune), net->now);
        assert(err == SG_OK);
    }
}

void net_fini(struct net *net)
{
    for (; net->head != net->tail; net->head = (net->head + 1) % NET_QUEUE_MAX)
        sg_buf_unref(net->queue[net->head].buf);
    for (size_t i = 0; i < net->job_count; i++)
        sg_buf_unref(net->jobs[i].proof);
    for (size_t i = 0; i < net->stored_count; i++) {
        sg_buf_unref(net->stored[i].gossip);
        sg_buf_unref(net->stored[i].root);
        sg_buf_unref(net->stored[i].key);
    }
    for (size_t i = 0; i < net->count; i++) {
        sg_core_free(net->core[i]);
        sg_identity_free(net->identity[i]);
    }
    sg_core_outbox_fini(&net->out, net->mem);
}

const struct sg_peer_id *net_id(const struct net *net, size_t node)
{
    return sg_identity_peer_id(net->identity[node]);
}

static size_t node_of(const struct net *net, const struct sg_peer_id *peer)
{
    for (size_t i = 0; i < net->count; i++) {
        if (sg_peer_id_equal(net_id(net, i), peer))
            return i;
    }
    return net->count;
}

static void enqueue(struct net *net, const struct net_frame *frame)
{
    net->queue[net->tail] = *frame;
    net->tail = (net->tail + 1) % NET_QUEUE_MAX;
    assert(net->tail != net->head);
}

static struct sg_hints hints_of(size_t node)
{
    struct sg_hints hints = {.count = 1};
    hints.hint[0].len = 7;
    hints.hint[0].b[0] = 4;
    hints.hint[0].b[6] = (uint8_t)(node + 1);
    return hints;
}

/* False where the node has no room for the link. */
static bool link_up(struct net *net, size_t node, size_t peer, bool dialled)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_UP,
                            .peer = *net_id(net, peer),
                            .dialled = dialled,
                            .boot = 1,
                            .hints = hints_of(peer),
                            .srtt_ns = 2 * SG_NS_PER_MS,
                            .rttvar_ns = SG_NS_PER_MS / 2,
                            .secret = {(uint8_t)(node + peer), (uint8_t)(node * peer)}};
    net->is_linked[node][peer] = true;
    sg_err err = net_input(net, node, &in);
    assert(err == SG_OK || err == SG_ERR_LIMIT);
    net->is_linked[node][peer] = net->is_linked[node][peer] && err == SG_OK;
    return err == SG_OK;
}

static void link_down(struct net *net, size_t node, size_t peer, sg_err why)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_LINK_DOWN, .peer = *net_id(net, peer), .err = why};
    net->is_linked[node][peer] = false;
    (void)!net_input(net, node, &in);
}

static bool is_refused(const struct net *net, size_t node, size_t peer)
{
    uint8_t hello[SG_HELLO_MAX];
    uint64_t boot;
    size_t len = sg_core_hello(net->core[peer], hello);
    return sg_core_hello_check(net->core[node], net_id(net, peer), sg_bytes(hello, len), &boot) !=
           SG_OK;
}

static bool is_reachable(const struct net *net, size_t node, size_t peer)
{
    if (peer == net->count || net->is_down[peer] || net->is_cut[peer] || net->is_cut[node])
        return false;
    return !net->has_hellos || !(is_refused(net, node, peer) || is_refused(net, peer, node));
}

static void execute_dial(struct net *net, size_t node, const struct sg_peer_id *to)
{
    size_t peer = node_of(net, to);
    if (!is_reachable(net, node, peer)) {
        struct sg_core_in in = {
            .kind = SG_CORE_IN_LINK_DOWN, .peer = *to, .err = SG_ERR_UNREACHABLE};
        (void)!net_input(net, node, &in);
        return;
    }
    if (net->is_linked[node][peer])
        return;
    if (link_up(net, peer, node, false))
        (void)link_up(net, node, peer, true);
    else
        link_down(net, node, peer, SG_ERR_CLOSED);
}

static void execute_close(struct net *net, size_t node, const struct sg_core_out *out)
{
    size_t peer = node_of(net, &out->peer);
    net->last_close[node] = out->reason;
    net->is_linked[node][peer] = false;
    /* behind what was sent before */
    if (peer < net->count && net->is_linked[peer][node])
        enqueue(net, &(struct net_frame){node, peer, SG_LANE_MSHIP, NULL});
}

uint64_t net_sum(struct sg_bytes bytes)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.len; i++)
        sum = (sum ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void keep_delivery(struct net *net, size_t node, const struct sg_core_out *out)
{
    assert(net->delivery_count < NET_DELIVERIES_MAX);
    struct net_delivery *delivery = &net->deliveries[net->delivery_count++];
    *delivery = (struct net_delivery){.node = node, .id = out->id, .message = out->message};
    delivery->payload_len = out->message.payload.len;
    delivery->sum = net_sum(out->message.payload);
    delivery->first = delivery->payload_len > 0 ? out->message.payload.data[0] : 0;
    delivery->message.payload = (struct sg_bytes){NULL, 0};
}

static void keep_member_event(struct net *net, size_t node, const struct sg_core_out *out)
{
    size_t member = node_of(net, &out->peer);
    if (member == net->count)
        return;
    net->member_events[node][member][out->member]++;
    if (out->member == SG_CORE_MEMBER_FAIL)
        net->failed_at[node][member] = net->now;
}

size_t net_told(const struct net *net, size_t node, size_t member, enum sg_core_member_kind kind)
{
    return net->member_events[node][member][kind];
}

void net_crash(struct net *net, size_t node)
{
    net->is_down[node] = true;
}

void net_finish_job(struct net *net)
{
    assert(net->job_count > 0);
    struct net_job job = net->jobs[0];
    net->job_count--;
    memmove(net->jobs, net->jobs + 1, net->job_count * sizeof(net->jobs[0]));
    uint8_t signature[SG_SIG_MAX];
    struct sg_core_in in = {.job = job.number};
    if (job.kind == SG_CORE_OUT_SIGN) {
        in.kind = SG_CORE_IN_SIGNED;
        in.err =
            sg_core_job_sign(sg_identity_signer(net->identity[job.node]), &job.root, signature);
        in.bytes = sg_bytes(signature, sg_suite_default()->sig_len);
    } else {
        in.kind = SG_CORE_IN_VERIFIED;
        in.err = sg_core_job_verify(sg_suite_default(), &job.root, sg_buf_bytes(job.proof));
        sg_buf_unref(job.proof);
    }
    sg_err err = net_input(net, job.node, &in);
    assert(err == SG_OK || err == SG_ERR_STOPPED);
}

static void execute_job(struct net *net, size_t node, struct sg_core_out *out)
{
    assert(net->job_count < NET_JOBS_MAX);
    net->jobs[net->job_count++] = (struct net_job){
        .node = node, .number = out->job, .kind = out->kind, .root = out->id, .proof = out->buf};
    out->buf = NULL;
    if (!net->jobs_wait)
        net_finish_job(net);
}

static void keep_stored(struct net *net, size_t node, const struct sg_core_out *out)
{
    assert(net->stored_count < NET_STORED_MAX);
    net->stored[net->stored_count++] = (struct net_stored){.node = node,
                                                           .topic = out->topic,
                                                           .id = out->id,
                                                           .gossip = sg_buf_ref(out->buf),
                                                           .root = sg_buf_ref(out->store.root),
                                                           .key = sg_buf_ref(out->store.key)};
}

static void execute(struct net *net, size_t node, struct sg_core_out *out)
{
    switch (out->kind) {
    case SG_CORE_OUT_SEND:
        enqueue(net, &(struct net_frame){node, node_of(net, &out->peer), out->lane, out->buf});
        out->buf = NULL;
        break;
    case SG_CORE_OUT_DIAL:
        execute_dial(net, node, &out->peer);
        break;
    case SG_CORE_OUT_CLOSE:
        execute_close(net, node, out);
        break;
    case SG_CORE_OUT_DELIVER:
        keep_delivery(net, node, out);
        break;
    case SG_CORE_OUT_NEED_SEEDS:
        net->need_seeds[node]++;
        break;
    case SG_CORE_OUT_NEIGHBOR_UP:
    case SG_CORE_OUT_NEIGHBOR_DOWN:
        net->neighbor_events[node]++;
        break;
    case SG_CORE_OUT_NEED_CACHE:
        net->need_cache[node]++;
        break;
    case SG_CORE_OUT_MEMBER:
        keep_member_event(net, node, out);
        break;
    case SG_CORE_OUT_STORE:
        keep_stored(net, node, out);
        break;
    case SG_CORE_OUT_TRANSFER:
        net->transfers[node] = *out;
        net->transfer_events[node]++;
        break;
    case SG_CORE_OUT_DOC:
        if (net->on_doc != NULL)
            net->on_doc(net, node, out);
        break;
    case SG_CORE_OUT_SIGN:
    case SG_CORE_OUT_VERIFY:
        execute_job(net, node, out);
        break;
    }
}

/* Executing may feed other cores, so each call works on an outbox of its own. */
static void execute_all(struct net *net, size_t node, struct sg_core_outbox *out)
{
    for (size_t i = 0; i < out->count; i++)
        execute(net, node, &out->out[i]);
    sg_core_outbox_fini(out, net->mem);
    sg_core_check(net->core[node]);
}

sg_err net_input(struct net *net, size_t node, const struct sg_core_in *in)
{
    struct sg_core_outbox out = {0};
    uint64_t wall_ms = NET_WALL_MS + net->now / SG_NS_PER_MS;
    sg_err err = sg_core_input(net->core[node], net->now, wall_ms, in, &out);
    execute_all(net, node, &out);
    return err;
}

void net_inject(struct net *net, size_t from, size_t to, enum sg_lane lane, struct sg_bytes bytes)
{
    struct sg_core_in in = {
        .kind = SG_CORE_IN_FRAME, .peer = *net_id(net, from), .lane = lane, .bytes = bytes};
    /* a copy of exactly this size, so that the sanitizer sees every read past its end */
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1);
    assert(copy != NULL);
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    in.bytes.data = copy;
    sg_err err = net_input(net, to, &in);
    assert(err == SG_OK || err == SG_ERR_STOPPED);
    free(copy);
}

void net_restart(struct net *net, size_t node, uint64_t boot)
{
    struct sg_core_config config;
    (void)tuned(&config, net, node, NULL);
    config.boot = boot;
    sg_core_free(net->core[node]);
    sg_err err = sg_core_new(&net->core[node], &config, net->now);
    assert(err == SG_OK);
    net->is_down[node] = false;
    for (size_t i = 0; i < net->count; i++) {
        net->is_linked[node][i] = false;
        if (net->is_linked[i][node])
            link_down(net, i, node, SG_ERR_CLOSED);
    }
}

void net_join(struct net *net, size_t node, size_t contact)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_SEED, .peer = *net_id(net, contact)};
    if (!net->is_linked[node][contact]) {
        bool is_up = link_up(net, contact, node, false) && link_up(net, node, contact, true);
        assert(is_up);
        (void)is_up;
    }
    sg_err err = net_input(net, node, &in);
    assert(err == SG_OK);
}

void net_subscribe(struct net *net, size_t node, const struct sg_topic_id *topic)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_SUBSCRIBE, .topic = *topic};
    sg_err err = net_input(net, node, &in);
    assert(err == SG_OK);
}

sg_err net_publish(struct net *net, size_t node, const struct sg_topic_id *topic,
                   struct sg_bytes payload, struct sg_core_publish *result)
{
    struct sg_core_outbox out = {0};
    uint64_t wall_ms = NET_WALL_MS + net->now / SG_NS_PER_MS;
    struct sg_core_publish_in in = {.wall_ms = wall_ms, .topic = *topic, .payload = payload};
    sg_err err = sg_core_publish(net->core[node], net->now, &in, result, &out);
    execute_all(net, node, &out);
    return err;
}

static bool passes(struct net *net, const struct net_frame *frame)
{
    if (frame->to >= net->count || net->is_down[frame->to] || net->is_cut[frame->to] ||
        net->is_cut[frame->from])
        return false;
    return frame->buf == NULL || net->filter == NULL || net->filter(net, frame);
}

static void arrive(struct net *net)
{
    struct net_frame frame = net->queue[net->head];
    net->head = (net->head + 1) % NET_QUEUE_MAX;
    bool is_linked = frame.to < net->count && net->is_linked[frame.to][frame.from];
    if (is_linked && passes(net, &frame)) {
        if (frame.buf != NULL)
            net_inject(net, frame.from, frame.to, frame.lane, sg_buf_bytes(frame.buf));
        else if (!net->is_linked[frame.from][frame.to]) /* else a new link has come since */
            link_down(net, frame.to, frame.from, SG_OK);
    }
    sg_buf_unref(frame.buf);
}

static sg_time_ns next_deadline(const struct net *net)
{
    sg_time_ns at = SG_TIME_NEVER;
    for (size_t i = 0; i < net->count; i++)
        at = sg_time_min(at, net->is_down[i] ? SG_TIME_NEVER : sg_core_deadline(net->core[i]));
    return at;
}

static void run_timers(struct net *net)
{
    struct sg_core_in in = {.kind = SG_CORE_IN_TIMEOUT};
    for (size_t i = 0; i < net->count; i++) {
        if (!net->is_down[i] && sg_core_deadline(net->core[i]) <= net->now)
            (void)!net_input(net, i, &in);
    }
}

void net_run(struct net *net, uint64_t duration_ns)
{
    sg_time_ns end = net->now + duration_ns;
    while (net->now < end) {
        size_t waiting = (net->tail + NET_QUEUE_MAX - net->head) % NET_QUEUE_MAX;
        for (size_t i = 0; i < waiting; i++)
            arrive(net);
        run_timers(net);
        sg_time_ns next = net->head != net->tail ? net->now + SG_NS_PER_MS : next_deadline(net);
        if (next <= net->now)
            next = net->now + 1;
        net->now = next < end ? next : end;
    }
}

size_t net_delivered(const struct net *net, size_t node, const struct sg_msg_id *id)
{
    size_t count = 0;
    for (size_t i = 0; i < net->delivery_count; i++) {
        const struct net_delivery *delivery = &net->deliveries[i];
        count += delivery->node == node && sg_msg_id_equal(&delivery->id, id) ? 1 : 0;
    }
    return count;
}

void net_settle(struct net *net, const struct sg_topic_id *topic)
{
    for (size_t i = 0; i < net->count; i++)
        net_subscribe(net, i, topic);
    for (size_t i = 1; i < net->count; i++)
        net_join(net, i, 0);
    net_run(net, 5 * SG_NS_PER_S);
}
