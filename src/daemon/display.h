/* The status of `qhcp lb` on the loop: src/status is told of the fleet's changes and when its time
 * has come, and what its reader did not take at once leaves when it takes more. */
#ifndef QHCP_DAEMON_DISPLAY_H
#define QHCP_DAEMON_DISPLAY_H

#include "daemon/list_news.h"
#include "loop/loop.h"
#include "status/status.h"

struct feed_reader;
struct publisher;

struct display {
    struct loop_part part;
    struct publisher *publisher;
    struct feed_reader *reader;
    struct loop_watch watch; /* of the output, while something waits for it */
    struct status status;
    struct list_news news;
    const bool *changing; /* more news of this change of the list come.  May be NULL */
    bool follows;         /* has read what there was at the beginning */
};

/* Shows what the publisher publishes, which is on the loop already.  d->status was made; *d stays
 * where it is until display_end, which is for one that is zeroed, too.  QHCP_E_IO, QHCP_E_NOMEM. */
int display_begin(struct display *d, struct loop *loop, struct publisher *publisher);
void display_end(struct display *d);

#endif
