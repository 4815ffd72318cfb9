/* The event loop while strangers send without end: what is for connections comes first, and
 * strangers get a bounded part of the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "loop/loop.h"
#include "loop/udp.h"

#define STRANGERS 64
#define ENDLESS 1280               /* as much as would take SPAN's greater part */
#define COST (200 * NSEC_PER_USEC) /* of a stranger's packet */
#define SPAN (400 * NSEC_PER_MSEC)
#define BREAK (2 * NSEC_PER_MSEC)
#define PATIENCE (10 * NSEC_PER_SEC)

static const struct qhcp_steering steering = {.prefix = {1, 2, 3, 4}, .id_size = 8};

struct core {
    struct loop *loop;
    struct loop_part part;
    struct udp *from;
    union qhcp_addr bound;
    bool endless;                /* strangers' packets are replaced as they are read */
    qhcp_nsec began, until, due; /* deadlines come every BREAK */
    qhcp_nsec took;
    size_t ours, strangers, before; /* before: strangers before the first of ours */
    qhcp_nsec spent, worked;        /* on strangers; worked: while this process had a CPU */
    uint64_t dropped, flooded;
};

static void send_to(struct core *c, bool ours, size_t n)
{
    struct qhcp_packet *room = udp_room(c->from);

    for (size_t i = 0; i < n; i++) {
        room[i].local = (union qhcp_addr){0};
        room[i].remote = c->bound;
        room[i].len = 60;
        memset(room[i].data, 0x40, 60);
        if (ours)
            memcpy(room[i].data + 1, steering.prefix, sizeof(steering.prefix));
    }
    assert_int_equal(udp_send(c->from, n), n);
}

/* Our own CPU time, whatever others do meanwhile. */
static qhcp_nsec cpu_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (qhcp_nsec)ts.tv_sec * NSEC_PER_SEC + (qhcp_nsec)ts.tv_nsec;
}

static void work(qhcp_nsec time)
{
    qhcp_nsec end = loop_now() + time;

    while (loop_now() < end) {
    }
}

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;
    qhcp_nsec began = loop_now(), cpu_began = cpu_now();

    (void)now;
    for (size_t i = 0; i < n; i++) {
        if (memcmp(packets[i].data + 1, steering.prefix, sizeof(steering.prefix)) == 0) {
            if (c->ours++ == 0)
                c->before = c->strangers;
            continue;
        }
        c->strangers++;
        work(COST);
    }
    c->spent += loop_now() - began;
    c->worked += cpu_now() - cpu_began;
    if (c->endless && c->strangers < ENDLESS)
        send_to(c, false, n);
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    (void)ctx, (void)now, (void)packets, (void)n;
    return 0;
}

static void on_dropped(void *ctx, qhcp_nsec now, uint64_t n)
{
    (void)now;
    ((struct core *)ctx)->dropped += n;
}

static void on_flooded(void *ctx, qhcp_nsec now, uint64_t n)
{
    (void)now;
    ((struct core *)ctx)->flooded += n;
}

static qhcp_nsec on_deadline(void *ctx)
{
    return ((struct core *)ctx)->due;
}

static void on_expire(void *ctx, qhcp_nsec now)
{
    struct core *c = ctx;

    c->due = now + BREAK;
    c->took = now - c->began;
    if (c->took >= PATIENCE || (c->endless ? now >= c->until && c->strangers > STRANGERS
                                           : now >= c->until || c->strangers == STRANGERS))
        loop_stop(c->loop);
}

/* A loop around this core, a part of which it is. */
static void make_loop(struct core *c, const struct loop_client *client)
{
    c->part =
        (struct loop_part){.name = "core", .ctx = c, .deadline = on_deadline, .expire = on_expire};
    assert_int_equal(loop_new(client, &c->loop), 0);
    loop_add(c->loop, &c->part);
}

static void free_loop(struct core *c)
{
    loop_remove(&c->part);
    loop_free(c->loop);
}

