/* An authoritative answer about one zone (RFC 1034, 1035, 2308, 2782, 6891, 8482).
 *
 * In: the bytes of a query, hostile ones too, and a zone; out: the bytes of the answer.  Names:
 *
 *     ZONE                 SOA, NS; A and AAAA of all servers
 *     NAME.ZONE            A and AAAA of the servers of that name, tag or service
 *     _NAME._tcp.ZONE      SRV of the same; _all._tcp.ZONE of all
 *     ip4-10-0-0-7.ZONE    A of the server with that address: the SRV records' targets
 *     ns.ZONE              A or AAAA of ourselves, where no other name server is named
 *
 * No socket, no clock. */
#ifndef QHCP_SINKS_DNS_ANSWER_H
#define QHCP_SINKS_DNS_ANSWER_H

#include "sinks/dns_wire.h"
#include "sinks/dns_zone.h"

#define DNS_SERVERS 8 /* name servers of the zone */

struct dns_answerer {
    struct dns_name origin;
    struct dns_name servers[DNS_SERVERS]; /* of the zone; 0: ns.ZONE */
    size_t n_servers;
    union qhcp_addr self; /* the address of ns.ZONE; AF_UNSPEC or unspecified: it has none */
    uint32_t ttl;         /* seconds, of everything */
    uint32_t serial;      /* of the SOA */
    uint64_t changes;     /* of the zone, which the serial stands for */
    bool known;           /* false: the servers are not known yet, and the answer is SERVFAIL */
    struct dns_zone zone;
};

/* The zone is known now, and may have changed: then the serial is the time in seconds, or one more
 * than before where that is not beyond it (RFC 1982, 3.2; RFC 1912, 2.2). */
void dns_answer_changed(struct dns_answerer *a, int64_t unix_ms);

/* The answer to a query of n bytes, in ret of cap bytes (by TCP: 65,535; by UDP: DNS_UDP_MOST).
 * Its length; 0: none. */
size_t dns_answer(struct dns_answerer *a, const uint8_t *query, size_t n, bool tcp, uint8_t *ret,
                  size_t cap);

/* The same answer as if it had not fit, for somebody who shall come by TCP. */
size_t dns_answer_truncated(const uint8_t *query, size_t n, uint8_t *ret, size_t cap);

#endif
