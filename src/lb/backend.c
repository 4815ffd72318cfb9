/* One backend: its parts put together, and what is due of it. */
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
    static const qhcp_nsec at_once =
        0; /* one with a rhythm of its own does not wait for the tick */
    const struct qhcp_lb_config *c = b->lb->config;

    return (struct health_config){.interval = own_liveness(b),
                                  .check = own_check(b),
                                  .reconnect_interval = c->reconnect_interval,
                                  .fall = c->max_fail_attempts,
                                  .rise = c->rise,
                                  .window = own_silence(b),
                                  .budget = HEALTH_BUDGET,
                                  .flap_hold = c->flap_hold,
                                  .slow_start = c->slow_start,
                                  .phase = phase(b),
                                  .tick = own_differs(b) ? &at_once : &b->lb->tick.length,
                                  .local = &b->lb->local,
                                  .brake = &b->lb->brake};
}

/* Text, host and key, one after the other in one allocation: b->text owns it. */
static int name(struct backend *b, const char *text, const struct address *address)
{
    char key[ADDRESS_KEY];
    size_t n_text = strnlen(text, QHCP_TEXT - 1), n_host = strlen(address->host), n_key;
    char *at;

    address_key(address, key);
    n_key = strlen(key);
    at = malloc(n_text + n_host + n_key + 3);
    if (!at)
        return QHCP_E_NOMEM;
    b->text = at;
    slice_to_cstr(slice_of(text, n_text), at, n_text + 1);
    b->address = (struct listed){.host = at + n_text + 1,
                                 .port = address->port,
                                 .literal = address->literal,
                                 .addr = address->addr};
    memcpy(at + n_text + 1, address->host, n_host + 1);
    b->key = at + n_text + n_host + 2;
    memcpy(at + n_text + n_host + 2, key, n_key + 1);
    return 0;
}

void backend_find_zone(struct backend *b)
{
    struct address a = {
        .port = b->address.port, .literal = b->address.literal, .addr = b->address.addr};

    snprintf(a.host, sizeof a.host, "%s", b->address.host);
    (void)address_find_zone(&a);
    b->address.addr = a.addr;
}

int backend_new(struct qhcp_lb *lb, qhcp_nsec now, const char *text, const struct address *address,
                struct backend **ret)
{
    struct backend *b = calloc(1, sizeof *b);
    struct health_config health;

    if (!b)
        return QHCP_E_NOMEM;
    b->lb = lb;
    if (name(b, text, address) != 0) {
        free(b);
        return QHCP_E_NOMEM;
    }
    b->id = lb->next_id++;
    attempt_init(b);
    link_init(&b->link, &lb->owned->session);
    health = health_config(b);
    lb->in_state[QHCP_CONNECTING]++;
    health_init(&b->health, &health, now);
    *ret = b;
    return 0;
}

void backend_free(struct backend *b)
{
    if (!b)
        return;
    settle_forget(b);
    lost_end(b);
    wheel_set(&b->lb->wheel, &b->timer, NSEC_NEVER);
    cross_forget(b);
    attempt_cancel(b);
    b->lb->in_state[b->health.state]--;
    hold_forget(b);
    link_end(&b->link, QHCP_E_NO_ERROR, "removed from the configuration");
    report_deinit(&b->report);
    ticket_deinit(b);
    token_deinit(&b->token);
    revocation_deinit(&b->revocation);
    reason_deinit(&b->reason);
    attempt_deinit(b);
    free((char *)(uintptr_t)b->text);
    free(b);
}

qhcp_nsec backend_deadline(const struct backend *b)
{
    qhcp_nsec at = session_lb_deadline(&b->link.session);

    if (b->lb->stopping)
        return at;
    at = nsec_min(at, nsec_min(b->link.renew_at, b->link.reverify_at));
    at = nsec_min(at, lost_deadline(b));
    at = nsec_min(at, leave_deadline(b));
    return attempt_waits(b) ? at : nsec_min(at, health_deadline(&b->health));
}

/* The server may have a newer certificate by now: a full handshake shows it.  No verdict comes of
 * it. */
static void reverify(struct backend *b, qhcp_nsec now)
{
    link_reverify(&b->link, NSEC_NEVER);
    if (b->health.phase != HEALTH_WATCHING)
        return;
    ticket_drop(b);
    link_end(&b->link, QHCP_E_NO_ERROR, "checking the certificate again");
    act_signal(b, now, HEALTH_SIGNAL_RESET);
}

void backend_expire(struct backend *b, qhcp_nsec now)
{
    settle_later(b);
    if (session_lb_deadline(&b->link.session) <= now)
        talk_expire(b, now);
    if (b->lb->stopping)
        return;
    if (b->link.renew_at <= now)
        update_send(b, now);
    if (leave_deadline(b) <= now)
        leave_expire(b, now);
    if (b->link.reverify_at <= now)
        reverify(b, now);
    if (lost_deadline(b) <= now)
        lost_expire(b, now);
    if (!attempt_waits(b) && health_deadline(&b->health) <= now)
        act_poll(b, now);
}

void backend_configure(struct backend *b, qhcp_nsec now, bool metrics)
{
    struct health_config config = health_config(b);

    settle_later(b);
    health_configure(&b->health, &config, now);
    update_owe(b, now, metrics);
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
