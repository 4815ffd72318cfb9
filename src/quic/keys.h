/* The keys of AES-128-GCM that follow from a secret, and the masks of packet headers (RFC 9001, 5).
 *
 * ngtcp2_crypto_gnutls can do all of this.  But it makes a mask, which is one block of AES, with
 * two ciphers of GnuTLS's for CBC, 780 bytes for each direction of a connection, and 400
 * instructions a packet; it keeps a cipher for Retry in each connection, 760 bytes; and it derives
 * with GnuTLS's HKDF, whose every call zeroes 4 kB, some 30 times a handshake.  With AES-128-GCM,
 * which our peers choose, all that is done here with nettle, the library below GnuTLS.  Other
 * ciphers are ngtcp2_crypto_gnutls's. */
#ifndef QHCP_QUIC_KEYS_H
#define QHCP_QUIC_KEYS_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_KEY 16
#define KEYS_NONCE 12
#define KEYS_SECRET 32

/* Of one direction. */
struct keys {
    uint8_t key[KEYS_KEY], iv[KEYS_NONCE], hp[KEYS_KEY];
};

/* HKDF by SHA-256 (RFC 5869); expand: HKDF-Expand-Label without a context (RFC 8446, 7.1), n at
 * most KEYS_SECRET. */
void keys_extract(const uint8_t *salt, size_t salt_n, const uint8_t *p, size_t n,
                  uint8_t ret[KEYS_SECRET]);
void keys_expand(const uint8_t secret[KEYS_SECRET], const char *label, uint8_t *ret, size_t n);
/* RFC 9001, 5.1. */
void keys_derive(const uint8_t secret[KEYS_SECRET], struct keys *ret);

/* GnuTLS's handshake secret function, after ngtcp2_crypto_gnutls_configure_*_session. */
int keys_secret(gnutls_session_t session, gnutls_record_encryption_level_t level, const void *rx,
                const void *tx, size_t n);

/* ngtcp2's client_initial, hp_mask and delete_crypto_cipher_ctx. */
int keys_client_initial(ngtcp2_conn *ng, void *user);
int keys_mask(uint8_t *dest, const ngtcp2_crypto_cipher *hp, const ngtcp2_crypto_cipher_ctx *ctx,
              const uint8_t *sample);
void keys_free(ngtcp2_conn *ng, ngtcp2_crypto_cipher_ctx *ctx, void *user);

#endif
