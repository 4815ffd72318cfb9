/* How fast and how wrong the detector is: the very code of src/health and src/session, one load
 * balancer's view of one server at a time, under a fake clock, over a path that loses datagrams in
 * one of three ways, or to a server that stands still now and then.  Seeded: the same command
 * prints the same figures.
 *
 *     path.c   what passes, drawn from a seed
 *     peer.c   one server and the load balancer's half of it: src/lb without sockets
 *     main.c   the scenarios, the table, and (--short) what the test suite holds it to */
#ifndef DETECTION_SIM_H
#define DETECTION_SIM_H

#include "base/prng.h"
#include "health/health.h"
#include "session/lb.h"
#include "session/server.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define HOUR (3600 * SEC)
#define START (1000 * SEC)
#define RTT (200 * NSEC_PER_USEC)

enum path_kind {
    PATH_INDEPENDENT, /* each datagram is lost with `loss` */
    PATH_OUTAGES,     /* besides, nothing passes for `bad` once a minute at random */
    PATH_STALLS, /* the server stands still once a minute, for a mean of `bad`, and answers then
                  * what came meanwhile */
    PATH_BURSTS, /* Gilbert-Elliott: nothing passes in the bad state; mean times good, bad */
};

struct path_model {
    enum path_kind kind;
    double loss;
    qhcp_nsec bad, good;
};

struct path {
    const struct path_model *model;
    struct prng random;
    qhcp_nsec begin, end; /* of the present or next bad time */
    qhcp_nsec minute;     /* OUTAGES, STALLS: the minute drawn for */
    bool cut;
};

void path_init(struct path *p, const struct path_model *model, uint64_t seed);
uint64_t path_draw(struct path *p, uint64_t below);
/* Does a datagram pass?  `now` never falls from call to call. */
bool path_passes(struct path *p, qhcp_nsec now);
/* When the server reads what reaches it now.  As path_passes: `now` never falls. */
qhcp_nsec path_read(struct path *p, qhcp_nsec now);

#define PEER_FLIGHT 64
#define PEER_CHECK (10 * SEC)

struct peer_answer {
    qhcp_nsec sent, at; /* the request; the answer's arrival */
    uint64_t beat;      /* it is none, but the beat of this number; 0: an answer */
    size_t n;
    uint8_t p[128];
};

struct peer {
    qhcp_nsec now;
    struct path path;
    struct local local;
    struct health h;
    bool whole; /* through src/session and the wire; else health alone */
    struct session_lb_config lb_config;
    struct session_lb lb;
    struct session_server_self self;
    struct session_server server;
    struct peer_answer flight[PEER_FLIGHT];
    unsigned first, last; /* of those in flight; modulo PEER_FLIGHT */
    qhcp_nsec dialed;     /* when the attempt under way ends; NSEC_NEVER: none */
    bool lost;            /* the session was given up, and what is in flight is still its own */
    qhcp_nsec beat_every; /* 0: the server is asked */
    qhcp_nsec beat_at;    /* the next one; NSEC_NEVER: there is no session yet */
    uint64_t beat, heard; /* the newest one's number, and of those that came */
    uint64_t probes, downs;
};

/* listen: the server sends beats, and is asked every PEER_CHECK. */
void peer_init(struct peer *p, const struct path_model *model, qhcp_nsec interval, bool whole,
               bool listen, uint64_t seed);
/* Until `end`, or until it is called down when `first_down`; true in the latter case. */
bool peer_run(struct peer *p, qhcp_nsec end, bool first_down);

#endif
