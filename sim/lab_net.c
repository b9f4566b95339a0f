#include "lab_net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 1024

sg_err sg_lab_net_init(struct sg_lab_net *net, const struct sg_mem *mem, uint32_t nodes,
                       size_t slot_size)
{
    *net = (struct sg_lab_net){
        .mem = mem, .nodes = nodes, .slot_size = slot_size, .free_head = SG_LAB_NONE};
    sg_sim_queue_init(&net->queue, mem);
    net->wake = sg_mem_new(mem, nodes, sizeof(*net->wake));
    if (net->wake == NULL)
        return SG_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < nodes; i++)
        net->wake[i] = SG_TIME_NEVER;
    return SG_OK;
}

void sg_lab_net_fini(struct sg_lab_net *net)
{
    if (net->mem == NULL)
        return;
    sg_sim_queue_fini(&net->queue);
    sg_mem_free(net->mem, net->wake);
    sg_mem_free(net->mem, net->slots);
    sg_mem_free(net->mem, net->next_free);
    *net = (struct sg_lab_net){.mem = NULL};
}

static bool grow(struct sg_lab_net *net)
{
    uint32_t count = net->slot_count == 0 ? SLOTS_FIRST : net->slot_count * 2;
    uint8_t *slots = sg_mem_resize(net->mem, net->slots, count, net->slot_size);
    if (slots != NULL)
        net->slots = slots;
    uint32_t *next = sg_mem_resize(net->mem, net->next_free, count, sizeof(*next));
    if (next != NULL)
        net->next_free = next;
    if (slots == NULL || next == NULL) {
        net->err = SG_ERR_NO_MEMORY;
        return false;
    }
    memset(&slots[net->slot_count * net->slot_size], 0, (count - net->slot_count) * net->slot_size);
    for (uint32_t i = count; i > net->slot_count; i--) {
        next[i - 1] = net->free_head;
        net->free_head = i - 1;
    }
    net->slot_count = count;
    return true;
}

uint32_t sg_lab_net_slot(struct sg_lab_net *net)
{
    if (net->free_head == SG_LAB_NONE && !grow(net))
        return SG_LAB_NONE;
    uint32_t slot = net->free_head;
    net->free_head = net->next_free[slot];
    return slot;
}

void *sg_lab_net_at(const struct sg_lab_net *net, uint32_t slot)
{
    assert(slot < net->slot_count);
    return &net->slots[slot * net->slot_size];
}

void sg_lab_net_drop(struct sg_lab_net *net, uint32_t slot)
{
    net->next_free[slot] = net->free_head;
    net->free_head = slot;
}

void sg_lab_net_post(struct sg_lab_net *net, uint64_t delay_ns, uint8_t kind, uint32_t index)
{
    struct sg_sim_event event = {
        .at = sg_time_add(net->now, delay_ns), .kind = kind, .index = index};
    sg_sim_queue_push(&net->queue, &event);
    if (net->queue.err != SG_OK)
        net->err = net->queue.err;
}

void sg_lab_net_wake(struct sg_lab_net *net, uint32_t node, sg_time_ns deadline)
{
    sg_time_ns at = deadline > net->now ? deadline : net->now;
    if (deadline == SG_TIME_NEVER || at >= net->wake[node])
        return;
    net->wake[node] = at;
    sg_lab_net_post(net, at - net->now, SG_LAB_EV_TIMER, node);
}

bool sg_lab_net_woken(struct sg_lab_net *net, uint32_t node)
{
    if (net->wake[node] != net->now)
        return false;
    net->wake[node] = SG_TIME_NEVER;
    return true;
}

bool sg_lab_net_next(struct sg_lab_net *net, struct sg_sim_event *event)
{
    if (!sg_sim_queue_pop(&net->queue, event))
        return false;
    net->now = event->at;
    net->events++;
    return event->kind != SG_LAB_EV_STOP;
}

struct sg_peer_id sg_lab_id(uint64_t seed, uint32_t index)
{
    struct sg_peer_id id;
    struct sg_prng prng;
    sg_prng_init(&prng, sg_lab_mix(seed, index));
    for (unsigned i = 0; i < 4; i++)
        id.b[i] = (uint8_t)(index >> (24 - 8 * i));
    for (unsigned i = 4; i < SG_ID_LEN; i++)
        id.b[i] = (uint8_t)sg_prng_next(&prng);
    return id;
}

uint32_t sg_lab_index(const struct sg_peer_id *id)
{
    return (uint32_t)id->b[0] << 24 | (uint32_t)id->b[1] << 16 | (uint32_t)id->b[2] << 8 | id->b[3];
}

uint64_t sg_lab_mix(uint64_t a, uint64_t b)
{
    struct sg_prng prng;
    sg_prng_init(&prng, a);
    uint64_t mixed = sg_prng_next(&prng) ^ b;
    sg_prng_init(&prng, mixed);
    return sg_prng_next(&prng);
}

void sg_lab_sample(struct sg_prng *prng, uint32_t *order, uint32_t count, uint32_t want)
{
    for (uint32_t i = 0; i < want && i < count; i++) {
        uint64_t step = sg_prng_below(prng, count - i);
        uint32_t picked = order[i + step];
        order[i + step] = order[i];
        order[i] = picked;
    }
}

void sg_lab_values_add(struct sg_lab_values *v, uint64_t value)
{
    if (v->count == v->cap) {
        size_t cap = v->cap == 0 ? 256 : v->cap * 2;
        uint64_t *grown = sg_mem_resize(v->mem, v->value, cap, sizeof(*grown));
        if (grown == NULL) {
            v->err = SG_ERR_NO_MEMORY;
            return;
        }
        v->value = grown;
        v->cap = cap;
    }
    v->value[v->count++] = value;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void sg_lab_values_sort(struct sg_lab_values *v)
{
    if (v->count > 1)
        qsort(v->value, v->count, sizeof(*v->value), compare);
}

uint64_t sg_lab_values_at(const struct sg_lab_values *v, unsigned permille)
{
    if (v->count == 0)
        return 0;
    size_t rank = (v->count * permille + 999) / 1000;
    return v->value[rank == 0 ? 0 : rank - 1];
}

double sg_lab_values_mean(const struct sg_lab_values *v)
{
    double sum = 0;
    for (size_t i = 0; i < v->count; i++)
        sum += (double)v->value[i];
    return v->count == 0 ? 0 : sum / (double)v->count;
}

void sg_lab_values_fini(struct sg_lab_values *v)
{
    if (v->mem != NULL)
        sg_mem_free(v->mem, v->value);
    *v = (struct sg_lab_values){.mem = NULL};
}
