/* What the files of the SWIM machine share. One input runs at a time; m->out is its outbox.
 *
 * Members live in slots that do not move. A slot is living (alive or suspect) and then in the ring,
 * or dead and then in the list of the dead. */
#ifndef SG_SWIM_INTERNAL_H
#define SG_SWIM_INTERNAL_H

#include "base/bucket.h"
#include "base/index.h"
#include "swim/swim.h"

#define SG_SWIM_NONE UINT16_MAX

/* Probes under way: all neighbours of a full active view, twice, and some for other scopes. */
#define SG_SWIM_PROBES_MAX 32
/* Probes for others under way, and how many of them for one peer. */
#define SG_SWIM_RELAYS_MAX 16
#define SG_SWIM_RELAYS_PER_PEER 4
/* Who has left is not believed alive on hearsay; by count and time. */
#define SG_SWIM_GONE_MAX 32
#define SG_SWIM_GONE_NS (600 * SG_NS_PER_S)
/* What is looked for among all members stands in a row of bytes: no look at each of them. */
#define SG_SWIM_MARK_LINKED 1
#define SG_SWIM_MARK_WATCHED 2
#define SG_SWIM_MARK_ALIVE 4
#define SG_SWIM_MARK_DEAD 8
/* So many who give way to others are found at once. */
#define SG_SWIM_SPARES 16
/* Settled strangers remembered for each place of a suspect: with 64 places about as many as the
 * budgets of a dozen links let through while rumors of one moment are under way. */
#define SG_SWIM_SETTLED_PER_PLACE 4
/* A flood goes to so many watched peers in so many packets; the rest of the news comes in the next
 * input, which the deadline asks for at once. */
#define SG_SWIM_FLOOD_PEERS 32
#define SG_SWIM_FLOOD_PACKETS 2
/* Floods per second, and at once. */
#define SG_SWIM_FLOOD_RATE 20
#define SG_SWIM_FLOOD_BURST 16
/* Announcements of our own: not more often. Liars decide how often we are accused. */
#define SG_SWIM_ANNOUNCE_NS (500 * SG_NS_PER_MS)
#define SG_SWIM_ANNOUNCE_BUSY_NS (900 * SG_NS_PER_MS)

/* While nobody is accused, members without a link are probed ever less often, down to that many
 * times the config's interval; with which we begin. */
#define SG_SWIM_CALM_FACTOR 8

/* What has a deadline. */
enum sg_swim_timer {
    SG_SWIM_T_PERIOD,
    SG_SWIM_T_GOSSIP,
    SG_SWIM_T_PUSH_PULL,
    SG_SWIM_T_RECONNECT,
    SG_SWIM_T_EXPIRE,
    SG_SWIM_T_ANNOUNCE,
    SG_SWIM_T_FLOOD,
    SG_SWIM_T_STRANGER,
    SG_SWIM_T_COUNT,
    /* first ids of the arrays */
    SG_SWIM_T_PROBE = SG_SWIM_T_COUNT,
    SG_SWIM_T_RELAY = SG_SWIM_T_PROBE + SG_SWIM_PROBES_MAX,
    SG_SWIM_T_SUSPICION = SG_SWIM_T_RELAY + SG_SWIM_RELAYS_MAX,
    SG_SWIM_T_WATCH = SG_SWIM_T_SUSPICION + SG_SWIM_MEMBERS_HARD
};

