#include "liar.h"

#include <dlfcn.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX 2048

struct grave {
    bool is_aead;
    ngtcp2_crypto_aead_ctx aead;
    ngtcp2_crypto_cipher_ctx cipher;
};

struct liar liar;
static uint64_t randomness;
static struct grave *graves;
static size_t n_graves, graves_cap;

/* The key schedules of both sides, certificates, connection IDs: the same for the same input. */
STANDS_IN int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t len)
{
    uint8_t *p = data;

    (void)level;
    for (size_t i = 0; i < len; i++) {
        randomness = randomness * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p[i] = (uint8_t)(randomness >> 56);
    }
    return 0;
}

void *liar_real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL)
        abort();
    return found;
}

void liar_begin(bool server)
{
    memset(&liar, 0, sizeof(liar));
    liar.server = server;
    randomness = 1;
    for (unsigned i = 0; i < LIAR_LEVELS; i++)
        liar.keys[i].next = LIAR_FIRST_NUMBER;
}

void liar_end(void)
{
    for (size_t i = 0; i < n_graves; i++)
        if (graves[i].is_aead)
            ngtcp2_crypto_aead_ctx_free(&graves[i].aead);
        else
            REAL(ngtcp2_crypto_delete_crypto_cipher_ctx_cb)(NULL, &graves[i].cipher, NULL);
    n_graves = 0;
}

void liar_acts(bool acting)
{
    liar.acting = acting;
}

STANDS_IN void ngtcp2_conn_del(ngtcp2_conn *conn)
{
    REAL(ngtcp2_conn_del)(conn);
    if (conn == liar.conn)
        liar.conn = NULL;
}

void liar_add_rule(struct liar_rules *rules, uint8_t which, uint8_t how, const uint8_t *p, size_t n)
{
    if (rules->count < LIAR_RULES)
        rules->rules[rules->count++] =
            (struct liar_rule){.which = which, .how = how, .p = p, .n = n};
}

/* Its keys stay usable until liar_end. */
static void bury(const struct grave *grave)
{
    if (n_graves == graves_cap) {
        graves_cap = graves_cap ? 2 * graves_cap : 64;
        graves = realloc(graves, graves_cap * sizeof(*graves));
        if (graves == NULL)
            abort();
    }
    graves[n_graves++] = *grave;
}

STANDS_IN void ngtcp2_crypto_delete_crypto_aead_ctx_cb(ngtcp2_conn *conn,
                                                       ngtcp2_crypto_aead_ctx *ctx, void *user)
{
    (void)user;
    if (!liar_is(conn)) {
        ngtcp2_crypto_aead_ctx_free(ctx);
        return;
    }
    for (unsigned i = 0; i < LIAR_LEVELS; i++)
        if (liar.keys[i].ctx.native_handle == ctx->native_handle)
            liar.keys[i].current = false;
    bury(&(struct grave){.is_aead = true, .aead = *ctx});
}

STANDS_IN void ngtcp2_crypto_delete_crypto_cipher_ctx_cb(ngtcp2_conn *conn,
                                                         ngtcp2_crypto_cipher_ctx *ctx, void *user)
{
    (void)user;
    if (liar_is(conn))
        bury(&(struct grave){.cipher = *ctx});
    else
        REAL(ngtcp2_crypto_delete_crypto_cipher_ctx_cb)(conn, ctx, user);
}

static void take_keys(unsigned level, const ngtcp2_crypto_ctx *suite,
                      const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *iv, size_t iv_size,
                      const ngtcp2_crypto_cipher_ctx *hp_ctx)
{
    struct liar_keys *k = &liar.keys[level];

    k->known = k->current = true;
    k->aead = suite->aead;
    k->hp = suite->hp;
    k->ctx = *ctx;
    k->hp_ctx = *hp_ctx;
    k->iv_size = iv_size < sizeof(k->iv) ? iv_size : sizeof(k->iv);
    memcpy(k->iv, iv, k->iv_size);
}

STANDS_IN int ngtcp2_conn_install_initial_key(ngtcp2_conn *conn, const ngtcp2_crypto_aead_ctx *rx,
                                              const uint8_t *rx_iv,
                                              const ngtcp2_crypto_cipher_ctx *rx_hp,
                                              const ngtcp2_crypto_aead_ctx *tx,
                                              const uint8_t *tx_iv,
                                              const ngtcp2_crypto_cipher_ctx *tx_hp, size_t iv_size)
{
    if (liar_is(conn)) {
        if (liar.conn != conn) {
            memset(liar.crypto_sent, 0, sizeof(liar.crypto_sent));
            liar.messages = 0;
            liar.phase = false;
        }
        liar.conn = conn;
        take_keys(LIAR_INITIAL, ngtcp2_conn_get_initial_crypto_ctx(conn), tx, tx_iv, iv_size,
                  tx_hp);
    }
    return REAL(ngtcp2_conn_install_initial_key)(conn, rx, rx_iv, rx_hp, tx, tx_iv, tx_hp, iv_size);
}

