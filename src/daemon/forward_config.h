/* The forwarder's configuration, from the options. */
#ifndef QHCP_DAEMON_FORWARD_CONFIG_H
#define QHCP_DAEMON_FORWARD_CONFIG_H

#include "conf/options.h"

/* Callbacks are the caller's to add.  The options were checked. */
struct proxy_config forward_config(const struct options *o);

/* The addresses of --bind, one of each family at most; AF_UNSPEC where there is none.
 * QHCP_E_PARSE, QHCP_E_EXISTS, with words that name the option. */
int forward_config_bind(const struct options *o, union qhcp_addr ret[2], char *words,
                        size_t words_cap);

#endif