struct sg_swim_member {
    struct sg_peer_id id;
    sg_incarnation incarnation;
    sg_time_ns heard; /* 0 = never */
    sg_time_ns since; /* of the state */
    sg_time_ns due;   /* of the watch */
    uint32_t rank;    /* keyed hash of the id: order in the sample */
    uint32_t hash;    /* another: place in the index */
    uint32_t replied; /* seconds + 1 when it last got our table; 0 = never */
    uint16_t heap_at;
    uint16_t place;     /* in the ring or the list of the dead; next free slot */
    uint16_t rtt_ms;    /* 2 SRTT + 4 var; 0 = not known */
    uint16_t suspicion; /* its index, or NONE */
    uint8_t state;      /* enum sg_swim_state; 0 = free slot */
    uint8_t probe;      /* index of the one under way + 1; 0 = none */
    bool is_linked : 1;
    bool is_watched : 1;
    bool is_proven : 1; /* the incarnation comes from the member itself */
    bool is_met : 1;    /* heard of at first hand */
    bool is_told : 1;   /* JOIN has been said */
    bool is_lossy : 1;
    bool is_cleared : 1; /* alive again by a sign of life, with the incarnation that was accused */
};

struct sg_swim_suspicion {
    sg_time_ns due;
    sg_time_ns start;
    uint64_t min_ns, max_ns;
    uint32_t accuser[SG_SWIM_CONFIRMATIONS_HARD + 1]; /* ranks */
    uint16_t heap_at;
    uint16_t slot;  /* of the subject; next free one */
    uint8_t needed; /* k */
    uint8_t count;  /* of accusers */
    bool is_used;
    bool is_private; /* of somebody never met, by ourselves alone: told to nobody */
};

enum sg_swim_stage { SG_SWIM_IDLE, SG_SWIM_DIRECT, SG_SWIM_INDIRECT };

struct sg_swim_probe {
    sg_time_ns due; /* of the stage */
    sg_time_ns end; /* failed by then */
    uint32_t seq;
    uint16_t slot;
    uint16_t heap_at;
    uint16_t relay[SG_SWIM_INDIRECT_HARD]; /* slots */
    uint8_t asked;
    uint8_t expected, nacked; /* bit per relay */
    enum sg_swim_stage stage;
    bool is_ring;    /* the one of the period */
    bool is_dead;    /* of one of the dead */
    bool is_dialled; /* there was no link */
};

struct sg_swim_relay {
    struct sg_peer_id from;
    sg_time_ns due;
    uint32_t seq;      /* ours, to the target */
    uint32_t from_seq; /* theirs */
    uint16_t slot;     /* of the target */
    uint16_t heap_at;
    bool is_used, is_nacked;
};

/* A queued rumor without its words: the queue is searched at each packet. */
struct sg_swim_queued {
    uint32_t order;
    uint32_t tag;  /* first bytes of the member's id */
    uint16_t said; /* number of the rumor; past the end of the queue: a free place */
    uint16_t from; /* slot of who told us, or NONE */
    uint8_t sent;
    bool is_news; /* not flooded yet */
};

struct sg_swim_gone {
    uint32_t rank;
    bool is_used;
    bool has_left; /* by its own word; else given up by an operator */
    sg_incarnation incarnation;
    sg_time_ns until;
};

/* One that is not in the table, and that is accused. */
struct sg_swim_stranger {
    struct sg_peer_id id;
    sg_incarnation incarnation; /* accused */
    sg_time_ns start;
    sg_time_ns due; /* verdict, or forgotten */
    uint32_t accuser[SG_SWIM_CONFIRMATIONS_HARD + 1];
    uint8_t count; /* of accusers */
};

/* A stranger on whom there is a verdict, or a record. */
struct sg_swim_settled {
    sg_incarnation incarnation;
    uint32_t rank;
    uint32_t until_s : 31; /* remembered; 0 = free */
    uint32_t is_dead : 1;
};

