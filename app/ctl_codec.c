#include "ctl_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json_out.h"
#include "topic_words.h"

static const char *const OP_NAMES[] = {
#define SG_CTL_NAME_(name, text) [SG_CTL_##name] = (text),
    SG_CTL_OPS(SG_CTL_NAME_)
#undef SG_CTL_NAME_
};
#define OP_COUNT (sizeof(OP_NAMES) / sizeof(OP_NAMES[0]))

const char *sg_ctl_op_name(enum sg_ctl_op op)
{
    return OP_NAMES[op];
}

static bool find_op(const char *name, enum sg_ctl_op *op)
{
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (strcmp(OP_NAMES[i], name) == 0) {
            *op = (enum sg_ctl_op)i;
            return true;
        }
    }
    return false;
}

/* ---- decoding ------------------------------------------------------------------------------ */

/* The members an op may have besides op itself, each with a space after it. */
static const char *members_of(enum sg_ctl_op op)
{
    switch (op) {
    case SG_CTL_PUBLISH:
        return "topic text base64 ";
    case SG_CTL_SUBSCRIBE:
        return "topic own since_ms policy ";
    case SG_CTL_PRIORITY:
        return "topic priority ";
    case SG_CTL_TRACE:
        return "message ";
    case SG_CTL_JOIN:
        return "seed ";
    case SG_CTL_FORCE_LEAVE:
    case SG_CTL_CONTACT_ADD:
    case SG_CTL_CONTACT_RM:
        return "peer ";
    case SG_CTL_META_SET:
        return "text base64 ";
    case SG_CTL_TOPICS:
    case SG_CTL_EVENTS:
    case SG_CTL_PEERS:
    case SG_CTL_MEMBERS:
    case SG_CTL_CONTACTS:
    case SG_CTL_STATUS:
    case SG_CTL_LEAVE:
    case SG_CTL_STOP:
        return "";
    }
    return "";
}

static bool is_member(const char *members, const char *key)
{
    size_t len = strlen(key);
    while (*members != '\0') {
        size_t word = strcspn(members, " ");
        if (word == len && memcmp(members, key, len) == 0)
            return true;
        members += word + 1;
    }
    return false;
}

static sg_err check_members(json_t *object, enum sg_ctl_op op, char *text)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (strcmp(key, "op") != 0 && !is_member(members_of(op), key)) {
            snprintf(text, SG_CTL_TEXT_CAP, "%s has no member \"%.40s\"", OP_NAMES[op], key);
            return SG_ERR_MALFORMED;
        }
    }
    return SG_OK;
}

/* Copies a string member of 1 .. cap - 1 bytes. */
static sg_err read_name(const json_t *object, const char *key, char *out, size_t cap, char *text)
{
    const json_t *value = json_object_get(object, key);
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len == 0 || len >= cap) {
        snprintf(text, SG_CTL_TEXT_CAP, "\"%s\" must be a string of 1 to %zu bytes", key, cap - 1);
        return SG_ERR_MALFORMED;
    }
    memcpy(out, json_string_value(value), len + 1);
    return SG_OK;
}

static sg_err decode_base64(const char *text, size_t len, uint8_t **payload, size_t *payload_len)
{
    if (len > sg_b64_len(SG_CTL_PAYLOAD_MAX))
        return SG_ERR_TOO_LARGE;
    uint8_t *data = malloc(len + 1);
    if (data == NULL)
        return SG_ERR_NO_MEMORY;
    if (!sg_b64_decode(text, len, data, payload_len)) {
        free(data);
        return SG_ERR_MALFORMED;
    }
    if (*payload_len > SG_CTL_PAYLOAD_MAX) {
        free(data);
        return SG_ERR_TOO_LARGE;
    }
    *payload = data;
    return SG_OK;
}

sg_err sg_ctl_payload(const json_t *object, uint8_t **payload, size_t *len)
{
    const json_t *text = json_object_get(object, "text");
    const json_t *base64 = json_object_get(object, "base64");
    const json_t *given = text != NULL ? text : base64;
    if ((text != NULL && base64 != NULL) || !json_is_string(given))
        return SG_ERR_MALFORMED;
    size_t given_len = json_string_length(given);
    if (base64 != NULL)
        return decode_base64(json_string_value(base64), given_len, payload, len);
    if (given_len > SG_CTL_PAYLOAD_MAX)
        return SG_ERR_TOO_LARGE;
    uint8_t *data = malloc(given_len + 1);
    if (data == NULL)
        return SG_ERR_NO_MEMORY;
    memcpy(data, json_string_value(given), given_len);
    *payload = data;
    *len = given_len;
    return SG_OK;
}

static sg_err read_payload(const json_t *object, struct sg_ctl_request *request, char *text)
{
    sg_err err = sg_ctl_payload(object, &request->owned, &request->payload_len);
    request->payload = request->owned;
    if (err == SG_ERR_TOO_LARGE)
        snprintf(text, SG_CTL_TEXT_CAP, "a payload has at most %d bytes", SG_CTL_PAYLOAD_MAX);
    else if (err == SG_ERR_MALFORMED)
        snprintf(text, SG_CTL_TEXT_CAP, "%s wants either \"text\" or valid \"base64\"",
                 OP_NAMES[request->op]);
    return err;
}

