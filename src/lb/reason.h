/* The words of a verdict: they name the cause, in the operator's terms. */
#ifndef QHCP_LB_REASON_H
#define QHCP_LB_REASON_H

#include <stddef.h>

#include "base/kept.h"

#include <qhcp/lb.h>

struct backend;
struct health_step;

#define REASON_PORT 96 /* of a data port, with the NUL */

/* Embedded in struct backend; only reason.c changes it. */
struct reason {
    struct kept words;             /* of the present state; "" for up */
    struct kept why;               /* the failure that the next words may tell of; or "" */
    struct kept port;              /* why its data port is bad */
    unsigned long long stalled_ms; /* of the false verdict that ends; 0: none does */
};

/* Health has taken this step: finds words for the state, and marks them for announcement where they
 * are new. */
void reason_find(struct backend *b, const struct health_step *step);
/* Something failed, and these words say what; "": nothing has yet. */
void reason_because(struct backend *b, const char *words);
/* The verdict on its data port, from a probe or the forwarder. */
void reason_port(struct backend *b, const char *words);
/* The last verdict was false, for a session that was silent for so long; 0: it is another. */
void reason_stalled(struct backend *b, qhcp_nsec silence);
/* The event of a verdict; from: the state before. */
void reason_tell(struct backend *b, enum qhcp_state from);

void reason_deinit(struct reason *r);

const char *reason_icmp(int error);
/* What its last going down rested on; "" for none. */
void reason_evidence(const struct backend *b, char *ret, size_t cap);

#endif
