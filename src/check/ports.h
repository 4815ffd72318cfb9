/* Data ports of a fleet: does somebody accept connections there?
 *
 * For: a load balancer that does not take an agent's word for it.  In: addresses under the caller's
 * numbers; out: verdicts: shut after `fall` failures in a row, open again after `rise` connections.
 * A probe is one TCP handshake, which is ended by a reset before its last packet, so that the
 * application never sees it; or, where the port expects the PROXY protocol, one connection that
 * says in its header that it is the proxy's own (LOCAL), and is ended after it.  As with check.h,
 * everything hangs on one descriptor and one deadline; nothing waits, and a fleet of any size has
 * PORTS_AT_ONCE connections under way at most.
 *
 * What only we ourselves could not do (no descriptor left, no route from here at this moment) is no
 * failure of the port's. */
#ifndef QHCP_CHECK_PORTS_H
#define QHCP_CHECK_PORTS_H

#include <stdbool.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#define PORTS_AT_ONCE 256

struct ports;

struct ports_config {
    qhcp_nsec every, timeout; /* from probe to probe of an open port; of one probe */
    unsigned fall, rise;
    bool local_header; /* the ports expect the PROXY protocol, version 2 */
    void *ctx;
    /* open: as above; words: why not ("connection refused"); "" when it is open. */
    void (*verdict)(void *ctx, qhcp_nsec now, size_t id, bool open, const char *words);
};

/* QHCP_E_NOMEM, QHCP_E_IO with errno. */
int ports_new(const struct ports_config *config, struct ports **ret);
void ports_free(struct ports *p);

/* Watches the port at this address, from now on and taken to be open until it proves not to be; the
 * same again changes nothing.  Numbers are small and dense.  QHCP_E_NOMEM. */
int ports_watch(struct ports *p, qhcp_nsec now, size_t id, const union qhcp_addr *address);
void ports_forget(struct ports *p, size_t id);

/* Readable when ports_ready is to be called. */
int ports_fd(const struct ports *p);
void ports_ready(struct ports *p, qhcp_nsec now);
qhcp_nsec ports_deadline(const struct ports *p);
/* The deadline has come.  What is ready is looked at first: a late call is no port's fault. */
void ports_expire(struct ports *p, qhcp_nsec now);

#endif
