/* The requests of control clients about topics and the ways of messages. */
#include <stdlib.h>
#include <string.h>

#include "ctl_ops.h"
#include "json_out.h"
#include "topic_words.h"

#define NEIGHBORS_MAX 64
#define STEPS_MAX 4096 /* the library's */

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)(value < INT64_MAX ? value : INT64_MAX));
}

/* {"ok":true,"op":...,"<key>":array}; takes the reference of array. */
static json_t *answer_array(enum sg_ctl_op op, const char *key, json_t *array, bool ok)
{
    json_t *answer = sg_ctl_answer(op);
    if (!ok || answer == NULL) {
        json_decref(array);
        return sg_ctl_checked(answer, false);
    }
    return sg_ctl_checked(answer, set(answer, key, array));
}

/* The topic's name, null when nobody said it here. */
static json_t *name_json(const struct sg_daemon *daemon, const struct sg_topic_id *id)
{
    const char *name = sg_app_topic_name(&daemon->names, id);
    return name != NULL ? json_string(name) : json_null();
}

static json_t *neighbors_json(const struct sg_daemon *daemon, const struct sg_topic_id *topic)
{
    struct sg_topic_neighbor neighbors[NEIGHBORS_MAX];
    size_t got = sg_topic_neighbors(daemon->node, topic, neighbors, NEIGHBORS_MAX);
    json_t *array = json_array();
    bool ok = array != NULL;
    for (size_t i = 0; ok && i < got && i < NEIGHBORS_MAX; i++) {
        json_t *entry = json_object();
        ok = set(entry, "id", sg_json_id(neighbors[i].id.b)) &&
             set(entry, "eager", json_boolean(neighbors[i].is_eager)) &&
             set(entry, "slow", json_boolean(neighbors[i].is_slow)) &&
             set(entry, "rtt_us", count(neighbors[i].rtt_us));
        ok = json_array_append_new(array, entry) == 0 && ok;
    }
    if (ok)
        return array;
    json_decref(array);
    return NULL;
}

static json_t *topic_json(const struct sg_daemon *daemon, const struct sg_topic_info *topic)
{
    json_t *object = json_object();
    bool ok = set(object, "name", name_json(daemon, &topic->id)) &&
              set(object, "id", sg_json_id(topic->id.b)) &&
              set(object, "subscriptions", count(topic->subscriptions)) &&
              set(object, "durable", json_boolean(topic->is_durable)) &&
              set(object, "priority", json_string(sg_app_priority_word(topic->priority))) &&
              set(object, "neighbors", neighbors_json(daemon, &topic->id)) &&
              set(object, "eager", count(topic->eager)) &&
              set(object, "lazy", count(topic->lazy)) &&
              set(object, "candidates", count(topic->candidates)) &&
              set(object, "kept", count(topic->kept)) &&
              set(object, "kept_bytes", count(topic->kept_bytes)) &&
              set(object, "received", count(topic->received)) &&
              set(object, "duplicates", count(topic->duplicates)) &&
              set(object, "sent", count(topic->sent)) &&
              set(object, "recovered", count(topic->recovered));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

json_t *sg_ctl_answer_topics(struct sg_daemon *daemon)
{
    size_t there = sg_node_topics(daemon->node, NULL, 0);
    struct sg_topic_info *topics = calloc(there + 1, sizeof(*topics));
    json_t *array = json_array();
    bool ok = topics != NULL && array != NULL;
    size_t got = ok ? sg_node_topics(daemon->node, topics, there) : 0;
    for (size_t i = 0; ok && i < got && i < there; i++)
        ok = json_array_append_new(array, topic_json(daemon, &topics[i])) == 0;
    free(topics);
    return answer_array(SG_CTL_TOPICS, "topics", array, ok);
}

json_t *sg_ctl_answer_priority(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_topic_id topic;
    sg_err err = sg_topic_from_name(request->topic, &topic);
    if (err == SG_OK)
        err = sg_topic_set_priority(daemon->node, &topic, request->priority);
    if (err != SG_OK)
        return sg_ctl_failed(daemon, SG_CTL_PRIORITY, err);
    sg_app_topic_names_learn(&daemon->names, &topic, request->topic);
    return sg_ctl_answer(SG_CTL_PRIORITY);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static json_t *step_json(const struct sg_daemon *daemon, const struct sg_trace_step *step)
{
    static const struct sg_topic_id NONE;
    bool has_topic = memcmp(step->topic.b, NONE.b, SG_ID_LEN) != 0;
    json_t *object = json_object();
    bool ok = set(object, "message", sg_json_id(step->message.b)) &&
              set(object, "kind", json_string(sg_app_step_word(step->kind))) &&
              set(object, "peer", sg_json_id(step->peer.b)) &&
              set(object, "at_us", count(step->at_us));
    if (ok &&
        (step->kind == SG_STEP_FIRST || step->kind == SG_STEP_COPY || step->kind == SG_STEP_PUSHED))
        ok = set(object, "hops", count(step->hops));
    if (ok && has_topic)
        ok = set(object, "topic", name_json(daemon, &step->topic)) &&
             set(object, "topic_id", sg_json_id(step->topic.b)) &&
             set(object, "eager", count(step->eager)) && set(object, "lazy", count(step->lazy));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static bool is_asked_for(const struct sg_trace_step *step, const char *beginning)
{
    char text[SG_ID_TEXT_LEN + 1];
    sg_id_to_text(step->message.b, text);
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

json_t *sg_ctl_answer_trace(struct sg_daemon *daemon, const struct sg_ctl_request *request)
{
    struct sg_trace_step *steps = calloc(STEPS_MAX, sizeof(*steps));
    struct sg_peer_id id;
    json_t *array = json_array();
    bool ok = steps != NULL && array != NULL;
    size_t got = ok ? sg_node_trace(daemon->node, NULL, steps, STEPS_MAX) : 0;
    for (size_t i = 0; ok && i < got && i < STEPS_MAX; i++) {
        if (is_asked_for(&steps[i], request->message))
            ok = json_array_append_new(array, step_json(daemon, &steps[i])) == 0;
    }
    free(steps);
    json_t *answer = answer_array(SG_CTL_TRACE, "steps", array, ok);
    sg_node_id(daemon->node, &id);
    if (ok)
        ok = set(answer, "id", sg_json_id(id.b));
    return sg_ctl_checked(answer, ok);
}
