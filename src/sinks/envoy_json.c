#include "sinks/envoy_json.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "sinks/sink_places.h"

#define TYPE "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
#define HEAD "{\"version_info\":\""

/* HealthStatus of envoy/config/core/v3/health_check.proto.  (Its UNKNOWN means healthy to Envoy.)
 */
static const char *health(const struct say *say)
{
    switch (say->use) {
    case SAY_SERVE:
        return say->degraded ? "DEGRADED" : "HEALTHY";
    case SAY_DRAIN:
    case SAY_MAINTENANCE:
        return "DRAINING";
    case SAY_DOWN:
    case SAY_UNKNOWN:
        break;
    }
    return "UNHEALTHY";
}

/* load_balancing_weight: at least 1, and the whole weight where there is no traffic to divide. */
static unsigned weight(const struct say *say)
{
    unsigned percent = say->use == SAY_SERVE ? say->percent : 100, w = say->weight * percent;

    return w > 0 ? w : 1;
}

static void add_place(struct text *t, const struct sink_place *p)
{
    char ip[ADDRESS_IP];

    text_add(t, "{\"endpoint\":{\"address\":{\"socket_address\":{\"address\":");
    text_json(t, address_ip(&p->entry->target, ip));
    text_printf(t, ",\"port_value\":%u}}},\"health_status\":\"%s\",\"load_balancing_weight\":%u}",
                ntohs(p->entry->target.in.sin_port), health(p->say), weight(p->say));
}

/* One LocalityLbEndpoints for each tier; Envoy refuses gaps between their numbers. */
static void add_tiers(struct text *t, const struct sink_place *places, size_t n)
{
    struct sink_tiers tiers;

    sink_tiers(places, n, &tiers);
    for (unsigned tier = 0; tier < tiers.n; tier++) {
        bool first = true;

        text_printf(t, "%s{\"priority\":%u,\"lb_endpoints\":[", tier > 0 ? "," : "", tier);
        for (size_t i = 0; i < n; i++) {
            if (tiers.rank[places[i].say->priority % FLEET_TIERS] != tier)
                continue;
            text_add(t, first ? "\n" : ",\n");
            add_place(t, &places[i]);
            first = false;
        }
        text_add(t, "]}");
    }
}

/* FNV-1a, as a name for a content: nothing depends on it but whether two are the same. */
static uint64_t hash(const struct text *t)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < t->n; i++)
        h = (h ^ (uint8_t)t->at[i]) * UINT64_C(0x100000001b3);
    return h;
}

void envoy_json(const char *cluster, const struct sink_view *view, struct text *ret)
{
    struct text body = {0};
    struct sink_place *places;
    size_t n;

    if (sink_places(view, &places, &n) < 0) {
        ret->failed = true;
        return;
    }
    text_add(&body, "\"resources\":[{\"@type\":\"" TYPE "\",\"cluster_name\":");
    text_json(&body, cluster);
    text_add(&body, ",\"endpoints\":[");
    add_tiers(&body, places, n);
    text_add(&body, "]}]}\n");
    text_printf(ret, HEAD "%016llx\",", (unsigned long long)hash(&body));
    text_bytes(ret, body.at, body.n);
    ret->failed = ret->failed || body.failed;
    text_deinit(&body);
    free(places);
}

bool envoy_json_is(const char *content)
{
    return strncmp(content, HEAD, strlen(HEAD)) == 0 && strstr(content, TYPE);
}
