#include "base/address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"

#include <qhcp/error.h>

static int refuse(char *words, size_t cap, const char *text, const char *why)
{
    char quote[VALUE_QUOTE + 8];

    snprintf(words, cap, "%s: %s", value_quote(text, quote), why);
    return QHCP_E_PARSE;
}

/* Letters, digits, hyphens, underscores in labels of 1 to 63 (RFC 1123, 2.1; underscores are seen
 * in the field); a last label of digits alone would be a mistyped IPv4 address. */
static bool is_name(const char *host)
{
    size_t label = 0;
    bool digits = true;

    for (const char *p = host; *p; p++) {
        bool digit = *p >= '0' && *p <= '9';
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');

        if (*p == '.') {
            if (label == 0)
                return false;
            label = 0;
            digits = p[1] != '\0' || digits;
            continue;
        }
        if (!digit && !letter && *p != '_' && (*p != '-' || label == 0))
            return false;
        digits = label == 0 ? digit : digits && digit;
        if (++label > 63)
            return false;
    }
    return host[0] != '\0' && !digits;
}

int address_find_zone(struct address *a)
{
    const char *zone = strchr(a->host, '%');

    if (!zone || a->addr.sa.sa_family != AF_INET6)
        return 0;
    a->addr.in6.sin6_scope_id = if_nametoindex(zone + 1);
    return a->addr.in6.sin6_scope_id != 0 ? 0 : QHCP_E_NOT_FOUND;
}

static bool has_other_letters(const char *host)
{
    for (; *host != '\0'; host++)
        if ((unsigned char)*host >= 0x80)
            return true;
    return false;
}

/* NULL, or why not. */
static const char *parse_v6(struct address *a)
{
    char *zone = strchr(a->host, '%');
    struct sockaddr_in6 *in6 = &a->addr.in6;
    int ok;

    if (zone)
        *zone = '\0';
    ok = inet_pton(AF_INET6, a->host, &in6->sin6_addr);
    if (zone)
        *zone = '%';
    if (ok != 1)
        return "not an IPv6 address between the brackets";
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    a->literal = true;
    if (address_find_zone(a) != 0)
        return "this machine has no interface with that name";
    if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return "an IPv4 address in IPv6 form: write it as 192.0.2.1:4243";
    if (!zone && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
        return "a link-local address needs its interface, as in [fe80::1%eth0]:4243";
    return NULL;
}

/* Addresses that no single host has. */
static bool is_many(const union qhcp_addr *a)
{
    if (a->sa.sa_family == AF_INET6)
        return IN6_IS_ADDR_MULTICAST(&a->in6.sin6_addr);
    return a->sa.sa_family == AF_INET && (IN_MULTICAST(ntohl(a->in.sin_addr.s_addr)) ||
                                          a->in.sin_addr.s_addr == INADDR_BROADCAST);
}

int address_parse(const char *text, struct address *ret, char *words, size_t words_cap)
{
    struct address a = {0};
    const char *host = text, *colon = strrchr(text, ':'), *why;
    char no[VALUE_QUOTE + 100];
    uint64_t port;
    size_t n;
    bool bracket = text[0] == '[';

    if (text[0] == '\0')
        return refuse(words, words_cap, text, "empty address: expected host:port");
    if (bracket) {
        const char *end = strchr(text, ']');

        if (!end || end[1] != ':')
            return refuse(words, words_cap, text, "expected [IPv6 address]:port");
        host = text + 1;
        n = (size_t)(end - host);
        colon = end + 1;
    } else {
        if (!colon)
            return refuse(words, words_cap, text, "no port: expected host:port");
        n = (size_t)(colon - text);
        if (memchr(text, ':', n))
            return refuse(words, words_cap, text, "an IPv6 address needs brackets: [address]:port");
    }
    if (n == 0 || n >= sizeof a.host)
        return refuse(words, words_cap, text, "the host is empty or longer than 253 bytes");
    memcpy(a.host, host, n);
    if (value_count(colon + 1, "port", 1, 65535, &port, no, sizeof no) != 0)
        return refuse(words, words_cap, text, no);
    a.port = (uint16_t)port;
    if (bracket) {
        why = parse_v6(&a);
        if (why)
            return refuse(words, words_cap, text, why);
    } else if (inet_pton(AF_INET, a.host, &a.addr.in.sin_addr) == 1) {
        a.addr.in.sin_family = AF_INET;
        a.addr.in.sin_port = htons(a.port);
        a.literal = true;
    } else if (!is_name(a.host)) {
        return refuse(words, words_cap, text,
                      has_other_letters(a.host)
                          ? "a name with such letters must be in its ASCII form (xn--...)"
                          : "the host is not a name or an address");
    }
    if (is_many(&a.addr))
        return refuse(words, words_cap, text,
                      "a multicast or broadcast address does not belong to a host");
    *ret = a;
    return 0;
}

const char *address_ip(const union qhcp_addr *addr, char ret[ADDRESS_IP])
{
    bool six = addr->sa.sa_family == AF_INET6;

    inet_ntop(six ? AF_INET6 : AF_INET,
              six ? (const void *)&addr->in6.sin6_addr : &addr->in.sin_addr, ret, ADDRESS_IP);
    return ret;
}

void address_format(const union qhcp_addr *addr, char *ret, size_t cap)
{
    char host[ADDRESS_IP], name[IF_NAMESIZE], scope[IF_NAMESIZE + 1] = "";

    switch (addr->sa.sa_family) {
    case AF_INET:
        snprintf(ret, cap, "%s:%u", address_ip(addr, host), ntohs(addr->in.sin_port));
        break;
    case AF_INET6:
        if (addr->in6.sin6_scope_id != 0 && if_indextoname(addr->in6.sin6_scope_id, name))
            snprintf(scope, sizeof scope, "%%%s", name);
        else if (addr->in6.sin6_scope_id != 0)
            snprintf(scope, sizeof scope, "%%%u", (unsigned)addr->in6.sin6_scope_id);
        snprintf(ret, cap, "[%s%s]:%u", address_ip(addr, host), scope, ntohs(addr->in6.sin6_port));
        break;
    default:
        snprintf(ret, cap, "-");
    }
}

void address_key(const struct address *a, char ret[ADDRESS_KEY])
{
    size_t n = strlen(a->host);

    if (a->literal) {
        address_format(&a->addr, ret, ADDRESS_KEY);
        return;
    }
    if (n > 1 && a->host[n - 1] == '.')
        n--;
    snprintf(ret, ADDRESS_KEY, "%.*s:%u", (int)n, a->host, a->port);
    for (char *p = ret; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
}

bool address_equal(const union qhcp_addr *a, const union qhcp_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6)
        return a->in6.sin6_port == b->in6.sin6_port &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) == 0;
    return true;
}

