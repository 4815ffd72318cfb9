#include "sources/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "base/value.h"
#include "sources/listed.h"

struct seen {
    UT_hash_handle hh, by_name;
    size_t position;
    bool left_out; /* of a table, for lack of memory */
    char key[ADDRESS_KEY];
    char name[LISTED_NAME + 1];
};

struct tables {
    struct seen *by_key, *by_name;
};

/* "number 3", or "on line 7" of a file. */
static const char *first_words(const struct list *l, size_t i, char *ret, size_t cap)
{
    const struct place at = list_place(l, i, NULL);

    if (at.file)
        snprintf(ret, cap, "on line %u of %s", at.line, at.file);
    else
        snprintf(ret, cap, "as number %zu", i + 1);
    return ret;
}

static int refuse(const struct list *list, size_t i, const char *option, const char *what,
                  const struct seen *found, struct faults *f)
{
    char first[300], quote[VALUE_QUOTE + 8];
    const struct place at = list_place(list, i, option);

    return faults_add(f, &at, QHCP_E_EXISTS, "%s is in the list twice, first %s",
                      value_quote(what, quote),
                      first_words(list, found->position, first, sizeof first));
}

/* Enters entry i into the tables. */
static int check_one(const struct list *list, size_t i, const char *option, struct tables *t,
                     struct seen *entry, struct faults *f)
{
    const struct place at = list_place(list, i, option);
    char ignored[400];
    struct seen *found;
    struct listed l;

    (void)listed_parse(list->at[i], &l, ignored, sizeof ignored);
    servers_key(l.address, entry->key);
    memcpy(entry->name, l.name, sizeof entry->name);
    entry->position = i;
    HASH_FIND_STR(t->by_key, entry->key, found);
    if (found)
        return refuse(list, i, option, l.address, found, f);
    HASH_ADD_STR(t->by_key, key, entry);
    if (entry->left_out)
        return faults_add(f, &at, QHCP_E_NOMEM, "out of memory");
    if (entry->name[0] == '\0')
        return 0;
    HASH_FIND(by_name, t->by_name, entry->name, strlen(entry->name), found);
    if (found)
        return refuse(list, i, option, entry->name, found, f);
    HASH_ADD(by_name, t->by_name, name, strlen(entry->name), entry);
    return entry->left_out ? faults_add(f, &at, QHCP_E_NOMEM, "out of memory") : 0;
}

int servers_check(const struct list *list, const char *option, struct faults *f)
{
    struct seen *all = calloc(list->n ? list->n : 1, sizeof *all);
    struct tables tables = {.by_key = NULL};
    int first = 0;

    if (!all)
        return faults_add(f, NULL, QHCP_E_NOMEM, "out of memory");
    for (size_t i = 0; i < list->n && first != QHCP_E_NOMEM; i++) {
        int r = check_one(list, i, option, &tables, &all[i], f);

        first = r < 0 && (first == 0 || r == QHCP_E_NOMEM) ? r : first;
    }
    HASH_CLEAR(hh, tables.by_key);
    HASH_CLEAR(by_name, tables.by_name);
    free(all);
    return first;
}

void servers_key(const char *text, char ret[ADDRESS_KEY])
{
    struct address a;
    struct listed l;
    char ignored[400];

    ret[0] = '\0';
    if (listed_parse(text, &l, ignored, sizeof ignored) == 0 &&
        address_parse(l.address, &a, ignored, sizeof ignored) == 0)
        address_key(&a, ret);
}
