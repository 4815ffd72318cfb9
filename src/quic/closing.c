/* What is left of a connection that has ended, for three probe timeouts (RFC 9000, 10.2): its
 * connection IDs, so that late packets are not answered with a reset as for an unknown connection;
 * and, if we closed it, the packet with the close, which answers them again (to the first, second,
 * fourth, ... of them: 10.2.1).  Where the peer closed it, nothing answers (10.2.2).
 *
 * The number is bounded: the oldest makes room.  Time is checked when a packet comes, so it needs
 * no deadline. */
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

struct quic_closing {
    struct quic_endpoint *endpoint;
    struct quic_closing *next; /* the one that ended after it */
    struct quic_link *links;   /* our connection IDs */
    union qhcp_addr local, remote;
    qhcp_nsec until;
    uint64_t heard;
    bool proven; /* the peer's address was: what we send may be more than what came */
    size_t size; /* 0: the peer closed it */
    uint8_t packet[];
};

int quic_closing_keep(struct quic_conn *c, const struct qhcp_packet *packet)
{
    size_t size = packet != NULL ? packet->len : 0;
    struct quic_closing *k = calloc(1, sizeof(*k) + size);

    if (k == NULL)
        return QHCP_E_NOMEM;
    k->endpoint = c->endpoint;
    k->remote = c->remote;
    k->proven = c->connected;
    k->size = size;
    if (packet != NULL) {
        k->local = packet->local;
        k->remote = packet->remote;
        memcpy(k->packet, packet->data, size);
    }
    free(c->closing);
    c->closing = k;
    return 0;
}

static void drop_first(struct quic_endpoint *e)
{
    struct quic_closing *k = e->closing_first;

    while (k->links != NULL) {
        struct quic_link *link = k->links;

        k->links = link->sibling;
        quic_lookup_remove(&e->lookup, link);
    }
    e->closing_first = k->next;
    if (e->closing_first == NULL)
        e->closing_last = NULL;
    e->n_closing--;
    free(k);
}

/* The connection's IDs become the record's; its other keys stay with it. */
static void take_ids(struct quic_closing *k, struct quic_conn *c)
{
    struct quic_link **at = &c->links;

    while (*at != NULL) {
        struct quic_link *link = *at;

        if (link->key.bytes[0] != QUIC_LOOKUP_CID) {
            at = &link->sibling;
            continue;
        }
        *at = link->sibling;
        link->conn = NULL;
        link->closing = k;
        link->sibling = k->links;
        k->links = link;
    }
}

void quic_closing_begin(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;
    struct quic_closing *k;

    if (c->closing == NULL &&
        (c->reset || !ngtcp2_conn_in_draining_period(c->ng) || quic_closing_keep(c, NULL) != 0))
        return;
    k = c->closing;
    c->closing = NULL;
    k->until = nsec_add(c->last, QUIC_CLOSING_PTOS * ngtcp2_conn_get_pto(c->ng));
    take_ids(k, c);
    if (e->closing_last)
        e->closing_last->next = k;
    else
        e->closing_first = k;
    e->closing_last = k;
    if (++e->n_closing > QUIC_CLOSING_MAX)
        drop_first(e);
}

bool quic_closing_receive(struct quic_closing *k, qhcp_nsec now, const struct qhcp_packet *packet)
{
    if (now >= k->until)
        return false;
    if (!address_equal(&packet->remote, &k->remote))
        return true;
    k->heard++;
    if ((k->heard & (k->heard - 1)) == 0 && k->size > 0 &&
        (k->proven || k->size <= 3 * packet->len))
        (void)quic_stateless_send(k->endpoint, &k->local, &k->remote, k->packet, k->size);
    return true;
}

void quic_closing_deinit(struct quic_endpoint *e)
{
    while (e->closing_first != NULL)
        drop_first(e);
}
