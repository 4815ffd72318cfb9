#include "stock.h"

#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "wire/wire.h"

#define ID 18 /* bytes of our connection IDs: long enough for a stateless reset */

static void must(bool good)
{
    if (!good)
        abort();
}

static void on_rand(uint8_t *dest, size_t n, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    must(gnutls_rnd(GNUTLS_RND_NONCE, dest, n) == 0);
}

static int on_new_id(ngtcp2_conn *ng, ngtcp2_cid *cid, uint8_t *token, size_t n, void *user)
{
    (void)ng, (void)user;
    cid->datalen = n;
    on_rand(cid->data, n, NULL);
    on_rand(token, NGTCP2_STATELESS_RESET_TOKENLEN, NULL);
    return 0;
}

static int on_completed(ngtcp2_conn *ng, void *user)
{
    struct stock *s = user;

    s->connected = true;
    if (s->config.cert_pem == NULL)
        must(ngtcp2_conn_open_bidi_stream(ng, &s->stream, NULL) == 0);
    if (s->config.connected)
        s->config.connected(s);
    return 0;
}

static int on_stream_data(ngtcp2_conn *ng, uint32_t flags, int64_t stream, uint64_t offset,
                          const uint8_t *p, size_t n, void *user, void *stream_user)
{
    struct stock *s = user;
    uint64_t type;
    size_t total;

    (void)flags, (void)offset, (void)stream_user;
    s->stream = stream;
    ngtcp2_conn_extend_max_stream_offset(ng, stream, n);
    ngtcp2_conn_extend_max_offset(ng, n);
    must(n <= sizeof s->rx - s->rx_size);
    if (n > 0)
        memcpy(s->rx + s->rx_size, p, n);
    s->rx_size += n;
    while (wire_peek(s->rx, s->rx_size, &type, &total) == 0 && total <= s->rx_size) {
        s->config.frame(s, false, type, s->rx, total);
        s->rx_size -= total;
        memmove(s->rx, s->rx + total, s->rx_size);
    }
    return 0;
}

static int on_datagram(ngtcp2_conn *ng, uint32_t flags, const uint8_t *p, size_t n, void *user)
{
    struct stock *s = user;
    uint64_t type;
    size_t total;

    (void)ng, (void)flags;
    must(wire_peek(p, n, &type, &total) == 0 && total == n);
    s->config.frame(s, true, type, p, n);
    return 0;
}

static int on_reset(ngtcp2_conn *ng, const ngtcp2_pkt_stateless_reset *reset, void *user)
{
    struct stock *s = user;

    (void)ng, (void)reset;
    s->ended = true;
    s->code = UINT64_MAX;
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .handshake_completed = on_completed,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_stream_data = on_stream_data,
    .recv_stateless_reset = on_reset,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = on_rand,
    .get_new_connection_id = on_new_id,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .recv_datagram = on_datagram,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};

static ngtcp2_conn *ref_to_ng(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct stock *)ref->user_data)->ng;
}

static void start_tls(struct stock *s)
{
    static unsigned char name[] = "qhcp/1";
    static const gnutls_datum_t alpn = {.data = name, .size = sizeof name - 1};
    bool server = s->config.cert_pem != NULL;

    must(gnutls_init(&s->session, (server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK |
                                      GNUTLS_NO_TICKETS) == 0);
    must(gnutls_certificate_allocate_credentials(&s->credentials) == 0);
    if (server) {
        gnutls_datum_t cert = {(unsigned char *)(uintptr_t)s->config.cert_pem,
                               (unsigned)strlen(s->config.cert_pem)};
        gnutls_datum_t key = {(unsigned char *)(uintptr_t)s->config.key_pem,
                              (unsigned)strlen(s->config.key_pem)};

        must(gnutls_certificate_set_x509_key_mem(s->credentials, &cert, &key,
                                                 GNUTLS_X509_FMT_PEM) == 0);
    }
    must(gnutls_priority_set_direct(s->session, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL) == 0);
    must(gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->credentials) == 0);
    must(gnutls_alpn_set_protocols(s->session, &alpn, 1, GNUTLS_ALPN_MANDATORY) == 0);
    must((server ? ngtcp2_crypto_gnutls_configure_server_session(s->session)
                 : ngtcp2_crypto_gnutls_configure_client_session(s->session)) == 0);
    s->ref = (ngtcp2_crypto_conn_ref){.get_conn = ref_to_ng, .user_data = s};
    gnutls_session_set_ptr(s->session, &s->ref);
    ngtcp2_conn_set_tls_native_handle(s->ng, s->session);
}

