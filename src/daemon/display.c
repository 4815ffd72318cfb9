#include "daemon/display.h"

#include "base/os/log.h"
#include "daemon/list_news.h"
#include "daemon/publisher.h"

static void on_writable(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct display *d = ctx;

    (void)now;
    (void)ready;
    output_flush(&d->status.out);
}

static qhcp_nsec deadline(void *ctx)
{
    return status_deadline(&((struct display *)ctx)->status);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct display *d = ctx;

    if (d->status.next <= now) /* all of it is to be seen: with figures of now */
        publisher_refresh(d->publisher, now);
    status_expire(&d->status, now);
}

static void show_state(struct display *d, const struct fleet_change *c, qhcp_nsec now)
{
    const struct qhcp_event event = {.address = c->name,
                                     .from = (enum qhcp_state)c->from,
                                     .to = (enum qhcp_state)c->to,
                                     .cause = (enum qhcp_cause)c->cause,
                                     .reason = c->words,
                                     .evidence = c->evidence};

    status_event(&d->status, &event, c->label, (struct status_moment){now, c->at_ms});
}

static void show_listed(struct display *d, const struct fleet_change *c, qhcp_nsec now)
{
    const struct status_listed listed = {.kind = c->kind == FLEET_ADDED     ? STATUS_ADDED
                                                 : c->kind == FLEET_REMOVED ? STATUS_REMOVED
                                                                            : STATUS_CHANGED,
                                         .address = c->name,
                                         .name = c->label,
                                         .words = c->words};

    if (list_news_take(&d->news, c))
        status_listed(&d->status, &listed, (struct status_moment){now, c->at_ms});
}

static void log_news(struct display *d)
{
    struct text t = {0};

    list_news_tell(&d->news, &t);
    if (t.n > 0)
        log_say(QHCP_LOG_INFO, "%s", t.at);
    text_deinit(&t);
}

static void show_panic(struct display *d, const struct fleet_change *c,
                       const struct fleet_self *self, qhcp_nsec now)
{
    const struct qhcp_panic panic = {.on = c->to != QHCP_USE_HEALTHY,
                                     .use = (enum qhcp_use)c->to,
                                     .healthy = fleet_healthy_count(self),
                                     .total =
                                         fleet_healthy_count(self) + self->by_state[QHCP_DOWN]};

    status_panic(&d->status, &panic, (struct status_moment){now, c->at_ms});
}

/* What was published in this turn. */
static void turn(void *ctx, qhcp_nsec now)
{
    struct display *d = ctx;
    const struct fleet_snapshot *s = reader_hold(d->reader);
    struct fleet_change change;
    enum reader_news news;

    while ((news = reader_next(d->reader, &change)) == READER_CHANGE) {
        if (change.kind == FLEET_STATE)
            show_state(d, &change, now);
        else if (change.kind == FLEET_PANIC)
            show_panic(d, &change, &s->self, now);
        else
            show_listed(d, &change, now);
    }
    if (news == READER_BEHIND && d->follows) /* the first answer is always that */
        log_say(QHCP_LOG_WARNING, "too many servers have changed at once to tell of each of them: "
                                  "the next status shows them");
    d->follows = true;
    if (!d->changing || !*d->changing) /* else all of it is told once it is over */
        log_news(d);
    reader_let_go(d->reader);
    loop_watch_change(&d->watch, output_waiting(&d->status.out) ? LOOP_WRITABLE : 0);
}

int display_begin(struct display *d, struct loop *loop, struct publisher *publisher)
{
    d->part = (struct loop_part){
        .name = "display", .ctx = d, .deadline = deadline, .expire = expire, .turn = turn};
    d->publisher = publisher;
    loop_watch(loop, &d->watch, d->status.out.fd, 0, on_writable, d);
    loop_add(loop, &d->part);
    return reader_open(publisher->feed, &d->reader);
}

void display_end(struct display *d)
{
    loop_remove(&d->part);
    reader_close(d->reader);
    d->reader = NULL;
    list_news_deinit(&d->news);
    loop_unwatch(&d->watch);
}
