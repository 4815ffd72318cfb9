#include "daemon/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/os/log.h"
#include "daemon/forward.h"
#include "daemon/probes.h"
#include "loop/loop.h"
#include "loop/route.h"
#include "sources/listed.h"
#include "sources/servers.h"

int watch_add(struct qhcp_lb *core, const struct list *list, char *words, size_t words_cap)
{
    for (size_t i = 0; i < list->n; i++) {
        struct listed l;
        int r = listed_parse(list->at[i], &l, words, words_cap);

        if (r == 0)
            r = qhcp_lb_add(core, loop_now(), l.address, words, words_cap);
        if (r < 0 && r != QHCP_E_EXISTS)
            return r;
    }
    return 0;
}

struct wanted {
    UT_hash_handle hh;
    char key[ADDRESS_KEY];
};

int watch_remove(struct qhcp_lb *core, struct probes *probes, struct forward *forward,
                 const struct list *old, const struct list *list)
{
    struct wanted *all = calloc(list->n, sizeof *all), *table = NULL, *found;
    char key[ADDRESS_KEY];

    if (!all)
        return QHCP_E_NOMEM;
    for (size_t i = 0; i < list->n; i++) {
        servers_key(list->at[i], all[i].key);
        HASH_ADD_STR(table, key, &all[i]);
    }
    for (size_t i = 0; i < old->n; i++) {
        servers_key(old->at[i], key);
        HASH_FIND_STR(table, key, found);
        if (!found) {
            log_say(QHCP_LOG_INFO, "%s is no longer watched", key);
            qhcp_lb_remove(core, loop_now(), key);
            probes_forget(probes, key);
            forward_forget(forward, key);
        }
    }
    HASH_CLEAR(hh, table);
    free(all);
    return 0;
}

static void on_moved(void *ctx, qhcp_nsec now)
{
    qhcp_lb_moved(ctx, now);
}

void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret)
{
    if (route_watch(loop, ret, on_moved, core) < 0)
        log_say(QHCP_LOG_WARNING,
                "the kernel does not tell of changes to this machine's own addresses (%s): servers "
                "are dialled anew once they fall silent",
                strerror(errno));
}
