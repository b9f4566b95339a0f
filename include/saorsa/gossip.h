/* Saorsa Gossip: a post-quantum secure gossip overlay.
 *
 * One node object joins one network. It finds peers, keeps a small random set of links to them
 * over post-quantum QUIC, and broadcasts signed messages by topic.
 *
 *     struct sg_node_config config;
 *     sg_node_config_init(&config);
 *     config.state_dir = "/var/lib/me";
 *     struct sg_node *node;
 *     if (sg_node_new(&config, &node, NULL, 0) == SG_OK && sg_node_start(node) == SG_OK) ...
 *
 * Threads. With sg_node_start the node runs its own loop thread and every function here may be
 * called from any thread. Without it the caller drives: poll sg_node_fd for reading until
 * sg_node_deadline_ms has passed, then call sg_node_drive; then all calls must come from one
 * thread. A node never calls back into the program: messages and events are pulled.
 *
 * Errors. Functions return sg_err (<saorsa/err.h>); out parameters are set only on SG_OK unless
 * said otherwise. sg_node_last_error adds a sentence with the detail for people. */
#ifndef SG_SAORSA_GOSSIP_H
#define SG_SAORSA_GOSSIP_H

#include <stdbool.h>

#include <saorsa/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this library, e.g. "0.1.0". Static. */
SG_API const char *sg_version(void);

struct sg_node;
struct sg_subscription;

/* ---- identity ------------------------------------------------------------------------------ */

/* Creates a new identity in dir (made with mode 0700 when missing) and gives its id. passphrase
 * NULL or "" stores the seed unsealed, in a file of mode 0600.
 * SG_ERR_EXISTS: dir holds an identity already; it is left as it is. SG_ERR_PERMISSION,
 * SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_ENTROPY, SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_API SG_MUST_USE sg_err sg_identity_create(const char *dir, const char *passphrase,
                                             struct sg_peer_id *id);
/* Reads the id of the identity in dir.
 * SG_ERR_NOT_FOUND, SG_ERR_CORRUPT, SG_ERR_PASSPHRASE, SG_ERR_PERMISSION, SG_ERR_IO,
 * SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_API SG_MUST_USE sg_err sg_identity_show(const char *dir, const char *passphrase,
                                           struct sg_peer_id *id);

/* TopicId of a name of 1 .. 255 bytes; SG_ERR_INVALID_ARGUMENT for other lengths. */
SG_API SG_MUST_USE sg_err sg_topic_from_name(const char *name, struct sg_topic_id *topic);

/* ---- node ---------------------------------------------------------------------------------- */

struct sg_node_config {
    /* Folder of the identity; created with a fresh key when it holds nothing at all. NULL makes an
     * identity in memory that is gone with the node. Borrowed until sg_node_new returns. */
    const char *state_dir;
    const char *passphrase; /* of the identity, NULL for none; borrowed likewise */
    const char *network;    /* ["saorsa"] nodes of different networks never mix */
    const char *listen;     /* ["0.0.0.0:0"] address:port of the UDP socket; port 0 = any free */
    /* "host:port" or "<peer id>@host:port" [seed_count]; tried with back-off for ever while the
     * node has no neighbour. With an id, any other peer at that address is refused. */
    const char *const *seeds;
    size_t seed_count;
    uint32_t max_connections; /* [256] QUIC connections, half-open ones included */
    uint32_t retry_threshold; /* [32] half-open handshakes before addresses are proved */
    uint32_t event_queue_max; /* [1024] events kept for sg_node_next_event, oldest dropped */
    uint64_t idle_timeout_ms; /* [30000] a silent connection is given up */
    uint64_t keep_alive_ms;   /* [10000] */
    /* [900000] 1 .. 900000: published messages expire after so long. A node that a message reaches
     * later, by its own clock and 5 s more, neither delivers it nor passes it on, and back-fill
     * does not fetch it. With less than the default, who was cut off for longer, or whose clock is
     * ahead by as much, misses it. What was accepted in time may be read later all the same. */
    uint64_t message_ttl_ms;
    uint64_t shuffle_interval_ms; /* [30000] HyParView's shuffle, +- 20 % */
    uint32_t members_max;         /* [256] of the member table, <= 4096; of a larger network it is a
                                   * sample */
    uint32_t contact_slots;       /* [2] neighbour places reserved for contacts, <= 8; 3 in hostile
                                   * networks; see sg_contact_add */
    uint64_t durable_age_ms;      /* [7 days] messages of durable topics are kept so long */
    uint64_t durable_bytes_max;   /* [1 GiB] of the file they are in; >= 1 MiB */
    /* Metadata this node tells all members about itself from the start [meta_len <= 512]; borrowed
     * until sg_node_new returns. */
    const uint8_t *meta;
    size_t meta_len;
};

