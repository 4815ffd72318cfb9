/* Session tickets as their owner keeps them: the data that TLS needs to resume, after the facts
 * that must still be true: the name, and how long the certificate is good that was verified then.
 * A key seals them that only this machine has, and only under the trust of then: who can read or
 * write where tickets lie can still not make one. */
#ifndef QHCP_QUIC_TICKET_H
#define QHCP_QUIC_TICKET_H

#include <stdbool.h>
#include <time.h>

#include "base/slice.h"
#include "quic/verify.h"

#define QUIC_TICKET_KEY 32

/* A new ticket: malloc'ed, *ret_size bytes.  QHCP_E_NOMEM, QHCP_E_TLS. */
int quic_ticket_wrap(const uint8_t key[QUIC_TICKET_KEY], const char *name,
                     const struct quic_validity *valid, struct slice session, uint8_t **ret,
                     size_t *ret_size);

/* Is this ticket still good for this key and name at this time?  QHCP_E_NOT_FOUND when not: then
 * the handshake is a full one. *ret_session borrows from ticket. */
int quic_ticket_open(struct slice ticket, const uint8_t key[QUIC_TICKET_KEY], const char *name,
                     time_t now, struct slice *ret_session, struct quic_validity *ret_valid);

#endif
