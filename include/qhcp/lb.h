/* The load balancer's core: it connects to servers, checks them and reports their states.  Receive,
 * send, next deadline: it has no socket, loop or thread of its own; embed it in your program
 * (examples/probe.c) or run `qhcp lb`.  Not thread-safe: one thread calls into one qhcp_lb. */
#ifndef QHCP_LB_H
#define QHCP_LB_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#pragma GCC visibility push(default)

#define QHCP_TEXT 256  /* room for a reason or an address as typed, with its NUL */
#define QHCP_VALUES 32 /* metrics of one server */
#define QHCP_EVIDENCE 512
#define QHCP_OFF UINT64_MAX /* for times whose 0 is a default: none */

#define QHCP_CHECKS 16   /* application checks of one server */
#define QHCP_SERVICES 16 /* services of one server */
#define QHCP_SERVICE 281 /* room for a service, with its NUL */

struct qhcp_lb;

/* A metric's newest value, in its registered unit (docs/protocol.md). */
struct qhcp_value {
    char name[65];
    unsigned unit; /* 0 number, 1 percent (hundredths), 2 bytes, 3 microseconds, 4 thousandths */
    uint64_t value;
};

/* One server as the load balancer sees it; a copy. */
struct qhcp_view {
    char address[QHCP_TEXT]; /* what the user typed */
    char server_id[129];     /* "" until known */
    union qhcp_addr remote;  /* of the last session's connection; AF_UNSPEC: there was none */
    enum qhcp_state state;
    enum qhcp_cause cause;   /* why, as a code: `reason` says it in words */
    qhcp_nsec since;         /* when that state began; of a server that was never another: when it
                              * was added */
    enum qhcp_status status; /* what it says of itself, in its last session */
    bool leaving;            /* it has said that it stops, in this session */
    bool listening;          /* it sends its status by itself: QHCP_LIVENESS_LISTEN */
    bool refused;            /* down for trust or protocol: waiting will not help */
    bool spare;              /* it may get traffic in a panic (see struct qhcp_panic) */
    char reason[QHCP_TEXT];  /* why it is in that state; "" for up */
    char notice[QHCP_TEXT];  /* what the operator should do (certificate runs out ...); or "" */
    unsigned fails;          /* misses or failed dials in a row */
    unsigned false_verdicts; /* verdicts for silence after which the same session answered again */
    unsigned own_share;      /* permille of its weight that its own health deserves: 0 unless up or
                              * degraded, less than 1000 for a while after it was down */
    unsigned share; /* permille of its weight that new traffic is to give it now: own_share, unless
                     * there is panic.  In panic 0 for all, or 1000 for each that may be used */
    char evidence[QHCP_EVIDENCE]; /* why it was last down: checks, signals, times; or "" */
    int64_t certificate_expires;  /* unix seconds of the server's verified one; 0: unknown */
    uint64_t rtt_us;              /* smoothed; 0: unknown */
    uint64_t checks_sent, checks_ok;
    uint64_t reports; /* answers with values since the start: these are from the last one */
    size_t n_values;
    struct qhcp_value values[QHCP_VALUES];
};

/* The newest outcome of one of a server's application checks; a copy. */
struct qhcp_check_view {
    char name[65];
    enum qhcp_status status; /* serving, degraded or not serving */
    char reason[QHCP_TEXT];  /* or "" */
    qhcp_nsec duration;      /* of the check; on the wire in microseconds */
};

/* Panic began or ended, or its mode was changed during it: too few servers are healthy to believe
 * the health checks, or to carry the load.  Servers that are connecting, draining or in maintenance
 * do not count.  `use` says which servers get traffic, and each server's share says how much.
 * These get none in a panic: a server that drained, was in maintenance or stopped, until it serves
 * again; one that never had a session; one that was refused since then for trust or protocol. */
struct qhcp_panic {
    bool on;
    enum qhcp_use use; /* QHCP_USE_HEALTHY unless on; then config.panic_mode */
    size_t healthy, total;
};

/* The load balancer itself. */
struct qhcp_self {
    unsigned local_score; /* 0 to 7; above 0 it is late, loses datagrams or is cut off itself: then
                           * it waits longer for answers, and calls no server down for silence */
    size_t suspects;      /* servers that miss checks now */
    struct qhcp_panic panic;
    struct qhcp_lateness lateness;
    size_t held; /* servers that the brake holds: brake_percent */
};

