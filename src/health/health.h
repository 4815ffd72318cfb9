/* Failure detection for one server: samples and signals in; verdicts, probes and the next deadline
 * out.  Pure: no clock, no I/O, no allocation.
 *
 * The owner reports what happened (a dial began, a probe left or could not leave, an answer, a
 * signal); health says when to probe and when to dial, and what the verdict is.  A verdict comes
 * from a definitive signal, or from silence: misses with fast re-probes, as many and over as long
 * as the path's measured loss and a budget of false verdicts ask for (loss.h), and never while the
 * owner itself is in trouble (local.h). */
#ifndef QHCP_HEALTH_HEALTH_H
#define QHCP_HEALTH_HEALTH_H

#include <stdbool.h>

#include "base/time.h"
#include "health/beat.h"
#include "health/brake.h"
#include "health/burst.h"
#include "health/cause.h"
#include "health/dial.h"
#include "health/evidence.h"
#include "health/flap.h"
#include "health/grid.h"
#include "health/local.h"
#include "health/loss.h"
#include "health/rtt.h"
#include "health/silence.h"

/* What is 0 is not asked for (the first three aside): HEALTH_RISE and so on are the defaults that a
 * site can live with. */
struct health_config {
    qhcp_nsec interval;           /* between probes of a server that answers */
    qhcp_nsec check;              /* between probes of one that sends beats; 0: interval */
    qhcp_nsec reconnect_interval; /* between dials of a server that is down */
    unsigned fall;                /* misses (or failed dials) before down, at least 1 */
    unsigned rise;                /* answers on a connection before a server that was down is up */
    qhcp_nsec window;             /* the least span of a silence that convicts, besides srtt */
    unsigned budget;              /* false verdicts by silence in a million server-hours */
    qhcp_nsec flap_hold;          /* down at least this long after the second fault (flap.h) */
    qhcp_nsec slow_start;         /* until a server that was down has its whole weight */
    uint32_t phase; /* where in the interval it is probed, in parts of 2^32: random per server */
    const qhcp_nsec
        *tick; /* regular probes are due at its multiples; shared.  NULL or 0: anywhere */
    const struct local *local; /* its owner's trouble (local.h), shared; NULL: never any */
    struct brake *brake;       /* of verdicts for silence (brake.h), shared; NULL: none */
};

/* Two answers, a round trip and 5 ms apart: one could be the last gasp of a server that restarts
 * again. */
#define HEALTH_RISE 2
/* A total outage of 50 ms, as when a link fails over, is no verdict; an interval, this, a time-out
 * of 5 ms and a late wake-up are still within interval + 75 ms. */
#define HEALTH_WINDOW (54 * NSEC_PER_MSEC)
#define HEALTH_WINDOW_FROM (200 * NSEC_PER_MSEC) /* of the interval: health_window */
#define HEALTH_WINDOW_MOST NSEC_PER_SEC          /* by the interval alone */
#define HEALTH_TAUGHT 4                          /* see judge.c: how much false verdicts teach */
#define HEALTH_BUDGET 500                        /* 0.0005 an hour: one in 2,000 server-hours */
#define HEALTH_FLAP_HOLD (5 * NSEC_PER_SEC)
#define HEALTH_SLOW_START (10 * NSEC_PER_SEC)

enum health_phase {
    HEALTH_IDLE = 0, /* no connection, none wanted before `next` */
    HEALTH_DIALING,  /* a connection attempt is under way */
    HEALTH_WATCHING, /* session established: probes flow */
};

#define HEALTH_RETRY (20 * NSEC_PER_MSEC)   /* a probe that could not leave, at the latest */
#define HEALTH_NO_WAY (100 * NSEC_PER_MSEC) /* the same, while this machine has no way there */

/* The present session: all 0 when one begins, or is found again. */
struct health_session {
    qhcp_nsec from;  /* that was */
    bool answered;   /* it has answered a check */
    bool complete;   /* the newest answer was */
    bool stopped;    /* TERMINATE was seen */
    unsigned status; /* the newest one */
    unsigned risen;  /* answers, up to config.rise */
};

