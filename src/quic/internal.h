/* What the files of src/quic share: the structs behind quic.h.  Nothing outside this folder
 * includes it.
 *
 *   endpoint.c   which packet is whose, who writes next, who is due
 *   ahead.c      memory that is asked for before it is touched
 *   accept.c     a server's first packet of a connection: is it worth one?
 *   initial.c    ... is it what it looks like?
 *   ids.c        the connection IDs that we choose
 *   closing.c    what is left of a connection that has ended
 *   stateless.c  answers that need no connection: version negotiation, Retry, refusal, reset
 *   open.c       how a connection begins, and is freed
 *   conn.c       its life and its accessors
 *   early.c      what came before its time
 *   events.c     what ngtcp2 calls
 *   guard.c      what a peer may say before ngtcp2 and GnuTLS hear it
 *   send.c       what a connection writes, in which order
 *   why.c        why a connection ended, in words
 *   tls.c        credentials and TLS sessions; ticket.c wraps tickets
 *   chain.c      is a chain of certificates small enough to be read
 *   verify.c     is this certificate acceptable, in words; cost.c: is its key small enough
 *   message.c    what the peer's TLS messages say, before TLS acts on them
 *   keys.c       keys that follow from secrets, and the masks of headers
 *   later.c      the next key for writing
 *   lookup.c     connection ID, reset token or address -> connection
 *   used.c       which Retry tokens were used
 *   blocks.c     what ngtcp2 gets from the heap
 *   trace.c      what is kept of a connection whose peer may be gone */
#ifndef QHCP_QUIC_INTERNAL_H
#define QHCP_QUIC_INTERNAL_H

#include <stddef.h>

#include <gnutls/gnutls.h>
#include <nettle/aes.h>
#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>

#include "base/limits.h"
#include "base/wheel.h"
#include "quic/blocks.h"
#include "quic/guard.h"
#include "quic/keys.h"
#include "quic/lookup.h"
#include "quic/quic.h"
#include "quic/used.h"
#include "quic/verify.h"

/* Bytes of the connection IDs that we choose.  A server's are long so that the shortest probe (1 +
 * ID + 1, a DATAGRAM frame of 2 + 3, a tag of 16) can provoke a stateless reset. */
#define QUIC_SERVER_CID 20
#define QUIC_CLIENT_CID 8
#define QUIC_LONG 0x80 /* of a packet's first byte: the header's form ... */
#define QUIC_SPIN 0x20 /* ... and the spin bit of a short header (RFC 9000, 17.3.1) */
#define QUIC_PREFIX QUIC_LOOKUP_PREFIX /* how each of them begins */
#define QUIC_RESET_TRIGGER 43          /* RFC 9000, 10.3 */
_Static_assert(1 + QUIC_SERVER_CID + 1 + 2 + 3 + 16 >= QUIC_RESET_TRIGGER, "probes can provoke");
/* Unfinished handshakes with a proven address.  One is some 60 kB and 0.5 ms of CPU. */
#define QUIC_PROVEN_MAX 256
#define QUIC_PROVEN_HOST 64
#define QUIC_PROVEN_KNOWN                                                                          \
    64 /* more than QUIC_PROVEN_MAX, for hosts that quic_conn_welcome named                        \
        */
#define QUIC_PROVEN_AGE NSEC_PER_SEC /* from then on it makes room for another, if need be */
#define QUIC_HOSTS 1024              /* are counted apart, but for chance meetings */
#define QUIC_CLOSING_MAX 512 /* ended connections that are remembered, some 500 bytes each */
#define QUIC_CLOSING_PTOS 3  /* for so many probe timeouts (RFC 9000, 10.2) */
#define QUIC_LAST_PACKET 128 /* a packet with a datagram is kept when it is no larger */
#define QUIC_NOISE 48        /* bytes: enough to provoke a reset behind any connection ID */
#define QUIC_CIDS_MAX 32     /* of one connection; a peer that makes us keep more is cut off */

#define QUIC_PACKET_MIN_CAP 1200
#define QUIC_DATAGRAMS 8        /* queued in one connection */
#define QUIC_DATAGRAM_ROOM 2304 /* their bytes: two of the largest, or eight of the usual size */
#define QUIC_DATAGRAM_SMALL 192 /* without memory of their own: some requests, or an answer */
#define QUIC_CONTROL_MAX 65536  /* bytes of the control stream that wait for acknowledgement */
#define QUIC_EXPORT_MAX 64
#define QUIC_LABEL_MAX 48

