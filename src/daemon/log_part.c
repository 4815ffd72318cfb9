#include "daemon/log_part.h"

#include <signal.h>

#include "base/os/log.h"

static qhcp_nsec deadline(void *ctx)
{
    (void)ctx;
    return log_deadline();
}

static void expire(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    log_expire(now);
}

static void on_said(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ctx;
    (void)now;
    (void)ready;
    log_drain();
}

void log_part_begin(struct log_part *p, struct loop *loop)
{
    p->part = (struct loop_part){.name = "log", .deadline = deadline, .expire = expire};
    loop_add(loop, &p->part);
    if (log_fd() >= 0)
        loop_watch(loop, &p->watch, log_fd(), LOOP_READABLE, on_said, NULL);
}

void log_part_end(struct log_part *p)
{
    loop_unwatch(&p->watch);
    loop_remove(&p->part);
}

bool log_part_signal(int signum)
{
    if (signum == SIGUSR1)
        log_step(1, "SIGUSR1");
    else if (signum == SIGUSR2)
        log_step(-1, "SIGUSR2");
    else
        return false;
    return true;
}
