/* A fake clock and an obedient owner around struct health. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#include "health/health.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define START (1000 * SEC)

struct clock {
    struct health h;
    struct health_step step; /* the last one */
    qhcp_nsec now;
    qhcp_nsec bound;
    qhcp_nsec last_sent;
    unsigned probes;
};

/* interval 1 s, reconnect_interval 30 s; the first dial is due at once. */
void clock_init(struct clock *c, unsigned fall);
/* Dialled and established at once, and the first probe sent. */
void clock_establish(struct clock *c);
/* Established, and 50 checks answered within 1 ms each, one a second: up, nothing open. */
void clock_up(struct clock *c, unsigned fall);
/* Does what the last step asks for: a probe is sent (nothing else is obeyed). */
void clock_take(struct clock *c);
/* Goes on to the next deadline and polls; a probe asked for is sent. */
void clock_step(struct clock *c);
/* Steps until a step asks for more than a probe, or `limit` has passed; that step. */
struct health_step clock_until(struct clock *c, qhcp_nsec limit);
/* Goes on to the next regular probe and sends it; nobody answers.  When it was sent; c->probes is
 * 1. */
qhcp_nsec clock_cut(struct clock *c);
/* Sends the next probe if none is open, and answers the last one 1 ms later. */
void answer(struct clock *c, unsigned status, bool complete);
/* For `span`, every probe is answered after `rtt`. */
void clock_answering(struct clock *c, qhcp_nsec span, qhcp_nsec rtt);
void clock_signal(struct clock *c, enum health_signal signal);

#endif
