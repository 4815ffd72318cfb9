/* How a connection comes into being and goes out of it: transport parameters, connection IDs, the
 * lists and tables it is in.  What happens in between is conn.c's. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

/* A client holds acknowledgements of answers back until its next request: the most that QUIC can
 * say.  A server acknowledges at once and says so, since a client's probe timeout is no shorter
 * than this (RFC 9002, 6.2.1): a lost HELLO is to be repaired by any QUIC stack. */
#define CLIENT_ACK_DELAY (16383 * NSEC_PER_MSEC)
#define SERVER_ACK_DELAY (25 * NSEC_PER_MSEC)
/* A longer max_ack_delay of the peer's means a client that holds back as ours does. */
#define HOLDS_BACK NSEC_PER_SEC
#define MAX_DATAGRAM_FRAME 1200
#define WINDOW 65536
/* Lower than RFC 9002's 333 ms: a lost first packet costs three of these, and most servers are in
 * the same building. */
#define INITIAL_RTT (100 * NSEC_PER_MSEC)

int quic_conn_add_key(struct quic_conn *c, const struct quic_key *key)
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
    return quic_conn_add_key(c, &key);
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
    params->max_ack_delay = server ? SERVER_ACK_DELAY : CLIENT_ACK_DELAY;
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
    /* Not no_pmtud: ngtcp2 1.11 starts it anyway when a peer returns to its path, and stops the
     * process for it (ngtcp2#1593).  With packets of 1,200 bytes at most there is nothing to try,
     * and it ends where it begins. */
    settings->max_tx_udp_payload_size = QUIC_PACKET_MIN_CAP;
    settings->ack_thresh = 1; /* acknowledge at once, whenever we write at all */
}

static int new_client(struct quic_conn *c, const struct quic_conn_open *open,
                      const ngtcp2_path *path)
{
    ngtcp2_transport_params params;
    ngtcp2_settings settings;
    ngtcp2_cid scid, dcid;
    int rv = quic_id_make(c->endpoint, &open->remote, &scid);

    if (rv == 0)
        rv = quic_conn_add_id(c, &scid);
    if (rv != 0)
        return rv;
    dcid.datalen = QUIC_SERVER_CID;
    if (gnutls_rnd(GNUTLS_RND_NONCE, dcid.data, dcid.datalen) != 0)
        return QHCP_E_TLS;
    set_params(&params, false);
    set_settings(&settings, open->now, open->dial->timeout ? open->dial->timeout : UINT64_MAX);
    rv = ngtcp2_conn_client_new(&c->ng, &dcid, &scid, path, NGTCP2_PROTO_VER_V1, &quic_events,
                                &settings, &params, quic_blocks_hooks(&c->endpoint->blocks), c);
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
    int rv = quic_id_make(c->endpoint, &open->remote, &scid);

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
                                &settings, &params, quic_blocks_hooks(&c->endpoint->blocks), c);
    return rv == 0 ? 0 : QHCP_E_NOMEM;
}

static int start(struct quic_conn *c, const struct quic_conn_open *open)
{
    union qhcp_addr local = open->local, remote = open->remote;
    ngtcp2_path path = {0};
    int rv = wheel_reserve(&c->endpoint->deadlines, c->endpoint->n_conns);

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
    c->guard.server = e->config.server;
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

qhcp_nsec quic_conn_ack_delay(const struct quic_conn *c)
{
    const ngtcp2_transport_params *peer = ngtcp2_conn_get_remote_transport_params(c->ng);

    return peer != NULL && peer->max_ack_delay <= HOLDS_BACK ? peer->max_ack_delay : 0;
}

void quic_conn_leave_handshake(struct quic_conn *c)
{
    if (c->handshaking)
        c->endpoint->n_handshaking--;
    c->handshaking = false;
    quic_accept_leave(c);
}

void quic_conn_discard(struct quic_conn *c)
{
    struct quic_endpoint *e = c->endpoint;

    leave_ready(c);
    quic_conn_leave_handshake(c);
    wheel_set(&e->deadlines, &c->timer, NSEC_NEVER);
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
    free(c->stray);
    quic_early_drop(c);
    quic_events_release_chunks(c, UINT64_MAX);
    if (c->prev)
        c->prev->next = c->next;
    else
        e->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    e->n_conns--;
    quic_tls_unref(c->tls);
    free(c->closing);
    free(c->judgement);
    free(c->large);
    gnutls_memset(c->export_value, 0, sizeof(c->export_value));
    free(c->name);
    free(c);
}
