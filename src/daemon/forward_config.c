#include "daemon/forward_config.h"

#include <stdio.h>

#include "balance/balance.h"
#include "daemon/capacity.h"
#include "sources/servers.h"

#define WHY 300

int forward_config_bind(const struct options *o, union qhcp_addr ret[2], char *words,
                        size_t words_cap)
{
    const struct list *l = &o->at[OPTION_BIND].list;
    char why[WHY];

    ret[0] = ret[1] = (union qhcp_addr){0};
    for (size_t i = 0; i < l->n; i++) {
        int r = i < 2 ? servers_parse_ip(l->at[i], 0, &ret[i], why, sizeof why) : QHCP_E_EXISTS;

        if (r == 0 && i == 1 && ret[0].sa.sa_family == ret[1].sa.sa_family)
            r = QHCP_E_EXISTS;
        if (r == QHCP_E_EXISTS)
            snprintf(why, sizeof why, "expected at most one IPv4 and one IPv6 address");
        if (r < 0) {
            snprintf(words, words_cap, "--bind: %s", why);
            return r;
        }
    }
    return 0;
}

struct proxy_config forward_config(const struct options *o)
{
    struct capacity capacity = capacity_find(o);
    struct proxy_config c = {.port = (uint16_t)options_number(o, OPTION_PORT),
                             .threads = capacity_threads(o),
                             .max_connections = capacity.connections,
                             .max_pipes = capacity.pipes,
                             .max_per_source = options_number(o, OPTION_MAX_PER_SOURCE),
                             .connect_timeout = options_number(o, OPTION_CONNECT_TIMEOUT),
                             .idle_timeout = options_number(o, OPTION_IDLE_TIMEOUT),
                             .half_close_timeout = options_number(o, OPTION_HALF_CLOSE_TIMEOUT),
                             .hold = options_number(o, OPTION_HOLD),
                             .client_keep_alive = options_number(o, OPTION_CLIENT_KEEP_ALIVE),
                             .server_keep_alive = options_number(o, OPTION_SERVER_KEEP_ALIVE),
                             .send_proxy_v2 = options_number(o, OPTION_SEND_PROXY_V2) != 0,
                             .algorithm = balance_at(options_number(o, OPTION_BALANCE))};
    char ignored[WHY];

    (void)forward_config_bind(o, c.bind, ignored, sizeof ignored);
    if (c.max_per_source == 0)
        c.max_per_source = c.max_connections / 2 + 1;
    return c;
}
