#include "sinks/dns_hosts.h"

#include "sinks/sink_places.h"

static enum dns_use use_of(const struct say *say)
{
    if (say->use == SAY_SERVE && say->weight > 0)
        return DNS_NOW;
    return say->use == SAY_DOWN ? DNS_LAST : DNS_NEVER;
}

static bool see(struct dns_zone *z, const struct sink_view *view, uint32_t slot)
{
    const struct fleet_entry *e = snapshot_at(view->snapshot, slot);
    const struct say *say = &view->say[slot];
    const struct fleet_bytes *services;
    struct dns_host host;

    if (!e || !e->text[FLEET_NAME]) {
        dns_zone_unset(z, slot);
        return true;
    }
    services = e->text[FLEET_SERVICES];
    host = (struct dns_host){.use = use_of(say),
                             .priority = say->priority,
                             .weight = say->weight,
                             .percent = say->percent};
    if (sink_place_is_known(&e->target))
        host.at = e->target;
    if (say->use == SAY_UNKNOWN && slot < z->n && z->names[slot])
        host = z->hosts[slot];
    return dns_zone_set(z, slot, &host, fleet_text(e, FLEET_LABEL), fleet_text(e, FLEET_TAGS),
                        services ? services->at : "", services ? services->n : 0);
}

bool dns_hosts_see(struct dns_zone *z, const struct sink_view *view)
{
    bool well = true;

    if (view->all)
        for (uint32_t slot = 0; slot < view->slots; slot++)
            well = see(z, view, slot) && well;
    else
        for (size_t i = 0; i < view->n_changed; i++)
            well = see(z, view, view->changed[i]) && well;
    return well;
}
