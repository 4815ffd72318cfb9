/* The server's core: it answers load balancers and pushes its status.  Receive, send, next
 * deadline: it has no socket, loop or thread of its own; embed it in your server
 * (examples/server.c) or run `qhcp server`.  Not thread-safe. */
#ifndef QHCP_SERVER_H
#define QHCP_SERVER_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/lb.h> /* qhcp_check_view, qhcp_value */
#include <qhcp/types.h>

#pragma GCC visibility push(default)

struct qhcp_server;

struct qhcp_server_config {
    const char *id;                   /* NULL: the host's name and the port */
    const char *address;              /* as bound: names the keys of resets and tickets */
    uint16_t port;                    /* as bound */
    const char *key_file, *cert_file; /* NULL: the state directory's */
    const char *keys_file;       /* JWK Set of accepted token keys; NULL: the state directory's */
    const char *client_ca_file;  /* client certificates are required, of this CA */
    const char *const *services; /* "tcp:8080", ...; n_services of them */
    size_t n_services;

    /* Nothing is measured: the caller tells cpu_usage_percent, memory_usage_percent and whatever
     * else there is with qhcp_server_set_metric.  For a program that stands for other machines. */
    bool metrics_given;
    /* Another server of this process, which outlives this one.  What both would read from the same
     * files (the state directory, certificate and key, token keys, revocations) this one takes from
     * it, also when they have changed.  Session tickets of one are then good for the other.  The
     * machine's CPU, memory and load are measured once for both, unless either is told its metrics.
     * NULL: it does all that itself. */
    const struct qhcp_server *share;

    void *ctx;
    int64_t (*wall_clock)(void *ctx); /* unix seconds; required */
    void (*log)(void *ctx, enum qhcp_log_level level, const char *text);
};

int qhcp_server_new(const struct qhcp_server_config *config, qhcp_nsec now,
                    struct qhcp_server **ret, char *words, size_t words_cap);
void qhcp_server_free(struct qhcp_server *s);

/* As it calls itself: config.id, or what was made for it. */
const char *qhcp_server_id(const struct qhcp_server *s);

/* Does it have its first figures?  CPU use is a difference of two readings, so that it comes 50 ms
 * after qhcp_server_new (at a deadline); answers before that leave it out.  A program that would
 * rather answer late than without it does not receive before this is true. */
bool qhcp_server_measured(const struct qhcp_server *s);

/* For sockets that keep strangers' datagrams apart; it does not change. */
struct qhcp_steering qhcp_server_steering(const struct qhcp_server *s);
void qhcp_server_receive(struct qhcp_server *s, qhcp_nsec now, const struct qhcp_packet *packets,
                         size_t n);
/* Fills up to n packets; call again until 0, after every other call of this header. */
size_t qhcp_server_send(struct qhcp_server *s, qhcp_nsec now, struct qhcp_packet *packets,
                        size_t n);
qhcp_nsec qhcp_server_deadline(const struct qhcp_server *s);
void qhcp_server_expire(struct qhcp_server *s, qhcp_nsec now);

/* The status of the server is the worst of three: the status set here (by its operator, or by the
 * program it is part of), its application checks, and its thresholds (degraded).  From best to
 * worst: serving, degraded, draining, not serving, maintenance.  A change is pushed to every load
 * balancer at once. */

/* Sets the operator's status and its reason (words; "" for serving). */
void qhcp_server_set_status(struct qhcp_server *s, qhcp_nsec now, enum qhcp_status status,
                            const char *reason);

/* The newest outcome of an application check, added at its first use: serving, degraded or not
 * serving, with words where there is something to say ("" otherwise), and how long the check took.
 * Every answer has it; a change of its status may change the server's.  QHCP_E_FULL (16 checks),
 * QHCP_E_ARG (name: 1 to 64 bytes of printable UTF-8; status). */
int qhcp_server_set_check(struct qhcp_server *s, qhcp_nsec now, const char *name,
                          enum qhcp_status status, const char *reason, qhcp_nsec duration);

/* Adds a rule that makes the server degraded: "cpu_usage_percent>90 for 5s" (qhcp-server(1),
 * --degraded), on a registered metric or one that qhcp_server_set_metric has made.  QHCP_E_PARSE,
 * QHCP_E_NOT_FOUND (no such metric), QHCP_E_ARG, QHCP_E_FULL (16 rules), with words. */
int qhcp_server_add_threshold(struct qhcp_server *s, qhcp_nsec now, const char *rule, char *words,
                              size_t words_cap);

/* The status of the server, and what it comes from; a copy. */
struct qhcp_server_view {
    enum qhcp_status status;
    char reason[QHCP_TEXT];
    enum qhcp_status set_status; /* by qhcp_server_set_status */
    char set_reason[QHCP_TEXT];
    size_t n_checks;
    struct qhcp_check_view checks[QHCP_CHECKS];
};
void qhcp_server_status(const struct qhcp_server *s, struct qhcp_server_view *ret);

/* The application's own metric: made at its first use.  unit as in struct qhcp_value.  QHCP_E_FULL,
 * QHCP_E_ARG (name: 1-64 of a-z, 0-9, _). */
int qhcp_server_set_metric(struct qhcp_server *s, const char *name, unsigned unit, uint64_t value);
/* Is there a metric of this name: one that is registered (docs/protocol.md), or one that was set?
 */
bool qhcp_server_knows_metric(const struct qhcp_server *s, const char *name);

/* The newest metrics, measured again if they are older than half a second: fills up to cap, and
 * returns how many there are, QHCP_VALUES at most. */
size_t qhcp_server_values(struct qhcp_server *s, qhcp_nsec now, struct qhcp_value *ret, size_t cap);

/* Says "draining" to all, TERMINATEs with this deadline; done when qhcp_server_stopped: after the
 * last acknowledgement or at the deadline. */
void qhcp_server_stop(struct qhcp_server *s, qhcp_nsec now, qhcp_nsec drain_timeout,
                      const char *reason);
bool qhcp_server_stopped(const struct qhcp_server *s);

/* Reads certificates and keys again (also done by itself when their files change). */
int qhcp_server_reload(struct qhcp_server *s, qhcp_nsec now, char *words, size_t words_cap);

/* Load balancers with an established session. */
size_t qhcp_server_sessions(const struct qhcp_server *s);

/* One of them, and how far it is with the newest status: a copy. */
struct qhcp_watcher {
    char lb_id[QHCP_TEXT]; /* as it calls itself; verified is that it may ask */
    bool acknowledged;     /* it has seen the newest status */
    bool counts;           /* it says how many connections it has open; only while the status is */
    uint64_t in_flight;    /* draining, not serving or maintenance, and it gives it no new ones */
};
/* Fills up to cap, and returns how many there are.  A drain is over when each has acknowledged and
 * counts none. */
size_t qhcp_server_watchers(const struct qhcp_server *s, struct qhcp_watcher *ret, size_t cap);

#pragma GCC visibility pop

#endif
