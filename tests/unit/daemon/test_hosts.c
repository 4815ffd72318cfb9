/* Names of a fleet while no DNS server answers: each is told so soon, and found when one does.
 *
 * What src/loop/resolve.h promises is played here: a question is answered after 20 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../loop/actor.h"
#include "base/time.h"
#include "daemon/hosts.h"
#include "daemon/serve.h"
#include "loop/loop.h"
#include "stop.h"

#define NAMES 2000
#define ROOM 64 /* questions under way */
#define LATENCY (20 * NSEC_PER_MSEC)

/* Of the thread that serves, but for the first two. */
static _Atomic bool dead;
static _Atomic unsigned asked;

struct resolve {
    struct loop_part part;
    void (*done)(void *ctx, const struct resolve_answer *answer);
    void *ctx;
    size_t under_way[ROOM], n;
    qhcp_nsec at[ROOM];
};

static qhcp_nsec deadline(void *ctx)
{
    const struct resolve *r = ctx;

    return r->n > 0 ? r->at[0] : NSEC_NEVER;
}

static void expire(void *ctx, qhcp_nsec now)
{
    static const union qhcp_addr there = {.in = {.sin_family = AF_INET}};
    struct resolve *r = ctx;

    while (r->n > 0 && r->at[0] <= now) {
        bool silent = atomic_load(&dead);
        struct resolve_answer a = {.index = r->under_way[0],
                                   .words = silent ? "no answer" : "",
                                   .addrs = &there,
                                   .n = silent ? 0 : 1,
                                   .silent = silent};

        r->n--;
        memmove(r->at, r->at + 1, r->n * sizeof r->at[0]);
        memmove(r->under_way, r->under_way + 1, r->n * sizeof r->under_way[0]);
        r->done(r->ctx, &a);
    }
}

int resolve_new(struct loop *loop, void (*done)(void *ctx, const struct resolve_answer *answer),
                void *ctx, struct resolve **ret)
{
    struct resolve *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->done = done;
    r->ctx = ctx;
    r->part =
        (struct loop_part){.name = "played", .ctx = r, .deadline = deadline, .expire = expire};
    loop_add(loop, &r->part);
    *ret = r;
    return 0;
}

void resolve_free(struct resolve *r)
{
    loop_remove(&r->part);
    free(r);
}

int resolve_start(struct resolve *r, size_t index, const char *host, uint16_t port)
{
    (void)host;
    (void)port;
    assert_true(r->n < ROOM);
    atomic_fetch_add(&asked, 1);
    r->under_way[r->n] = index;
    r->at[r->n++] = loop_now() + LATENCY;
    return 0;
}

struct fleet {
    struct loop *loop;
    struct hosts *hosts;
    unsigned told, found; /* names that were */
};

/* A name that was not found is asked for again, as the core does, but for ever. */
static void on_answer(void *ctx, const struct resolve_answer *answer)
{
    struct fleet *f = ctx;

    if (answer->n > 0) {
        f->found++;
    } else {
        assert_non_null(strstr(answer->words, "no "));
        assert_true(answer->silent);
        f->told++;
        if (!atomic_load(&dead))
            assert_int_equal(hosts_start(f->hosts, answer->index, "web.example", 1), 0);
    }
    if ((atomic_load(&dead) && f->told == NAMES) || f->found == NAMES)
        loop_stop(f->loop);
}

static void ask_all(struct fleet *f)
{
    f->told = f->found = 0;
    atomic_store(&asked, 0);
    for (size_t i = 0; i < NAMES; i++)
        assert_int_equal(hosts_start(f->hosts, i, "web.example", 1), 0);
    loop_run(f->loop);
}

static void a_fleet_is_told_soon_that_no_dns_server_answers(void **state)
{
    struct fleet f = {.loop = actor_begin()};
    struct serve *serve;

    (void)state;
    assert_int_equal(serve_new(f.loop, &serve), 0);
    assert_int_equal(hosts_new(f.loop, serve, on_answer, &f, &f.hosts), 0);
    assert_int_equal(serve_start(serve), 0);
    atomic_store(&dead, true);
    ask_all(&f);
    assert_int_equal(f.found, 0);
    assert_in_range(atomic_load(&asked), ROOM, 4 * ROOM); /* not all of them, one after the other */
    atomic_store(&dead, false);
    ask_all(&f);
    assert_int_equal(f.found, NAMES);
    assert_int_equal(atomic_load(&asked), NAMES); /* the twin: each is asked */
    stop_serving(serve);
    hosts_free(f.hosts);
    serve_free(serve);
    actor_end(f.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fleet_is_told_soon_that_no_dns_server_answers),
    };

    return cmocka_run_group_tests_name("daemon-hosts", tests, NULL, NULL);
}
