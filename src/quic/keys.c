#include "quic/keys.h"

#include <gnutls/crypto.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <string.h>

#include "quic/internal.h"

#define MARK ((uintptr_t)1) /* in a context's handle: it is a struct aes128_ctx */

int keys_expand(const uint8_t secret[KEYS_SECRET], const char *label, uint8_t *ret, size_t n)
{
    gnutls_datum_t key = {.data = (unsigned char *)(uintptr_t)secret, .size = KEYS_SECRET}, info;
    size_t size = strlen(label);
    uint8_t bytes[32] = {0, (uint8_t)n, (uint8_t)size};

    memcpy(bytes + 3, label, size);
    info = (gnutls_datum_t){.data = bytes, .size = (unsigned)(3 + size + 1)};
    return gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &info, ret, n) == 0 ? 0 : -1;
}

int keys_derive(const uint8_t secret[KEYS_SECRET], struct keys *ret)
{
    return keys_expand(secret, "tls13 quic key", ret->key, sizeof(ret->key)) != 0 ||
                   keys_expand(secret, "tls13 quic iv", ret->iv, sizeof(ret->iv)) != 0 ||
                   keys_expand(secret, "tls13 quic hp", ret->hp, sizeof(ret->hp)) != 0
               ? -1
               : 0;
}

static struct aes128_ctx *ours(const ngtcp2_crypto_cipher_ctx *ctx)
{
    uintptr_t handle = (uintptr_t)ctx->native_handle;

    return (handle & MARK) ? (struct aes128_ctx *)(handle - MARK) : NULL;
}

static int install(struct quic_conn *c, bool rx, const uint8_t *secret, size_t n)
{
    const ngtcp2_crypto_aead *aead = &ngtcp2_conn_get_crypto_ctx(c->ng)->aead;
    struct aes128_ctx *mask = rx ? &c->rx_mask : &c->tx_mask;
    ngtcp2_crypto_cipher_ctx hp = {.native_handle = (void *)((uintptr_t)mask | MARK)};
    ngtcp2_crypto_aead_ctx cipher = {0};
    struct keys keys;
    int rv;

    if (keys_derive(secret, &keys) != 0)
        return -1;
    rv = rx ? ngtcp2_crypto_aead_ctx_decrypt_init(&cipher, aead, keys.key, sizeof(keys.iv))
            : ngtcp2_crypto_aead_ctx_encrypt_init(&cipher, aead, keys.key, sizeof(keys.iv));
    aes128_set_encrypt_key(mask, keys.hp);
    if (rv == 0) {
        rv = rx ? ngtcp2_conn_install_rx_key(c->ng, secret, n, &cipher, keys.iv, sizeof(keys.iv),
                                             &hp)
                : ngtcp2_conn_install_tx_key(c->ng, secret, n, &cipher, keys.iv, sizeof(keys.iv),
                                             &hp);
        if (rv != 0)
            ngtcp2_crypto_aead_ctx_free(&cipher);
    }
    gnutls_memset(&keys, 0, sizeof(keys));
    return rv;
}

int keys_secret(gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx,
                const void *tx, size_t n)
{
    struct quic_conn *c = quic_tls_conn(session);
    ngtcp2_encryption_level l = ngtcp2_crypto_gnutls_from_gnutls_record_encryption_level(level);

    if (l == NGTCP2_ENCRYPTION_LEVEL_1RTT && n == KEYS_SECRET &&
        gnutls_cipher_get(session) == GNUTLS_CIPHER_AES_128_GCM &&
        ngtcp2_conn_get_negotiated_version(c->ng) == NGTCP2_PROTO_VER_V1)
        return (rx == NULL || install(c, true, rx, n) == 0) &&
                       (tx == NULL || install(c, false, tx, n) == 0)
                   ? 0
                   : -1;
    if (rx != NULL &&
        ngtcp2_crypto_derive_and_install_rx_key(c->ng, NULL, NULL, NULL, l, rx, n) != 0)
        return -1;
    return tx == NULL ? 0
                      : ngtcp2_crypto_derive_and_install_tx_key(c->ng, NULL, NULL, NULL, l, tx, n);
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

    if (mask == NULL)
        ngtcp2_crypto_delete_crypto_cipher_ctx_cb(ng, ctx, user);
    else
        gnutls_memset(mask, 0, sizeof(*mask));
}
