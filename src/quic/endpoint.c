/* All connections of a process behind its sockets.  In: packets, the time.  Out: packets, the next
 * deadline.  A packet is given to the connection whose ID it bears; one without a connection begins
 * one (server), is a reset (client), or is answered statelessly or not at all.  Deadlines lie in a
 * wheel, connections that may have something to write in a list; nothing here walks all
 * connections.
 *
 * Connections end in quic_send only, after their CONNECTION_CLOSE is written and their owner knows
 * it: everywhere else they are only marked, so that no handler finds one freed. */
#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

int quic_endpoint_new(const struct quic_endpoint_config *config, struct quic_tls *tls,
                      struct quic_endpoint **ret)
{
    struct quic_endpoint *e = calloc(1, sizeof(*e));
    int rv;

    if (e == NULL)
        return QHCP_E_NOMEM;
    e->config = *config;
    rv = quic_ids_init(&e->ids, config->server, config->reset_key);
    /* A client sends no resets, but sends tokens with its connection IDs: these must not be
     * guessable. */
    if (rv == 0 && !config->server &&
        gnutls_rnd(GNUTLS_RND_KEY, e->config.reset_key, sizeof(e->config.reset_key)) != 0)
        rv = QHCP_E_TLS;
    if (rv == 0)
        rv = quic_lookup_init(&e->lookup);
    if (rv != 0) {
        free(e);
        return rv;
    }
    quic_lookup_own(&e->lookup, e->ids.prefix, quic_cid_size(e));
    quic_blocks_init(&e->blocks);
    used_init(&e->used, QUIC_RETRY_LIFETIME);
    e->tls = quic_tls_ref(tls);
    *ret = e;
    return 0;
}

void quic_endpoint_free(struct quic_endpoint *e)
{
    if (e == NULL)
        return;
    while (e->conns != NULL)
        quic_conn_discard(e->conns);
    quic_closing_deinit(e);
    used_deinit(&e->used);
    free(e->resetting);
    free(e->resetting_known);
    free(e->hosts);
    free(e->answers);
    ngtcp2_crypto_aead_ctx_free(&e->retry);
    quic_blocks_deinit(&e->blocks);
    quic_lookup_deinit(&e->lookup);
    wheel_deinit(&e->deadlines);
    quic_tls_unref(e->tls);
    gnutls_memset(&e->config, 0, sizeof(e->config));
    gnutls_memset(&e->ids, 0, sizeof(e->ids));
    free(e);
}

void quic_endpoint_set_tls(struct quic_endpoint *e, struct quic_tls *tls)
{
    struct quic_tls *old = e->tls;

    e->tls = quic_tls_ref(tls);
    quic_tls_unref(old);
}

/* A connection comes before what is left of one. */
static struct quic_link *find(const struct quic_endpoint *e, const void *id, size_t n)
{
    struct quic_link *link, *found = NULL;
    struct quic_key key;

    if (n + 1 > QUIC_KEY_MAX)
        return NULL;
    quic_key_set(&key, QUIC_LOOKUP_CID, id, n);
    for (link = quic_lookup_find(&e->lookup, &key); link; link = quic_lookup_next(link))
        if (found == NULL || link->conn != NULL)
            found = link;
    return found;
}

/* RFC 9000, 10.3.1: the last 16 bytes of a packet that fits no connection, from the peer whose
 * token they are.  A connection comes before what is left of one. */
static struct quic_link *find_reset(const struct quic_endpoint *e, const struct qhcp_packet *packet)
{
    struct quic_link *link, *found = NULL;
    struct quic_key key;

    if (packet->len < NGTCP2_STATELESS_RESET_TOKENLEN + 5)
        return NULL;
    quic_key_set(&key, QUIC_LOOKUP_TOKEN,
                 packet->data + packet->len - NGTCP2_STATELESS_RESET_TOKENLEN,
                 NGTCP2_STATELESS_RESET_TOKENLEN);
    for (link = quic_lookup_find(&e->lookup, &key); link; link = quic_lookup_next(link)) {
        const union qhcp_addr *remote =
            link->conn ? &link->conn->remote : quic_trace_remote(link->trace);

        if (address_equal(remote, &packet->remote) && (found == NULL || link->conn != NULL))
            found = link;
    }
    return found;
}

/* A short packet for no connection of a client's. */
static void take_reset(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet)
{
    struct quic_link *link = find_reset(e, packet);

    if (link != NULL && link->conn != NULL)
        quic_conn_receive(link->conn, now, packet);
    else if (link != NULL)
        quic_trace_reset(link->trace, now);
}

static void receive_one(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet)
{
    bool is_long = packet->len > 0 && (packet->data[0] & 0x80);
    ngtcp2_version_cid ids;
    struct quic_link *link;
    int rv;

    if (packet->len == 0)
        return;
    rv = ngtcp2_pkt_decode_version_cid(&ids, packet->data, packet->len, quic_cid_size(e));
    /* ngtcp2 knows another version, which we do not speak. */
    if (rv == 0 && is_long && ids.version != 0 && ids.version != NGTCP2_PROTO_VER_V1)
        rv = NGTCP2_ERR_VERSION_NEGOTIATION;
    if (rv == NGTCP2_ERR_VERSION_NEGOTIATION && e->config.server &&
        packet->len >= QUIC_PACKET_MIN_CAP) /* RFC 9000, 14.1 */
        quic_stateless_version(e, now, packet, &ids);
    if (rv != 0)
        return;
    link = find(e, ids.dcid, ids.dcidlen);
    if (link != NULL && link->conn != NULL)
        quic_conn_receive(link->conn, now, packet);
    else if (link != NULL && quic_closing_receive(link->closing, now, packet))
        return;
    else if (e->config.server && is_long)
        quic_accept(e, now, packet);
    else if (e->config.server)
        quic_stateless_reset(e, now, packet, &ids);
    else if (!is_long)
        take_reset(e, now, packet);
}