struct health {
    struct health_config config;
    enum health_phase phase;
    enum qhcp_state state; /* the verdict */
    enum health_cause cause;
    unsigned fails; /* misses and failed dials in a row, for people to see */
    qhcp_nsec next; /* next probe (WATCHING) or next dial (IDLE) */
    struct grid grid;
    struct rtt rtt; /* of the path, as loss: they outlive sessions */
    struct loss loss;
    struct silence silence;
    struct burst burst;
    struct beat beat; /* of this session */
    struct dial dial;
    struct health_session session;
    struct flap flap;
    struct evidence_ring ring; /* the newest probes */
    struct evidence evidence;  /* of the last time it went down */
    qhcp_nsec accused_from;    /* the silence that the last verdict was for; 0: none, or settled */
    unsigned false_verdicts;   /* that the same session has refuted */
    int signal;                /* the last one, or -1 */
    qhcp_nsec signal_at;
    bool asked;    /* a step asked for a probe; health_sent or health_not_sent is owed */
    bool port_bad; /* whoever uses its data port says so */
};

/* What to do now.  At most one of probe and dial is set, and both stay due until health hears of
 * them.  Health may change its cause without a verdict. */
struct health_step {
    bool probe;   /* send a HEALTH_REQUEST now, then health_sent or health_not_sent */
    bool dial;    /* start a connection attempt now, then health_dialed */
    bool drop;    /* give the present connection or attempt up (before dialling) */
    bool lost;    /* with drop: nobody said that the connection has ended, it fell silent; the
                   * owner may keep it, and health_found if it is heard of again */
    bool verdict; /* health.state changed, from `from` */
    enum qhcp_state from;
    unsigned misses;   /* above 0 when silence ended the connection: checks unanswered ... */
    qhcp_nsec span;    /* ... from the first missed probe's sending to now */
    bool mute;         /* it answers, but its beats do not come as agreed */
    qhcp_nsec refuted; /* above 0: this answer proves the last verdict false, for the session that
                        * it gave up lives; how long that was silent */
};

enum health_signal {
    HEALTH_SIGNAL_ICMP, /* port or host unreachable: suspicion, burst follows (of an established
                         * session only; an attempt that ICMP ends is DIAL_UNREACHABLE) */
    HEALTH_SIGNAL_ICMP_CERTAIN,     /* the same, and it quotes what nobody off the path knows */
    HEALTH_SIGNAL_RESET,            /* stateless reset, or another boot id: dial again now */
    HEALTH_SIGNAL_CLOSED,           /* the connection ended without TERMINATE: dial again now */
    HEALTH_SIGNAL_REFUSED,          /* refused for trust or protocol: down at once */
    HEALTH_SIGNAL_TERMINATE,        /* the server leaves: draining now, down when it closes */
    HEALTH_SIGNAL_DIAL_FAILED,      /* this attempt failed for lack of an answer */
    HEALTH_SIGNAL_DIAL_UNREACHABLE, /* this attempt failed by ICMP */
    HEALTH_SIGNAL_RETURNED, /* it is there again, but has forgotten the connection that was lost:
                             * dial now, and give up an attempt that began before */
};

/* The least window where the site does not say: three quarters of what the interval is beyond 200
 * ms (600 ms at 1 s), HEALTH_WINDOW at least and HEALTH_WINDOW_MOST at most.  Machines stand still
 * for moments; a load balancer that checks once a second needs no verdict on that. */
qhcp_nsec health_window(qhcp_nsec interval);

/* config->fall at least 1, intervals above 0.  The first dial is due at `start`. */
void health_init(struct health *h, const struct health_config *config, qhcp_nsec start);

/* New intervals or fall, from now on. */
void health_configure(struct health *h, const struct health_config *config, qhcp_nsec now);

