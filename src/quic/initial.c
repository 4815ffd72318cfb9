/* Is a datagram really the Initial that it looks like? Its keys follow from its connection ID (RFC
 * 9001, 5.2), so anyone can make one, but garbage is not one: this is found here in some 3 us,
 * before a connection is set up for it, which costs ten times as much. */
#include <gnutls/crypto.h>
#include <string.h>

#include "quic/internal.h"

#define NONCE QUIC_INITIAL_NONCE
#define SAMPLE                                                                                     \
    QUIC_INITIAL_SAMPLE /* it begins 4 bytes after the packet number does (RFC 9001, 5.4.2) */
#define PLAIN_MAX 1500

static gnutls_datum_t datum(const uint8_t *p, size_t n)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)p, .size = (unsigned)n};
}

void quic_initial_derive(const uint8_t *dcid, size_t n, struct keys *ret_client,
                         struct keys *ret_server)
{
    static const uint8_t salt_v1[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                      0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    uint8_t initial[KEYS_SECRET], side[KEYS_SECRET];

    keys_extract(salt_v1, sizeof(salt_v1), dcid, n, initial);
    keys_expand(initial, "tls13 client in", side, sizeof(side));
    keys_derive(side, ret_client);
    if (ret_server == NULL)
        return;
    keys_expand(initial, "tls13 server in", side, sizeof(side));
    keys_derive(side, ret_server);
}

void quic_initial_mask(const struct keys *keys, const uint8_t *sample, uint8_t ret[SAMPLE])
{
    struct aes128_ctx mask;

    aes128_set_encrypt_key(&mask, keys->hp);
    aes128_encrypt(&mask, SAMPLE, ret, sample);
}

static int open_aead(const struct keys *keys, const uint8_t *nonce, struct slice head,
                     struct slice body)
{
    gnutls_datum_t key = datum(keys->key, KEYS_KEY);
    gnutls_aead_cipher_hd_t cipher;
    uint8_t plain[PLAIN_MAX];
    size_t size = sizeof(plain);
    int rv;

    if (gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_GCM, &key) != 0)
        return -1;
    rv = gnutls_aead_cipher_decrypt(cipher, nonce, NONCE, head.p, head.n, 16, body.p, body.n, plain,
                                    &size);
    gnutls_aead_cipher_deinit(cipher);
    return rv;
}

bool quic_initial_opens(const uint8_t *p, size_t n)
{
    uint8_t mask[SAMPLE], head[PLAIN_MAX], nonce[NONCE];
    ngtcp2_ssize at;
    ngtcp2_pkt_hd hd;
    struct keys keys;
    size_t n_number;

    at = ngtcp2_pkt_decode_hd_long(&hd, p, n);
    if (at <= 0 || hd.type != NGTCP2_PKT_INITIAL || hd.len < 4 + SAMPLE ||
        hd.len > n - (size_t)at || n > PLAIN_MAX)
        return false;
    quic_initial_derive(hd.dcid.data, hd.dcid.datalen, &keys, NULL);
    quic_initial_mask(&keys, p + at + 4, mask);
    memcpy(head, p, (size_t)at + 4);
    head[0] ^= mask[0] & 0x0f;
    n_number = (head[0] & 3) + 1u;
    memcpy(nonce, keys.iv, NONCE);
    for (size_t i = 0; i < n_number; i++) {
        head[(size_t)at + i] ^= mask[1 + i];
        nonce[NONCE - n_number + i] ^= head[(size_t)at + i];
    }
    return open_aead(&keys, nonce, slice_of(head, (size_t)at + n_number),
                     slice_of(p + at + n_number, hd.len - n_number)) == 0;
}
