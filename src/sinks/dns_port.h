/* A port that answers queries of DNS by UDP and TCP (RFC 7766), on the loop.
 *
 * In: datagrams and connections of strangers; out: what the owner answers.  Everything is bounded:
 * connections, of which the one that was silent longest gives way, and those of one network;
 * their time; what one may send; and datagrams between two waits of the loop. */
#ifndef QHCP_SINKS_DNS_PORT_H
#define QHCP_SINKS_DNS_PORT_H

#include "loop/loop.h"
#include "sinks/dns_wire.h"

#include <qhcp/types.h>

#define DNS_QUERY_MOST 4096 /* bytes of a query that are looked at */
#define DNS_CONNECTIONS 64
#define DNS_QUERIES 1000 /* of one connection, which then ends: others get its place */

struct dns_port;

struct dns_port_config {
    struct loop *loop;
    union qhcp_addr addr; /* port 0: any */
    size_t each;          /* connections of one network (dns_limit.h); 1 to DNS_CONNECTIONS */
    /* The answer in ret of cap bytes; 0: none. */
    size_t (*answer)(void *ctx, qhcp_nsec now, const union qhcp_addr *from, bool tcp,
                     const uint8_t *query, size_t n, uint8_t *ret, size_t cap);
    void *ctx;
};

struct dns_connection {
    struct dns_port *port;
    struct loop_watch watch;
    int fd;          /* -1: the place is free */
    qhcp_nsec until; /* it ends then */
    union qhcp_addr from;
    unsigned queries; /* answered */
    size_t n;         /* bytes of `in`: the length of a query, then the query */
    uint8_t in[2 + DNS_QUERY_MOST];
    uint8_t *out; /* what could not be written yet; NULL: nothing */
    size_t out_n, out_at;
};

/* Its owner embeds it, zeroed; it stays where it is until dns_port_end. */
struct dns_port {
    struct dns_port_config config;
    int udp, tcp;
    struct loop_watch udp_watch, tcp_watch;
    struct loop_part part;
    qhcp_nsec nap; /* until when no connection is accepted, for lack of descriptors */
    struct dns_connection connections[DNS_CONNECTIONS];
    uint8_t in[DNS_QUERY_MOST], out[2 + DNS_TCP_MOST];
};

/* config is copied.  QHCP_E_IO with words that name the address and what to do. */
int dns_port_begin(struct dns_port *p, const struct dns_port_config *config, char *words,
                   size_t words_cap);
/* One that is zeroed or has ended stays as it is. */
void dns_port_end(struct dns_port *p);

#endif
