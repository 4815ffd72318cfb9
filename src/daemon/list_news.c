#include "daemon/list_news.h"

#define NAMES 10 /* of each part */

static int part_of(unsigned kind)
{
    switch (kind) {
    case FLEET_ADDED:
        return 0;
    case FLEET_REMOVED:
        return 1;
    case FLEET_LISTED:
        return 2;
    default:
        return -1;
    }
}

bool list_news_take(struct list_news *news, const struct fleet_change *c)
{
    int kind = part_of(c->kind);
    struct list_news_part *p;

    if (kind < 0)
        return false;
    p = &news->part[kind];
    if (p->n++ >= NAMES)
        return true;
    text_add(&p->names, p->n > 1 ? ", " : "");
    text_plain(&p->names, c->label[0] ? c->label : c->name);
    if (c->kind == FLEET_LISTED) {
        text_add(&p->names, " (");
        text_plain(&p->names, c->words);
        text_add(&p->names, ")");
    }
    return true;
}

void list_news_tell(struct list_news *news, struct text *t)
{
    static const char *const words[LIST_NEWS_KINDS] = {"added", "removed", "changed"};
    bool first = true;

    for (unsigned i = 0; i < LIST_NEWS_KINDS; i++) {
        struct list_news_part *p = &news->part[i];

        if (p->n == 0)
            continue;
        if (first)
            text_printf(t, "%zu server%s %s: ", TEXT_COUNT(p->n), words[i]);
        else
            text_printf(t, "; %zu %s: ", p->n, words[i]);
        text_add(t, p->names.at ? p->names.at : "");
        if (p->n > NAMES)
            text_printf(t, " and %zu more", p->n - NAMES);
        first = false;
        text_reset(&p->names);
        p->n = 0;
    }
}

void list_news_deinit(struct list_news *news)
{
    for (unsigned i = 0; i < LIST_NEWS_KINDS; i++)
        text_deinit(&news->part[i].names);
}
