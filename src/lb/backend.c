/* One backend: resolve, dial, and what health's steps ask for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"

/* Where in the interval this one is probed: by chance, and another time somewhere else, so that
 * neither two servers nor two load balancers beat in step. */
static uint32_t phase(const struct backend *b)
{
    uint64_t x = ((uint64_t)b->lb->seed << 32 | (uint32_t)b->id) * 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return (uint32_t)(x >> 32);
}

static struct health_config health_config(const struct backend *b)
{
    const struct qhcp_lb_config *c = b->lb->config;

    return (struct health_config){.interval = c->liveness_interval,
                                  .reconnect_interval = c->reconnect_interval,
                                  .fall = c->max_fail_attempts,
                                  .rise = c->rise,
                                  .window = c->min_silence,
                                  .budget = HEALTH_BUDGET,
                                  .flap_hold = c->flap_hold,
                                  .slow_start = c->slow_start,
                                  .phase = phase(b),
                                  .local = &b->lb->local};
}

/* First dials are spread so that a fleet is not dialled in one instant: a millisecond apart, about
 * what a handshake costs us, within the liveness interval. */
static qhcp_nsec first_dial(const struct qhcp_lb *lb, qhcp_nsec now, size_t id)
{
    return now + id * NSEC_PER_MSEC % lb->config->liveness_interval;
}

int backend_new(struct qhcp_lb *lb, qhcp_nsec now, const char *text, const struct address *address,
                struct backend **ret)
{
    struct backend *b = calloc(1, sizeof *b);
    struct health_config health;

    if (!b)
        return QHCP_E_NOMEM;
    b->lb = lb;
    b->id = lb->next_id++;
    snprintf(b->text, sizeof b->text, "%s", text);
    b->address = *address;
    b->publish.since = now;
    if (address->literal) {
        b->addrs[0] = address->addr;
        b->n_addrs = 1;
    }
    link_init(&b->link, &lb->owned->session);
    health = health_config(b);
    lb->in_state[QHCP_CONNECTING]++;
    health_init(&b->health, &health, first_dial(lb, now, b->id));
    *ret = b;
    return 0;
}

void backend_free(struct backend *b)
{
    if (!b)
        return;
    settle_forget(b);
    lost_end(b);
    heap_set(&b->lb->heap, &b->timer, NSEC_NEVER);
    cross_forget(b);
    b->lb->in_state[b->health.state]--;
    link_end(&b->link, QHCP_E_NO_ERROR, "removed from the configuration");
    free(b->metrics);
    told_free(&b->told);
    ticket_deinit(&b->ticket);
    free(b);
}

qhcp_nsec backend_deadline(const struct backend *b)
{
    qhcp_nsec at = session_lb_deadline(&b->link.session);

    if (b->lb->stopping)
        return at;
    at = nsec_min(at, nsec_min(b->link.renew_at, b->link.reverify_at));
    at = nsec_min(at, lost_deadline(b));
    if (b->link.session.state == SESSION_LB_LEAVING)
        at = nsec_min(at, b->leave_look);
    return b->resolving ? at : nsec_min(at, health_deadline(&b->health));
}

static void dial_address(struct backend *b, qhcp_nsec now)
{
    struct quic_dial dial = {.remote = b->addrs[b->at],
                             .name = b->address.host,
                             .timeout = nsec_max(LB_DIAL_TIMEOUT, b->lb->config->liveness_interval),
                             .port = b->port,
                             .user = b};
    char text[ADDRESS_TEXT], words[QHCP_TEXT];
    int err;

    dial.ticket = ticket_take(b);
    paths_dialled(b, &dial.remote);
    err = quic_dial(b->lb->quic, now, &dial, &b->link.conn);
    if (err == 0)
        return;
    b->link.conn = NULL;
    address_format(&dial.remote, text, sizeof text);
    snprintf(words, sizeof words, "cannot dial %s: %s", text, qhcp_strerror(err));
    backend_dial_failed(b, now, HEALTH_SIGNAL_DIAL_FAILED, words);
}

/* The same address once more: another token may do. */
void backend_dial_again(struct backend *b, qhcp_nsec now)
{
    dial_address(b, now);
}

