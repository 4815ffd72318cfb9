/* The PROXY protocol's header, version 2 (HAProxy's doc/proxy-protocol.txt, 2.2): the client's
 * address, before its first byte, for servers that would otherwise see the load balancer's. */
#ifndef QHCP_PROXY_HEADER_H
#define QHCP_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include <qhcp/types.h>

#define HEADER_MAX 52 /* bytes, of IPv6 */

/* Both of one family, IPv4 or IPv6: from the client, to the address that it connected to.  Returns
 * the bytes. */
size_t header_make(uint8_t ret[HEADER_MAX], const union qhcp_addr *from, const union qhcp_addr *to);

#endif
