/* Messages to and from one server: between its connection (link.c) and its session (src/session).
 *
 * In: bytes and datagrams; what they say goes down to report.c, update.c, leave.c and health, and a
 * breach of the protocol ends the link. */
#ifndef QHCP_LB_TALK_H
#define QHCP_LB_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct backend;

#define TALK_UNASKED 64                         /* unasked frames in an interval ... */
#define TALK_UNASKED_EVERY (20 * NSEC_PER_MSEC) /* ... and one so often, before EXCESSIVE */

/* Embedded in struct backend; only talk.c changes it. */
struct talk {
    qhcp_nsec slot;   /* when the newest check was to leave, of the regular ones; 0: it is none */
    unsigned unasked; /* unasked frames since unasked_since */
    qhcp_nsec unasked_since;
};

void talk_bytes(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n);
void talk_datagram(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n);
/* The session's deadline has passed. */
void talk_expire(struct backend *b, qhcp_nsec now);
/* Makes a check and sends it. */
void talk_probe(struct backend *b, qhcp_nsec now);
/* The check with this number leaves. */
void talk_sent(struct backend *b, qhcp_nsec now, uint64_t seq);
/* The check with this number did not leave after all. */
void talk_not_sent(struct backend *b, qhcp_nsec now, uint64_t seq);
/* Sends every frame that is due. */
void talk_flush(struct backend *b, qhcp_nsec now);

#endif
