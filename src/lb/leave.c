#include "lb/leave.h"

#include "lb/internal.h"

qhcp_nsec leave_deadline(const struct backend *b)
{
    return b->link.session.state == SESSION_LB_LEAVING ? b->leave.look : NSEC_NEVER;
}

void leave_expire(struct backend *b, qhcp_nsec now)
{
    const struct qhcp_lb_config *c = b->lb->config;
    bool over = b->leave.until <= now;
    size_t left = c->leaving ? c->leaving(c->ctx, b->text, over) : 0;

    b->leave.look = nsec_min(nsec_add(now, LEAVE_LOOK), nsec_max(b->leave.until, now + 1));
    if (left == 0 || over)
        (void)session_lb_leave(&b->link.session, now, left > 0);
    talk_flush(b, now);
}

void leave_begin(struct backend *b, qhcp_nsec now, qhcp_nsec deadline)
{
    deadline -= nsec_min(deadline / 10, LEAVE_EARLY);
    b->leave.until = nsec_add(now, nsec_min(b->lb->config->max_drain, deadline));
    leave_expire(b, now);
}
