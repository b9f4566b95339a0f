/* Subscriptions: bounded queues of delivered messages, each with its own lock, so that readers
 * never wait for the node and the node never waits for a reader. The registry, a list of all
 * subscriptions, belongs to the node's lock. */
#ifndef SG_RUNTIME_SUBS_H
#define SG_RUNTIME_SUBS_H

#include <saorsa/gossip.h>

#include "base/mem.h"
#include "runtime/ready.h"
#include "runtime/wait.h"

struct sg_rt_message;
struct sg_rt_past;

/* Events of sessions of documents that wait: more than node/docflow.c ever has of live sessions. */
#define SG_RT_EVENTS_MAX 64

struct sg_rt_queue {
    struct sg_rt_message *first;
    struct sg_rt_message *last;
    size_t count;
    size_t bytes; /* of payload */
};

struct sg_subscription {
    struct sg_node *node;
    const struct sg_mem *mem;
    struct sg_topic_id topic;
    struct sg_subscribe_options options;
    struct sg_subscription *next; /* in the registry */
    bool takes_docs;              /* is told of sessions of documents, see doc_bind.c */
    struct sg_rt_past *past;      /* owned, with since_ms; set before anybody reads */
    /* below: under wait */
    struct sg_rt_wait wait;
    struct sg_rt_queue queue;  /* of messages; the options are about this one */
    struct sg_rt_queue events; /* of sessions, see doc_bind.c: no broadcast takes their place */
    bool was_event;            /* what was read last */
    uint64_t dropped;
    bool closed; /* SG_FULL_CLOSE: full once */
    /* SG_FULL_BLOCK: messages that wait where the node keeps them, a ring in order */
    struct sg_msg_id *behind; /* [behind_cap], NULL until there is one */
    uint32_t behind_cap, behind_at, behind_count;
    /* the large ones among them, of which the node keeps no bytes */
    struct sg_rt_queue parked;
    bool has_past; /* there may be more in past */
    struct sg_rt_ready ready;
};

struct sg_rt_subs {
    struct sg_subscription *first;
    uint64_t dropped; /* over all subscriptions, ended ones included; as the next ones */
    uint64_t closed;
    uint64_t held;
};

/* The defaults in the public header. */
void sg_rt_subscribe_options_default(struct sg_subscribe_options *options);
/* A subscription that no registry knows. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_rt_sub_new(const struct sg_mem *mem, const struct sg_topic_id *topic,
                                 const struct sg_subscribe_options *options,
                                 struct sg_subscription **out);
/* Waits for readers to leave, drops what waits, the past included, and frees. */
void sg_rt_sub_free(struct sg_subscription *sub);

/* A message of the caller's. NULL when out of memory. */
struct sg_message *sg_rt_message_copy(const struct sg_mem *mem, const struct sg_message *message);
/* past holds nothing any more. */
void sg_rt_sub_past_ended(struct sg_subscription *sub);

void sg_rt_subs_add(struct sg_rt_subs *subs, struct sg_subscription *sub);
/* Whether it was there. */
bool sg_rt_subs_remove(struct sg_rt_subs *subs, struct sg_subscription *sub);
/* Copies the message into every subscription of its topic; own: only into those that want the
 * node's own messages. A copy that finds no memory counts as dropped. */
void sg_rt_subs_deliver(struct sg_rt_subs *subs, const struct sg_message *message, bool own);
/* Copies an event of a session into the queue of a binding of the topic, if there is one, whatever
 * messages wait there. is_end: the session's last one, what still waits of it is dropped. */
void sg_rt_subs_tell_doc(struct sg_rt_subs *subs, const struct sg_topic_id *topic,
                         const struct sg_message *event, bool is_end);
/* Whether a subscription that blocks has no room for this message of the node's own. */
bool sg_rt_subs_block(struct sg_rt_subs *subs, const struct sg_topic_id *topic, size_t len);
/* Blocked readers return. */
void sg_rt_subs_stop(struct sg_rt_subs *subs);

/* For sg_rt_sub_catch_up, under the node's lock. The next id that waits outside the queue, if it
 * has room; then what became of it: a copy that the queue takes over, or NULL: it is gone. */
bool sg_rt_sub_is_behind(struct sg_subscription *sub); /* the queue is empty, others wait */
bool sg_rt_sub_behind(struct sg_subscription *sub, struct sg_msg_id *id);
void sg_rt_sub_caught_up(struct sg_rt_subs *subs, struct sg_subscription *sub,
                         struct sg_message *message);

/* As the public functions of these names, from any thread. next: SG_ERR_NOT_FOUND when messages
 * wait outside the queue only. */
SG_MUST_USE sg_err sg_rt_sub_next(struct sg_subscription *sub, int timeout_ms,
                                  struct sg_message **message);
int sg_rt_sub_fd(struct sg_subscription *sub);
uint64_t sg_rt_sub_dropped(struct sg_subscription *sub);
uint64_t sg_rt_sub_held(struct sg_subscription *sub);

#endif
