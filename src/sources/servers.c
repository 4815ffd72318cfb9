#include "sources/servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/value.h"
#include "sources/listed.h"

struct seen {
    UT_hash_handle hh;
    size_t position;
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
                 "server %zu of %zu: %s stands in the list already, as number %zu", i + 1, n,
                 value_quote(l.address, quote), found->position);
        return QHCP_E_EXISTS;
    }
    entry->position = i + 1;
    HASH_ADD_STR(*table, key, entry);
    return 0;
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

static bool is_ip(const char *text, bool brackets)
{
    char bare[INET6_ADDRSTRLEN + 1] = "";
    size_t n = strlen(text) - (brackets ? 2 : 0);
    uint8_t ignored[16];

    memcpy(bare, text + brackets, n < sizeof bare ? n : 0);
    return inet_pton(AF_INET, bare, ignored) == 1 || inet_pton(AF_INET6, bare, ignored) == 1;
}

int servers_parse_ip(const char *text, uint16_t port, union qhcp_addr *ret, char *words,
                     size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], full[ADDRESS_HOST + 8] = "";
    char why[VALUE_QUOTE + 200];
    size_t n = strlen(text);
    bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    struct address a = {.literal = false};
    int r;

    if (brackets || strchr(text, ':'))
        snprintf(full, sizeof full, "[%.*s]:1", (int)(brackets ? n - 2 : n), text + brackets);
    else
        snprintf(full, sizeof full, "%.250s:1", text);
    r = address_parse(full, &a, why, sizeof why);
    if (r < 0 && (strchr(full, '%') || is_ip(text, brackets))) {
        snprintf(words, words_cap, "%s: %s", value_quote(text, quote), strstr(why, "\": ") + 3);
        return r;
    }
    if (r < 0 || !a.literal) {
        snprintf(words, words_cap, "%s is not an IP address (as 0.0.0.0, 192.0.2.1, :: or ::1)",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    a.addr.in.sin_port = htons(port); /* at the same place in both families */
    *ret = a.addr;
    return 0;
}
