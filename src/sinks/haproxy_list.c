#include "sinks/haproxy_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void haproxy_list_deinit(struct haproxy_list *l)
{
    free(l->at);
    free(l->has);
    directory_deinit(&l->directory);
    *l = (struct haproxy_list){.at = NULL};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct haproxy_server *)a)->row.name,
                  ((const struct haproxy_server *)b)->row.name);
}

struct haproxy_server *haproxy_list_find(const struct haproxy_list *l, const char *name)
{
    struct haproxy_server key;

    snprintf(key.row.name, sizeof key.row.name, "%s", name);
    return l->n > 0 ? bsearch(&key, l->at, l->n, sizeof key, by_name) : NULL;
}

int haproxy_list_read(struct haproxy_list *l, const char *answer, size_t n, const char *backend)
{
    struct haproxy_server *at = NULL;
    struct haproxy_row row;
    size_t k = 0, cap = 0;

    while (haproxy_text_row(&answer, &n, backend, &row)) {
        const struct haproxy_server *before = haproxy_list_find(l, row.name);

        if (k == cap) {
            struct haproxy_server *grown = realloc(at, (cap ? 2 * cap : 16) * sizeof *at);

            if (!grown) {
                free(at);
                return QHCP_E_NOMEM;
            }
            at = grown;
            cap = cap ? 2 * cap : 16;
        }
        if (!haproxy_server_name(row.name))
            continue;
        haproxy_server_init(&at[k], &row);
        at[k].ours = before && before->ours;
        k++;
    }
    if (k > 0)
        qsort(at, k, sizeof *at, by_name);
    free(l->at);
    l->at = at;
    l->n = k;
    l->stale = true;
    return 0;
}

void haproxy_list_see(struct haproxy_list *l, const struct sink_view *view)
{
    directory_see(&l->directory, view);
    l->stale = true;
}

struct pair {
    const char *ours, *theirs;
    size_t n_ours, n_theirs;
};

/* The next of "ours=theirs,ours=theirs" at *names; false: there are no more. */
static bool next_pair(const char **names, struct pair *ret)
{
    const char *p = *names;
    size_t n, k;

    if (!p || *p == '\0')
        return false;
    n = strcspn(p, ",");
    k = strcspn(p, "=,");
    *ret = (struct pair){.ours = p, .n_ours = k, .theirs = p + n};
    if (k < n) {
        ret->theirs = p + k + 1;
        ret->n_theirs = n - k - 1;
    }
    *names = p + n + (p[n] == ',' ? 1 : 0);
    return true;
}

static bool is(const char *at, size_t n, const char *word)
{
    return strlen(word) == n && memcmp(at, word, n) == 0;
}

static bool take(const char *at, size_t n, char ret[HAPROXY_NAME])
{
    if (n == 0 || n >= HAPROXY_NAME)
        return false;
    memcpy(ret, at, n);
    ret[n] = '\0';
    return true;
}

/* Our name of what HAProxy calls theirs; false: names do not say. */
static bool mapped(const char *names, const char *theirs, char ret[HAPROXY_NAME])
{
    struct pair p;

    while (next_pair(&names, &p))
        if (is(p.theirs, p.n_theirs, theirs) && take(p.ours, p.n_ours, ret))
            return true;
    return false;
}

void haproxy_list_name(const char *names, const struct fleet_entry *e, char ret[HAPROXY_NAME])
{
    const char *label = fleet_text(e, FLEET_LABEL), *name = fleet_text(e, FLEET_NAME);
    struct pair p;

    while (next_pair(&names, &p))
        if ((is(p.ours, p.n_ours, label) || is(p.ours, p.n_ours, name)) &&
            take(p.theirs, p.n_theirs, ret))
            return;
    if (!take(label, strlen(label), ret))
        ret[0] = '\0';
}

/* False: there is no memory. */
static bool clear(struct haproxy_list *l, uint32_t slots)
{
    if (slots > l->slots) {
        bool *has = realloc(l->has, slots * sizeof *has);

        if (!has)
            return false;
        l->has = has;
        l->slots = slots;
    }
    if (l->slots > 0)
        memset(l->has, 0, l->slots * sizeof *l->has);
    return true;
}

bool haproxy_list_has(const struct haproxy_list *l, uint32_t slot)
{
    return slot >= l->slots || l->has[slot];
}

void haproxy_list_match(struct haproxy_list *l, const struct sink_view *view, const char *backend,
                        const char *names)
{
    char ours[HAPROXY_NAME];

    if (!l->stale || !clear(l, view->slots))
        return;
    l->stale = false;
    l->matched = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct haproxy_server *s = &l->at[i];

        if (mapped(names, s->row.name, ours))
            s->slot = directory_find(&l->directory, view, ours);
        else
            s->slot = directory_of(&l->directory, view, backend, s->row.name);
        if (s->slot == FLEET_NOBODY)
            continue;
        s->ours = true;
        l->has[s->slot] = true;
        l->matched++;
    }
}
