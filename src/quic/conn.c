/* One connection: how it begins, reads, waits and ends.  Packets go in, the owner's handlers are
 * called (events.c), and the connection is put on the endpoint's list of those that may want to
 * write (send.c).
 *
 * Two packets a check (trap 1): while the last thing heard was a solicited answer, nothing is
 * written for the sake of its acknowledgement alone; it leaves with the next request.  So the
 * connection is not put on that list, and the acknowledgement's timer is not even looked at for
 * QUIC_HOLD: in that state nothing else is urgent, since all control data is acknowledged.
 *
 * Trap 2: the peer advertises a max_ack_delay of 16 s, so ngtcp2's own probes come far too late.
 * While control data is unacknowledged the connection sends a PING every max(2 srtt, 20 ms); its
 * acknowledgement shows ngtcp2 what was lost. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

#define MAX_ACK_DELAY (16383 * NSEC_PER_MSEC) /* the most that QUIC can say */
#define MAX_DATAGRAM_FRAME 1200
#define WINDOW 65536
/* Lower than RFC 9002's 333 ms: a lost first packet costs three of these, and most servers are in
 * the same building. */
#define INITIAL_RTT (100 * NSEC_PER_MSEC)

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

static void leave_ready(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;
    struct quic_conn **at = &e->ready_first, *before = NULL;

    if (!c->ready)
        return;
    for (; *at != c; at = &(*at)->ready_next)
        before = *at;
    *at = c->ready_next;
    if (e->ready_last == c)
        e->ready_last = before;
    c->ready = false;
}

static int add_link(struct quic_conn *c, const struct quic_key *key)
{
    struct quic_link *link;
    size_t n = 0;

    for (link = c->links; link != NULL; link = link->sibling)
        n++;
    if (n >= QUIC_CIDS_MAX)
        return QHCP_E_FULL;
    if (quic_lookup_add(&c->endpoint->lookup, key, c, &link) != 0)
        return QHCP_E_NOMEM;
    link->sibling = c->links;
    c->links = link;
    return 0;
}

int quic_conn_add_id(struct quic_conn *c, const ngtcp2_cid *cid)
{
    struct quic_key key;

    quic_key_set(&key, QUIC_LOOKUP_CID, cid->data, cid->datalen);
    return add_link(c, &key);
}

int quic_conn_set_remote(struct quic_conn *c, const union qhcp_addr *remote)
{
    struct quic_link *link;
    struct quic_key key;

    quic_key_set_remote(&key, remote);
    if (quic_lookup_add(&c->endpoint->lookup, &key, c, &link) != 0)
        return QHCP_E_NOMEM;
    if (c->remote_link)
        quic_lookup_remove(&c->endpoint->lookup, c->remote_link);
    c->remote_link = link;
    c->remote = *remote;
    return 0;
}

static void set_params(ngtcp2_transport_params *params, bool server)
{
    ngtcp2_transport_params_default(params);
    params->initial_max_data = WINDOW;
    params->initial_max_stream_data_bidi_local = server ? 0 : WINDOW;
    params->initial_max_stream_data_bidi_remote = server ? WINDOW : 0;
    params->initial_max_streams_bidi = server ? 1 : 0; /* the control stream */
    params->initial_max_streams_uni = 0;
    params->max_idle_timeout = QUIC_IDLE;
    params->max_ack_delay = MAX_ACK_DELAY;
    params->max_datagram_frame_size = MAX_DATAGRAM_FRAME;
    params->active_connection_id_limit = 2;
    params->disable_active_migration = 1;
}

static void set_settings(ngtcp2_settings *settings, qhcp_nsec now, qhcp_nsec timeout)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = now;
    settings->initial_rtt = INITIAL_RTT;
    settings->handshake_timeout = timeout;
    settings->no_pmtud = 1;
    settings->ack_thresh = 1; /* acknowledge at once, whenever we write at all */
}

static int random_cid(ngtcp2_cid *ret, size_t n)
{
    ret->datalen = n;
    return gnutls_rnd(GNUTLS_RND_NONCE, ret->data, n) == 0 ? 0 : QHCP_E_TLS;
}

static int new_client(struct quic_conn *c, const struct quic_conn_open *open,
                      const ngtcp2_path *path)
{
    ngtcp2_transport_params params;
    ngtcp2_settings settings;
    ngtcp2_cid scid, dcid;
    int rv = random_cid(&scid, QUIC_CLIENT_CID);

    if (rv == 0)
        rv = random_cid(&dcid, QUIC_SERVER_CID);
    if (rv == 0)
        rv = quic_conn_add_id(c, &scid);
    if (rv != 0)
        return rv;
    set_params(&params, false);
    set_settings(&settings, open->now, open->dial->timeout ? open->dial->timeout : UINT64_MAX);
    rv = ngtcp2_conn_client_new(&c->ng, &dcid, &scid, path, NGTCP2_PROTO_VER_V1, &quic_events,
                                &settings, &params, NULL, c);
    if (rv != 0)
        return QHCP_E_NOMEM;
    ngtcp2_conn_set_keep_alive_timeout(c->ng, QUIC_KEEP_ALIVE);
    return 0;
}

