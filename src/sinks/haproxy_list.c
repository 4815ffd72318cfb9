#include "sinks/haproxy_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void haproxy_list_deinit(struct haproxy_list *l)
{
    free(l->at);
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

/* "ours=theirs,ours=theirs": ours of theirs; false: it is not in there. */
static bool mapped(const char *names, const char *theirs, char ret[HAPROXY_NAME])
{
    size_t n = strlen(theirs);

    for (const char *p = names; p && *p != '\0';) {
        size_t k = strcspn(p, ","), ours = strcspn(p, "=,");

        if (ours < k && k - ours - 1 == n && memcmp(p + ours + 1, theirs, n) == 0 &&
            ours < HAPROXY_NAME) {
            memcpy(ret, p, ours);
            ret[ours] = '\0';
            return true;
        }
        p += k + (p[k] == ',' ? 1 : 0);
    }
    return false;
}

void haproxy_list_match(struct haproxy_list *l, const struct sink_view *view, const char *backend,
                        const char *names)
{
    char ours[HAPROXY_NAME];

    if (!l->stale)
        return;
    l->stale = false;
    l->matched = 0;
    for (size_t i = 0; i < l->n; i++) {
        struct haproxy_server *s = &l->at[i];

        if (mapped(names, s->row.name, ours))
            s->slot = directory_find(&l->directory, view, ours);
        else
            s->slot = directory_of(&l->directory, view, backend, s->row.name);
        s->ours |= s->slot != FLEET_NOBODY;
        l->matched += s->slot != FLEET_NOBODY;
    }
}
