/* checks-responder: whom HAProxy's checks ask, on one port a kind, at every address of 127.0.0.0/8.
 *
 *   responder.c  connections
 *   tls.c        TLS 1.3 with tickets, and a certificate of its own */
#ifndef QHCP_BENCH_CHECKS_RESPONDER_H
#define QHCP_BENCH_CHECKS_RESPONDER_H

#include <gnutls/gnutls.h>
#include <stdint.h>

void tls_init(void);
gnutls_session_t tls_new(int fd);

#endif
