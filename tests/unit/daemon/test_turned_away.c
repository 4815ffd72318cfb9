/* The log says why clients got no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os/log.h"
#include "daemon/turned_away.h"
#include "fleet/entry.h"
#include "proxy/proxy.h"

static char line[400];

static void take_line(void *ctx, const char *text, size_t n)
{
    (void)ctx;
    snprintf(line, sizeof line, "%.*s", (int)n, text);
}

/* Instead of the forwarder's. */
uint64_t proxy_crowded(const struct proxy *p)
{
    (void)p;
    return 0;
}

uint64_t proxy_ended_lost(const struct proxy *p)
{
    (void)p;
    return 0;
}

static const struct reason {
    size_t connecting, up, degraded, down;
    enum qhcp_use use;
    size_t services;
    const char *why;
} reasons[] = {
    {0, 0, 0, 0, QHCP_USE_HEALTHY, 0, "there are no servers"},
    {1, 0, 0, 0, QHCP_USE_HEALTHY, 0, "the server is still connecting"},
    {0, 0, 0, 1, QHCP_USE_HEALTHY, 1, "the server is not up"},
    {2, 0, 0, 0, QHCP_USE_HEALTHY, 0, "the 2 servers are still connecting"},
    {1, 0, 0, 1, QHCP_USE_HEALTHY, 1, "none of the 2 servers is up"},
    {0, 1, 1, 8, QHCP_USE_NONE, 9, "2 of 10 servers are up, and none may be used"},
    {0, 1, 1, 8, QHCP_USE_HEALTHY, 9, "no server that offers a service is up"},
    {0, 1, 0, 0, QHCP_USE_HEALTHY, 0, "no server offers a service"},
};

static void the_first_reason_that_is_true_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        const struct reason *r = &reasons[i];
        struct turned_away t = {.waiting[TURNED_AWAY_NOBODY] = 1};
        struct fleet_self fleet = {.n = r->connecting + r->up + r->degraded + r->down,
                                   .by_state[QHCP_CONNECTING] = r->connecting,
                                   .by_state[QHCP_UP] = r->up,
                                   .by_state[QHCP_DEGRADED] = r->degraded,
                                   .by_state[QHCP_DOWN] = r->down,
                                   .use = r->use};

        turned_away_say(&t, 1, NULL, &fleet, r->services);
        assert_non_null(strstr(line, "1 client was closed: "));
        assert_non_null(strstr(line, r->why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_reason_that_is_true_is_told),
    };

    log_init(QHCP_LOG_INFO, LOG_AUTO);
    log_divert(take_line, NULL);
    return cmocka_run_group_tests_name("daemon-turned-away", tests, NULL, NULL);
}