/* Fills in the defaults in brackets. */
SG_API void sg_node_config_init(struct sg_node_config *config);

/* Makes a node and binds its socket; nothing is sent yet. The caller owns *node and gives it back
 * with sg_node_free. On an error *node is NULL and detail, when not NULL [detail_cap], gets a
 * sentence for people.
 * SG_ERR_INVALID_ARGUMENT (config), SG_ERR_ADDRESS_IN_USE, SG_ERR_PERMISSION, SG_ERR_LOCKED
 * (another process runs this identity), SG_ERR_CORRUPT (a file in state_dir),
 * SG_ERR_PASSPHRASE, SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_NO_MEMORY, SG_ERR_ENTROPY,
 * SG_ERR_CRYPTO, SG_ERR_UNREACHABLE (listen is no
 * address of this machine), SG_ERR_NOT_FOUND (a boot counter without its key), SG_ERR_UNSUPPORTED
 * (key file of a newer version), SG_ERR_LIMIT (descriptors). */
SG_API SG_MUST_USE sg_err sg_node_new(const struct sg_node_config *config, struct sg_node **node,
                                      char *detail, size_t detail_cap);
/* Starts the loop thread. SG_ERR_INVALID_STATE when it runs or the caller has driven it,
 * SG_ERR_STOPPED, SG_ERR_LIMIT (threads). */
SG_API SG_MUST_USE sg_err sg_node_start(struct sg_node *node);
/* Says goodbye to the peers, ends the loop thread and closes the socket; below one second.
 * Blocked calls return SG_ERR_STOPPED. A second call does nothing. */
SG_API void sg_node_stop(struct sg_node *node);
/* Stops when needed and frees everything, subscriptions included. NULL is allowed. No other call on
 * the node may be under way or follow. */
SG_API void sg_node_free(struct sg_node *node);

/* Caller-driven mode. The descriptor becomes readable when there is work. */
SG_API int sg_node_fd(const struct sg_node *node);
/* Milliseconds until sg_node_drive wants to be called without the descriptor being readable:
 * 0 = now, -1 = not before the descriptor is readable. */
SG_API int sg_node_deadline_ms(const struct sg_node *node);
/* Does what is due without blocking. SG_ERR_INVALID_STATE when the loop thread runs,
 * SG_ERR_STOPPED. */
SG_API SG_MUST_USE sg_err sg_node_drive(struct sg_node *node);

SG_API void sg_node_id(const struct sg_node *node, struct sg_peer_id *id);
/* The bound address as text, e.g. "127.0.0.1:4433"; cap >= 64. */
SG_API void sg_node_address(const struct sg_node *node, char *text, size_t cap);
/* A sentence on the newest error of this node, "" for none; copied to text [cap]. */
SG_API void sg_node_last_error(struct sg_node *node, char *text, size_t cap);

/* Joins through one more seed: "host:port" or "<peer id>@host:port". Returns at once; the outcome
 * is an event. SG_ERR_INVALID_ARGUMENT (form), SG_ERR_LIMIT (64 seeds), SG_ERR_STOPPED. */
SG_API SG_MUST_USE sg_err sg_node_join(struct sg_node *node, const char *seed);
/* Tells the neighbours goodbye and leaves the overlay; the node can be stopped afterwards. */
SG_API SG_MUST_USE sg_err sg_node_leave(struct sg_node *node);

