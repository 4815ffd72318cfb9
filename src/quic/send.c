/* What a connection writes, one packet a call, in this order: datagrams (probes and answers are the
 * point of it all, and carry the acknowledgements), the control stream, whatever ngtcp2 wants of
 * itself (handshake, acknowledgements, repairs), a PING; at the end CONNECTION_CLOSE.
 *
 * A datagram that the congestion window refuses is dropped and said to be not sent (trap 3): it
 * must never wait behind a silent peer.  No ECN marks: a connection with a packet a second gains
 * nothing by them. */
#include <string.h>

#include "quic/internal.h"

#define VECTORS 8
#define ROOM_LEFT 200 /* with so much room left in a packet, all that was due is in it */

struct writing {
    struct quic_conn *c;
    struct qhcp_packet *packet;
    ngtcp2_path_storage path;
    qhcp_nsec now;
};

static void pop_datagram(struct quic_conn *c)
{
    c->n_queued--;
    memmove(c->queued, c->queued + 1, c->n_queued * sizeof(c->queued[0]));
    if (c->n_queued == 0)
        c->room_used = 0;
}

/* What was lost of the control stream, or of the handshake, would come in the next packet. */
static bool owes(const struct quic_conn *c)
{
    return c->tx_acked != c->tx_end || c->settling;
}

/* Bytes of a packet; 0: this datagram was refused and is gone; or an error. */
static ngtcp2_ssize write_datagram(struct writing *w)
{
    struct quic_conn *c = w->c;
    struct quic_queued queued = c->queued[0];
    ngtcp2_vec bytes = {.base = quic_conn_room(c) + queued.start, .len = queued.size};
    int accepted = 0;
    ngtcp2_ssize n;

    if (queued.may_wait && !owes(c))
        quic_events_patient = w->packet->data;
    n = ngtcp2_conn_writev_datagram(c->ng, &w->path.path, NULL, w->packet->data, w->packet->cap,
                                    &accepted, NGTCP2_WRITE_DATAGRAM_FLAG_NONE, queued.id, &bytes,
                                    1, w->now);
    quic_events_patient = NULL;
    if (accepted) {
        pop_datagram(c);
        c->ping = false;
        quic_events_fate(c, queued.id, QUIC_FATE_SENT);
        return n;
    }
    if (n > 0)
        return n; /* something else came first; the datagram's turn is the next packet */
    if (n < 0 && n != NGTCP2_ERR_INVALID_STATE && n != NGTCP2_ERR_INVALID_ARGUMENT)
        return n;
    pop_datagram(c);
    quic_events_fate(c, queued.id, QUIC_FATE_REFUSED);
    return 0;
}

static bool open_stream(struct quic_conn *c)
{
    struct quic_blocks *blocks = &c->endpoint->blocks;

    if (c->stream < 0 && !c->endpoint->config.server) {
        blocks->opening = true;
        if (ngtcp2_conn_open_bidi_stream(c->ng, &c->stream, NULL) != 0)
            c->stream = -1;
        blocks->opening = false;
    }
    return c->stream >= 0;
}

static void advance_control(struct quic_conn *c, size_t n)
{
    while (n > 0) {
        size_t part = c->unsent->size - c->unsent->sent;

        if (part > n)
            part = n;
        c->unsent->sent += part;
        n -= part;
        if (c->unsent->sent == c->unsent->size)
            c->unsent = c->unsent->next;
    }
}

/* Bytes of a packet; 0: nothing can be written now; or an error. */
static ngtcp2_ssize write_control(struct writing *w)
{
    struct quic_conn *c = w->c;
    ngtcp2_vec vectors[VECTORS];
    ngtcp2_ssize taken = -1, n;
    size_t count = 0;

    if (!open_stream(c))
        return 0;
    for (struct quic_chunk *chunk = c->unsent; chunk != NULL && count < VECTORS;
         chunk = chunk->next)
        vectors[count++] =
            (ngtcp2_vec){.base = chunk->data + chunk->sent, .len = chunk->size - chunk->sent};
    n = ngtcp2_conn_writev_stream(c->ng, &w->path.path, NULL, w->packet->data, w->packet->cap,
                                  &taken, NGTCP2_WRITE_STREAM_FLAG_NONE, c->stream, vectors, count,
                                  w->now);
    if (taken > 0) {
        advance_control(c, (size_t)taken);
        c->ping = false;
        if (c->probe_at == NSEC_NEVER && c->probes == 0)
            quic_conn_arm_probe(c);
    }
    return n == NGTCP2_ERR_STREAM_DATA_BLOCKED ? 0 : n;
}

/* A server's acknowledgement may wait: nobody should wake up for it. */
static ngtcp2_ssize write_own(struct writing *w)
{
    struct quic_conn *c = w->c;
    ngtcp2_ssize n;

    if (c->endpoint->config.server && c->connected && !owes(c))
        quic_events_patient = w->packet->data;
    n = ngtcp2_conn_write_pkt(c->ng, &w->path.path, NULL, w->packet->data, w->packet->cap, w->now);
    quic_events_patient = NULL;
    return n;
}