/* A round tries every address of the name once. */
static void start_round(struct backend *b, qhcp_nsec now)
{
    b->tried = 0;
    b->port = b->home;
    b->worst = HEALTH_SIGNAL_DIAL_UNREACHABLE;
    b->why[0] = '\0';
    if (b->at >= b->n_addrs)
        b->at = 0;
    dial_address(b, now);
}

static void dial(struct backend *b, qhcp_nsec now)
{
    link_end(&b->link, QHCP_E_NO_ERROR, "dialling again");
    credentials_refresh(b->lb, now);
    health_dialed(&b->health, now);
    if (b->address.literal) {
        (void)address_find_zone(&b->address); /* without one the attempt fails, in words */
        b->addrs[0] = b->address.addr;
        start_round(b, now);
        return;
    }
    b->resolving = true;
    b->lb->config->resolve(b->lb->config->ctx, b->id, b->address.host, b->address.port);
}

void backend_resolved(struct backend *b, qhcp_nsec now, const union qhcp_addr *addrs, size_t n,
                      const char *words)
{
    union qhcp_addr good = b->addrs[b->at < b->n_addrs ? b->at : 0];

    if (!b->resolving)
        return;
    settle_later(b);
    b->resolving = false;
    if (n == 0) {
        b->tried = b->n_addrs = 0;
        snprintf(b->why, sizeof b->why, "%s", words ? words : "the name has no addresses");
        backend_signal(b, now, HEALTH_SIGNAL_DIAL_FAILED);
        return;
    }
    b->n_addrs = 0;
    b->at = 0;
    for (size_t i = 0; i < n && b->n_addrs < LIMIT_ADDRS; i++) {
        if (address_equal(&addrs[i], &good))
            b->at = b->n_addrs; /* begin with the one that answered last */
        b->addrs[b->n_addrs++] = addrs[i];
    }
    start_round(b, now);
}

/* How much a failure tells: a refusal more than silence, silence more than ICMP. */
static int weight(enum health_signal s)
{
    return s == HEALTH_SIGNAL_REFUSED ? 2 : s == HEALTH_SIGNAL_DIAL_FAILED ? 1 : 0;
}

/* Once more, from another port (paths.c)?  Not where somebody answered (a refusal, the reset that
 * we were called back by), nor before a verdict: it takes as long again. */
static bool try_elsewhere(struct backend *b, qhcp_nsec now)
{
    if (b->worst == HEALTH_SIGNAL_REFUSED || b->health.dial.by_return || b->lb->config->once ||
        now > nsec_add(b->health.dial.at, LB_ROUND_MAX))
        return false;
    b->tried = 0;
    if (b->home != 0) {
        b->home = b->port = 0;
        return true;
    }
    if (b->port != 0 || b->health.state != QHCP_DOWN)
        return false;
    b->port = paths_port(b->lb, now);
    return b->port != 0;
}

void backend_dial_failed(struct backend *b, qhcp_nsec now, enum health_signal signal,
                         const char *words)
{
    if (b->why[0] == '\0' || weight(signal) > weight(b->worst)) {
        b->worst = signal;
        snprintf(b->why, sizeof b->why, "%s", words);
    }
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: attempt failed: %s", b->text, words);
    b->tried++;
    if (b->tried < b->n_addrs || try_elsewhere(b, now)) {
        b->at = (uint8_t)((b->at + 1) % b->n_addrs);
        dial_address(b, now);
        return;
    }
    backend_signal(b, now, b->worst);
}

void backend_signal(struct backend *b, qhcp_nsec now, enum health_signal signal)
{
    struct health_step step = {0};

    if (signal == HEALTH_SIGNAL_REFUSED)
        b->standing.verified = false;
    if (signal == HEALTH_SIGNAL_TERMINATE)
        b->standing.left = true;
    health_signal(&b->health, now, signal, &step);
    backend_act(b, now, &step);
}

static void let_go(struct backend *b, qhcp_nsec now, const struct health_step *step)
{
    bool kept = step->lost && !b->lb->stopping && lost_keep(b, now);

    link_end(&b->link, QHCP_E_TIMEOUT, b->reason);
    if (!kept && b->health.cause == HEALTH_CAUSE_REFUSED)
        lost_end(b);
}

