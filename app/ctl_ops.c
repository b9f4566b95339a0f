/* The requests of control clients, one handler per op. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "ctl_conn.h"
#include "ctl_ops.h"
#include "json_out.h"
#include "peer_ref.h"

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)(value < INT64_MAX ? value : INT64_MAX));
}

json_t *sg_ctl_checked(json_t *answer, bool ok)
{
    if (ok)
        return answer;
    json_decref(answer);
    return sg_ctl_error(NULL, SG_ERR_NO_MEMORY, NULL);
}

json_t *sg_ctl_failed(struct sg_daemon *daemon, enum sg_ctl_op op, sg_err err)
{
    char text[256];
    switch (sg_err_class_of(err)) {
    case SG_ERR_CLASS_NONE:
    case SG_ERR_CLASS_USAGE:
    case SG_ERR_CLASS_RESOURCE:
        text[0] = '\0';
        break;
    case SG_ERR_CLASS_PEER:
    case SG_ERR_CLASS_IO:
    case SG_ERR_CLASS_CRYPTO:
        sg_node_last_error(daemon->node, text, sizeof(text));
        break;
    }
    return sg_ctl_error(sg_ctl_op_name(op), err, text);
}

static json_t *answer_publish(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_topic_id topic;
    struct sg_publish_result result;
    struct sg_bytes payload = {request->payload, request->payload_len};
    sg_err err = sg_topic_from_name(request->topic, &topic);
    uint64_t now = sg_app_now_ns();
    if (err == SG_OK)
        err = sg_publish(daemon->node, &topic, payload, &result);
    if (err != SG_OK)
        return sg_ctl_failed(daemon, SG_CTL_PUBLISH, err);
    sg_app_topic_names_learn(&daemon->names, &topic, request->topic);
    json_t *answer = sg_ctl_answer(SG_CTL_PUBLISH);
    bool ok = set(answer, "id", sg_json_id(result.id.b)) &&
              set(answer, "sequence", sg_json_large(result.sequence)) &&
              set(answer, "neighbors", count(result.neighbors)) &&
              set(answer, "pushed", count(result.pushed)) &&
              set(answer, "announced", count(result.announced)) &&
              set(answer, "published_ns", count(now));
    return sg_ctl_checked(answer, ok);
}

static sg_err subscribe(struct sg_daemon *daemon, struct sg_ctl_conn *conn,
                        const struct sg_ctl_request *request)
{
    struct sg_topic_id topic;
    struct sg_ctl_conn_topic *slot = &conn->topics[conn->topic_count];
    struct sg_subscribe_options options = {.queue_max = 1024,
                                           .queue_bytes_max = SG_CTL_SERVER_SUB_BYTES_MAX,
                                           .policy = request->full,
                                           .own_messages = request->own,
                                           .since_ms = request->since_ms};
    if (conn->topic_count == SG_CTL_SERVER_TOPICS_MAX)
        return SG_ERR_LIMIT;
    sg_err err = sg_topic_from_name(request->topic, &topic);
    if (err != SG_OK)
        return err;
    *slot = (struct sg_ctl_conn_topic){.name = strdup(request->topic)};
    if (slot->name == NULL)
        return SG_ERR_NO_MEMORY;
    err = sg_subscribe(daemon->node, &topic, &options, &slot->sub);
    sg_app_topic_names_learn(&daemon->names, &topic, request->topic);
    if (err == SG_OK)
        conn->topic_count++;
    else
        free(slot->name);
    return err;
}

static json_t *answer_subscribe(struct sg_daemon *daemon, struct sg_ctl_conn *conn,
                                const struct sg_ctl_request *request)
{
    sg_err err = subscribe(daemon, conn, request);
    return err == SG_OK ? sg_ctl_answer(SG_CTL_SUBSCRIBE)
                        : sg_ctl_failed(daemon, SG_CTL_SUBSCRIBE, err);
}

static json_t *answer_events(struct sg_ctl_conn *conn)
{
    conn->events = true;
    return sg_ctl_answer(SG_CTL_EVENTS);
}

static json_t *answer_peers(struct sg_daemon *daemon)
{
    size_t there = sg_node_peers(daemon->node, NULL, 0);
    struct sg_peer_info *peers = calloc(there + 1, sizeof(*peers));
    json_t *answer = sg_ctl_answer(SG_CTL_PEERS);
    json_t *array = json_array();
    bool ok = peers != NULL && answer != NULL && array != NULL;
    size_t got = ok ? sg_node_peers(daemon->node, peers, there) : 0;
    got = got < there ? got : there;
    for (size_t i = 0; ok && i < got; i++)
        ok = json_array_append_new(array, sg_json_peer(&peers[i])) == 0;
    free(peers);
    if (ok)
        ok = set(answer, "peers", array);
    else
        json_decref(array);
    return sg_ctl_checked(answer, ok);
}

void sg_ctl_server_add_topic(struct sg_daemon *daemon, json_t *array, const char *name)
{
    struct sg_topic_id topic;
    if (array == NULL || sg_topic_from_name(name, &topic) != SG_OK)
        return;
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *entry = json_array_get(array, i);
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) {
            set(entry, "subscriptions", count(sg_json_count(entry, "subscriptions") + 1));
            return;
        }
    }
    json_t *entry = json_object();
    if (set(entry, "name", json_string(name)) && set(entry, "id", sg_json_id(topic.b)) &&
        set(entry, "subscriptions", count(1)) &&
        set(entry, "neighbors", sg_app_neighbors_json(&daemon->neighbors, &topic)))
        json_array_append_new(array, entry);
    else
        json_decref(entry);
}

static json_t *topics_json(struct sg_daemon *daemon)
{
    json_t *array = json_array();
    for (size_t i = 0; i < daemon->topic_count; i++)
        sg_ctl_server_add_topic(daemon, array, daemon->topics[i].name);
    sg_ctl_server_list_topics(daemon->server, daemon, array);
    return array;
}

static json_t *meta_json(const struct sg_daemon *daemon)
{
    json_t *object = json_object();
    if (object != NULL &&
        sg_json_set_payload(object, (struct sg_bytes){daemon->meta, daemon->meta_len}))
        return object;
    json_decref(object);
    return NULL;
}

static json_t *answer_status(struct sg_daemon *daemon)
{
    static const struct sg_topic_id BASE;
    struct sg_peer_id id;
    struct sg_stats stats;
    char address[64];
    sg_node_id(daemon->node, &id);
    sg_node_address(daemon->node, address, sizeof(address));
    sg_node_stats(daemon->node, &stats);
    json_t *answer = sg_ctl_answer(SG_CTL_STATUS);
    bool ok = set(answer, "id", sg_json_id(id.b)) && set(answer, "address", json_string(address)) &&
              set(answer, "network", sg_json_text(daemon->network)) &&
              set(answer, "version", json_string(sg_version())) &&
              set(answer, "pid", count((uint64_t)getpid())) &&
              set(answer, "dir", daemon->dir != NULL ? sg_json_text(daemon->dir) : json_null()) &&
              set(answer, "socket", sg_json_text(daemon->socket)) &&
              set(answer, "clients", count(sg_ctl_server_client_count(daemon->server))) &&
              set(answer, "neighbors", sg_app_neighbors_json(&daemon->neighbors, &BASE)) &&
              set(answer, "topics", topics_json(daemon)) &&
              set(answer, "meta", meta_json(daemon)) && set(answer, "stats", sg_json_stats(&stats));
    return sg_ctl_checked(answer, ok);
}

/* The id of a seed may be cut like any other; a seed without one is taken as it is. */
static json_t *answer_join(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    char full[SG_APP_PEER_TEXT_CAP];
    char why[SG_APP_WHY_CAP];
    const char *seed = request->seed;
    size_t len = strcspn(seed, "@");
    if (seed[len] == '@' && len >= SG_APP_REF_MIN && len < SG_ID_TEXT_LEN) {
        sg_err err = sg_app_expand(daemon->node, seed, full, why);
        if (err != SG_OK)
            return sg_ctl_error(sg_ctl_op_name(SG_CTL_JOIN), err, why);
        seed = full;
    }
    sg_err err = sg_node_join(daemon->node, seed);
    if (err == SG_ERR_INVALID_ARGUMENT)
        return sg_ctl_error(sg_ctl_op_name(SG_CTL_JOIN), err,
                            "a seed is written host:port or <peer id>@host:port");
    return err == SG_OK ? sg_ctl_answer(SG_CTL_JOIN) : sg_ctl_failed(daemon, SG_CTL_JOIN, err);
}

