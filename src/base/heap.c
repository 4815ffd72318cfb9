#include "base/heap.h"

#include <assert.h>
#include <stdlib.h>

#include <qhcp/error.h>

int heap_reserve(struct heap *h, size_t n)
{
    struct heap_node **nodes;
    size_t cap = h->cap ? h->cap : 16;

    if (n <= h->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    nodes = realloc(h->nodes, cap * sizeof *nodes);
    if (!nodes)
        return QHCP_E_NOMEM;
    h->nodes = nodes;
    h->cap = cap;
    return 0;
}

void heap_deinit(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap){0};
}

static void place(struct heap *h, size_t i, struct heap_node *node)
{
    h->nodes[i] = node;
    node->index = i + 1;
}

static void sift_up(struct heap *h, size_t i, struct heap_node *node)
{
    for (; i > 0 && h->nodes[(i - 1) / 2]->at > node->at; i = (i - 1) / 2)
        place(h, i, h->nodes[(i - 1) / 2]);
    place(h, i, node);
}

static void sift_down(struct heap *h, size_t i, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->nodes[child + 1]->at < h->nodes[child]->at)
            child++;
        if (h->nodes[child]->at >= node->at)
            break;
        place(h, i, h->nodes[child]);
        i = child;
    }
    place(h, i, node);
}

/* Puts node in place i, whose old tenant is gone, and restores the order around it. */
static void settle(struct heap *h, size_t i, struct heap_node *node)
{
    if (i > 0 && h->nodes[(i - 1) / 2]->at > node->at)
        sift_up(h, i, node);
    else
        sift_down(h, i, node);
}

void heap_set(struct heap *h, struct heap_node *node, qhcp_nsec at)
{
    size_t i = node->index;

    if (i > 0 && node->at == at)
        return;
    node->at = at;
    if (at == NSEC_NEVER) {
        if (i == 0)
            return;
        node->index = 0;
        h->count--;
        if (i - 1 < h->count)
            settle(h, i - 1, h->nodes[h->count]);
        return;
    }
    if (i == 0) {
        assert(h->count < h->cap);
        sift_up(h, h->count++, node);
        return;
    }
    settle(h, i - 1, node);
}
