#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/os/log.h"

#define FLOODS_APART (60 * NSEC_PER_SEC) /* lines about a flood of strangers */

int listen_one(struct loop *l, const union qhcp_addr *addr, union qhcp_addr *ret_bound, char *words,
               size_t words_cap)
{
    union qhcp_addr ip = *addr;
    char text[ADDRESS_TEXT], where[ADDRESS_TEXT];
    int r = loop_bind(l, addr, LISTEN_RCVBUF, ret_bound), error = errno;
    unsigned port = ntohs(addr->in.sin_port); /* at the same place in both families */

    if (r == 0)
        return 0;
    ip.in.sin_port = 0;
    address_format(&ip, where, sizeof where);
    where[strlen(where) - 2] = '\0'; /* without ":0" */
    address_format(addr, text, sizeof text);
    switch (r == QHCP_E_IO ? error : 0) {
    case EADDRINUSE:
        snprintf(
            words, words_cap,
            "UDP port %u is in use on %s: stop the program that has it ('ss -ulpn sport = :%u' "
            "names it), or choose another port with --port",
            port, text, port);
        break;
    case EACCES:
    case EPERM:
        snprintf(words, words_cap,
                 "no permission for UDP port %u of %s: ports below 1024 need root or "
                 "CAP_NET_BIND_SERVICE; choose another with --port",
                 port, where);
        break;
    case EADDRNOTAVAIL:
        snprintf(words, words_cap, "cannot listen on %s: this machine does not have that address",
                 where);
        break;
    case 0:
        snprintf(words, words_cap, "cannot open a UDP socket on %s: %s", text, qhcp_strerror(r));
        break;
    default:
        snprintf(words, words_cap, "cannot open a UDP socket on %s: %s", text, strerror(error));
    }
    errno = error;
    return r;
}

static bool no_such_family(void)
{
    return errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL || errno == EPROTONOSUPPORT;
}

int listen_any(struct loop *l, uint16_t port, char *words, size_t words_cap)
{
    const union qhcp_addr any4 = {.in = {.sin_family = AF_INET, .sin_port = htons(port)}};
    const union qhcp_addr any6 = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    int r4 = listen_one(l, &any4, NULL, words, words_cap);

    if (r4 < 0 && !no_such_family())
        return r4;
    int r6 = listen_one(l, &any6, NULL, words, words_cap);
    if (r6 < 0 && !no_such_family())
        return r6;
    if (r4 < 0 && r6 < 0)
        return r6;
    if (r4 < 0 || r6 < 0)
        log_say(QHCP_LOG_WARNING, "this machine has no %s: connecting to servers only by the other",
                r4 < 0 ? "IPv4" : "IPv6");
    return 0;
}

void listen_steer(struct loop *l, struct qhcp_steering steering)
{
    if (loop_steer(l, &steering) != 0)
        log_say(QHCP_LOG_WARNING,
                "cannot separate strangers' datagrams from those of sessions "
                "(SO_ATTACH_REUSEPORT_CBPF: %s): a flood of them would delay answers",
                strerror(errno));
}

void listen_flooded(void *ctx, qhcp_nsec now, uint64_t n)
{
    static qhcp_nsec said_at; /* 0: never */
    static uint64_t dropped;  /* since then */

    (void)ctx;
    dropped += n;
    if (said_at != 0 && now - said_at < FLOODS_APART)
        return;
    log_say(QHCP_LOG_WARNING,
            "unknown senders send too many datagrams: %llu dropped; existing sessions are not "
            "affected, new ones may have to wait",
            (unsigned long long)dropped);
    said_at = now;
    dropped = 0;
}
