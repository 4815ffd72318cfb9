/* A listening socket on a loop, also where no descriptor is left for who comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "actor.h"
#include "loop/listener.h"

struct place {
    struct loop *loop;
    struct listener listener;
    struct sockaddr_un name;
    socklen_t size;
    size_t came, most; /* the loop stops when so many came */
    bool end;          /* by the first */
};

static void on_come(void *ctx, qhcp_nsec now, int fd)
{
    struct place *p = ctx;

    (void)now;
    assert_true(fd >= 0);
    close(fd);
    if (++p->came == p->most)
        loop_stop(p->loop);
    if (p->end)
        listener_end(&p->listener);
}

/* At an abstract name of the kernel's choice. */
static void open_place(struct place *p)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct sockaddr_un any = {.sun_family = AF_UNIX};

    p->loop = actor_begin();
    p->size = sizeof p->name;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family), 0);
    assert_int_equal(listen(fd, 100), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&p->name, &p->size), 0);
    listener_begin(p->loop, &p->listener, fd, on_come, p);
}

static int visit(const struct place *p)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&p->name, p->size), 0);
    return fd;
}

static void all_who_come_are_given_to_the_owner(void **state)
{
    struct place p = {.most = 40};
    int visitors[40];

    (void)state;
    open_place(&p);
    for (size_t i = 0; i < 40; i++)
        visitors[i] = visit(&p);
    loop_run(p.loop);
    assert_int_equal(p.came, 40);
    for (size_t i = 0; i < 40; i++)
        close(visitors[i]);
    listener_end(&p.listener);
    actor_end(p.loop);
}

static void it_may_end_when_somebody_comes(void **state)
{
    struct place p = {.most = 1, .end = true};
    int first, second;

    (void)state;
    open_place(&p);
    first = visit(&p);
    second = visit(&p);
    loop_run(p.loop);
    assert_int_equal(p.came, 1);
    assert_false(listener_open(&p.listener));
    listener_end(&p.listener); /* once more: nothing happens */
    close(first);
    close(second);
    actor_end(p.loop);
}

static struct rlimit limit;

static void make_room(struct actor *a)
{
    (void)a;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* One waits who cannot be accepted: the loop sleeps meanwhile, and he is accepted in the end. */
static void without_a_descriptor_it_does_not_turn_round_who_waits(void **state)
{
    struct place p = {.most = 1};
    struct actor turns = {.most = 0}, later = {.act = make_room};
    struct rlimit none;
    int visitor;

    (void)state;
    open_place(&p);
    visitor = visit(&p);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = (rlim_t)visitor; /* and no lower number is free */
    actor_add(p.loop, &turns, 't', true);
    later.at = loop_now() + 30 * NSEC_PER_MSEC;
    actor_add(p.loop, &later, 'l', false);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    loop_run(p.loop);
    assert_int_equal(p.came, 1);
    assert_string_equal(actor_order, "l");
    assert_in_range(turns.turns, 2, 8);
    loop_remove(&turns.part);
    loop_remove(&later.part);
    listener_end(&p.listener);
    close(visitor);
    actor_end(p.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_come_are_given_to_the_owner),
        cmocka_unit_test(it_may_end_when_somebody_comes),
        cmocka_unit_test(without_a_descriptor_it_does_not_turn_round_who_waits),
    };

    return cmocka_run_group_tests_name("loop-listener", tests, NULL, NULL);
}
