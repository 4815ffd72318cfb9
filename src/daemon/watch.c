#include "daemon/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include <qhcp/lb.h>

#include "base/os/log.h"
#include "loop/loop.h"
#include "loop/route.h"
#include "sources/listed.h"
#include "sources/servers.h"

/* A server of a list, by its key. */
struct entry {
    UT_hash_handle hh;
    char key[ADDRESS_KEY];
    bool left_out; /* of the table, for lack of memory */
    bool added;    /* to what is watched, just now */
};

/* All of a list; the arrays are NULL for lack of memory. */
struct table {
    struct entry *all, *by_key;
    const char **keys; /* room for as many */
    size_t n;
};

static int table_init(struct table *ret, const struct list *list)
{
    size_t n = list->n ? list->n : 1;

    *ret = (struct table){.all = calloc(n, sizeof *ret->all), .keys = calloc(n, sizeof *ret->keys)};
    if (!ret->all || !ret->keys)
        return QHCP_E_NOMEM;
    ret->n = list->n;
    for (size_t i = 0; i < list->n; i++) {
        servers_key(list->at[i], ret->all[i].key);
        HASH_ADD_STR(ret->by_key, key, &ret->all[i]);
        if (ret->all[i].left_out)
            return QHCP_E_NOMEM;
    }
    return 0;
}

static void table_deinit(struct table *t)
{
    HASH_CLEAR(hh, t->by_key);
    free(t->keys);
    free(t->all);
}

static int add(struct qhcp_lb *core, struct table *t, const struct list *list, char *words,
               size_t words_cap)
{
    for (size_t i = 0; i < list->n; i++) {
        struct listed l;
        int r = listed_parse(list->at[i], &l, words, words_cap);

        if (r == 0)
            r = qhcp_lb_add(core, loop_now(), l.address, words, words_cap);
        if (r < 0 && r != QHCP_E_EXISTS)
            return r;
        t->all[i].added = r == 0;
    }
    return 0;
}

static void take_back(struct qhcp_lb *core, const struct table *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->all[i].added)
            t->keys[n++] = t->all[i].key;
    (void)qhcp_lb_remove_many(core, loop_now(), t->keys, n);
}

static void remove_old(const struct watch_change *c, const struct table *t, struct table *old)
{
    struct entry *found;
    size_t n = 0;

    for (size_t i = 0; i < old->n; i++) {
        HASH_FIND_STR(t->by_key, old->all[i].key, found);
        if (found)
            continue;
        old->keys[n++] = old->all[i].key;
    }
    (void)qhcp_lb_remove_many(c->core, loop_now(), old->keys, n);
    for (size_t i = 0; i < n; i++)
        c->removed(c->ctx, old->keys[i]);
}

/* What may fail comes first, and what cannot be taken back last. */
int watch_change(const struct watch_change *c, char *words, size_t words_cap)
{
    struct table t, old;
    int r = table_init(&t, c->list), ready = table_init(&old, c->old);

    r = r < 0 ? r : ready;
    snprintf(words, words_cap, "%s", qhcp_strerror(r));
    if (r == 0)
        r = add(c->core, &t, c->list, words, words_cap);
    if (r == 0)
        r = qhcp_lb_reload(c->core, loop_now(), c->config, words, words_cap);
    if (r == 0)
        remove_old(c, &t, &old);
    else
        take_back(c->core, &t);
    table_deinit(&t);
    table_deinit(&old);
    return r;
}

int watch_add(struct qhcp_lb *core, const struct list *list, char *words, size_t words_cap)
{
    struct table t;
    int r = table_init(&t, list);

    snprintf(words, words_cap, "%s", qhcp_strerror(r));
    if (r == 0)
        r = add(core, &t, list, words, words_cap);
    if (r < 0)
        take_back(core, &t);
    table_deinit(&t);
    return r;
}

static void on_moved(void *ctx, qhcp_nsec now)
{
    qhcp_lb_moved(ctx, now);
}

void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret)
{
    if (route_watch(loop, ret, on_moved, core) < 0)
        log_say(QHCP_LOG_WARNING,
                "the kernel does not report changes of this machine's addresses (%s): connecting "
                "again only when servers fall silent",
                strerror(errno));
}
