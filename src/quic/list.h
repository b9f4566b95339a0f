/* Doubly linked list inside the elements: a node is in one list or in none, and knows its owner. */
#ifndef SG_QUIC_LIST_H
#define SG_QUIC_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sg_quic_node {
    struct sg_quic_node *next; /* NULL when in no list */
    struct sg_quic_node *prev;
    void *owner;
};

struct sg_quic_list {
    struct sg_quic_node head; /* a ring: next is the first, prev the last */
};

static inline void sg_quic_list_init(struct sg_quic_list *list)
{
    list->head.next = list->head.prev = &list->head;
    list->head.owner = NULL;
}

static inline bool sg_quic_list_has(const struct sg_quic_node *node)
{
    return node->next != NULL;
}

/* Nothing happens when the node is in a list already. */
static inline void sg_quic_list_push(struct sg_quic_list *list, struct sg_quic_node *node)
{
    if (sg_quic_list_has(node))
        return;
    node->prev = list->head.prev;
    node->next = &list->head;
    node->prev->next = node;
    list->head.prev = node;
}

static inline void sg_quic_list_remove(struct sg_quic_node *node)
{
    if (!sg_quic_list_has(node))
        return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

/* The owner of the first element, NULL when the list is empty. */
static inline void *sg_quic_list_first(const struct sg_quic_list *list)
{
    return list->head.next == &list->head ? NULL : list->head.next->owner;
}

#endif