/* A state changed (or a server restarted: from and to are both UP). */
struct qhcp_event {
    size_t index; /* of the server */
    const char *address;
    enum qhcp_state from, to;
    enum qhcp_cause cause; /* of what it is now */
    const char *reason;
    const char *evidence; /* to DOWN: what that rests on (as in qhcp_view); else "" */
};

/* What of a server has changed, in a set. */
enum qhcp_change {
    QHCP_CHANGE_ADDED = 1 << 0,
    QHCP_CHANGE_STATE = 1 << 1,   /* the verdict: state, since, reason, evidence */
    QHCP_CHANGE_REASON = 1 << 2,  /* cause or reason, of whatever state */
    QHCP_CHANGE_REPORT = 1 << 3,  /* what it says: status, its words, its checks' outcomes */
    QHCP_CHANGE_VALUES = 1 << 4,  /* the values of its metrics */
    QHCP_CHANGE_SESSION = 1 << 5, /* a session began: remote, server_id, services, certificate */
    QHCP_CHANGE_SHARE = 1 << 6,   /* weight or share */
    QHCP_CHANGE_NOTICE = 1 << 7,  /* what its operator should do (but for what time changes) */
    QHCP_CHANGE_REMOVED = 1 << 8, /* its view can be read for the last time */
};

struct qhcp_changed {
    size_t index;        /* of the server, now */
    size_t id;           /* its own in this qhcp_lb, ascending, never reused */
    const char *address; /* as it was added */
    unsigned what;       /* enum qhcp_change */
    bool more; /* others that were removed with it follow: no index changes before the last of them
                */
};

/* How a server shows that it lives. */
enum qhcp_liveness {
    QHCP_LIVENESS_ASK = 0, /* it answers a check every liveness_interval */
    /* It sends its status by itself every liveness_interval, which takes half of the packets, and
     * answers a check every check_interval, or as soon as one of these does not come.  That the way
     * to it alone is cut is found by the next check.  Servers that do not know this are asked. */
    QHCP_LIVENESS_LISTEN,
};

struct qhcp_lb_config {
    const char *id;             /* NULL: the host's name */
    unsigned max_fail_attempts; /* the least; more where checks get lost.  0: 3 */
    unsigned rise;              /* answers before a server that was down is up again; 0: 2 */
    qhcp_nsec flap_hold; /* a second failure within ten minutes keeps it down for at least this
                          * long, each further one twice as long; 0: 5 s; QHCP_OFF: never */
    /* At most brake_percent of the servers (and at least one) may be called down for silence within
     * brake_span; others that are silent keep their state, with QHCP_CAUSE_BRAKE, until older
     * verdicts have left the span.  0: any number; and a minute */
    unsigned brake_percent;
    qhcp_nsec brake_span;
    qhcp_nsec slow_start; /* until a server that was down has its whole weight; 0: 10 s; QHCP_OFF:
                           * at once */
    unsigned panic_threshold;    /* percent: panic while fewer servers are healthy, until 5 percent
                                  * more are; 0: 50; above 100: never */
    enum qhcp_use panic_mode;    /* what panic leads to: QHCP_USE_NONE; or QHCP_USE_ALL, which 0
                                  * means too */
    qhcp_nsec liveness_interval; /* between probes; 0: the smaller of check_interval and 1 s */
    enum qhcp_liveness liveness;
    qhcp_nsec min_silence; /* the least silence that makes a server down; 0: by liveness_interval,
                            * three quarters of what it exceeds 200 ms, from 54 ms to 1 s */
    qhcp_nsec check_interval;     /* metrics; 0: 10 s */
    qhcp_nsec reconnect_interval; /* between connection attempts to a server that is down; 0: 30 s
                                   */
    qhcp_nsec max_drain; /* how long connections to a server that leaves may go on, at most; the
                          * server's own deadline may be shorter.  0: 60 s */
    /* Metrics wanted besides cpu_usage_percent and memory_usage_percent, by name: registered ones,
     * or a server's own.  A view has only metrics that its server has. */
    const char *const *metrics;
    size_t n_metrics;
    const char *cert_file; /* trusted CA or server certificate; NULL: the state directory's */
    const char *client_cert_file, *client_key_file; /* both or neither */
    const char *token_file; /* a token of an outside issuer, private; NULL: minted here */
    int64_t token_lifetime; /* seconds; 0: 3600 */
    bool insecure;          /* server certificates are not verified */
    bool once;              /* `qhcp check`: the token asks for the scope `health` only */

