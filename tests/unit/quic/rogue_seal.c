/* Packet protection of the rogue peer (RFC 9001, 5), for AES-128-GCM alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <gnutls/crypto.h>

#include "rogue.h"

#define TAG 16

static void expand(const uint8_t secret[32], const char *label, uint8_t *ret, size_t n)
{
    uint8_t info[64] = {(uint8_t)(n >> 8), (uint8_t)n, (uint8_t)(6 + strlen(label))};
    int size = snprintf((char *)info + 3, sizeof(info) - 3, "tls13 %s", label);
    gnutls_datum_t key = {.data = (unsigned char *)(uintptr_t)secret, .size = 32};
    gnutls_datum_t context = {.data = info, .size = (unsigned)size + 4}; /* and a 0: no context */

    assert_int_equal(gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &key, &context, ret, n), 0);
}

void rogue_traffic_keys(const uint8_t secret[32], struct rogue_keys *ret)
{
    expand(secret, "quic key", ret->key, sizeof(ret->key));
    expand(secret, "quic iv", ret->iv, sizeof(ret->iv));
    expand(secret, "quic hp", ret->hp, sizeof(ret->hp));
    ret->known = true;
}

void rogue_initial_keys(const uint8_t *dcid, size_t n, struct rogue_keys *ret_client,
                        struct rogue_keys *ret_server)
{
    static uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                             0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    gnutls_datum_t id = {.data = (unsigned char *)(uintptr_t)dcid, .size = (unsigned)n};
    gnutls_datum_t salt_datum = {.data = salt, .size = sizeof(salt)};
    uint8_t initial[32], secret[32];

    assert_int_equal(gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &id, &salt_datum, initial), 0);
    expand(initial, "client in", secret, sizeof(secret));
    rogue_traffic_keys(secret, ret_client);
    expand(initial, "server in", secret, sizeof(secret));
    rogue_traffic_keys(secret, ret_server);
}

/* AES-ECB of one block is AES-CBC with an empty vector. */
static void mask_of(const struct rogue_keys *keys, const uint8_t *sample, uint8_t ret[16])
{
    uint8_t zero[16] = {0};
    gnutls_datum_t key = {.data = (unsigned char *)(uintptr_t)keys->hp, .size = 16};
    gnutls_datum_t iv = {.data = zero, .size = sizeof(zero)};
    gnutls_cipher_hd_t cipher;

    assert_int_equal(gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_128_CBC, &key, &iv), 0);
    assert_int_equal(gnutls_cipher_encrypt2(cipher, sample, 16, ret, 16), 0);
    gnutls_cipher_deinit(cipher);
}

static gnutls_aead_cipher_hd_t aead_of(const struct rogue_keys *keys)
{
    gnutls_datum_t key = {.data = (unsigned char *)(uintptr_t)keys->key, .size = 16};
    gnutls_aead_cipher_hd_t aead;

    assert_int_equal(gnutls_aead_cipher_init(&aead, GNUTLS_CIPHER_AES_128_GCM, &key), 0);
    return aead;
}

static void nonce_of(const struct rogue_keys *keys, uint64_t number, uint8_t ret[12])
{
    memcpy(ret, keys->iv, 12);
    for (unsigned i = 0; i < 8; i++)
        ret[11 - i] ^= (uint8_t)(number >> (8 * i));
}

static uint8_t masked_bits(uint8_t first)
{
    return (first & 0x80) ? 0x0f : 0x1f;
}

void rogue_seal(const struct rogue_keys *keys, uint64_t number, uint8_t *packet, size_t head,
                size_t n)
{
    gnutls_aead_cipher_hd_t aead = aead_of(keys);
    size_t size = n + TAG;
    uint8_t nonce[12], mask[16], plain[ROGUE_PACKET];

    memcpy(plain, packet + head, n);
    nonce_of(keys, number, nonce);
    assert_int_equal(gnutls_aead_cipher_encrypt(aead, nonce, sizeof(nonce), packet, head, TAG,
                                                plain, n, packet + head, &size),
                     0);
    gnutls_aead_cipher_deinit(aead);
    mask_of(keys, packet + head, mask);
    packet[0] ^= mask[0] & masked_bits(packet[0]);
    for (unsigned i = 0; i < 4; i++)
        packet[head - 4 + i] ^= mask[1 + i];
}

/* The number nearest to the one expected (RFC 9000, A.3). */
static uint64_t whole_number(uint64_t expected, uint64_t cut, size_t size)
{
    uint64_t window = UINT64_C(1) << (8 * size), near = (expected & ~(window - 1)) | cut;

    if (near + window / 2 <= expected)
        return near + window;
    return near > expected + window / 2 && near >= window ? near - window : near;
}

struct slice rogue_open(const struct rogue_keys *keys, uint64_t expected, uint8_t *packet,
                        size_t number_at, size_t n, uint64_t *ret_number)
{
    uint8_t nonce[12], mask[16], cipher[ROGUE_PACKET];
    size_t size, plain = sizeof(cipher);
    gnutls_aead_cipher_hd_t aead;
    uint64_t cut = 0;
    int rv;

    if (n < number_at + 20 || n > sizeof(cipher))
        return (struct slice){0};
    mask_of(keys, packet + number_at + 4, mask);
    packet[0] ^= mask[0] & masked_bits(packet[0]);
    size = (packet[0] & 3u) + 1;
    for (size_t i = 0; i < size; i++)
        cut = cut << 8 | (packet[number_at + i] ^= mask[1 + i]);
    *ret_number = whole_number(expected, cut, size);
    nonce_of(keys, *ret_number, nonce);
    memcpy(cipher, packet, n);
    aead = aead_of(keys);
    rv = gnutls_aead_cipher_decrypt(aead, nonce, sizeof(nonce), packet, number_at + size, TAG,
                                    cipher + number_at + size, n - number_at - size,
                                    packet + number_at + size, &plain);
    gnutls_aead_cipher_deinit(aead);
    return rv == 0 ? slice_of(packet + number_at + size, plain) : (struct slice){0};
}
