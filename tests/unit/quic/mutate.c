#include "mutate.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "quic/internal.h"

static struct mutation current;

void mutate_set(const struct mutation *m)
{
    current = *m;
}

unsigned mutate_left(void)
{
    return current.times;
}

static uint64_t next_random(void)
{
    current.random = current.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return current.random >> 33;
}

/* A short header is 1 + the peer's connection ID + 1 to 4: the sender is known by its length. */
static bool is_due(const uint8_t *header, size_t size)
{
    bool to_client = size <= 1 + QUIC_CLIENT_CID + 4;

    return current.times > 0 && !(header[0] & 0x80) && to_client == current.server;
}

static void change(uint8_t *frames, size_t size)
{
    current.times--;
    if (current.bytes != NULL) {
        memset(frames, 0, size);
        memcpy(frames, current.bytes, size < current.size ? size : current.size);
        return;
    }
    for (unsigned i = 0; i < 3 && size > 0; i++)
        frames[next_random() % (size < 32 ? size : 32)] ^= (uint8_t)next_random();
}

int ngtcp2_crypto_encrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                             const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *plaintext,
                             size_t size, const uint8_t *nonce, size_t nonce_size,
                             const uint8_t *header, size_t header_size)
{
    uint8_t frames[2048];

    if (size > sizeof(frames))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    memcpy(frames, plaintext, size);
    if (is_due(header, header_size))
        change(frames, size);
    return ngtcp2_crypto_encrypt(dest, aead, ctx, frames, size, nonce, nonce_size, header,
                                 header_size) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}