struct sg_swim {
    struct sg_swim_config config;
    struct sg_peer_id self;
    struct sg_prng prng;
    uint64_t key[2]; /* of ranks */
    struct sg_index_keys index_keys;
    sg_time_ns now;
    struct sg_swim_outbox *out; /* of the input that runs */
    struct sg_swim_stats stats;
    /* self */
    sg_incarnation incarnation;
    sg_incarnation ghost_limit; /* hearsay is not believed above that */
    sg_incarnation heard_of_us; /* the highest accusation not answered yet */
    sg_time_ns announced_at;    /* 0 = never */
    bool has_left;
    uint8_t refuted_in_row;
    bool has_refuted; /* the announcement that waits is a refutation */
    uint8_t health;
    sg_time_ns lossy_at; /* when loss counted last */
    /* members */
    struct sg_swim_member *member; /* [slot_cap] */
    uint16_t *ring;                /* [slot_cap] */
    uint16_t *dead;                /* [slot_cap], the longest dead first */
    uint32_t *index;               /* [index_mask + 1] tag and slot + 1, see table.c */
    uint8_t *mark;                 /* [slot_cap] SG_SWIM_MARK_.. */
    uint32_t index_mask;
    uint16_t slot_cap, slot_free; /* head of the free slots */
    uint16_t ring_count, ring_next, linked_next;
    /* Those that give way first: of a higher rank than all others that may, highest first. None:
     * to be searched. Some may no longer give way. */
    struct sg_swim_spare {
        uint32_t rank;
        uint16_t slot;
    } spare[SG_SWIM_SPARES];
    uint8_t spare_count;
    uint16_t dead_count;
    uint16_t linked_count, watched_count, lossy_count;
    uint8_t tables_asked;
    bool has_table;            /* one has come in .. */
    sg_time_ns settled_at;     /* .. and with its other parts by then */
    uint64_t pull_ns;          /* to the exchange after the next one */
    struct sg_swim_gone *gone; /* [SG_SWIM_GONE_MAX], a ring; NULL until somebody has */
    uint8_t gone_next;
    sg_time_ns gone_until; /* of all of them */
    /* probing */
    struct sg_swim_probe probe[SG_SWIM_PROBES_MAX];
    struct sg_swim_relay relay[SG_SWIM_RELAYS_MAX];
    uint32_t seq;
    bool has_ring_probe;
    bool is_late_tick; /* a period began while the probe of the one before was under way */
    sg_time_ns dial_at, relay_dial_at;
    uint64_t dial_pause_ns; /* between probes of members without a link, now */
    /* suspicion */
    struct sg_swim_suspicion *suspicion; /* [suspicion_cap] */
    uint16_t suspicion_cap, suspicion_free;
    uint16_t suspicion_count;
    struct sg_swim_stranger *stranger; /* [stranger_cap], NULL while there is none */
    uint32_t *stranger_tag;            /* [stranger_cap] first bytes of their ids, for searching */
    uint16_t stranger_count, stranger_cap;
    struct sg_swim_settled *settled; /* [settled_mask + 1], NULL while there is none */
    uint32_t settled_mask, settled_count;
    sg_time_ns settled_first, settled_until; /* no time is over before, all are by then */
    /* dissemination */
    struct sg_swim_queued *queued; /* [queued_cap] in order of arrival */
    struct sg_swim_rumor *said;    /* [queued_cap] */
    uint8_t sent_most;             /* no rumor was sent more often */
    uint16_t queued_cap, queued_count, news_count;
    uint32_t order;
    struct sg_bucket floods;
    /* timers */
    sg_time_ns global_due[SG_SWIM_T_COUNT];
    uint16_t global_at[SG_SWIM_T_COUNT];
    uint16_t *heap; /* [heap_cap] of timer ids */
    uint16_t heap_count, heap_cap;
};

/* ---- timer.c: a heap of timer ids ---- */

/* Room for so many suspicions and slots. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_swim_timers_reserve(struct sg_swim *m, uint32_t suspicions, uint32_t slots);
/* NEVER takes it out. */
void sg_swim_timer_set(struct sg_swim *m, uint16_t timer, sg_time_ns at);
sg_time_ns sg_swim_timer_get(const struct sg_swim *m, uint16_t timer);
bool sg_swim_timer_is_set(const struct sg_swim *m, uint16_t timer);
sg_time_ns sg_swim_timer_first(const struct sg_swim *m, uint16_t *timer);
/* The next of an interval, with jitter. */
sg_time_ns sg_swim_after(struct sg_swim *m, uint64_t interval_ns);

