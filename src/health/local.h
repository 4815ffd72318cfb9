/* The load balancer's own trouble: a score that its servers share.
 *
 * For: a load balancer that is late, loses datagrams or is cut off itself must not call servers
 * dead.  In: signs of that (a late loop, datagrams that could not leave or that the receive buffer
 * dropped, many suspects at once); out: a score from 0 (well) to LOCAL_MAX, which falls by one each
 * LOCAL_DECAY.  Time-outs are multiplied by score + 1, and silence makes no server down while it is
 * above 0 (the idea is Lifeguard's: arXiv 1707.00788, 3.1).
 *
 * The same crowd of suspects is a sign once in LOCAL_CROWD_PAUSE only: when a quarter of the fleet
 * really died, its verdict is put off by the second that the score takes to fall, and no longer;
 * when all of it seems dead, by three, for then the fault is most likely ours, and nobody is left
 * to choose instead. */
#ifndef QHCP_HEALTH_LOCAL_H
#define QHCP_HEALTH_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

#define LOCAL_MAX 7
#define LOCAL_DECAY (500 * NSEC_PER_MSEC)
#define LOCAL_LATE (50 * NSEC_PER_MSEC) /* a loop that is later than this; ten times: 2; 100: 3 */
#define LOCAL_CROWD 5                   /* suspects at once at least (the owner sees to that) ... */
#define LOCAL_QUARTER_SCORE 2           /* ... a quarter */
#define LOCAL_ALL_SCORE 6               /* ... nine in ten */
#define LOCAL_ASK_MOST (100 * NSEC_PER_MSEC)
#define LOCAL_CROWD_PAUSE (10 * NSEC_PER_SEC)

/* All 0 is well. */
struct local {
    unsigned level;        /* the score at `at` */
    qhcp_nsec at;          /* it falls from here */
    unsigned crowd;        /* what the crowd of late has raised it to ... */
    qhcp_nsec crowd_until; /* ... which it does again only after this */
    qhcp_nsec blocked_at;  /* when a datagram could last not leave; 0: never */
    unsigned asked;        /* others that were asked and have not told yet ... */
    qhcp_nsec asked_until; /* ... for whom nobody waits longer */
};

unsigned local_score(const struct local *l, qhcp_nsec now);

/* The loop came `late` after it was due. */
void local_late(struct local *l, qhcp_nsec now, qhcp_nsec late);

/* Datagrams could not leave just now, for lack of room in the socket or of memory.  What was sent
 * before may not have left: no silence since then counts against a server. */
void local_blocked(struct local *l, qhcp_nsec now);

/* Datagrams were dropped for lack of room since the last call. */
void local_dropped(struct local *l, qhcp_nsec now, uint64_t n);

/* So many (above 0) of the servers that are watched, or of a sample of them, are suspects now, and
 * that is more than chance would make. */
void local_suspects(struct local *l, qhcp_nsec now, size_t suspects, size_t watched);

/* So many others are asked whether they answer: no silence convicts before they have told, within
 * LOCAL_ASK_MOST. */
void local_ask(struct local *l, qhcp_nsec now, unsigned n);
void local_told(struct local *l);
bool local_asking(const struct local *l, qhcp_nsec now);

/* There are no suspects any more: the next crowd is another. */
void local_dispersed(struct local *l);

#endif