static void prepare(struct stock *s, const struct stock_config *config, qhcp_nsec now,
                    ngtcp2_settings *settings, ngtcp2_transport_params *params, ngtcp2_path *path)
{
    memset(s, 0, sizeof *s);
    s->config = *config;
    s->stream = -1;
    s->now = now;
    s->local.in.sin_family = s->remote.in.sin_family = AF_INET;
    ngtcp2_settings_default(settings);
    settings->initial_ts = now;
    ngtcp2_transport_params_default(params);
    params->initial_max_data = 65536;
    params->initial_max_stream_data_bidi_local = 65536;
    params->initial_max_stream_data_bidi_remote = 65536;
    params->initial_max_streams_bidi = config->cert_pem != NULL;
    params->max_idle_timeout = 120 * UINT64_C(1000000000);
    params->max_datagram_frame_size = 1200;
    if (config->max_ack_delay > 0)
        params->max_ack_delay = config->max_ack_delay;
    ngtcp2_addr_init(&path->local, &s->local.sa, sizeof s->local.in);
    ngtcp2_addr_init(&path->remote, &s->remote.sa, sizeof s->remote.in);
}

void stock_dial(struct stock *s, const struct stock_config *config, qhcp_nsec now)
{
    ngtcp2_cid scid = {.datalen = ID}, dcid = {.datalen = ID};
    ngtcp2_transport_params params;
    ngtcp2_settings settings;
    ngtcp2_path path = {0};

    prepare(s, config, now, &settings, &params, &path);
    on_rand(scid.data, ID, NULL);
    on_rand(dcid.data, ID, NULL);
    must(ngtcp2_conn_client_new(&s->ng, &dcid, &scid, &path, NGTCP2_PROTO_VER_V1, &callbacks,
                                &settings, &params, NULL, s) == 0);
    start_tls(s);
}

bool stock_accept(struct stock *s, const struct stock_config *config, qhcp_nsec now,
                  const struct qhcp_packet *first)
{
    ngtcp2_cid scid = {.datalen = ID};
    ngtcp2_transport_params params;
    ngtcp2_settings settings;
    ngtcp2_path path = {0};
    ngtcp2_pkt_hd hd;

    if (ngtcp2_accept(&hd, first->data, first->len) != 0)
        return false;
    prepare(s, config, now, &settings, &params, &path);
    on_rand(scid.data, ID, NULL);
    params.original_dcid = hd.dcid;
    params.original_dcid_present = 1;
    must(ngtcp2_conn_server_new(&s->ng, &hd.scid, &scid, &path, hd.version, &callbacks, &settings,
                                &params, NULL, s) == 0);
    start_tls(s);
    stock_receive(s, now, first);
    return true;
}

void stock_free(struct stock *s)
{
    if (s->ng == NULL)
        return;
    ngtcp2_conn_del(s->ng);
    gnutls_deinit(s->session);
    gnutls_certificate_free_credentials(s->credentials);
    s->ng = NULL;
}

void stock_receive(struct stock *s, qhcp_nsec now, const struct qhcp_packet *packet)
{
    ngtcp2_path path = *ngtcp2_conn_get_path(s->ng);
    ngtcp2_pkt_info info = {0};
    int rv;

    s->now = now;
    s->asked = s->closing;
    if (s->ended)
        return;
    rv = ngtcp2_conn_read_pkt(s->ng, &path, &info, packet->data, packet->len, now);
    if (rv != 0 && !s->ended) {
        s->ended = true;
        s->code = ngtcp2_conn_get_ccerr(s->ng)->error_code;
    }
}