/* ---- scale.c: the logarithms of the papers in fixed point ---- */

/* log10(n) * 65536, n >= 1. */
uint32_t sg_swim_log10_q16(uint32_t n);
/* Lifeguard s4.2: alpha max(1, log10(n)) period. */
uint64_t sg_swim_suspicion_min(const struct sg_swim_config *config, uint32_t n);
/* Lifeguard s4.2: max - (max - min) log(c + 1) / log(k + 1), at least min; k = 0: min. */
uint64_t sg_swim_suspicion_timeout(uint64_t min_ns, uint64_t max_ns, uint8_t c, uint8_t k);
/* lambda ceil(log10(n + 1)), at least 1. */
uint8_t sg_swim_transmits(const struct sg_swim_config *config, uint32_t n);

/* ---- table.c: slots, index, ring, the dead, who has gone ---- */

/* SipHash, whose values nobody can foresee: they may be seen in what is forgotten. */
uint32_t sg_swim_rank(const struct sg_swim *m, const struct sg_peer_id *id);
/* Draws the keys of the index from the one of the ranks. */
void sg_swim_index_keys(struct sg_swim *m);
/* The member has become one that may give way to others. */
void sg_swim_note_spare(struct sg_swim *m, uint16_t slot);
/* The slot, or NONE. */
uint16_t sg_swim_slot(const struct sg_swim *m, const struct sg_peer_id *id);
/* Room for one more. SG_ERR_NO_MEMORY. */
SG_MUST_USE sg_err sg_swim_reserve(struct sg_swim *m);
/* Whether a member that comes now is news for all. Not where another one gives way to it: then most
 * others have no place for it either, and it is told in packets that go anyway. */
bool sg_swim_floods_alive(const struct sg_swim *m);
/* A new living member at a random place of the ring; NONE when there is no room for it. An unlinked
 * one of a higher rank is DROPPED for it. */
uint16_t sg_swim_add(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                     bool is_linked);
/* Forgets a slot with all that hangs on it. */
void sg_swim_remove(struct sg_swim *m, uint16_t slot);
/* Moves between ring and the dead; sets state and since. Burying may forget one of the dead;
 * reviving fails where all places are taken by members with links. */
void sg_swim_bury(struct sg_swim *m, uint16_t slot);
bool sg_swim_revive(struct sg_swim *m, uint16_t slot);
/* From now on, without any move. */
void sg_swim_set_state(struct sg_swim *m, uint16_t slot, enum sg_swim_state state);
void sg_swim_set_linked(struct sg_swim *m, uint16_t slot, bool is_linked);
void sg_swim_set_watched(struct sg_swim *m, uint16_t slot, bool is_watched);
void sg_swim_ring_shuffle(struct sg_swim *m);
/* Not where memory runs out. */
void sg_swim_gone_add(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                      bool has_left);
/* The memory of it, or NULL. */
struct sg_swim_gone *sg_swim_gone_find(struct sg_swim *m, const struct sg_peer_id *id);
/* Whom a message may go to. */
enum sg_swim_choice {
    SG_SWIM_TO_GOSSIP, /* paper: anybody, also those dead for a short time; else: the linked */
    SG_SWIM_TO_RELAY,  /* alive; linked where that makes a difference */
    SG_SWIM_TO_TABLE   /* alive; linked likewise */
};
/* count different random slots, not `but`; returns how many there are. count <= INDIRECT_HARD. */
uint8_t sg_swim_pick(struct sg_swim *m, enum sg_swim_choice choice, uint16_t but, uint8_t count,
                     uint16_t *slots);

/* ---- queue.c: rumors and the packets that carry them ---- */