void health_dialed(struct health *h, qhcp_nsec now);

/* The attempt waited for its turn, and begins only now. */
void health_dial_turn(struct health *h, qhcp_nsec now);

/* Session established; bound: the server's processing bound. */
void health_established(struct health *h, qhcp_nsec now, qhcp_nsec bound);

/* A lost session is heard of again (in whatever phase).  The first answer on it, which bears the
 * boot id that the session began with, proves that the server did not fail: that it, or its path,
 * stood still.  step.refuted says so, and the path's window learns of it (loss.h). */
void health_found(struct health *h, qhcp_nsec now);

void health_sent(struct health *h, qhcp_nsec now);

/* When the regular probe was to leave that leaves now; 0: what leaves now is another one. */
qhcp_nsec health_slot(const struct health *h, qhcp_nsec now);

/* The probe could not leave (window, socket): not a miss; it is tried again shortly.  Instead of
 * health_sent, or after it when this is only found out later (then it takes back the newest). */
void health_not_sent(struct health *h, qhcp_nsec now);

/* Not sent either: this machine itself has no way to the server, and may have one again soon. */
void health_no_way(struct health *h, qhcp_nsec now);

/* An answer came, at `at`, and may have waited until now to be read.  rtt: until it came. status:
 * enum qhcp_status; complete: the required metrics were there. */
void health_answer(struct health *h, qhcp_nsec now, qhcp_nsec at, qhcp_nsec rtt, unsigned status,
                   bool complete, struct health_step *ret);

/* The session's server sends beats from now on, so often; 0: it does not, or no more. */
void health_listen(struct health *h, qhcp_nsec now, qhcp_nsec interval);

/* One came at `at`, which is not after now; slots: as for beat_heard.  It proves that the server
 * lives and that the way from it works.  So it acquits of a silence in which beats were missing,
 * and not of one that requests alone began: then the way to the server may be cut. */
void health_beat(struct health *h, qhcp_nsec now, qhcp_nsec at, uint64_t slots,
                 struct health_step *ret);

/* A pushed status. */
void health_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret);

/* The server is to be told something at once: the next probe brings it. */
void health_hurry(struct health *h, qhcp_nsec now, struct health_step *ret);

void health_signal(struct health *h, qhcp_nsec now, enum health_signal signal,
                   struct health_step *ret);

/* The verdict on its data port, from the forwarder or a probe.  A server that says "serving" (or
 * degraded) while its port is dead is down; while its owner is in trouble this waits. */
void health_data_port(struct health *h, qhcp_nsec now, bool open, struct health_step *ret);

/* The share of its weight that new traffic gives it now, in permille: 0 unless up or degraded, and
 * growing for config.slow_start after it was down. */
unsigned health_weight(const struct health *h, qhcp_nsec now);

/* It has fallen silent: a probe was missed, and no ICMP says why. */
static inline bool health_suspected(const struct health *h)
{
    return h->phase == HEALTH_WATCHING && h->session.answered && h->silence.since > 0 &&
           !h->burst.active;
}

/* A quarter of what convicts it by silence is there (silence_doubted). */
static inline bool health_doubted(const struct health *h)
{
    return silence_doubted(&h->silence);
}

/* Half of it is there: time to see whether others answer. */
static inline bool health_pressed(const struct health *h, qhcp_nsec now)
{
    return silence_pressed(&h->silence, now);
}

/* Asks for a probe now, of a server that answers; false if there is none to ask. */
bool health_ask(struct health *h, qhcp_nsec now);

/* What it was asked is not answered yet. */
bool health_asked(const struct health *h, qhcp_nsec now);

/* Where it waits for the next dial: dial now. */
void health_redial(struct health *h, qhcp_nsec now, struct health_step *ret);

/* Call when health_deadline has come (or at any time): what is due. */
void health_poll(struct health *h, qhcp_nsec now, struct health_step *ret);

qhcp_nsec health_deadline(const struct health *h);

#endif
