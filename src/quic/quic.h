/* QUIC endpoints on ngtcp2 and GnuTLS: packets in, packets out, next deadline; no socket, no clock,
 * no message of QHCP.  One endpoint holds all connections of a process on its socket(s).
 *
 * Each connection has one bidirectional control stream that the client opens, and DATAGRAMs.
 * Handlers are called from within quic_receive, quic_expire and quic_send; they may call any
 * quic_conn_* function, also close; the conn lives until its `closed` handler returns. */
#ifndef QHCP_QUIC_QUIC_H
#define QHCP_QUIC_QUIC_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/time.h"

#define QUIC_ALPN "qhcp/1"

struct quic_endpoint;
struct quic_conn;
struct quic_tls;   /* credentials: what we show, what we trust */
struct quic_trace; /* what is kept of a connection whose peer may be gone */

enum quic_end {
    QUIC_END_CLOSED_BY_PEER, /* CONNECTION_CLOSE: code, words */
    QUIC_END_CLOSED_BY_US,
    QUIC_END_RESET,               /* stateless reset */
    QUIC_END_IDLE,                /* idle timeout */
    QUIC_END_HANDSHAKE,           /* handshake failed or timed out: words */
    QUIC_END_UNREACHABLE,         /* ICMP while dialling (the owner's call) */
    QUIC_END_CERTIFICATE,         /* we refused the peer's certificate: words */
    QUIC_END_REFUSED_CERTIFICATE, /* the peer refused ours (TLS alert) */
    QUIC_END_ALPN,                /* the peer does not speak qhcp/1 */
    QUIC_END_PROTOCOL,            /* the peer broke QUIC, or opened another stream */
    QUIC_END_NOMEM,
};

struct quic_close {
    enum quic_end end;
    bool application; /* the code is QHCP's, not QUIC's */
    uint64_t code;
    char words[256]; /* printable, cut; from the peer or made here */
};

enum quic_fate {
    QUIC_FATE_SENT,    /* it leaves with this quic_send */
    QUIC_FATE_ACKED,   /* the peer's stack has it */
    QUIC_FATE_LOST,    /* it left and was declared lost */
    QUIC_FATE_REFUSED, /* it never left: congestion window, peer's limit, or the connection ended */
};

struct quic_handlers {
    /* Server: a connection's handshake begins.  Sets the user pointer with quic_conn_set_user.
     * Non-zero refuses it. */
    int (*accepted)(void *ctx, struct quic_conn *c);
    /* Handshake done, peer verified. */
    void (*connected)(void *ctx, struct quic_conn *c, qhcp_nsec now);
    /* Bytes of the control stream, in order. */
    void (*control)(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n);
    void (*datagram)(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n);
    /* What became of a datagram queued with this id.  Three fates, never mixed up: a refused probe
     * is "not sent", a lost one is a miss to be. */
    void (*datagram_done)(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate);
    /* Everything written to the control stream is acknowledged. */
    void (*control_acked)(void *ctx, struct quic_conn *c, qhcp_nsec now);
    /* Client: a trace's peer has answered with a stateless reset: it is there, and has forgotten
     * the connection.  `user` is the trace's; it may free the trace. */
    void (*forgotten)(void *ctx, void *user, qhcp_nsec now);
    /* Client: a TLS session ticket to keep. */
    void (*ticket)(void *ctx, struct quic_conn *c, const uint8_t *p, size_t n);
    /* The last call for this connection, always from within quic_send; what is still queued has had
     * its fate told.  It may dial again. */
    void (*closed)(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why);
};

/* Credentials.  PEM texts; NULL for what does not apply.  QHCP_E_TLS with words naming the problem
 * (which of the texts, line of GnuTLS's own words). Reference counted: quic_tls_unref. */
struct quic_tls_config {
    const char *cert_pem, *key_pem; /* server: required; client: optional client certificate */
    const char *trust_pem;          /* client: CA(s) or the server's own certificate(s); server:
                                       CA(s) of client certificates */
    const char *trust_name;         /* for words: the file trust_pem came from */
    bool trust_given;               /* ... which the operator named: it is not the state's CA */
    bool insecure;                  /* client: the certificate is not verified */
    bool require_client_cert;       /* server */
    const uint8_t *ticket_key;      /* 32 bytes, or NULL for random ones: seals tickets */
    /* Certificates that are refused, whoever signed them: SHA-256 of each, one after the other. */
    const uint8_t *revoked;
    size_t n_revoked;
};
int quic_tls_new(const struct quic_tls_config *config, struct quic_tls **ret, char *words,
                 size_t words_cap);