static struct core run(bool steer, bool endless)
{
    union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};
    struct core c = {.endless = endless};
    const struct loop_client client = {.ctx = &c, .receive = on_receive, .send = on_send};

    make_loop(&c, &client);
    assert_int_equal(loop_bind(c.loop, &any, 0, &c.bound), 0);
    assert_int_equal(udp_open(&any, 0, &c.from), 0);
    if (steer)
        assert_int_equal(loop_steer(c.loop, &steering), 0);
    loop_hold(c.loop, true); /* all of it waits before any is read */
    send_to(&c, false, STRANGERS);
    if (!endless)
        send_to(&c, true, 1);
    loop_hold(c.loop, false);
    c.began = loop_now();
    c.due = c.began + BREAK;
    c.until = c.began + (endless ? SPAN : PATIENCE);
    loop_run(c.loop);
    free_loop(&c);
    udp_close(c.from);
    return c;
}

static void what_is_for_connections_comes_first(void **state)
{
    struct core c;

    (void)state;
    c = run(true, false);
    assert_int_equal(c.ours, 1);
    assert_int_equal(c.before, 0);
    assert_int_equal(c.strangers, STRANGERS); /* they wait, and are not lost */
    c = run(false, false); /* the twin: one socket, in the order in which they came */
    assert_int_equal(c.before, STRANGERS);
}

/* A machine that does other things meanwhile makes all of this later, but the part stays. */
static void strangers_get_a_part_of_the_time(void **state)
{
    struct core c;

    (void)state;
    c = run(true, true);
    assert_true(c.strangers > STRANGERS);
    assert_true(c.worked < c.took / 2);
    for (int i = 0; i < 10; i++) { /* the twin; of some, since that machine may stop us too */
        c = run(false, true);
        if (c.spent > c.took / 2)
            break;
    }
    assert_true(c.spent > c.took / 2);
}

/* How many datagrams the core is told that it missed, when this many of one kind come at once, and
 * then more, which tell of them. */
static uint64_t missed(bool ours, bool steer)
{
    union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};
    struct core c = {0};
    const struct loop_client client = {.ctx = &c,
                                       .receive = on_receive,
                                       .send = on_send,
                                       .dropped = on_dropped,
                                       .flooded = on_flooded};

    make_loop(&c, &client);
    assert_int_equal(loop_bind(c.loop, &any, 4096, &c.bound), 0);
    assert_int_equal(udp_open(&any, 0, &c.from), 0);
    if (steer)
        assert_int_equal(loop_steer(c.loop, &steering), 0);
    for (unsigned i = 0; i < 100 && c.dropped + c.flooded == 0; i++) {
        loop_hold(c.loop, true);
        send_to(&c, ours, STRANGERS);
        loop_hold(c.loop, false);
        c.began = loop_now();
        c.due = c.began + BREAK;
        c.until = c.began + 5 * BREAK;
        loop_run(c.loop);
    }
    free_loop(&c);
    udp_close(c.from);
    assert_true(!steer || ours ? c.flooded == 0 : c.flooded > 0); /* that is said apart */
    return c.dropped;
}

static void what_is_dropped_of_strangers_is_no_illness(void **state)
{
    (void)state;
    assert_int_equal(missed(false, true), 0);
    assert_true(missed(true, true) > 0);
    assert_true(missed(false, false) > 0); /* without the split, which was theirs? */
}

/* Sockets that are opened later are split as well, and closed with the others. */
static void sockets_come_and_go(void **state)
{
    union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};
    struct core c = {0};
    const struct loop_client client = {.ctx = &c, .receive = on_receive, .send = on_send};
    union qhcp_addr again;

    (void)state;
    make_loop(&c, &client);
    assert_int_equal(loop_steer(c.loop, &steering), 0);
    assert_int_equal(loop_bind(c.loop, &any, 0, &c.bound), 0);
    assert_int_equal(udp_open(&c.bound, 0, &c.from), QHCP_E_IO);
    loop_unbind(c.loop);
    assert_int_equal(loop_bind(c.loop, &c.bound, 0, &again), 0);
    assert_int_equal(again.in.sin_port, c.bound.in.sin_port);
    free_loop(&c);
    assert_int_equal(udp_open(&c.bound, 0, &c.from), 0); /* the port is free */
    udp_close(c.from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_for_connections_comes_first),
        cmocka_unit_test(strangers_get_a_part_of_the_time),
        cmocka_unit_test(what_is_dropped_of_strangers_is_no_illness),
        cmocka_unit_test(sockets_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