/* ---- members ------------------------------------------------------------------------------- */

enum sg_member_state {
    SG_MEMBER_ALIVE = 1,
    SG_MEMBER_SUSPECT = 2, /* did not answer; still counted as living */
    SG_MEMBER_FAILED = 3   /* remembered for a day and probed again */
};

struct sg_member {
    struct sg_peer_id id;
    enum sg_member_state state;
    uint64_t incarnation; /* boot counter in the high, refutations and updates in the low 32 bits */
    uint64_t state_ms;    /* so long in this state */
    uint64_t heard_ms;    /* since the last sign of life at first hand; UINT64_MAX = never */
    char address[64];     /* "" when not known */
    bool is_linked, is_neighbor, is_contact;
    size_t meta_len;
    uint8_t meta[512];
};

/* Copies up to cap known members, without this node, living ones first; returns how many there are.
 * Above members_max nodes it is a sample: the neighbours, and a uniform choice of the others. */
SG_API size_t sg_node_members(struct sg_node *node, struct sg_member *members, size_t cap);
/* New metadata of this node [0 .. 512], signed and told to all members; each call is a new version.
 * SG_ERR_TOO_LARGE, SG_ERR_STOPPED, SG_ERR_NO_MEMORY, SG_ERR_CRYPTO. */
SG_API SG_MUST_USE sg_err sg_node_set_meta(struct sg_node *node, struct sg_bytes meta);
/* Gives up a failed member: it is forgotten here at once, and by those who have held it for dead
 * for an hour (one node's word must not end a partition for good), and is no longer probed. When
 * it comes back it is welcome. SG_ERR_NOT_FOUND: unknown, or not failed. */
SG_API SG_MUST_USE sg_err sg_node_force_leave(struct sg_node *node, const struct sg_peer_id *peer);

/* Contacts: peers the user vouches for. Some neighbour places are kept for them, they are dialled
 * first and never give way to strangers: this is what keeps an attacker with many identities from
 * surrounding a node. Kept in state_dir, if there is one. */
struct sg_contact {
    struct sg_peer_id id;
    char address[64]; /* the newest known one, "" when none */
    bool is_neighbor;
};
/* peer: "<peer id>" or "<peer id>@host:port" (IP address). Adding it again renews the address.
 * On an error nothing has changed. Waits for the disk.
 * SG_ERR_INVALID_ARGUMENT (form, or this node itself), SG_ERR_LIMIT (32 contacts), SG_ERR_STOPPED;
 * of the disk: SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_PERMISSION, SG_ERR_LOCKED, SG_ERR_CORRUPT,
 * SG_ERR_NO_MEMORY. */
SG_API SG_MUST_USE sg_err sg_contact_add(struct sg_node *node, const char *peer);
/* SG_ERR_NOT_FOUND, SG_ERR_STOPPED, and those of the disk as above. */
SG_API SG_MUST_USE sg_err sg_contact_remove(struct sg_node *node, const struct sg_peer_id *peer);
/* Copies up to cap, returns how many there are. */
SG_API size_t sg_contacts(struct sg_node *node, struct sg_contact *contacts, size_t cap);

/* ---- broadcast ----------------------------------------------------------------------------- */

/* What a subscription does when its queue is full. */
enum sg_full_policy {
    SG_FULL_DROP_OLDEST, /* the oldest waiting message goes; counted in dropped */
    SG_FULL_DROP_NEWEST, /* the new message goes; counted in dropped */
    SG_FULL_CLOSE,       /* the subscription closes: reads give what waits, then SG_ERR_CLOSED */
    /* The queue takes nothing more until it has been read empty. What comes meanwhile waits where
     * the node keeps messages for its neighbours anyway (15 minutes, 16 MiB over all topics; up to
     * 65536 of one subscription), costs the node nothing, delays nobody, and follows in order,
     * each message once, with last_hop zero. What is gone from there by then counts in dropped, as
     * do payloads above 65536 bytes for which the queue's bytes have no room. With own_messages
     * this node's own publisher waits for the reader: sg_publish says SG_ERR_WOULD_BLOCK. */
    SG_FULL_BLOCK
};

