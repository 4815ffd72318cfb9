/* Housekeeping of tickets/, beneath state_ticket_*. */
#ifndef QHCP_STATE_TICKET_H
#define QHCP_STATE_TICKET_H

#include <stdint.h>

#define TICKET_LIFETIME (24 * 3600) /* seconds */
/* Tickets that are kept: one for each of ten thousand servers, and room for their last ones. */
#define TICKET_FILES 16384
#define TICKET_MAX 16384 /* bytes of one: GnuTLS's are about 2 kB */

/* Drops tickets that are too old or from the future (the clock was set back), what a killed process
 * left half-written, and what is more than TICKET_FILES: a ticket that is gone costs one full
 * handshake.  Failures are not reported. */
void ticket_prune(const char *dir, int64_t now);

#endif
