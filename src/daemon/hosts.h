/* Names of servers to addresses, on the thread that serves: it reads /etc/hosts and waits for DNS
 * servers, the thread that watches does not.  As src/loop/resolve.h, but across the threads. */
#ifndef QHCP_DAEMON_HOSTS_H
#define QHCP_DAEMON_HOSTS_H

#include "loop/resolve.h"

struct hosts;
struct serve;

/* For the thread of the loop `watching`, before serve_start.  QHCP_E_NOMEM, QHCP_E_IO. */
int hosts_new(struct loop *watching, struct serve *serve,
              void (*done)(void *ctx, const struct resolve_answer *answer), void *ctx,
              struct hosts **ret);
/* After serve_stop, and before serve_free: what is under way is forgotten.  May be NULL. */
void hosts_free(struct hosts *h);

/* Asks for the addresses of host, copied; done is called later, from the loop of the thread that
 * watches.  While no DNS server answers, a question for which there is no room is answered without
 * being asked.  QHCP_E_NOMEM (done is not called then). */
int hosts_start(struct hosts *h, size_t index, const char *host, uint16_t port);

#endif
