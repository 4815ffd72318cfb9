/* What a reload, or another source of servers, has changed: the log gets one line for all changes
 * of a turn, with names. */
#ifndef QHCP_DAEMON_LIST_NEWS_H
#define QHCP_DAEMON_LIST_NEWS_H

#include "base/text.h"
#include "fleet/ring.h"

#define LIST_NEWS_KINDS 3

struct list_news {
    struct list_news_part {
        size_t n;
        struct text names; /* the first of them */
    } part[LIST_NEWS_KINDS];
};

/* Takes a change of these kinds: FLEET_ADDED, FLEET_REMOVED, FLEET_LISTED.  False: another kind. */
bool list_news_take(struct list_news *news, const struct fleet_change *c);

/* "2 servers added: web3, a:1; 1 removed: web2; 1 changed: web1 (weight 2, was 1)" is added to t,
 * if there is anything; it is told then. */
void list_news_tell(struct list_news *news, struct text *t);

void list_news_deinit(struct list_news *news);

#endif
