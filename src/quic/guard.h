/* What a peer may send, checked before ngtcp2 and GnuTLS read it.  Both stop the process by an
 * assertion if a peer breaks TLS or QUIC in ways that they do not check: a TLS message after the
 * handshake that makes GnuTLS change keys, a handshake without transport parameters.  So the rules
 * are here, as two tables: which TLS message may follow which, at which encryption level; which
 * transport parameters a handshake may have, and with which values.  What no row allows ends the
 * connection with the code that RFC 9000 or 9001 asks for.
 *
 * In: bytes of CRYPTO frames in order, the transport parameters extension.  Out: how much of them
 * is allowed, or the error.  Pure: it holds no message, and reads only their headers. */
#ifndef QHCP_QUIC_GUARD_H
#define QHCP_QUIC_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 8446, 6: the alerts that the guard raises. */
enum {
    GUARD_ALERT_UNEXPECTED = 10, /* unexpected_message */
    GUARD_ALERT_DECODE = 50,     /* decode_error: longer than any honest one */
    GUARD_VIOLATION = 256,       /* no alert: PROTOCOL_VIOLATION */
};

enum guard_level { GUARD_INITIAL, GUARD_HANDSHAKE, GUARD_1RTT, GUARD_0RTT };

/* The last TLS message that was heard. */
enum guard_state {
    GUARD_START,
    GUARD_HELLO,       /* ClientHello or ServerHello */
    GUARD_HELLO_AGAIN, /* the second one, after HelloRetryRequest */
    GUARD_EXTENSIONS,  /* EncryptedExtensions */
    GUARD_REQUEST,     /* CertificateRequest */
    GUARD_CERTIFICATE,
    GUARD_VERIFY, /* CertificateVerify */
    GUARD_FINISHED,
    GUARD_STATES
};

struct guard {
    bool server;       /* we are; the peer is a client */
    bool has_keys;     /* keys of the Handshake level exist: no further hello may come */
    uint8_t level;     /* of the message that is being heard */
    uint8_t state;     /* enum guard_state */
    uint8_t n_header;  /* bytes of the message's header that were heard: 0 to 4 */
    uint8_t header[4]; /* RFC 8446, 4: type, and the length in 24 bits */
    uint32_t left;     /* bytes of its body still to come */
};

/* n > 0 bytes of CRYPTO at this level, that follow the bytes before. 0, and how many of them belong
 * to messages that TLS may read now, at least 1 and at most up to the end of one message: call
 * again for the rest after TLS has read these, since they may change has_keys.  Or a TLS alert, by
 * which the connection is to end (RFC 9001, 4.8), or GUARD_VIOLATION (4.4). */
int guard_crypto(struct guard *g, enum guard_level level, const uint8_t *p, size_t n, size_t *ret);

/* May a message of this type come at this level after the ones before? The table itself, for
 * guard_crypto and its test. */
bool guard_allows(const struct guard *g, enum guard_level level, uint8_t type,
                  enum guard_state *ret_next);

/* Is this an acceptable body of the quic_transport_parameters extension?  No, where RFC 9000, 7.4
 * and 18.2 (RFC 9221, 3 for DATAGRAM, RFC 9287, 3, RFC 9368, 3 for versions) call it a
 * TRANSPORT_PARAMETER_ERROR: cut short, one of them twice, a value out of bounds, one that a client
 * must not send, none where one must be; and where there are more than 64. */
bool guard_params(bool from_client, const uint8_t *p, size_t n);

#endif
