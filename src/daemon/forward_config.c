#include "daemon/forward_config.h"

#include "balance/balance.h"
#include "daemon/capacity.h"

#define WHY 300

struct proxy_config forward_config(const struct lb_options *o)
{
    struct capacity capacity = capacity_find(o);
    struct proxy_config c = {.port = (uint16_t)o->port,
                             .threads = capacity_threads(o),
                             .max_connections = capacity.connections,
                             .max_pipes = capacity.pipes,
                             .max_per_source = o->max_per_source,
                             .connect_timeout = o->connect_timeout,
                             .idle_timeout = o->idle_timeout,
                             .half_close_timeout = o->half_close_timeout,
                             .hold = o->hold,
                             .client_keep_alive = o->client_keep_alive,
                             .server_keep_alive = o->server_keep_alive,
                             .send_proxy_v2 = o->send_proxy_v2,
                             .algorithm = balance_at(o->balance)};
    char ignored[WHY];

    (void)lb_options_bind(o, c.bind, ignored, sizeof ignored);
    if (c.max_per_source == 0)
        c.max_per_source = c.max_connections / 2 + 1;
    return c;
}
