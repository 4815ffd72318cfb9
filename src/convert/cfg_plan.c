#include <ctype.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/cfg.h"
#include "fleet/fleet.h"

#define AGENT 4243 /* qhcp server's own port */

/* What is known by a word: a host, a place, a name. */
struct known {
    struct cfg_server *server;
    unsigned n; /* of a host: places there */
    char key[];
};

/* Trees that stay balanced, whatever the words are. */
struct planner {
    struct cfg_plan *plan;
    void *hosts, *places, *names;
    const struct cfg_proxy *proxy;
    unsigned backups;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->key, ((const struct known *)b)->key);
}

/* What is known by this word, or is from now on; NULL: out of memory. */
static struct known *know(void **tree, const char *key)
{
    struct known *fresh = calloc(1, sizeof *fresh + strlen(key) + 1);
    struct known **found;

    if (!fresh)
        return NULL;
    strcpy(fresh->key, key); /* NOLINT: it has room for all of it */
    found = tsearch(fresh, tree, compare);
    if (!found || *found != fresh)
        free(fresh);
    return found ? *found : NULL;
}

/* Our names and tags have fewer characters than HAProxy's, and begin with a letter or a digit. */
static void clean_name(const char *name, char ret[LISTED_NAME + 1])
{
    snprintf(ret, LISTED_NAME + 1, "%s", name);
    for (char *p = ret; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && (p == ret || !strchr("._-", *p)))
            *p = p == ret ? 'x' : '_';
    if (ret[0] == '\0')
        snprintf(ret, LISTED_NAME + 1, "x");
}

/* Its own name, or "BACKEND.NAME" where another backend has a server of that name. */
static int name_server(struct planner *p, struct cfg_server *s)
{
    char own[LISTED_NAME + 1], backend[LISTED_NAME + 1], both[2 * LISTED_NAME + 4];
    struct known *known;

    clean_name(s->name, own);
    clean_name(p->proxy->name, backend);
    snprintf(both, sizeof both, "%s.%s", backend, own);
    both[LISTED_NAME] = '\0';
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? own : both;

        known = know(&p->names, name);
        if (!known)
            return QHCP_E_NOMEM;
        if (!known->server) {
            known->server = s;
            snprintf(s->as, sizeof s->as, "%.*s", LISTED_NAME, name);
            return 0;
        }
    }
    s->unnamed = true;
    return 0;
}

static void add_tag(struct cfg_server *s, const char *tag)
{
    size_t n = strlen(s->tags);

    if (n + 1 + strlen(tag) <= LISTED_TAGS)
        snprintf(s->tags + n, sizeof s->tags - n, "%s%s", n > 0 ? "|" : "", tag);
}

/* One spelling for all that mean the same machine. */
static void host_key(const char *host, char ret[ADDRESS_KEY])
{
    char text[ADDRESS_HOST + 8], words[200];
    struct address a;

    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:1" : "%s:1", host);
    if (address_parse(text, &a, words, sizeof words) == 0)
        address_key(&a, ret);
    else
        snprintf(ret, ADDRESS_KEY, "%s", text);
}

/* Where it is: beside others on one machine, or the place of one that is planned already. */
static int place_server(struct planner *p, struct cfg_server *s)
{
    char tag[LISTED_NAME + 1], key[ADDRESS_KEY + 8], host[ADDRESS_KEY];
    struct known *place, *at;

    clean_name(p->proxy->name, tag);
    host_key(s->host, host);
    snprintf(key, sizeof key, "%s %u", host, s->port);
    place = know(&p->places, key);
    at = know(&p->hosts, host);
    if (!place || !at)
        return QHCP_E_NOMEM;
    if (place->server) {
        s->same = place->server;
        add_tag(place->server, tag);
        return 0;
    }
    place->server = s;
    s->agent = at->n <= UINT16_MAX - AGENT ? (uint16_t)(AGENT + at->n) : 0;
    at->n++;
    add_tag(s, tag);
    return s->agent > 0 ? name_server(p, s) : 0;
}

static void count_settings(struct cfg_plan *plan, const struct cfg_settings *set)
{
    unsigned fall = set->fall > 0 ? set->fall : CFG_FALL,
             rise = set->rise > 0 ? set->rise : CFG_RISE;

    plan->fall = fall > plan->fall ? fall : plan->fall;
    plan->rise = rise > plan->rise ? rise : plan->rise;
    plan->slowstart = set->slowstart > plan->slowstart ? set->slowstart : plan->slowstart;
}

static int plan_server(struct planner *p, struct cfg_server *s)
{
    /* HAProxy uses the first backup that lives, or all of them: a tier each, or one for all. */
    if (s->set.backup && (p->backups == 0 || !p->proxy->all_backups) &&
        p->backups < FLEET_TIERS - 1)
        p->backups++;
    s->priority = s->set.backup ? p->backups : 0;
    count_settings(p->plan, &s->set);
    if (!s->template)
        return place_server(p, s);
    clean_name(p->proxy->name, s->tags);
    p->plan->n_templates++;
    return 0;
}

static int plan_proxy(struct planner *p, const struct cfg_proxy *proxy, bool *differ)
{
    int r = 0;

    p->proxy = proxy;
    p->backups = 0;
    p->plan->n_backends++;
    if (p->plan->n_backends > 1 && p->plan->balance != proxy->balance)
        *differ = true;
    p->plan->balance = proxy->balance;
    for (struct cfg_item *item = proxy->items.first; item && r == 0; item = item->next)
        if (item->server)
            r = plan_server(p, item->server);
    for (struct cfg_item *item = proxy->items.first; item; item = item->next)
        p->plan->n_servers += item->server && !item->server->template && item->server->agent > 0;
    return r;
}

int cfg_plan(const struct cfg *c, struct cfg_plan *ret)
{
    struct planner p = {.plan = ret};
    bool differ = false;
    int r = 0;

    *ret = (struct cfg_plan){.fall = 0};
    for (const struct cfg_proxy *proxy = c->proxies; proxy && r == 0; proxy = proxy->next)
        if (proxy->n_servers > 0)
            r = plan_proxy(&p, proxy, &differ);
    if (differ)
        ret->balance = NULL;
    tdestroy(p.hosts, free);
    tdestroy(p.places, free);
    tdestroy(p.names, free);
    return r;
}
