/* The event loop where some datagrams may wait: they wake nobody, and nothing else waits for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "loop/loop.h"
#include "loop/udp.h"

#define MS NSEC_PER_MSEC
#define LONG (30 * NSEC_PER_SEC) /* nothing that is read by then has waited for it */
#define PATIENT 0x60
#define URGENT 0x40

static const struct qhcp_steering steering = {.prefix = {1, 2, 3, 4}, .id_size = 8};

struct core {
    struct loop *loop;
    struct loop_part part;
    struct udp *from;
    union qhcp_addr bound;
    qhcp_nsec due;
    size_t patient, urgent, read_before; /* before: those that were read when the deadline came */
    qhcp_nsec patient_at;
    unsigned errors;
    bool (*enough)(const struct core *c); /* stops the loop; NULL: the deadline does */
    uint64_t dropped;
    bool to_nobody; /* one datagram goes to a closed port */
    union qhcp_addr nobody;
};

static void send_to(struct core *c, uint8_t head, size_t n)
{
    for (struct qhcp_packet *room = udp_room(c->from); n > 0;) {
        size_t part = n < UDP_BATCH ? n : UDP_BATCH;

        for (size_t i = 0; i < part; i++) {
            room[i].local = (union qhcp_addr){0};
            room[i].remote = c->bound;
            room[i].len = 60;
            memset(room[i].data, head, 60);
            memcpy(room[i].data + 1, steering.prefix, sizeof(steering.prefix));
        }
        assert_int_equal(udp_send(c->from, part), part);
        n -= part;
    }
}

static void stop_if_enough(struct core *c)
{
    if (c->enough && c->enough(c))
        loop_stop(c->loop);
}

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;

    for (size_t i = 0; i < n; i++) {
        bool patient = (packets[i].data[0] & 0xe0) == PATIENT;

        *(patient ? &c->patient : &c->urgent) += 1;
        if (patient)
            c->patient_at = now;
    }
    stop_if_enough(c);
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;

    (void)now, (void)n;
    if (!c->to_nobody)
        return 0;
    c->to_nobody = false;
    packets[0].local = (union qhcp_addr){0};
    packets[0].remote = c->nobody;
    packets[0].len = 60;
    memset(packets[0].data, 0x40, 60);
    return 1;
}

static void on_unreachable(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                           const uint8_t *quoted, size_t quoted_len)
{
    struct core *c = ctx;

    (void)now, (void)remote, (void)error, (void)quoted, (void)quoted_len;
    c->errors++;
    stop_if_enough(c);
}

static void on_dropped(void *ctx, qhcp_nsec now, uint64_t n)
{
    (void)now;
    ((struct core *)ctx)->dropped += n;
}

static qhcp_nsec on_deadline(void *ctx)
{
    return ((struct core *)ctx)->due;
}

static void on_expire(void *ctx, qhcp_nsec now)
{
    struct core *c = ctx;

    (void)now;
    c->read_before = c->patient;
    c->due = NSEC_NEVER;
    loop_stop(c->loop);
}

static void begin(struct core *c, qhcp_nsec most, int rcvbuf)
{
    const union qhcp_addr any = {
        .in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};
    const struct loop_client client = {.ctx = c,
                                       .receive = on_receive,
                                       .send = on_send,
                                       .unreachable = on_unreachable,
                                       .dropped = on_dropped};

    *c = (struct core){.due = NSEC_NEVER};
    c->part =
        (struct loop_part){.name = "core", .ctx = c, .deadline = on_deadline, .expire = on_expire};
    assert_int_equal(loop_new(&client, &c->loop), 0);
    loop_add(c->loop, &c->part);
    assert_int_equal(loop_steer(c->loop, &steering), 0);
    assert_int_equal(loop_bind(c->loop, &any, rcvbuf, &c->bound), 0);
    assert_int_equal(udp_open(&any, 0, &c->from), 0);
    assert_int_equal(loop_be_patient(c->loop, most), 0);
    c->due = loop_now(); /* the first turn reads what came before */
    loop_run(c->loop);
}

static void end(struct core *c)
{
    loop_remove(&c->part);
    loop_free(c->loop);
    udp_close(c->from);
}

/* Until the deadline; when it began. */
static qhcp_nsec run(struct core *c, qhcp_nsec time)
{
    qhcp_nsec began = loop_now();

    c->due = began + time;
    loop_run(c->loop);
    return began;
}

/* Until there is enough, long before the deadline however busy the machine is. */
static void run_until(struct core *c, bool (*enough)(const struct core *c))
{
    c->enough = enough;
    (void)run(c, LONG);
    c->enough = NULL;
    assert_true(enough(c) && c->due != NSEC_NEVER);
}

