#include "sinks/dns_limit.h"

#include <string.h>

#include "base/prng.h"

uint64_t dns_limit_network(const union qhcp_addr *a)
{
    uint64_t n = 0;

    if (a->sa.sa_family == AF_INET6)
        memcpy(&n, &a->in6.sin6_addr, 7);
    else
        memcpy(&n, &a->in.sin_addr, 3);
    return n;
}

bool dns_limit_take(struct dns_limit *l, qhcp_nsec now, const union qhcp_addr *from)
{
    uint64_t hash = prng_mix(dns_limit_network(from) ^ l->seed);
    qhcp_nsec *busy = &l->busy_until[hash % DNS_LIMIT_BUCKETS], each;

    if (l->rate == 0)
        return true;
    each = NSEC_PER_SEC / l->rate;
    if (*busy < now)
        *busy = now;
    if (*busy - now + each > NSEC_PER_SEC)
        return false;
    *busy += each;
    return true;
}
