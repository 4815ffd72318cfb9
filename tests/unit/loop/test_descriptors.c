/* Watches of descriptors, on a loop that has no core; and two loops on two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actor.h"

struct end {
    struct loop *loop;
    struct loop_watch watch;
    int fd, peer;
    size_t calls, *all, most; /* the loop stops when *all is that */
    struct end *other;        /* unwatched by the first call */
    struct actor *last;       /* due a while after the last call that is expected */
};

static void open_end(struct end *e)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    e->fd = fds[0];
    e->peer = fds[1];
}

static void close_end(struct end *e)
{
    loop_unwatch(&e->watch);
    close(e->fd);
    close(e->peer);
}

static void on_byte(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct end *e = ctx;
    char byte;

    (void)now;
    assert_int_equal(ready, LOOP_READABLE);
    assert_int_equal(read(e->fd, &byte, 1), 1);
    e->calls++;
    if (++*e->all == e->most)
        loop_stop(e->loop);
    if (e->other)
        loop_unwatch(&e->other->watch);
}

static void a_hundred_descriptors_are_watched(void **state)
{
    struct end ends[100];
    struct loop *l = actor_begin();
    size_t all = 0;

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        ends[i] = (struct end){.loop = l, .all = &all, .most = 100};
        open_end(&ends[i]);
        loop_watch(l, &ends[i].watch, ends[i].fd, LOOP_READABLE, on_byte, &ends[i]);
        assert_int_equal(write(ends[i].peer, "x", 1), 1);
    }
    loop_run(l);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(ends[i].calls, 1);
        close_end(&ends[i]);
    }
    actor_end(l);
}

/* Both are ready in one wake-up, and each unwatches the other. */
static void a_watch_whose_event_is_pending_may_be_removed(void **state)
{
    struct loop *l = actor_begin();
    struct actor last = {.most = 1};
    struct end a, b;
    size_t all = 0;

    (void)state;
    a = b = (struct end){.loop = l, .all = &all, .most = 99};
    a.other = &b;
    b.other = &a;
    open_end(&a);
    open_end(&b);
    loop_watch(l, &a.watch, a.fd, LOOP_READABLE, on_byte, &a);
    loop_watch(l, &b.watch, b.fd, LOOP_READABLE, on_byte, &b);
    assert_int_equal(write(a.peer, "x", 1), 1);
    assert_int_equal(write(b.peer, "x", 1), 1);
    last.at = loop_now() + 2 * NSEC_PER_MSEC;
    actor_add(l, &last, 'l', false);
    loop_run(l);
    assert_int_equal(a.calls + b.calls, 1);
    loop_remove(&last.part);
    close_end(&a);
    close_end(&b);
    actor_end(l);
}

static void on_either(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct end *e = ctx;
    char byte;

    (void)now;
    if (ready & LOOP_WRITABLE) { /* asked for first */
        actor_note('w');
        loop_watch_change(&e->watch, LOOP_READABLE);
        assert_int_equal(write(e->peer, "x", 1), 1);
        return;
    }
    actor_note('r');
    assert_int_equal(read(e->fd, &byte, 1), 1);
    if (++e->calls == 1) { /* the same descriptor is closed and comes again */
        close_end(e);
        open_end(e);
        loop_watch(e->loop, &e->watch, e->fd, LOOP_WRITABLE, on_either, e);
        return;
    }
    loop_watch_change(&e->watch, 0);
    assert_int_equal(write(e->peer, "x", 1), 1);
    e->last->at = loop_now() + 5 * NSEC_PER_MSEC;
}

static void a_watch_changes_ends_and_begins_anew_in_its_own_callback(void **state)
{
    struct loop *l = actor_begin();
    struct actor last = {.at = NSEC_NEVER, .most = 1};
    struct end e = {.loop = l, .last = &last};

    (void)state;
    open_end(&e);
    loop_watch(l, &e.watch, e.fd, LOOP_WRITABLE, on_either, &e);
    actor_add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(actor_order, "wrwrl");
    loop_remove(&last.part);
    close_end(&e);
    actor_end(l);
}

