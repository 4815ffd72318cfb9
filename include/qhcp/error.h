/* The errors of QHCP: one enum, one text table.
 *
 * A function that can fail returns 0 or a negative QHCP_E_*.  The protocol's own errors have the
 * number that travels in ERROR and in CONNECTION_CLOSE (docs/protocol.md, "Error codes"): the code
 * on the wire is the enum's value with its sign turned.  Numbers above -0x100 never leave the
 * process. */
#ifndef QHCP_ERROR_H
#define QHCP_ERROR_H

#include <stdint.h>

#pragma GCC visibility push(default)

/* X(name, value, words): local errors first, then the protocol's. */
#define QHCP_ERRORS(X)                                                                             \
    X(NOMEM, -1, "out of memory")                                                                  \
    X(ARG, -2, "bad argument")                                                                     \
    X(AGAIN, -3, "nothing can be sent or read now")                                                \
    X(FULL, -4, "a fixed capacity is used up")                                                     \
    X(IO, -5, "input or output failed")                                                            \
    X(NOT_FOUND, -6, "not found")                                                                  \
    X(EXISTS, -7, "already exists")                                                                \
    X(PERMISSION, -8, "other users can read a private file")                                       \
    X(PARSE, -9, "a file or text has the wrong form")                                              \
    X(TLS, -10, "TLS failed")                                                                      \
    X(QUIC, -11, "QUIC failed")                                                                    \
    X(PARTIAL, -12, "a frame is not complete yet")                                                 \
    X(CERT, -13, "the certificate was refused")                                                    \
    X(NO_ERROR, -0x100, "no error")                                                                \
    X(INTERNAL, -0x101, "internal error")                                                          \
    X(UNEXPECTED, -0x102, "message not allowed in this state or direction")                        \
    X(VARINT, -0x103, "varint is not in its shortest form")                                        \
    X(TRUNCATED, -0x104, "a field ends before its length says")                                    \
    X(KEY_ORDER, -0x105, "keys are not in ascending order")                                        \
    X(KEY_DUPLICATE, -0x106, "a key is there twice that may be there once")                        \
    X(KEY_MISSING, -0x107, "a required key is missing")                                            \
    X(VALUE, -0x108, "a value is out of its range")                                                \
    X(UTF8, -0x109, "text is not printable UTF-8")                                                 \
    X(LEFT_OVER, -0x10a, "bytes are left over after the frame")                                    \
    X(TOO_LARGE, -0x10b, "frame or field is too large")                                            \
    X(TOO_MANY, -0x10c, "a key is repeated too often")                                             \
    X(STREAM, -0x10d, "a stream other than the control stream, or the control stream was closed")  \
    X(TIMEOUT, -0x10e, "the peer did not answer in time")                                          \
    X(EXCESSIVE, -0x10f, "the peer sends more than the protocol needs")                            \
    X(STOPPING, -0x110, "the peer is stopping")                                                    \
    X(CONFIG, -0x111, "configuration refused")                                                     \
    X(DATAGRAM, -0x112, "message not allowed in a datagram")                                       \
    X(TOKEN_MISSING, -0x120, "no token")                                                           \
    X(TOKEN_MALFORMED, -0x121, "not a well-formed token")                                          \
    X(TOKEN_ALGORITHM, -0x122, "algorithm is not the key's, or not allowed")                       \
    X(TOKEN_KEY, -0x123, "no key with that kid is known")                                          \
    X(TOKEN_SIGNATURE, -0x124, "signature does not verify")                                        \
    X(TOKEN_ISSUER, -0x125, "issuer is not the key's")                                             \
    X(TOKEN_AUDIENCE, -0x126, "token is for another server")                                       \
    X(TOKEN_EXPIRED, -0x127, "expired")                                                            \
    X(TOKEN_EARLY, -0x128, "not valid yet")                                                        \
    X(TOKEN_BINDING, -0x129, "token is bound to another connection")                               \
    X(TOKEN_SCOPE, -0x12a, "scope does not allow this")                                            \
    X(TOKEN_CRIT, -0x12b, "token has a critical extension (crit)")                                 \
    X(TOKEN_CLAIM, -0x12c, "a claim is missing or of the wrong type")

enum qhcp_error {
#define QHCP_ERROR_ENUM(name, value, words) QHCP_E_##name = (value),
    QHCP_ERRORS(QHCP_ERROR_ENUM)
#undef QHCP_ERROR_ENUM
};

/* Words for an error (negative) or a code from the wire (positive).  Never NULL; a code that is not
 * in the table gets "unknown error". */
const char *qhcp_strerror(int64_t error);

#pragma GCC visibility pop

#endif