    void *ctx; /* of the callbacks, each of which may be NULL but resolve and wall_clock */
    int64_t (*wall_clock)(void *ctx); /* unix seconds */
    /* Find the addresses of `host` (never an address literal) and call qhcp_lb_resolved with this
     * id (opaque; not an index), at once or later. */
    void (*resolve)(void *ctx, size_t id, const char *host, uint16_t port);
    /* The address (with port 0) that this machine sends from to `remote`; false: it has no way
     * there.  qhcp_lb_moved needs it; NULL: sessions that our own address has changed for are found
     * by their silence. */
    bool (*source)(void *ctx, const union qhcp_addr *remote, union qhcp_addr *ret);
    void (*event)(void *ctx, const struct qhcp_event *event);
    /* Called once a server and public call, at the end of the call, when the views are settled:
     * look at views here, and do not call into the qhcp_lb otherwise.  Not announced: rtt_us,
     * checks_*, reports and fails, which change with each check. */
    void (*changed)(void *ctx, const struct qhcp_changed *changed);
    void (*panic)(void *ctx, const struct qhcp_panic *panic);
    /* A session with this server was established: where it is, and what it stands for, may be
     * others than before.  Do not call into the qhcp_lb here but for views of this server, and
     * qhcp_lb_data_port. */
    void (*session)(void *ctx, size_t index);
    /* This server leaves: how many of our connections to it are left? Called until there are none,
     * since TERMINATE_ACK waits for that. over: time is up, end those that are left. NULL: there
     * are never any. */
    size_t (*leaving)(void *ctx, const char *address, bool over);
    void (*log)(void *ctx, enum qhcp_log_level level, const char *text);
};

/* Opens the state directory and loads trust and keys.  On failure words (words_cap bytes) says what
 * is wrong, where, and what to do. */
int qhcp_lb_new(const struct qhcp_lb_config *config, qhcp_nsec now, struct qhcp_lb **ret,
                char *words, size_t words_cap);
void qhcp_lb_free(struct qhcp_lb *lb);

/* Adds a server, "host:port", "[v6]:port" or "v4:port"; dialled from now on.  QHCP_E_PARSE with
 * words, QHCP_E_EXISTS if it has the same host:port already. */
int qhcp_lb_add(struct qhcp_lb *lb, qhcp_nsec now, const char *address, char *words,
                size_t words_cap);

/* What one server has of its own, instead of the configuration's. */
struct qhcp_tuning {
    qhcp_nsec liveness_interval, check_interval; /* 0: the configuration's */
    bool ask, listen; /* QHCP_LIVENESS_ASK, _LISTEN; neither: the configuration's */
};

/* From now on the server is watched so.  QHCP_E_NOT_FOUND; QHCP_E_ARG: an interval that is not 1 ms
 * to 1 h, or both ask and listen. */
int qhcp_lb_tune(struct qhcp_lb *lb, qhcp_nsec now, const char *address,
                 const struct qhcp_tuning *tuning);

/* Removes a server: TERMINATE, then forgotten; the indexes of later ones move down by one.
 * QHCP_E_NOT_FOUND. */
int qhcp_lb_remove(struct qhcp_lb *lb, qhcp_nsec now, const char *address);
/* The same for n servers, in time that grows with n and the number of servers, not with their
 * product.  Returns how many there were; an address that is not watched is passed over. */
size_t qhcp_lb_remove_many(struct qhcp_lb *lb, qhcp_nsec now, const char *const *addresses,
                           size_t n);

/* A new configuration, on live sessions (CONFIG_UPDATE): intervals, fall, metrics; certificates and
 * keys are read again.  On failure words says why and the old one is in force, all of it. */
int qhcp_lb_reload(struct qhcp_lb *lb, qhcp_nsec now, const struct qhcp_lb_config *config,
                   char *words, size_t words_cap);

/* The answer to config.resolve: n addresses in the order to try; n 0: words says why not, and
 * becomes the reason ("cannot resolve web1.example: no such name"). */
void qhcp_lb_resolved(struct qhcp_lb *lb, qhcp_nsec now, size_t id, const union qhcp_addr *addrs,
                      size_t n, const char *words);

void qhcp_lb_receive(struct qhcp_lb *lb, qhcp_nsec now, const struct qhcp_packet *packets,
                     size_t n);
