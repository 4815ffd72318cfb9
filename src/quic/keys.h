/* The keys of 1-RTT packets, and the masks of their headers (RFC 9001, 5.1 and 5.4.3).
 *
 * ngtcp2_crypto_gnutls makes a mask with two ciphers of GnuTLS's, for CBC with a vector of zeros:
 * 780 bytes for each direction of a connection, and 400 instructions a packet.  It is one block of
 * AES.  With AES-128-GCM, which our peers choose, that is done here with nettle, and the expanded
 * key lies in struct quic_conn.  Other ciphers, and the packets of handshakes, are
 * ngtcp2_crypto_gnutls's. */
#ifndef QHCP_QUIC_KEYS_H
#define QHCP_QUIC_KEYS_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_KEY 16
#define KEYS_NONCE 12
#define KEYS_SECRET 32

/* Of AES-128-GCM, in one direction. */
struct keys {
    uint8_t key[KEYS_KEY], iv[KEYS_NONCE], hp[KEYS_KEY];
};

/* HKDF-Expand-Label without a context (RFC 8446, 7.1), by SHA-256.  0 or -1. */
int keys_expand(const uint8_t secret[KEYS_SECRET], const char *label, uint8_t *ret, size_t n);
/* What follows from a secret.  0 or -1. */
int keys_derive(const uint8_t secret[KEYS_SECRET], struct keys *ret);

/* GnuTLS's handshake secret function, after ngtcp2_crypto_gnutls_configure_*_session. */
int keys_secret(gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx,
                const void *tx, size_t n);

/* ngtcp2's hp_mask and delete_crypto_cipher_ctx. */
int keys_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
              const uint8_t *sample);
void keys_free(ngtcp2_conn *ng, ngtcp2_crypto_cipher_ctx *ctx, void *user);

#endif
