/* Session tickets as their owner keeps them: the data that TLS needs to resume, after the facts
 * that must still be true: the trust under which it was made, the name, and the end of the
 * certificate that was verified then. */
#ifndef QHCP_QUIC_TICKET_H
#define QHCP_QUIC_TICKET_H

#include <stdbool.h>
#include <time.h>

#include "base/slice.h"

/* A new ticket: malloc'ed, *ret_size bytes.  QHCP_E_NOMEM, QHCP_E_TLS. */
int quic_ticket_wrap(const uint8_t fingerprint[32], const char *name, int64_t expires,
                     struct slice session, uint8_t **ret, size_t *ret_size);

/* Is this ticket still good for this trust and name at this time?  QHCP_E_NOT_FOUND when not: then
 * the handshake is a full one. *ret_session borrows from ticket. */
int quic_ticket_open(struct slice ticket, const uint8_t fingerprint[32], const char *name,
                     time_t now, struct slice *ret_session, int64_t *ret_expires);

#endif