struct quic_tls *quic_tls_ref(struct quic_tls *tls);
void quic_tls_unref(struct quic_tls *tls);

/* Fingerprint (SHA-256) over trust, own certificate and verification policy: part of a ticket's
 * key, so that a ticket never outlives the trust it was made under. */
void quic_tls_fingerprint(const struct quic_tls *tls, uint8_t ret[32]);

/* Is the certificate that this connection's peer showed among those refused by `tls` (which may be
 * newer than the connection)?  False for --insecure and before the handshake's end. */
bool quic_conn_peer_revoked(const struct quic_conn *c, const struct quic_tls *tls);

/* Server: does our certificate cover this name or address literal? */
bool quic_tls_covers(const struct quic_tls *tls, const char *name);

struct quic_endpoint_config {
    bool server;
    const struct quic_handlers *handlers;
    void *ctx;
    uint8_t reset_key[32]; /* server: stateless reset tokens (RFC 9000, 10.3.2); a client has a
                              random one */
    uint8_t retry_key[32]; /* server: Retry and address validation tokens */
    size_t max_conns;      /* server: more are refused */
    size_t retry_above;    /* server: with this many unfinished handshakes, Retry is asked for */
    size_t user_size;      /* bytes at quic_conn_user that handlers touch, to be asked for ahead */
};
int quic_endpoint_new(const struct quic_endpoint_config *config, struct quic_tls *tls,
                      struct quic_endpoint **ret);
/* Frees all; connections get no `closed` call. */
void quic_endpoint_free(struct quic_endpoint *e);
/* New credentials for connections from now on. */
void quic_endpoint_set_tls(struct quic_endpoint *e, struct quic_tls *tls);

struct qhcp_steering quic_steering(const struct quic_endpoint *e);

/* Packets that arrived.  Hostile.  local must be set where the owner knows it. */
void quic_receive(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packets,
                  size_t n);

/* Fills up to n packets (each with data/cap of at least 1,452 bytes); the number filled.  Call
 * again until 0. */
size_t quic_send(struct quic_endpoint *e, qhcp_nsec now, struct qhcp_packet *packets, size_t n);

/* This connection (or NULL) will be touched soon: its memory is asked for. */
void quic_conn_ahead(const struct quic_conn *c);

qhcp_nsec quic_deadline(const struct quic_endpoint *e);
/* First read what the sockets hold: after a stall, packets that wait must win over timers. */
void quic_expire(struct quic_endpoint *e, qhcp_nsec now);

/* ICMP unreachable for `remote`: calls `fn` for each connection to it, and ends those whose
 * handshake is not done (QUIC_END_UNREACHABLE).  fn may be NULL.  quoted: the start of the UDP
 * payload that was quoted, matched against the connection's IDs; too little of it ends no
 * handshake, and is not `certain`: anyone can forge that much.  NULL: the word is this machine's
 * own. */
void quic_unreachable(struct quic_endpoint *e, qhcp_nsec now, const union qhcp_addr *remote,
                      const uint8_t *quoted, size_t n,
                      void (*fn)(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain));

struct quic_dial {
    union qhcp_addr remote;
    const char *name;    /* to verify: DNS name (SNI) or address literal (no SNI) */
    struct slice ticket; /* may be empty */
    qhcp_nsec timeout;   /* of the handshake */
    uint16_t port; /* of ours to send from: every packet's `local` says it; 0: the usual one */
    void *user;
};
int quic_dial(struct quic_endpoint *e, qhcp_nsec now, const struct quic_dial *dial,
              struct quic_conn **ret);

/* Server: this peer has shown that it belongs here: its host finds room for handshakes when
 * strangers' have taken all other. */
void quic_conn_welcome(struct quic_conn *c);

void quic_conn_set_user(struct quic_conn *c, void *user);
void *quic_conn_user(const struct quic_conn *c);
void quic_conn_remote(const struct quic_conn *c, union qhcp_addr *ret);
/* Client: the port that was asked for; 0: the usual one. */
uint16_t quic_conn_port(const struct quic_conn *c);
qhcp_nsec quic_conn_srtt(const struct quic_conn *c);
/* How long the peer may wait before it acknowledges what it did not ask for: its max_ack_delay; 0
 * for one longer than a second, by which it says that it holds back what it asked for alone
 * (docs/protocol.md, Acknowledgements). */
