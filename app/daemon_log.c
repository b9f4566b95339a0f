/* What a node in the foreground tells its operator: the state of the overlay, never single
 * messages unless asked, and nothing that repeats quickly. Lines on stderr with the time, or one
 * JSON object per line on stdout. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "daemon.h"
#include "format.h"
#include "json_out.h"

static const char *kind_name(enum sg_event_kind kind)
{
    switch (kind) {
    case SG_EVENT_PEER_UP:
        return "peer_up";
    case SG_EVENT_PEER_DOWN:
        return "peer_down";
    case SG_EVENT_JOINED:
        return "joined";
    case SG_EVENT_ISOLATED:
        return "isolated";
    case SG_EVENT_SEED_FAILED:
        return "seed_failed";
    case SG_EVENT_REFUSED:
        return "refused";
    case SG_EVENT_MEMBER_JOIN:
        return "member_join";
    case SG_EVENT_MEMBER_SUSPECT:
        return "member_suspect";
    case SG_EVENT_MEMBER_REFUTED:
        return "member_refuted";
    case SG_EVENT_MEMBER_FAIL:
        return "member_fail";
    case SG_EVENT_MEMBER_LEAVE:
        return "member_leave";
    case SG_EVENT_MEMBER_UPDATE:
        return "member_update";
    case SG_EVENT_STATE_FAILED:
        return "state_failed";
    case SG_EVENT_TRANSFER:
        return "transfer";
    }
    return "unknown";
}

static bool is_zero(const uint8_t id[SG_ID_LEN])
{
    static const uint8_t ZERO[SG_ID_LEN];
    return memcmp(id, ZERO, SG_ID_LEN) == 0;
}

bool sg_daemon_is_member_event(enum sg_event_kind kind)
{
    switch (kind) {
    case SG_EVENT_PEER_UP:
    case SG_EVENT_PEER_DOWN:
    case SG_EVENT_JOINED:
    case SG_EVENT_ISOLATED:
    case SG_EVENT_SEED_FAILED:
    case SG_EVENT_REFUSED:
    case SG_EVENT_STATE_FAILED:
    case SG_EVENT_TRANSFER:
        return false;
    case SG_EVENT_MEMBER_JOIN:
    case SG_EVENT_MEMBER_SUSPECT:
    case SG_EVENT_MEMBER_REFUTED:
    case SG_EVENT_MEMBER_FAIL:
    case SG_EVENT_MEMBER_LEAVE:
    case SG_EVENT_MEMBER_UPDATE:
        return true;
    }
    return false;
}

static json_int_t wall_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (json_int_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool set_transfer(json_t *object, const struct sg_event *event)
{
    return json_object_set_new(object, "id", sg_json_id(event->message.b)) == 0 &&
           json_object_set_new(object, "done", json_integer((json_int_t)event->done)) == 0 &&
           json_object_set_new(object, "total", json_integer((json_int_t)event->total)) == 0;
}

json_t *sg_daemon_event_json(const struct sg_event *event)
{
    json_t *object = json_object();
    bool ok = json_object_set_new(object, "event", json_string(kind_name(event->kind))) == 0 &&
              json_object_set_new(object, "time_ms", json_integer(wall_clock_ms())) == 0 &&
              json_object_set_new(object, "at_ns", json_integer((json_int_t)sg_app_now_ns())) == 0;
    if (ok && !is_zero(event->peer.b))
        ok = json_object_set_new(object, "peer", sg_json_id(event->peer.b)) == 0;
    if (ok && !is_zero(event->topic.b))
        ok = json_object_set_new(object, "topic", sg_json_id(event->topic.b)) == 0;
    if (ok && event->err != SG_OK)
        ok = json_object_set_new(object, "error", json_string(sg_err_name(event->err))) == 0;
    if (ok && event->text[0] != '\0')
        ok = json_object_set_new(object, "text", sg_json_text(event->text)) == 0;
    if (ok && event->kind == SG_EVENT_TRANSFER)
        ok = set_transfer(object, event);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* What a topic is called here; clients know theirs, the log those of --topic. */
static const char *topic_name(const struct sg_daemon *daemon, const struct sg_topic_id *topic,
                              char text[SG_FMT_CAP])
{
    for (size_t i = 0; i < daemon->topic_count; i++) {
        if (memcmp(daemon->topics[i].id.b, topic->b, SG_ID_LEN) == 0)
            return daemon->topics[i].name;
    }
    return sg_fmt_short_id(text, topic->b);
}

static void print_time(void)
{
    char text[16];
    struct tm local;
    time_t now = time(NULL);
    if (localtime_r(&now, &local) == NULL || strftime(text, sizeof(text), "%H:%M:%S", &local) == 0)
        text[0] = '\0';
    fprintf(stderr, "%s ", text);
}