/* ngtcp2 has no call for a PING; a keep-alive that is due is one.  Nothing else is pending here, so
 * the packet will hold nothing else. */
static ngtcp2_ssize write_ping(struct writing *w)
{
    struct quic_conn *c = w->c;
    ngtcp2_ssize n;

    c->ping = false;
    w->now = quic_conn_clock(c, w->now + 1);
    ngtcp2_conn_set_keep_alive_timeout(c->ng, 1);
    n = write_own(w);
    ngtcp2_conn_set_keep_alive_timeout(c->ng,
                                       c->endpoint->config.server ? UINT64_MAX : QUIC_KEEP_ALIVE);
    return n;
}

static ngtcp2_ssize write_next(struct writing *w)
{
    struct quic_conn *c = w->c;
    ngtcp2_ssize n;

    while (c->connected && c->n_queued > 0) {
        n = write_datagram(w);
        if (n != 0)
            return n;
    }
    if (c->connected && c->unsent != NULL) {
        n = write_control(w);
        if (n != 0)
            return n;
    }
    n = write_own(w);
    if (n == 0 && c->ping && c->connected)
        n = write_ping(w);
    return n;
}

static bool is_unspecified(const ngtcp2_addr *addr)
{
    union qhcp_addr a = {0};

    memcpy(&a, addr->addr, addr->addrlen < sizeof(a) ? addr->addrlen : sizeof(a));
    return a.sa.sa_family == AF_INET6 ? a.in6.sin6_port == 0 : a.in.sin_port == 0;
}

/* So that it can be sent again should the peer fall silent (trace.c). */
static void keep_last(struct quic_conn *c, const uint8_t *p, size_t n)
{
    if (c->endpoint->config.server || n > sizeof(c->last_packet) || (p[0] & 0x80))
        return;
    memcpy(c->last_packet, p, n);
    c->last_size = n;
}

static bool fill(struct writing *w, ngtcp2_ssize n)
{
    struct qhcp_packet *packet = w->packet;
    const ngtcp2_path *path = &w->path.path;

    packet->len = (size_t)n;
    packet->ecn = 0;
    packet->local = (union qhcp_addr){0};
    packet->remote = (union qhcp_addr){0};
    if (!is_unspecified(&path->local))
        memcpy(&packet->local, path->local.addr, path->local.addrlen);
    memcpy(&packet->remote, path->remote.addr, path->remote.addrlen);
    w->c->held = false;
    w->c->unacked = 0;
    w->c->settle_sent = w->c->settling;
    return true;
}

static bool write_close(struct writing *w)
{
    struct quic_conn *c = w->c;
    const char *words = c->close_words ? c->close_words : c->why.words;
    size_t size = strlen(words);
    ngtcp2_ccerr error;
    ngtcp2_ssize n;

    if (c->silent || c->close_sent)
        return false;
    c->close_sent = true;
    ngtcp2_ccerr_default(&error);
    error.type = c->close_type;
    error.error_code = c->why.code;
    error.reason = (const uint8_t *)words;
    error.reasonlen = size < 200 ? size : 200;
    n = ngtcp2_conn_write_connection_close(c->ng, &w->path.path, NULL, w->packet->data,
                                           w->packet->cap, &error, w->now);
    if (n <= 0)
        return false;
    fill(w, n);
    (void)quic_closing_keep(c, w->packet); /* without memory: late packets are a stranger's */
    return true;
}

/* We close, and what was queued before it has not left yet. */
static bool is_flushing(const struct quic_conn *c)
{
    return c->why.end == QUIC_END_CLOSED_BY_US && c->connected && !c->flushed &&
           (c->unsent != NULL || c->n_queued > 0);
}

/* Nothing more is worth asking ngtcp2 for: a probe or an answer left with room to spare. */
static bool is_drained(const struct quic_conn *c, bool had_queued, ngtcp2_ssize n)
{
    return had_queued && c->n_queued == 0 && c->unsent == NULL && !c->ping && !c->thorough &&
           c->confirmed && !c->ended && n < QUIC_PACKET_MIN_CAP - ROOM_LEFT;
}

bool quic_conn_send(struct quic_conn *c, qhcp_nsec now, struct qhcp_packet *packet)
{
    struct writing w = {.c = c, .packet = packet, .now = quic_conn_clock(c, now)};

    if (c->drained) {
        c->drained = false;
        return false;
    }
    ngtcp2_path_storage_zero(&w.path);
    for (;;) {
        bool had_queued = c->n_queued > 0;
        ngtcp2_ssize n;

        if (c->finished && c->early != NULL)
            quic_early_hear(c, w.now);
        if (c->ended && !is_flushing(c))
            return write_close(&w);
        n = write_next(&w);
        if (n > 0) {
            c->drained = is_drained(c, had_queued, n);
            if (had_queued)
                keep_last(c, packet->data, (size_t)n);
            return fill(&w, n);
        }
        if (n < 0)
            quic_conn_fail(c, (int)n);
        else if (c->ended)
            c->flushed = true;
        else
            break;
        if (n < 0 && c->ended)
            c->flushed = true;
    }
    c->thorough = false;
    return false;
}
