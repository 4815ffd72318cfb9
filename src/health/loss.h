/* How much one server's path loses, and what silence must therefore amount to before it means
 * anything.
 *
 * For: false verdicts within a budget whatever the path is like, without asking more of a good one.
 * In: checks that were answered and silences that an answer ended; out: a demand: so many misses,
 * spread over so long.  Three measures carry it, for losses come alone or in bursts: the share of
 * checks that fail (f), which says how many misses in a row are chance; how long silences last once
 * they have begun, which says how quickly their number falls off; and the longest of late, which
 * has been survived before and so proves nothing.
 *
 * Beats take one way and requests two.  So a beat that came is worth half an answer, and the share
 * of regular requests that fail is kept beside: what is lost on the way to the server shows there
 * alone.
 *
 * A silence that ended in a verdict is not fed: a dead server says nothing of the path.  Only when
 * the server answers again on the same session was it a stall, and the verdict false: then
 * loss_false is told, whose longest counts for a day. */
#ifndef QHCP_HEALTH_LOSS_H
#define QHCP_HEALTH_LOSS_H

#include <stdbool.h>

#include "base/time.h"

#define LOSS_MISSES_MAX 64              /* asked at most ... */
#define LOSS_CEILING (2 * NSEC_PER_SEC) /* ... and over this long at most */
/* Checks within a silence: an unanswered connection's congestion window ends near 30 of them. */
#define LOSS_CHECKS 24
/* How long the longest silence counts, and as long again until a newer one takes its place: of
 * those that ended in time, and of those that a false verdict ended. */
#define LOSS_MEMORY (1200 * NSEC_PER_SEC)
#define LOSS_FALSE_MEMORY (86400 * NSEC_PER_SEC)

/* The longest silence since `since`, and in the memory's time before that. */
struct loss_longest {
    qhcp_nsec longest, before, since;
};

struct loss {
    double fail;     /* f: share of checks that are not answered, or beats that do not come */
    double trips;    /* share of regular requests that begin a silence; where there are beats */
    double first;    /* share of regular checks that begin a silence */
    double again;    /* share of silences in which the check after the first missed too, */
    double gap;      /* the mean distance of checks in those, ns, */
    double excess;   /* and their mean length beyond the second miss, ns */
    double head;     /* mean first time-out, ns */
    unsigned checks; /* fed so far, of each measure; they saturate */
    unsigned regular, silences, long_ones, requests;
    bool beats, half;              /* there were some; half of one is owed */
    struct loss_longest survived;  /* silences that ended in time; LOSS_MEMORY */
    struct loss_longest convicted; /* those that false verdicts ended; LOSS_FALSE_MEMORY */
};

/* What is asked before silence convicts. */
struct loss_demand {
    unsigned misses;   /* in a row */
    qhcp_nsec window;  /* from the sending of the first of them to the sending of the last */
    qhcp_nsec spacing; /* of the checks in between */
};

/* What a demand depends on besides the path. */
struct loss_terms {
    qhcp_nsec interval; /* between regular checks */
    qhcp_nsec fast;     /* the least distance of checks after a miss */
    qhcp_nsec least;    /* the least window */
    qhcp_nsec taught;   /* the most to which false verdicts widen it */
    unsigned fall;      /* the least number of misses */
    unsigned budget;    /* false verdicts in a million server-hours; 0: fall and least are all */
};

/* A silence that an answer, or a beat, has ended. */
struct loss_silence {
    unsigned misses;  /* checks missed, at least 1 ... */
    unsigned beats;   /* ... of these so many were beats */
    bool by_beat;     /* no answer ended it, but a beat */
    qhcp_nsec head;   /* from the first one's sending to its time-out */
    qhcp_nsec length; /* from the first one's sending to the answer, less a round trip */
};

void loss_init(struct loss *l);

/* A regular check was answered. */
void loss_answered(struct loss *l);

/* A beat came in time. */
void loss_beat(struct loss *l);

void loss_silence(struct loss *l, qhcp_nsec now, const struct loss_silence *s);

/* The server was called down for a silence, and has answered again on the same session: after
 * `length`.  One that no window would have outlasted (LOSS_CEILING) teaches nothing. */
void loss_false(struct loss *l, qhcp_nsec now, qhcp_nsec length);

/* f, in tenths of a permille (0 .. 10000). */
unsigned loss_share(const struct loss *l);

/* The longest recent silence that ended in time. */
qhcp_nsec loss_longest(const struct loss *l, qhcp_nsec now);

void loss_ask(const struct loss *l, qhcp_nsec now, const struct loss_terms *t,
              struct loss_demand *ret);

/* How many checks in a row fail by chance no more often than once in 10,000; from `least` to
 * `most`. */
unsigned loss_burst(const struct loss *l, unsigned least, unsigned most);

#endif
