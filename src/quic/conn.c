/* One connection's life, after open.c and until its end: it reads and it waits.  Packets go in, the
 * owner's handlers are called (events.c), and the connection is put on the endpoint's list of those
 * that may want to write (send.c).
 *
 * Two packets a check (trap 1): while the last packet was a solicited answer, nothing is written
 * only for its acknowledgement, which leaves with the next request.  So the connection is not put
 * on that list, and the acknowledgement's timer is not even looked at for QUIC_HOLD: in that state
 * nothing else is urgent, since all control data is acknowledged.
 *
 * Trap 2: a client advertises a max_ack_delay of 16 s, so a server's own probes come far too late.
 * While control data is unacknowledged the connection sends a PING every max(2 srtt, 20 ms); its
 * acknowledgement shows ngtcp2 what was lost.
 *
 * A new path (server): a packet from another address waits QUIC_STRAY, and is dropped if one from
 * the known address comes meanwhile.  A NAT that gave the peer another port costs that much, once.
 * An attacker who copies a packet on the path and sends it faster, from his own address, does not
 * get the answer.  A packet that is accepted then is validated by ngtcp2 (RFC 9000, 9.3). */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

qhcp_nsec quic_conn_clock(struct quic_conn *c, qhcp_nsec now)
{
    c->last = nsec_max(c->last, now);
    return c->last;
}

void quic_conn_wake(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;

    c->drained = false;
    if (c->ready)
        return;
    c->ready = true;
    c->ready_next = NULL;
    if (e->ready_last)
        e->ready_last->ready_next = c;
    else
        e->ready_first = c;
    e->ready_last = c;
}

/* A peer that takes only small ones takes none: an answer might never fit. */
static bool takes_datagrams(const struct quic_conn *c)
{
    const ngtcp2_transport_params *peer = ngtcp2_conn_get_remote_transport_params(c->ng);

    return peer != NULL && peer->max_datagram_frame_size >= LIMIT_DATAGRAM + 3;
}

void quic_conn_established(struct quic_conn *c)
{
    c->takes_datagrams = takes_datagrams(c);
    c->connected = true;
    c->confirmed = c->confirmed || c->endpoint->config.server;
    c->connected_at = c->last;
    c->endpoint->stats.handshakes++;
    quic_conn_leave_handshake(c);
    /* A lost HANDSHAKE_DONE leaves the client repeating a handshake that we have forgotten, until
     * its window is full: it is worth the same probes as control data. */
    if (c->endpoint->config.server) {
        c->settling = true;
        quic_conn_arm_probe(c);
    }
}

static void settle(struct quic_conn *c)
{
    ngtcp2_conn_info info;

    if (!c->settling || !c->settle_sent)
        return;
    ngtcp2_conn_get_conn_info(c->ng, &info);
    if (info.bytes_in_flight > 0)
        return;
    c->settling = false;
    if (c->tx_acked == c->tx_end) {
        c->probe_at = NSEC_NEVER;
        c->probes = 0;
    }
}

/* A session is 25 kB.  What is taken out of it: the value that tokens are bound to (by the owner's
 * first quic_conn_export), and a client's ticket. */
static void release_tls(struct quic_conn *c, qhcp_nsec now)
{
    qhcp_nsec kept = QUIC_TLS_KEPT;

    if (c->session == NULL || !c->confirmed)
        return;
    if (c->export_size > 0)
        kept = c->endpoint->config.server || c->ticket_seen ? 0 : QUIC_TICKET_WAIT;
    if (now >= nsec_add(c->connected_at, kept))
        quic_tls_release(c);
}

/* While an acknowledgement is held back, its timer (an eighth of a round trip) is always ngtcp2's
 * first, so that ngtcp2 is not asked; after QUIC_HOLD it has seen that timer expire. */
void quic_conn_rearm(struct quic_conn *c, qhcp_nsec now)
{
    bool hide = c->held && now < c->held_at + QUIC_HOLD, hidden = c->hold_hidden;
    qhcp_nsec at = hide ? c->held_at + QUIC_HOLD : ngtcp2_conn_get_expiry(c->ng);

    c->hold_hidden = hide;
    if (hide && hidden && c->timer.at <= at && c->timer.at > at - QUIC_HOLD / 2)
        at = c->timer.at; /* a beat comes, and a beat: the timer need not move for each */
    at = nsec_min(at, c->probe_at);
    if (c->stray != NULL)
        at = nsec_min(at, c->stray->at);
    if (at <= now) /* never spin, whatever ngtcp2 believes to be due */
        at = now + NSEC_PER_MSEC;
    wheel_set(&c->endpoint->deadlines, &c->timer, at);
    release_tls(c, now);
}

/* May the packet just read stay unacknowledged until the next request? */
static bool can_hold(const struct quic_conn *c)
{
    return c->heard == QUIC_HEARD_HOLD && !c->ready && c->tx_acked == c->tx_end && c->confirmed;
}

