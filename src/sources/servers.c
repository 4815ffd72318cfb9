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
    UT_hash_handle hh;
    size_t position;
    bool left_out; /* of the table, for lack of memory */
    char key[ADDRESS_KEY];
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

/* Enters entry i into the table. */
static int check_one(const struct list *list, size_t i, const char *option, struct seen **table,
                     struct seen *entry, struct faults *f)
{
    char first[300], quote[VALUE_QUOTE + 8], address[ADDRESS_KEY];
    const struct place at = list_place(list, i, option);
    struct seen *found;

    snprintf(address, sizeof address, "%.*s", (int)strcspn(list->at[i], " \t"), list->at[i]);
    servers_key(list->at[i], entry->key);
    HASH_FIND_STR(*table, entry->key, found);
    if (found)
        return faults_add(f, &at, QHCP_E_EXISTS, "%s is in the list twice, first %s",
                          value_quote(address, quote),
                          first_words(list, found->position, first, sizeof first));
    entry->position = i;
    HASH_ADD_STR(*table, key, entry);
    return entry->left_out ? faults_add(f, &at, QHCP_E_NOMEM, "out of memory") : 0;
}

int servers_check(const struct list *list, const char *option, struct faults *f)
{
    struct seen *table = NULL, *all = calloc(list->n ? list->n : 1, sizeof *all);
    int first = 0;

    if (!all)
        return faults_add(f, NULL, QHCP_E_NOMEM, "out of memory");
    for (size_t i = 0; i < list->n && first != QHCP_E_NOMEM; i++) {
        int r = check_one(list, i, option, &table, &all[i], f);

        first = r < 0 && (first == 0 || r == QHCP_E_NOMEM) ? r : first;
    }
    HASH_CLEAR(hh, table);
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
