#include "proxy/planner.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "proxy/table.h"

static void *run(void *arg)
{
    struct planner *p = arg;
    uint64_t ignored;

    rcu_register_thread();
    while (!atomic_load(&p->end)) {
        rcu_thread_offline();
        (void)!read(p->wake, &ignored, sizeof ignored);
        rcu_thread_online();
        while (!atomic_load(&p->end) && table_plan(p->table))
            p->published(p->ctx);
    }
    rcu_unregister_thread();
    return NULL;
}

int planner_start(struct planner *p, struct table *table, void *ctx, void (*published)(void *ctx))
{
    *p = (struct planner){.table = table, .ctx = ctx, .published = published};
    p->wake = eventfd(0, EFD_CLOEXEC);
    if (p->wake < 0)
        return QHCP_E_IO;
    p->running = pthread_create(&p->thread, NULL, run, p) == 0;
    if (!p->running) {
        close(p->wake);
        return QHCP_E_NOMEM;
    }
    table->planned = true;
    return 0;
}

void planner_wake(struct planner *p)
{
    const uint64_t one = 1;

    if (p->running)
        (void)!write(p->wake, &one, sizeof one);
}

void planner_end(struct planner *p)
{
    if (!p->running)
        return;
    atomic_store(&p->end, true);
    planner_wake(p);
    pthread_join(p->thread, NULL);
    close(p->wake);
    p->running = false;
}