static void due_again(struct actor *a)
{
    a->at = 0;
}

static void a_part_that_is_always_due_starves_no_descriptor(void **state)
{
    struct loop *l = actor_begin();
    struct actor busy = {.at = 0, .act = due_again};
    struct end e = {.loop = l, .most = 3};
    size_t all = 0;

    (void)state;
    e.all = &all;
    open_end(&e);
    actor_add(l, &busy, 'b', false);
    loop_watch(l, &e.watch, e.fd, LOOP_READABLE, on_byte, &e);
    assert_int_equal(write(e.peer, "xxx", 3), 3);
    loop_run(l);
    assert_in_range(busy.expired, 1, 4); /* one a turn */
    loop_remove(&busy.part);
    close_end(&e);
    actor_end(l);
}

/* Two loops, each on a thread: what one writes, the other answers. */
#define ROUNDS 1000

struct player {
    struct loop *loop;
    struct loop_watch watch;
    struct actor pulse; /* a part that has a deadline meanwhile */
    int fd;
    unsigned seen;
};

static void on_ball(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct player *p = ctx;
    char byte;

    (void)now;
    (void)ready;
    if (read(p->fd, &byte, 1) != 1)
        return;
    if (write(p->fd, &byte, 1) != 1 || ++p->seen == ROUNDS)
        loop_stop(p->loop);
}

static void beat(void *ctx, qhcp_nsec now)
{
    struct actor *a = ctx;

    a->at = now + NSEC_PER_MSEC;
    a->expired++;
}

static void *play(void *arg)
{
    loop_run(((struct player *)arg)->loop);
    return NULL;
}

static void two_loops_run_on_two_threads(void **state)
{
    struct player players[2] = {{.seen = 0}};
    pthread_t thread;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    for (int i = 0; i < 2; i++) {
        struct player *p = &players[i];

        p->fd = fds[i];
        assert_int_equal(loop_new(NULL, &p->loop), 0);
        p->pulse.part = (struct loop_part){
            .name = "pulse", .ctx = &p->pulse, .deadline = actor_deadline, .expire = beat};
        loop_add(p->loop, &p->pulse.part);
        loop_watch(p->loop, &p->watch, p->fd, LOOP_READABLE, on_ball, p);
    }
    assert_int_equal(write(fds[0], "x", 1), 1);
    assert_int_equal(pthread_create(&thread, NULL, play, &players[1]), 0);
    (void)play(&players[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(players[i].seen, ROUNDS);
        assert_true(players[i].pulse.expired > 0);
        loop_unwatch(&players[i].watch);
        loop_remove(&players[i].pulse.part);
        loop_free(players[i].loop);
        close(fds[i]);
    }
}

/* As with a small `ulimit -n`: libev would abort. */
static void a_signal_without_a_descriptor_for_it_is_refused(void **state)
{
    const struct loop_client client = {.ctx = NULL};
    struct rlimit before, none;
    struct loop *l;

    (void)state;
    assert_int_equal(loop_new(&client, &l), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(loop_catch(l, SIGUSR1), QHCP_E_IO);
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(loop_catch(l, SIGUSR1), 0); /* the twin */
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_descriptors_are_watched),
        cmocka_unit_test(a_watch_whose_event_is_pending_may_be_removed),
        cmocka_unit_test(a_watch_changes_ends_and_begins_anew_in_its_own_callback),
        cmocka_unit_test(a_part_that_is_always_due_starves_no_descriptor),
        cmocka_unit_test(two_loops_run_on_two_threads),
        cmocka_unit_test(a_signal_without_a_descriptor_for_it_is_refused),
    };

    return cmocka_run_group_tests_name("loop-descriptors", tests, NULL, NULL);
}
