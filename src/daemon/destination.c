#include "daemon/destination.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/value.h"

#define WORDS 400

static const uint8_t *bytes_of(const union qhcp_addr *a)
{
    return a->sa.sa_family == AF_INET6 ? a->in6.sin6_addr.s6_addr
                                       : (const uint8_t *)&a->in.sin_addr;
}

static unsigned bits_of(const union qhcp_addr *a)
{
    return a->sa.sa_family == AF_INET6 ? 128 : 32;
}

static bool bit(const union qhcp_addr *a, unsigned i)
{
    return bytes_of(a)[i / 8] & (0x80 >> i % 8);
}

int destination_net_parse(const char *text, struct destination_net *ret, char *words,
                          size_t words_cap)
{
    char host[INET6_ADDRSTRLEN + 1] = "", quote[VALUE_QUOTE + 8], ignored[WORDS];
    size_t n = strcspn(text, "/");
    struct destination_net net = {.bits = 0};
    uint64_t bits;

    if (n < sizeof host)
        memcpy(host, text, n);
    if (inet_pton(AF_INET, host, &net.address.in.sin_addr) == 1)
        net.address.sa.sa_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &net.address.in6.sin6_addr) == 1)
        net.address.sa.sa_family = AF_INET6;
    bits = bits_of(&net.address);
    if (net.address.sa.sa_family == AF_UNSPEC ||
        (text[n] == '/' &&
         value_count(text + n + 1, "prefix", 0, bits, &bits, ignored, sizeof ignored) < 0)) {
        snprintf(words, words_cap, "%s is not a network: write it as 192.0.2.0/24 or 2001:db8::/32",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    net.bits = (unsigned)bits;
    for (unsigned i = net.bits; i < bits_of(&net.address); i++) {
        if (bit(&net.address, i)) {
            snprintf(words, words_cap,
                     "%s has bits set beyond its prefix of %u: which network is meant?",
                     value_quote(text, quote), net.bits);
            return QHCP_E_PARSE;
        }
    }
    *ret = net;
    return 0;
}

bool destination_net_has(const struct destination_net *net, const union qhcp_addr *address)
{
    if (net->address.sa.sa_family != address->sa.sa_family)
        return false;
    for (unsigned i = 0; i < net->bits; i++)
        if (bit(&net->address, i) != bit(address, i))
            return false;
    return true;
}

static bool is_allowed(const struct list *allowed, const union qhcp_addr *address)
{
    char ignored[WORDS];
    struct destination_net net;

    for (size_t i = 0; i < allowed->n; i++)
        if (destination_net_parse(allowed->at[i], &net, ignored, sizeof ignored) == 0 &&
            destination_net_has(&net, address))
            return true;
    return false;
}

/* The address with the service's port; the server's own where the service names none. */
static union qhcp_addr place(const union qhcp_addr *service, const union qhcp_addr *remote,
                             uint16_t port)
{
    union qhcp_addr a = service->sa.sa_family != AF_UNSPEC ? *service : *remote;

    a.in.sin_port = htons(port); /* at the same place in both families */
    return a;
}

/* One that the server offers; false: it is not to be used, and refused says why. */
static bool take_offer(const char *text, const union qhcp_addr *remote, const struct list *allowed,
                       union qhcp_addr *ret, char *refused, size_t refused_cap)
{
    union qhcp_addr service, own;
    char words[WORDS];
    uint16_t port;

    if (listed_service(text, &service, &port, words, sizeof words) < 0) {
        snprintf(refused, refused_cap, "%.200s", words);
        return false;
    }
    own = place(&(union qhcp_addr){0}, remote, port);
    *ret = place(&service, remote, port);
    if (service.sa.sa_family == AF_UNSPEC || address_equal(&own, ret) || is_allowed(allowed, ret))
        return true;
    snprintf(refused, refused_cap,
             "%s is not at the address at which the server was verified (--allow-service NETWORK "
             "permits it)",
             text);
    return false;
}

void destination_find(const struct listed *l, const union qhcp_addr *remote,
                      const char services[][QHCP_SERVICE], size_t n, const struct list *allowed,
                      union qhcp_addr *ret, char *refused, size_t refused_cap)
{
    bool found = false;

    refused[0] = '\0';
    *ret = (union qhcp_addr){0};
    if (l->port > 0 && (l->service.sa.sa_family != AF_UNSPEC || remote->sa.sa_family != AF_UNSPEC))
        *ret = place(&l->service, remote, l->port);
    if (l->port > 0 || remote->sa.sa_family == AF_UNSPEC)
        return;
    for (size_t i = 0; i < n && !found; i++)
        found = take_offer(services[i], remote, allowed, ret, refused, refused_cap);
    if (found)
        refused[0] = '\0';
    else
        *ret = (union qhcp_addr){0};
}

bool destination_is_local(const union qhcp_addr *address)
{
    union qhcp_addr a = *address;
    int fd = socket(a.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool local;

    a.in.sin_port = 0;
    local = fd >= 0 && bind(fd, &a.sa, address_len(&a)) == 0;
    if (fd >= 0)
        close(fd);
    return local;
}

bool destination_is_own(const union qhcp_addr bind[2], uint16_t port,
                        const union qhcp_addr *address)
{
    bool own = false;

    if (address->sa.sa_family == AF_UNSPEC || ntohs(address->in.sin_port) != port)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        union qhcp_addr a = bind[i], any = {.sa = {.sa_family = address->sa.sa_family}};

        any.in.sin_port = a.in.sin_port = address->in.sin_port; /* at one place in both families */
        own = own || address_equal(&a, address) || (i == 0 && bind[0].sa.sa_family == AF_UNSPEC) ||
              address_equal(&a, &any);
    }
    return own && destination_is_local(address);
}
