/* What ngtcp2 calls while it reads, writes or expires.  Each translates to the owner's handlers, or
 * keeps account.  Never: a call of ngtcp2's that reads or writes packets (the handlers' quic_conn_*
 * calls only queue). */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"
#include "quic/later.h"

#include <qhcp/error.h>

static const struct quic_handlers *handlers_of(const struct quic_conn *c)
{
    return c->endpoint->config.handlers;
}

static void *ctx_of(const struct quic_conn *c)
{
    return c->endpoint->config.ctx;
}

_Thread_local uint8_t *quic_events_patient;

/* The spin bit of a short header is ours to set (RFC 9000, 17.4), before the header, which is in
 * our buffer, becomes the additional data.  ngtcp2 leaves it 0. */
static int on_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                      const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *plain, size_t n,
                      const uint8_t *nonce, size_t nonce_n, const uint8_t *header, size_t header_n)
{
    uint8_t *patient = quic_events_patient;

    if (patient == header && !(patient[0] & QUIC_LONG))
        patient[0] |= QUIC_SPIN;
    ctx = later_use(aead, ctx);
    if (ctx == NULL)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return ngtcp2_crypto_encrypt_cb(dest, aead, ctx, plain, n, nonce, nonce_n, header, header_n);
}

static void on_rand(uint8_t *dest, size_t n, const ngtcp2_rand_ctx *ctx)
{
    (void)ctx;
    if (gnutls_rnd(GNUTLS_RND_NONCE, dest, n) != 0)
        abort(); /* no randomness: nothing is safe any more */
}

static enum guard_level guard_level(ngtcp2_encryption_level level)
{
    switch (level) {
    case NGTCP2_ENCRYPTION_LEVEL_INITIAL:
        return GUARD_INITIAL;
    case NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE:
        return GUARD_HANDSHAKE;
    case NGTCP2_ENCRYPTION_LEVEL_1RTT:
        return GUARD_1RTT;
    default:
        return GUARD_0RTT;
    }
}

/* TLS gets one message at a time, and none that the guard does not know.  Trap 4: the session may
 * be gone when a late NewSessionTicket comes. */
static int on_crypto(ngtcp2_conn *ng, ngtcp2_encryption_level level, uint64_t offset,
                     const uint8_t *p, size_t n, void *user)
{
    struct quic_conn *c = user;
    size_t part;

    for (; n > 0; p += part, offset += part, n -= part) {
        int alert = guard_crypto(&c->guard, guard_level(level), p, n, &part);
        int rv;

        if (alert == GUARD_VIOLATION)
            return NGTCP2_ERR_PROTO;
        if (alert != 0) {
            ngtcp2_conn_set_tls_alert(ng, (uint8_t)alert);
            return NGTCP2_ERR_CRYPTO;
        }
        if (c->session == NULL)
            continue;
        rv = ngtcp2_crypto_recv_crypto_data_cb(ng, level, offset, p, part, user);
        if (rv != 0)
            return rv;
    }
    return 0;
}

static int on_key(ngtcp2_conn *ng, ngtcp2_encryption_level level, void *user)
{
    (void)ng;
    if (level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE)
        ((struct quic_conn *)user)->guard.has_keys = true;
    return 0;
}

