/* How many answers a network gets in a second, so that nobody can have us flood somebody whose
 * address he writes into his queries.  A /24, or a /56 of IPv6, has a bucket; the buckets are of a
 * fixed number, and networks may share one, which a random seed decides.  Time is a parameter. */
#ifndef QHCP_SINKS_DNS_LIMIT_H
#define QHCP_SINKS_DNS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#include <qhcp/types.h>

#define DNS_LIMIT_BUCKETS 16384

struct dns_limit {
    uint32_t rate; /* answers a second, and at once after a pause; 0: no limit */
    uint64_t seed;
    qhcp_nsec busy_until[DNS_LIMIT_BUCKETS]; /* had all answers been given at the rate */
};

/* The network of an address, as a number. */
uint64_t dns_limit_network(const union qhcp_addr *a);

/* May that address have an answer?  If so, it is counted. */
bool dns_limit_take(struct dns_limit *l, qhcp_nsec now, const union qhcp_addr *from);

#endif
