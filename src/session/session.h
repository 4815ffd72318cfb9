/* What both protocol machines share: channels, the table's row, time-outs.
 *
 * A session is what follows a finished QUIC handshake: frames in, frames out, time as a parameter.
 * Pure: no I/O, no clock, no heap.  The states, events and rows of both machines are data:
 * docs/protocol.md prints them and a test walks every pair. */
#ifndef QHCP_SESSION_SESSION_H
#define QHCP_SESSION_SESSION_H

#include "base/time.h"
#include "wire/wire.h"

enum session_channel {
    SESSION_STREAM = 0,   /* the control stream */
    SESSION_DATAGRAM = 1, /* a DATAGRAM frame (RFC 9221) */
};

#define SESSION_HELLO_TIMEOUT (5 * NSEC_PER_SEC)   /* handshake to HELLO; HELLO to ACK */
#define SESSION_CONFIG_TIMEOUT (10 * NSEC_PER_SEC) /* CONFIG_UPDATE to CONFIG_ACK */

/* What can happen to a machine: the peer's frame (numbered as its wire type), a call, a time-out.
 */
enum session_event {
    SESSION_ON_UNKNOWN = 0, /* a frame of an unknown type: greasing, or a later version's */
    SESSION_ON_HELLO = WIRE_HELLO,
    SESSION_ON_ACK = WIRE_ACK,
    SESSION_ON_HEALTH_REQUEST = WIRE_HEALTH_REQUEST,
    SESSION_ON_HEALTH_RESPONSE = WIRE_HEALTH_RESPONSE,
    SESSION_ON_CONFIG_UPDATE = WIRE_CONFIG_UPDATE,
    SESSION_ON_CONFIG_ACK = WIRE_CONFIG_ACK,
    SESSION_ON_ERROR = WIRE_ERROR,
    SESSION_ON_TERMINATE = WIRE_TERMINATE,
    SESSION_ON_TERMINATE_ACK = WIRE_TERMINATE_ACK,
    SESSION_ON_CLOSED,    /* the peer closed the connection, or it ended in another way */
    SESSION_DO_OPEN,      /* session_lb_open */
    SESSION_DO_REQUEST,   /* session_lb_request */
    SESSION_DO_CONFIG,    /* session_lb_config, session_server_config */
    SESSION_DO_TERMINATE, /* session_lb_terminate, session_server_terminate */
    SESSION_DO_LEAVE,     /* session_lb_leave */
    SESSION_DO_ACCEPT,    /* session_server_accept */
    SESSION_DO_REFUSE,    /* session_server_refuse */
    SESSION_DO_ANSWER,    /* session_server_answer, _beat */
    SESSION_AT_DEADLINE,  /* HELLO, ACK, CONFIG_ACK or TERMINATE_ACK did not come in time */
    SESSION_AT_EXPIRY,    /* the token was not renewed in time */
    SESSION_EVENTS,
};

/* One row of a machine's table: in `state`, on `event`, do `action` and be in `next`.  A frame
 * without a row is a protocol error (QHCP_E_UNEXPECTED), which ends the session; a call without a
 * row returns QHCP_E_UNEXPECTED and changes nothing; a frame that does not decode, is not allowed
 * in its channel or that its action refuses ends the session in every state but CLOSED. */
struct session_row {
    uint8_t state, event, action, next;
};

/* The row of that pair; NULL if there is none. */
const struct session_row *session_find(const struct session_row *table, size_t n, unsigned state,
                                       unsigned event);

/* The event of a decoded frame. */
enum session_event session_frame_event(uint64_t type);

/* Copies words (or, where they are NULL or empty, `fallback`) into dst as text that wire accepts: a
 * C string of printable UTF-8 that fits cap (at least 1) bytes. */
void session_text(char *dst, size_t cap, const char *words, const char *fallback);

#endif
