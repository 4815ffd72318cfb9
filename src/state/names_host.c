/* What this machine is called, without asking the network. */
#include <ctype.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "state/names.h"

#define HOSTS_LINE 1024

static void add_normal(struct names *names, const char *text)
{
    const struct words silent = {NULL, 0};
    char normal[NAMES_TEXT];

    if (names_normal(text, normal, &silent) == 0)
        names_add(names, normal);
}

/* The line's names, if one of them is this host's name (or begins with it and a dot). */
static void add_hosts_line(struct names *names, char *line, const char *host)
{
    char *words[32], *save = NULL;
    size_t n = 0, len = strlen(host);
    bool ours = false;

    line[strcspn(line, "#\n")] = '\0';
    strtok_r(line, " \t", &save); /* the address */
    for (char *p; n < 32 && (p = strtok_r(NULL, " \t", &save));) {
        words[n++] = p;
        if (strncasecmp(p, host, len) == 0 && (p[len] == '\0' || p[len] == '.'))
            ours = true;
    }
    for (size_t i = 0; ours && i < n; i++)
        add_normal(names, words[i]);
}

static void add_hosts_file(struct names *names, const char *host)
{
    FILE *f = fopen("/etc/hosts", "re");
    char line[HOSTS_LINE];

    if (!f)
        return;
    while (host[0] && fgets(line, sizeof line, f))
        add_hosts_line(names, line, host);
    fclose(f);
}

static void add_host_names(struct names *names)
{
    char host[256] = "", domain[256] = "", full[512];

    if (gethostname(host, sizeof host - 1) != 0)
        return;
    add_normal(names, host);
    if (getdomainname(domain, sizeof domain - 1) == 0 && domain[0] && domain[0] != '(') {
        snprintf(full, sizeof full, "%s.%s", host, domain);
        add_normal(names, full);
    }
    add_hosts_file(names, host);
}

static bool link_local(const struct sockaddr *a)
{
    return a->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

/* False: there was no room for it. */
static bool add_address(struct names *names, const struct sockaddr *a)
{
    socklen_t len =
        a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    char text[NI_MAXHOST];

    if (getnameinfo(a, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) != 0)
        return true;
    text[strcspn(text, "%")] = '\0'; /* the zone is no part of the address */
    add_normal(names, text);
    return names_have(names, text);
}

size_t names_of_host(struct names *ret)
{
    struct ifaddrs *all = NULL;
    size_t left_out = 0;

    ret->n = 0;
    add_normal(ret, "localhost");
    add_normal(ret, "127.0.0.1");
    add_normal(ret, "::1");
    add_host_names(ret);
    if (getifaddrs(&all) != 0)
        return 0;
    for (int local = 0; local < 2; local++) /* link-local ones last, should the list fill up */
        for (const struct ifaddrs *i = all; i; i = i->ifa_next)
            if (i->ifa_addr &&
                (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6) &&
                link_local(i->ifa_addr) == (local == 1))
                left_out += !add_address(ret, i->ifa_addr);
    freeifaddrs(all);
    return left_out;
}
