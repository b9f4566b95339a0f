/* What the core is made of, shared by the files of this folder only; internal.h has what they do
 * with it. */
#ifndef SG_NODE_STATE_H
#define SG_NODE_STATE_H

#include <assert.h>

#include "base/bucket.h"
#include "base/index.h"
#include "node/core.h"
#include "node/docflow.h"
#include "node/large.h"
#include "wire/frame.h"
#include "wire/gossip_msg.h"
#include "wire/topic_msg.h"

/* Frames that wait for a dial: a JOIN, a NEIGHBOR, a SHUFFLE_REPLY and a walk per scope at most. */
#define SG_LINK_QUEUE_MAX 64
/* Authors whose key we remember to have sent over a link; forgetting one costs a KEY frame of 2 KB
 * with its next message. As many as the peer keeps [keys_max]: with fewer, so many authors that
 * take turns would have their keys sent each time, with more the peer has to ask. 8 bytes each, and
 * only when so many have been sent. */
#define SG_LINK_KEYS_MAX 512
/* A ROOT or KEY arrives right in front of its GOSSIP: few can wait at once. */
#define SG_LINK_ROOTS_MAX 8
/* Batch roots we remember to have sent over a link; forgetting one costs a ROOT frame. */
#define SG_LINK_ROOTS_SENT_MAX 64
#define SG_LINK_NEW_KEYS_MAX 2
/* Roots asked for that we remember: batches of so many authors can be under way without a root. */
#define SG_LINK_WANTED_MAX 4
/* Twice the link table: a whole table of banned peers does not let the one before it back in before
 * its time. With fewer a peer of many names comes back once it has got enough others banned. */
#define SG_BANS_MAX 512
#define SG_TODO_MAX 64

struct sg_frame_wait {
    struct sg_buf *buf;
    struct sg_topic_id topic;
    struct sg_msg_id id;
    enum sg_lane lane;
    bool droppable;
    enum sg_flow_class klass;
};

struct sg_root_wait {
    uint8_t root[SG_ID_LEN];
    struct sg_buf *frame; /* the ROOT frame as it came, so that it can be forwarded */
};

struct sg_key {
    struct sg_peer_id author;
    struct sg_buf *frame; /* the KEY frame, NULL = free */
    uint64_t used;        /* tick of the last use */
};

/* A root that was asked for. */
struct sg_wanted {
    uint64_t tag; /* its first 8 bytes, 0 = none */
    sg_time_ns at;
};

/* What was sent last over a link: first 8 bytes of ids, a ring that grows up to its limit. */
struct sg_sent {
    uint64_t *tags; /* [cap], 0 = free */
    uint16_t cap, next;
};

/* Keys and roots on their way over a link. */
struct sg_link_proofs {
    struct sg_sent keys_sent;   /* authors, up to SG_LINK_KEYS_MAX */
    struct sg_sent roots_sent;  /* of batches, up to SG_LINK_ROOTS_SENT_MAX */
    struct sg_root_wait *roots; /* [roots_cap] up to SG_LINK_ROOTS_MAX, a ring when it is full */
    struct sg_key *new_keys;    /* [SG_LINK_NEW_KEYS_MAX], a ring, NULL until the first one */
    struct sg_wanted *wanted;   /* [SG_LINK_WANTED_MAX] roots asked for last, NULL = none so far */
    uint8_t roots_cap, roots_next;
    uint8_t new_keys_next;
    struct sg_bucket wants; /* how many more may be asked for */
};

enum sg_link_state { SG_LINK_DIALING, SG_LINK_UP };

