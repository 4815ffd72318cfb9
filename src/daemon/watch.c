#include "daemon/watch.h"

#include <errno.h>
#include <string.h>

#include <qhcp/lb.h>

#include "base/os/log.h"
#include "loop/loop.h"
#include "loop/route.h"

static void on_moved(void *ctx, qhcp_nsec now)
{
    qhcp_lb_moved(ctx, now);
}

void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret)
{
    if (route_watch(loop, ret, on_moved, core) < 0)
        log_say(QHCP_LOG_WARNING,
                "the kernel does not report changes of this machine's addresses (%s): connecting "
                "again only when servers fall silent",
                strerror(errno));
}