/* No callback of ngtcp2's tells of the peer's STOP_SENDING, but from then on it refuses to write to
 * the stream.  It is asked with more bytes than a stream can have, and no packet to put them in:
 * whatever it answers, nothing is written.  Not after a packet with a solicited answer and no bytes
 * of the stream: nearly all are such packets, and what came beside the answer is found with the
 * next other one, or when the stream is to be written. */
static bool is_stopped(const struct quic_conn *c)
{
    static uint8_t nothing;
    const ngtcp2_vec too_much = {.base = &nothing, .len = SIZE_MAX};

    if (c->stream < 0 || c->heard == QUIC_HEARD_HOLD)
        return false;
    return ngtcp2_conn_writev_stream(c->ng, NULL, NULL, NULL, 0, NULL,
                                     NGTCP2_WRITE_STREAM_FLAG_NONE, c->stream, &too_much, 1,
                                     c->last) == NGTCP2_ERR_STREAM_SHUT_WR;
}

static bool is_from_elsewhere(const struct quic_conn *c, const union qhcp_addr *remote)
{
    const ngtcp2_addr *known = &ngtcp2_conn_get_path(c->ng)->remote;
    union qhcp_addr current = {0};

    memcpy(&current, known->addr, known->addrlen);
    return !address_equal(remote, &current);
}

static void drop_stray(struct quic_conn *c)
{
    free(c->stray);
    c->stray = NULL;
}

static void keep_stray(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet)
{
    if (c->stray != NULL)
        return;
    c->stray = malloc(sizeof(*c->stray) + packet->len);
    if (c->stray == NULL)
        return;
    *c->stray = (struct quic_stray){
        .at = now + QUIC_STRAY, .remote = packet->remote, .ecn = packet->ecn, .size = packet->len};
    memcpy(c->stray->data, packet->data, packet->len);
    quic_conn_rearm(c, now);
}

void quic_conn_hear(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet)
{
    union qhcp_addr remote = packet->remote, local = {0};
    ngtcp2_pkt_info info = {.ecn = packet->ecn & 3};
    size_t size = quic_early_take(c, packet);
    ngtcp2_path path;
    int rv;

    path = *ngtcp2_conn_get_path(c->ng);
    memcpy(&local, path.local.addr, path.local.addrlen);
    ngtcp2_addr_init(&path.local, &local.sa, path.local.addrlen);
    ngtcp2_addr_init(&path.remote, &remote.sa, address_len(&remote));
    c->heard = 0;
    c->unacked += size;
    c->endpoint->arrived = packet->received;
    if (size == 0)
        return;
    c->endpoint->blocks.reading = c;
    rv = ++c->n_heard > QUIC_PACKETS_MAX
             ? NGTCP2_ERR_AEAD_LIMIT_REACHED
             : ngtcp2_conn_read_pkt(c->ng, &path, &info, packet->data, size, now);
    c->endpoint->blocks.reading = NULL;
    if (rv != 0) {
        quic_conn_fail(c, rv);
        return;
    }
    if (is_stopped(c))
        quic_conn_close(c, (uint64_t)-QHCP_E_STREAM, "the control stream was stopped");
    settle(c);
    if (can_hold(c)) {
        c->held = true;
        c->held_at = now;
        quic_conn_rearm(c, now);
        return;
    }
    c->held = false;
    quic_conn_wake(c);
}

void quic_conn_receive(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet)
{
    if (c->ended)
        return;
    now = quic_conn_clock(c, now);
    if (!c->endpoint->config.server && !address_equal(&packet->remote, &c->remote))
        return; /* servers do not move */
    if (c->connected && c->endpoint->config.server && is_from_elsewhere(c, &packet->remote)) {
        keep_stray(c, now, packet);
        return;
    }
    drop_stray(c);
    quic_conn_hear(c, now, packet);
}

static void hear_stray(struct quic_conn *c, qhcp_nsec now)
{
    struct quic_stray *stray = c->stray;
    struct qhcp_packet packet = {
        .remote = stray->remote, .ecn = stray->ecn, .data = stray->data, .len = stray->size};

    c->stray = NULL;
    quic_conn_hear(c, now, &packet);
    free(stray);
}

void quic_conn_arm_probe(struct quic_conn *c)
{
    c->probe_at = c->last + nsec_max(2 * quic_conn_srtt(c), QUIC_PROBE_MIN);
}

