#include "daemon/watched.h"

#include "daemon/forward.h"
#include "loop/loop.h"

#include <qhcp/lb.h>

static size_t fleet_count(const void *ctx)
{
    const struct watched *w = ctx;

    return qhcp_lb_count(*w->core);
}

static int fleet_view(const void *ctx, size_t index, struct qhcp_view *ret)
{
    const struct watched *w = ctx;

    return qhcp_lb_view(*w->core, index, ret);
}

static size_t fleet_checks(const void *ctx, size_t index, struct qhcp_check_view *ret, size_t cap)
{
    const struct watched *w = ctx;

    return qhcp_lb_checks(*w->core, index, ret, cap);
}

static size_t fleet_services(const void *ctx, size_t index, char ret[][QHCP_SERVICE], size_t cap)
{
    const struct watched *w = ctx;

    return qhcp_lb_services(*w->core, index, ret, cap);
}

static bool fleet_forward(const void *ctx, const char *address, struct proxy_counts *ret)
{
    const struct watched *w = ctx;

    return forward_counts(w->forward, address, ret);
}

static void fleet_self(const void *ctx, struct qhcp_self *ret)
{
    const struct watched *w = ctx;

    qhcp_lb_self(*w->core, loop_now(), ret);
}

struct status_fleet watched_fleet(struct watched *w)
{
    return (struct status_fleet){.ctx = w,
                                 .count = fleet_count,
                                 .view = fleet_view,
                                 .checks = fleet_checks,
                                 .services = fleet_services,
                                 .forward = fleet_forward,
                                 .self = fleet_self};
}
