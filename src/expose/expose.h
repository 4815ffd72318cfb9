/* What `qhcp server` tells those who are no load balancers of QHCP: one listener for HTTP/2 and
 * HTTP/1.1, with gRPC health checks, ORCA's load reports, the status as JSON, and metrics.
 *
 *   listener -> connection (expose_conn.c) -> HTTP/2 (http2.c) -> gRPC (grpc.c) -> facts, messages
 *                                          -> HTTP/1.1 (http1.c) -> pages (pages.c)
 *
 * In: connections, the passing of time.  Out: answers; nothing can be changed here, and nobody has
 * to prove who he is.  It lives on the thread that answers load balancers, and must never delay
 * that: whatever comes is bounded in number and size, and what it costs is bounded to a part of one
 * CPU and a slice of each turn of the loop (allowance.h). */
#ifndef QHCP_EXPOSE_EXPOSE_H
#define QHCP_EXPOSE_EXPOSE_H

#include "base/wheel.h"
#include "expose/allowance.h"
#include "expose/expose_tls.h"
#include "expose/facts.h"
#include "loop/listener.h"

#define EXPOSE_DOORS 8    /* of one process */
#define EXPOSE_CONNS 64   /* connections at once, of all doors */
#define EXPOSE_OF_ONE 48  /* of them from one address that is not this machine's */
#define EXPOSE_STREAMS 32 /* requests at once on one connection */

struct expose;

struct expose_config {
    struct loop *loop;
    struct qhcp_server *core;
    const char *id, *version;         /* for metrics */
    const char *cert_file, *key_file; /* NULL: the state directory's */
    const char *const *services;      /* n_services of --service */
    size_t n_services;
    bool insecure; /* no TLS, wherever it listens */
};

/* Something that happens at a time: its owner embeds it. */
struct expose_timer {
    struct wheel_timer timer; /* first: a node is its owner's */
    void (*fn)(struct expose_timer *t, qhcp_nsec now);
};

struct expose_door {
    struct expose *expose;
    struct listener listener;
    int fd; /* until it opens; -1 then */
    bool pages_only, tls;
};

struct expose_counts {
    uint64_t connections, refused, calls, pages;
    uint64_t evicted; /* idle connections that made room */
};

struct expose {
    struct expose_config config;
    struct loop_part part;
    struct expose_door doors[EXPOSE_DOORS];
    size_t n_doors;
    struct expose_conn *conns; /* newest first */
    size_t n_conns;
    struct wheel wheel;
    struct expose_tls tls;
    qhcp_nsec tls_at; /* when certificates are looked at again */
    struct allowance allowance;
    qhcp_nsec resume_at; /* paused until then; NSEC_NEVER: not paused */
    bool dirty;          /* a connection is */
    struct grpc_call *watches;
    bool look;         /* a watcher may be behind */
    struct facts seen; /* as the watchers were told */
    struct expose_counts counts;
};

/* Begins without doors; config is copied, what it points to stays.  *ret must stay where it is; end
 * it with expose_deinit, before the core and the loop, also after a failure. */
int expose_init(struct expose *ret, const struct expose_config *config, char *words,
                size_t words_cap);
/* Binds one more door, at what address_parse_listen reads; `option` names it in words.  Off this
 * machine it has TLS, unless the config says insecure; the log warns of that.  QHCP_E_EXISTS
 * (somebody listens there), QHCP_E_FULL, QHCP_E_IO, QHCP_E_CERT, or why there is no state
 * directory; with words. */
int expose_listen(struct expose *e, const char *text, const char *option, bool pages_only,
                  char *words, size_t words_cap);
/* Who waits at the doors is let in, from now on. */
void expose_open(struct expose *e);
/* Looks at once whether there is another certificate. */
void expose_renew(struct expose *e);
/* One that is zeroed stays as it is. */
void expose_deinit(struct expose *e);

/* ---- for the files of src/expose alone ---- */

void expose_timer_set(struct expose *e, struct expose_timer *t, qhcp_nsec at);
/* The server's facts now. */
void expose_facts(const struct expose *e, struct facts *ret);
/* May a descriptor be served in this turn?  Then expose_work_end follows, with what this gave. */
bool expose_work_begin(struct expose *e, qhcp_nsec *ret_cpu);
void expose_work_end(struct expose *e, qhcp_nsec cpu);

#endif
