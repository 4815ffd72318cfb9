/* An indexed binary heap of deadlines: the nodes live in their owners' structs. */
#ifndef QHCP_BASE_HEAP_H
#define QHCP_BASE_HEAP_H

#include <stddef.h>

#include "base/time.h"

struct heap_node {
    qhcp_nsec at; /* the deadline; NSEC_NEVER nodes are not kept in the heap */
    size_t index; /* place in the heap plus 1; 0: not in it */
};

struct heap {
    struct heap_node **nodes;
    size_t count, cap;
};

/* Room for n nodes in all, so that heap_set cannot fail for them.  QHCP_E_NOMEM. */
int heap_reserve(struct heap *h, size_t n);
void heap_deinit(struct heap *h);

/* Puts, moves or (NSEC_NEVER) removes a node.  O(log n), and O(1) where nothing changes.  The
 * caller has reserved room for it. */
void heap_set(struct heap *h, struct heap_node *node, qhcp_nsec at);

/* The node with the earliest deadline; NULL when the heap is empty. */
static inline struct heap_node *heap_first(const struct heap *h)
{
    return h->count > 0 ? h->nodes[0] : NULL;
}

static inline qhcp_nsec heap_deadline(const struct heap *h)
{
    return h->count > 0 ? h->nodes[0]->at : NSEC_NEVER;
}

#endif
