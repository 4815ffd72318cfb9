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

struct united_name {
    UT_hash_handle hh;
    bool left_out;
    const struct united_server *server;
    char name[];
};

int united_init(struct united *ret)
{
    *ret = (struct united){.by_key = NULL};
    return 0;
}

void united_complete(struct united *u)
{
    struct united_name *one = u->by_name, *next;

    HASH_CLEAR(hh, u->by_name);
    for (; one; one = next) {
        next = one->hh.next;
        free(one);
    }
}

void united_deinit(struct united *u)
{
    united_complete(u);
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

static void note(struct united_twice *t, const char *what, const char *first, const char *second)
{
    for (const char *p = what; *p != '\0'; p++)
        t->hash = (t->hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
    if (t->n++ > 0)
        return;
    snprintf(t->what, sizeof t->what, "%s", what);
    snprintf(t->first, sizeof t->first, "%s", first);
    snprintf(t->second, sizeof t->second, "%s", second);
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

/* The word "name=NAME" of an entry, and its length; NULL: it has none. */
static char *name_word(const struct united_server *one, size_t *ret_n)
{
    static const char blanks[] = " \t", name[] = "name=";

    for (char *p = one->entry + strcspn(one->entry, blanks); *(p += strspn(p, blanks)) != '\0';
         p += *ret_n) {
        *ret_n = strcspn(p, blanks);
        if (strncmp(p, name, sizeof name - 1) == 0)
            return p;
    }
    return NULL;
}

/* Its name is its own, or is taken from it. */
static int take_name(struct united *u, struct united_server *one)
{
    size_t n = 0;
    char *word = name_word(one, &n);
    size_t skip = strlen("name="), length = n - skip;
    struct united_name *found, *mine;

    if (!word)
        return 0;
    HASH_FIND(hh, u->by_name, word + skip, length, found);
    if (found) {
        note(&u->names, found->name, found->server->key, one->key);
        memmove(word - 1, word + n, strlen(word + n) + 1);
        return 0;
    }
    mine = calloc(1, sizeof *mine + length + 1);
    if (!mine)
        return QHCP_E_NOMEM;
    mine->server = one;
    memcpy(mine->name, word + skip, length);
    HASH_ADD(hh, u->by_name, name, length, mine);
    if (!mine->left_out)
        return 0;
    free(mine);
    return QHCP_E_NOMEM;
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
    return take_name(u, one);
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
            note(&u->twice, key, found->source, source);
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
