/* The control protocol: any request line decodes to an error or to a request that survives another
 * round, and any line from a node is safe to look into. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "ctl_codec.h"
#include "json_out.h"
#include "line.h"
#include "member_text.h"
#include "peer_ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const struct sg_ctl_request *a, const struct sg_ctl_request *b)
{
    return a->op == b->op && a->own == b->own && strcmp(a->topic, b->topic) == 0 &&
           strcmp(a->seed, b->seed) == 0 && strcmp(a->peer, b->peer) == 0 &&
           a->payload_len == b->payload_len &&
           (a->payload_len == 0 || memcmp(a->payload, b->payload, a->payload_len) == 0);
}

static void try_request(const char *line, size_t len)
{
    struct sg_ctl_request request;
    struct sg_ctl_request again;
    char text[SG_CTL_TEXT_CAP];
    sg_err err = sg_ctl_request_decode(line, len, &request, text);
    assert(strlen(text) < sizeof(text));
    if (err != SG_OK) {
        json_t *answer = sg_ctl_error(NULL, err, text);
        assert(sg_ctl_answer_err(answer) == err);
        json_decref(answer);
        return;
    }
    char *encoded = sg_ctl_request_encode(&request);
    assert(encoded != NULL && strchr(encoded, '\n') == NULL);
    assert(strlen(encoded) <= SG_CTL_LINE_MAX);
    assert(sg_ctl_request_decode(encoded, strlen(encoded), &again, text) == SG_OK);
    assert(is_same(&request, &again));
    sg_ctl_request_fini(&request);
    sg_ctl_request_fini(&again);
    free(encoded);
}

/* What the commands do with a member from a node. */
static void try_member(const json_t *member)
{
    char text[SG_FMT_CAP];
    char meta[64];
    assert(strlen(sg_member_incarnation(text, member)) < sizeof(text));
    assert(sg_member_flags(member) != NULL);
    sg_member_meta(meta, sizeof(meta), member);
    assert(sg_member_is_printable(meta, strlen(meta)));
}

/* Any bytes as the name of a peer. */
static void try_ref(const char *text, size_t len)
{
    struct sg_app_ref ref;
    struct sg_peer_id id = {{0}};
    char list[SG_APP_REF_LISTED * (SG_ID_TEXT_LEN + 2) + 16];
    if (!sg_app_ref_begin(&ref, text, len))
        return;
    assert(ref.len >= SG_APP_REF_MIN && ref.len <= SG_ID_TEXT_LEN);
    for (uint8_t i = 0; i < 6; i++) {
        id.b[SG_ID_LEN - 1] = i;
        sg_app_ref_offer(&ref, &id);
    }
    assert(ref.count <= SG_APP_REF_LISTED);
    assert(strlen(sg_app_ref_list(&ref, list, sizeof(list))) + 1 < sizeof(list));
}

/* What the commands do with a line from a node. */
static void try_answer(const char *line, size_t len)
{
    uint8_t *payload;
    size_t payload_len;
    json_t *object = sg_ctl_parse(line, len);
    if (object == NULL)
        return;
    (void)sg_ctl_answer_err(object);
    (void)sg_json_count(object, "count");
    try_member(object);
    try_member(json_object_get(object, "member"));
    if (sg_ctl_payload(object, &payload, &payload_len) == SG_OK) {
        assert(payload_len <= SG_CTL_PAYLOAD_MAX);
        free(payload);
    }
    json_decref(object);
}

/* Any bytes become "text" or "base64" and come back. */
static void try_payload(const uint8_t *data, size_t size)
{
    uint8_t *payload;
    size_t len;
    size_t used = size < SG_CTL_PAYLOAD_MAX ? size : SG_CTL_PAYLOAD_MAX;
    json_t *object = json_object();
    assert(sg_json_set_payload(object, (struct sg_bytes){data, used}));
    assert(sg_ctl_payload(object, &payload, &len) == SG_OK);
    assert(len == used && (used == 0 || memcmp(payload, data, used) == 0));
    free(payload);
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_app_line lines;
    const char *text;
    size_t len;
    sg_app_line_init(&lines, SG_CTL_LINE_MAX);
    if (sg_app_line_feed(&lines, (const char *)data, size)) {
        while (sg_app_line_next(&lines, &text, &len) == SG_APP_LINE_READY) {
            try_request(text, len);
            try_answer(text, len);
        }
        if (sg_app_line_last(&lines, &text, &len)) {
            try_request(text, len);
            try_answer(text, len);
        }
    }
    sg_app_line_fini(&lines);
    try_payload(data, size);
    try_ref((const char *)data, size);
    return 0;
}