/* The session that was given up lives: its server stood still, or the way to it did. */
static void tell_refuted(struct backend *b, qhcp_nsec silence)
{
    unsigned long long ms = silence / NSEC_PER_MSEC;

    b->stalled_ms = ms;
    lb_log(
        b->lb, QHCP_LOG_INFO,
        "%s: the verdict was false: the same session answers again, %llu ms after it fell silent "
        "(%u false verdict%s so far)",
        b->text, ms, b->health.false_verdicts, b->health.false_verdicts == 1 ? "" : "s");
}

static void tell_verdict(struct backend *b, enum qhcp_state from)
{
    char words[QHCP_TEXT] = "serving";

    if (from == QHCP_DOWN && b->stalled_ms > 0)
        snprintf(words, sizeof words,
                 "serving: the same session answers again, %llu ms after it fell silent (a false "
                 "verdict)",
                 b->stalled_ms);
    b->stalled_ms = 0;
    publish_event(b, from, b->health.state, b->reason[0] != '\0' ? b->reason : words);
}

void backend_act(struct backend *b, qhcp_nsec now, const struct health_step *step)
{
    settle_later(b);
    if (step->refuted > 0)
        tell_refuted(b, step->refuted);
    if (step->verdict || b->health.state != QHCP_UP)
        reason_update(b, step);
    if (step->verdict) {
        if (b->health.state == QHCP_UP)
            b->restarted = false;
        b->lb->in_state[step->from]--;
        b->lb->in_state[b->health.state]++;
        panic_state(&b->standing, b->health.state);
        tell_verdict(b, step->from);
        lb_judge_panic(b->lb);
    }
    if (step->drop)
        let_go(b, now, step);
    if (b->lb->stopping)
        return;
    if (step->dial)
        dial(b, now);
    else if (step->probe)
        talk_probe(b, now);
}

/* A good answer after a restart that was never a verdict: an event from up to up. */
void backend_restarted(struct backend *b)
{
    b->restarted = false;
    if (b->health.state == QHCP_UP)
        publish_event(b, QHCP_UP, QHCP_UP, "restarted");
}

/* The server may have a newer certificate by now: a full handshake shows it.  No verdict comes of
 * it. */
static void reverify(struct backend *b, qhcp_nsec now)
{
    b->link.reverify_at = NSEC_NEVER;
    if (b->health.phase != HEALTH_WATCHING)
        return;
    ticket_drop(b);
    link_end(&b->link, QHCP_E_NO_ERROR, "looking at the certificate again");
    backend_signal(b, now, HEALTH_SIGNAL_RESET);
}

void backend_expire(struct backend *b, qhcp_nsec now)
{
    struct health_step step = {0};

    settle_later(b);
    if (session_lb_deadline(&b->link.session) <= now)
        talk_expire(b, now);
    if (b->lb->stopping)
        return;
    if (b->link.renew_at <= now)
        talk_renew(b, now);
    if (b->link.session.state == SESSION_LB_LEAVING && b->leave_look <= now)
        talk_leave(b, now);
    if (b->link.reverify_at <= now)
        reverify(b, now);
    if (lost_deadline(b) <= now)
        lost_expire(b, now);
    if (!b->resolving && health_deadline(&b->health) <= now) {
        health_poll(&b->health, now, &step);
        backend_act(b, now, &step);
    }
}

void backend_configure(struct backend *b, qhcp_nsec now, bool metrics)
{
    struct health_config config = health_config(b);

    health_configure(&b->health, &config, now);
    b->update_interval = true;
    b->update_metrics = b->update_metrics || metrics;
    talk_renew(b, now);
    settle_later(b);
}

void backend_stop(struct backend *b, qhcp_nsec now)
{
    settle_later(b);
    lost_end(b);
    if (!b->link.conn)
        return;
    if (!(b->token.scopes & AUTH_SCOPE_TERMINATE)) /* its token may not say that it leaves */
        link_end(&b->link, QHCP_E_NO_ERROR,
                 b->lb->config->once ? "checked" : "load balancer stops");
    else if (session_lb_terminate(&b->link.session, now, LB_STOP_WAIT, "load balancer stops") == 0)
        talk_flush(b, now);
    else
        link_end(&b->link, QHCP_E_STOPPING, "load balancer stops");
}
