/* What the operator of a server wants, in a file beside the control socket: a server that ended
 * without a word and came back must not serve from the middle of a maintenance.  A server that is
 * stopped takes the file away. */
#ifndef QHCP_ADMIN_INTENT_H
#define QHCP_ADMIN_INTENT_H

#include <stdbool.h>
#include <stddef.h>

#include <qhcp/server.h>

/* Serving is what nobody asked for: the file goes.  What cannot be written is told in the log. */
void intent_keep(const char *socket, enum qhcp_status status, const char *reason);
void intent_drop(const char *socket);
/* False: nothing is wanted.  reason: QHCP_TEXT bytes. */
bool intent_take(const char *socket, enum qhcp_status *ret, char *reason);

#endif
