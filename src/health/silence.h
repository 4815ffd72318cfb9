/* The probes of one session that wait for an answer, and what their silence amounts to.
 *
 * In: probes that left, answers and the time; out: misses, and a conviction once they are as many,
 * over as long, as is demanded (loss.h).  A miss needs a probe that left and an owner that was in
 * time and well to see the answer: what falls into the owner's own lateness or trouble does not
 * count against the server. */
#ifndef QHCP_HEALTH_SILENCE_H
#define QHCP_HEALTH_SILENCE_H

#include <stdbool.h>

#include "base/time.h"
#include "health/loss.h"

#define SILENCE_LATE (50 * NSEC_PER_MSEC) /* the owner's own lateness that is still judged by */
/* Unanswered probes that may fill the congestion window by themselves. */
#define SILENCE_BLOCKED 20
#define SILENCE_OPEN 32 /* unanswered probes that are timed; more are sent, but not counted */

struct silence_probe {
    qhcp_nsec sent, due; /* due: when it counts as missed */
};

struct silence {
    struct silence_probe open[SILENCE_OPEN]; /* in the order of sending */
    unsigned n_open;
    struct silence_probe beat; /* the next beat: when it should come, and is missing; due
                                * NSEC_NEVER: none is expected */
    qhcp_nsec timeout_at;      /* when the first of them all counts as missed; NSEC_NEVER: none */
    unsigned misses;           /* in a row, that are held against the server ... */
    unsigned beats;            /* ... of these so many were beats */
    struct loss_demand demand; /* while misses > 0: what convicts */
    qhcp_nsec first, last;     /* when the first and the last of those misses were sent */
    qhcp_nsec head;            /* the first one's time-out */
    unsigned unheard; /* unanswered probes in a row, with those that are not held against it ... */
    qhcp_nsec since;  /* ... and when the first of them was sent; 0: the server answers */
    bool excused;     /* the owner's own lateness was forgiven, and nothing was missed since */
};

/* What the distances of probes follow from. */
struct silence_waits {
    qhcp_nsec timeout;  /* of a regular probe (rtt_timeout) */
    qhcp_nsec fast;     /* of one that follows a miss (rtt_fast) */
    qhcp_nsec interval; /* between regular probes */
    unsigned patience;  /* times as long, since the owner is in trouble; 1: it is not */
};

/* What a silence is judged by. */
struct silence_terms {
    struct loss_demand demand; /* of a silence that begins now */
    unsigned fall;             /* the least number of misses */
    qhcp_nsec ceiling;         /* no silence is asked to be longer, however few probes are in it */
    bool ill;                  /* the owner is */
    qhcp_nsec blocked_at; /* when one of the owner's datagrams could last not leave; 0: never */
    qhcp_nsec others; /* other servers are being asked: the verdict waits until the silence is so
                       * much longer than demanded; 0: none are */
    qhcp_nsec next;   /* when the next probe is due */
};

struct silence_report {
    bool convicts;
    bool hurry;                     /* the next probe is due now */
    bool beat;                      /* the beat that was expected did not come: none is now */
    unsigned n;                     /* probes that were missed just now, held against it or not, */
    qhcp_nsec missed[SILENCE_OPEN]; /* and when they were sent */
};

void silence_init(struct silence *s);

/* The session has ended, or begins: nothing is open. */
void silence_forget(struct silence *s);

/* The server has answered something: nothing is held against it. */
void silence_acquit(struct silence *s);

/* A probe left (not a burst's). */
void silence_sent(struct silence *s, qhcp_nsec now, const struct silence_waits *w);

/* A beat should come at `at`, and is missing from `due` on; in place of the one before.  due
 * NSEC_NEVER: none is expected. */
void silence_expect(struct silence *s, qhcp_nsec at, qhcp_nsec due);

/* The newest one did not leave after all. */
void silence_take_back(struct silence *s);

/* The distance of probes while misses > 0: as the demand says, but no more than the regular one. */
qhcp_nsec silence_pace(const struct silence *s, const struct silence_waits *w);

/* A probe of a burst, sent then, was not answered: it counts towards a silence that outlasts what
 * can be sent, though not as a miss. */
void silence_unheard(struct silence *s, qhcp_nsec sent);

/* The probe sent then (give or take slack) was answered: those sent before it are no longer waited
 * for. */
void silence_answered(struct silence *s, qhcp_nsec sent, qhcp_nsec slack);

/* The silence that ends at `end`, of misses > 0. */
struct loss_silence silence_ended(const struct silence *s, qhcp_nsec end);

/* Counts what is overdue as missed.  When that convicts, misses and first (or unheard and since, if
 * they are more) say by what. */
void silence_judge(struct silence *s, qhcp_nsec now, const struct silence_terms *t,
                   struct silence_report *ret);

/* A quarter of the misses that convict are there: one on a good path, and on a bad one more than
 * loss makes all the time. */
bool silence_doubted(const struct silence *s);

/* Half of what convicts is there: half of the misses, over half the time. */
bool silence_pressed(const struct silence *s, qhcp_nsec now);

/* The owner comes so long after `due` that the answer may be there unread: not the server's fault.
 * timeout: how long after its sending the probe was due. */
bool silence_too_late(qhcp_nsec now, qhcp_nsec due, qhcp_nsec timeout);

#endif
