#include "daemon/telling.h"

#include <string.h>

#include "base/os/log.h"

#define BEAT NSEC_PER_SEC
#define WANTED (3 * BEAT)

static qhcp_nsec deadline(void *ctx)
{
    return ((const struct telling *)ctx)->beat;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct telling *t = ctx;

    t->beat = nsec_add(now, BEAT);
    if (sinks_figures(&t->sinks))
        publisher_want(t->publisher, now, nsec_add(now, WANTED));
}

/* On the thread that serves. */
static void work(struct serve_job *job, qhcp_nsec now)
{
    struct telling_job *j = (struct telling_job *)job;
    char words[SINK_WORDS];

    (void)sinks_set(&j->telling->sinks, now, &j->specs, words, sizeof words);
    serve_answer(job);
}

static void done(struct serve_job *job, qhcp_nsec now)
{
    struct telling_job *j = (struct telling_job *)job;

    (void)now;
    j->given = false;
    if (j->again)
        telling_changed(j->telling);
}

static bool copy(struct list *to, const struct list *from)
{
    list_deinit(to);
    for (size_t i = 0; i < from->n; i++)
        if (list_add(to, from->at[i], strlen(from->at[i]), NULL) < 0)
            return false;
    return true;
}

void telling_changed(struct telling *t)
{
    const struct list none = {.n = 0};
    struct telling_job *j = &t->job;

    j->again = j->given;
    if (j->given)
        return;
    j->telling = t;
    j->job.work = work;
    j->job.done = done;
    j->given = copy(&j->specs, t->ending ? &none : &t->options->sinks) &&
               serve_give(t->serve, &j->job) == 0;
    if (!j->given)
        log_say(QHCP_LOG_ERROR, "the sinks stay as they were: out of memory");
}

void telling_release(struct telling *t)
{
    t->ending = true;
    telling_changed(t);
}

int telling_begin(struct telling *ret, const struct lb_options *o, struct publisher *publisher,
                  struct loop *loop, struct serve *serve, char *words, size_t words_cap)
{
    int r;

    *ret = (struct telling){.options = o, .publisher = publisher, .serve = serve};
    sinks_init(&ret->sinks, serve_loop(serve), publisher->feed);
    ret->part =
        (struct loop_part){.name = "telling", .ctx = ret, .deadline = deadline, .expire = expire};
    loop_add(loop, &ret->part);
    r = sinks_set(&ret->sinks, loop_now(), &o->sinks, words, words_cap);
    return o->take_over ? 0 : r;
}

void telling_end(struct telling *t)
{
    loop_remove(&t->part);
    sinks_deinit(&t->sinks);
    list_deinit(&t->job.specs);
}

const struct sink_state *telling_state(struct telling *t, size_t index)
{
    if (index == 0)
        t->n_shown = sinks_states(&t->sinks, t->shown, SINKS_MAX);
    return index < t->n_shown ? &t->shown[index] : NULL;
}
