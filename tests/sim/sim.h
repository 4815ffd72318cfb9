/* Two peers, the real machines of src/session and src/health, over a link that is not real, under a
 * clock that is not real, all from one seed.
 *
 *     scenario -> lb side  <-- link (loses, delays, duplicates, reorders) -->  server side
 *
 * A run is: a world drawn from the seed (delays, loss, intervals), a few seconds of events drawn
 * from it (the link is cut, the server is killed, restarted, drained, its status changes, the load
 * balancer is stalled, tokens are renewed), then everything is healed, and what must be true by
 * then is checked.  What must always be true is checked after every event (`must`). */
#ifndef SIM_H
#define SIM_H

#include "base/prng.h"
#include "health/health.h"
#include "session/lb.h"
#include "session/server.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define START (1000 * SEC)

enum { TO_LB, TO_SERVER };

enum item_kind {
    ITEM_FRAME,       /* bytes on a channel */
    ITEM_DIALED,      /* to the load balancer: the handshake is done */
    ITEM_DIAL_FAILED, /* to the load balancer */
    ITEM_DIAL_ICMP,   /* to the load balancer: the attempt met a closed port */
    ITEM_CLOSE,       /* the peer closed the connection */
    ITEM_ICMP,        /* to the load balancer: port unreachable */
    ITEM_RESET,       /* to the load balancer: stateless reset */
};

struct item {
    qhcp_nsec at;
    uint64_t id; /* order of sending */
    enum item_kind kind;
    int to;
    enum session_channel channel;
    unsigned conn;
    size_t n;
    uint8_t p[2048];
};

#define ITEMS 1024
#define SESSIONS 8

struct world {
    uint64_t seed;
    struct prng random;
    bool trace;
    qhcp_nsec now;

    /* The link. */
    qhcp_nsec delay, jitter;
    unsigned loss, twice; /* per mille, of datagrams and packets */
    bool cut, icmp;
    qhcp_nsec hurt_at; /* when link or server last did harm; 0: never */
    struct item *items[ITEMS];
    size_t n_items;
    uint64_t next_id;

    /* The load balancer's side. */
    struct health h;
    qhcp_nsec tick; /* of its regular probes; 0: none */
    struct session_lb lb;
    struct session_lb_config lb_config;
    struct wire_config_update update;
    unsigned conn;    /* the present connection's number; 0: none */
    unsigned dialled; /* numbers given */
    qhcp_nsec awake;  /* stalled until then */
    qhcp_nsec renew_at, leave_at;
    qhcp_nsec answered_sent; /* when the newest answered probe was sent */
    qhcp_nsec probes[64];    /* when the newest ones were sent */
    unsigned n_probes;
    uint64_t newest_epoch, newest_status; /* delivered on this connection */
    bool stopping, stopped;
    qhcp_nsec token_life;

    /* The server's side. */
    bool alive, leaving;
    struct session_server_self self;
    struct session_server sessions[SESSIONS];
    unsigned session_conn[SESSIONS]; /* 0: free */
    qhcp_nsec push_at[SESSIONS];

    /* Over all runs. */
    unsigned long verdicts, answers, pushes, dials, lost;
};

/* sim.c */
uint64_t draw(struct world *w, uint64_t below); /* 0 .. below - 1 */
bool chance(struct world *w, unsigned per_mille);
void trace(const struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the program with the seed, the time and `what` unless `ok`. */
void must(const struct world *w, bool ok, const char *what);

/* link.c */
void link_deinit(struct world *w);
void link_send(struct world *w, int to, unsigned conn, enum session_channel channel,
               const uint8_t *p, size_t n);
void link_signal(struct world *w, int to, unsigned conn, enum item_kind kind, qhcp_nsec at);
/* A connection attempt, whose outcome will be delivered. */
void link_dial(struct world *w, unsigned conn);
/* The next item to be delivered: when; NSEC_NEVER for none. */
qhcp_nsec link_deadline(const struct world *w);
/* Takes the item that is due now; the caller frees it.  NULL: none was due, or it was lost. */
struct item *link_take(struct world *w);

/* lbside.c */
void lbside_init(struct world *w, const struct health_config *config);
void lbside_deliver(struct world *w, const struct item *item);
qhcp_nsec lbside_deadline(const struct world *w);
void lbside_expire(struct world *w);
void lbside_stop(struct world *w);

/* serverside.c */
void serverside_boot(struct world *w);
void serverside_kill(struct world *w);
void serverside_status(struct world *w, uint64_t status);
void serverside_leave(struct world *w);
/* A new connection was made. */
void serverside_connect(struct world *w, unsigned conn);
bool serverside_knows(const struct world *w, unsigned conn);
void serverside_deliver(struct world *w, const struct item *item);
qhcp_nsec serverside_deadline(const struct world *w);
void serverside_expire(struct world *w);

#endif
