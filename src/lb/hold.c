#include "lb/hold.h"

#include <string.h>

#include "lb/internal.h"

void hold_adapt(struct qhcp_lb *lb)
{
    struct brake *b = &lb->brake;

    if (b->span != lb->config->brake_span) {
        memset(b->in, 0, sizeof b->in);
        b->taken = b->part = 0;
    }
    b->percent = lb->config->brake_percent;
    b->span = lb->config->brake_span;
    b->servers = lb->count;
}

void hold_look(struct backend *b)
{
    struct brake *brake = &b->lb->brake;
    bool held = b->health.cause == HEALTH_CAUSE_BRAKE;

    if (held == b->hold.held)
        return;
    b->hold.held = held;
    brake->held += held ? 1 : (size_t)-1;
    reason_find(b, &(struct health_step){.from = b->health.state});
    if (held)
        lb_log(b->lb, QHCP_LOG_WARNING, "%s: %s", b->text, kept_text(&b->reason.words));
    else if (brake->held == 0)
        lb_log(b->lb, QHCP_LOG_INFO, "the brake holds no server any more");
}

void hold_forget(struct backend *b)
{
    b->lb->brake.held -= b->hold.held;
    b->hold.held = false;
}
