#include "sinks/dns_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/text.h"

#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct dns_node {
    char label[DNS_ZONE_LABEL];
    bool address; /* of an address: it stands for its servers whatever their use */
    bool left_out;
    uint32_t *slots;
    size_t n, cap;
    UT_hash_handle hh;
};

/* ---- nodes ---- */

static struct dns_node *find(const struct dns_zone *z, const char *label)
{
    struct dns_node *node;

    HASH_FIND_STR(z->nodes, label, node);
    return node;
}

static void remove_node(struct dns_zone *z, struct dns_node *node)
{
    HASH_DEL(z->nodes, node);
    free(node->slots);
    free(node);
}

static struct dns_node *find_or_add(struct dns_zone *z, const char *label)
{
    struct dns_node *node = find(z, label);

    if (node)
        return node;
    node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    snprintf(node->label, sizeof node->label, "%s", label);
    node->address = strncmp(label, "ip4-", 4) == 0 || strncmp(label, "ip6-", 4) == 0;
    HASH_ADD_STR(z->nodes, label, node);
    if (!node->left_out)
        return node;
    free(node);
    return NULL;
}

static bool join(struct dns_zone *z, const char *label, uint32_t slot)
{
    struct dns_node *node = find_or_add(z, label);

    if (!node)
        return false;
    if (node->n == node->cap) {
        size_t cap = node->cap > 0 ? 2 * node->cap : 4;
        uint32_t *slots = realloc(node->slots, cap * sizeof *slots);

        if (!slots) {
            if (node->n == 0)
                remove_node(z, node);
            return false;
        }
        node->slots = slots;
        node->cap = cap;
    }
    node->slots[node->n++] = slot;
    return true;
}

static void leave(struct dns_zone *z, const char *label, uint32_t slot)
{
    struct dns_node *node = find(z, label);

    for (size_t i = 0; node && i < node->n; i++) {
        if (node->slots[i] == slot) {
            node->slots[i] = node->slots[--node->n];
            break;
        }
    }
    if (node && node->n == 0)
        remove_node(z, node);
}

/* ---- names of a server ---- */

void dns_zone_address(const union qhcp_addr *a, char ret[DNS_ZONE_LABEL])
{
    char ip[ADDRESS_IP];

    snprintf(ret, DNS_ZONE_LABEL, "%s-%s", a->sa.sa_family == AF_INET ? "ip4" : "ip6",
             address_ip(a, ip));
    for (char *p = ret; *p != '\0'; p++)
        if (*p == '.' || *p == ':')
            *p = '-';
}

static bool has(const struct text *names, const char *label)
{
    for (size_t at = 0; at < names->n; at += strlen(names->at + at) + 1)
        if (strcmp(names->at + at, label) == 0)
            return true;
    return false;
}

bool dns_zone_label(const char *name, size_t n, char ret[DNS_ZONE_LABEL])
{
    if (n == 0 || n >= DNS_ZONE_LABEL)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = name[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        ret[i] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '_' && i > 0) ? c : '-';
    }
    ret[n] = '\0';
    return true;
}

/* n bytes as a label, if they can be one and are not there yet. */
static void add_name(struct text *names, const char *name, size_t n)
{
    char label[DNS_ZONE_LABEL];

    if (dns_zone_label(name, n, label) && !has(names, label))
        text_bytes(names, label, n + 1);
}

/* NULL: out of memory. */
static char *names_of(const struct dns_host *host, const char *label, const char *tags,
                      const char *services, size_t n_services)
{
    char address[DNS_ZONE_LABEL];
    struct text names = {0};

    add_name(&names, label, strlen(label));
    for (size_t n; *tags != '\0'; tags += n + (tags[n] == '|')) {
        n = strcspn(tags, "|");
        add_name(&names, tags, n);
    }
    for (size_t at = 0; at < n_services; at += strlen(services + at) + 1)
        add_name(&names, services + at, strlen(services + at));
    if (host->at.sa.sa_family != AF_UNSPEC) {
        dns_zone_address(&host->at, address);
        add_name(&names, address, strlen(address));
    }
    text_bytes(&names, "", 1);
    if (!names.failed)
        return names.at;
    text_deinit(&names);
    return NULL;
}

static bool same_names(const char *a, const char *b)
{
    for (; *a != '\0' && strcmp(a, b) == 0; a += strlen(a) + 1)
        b += strlen(b) + 1;
    return *a == '\0' && *b == '\0';
}

/* ---- servers ---- */

static bool grow(struct dns_zone *z, uint32_t n)
{
    struct dns_host *hosts;
    char **names;

    if (n <= z->n)
        return true;
    n = n < 2 * z->n ? 2 * z->n : n;
    hosts = realloc(z->hosts, n * sizeof *hosts);
    if (hosts)
        z->hosts = hosts;
    names = realloc(z->names, n * sizeof *names);
    if (names)
        z->names = names;
    if (!hosts || !names)
        return false;
    memset(z->hosts + z->n, 0, (n - z->n) * sizeof *hosts);
    memset(z->names + z->n, 0, (n - z->n) * sizeof *names);
    z->n = n;
    return true;
}

