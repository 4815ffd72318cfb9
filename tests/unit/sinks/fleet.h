/* A small fleet for tests of sinks: servers w1, w2 ... at 127.0.0.1:9001 and so on. */
#ifndef QHCP_TESTS_SINKS_FLEET_H
#define QHCP_TESTS_SINKS_FLEET_H

#include "../words.h"

#include "base/os/clock.h"
#include "fleet/feed.h"
#include "loop/loop.h"

static struct feed *feed;
static struct loop *loop;

static struct fleet_entry *server(unsigned i)
{
    char name[40];
    uint32_t slot;

    snprintf(name, sizeof name, "127.0.0.1:%u", 9000 + i);
    if (feed_find(feed, name, &slot) == 0)
        return feed_change(feed, slot);
    assert_int_equal(feed_add(feed, name, &slot), 0);
    struct fleet_entry *e = feed_change(feed, slot);
    snprintf(name, sizeof name, "w%u", i);
    assert_int_equal(feed_text(feed, e, FLEET_LABEL, name), 0);
    e->intent.weight = 1;
    e->verdict.own_share = 1000;
    e->report.utilization = FLEET_UNKNOWN;
    return e;
}

static void be(unsigned i, enum qhcp_state state)
{
    server(i)->verdict.state = state;
}

static void publish(void)
{
    assert_int_equal(feed_publish(feed, clock_monotonic(), 1), 0);
}

/* ---- a loop that runs until something is so ---- */

static bool (*until)(void);
static qhcp_nsec give_up_at, next_look;

static void look(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    next_look = now + NSEC_PER_MSEC;
    if (until ? until() : true)
        loop_stop(loop);
    if (now > give_up_at)
        fail_msg("nothing has happened for 60 s");
}

static qhcp_nsec look_at(void *ctx)
{
    (void)ctx;
    return next_look;
}

/* NULL: a few turns. */
static void run(bool (*condition)(void))
{
    struct loop_part part = {.name = "test", .deadline = look_at, .expire = look};

    until = condition;
    next_look = loop_now() + NSEC_PER_MSEC;
    give_up_at = loop_now() + 60 * NSEC_PER_SEC;
    loop_add(loop, &part);
    loop_run(loop);
    loop_remove(&part);
}

#endif