static sg_err read_meta(const json_t *object, struct sg_ctl_request *request, char *text)
{
    sg_err err = read_payload(object, request, text);
    bool is_long = err == SG_OK && request->payload_len > SG_CTL_META_MAX;
    if (!is_long && err != SG_ERR_TOO_LARGE)
        return err;
    snprintf(text, SG_CTL_TEXT_CAP, "metadata has at most %d bytes", SG_CTL_META_MAX);
    if (is_long)
        sg_ctl_request_fini(request);
    return SG_ERR_TOO_LARGE;
}

static sg_err read_own(const json_t *object, struct sg_ctl_request *request, char *text)
{
    const json_t *own = json_object_get(object, "own");
    if (own != NULL && !json_is_boolean(own)) {
        snprintf(text, SG_CTL_TEXT_CAP, "\"own\" must be true or false");
        return SG_ERR_MALFORMED;
    }
    request->own = json_is_true(own);
    return SG_OK;
}

static sg_err read_since(const json_t *object, struct sg_ctl_request *request, char *text)
{
    const json_t *since = json_object_get(object, "since_ms");
    if (since == NULL)
        return SG_OK;
    if (!json_is_integer(since) || json_integer_value(since) < 0) {
        snprintf(text, SG_CTL_TEXT_CAP, "\"since_ms\" must be a whole number of milliseconds");
        return SG_ERR_MALFORMED;
    }
    request->since_ms = (uint64_t)json_integer_value(since);
    return SG_OK;
}

static sg_err read_policy(const json_t *object, struct sg_ctl_request *request, char *text)
{
    const json_t *policy = json_object_get(object, "policy");
    if (policy == NULL)
        return SG_OK;
    if (json_is_string(policy) && sg_app_policy_of(json_string_value(policy), &request->full))
        return SG_OK;
    snprintf(text, SG_CTL_TEXT_CAP, "\"policy\" must be " SG_APP_POLICIES);
    return SG_ERR_MALFORMED;
}

static sg_err read_priority(const json_t *object, struct sg_ctl_request *request, char *text)
{
    const char *word = json_string_value(json_object_get(object, "priority"));
    sg_err err = read_name(object, "topic", request->topic, sizeof(request->topic), text);
    if (err != SG_OK || (word != NULL && sg_app_priority_of(word, &request->priority)))
        return err;
    snprintf(text, SG_CTL_TEXT_CAP, "\"priority\" must be " SG_APP_PRIORITIES);
    return SG_ERR_MALFORMED;
}

static sg_err read_trace(const json_t *object, struct sg_ctl_request *request, char *text)
{
    const json_t *message = json_object_get(object, "message");
    if (message == NULL || (json_is_string(message) && json_string_length(message) == 0))
        return SG_OK;
    return read_name(object, "message", request->message, sizeof(request->message), text);
}

static sg_err read_subscribe(const json_t *object, struct sg_ctl_request *request, char *text)
{
    sg_err err = read_name(object, "topic", request->topic, sizeof(request->topic), text);
    if (err == SG_OK)
        err = read_own(object, request, text);
    if (err == SG_OK)
        err = read_policy(object, request, text);
    return err != SG_OK ? err : read_since(object, request, text);
}

static sg_err read_members(const json_t *object, struct sg_ctl_request *request, char *text)
{
    sg_err err = SG_OK;
    switch (request->op) {
    case SG_CTL_PUBLISH:
        err = read_name(object, "topic", request->topic, sizeof(request->topic), text);
        return err != SG_OK ? err : read_payload(object, request, text);
    case SG_CTL_SUBSCRIBE:
        return read_subscribe(object, request, text);
    case SG_CTL_PRIORITY:
        return read_priority(object, request, text);
    case SG_CTL_TRACE:
        return read_trace(object, request, text);
    case SG_CTL_JOIN:
        return read_name(object, "seed", request->seed, sizeof(request->seed), text);
    case SG_CTL_FORCE_LEAVE:
    case SG_CTL_CONTACT_ADD:
    case SG_CTL_CONTACT_RM:
        return read_name(object, "peer", request->peer, sizeof(request->peer), text);
    case SG_CTL_META_SET:
        return read_meta(object, request, text);
    case SG_CTL_TOPICS:
    case SG_CTL_EVENTS:
    case SG_CTL_PEERS:
    case SG_CTL_MEMBERS:
    case SG_CTL_CONTACTS:
    case SG_CTL_STATUS:
    case SG_CTL_LEAVE:
    case SG_CTL_STOP:
        return SG_OK;
    }
    return SG_ERR_UNSUPPORTED;
}

