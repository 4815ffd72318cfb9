#include "sinks/sink_places.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    const struct sink_place *x = a, *y = b;

    return strcmp(fleet_text(x->entry, FLEET_LABEL), fleet_text(y->entry, FLEET_LABEL));
}

bool sink_place_is_known(const union qhcp_addr *target)
{
    return target->sa.sa_family != AF_UNSPEC &&
           (target->sa.sa_family != AF_INET6 || target->in6.sin6_scope_id == 0);
}

int sink_places(const struct sink_view *view, struct sink_place **ret, size_t *ret_n)
{
    const struct fleet_snapshot *s = view->snapshot;
    struct sink_place *at = malloc((s->self.n + 1) * sizeof *at);
    const struct fleet_entry *e;
    size_t n = 0;

    if (!at)
        return QHCP_E_NOMEM;
    for (uint32_t slot = 0; n < s->self.n && (e = snapshot_next(s, &slot)); slot++)
        if (view->say[slot].use != SAY_UNKNOWN && sink_place_is_known(&e->target))
            at[n++] = (struct sink_place){.say = &view->say[slot], .entry = e};
    qsort(at, n, sizeof *at, by_name);
    *ret = at;
    *ret_n = n;
    return 0;
}

void sink_tiers(const struct sink_place *places, size_t n, struct sink_tiers *ret)
{
    bool there[FLEET_TIERS] = {false};

    *ret = (struct sink_tiers){.n = 0};
    for (size_t i = 0; i < n; i++)
        there[places[i].say->priority % FLEET_TIERS] = true;
    for (unsigned p = 0; p < FLEET_TIERS; p++) {
        ret->rank[p] = ret->n;
        ret->n += there[p];
    }
}
