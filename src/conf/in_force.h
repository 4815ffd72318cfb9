/* The options in force, as other threads may see them.
 *
 * The thread that the options belong to puts a copy here at the start and after each change; who
 * reads holds the newest one as long as it likes.  Neither waits for the other for longer than it
 * takes to exchange a pointer.  The list of servers is left out: it may be long, and the fleet has
 * it. */
#ifndef QHCP_CONF_IN_FORCE_H
#define QHCP_CONF_IN_FORCE_H

#include <pthread.h>

#include "conf/options.h"

struct in_force_copy {
    struct options *options;
    uint64_t number; /* of the change that made them so; from 1 on */
    unsigned held;
};

struct in_force {
    pthread_mutex_t lock;         /* of what follows */
    struct in_force_copy *newest; /* NULL: none yet, or there was no memory for it */
    uint64_t number;
};

void in_force_init(struct in_force *f);
/* Nobody holds a copy.  One that is zeroed is fine. */
void in_force_deinit(struct in_force *f);

/* From the options' thread: they have changed.  Without memory for a copy there is none until the
 * next change. */
void in_force_put(struct in_force *f, const struct options *o);

/* The newest copy, until in_force_let_go; NULL: there is none. */
const struct in_force_copy *in_force_hold(struct in_force *f);
void in_force_let_go(struct in_force *f, const struct in_force_copy *copy);

#endif
