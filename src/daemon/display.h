/* The status of `qhcp lb` on the loop: src/status is told when its time has come, and what its
 * reader did not take at once leaves when it takes more. */
#ifndef QHCP_DAEMON_DISPLAY_H
#define QHCP_DAEMON_DISPLAY_H

#include "loop/loop.h"
#include "status/status.h"

struct display {
    struct loop_part part;
    struct loop_watch watch; /* of the output, while something waits for it */
    struct status status;
};

/* d->status was made; *d stays where it is until display_end, which is for one that is zeroed, too.
 */
void display_begin(struct display *d, struct loop *loop);
void display_end(struct display *d);

#endif
