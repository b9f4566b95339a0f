#include "bench_load.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "json_out.h"
#include "signals.h"

#define S_NS UINT64_C(1000000000)
#define MS_NS UINT64_C(1000000)
/* Requests on their way to the publisher's node: enough to keep it busy, few enough to leave its
 * socket's buffer alone. */
#define WINDOW_MAX 64
#define WINDOW_BYTES (UINT64_C(128) << 10)
#define REFUSED_PAUSE_NS (2 * MS_NS)
#define WARM_EVERY_NS (100 * MS_NS)

/* ---- who ------------------------------------------------------------------------------------- */

static struct sg_bench_sub *add(struct sg_bench *bench)
{
    if (bench->sub_count == SG_BENCH_SUBS_MAX) {
        sg_complain("too many subscribers: at most %d", SG_BENCH_SUBS_MAX);
        return NULL;
    }
    struct sg_bench_sub *sub = calloc(1, sizeof(*sub));
    if (sub == NULL) {
        sg_complain("out of memory");
        return NULL;
    }
    sub->client.fd = -1;
    sg_app_hist_init(&sub->delay);
    bench->subs[bench->sub_count++] = sub;
    return sub;
}

/* Whether that node publishes, too: then it is asked for its own messages. */
static bool is_publisher(const struct sg_bench *bench, const struct sg_bench_sub *sub)
{
    return strcmp(sub->client.path, bench->publisher.path) == 0;
}

int sg_bench_add_socket(struct sg_bench *bench, const struct sg_app_path_options *paths)
{
    struct sg_ctl_request request = {.op = SG_CTL_SUBSCRIBE, .policy = "block"};
    struct sg_bench_sub *sub = add(bench);
    json_t *answer;
    int code;
    if (sub == NULL)
        return SG_EXIT_FAILURE;
    if (!sg_ctl_client_open(&sub->client, paths, &code))
        return code;
    memcpy(sub->name, sub->client.path, sizeof(sub->name));
    memcpy(request.topic, bench->topic, sizeof(request.topic));
    request.own = is_publisher(bench, sub);
    code = sg_ctl_client_ask(&sub->client, &request, &answer);
    if (code != SG_EXIT_OK)
        return code;
    code = sg_ctl_client_explain(answer);
    json_decref(answer);
    return code;
}

/* Where the publisher's node listens, as this machine reaches it, and its network. */
static int ask_place(struct sg_bench *bench, char place[64], char network[256])
{
    json_t *answer;
    int code = sg_ctl_client_ask_simple(&bench->publisher, SG_CTL_STATUS, &answer);
    if (code != SG_EXIT_OK)
        return code;
    const char *address = sg_json_get_text(answer, "address", "");
    const char *port = strrchr(address, ':');
    bool is_any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
    if (is_any && port != NULL)
        (void)snprintf(place, 64, "127.0.0.1%s", port);
    else
        (void)snprintf(place, 64, "%s", address);
    (void)snprintf(network, 256, "%s", sg_json_get_text(answer, "network", "saorsa"));
    json_decref(answer);
    return SG_EXIT_OK;
}

static sg_err start_own(const struct sg_bench *bench, struct sg_bench_sub *sub,
                        const struct sg_node_config *config, char detail[256])
{
    const struct sg_subscribe_options options = {
        .queue_max = 1 << 16, .queue_bytes_max = (size_t)64 << 20, .policy = SG_FULL_BLOCK};
    struct sg_topic_id topic;
    sg_err err = sg_node_new(config, &sub->node, detail, 256);
    if (err == SG_OK)
        err = sg_node_start(sub->node);
    if (err == SG_OK)
        err = sg_topic_from_name(bench->topic, &topic);
    return err == SG_OK ? sg_subscribe(sub->node, &topic, &options, &sub->inbox) : err;
}

