/* What is kept of a connection whose peer may be gone: its last small packet and the peer's reset
 * tokens.
 *
 * It notices within milliseconds that the peer is back.  The packet is sent again unchanged, which
 * the network may do as well, so a peer must tolerate it (RFC 9000, 12.3 has duplicates dropped).
 * Three things can come of it.  A peer that has restarted does not know the connection and answers
 * with a stateless reset, whose token is recognised here though the connection itself is long
 * closed.  A peer that was only cut off, and never got this packet, answers the request in it, on
 * the connection, if we still have that.  Else nothing.  Nothing is sealed, counted or put into the
 * congestion window for it; the owner keeps a budget. */
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#include <qhcp/error.h>

struct quic_trace {
    struct quic_endpoint *endpoint;
    void *user;
    union qhcp_addr local, remote; /* local: AF_UNSPEC, or a port of ours */
    struct quic_link *links;       /* the peer's reset tokens */
    qhcp_nsec quiet;
    size_t size;
    uint8_t packet[QUIC_LAST_PACKET];
};

/* One that no peer can open: without a packet of its own to repeat it still asks for a reset. */
static int make_noise(struct quic_trace *t, const ngtcp2_cid *id)
{
    t->size = QUIC_NOISE;
    if (gnutls_rnd(GNUTLS_RND_NONCE, t->packet, t->size) != 0)
        return QHCP_E_TLS;
    t->packet[0] = (uint8_t)(0x40 | (t->packet[0] & 0x3f)); /* short header, fixed bit */
    memcpy(t->packet + 1, id->data, id->datalen);
    return 0;
}

static int take_packet(struct quic_trace *t, const struct quic_conn *c)
{
    if (c->last_size < QUIC_RESET_TRIGGER)
        return make_noise(t, ngtcp2_conn_get_dcid(c->ng));
    t->size = c->last_size;
    memcpy(t->packet, c->last_packet, t->size);
    return 0;
}

static int take_tokens(struct quic_trace *t, const struct quic_conn *c)
{
    for (const struct quic_link *from = c->links; from != NULL; from = from->sibling) {
        struct quic_link *link;

        if (from->key.bytes[0] != QUIC_LOOKUP_TOKEN)
            continue;
        if (quic_lookup_add(&t->endpoint->lookup, &from->key, NULL, &link) != 0)
            return QHCP_E_NOMEM;
        link->trace = t;
        link->sibling = t->links;
        t->links = link;
    }
    return 0;
}

int quic_conn_trace(struct quic_conn *c, void *user, struct quic_trace **ret)
{
    struct quic_trace *t;
    int rv;

    if (!c->connected || c->endpoint->config.server)
        return QHCP_E_UNEXPECTED;
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        return QHCP_E_NOMEM;
    t->endpoint = c->endpoint;
    t->user = user;
    t->remote = c->remote;
    if (quic_conn_port(c) != 0) {
        t->local.sa.sa_family = c->remote.sa.sa_family;
        t->local.in.sin_port = htons(quic_conn_port(c));
    }
    t->quiet = QUIC_CLOSING_PTOS * ngtcp2_conn_get_pto(c->ng);
    rv = take_packet(t, c);
    if (rv == 0)
        rv = take_tokens(t, c);
    if (rv != 0) {
        quic_trace_free(t);
        return rv;
    }
    *ret = t;
    return 0;
}

void quic_trace_free(struct quic_trace *t)
{
    if (t == NULL)
        return;
    while (t->links != NULL) {
        struct quic_link *link = t->links;

        t->links = link->sibling;
        quic_lookup_remove(&t->endpoint->lookup, link);
    }
    free(t);
}

int quic_trace_knock(struct quic_trace *t)
{
    return quic_stateless_send(t->endpoint, &t->local, &t->remote, t->packet, t->size);
}

qhcp_nsec quic_trace_quiet(const struct quic_trace *t)
{
    return t->quiet;
}

const union qhcp_addr *quic_trace_remote(const struct quic_trace *t)
{
    return &t->remote;
}

void quic_trace_reset(struct quic_trace *t, qhcp_nsec now)
{
    const struct quic_endpoint_config *config = &t->endpoint->config;

    if (config->handlers->forgotten)
        config->handlers->forgotten(config->ctx, t->user, now);
}