#define QUIC_SERVER_HANDSHAKE (10 * NSEC_PER_SEC)
#define QUIC_RETRY_LIFETIME (10 * NSEC_PER_SEC)
#define QUIC_IDLE (120 * NSEC_PER_SEC)
#define QUIC_KEEP_ALIVE                                                                            \
    (25 * NSEC_PER_SEC) /* client: below the 30 s of many NATs (RFC 9308, 3.2) */
/* How long after the handshake a TLS session is kept that somebody may still need; and where only a
 * ticket is missing. */
#define QUIC_TLS_KEPT (10 * NSEC_PER_SEC)
#define QUIC_TICKET_WAIT (2 * NSEC_PER_SEC)
/* How long a held acknowledgement's timer is not even looked at, or down to half of it: a wake-up
 * costs ten packets. */
#define QUIC_HOLD (5 * NSEC_PER_SEC)
/* Bytes of packets whose acknowledgement is held back.  After losses the peer's congestion window
 * is 2400 bytes (RFC 9002, 7.2), of which beats take half; and our acknowledgement may get lost. */
#define QUIC_HELD_MOST 640
#define QUIC_ROOM_KEPT 1200 /* of the congestion window, for datagrams that must not wait */
#define QUIC_PROBE_MIN (20 * NSEC_PER_MSEC)
#define QUIC_PROBES_MAX 50
/* Server: how long a packet from a new address waits for one from the known address. */
#define QUIC_STRAY (10 * NSEC_PER_MSEC)
/* Of one connection.  Each can raise the packet number by 2^31 at most, and close to 2^62 ngtcp2
 * 1.11 stops the process (ngtcp2_pkt_adjust_pkt_num): an attacker needs some hours of packets. */
#define QUIC_PACKETS_MAX (UINT32_C(1) << 30)
#define QUIC_EARLY_MAX 4 /* 1-RTT packets that wait for the end of a client's handshake */

enum {
    QUIC_HEARD_CONTROL = 1 << 0,  /* this packet carried bytes of the control stream */
    QUIC_HEARD_DATAGRAM = 1 << 1, /* ... a datagram that nobody asked for */
    QUIC_HEARD_HOLD = 1 << 2,     /* ... a solicited answer: quic_conn_hold_ack was called */
};

struct quic_queued {
    uint64_t id;
    uint16_t start, size; /* in the room for datagrams: quic_conn_room */
    bool may_wait;
};

/* A piece of the control stream; lives until all of it is acknowledged, since ngtcp2 keeps pointers
 * into it. */
struct quic_chunk {
    struct quic_chunk *next;
    uint64_t start; /* offset in the stream */
    size_t size, sent;
    uint8_t data[];
};

/* A packet that waits: from another address than the connection's, or before its time. */
struct quic_stray {
    struct quic_stray *next;
    qhcp_nsec at; /* when it is heard after all */
    union qhcp_addr remote;
    uint8_t ecn;
    size_t size;
    uint8_t data[];
};

struct quic_conn {
    struct quic_endpoint *endpoint;
    ngtcp2_conn *ng;
    struct quic_tls *tls;
    gnutls_session_t session; /* NULL once freed (trap 4) */
    struct guard guard;
    ngtcp2_crypto_conn_ref ref;
    void *user;
    char *name; /* client: to verify */

    struct quic_conn *next, *prev; /* all of the endpoint's */
    struct quic_conn *ready_next;  /* those that may have something to write */
    struct wheel_timer timer;
    struct quic_link *links; /* our connection IDs, the peer's reset tokens */
    struct quic_link *remote_link;
    struct quic_stray *stray;
    struct quic_stray *early; /* client: 1-RTT packets that wait until it has finished */
    union qhcp_addr remote;
    struct quic_closing *closing; /* it begins to count when the connection is discarded */

    /* A server's, while its handshake is under way and came with a Retry's token. */
    struct quic_conn *proven_next, *proven_prev;
    qhcp_nsec proven_at;
    struct quic_host *proven_host; /* NULL: it is none of these */

