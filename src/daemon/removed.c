#include "daemon/removed.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/os/log.h"
#include "proxy/proxy.h"

struct removed {
    struct removed *next;
    size_t id;
    qhcp_nsec at;
    char address[ADDRESS_KEY];
};

void removed_add(struct removed_all *all, size_t id, const char *address, qhcp_nsec at)
{
    struct removed *r = calloc(1, sizeof *r);

    if (!r)
        return;
    all->next = nsec_min(removed_deadline(all), at);
    r->next = all->first;
    r->id = id;
    r->at = at;
    snprintf(r->address, sizeof r->address, "%s", address);
    all->first = r;
}

qhcp_nsec removed_deadline(const struct removed_all *all)
{
    return all->first ? all->next : NSEC_NEVER;
}

static void end(const struct removed *r, struct proxy *p)
{
    size_t n = proxy_in_flight(p, r->id);

    if (n == 0)
        return;
    log_say(QHCP_LOG_WARNING, "%s was removed, and --max-drain is over: %zu %s reset", r->address,
            n, n == 1 ? "connection is" : "connections are");
    proxy_evict(p, r->id, PROXY_DRAINED);
}

void removed_expire(struct removed_all *all, qhcp_nsec now, struct proxy *p)
{
    struct removed *r, **link = &all->first;

    if (removed_deadline(all) > now)
        return;
    all->next = NSEC_NEVER;
    while ((r = *link)) {
        if (r->at > now) {
            all->next = nsec_min(all->next, r->at);
            link = &r->next;
            continue;
        }
        end(r, p);
        *link = r->next;
        free(r);
    }
}

void removed_free(struct removed_all *all)
{
    struct removed *r;

    while ((r = all->first)) {
        all->first = r->next;
        free(r);
    }
}
