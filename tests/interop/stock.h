/* A peer on an ordinary QUIC stack, for tests: ngtcp2 with its own defaults, one connection, no
 * probing of its own, and nothing of src/quic, src/session or either core.  It sends what it is
 * given, as any stack's API allows: bytes for a stream, datagrams, a close.  Its owner brings
 * packets and the time, and gets whole frames. */
#ifndef QHCP_TESTS_STOCK_H
#define QHCP_TESTS_STOCK_H

#include <gnutls/gnutls.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdbool.h>

#include <qhcp/types.h>

#define STOCK_BYTES 16384 /* of the control stream, each way, in a whole session */
#define STOCK_DATAGRAMS 8
#define STOCK_DATAGRAM 256

struct stock;

struct stock_config {
    const char *cert_pem, *key_pem; /* NULL: a client; it verifies nothing, tests do not need it */
    qhcp_nsec max_ack_delay;        /* 0: the stack's default, 25 ms */
    void (*connected)(struct stock *s);
    void (*frame)(struct stock *s, bool datagram, uint64_t type, const uint8_t *p, size_t n);
    void *ctx;
};

struct stock {
    struct stock_config config;
    ngtcp2_conn *ng;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    ngtcp2_crypto_conn_ref ref;
    union qhcp_addr local, remote;
    qhcp_nsec now;
    bool connected, closing, ended;
    bool asked;    /* a packet came after our close: it is answered with that again */
    uint64_t code; /* of the peer's CONNECTION_CLOSE, or of ours; UINT64_MAX: a stateless reset */
    int64_t stream;
    size_t tx_size, tx_sent, rx_size, n_datagrams;
    uint8_t tx[STOCK_BYTES], rx[STOCK_BYTES];
    size_t datagram_size[STOCK_DATAGRAMS];
    uint8_t datagrams[STOCK_DATAGRAMS][STOCK_DATAGRAM];
    size_t close_size;
    uint8_t close[STOCK_DATAGRAM];
};

/* A client that begins to dial; a server out of the first packet that came.  Both abort where
 * memory or TLS fail: tests have no use for less. */
void stock_dial(struct stock *s, const struct stock_config *config, qhcp_nsec now);
bool stock_accept(struct stock *s, const struct stock_config *config, qhcp_nsec now,
                  const struct qhcp_packet *first);
void stock_free(struct stock *s);

void stock_receive(struct stock *s, qhcp_nsec now, const struct qhcp_packet *packet);
/* True when the packet (of at least 1,452 bytes) was filled: ask again. */
bool stock_send(struct stock *s, qhcp_nsec now, struct qhcp_packet *packet);
qhcp_nsec stock_deadline(struct stock *s);
void stock_expire(struct stock *s, qhcp_nsec now);

void stock_write(struct stock *s, const uint8_t *p, size_t n);
void stock_datagram(struct stock *s, const uint8_t *p, size_t n);
void stock_close(struct stock *s, uint64_t code);
void stock_export(struct stock *s, const char *label, uint8_t ret[32]);

#endif
