#include "sinks/dns_zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/text.h"

#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* What the answers about a name are taken from, until a server changes: A, AAAA, SRV. */
enum { LISTS = 3 };

struct list {
    uint64_t made; /* z->version + 1 then; 0: never */
    size_t n;
};

struct dns_node {
    char label[DNS_ZONE_LABEL]; /* "": of all servers */
    bool address;               /* of an address: it stands for its servers whatever their use */
    bool left_out;
    uint32_t *slots; /* cap of them, its n servers; then cap of each list */
    size_t n, cap;
    struct list lists[LISTS];
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
        uint32_t *slots = realloc(node->slots, (1 + LISTS) * cap * sizeof *slots);

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

static bool is_among(const char *names, const char *label)
{
    while (*names != '\0' && strcmp(names, label) != 0)
        names += strlen(names) + 1;
    return *names != '\0';
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

/* Those of the names that are not in others (NULL: none are). */
static void leave_names(struct dns_zone *z, uint32_t slot, const char *names, const char *others)
{
    for (const char *p = names; *p != '\0'; p += strlen(p) + 1)
        if (!others || !is_among(others, p))
            leave(z, p, slot);
}

static bool join_names(struct dns_zone *z, uint32_t slot, const char *names, const char *others)
{
    bool well = true;

    for (const char *p = names; well && *p != '\0'; p += strlen(p) + 1)
        well = (others && is_among(others, p)) || join(z, p, slot);
    return well;
}

void dns_zone_unset(struct dns_zone *z, uint32_t slot)
{
    if (slot >= z->n || !z->names[slot])
        return;
    leave_names(z, slot, z->names[slot], NULL);
    leave(z, "", slot);
    free(z->names[slot]);
    z->names[slot] = NULL;
    z->hosts[slot] = (struct dns_host){.use = DNS_NEVER};
    z->version++;
    z->changes++;
}

/* The same names; what the server has besides may differ. */
static void change(struct dns_zone *z, struct dns_host *h, const struct dns_host *to)
{
    bool same = address_equal(&h->at, &to->at) && h->use == to->use && h->priority == to->priority;

    z->version += !same;
    z->changes += !same || h->weight != to->weight || h->percent != to->percent;
    *h = *to;
}

bool dns_zone_set(struct dns_zone *z, uint32_t slot, const struct dns_host *host, const char *label,
                  const char *tags, const char *services, size_t n_services)
{
    char *names = grow(z, slot + 1) ? names_of(host, label, tags, services, n_services) : NULL;
    char *before;
    bool well;

    if (!names) {
        dns_zone_unset(z, slot);
        return false;
    }
    before = z->names[slot];
    if (before && same_names(before, names)) {
        free(names);
        change(z, &z->hosts[slot], host);
        return true;
    }
    if (before)
        leave_names(z, slot, before, names);
    well = (before || join(z, "", slot)) && join_names(z, slot, names, before);
    free(before);
    z->names[slot] = names;
    z->hosts[slot] = *host;
    z->version++;
    z->changes++;
    if (!well)
        dns_zone_unset(z, slot);
    return well;
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

/* Which servers of a node a list has. */
struct choice {
    int family;
    enum dns_use use; /* at least */
    int priority;     /* -1: any */
};

static bool belongs(const struct dns_node *node, const struct dns_host *h, const struct choice *c)
{
    int family = h->at.sa.sa_family;

    if (family == AF_UNSPEC || (c->family != AF_UNSPEC && family != c->family))
        return false;
    return node->address || (h->use >= c->use && (c->priority < 0 || h->priority == c->priority));
}

/* The lowest priority among those that belong; -1: none does. */
static int first_tier(const struct dns_zone *z, const struct dns_node *node, const struct choice *c)
{
    int tier = -1;

    for (size_t i = 0; i < node->n; i++) {
        const struct dns_host *h = &z->hosts[node->slots[i]];

        if (belongs(node, h, c) && (tier < 0 || h->priority < tier))
            tier = h->priority;
    }
    return tier;
}

/* Decides by all families, so that A and AAAA agree: DNS_NOW, or what is left; and the tier. */
static struct choice choose(const struct dns_zone *z, const struct dns_node *node, int family)
{
    struct choice c = {.family = AF_UNSPEC, .use = DNS_NOW, .priority = -1};
    int tier = first_tier(z, node, &c);

    if (tier < 0 && z->fail_open) {
        c.use = DNS_LAST;
        tier = first_tier(z, node, &c);
    }
    c.family = family;
    c.priority = family == AF_UNSPEC ? -1 : tier;
    return c;
}

static int compare(const union qhcp_addr *a, const union qhcp_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return a->sa.sa_family < b->sa.sa_family ? -1 : 1;
    return a->sa.sa_family == AF_INET
               ? memcmp(&a->in.sin_addr, &b->in.sin_addr, sizeof a->in.sin_addr)
               : memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr);
}

static int by_address(const void *a, const void *b, void *hosts)
{
    const struct dns_host *h = hosts;

    return compare(&h[*(const uint32_t *)a].at, &h[*(const uint32_t *)b].at);
}

/* Leaves one server of each address. */
static size_t distinct(const struct dns_zone *z, uint32_t *slots, size_t n)
{
    size_t kept = 0;

    qsort_r(slots, n, sizeof *slots, by_address, z->hosts);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_address(&slots[kept - 1], &slots[i], z->hosts) != 0)
            slots[kept++] = slots[i];
    return kept;
}

/* All that an answer may have; made once after each change, since many may ask. */
static const uint32_t *list_of(const struct dns_zone *z, struct dns_node *node, int family,
                               size_t *ret_n)
{
    unsigned which = family == AF_INET ? 0 : family == AF_INET6 ? 1 : 2;
    uint32_t *slots = node->slots + (1 + which) * node->cap;
    struct list *l = &node->lists[which];

    if (l->made != z->version + 1) {
        struct choice c = choose(z, node, family);

        *l = (struct list){.made = z->version + 1};
        for (size_t i = 0; i < node->n; i++)
            if (belongs(node, &z->hosts[node->slots[i]], &c))
                slots[l->n++] = node->slots[i];
        if (family != AF_UNSPEC)
            l->n = distinct(z, slots, l->n);
    }
    *ret_n = l->n;
    return slots;
}

bool dns_zone_is_new(const struct dns_host *h, const struct dns_host *const *among, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (compare(&among[i]->at, &h->at) == 0)
            return false;
    return true;
}

size_t dns_zone_pick(struct dns_zone *z, const char *label, int family,
                     const struct dns_host *ret[DNS_ZONE_MOST])
{
    struct dns_node *node = find(z, label ? label : "");
    const uint32_t *slots;
    size_t all, n, first;

    if (!node)
        return 0;
    slots = list_of(z, node, family, &all);
    if (all == 0)
        return 0;
    first = z->turn++ % all;
    n = all < z->most ? all : z->most;
    for (size_t i = 0; i < n; i++)
        ret[i] = &z->hosts[slots[(first + i) % all]];
    return n;
}