/* What every frame about members looks at comes first, then what the others do. */
struct sg_link {
    struct sg_peer_id peer;
    uint64_t boot; /* of the peer, by its HELLO */
    enum sg_link_state state;
    enum sg_close_reason doomed; /* closed at the end of this input; SG_CLOSE_NONE = not */
    uint32_t uses;               /* scopes with this peer in their active view */
    bool dialled;
    bool is_watched;                /* by SWIM */
    uint8_t fetching;               /* chunks asked for, see large_fetch.c */
    sg_time_ns heard_at;            /* SWIM was told last */
    struct sg_bucket frames, bytes; /* bytes: in KiB, of all lanes */
    struct sg_bucket strangers, news;
    struct sg_bucket pubsub;
    struct sg_bucket repair;       /* KiB sent in answer to GRAFTs */
    struct sg_link_proofs *proofs; /* NULL until payload crosses the link: most never carry any */
    uint32_t early_count, queue_count;
    struct sg_bucket verify;
    uint16_t digest_count;
    sg_time_ns unneeded_since;   /* SG_TIME_NEVER while uses > 0 */
    uint64_t srtt_ns, rttvar_ns; /* 0 = not known */
    struct sg_frame_wait *queue; /* [queue_count] up to SG_LINK_QUEUE_MAX, while dialling */
    /* [early_count] up to SG_LINK_QUEUE_MAX: pubsub frames of a peer whose NEIGHBOR answer is still
     * under way on the other lane */
    struct sg_frame_wait *early;
    struct sg_bucket walks, adverts;
    uint32_t points;  /* charges, see charge.c */
    uint32_t waiting; /* bytes of its messages that wait for a verification */
    sg_time_ns points_at;
    uint64_t *digests;               /* [digest_count] */
    uint8_t salt[SG_TOPIC_SALT_LEN]; /* of the peer's TOPICS */
    uint8_t secret[32];              /* of the connection */
    uint32_t sessions;               /* of reconciliation: the last nonce used */
    uint32_t difference;             /* smoothed, in quarters: sg_rec_smooth */
    struct sg_bucket opens;          /* sessions that the peer may open */
    struct sg_bucket serves;         /* KiB of old messages for the peer, see fetch.c */
};

struct sg_standing; /* standing.c */
struct sg_history;  /* history.c */
struct sg_backfill; /* backfill.c */

/* One held message: everything that is needed to push it again. */
struct sg_held {
    struct sg_msg_id id;
    struct sg_peer_id author;
    struct sg_buf *gossip; /* frame with hop; NULL = free */
    struct sg_buf *root;   /* ROOT frame */
    struct sg_buf *key;    /* KEY frame */
    uint8_t hop;
    bool is_batched; /* others share the root */
    bool is_large;   /* its payload is an announcement */
    uint64_t serial; /* grows: the oldest has the lowest */
    uint32_t next_free;
};

struct sg_store {
    struct sg_index index;
    struct sg_held *slots; /* [cap], grows up to max */
    uint32_t cap, max;
    uint32_t free_head;
    uint32_t touched; /* slots used at least once */
    uint64_t serial;
    uint64_t bytes;
};

#define SG_WINDOW_BITS 4096
/* Replay window of one boot of an author. Most authors say little: the bits grow with the counters
 * that come. */
struct sg_window {
    uint32_t boot;
    uint32_t top;   /* highest counter accepted */
    uint32_t words; /* 0: free, 1: first, otherwise a power of two up to SG_WINDOW_BITS / 64 */
    uint64_t first;
    uint64_t *bits; /* [words], NULL when words is 1; bit (counter % (64 * words)) = accepted */
};

/* The newest boots of one author on one topic. */
#define SG_BOOTS_MAX 2
struct sg_heard {
    struct sg_peer_id id;
    uint64_t used;
    uint32_t newest; /* time slot accepted */
    uint32_t lost;   /* windows.lost when the author got this place */
    struct sg_window boots[SG_BOOTS_MAX];
};

struct sg_windows {
    struct sg_index index;
    struct sg_heard *slots; /* [cap], the first index.count are used; grows up to max */
    uint32_t cap, max;
    uint32_t lost; /* authors that lost their places had reached time slots below this one */
    uint64_t tick;
};

/* Who says to be a subscriber of what, see adverts.c. */
struct sg_adverts {
    struct sg_claim *claims; /* [cap], the first count are used */
    uint32_t cap, count;
    sg_time_ns tell_at;    /* SG_TIME_NEVER = nothing is news */
    struct sg_bucket told; /* what may be told now */
};

struct sg_scope {
    struct sg_topic_id topic;
    sg_time_ns find_at;   /* next topic walk */
    sg_time_ns advert_at; /* next advert, while there is a subscription */
    /* of the machines, as of their last input: asking them anew after each input of the core costs
     * more than most inputs */
    sg_time_ns hpv_due, pt_due;
    struct sg_pt *pt; /* NULL of the base: it carries no payload */
    bool is_base;
    bool is_closing;
    uint32_t subscriptions;
    uint32_t durables; /* of them; while there are any, messages are given out to be stored */
    sg_time_ns offered_until; /* our own messages are offered so long, also after unsubscribing */
    sg_time_ns linger_until;  /* a scope without subscription is closed then */
    uint64_t find_pause_ns;
    uint32_t answers_left; /* TOPIC_FOUNDs that our walks can still bring */
    struct sg_store store;
    struct sg_windows windows;
    enum sg_flow_class klass;      /* of its messages */
    uint64_t unread_ms;            /* what is signed before may have been had before a restart */
    struct sg_history *history;    /* NULL until the first message */
    struct sg_backfill *backfill;  /* NULL until the first neighbour */
    struct sg_docflow_state *docs; /* NULL: no document is bound to the topic */
    uint8_t tag[SG_TOPIC_TAG_LEN]; /* the topic's name in adverts */
    struct sg_hpv hpv;
};

