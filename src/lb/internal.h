/* The load balancer's core, inside: one server, and all of them.
 *
 * A backend is one host:port of the list.  It consists of parts.  Each part has a file of its name;
 * the header says what the part is for, and only that file changes it.  Calls go down this list; a
 * file calls none above it, except that every file hands its findings to act.c:
 *
 * lb.c          the public functions; view.c: those that look
 * removal.c     servers that leave the list
 * backend.c     one server: its parts put together, and what is due of it
 * link.c        quic's events; a connection with its session, from its begin to its one end
 * lost.c        a connection that was given up, and may live
 * talk.c        messages: what a frame says goes to report.c, update.c, leave.c, health
 * ended.c       what the end of a connection says
 * hold.c        what the brake holds
 * listen.c      beats, which servers send by themselves
 * act.c     health's steps put into effect; reason.c: its words
 * attempt.c        attempts at a connection; starts.c: whose turn it is; paths.c: ports and
 *                  addresses of our own
 * update.c      CONFIG_UPDATE: token.c, revoked.c (a list of revocations), config.c
 * credentials.c files; ticket.c: TLS tickets and certificates
 * settle.c      the end of every public call: timers, cross.c (who else is silent?), publish.c
 *
 * A check: health's deadline -> backend.c -> act.c -> talk.c -> quic; its answer: quic ->
 * link.c
 * -> talk.c -> report.c, health -> act.c.  settle.c then arms the timer and announces what is
 * new. */
#ifndef QHCP_LB_INTERNAL_H
#define QHCP_LB_INTERNAL_H

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->unlisted = true)
#include <uthash.h>

#include <qhcp/lb.h>

#include "base/address.h"
#include "base/wheel.h"
#include "fleet/panic.h"
#include "health/health.h"
#include "lb/act.h"
#include "lb/attempt.h"
#include "lb/config.h"
#include "lb/credentials.h"
#include "lb/cross.h"
#include "lb/ended.h"
#include "lb/hold.h"
#include "lb/leave.h"
#include "lb/link.h"
#include "lb/listen.h"
#include "lb/lost.h"
#include "lb/own.h"
#include "lb/paths.h"
#include "lb/publish.h"
#include "lb/reason.h"
#include "lb/removal.h"
#include "lb/report.h"
#include "lb/revoked.h"
#include "lb/settle.h"
#include "lb/starts.h"
#include "lb/talk.h"
#include "lb/tick.h"
#include "lb/ticket.h"
#include "lb/token.h"
#include "lb/update.h"
#include "quic/quic.h"
#include "state/shelf.h"
#include "state/state.h"

#define LB_STOP_WAIT (900 * NSEC_PER_MSEC) /* for TERMINATE_ACKs */
#define LB_EXPIRE 64                       /* servers that are due, in a call */
#define LB_STOP_MAX NSEC_PER_SEC           /* from the stop to the end of all */

/* The parts of an address: a struct address with a text as long as it is. */
struct listed {
    const char *host;
    uint16_t port;
    bool literal;
    union qhcp_addr addr;
};

/* One server. */
struct backend {
    struct wheel_timer timer; /* first: a node is its backend */
    struct qhcp_lb *lb;

    /* As it is listed; it does not change. */
    size_t id; /* ascending, never reused */
    struct listed address;
    const char *text, *key; /* the text, and what the hash knows it by */
    UT_hash_handle hh;
    bool unlisted; /* it is not in the hash: it leaves, or there was no memory */

    struct own own;

    /* The way to it. */
    struct attempt attempt;
    struct start start;
    struct paths paths;
    struct ticket ticket;

    /* The session, and what it is owed. */
    struct link link;
    struct lost *lost; /* or NULL: always while there is a session */
    struct talk talk;
    struct listen listen;
    struct token token;
    struct update update;
    struct revocation revocation;
    struct leave leave;

    /* What it says, and what we say of it. */
    struct report report;
    struct health health;
    struct panic_standing standing; /* what counts of it in panic: act.c */
    struct hold hold;
    struct reason reason;
    struct cross cross;
    struct publish publish;
    struct settle settle;
};

/* All servers. */
struct qhcp_lb {
    struct lb_config *owned;       /* the configuration's storage */
    struct qhcp_lb_config *config; /* in it */
    struct state state;
    bool state_open;
    struct shelf shelf; /* of tickets */
    struct credentials credentials;
    qhcp_nsec revoked_tell_at; /* when the log names the servers that do not know what is revoked */
    struct quic_endpoint *quic;

    struct backend **backends; /* ascending ids */
    struct backend *by_key;
    size_t count, cap, next_id;
    struct wheel wheel;      /* of their timers */
    struct backend *touched; /* settle.c's list */
    size_t unsettled;        /* the first so many are to be settled, in slices */
    unsigned depth;          /* public calls under way: above 1 in a callback that calls in */

    struct tick tick;               /* that regular probes share */
    struct local local;             /* our own trouble, which every backend's health looks at */
    struct crowd crowd;             /* who is silent */
    struct brake brake;             /* how many may be called down for that */
    struct starts starts;           /* whose turn it is to be dialled */
    struct paths_all paths;         /* our own ports and addresses */
    size_t lost;                    /* backends with a struct lost */
    uint32_t seed;                  /* of the probes' phases */
    size_t in_state[QHCP_DOWN + 1]; /* how many backends are */
    enum qhcp_use use;              /* what panic has led to */

    qhcp_nsec now;  /* of the public call under way */
    int icmp_error; /* errno of the ICMP under way ... */
    bool icmp_own;  /* ... which is this machine's own word */
    bool stopping;
    qhcp_nsec stop_at;
};

/* backend.c */
int backend_new(struct qhcp_lb *lb, qhcp_nsec now, const char *text, const struct address *address,
                struct backend **ret);
void backend_free(struct backend *b);
/* The zone of its address, which is a literal, may be there by now. */
void backend_find_zone(struct backend *b);
/* When backend_expire is to be called. */
qhcp_nsec backend_deadline(const struct backend *b);
void backend_expire(struct backend *b, qhcp_nsec now);
/* The configuration is a new one. metrics: so is the list of them. */
void backend_configure(struct backend *b, qhcp_nsec now, bool metrics);
void backend_stop(struct backend *b, qhcp_nsec now);

/* lb.c */
/* The backend with this address in the list; NULL. */
struct backend *lb_find(const struct qhcp_lb *lb, const char *text);
/* The index of the backend with this id, or count. */
size_t lb_index(const struct qhcp_lb *lb, size_t id);
void lb_log(struct qhcp_lb *lb, enum qhcp_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Backends have changed state, were added or removed, or the panic options have changed: decides
 * whether there is a panic. */
void lb_judge_panic(struct qhcp_lb *lb);

#endif
