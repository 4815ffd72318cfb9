/* The server's core: it answers load balancers and pushes its status.  Receive, send, next
 * deadline: no socket, no loop, no thread of its own; embed it in your server (examples/server.c)
 * or run `qhcp server`.  Not thread-safe. */
#ifndef QHCP_SERVER_H
#define QHCP_SERVER_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/lb.h> /* qhcp_log_level */
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

    void *ctx;
    int64_t (*wall_clock)(void *ctx); /* unix seconds; required */
    void (*log)(void *ctx, enum qhcp_log_level level, const char *text);
};

int qhcp_server_new(const struct qhcp_server_config *config, qhcp_nsec now,
                    struct qhcp_server **ret, char *words, size_t words_cap);
void qhcp_server_free(struct qhcp_server *s);

void qhcp_server_receive(struct qhcp_server *s, qhcp_nsec now, const struct qhcp_packet *packets,
                         size_t n);
/* Fills up to n packets; call again until 0, after every other call of this header. */
size_t qhcp_server_send(struct qhcp_server *s, qhcp_nsec now, struct qhcp_packet *packets,
                        size_t n);
qhcp_nsec qhcp_server_deadline(const struct qhcp_server *s);
void qhcp_server_expire(struct qhcp_server *s, qhcp_nsec now);

/* Sets the status and its reason (words; "" for serving); pushed to every load balancer at once. */
void qhcp_server_set_status(struct qhcp_server *s, qhcp_nsec now, enum qhcp_status status,
                            const char *reason);

/* The application's own metric: made at its first use.  unit as in struct qhcp_value.  QHCP_E_FULL,
 * QHCP_E_ARG (name: 1-64 of a-z, 0-9, _). */
int qhcp_server_set_metric(struct qhcp_server *s, const char *name, unsigned unit, uint64_t value);

/* Says "draining" to all, TERMINATEs with this deadline; done when qhcp_server_stopped: after the
 * last acknowledgement or at the deadline. */
void qhcp_server_stop(struct qhcp_server *s, qhcp_nsec now, qhcp_nsec drain_timeout,
                      const char *reason);
bool qhcp_server_stopped(const struct qhcp_server *s);

/* Reads certificates and keys again (also done by itself when their files change). */
int qhcp_server_reload(struct qhcp_server *s, qhcp_nsec now, char *words, size_t words_cap);

/* Load balancers with an established session. */
size_t qhcp_server_sessions(const struct qhcp_server *s);

#pragma GCC visibility pop

#endif