struct sg_subscribe_options {
    size_t queue_max;           /* [1024] messages */
    size_t queue_bytes_max;     /* [16 MiB] of payload: as large as a message can be */
    enum sg_full_policy policy; /* [SG_FULL_DROP_OLDEST] */
    bool own_messages;          /* [false] whether this node's own messages are delivered too */
    /* [false] All messages of the topic, this node's own included, are kept in state_dir with their
     * authors' proofs, while the node runs; written within a tenth of a second, after a crash or a
     * power loss all that was written is there. After a restart neighbours are served from it, and
     * no message is delivered twice. Kept within durable_age_ms and durable_bytes_max. */
    bool durable;
    /* [0] Begin with what is kept of the last since_ms: of a durable topic in state_dir, of others
     * in memory (15 minutes, 16 MiB over all topics). In order of the authors' time, then live ones
     * without a gap. These do not count for the queue's limits. */
    uint64_t since_ms;
};

/* A delivered message; owned by the caller, given back with sg_message_free. */
struct sg_message {
    struct sg_topic_id topic;
    struct sg_peer_id author;   /* who signed it */
    struct sg_peer_id last_hop; /* the neighbour it came from; the node itself for own messages;
                                 * zero when it came before the subscription (since_ms) */
    struct sg_msg_id id;
    uint64_t sequence; /* of the author; grows, with gaps: one count for all its topics */
    uint64_t time_ms;  /* the author's wall clock, milliseconds since 1970 */
    uint64_t age_us;   /* by the wall clocks of author and receiver; 0 when that is negative */
    uint8_t hops;      /* links the message crossed on its way here */
    size_t len;
    const uint8_t *payload; /* [len], part of the message */
};

/* Subscribes to a topic; the first subscription of a topic joins its overlay. options NULL for
 * the defaults. *sub is owned by the caller and given back with sg_subscription_free.
 * With durable it waits for the disk.
 * SG_ERR_LIMIT (256 topics), SG_ERR_NO_MEMORY, SG_ERR_STOPPED, SG_ERR_INVALID_ARGUMENT (queue_max
 * 0, or durable without state_dir); with durable: SG_ERR_CORRUPT (messages.db stays as it
 * is; when it is moved away, a new one is made), SG_ERR_UNSUPPORTED (the file is of a newer
 * version), SG_ERR_NO_SPACE, SG_ERR_IO, SG_ERR_PERMISSION, SG_ERR_LOCKED. */
SG_API SG_MUST_USE sg_err sg_subscribe(struct sg_node *node, const struct sg_topic_id *topic,
                                       const struct sg_subscribe_options *options,
                                       struct sg_subscription **sub);
/* Takes the next message, waiting up to timeout_ms (-1 = for ever, 0 = not at all; in
 * caller-driven mode only 0). SG_ERR_TIMEOUT, SG_ERR_WOULD_BLOCK (timeout_ms 0 and nothing there),
 * SG_ERR_CLOSED (policy SG_FULL_CLOSE), SG_ERR_STOPPED, SG_ERR_INVALID_STATE (a timeout other than
 * 0 in caller-driven mode). */
SG_API SG_MUST_USE sg_err sg_subscription_next(struct sg_subscription *sub, int timeout_ms,
                                               struct sg_message **message);
/* A descriptor that is readable while messages wait; owned by the subscription. */
SG_API int sg_subscription_fd(const struct sg_subscription *sub);
/* Messages dropped because the queue was full. */
SG_API uint64_t sg_subscription_dropped(const struct sg_subscription *sub);
/* Messages that wait outside the queue until it has been read (SG_FULL_BLOCK), now. */
SG_API uint64_t sg_subscription_held(const struct sg_subscription *sub);
/* Ends the subscription; the last one of a topic leaves its overlay. NULL is allowed. */
SG_API void sg_subscription_free(struct sg_subscription *sub);
SG_API void sg_message_free(struct sg_message *message);

