#include "daemon/inherit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "base/address.h"
#include "fleet/fleet.h"

struct inherited {
    UT_hash_handle hh;
    struct inherit_server server;
    char key[ADDRESS_KEY];
    bool left_out; /* of the table, for lack of memory */
};

void inherit_write(struct text *t, const char *key, const struct inherit_server *s)
{
    char target[ADDRESS_TEXT];

    address_format(&s->target, target, sizeof target);
    text_printf(t, "%s %u %u %s\n", key, s->share, s->degraded, target);
}

static bool read_line(const char *line, struct inherited *ret)
{
    char target[ADDRESS_TEXT], ignored[400], one[ADDRESS_KEY + ADDRESS_TEXT + 32];
    size_t n = strcspn(line, "\n");
    struct address a;
    unsigned degraded;

    *ret = (struct inherited){.key = ""};
    if (n >= sizeof one) /* none of ours */
        return false;
    snprintf(one, sizeof one, "%.*s", (int)n, line);
    if (sscanf(one, "%261s %u %u %63s", ret->key, &ret->server.share, &degraded, target) != 4 ||
        ret->server.share == 0 || ret->server.share > FLEET_SHARE || degraded > 1 ||
        address_parse(target, &a, ignored, sizeof ignored) < 0 || !a.literal)
        return false;
    ret->server.degraded = degraded == 1;
    ret->server.target = a.addr;
    return true;
}

struct inherited *inherit_read(const char *text)
{
    struct inherited *all = NULL, one, *found;

    for (const char *line = text; *line; line = strchrnul(line, '\n'), line += *line == '\n') {
        if (!read_line(line, &one))
            continue;
        HASH_FIND_STR(all, one.key, found);
        if (found || !(found = malloc(sizeof *found)))
            continue;
        *found = one;
        HASH_ADD_STR(all, key, found);
        if (found->left_out) /* as if it were new */
            free(found);
    }
    return all;
}

const struct inherit_server *inherit_find(const struct inherited *all, const char *key)
{
    struct inherited *found;

    HASH_FIND_STR(all, key, found);
    return found ? &found->server : NULL;
}

void inherit_free(struct inherited *all)
{
    struct inherited *one, *next;

    HASH_ITER(hh, all, one, next)
    {
        HASH_DEL(all, one);
        free(one);
    }
}
