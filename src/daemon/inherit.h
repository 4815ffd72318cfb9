/* What one load balancer tells the next one about its servers at a hand-over: lines of text, a
 * server each, "KEY SHARE DEGRADED TARGET" as "10.0.0.1:4243 1000 0 10.0.0.1:8080".  It counts
 * until the new one has a verdict of its own, so that its first second is no blackout. */
#ifndef QHCP_DAEMON_INHERIT_H
#define QHCP_DAEMON_INHERIT_H

#include <stdbool.h>

#include "base/text.h"

#include <qhcp/types.h>

struct inherited; /* by key; NULL: nothing */

struct inherit_server {
    unsigned share; /* permille, above 0 */
    bool degraded;
    union qhcp_addr target;
};

void inherit_write(struct text *t, const char *key, const struct inherit_server *s);
/* Lines that do not parse are left out: the other process may be of another version. */
struct inherited *inherit_read(const char *text);
/* NULL: nothing is known of it. */
const struct inherit_server *inherit_find(const struct inherited *all, const char *key);
void inherit_free(struct inherited *all);

#endif