/* Whose messages go first where not all can go at once: to a neighbour that takes less than there
 * is to send, messages of critical, normal and bulk topics get its link 16 : 4 : 1 while all three
 * wait; when they do not fit, those of the lowest go first, and each leaves an announcement.
 * Membership and the control of trees go before all of them. */
enum sg_priority {
    SG_PRIORITY_NORMAL = 0,
    SG_PRIORITY_CRITICAL = 1,
    SG_PRIORITY_BULK = 2 /* also what back-fill sends, of any topic */
};
/* Sets the priority of a topic at this node [SG_PRIORITY_NORMAL], for its own messages and those it
 * passes on, from now on and until it ends, whether or not it is subscribed. Nobody else is told:
 * set it at all nodes of the topic. sg_publish refuses bulk messages (SG_ERR_WOULD_BLOCK) when half
 * of the send queues are full, normal ones at three quarters, critical ones nearly at the end.
 * SG_ERR_INVALID_ARGUMENT, SG_ERR_LIMIT (257 topics that are not normal), SG_ERR_NO_MEMORY,
 * SG_ERR_STOPPED. */
SG_API SG_MUST_USE sg_err sg_topic_set_priority(struct sg_node *node,
                                                const struct sg_topic_id *topic,
                                                enum sg_priority priority);

/* What became of an accepted message so far. */
enum sg_publish_outcome {
    SG_PUBLISH_SENT = 1, /* signed, and in the queues of the neighbours */
    SG_PUBLISH_QUEUED,   /* waits for its signature; goes out by itself */
    SG_PUBLISH_NO_PEERS  /* the topic has no neighbour: kept 60 s for those who come */
};

struct sg_publish_result {
    enum sg_publish_outcome outcome;
    struct sg_msg_id id;
    uint64_t sequence;
    uint32_t neighbors; /* of the topic's overlay at this moment */
    uint32_t pushed;    /* neighbours that get it in full, as the tree stands */
    uint32_t announced; /* neighbours that are only told its id */
};

/* Publishes payload [0 .. 16777216] on a topic, signed by this node. Above 65536 bytes only a
 * message with the hashes is pushed, and subscribers fetch the payload in pieces from each other
 * (docs/pubsub.md); they get it whole, in one message. The payload is copied.
 * A node may publish without a subscription: it joins the topic's overlay for as long as the topic
 * is in use (60 s).
 * Returns at once; the message is signed by another thread and sent when that is done. A message
 * that comes alone is signed right away, those that follow within 5 ms gather and share one
 * signature, up to 64 of them. The order of publishing is kept, except that payloads above 65536
 * bytes come later than what follows them. sg_node_stop and sg_node_leave first sign and send what
 * was accepted; of a larger payload that is the message alone: whoever has not fetched it from this
 * node by then depends on others who have.
 * SG_OK: accepted; *result (may be NULL) says for how many neighbours. With no neighbour yet the
 * message is kept for 60 s and offered to those who come, and neighbors is 0.
 * SG_ERR_TOO_LARGE, SG_ERR_WOULD_BLOCK (the send queues are full, or 1 088 messages or 4 MiB wait
 * for their signatures, or payloads above 65536 bytes that are in use fill 64 MiB, or
 * own ones 16 MiB while others wait to be fetched, or a subscription of this node with
 * SG_FULL_BLOCK and own_messages is full: try again later), SG_ERR_LIMIT (256 topics; or
 * 4 294 967 295 messages since the node was made: their numbers are used up, and a node made anew
 * has new ones), SG_ERR_NO_MEMORY, SG_ERR_STOPPED. */
SG_API SG_MUST_USE sg_err sg_publish(struct sg_node *node, const struct sg_topic_id *topic,
                                     struct sg_bytes payload, struct sg_publish_result *result);

/* ---- events and state ---------------------------------------------------------------------- */

