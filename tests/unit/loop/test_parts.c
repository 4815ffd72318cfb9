/* Parts and watches of a loop that has no core: as the thread that serves has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"

#define GIVE_UP (10 * NSEC_PER_SEC) /* a test that waits longer has failed */

static char order[64]; /* what happened, one letter each */

static void note(char what)
{
    size_t n = strlen(order);

    if (n < sizeof order - 1)
        order[n] = what;
}

/* A part with a letter: it is due at `at`, and does what the test tells it. */
struct actor {
    struct loop_part part;
    struct loop *loop;
    char letter;
    qhcp_nsec at;
    size_t expired, turns, most; /* the loop stops after so many of either; 0: never */
    void (*act)(struct actor *a);
    struct actor *other;
};

static qhcp_nsec actor_deadline(void *ctx)
{
    return ((struct actor *)ctx)->at;
}

static void stop_after(const struct actor *a, size_t n)
{
    if (a->most > 0 && n >= a->most)
        loop_stop(a->loop);
}

static void actor_expire(void *ctx, qhcp_nsec now)
{
    struct actor *a = ctx;

    assert_true(now >= a->at);
    a->at = NSEC_NEVER;
    note(a->letter);
    stop_after(a, ++a->expired);
    if (a->act)
        a->act(a);
}

static void actor_turn(void *ctx, qhcp_nsec now)
{
    struct actor *a = ctx;

    (void)now;
    stop_after(a, ++a->turns);
    if (a->act)
        a->act(a);
}

static void add(struct loop *l, struct actor *a, char letter, bool turns)
{
    a->loop = l;
    a->letter = letter;
    a->part = (struct loop_part){.name = "actor", .ctx = a};
    a->part.turn = turns ? actor_turn : NULL;
    a->part.deadline = turns ? NULL : actor_deadline;
    a->part.expire = turns ? NULL : actor_expire;
    loop_add(l, &a->part);
}

static void on_late(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    (void)now;
    fail_msg("nothing more happened after \"%s\"", order);
}

/* Ends a test that hangs. */
static struct actor guard;

static struct loop *begin(void)
{
    struct loop *l;

    memset(order, 0, sizeof order);
    assert_int_equal(loop_new(NULL, &l), 0);
    guard = (struct actor){.at = loop_now() + GIVE_UP};
    guard.part = (struct loop_part){
        .name = "guard", .ctx = &guard, .deadline = actor_deadline, .expire = on_late};
    loop_add(l, &guard.part);
    return l;
}

static void end(struct loop *l)
{
    loop_remove(&guard.part);
    loop_free(l);
}

static void hand_on(struct actor *a)
{
    if (a->other)
        a->other->at = loop_now() + NSEC_PER_MSEC;
}

/* One is due soon, the others in an hour; the next one's time comes nearer then. */
static void the_earliest_deadline_counts_whatever_the_order_of_the_parts(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                          {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct actor actors[3] = {{.letter = 0}};
        struct loop *l = begin();
        qhcp_nsec now = loop_now();

        for (unsigned k = 0; k < 3; k++) {
            unsigned n = orders[i][k];

            actors[n].at = now + (n == 0 ? NSEC_PER_MSEC : 3600 * NSEC_PER_SEC);
            actors[n].act = hand_on;
            actors[n].other = n < 2 ? &actors[n + 1] : NULL;
            actors[n].most = n == 2;
            add(l, &actors[n], (char)('0' + n), false);
        }
        loop_run(l);
        assert_string_equal(order, "012");
        for (size_t k = 0; k < 3; k++)
            loop_remove(&actors[k].part);
        end(l);
    }
}

static void all_that_are_due_are_called_in_one_round(void **state)
{
    struct actor a = {.at = 0}, b = {.at = NSEC_NEVER}, c = {.at = 0, .most = 1};
    struct loop *l = begin();

    (void)state;
    add(l, &a, 'a', false);
    add(l, &b, 'b', false);
    add(l, &c, 'c', false);
    loop_run(l);
    assert_string_equal(order, "ac");
    loop_remove(&a.part);
    loop_remove(&b.part);
    loop_remove(&c.part);
    end(l);
}

static void leave(struct actor *a)
{
    loop_remove(&a->part);
}

static void a_part_may_remove_itself(void **state)
{
    struct actor once = {.at = 0, .act = leave}, turns = {.act = leave}, last = {.most = 1};
    struct loop *l = begin();

    (void)state;
    last.at = loop_now() + 2 * NSEC_PER_MSEC;
    add(l, &once, 'o', false);
    add(l, &turns, 't', true);
    add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(order, "ol");
    assert_int_equal(turns.turns, 1);
    loop_remove(&once.part); /* a second time: nothing happens */
    loop_remove(&last.part);
    end(l);
}

static void remove_other(struct actor *a)
{
    struct actor *other = a->other;

    if (!other)
        return;
    loop_remove(&other->part);
    memset(other, 0xff, sizeof *other);
    free(other);
    a->other = NULL;
}

/* Both are due in one round; who is removed and freed by the other is not called. */
static void a_part_may_remove_the_next_one_and_the_one_before(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct actor *gone = calloc(1, sizeof *gone);
        struct actor a = {.at = 0, .act = remove_other, .other = gone, .most = 1};
        struct loop *l = begin();

        assert_non_null(gone);
        if (before)
            add(l, gone, 'g', false);
        add(l, &a, 'a', false);
        if (!before)
            add(l, gone, 'g', false);
        loop_run(l);
        assert_string_equal(order, before ? "ga" : "a");
        loop_remove(&a.part);
        end(l);
    }
}