void sg_swim_emit(struct sg_swim *m, enum sg_swim_out_kind kind, const struct sg_peer_id *peer);
/* As emit, with the incarnation of the member. */
void sg_swim_event(struct sg_swim *m, enum sg_swim_out_kind kind, uint16_t slot);
/* from: slot of who told us, NONE = ourselves. is_news: to be flooded where the config says so. */
void sg_swim_tell(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from,
                  bool is_news);
void sg_swim_untell(struct sg_swim *m, const struct sg_peer_id *member);
struct sg_swim_to {
    const struct sg_peer_id *peer;
    enum sg_swim_kind kind;
    uint32_t seq;
    const struct sg_peer_id *target;   /* PING_REQ */
    const struct sg_swim_rumor *first; /* goes before all others; NULL = none */
    bool is_bare;                      /* no other rumors */
};
void sg_swim_send(struct sg_swim *m, const struct sg_swim_to *to);
/* GOSSIP of one rumor. */
void sg_swim_tell_one(struct sg_swim *m, const struct sg_peer_id *peer,
                      const struct sg_swim_rumor *rumor);
void sg_swim_gossip(struct sg_swim *m);
void sg_swim_flood(struct sg_swim *m);
/* Whether one more step of a long input fits the outbox. */
bool sg_swim_has_room(const struct sg_swim *m);

/* ---- probe.c ---- */

void sg_swim_period(struct sg_swim *m);
/* The probe of a period, where there is anybody to probe. */
void sg_swim_probe_next(struct sg_swim *m);
/* There may be more to probe than was thought when the period was set. */
void sg_swim_period_soon(struct sg_swim *m);
/* We were late: everybody gets the full time again. */
void sg_swim_probes_restart(struct sg_swim *m);
void sg_swim_watch_due(struct sg_swim *m, uint16_t slot);
void sg_swim_watch_arm(struct sg_swim *m, uint16_t slot);
/* A sign of life: no ping is needed soon. */
void sg_swim_watch_heard(struct sg_swim *m, uint16_t slot);
/* Somebody is accused: members without a link are probed at the config's pace again. */
void sg_swim_alarm(struct sg_swim *m);
void sg_swim_probe_due(struct sg_swim *m, uint8_t at);
void sg_swim_reconnect(struct sg_swim *m);
/* A ping now, where none is under way. */
void sg_swim_ask(struct sg_swim *m, uint16_t slot);
void sg_swim_probe_success(struct sg_swim *m, uint8_t at);
void sg_swim_probe_cancel(struct sg_swim *m, uint16_t slot);
/* The link is lost: goes on by others, from scratch where none is under way. */
void sg_swim_probe_unlinked(struct sg_swim *m, uint16_t slot);
/* Its ping could not leave. */
void sg_swim_probe_untried(struct sg_swim *m, uint16_t slot, const struct sg_swim_in *in);
void sg_swim_on_ack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq);
void sg_swim_on_nack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq);
void sg_swim_health_add(struct sg_swim *m, int delta);
void sg_swim_on_rtt(struct sg_swim *m, uint16_t slot, const struct sg_swim_in *in);
/* Nobody can be reached: then it is not the others who failed. */
bool sg_swim_is_alone(const struct sg_swim *m);

/* ---- relay.c ---- */

void sg_swim_on_ping_req(struct sg_swim *m, const struct sg_peer_id *from,
                         const struct sg_swim_packet *packet);
void sg_swim_relay_due(struct sg_swim *m, uint8_t at);
/* Whether an ACK answered one of them. */
bool sg_swim_relay_ack(struct sg_swim *m, const struct sg_peer_id *from, uint32_t seq);
/* The member gave a sign of life: an answer to all who had it probed through us. */
void sg_swim_relay_heard(struct sg_swim *m, uint16_t slot);
void sg_swim_relay_cancel(struct sg_swim *m, uint16_t slot);
/* What the target has until NACK. */
uint64_t sg_swim_relay_ns(const struct sg_swim_config *config);

