/* The listening sockets of the forwarder's port. */
#ifndef QHCP_PROXY_LISTEN_H
#define QHCP_PROXY_LISTEN_H

#include <stddef.h>

#include "proxy/proxy.h"

struct worker;

/* Gives each of n workers its sockets: those of config->listeners, else new ones at the port's
 * addresses.  They are the workers' from then on, also after a failure, where words says what and
 * why: QHCP_E_IO. */
int listen_open(const struct proxy_config *config, struct worker *workers, unsigned n, char *words,
                size_t words_cap);

#endif