static sg_err decode_object(json_t *object, struct sg_ctl_request *request, char *text)
{
    const char *name = json_string_value(json_object_get(object, "op"));
    if (name == NULL) {
        snprintf(text, SG_CTL_TEXT_CAP, "a request is an object with a string \"op\"");
        return SG_ERR_MALFORMED;
    }
    if (!find_op(name, &request->op)) {
        snprintf(text, SG_CTL_TEXT_CAP, "there is no op \"%.40s\"", name);
        return SG_ERR_UNSUPPORTED;
    }
    sg_err err = check_members(object, request->op, text);
    return err != SG_OK ? err : read_members(object, request, text);
}

sg_err sg_ctl_request_decode(const char *line, size_t len, struct sg_ctl_request *request,
                             char *text)
{
    json_error_t where;
    memset(request, 0, sizeof(*request));
    text[0] = '\0';
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where);
    if (object == NULL) {
        if (json_error_code(&where) == json_error_out_of_memory)
            return SG_ERR_NO_MEMORY;
        snprintf(text, SG_CTL_TEXT_CAP, "no JSON: %.100s (byte %d)", where.text, where.position);
        return SG_ERR_MALFORMED;
    }
    sg_err err = decode_object(object, request, text);
    json_decref(object);
    return err;
}

void sg_ctl_request_fini(struct sg_ctl_request *request)
{
    free(request->owned);
    memset(request, 0, sizeof(*request));
}

/* ---- encoding ------------------------------------------------------------------------------ */

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool set_members(json_t *object, const struct sg_ctl_request *request)
{
    struct sg_bytes payload = {request->payload, request->payload_len};
    switch (request->op) {
    case SG_CTL_PUBLISH:
        return set(object, "topic", json_string(request->topic)) &&
               sg_json_set_payload(object, payload);
    case SG_CTL_SUBSCRIBE:
        return set(object, "topic", json_string(request->topic)) &&
               set(object, "own", json_boolean(request->own)) &&
               set(object, "since_ms", json_integer((json_int_t)request->since_ms)) &&
               (request->policy == NULL || set(object, "policy", json_string(request->policy)));
    case SG_CTL_PRIORITY:
        return set(object, "topic", json_string(request->topic)) &&
               set(object, "priority", json_string(sg_app_priority_word(request->priority)));
    case SG_CTL_TRACE:
        return set(object, "message", json_string(request->message));
    case SG_CTL_JOIN:
        return set(object, "seed", json_string(request->seed));
    case SG_CTL_FORCE_LEAVE:
    case SG_CTL_CONTACT_ADD:
    case SG_CTL_CONTACT_RM:
        return set(object, "peer", json_string(request->peer));
    case SG_CTL_META_SET:
        return sg_json_set_payload(object, payload);
    case SG_CTL_TOPICS:
    case SG_CTL_EVENTS:
    case SG_CTL_PEERS:
    case SG_CTL_MEMBERS:
    case SG_CTL_CONTACTS:
    case SG_CTL_STATUS:
    case SG_CTL_LEAVE:
    case SG_CTL_STOP:
        return true;
    }
    return false;
}

char *sg_ctl_request_encode(const struct sg_ctl_request *request)
{
    json_t *object = json_object();
    char *line = NULL;
    if (set(object, "op", json_string(OP_NAMES[request->op])) && set_members(object, request))
        line = json_dumps(object, SG_JSON_FLAGS);
    json_decref(object);
    return line;
}

json_t *sg_ctl_answer(enum sg_ctl_op op)
{
    json_t *object = json_object();
    if (set(object, "ok", json_true()) && set(object, "op", json_string(OP_NAMES[op])))
        return object;
    json_decref(object);
    return NULL;
}

json_t *sg_ctl_error(const char *op, sg_err err, const char *text)
{
    json_t *object = json_object();
    bool ok = set(object, "ok", json_false());
    if (ok && op != NULL)
        ok = set(object, "op", json_string(op));
    ok = ok && set(object, "error", json_string(sg_err_name(err))) &&
         set(object, "text", json_string(sg_err_text(err)));
    /* The text may quote what a client sent, cut anywhere: when it is not UTF-8, the error's own
     * words stay. */
    if (ok && text != NULL && text[0] != '\0')
        (void)set(object, "text", json_string(text));
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- for clients --------------------------------------------------------------------------- */

json_t *sg_ctl_parse(const char *line, size_t len)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(object))
        return object;
    json_decref(object);
    return NULL;
}

static sg_err err_of_name(const char *name)
{
    static const struct {
        const char *name;
        sg_err err;
    } ERRORS[] = {
#define SG_CTL_ERR_(name, value, text) {#name, (value)},
        SG_ERR_TABLE(SG_CTL_ERR_)
#undef SG_CTL_ERR_
    };
    for (size_t i = 0; name != NULL && i < sizeof(ERRORS) / sizeof(ERRORS[0]); i++) {
        if (strcmp(ERRORS[i].name, name) == 0 && ERRORS[i].err != SG_OK)
            return ERRORS[i].err;
    }
    return SG_ERR_PROTOCOL;
}

sg_err sg_ctl_answer_err(const json_t *answer)
{
    if (json_is_true(json_object_get(answer, "ok")))
        return SG_OK;
    return err_of_name(json_string_value(json_object_get(answer, "error")));
}
