#include "lb/own.h"

#include "lb/internal.h"

qhcp_nsec own_liveness(const struct backend *b)
{
    const struct qhcp_lb_config *c = b->lb->config;

    if (b->own.liveness > 0)
        return b->own.liveness;
    return b->own.check > 0 ? nsec_min(b->own.check, c->liveness_interval) : c->liveness_interval;
}

qhcp_nsec own_check(const struct backend *b)
{
    return nsec_max(b->own.check > 0 ? b->own.check : b->lb->config->check_interval,
                    own_liveness(b));
}

qhcp_nsec own_silence(const struct backend *b)
{
    const struct qhcp_lb_config *c = b->lb->config;

    return c->min_silence == health_window(c->liveness_interval) ? health_window(own_liveness(b))
                                                                 : c->min_silence;
}

bool own_differs(const struct backend *b)
{
    return own_liveness(b) != b->lb->config->liveness_interval;
}

static bool is_interval(qhcp_nsec interval)
{
    return interval == 0 || (interval >= LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC &&
                             interval <= LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC);
}

bool own_valid(const struct own *own)
{
    return is_interval(own->liveness) && is_interval(own->check);
}

bool own_set(struct backend *b, const struct own *own)
{
    if (b->own.liveness == own->liveness && b->own.check == own->check)
        return false;
    b->own = *own;
    return true;
}
