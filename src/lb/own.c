#include "lb/own.h"

#include <assert.h>

#include "lb/internal.h"

static_assert(LIMIT_INTERVAL_MAX_US <= UINT32_MAX, "struct own has room for any interval");

qhcp_nsec own_liveness(const struct backend *b)
{
    const struct qhcp_lb_config *c = b->lb->config;

    if (b->own.liveness > 0)
        return b->own.liveness * NSEC_PER_USEC;
    return b->own.check > 0 ? nsec_min(b->own.check * NSEC_PER_USEC, c->liveness_interval)
                            : c->liveness_interval;
}

qhcp_nsec own_check(const struct backend *b)
{
    return nsec_max(b->own.check > 0 ? b->own.check * NSEC_PER_USEC : b->lb->config->check_interval,
                    own_liveness(b));
}

static bool all_listen(const struct backend *b)
{
    return b->lb->owned->session.beat_us > 0;
}

bool own_listens(const struct backend *b)
{
    return b->own.listen || (all_listen(b) && !b->own.ask);
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

bool own_untold(const struct backend *b)
{
    return own_differs(b) || own_listens(b) != all_listen(b);
}

static bool is_interval(qhcp_nsec interval)
{
    return interval == 0 || (interval >= LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC &&
                             interval <= LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC);
}

bool own_valid(const struct qhcp_tuning *tuning)
{
    return is_interval(tuning->liveness_interval) && is_interval(tuning->check_interval) &&
           !(tuning->ask && tuning->listen);
}

bool own_set(struct backend *b, const struct qhcp_tuning *tuning)
{
    const struct own own = {.liveness = (uint32_t)(tuning->liveness_interval / NSEC_PER_USEC),
                            .check = (uint32_t)(tuning->check_interval / NSEC_PER_USEC),
                            .ask = tuning->ask,
                            .listen = tuning->listen};

    if (b->own.liveness == own.liveness && b->own.check == own.check && b->own.ask == own.ask &&
        b->own.listen == own.listen)
        return false;
    b->own = own;
    return true;
}
