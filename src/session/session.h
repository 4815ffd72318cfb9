/* What both protocol machines share: channels, the table's row, time-outs.
 *
 * A session is what follows a finished QUIC handshake: frames in, frames out, time as a parameter.
 * Pure: no I/O, no clock, no heap.  The states, events and rows of both machines are data
 * (STYLE.md's rule 11): docs/protocol.md prints them and a test walks every pair. */
#ifndef QHCP_SESSION_SESSION_H
#define QHCP_SESSION_SESSION_H

#include "base/time.h"
#include "wire/wire.h"

enum session_channel {
    SESSION_STREAM = 0,   /* the control stream */
    SESSION_DATAGRAM = 1, /* a DATAGRAM frame (RFC 9221) */
};

#define SESSION_HELLO_TIMEOUT (5 * NSEC_PER_SEC)  /* handshake to HELLO; HELLO to ACK */
#define SESSION_CONFIG_TIMEOUT (10 * NSEC_PER_SEC) /* CONFIG_UPDATE to CONFIG_ACK */

/* One row of a machine's table: in `state`, on `event`, do `action` and be in `next`.  A pair
 * without a row is a protocol error (QHCP_E_UNEXPECTED), which ends the session. */
struct session_row {
    uint8_t state, event, action, next;
};

#endif
