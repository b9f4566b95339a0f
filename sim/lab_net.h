/* The virtual network of the labs: events in virtual time, and slots for what travels. The labs run
 * single machines directly, without whole nodes, to repeat published experiments. */
#ifndef SG_SIM_LAB_NET_H
#define SG_SIM_LAB_NET_H

#include "base/prng.h"
#include "queue.h"

#define SG_LAB_NONE UINT32_MAX

/* The kinds below are the network's own; a lab's begin at SG_LAB_EV_FIRST. */
enum sg_lab_ev { SG_LAB_EV_STOP, SG_LAB_EV_TIMER, SG_LAB_EV_FIRST };

struct sg_lab_net {
    const struct sg_mem *mem;
    struct sg_sim_queue queue;
    sg_time_ns now;
    uint32_t nodes;
    sg_time_ns *wake; /* [nodes] of the earliest timer event under way, SG_TIME_NEVER = none */
    size_t slot_size;
    uint8_t *slots;      /* [slot_count * slot_size] */
    uint32_t *next_free; /* [slot_count] */
    uint32_t slot_count, free_head;
    uint64_t events;
    sg_err err; /* sticky: out of memory, the run is worth nothing */
};

/* SG_ERR_NO_MEMORY; fini in any case. slot_size in bytes, a multiple of 8. */
SG_MUST_USE sg_err sg_lab_net_init(struct sg_lab_net *net, const struct sg_mem *mem, uint32_t nodes,
                                   size_t slot_size);
void sg_lab_net_fini(struct sg_lab_net *net);
/* A slot for one message, zeroed before its first use; SG_LAB_NONE when out of memory. Moves all
 * slots: addresses got before are void. */
uint32_t sg_lab_net_slot(struct sg_lab_net *net);
void *sg_lab_net_at(const struct sg_lab_net *net, uint32_t slot);
void sg_lab_net_drop(struct sg_lab_net *net, uint32_t slot);
/* An event after delay_ns. Those of one time come in the order in which they were put in, so with
 * one delay for all every link keeps order. */
void sg_lab_net_post(struct sg_lab_net *net, uint64_t delay_ns, uint8_t kind, uint32_t index);
/* Wants an SG_LAB_EV_TIMER of node at its deadline (SG_TIME_NEVER: none). */
void sg_lab_net_wake(struct sg_lab_net *net, uint32_t node, sg_time_ns deadline);
/* Whether the timer event just taken is the one that was asked for last. */
bool sg_lab_net_woken(struct sg_lab_net *net, uint32_t node);
/* The next event; false at an SG_LAB_EV_STOP and when there is none. Sets the clock. */
bool sg_lab_net_next(struct sg_lab_net *net, struct sg_sim_event *event);

/* An id that holds its index in its first four bytes; the rest is decided by the seed. */
struct sg_peer_id sg_lab_id(uint64_t seed, uint32_t index);
uint32_t sg_lab_index(const struct sg_peer_id *id);
/* One seed out of several numbers. */
uint64_t sg_lab_mix(uint64_t a, uint64_t b);
/* Puts a random sample of want of the first count numbers at the front of order [count]. */
void sg_lab_sample(struct sg_prng *prng, uint32_t *order, uint32_t count, uint32_t want);

/* ---- measured values ---- */

struct sg_lab_values {
    const struct sg_mem *mem;
    uint64_t *value; /* [count] */
    size_t count, cap;
    sg_err err; /* sticky: a value was lost */
};

void sg_lab_values_add(struct sg_lab_values *v, uint64_t value);
void sg_lab_values_sort(struct sg_lab_values *v);
/* The smallest value that permille of all do not exceed; 0 when there are none. Sorted before. */
uint64_t sg_lab_values_at(const struct sg_lab_values *v, unsigned permille);
double sg_lab_values_mean(const struct sg_lab_values *v);
void sg_lab_values_fini(struct sg_lab_values *v);

#endif
