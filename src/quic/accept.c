/* A server's first packet of a connection: is it worth one?
 *
 * What a stranger sends is dropped as early as it shows that it is not.  Bounded are the unfinished
 * handshakes: without a proven address up to retry_above (then a Retry asks for the proof), with
 * one up to QUIC_PROVEN_HOST of a host and QUIC_PROVEN_MAX of all, where the oldest makes room once
 * it has had its time; hosts that were welcome before have some places to themselves.  A Retry's
 * token is good for one connection.  Whatever is not let in is not answered: its client sends it
 * again, and finds room when others have finished. */
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#include <qhcp/error.h>

#define RETRY_MAGIC NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2

static uint64_t hash_of(const struct quic_endpoint *e, const ngtcp2_cid *id)
{
    struct quic_key key;

    quic_key_set(&key, QUIC_LOOKUP_CID, id->data, id->datalen);
    return quic_lookup_hash(&e->lookup, &key);
}

static size_t slot_of(const struct quic_endpoint *e, const union qhcp_addr *remote)
{
    struct quic_key key;

    quic_key_set_host(&key, remote);
    return quic_lookup_hash(&e->lookup, &key) % QUIC_HOSTS;
}

/* NULL: no memory. */
static struct quic_host *host_of(struct quic_endpoint *e, const union qhcp_addr *remote)
{
    if (e->hosts == NULL)
        e->hosts = calloc(QUIC_HOSTS, sizeof(*e->hosts));
    return e->hosts != NULL ? &e->hosts[slot_of(e, remote)] : NULL;
}

static bool is_known(const struct quic_endpoint *e, const union qhcp_addr *remote)
{
    size_t slot = slot_of(e, remote);

    return e->known[slot / 8] >> slot % 8 & 1;
}

/* An honest handshake is done long before. */
static void make_room(struct quic_endpoint *e, qhcp_nsec now)
{
    struct quic_conn *oldest = e->proven_first;

    if (e->n_proven < QUIC_PROVEN_MAX || now - oldest->proven_at < QUIC_PROVEN_AGE)
        return;
    oldest->silent = true;
    quic_conn_leave_handshake(oldest);
    quic_conn_end(oldest, QUIC_END_HANDSHAKE, "the handshake is too slow, and its place is needed");
}

static bool has_room(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet)
{
    const struct quic_host *host = host_of(e, &packet->remote);

    if (host == NULL || host->proven >= QUIC_PROVEN_HOST)
        return false;
    make_room(e, now);
    return e->n_proven < QUIC_PROVEN_MAX + (is_known(e, &packet->remote) ? QUIC_PROVEN_KNOWN : 0);
}

static void enter(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet)
{
    struct quic_endpoint *e = c->endpoint;

    c->proven_at = now;
    c->proven_host = host_of(e, &packet->remote); /* it is there: has_room saw it */
    c->proven_host->proven++;
    c->proven_prev = e->proven_last;
    if (e->proven_last)
        e->proven_last->proven_next = c;
    else
        e->proven_first = c;
    e->proven_last = c;
    e->n_proven++;
}

void quic_accept_leave(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;

    if (c->proven_host == NULL)
        return;
    c->proven_host->proven--;
    c->proven_host = NULL;
    if (c->proven_prev)
        c->proven_prev->proven_next = c->proven_next;
    else
        e->proven_first = c->proven_next;
    if (c->proven_next)
        c->proven_next->proven_prev = c->proven_prev;
    else
        e->proven_last = c->proven_prev;
    e->n_proven--;
}

void quic_conn_welcome(struct quic_conn *c)
{
    size_t slot = slot_of(c->endpoint, &c->remote);

    c->endpoint->known[slot / 8] |= (uint8_t)(1u << slot % 8);
}

/* May a token of ours begin a connection?  Fills in *ret, the ID before the Retry. */
static bool take_token(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                       const ngtcp2_pkt_hd *hd, ngtcp2_cid *ret)
{
    if (quic_stateless_verify(e, now, packet, hd, ret) != 0) {
        quic_stateless_refuse(e, now, packet, hd, NGTCP2_INVALID_TOKEN);
        return false;
    }
    return !used_has(&e->used, now, hash_of(e, &hd->dcid)) && has_room(e, now, packet);
}

/* A host uses so many at once, and as many a second: an attacker who proves one address must not
 * use up the memory for all.  If many do, hosts that had a session continue without being
 * remembered. */
static bool use_token(struct quic_endpoint *e, const struct quic_conn_open *open,
                      const struct qhcp_packet *packet)
{
    struct quic_host *host = host_of(e, &packet->remote);
    int rv;

    if (!quic_bucket_take(&host->tokens, open->now, QUIC_PROVEN_HOST))
        return false;
    rv = used_add(&e->used, open->now, hash_of(e, &open->hd->dcid));
    return rv == 0 || (rv == QHCP_E_FULL && is_known(e, &packet->remote));
}

static void begin(struct quic_endpoint *e, const struct quic_conn_open *open,
                  const struct qhcp_packet *packet)
{
    const struct quic_handlers *handlers = e->config.handlers;
    struct quic_conn *c;

    if (open->original != NULL && !use_token(e, open, packet))
        return;
    if (quic_conn_open(e, open, &c) != 0)
        return;
    if (open->original != NULL)
        enter(c, open->now, packet);
    quic_conn_receive(c, open->now, packet);
    if (c->ended)
        return; /* it was no handshake at all, or one that we answer with an alert */
    if (handlers->accepted && handlers->accepted(e->config.ctx, c) != 0) {
        quic_conn_discard(c);
        quic_stateless_refuse(e, open->now, packet, open->hd, NGTCP2_CONNECTION_REFUSED);
        return;
    }
    c->announced = true;
}

/* IDs that look like one of ours belong to existing connections: a client's first one is random,
 * and Retry's are new.  Otherwise a stranger's handshakes could come by the sessions' socket
 * (udp_split), where nothing limits their cost. */
static bool is_ours(const struct quic_endpoint *e, const ngtcp2_cid *id)
{
    return id->datalen == QUIC_SERVER_CID && memcmp(id->data, e->ids.prefix, QUIC_PREFIX) == 0;
}

void quic_accept(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet)
{
    struct quic_conn_open open = {.now = now, .local = packet->local, .remote = packet->remote};
    ngtcp2_cid original;
    ngtcp2_pkt_hd hd;

    if (ngtcp2_accept(&hd, packet->data, packet->len) != 0 || is_ours(e, &hd.dcid))
        return;
    if (hd.tokenlen > 0 && hd.token[0] == RETRY_MAGIC) {
        if (!take_token(e, now, packet, &hd, &original))
            return;
        open.original = &original;
    }
    if (!quic_initial_opens(packet->data, packet->len))
        return;
    if (open.original == NULL && e->n_handshaking >= e->config.retry_above) {
        quic_stateless_retry(e, now, packet, &hd);
        return;
    }
    if (e->n_conns >= e->config.max_conns) {
        quic_stateless_refuse(e, now, packet, &hd, NGTCP2_CONNECTION_REFUSED);
        return;
    }
    open.hd = &hd;
    begin(e, &open, packet);
}
