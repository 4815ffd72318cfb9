#include "cli/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "cli/value.h"

static int refuse(const char *text, const char *why, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    snprintf(words, words_cap, "%s is not host:port: %s", value_quote(text, quote), why);
    return QHCP_E_PARSE;
}

/* Letters, digits, '-', '_' and '.', no empty label, none over 63 (RFC 1035, 2.3.4; the underscore
 * is not of that list, but lives in real names). */
static bool valid_name(const char *host)
{
    size_t label = 0;

    for (const char *p = host; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' ||
                      *p == '_';
        if (*p == '.' && label == 0)
            return false;
        if (*p != '.' && !letter)
            return false;
        label = *p == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return host[0] != '\0';
}

static bool all_numeric(const char *host)
{
    return host[strspn(host, "0123456789.")] == '\0';
}

int address_parse_ip(const char *text, uint16_t port, union qhcp_addr *ret, char *words,
                     size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], bare[INET6_ADDRSTRLEN + 1] = "";
    size_t n = strlen(text);
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    union qhcp_addr a = {0};

    if (brackets ? n - 2 < sizeof bare : n < sizeof bare)
        memcpy(bare, text + brackets, n - 2 * (size_t)brackets);
    if (!brackets && inet_pton(AF_INET, bare, &a.in.sin_addr) == 1) {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, bare, &a.in6.sin6_addr) == 1) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(port);
    } else {
        snprintf(words, words_cap, "%s is not an IP address (as 0.0.0.0, 192.0.2.1, :: or ::1)",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    *ret = a;
    return 0;
}

static int parse_host(const char *text, bool brackets, struct address *a, char *words,
                      size_t words_cap)
{
    char ignored[160];

    if (a->host[0] == '\0')
        return refuse(text, "the host is missing", words, words_cap);
    if (strchr(a->host, ':') && !brackets)
        return refuse(text, "an IPv6 address stands in brackets, as in [::1]:4243", words,
                      words_cap);
    if (address_parse_ip(a->host, a->port, &a->addr, ignored, sizeof ignored) == 0) {
        a->literal = true;
        if (brackets == (a->addr.sa.sa_family == AF_INET6))
            return 0;
    }
    if (brackets)
        return refuse(text, "what stands in brackets is not an IPv6 address", words, words_cap);
    if (all_numeric(a->host))
        return refuse(text, "that is no IPv4 address", words, words_cap);
    size_t n = strlen(a->host);
    if (a->host[n - 1] == '.')
        a->host[n - 1] = '\0'; /* "host." is the same name, made absolute */
    if (!valid_name(a->host))
        return refuse(text, "the host is no name that DNS allows", words, words_cap);
    return 0;
}

int address_parse(const char *text, struct address *ret, char *words, size_t words_cap)
{
    struct address a = {0};
    bool brackets = text[0] == '[';
    const char *host = text + brackets;
    const char *end = brackets ? strchr(text, ']') : strrchr(text, ':');
    uint64_t port;
    char why[200];

    if (brackets && (!end || end[1] != ':'))
        return refuse(text, "write an IPv6 address as [::1]:4243", words, words_cap);
    if (!end)
        return refuse(text, "the port is missing", words, words_cap);
    if ((size_t)(end - host) >= sizeof a.host)
        return refuse(text, "the host is longer than 253 bytes", words, words_cap);
    for (size_t i = 0; host + i < end; i++)
        a.host[i] = host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] | 0x20) : host[i];
    if (value_count(end + 1 + brackets, "port", 1, 65535, &port, why, sizeof why) < 0)
        return refuse(text, why, words, words_cap);
    a.port = (uint16_t)port;
    int r = parse_host(text, brackets, &a, words, words_cap);
    if (r == 0)
        *ret = a;
    return r;
}

void address_text(const union qhcp_addr *addr, char *ret, size_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "?";

    if (addr->sa.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &addr->in6.sin6_addr, ip, sizeof ip);
        snprintf(ret, cap, "[%s]:%u", ip, ntohs(addr->in6.sin6_port));
    } else {
        inet_ntop(AF_INET, &addr->in.sin_addr, ip, sizeof ip);
        snprintf(ret, cap, "%s:%u", ip, ntohs(addr->in.sin_port));
    }
}

size_t address_size(const union qhcp_addr *addr)
{
    return addr->sa.sa_family == AF_INET6 ? sizeof addr->in6 : sizeof addr->in;
}

void address_key(const struct address *a, char *ret, size_t cap)
{
    if (a->literal)
        address_text(&a->addr, ret, cap);
    else
        snprintf(ret, cap, "%s:%u", a->host, a->port);
}

struct seen {
    UT_hash_handle hh;
    size_t position;
    char key[ADDRESS_HOST + 8];
};

int address_check_list(char *const *list, size_t n, char *words, size_t words_cap)
{
    struct seen *table = NULL, *found, *all = calloc(n > 0 ? n : 1, sizeof *all);
    struct address a;
    char why[400], quote[VALUE_QUOTE + 8];
    int r = 0;

    if (!all)
        return QHCP_E_NOMEM;
    if (n == 0) {
        snprintf(words, words_cap, "the list of servers is empty");
        r = QHCP_E_ARG;
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = address_parse(list[i], &a, why, sizeof why);
        if (r < 0) {
            snprintf(words, words_cap, "server %zu of %zu: %s", i + 1, n, why);
            break;
        }
        all[i].position = i + 1;
        address_key(&a, all[i].key, sizeof all[i].key);
        HASH_FIND_STR(table, all[i].key, found);
        if (found) {
            snprintf(words, words_cap, "server %zu of %zu: %s stands in the list already, as %zu",
                     i + 1, n, value_quote(list[i], quote), found->position);
            r = QHCP_E_EXISTS;
            break;
        }
        HASH_ADD_STR(table, key, &all[i]);
    }
    HASH_CLEAR(hh, table);
    free(all);
    return r;
}