    qhcp_nsec last; /* ngtcp2 aborts where time runs backwards (trap 5): never below this */
    qhcp_nsec connected_at;
    size_t unacked;     /* bytes heard since our last packet */
    qhcp_nsec held_at;  /* the newest packet that was held back from acknowledgement */
    qhcp_nsec probe_at; /* when unacknowledged control data provokes a PING; or NSEC_NEVER */
    unsigned probes;    /* so many since the last progress */
    unsigned heard;     /* QUIC_HEARD_* of the packet that is being read */
    uint32_t n_heard;   /* packets so far */
    uint8_t buffers;    /* blocks.c: of those that packets are decrypted into, asked for so far */

    bool ready, connected, confirmed, resumed, handshaking;
    bool finished;        /* client: its Finished was written */
    bool announced;       /* the owner knows it: `closed` will be called */
    bool takes_datagrams; /* the peer does, of every size */
    bool held;            /* acknowledgements wait for the next request */
    bool hold_hidden;     /* the acknowledgement timer is replaced by held_at + QUIC_HOLD */
    bool drained;         /* the last packet had room for all: the next call writes nothing */
    bool thorough;    /* write until ngtcp2 has nothing more, not only until a packet had room */
    bool settling;    /* server: the handshake's last packets are unacknowledged ... */
    bool settle_sent; /* ... and have left */
    bool ping, ticket_seen;
    bool ended, flushed, silent, close_sent, reset;
    bool keys_ours; /* keys.c makes them, and not ngtcp2_crypto_gnutls */

    int64_t stream; /* the control stream; -1 until it is open */
    struct quic_chunk *chunks, *chunks_last, *unsent;
    uint64_t tx_end, tx_acked; /* offsets in the control stream */

    struct quic_validity peer_valid;  /* of the certificate that was verified; 0: none was */
    bool peer_known;                  /* client: the peer's certificate was verified ... */
    uint8_t peer_print[32];           /* ... and this is its SHA-256 */
    struct quic_judgement *judgement; /* why the peer's certificate was refused; NULL: it was not */
    struct quic_close why;
    ngtcp2_ccerr_type close_type;
    const char *close_words; /* for the peer; NULL: why.words */

    char export_label[QUIC_LABEL_MAX];
    size_t export_size;
    uint8_t export_value[QUIC_EXPORT_MAX];

    struct aes128_ctx rx_mask, tx_mask; /* keys.c: of 1-RTT headers */

    size_t last_size; /* client: the newest small packet that held a datagram; 0: none yet */
    uint8_t last_packet[QUIC_LAST_PACKET];

    size_t n_queued, room_used;
    struct quic_queued queued[QUIC_DATAGRAMS];
    uint8_t
        *large; /* QUIC_DATAGRAM_ROOM bytes instead of small, once that was not enough; or NULL */
    uint8_t small[QUIC_DATAGRAM_SMALL];
};

/* Answers of stateless.c that wait for quic_send. */
#define QUIC_ANSWERS 64
#define QUIC_ANSWER_CAP 512

struct quic_answer {
    union qhcp_addr local, remote;
    size_t size;
    uint8_t data[QUIC_ANSWER_CAP];
};

/* So many hosts' resets are counted apart, and as many connection IDs'. */
#define QUIC_RESET_BUCKETS 256

/* What may still be sent: earned with time, up to a second's worth. */
struct quic_bucket {
    qhcp_nsec at;
    unsigned tokens;
};

/* A host's unfinished proven handshakes, and Retry tokens that it may use. */
struct quic_host {
    unsigned proven;
    struct quic_bucket tokens;
};

struct quic_ids {
    uint8_t prefix[QUIC_PREFIX];
    uint64_t secret[2];
};

struct quic_endpoint {
    struct quic_endpoint_config config;
    struct quic_ids ids;
    struct quic_tls *tls;
    struct quic_blocks blocks;
    ngtcp2_crypto_aead_ctx retry; /* keys.c; no handle: nobody was dialled yet */
    struct quic_lookup lookup;
    struct wheel deadlines;
    struct quic_conn *conns;
    struct quic_conn *ready_first, *ready_last;
    size_t n_conns, n_handshaking;
    struct quic_stats stats;
    qhcp_nsec arrived; /* the packet that is being read (qhcp_packet.received) */
    size_t answers_first, n_answers;
    struct quic_bucket answering; /* limits refusals and version negotiation */
    /* Tables for strangers: NULL until the first one comes for whom they are there.  A process may
     * embed thousands of servers. */
    struct quic_bucket *resetting;                /* QUIC_RESET_BUCKETS, by host */
    struct quic_bucket *resetting_known;          /* as many, by connection ID, of ours alone */
    struct quic_host *hosts;                      /* QUIC_HOSTS */
    struct quic_answer *answers;                  /* QUIC_ANSWERS, while one of them waits */
    uint8_t known[QUIC_HOSTS / 8];                /* a bit for each host: it was welcome once */
    struct used used;                             /* Retry tokens, by connection ID */
    struct quic_conn *proven_first, *proven_last; /* oldest first */
    size_t n_proven;
    struct quic_closing *closing_first, *closing_last;
    size_t n_closing;
};

