/* When nginx may be told again.  Each reload forks workers, and the old ones live as long as their
 * connections.  So a change waits until `every` has passed since the reload before; only the end of
 * a server that gets traffic does not, and in a storm of such ends each waits longer than the one
 * before: half a second, half a second, one, two, four, up to `every`.  Pure. */
#ifndef QHCP_SINKS_NGINX_PACE_H
#define QHCP_SINKS_NGINX_PACE_H

#include <stdbool.h>

#include "base/time.h"

#define NGINX_PACE_FIRST (500 * NSEC_PER_MSEC)

struct nginx_pace {
    qhcp_nsec every;
    qhcp_nsec last;   /* when the last reload began; 0: there was none */
    qhcp_nsec urgent; /* the same of the last urgent one */
    unsigned hurry;   /* urgent ones in a row, each within twice `every` of the one before */
};

/* When the next one may begin, at the earliest. */
qhcp_nsec nginx_pace_next(const struct nginx_pace *p, qhcp_nsec now, bool urgent);
/* One begins now. */
void nginx_pace_begun(struct nginx_pace *p, qhcp_nsec now, bool urgent);

#endif
