/* A connection has ended: what this means for the server.
 *
 * In flows how it ended, as quic says (link.c) or as we found out ourselves (talk.c); out: a signal
 * for health, another attempt, or another key. */
#ifndef QHCP_LB_ENDED_H
#define QHCP_LB_ENDED_H

#include "base/time.h"
#include "quic/quic.h"

struct backend;

/* b's connection or attempt has ended, or must end, for this reason.  If it is still open, it is
 * closed with this code (0 or QHCP_E_*) and these words. */
void ended(struct backend *b, qhcp_nsec now, const struct quic_close *why, int code,
           const char *farewell);

#endif