bool address_is_any(const union qhcp_addr *a)
{
    return (a->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == INADDR_ANY) ||
           (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr));
}

socklen_t address_len(const union qhcp_addr *addr)
{
    switch (addr->sa.sa_family) {
    case AF_INET:
        return sizeof addr->in;
    case AF_INET6:
        return sizeof addr->in6;
    default:
        return sizeof addr->sa;
    }
}

static bool is_ip(const char *text, bool brackets)
{
    char bare[INET6_ADDRSTRLEN + 1] = "";
    size_t n = strlen(text) - (brackets ? 2 : 0);
    uint8_t ignored[16];

    memcpy(bare, text + brackets, n < sizeof bare ? n : 0);
    return inet_pton(AF_INET, bare, ignored) == 1 || inet_pton(AF_INET6, bare, ignored) == 1;
}

int address_parse_ip(const char *text, uint16_t port, union qhcp_addr *ret, char *words,
                     size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], full[ADDRESS_HOST + 8] = "";
    char why[VALUE_QUOTE + 200];
    size_t n = strlen(text);
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    struct address a = {.literal = false};
    int r;

    if (brackets || strchr(text, ':'))
        snprintf(full, sizeof full, "[%.*s]:1", (int)(brackets ? n - 2 : n), text + brackets);
    else
        snprintf(full, sizeof full, "%.250s:1", text);
    r = address_parse(full, &a, why, sizeof why);
    if (r < 0 && (strchr(full, '%') || is_ip(text, brackets))) {
        snprintf(words, words_cap, "%s: %s", value_quote(text, quote), strstr(why, "\": ") + 3);
        return r;
    }
    if (r < 0 || !a.literal) {
        snprintf(words, words_cap, "%s is not an IP address (as 0.0.0.0, 192.0.2.1, :: or ::1)",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    a.addr.in.sin_port = htons(port); /* at the same place in both families */
    *ret = a.addr;
    return 0;
}

bool address_is_loopback(const union qhcp_addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohl(a->in.sin_addr.s_addr) >> 24 == 127;
    return a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr);
}

int address_parse_listen(const char *text, union qhcp_addr *ret, char *words, size_t words_cap)
{
    char full[ADDRESS_TEXT], ignored[VALUE_QUOTE + 100];
    struct address a;
    size_t digits = strspn(text, "0123456789");

    snprintf(full, sizeof full, "127.0.0.1:%s", text);
    if (address_parse(digits > 0 && text[digits] == '\0' ? full : text, &a, ignored,
                      sizeof ignored) != 0 ||
        !a.literal)
        return refuse(words, words_cap, text,
                      "expected a port, or an address of this machine and a port, as "
                      "127.0.0.1:4281");
    *ret = a.addr;
    return 0;
}
