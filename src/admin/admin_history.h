/* What the history knows (src/history), by the admin interface: events, a server's samples, and why
 * it went down.  Read from the file, a bounded number of rows a request. */
#ifndef QHCP_ADMIN_ADMIN_HISTORY_H
#define QHCP_ADMIN_ADMIN_HISTORY_H

struct admin_request;

/* Routes; without a name in the path admin_history_events has those of all servers. */
void admin_history_events(struct admin_request *q);
void admin_history_samples(struct admin_request *q);
void admin_history_why(struct admin_request *q);

#endif
