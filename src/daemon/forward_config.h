/* The forwarder's configuration, from the options. */
#ifndef QHCP_DAEMON_FORWARD_CONFIG_H
#define QHCP_DAEMON_FORWARD_CONFIG_H

#include "daemon/lb_options.h"

/* Callbacks are the caller's to add.  The options were checked. */
struct proxy_config forward_config(const struct lb_options *o);

#endif
