#include "lb/leave.h"

#include "lb/internal.h"

/* Its status says that it wants no new connections, and we know how many it has. */
static bool drains(const struct backend *b)
{
    return b->link.session.state == SESSION_LB_ACTIVE &&
           b->link.session.status >= QHCP_STATUS_DRAINING && b->lb->config->leaving;
}

qhcp_nsec leave_deadline(const struct backend *b)
{
    return b->link.session.state == SESSION_LB_LEAVING || drains(b) ? b->leave.look : NSEC_NEVER;
}

static void count(struct backend *b, qhcp_nsec now)
{
    const struct qhcp_lb_config *c = b->lb->config;
    struct session_lb *s = &b->link.session;
    size_t left = c->leaving(c->ctx, b->text, false);
    bool news = left == 0 || !s->counts;
    struct health_step step;

    b->leave.look = left > 0 ? nsec_add(now, LEAVE_LOOK) : NSEC_NEVER;
    session_lb_in_flight(s, left);
    if (!news)
        return;
    health_hurry(&b->health, now, &step);
    act_on(b, now, &step);
}

static void finish(struct backend *b, qhcp_nsec now)
{
    const struct qhcp_lb_config *c = b->lb->config;
    bool over = b->leave.until <= now;
    size_t left = c->leaving ? c->leaving(c->ctx, b->text, over) : 0;

    b->leave.look = nsec_min(nsec_add(now, LEAVE_LOOK), nsec_max(b->leave.until, now + 1));
    if (left == 0 || over)
        (void)session_lb_leave(&b->link.session, now, left > 0);
    talk_flush(b, now);
}

void leave_expire(struct backend *b, qhcp_nsec now)
{
    if (b->link.session.state == SESSION_LB_LEAVING)
        finish(b, now);
    else
        count(b, now);
}

void leave_begin(struct backend *b, qhcp_nsec now, qhcp_nsec deadline)
{
    deadline -= nsec_min(deadline / 10, LEAVE_EARLY);
    b->leave.until = nsec_add(now, nsec_min(b->lb->config->max_drain, deadline));
    finish(b, now);
}

void leave_ended(struct backend *b, qhcp_nsec now)
{
    const struct qhcp_lb_config *c = b->lb->config;

    if (b->link.session.state == SESSION_LB_LEAVING && c->leaving &&
        nsec_add(now, LEAVE_LATE) >= b->leave.until)
        (void)c->leaving(c->ctx, b->text, true);
}

void leave_status(struct backend *b, qhcp_nsec now)
{
    if (drains(b) && !b->link.session.counts)
        b->leave.look = nsec_add(now, LEAVE_LOOK);
}
