/* What a server sends in 1-RTT packets before it has received the client's Finished: from honest
 * servers, their tickets.  It waits here until the Finished was written.  A server that sends
 * HANDSHAKE_DONE so early (which it cannot honestly:  RFC 9001, 4.1.2) would have ngtcp2 1.11 free
 * the handshake's state while it still writes with it. */
#include <stdlib.h>
#include <string.h>

#include "quic/internal.h"

/* How many bytes of a datagram come before its 1-RTT packet. */
static size_t handshake_part(const struct qhcp_packet *packet)
{
    size_t at = 0;

    while (at < packet->len && (packet->data[at] & 0x80)) {
        size_t left = packet->len - at;
        ngtcp2_pkt_hd hd;
        ngtcp2_ssize n = ngtcp2_pkt_decode_hd_long(&hd, packet->data + at, left);

        if (n < 0 || hd.type == NGTCP2_PKT_RETRY || hd.type == NGTCP2_PKT_VERSION_NEGOTIATION ||
            hd.len > left - (size_t)n)
            return packet->len; /* ngtcp2 reads nothing behind it, either */
        at += (size_t)n + hd.len;
    }
    return at;
}

static void keep(struct quic_conn *c, const struct qhcp_packet *packet, size_t from)
{
    struct quic_stray **at = &c->early, *early;
    size_t size = packet->len - from, count = 0;

    for (; *at != NULL; at = &(*at)->next)
        count++;
    if (count == QUIC_EARLY_MAX)
        return; /* as if lost: it is sent again */
    early = malloc(sizeof(*early) + size);
    if (early == NULL)
        return;
    *early = (struct quic_stray){.remote = packet->remote, .ecn = packet->ecn, .size = size};
    memcpy(early->data, packet->data + from, size);
    *at = early;
}

size_t quic_early_take(struct quic_conn *c, const struct qhcp_packet *packet)
{
    size_t now;

    if (c->endpoint->config.server || c->finished)
        return packet->len;
    now = handshake_part(packet);
    if (now < packet->len)
        keep(c, packet, now);
    return now;
}

void quic_early_hear(struct quic_conn *c, qhcp_nsec now)
{
    while (c->early != NULL && !c->ended) {
        struct quic_stray *early = c->early;
        struct qhcp_packet packet = {
            .remote = early->remote, .ecn = early->ecn, .data = early->data, .len = early->size};

        c->early = early->next;
        quic_conn_hear(c, now, &packet);
        free(early);
    }
}

void quic_early_drop(struct quic_conn *c)
{
    while (c->early != NULL) {
        struct quic_stray *early = c->early;

        c->early = early->next;
        free(early);
    }
}
