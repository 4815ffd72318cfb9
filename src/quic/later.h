/* The key that follows a connection's own one, kept as a key until it is used.
 *
 * ngtcp2 makes the next keys in advance.  For reading it has to: whether a packet meets a new key
 * must not be seen in how long it takes (RFC 9001, 6.3).  For writing nobody can see it, and few
 * connections ever change their keys.  So the cipher for it, 750 bytes, is made from the key by the
 * first packet. */
#ifndef QHCP_QUIC_LATER_H
#define QHCP_QUIC_LATER_H

#include <ngtcp2/ngtcp2.h>
#include <stdint.h>

#define LATER_MARK ((uintptr_t)1) /* in a context's handle: it is such a key */

/* ngtcp2's update_key and delete_crypto_aead_ctx: as those of ngtcp2_crypto, and for all
 * connections. */
int later_update(ngtcp2_conn *ng, uint8_t *rx_secret, uint8_t *tx_secret,
                 ngtcp2_crypto_aead_ctx *rx_ctx, uint8_t *rx_iv, ngtcp2_crypto_aead_ctx *tx_ctx,
                 uint8_t *tx_iv, const uint8_t *rx_now, const uint8_t *tx_now, size_t secret_n,
                 void *user);
void later_free(ngtcp2_conn *ng, ngtcp2_crypto_aead_ctx *ctx, void *user);

/* The context to encrypt with; NULL: there is no memory for it. */
const ngtcp2_crypto_aead_ctx *later_make(const ngtcp2_crypto_aead *aead,
                                         const ngtcp2_crypto_aead_ctx *ctx);
static inline const ngtcp2_crypto_aead_ctx *later_use(const ngtcp2_crypto_aead *aead,
                                                      const ngtcp2_crypto_aead_ctx *ctx)
{
    return ((uintptr_t)ctx->native_handle & LATER_MARK) ? later_make(aead, ctx) : ctx;
}

#endif