/* ---- suspect.c: what is said of members, and what we conclude ---- */

void sg_swim_accuse(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                    uint16_t from);
void sg_swim_accuse_ourselves(struct sg_swim *m, uint16_t slot);
void sg_swim_suspicion_due(struct sg_swim *m, uint16_t at);
void sg_swim_suspicion_end(struct sg_swim *m, uint16_t slot);
/* At first hand. */
void sg_swim_life(struct sg_swim *m, uint16_t slot);
/* The member is alive with this incarnation, by its own word; says what that changes. */
void sg_swim_renew(struct sg_swim *m, uint16_t slot, sg_incarnation incarnation);
void sg_swim_on_rumor(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from);
void sg_swim_expire(struct sg_swim *m);
void sg_swim_forget(struct sg_swim *m, uint16_t slot, const struct sg_swim_rumor *rumor,
                    uint16_t from);

/* ---- stranger.c: accused who are not in the table ---- */

void sg_swim_stranger_accused(struct sg_swim *m, const struct sg_swim_rumor *rumor, uint16_t from);
void sg_swim_strangers_due(struct sg_swim *m);
/* By its signed record. */
void sg_swim_stranger_lives(struct sg_swim *m, const struct sg_peer_id *id,
                            sg_incarnation incarnation);
/* settled.c. Whether one more can be remembered. */
bool sg_swim_settled_has_room(struct sg_swim *m);
uint32_t sg_swim_settled_max(const struct sg_swim_config *config);
/* NULL = not settled, or no longer remembered. */
struct sg_swim_settled *sg_swim_settled_find(const struct sg_swim *m, const struct sg_peer_id *id);
/* Not where memory runs out. */
void sg_swim_settled_put(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation,
                         bool is_dead);
void sg_swim_settled_forget(struct sg_swim *m, const struct sg_peer_id *id);
void sg_swim_settled_expire(struct sg_swim *m);
/* Whether the stranger is suspect or dead here; rumor: what it should be told then. */
bool sg_swim_is_stranger_accused(const struct sg_swim *m, const struct sg_peer_id *id,
                                 struct sg_swim_rumor *rumor);
/* It has got into the table, or has left. */
void sg_swim_stranger_forget(struct sg_swim *m, const struct sg_peer_id *id);
void sg_swim_strangers_forgive(struct sg_swim *m, uint64_t late);

/* ---- exchange.c: tables, links, records ---- */

void sg_swim_on_table(struct sg_swim *m, const struct sg_peer_id *from,
                      const struct sg_swim_table *table);
void sg_swim_push_pull(struct sg_swim *m);
void sg_swim_on_link_up(struct sg_swim *m, const struct sg_swim_in *in);
void sg_swim_on_link_down(struct sg_swim *m, const struct sg_swim_in *in);
void sg_swim_on_record(struct sg_swim *m, const struct sg_swim_in *in);
void sg_swim_on_hearsay(struct sg_swim *m, const struct sg_swim_in *in);
/* Adds a member that others tell of, and says so. NONE when there is no room. */
uint16_t sg_swim_learn(struct sg_swim *m, const struct sg_peer_id *id, sg_incarnation incarnation);
/* A table from this peer is wanted. */
void sg_swim_ask_table(struct sg_swim *m, const struct sg_peer_id *peer);

/* ---- self.c: our own incarnation ---- */

sg_incarnation sg_swim_ghost_limit(sg_incarnation start);
/* We are accused, or a ghost of ours is about, with this incarnation. */
void sg_swim_refute(struct sg_swim *m, sg_incarnation heard);
/* A new incarnation, now or when it may be announced. */
void sg_swim_announce(struct sg_swim *m);
void sg_swim_announce_due(struct sg_swim *m);
void sg_swim_on_own_rumor(struct sg_swim *m, const struct sg_swim_rumor *rumor);
void sg_swim_leave(struct sg_swim *m);

#endif
