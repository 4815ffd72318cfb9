/* The end of the thread that serves, in tests. */
#ifndef QHCP_TESTS_DAEMON_STOP_H
#define QHCP_TESTS_DAEMON_STOP_H

#include "daemon/serve.h"
#include "loop/loop.h"

/* serve_stop() waits for a second, and then says that the thread is still at something.  On a busy
 * machine a thread with little to do takes longer. */
static inline void stop_serving(struct serve *serve)
{
    qhcp_nsec began = loop_now();

    for (int i = 0; !serve_stop(serve); i++) {
        assert_true(i < 60);
        assert_true(loop_now() - began >= NSEC_PER_SEC); /* whatever signals came */
        began = loop_now();
    }
}

#endif
