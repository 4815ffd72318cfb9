#include "admin/admin_follow.h"

#include <microhttpd.h>
#include <stdio.h>
#include <utlist.h>

#include "admin/admin_http.h"
#include "fleet/feed.h"

#include <qhcp/error.h>

static void wake_streams(struct admin_follow *f)
{
    struct admin_stream *s;

    DL_FOREACH(f->streams, s)
    admin_http_wake(s->request);
}

static void free_with(struct admin_asked *a)
{
    if (a->with)
        a->free_with(a->with);
    a->with = NULL;
}

static void take_answer(struct admin_asked *a, const struct wish_answer *answer)
{
    if (a->request) {
        a->done(a->request, answer, a->with);
        admin_http_answer(a->request);
    }
    a->request = NULL;
    free_with(a);
}

static void take_answers(struct admin_follow *f)
{
    struct wish_answer answer;

    while (wish_answered(f->reader, &answer)) {
        for (unsigned i = 0; i < WISH_OPEN; i++) {
            struct admin_asked *a = &f->asked[i];

            if (!a->open || a->token != answer.token)
                continue;
            a->open = false;
            f->n_asked--;
            take_answer(a, &answer);
        }
    }
}

/* Looks at what is new until there is nothing, and sleeps while somebody waits. */
static void look(struct admin_follow *f)
{
    uint64_t seq;

    do {
        take_answers(f);
        seq = reader_hold(f->reader)->seq;
        if (seq != f->seq)
            wake_streams(f);
        f->seq = seq;
        reader_let_go(f->reader);
    } while ((f->n_asked > 0 || f->streams) && !reader_sleep(f->reader));
}

static void on_news(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct admin_follow *f = ctx;

    (void)now, (void)ready;
    reader_woken(f->reader);
    look(f);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct admin_follow *)ctx)->alive_at;
}

static void say_alive(void *ctx, qhcp_nsec now)
{
    struct admin_follow *f = ctx;
    struct admin_stream *s;

    f->alive_at = f->streams ? nsec_add(now, ADMIN_ALIVE) : NSEC_NEVER;
    DL_FOREACH(f->streams, s)
    s->alive = true;
    wake_streams(f);
}

int admin_follow_begin(struct admin_follow *f, struct feed *feed, struct loop *loop)
{
    int r = reader_open(feed, &f->reader);

    if (r < 0)
        return r;
    f->alive_at = NSEC_NEVER;
    f->part =
        (struct loop_part){.name = "follow", .ctx = f, .deadline = deadline, .expire = say_alive};
    loop_watch(loop, &f->watch, reader_fd(f->reader), LOOP_READABLE, on_news, f);
    loop_add(loop, &f->part);
    return 0;
}

void admin_follow_end(struct admin_follow *f)
{
    for (unsigned i = 0; i < WISH_OPEN; i++)
        free_with(&f->asked[i]);
    loop_remove(&f->part);
    loop_unwatch(&f->watch);
    reader_close(f->reader);
    f->reader = NULL;
}

static struct admin_asked *free_place(struct admin_follow *f)
{
    for (unsigned i = 0; i < WISH_OPEN; i++)
        if (!f->asked[i].open)
            return &f->asked[i];
    return NULL;
}

void admin_follow_ask(struct admin_request *q, struct wish *w, admin_done_fn *done,
                      void (*free_lent)(void *with))
{
    struct admin_follow *f = &q->admin->follow;
    struct admin_asked *a = free_place(f);

    snprintf(w->who, sizeof w->who, "%.60s %.34s", q->who.by[0] != '\0' ? q->who.by : "somebody",
             q->who.from);
    if (!a || wish_ask(f->reader, w, &a->token) != 0) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "busy",
                         "too much is asked of this load balancer at once");
        if (w->with)
            free_lent(w->with);
        return;
    }
    a->with = w->with;
    a->free_with = free_lent;
    a->request = q;
    a->open = true;
    a->done = done;
    f->n_asked++;
    q->later = true;
    look(f);
}

void admin_follow_forget(struct admin_request *q)
{
    struct admin_follow *f = &q->admin->follow;

    for (unsigned i = 0; f->n_asked > 0 && i < WISH_OPEN; i++)
        if (f->asked[i].request == q)
            f->asked[i].request = NULL;
}

void admin_follow_join(struct admin_follow *f, struct admin_stream *s)
{
    if (!f->streams) {
        f->alive_at = nsec_add(loop_now(), ADMIN_ALIVE);
        f->seq = reader_hold(f->reader)->seq;
        reader_let_go(f->reader);
    }
    DL_APPEND(f->streams, s);
    look(f);
}

void admin_follow_leave(struct admin_follow *f, struct admin_stream *s)
{
    DL_DELETE(f->streams, s);
}