void quic_conn_expire(struct quic_conn *c, qhcp_nsec now)
{
    bool write = !c->hold_hidden;

    wheel_set(&c->endpoint->deadlines, &c->timer, NSEC_NEVER);
    if (c->ended)
        return;
    now = quic_conn_clock(c, now);
    if (c->stray != NULL && c->stray->at <= now) {
        hear_stray(c, now);
        if (c->ended)
            return;
    }
    if (ngtcp2_conn_get_expiry(c->ng) <= now) {
        int rv = ngtcp2_conn_handle_expiry(c->ng, now);

        if (rv != 0) {
            quic_conn_fail(c, rv);
            return;
        }
    }
    if (c->probe_at <= now) {
        c->probe_at = NSEC_NEVER;
        if (++c->probes < QUIC_PROBES_MAX)
            quic_conn_arm_probe(c);
        c->ping = write = true;
    }
    if (!write) {
        quic_conn_rearm(c, now);
        return;
    }
    c->thorough = true;
    quic_conn_wake(c);
}

qhcp_nsec quic_conn_arrived(const struct quic_conn *c)
{
    qhcp_nsec at = c->endpoint->arrived;

    return at > 0 && at < c->last ? at : c->last;
}

void quic_conn_set_user(struct quic_conn *c, void *user)
{
    c->user = user;
}

void *quic_conn_user(const struct quic_conn *c)
{
    return c->user;
}

uint16_t quic_conn_port(const struct quic_conn *c)
{
    union qhcp_addr local = {0};
    const ngtcp2_path *path = ngtcp2_conn_get_path(c->ng);

    memcpy(&local, path->local.addr, path->local.addrlen);
    return ntohs(local.in.sin_port); /* at the same place in both families */
}

void quic_conn_remote(const struct quic_conn *c, union qhcp_addr *ret)
{
    *ret = c->remote;
}

uint32_t quic_conn_packets(const struct quic_conn *c)
{
    return c->n_heard;
}

qhcp_nsec quic_conn_srtt(const struct quic_conn *c)
{
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(c->ng, &info);
    return info.smoothed_rtt;
}

bool quic_conn_resumed(const struct quic_conn *c)
{
    return c->resumed;
}

int64_t quic_conn_peer_expires(const struct quic_conn *c)
{
    return c->peer_valid.leaf;
}

int quic_conn_write(struct quic_conn *c, const uint8_t *p, size_t n)
{
    struct quic_chunk *chunk;

    if (n == 0 || c->ended)
        return 0;
    if (n > QUIC_CONTROL_MAX || c->tx_end - c->tx_acked > QUIC_CONTROL_MAX - n)
        return QHCP_E_FULL;
    chunk = malloc(sizeof(*chunk) + n);
    if (chunk == NULL)
        return QHCP_E_NOMEM;
    *chunk = (struct quic_chunk){.start = c->tx_end, .size = n};
    memcpy(chunk->data, p, n);
    if (c->chunks_last)
        c->chunks_last->next = chunk;
    else
        c->chunks = chunk;
    c->chunks_last = chunk;
    if (c->unsent == NULL)
        c->unsent = chunk;
    c->tx_end += n;
    quic_conn_wake(c);
    return 0;
}

bool quic_conn_takes_datagrams(const struct quic_conn *c)
{
    return c->takes_datagrams;
}

/* Once in a connection's life, and for one whose datagrams are large. */
static bool make_room(struct quic_conn *c, size_t n)
{
    if (c->large != NULL || n <= sizeof(c->small) - c->room_used)
        return true;
    c->large = malloc(QUIC_DATAGRAM_ROOM);
    if (c->large == NULL)
        return false;
    memcpy(c->large, c->small, c->room_used);
    return true;
}

int quic_conn_datagram(struct quic_conn *c, const uint8_t *p, size_t n, uint64_t id)
{
    if (!quic_conn_takes_datagrams(c))
        return QHCP_E_DATAGRAM;
    if (n == 0 || n > LIMIT_DATAGRAM) /* an empty one trips an assertion in ngtcp2 (trap 9) */
        return QHCP_E_ARG;
    if (c->n_queued == QUIC_DATAGRAMS || n > QUIC_DATAGRAM_ROOM - c->room_used)
        return QHCP_E_FULL;
    if (!make_room(c, n))
        return QHCP_E_NOMEM;
    c->queued[c->n_queued++] =
        (struct quic_queued){.id = id, .start = (uint16_t)c->room_used, .size = (uint16_t)n};
    memcpy(quic_conn_room(c) + c->room_used, p, n);
    c->room_used += n;
    quic_conn_wake(c);
    return 0;
}

bool quic_conn_has_room(const struct quic_conn *c, size_t n)
{
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(c->ng, &info);
    return info.bytes_in_flight + n + QUIC_ROOM_KEPT <= info.cwnd;
}

void quic_conn_may_wait(struct quic_conn *c)
{
    if (c->n_queued > 0)
        c->queued[c->n_queued - 1].may_wait = true;
}

void quic_conn_hold_ack(struct quic_conn *c)
{
    if (c->unacked <= QUIC_HELD_MOST)
        c->heard |= QUIC_HEARD_HOLD;
}

void quic_conn_probe(struct quic_conn *c)
{
    c->ping = true;
    quic_conn_wake(c);
}