enum sg_event_kind {
    SG_EVENT_PEER_UP,        /* peer became a neighbour; topic is zero for the base overlay */
    SG_EVENT_PEER_DOWN,      /* peer stopped being one; err says why (SG_OK: by agreement) */
    SG_EVENT_JOINED,         /* the first neighbour of the base overlay is there */
    SG_EVENT_ISOLATED,       /* no neighbour left; the node keeps trying */
    SG_EVENT_SEED_FAILED,    /* a seed could not be reached or was refused: err, text */
    SG_EVENT_REFUSED,        /* a connection was refused or closed for cause: err, text */
    SG_EVENT_MEMBER_JOIN,    /* peer is a member now, or again */
    SG_EVENT_MEMBER_SUSPECT, /* peer does not answer */
    SG_EVENT_MEMBER_REFUTED, /* a suspect peer is alive after all */
    SG_EVENT_MEMBER_FAIL,    /* peer has failed; above 256 members also one never told of */
    SG_EVENT_MEMBER_LEAVE,   /* peer is no member any more: it has left in good order, was given up
                              * by an operator, or had failed (MEMBER_FAIL, no MEMBER_JOIN since)
                              * and is forgotten, after 24 h or above 256 failed ones */
    SG_EVENT_MEMBER_UPDATE,  /* peer has new metadata */
    SG_EVENT_STATE_FAILED,   /* a file of the state folder cannot be written or read: err, text;
                              * told once, the node runs on and tries again */
    SG_EVENT_TRANSFER        /* a payload above 64 KiB of peer is on its way to this node: message,
                              * done, total; at the beginning, the end, and at most four times a
                              * second. SG_ERR_TIMEOUT: it is given up, nobody has the rest;
                              * SG_ERR_LIMIT, SG_ERR_NO_MEMORY: not begun, too many wait */
};

struct sg_event {
    enum sg_event_kind kind;
    struct sg_peer_id peer;
    struct sg_topic_id topic;
    sg_err err;
    char text[128];           /* for people, may be empty */
    struct sg_msg_id message; /* TRANSFER .. */
    uint64_t done, total;     /* .. bytes */
};

/* Takes the next event; timeout and errors as for sg_subscription_next. */
SG_API SG_MUST_USE sg_err sg_node_next_event(struct sg_node *node, int timeout_ms,
                                             struct sg_event *event);
/* A descriptor that is readable while events wait, and once the node is stopped; owned by the node.
 * -1: the process has no descriptor left. */
SG_API int sg_node_event_fd(const struct sg_node *node);

