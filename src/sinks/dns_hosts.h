/* The servers of a zone, from what is said of the fleet's. */
#ifndef QHCP_SINKS_DNS_HOSTS_H
#define QHCP_SINKS_DNS_HOSTS_H

#include "sinks/dns_zone.h"
#include "sinks/sink.h"

/* Takes what is new.  A server of which nothing is known yet stays as it was.  False: out of memory
 * for some. */
bool dns_hosts_see(struct dns_zone *z, const struct sink_view *view);

#endif
