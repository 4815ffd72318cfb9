#include "lb/attempt.h"

#include <stdio.h>
#include <stdlib.h>

#include "lb/internal.h"

void attempt_init(struct backend *b)
{
    if (!b->address.literal)
        return;
    b->attempt.addrs = &b->address.addr;
    b->attempt.n = 1;
}

void attempt_deinit(struct backend *b)
{
    if (!b->address.literal)
        free(b->attempt.addrs);
}

bool attempt_remote(const struct backend *b, union qhcp_addr *ret)
{
    const struct attempt *a = &b->attempt;

    if (a->n > 0)
        *ret = a->addrs[a->at < a->n ? a->at : 0];
    return a->n > 0;
}

/* Who is most likely there comes first.  A server that keeps a ticket of ours for the next attempt
 * was there within a day. */
static enum starts_rank rank_of(const struct backend *b)
{
    const struct health *h = &b->health;

    if (h->dial.by_return || (h->state != QHCP_CONNECTING && h->state != QHCP_DOWN))
        return STARTS_ALIVE;
    if (h->state == QHCP_DOWN || h->fails > 0)
        return STARTS_FAILED;
    return ticket_known(b) ? STARTS_KNOWN : STARTS_NEW;
}

static void wait_for_turn(struct backend *b, qhcp_nsec now)
{
    starts_wait(&b->lb->starts, now, &b->start, rank_of(b));
}

static void dial_address(struct backend *b, qhcp_nsec now)
{
    struct quic_dial dial = {.remote = b->attempt.addrs[b->attempt.at],
                             .name = b->address.host,
                             .timeout = nsec_max(ATTEMPT_TIMEOUT, own_liveness(b)),
                             .port = b->attempt.port,
                             .user = b};
    char text[ADDRESS_TEXT], words[QHCP_TEXT];
    uint8_t ticket[TICKET_MAX];
    int err;

    dial.ticket = ticket_take(b, ticket);
    paths_dialled(b, &dial.remote);
    err = quic_dial(b->lb->quic, now, &dial, &b->link.conn);
    if (err == 0)
        return;
    address_format(&dial.remote, text, sizeof text);
    snprintf(words, sizeof words, "cannot connect to %s: %s", text, qhcp_strerror(err));
    attempt_failed(b, now, HEALTH_SIGNAL_DIAL_FAILED, words);
}

void attempt_turn(struct backend *b, qhcp_nsec now)
{
    settle_later(b);
    if (!b->attempt.begun)
        health_dial_turn(&b->health, now);
    b->attempt.begun = true;
    dial_address(b, now);
}

void attempt_again(struct backend *b, qhcp_nsec now)
{
    wait_for_turn(b, now);
}

/* A round tries every address of the name once. */
static void start_round(struct backend *b, qhcp_nsec now)
{
    b->attempt.tried = 0;
    b->attempt.begun = false;
    b->attempt.port = b->attempt.home;
    b->attempt.worst = HEALTH_SIGNAL_DIAL_UNREACHABLE;
    reason_because(b, "");
    if (b->attempt.at >= b->attempt.n)
        b->attempt.at = 0;
    wait_for_turn(b, now);
}

void attempt_start(struct backend *b, qhcp_nsec now)
{
    link_end(&b->link, QHCP_E_NO_ERROR, "connecting again");
    credentials_refresh(b->lb, now);
    health_dialed(&b->health, now);
    if (b->address.literal) {
        backend_find_zone(b); /* without one the attempt fails, in words */
        start_round(b, now);
        return;
    }
    b->attempt.resolving = true;
    b->lb->config->resolve(b->lb->config->ctx, b->id, b->address.host, b->address.port);
}

void attempt_resolved(struct backend *b, qhcp_nsec now, const union qhcp_addr *addrs, size_t n,
                      const char *words)
{
    union qhcp_addr good = {0}, *fresh;

    if (!b->attempt.resolving)
        return;
    (void)attempt_remote(b, &good);
    settle_later(b);
    b->attempt.resolving = false;
    fresh = n > 0 ? malloc((n < LIMIT_ADDRS ? n : LIMIT_ADDRS) * sizeof *fresh) : NULL;
    if (!fresh) {
        b->attempt.tried = b->attempt.n = 0;
        reason_because(b, n > 0 ? "out of memory" : words ? words : "the name has no addresses");
        act_signal(b, now, HEALTH_SIGNAL_DIAL_FAILED);
        return;
    }
    free(b->attempt.addrs); /* a literal waits for no addresses */
    b->attempt.addrs = fresh;
    b->attempt.n = 0;
    b->attempt.at = 0;
    for (size_t i = 0; i < n && b->attempt.n < LIMIT_ADDRS; i++) {
        if (address_equal(&addrs[i], &good))
            b->attempt.at = b->attempt.n; /* begin with the one that answered last */
        b->attempt.addrs[b->attempt.n++] = addrs[i];
    }
    start_round(b, now);
}

/* How much a failure tells: a refusal more than silence, silence more than ICMP. */
static int weight(enum health_signal s)
{
    return s == HEALTH_SIGNAL_REFUSED ? 2 : s == HEALTH_SIGNAL_DIAL_FAILED ? 1 : 0;
}

/* Once more, from another port (paths.c)? Not if the server answered (a refusal, the reset that
 * called us back), nor before a verdict: it takes as long again. */
static bool try_elsewhere(struct backend *b, qhcp_nsec now)
{
    if (b->attempt.worst == HEALTH_SIGNAL_REFUSED || b->health.dial.by_return ||
        b->lb->config->once || now > nsec_add(b->health.dial.at, ATTEMPT_ROUND_MAX))
        return false;
    b->attempt.tried = 0;
    if (b->attempt.home != 0) {
        b->attempt.home = b->attempt.port = 0;
        return true;
    }
    if (b->attempt.port != 0 || b->health.state != QHCP_DOWN)
        return false;
    b->attempt.port = paths_port(b->lb, now);
    return b->attempt.port != 0;
}

void attempt_failed(struct backend *b, qhcp_nsec now, enum health_signal signal, const char *words)
{
    if (kept_empty(&b->reason.why) || weight(signal) > weight(b->attempt.worst)) {
        b->attempt.worst = signal;
        reason_because(b, words);
    }
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: attempt failed: %s", b->text, words);
    b->attempt.tried++;
    if (b->attempt.tried < b->attempt.n || try_elsewhere(b, now)) {
        b->attempt.at = (uint8_t)((b->attempt.at + 1) % b->attempt.n);
        wait_for_turn(b, now);
        return;
    }
    starts_leave(&b->lb->starts, now, &b->start);
    act_signal(b, now, b->attempt.worst);
}

void attempt_connected(struct backend *b, qhcp_nsec now, uint16_t port)
{
    if (port != b->attempt.home && port != 0)
        lb_log(b->lb, QHCP_LOG_INFO,
               "%s: answered to our UDP port %u before the usual one (if this lasts, a NAT on the "
               "path leads elsewhere)",
               b->text, port);
    b->attempt.home = port;
    starts_leave(&b->lb->starts, now, &b->start);
}

void attempt_established(struct backend *b)
{
    b->attempt.tried = 0;
}

void attempt_cancel(struct backend *b)
{
    b->attempt.resolving = false;
    starts_leave(&b->lb->starts, b->lb->now, &b->start);
}

bool attempt_waits(const struct backend *b)
{
    return b->attempt.resolving || starts_waiting(&b->start);
}