void quic_receive(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packets,
                  size_t n)
{
    e->stats.packets_in += n;
    for (size_t i = 0; i < n; i++) {
        if (i % QUIC_AHEAD == 0 && n - i > 1)
            quic_ahead_packets(e, packets + i, n - i < QUIC_AHEAD ? n - i : QUIC_AHEAD);
        receive_one(e, now, &packets[i]);
    }
}

static void pop_ready(struct quic_endpoint *e)
{
    struct quic_conn *c = e->ready_first;

    e->ready_first = c->ready_next;
    if (e->ready_first == NULL)
        e->ready_last = NULL;
    else if (e->ready_first->ready_next != NULL)
        quic_ahead_library(e->ready_first->ready_next);
    c->ready = false;
}

static void finish(struct quic_conn *c)
{
    const struct quic_endpoint_config *config = &c->endpoint->config;

    for (size_t i = 0; i < c->n_queued; i++)
        quic_events_fate(c, c->queued[i].id, QUIC_FATE_REFUSED);
    if (c->announced && config->handlers->closed)
        config->handlers->closed(config->ctx, c, c->last, &c->why);
    quic_closing_begin(c);
    quic_conn_discard(c);
}

size_t quic_send(struct quic_endpoint *e, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    size_t filled = e->n_answers > 0 ? quic_stateless_take(e, packets, n) : 0;

    while (filled < n && e->ready_first != NULL) {
        struct quic_conn *c = e->ready_first;

        if (quic_conn_send(c, now, &packets[filled])) {
            filled++;
            continue;
        }
        pop_ready(e);
        if (c->ended)
            finish(c);
        else
            quic_conn_rearm(c, quic_conn_clock(c, now));
    }
    e->stats.packets_out += filled;
    return filled;
}

qhcp_nsec quic_deadline(const struct quic_endpoint *e)
{
    return e->ready_first != NULL || e->n_answers > 0 ? 0 : wheel_deadline(&e->deadlines);
}

void quic_expire(struct quic_endpoint *e, qhcp_nsec now)
{
    struct wheel_timer *due;

    while ((due = wheel_due(&e->deadlines, now)) != NULL)
        quic_conn_expire((struct quic_conn *)((char *)due - offsetof(struct quic_conn, timer)),
                         now);
}

/* Does the quoted start of a packet bear an ID by which we know this peer?  *ret_certain: it does,
 * or this machine itself has no way there (NULL).  Where there is too little of it to tell, a
 * connection may be suspected (it is asked, and answers), but no dial ended. */
static bool quotes(const struct quic_conn *c, const uint8_t *quoted, size_t n, bool *ret_certain)
{
    const ngtcp2_cid *ids[] = {ngtcp2_conn_get_dcid(c->ng),
                               ngtcp2_conn_get_client_initial_dcid(c->ng)};
    size_t at =
        n > 0 && (quoted[0] & 0x80) ? 6 : 1; /* long header: version and length come first */

    *ret_certain = quoted == NULL;
    for (size_t i = 0; i < 2; i++)
        if (n < at + ids[i]->datalen || ids[i]->datalen == 0) {
            if (c->connected || quoted == NULL)
                return true;
        } else if (memcmp(quoted + at, ids[i]->data, ids[i]->datalen) == 0) {
            *ret_certain = true;
            return true;
        }
    return false;
}

void quic_unreachable(struct quic_endpoint *e, qhcp_nsec now, const union qhcp_addr *remote,
                      const uint8_t *quoted, size_t n,
                      void (*fn)(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain))
{
    struct quic_link *link;
    struct quic_key key;

    quic_key_set_remote(&key, remote);
    for (link = quic_lookup_find(&e->lookup, &key); link; link = quic_lookup_next(link)) {
        struct quic_conn *c = link->conn;
        bool certain;

        if (c->ended || !quotes(c, quoted, n, &certain))
            continue;
        if (fn)
            fn(e->config.ctx, c, now, certain);
        if (!c->connected && !e->config.server) {
            c->silent = true;
            quic_conn_end(c, QUIC_END_UNREACHABLE, "unreachable (ICMP)");
        }
    }
}

int quic_dial(struct quic_endpoint *e, qhcp_nsec now, const struct quic_dial *dial,
              struct quic_conn **ret)
{
    struct quic_conn_open open = {.now = now, .remote = dial->remote, .dial = dial};
    struct quic_conn *c;
    int rv;

    open.local.sa.sa_family = dial->remote.sa.sa_family;
    open.local.in.sin_port = htons(dial->port); /* at the same place in both families */
    if (e->config.server || dial->name == NULL ||
        (dial->remote.sa.sa_family != AF_INET && dial->remote.sa.sa_family != AF_INET6))
        return QHCP_E_ARG;
    rv = quic_conn_open(e, &open, &c);
    if (rv != 0)
        return rv;
    quic_conn_wake(c);
    *ret = c;
    return 0;
}

struct qhcp_steering quic_steering(const struct quic_endpoint *e)
{
    struct qhcp_steering steering = {.id_size = (uint8_t)quic_cid_size(e)};

    memcpy(steering.prefix, e->ids.prefix, sizeof(steering.prefix));
    return steering;
}

void quic_get_stats(const struct quic_endpoint *e, struct quic_stats *ret)
{
    *ret = e->stats;
}

size_t quic_conn_count(const struct quic_endpoint *e)
{
    return e->n_conns;
}