static int new_server(struct quic_conn *c, const struct quic_conn_open *open,
                      const ngtcp2_path *path)
{
    const struct quic_endpoint_config *config = &c->endpoint->config;
    const ngtcp2_pkt_hd *hd = open->hd;
    ngtcp2_transport_params params;
    ngtcp2_settings settings;
    ngtcp2_cid scid;
    int rv = random_cid(&scid, QUIC_SERVER_CID);

    if (rv == 0)
        rv = quic_conn_add_id(c, &scid);
    if (rv == 0)
        rv = quic_conn_add_id(c, &hd->dcid); /* more of its first packets may be on their way */
    if (rv != 0)
        return rv;
    set_params(&params, true);
    set_settings(&settings, open->now, QUIC_SERVER_HANDSHAKE);
    params.original_dcid = hd->dcid;
    params.original_dcid_present = 1;
    if (open->original != NULL) {
        params.original_dcid = *open->original;
        params.retry_scid = hd->dcid;
        params.retry_scid_present = 1;
        settings.token = hd->token;
        settings.tokenlen = hd->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    params.stateless_reset_token_present = 1;
    if (ngtcp2_crypto_generate_stateless_reset_token(
            params.stateless_reset_token, config->reset_key, sizeof(config->reset_key), &scid) != 0)
        return QHCP_E_TLS;
    rv = ngtcp2_conn_server_new(&c->ng, &hd->scid, &scid, path, hd->version, &quic_events,
                                &settings, &params, NULL, c);
    return rv == 0 ? 0 : QHCP_E_NOMEM;
}

static int start(struct quic_conn *c, const struct quic_conn_open *open)
{
    union qhcp_addr local = open->local, remote = open->remote;
    ngtcp2_path path = {0};
    int rv = heap_reserve(&c->endpoint->deadlines, c->endpoint->n_conns);

    if (local.sa.sa_family != remote.sa.sa_family) {
        local = (union qhcp_addr){0};
        local.sa.sa_family = remote.sa.sa_family;
    }
    ngtcp2_addr_init(&path.local, &local.sa, address_len(&local));
    ngtcp2_addr_init(&path.remote, &remote.sa, address_len(&remote));
    if (rv == 0)
        rv = quic_conn_set_remote(c, &remote);
    if (rv == 0)
        rv = open->dial ? new_client(c, open, &path) : new_server(c, open, &path);
    return rv == 0 ? quic_tls_session(c, open->dial) : rv;
}

int quic_conn_open(struct quic_endpoint *e, const struct quic_conn_open *open,
                   struct quic_conn **ret)
{
    struct quic_conn *c = calloc(1, sizeof(*c));
    int rv;

    if (c == NULL)
        return QHCP_E_NOMEM;
    c->endpoint = e;
    c->tls = quic_tls_ref(e->tls);
    c->stream = -1;
    c->probe_at = NSEC_NEVER;
    c->last = open->now;
    c->handshaking = true;
    c->next = e->conns;
    if (e->conns)
        e->conns->prev = c;
    e->conns = c;
    e->n_conns++;
    e->n_handshaking++;
    if (open->dial != NULL) {
        c->announced = true;
        c->user = open->dial->user;
        c->name = strdup(open->dial->name);
    }
    rv = open->dial != NULL && c->name == NULL ? QHCP_E_NOMEM : start(c, open);
    if (rv != 0) {
        quic_conn_discard(c);
        return rv;
    }
    *ret = c;
    return 0;
}

static void leave_handshake(struct quic_conn *c)
{
    if (c->handshaking)
        c->endpoint->n_handshaking--;
    c->handshaking = false;
}

void quic_conn_discard(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;

    leave_ready(c);
    leave_handshake(c);
    heap_set(&e->deadlines, &c->timer, NSEC_NEVER);
    if (c->ng != NULL) {
        quic_tls_release(c);
        ngtcp2_conn_del(c->ng);
    } else if (c->session != NULL) {
        gnutls_deinit(c->session);
    }
    while (c->links != NULL) {
        struct quic_link *link = c->links;

        c->links = link->sibling;
        quic_lookup_remove(&e->lookup, link);
    }
    if (c->remote_link)
        quic_lookup_remove(&e->lookup, c->remote_link);
    quic_events_release_chunks(c, UINT64_MAX);
    if (c->prev)
        c->prev->next = c->next;
    else
        e->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    e->n_conns--;
    quic_tls_unref(c->tls);
    gnutls_memset(c->export_value, 0, sizeof(c->export_value));
    free(c->name);
    free(c);
}

void quic_conn_established(struct quic_conn *c)
{
    c->connected = true;
    c->confirmed = c->confirmed || c->endpoint->config.server;
    c->connected_at = c->last;
    c->endpoint->stats.handshakes++;
    leave_handshake(c);
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

static void release_tls(struct quic_conn *c, qhcp_nsec now)
{
    if (c->session != NULL && c->confirmed && now > nsec_add(c->connected_at, QUIC_TLS_KEPT))
        quic_tls_release(c);
}

void quic_conn_rearm(struct quic_conn *c, qhcp_nsec now)
{
    qhcp_nsec at = ngtcp2_conn_get_expiry(c->ng);

    c->hold_hidden = false;
    if (c->held && at <= c->held_at + quic_conn_srtt(c) / 8 + 1) {
        at = c->held_at + QUIC_HOLD;
        c->hold_hidden = true;
    }
    at = nsec_min(at, c->probe_at);
    if (at <= now) /* never spin, whatever ngtcp2 believes to be due */
        at = now + NSEC_PER_MSEC;
    heap_set(&c->endpoint->deadlines, &c->timer, at);
    release_tls(c, now);
}

/* May the packet just read stay unacknowledged until the next request? */
static bool can_hold(const struct quic_conn *c)
{
    return c->heard == QUIC_HEARD_HOLD && !c->ready && c->tx_acked == c->tx_end && c->confirmed;
}

void quic_conn_receive(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet)
{
    union qhcp_addr remote = packet->remote, local = {0};
    ngtcp2_pkt_info info = {.ecn = packet->ecn & 3};
    ngtcp2_path path;
    int rv;

    if (c->ended)
        return;
    now = quic_conn_clock(c, now);
    if (!c->endpoint->config.server && !address_equal(&remote, &c->remote))
        return; /* servers do not move */
    path = *ngtcp2_conn_get_path(c->ng);
    memcpy(&local, path.local.addr, path.local.addrlen);
    ngtcp2_addr_init(&path.local, &local.sa, path.local.addrlen);
    ngtcp2_addr_init(&path.remote, &remote.sa, address_len(&remote));
    c->heard = 0;
    rv = ngtcp2_conn_read_pkt(c->ng, &path, &info, packet->data, packet->len, now);
    if (rv != 0) {
        quic_conn_fail(c, rv);
        return;
    }
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

void quic_conn_arm_probe(struct quic_conn *c)
{
    c->probe_at = c->last + nsec_max(2 * quic_conn_srtt(c), QUIC_PROBE_MIN);
}

void quic_conn_expire(struct quic_conn *c, qhcp_nsec now)
{
    bool write = !c->hold_hidden;

    heap_set(&c->endpoint->deadlines, &c->timer, NSEC_NEVER);
    if (c->ended)
        return;
    now = quic_conn_clock(c, now);
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

void quic_conn_set_user(struct quic_conn *c, void *user)
{
    c->user = user;
}

void *quic_conn_user(const struct quic_conn *c)
{
    return c->user;
}

void quic_conn_remote(const struct quic_conn *c, union qhcp_addr *ret)
{
    *ret = c->remote;
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
    return c->peer_expires;
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
    const ngtcp2_transport_params *peer;

    if (!c->connected)
        return false;
    peer = ngtcp2_conn_get_remote_transport_params(c->ng);
    /* A peer that takes only small ones takes none: an answer might never fit. */
    return peer != NULL && peer->max_datagram_frame_size >= LIMIT_DATAGRAM + 3;
}

int quic_conn_datagram(struct quic_conn *c, const uint8_t *p, size_t n, uint64_t id)
{
    if (!quic_conn_takes_datagrams(c))
        return QHCP_E_DATAGRAM;
    if (n == 0 || n > LIMIT_DATAGRAM) /* an empty one trips an assertion in ngtcp2 (trap 9) */
        return QHCP_E_ARG;
    if (c->n_queued == QUIC_DATAGRAMS || n > sizeof(c->room) - c->room_used)
        return QHCP_E_FULL;
    c->queued[c->n_queued++] =
        (struct quic_queued){.id = id, .start = (uint16_t)c->room_used, .size = (uint16_t)n};
    memcpy(c->room + c->room_used, p, n);
    c->room_used += n;
    quic_conn_wake(c);
    return 0;
}

void quic_conn_hold_ack(struct quic_conn *c)
{
    c->heard |= QUIC_HEARD_HOLD;
}

void quic_conn_probe(struct quic_conn *c)
{
    c->ping = true;
    quic_conn_wake(c);
}
