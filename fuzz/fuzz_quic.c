/* Two endpoints with an established connection, and a network that belongs to the input: packets of
 * its own to either side, frames of its own inside sealed packets of either side (the linker takes
 * the ngtcp2_crypto_encrypt_cb below in place of the library's), lost packets, jumps of time.
 *
 * Input: commands of one byte and a length byte, then that many bytes. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "quic/quic.h"

enum command { TO_SERVER, TO_CLIENT, SERVER_FRAMES, CLIENT_FRAMES, TIME, LOSE, WRITE, COMMANDS };

#define QUEUE 64
#define CLIENT_HEADER_MAX 13 /* 1 + a client's connection ID + 4 */

struct side {
    struct quic_endpoint *endpoint;
    union qhcp_addr addr;
    struct quic_conn *conn;
};

struct packet {
    unsigned to;
    size_t size;
    uint8_t data[1500];
};

static struct side sides[2]; /* server, client */
static struct packet queue[QUEUE];
static size_t queue_first, queue_count;
static qhcp_nsec now;
static unsigned lose;
static struct quic_tls *server_tls, *client_tls;
static struct {
    unsigned of; /* whose packets */
    const uint8_t *bytes;
    size_t size;
} frames;

int ngtcp2_crypto_encrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                             const ngtcp2_crypto_aead_ctx *ctx, const uint8_t *plaintext,
                             size_t size, const uint8_t *nonce, size_t nonce_size,
                             const uint8_t *header, size_t header_size)
{
    uint8_t changed[2048] = {0};
    unsigned of = header_size <= CLIENT_HEADER_MAX ? 0 : 1;

    if (size > sizeof(changed))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    if (frames.size > 0 && frames.of == of && !(header[0] & 0x80)) {
        memcpy(changed, frames.bytes, size < frames.size ? size : frames.size);
        frames.size = 0;
        plaintext = changed;
    }
    return ngtcp2_crypto_encrypt(dest, aead, ctx, plaintext, size, nonce, nonce_size, header,
                                 header_size) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int on_accepted(void *ctx, struct quic_conn *c)
{
    ((struct side *)ctx)->conn = c;
    return 0;
}

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec at)
{
    (void)at;
    ((struct side *)ctx)->conn = c;
}

static void on_control(void *ctx, struct quic_conn *c, qhcp_nsec at, const uint8_t *p, size_t n)
{
    (void)ctx, (void)at;
    if (n > 0 && p[0] == 'e')
        quic_conn_write(c, p, n < 64 ? n : 64);
    if (n > 0 && p[0] == 'c')
        quic_conn_close(c, 1, "asked to");
}

static void on_datagram(void *ctx, struct quic_conn *c, qhcp_nsec at, const uint8_t *p, size_t n)
{
    (void)at;
    if (ctx == &sides[0])
        quic_conn_datagram(c, p, n < LIMIT_DATAGRAM ? n : LIMIT_DATAGRAM, 1);
    else
        quic_conn_hold_ack(c);
}

static void on_closed(void *ctx, struct quic_conn *c, qhcp_nsec at, const struct quic_close *why)
{
    struct side *side = ctx;

    (void)at;
    if (memchr(why->words, '\0', sizeof(why->words)) == NULL)
        abort();
    if (side->conn == c)
        side->conn = NULL;
}

static const struct quic_handlers handlers = {
    .accepted = on_accepted,
    .connected = on_connected,
    .control = on_control,
    .datagram = on_datagram,
    .closed = on_closed,
};

static void receive(unsigned to, const uint8_t *data, size_t size)
{
    uint8_t copy[1500];
    struct qhcp_packet packet = {
        .remote = sides[1 - to].addr, .local = sides[to].addr, .data = copy, .len = size};

    memcpy(copy, data, size);
    quic_receive(sides[to].endpoint, now, &packet, 1);
}

static void collect(unsigned from)
{
    uint8_t data[1500];
    struct qhcp_packet packet = {.data = data, .cap = sizeof(data)};

    while (quic_send(sides[from].endpoint, now, &packet, 1) == 1) {
        struct packet *p = &queue[(queue_first + queue_count) % QUEUE];

        if (queue_count == QUEUE)
            continue;
        if (lose > 0) {
            lose--;
            continue;
        }
        p->to = 1 - from;
        p->size = packet.len;
        memcpy(p->data, data, packet.len);
        queue_count++;
    }
}