/* "peer up abcdefghij (topic chat)" and the like. */
static void print_event(const struct sg_daemon *daemon, const struct sg_event *event)
{
    char id[SG_FMT_CAP];
    char topic[SG_FMT_CAP];
    const char *reason = event->text[0] != '\0' ? event->text
                         : event->err != SG_OK  ? sg_err_text(event->err)
                                                : "by agreement";
    sg_fmt_short_id(id, event->peer.b);
    print_time();
    switch (event->kind) {
    case SG_EVENT_PEER_UP:
        fprintf(stderr, "peer up    %s", id);
        break;
    case SG_EVENT_PEER_DOWN:
        fprintf(stderr, "peer down  %s, %s", id, reason);
        break;
    case SG_EVENT_JOINED:
        fputs("joined the overlay", stderr);
        break;
    case SG_EVENT_ISOLATED:
        fputs("no neighbour left, trying to find one", stderr);
        break;
    case SG_EVENT_SEED_FAILED:
        fprintf(stderr, "seed failed, still trying: %s", reason);
        break;
    case SG_EVENT_REFUSED:
        fprintf(stderr, "link refused %s: %s", is_zero(event->peer.b) ? "" : id, reason);
        break;
    case SG_EVENT_MEMBER_JOIN:
        fprintf(stderr, "member     %s joined", id);
        break;
    case SG_EVENT_MEMBER_SUSPECT:
        fprintf(stderr, "member     %s does not answer", id);
        break;
    case SG_EVENT_MEMBER_REFUTED:
        fprintf(stderr, "member     %s is alive after all", id);
        break;
    case SG_EVENT_MEMBER_FAIL:
        fprintf(stderr, "member     %s FAILED", id);
        break;
    case SG_EVENT_MEMBER_LEAVE:
        fprintf(stderr, "member     %s left", id);
        break;
    case SG_EVENT_MEMBER_UPDATE:
        fprintf(stderr, "member     %s has new metadata", id);
        break;
    case SG_EVENT_STATE_FAILED:
        fputs(reason, stderr);
        break;
    case SG_EVENT_TRANSFER:
        fprintf(stderr, "transfer   %llu of %llu bytes by %s%s%s", (unsigned long long)event->done,
                (unsigned long long)event->total, id, event->err == SG_OK ? "" : " GIVEN UP: ",
                event->err == SG_OK ? "" : "nobody here has the rest");
        break;
    }
    if (!is_zero(event->topic.b))
        fprintf(stderr, " in topic %s", topic_name(daemon, &event->topic, topic));
}

/* Why an event may be left out of the log: its limiter and the key that it counts under; no
 * limiter for what is always said. What strangers can cause has one key for all its texts, so that
 * they cannot fill the log. */
struct place {
    struct sg_app_limiter *limiter;
    char key[192];
};

/* Whether the operator wants to see such events at all. */
static bool is_wanted(struct sg_daemon *daemon, const struct sg_event *event, struct place *place)
{
    place->limiter = NULL;
    switch (event->kind) {
    case SG_EVENT_PEER_UP:
    case SG_EVENT_PEER_DOWN:
        return daemon->verbose || is_zero(event->topic.b);
    case SG_EVENT_JOINED:
    case SG_EVENT_STATE_FAILED:
        return true;
    case SG_EVENT_ISOLATED:
        return daemon->leave_by_ns == 0; /* who has left is alone on purpose */
    case SG_EVENT_MEMBER_SUSPECT:
    case SG_EVENT_MEMBER_REFUTED:
    case SG_EVENT_MEMBER_UPDATE:
        return daemon->verbose;
    case SG_EVENT_TRANSFER:
        return daemon->verbose || event->err != SG_OK;
    case SG_EVENT_MEMBER_JOIN:
    case SG_EVENT_MEMBER_FAIL:
    case SG_EVENT_MEMBER_LEAVE:
        place->limiter = daemon->verbose ? NULL : &daemon->member_limiter;
        snprintf(place->key, sizeof(place->key), "%s", kind_name(event->kind));
        return true;
    case SG_EVENT_SEED_FAILED:
        place->limiter = &daemon->limiter;
        snprintf(place->key, sizeof(place->key), "seed %s %.128s", sg_err_name(event->err),
                 event->text);
        return true;
    case SG_EVENT_REFUSED:
        place->limiter = &daemon->limiter;
        snprintf(place->key, sizeof(place->key), "refused %s", sg_err_name(event->err));
        return true;
    }
    return true;
}

static void log_json(const struct sg_event *event, uint64_t left_out)
{
    json_t *object = sg_daemon_event_json(event);
    if (left_out > 0)
        (void)json_object_set_new(object, "repeated", json_integer((json_int_t)left_out));
    (void)sg_json_print(object);
}

void sg_daemon_log_event(struct sg_daemon *daemon, const struct sg_event *event)
{
    struct place place;
    uint64_t left_out = 0;
    uint64_t now = sg_app_now_ns();
    if (!is_wanted(daemon, event, &place))
        return;
    if (place.limiter != NULL && !sg_app_limiter_pass(place.limiter, now, place.key, &left_out))
        return;
    if (daemon->json) {
        log_json(event, left_out);
        return;
    }
    print_event(daemon, event);
    if (left_out > 0)
        fprintf(stderr, " (and %llu times before)", (unsigned long long)left_out);
    if (place.limiter == &daemon->member_limiter &&
        sg_app_limiter_is_spent(place.limiter, now, place.key))
        fputs(" (more of these are only counted for a minute: see 'saorsa members')", stderr);
    fputc('\n', stderr);
}

void sg_daemon_log_message(struct sg_daemon *daemon, const struct sg_message *message,
                           const char *topic)
{
    char author[SG_FMT_CAP];
    char hop[SG_FMT_CAP];
    if (daemon->json) {
        json_t *object = sg_json_message(message, topic);
        (void)json_object_set_new(object, "event", json_string("message"));
        (void)sg_json_print(object);
        return;
    }
    print_time();
    fprintf(stderr, "message    %zu bytes of %s in topic %s, by %s in %u hops\n", message->len,
            sg_fmt_short_id(author, message->author.b), topic,
            sg_fmt_short_id(hop, message->last_hop.b), message->hops);
}