/* Hints as a row of lengths and bytes: 14 bytes hold an IPv4 address; more is rare and apart. */
#define SG_BOOK_SMALL 14
#define SG_BOOK_WIDE UINT8_MAX
struct sg_book_entry {
    struct sg_peer_id peer;
    union {
        struct {
            uint8_t len; /* of small, 0 = none; SG_BOOK_WIDE = they are in wide */
            bool first_hand : 1;
            bool is_doubted : 1; /* it could not be dialled there */
            bool is_pinned : 1;  /* a contact's: given by the user, not lost to hearsay */
            uint8_t small[SG_BOOK_SMALL];
        };
        struct {
            uint64_t head; /* len and what is said of the entry */
            struct sg_hints *wide;
        };
    };
};
static_assert(sizeof(struct sg_book_entry) == SG_ID_LEN + 16, "there are many of them");

struct sg_book {
    const struct sg_mem *mem;
    struct sg_index index;
    struct sg_book_entry
        *entries; /* [cap], the first count are used; grows up to max, then a ring */
    uint32_t cap, max;
    uint32_t count;
    uint32_t next; /* the oldest, once it is a ring */
};

struct sg_ban {
    struct sg_peer_id peer;
    sg_time_ns until;
};

/* A topic that is not of normal priority. */
struct sg_priority {
    struct sg_topic_id topic;
    enum sg_flow_class klass;
};

/* Peers that could not be reached while outputs were being executed. */
struct sg_todo {
    struct sg_peer_id peer;
    struct sg_topic_id topic;
};

/* The ids below a root. */
struct sg_leaves {
    const uint8_t *ids; /* [count * 32] borrowed */
    uint8_t count;      /* 1 .. SG_BATCH_MAX */
};

struct sg_roots {
    struct sg_index index; /* root -> slot */
    struct sg_verified {
        uint8_t root[SG_ID_LEN];
        struct sg_peer_id author;
        struct sg_buf *frame;
        struct sg_leaves leaves; /* in frame */
    } * slots; /* [cap], the first index.count are used; grows up to max, then a ring */
    uint32_t cap, max;
    uint32_t next;
};

struct sg_keys {
    struct sg_index index;
    struct sg_key *slots; /* [cap], the first index.count are used; grows up to max */
    uint32_t cap, max;
    uint64_t tick;
};

/* A message of this node that is not signed yet. */
struct sg_own {
    struct sg_msg_id id;
    struct sg_topic_id topic;
    uint64_t sequence, time_ms, expiry_ms;
    bool is_large; /* the payload is an announcement */
    struct sg_buf *payload;
};

/* Own messages under one signature, see author.c. */
struct sg_batch {
    uint64_t job; /* 0: it still gathers */
    uint8_t root[SG_ID_LEN];
    struct sg_buf *frame; /* ROOT, once it is signed */
    struct sg_own *own;   /* [cap], grows up to batch_max */
    uint32_t count, cap;
};

struct sg_author {
    struct sg_batch *batches; /* [sign_jobs_max + 1], NULL until the first message; a ring */
    uint32_t first, count;    /* the last one may still gather */
    bool is_flushing;
    uint64_t bytes;     /* of all payloads */
    sg_time_ns next_at; /* the end of the linger of the last batch */
};

/* A neighbour's copy of a message that waits for its root, see verify.c. */
#define SG_COPIES_MAX 12
struct sg_copy {
    struct sg_peer_id peer;
    uint8_t hop;
    bool is_past; /* back-fill has asked for it */
};

struct sg_waiting {
    struct sg_held held; /* without root and key; its frame is for the next hop after copy[0] */
    struct sg_topic_id topic;
    uint64_t sequence;
    uint8_t copy_count;
    struct sg_copy copy[SG_COPIES_MAX]; /* in order of arrival */
};

/* One root under verification, and who waits for it. */
struct sg_check {
    uint64_t tag; /* first 8 bytes of root */
    uint64_t job;
    uint8_t root[SG_ID_LEN];
    struct sg_peer_id author;
    struct sg_peer_id bringer; /* of frame */
    struct sg_buf *key, *frame;
    uint8_t batch_count;
    uint8_t count;                            /* messages that wait */
    uint8_t order[SG_BATCH_MAX];              /* [count] their indices, in order of arrival */
    struct sg_waiting *waiting[SG_BATCH_MAX]; /* by index in the batch */
};