void dns_zone_unset(struct dns_zone *z, uint32_t slot)
{
    if (slot >= z->n || !z->names[slot])
        return;
    for (const char *p = z->names[slot]; *p != '\0'; p += strlen(p) + 1)
        leave(z, p, slot);
    free(z->names[slot]);
    z->names[slot] = NULL;
    z->hosts[slot] = (struct dns_host){.use = DNS_NEVER};
}

bool dns_zone_set(struct dns_zone *z, uint32_t slot, const struct dns_host *host, const char *label,
                  const char *tags, const char *services, size_t n_services)
{
    char *names = grow(z, slot + 1) ? names_of(host, label, tags, services, n_services) : NULL;

    if (!names) {
        dns_zone_unset(z, slot);
        return false;
    }
    if (z->names[slot] && same_names(z->names[slot], names)) {
        free(names);
        z->hosts[slot] = *host;
        return true;
    }
    dns_zone_unset(z, slot);
    z->names[slot] = names;
    z->hosts[slot] = *host;
    for (const char *p = names; *p != '\0'; p += strlen(p) + 1) {
        if (!join(z, p, slot)) {
            dns_zone_unset(z, slot);
            return false;
        }
    }
    return true;
}

void dns_zone_deinit(struct dns_zone *z)
{
    struct dns_node *node, *next;

    HASH_ITER(hh, z->nodes, node, next)
    remove_node(z, node);
    for (uint32_t i = 0; i < z->n; i++)
        free(z->names[i]);
    free(z->names);
    free(z->hosts);
    *z = (struct dns_zone){.n = 0};
}

/* ---- answers ---- */

bool dns_zone_has(const struct dns_zone *z, const char *label)
{
    return !label || label[0] == '\0' || find(z, label);
}

/* The members of a node, or all servers. */
struct members {
    const struct dns_zone *z;
    const struct dns_node *node; /* NULL: all */
    int family;
    enum dns_use use; /* at least */
    int priority;     /* -1: any */
};

static size_t members_n(const struct members *m)
{
    return m->node ? m->node->n : m->z->n;
}

static const struct dns_host *member(const struct members *m, size_t i)
{
    return &m->z->hosts[m->node ? m->node->slots[i] : i];
}

static bool belongs(const struct members *m, const struct dns_host *h)
{
    int family = h->at.sa.sa_family;

    if (family == AF_UNSPEC || (m->family != AF_UNSPEC && family != m->family))
        return false;
    if (m->node && m->node->address)
        return true;
    return h->use >= m->use && (m->priority < 0 || h->priority == m->priority);
}

/* Decides by all families, so that A and AAAA agree: DNS_NOW, or what is left; and the tier. */
static void choose(struct members *m)
{
    int wanted = m->family, tier = -1;

    m->family = AF_UNSPEC;
    m->priority = -1;
    m->use = DNS_NOW;
    for (unsigned pass = 0; pass < 2 && tier < 0; pass++) {
        for (size_t i = 0; i < members_n(m); i++) {
            const struct dns_host *h = member(m, i);

            if (belongs(m, h) && (tier < 0 || h->priority < tier))
                tier = h->priority;
        }
        if (tier < 0 && pass == 0 && m->z->fail_open)
            m->use = DNS_LAST;
    }
    m->family = wanted;
    m->priority = wanted == AF_UNSPEC ? -1 : tier;
}

static bool same_address(const union qhcp_addr *a, const union qhcp_addr *b)
{
    if (a->sa.sa_family == AF_INET)
        return b->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
    return b->sa.sa_family == AF_INET6 &&
           memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr) == 0;
}

bool dns_zone_is_new(const struct dns_host *h, const struct dns_host *const *among, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same_address(&among[i]->at, &h->at))
            return false;
    return true;
}

/* Those of the members that belong, from number `from` to before number `to`. */
static size_t take(const struct members *m, size_t from, size_t to,
                   const struct dns_host *ret[DNS_ZONE_MOST], size_t n)
{
    for (size_t i = 0, number = 0; i < members_n(m) && number < to && n < m->z->most; i++) {
        const struct dns_host *h = member(m, i);

        if (!belongs(m, h) || number++ < from)
            continue;
        if (m->family == AF_UNSPEC || dns_zone_is_new(h, ret, n))
            ret[n++] = h;
    }
    return n;
}

size_t dns_zone_pick(struct dns_zone *z, const char *label, int family,
                     const struct dns_host *ret[DNS_ZONE_MOST])
{
    bool all = !label || label[0] == '\0';
    struct members m = {.z = z, .node = all ? NULL : find(z, label), .family = family};
    size_t usable = 0, first;

    if (!all && !m.node)
        return 0;
    choose(&m);
    for (size_t i = 0; i < members_n(&m); i++)
        usable += belongs(&m, member(&m, i));
    if (usable == 0)
        return 0;
    first = z->turn++ % usable;
    return take(&m, 0, first, ret, take(&m, first, usable, ret, 0));
}
