/* The link: datagrams are lost, delayed, duplicated and reordered; streams are delayed, but whole
 * and in order, as QUIC makes them. */
#include "sim.h"

#include <stdlib.h>

#define RETRANSMIT (200 * MS)

static qhcp_nsec one_way(struct world *w)
{
    return w->delay + (w->jitter > 0 ? draw(w, w->jitter) : 0);
}

static struct item *add(struct world *w, int to, unsigned conn, enum item_kind kind, qhcp_nsec at)
{
    struct item *item = malloc(sizeof *item);

    must(w, item && w->n_items < ITEMS, "the link has room");
    item->at = at;
    item->id = w->next_id++;
    item->kind = kind;
    item->to = to;
    item->conn = conn;
    item->channel = SESSION_DATAGRAM;
    item->n = 0;
    w->items[w->n_items++] = item;
    return item;
}

void link_deinit(struct world *w)
{
    while (w->n_items > 0)
        free(w->items[--w->n_items]);
}

void link_signal(struct world *w, int to, unsigned conn, enum item_kind kind, qhcp_nsec at)
{
    add(w, to, conn, kind, at);
}

static void send_once(struct world *w, int to, unsigned conn, enum session_channel channel,
                      const uint8_t *p, size_t n)
{
    qhcp_nsec at = w->now + one_way(w);
    struct item *item;

    if (channel == SESSION_STREAM) {
        while (chance(w, w->loss))
            at += RETRANSMIT;
    } else if (w->cut || chance(w, w->loss)) {
        w->lost++;
        w->hurt_at = w->now;
        return;
    }
    item = add(w, to, conn, ITEM_FRAME, at);
    must(w, n <= sizeof item->p, "a frame fits the link");
    item->channel = channel;
    item->n = n;
    memcpy(item->p, p, n);
}

void link_send(struct world *w, int to, unsigned conn, enum session_channel channel,
               const uint8_t *p, size_t n)
{
    send_once(w, to, conn, channel, p, n);
    if (channel == SESSION_DATAGRAM && chance(w, w->twice))
        send_once(w, to, conn, channel, p, n);
}

/* Two round trips, each of which may need a retransmission; a closed port answers in one. */
void link_dial(struct world *w, unsigned conn)
{
    qhcp_nsec at = w->now + 2 * (one_way(w) + one_way(w));

    while (chance(w, w->loss))
        at += RETRANSMIT;
    if (w->cut || (!w->alive && !w->icmp) || at > w->now + SEC)
        add(w, TO_LB, conn, ITEM_DIAL_FAILED, w->now + SEC);
    else if (!w->alive)
        add(w, TO_LB, conn, ITEM_DIAL_ICMP, w->now + 2 * one_way(w));
    else
        add(w, TO_LB, conn, ITEM_DIALED, at);
}

/* When an item reaches its peer: a stalled load balancer reads later. */
static qhcp_nsec due(const struct world *w, const struct item *item)
{
    return item->to == TO_LB ? nsec_max(item->at, w->awake) : item->at;
}

static size_t first(const struct world *w)
{
    size_t best = 0;

    for (size_t i = 1; i < w->n_items; i++) {
        qhcp_nsec a = due(w, w->items[i]), b = due(w, w->items[best]);

        if (a < b || (a == b && w->items[i]->at < w->items[best]->at) ||
            (a == b && w->items[i]->at == w->items[best]->at &&
             w->items[i]->id < w->items[best]->id))
            best = i;
    }
    return best;
}

qhcp_nsec link_deadline(const struct world *w)
{
    return w->n_items > 0 ? due(w, w->items[first(w)]) : NSEC_NEVER;
}

/* The stream frame that must come before this one, or NULL. */
static const struct item *before(const struct world *w, const struct item *item)
{
    const struct item *found = NULL;

    for (size_t i = 0; i < w->n_items; i++) {
        const struct item *other = w->items[i];

        if (other->kind == item->kind && other->to == item->to && other->conn == item->conn &&
            other->channel == SESSION_STREAM && other->id < item->id)
            found = other;
    }
    return found;
}

struct item *link_take(struct world *w)
{
    size_t i = first(w);
    struct item *item = w->items[i];
    bool stream = item->kind == ITEM_FRAME && item->channel == SESSION_STREAM;

    if (stream && before(w, item)) {
        item->at = before(w, item)->at;
        item->at = nsec_max(item->at, w->now) + 1;
        return NULL;
    }
    if (w->cut && item->at >= w->now && (stream || item->kind == ITEM_CLOSE)) {
        item->at += RETRANSMIT;
        return NULL;
    }
    w->items[i] = w->items[--w->n_items];
    if (w->cut && item->at >= w->now && item->kind != ITEM_DIAL_FAILED) {
        w->lost++;
        w->hurt_at = w->now;
        if (item->kind == ITEM_DIALED || item->kind == ITEM_DIAL_ICMP)
            add(w, TO_LB, item->conn, ITEM_DIAL_FAILED, w->now + SEC);
        free(item);
        return NULL;
    }
    return item;
}
