/* The server's public functions: configuration, packets, time, the end. */
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "base/os/entropy.h"
#include "server/internal.h"

void server_log(struct qhcp_server *s, enum qhcp_log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (!s->config.log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->config.log(s->config.ctx, level, text);
}

static int take_config(struct qhcp_server *s, const struct qhcp_server_config *config)
{
    const char **fields[] = {&s->config.id,        &s->config.address,   &s->config.key_file,
                             &s->config.cert_file, &s->config.keys_file, &s->config.client_ca_file};

    s->config = *config;
    s->config.services = NULL;
    for (size_t i = 0; i < 6; i++) {
        if (!*fields[i])
            continue;
        s->strings[i] = strdup(*fields[i]);
        if (!s->strings[i])
            return QHCP_E_NOMEM;
        *fields[i] = s->strings[i];
    }
    for (size_t i = 0; i < config->n_services; i++) {
        s->services[i] = strdup(config->services[i]);
        if (!s->services[i])
            return QHCP_E_NOMEM;
    }
    return 0;
}

static int take_self(struct qhcp_server *s)
{
    char host[LIMIT_ID - 8] = "server";

    if (s->config.id) {
        snprintf(s->id, sizeof s->id, "%s", s->config.id);
    } else {
        (void)gethostname(host, sizeof host - 1);
        snprintf(s->id, sizeof s->id, "%s:%u", host, s->config.port);
    }
    s->self.server_id = slice_str(s->id);
    s->self.processing_us = SERVER_PROCESSING_US;
    s->self.leeway = SERVER_LEEWAY * NSEC_PER_SEC;
    s->self.status = QHCP_SERVING;
    s->self.epoch = 1;
    s->self.said = &s->said;
    for (size_t i = 0; i < s->config.n_services; i++)
        s->self.services.at[i] = slice_str(s->services[i]);
    s->self.services.count = s->config.n_services;
    if (entropy_fill(s->self.boot_id, sizeof s->self.boot_id) != 0)
        return QHCP_E_INTERNAL;
    return 0;
}

static int open_quic(struct qhcp_server *s)
{
    struct quic_endpoint_config quic = {.server = true,
                                        .handlers = &peer_handlers,
                                        .ctx = s,
                                        .max_conns = SERVER_MAX_CONNS,
                                        .retry_above = SERVER_RETRY_ABOVE};
    int err;

    state_derive(&s->state, "stateless reset", s->config.address, s->config.port, quic.reset_key);
    state_derive(&s->state, "retry", s->config.address, s->config.port, quic.retry_key);
    err = quic_endpoint_new(&quic, s->tls, &s->quic);
    explicit_bzero(&quic, sizeof quic);
    return err;
}

/* A server that has its values from elsewhere has no machine to share. */
static int take_machine(struct qhcp_server *s)
{
    const struct qhcp_server *share = s->config.share;

    if (s->config.metrics_given)
        return metrics_new_given(&s->metrics);
    return share && !share->config.metrics_given ? metrics_new_shared(share->metrics, &s->metrics)
                                                 : metrics_new(NULL, &s->metrics);
}

int qhcp_server_new(const struct qhcp_server_config *config, qhcp_nsec now,
                    struct qhcp_server **ret, char *words, size_t words_cap)
{
    struct qhcp_server *s;
    int err;

    if (config->n_services > LIMIT_SERVICES) {
        snprintf(words, words_cap, "%zu services: at most %d", config->n_services, LIMIT_SERVICES);
        return QHCP_E_TOO_MANY;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return QHCP_E_NOMEM;
    s->now = now;
    s->max_members = SERVER_MAX_MEMBERS;
    snprintf(words, words_cap, "out of memory");
    err = take_config(s, config);
    if (err == 0)
        err = take_machine(s);
    if (err == 0)
        server_measure(s, now, SERVER_METRICS_AGE); /* first of all: what follows takes some of the
                                                       time to the second */
    if (err == 0)
        err = trust_open(s, words, words_cap);
    if (err == 0)
        err = trust_load(s, words, words_cap);
    if (err == 0)
        err = take_self(s);
    if (err == 0)
        err = open_quic(s);
    if (err != 0) {
        qhcp_server_free(s);
        return err;
    }
    s->renew_at = config->share ? NSEC_NEVER : nsec_add(now, SERVER_STATE_CHECK);
    s->files_at = now; /* at once: notices of what runs out */
    *ret = s;
    return 0;
}

const char *qhcp_server_id(const struct qhcp_server *s)
{
    return s->id;
}

static void free_roster(struct roster *r)
{
    for (struct peer *p = r->first, *next; p; p = next) {
        next = p->next;
        inbox_deinit(&p->inbox);
        free(p);
    }
}

void qhcp_server_free(struct qhcp_server *s)
{
    if (!s)
        return;
    quic_endpoint_free(s->quic);
    free_roster(&s->strangers);
    free_roster(&s->members);
    wheel_deinit(&s->wheel);
    metrics_free(s->metrics);
    quic_tls_unref(s->tls);
    auth_keys_free(s->keys);
    revoked_deinit(&s->revoked);
    if (s->state_open)
        state_close(&s->state);
    condition_deinit(&s->condition);
    free(s->cert_path);
    free(s->key_path);
    free(s->keys_path);
    free(s->revoked_path);
    for (size_t i = 0; i < sizeof s->strings / sizeof s->strings[0]; i++)
        free(s->strings[i]);
    for (size_t i = 0; i < LIMIT_SERVICES; i++)
        free(s->services[i]);
    free(s);
}

static void on_metric(void *ctx, const char *name, const char *missing)
{
    struct qhcp_server *s = ctx;

    if (missing)
        server_log(s, QHCP_LOG_WARNING,
                   "cannot measure %s: cannot read %s; load balancers do not get it, and rules of "
                   "--degraded on it do not apply",
                   name, missing);
    else
        server_log(s, QHCP_LOG_INFO, "%s can be measured again", name);
}

static void take_metrics(struct qhcp_server *s)
{
    metrics_values(s->metrics, &s->self.values);
    metrics_names(s->metrics, &s->self.metrics);
    session_said_forget(&s->said);
}

void server_measure(struct qhcp_server *s, qhcp_nsec now, qhcp_nsec age)
{
    if (!metrics_sample(s->metrics, now, age))
        return;
    take_metrics(s);
    metrics_changes(s->metrics, on_metric, s);
    condition_measured(s, now);
}

bool qhcp_server_measured(const struct qhcp_server *s)
{
    return metrics_paired(s->metrics);
}

static void close_all(struct roster *r)
{
    for (struct peer *p = r->first; p; p = p->next)
        if (!p->closing)
            peer_close(p, QHCP_E_STOPPING, "server stopped");
}

static void finish(struct qhcp_server *s)
{
    s->finished = true;
    s->stop_at = NSEC_NEVER;
    close_all(&s->strangers);
    close_all(&s->members);
}

/* It only looks: its token has no other right, as that of `qhcp check`, and it has no connections.
 */
static bool looks_only(const struct session_server *k)
{
    return k->scopes == SESSION_SCOPE_HEALTH && !(k->counts && k->in_flight > 0);
}

/* A stop waits for the load balancers that got TERMINATE; those that came later get "draining" and
 * are closed with the rest, and so are those that only look. */
static bool awaited(const struct qhcp_server *s)
{
    for (const struct peer *p = s->members.first; p; p = p->next)
        if (p->session.state == SESSION_SERVER_TERMINATING && !p->closing &&
            !looks_only(&p->session))
            return true;
    return false;
}

struct qhcp_steering qhcp_server_steering(const struct qhcp_server *s)
{
    return quic_steering(s->quic);
}

void qhcp_server_receive(struct qhcp_server *s, qhcp_nsec now, const struct qhcp_packet *packets,
                         size_t n)
{
    s->now = now;
    quic_receive(s->quic, now, packets, n);
}

/* The last one that was awaited may end while packets are made: nobody wakes us for it later. */
size_t qhcp_server_send(struct qhcp_server *s, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    size_t filled;

    s->now = now;
    filled = quic_send(s->quic, now, packets, n);
    if (!s->stopping || s->finished || awaited(s))
        return filled;
    finish(s);
    return filled + quic_send(s->quic, now, packets + filled, n - filled);
}

qhcp_nsec qhcp_server_deadline(const struct qhcp_server *s)
{
    qhcp_nsec at = nsec_min(wheel_deadline(&s->wheel), quic_deadline(s->quic));

    at = nsec_min(at, nsec_min(s->files_at, s->renew_at));
    at = nsec_min(at, condition_deadline(s));
    return s->stopping ? nsec_min(at, s->stop_at) : at;
}

/* What a crowd of strangers took, the C library would keep for the next one. */
static void give_back(struct qhcp_server *s)
{
    size_t count = s->strangers.count + s->members.count;

    if (s->most >= count + SERVER_GIVE_BACK)
        malloc_trim(0);
    s->most = count;
}

void qhcp_server_expire(struct qhcp_server *s, qhcp_nsec now)
{
    size_t most = s->wheel.count; /* each at most once a call */
    struct wheel_timer *due;

    s->now = now;
    quic_expire(s->quic, now);
    while (most-- > 0 && (due = wheel_due(&s->wheel, now)))
        peer_expire((struct peer *)due, now);
    if (condition_deadline(s) <= now) {
        server_measure(s, now, SERVER_METRICS_AGE);
        condition_measured(s, now);
    }
    if (s->files_at <= now)
        give_back(s);
    if (s->files_at <= now || s->renew_at <= now)
        trust_refresh(s, now);
    if (s->stopping && s->stop_at <= now)
        finish(s);
}

int qhcp_server_set_metric(struct qhcp_server *s, const char *name, unsigned unit, uint64_t value)
{
    int err = metrics_set(s->metrics, name, unit, value);

    if (err != 0)
        return err;
    take_metrics(s);
    condition_measured(s, s->now);
    return 0;
}

size_t qhcp_server_values(struct qhcp_server *s, qhcp_nsec now, struct qhcp_value *ret, size_t cap)
{
    const struct session_server_self *self = &s->self;
    size_t n;

    server_measure(s, now, SERVER_METRICS_AGE);
    n = self->metrics.count;
    for (size_t i = 0; i < n && i < cap; i++) {
        ret[i].unit = (unsigned)self->metrics.at[i].unit;
        ret[i].value = self->values.at[i].value; /* in the same order (metrics.h) */
        slice_to_cstr(self->metrics.at[i].name, ret[i].name, sizeof ret[i].name);
    }
    return n;
}

void qhcp_server_stop(struct qhcp_server *s, qhcp_nsec now, qhcp_nsec drain_timeout,
                      const char *reason)
{
    if (s->stopping)
        return;
    qhcp_server_set_status(s, now, QHCP_STATUS_DRAINING, reason);
    s->stopping = true;
    s->stop_at = nsec_add(now, drain_timeout);
    for (struct peer *p = s->members.first; p; p = p->next)
        peer_terminate(p, now, drain_timeout, reason);
}

bool qhcp_server_stopped(const struct qhcp_server *s)
{
    return s->finished && s->strangers.count + s->members.count == 0;
}

int qhcp_server_reload(struct qhcp_server *s, qhcp_nsec now, char *words, size_t words_cap)
{
    s->now = now;
    return trust_load(s, words, words_cap);
}

size_t qhcp_server_watchers(const struct qhcp_server *s, struct qhcp_watcher *ret, size_t cap)
{
    size_t n = 0;

    for (const struct peer *p = s->members.first; p; p = p->next) {
        const struct session_server *k = &p->session;
        bool acknowledged = k->epoch_seen == s->self.epoch;

        if (k->state != SESSION_SERVER_ACTIVE && k->state != SESSION_SERVER_TERMINATING)
            continue;
        if (n++ >= cap)
            continue;
        ret[n - 1] = (struct qhcp_watcher){.acknowledged = acknowledged,
                                           .counts = acknowledged && k->counts,
                                           .in_flight = acknowledged ? k->in_flight : 0};
        snprintf(ret[n - 1].lb_id, sizeof ret[n - 1].lb_id, "%s", p->lb_id);
    }
    return n;
}

size_t qhcp_server_sessions(const struct qhcp_server *s)
{
    return qhcp_server_watchers(s, NULL, 0);
}
