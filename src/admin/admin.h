/* The admin interface of `qhcp lb`: HTTP/1.1 for programs and people of this machine, and over TLS
 * for others (docs/api.md).
 *
 * In flow requests, out flow answers that are read from the fleet's snapshots and its log of
 * changes.  It lives on the thread that serves and is never in the way of the thread that watches:
 * what it wants changed it asks for by wishes (fleet/wish.h).  libmicrohttpd reads HTTP; every
 * connection, request and answer is bounded (admin_http.h).
 *
 * A path is a row of admin_routes.c. */
#ifndef QHCP_ADMIN_ADMIN_H
#define QHCP_ADMIN_ADMIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin/admin_address.h"
#include "base/time.h"

struct admin;
struct feed;
struct in_force;
struct loop;
struct recorder;
struct sinks;

/* What the thread that watches says of itself, about once a second, and is told. */
struct admin_pulse {
    _Atomic qhcp_nsec beat;       /* when it last ran: monotonic */
    _Atomic uint32_t local_score; /* qhcp_self.local_score */
    _Atomic uint32_t suspects;    /* servers that miss checks */
    _Atomic qhcp_nsec looked_at;  /* when somebody last asked for figures of servers */
};

#define ADMIN_STALE (3 * NSEC_PER_SEC)  /* a beat that is older: the thread stands still */
#define ADMIN_LOOKED (5 * NSEC_PER_SEC) /* figures are kept fresh so long after looked_at */

struct admin_config {
    const struct admin_address *at; /* n of them: where to listen; copied */
    size_t n;
    size_t connections;     /* at most, of all; from admin_connections */
    size_t metrics_servers; /* with more of them /metrics has no families of each, unasked */
    bool again;             /* another process may hold the addresses for a moment: try again */
    struct feed *feed;
    struct in_force *in_force;   /* the options */
    struct loop *loop;           /* of the thread that serves, which does not run yet */
    const struct loop *watching; /* what must not wait for us (loop_give_way); NULL: nothing */
    struct admin_pulse *pulse;
    struct sinks *sinks; /* who is told of the servers; outlives the interface; NULL: nobody */
    const char *id, *version;
    const char *history;       /* the history's file; "": there is none; outlives the interface */
    struct recorder *recorder; /* which writes that file; outlives the interface; NULL: nobody */
    const char *cert_file, *key_file; /* of TLS; NULL: the state directory's; live as long */
    bool insecure;                    /* --insecure: said in /api/v1/self */
    /* From the thread that serves: words for the log (enum qhcp_log_level).  Never NULL. */
    void (*log)(void *ctx, int level, const char *words);
    void *ctx;
};

/* How many connections there may be where so many descriptors are allowed. */
size_t admin_connections(size_t descriptors);

/* Listens.  An address that the operator did not give, and that is in use, is left out with a
 * warning in *warning (words_cap bytes; "" if there is none).  QHCP_E_EXISTS, QHCP_E_IO,
 * QHCP_E_NOMEM with words.  *ret is freed with admin_free while the loop does not run, before loop
 * and feed. */
int admin_new(const struct admin_config *config, struct admin **ret, char *warning, char *words,
              size_t words_cap);
void admin_free(struct admin *a);

/* Gives the addresses up: another process has come for them.  From the thread that serves. */
void admin_release(struct admin *a);

#endif