qhcp_nsec quic_conn_ack_delay(const struct quic_conn *c);
/* Packets that came for it so far. */
uint32_t quic_conn_packets(const struct quic_conn *c);
bool quic_conn_resumed(const struct quic_conn *c);
/* Unix seconds when the peer's verified certificate ends (client; 0 when resumed or unknown). */
int64_t quic_conn_peer_expires(const struct quic_conn *c);
/* The TLS exporter's value for this label and no context (RFC 8446, 7.5).  It is kept, and the TLS
 * session is freed soon after the first call: later ones for another label are QHCP_E_TLS. */
int quic_conn_export(struct quic_conn *c, const char *label, uint8_t *ret, size_t n);

/* Queues bytes on the control stream (copied).  QHCP_E_FULL beyond 64 kB unacknowledged. */
int quic_conn_write(struct quic_conn *c, const uint8_t *p, size_t n);

/* Queues one datagram (copied); at most LIMIT_DATAGRAM bytes.  It leaves with the next quic_send or
 * is dropped: QUIC_FATE_REFUSED when the congestion window or the peer refuses it.
 * QHCP_E_FULL when 8 wait already; QHCP_E_DATAGRAM when the peer takes none; QHCP_E_NOMEM, for
 * those beyond 192 bytes together, the first time. id 0: don't tell. */
int quic_conn_datagram(struct quic_conn *c, const uint8_t *p, size_t n, uint64_t id);
bool quic_conn_takes_datagrams(const struct quic_conn *c);
/* The datagram that was queued last, if it has not left, has no news for the peer: the packet says
 * so by its spin bit, unless the control stream may be in it too (docs/protocol.md, Answers that
 * may wait). */
void quic_conn_may_wait(struct quic_conn *c);

/* In the handlers `control` and `datagram`: when the packet arrived that is being read, as far as
 * the system told; their `now` otherwise. */
qhcp_nsec quic_conn_arrived(const struct quic_conn *c);

/* Would a datagram of n bytes leave room in the congestion window for one of the largest?  What is
 * sent unasked asks first: the peer acknowledges only what it gets, so that a window filled with
 * what was lost would stay full, and answers would have no room. */
bool quic_conn_has_room(const struct quic_conn *c, size_t n);

/* Client, two packets a check: the packets that only acknowledge are held back while the last thing
 * received was a solicited answer, and no more than QUIC_HELD_MOST bytes wait.  Call from the
 * datagram handler. (DESIGN: trap 1) */
void quic_conn_hold_ack(struct quic_conn *c);

/* Something on the control stream is unacknowledged: make the peer's acknowledgement come, though
 * max_ack_delay is long, by sending a PING-bearing packet now. (trap 2) */
void quic_conn_probe(struct quic_conn *c);

/* Client: keeps what is needed to notice that the peer of this connection is back: by knocking at
 * its address with the connection's last packet, sent again unchanged.  Also in `closed`, where it
 * outlives the connection.  Free it before the endpoint.  QHCP_E_NOMEM, QHCP_E_TLS,
 * QHCP_E_UNEXPECTED (was never connected). */
int quic_conn_trace(struct quic_conn *c, void *user, struct quic_trace **ret);
void quic_trace_free(struct quic_trace *t);
/* So long after a CONNECTION_CLOSE or a stateless reset the connection is closing or draining, and
 * nothing may be sent on it, a knock neither (RFC 9000, 10.2.1 and 10.2.2): three probe timeouts.
 */
qhcp_nsec quic_trace_quiet(const struct quic_trace *t);
/* Knocks with the next quic_send, whatever the congestion window is; the owner keeps a budget.
 * QHCP_E_FULL. */
int quic_trace_knock(struct quic_trace *t);

/* Closes with an application code and words (cut to 200 bytes): what is queued on the control
 * stream is sent before it.  `closed` is called from the next quic_send. */
void quic_conn_close(struct quic_conn *c, uint64_t code, const char *words);

/* Counters for bench and tests. */
struct quic_stats {
    uint64_t packets_in, packets_out, datagrams_refused, resets_sent, retries_sent, handshakes;
};
void quic_get_stats(const struct quic_endpoint *e, struct quic_stats *ret);
size_t quic_conn_count(const struct quic_endpoint *e);

#endif
