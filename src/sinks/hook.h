/* Events that wait for a command or a URL (sink_exec.c, sink_webhook.c): a bounded queue.
 *
 * In: changes of the log, and how attempts ended; out: the event that may be tried now.
 *
 * - Order is kept for each server: an event waits until the one before it of the same server was
 *   taken, or given up.  Others pass it meanwhile.
 * - At most `at_most` are tried at once.
 * - An event whose attempt failed is tried again `retries` times, after 1 s, 2 s, 4 s ... at most
 *   HOOK_PAUSE_MAX.  When nobody answered at all, the others wait as well: they would fare no
 * better.
 * - When the queue is full, the oldest event that is not being tried goes, so that the newest state
 *   is told in the end.  How many went, or were given up without an answer, is told by an event of
 *   kind "missed", before any other.
 *
 * Time is a parameter; nothing here waits or logs. */
#ifndef QHCP_SINKS_HOOK_H
#define QHCP_SINKS_HOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "fleet/ring.h"

#define HOOK_QUEUE 4096 /* events that wait: as many as the log keeps */
#define HOOK_AT_MOST 64
#define HOOK_RETRIES 100
#define HOOK_PAUSE NSEC_PER_SEC /* after the first failure */
#define HOOK_PAUSE_MAX (60 * NSEC_PER_SEC)
#define HOOK_LANES 256 /* of the table by server */

struct hook_event {
    struct hook_event *next, *prev; /* in the order in which they came */
    struct hook_event *later;       /* the next one of the same server */
    struct hook_event *chain;       /* newest of each server, in a lane */
    bool first;                     /* none of the same server is before it */
    bool running;
    uint64_t tells; /* of kind "missed": how many are missing; else 0 */
    unsigned tries; /* that have failed */
    qhcp_nsec at;   /* when it may be tried; 0: now */
    uint64_t key;   /* of the server; 0: of none */
    size_t n;
    char json[]; /* n bytes and a NUL, no newline */
};

struct hook {
    unsigned at_most, retries; /* the owner's, before the first event */
    uint32_t kinds;            /* bits of enum fleet_kind: what is told */
    struct hook_event *oldest, *newest;
    struct hook_event *lanes[HOOK_LANES];
    size_t n;             /* events, those that are being tried among them */
    unsigned running;     /* attempts now */
    uint64_t missed;      /* left out, and not told yet */
    qhcp_nsec missed_at;  /* when that may be told */
    uint64_t missed_ever; /* left out or given up */
    unsigned silent;      /* attempts in a row that nobody answered */
    qhcp_nsec pause_until;
};

/* How an attempt ended. */
enum hook_end {
    HOOK_TAKEN,
    HOOK_REFUSED, /* there was an answer, and it was no */
    HOOK_SILENT,  /* there was none */
};

/* "state,panic" or "all" as bits.  NULL: the default, all but what a list of servers brings with it
 * (added, removed, listed) and sessions.  QHCP_E_PARSE with words. */
int hook_kinds(const char *text, uint32_t *ret, char *words, size_t words_cap);

/* A change of the log; NULL: some were missed there. */
void hook_add(struct hook *h, const struct fleet_change *c);

/* The next event to try, which runs from now on; NULL: none may now (hook_deadline says when). */
struct hook_event *hook_next(struct hook *h, qhcp_nsec now, int64_t wall_ms);

/* Its attempt has ended; the event is gone then, unless it is tried again.  False: it failed the
 * last time, and was given up. */
bool hook_done(struct hook *h, struct hook_event *e, enum hook_end end, qhcp_nsec now);

/* When hook_next may have one; 0: now.  NSEC_NEVER: none waits, or all wait for an attempt's end.
 * It looks at all events, perhaps. */
qhcp_nsec hook_deadline(const struct hook *h);

/* Without an event; what the owner has set stays. */
void hook_clear(struct hook *h);

#endif
