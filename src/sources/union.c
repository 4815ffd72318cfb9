#include "sources/union.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include <qhcp/error.h>

#include "sources/servers.h"

struct united_server {
    UT_hash_handle hh;
    bool left_out; /* of the table, for lack of memory */
    char *entry;
    const char *source;
    char key[];
};

int united_init(struct united *ret)
{
    *ret = (struct united){.by_key = NULL};
    return 0;
}

void united_deinit(struct united *u)
{
    HASH_CLEAR(hh, u->by_key);
    for (size_t i = 0; i < u->n; i++) {
        free(u->at[i]->entry);
        free(u->at[i]);
    }
    free(u->at);
    *u = (struct united){.by_key = NULL};
}

size_t united_count(const struct united *u)
{
    return u->n;
}

static void note_twice(struct united *u, const struct united_server *first, const char *source)
{
    for (const char *p = first->key; *p != '\0'; p++)
        u->twice_hash = (u->twice_hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    if (u->twice++ > 0)
        return;
    snprintf(u->twice_key, sizeof u->twice_key, "%s", first->key);
    snprintf(u->twice_first, sizeof u->twice_first, "%s", first->source);
    snprintf(u->twice_second, sizeof u->twice_second, "%s", source);
}

static int reserve(struct united *u)
{
    size_t cap = u->cap ? 2 * u->cap : 64;
    struct united_server **grown;

    if (u->n < u->cap)
        return 0;
    grown = realloc(u->at, cap * sizeof *grown);
    if (!grown)
        return QHCP_E_NOMEM;
    u->at = grown;
    u->cap = cap;
    return 0;
}

static int add(struct united *u, const char *source, const char *key, const char *entry)
{
    size_t n = strlen(key) + 1;
    struct united_server *one;

    if (reserve(u) < 0 || !(one = malloc(sizeof *one + n)))
        return QHCP_E_NOMEM;
    *one = (struct united_server){.source = source, .entry = strdup(entry)};
    memcpy(one->key, key, n);
    if (one->entry)
        HASH_ADD_STR(u->by_key, key, one);
    if (!one->entry || one->left_out) {
        free(one->entry);
        free(one);
        return QHCP_E_NOMEM;
    }
    u->at[u->n++] = one;
    return 0;
}

int united_add(struct united *u, const char *source, const struct list *servers)
{
    char key[ADDRESS_KEY];
    int r = 0;

    for (size_t i = 0; i < servers->n && r == 0; i++) {
        const struct united_server *found;

        servers_key(servers->at[i], key);
        if (key[0] == '\0')
            continue;
        HASH_FIND_STR(u->by_key, key, found);
        if (found)
            note_twice(u, found, source);
        else
            r = add(u, source, key, servers->at[i]);
    }
    return r;
}

int united_keep(struct united *u, const struct united *other)
{
    const struct united_server *found;
    int r = 0;

    for (size_t i = 0; i < other->n && r == 0; i++) {
        HASH_FIND_STR(u->by_key, other->at[i]->key, found);
        if (!found)
            r = add(u, "", other->at[i]->key, other->at[i]->entry);
    }
    return r;
}

int united_difference(const struct united *before, const struct united *after, struct list *added,
                      struct list *changed, struct list *removed)
{
    const struct united_server *found;
    int r = 0;

    for (size_t i = 0; i < after->n && r == 0; i++) {
        const struct united_server *one = after->at[i];

        HASH_FIND_STR(before->by_key, one->key, found);
        if (!found)
            r = list_add(added, one->entry, strlen(one->entry), NULL);
        else if (strcmp(found->entry, one->entry) != 0)
            r = list_add(changed, one->entry, strlen(one->entry), NULL);
    }
    for (size_t i = 0; i < before->n && r == 0; i++) {
        HASH_FIND_STR(after->by_key, before->at[i]->key, found);
        if (!found)
            r = list_add(removed, before->at[i]->key, strlen(before->at[i]->key), NULL);
    }
    return r;
}
