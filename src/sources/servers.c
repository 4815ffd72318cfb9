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

/* Checks entry i and enters it into the table. */
static int check_one(char *const *list, size_t n, size_t i, struct seen **table, struct seen *entry,
                     char *words, size_t words_cap)
{
    char why[400], quote[VALUE_QUOTE + 8];
    struct address a;
    struct listed l;
    struct seen *found;
    int r = listed_parse(list[i], &l, why, sizeof why);

    if (r == 0)
        r = address_parse(l.address, &a, why, sizeof why);
    if (r < 0) {
        snprintf(words, words_cap, "server %zu of %zu: %s", i + 1, n, why);
        return r;
    }
    address_key(&a, entry->key);
    HASH_FIND_STR(*table, entry->key, found);
    if (found) {
        snprintf(words, words_cap,
                 "server %zu of %zu: %s is in the list twice, first as number %zu", i + 1, n,
                 value_quote(l.address, quote), found->position);
        return QHCP_E_EXISTS;
    }
    entry->position = i + 1;
    HASH_ADD_STR(*table, key, entry);
    if (!entry->left_out)
        return 0;
    snprintf(words, words_cap, "out of memory");
    return QHCP_E_NOMEM;
}

int servers_check(char *const *list, size_t n, char *words, size_t words_cap)
{
    struct seen *table = NULL, *all;
    int r = 0;

    if (n == 0) {
        snprintf(words, words_cap, "the list of servers is empty");
        return QHCP_E_ARG;
    }
    all = calloc(n, sizeof *all);
    if (!all) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = check_one(list, n, i, &table, &all[i], words, words_cap);
    HASH_CLEAR(hh, table);
    free(all);
    return r;
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