static json_t *answer_leave(struct sg_daemon *daemon)
{
    sg_err err = sg_node_leave(daemon->node);
    if (err == SG_OK && daemon->leave_by_ns == 0)
        daemon->leave_by_ns = sg_app_now_ns() + SG_DAEMON_LEAVE_NS;
    return err == SG_OK ? sg_ctl_answer(SG_CTL_LEAVE) : sg_ctl_failed(daemon, SG_CTL_LEAVE, err);
}

static json_t *answer_stop(struct sg_daemon *daemon)
{
    daemon->stop = true;
    return sg_ctl_answer(SG_CTL_STOP);
}

static json_t *answer_for(struct sg_daemon *daemon, struct sg_ctl_conn *conn,
                          const struct sg_ctl_request *request)
{
    switch (request->op) {
    case SG_CTL_PUBLISH:
        return answer_publish(daemon, request);
    case SG_CTL_SUBSCRIBE:
        return answer_subscribe(daemon, conn, request);
    case SG_CTL_TOPICS:
        return sg_ctl_answer_topics(daemon);
    case SG_CTL_PRIORITY:
        return sg_ctl_answer_priority(daemon, request);
    case SG_CTL_TRACE:
        return sg_ctl_answer_trace(daemon, request);
    case SG_CTL_EVENTS:
        return answer_events(conn);
    case SG_CTL_PEERS:
        return answer_peers(daemon);
    case SG_CTL_MEMBERS:
        return sg_ctl_answer_members(daemon);
    case SG_CTL_FORCE_LEAVE:
        return sg_ctl_answer_force_leave(daemon, request);
    case SG_CTL_CONTACTS:
        return sg_ctl_answer_contacts(daemon);
    case SG_CTL_CONTACT_ADD:
        return sg_ctl_answer_contact_add(daemon, request);
    case SG_CTL_CONTACT_RM:
        return sg_ctl_answer_contact_rm(daemon, request);
    case SG_CTL_META_SET:
        return sg_ctl_answer_meta_set(daemon, request);
    case SG_CTL_STATUS:
        return answer_status(daemon);
    case SG_CTL_JOIN:
        return answer_join(daemon, request);
    case SG_CTL_LEAVE:
        return answer_leave(daemon);
    case SG_CTL_STOP:
        return answer_stop(daemon);
    }
    return NULL;
}

void sg_ctl_server_answer(struct sg_daemon *daemon, struct sg_ctl_conn *conn, const char *line,
                          size_t len)
{
    struct sg_ctl_request request;
    char text[SG_CTL_TEXT_CAP];
    sg_err err = sg_ctl_request_decode(line, len, &request, text);
    if (err != SG_OK) {
        sg_ctl_conn_send(conn, sg_ctl_error(NULL, err, text));
        return;
    }
    sg_ctl_conn_send(conn, answer_for(daemon, conn, &request));
    sg_ctl_request_fini(&request);
}
