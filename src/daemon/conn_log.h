/* A line of the log of connections (--log-connections). */
#ifndef QHCP_DAEMON_CONN_LOG_H
#define QHCP_DAEMON_CONN_LOG_H

#include <stddef.h>

#include "proxy/proxy.h"

#define CONN_LOG_LINE 400

/* "192.0.2.7:40112 -> 10.0.0.1:8080: 312 bytes in, 10240 bytes out, connected after 0.412 ms, ended
 * after 1204.551 ms: closed by the client".  ret has room for CONN_LOG_LINE. */
void conn_log_line(const struct proxy_ended *e, char *ret);
/* Into the log; ctx is not used. */
void conn_log_say(void *ctx, const struct proxy_ended *e);

#endif
