/* Failure detection for one server: samples and signals in; verdicts, probes and the next deadline
 * out.  Pure: no clock, no I/O, no allocation.
 *
 * The owner reports what happened (a dial began, a probe left or could not leave, an answer, a
 * signal); health says when to probe and when to dial, and what the verdict is.  Today a verdict
 * comes from definitive signals and from counted misses with fast re-probes; the interface is made
 * for an estimator of loss to take the count's place. */
#ifndef QHCP_HEALTH_HEALTH_H
#define QHCP_HEALTH_HEALTH_H

#include <stdbool.h>

#include "base/time.h"

struct health_config {
    qhcp_nsec interval;           /* between probes of a server that answers */
    qhcp_nsec reconnect_interval; /* between dials of a server that is down */
    unsigned fall;                /* misses (or failed dials) before down, at least 1 */
};

/* Why the verdict is what it is; the owner makes words of it. */
enum health_cause {
    HEALTH_CAUSE_NONE = 0,
    HEALTH_CAUSE_STATUS,       /* the server said so */
    HEALTH_CAUSE_SILENCE,      /* misses checks unanswered, in span */
    HEALTH_CAUSE_UNREACHABLE,  /* ICMP, confirmed by an unanswered burst or refused dials */
    HEALTH_CAUSE_NO_HANDSHAKE, /* dials timed out */
    HEALTH_CAUSE_REFUSED,      /* certificate or token refused, or a protocol error */
    HEALTH_CAUSE_STOPPED,      /* TERMINATE came and the connection ended */
    HEALTH_CAUSE_CLOSED,       /* connection closed by the peer, redials failed */
    HEALTH_CAUSE_METRICS,      /* serving, but without the required metrics */
};

enum health_phase {
    HEALTH_IDLE = 0, /* no connection, none wanted before `next` */
    HEALTH_DIALING,  /* a connection attempt is under way */
    HEALTH_WATCHING, /* session established: probes flow */
};

/* How long an attempt may take before the owner must have said how it went.  The owner times the
 * addresses of a name itself; this only guards against an attempt that is forgotten. */
#define HEALTH_DIAL_TIMEOUT (60 * NSEC_PER_SEC)
#define HEALTH_REDIAL_FIRST (50 * NSEC_PER_MSEC) /* failed dials before down: doubled each time */
#define HEALTH_TIMEOUT_MIN (10 * NSEC_PER_MSEC)  /* of a probe */
#define HEALTH_TIMEOUT_FIRST                                                                       \
    NSEC_PER_SEC                                /* no sample yet (RFC 6298, 2.1); also the least   \
                                                 * upper bound of a probe's timeout */
#define HEALTH_FAST_MIN (5 * NSEC_PER_MSEC)     /* a probe that follows a miss */
#define HEALTH_FAST_FIRST (333 * NSEC_PER_MSEC) /* the same, no sample yet (RFC 9002, 6.2.2) */
#define HEALTH_BURST 3                          /* probes that an ICMP error provokes */
#define HEALTH_BURST_SPACING (5 * NSEC_PER_MSEC)
#define HEALTH_BURST_INTERVAL (200 * NSEC_PER_MSEC) /* between bursts: ICMP can be forged */
#define HEALTH_RETRY (20 * NSEC_PER_MSEC) /* a probe that could not leave, at the latest */
#define HEALTH_LATE (50 * NSEC_PER_MSEC)  /* the owner's own lateness that is still judged by */
#define HEALTH_BLOCKED                                                                             \
    20                 /* with so many misses a probe that cannot leave is silence too: the        \
                        * congestion window is full of unanswered ones */
#define HEALTH_OPEN 32 /* unanswered probes that are timed; more are sent, but not counted */

struct health_probe {
    qhcp_nsec sent, due; /* due: when it counts as missed */
};