struct sg_checks {
    struct sg_check **slots; /* [cap], the first count are used, oldest first; up to max */
    uint32_t cap, count, max;
    uint64_t bytes; /* of all messages that wait */
};

/* The newest record of a member, as it came. */
struct sg_record {
    struct sg_peer_id peer;
    sg_incarnation incarnation;
    struct sg_buf *frame;
    uint16_t meta_at, meta_len; /* in frame */
    struct sg_bucket passed;    /* its records to others */
};

struct sg_records {
    struct sg_index index;
    struct sg_record *slots; /* [cap], grows up to max; the first count are used */
    uint32_t count, cap, max;
    /* [recent_cap], grows up to SG_RECENT_MAX: tags of the records verified last, a ring, the first
     * recent_count are set. What was forwarded once is not forwarded again, also when its subject
     * has left and is forgotten */
    uint64_t *recent;
    uint32_t recent_next, recent_count, recent_cap;
    uint64_t recent_key;
};

/* Copies of one record arrive within the time of a flood; meanwhile at most so many others do. */
#define SG_RECENT_MAX 1024

/* The PING that is being answered. */
struct sg_ping {
    bool is_set;
    uint32_t seq;
    struct sg_peer_id peer;
};

struct sg_core {
    /* what every input looks at, in few cache lines */
    sg_time_ns now; /* of the input in work, as the next ones */
    uint64_t wall_ms;
    struct sg_core_outbox *out;
    sg_err down_err; /* why neighbours go down, for the event */
    bool has_left;
    bool any_doomed;
    bool topics_dirty;
    bool is_rest_stale; /* rest_due is to be found anew at the end of the input */
    uint32_t link_count, link_cap;
    uint32_t scope_count, scope_cap;
    uint32_t todo_count, todo_cap;
    sg_time_ns links_check_at;
    sg_time_ns swim_due; /* its deadline, as of its last input */
    sg_time_ns rest_due; /* of all others, as of the last input that could change it */
    /* [link_cap], grows up to links_max; the first link_count are used, in order of creation */
    struct sg_link **links;
    /* [scope_cap], grows up to scopes_max; the first scope_count are used; [0] is the base */
    struct sg_scope **scopes;
    struct sg_index link_index;
    struct sg_swim *swim;
    struct sg_index_keys index_keys;
    struct sg_core_stats stats;
    struct sg_core_config config;
    uint8_t network[SG_HASH_LEN];
    struct sg_prng prng;
    struct sg_index scope_index;
    sg_time_ns topics_at; /* to be told, when topics_dirty */
    uint32_t sequence;    /* counter of our own messages, over all topics: a scope may come and go,
                          * its subscribers' replay windows stay */
    struct sg_book book;
    struct sg_keys keys;
    struct sg_roots roots;
    struct sg_author author;
    struct sg_checks checks;
    struct sg_larges large;
    struct sg_adverts adverts;
    uint64_t docs_bytes;      /* messages of documents that gather */
    uint64_t job;             /* given last */
    struct sg_bucket strange; /* verifications for who is no neighbour */
    struct sg_buf *own_key;   /* KEY frame */
    struct sg_buf *past_root; /* ROOT frame of the last PAST, whose leaves are sound; may be NULL */
    struct sg_ban *bans;      /* [SG_BANS_MAX], a ring; NULL until the first one */
    uint32_t bans_next;
    struct sg_standing *standings; /* [standing_cap], the first standing_count are used; a ring */
    uint32_t standing_cap, standing_count, standing_next;
    struct sg_todo *todo;  /* [todo_cap], NULL until the first one */
    sg_time_ns in_time_at; /* a new message was accepted last, 0 = none yet */
    struct sg_ping ping;
    sg_time_ns rejoin_at;
    struct sg_records records;
    struct sg_buf *own_record; /* NULL until there is something to say */
    uint8_t *meta;             /* [meta_len] */
    uint16_t meta_len;
    uint8_t ladder;                 /* the rung to try next while isolated */
    uint32_t ladder_at;             /* the member to begin with */
    struct sg_priority *priorities; /* [priority_cap], the first priority_count are used */
    uint32_t priority_count, priority_cap;
    uint8_t contact_count;
    struct sg_peer_id contacts[SG_HPV_CONTACTS_MAX];
};

#endif