static void add_other(struct actor *a)
{
    if (a->other && !a->other->part.loop)
        add(a->loop, a->other, 'n', false);
}

static void a_part_may_add_another_which_is_due_at_once(void **state)
{
    struct actor added = {.at = 0, .most = 1}, a = {.at = 0, .act = add_other, .other = &added};
    struct loop *l = begin();

    (void)state;
    add(l, &a, 'a', false);
    loop_run(l);
    assert_string_equal(order, "an");
    loop_remove(&a.part);
    loop_remove(&added.part);
    end(l);
}

static void leave_and_come_back(struct actor *a)
{
    loop_remove(&a->part);
    loop_add(a->loop, &a->part);
}

static void a_part_that_comes_back_in_each_turn_does_not_hold_the_round(void **state)
{
    struct actor a = {.act = leave_and_come_back}, b = {.act = leave_and_come_back};
    struct actor last = {.most = 1};
    struct loop *l = begin();

    (void)state;
    last.at = loop_now() + 2 * NSEC_PER_MSEC;
    add(l, &a, 'a', true);
    add(l, &b, 'b', true);
    add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(order, "l");
    assert_int_equal(a.turns, b.turns);
    assert_in_range(a.turns, 1, 3);
    loop_remove(&a.part);
    loop_remove(&b.part);
    loop_remove(&last.part);
    end(l);
}

/* Descriptors. */
struct end {
    struct loop *loop;
    struct loop_watch watch;
    int fd, peer;
    size_t calls, *all, most; /* the loop stops when *all is that */
    struct end *other;        /* unwatched by the first call */
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
    struct loop *l = begin();
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
    end(l);
}

/* Both are ready in one wake-up, and each unwatches the other. */
static void a_watch_whose_event_is_pending_may_be_removed(void **state)
{
    struct loop *l = begin();
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
    add(l, &last, 'l', false);
    loop_run(l);
    assert_int_equal(a.calls + b.calls, 1);
    loop_remove(&last.part);
    close_end(&a);
    close_end(&b);
    end(l);
}

static void on_either(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct end *e = ctx;
    char byte;

    (void)now;
    if (ready & LOOP_WRITABLE) { /* asked for first */
        note('w');
        loop_watch_change(&e->watch, LOOP_READABLE);
        assert_int_equal(write(e->peer, "x", 1), 1);
        return;
    }
    note('r');
    assert_int_equal(read(e->fd, &byte, 1), 1);
    if (++e->calls == 1) { /* the same descriptor is closed and comes again */
        close_end(e);
        open_end(e);
        loop_watch(e->loop, &e->watch, e->fd, LOOP_WRITABLE, on_either, e);
        return;
    }
    loop_watch_change(&e->watch, 0);
    assert_int_equal(write(e->peer, "x", 1), 1);
}

static void a_watch_changes_ends_and_begins_anew_in_its_own_callback(void **state)
{
    struct loop *l = begin();
    struct actor last = {.most = 1};
    struct end e = {.loop = l};

    (void)state;
    open_end(&e);
    loop_watch(l, &e.watch, e.fd, LOOP_WRITABLE, on_either, &e);
    last.at = loop_now() + 5 * NSEC_PER_MSEC;
    add(l, &last, 'l', false);
    loop_run(l);
    assert_string_equal(order, "wrwrl");
    loop_remove(&last.part);
    close_end(&e);
    end(l);
}

static void due_again(struct actor *a)
{
    a->at = 0;
}

static void a_part_that_is_always_due_starves_no_descriptor(void **state)
{
    struct loop *l = begin();
    struct actor busy = {.at = 0, .act = due_again};
    struct end e = {.loop = l, .most = 3};
    size_t all = 0;

    (void)state;
    e.all = &all;
    open_end(&e);
    add(l, &busy, 'b', false);
    loop_watch(l, &e.watch, e.fd, LOOP_READABLE, on_byte, &e);
    assert_int_equal(write(e.peer, "xxx", 3), 3);
    loop_run(l);
    assert_in_range(busy.expired, 1, 4); /* one a turn */
    loop_remove(&busy.part);
    close_end(&e);
    end(l);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_deadline_counts_whatever_the_order_of_the_parts),
        cmocka_unit_test(all_that_are_due_are_called_in_one_round),
        cmocka_unit_test(a_part_may_remove_itself),
        cmocka_unit_test(a_part_may_remove_the_next_one_and_the_one_before),
        cmocka_unit_test(a_part_may_add_another_which_is_due_at_once),
        cmocka_unit_test(a_part_that_comes_back_in_each_turn_does_not_hold_the_round),
        cmocka_unit_test(a_hundred_descriptors_are_watched),
        cmocka_unit_test(a_watch_whose_event_is_pending_may_be_removed),
        cmocka_unit_test(a_watch_changes_ends_and_begins_anew_in_its_own_callback),
        cmocka_unit_test(a_part_that_is_always_due_starves_no_descriptor),
        cmocka_unit_test(two_loops_run_on_two_threads),
    };

    return cmocka_run_group_tests_name("loop-parts", tests, NULL, NULL);
}