static int on_handshake_completed(ngtcp2_conn *ng, void *user)
{
    struct quic_conn *c = user;

    (void)ng;
    if (c->ended || quic_tls_finish(c) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    quic_conn_established(c);
    if (handlers_of(c)->connected)
        handlers_of(c)->connected(ctx_of(c), c, c->last);
    return 0;
}

/* Only the client's: ngtcp2 does not call it on servers, for whom completed is confirmed. */
static int on_handshake_confirmed(ngtcp2_conn *ng, void *user)
{
    (void)ng;
    ((struct quic_conn *)user)->confirmed = true;
    return 0;
}

/* Known from its first frame on, though that may carry no bytes (STOP_SENDING). */
static int on_stream_open(ngtcp2_conn *ng, int64_t stream, void *user)
{
    struct quic_conn *c = user;

    (void)ng;
    if (!c->endpoint->config.server)
        return NGTCP2_ERR_CALLBACK_FAILURE; /* a server is allowed none, and blocks.c has no room */
    if (c->stream < 0)
        c->stream = stream;
    return 0;
}

static int on_stream_data(ngtcp2_conn *ng, uint32_t flags, int64_t stream, uint64_t offset,
                          const uint8_t *p, size_t n, void *user, void *stream_user)
{
    struct quic_conn *c = user;

    (void)offset, (void)stream_user;
    c->heard |= QUIC_HEARD_CONTROL;
    if (stream != c->stream) {
        quic_conn_close(c, (uint64_t)-QHCP_E_STREAM, "a second stream");
        return 0;
    }
    ngtcp2_conn_extend_max_stream_offset(ng, stream, n);
    ngtcp2_conn_extend_max_offset(ng, n);
    if (c->ended)
        return 0;
    if (n > 0 && handlers_of(c)->control)
        handlers_of(c)->control(ctx_of(c), c, c->last, p, n);
    if (flags & NGTCP2_STREAM_DATA_FLAG_FIN)
        quic_conn_close(c, (uint64_t)-QHCP_E_STREAM, "the control stream was closed");
    return 0;
}

static int on_stream_reset(ngtcp2_conn *ng, int64_t stream, uint64_t size, uint64_t code,
                           void *user, void *stream_user)
{
    struct quic_conn *c = user;

    (void)ng, (void)stream, (void)size, (void)code, (void)stream_user;
    c->heard |= QUIC_HEARD_CONTROL;
    quic_conn_close(c, (uint64_t)-QHCP_E_STREAM, "the control stream was reset");
    return 0;
}

static int on_stream_close(ngtcp2_conn *ng, uint32_t flags, int64_t stream, uint64_t code,
                           void *user, void *stream_user)
{
    (void)flags;
    return on_stream_reset(ng, stream, 0, code, user, stream_user);
}

void quic_events_release_chunks(struct quic_conn *c, uint64_t acked)
{
    while (c->chunks != NULL && c->chunks->start + c->chunks->size <= acked) {
        struct quic_chunk *chunk = c->chunks;

        c->chunks = chunk->next;
        free(chunk);
    }
    if (c->chunks == NULL)
        c->chunks_last = NULL;
}

static int on_stream_acked(ngtcp2_conn *ng, int64_t stream, uint64_t offset, uint64_t n, void *user,
                           void *stream_user)
{
    struct quic_conn *c = user;

    (void)ng, (void)stream, (void)stream_user;
    c->tx_acked = offset + n;
    c->probes = 0;
    quic_events_release_chunks(c, c->tx_acked);
    if (c->tx_acked < c->tx_end) {
        quic_conn_arm_probe(c);
        return 0;
    }
    if (!c->settling)
        c->probe_at = NSEC_NEVER;
    if (!c->ended && handlers_of(c)->control_acked)
        handlers_of(c)->control_acked(ctx_of(c), c, c->last);
    return 0;
}

static int on_datagram(ngtcp2_conn *ng, uint32_t flags, const uint8_t *p, size_t n, void *user)
{
    struct quic_conn *c = user;
    unsigned before = c->heard;

    (void)ng, (void)flags;
    if (c->ended)
        return 0;
    c->heard &= ~(unsigned)QUIC_HEARD_HOLD;
    if (handlers_of(c)->datagram)
        handlers_of(c)->datagram(ctx_of(c), c, c->last, p, n);
    /* Two datagrams in one packet: one unasked datagram is enough to acknowledge at once. */
    if (!(c->heard & QUIC_HEARD_HOLD))
        c->heard |= QUIC_HEARD_DATAGRAM;
    c->heard |= before;
    return 0;
}

void quic_events_fate(struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    if (fate == QUIC_FATE_REFUSED)
        c->endpoint->stats.datagrams_refused++;
    if (id != 0 && handlers_of(c)->datagram_done)
        handlers_of(c)->datagram_done(ctx_of(c), c, id, fate);
}

static int on_datagram_acked(ngtcp2_conn *ng, uint64_t id, void *user)
{
    (void)ng;
    quic_events_fate(user, id, QUIC_FATE_ACKED);
    return 0;
}

static int on_datagram_lost(ngtcp2_conn *ng, uint64_t id, void *user)
{
    (void)ng;
    quic_events_fate(user, id, QUIC_FATE_LOST);
    return 0;
}

static int on_reset(ngtcp2_conn *ng, const ngtcp2_pkt_stateless_reset *reset, void *user)
{
    (void)ng, (void)reset;
    ((struct quic_conn *)user)->reset = true;
    return 0;
}

static int on_new_id(ngtcp2_conn *ng, ngtcp2_cid *cid, uint8_t *token, size_t n, void *user)
{
    struct quic_conn *c = user;
    const struct quic_endpoint_config *config = &c->endpoint->config;

    (void)ng;
    if (n != quic_cid_size(c->endpoint) || quic_id_make(c->endpoint, &c->remote, cid) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (ngtcp2_crypto_generate_stateless_reset_token(token, config->reset_key,
                                                     sizeof(config->reset_key), cid) != 0 ||
        quic_conn_add_id(c, cid) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static void unlink_key(struct quic_conn *c, const struct quic_key *key)
{
    for (struct quic_link **at = &c->links; *at != NULL; at = &(*at)->sibling) {
        struct quic_link *link = *at;

        if (link->key.size == key->size && memcmp(link->key.bytes, key->bytes, key->size) == 0) {
            *at = link->sibling;
            quic_lookup_remove(&c->endpoint->lookup, link);
            return;
        }
    }
}

static int on_remove_id(ngtcp2_conn *ng, const ngtcp2_cid *cid, void *user)
{
    struct quic_key key;

    (void)ng;
    quic_key_set(&key, QUIC_LOOKUP_CID, cid->data, cid->datalen);
    unlink_key(user, &key);
    return 0;
}

/* The peer's connection IDs come and go with the tokens by which it would reset us.  A client's
 * first is taken into use when ngtcp2 has left the handshake behind: with the write of the
 * Finished. */
static int on_peer_id(ngtcp2_conn *ng, ngtcp2_connection_id_status_type type, uint64_t seq,
                      const ngtcp2_cid *cid, const uint8_t *token, void *user)
{
    struct quic_conn *c = user;
    struct quic_key key;

    (void)ng, (void)seq, (void)cid;
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_ACTIVATE)
        c->finished = true;
    if (token == NULL)
        return 0;
    quic_key_set(&key, QUIC_LOOKUP_TOKEN, token, NGTCP2_STATELESS_RESET_TOKENLEN);
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_DEACTIVATE) {
        unlink_key(c, &key);
        return 0;
    }
    return quic_conn_add_key(c, &key) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_path(ngtcp2_conn *ng, uint32_t flags, const ngtcp2_path *path,
                   const ngtcp2_path *old_path, ngtcp2_path_validation_result result, void *user)
{
    struct quic_conn *c = user;
    union qhcp_addr remote = {0};

    (void)ng, (void)flags, (void)old_path;
    if (result != NGTCP2_PATH_VALIDATION_RESULT_SUCCESS || path->remote.addrlen > sizeof(remote))
        return 0;
    memcpy(&remote, path->remote.addr, path->remote.addrlen);
    if (!address_equal(&remote, &c->remote) && quic_conn_set_remote(c, &remote) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    return 0;
}

const ngtcp2_callbacks quic_events = {
    .client_initial = keys_client_initial,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = on_crypto,
    .recv_rx_key = on_key,
    .handshake_completed = on_handshake_completed,
    .handshake_confirmed = on_handshake_confirmed,
    .encrypt = on_encrypt,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = keys_mask,
    .recv_stream_data = on_stream_data,
    .acked_stream_data_offset = on_stream_acked,
    .stream_open = on_stream_open,
    .stream_close = on_stream_close,
    .stream_reset = on_stream_reset,
    .recv_stateless_reset = on_reset,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .rand = on_rand,
    .get_new_connection_id = on_new_id,
    .remove_connection_id = on_remove_id,
    .update_key = later_update,
    .path_validation = on_path,
    .dcid_status = on_peer_id,
    .delete_crypto_aead_ctx = later_free,
    .delete_crypto_cipher_ctx = keys_free,
    .recv_datagram = on_datagram,
    .ack_datagram = on_datagram_acked,
    .lost_datagram = on_datagram_lost,
    .get_path_challenge_data = ngtcp2_crypto_get_path_challenge_data_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
};