static ngtcp2_ssize write_close(struct stock *s, struct qhcp_packet *packet)
{
    ngtcp2_ccerr error;
    ngtcp2_ssize n;

    ngtcp2_ccerr_default(&error);
    ngtcp2_ccerr_set_application_error(&error, s->code, NULL, 0);
    s->ended = true;
    n = ngtcp2_conn_write_connection_close(s->ng, NULL, NULL, packet->data, packet->cap, &error,
                                           s->now);
    must(n > 0 && (size_t)n <= sizeof s->close);
    memcpy(s->close, packet->data, (size_t)n);
    s->close_size = (size_t)n;
    return n;
}

static ngtcp2_ssize write_datagram(struct stock *s, struct qhcp_packet *packet)
{
    ngtcp2_vec v = {s->datagrams[0], s->datagram_size[0]};
    int accepted = 0;
    ngtcp2_ssize n =
        ngtcp2_conn_writev_datagram(s->ng, NULL, NULL, packet->data, packet->cap, &accepted,
                                    NGTCP2_WRITE_DATAGRAM_FLAG_NONE, 0, &v, 1, s->now);

    if (accepted) {
        s->n_datagrams--;
        memmove(s->datagram_size, s->datagram_size + 1, s->n_datagrams * sizeof(size_t));
        memmove(s->datagrams, s->datagrams + 1, s->n_datagrams * STOCK_DATAGRAM);
    }
    return n;
}

bool stock_send(struct stock *s, qhcp_nsec now, struct qhcp_packet *packet)
{
    ngtcp2_vec v = {s->tx + s->tx_sent, s->tx_size - s->tx_sent};
    bool more = s->connected && s->stream >= 0 && v.len > 0;
    ngtcp2_ssize taken = -1, n = 0;

    s->now = now;
    if (s->ended && s->asked && s->close_size > 0) {
        s->asked = false;
        memcpy(packet->data, s->close, s->close_size);
        packet->len = s->close_size;
        return true;
    }
    if (s->ended)
        return false;
    if (s->connected && s->n_datagrams > 0)
        n = write_datagram(s, packet);
    if (n == 0)
        n = ngtcp2_conn_writev_stream(s->ng, NULL, NULL, packet->data, packet->cap, &taken,
                                      NGTCP2_WRITE_STREAM_FLAG_NONE, more ? s->stream : -1, &v,
                                      more, now);
    if (taken > 0)
        s->tx_sent += (size_t)taken;
    if (n == 0 && s->closing)
        n = write_close(s, packet);
    if (n < 0)
        s->ended = true;
    packet->len = n > 0 ? (size_t)n : 0;
    return n > 0;
}

qhcp_nsec stock_deadline(struct stock *s)
{
    return s->ended ? UINT64_MAX : ngtcp2_conn_get_expiry(s->ng);
}

void stock_expire(struct stock *s, qhcp_nsec now)
{
    s->now = now;
    if (!s->ended && ngtcp2_conn_handle_expiry(s->ng, now) != 0)
        s->ended = true;
}

void stock_write(struct stock *s, const uint8_t *p, size_t n)
{
    must(n <= sizeof s->tx - s->tx_size);
    memcpy(s->tx + s->tx_size, p, n);
    s->tx_size += n;
}

void stock_datagram(struct stock *s, const uint8_t *p, size_t n)
{
    must(s->n_datagrams < STOCK_DATAGRAMS && n <= STOCK_DATAGRAM);
    memcpy(s->datagrams[s->n_datagrams], p, n);
    s->datagram_size[s->n_datagrams++] = n;
}

void stock_close(struct stock *s, uint64_t code)
{
    s->closing = true;
    s->code = code;
}

void stock_export(struct stock *s, const char *label, uint8_t ret[32])
{
    must(gnutls_prf_rfc5705(s->session, strlen(label), label, 0, NULL, 32, (char *)ret) == 0);
}
