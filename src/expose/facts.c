#include "expose/facts.h"

#include "wire/registry.h"

bool facts_serving(enum qhcp_status status)
{
    return status == QHCP_SERVING || status == QHCP_STATUS_DEGRADED;
}

static enum facts_health health(enum qhcp_status status)
{
    return facts_serving(status) ? FACTS_SERVING : FACTS_NOT_SERVING;
}

enum facts_health facts_health_of(const struct facts *f, struct slice name)
{
    const struct qhcp_server_view *v = &f->view;

    for (size_t i = 0; i < v->n_checks; i++)
        if (slice_equal(name, slice_str(v->checks[i].name)))
            return health(facts_serving(v->set_status) ? v->checks[i].status : v->set_status);
    for (size_t i = 0; i < f->n_services; i++)
        if (slice_equal(name, slice_str(f->services[i])))
            return health(v->status);
    return name.n == 0 ? health(v->status) : FACTS_UNKNOWN;
}

size_t facts_count(const struct facts *f)
{
    return 1 + f->view.n_checks + f->n_services;
}

struct slice facts_name(const struct facts *f, size_t i)
{
    if (i == 0)
        return slice_str("");
    i--;
    return slice_str(i < f->view.n_checks ? f->view.checks[i].name
                                          : f->services[i - f->view.n_checks]);
}

double facts_figure(const struct qhcp_value *v)
{
    switch (v->unit) {
    case WIRE_UNIT_PERCENT:
        return (double)v->value / 100;
    case WIRE_UNIT_MILLI:
        return (double)v->value / 1000;
    default:
        return (double)v->value;
    }
}
