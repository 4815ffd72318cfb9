#include "convert/cfg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cfg_item *add_item(struct cfg *c, struct cfg_items *items, size_t room)
{
    struct cfg_item *item = calloc(1, sizeof *item + room);

    if (!item) {
        c->failed = true;
        return NULL;
    }
    if (!items->end)
        items->end = &items->first;
    *items->end = item;
    items->end = &item->next;
    return item;
}

void cfg_note(struct cfg *c, struct cfg_items *items, unsigned line, const char *fmt, ...)
{
    char words[CFG_NOTE];
    struct cfg_item *item;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    for (char *p = words; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    item = add_item(c, items, strlen(words) + 1);
    if (!item)
        return;
    item->line = line;
    strcpy(item->words, words); /* NOLINT: it has room for all of it */
}

struct cfg_server *cfg_add_server(struct cfg *c, struct cfg_proxy *p, const struct cfg_server *s)
{
    struct cfg_server *copy = malloc(sizeof *copy);
    struct cfg_item *item = copy ? add_item(c, &p->items, 0) : NULL;

    if (!item) {
        free(copy);
        c->failed = true;
        return NULL;
    }
    *copy = *s;
    item->line = s->line;
    item->server = copy;
    p->n_servers++;
    return copy;
}

static void free_items(struct cfg_items *items)
{
    struct cfg_item *next;

    for (struct cfg_item *item = items->first; item; item = next) {
        next = item->next;
        free(item->server);
        free(item);
    }
}

void cfg_deinit(struct cfg *c)
{
    struct cfg_proxy *next;

    for (struct cfg_proxy *p = c->proxies; p; p = next) {
        next = p->next;
        free_items(&p->items);
        free(p);
    }
    free_items(&c->notes);
    *c = (struct cfg){.proxies = NULL};
}

const char *cfg_word(const char *word, char ret[CFG_WORD])
{
    snprintf(ret, CFG_WORD, "%.40s%s", word, strlen(word) > 40 ? ".." : "");
    return ret;
}

bool cfg_is_one(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = n > 0 ? strstr(list, word) : NULL; p; p = strstr(p + 1, word))
        if (p > list && p[-1] == ' ' && p[n] == ' ')
            return true;
    return false;
}