static inline size_t quic_cid_size(const struct quic_endpoint *e)
{
    return e->config.server ? QUIC_SERVER_CID : QUIC_CLIENT_CID;
}

/* ahead.c */
#define QUIC_AHEAD 8 /* packets, whose connections' lines the nearest cache has room for */
#define QUIC_AHEAD_CONN offsetof(struct quic_conn, peer_print) /* what reading a packet touches */
void quic_ahead_packets(const struct quic_endpoint *e, const struct qhcp_packet *packets, size_t n);
/* What ngtcp2 has of a connection, whose struct quic_conn is at hand. */
void quic_ahead_library(const struct quic_conn *c);

/* accept.c */

/* A long packet for no connection of a server's. */
void quic_accept(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet);
/* The handshake is over, or given up. */
void quic_accept_leave(struct quic_conn *c);

/* initial.c */
#define QUIC_INITIAL_NONCE KEYS_NONCE
#define QUIC_INITIAL_SAMPLE 16

/* Of first packets (RFC 9001, 5.2): the client's, and the server's (NULL: not needed). */
void quic_initial_derive(const uint8_t *dcid, size_t n, struct keys *ret_client,
                         struct keys *ret_server);
/* What hides the first byte and the packet number (RFC 9001, 5.4.1). */
void quic_initial_mask(const struct keys *keys, const uint8_t *sample,
                       uint8_t ret[QUIC_INITIAL_SAMPLE]);
/* Does a datagram's first packet open with the keys that follow from its connection ID? */
bool quic_initial_opens(const uint8_t *p, size_t n);

/* ids.c: QHCP_E_TLS where there is no randomness. */
int quic_ids_init(struct quic_ids *ids, bool server, const uint8_t *reset_key);
int quic_id_make(const struct quic_endpoint *e, const union qhcp_addr *peer, ngtcp2_cid *ret);
/* Did a server with this reset key, now or before a restart, make it for this host? */
bool quic_id_is_for(const struct quic_ids *ids, const union qhcp_addr *peer, const uint8_t *id,
                    size_t n);

/* closing.c */

/* This packet (NULL: none) will answer what comes after the end.  QHCP_E_NOMEM. */
int quic_closing_keep(struct quic_conn *c, const struct qhcp_packet *packet);
/* The connection has ended and is about to be discarded: its IDs are remembered. */
void quic_closing_begin(struct quic_conn *c);
/* A packet for one of the IDs; false: their time is over, it is as any other. */
bool quic_closing_receive(struct quic_closing *k, qhcp_nsec now, const struct qhcp_packet *packet);
void quic_closing_deinit(struct quic_endpoint *e);

/* open.c */

/* A connection on its way: `hd` for a server (the first Initial's header; original: the ID before a
 * Retry, else NULL), `dial` for a client. */
struct quic_conn_open {
    qhcp_nsec now;
    union qhcp_addr local, remote;
    const ngtcp2_pkt_hd *hd;
    const ngtcp2_cid *original;
    const struct quic_dial *dial;
};
int quic_conn_open(struct quic_endpoint *e, const struct quic_conn_open *open,
                   struct quic_conn **ret);
/* Frees without a word to anyone. */
void quic_conn_discard(struct quic_conn *c);
/* A connection ID of ours, or a reset token of the peer's.  QHCP_E_FULL, QHCP_E_NOMEM. */
int quic_conn_add_key(struct quic_conn *c, const struct quic_key *key);
int quic_conn_add_id(struct quic_conn *c, const ngtcp2_cid *cid);
int quic_conn_set_remote(struct quic_conn *c, const union qhcp_addr *remote);
void quic_conn_leave_handshake(struct quic_conn *c);

/* conn.c */