STANDS_IN int ngtcp2_conn_install_tx_handshake_key(ngtcp2_conn *conn,
                                                   const ngtcp2_crypto_aead_ctx *ctx,
                                                   const uint8_t *iv, size_t iv_size,
                                                   const ngtcp2_crypto_cipher_ctx *hp_ctx)
{
    if (conn == liar.conn)
        take_keys(LIAR_HANDSHAKE, ngtcp2_conn_get_crypto_ctx(conn), ctx, iv, iv_size, hp_ctx);
    return REAL(ngtcp2_conn_install_tx_handshake_key)(conn, ctx, iv, iv_size, hp_ctx);
}

static void take_secret(unsigned whose, const uint8_t *secret, size_t n)
{
    if (n > sizeof(liar.secrets[0]))
        abort();
    memcpy(liar.secrets[whose], secret, n);
    liar.secret_size = n;
}

STANDS_IN int ngtcp2_conn_install_tx_key(ngtcp2_conn *conn, const uint8_t *secret, size_t n,
                                         const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *iv,
                                         size_t iv_size, const ngtcp2_crypto_cipher_ctx *hp_ctx)
{
    if (conn == liar.conn) {
        take_keys(LIAR_SHORT, ngtcp2_conn_get_crypto_ctx(conn), ctx, iv, iv_size, hp_ctx);
        take_secret(0, secret, n);
    }
    return REAL(ngtcp2_conn_install_tx_key)(conn, secret, n, ctx, iv, iv_size, hp_ctx);
}

STANDS_IN int ngtcp2_conn_install_rx_key(ngtcp2_conn *conn, const uint8_t *secret, size_t n,
                                         const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *iv,
                                         size_t iv_size, const ngtcp2_crypto_cipher_ctx *hp_ctx)
{
    if (conn == liar.conn)
        take_secret(1, secret, n);
    return REAL(ngtcp2_conn_install_rx_key)(conn, secret, n, ctx, iv, iv_size, hp_ctx);
}

STANDS_IN int ngtcp2_crypto_get_path_challenge_data_cb(ngtcp2_conn *conn, uint8_t *data, void *user)
{
    (void)user;
    gnutls_rnd(GNUTLS_RND_RANDOM, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    if (!liar_is(conn))
        memcpy(liar.challenge, data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

static unsigned level_of(const uint8_t *header)
{
    if (!(header[0] & 0x80))
        return LIAR_SHORT;
    return (header[0] >> 4 & 3) == 0 ? LIAR_INITIAL : LIAR_HANDSHAKE;
}

/* The packet number stands at the end of the header (RFC 9000, 17.1 and A.3). */
static void hear(const uint8_t *header, size_t size)
{
    unsigned level = level_of(header), n = (header[0] & 3) + 1u;
    uint32_t number = 0, window = n < 4 ? 1u << 8 * n : 0;

    for (size_t i = size - n; i < size; i++)
        number = number << 8 | header[i];
    if (window > 0 && liar.heard_any[level])
        while (number + window / 2 < liar.heard[level] + 1)
            number += window;
    if (!liar.heard_any[level] || number > liar.heard[level])
        liar.heard[level] = number;
    liar.heard_any[level] = true;
}

static void swap_frames(const struct liar_rule *rule, uint8_t *frames, size_t size)
{
    size_t n = rule->n < size ? rule->n : size;

    switch (rule->how % 4) {
    case 0: /* alone */
        memset(frames, 0, size);
        memcpy(frames, rule->p, n);
        break;
    case 1: /* before the end */
        memcpy(frames + size - n, rule->p, n);
        break;
    case 2: /* in place of the first ones */
        memcpy(frames, rule->p, n);
        break;
    default: /* bits turned */
        for (size_t i = 0; i < n; i++)
            frames[i] ^= rule->p[i];
    }
}

STANDS_IN int ngtcp2_crypto_encrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                       const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *plaintext,
                                       size_t size, const uint8_t *nonce, size_t nonce_size,
                                       const uint8_t *header, size_t header_size)
{
    struct liar_rules *rules = &liar.frame_rules;
    uint8_t frames[FRAMES_MAX];

    if (size > sizeof(frames))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (!liar.acting)
        hear(header, header_size);
    for (size_t i = 0; liar.acting && i < rules->count; i++) {
        if (rules->rules[i].which % LIAR_LEVELS != level_of(header))
            continue;
        memcpy(frames, plaintext, size);
        swap_frames(&rules->rules[i], frames, size);
        plaintext = frames;
        rules->count--;
        memmove(&rules->rules[i], &rules->rules[i + 1],
                (rules->count - i) * sizeof(rules->rules[0]));
        break;
    }
    return ngtcp2_crypto_encrypt(dest, aead, ctx, plaintext, size, nonce, nonce_size, header,
                                 header_size) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

STANDS_IN int ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                       const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *ciphertext,
                                       size_t size, const uint8_t *nonce, size_t nonce_size,
                                       const uint8_t *header, size_t header_size)
{
    if (ngtcp2_crypto_decrypt(dest, aead, ctx, ciphertext, size, nonce, nonce_size, header,
                              header_size) != 0)
        return NGTCP2_ERR_DECRYPT;
    if (liar.acting)
        liar_hide_acks(dest, size - aead->max_overhead);
    return 0;
}
