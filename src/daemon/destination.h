/* Where the connections for one server go: to the service of the load balancer's own list, which
 * wins, or to one that the server offers, at the address at which the server was verified or in a
 * network that --allow-service names.  A server's word alone never sends traffic to another
 * address. */
#ifndef QHCP_DAEMON_DESTINATION_H
#define QHCP_DAEMON_DESTINATION_H

#include "conf/list.h"
#include "sources/listed.h"

#include <qhcp/lb.h>

struct destination_net {
    union qhcp_addr address;
    unsigned bits; /* of it that count */
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone.  QHCP_E_PARSE: also where bits beyond the
 * prefix are set. */
int destination_net_parse(const char *text, struct destination_net *ret, char *words,
                          size_t words_cap);
bool destination_net_has(const struct destination_net *net, const union qhcp_addr *address);

/* An address of this machine's own: one can be bound. */
bool destination_is_local(const union qhcp_addr *address);

/* Connections to there would come back to this load balancer: it listens on this port, at these
 * addresses (AF_UNSPEC: at every one of this machine's). */
bool destination_is_own(const union qhcp_addr bind[2], uint16_t port,
                        const union qhcp_addr *address);

/* remote: where the server was verified; AF_UNSPEC: it was not yet. services: the n that it offers.
 * allowed: texts that destination_net_parse takes. *ret is AF_UNSPEC if there is none; then refused
 * says what was refused and why, or is "". */
void destination_find(const struct listed *l, const union qhcp_addr *remote,
                      const char services[][QHCP_SERVICE], size_t n, const struct list *allowed,
                      union qhcp_addr *ret, char *refused, size_t refused_cap);

#endif