/* Fills up to n packets; call again until 0, after every other call of this header. */
size_t qhcp_lb_send(struct qhcp_lb *lb, qhcp_nsec now, struct qhcp_packet *packets, size_t n);
/* A packet to `remote` failed: ICMP (error is ECONNREFUSED, EHOSTUNREACH ...), or no route. quoted:
 * the start of our UDP payload in the ICMP message; NULL if this machine itself reports the error.
 * ICMP can be forged: a message that quotes too little to be matched ends no attempt, and only
 * makes the core check sooner. */
void qhcp_lb_unreachable(struct qhcp_lb *lb, qhcp_nsec now, const union qhcp_addr *remote,
                         int error, const uint8_t *quoted, size_t quoted_len);
/* For sockets that keep strangers' datagrams apart; it does not change. */
struct qhcp_steering qhcp_lb_steering(const struct qhcp_lb *lb);
/* How long datagrams may be left in a socket unread that say that they may wait (docs/protocol.md,
 * Answers that may wait), if they are read before qhcp_lb_expire anyway.  It follows from how many
 * servers there are.  0: not at all. */
qhcp_nsec qhcp_lb_patience(const struct qhcp_lb *lb);
qhcp_nsec qhcp_lb_deadline(const struct qhcp_lb *lb);
/* Call when the deadline has come, after what waits in the sockets was received. */
void qhcp_lb_expire(struct qhcp_lb *lb, qhcp_nsec now);

/* Addresses or routes of this machine have changed (rtnetlink says so): it connects again, a few at
 * a time, to the servers that it now reaches from another address. */
void qhcp_lb_moved(struct qhcp_lb *lb, qhcp_nsec now);

/* The sockets have dropped n more datagrams for lack of room (SO_RXQ_OVFL). */
void qhcp_lb_dropped(struct qhcp_lb *lb, qhcp_nsec now, uint64_t n);

/* Datagrams that qhcp_lb_send gave could not leave yet: the socket has no room, or the kernel no
 * memory.  Call it while that lasts. */
void qhcp_lb_blocked(struct qhcp_lb *lb, qhcp_nsec now);

/* The verdict on the data port of the server with this address in the list, from a forwarder or a
 * probe.  A server that says it serves while that port is dead is down, for the reason in words;
 * open true takes that back.  QHCP_E_NOT_FOUND. */
int qhcp_lb_data_port(struct qhcp_lb *lb, qhcp_nsec now, const char *address, bool open,
                      const char *words);

void qhcp_lb_self(const struct qhcp_lb *lb, qhcp_nsec now, struct qhcp_self *ret);

size_t qhcp_lb_count(const struct qhcp_lb *lb);
/* The index of the server with this address in the list, now.  QHCP_E_NOT_FOUND. */
int qhcp_lb_find(const struct qhcp_lb *lb, const char *address, size_t *ret);
/* 0, or QHCP_E_NOT_FOUND. */
int qhcp_lb_view(const struct qhcp_lb *lb, size_t index, struct qhcp_view *ret);
/* The same for what is not announced, or often, and nothing else of *ret: fails, false_verdicts,
 * weight, share, rtt_us, checks_*, reports and the values.  Costs a fraction of the whole view. */
int qhcp_lb_figures(const struct qhcp_lb *lb, size_t index, struct qhcp_view *ret);

/* The outcomes of its application checks, in the server's order: fills up to cap, and returns how
 * many there are, QHCP_CHECKS at most. 0 for a server that has none or does not answer now, and for
 * an index that does not exist.  A server leaves out what does not fit its answer: first all
 * reasons, then the checks that pass, then the others. */
size_t qhcp_lb_checks(const struct qhcp_lb *lb, size_t index, struct qhcp_check_view *ret,
                      size_t cap);

/* The services that the server offers, as its last session named them ("tcp:8080", "tcp:HOST:PORT";
 * without a host the server's own), whatever its state: fills up to cap, and returns how many there
 * are, QHCP_SERVICES at most. 0 for an index that does not exist. */
size_t qhcp_lb_services(const struct qhcp_lb *lb, size_t index, char ret[][QHCP_SERVICE],
                        size_t cap);

/* Sends TERMINATE to every server; qhcp_lb_stopped says when it is done, at most a second later. */
void qhcp_lb_stop(struct qhcp_lb *lb, qhcp_nsec now);
bool qhcp_lb_stopped(const struct qhcp_lb *lb);

#pragma GCC visibility pop

#endif
