#include "daemon/conn_log.h"

#include <stdio.h>

#include "base/address.h"
#include "base/os/log.h"
#include "base/time.h"

static double ms(qhcp_nsec t)
{
    return (double)t / (double)NSEC_PER_MSEC;
}

void conn_log_line(const struct proxy_ended *e, char *ret)
{
    char from[ADDRESS_TEXT], to[ADDRESS_TEXT] = "no server", connected[60] = "never connected",
                             tries[40] = "";

    address_format(&e->from, from, sizeof from);
    if (e->to.sa.sa_family != AF_UNSPEC)
        address_format(&e->to, to, sizeof to);
    if (e->connected_after > 0)
        snprintf(connected, sizeof connected, "connected after %.3f ms", ms(e->connected_after));
    if (e->tries > 1)
        snprintf(tries, sizeof tries, " (the %s server that was tried)",
                 e->tries == 2 ? "second" : "third");
    snprintf(ret, CONN_LOG_LINE,
             "%s -> %s%s: %llu bytes in, %llu bytes out, %s, ended after %.3f ms: %s", from, to,
             tries, (unsigned long long)e->bytes_in, (unsigned long long)e->bytes_out, connected,
             ms(e->lasted), proxy_end_words(e->how));
}

void conn_log_say(void *ctx, const struct proxy_ended *e)
{
    char line[CONN_LOG_LINE];

    (void)ctx;
    conn_log_line(e, line);
    log_record(QHCP_LOG_INFO, line);
}