/* The bytes of the queued datagrams. */
static inline uint8_t *quic_conn_room(struct quic_conn *c)
{
    return c->large != NULL ? c->large : c->small;
}
/* Puts it where quic_send looks. */
void quic_conn_wake(struct quic_conn *c);
void quic_conn_receive(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet);
/* One that belongs to it, and whose time it is. */
void quic_conn_hear(struct quic_conn *c, qhcp_nsec now, const struct qhcp_packet *packet);
void quic_conn_expire(struct quic_conn *c, qhcp_nsec now);
void quic_conn_rearm(struct quic_conn *c, qhcp_nsec now);
/* `now`, but never earlier than what ngtcp2 has seen. */
qhcp_nsec quic_conn_clock(struct quic_conn *c, qhcp_nsec now);
void quic_conn_established(struct quic_conn *c);
/* Control data is unacknowledged: a PING is due in max(2 srtt, 20 ms). */
void quic_conn_arm_probe(struct quic_conn *c);

/* events.c */
extern const ngtcp2_callbacks quic_events;
/* The packet that this thread writes may wait at the peer, and begins here; NULL: it may not. */
extern _Thread_local uint8_t *quic_events_patient;
/* Tells the owner what became of a datagram, and counts. */
void quic_events_fate(struct quic_conn *c, uint64_t id, enum quic_fate fate);
void quic_events_release_chunks(struct quic_conn *c, uint64_t acked);

/* early.c */

/* How many bytes of the packet may be read now; the rest is kept while there is room. */
size_t quic_early_take(struct quic_conn *c, const struct qhcp_packet *packet);
void quic_early_hear(struct quic_conn *c, qhcp_nsec now);
void quic_early_drop(struct quic_conn *c);

/* send.c: true when the packet was filled. */
bool quic_conn_send(struct quic_conn *c, qhcp_nsec now, struct qhcp_packet *packet);

/* why.c */
/* Ends a connection: closed by the next quic_send.  Later reasons do not replace the first. */
void quic_conn_end(struct quic_conn *c, enum quic_end end, const char *words);
/* ... because a call of ngtcp2's failed with `error`. */
void quic_conn_fail(struct quic_conn *c, int error);

/* stateless.c */

/* One more is allowed: `rate` of them a second, and at once. */
bool quic_bucket_take(struct quic_bucket *b, qhcp_nsec now, unsigned rate);
void quic_stateless_version(struct quic_endpoint *e, qhcp_nsec now,
                            const struct qhcp_packet *packet, const ngtcp2_version_cid *ids);
void quic_stateless_retry(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_pkt_hd *hd);
void quic_stateless_refuse(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                           const ngtcp2_pkt_hd *hd, uint64_t code);
void quic_stateless_reset(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_version_cid *ids);
/* 0 and the original connection ID when the Initial's token is one of ours. */
int quic_stateless_verify(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_pkt_hd *hd, ngtcp2_cid *ret);
/* Puts a packet of no connection among the answers; local may be AF_UNSPEC.  QHCP_E_FULL. */
int quic_stateless_send(struct quic_endpoint *e, const union qhcp_addr *local,
                        const union qhcp_addr *remote, const uint8_t *p, size_t n);
size_t quic_stateless_take(struct quic_endpoint *e, struct qhcp_packet *packets, size_t n);

/* trace.c: its reset token came. */
void quic_trace_reset(struct quic_trace *t, qhcp_nsec now);
const union qhcp_addr *quic_trace_remote(const struct quic_trace *t);

/* tls.c */
int quic_tls_session(struct quic_conn *c, const struct quic_dial *dial);
/* After the handshake: ALPN, and a resumed peer's certificate judged again.  0, or the connection
 * has ended. */
int quic_tls_finish(struct quic_conn *c);
void quic_tls_release(struct quic_conn *c);
const struct quic_trust *quic_tls_trust(const struct quic_tls *tls);
/* Seals a client's tickets: QUIC_TICKET_KEY bytes. */
const uint8_t *quic_tls_ticket_key(const struct quic_tls *tls);
/* The peer's certificate is refused: a copy of the reason is kept for the end.  Without memory
 * TLS's own words have to do. */
void quic_tls_refuse(struct quic_conn *c, const struct quic_judgement *why);
struct quic_conn *quic_tls_conn(gnutls_session_t session);

/* message.c: a gnutls_handshake_hook_func, of which a session has one. */
int quic_message(gnutls_session_t session, unsigned htype, unsigned when, unsigned incoming,
                 const gnutls_datum_t *msg);

#endif