static void what_may_wait_is_read_before_the_next_deadline_is_judged(void **state)
{
    struct core c;
    qhcp_nsec began;

    (void)state;
    begin(&c, LONG, 1 << 20);
    send_to(&c, PATIENT, 200);
    began = run(&c, 100 * MS);
    assert_int_equal(c.read_before, 200);
    assert_true(c.patient_at >= began + 100 * MS); /* and not sooner */
    end(&c);
}

static bool one_patient(const struct core *c)
{
    return c->patient == 1;
}

static void it_waits_no_longer_than_was_said(void **state)
{
    struct core c;

    (void)state;
    begin(&c, 10 * MS, 1 << 20);
    send_to(&c, PATIENT, 1);
    run_until(&c, one_patient);
    end(&c);
}

static bool one_urgent(const struct core *c)
{
    return c->urgent == 1;
}

static void what_may_not_wait_is_acted_on_at_once(void **state)
{
    struct core c;

    (void)state;
    begin(&c, LONG, 1 << 20);
    send_to(&c, PATIENT, 200);
    send_to(&c, URGENT, 1);
    run_until(&c, one_urgent);
    assert_int_equal(c.patient, 0); /* the twin: those do wait */
    (void)run(&c, 10 * MS);
    assert_int_equal(c.patient, 200);
    end(&c);
}

static bool an_error(const struct core *c)
{
    return c->errors > 0;
}

/* The kernel picks the socket that is told by the addresses' hash: of many ports some are that
 * one's. */
static void an_icmp_error_is_heard_at_once_whichever_socket_gets_it(void **state)
{
    struct core c;

    (void)state;
    begin(&c, LONG, 1 << 20);
    for (unsigned i = 0; i < 24; i++) {
        struct udp *gone;
        union qhcp_addr any = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)}};

        assert_int_equal(udp_open(&any, 0, &gone), 0);
        udp_local(gone, &c.nobody);
        udp_close(gone);
        send_to(&c, PATIENT, 3);
        c.errors = 0;
        c.to_nobody = true;
        run_until(&c, an_error);
    }
    end(&c);
}

/* A flood of what may wait: what the buffer holds is read in bounded turns, and the rest is said to
 * be dropped, as of any other. */
static void a_flood_of_it_starves_nothing(void **state)
{
    struct core c;

    (void)state;
    begin(&c, NSEC_PER_SEC, 4096);
    for (unsigned i = 0; i < 2; i++) {
        loop_hold(c.loop, true);
        send_to(&c, PATIENT, 2000);
        send_to(&c, URGENT, 1);
        loop_hold(c.loop, false);
        (void)run(&c, 20 * MS);
    }
    assert_int_equal(c.urgent, 2); /* it has a buffer of its own */
    assert_true(c.dropped > 0);
    end(&c);
}

/* A fleet that has grown. */
static void its_buffer_grows_with_the_others(void **state)
{
    struct core c;

    (void)state;
    begin(&c, NSEC_PER_SEC, 4096);
    assert_in_range(loop_grow(c.loop, 1 << 20), 1 << 20, 2 << 20);
    loop_hold(c.loop, true);
    send_to(&c, PATIENT, 500);
    loop_hold(c.loop, false);
    (void)run(&c, 20 * MS);
    send_to(&c, PATIENT, 1); /* would tell of drops */
    (void)run(&c, 20 * MS);
    assert_int_equal(c.patient, 501);
    assert_int_equal(c.dropped, 0);
    end(&c);
}

static bool ten_patient(const struct core *c)
{
    return c->patient == 10;
}

static void without_patience_nothing_waits(void **state)
{
    struct core c;

    (void)state;
    begin(&c, LONG, 1 << 20);
    send_to(&c, PATIENT, 5);
    assert_int_equal(loop_be_patient(c.loop, 0), 0);
    send_to(&c, PATIENT, 5);
    run_until(&c, ten_patient);
    end(&c);
}

static void while_held_it_stays_in_the_socket(void **state)
{
    struct core c;

    (void)state;
    begin(&c, 10 * MS, 1 << 20);
    loop_hold(c.loop, true);
    send_to(&c, PATIENT, 5);
    (void)run(&c, 40 * MS);
    assert_int_equal(c.patient, 0);
    loop_hold(c.loop, false);
    (void)run(&c, 40 * MS);
    assert_int_equal(c.patient, 5);
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_wait_is_read_before_the_next_deadline_is_judged),
        cmocka_unit_test(it_waits_no_longer_than_was_said),
        cmocka_unit_test(what_may_not_wait_is_acted_on_at_once),
        cmocka_unit_test(an_icmp_error_is_heard_at_once_whichever_socket_gets_it),
        cmocka_unit_test(a_flood_of_it_starves_nothing),
        cmocka_unit_test(its_buffer_grows_with_the_others),
        cmocka_unit_test(without_patience_nothing_waits),
        cmocka_unit_test(while_held_it_stays_in_the_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