/* Everything the node counts, as numbers that only grow unless said otherwise. */
struct sg_stats {
    uint64_t uptime_ms;
    uint64_t incarnation; /* boot counter: grows with each start of this identity */
    /* now */
    uint32_t connections;
    uint32_t topics;
    uint32_t base_active;
    uint32_t base_passive;
    uint32_t neighbors_eager; /* over all topics */
    uint32_t neighbors_lazy;
    uint64_t bytes_queued; /* in send queues */
    uint32_t peers_slow;   /* peers that are told ids only, because their queues do not drain */
    /* messages */
    uint64_t published;
    uint64_t delivered;         /* to this node, own ones excluded */
    uint64_t payloads_received; /* new and duplicate */
    uint64_t payloads_duplicate;
    uint64_t payloads_sent;
    uint64_t subscriber_dropped;
    uint64_t subscriber_closed; /* subscriptions that ended because they were full */
    uint64_t subscriber_held;   /* messages that waited outside a full queue, SG_FULL_BLOCK */
    uint64_t push_dropped;      /* queue full or peer slow: announced instead */
    uint64_t announces_dropped; /* announcements to peers that do not even take those; back-fill
                                 * brings what they told of */
    uint64_t peers_slowed;      /* times that a peer became slow .. */
    uint64_t slow_probes;       /* .. messages sent to see whether it still is .. */
    uint64_t slow_recovered;    /* .. and that were acknowledged in time: it is pushed to again */
    /* back-fill and durable topics */
    uint64_t kept;              /* now: messages in memory for neighbours and since_ms */
    uint64_t kept_bytes;        /* now */
    uint64_t kept_dropped;      /* for want of room, before their time */
    uint64_t backfill_sessions; /* comparisons that this node opened and that came to a result */
    uint64_t backfill_failed;
    uint64_t backfill_answered; /* opened by others */
    uint64_t backfill_received; /* messages that the trees had not brought */
    uint64_t backfill_served;
    uint64_t stored;     /* messages written to the disk */
    uint64_t store_lost; /* not written, or dropped before durable_age_ms, for want of room */
    /* payloads above 64 KiB */
    uint32_t transfers;   /* now: whole ones that are kept, and those on their way */
    uint64_t large_bytes; /* now: memory reserved for them */
    uint64_t large_published;
    uint64_t large_received;
    uint64_t large_failed; /* nobody had the rest, too many at a time, or no memory */
    uint64_t chunks_in;
    uint64_t chunks_out;
    uint64_t chunks_late;    /* did not come in time, asked of somebody else */
    uint64_t chunks_refused; /* wrong, or not asked for */
    uint64_t chunk_bytes_in;
    uint64_t chunk_bytes_out;
    /* control */
    uint64_t ihaves_sent;
    uint64_t ihaves_received;
    uint64_t grafts_sent;
    uint64_t grafts_received;
    uint64_t prunes_sent;
    uint64_t prunes_received;
    uint64_t recovered;      /* messages that came by GRAFT */
    uint64_t given_up;       /* announced messages that never came */
    uint64_t dontwants_sent; /* IDONTWANT: a large message has come, spare me the copy */
    uint64_t dontwants_received;
    uint64_t donthaves_received; /* IDONTHAVE: asked for, but kept no longer */
    uint64_t pushes_spared;      /* copies not sent because of them */
    /* conduct of neighbours, see docs/pubsub.md section 6 */
    uint64_t faults;            /* too much of something, or a GRAFT that was not due */
    uint64_t grafts_in_backoff; /* received for a link pruned of late, without a missing message */
    uint64_t grafts_refused;    /* for a message that was sent there three times */
    uint64_t repairs_refused;   /* above a link's byte budget of repairs */
    uint64_t ihaves_refused;    /* ids above a link's rate, or by neighbours not believed */
    uint64_t asks_held;         /* own GRAFTs that waited for a neighbour's earlier answers */
    uint64_t promises_kept;     /* announced ids that were watched, and came */
    uint64_t promises_broken;   /* .. and did not */
    uint64_t sources_lost;      /* neighbours in a tree that brought nothing any more */
    uint64_t median_grafts;     /* a better neighbour was added, because most were bad */
    uint64_t cut_by_score;      /* links cut in place of a better one */
    uint64_t put_away;          /* neighbours closed for their score */
    /* verification */
    uint64_t signatures_made;
    uint64_t signatures_verified;
    uint64_t refused_signature;
    uint64_t refused_proof;
    uint64_t refused_expired;
    uint64_t refused_future;
    uint64_t refused_malformed; /* frames that did not decode */
    uint64_t refused_version;
    uint64_t refused_network;
    uint64_t refused_overload; /* over the link's token bucket of signature checks */
    uint64_t peers_banned;
    /* members */
    uint32_t members; /* now: alive and suspect, without this node */
    uint32_t health;  /* now: 0 = healthy .. 7 = this node is too slow to judge others */
    uint64_t probes;
    uint64_t probes_failed;
    uint64_t suspicions;
    uint64_t refutations; /* of this node's own death */
    uint64_t failures;
    uint64_t failures_undone;  /* verdicts that a sign of life has cleared */
    uint64_t probe_packets_in; /* DATAGRAM frames: pings, acks, news */
    uint64_t probe_packets_out;
    uint64_t probe_packets_dropped; /* here, for want of room or of a link */
    /* links */
    uint64_t handshakes_done;
    uint64_t handshakes_failed;
    uint64_t handshake_last_us;
    uint64_t handshake_mean_us;
    uint64_t dials;
    uint64_t dials_failed;
    uint64_t retries_sent;
    uint64_t datagrams_in;
    uint64_t datagrams_out;
    uint64_t bytes_in; /* UDP payload */
    uint64_t bytes_out;
    uint64_t packets_lost;
    uint64_t socket_errors_transient;
    uint64_t syscalls; /* of the socket */
};

