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

void removed_add(struct removed **all, size_t id, const char *address, qhcp_nsec at)
{
    struct removed *r = calloc(1, sizeof *r);

    if (!r)
        return;
    r->next = *all;
    r->id = id;
    r->at = at;
    snprintf(r->address, sizeof r->address, "%s", address);
    *all = r;
}

qhcp_nsec removed_deadline(const struct removed *all)
{
    qhcp_nsec at = NSEC_NEVER;

    for (; all; all = all->next)
        at = nsec_min(at, all->at);
    return at;
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

void removed_expire(struct removed **all, qhcp_nsec now, struct proxy *p)
{
    while (*all) {
        struct removed *r = *all;

        if (r->at > now) {
            all = &r->next;
            continue;
        }
        end(r, p);
        *all = r->next;
        free(r);
    }
}

void removed_free(struct removed **all)
{
    while (*all) {
        struct removed *r = *all;

        *all = r->next;
        free(r);
    }
}
