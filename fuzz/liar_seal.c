/* RFC 9001, 5.3 and 5.4, on the libraries' ciphers. */
#include "liar.h"

#include <string.h>

#include "quic/keys.h"

#define NUMBER 4 /* bytes of a packet number, always */
#define TAG 16
#define INITIAL_MIN 1200

static size_t put_header(const struct liar_packet *packet, uint32_t number, size_t payload,
                         uint8_t *ret)
{
    static const uint8_t types[] = {[LIAR_INITIAL] = 0, [LIAR_HANDSHAKE] = 2};
    size_t length = NUMBER + payload + TAG;
    uint8_t *p = ret;

    if (packet->level == LIAR_SHORT) {
        *p++ = (uint8_t)((0x40 | (liar.phase ? 4 : 0) | (NUMBER - 1)) ^ packet->bits);
        memcpy(p, packet->dcid, packet->dcid_size);
        p += packet->dcid_size;
    } else {
        *p++ = (uint8_t)((0xc0 | (packet->early ? 1 : types[packet->level]) << 4 | (NUMBER - 1)) ^
                         packet->bits);
        memcpy(p, "\0\0\0\1", 4);
        p += 4;
        *p++ = (uint8_t)packet->dcid_size;
        memcpy(p, packet->dcid, packet->dcid_size);
        p += packet->dcid_size;
        *p++ = (uint8_t)packet->scid_size;
        memcpy(p, packet->scid, packet->scid_size);
        p += packet->scid_size;
        if (packet->level == LIAR_INITIAL && !packet->early)
            *p++ = 0; /* no token */
        *p++ = (uint8_t)(0x40 | length >> 8);
        *p++ = (uint8_t)length;
    }
    for (unsigned i = 0; i < NUMBER; i++)
        *p++ = (uint8_t)(number >> 8 * (NUMBER - 1 - i));
    return (size_t)(p - ret);
}

static bool protect(const struct liar_keys *k, uint8_t *packet, size_t header)
{
    uint8_t mask[16];

    if (keys_mask(mask, &k->hp, &k->hp_ctx, packet + header) != 0)
        return false;
    packet[0] ^= mask[0] & (packet[0] & 0x80 ? 0x0f : 0x1f);
    for (unsigned i = 0; i < NUMBER; i++)
        packet[header - NUMBER + i] ^= mask[1 + i];
    return true;
}

size_t liar_seal(const struct liar_packet *packet, uint8_t *ret, size_t cap)
{
    struct liar_keys *k = &liar.keys[packet->level];
    uint32_t number = k->next - packet->back;
    uint8_t frames[1400] = {0}, nonce[16];
    size_t n = packet->n, header;

    if (packet->level == LIAR_INITIAL && n < INITIAL_MIN)
        n = INITIAL_MIN;
    if (!k->known || n > sizeof(frames) || n + 100 > cap)
        return 0;
    memcpy(frames, packet->frames, packet->n);
    if (n == 0)
        n = 1;
    header = put_header(packet, number, n, ret);
    memcpy(nonce, k->iv, sizeof(nonce));
    for (unsigned i = 0; i < NUMBER; i++)
        nonce[k->iv_size - 1 - i] ^= (uint8_t)(number >> 8 * i);
    if (ngtcp2_crypto_encrypt(ret + header, &k->aead, &k->ctx, frames, n, nonce, k->iv_size, ret,
                              header) != 0 ||
        !protect(k, ret, header))
        return 0;
    if (packet->back == 0)
        k->next++;
    return header + n + TAG;
}

void liar_update_keys(void)
{
    struct liar_keys *k = &liar.keys[LIAR_SHORT];
    ngtcp2_crypto_aead_ctx rx, tx;
    uint8_t secrets[2][64], keys[2][64], rx_iv[64], tx_iv[64];

    if (!k->known || liar.conn == NULL ||
        ngtcp2_crypto_update_key(liar.conn, secrets[1], secrets[0], &rx, keys[1], rx_iv, &tx,
                                 keys[0], tx_iv, liar.secrets[1], liar.secrets[0],
                                 liar.secret_size) != 0)
        return;
    memcpy(liar.secrets, secrets, sizeof(secrets));
    ngtcp2_crypto_delete_crypto_aead_ctx_cb(liar.conn, &rx, NULL);
    ngtcp2_crypto_delete_crypto_aead_ctx_cb(liar.conn, &tx, NULL); /* kept until liar_end */
    k->ctx = tx;
    memcpy(k->iv, tx_iv, k->iv_size);
    liar.phase = !liar.phase;
}
