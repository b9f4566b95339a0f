/* The control protocol of a node: lines of JSON over a local stream socket.
 *
 * A client sends requests, one object per line, and gets one answer each, in order:
 *     {"op":"publish","topic":"chat","text":"hello"}
 *     {"ok":true,"op":"publish","id":"...","sequence":"7","neighbors":3, ...}
 *     {"ok":false,"op":"publish","error":"SG_ERR_TOO_LARGE","text":"larger than the limit"}
 * After subscribe and events the node also sends objects with "event", for as long as the client
 * stays connected. Payloads are bytes: "text" when they are text, "base64" otherwise. Numbers that
 * may exceed 2^53 are texts, because many readers of JSON keep numbers as doubles. A peer is an id,
 * or six or more characters at its beginning that only one member, contact or this node has.
 *
 * op           members besides op               answer besides ok and op
 * publish      topic, text or base64            id, sequence (text), neighbors, pushed, announced,
 *                                               published_ns (CLOCK_MONOTONIC before the call)
 * subscribe    topic, own (false), since_ms     then event "message" (received_ns), "dropped"; and
 *              (0), policy ("drop-oldest")      "closed" when policy "disconnect" has ended it
 * topics       -                                topics, with their neighbours
 * priority     topic, priority                  -
 * trace        message ("": all): the           id (of the node), steps
 *              beginning of an id
 * events       -                                then event "peer_up", "member_fail", ... with
 *                                               time_ms and at_ns (CLOCK_MONOTONIC), "dropped"
 * peers        -                                peers
 * members      -                                members
 * force_leave  peer                             id
 * contacts     -                                contacts
 * contact_add  peer, or peer "@" address:port   -
 * contact_rm   peer                             id
 * meta_set     text or base64                   -
 * status       -                                id, address, topics, stats, ...
 * join         seed                             -
 * leave        -                                -, then the node says goodbye and ends
 * stop         -                                -, then the node ends
 *
 * The decoder is strict: unknown members, duplicates, wrong types and trailing text are errors. */
#ifndef SG_APP_CTL_CODEC_H
#define SG_APP_CTL_CODEC_H

#include <stdbool.h>

#include <jansson.h>
#include <saorsa/gossip.h>

#define SG_CTL_PAYLOAD_MAX 16777216
#define SG_CTL_TOPIC_MAX 255
#define SG_CTL_SEED_MAX 320 /* an id, "@", the longest DNS name, a port */
#define SG_CTL_PEER_MAX 120 /* an id, "@", the longest IP address, a port */
#define SG_CTL_META_MAX 512 /* bytes of metadata */
#define SG_CTL_MEMBERS_MAX 4096
/* Longest request line: a payload of newlines doubles in JSON, base64 takes less. */
#define SG_CTL_LINE_MAX ((size_t)2 * SG_CTL_PAYLOAD_MAX + 4096)
/* Longest line from a node: a message with the longest payload. (SG_CTL_MEMBERS_MAX members and 256
 * failed ones, of 1.4 KiB each with metadata of 512 newlines, are 6 MiB.) */
#define SG_CTL_REPLY_MAX SG_CTL_LINE_MAX

#define SG_CTL_OPS(X)                                                                              \
    X(PUBLISH, "publish")                                                                          \
    X(SUBSCRIBE, "subscribe")                                                                      \
    X(TOPICS, "topics")                                                                            \
    X(PRIORITY, "priority")                                                                        \
    X(TRACE, "trace")                                                                              \
    X(EVENTS, "events")                                                                            \
    X(PEERS, "peers")                                                                              \
    X(MEMBERS, "members")                                                                          \
    X(FORCE_LEAVE, "force_leave")                                                                  \
    X(CONTACTS, "contacts")                                                                        \
    X(CONTACT_ADD, "contact_add")                                                                  \
    X(CONTACT_RM, "contact_rm")                                                                    \
    X(META_SET, "meta_set")                                                                        \
    X(STATUS, "status")                                                                            \
    X(JOIN, "join")                                                                                \
    X(LEAVE, "leave")                                                                              \
    X(STOP, "stop")

enum sg_ctl_op {
#define SG_CTL_ENUM_(name, text) SG_CTL_##name,
    SG_CTL_OPS(SG_CTL_ENUM_)
#undef SG_CTL_ENUM_
};

struct sg_ctl_request {
    enum sg_ctl_op op;
    char topic[SG_CTL_TOPIC_MAX + 1]; /* publish, subscribe, priority */
    char message[SG_ID_TEXT_LEN + 1]; /* trace */
    char seed[SG_CTL_SEED_MAX + 1];   /* join */
    char peer[SG_CTL_PEER_MAX + 1];   /* force_leave, contact_add, contact_rm */
    bool own;                         /* subscribe: the node's own messages too */
    uint64_t since_ms;                /* subscribe: what is kept of so long, first */
    const char *policy;               /* subscribe: a word, static; NULL = the default .. */
    enum sg_full_policy full;         /* .. and what it means, after decoding */
    enum sg_priority priority;        /* priority */
    const uint8_t *payload;           /* publish, meta_set [payload_len] */
    size_t payload_len;
    uint8_t *owned; /* what payload points to after decoding; freed by fini */
};

#define SG_CTL_TEXT_CAP 160

const char *sg_ctl_op_name(enum sg_ctl_op op);

/* Reads one line without its newline. On an error text [SG_CTL_TEXT_CAP] gets a sentence for
 * people and the request needs no fini.
 * SG_ERR_MALFORMED, SG_ERR_UNSUPPORTED (op), SG_ERR_TOO_LARGE (payload), SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_ctl_request_decode(const char *line, size_t len,
                                         struct sg_ctl_request *request, char *text);
/* The request as a line without its newline, owned by the caller (free); NULL when out of memory
 * or when topic, seed or peer are not UTF-8. */
char *sg_ctl_request_encode(const struct sg_ctl_request *request);
void sg_ctl_request_fini(struct sg_ctl_request *request);

/* {"ok":true,"op":...}; NULL when out of memory. */
json_t *sg_ctl_answer(enum sg_ctl_op op);
/* {"ok":false,"op":...,"error":...,"text":...}. op NULL when the request had none. text NULL: the
 * error's own. */
json_t *sg_ctl_error(const char *op, sg_err err, const char *text);

/* For clients: reads an object from a line; NULL when it is none. */
json_t *sg_ctl_parse(const char *line, size_t len);
/* The error of an answer, SG_OK when it says ok; unknown names give SG_ERR_PROTOCOL. */
sg_err sg_ctl_answer_err(const json_t *answer);
/* The payload of an object with "text" or "base64"; owned by the caller (free).
 * SG_ERR_MALFORMED, SG_ERR_TOO_LARGE, SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_ctl_payload(const json_t *object, uint8_t **payload, size_t *len);

#endif