/* Until both are quiet, or have talked long enough. */
static void exchange(void)
{
    for (unsigned turns = 0; turns < 200; turns++) {
        struct packet p;

        collect(0);
        collect(1);
        if (queue_count == 0)
            return;
        p = queue[queue_first];
        queue_first = (queue_first + 1) % QUEUE;
        queue_count--;
        now += 100 * NSEC_PER_USEC;
        receive(p.to, p.data, p.size);
        quic_expire(sides[0].endpoint, now);
        quic_expire(sides[1].endpoint, now);
    }
}

static void make_tls(void)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t cert_pem, key_pem;
    char words[256];

    if (gnutls_x509_privkey_init(&key) != 0 || gnutls_x509_crt_init(&crt) != 0 ||
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) != 0 ||
        gnutls_x509_crt_set_version(crt, 3) != 0 ||
        gnutls_x509_crt_set_serial(crt, "\x01", 1) != 0 ||
        gnutls_x509_crt_set_activation_time(crt, time(NULL) - 60) != 0 ||
        gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 86400) != 0 ||
        gnutls_x509_crt_set_key(crt, key) != 0 ||
        gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) != 0 ||
        gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert_pem) != 0 ||
        gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem) != 0)
        abort();
    if (quic_tls_new(&(struct quic_tls_config){.cert_pem = (char *)cert_pem.data,
                                               .key_pem = (char *)key_pem.data},
                     &server_tls, words, sizeof(words)) != 0 ||
        quic_tls_new(&(struct quic_tls_config){.insecure = true}, &client_tls, words,
                     sizeof(words)) != 0)
        abort();
    gnutls_free(cert_pem.data);
    gnutls_free(key_pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void begin(void)
{
    struct quic_endpoint_config config = {
        .server = true, .handlers = &handlers, .max_conns = 20, .retry_above = 10};
    struct quic_dial dial = {.name = "localhost", .timeout = NSEC_PER_SEC};
    struct quic_conn *c;

    queue_count = queue_first = lose = 0;
    frames.size = 0;
    now = 1000 * NSEC_PER_SEC;
    for (unsigned i = 0; i < 2; i++) {
        sides[i] = (struct side){.addr.in = {.sin_family = AF_INET,
                                             .sin_port = htons(4243),
                                             .sin_addr.s_addr = htonl(0x0a000001 + i)}};
        config.server = i == 0;
        config.ctx = &sides[i];
        if (quic_endpoint_new(&config, i == 0 ? server_tls : client_tls, &sides[i].endpoint) != 0)
            abort();
    }
    dial.remote = sides[0].addr;
    if (quic_dial(sides[1].endpoint, now, &dial, &c) != 0)
        abort();
}

static void run(enum command command, const uint8_t *p, size_t n)
{
    static const uint8_t carrier[100] = {'x'};
    unsigned side = command == CLIENT_FRAMES;

    switch (command) {
    case TO_SERVER:
    case TO_CLIENT:
        receive(command == TO_SERVER ? 0 : 1, p, n);
        break;
    case SERVER_FRAMES:
    case CLIENT_FRAMES:
        frames.of = side;
        frames.bytes = p;
        frames.size = n;
        if (sides[side].conn)
            quic_conn_datagram(sides[side].conn, carrier, sizeof(carrier), 1);
        break;
    case TIME:
        now += n > 0 ? p[0] * p[0] * NSEC_PER_MSEC : 0;
        quic_expire(sides[0].endpoint, now);
        quic_expire(sides[1].endpoint, now);
        break;
    case LOSE:
        lose = n > 0 ? p[0] % 8 : 1;
        break;
    default:
        if (sides[1].conn && n > 0)
            quic_conn_write(sides[1].conn, p, n);
    }
    exchange();
    frames.size = 0; /* they pointed into the input */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (server_tls == NULL)
        make_tls();
    begin();
    /* The first bit: does the input meddle with the handshake, or only with what follows? */
    if (size > 0 && !(data[0] & 1))
        exchange();
    for (size_t at = 1; at + 2 <= size;) {
        enum command command = data[at] % COMMANDS;
        size_t n = data[at + 1];

        at += 2;
        if (n > size - at)
            n = size - at;
        run(command, data + at, n);
        at += n;
    }
    quic_endpoint_free(sides[0].endpoint);
    quic_endpoint_free(sides[1].endpoint);
    return 0;
}
