#include "daemon/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/lb.h>

#include "base/os/log.h"
#include "base/text.h"
#include "daemon/needs.h"
#include "sources/listed.h"

#define WORDS 400

/* What the list says of how it is watched. */
static void tune(struct follow *f, const struct listed *l)
{
    const struct qhcp_tuning tuning = {.liveness_interval = l->liveness,
                                       .check_interval = l->check,
                                       .ask = l->ask,
                                       .listen = l->listen};

    (void)qhcp_lb_tune(f->host.core, loop_now(), l->address, &tuning);
    probes_listed(f->host.probes, loop_now(), l);
}

static void listed(struct follow *f, const char *entry, bool add)
{
    char words[WORDS];
    struct listed l;
    int r = listed_parse(entry, &l, words, sizeof words);

    if (r == 0 && add)
        r = qhcp_lb_add(f->host.core, loop_now(), l.address, words, sizeof words);
    if (r < 0 && r != QHCP_E_EXISTS) {
        log_say(QHCP_LOG_ERROR, "cannot watch %s: %s", l.address, words);
        return;
    }
    tune(f, &l);
    publisher_listed(f->host.publisher, &l);
    wishes_listed(f->host.wishes, loop_now(), l.address);
    forward_listed(f->host.forward, loop_now(), &l);
}

static void removed(struct follow *f, const char *key)
{
    (void)qhcp_lb_remove(f->host.core, loop_now(), key);
    probes_forget(f->host.probes, key);
    wishes_unlisted(f->host.wishes, key);
}

/* Item `at` of the change: those that come are first, so that somebody is there before others go.
 * False: there are no more. */
static bool apply_one(struct follow *f)
{
    const struct sources_change *c = f->change;
    size_t at = f->at++;

    if (at < c->added.n) {
        listed(f, c->added.at[at], true);
        return true;
    }
    at -= c->added.n;
    if (at < c->changed.n) {
        listed(f, c->changed.at[at], false);
        return true;
    }
    at -= c->changed.n;
    if (at < c->removed.n)
        removed(f, c->removed.at[at]);
    return at < c->removed.n;
}

static void say_notes(const struct sources_change *c)
{
    for (const struct source_note *note = c->notes; note; note = note->next)
        log_say(note->warning ? QHCP_LOG_WARNING : QHCP_LOG_INFO, "source %s", note->words);
}

static void take_states(struct follow *f)
{
    free(f->states);
    f->states = f->change->states;
    f->n_states = f->change->n_states;
    f->change->states = NULL;
}

static void ask(struct follow *f);

/* All of the change is in force. */
static void finish(struct follow *f, qhcp_nsec now)
{
    bool grown = f->change->servers > f->count;

    f->count = f->change->servers;
    f->settled = f->change->set;
    f->applying = false;
    sources_change_free(f->change);
    f->change = NULL;
    if (grown) {
        needs_memory(LB_MEMORY, f->count);
        needs_room(f->host.loop, f->count);
    }
    ask(f);
    if (f->done && follow_settled(f))
        f->done(f->ctx, now);
}

static void begin_change(struct follow *f, qhcp_nsec now)
{
    f->asking = false;
    f->applying = true;
    f->at = 0;
    f->slice_at = now;
    say_notes(f->change);
    take_states(f);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct follow *f = ctx;

    return f->applying ? f->slice_at : NSEC_NEVER;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct follow *f = ctx;
    qhcp_nsec until = nsec_add(loop_now(), FOLLOW_SLICE), after;
    bool more;

    do { /* one that goes may take long: its ticket is written to the disk */
        more = apply_one(f);
        after = loop_now();
    } while (more && after < until);
    if (more)
        f->slice_at = nsec_add(after, FOLLOW_PAUSE);
    else
        finish(f, now);
}

/* On the thread that serves, from here ... */
static void on_change(void *ctx, struct sources_change *change)
{
    struct follow *f = ctx;

    f->change = change;
    serve_answer(&f->next);
}

