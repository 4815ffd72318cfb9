#include "daemon/announce.h"

#include <stdio.h>

#include "base/text.h"
#include "fleet/feed.h"

static struct announce_count count(const struct feed *feed)
{
    const struct fleet_self *self = &feed_current(feed)->self;

    return (struct announce_count){.n = self->n,
                                   .healthy = fleet_healthy_count(self),
                                   .unknown = self->by_state[QHCP_CONNECTING]};
}

static bool same(const struct announce_count *a, const struct announce_count *b)
{
    return a->n == b->n && a->healthy == b->healthy && a->unknown == b->unknown;
}

static void words_of(const struct announce_count *c, char ret[ANNOUNCE_WORDS])
{
    int n;

    if (c->n == 0) {
        snprintf(ret, ANNOUNCE_WORDS, "there is no server to watch");
        return;
    }
    n = snprintf(ret, ANNOUNCE_WORDS, "%zu of %zu server%s %s healthy", c->healthy,
                 TEXT_COUNT(c->n), c->n == 1 ? "is" : "are");
    if (c->unknown > 0)
        snprintf(ret + n, ANNOUNCE_WORDS - (size_t)n, "; %zu not checked yet", c->unknown);
}

void announce_words(const struct feed *feed, char ret[ANNOUNCE_WORDS])
{
    const struct announce_count c = count(feed);

    words_of(&c, ret);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct announce *a = ctx;
    const struct announce_count c = count(a->feed);

    return a->service->ready && same(&a->told, &c) ? NSEC_NEVER : a->next;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct announce *a = ctx;
    char words[ANNOUNCE_WORDS];

    a->next = nsec_add(now, NSEC_PER_SEC);
    a->told = count(a->feed);
    words_of(&a->told, words);
    if (a->service->ready)
        service_says(words);
    else
        service_starting(words);
}

/* The first sweep may be over. */
static void turn(void *ctx, qhcp_nsec now)
{
    struct announce *a = ctx;
    char words[ANNOUNCE_WORDS];

    if (a->service->ready)
        return;
    a->told = count(a->feed);
    if (a->told.unknown > 0 && now < a->most)
        return;
    words_of(&a->told, words);
    service_ready(a->service, a->loop, words);
}

void announce_begin(struct announce *a, struct loop *loop, struct service *service,
                    const struct feed *feed)
{
    qhcp_nsec now = loop_now();

    if (!service_managed())
        return;
    *a = (struct announce){.loop = loop,
                           .service = service,
                           .feed = feed,
                           .next = now,
                           .most = nsec_add(now, ANNOUNCE_MOST)};
    a->part = (struct loop_part){
        .name = "announce", .ctx = a, .deadline = deadline, .expire = expire, .turn = turn};
    loop_add(loop, &a->part);
}

void announce_end(struct announce *a)
{
    loop_remove(&a->part);
}
