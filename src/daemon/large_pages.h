/* The heap of a large fleet is moved into large pages (base/os/collapse.h), a little at a time, on
 * the thread that serves. */
#ifndef QHCP_DAEMON_LARGE_PAGES_H
#define QHCP_DAEMON_LARGE_PAGES_H

#include "base/os/collapse.h"
#include "loop/loop.h"

struct large_pages {
    struct loop_part part;
    struct collapse walk;
    qhcp_nsec at;
};

/* On this loop, from its thread or while it does not run. */
void large_pages_begin(struct large_pages *l, struct loop *loop);
void large_pages_end(struct large_pages *l);

#endif