static struct follow *of_next(struct serve_job *job)
{
    return (struct follow *)((char *)job - offsetof(struct follow, next));
}

static void work_next(struct serve_job *job, qhcp_nsec now)
{
    struct follow *f = of_next(job);

    sources_want(f->sources, now, on_change, f);
}

static void work_lists(struct serve_job *job, qhcp_nsec now)
{
    struct follow_lists *l = (struct follow_lists *)job;

    sources_set(l->follow->sources, now, &l->servers, &l->specs);
    serve_answer(job);
}
/* ... to here. */

static void done_next(struct serve_job *job, qhcp_nsec now)
{
    begin_change(of_next(job), now);
}

static void done_lists(struct serve_job *job, qhcp_nsec now)
{
    struct follow_lists *l = (struct follow_lists *)job;

    (void)now;
    list_deinit(&l->servers);
    list_deinit(&l->specs);
    l->given = false;
}

static void ask(struct follow *f)
{
    f->next = (struct serve_job){.work = work_next, .done = done_next};
    f->asking = serve_give(f->host.serve, &f->next) == 0; /* no: at the next turn */
}

static int copy(struct list *to, const struct list *from)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = list_add(to, from->at[i], strlen(from->at[i]), NULL);
    return r;
}

static void give_lists(struct follow *f)
{
    struct follow_lists *l = &f->lists;
    int r;

    l->follow = f;
    l->job = (struct serve_job){.work = work_lists, .done = done_lists};
    r = copy(&l->servers, f->servers);
    if (r == 0)
        r = copy(&l->specs, f->specs);
    if (r == 0)
        r = serve_give(f->host.serve, &l->job);
    l->given = r == 0;
    f->news = r < 0;
    if (r == 0) {
        f->set++;
        return;
    }
    list_deinit(&l->servers);
    list_deinit(&l->specs);
}

static void turn(void *ctx, qhcp_nsec now)
{
    struct follow *f = ctx;

    (void)now;
    if (f->news && !f->lists.given)
        give_lists(f);
    if (!f->asking && !f->applying)
        ask(f);
}

void follow_lists_changed(struct follow *f)
{
    f->news = true;
    loop_again(f->host.loop);
}

bool follow_settled(const struct follow *f)
{
    return !f->news && f->settled == f->set;
}

static void on_first(void *ctx, struct sources_change *change)
{
    ((struct follow *)ctx)->change = change;
}

int follow_begin(struct follow *ret, const struct follow_host *host, const struct list *servers,
                 const struct list *specs, char *words, size_t words_cap)
{
    int r;

    *ret = (struct follow){
        .host = *host,
        .servers = servers,
        .specs = specs,
        .part = {
            .name = "follow", .ctx = ret, .deadline = deadline, .expire = expire, .turn = turn}};
    r = sources_new(serve_loop(host->serve), &ret->sources);
    if (r == 0)
        r = sources_set(ret->sources, loop_now(), servers, specs);
    if (r == 0)
        sources_want(ret->sources, loop_now(), on_first, ret);
    if (r == 0 && !ret->change)
        r = QHCP_E_NOMEM;
    if (r < 0) {
        snprintf(words, words_cap, "cannot watch the servers: %s", qhcp_strerror(r));
        return r;
    }
    ret->set = 1;
    begin_change(ret, loop_now());
    while (apply_one(ret))
        ;
    ret->count = ret->change->servers;
    ret->settled = ret->change->set;
    ret->applying = false;
    sources_change_free(ret->change);
    ret->change = NULL;
    loop_add(host->loop, &ret->part);
    return 0;
}

void follow_end(struct follow *f)
{
    loop_remove(&f->part);
    sources_free(f->sources);
    sources_change_free(f->change);
    list_deinit(&f->lists.servers);
    list_deinit(&f->lists.specs);
    free(f->states);
    *f = (struct follow){.sources = NULL};
}
