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
    b->ticket.bytes = malloc(n - 8);
    if (!b->ticket.bytes)
        return;
    memcpy(b->ticket.bytes, buf + 8, n - 8);
    b->ticket.len = n - 8;
    b->ticket.time =
        b->lb->config->wall_clock(b->lb->config->ctx); /* its file is at most a day old */
    ticket_certificate(b, expires);
}

struct slice ticket_take(struct backend *b)
{
    int64_t wall = b->lb->config->wall_clock(b->lb->config->ctx);
    uint8_t now_print[32];

    if (b->lb->config->insecure)
        return slice_of(NULL, 0);
    quic_tls_fingerprint(b->lb->credentials.tls, now_print);
    if (b->ticket.bytes && memcmp(now_print, b->ticket.print, sizeof now_print) != 0)
        ticket_drop(b);
    if (!b->ticket.loaded)
        load_ticket(b);
    memcpy(b->ticket.print, now_print, sizeof now_print);
    if (b->ticket.bytes &&
        (b->ticket.expires <= wall || wall < b->ticket.time || /* the clock was set */
         wall - b->ticket.time > TICKET_AGE))
        ticket_drop(b);
    return slice_of(b->ticket.bytes, b->ticket.len);
}

bool ticket_known(const struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40];

    if (b->ticket.loaded || b->lb->config->insecure)
        return b->ticket.bytes != NULL;
    return state_ticket_exists(&b->lb->state, slice_of(key, ticket_key(b, key)));
}

void ticket_keep(struct backend *b, const uint8_t *p, size_t n)
{
    uint8_t *copy;

    if (b->lb->config->insecure || n == 0 || n > TICKET_MAX || b->ticket.expires == 0)
        return;
    copy = malloc(n);
    if (!copy)
        return;
    memcpy(copy, p, n);
    free(b->ticket.bytes);
    b->ticket.bytes = copy;
    b->ticket.len = n;
    b->ticket.time = b->lb->config->wall_clock(b->lb->config->ctx);
    b->ticket.fresh = true;
}

void ticket_drop(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40];

    if (!b->ticket.bytes)
        return;
    state_ticket_drop(&b->lb->state, slice_of(key, ticket_key(b, key)));
    free(b->ticket.bytes);
    b->ticket.bytes = NULL;
    b->ticket.len = 0;
    b->ticket.fresh = false;
}

void ticket_save(struct backend *b)
{
    uint8_t key[QHCP_TEXT + 40], buf[TICKET_MAX + 8];

    if (!b->ticket.fresh)
        return;
    memcpy(buf, &b->ticket.expires, 8);
    memcpy(buf + 8, b->ticket.bytes, b->ticket.len);
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

void ticket_deinit(struct ticket *t)
{
    free(t->bytes);
}
