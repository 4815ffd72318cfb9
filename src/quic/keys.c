#include "quic/keys.h"

#include <gnutls/crypto.h>
#include <nettle/hmac.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#define MARK ((uintptr_t)1) /* in a context's handle: it is a struct aes128_ctx */

/* What protects one direction, as ngtcp2 is given it. */
struct guarded {
    struct keys keys;
    ngtcp2_crypto_aead_ctx cipher;
    ngtcp2_crypto_cipher_ctx mask;
};

void keys_extract(const uint8_t *salt, size_t salt_n, const uint8_t *p, size_t n,
                  uint8_t ret[KEYS_SECRET])
{
    struct hmac_sha256_ctx mac;

    hmac_sha256_set_key(&mac, salt_n, salt);
    hmac_sha256_update(&mac, n, p);
    hmac_sha256_digest(&mac, KEYS_SECRET, ret);
    gnutls_memset(&mac, 0, sizeof(mac));
}

/* What is no longer than a digest is one: of the label, and the number 1.  mac: with the secret. */
static void expand(struct hmac_sha256_ctx *mac, const char *label, uint8_t *ret, size_t n)
{
    size_t size = strlen(label);
    uint8_t bytes[32] = {0, (uint8_t)n, (uint8_t)size};

    memcpy(bytes + 3, label, size);
    bytes[3 + size + 1] = 1;
    hmac_sha256_update(mac, 3 + size + 2, bytes);
    hmac_sha256_digest(mac, n, ret);
}

void keys_expand(const uint8_t secret[KEYS_SECRET], const char *label, uint8_t *ret, size_t n)
{
    struct hmac_sha256_ctx mac;

    hmac_sha256_set_key(&mac, KEYS_SECRET, secret);
    expand(&mac, label, ret, n);
    gnutls_memset(&mac, 0, sizeof(mac));
}

void keys_derive(const uint8_t secret[KEYS_SECRET], struct keys *ret)
{
    struct hmac_sha256_ctx mac;

    hmac_sha256_set_key(&mac, KEYS_SECRET, secret);
    expand(&mac, "tls13 quic key", ret->key, sizeof(ret->key));
    expand(&mac, "tls13 quic iv", ret->iv, sizeof(ret->iv));
    expand(&mac, "tls13 quic hp", ret->hp, sizeof(ret->hp));
    gnutls_memset(&mac, 0, sizeof(mac));
}

static struct aes128_ctx *ours(const ngtcp2_crypto_cipher_ctx *ctx)
{
    uintptr_t handle = (uintptr_t)ctx->native_handle;

    return (handle & MARK) ? (struct aes128_ctx *)(handle - MARK) : NULL;
}

static bool is_embedded(const struct quic_conn *c, const struct aes128_ctx *mask)
{
    return mask == &c->rx_mask || mask == &c->tx_mask;
}

int keys_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
              const uint8_t *sample)
{
    const struct aes128_ctx *mask = ours(ctx);
    uint8_t block[AES_BLOCK_SIZE];

    if (mask == NULL)
        return ngtcp2_crypto_hp_mask_cb(dest, hp, ctx, sample);
    aes128_encrypt(mask, sizeof(block), block, sample);
    memcpy(dest, block, NGTCP2_HP_MASKLEN);
    return 0;
}

void keys_free(ngtcp2_conn *ng, ngtcp2_crypto_cipher_ctx *ctx, void *user)
{
    struct aes128_ctx *mask = ours(ctx);

    if (mask == NULL) {
        ngtcp2_crypto_delete_crypto_cipher_ctx_cb(ng, ctx, user);
        return;
    }
    gnutls_memset(mask, 0, sizeof(*mask));
    if (!is_embedded(user, mask))
        free(mask);
}

static void unmake(struct quic_conn *c, struct guarded *g)
{
    if (g->cipher.native_handle != NULL)
        ngtcp2_crypto_aead_ctx_free(&g->cipher);
    if (g->mask.native_handle != NULL)
        keys_free(c->ng, &g->mask, c);
    gnutls_memset(g, 0, sizeof(*g));
}

/* mask: where it is kept; NULL: in the heap. */
static int make(struct quic_conn *c, bool rx, const ngtcp2_crypto_aead *aead,
                struct aes128_ctx *mask, struct guarded *g)
{
    if (mask == NULL)
        mask = malloc(sizeof(*mask));
    if (mask == NULL)
        return -1;
    aes128_set_encrypt_key(mask, g->keys.hp);
    g->mask.native_handle = (void *)((uintptr_t)mask | MARK);
    g->cipher.native_handle = NULL;
    if ((rx ? ngtcp2_crypto_aead_ctx_decrypt_init(&g->cipher, aead, g->keys.key, KEYS_NONCE)
            : ngtcp2_crypto_aead_ctx_encrypt_init(&g->cipher, aead, g->keys.key, KEYS_NONCE)) == 0)
        return 0;
    unmake(c, g);
    return -1;
}