int sg_bench_add_own(struct sg_bench *bench, size_t count)
{
    struct sg_node_config config;
    char place[64];
    char network[256];
    char detail[256] = "";
    const char *seed = place;
    int code = ask_place(bench, place, network);
    if (code != SG_EXIT_OK)
        return code;
    sg_node_config_init(&config);
    config.network = network;
    config.listen = strchr(place, '[') == NULL ? "0.0.0.0:0" : "[::]:0";
    if (strncmp(place, "127.", 4) == 0)
        config.listen = "127.0.0.1:0";
    config.seeds = &seed;
    config.seed_count = 1;
    for (size_t i = 0; i < count; i++) {
        struct sg_bench_sub *sub = add(bench);
        if (sub == NULL)
            return SG_EXIT_FAILURE;
        (void)snprintf(sub->name, sizeof(sub->name), "own node %zu", i + 1);
        sg_err err = start_own(bench, sub, &config, detail);
        if (err != SG_OK) {
            sg_complain("cannot start a node: %s%s%s", sg_err_text(err), detail[0] ? ": " : "",
                        detail);
            return SG_EXIT_FAILURE;
        }
    }
    return SG_EXIT_OK;
}

void sg_bench_fini(struct sg_bench *bench)
{
    for (size_t i = 0; i < bench->sub_count; i++) {
        struct sg_bench_sub *sub = bench->subs[i];
        if (sub->client.fd >= 0)
            sg_ctl_client_close(&sub->client);
        sg_node_free(sub->node);
        free(sub);
    }
    bench->sub_count = 0;
    free(bench->payload);
    bench->payload = NULL;
}

uint64_t sg_bench_delivered(const struct sg_bench *bench)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bench->sub_count; i++)
        sum += bench->subs[i]->delivered;
    return sum;
}

uint64_t sg_bench_dropped(const struct sg_bench *bench)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bench->sub_count; i++)
        sum += bench->subs[i]->dropped;
    return sum;
}

/* ---- publishing ------------------------------------------------------------------------------ */

/* "bench TAG NUMBER TIME xxx..." */
static void fill(struct sg_bench *bench, uint64_t now)
{
    int len =
        snprintf(bench->payload, bench->size + 1, "bench %016" PRIx64 " %" PRIu64 " %" PRIu64 " ",
                 bench->tag, bench->is_warming ? UINT64_MAX : bench->sent, now);
    if (len > 0 && (size_t)len < bench->size)
        memset(bench->payload + len, 'x', bench->size - (size_t)len);
}

static void send_one(struct sg_bench *bench)
{
    struct sg_ctl_request request = {.op = SG_CTL_PUBLISH, .payload_len = bench->size};
    uint64_t now = sg_app_now_ns();
    fill(bench, now);
    request.payload = (const uint8_t *)bench->payload;
    memcpy(request.topic, bench->topic, sizeof(request.topic));
    char *line = sg_ctl_request_encode(&request);
    struct sg_outq queue = {0};
    bool ok = line != NULL && sg_outq_push_line(&queue, line) &&
              sg_outq_flush(&queue, bench->publisher.fd);
    sg_outq_fini(&queue);
    free(line);
    if (!ok)
        bench->code = sg_ctl_client_lost(&bench->publisher, SG_CTL_CLIENT_GONE);
    bench->sent++;
}

static uint64_t window(const struct sg_bench *bench)
{
    uint64_t fit = WINDOW_BYTES / bench->size + 1;
    return fit < WINDOW_MAX ? fit : WINDOW_MAX;
}

/* Messages that should be accepted or on their way by now. */
static uint64_t due(const struct sg_bench *bench, uint64_t now)
{
    if (bench->rate == 0)
        return bench->count;
    uint64_t elapsed = now - bench->begin_ns;
    uint64_t should = 1 + elapsed / S_NS * bench->rate + elapsed % S_NS * bench->rate / S_NS;
    return should < bench->count ? should : bench->count;
}

static void send_due(struct sg_bench *bench)
{
    uint64_t now = sg_app_now_ns();
    uint64_t flying = bench->sent - bench->answers;
    if (now < bench->pause_until_ns)
        return;
    while (bench->code == SG_EXIT_OK && flying < window(bench) &&
           bench->accepted + flying < due(bench, now)) {
        send_one(bench);
        flying++;
    }
}