struct health {
    struct health_config config;
    enum health_phase phase;
    enum qhcp_state state; /* the verdict */
    enum health_cause cause;
    unsigned fails;            /* misses and failed dials in a row, for people to see */
    unsigned misses;           /* misses in a row on this connection; `fall` of them convict */
    qhcp_nsec next;            /* next probe (WATCHING) or next dial (IDLE) */
    qhcp_nsec grid;            /* next regular probe: a multiple of the interval after the first */
    qhcp_nsec timeout_at;      /* when the first open probe, or the dial, counts as missed */
    qhcp_nsec first_miss_sent; /* when the first of the misses in a row was sent */
    qhcp_nsec srtt, rttvar;    /* RFC 6298; srtt 0: no sample yet */
    qhcp_nsec bound;           /* the server's own processing bound (ACK) */
    struct health_probe open[HEALTH_OPEN]; /* in the order of sending */
    unsigned n_open;
    unsigned burst_left;  /* probes of the burst still to be sent */
    qhcp_nsec burst_from; /* no burst before */
    qhcp_nsec convict_at; /* when the burst's silence convicts; NSEC_NEVER */
    qhcp_nsec dialed_at;
    qhcp_nsec redial_from; /* no immediate redial before */
    bool suspect;          /* ICMP came: burst under way */
    bool asked;            /* a step asked for a probe; health_sent or health_not_sent is owed */
    bool in_burst;         /* the last probe sent was the burst's */
    bool excused;          /* a probe was forgiven because we ourselves were late */
    bool blocked;          /* the window is full after HEALTH_BLOCKED misses */
    bool answered;         /* on this connection */
    bool complete;         /* the newest answer's */
    bool stopped;          /* TERMINATE was seen on this connection */
    bool closed;           /* the last connection was closed by the peer */
};

/* What to do now.  At most one of probe and dial is set, and both stay due until health hears of
 * them.  Health may change its cause without a verdict. */
struct health_step {
    bool probe;   /* send a HEALTH_REQUEST now, then health_sent or health_not_sent */
    bool dial;    /* start a connection attempt now, then health_dialed */
    bool drop;    /* give the present connection or attempt up (before dialling) */
    bool verdict; /* health.state changed, from `from` */
    enum qhcp_state from;
    unsigned misses; /* above 0 when silence ended the connection: checks unanswered ... */
    qhcp_nsec span;  /* ... from the first missed probe's sending to now */
};

enum health_signal {
    HEALTH_SIGNAL_ICMP,    /* port or host unreachable: suspicion, burst follows (of an established
                            * session only; an attempt that ICMP ends is DIAL_UNREACHABLE) */
    HEALTH_SIGNAL_RESET,   /* stateless reset, or another boot id: dial again now */
    HEALTH_SIGNAL_CLOSED,  /* the connection ended without TERMINATE: dial again now */
    HEALTH_SIGNAL_REFUSED, /* refused for trust or protocol: down at once */
    HEALTH_SIGNAL_TERMINATE,        /* the server leaves: draining now, down when it closes */
    HEALTH_SIGNAL_DIAL_FAILED,      /* this attempt failed for want of an answer */
    HEALTH_SIGNAL_DIAL_UNREACHABLE, /* this attempt failed by ICMP */
};

/* config->fall at least 1, intervals above 0.  The first dial is due at `start` (spread by the
 * owner so that a fleet is not dialled in one instant). */
void health_init(struct health *h, const struct health_config *config, qhcp_nsec start);

/* New intervals or fall, from now on. */
void health_configure(struct health *h, const struct health_config *config, qhcp_nsec now);

void health_dialed(struct health *h, qhcp_nsec now);

/* Session established; bound: the server's processing bound. */
void health_established(struct health *h, qhcp_nsec now, qhcp_nsec bound);

void health_sent(struct health *h, qhcp_nsec now);

/* The probe could not leave (window, socket): not a miss; it is tried again shortly.  Instead of
 * health_sent, or after it when this is only found out later (then it takes back the newest). */
void health_not_sent(struct health *h, qhcp_nsec now);

/* An answer came. status: enum qhcp_status; complete: the required metrics were there. */
void health_answer(struct health *h, qhcp_nsec now, qhcp_nsec rtt, unsigned status, bool complete,
                   struct health_step *ret);

/* A pushed status. */
void health_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret);

void health_signal(struct health *h, qhcp_nsec now, enum health_signal signal,
                   struct health_step *ret);

/* Call when health_deadline has come (or at any time): what is due. */
void health_poll(struct health *h, qhcp_nsec now, struct health_step *ret);

qhcp_nsec health_deadline(const struct health *h);

#endif