static int give(ngtcp2_conn *ng, bool final, bool rx, const uint8_t *secret,
                const struct guarded *g)
{
    const uint8_t *iv = g->keys.iv;

    if (final)
        return rx ? ngtcp2_conn_install_rx_key(ng, secret, KEYS_SECRET, &g->cipher, iv, KEYS_NONCE,
                                               &g->mask)
                  : ngtcp2_conn_install_tx_key(ng, secret, KEYS_SECRET, &g->cipher, iv, KEYS_NONCE,
                                               &g->mask);
    return rx ? ngtcp2_conn_install_rx_handshake_key(ng, &g->cipher, iv, KEYS_NONCE, &g->mask)
              : ngtcp2_conn_install_tx_handshake_key(ng, &g->cipher, iv, KEYS_NONCE, &g->mask);
}

/* final: of 1-RTT packets, else of the handshake's. */
static int install(struct quic_conn *c, bool final, bool rx, const uint8_t *secret)
{
    const ngtcp2_crypto_aead *aead = &ngtcp2_conn_get_crypto_ctx(c->ng)->aead;
    struct aes128_ctx *mask = rx ? &c->rx_mask : &c->tx_mask;
    struct guarded g;
    int rv;

    keys_derive(secret, &g.keys);
    if (make(c, rx, aead, final ? mask : NULL, &g) != 0)
        return -1;
    rv = give(c->ng, final, rx, secret, &g);
    if (rv != 0)
        unmake(c, &g);
    gnutls_memset(&g, 0, sizeof(g));
    return rv;
}

static bool know_cipher(struct quic_conn *c)
{
    ngtcp2_crypto_ctx ctx;

    if (ngtcp2_conn_get_crypto_ctx(c->ng)->aead.native_handle != NULL)
        return true;
    if (ngtcp2_crypto_ctx_tls(&ctx, c->session) == NULL)
        return false;
    ngtcp2_conn_set_crypto_ctx(c->ng, &ctx);
    return true;
}

int keys_secret(gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx,
                const void *tx, size_t n)
{
    struct quic_conn *c = quic_tls_conn(session);
    ngtcp2_encryption_level l = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level);
    bool final = l == NGTCP2_ENCRYPTION_LEVEL_1RTT;

    c->keys_ours = gnutls_cipher_get(session) == GNUTLS_CIPHER_AES_128_GCM && n == KEYS_SECRET &&
                   ngtcp2_conn_get_negotiated_version(c->ng) == NGTCP2_PROTO_VER_V1;
    if (c->keys_ours && (final || l == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE))
        return know_cipher(c) && (rx == NULL || install(c, final, true, rx) == 0) &&
                       (tx == NULL || install(c, final, false, tx) == 0)
                   ? 0
                   : -1;
    if (rx != NULL &&
        ngtcp2_crypto_derive_and_install_rx_key(c->ng, NULL, NULL, NULL, l, rx, n) != 0)
        return -1;
    return tx == NULL ? 0
                      : ngtcp2_crypto_derive_and_install_tx_key(c->ng, NULL, NULL, NULL, l, tx, n);
}

/* All connections share the cipher that shows whether a Retry is one (RFC 9001, 5.8): its key is in
 * the RFC. */
static int share_retry(struct quic_endpoint *e, const ngtcp2_crypto_aead *aead)
{
    static const uint8_t key[] = {0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a,
                                  0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e};

    return e->retry.native_handle != NULL
               ? 0
               : ngtcp2_crypto_aead_ctx_encrypt_init(&e->retry, aead, key, KEYS_NONCE);
}

/* The keys of first packets, and the first of them. */
int keys_client_initial(ngtcp2_conn *ng, void *user)
{
    const ngtcp2_crypto_ctx ctx = {
        .aead = {.native_handle = (void *)GNUTLS_CIPHER_AES_128_GCM, .max_overhead = 16},
        .md = {.native_handle = (void *)GNUTLS_DIG_SHA256},
        .hp = {.native_handle = (void *)GNUTLS_CIPHER_AES_128_CBC}};
    const ngtcp2_cid *id = ngtcp2_conn_get_dcid(ng);
    struct quic_conn *c = user;
    struct guarded rx, tx;

    quic_initial_derive(id->data, id->datalen, &tx.keys, &rx.keys);
    if (share_retry(c->endpoint, &ctx.aead) != 0 || make(c, true, &ctx.aead, NULL, &rx) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (make(c, false, &ctx.aead, NULL, &tx) != 0) {
        unmake(c, &rx);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    ngtcp2_conn_set_initial_crypto_ctx(ng, &ctx);
    if (ngtcp2_conn_install_initial_key(ng, &rx.cipher, rx.keys.iv, &rx.mask, &tx.cipher,
                                        tx.keys.iv, &tx.mask, KEYS_NONCE) != 0) {
        unmake(c, &rx);
        unmake(c, &tx);
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    ngtcp2_conn_set_retry_aead(ng, &ctx.aead, &c->endpoint->retry);
    return ngtcp2_crypto_read_write_crypto_data(ng, NGTCP2_ENCRYPTION_LEVEL_INITIAL, NULL, 0) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}