static void take_answer(struct sg_bench *bench, const json_t *answer)
{
    sg_err err = sg_ctl_answer_err(answer);
    uint64_t now = sg_app_now_ns();
    bench->answers++;
    if (err == SG_OK) {
        bench->accepted++;
        bench->end_ns = now;
        bench->last_ns = now;
    } else if (err == SG_ERR_WOULD_BLOCK) {
        bench->refused++;
        bench->pause_until_ns = now + REFUSED_PAUSE_NS;
    } else {
        bench->code = sg_ctl_client_explain(answer);
    }
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void take_payload(struct sg_bench *bench, struct sg_bench_sub *sub, struct sg_bytes payload,
                         uint64_t received_ns)
{
    char head[SG_BENCH_SIZE_MIN + 1];
    uint64_t tag, number, sent_ns;
    size_t len = payload.len < SG_BENCH_SIZE_MIN ? payload.len : SG_BENCH_SIZE_MIN;
    memcpy(head, payload.data, len);
    head[len] = '\0';
    if (sscanf(head, "bench %" SCNx64 " %" SCNu64 " %" SCNu64, &tag, &number, &sent_ns) != 3 ||
        tag != bench->tag)
        return;
    sub->is_warm = true;
    if (number == UINT64_MAX)
        return;
    sub->delivered++;
    sg_app_hist_add(&sub->delay, received_ns > sent_ns ? received_ns - sent_ns : 0);
    bench->last_ns = sg_app_now_ns();
}

static void take_event(struct sg_bench *bench, struct sg_bench_sub *sub, const json_t *object)
{
    const char *event = sg_json_get_text(object, "event", "");
    uint8_t *payload;
    size_t len;
    if (strcmp(event, "dropped") == 0)
        sub->dropped += sg_json_count(object, "count");
    if (strcmp(event, "message") != 0 || sg_ctl_payload(object, &payload, &len) != SG_OK)
        return;
    take_payload(bench, sub, (struct sg_bytes){payload, len}, sg_json_count(object, "received_ns"));
    free(payload);
}

/* Reads once and takes all objects; sub NULL: from the publisher. */
static void take_objects(struct sg_bench *bench, struct sg_bench_sub *sub)
{
    struct sg_ctl_client *client = sub == NULL ? &bench->publisher : &sub->client;
    enum sg_ctl_client_result result = sg_ctl_client_fill(client);
    json_t *object;
    while (result == SG_CTL_CLIENT_MORE &&
           (result = sg_ctl_client_next(client, &object)) == SG_CTL_CLIENT_OBJECT) {
        if (sub != NULL)
            take_event(bench, sub, object);
        else
            take_answer(bench, object);
        json_decref(object);
        result = SG_CTL_CLIENT_MORE;
    }
    if (result == SG_CTL_CLIENT_GONE || result == SG_CTL_CLIENT_GARBLED)
        bench->code = sg_ctl_client_lost(client, result);
}

static void take_messages(struct sg_bench *bench, struct sg_bench_sub *sub)
{
    struct sg_message *message;
    while (sg_subscription_next(sub->inbox, 0, &message) == SG_OK) {
        take_payload(bench, sub, (struct sg_bytes){message->payload, message->len},
                     sg_app_now_ns());
        sg_message_free(message);
    }
    sub->dropped = sg_subscription_dropped(sub->inbox);
}

/* Waits for anything, until a time at most. */
static void wait_and_take(struct sg_bench *bench, uint64_t until_ns)
{
    struct pollfd fds[SG_BENCH_SUBS_MAX + 2];
    size_t count = bench->sub_count;
    for (size_t i = 0; i < count; i++) {
        const struct sg_bench_sub *sub = bench->subs[i];
        int fd = sub->node == NULL ? sub->client.fd : sg_subscription_fd(sub->inbox);
        fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    fds[count] = (struct pollfd){.fd = bench->publisher.fd, .events = POLLIN};
    fds[count + 1] = (struct pollfd){.fd = sg_app_signals_fd(), .events = POLLIN};
    (void)poll(fds, count + 2, sg_app_poll_ms(sg_app_now_ns(), until_ns));
    for (size_t i = 0; i < count; i++) {
        if (fds[i].revents != 0 && bench->subs[i]->node == NULL)
            take_objects(bench, bench->subs[i]);
        else if (fds[i].revents != 0)
            take_messages(bench, bench->subs[i]);
    }
    if (fds[count].revents != 0)
        take_objects(bench, NULL);
    if (sg_app_signals_caught() != 0 && bench->code == SG_EXIT_OK)
        bench->code = SG_EXIT_FAILURE;
}

/* ---- the run --------------------------------------------------------------------------------- */

static struct sg_bench_sub *cold_one(const struct sg_bench *bench)
{
    for (size_t i = 0; i < bench->sub_count; i++) {
        if (!bench->subs[i]->is_warm)
            return bench->subs[i];
    }
    return NULL;
}

/* The overlay is there when each subscriber has got something. What is counted here is none of the
 * result. */
static void warm_up(struct sg_bench *bench)
{
    uint64_t next = sg_app_now_ns();
    uint64_t end = next + 2 * bench->patience_ns;
    bench->is_warming = true;
    while (bench->code == SG_EXIT_OK && (cold_one(bench) != NULL || bench->answers < bench->sent)) {
        uint64_t now = sg_app_now_ns();
        if (now > end && cold_one(bench) != NULL) {
            sg_complain("nothing from %s reaches %s: are these nodes connected?",
                        bench->publisher.path, cold_one(bench)->name);
            bench->code = SG_EXIT_TIMEOUT;
            break;
        }
        if (now >= next && bench->answers == bench->sent && cold_one(bench) != NULL) {
            send_one(bench);
            next = now + WARM_EVERY_NS;
        }
        wait_and_take(bench, next > now ? next : now + WARM_EVERY_NS);
    }
    bench->is_warming = false;
    bench->sent = bench->answers = bench->accepted = bench->refused = 0;
}

static bool is_done(const struct sg_bench *bench)
{
    uint64_t expected = bench->accepted * bench->sub_count;
    return bench->accepted == bench->count &&
           sg_bench_delivered(bench) + sg_bench_dropped(bench) >= expected;
}

/* Neither acceptances nor deliveries came any more. */
static void give_up(struct sg_bench *bench)
{
    uint64_t s = bench->patience_ns / S_NS;
    sg_progress_clear(&bench->progress);
    if (bench->accepted < bench->count)
        sg_complain("the node accepted %" PRIu64 " of %" PRIu64
                    " messages, and no more for %" PRIu64 " s",
                    bench->accepted, bench->count, s);
    else
        sg_complain("nothing came any more for %" PRIu64 " s, though messages are missing", s);
    bench->code = SG_EXIT_TIMEOUT;
}

static void show(struct sg_bench *bench)
{
    if (sg_progress_due(&bench->progress))
        sg_progress_show(&bench->progress,
                         "published %" PRIu64 " of %" PRIu64 ", delivered %" PRIu64,
                         bench->accepted, bench->count, sg_bench_delivered(bench));
}

/* When there is something to do though nothing comes. */
static uint64_t next_ns(const struct sg_bench *bench, uint64_t now)
{
    uint64_t at = now + 100 * MS_NS;
    bool is_all = bench->accepted + (bench->sent - bench->answers) >= bench->count;
    if (!is_all && bench->rate > 0)
        at = now + S_NS / bench->rate < at ? now + S_NS / bench->rate : at;
    if (!is_all && bench->pause_until_ns > now && bench->pause_until_ns < at)
        at = bench->pause_until_ns;
    return at;
}

int sg_bench_run(struct sg_bench *bench)
{
    bench->payload = malloc(bench->size + 1);
    bench->tag = sg_app_now_ns() ^ (uint64_t)getpid() << 40;
    sg_progress_init(&bench->progress, bench->quiet);
    if (bench->payload == NULL)
        return SG_EXIT_FAILURE;
    warm_up(bench);
    bench->begin_ns = sg_app_now_ns();
    bench->last_ns = bench->begin_ns;
    while (bench->code == SG_EXIT_OK && !is_done(bench)) {
        uint64_t now = sg_app_now_ns();
        if (now > bench->last_ns + bench->patience_ns)
            give_up(bench);
        send_due(bench);
        show(bench);
        wait_and_take(bench, next_ns(bench, sg_app_now_ns()));
    }
    sg_progress_clear(&bench->progress);
    return bench->code;
}
