/* The event loop while a socket takes nothing, which a test cannot bring about on loopback: the
 * system call is played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/loop.h"

#define SPAN (50 * NSEC_PER_MSEC)

static int refusal; /* errno; 0: none */

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
    if (refusal == 0)
        return (int)syscall(SYS_sendmmsg, fd, messages, n, flags);
    errno = refusal;
    return -1;
}

/* Always due; has one packet to send, to itself. */
struct core {
    struct loop *loop;
    struct loop_part part;
    union qhcp_addr bound;
    qhcp_nsec until;
    size_t expired, received, blocked;
    bool sent;
};

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    (void)now, (void)packets;
    ((struct core *)ctx)->received += n;
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;

    (void)now;
    if (c->sent || n == 0)
        return 0;
    c->sent = true;
    packets[0].local = (union qhcp_addr){.sa = {.sa_family = AF_UNSPEC}};
    packets[0].remote = c->bound;
    packets[0].ecn = 0;
    packets[0].len = 1;
    packets[0].data[0] = 'x';
    return 1;
}

static void on_blocked(void *ctx, qhcp_nsec now)
{
    (void)now;
    ((struct core *)ctx)->blocked++;
}

static qhcp_nsec on_deadline(void *ctx)
{
    (void)ctx;
    return 0;
}

static void on_expire(void *ctx, qhcp_nsec now)
{
    struct core *c = ctx;

    c->expired++;
    if (now >= c->until)
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

static struct core run(void)
{
    union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};
    struct core c = {.until = loop_now() + SPAN};
    const struct loop_client client = {
        .ctx = &c, .receive = on_receive, .send = on_send, .blocked = on_blocked};

    make_loop(&c, &client);
    assert_int_equal(loop_bind(c.loop, &any, 0, &c.bound), 0);
    loop_run(c.loop);
    free_loop(&c);
    return c;
}

static void while_a_socket_takes_nothing_the_core_is_asked_once_a_millisecond(void **state)
{
    struct core c;

    (void)state;
    refusal = EAGAIN;
    c = run();
    refusal = 0;
    assert_int_equal(c.received, 0);
    assert_in_range(c.expired, 1, SPAN / NSEC_PER_MSEC + 1);
    assert_true(c.blocked >= c.expired); /* and told each time */
}

static void a_packet_that_finds_no_memory_is_told_once(void **state)
{
    static const int refusals[] = {ENOBUFS, ENOMEM};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct core c;

        refusal = refusals[i];
        c = run();
        refusal = 0;
        assert_int_equal(c.received, 0);
        assert_int_equal(c.blocked, 1);
    }
}

static void a_core_that_is_always_due_is_asked_as_often_as_can_be(void **state)
{
    struct core c;

    (void)state;
    for (int i = 0; i < 20; i++) { /* the best of some: the machine may be busy */
        c = run();
        assert_int_equal(c.blocked, 0);
        if (c.received == 1 && c.expired > SPAN / NSEC_PER_MSEC + 1)
            break;
    }
    assert_int_equal(c.received, 1);
    assert_true(c.expired > SPAN / NSEC_PER_MSEC + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_a_socket_takes_nothing_the_core_is_asked_once_a_millisecond),
        cmocka_unit_test(a_packet_that_finds_no_memory_is_told_once),
        cmocka_unit_test(a_core_that_is_always_due_is_asked_as_often_as_can_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
