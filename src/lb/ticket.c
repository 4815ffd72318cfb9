#include "lb/ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"

/* The key of a ticket is what the trust in it depends on: the server's name and port, and the
 * fingerprint of trust store, own certificate and policy.  The ticket is preceded by the end of the
 * verified certificate, 8 bytes; the ticket ends with it. */
static size_t ticket_key(const struct backend *b, uint8_t ret[QHCP_TEXT + 40])
{
    size_t n = strlen(b->address.host);

    quic_tls_fingerprint(b->lb->credentials.tls, ret);
    ret[32] = (uint8_t)(b->address.port >> 8);
    ret[33] = (uint8_t)b->address.port;
    memcpy(ret + 34, b->address.host, n);
    return 34 + n;
}

static void forget(struct backend *b)
{
    struct ticket *t = &b->ticket;

    if (t->len > 0 && !t->bytes)
        shelf_drop(&b->lb->shelf, t->place);
    free(t->bytes);
    t->bytes = NULL;
    t->len = 0;
    t->fresh = false;
}

/* In place of the one that was there; or there is none, for lack of memory. */
static void put(struct backend *b, const uint8_t *p, size_t n)
{
    struct ticket *t = &b->ticket;

    forget(b);
    if (!shelf_put(&b->lb->shelf, b, slice_of(p, n), &t->place)) {
        t->bytes = malloc(n);
        if (!t->bytes)
            return;
        memcpy(t->bytes, p, n);
    }
    t->len = (uint32_t)n;
    t->time = b->lb->config->wall_clock(b->lb->config->ctx);
}

/* False: there is none, or it cannot be read. */
static bool get(const struct backend *b, uint8_t buf[TICKET_MAX])
{
    const struct ticket *t = &b->ticket;

    if (!t->bytes)
        return t->len > 0 && shelf_get(&b->lb->shelf, t->place, buf, t->len);
    memcpy(buf, t->bytes, t->len);
    return true;
}

static void load_ticket(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40], buf[TICKET_MAX + 8];
    size_t n;
    int64_t expires;

    b->ticket.loaded = true;
    if (state_ticket_load(&b->lb->state, slice_of(key, ticket_key(b, key)), buf, sizeof buf, &n) ||
        n <= 8)
        return;
    memcpy(&expires, buf, 8);
    put(b, buf + 8, n - 8); /* as if it came now: its file is at most a day old */
    if (b->ticket.len > 0)
        ticket_certificate(b, expires);
}

struct slice ticket_take(struct backend *b, uint8_t buf[TICKET_MAX])
{
    int64_t wall = b->lb->config->wall_clock(b->lb->config->ctx);
    uint8_t now_print[32];

    if (b->lb->config->insecure)
        return slice_of(NULL, 0);
    quic_tls_fingerprint(b->lb->credentials.tls, now_print);
    if (b->ticket.len > 0 && memcmp(now_print, b->ticket.print, sizeof now_print) != 0)
        ticket_drop(b);
    if (!b->ticket.loaded)
        load_ticket(b);
    memcpy(b->ticket.print, now_print, sizeof now_print);
    if (b->ticket.len > 0 &&
        (b->ticket.expires <= wall || wall < b->ticket.time || /* the clock was set */
         wall - b->ticket.time > TICKET_AGE))
        ticket_drop(b);
    return slice_of(buf, get(b, buf) ? b->ticket.len : 0);
}

bool ticket_known(const struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40];

    if (b->ticket.loaded || b->lb->config->insecure)
        return b->ticket.len > 0;
    return state_ticket_exists(&b->lb->state, slice_of(key, ticket_key(b, key)));
}

void ticket_keep(struct backend *b, const uint8_t *p, size_t n)
{
    if (b->lb->config->insecure || n == 0 || n > TICKET_MAX || b->ticket.expires == 0)
        return;
    put(b, p, n);
    b->ticket.fresh = b->ticket.len > 0;
}

void ticket_drop(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40];

    if (b->ticket.len == 0)
        return;
    state_ticket_drop(&b->lb->state, slice_of(key, ticket_key(b, key)));
    forget(b);
}

void ticket_save(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40], buf[TICKET_MAX + 8];

    if (!b->ticket.fresh || !get(b, buf + 8))
        return;
    memcpy(buf, &b->ticket.expires, 8);
    state_ticket_store(&b->lb->state, slice_of(key, ticket_key(b, key)),
                       slice_of(buf, b->ticket.len + 8));
}

qhcp_nsec ticket_reverify(const struct backend *b, qhcp_nsec now)
{
    int64_t left = b->ticket.expires - b->lb->config->wall_clock(b->lb->config->ctx) -
                   (int64_t)TICKET_NOTICE_DAYS * 86400;

    if (b->ticket.expires == 0 || left > TICKET_FAR)
        return NSEC_NEVER;
    return nsec_add(now, left > 0 ? nsec_max((qhcp_nsec)left * NSEC_PER_SEC, TICKET_REVERIFY)
                                  : TICKET_REVERIFY);
}

bool ticket_notice(const struct backend *b, char *ret, size_t cap)
{
    return state_expiry_words(b->address.host, !b->lb->config->cert_file, b->ticket.expires,
                              b->lb->config->wall_clock(b->lb->config->ctx), ret, cap);
}

void ticket_certificate(struct backend *b, int64_t expires)
{
    b->ticket.expires = expires;
    publish_mark(b, QHCP_CHANGE_NOTICE);
}

void ticket_deinit(struct backend *b)
{
    forget(b);
}
