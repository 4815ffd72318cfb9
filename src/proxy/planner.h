/* The thread that makes plans (balance/plan.h) of new tables: a plan costs by the number of
 * servers, and the thread that watches them must not wait for it.  Tables that come while one is
 * planned take each other's place: the newest is planned next. */
#ifndef QHCP_PROXY_PLANNER_H
#define QHCP_PROXY_PLANNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct table;

struct planner {
    struct table *table;
    void *ctx;
    void (*published)(void *ctx); /* on its thread: a table is in force */
    pthread_t thread;
    bool running;
    _Atomic bool end;
    int wake; /* an eventfd */
};

/* table->planned is true from now on.  QHCP_E_IO, QHCP_E_NOMEM.  *p stays where it is until
 * planner_end, which is also for one that was not started. */
int planner_start(struct planner *p, struct table *table, void *ctx, void (*published)(void *ctx));
/* There is a table to be planned. */
void planner_wake(struct planner *p);
void planner_end(struct planner *p);

#endif
