#include "quic/later.h"

#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

#define KEY_MAX 32

struct later {
    ngtcp2_crypto_aead_ctx made; /* no handle: not yet */
    uint8_t key[KEY_MAX];
};

static struct later *later_of(const ngtcp2_crypto_aead_ctx *ctx)
{
    uintptr_t handle = (uintptr_t)ctx->native_handle;

    return (handle & LATER_MARK) ? (struct later *)(handle - LATER_MARK) : NULL;
}

/* RFC 9001, 6.1. */
static void next_keys(const uint8_t *now, uint8_t *ret_secret, uint8_t *ret_iv, uint8_t *ret_key)
{
    struct keys keys;

    keys_expand(now, "tls13 quic ku", ret_secret, KEYS_SECRET);
    keys_derive(ret_secret, &keys);
    memcpy(ret_iv, keys.iv, sizeof(keys.iv));
    memcpy(ret_key, keys.key, sizeof(keys.key));
    gnutls_memset(&keys, 0, sizeof(keys));
}

int later_update(ngtcp2_conn *ng, uint8_t *rx_secret, uint8_t *tx_secret,
                 ngtcp2_crypto_aead_ctx *rx_ctx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_ctx,
                 uint8_t *tx_iv, const uint8_t *rx_now, const uint8_t *tx_now, size_t secret_n,
                 void *user)
{
    const struct quic_conn *c = user;
    struct later *l = calloc(1, sizeof(*l));
    uint8_t rx_key[2 * KEY_MAX] = {0}, tx_key[2 * KEY_MAX] = {0};
    int rv;

    if (l == NULL)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (c->keys_ours) {
        next_keys(rx_now, rx_secret, rx_iv, rx_key);
        next_keys(tx_now, tx_secret, tx_iv, tx_key);
        rv = ngtcp2_crypto_aead_ctx_decrypt_init(rx_ctx, &ngtcp2_conn_get_crypto_ctx(ng)->aead,
                                                 rx_key, KEYS_NONCE);
    } else {
        rv = ngtcp2_crypto_update_key(ng, rx_secret, tx_secret, rx_ctx, rx_key, rx_iv, tx_ctx,
                                      tx_key, tx_iv, rx_now, tx_now, secret_n);
        if (rv == 0)
            ngtcp2_crypto_aead_ctx_free(tx_ctx);
    }
    if (rv == 0) {
        memcpy(l->key, tx_key, KEY_MAX);
        tx_ctx->native_handle = (void *)((uintptr_t)l | LATER_MARK);
    } else {
        free(l);
    }
    gnutls_memset(rx_key, 0, sizeof(rx_key));
    gnutls_memset(tx_key, 0, sizeof(tx_key));
    return rv == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

const ngtcp2_crypto_aead_ctx *later_make(const ngtcp2_crypto_aead *aead,
                                         const ngtcp2_crypto_aead_ctx *ctx)
{
    struct later *l = later_of(ctx);

    if (l->made.native_handle != NULL)
        return &l->made;
    if (ngtcp2_crypto_aead_ctx_encrypt_init(&l->made, aead, l->key,
                                            ngtcp2_crypto_aead_noncelen(aead)) != 0)
        return NULL;
    gnutls_memset(l->key, 0, sizeof(l->key));
    return &l->made;
}

void later_free(ngtcp2_conn *ng, ngtcp2_crypto_aead_ctx *ctx, void *user)
{
    struct later *l = later_of(ctx);

    if (ctx->native_handle == ((const struct quic_conn *)user)->endpoint->retry.native_handle)
        return; /* all connections share it (keys.c) */
    if (l == NULL) {
        ngtcp2_crypto_delete_crypto_aead_ctx_cb(ng, ctx, user);
        return;
    }
    ngtcp2_crypto_aead_ctx_free(&l->made);
    gnutls_memset(l, 0, sizeof(*l));
    free(l);
}
