#include "fleet.h"

#include <stdio.h>
#include <string.h>

size_t fake_count(const void *ctx)
{
    return ((const struct fake *)ctx)->n;
}

int fake_view(const void *ctx, size_t index, struct qhcp_view *ret)
{
    const struct fake *f = ctx;

    if (index >= f->n)
        return QHCP_E_NOT_FOUND;
    *ret = f->at[index];
    return 0;
}

struct qhcp_view *fake_add(struct fake *f, const char *address)
{
    struct qhcp_view *v = &f->at[f->n++];

    memset(v, 0, sizeof *v);
    snprintf(v->address, sizeof v->address, "%s", address);
    snprintf(v->server_id, sizeof v->server_id, "id-%zu", f->n);
    v->state = QHCP_UP;
    v->rtt_us = 412;
    v->checks_sent = v->checks_ok = 12;
    v->n_values = 2;
    v->values[0] = (struct qhcp_value){.name = "cpu_usage_percent", .unit = 1, .value = 314};
    v->values[1] = (struct qhcp_value){.name = "memory_usage_percent", .unit = 1, .value = 4020};
    return v;
}

void fake_change(struct qhcp_view *v, enum qhcp_state state, const char *reason)
{
    v->state = state;
    snprintf(v->reason, sizeof v->reason, "%s", reason);
    v->fails = state == QHCP_DOWN ? 3 : 0;
}

struct status_fleet fake_fleet(const struct fake *f)
{
    return (struct status_fleet){.ctx = f, .count = fake_count, .view = fake_view};
}