SG_API void sg_node_stats(struct sg_node *node, struct sg_stats *stats);

struct sg_peer_info {
    struct sg_peer_id id;
    char address[64];
    bool dialled;     /* this node opened the link */
    bool base_active; /* in the active view of the base overlay */
    uint16_t topics;  /* topic overlays that share the link */
    uint64_t rtt_us;
    uint64_t up_ms;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t queued;       /* bytes that wait to be sent or acknowledged */
    bool is_slow;          /* it is told ids only until a probe comes through */
    uint64_t push_dropped; /* messages and proofs not sent for want of room or because it is slow */
};

/* Copies up to cap peers with an open link; returns how many there are. */
SG_API size_t sg_node_peers(struct sg_node *node, struct sg_peer_info *peers, size_t cap);

struct sg_topic_info {
    struct sg_topic_id id;
    uint32_t subscriptions; /* of this node; 0: it has published, and will leave the overlay soon */
    bool is_durable;
    enum sg_priority priority;
    uint32_t neighbors;  /* of the topic's overlay .. */
    uint32_t eager;      /* .. of these, those that get messages in full .. */
    uint32_t lazy;       /* .. and those that are told ids */
    uint32_t candidates; /* other subscribers it knows of */
    uint64_t kept;       /* messages in memory for neighbours and since_ms */
    uint64_t kept_bytes;
    uint64_t received;   /* messages by the tree, since the node joined the topic */
    uint64_t duplicates; /* copies too many */
    uint64_t sent;       /* copies */
    uint64_t recovered;  /* announced first, fetched by GRAFT or pushed late */
};

/* Copies up to cap topics whose overlays this node is in; returns how many there are. */
SG_API size_t sg_node_topics(struct sg_node *node, struct sg_topic_info *topics, size_t cap);

struct sg_topic_neighbor {
    struct sg_peer_id id;
    bool is_eager;
    bool is_slow; /* see sg_peer_info */
    uint64_t rtt_us;
};

/* Copies up to cap neighbours of a topic's overlay; returns how many there are, 0 for a topic that
 * this node is not in. */
SG_API size_t sg_topic_neighbors(struct sg_node *node, const struct sg_topic_id *topic,
                                 struct sg_topic_neighbor *neighbors, size_t cap);

/* ---- which way messages took ----------------------------------------------------------------- */

enum sg_step_kind {
    SG_STEP_PUBLISHED = 1, /* this node made it */
    SG_STEP_FIRST,         /* the first copy, from peer after hops links */
    SG_STEP_COPY,          /* one copy too many, from peer */
    SG_STEP_ASKED,         /* GRAFT: it was announced and did not come, so peer was asked for it */
    SG_STEP_PUSHED,        /* sent to peer, in full */
    SG_STEP_DROPPED        /* peer's queue was full or peer is slow: it is told the id instead */
};

/* One thing that happened to one message at this node. */
struct sg_trace_step {
    struct sg_msg_id message;
    struct sg_topic_id topic; /* PUBLISHED, FIRST; else zero */
    struct sg_peer_id peer;   /* the neighbour; the author, of PUBLISHED */
    enum sg_step_kind kind;
    uint8_t hops;   /* FIRST, COPY: links it crossed on its way here; PUSHED: to peer */
    uint16_t eager; /* PUBLISHED, FIRST: links of the topic then, pushed to .. */
    uint16_t lazy;  /* .. and only told the id */
    uint64_t at_us; /* microseconds since 1970, by this node's wall clock */
};

/* The steps that this node remembers, oldest first: of one message, or (id NULL) all of them. The
 * last 4096 steps are kept in memory, a message makes about four. Copies up to cap; returns how
 * many there are. A node knows steps of topics it is subscribed to or publishes on. */
SG_API size_t sg_node_trace(struct sg_node *node, const struct sg_msg_id *id,
                            struct sg_trace_step *steps, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
