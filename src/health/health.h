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
    HEALTH_CAUSE_STATUS,      /* the server said so */
    HEALTH_CAUSE_SILENCE,     /* misses checks unanswered, in span */
    HEALTH_CAUSE_UNREACHABLE, /* ICMP, confirmed by an unanswered burst or refused dials */
    HEALTH_CAUSE_NO_HANDSHAKE, /* dials timed out */
    HEALTH_CAUSE_REFUSED,     /* certificate or token refused, or a protocol error */
    HEALTH_CAUSE_STOPPED,     /* TERMINATE came and the connection ended */
    HEALTH_CAUSE_CLOSED,      /* connection closed by the peer, redials failed */
    HEALTH_CAUSE_METRICS,     /* serving, but without the required metrics */
};

enum health_phase {
    HEALTH_IDLE = 0, /* no connection, none wanted before `next` */
    HEALTH_DIALING,  /* a connection attempt is under way */
    HEALTH_WATCHING, /* session established: probes flow */
};

struct health {
    struct health_config config;
    enum health_phase phase;
    enum qhcp_state state; /* the verdict */
    enum health_cause cause;
    unsigned fails;      /* misses or failed dials in a row */
    qhcp_nsec next;      /* next probe (WATCHING) or next dial (IDLE) */
    qhcp_nsec timeout_at; /* when the oldest open probe, or the dial, counts as missed */
    qhcp_nsec first_miss_sent; /* when the first of the misses in a row was sent */
    qhcp_nsec srtt, rttvar; /* RFC 6298; srtt 0: no sample yet */
    qhcp_nsec bound;     /* the server's own processing bound (ACK) */
    bool suspect;        /* ICMP came: burst under way */
    bool open;           /* a probe is unanswered */
    bool stopped;        /* TERMINATE was seen on this connection */
};

/* What to do now.  At most one of probe and dial is set; verdict says that state, cause or both
 * changed with this call. */
struct health_step {
    bool probe;   /* send a HEALTH_REQUEST now, then health_sent or health_not_sent */
    bool dial;    /* start a connection attempt now, then health_dialed */
    bool drop;    /* give the present connection or attempt up */
    bool verdict; /* health.state changed */
    enum qhcp_state from;
    unsigned misses; /* of a verdict by SILENCE */
    qhcp_nsec span;  /* from the first missed probe to the verdict */
};

enum health_signal {
    HEALTH_SIGNAL_ICMP,    /* port or host unreachable: suspicion, burst follows */
    HEALTH_SIGNAL_RESET,   /* stateless reset, or another boot id: dial again now */
    HEALTH_SIGNAL_CLOSED,  /* the connection ended without TERMINATE: dial again now */
    HEALTH_SIGNAL_REFUSED, /* refused for trust or protocol: down at once */
    HEALTH_SIGNAL_TERMINATE, /* the server leaves: draining now, down when it closes */
    HEALTH_SIGNAL_DIAL_FAILED, /* this attempt failed for want of an answer */
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

/* The probe could not leave (window, socket): not a miss; it is tried again shortly. */
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
