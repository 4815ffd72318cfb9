#include "conf/in_force.h"

#include <stdlib.h>

#include "conf/options_copy.h"

void in_force_init(struct in_force *f)
{
    *f = (struct in_force){.newest = NULL};
    pthread_mutex_init(&f->lock, NULL);
}

static void copy_free(struct in_force_copy *c)
{
    if (!c)
        return;
    if (c->options)
        options_deinit(c->options);
    free(c->options);
    free(c);
}

void in_force_deinit(struct in_force *f)
{
    copy_free(f->newest);
    f->newest = NULL;
}

static struct in_force_copy *copy_new(const struct options *o, uint64_t number)
{
    struct in_force_copy *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    *c = (struct in_force_copy){.number = number, .held = 1, .options = calloc(1, o->table->size)};
    if (c->options && options_copy(c->options, o) == 0)
        return c;
    copy_free(c);
    return NULL;
}

/* One holder less. */
static void let_go(struct in_force *f, struct in_force_copy *c)
{
    bool last;

    pthread_mutex_lock(&f->lock);
    last = --c->held == 0;
    pthread_mutex_unlock(&f->lock);
    if (last)
        copy_free(c);
}

void in_force_put(struct in_force *f, const struct options *o)
{
    struct in_force_copy *fresh = copy_new(o, f->number + 1), *old;

    pthread_mutex_lock(&f->lock);
    f->number++;
    old = f->newest;
    f->newest = fresh;
    pthread_mutex_unlock(&f->lock);
    if (old)
        let_go(f, old);
}

const struct in_force_copy *in_force_hold(struct in_force *f)
{
    struct in_force_copy *c;

    pthread_mutex_lock(&f->lock);
    c = f->newest;
    if (c)
        c->held++;
    pthread_mutex_unlock(&f->lock);
    return c;
}

void in_force_let_go(struct in_force *f, const struct in_force_copy *copy)
{
    if (copy)
        let_go(f, (struct in_force_copy *)(uintptr_t)copy);
}
