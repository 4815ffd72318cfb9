/* Sockets on one address: which of them gets what. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <poll.h>
#include <cmocka.h>

#include "base/address.h"
#include "loop/udp.h"

#include <qhcp/error.h>

static const struct qhcp_steering client = {.prefix = {0xde, 0xad, 0xbe, 0xef}, .id_size = 8};
static const struct qhcp_steering server = {.prefix = {0x80, 0x00, 0x00, 0x01}, .id_size = 20};

struct split {
    struct udp *strangers, *ours, *from;
    struct udp *patient; /* or NULL */
    union qhcp_addr to;
};

static struct udp *open_at(const char *ip)
{
    union qhcp_addr at = {0};
    struct udp *u;

    if (inet_pton(AF_INET6, ip, &at.in6.sin6_addr) == 1)
        at.sa.sa_family = AF_INET6;
    else if (inet_pton(AF_INET, ip, &at.in.sin_addr) == 1)
        at.sa.sa_family = AF_INET;
    return udp_open(&at, 0, &u) == 0 ? u : NULL;
}

static bool split_open(struct split *s, const char *ip, const struct qhcp_steering *steering)
{
    s->patient = NULL;
    s->strangers = open_at(ip);
    s->from = open_at(ip);
    if (s->strangers == NULL || s->from == NULL)
        return false;
    assert_int_equal(udp_split(s->strangers, 0, steering, &s->ours), 0);
    udp_local(s->strangers, &s->to);
    return true;
}

static void split_close(struct split *s)
{
    udp_close(s->strangers);
    udp_close(s->ours);
    udp_close(s->from);
    udp_close(s->patient);
}

static void send_one(struct split *s, const void *bytes, size_t n)
{
    struct qhcp_packet *room = udp_room(s->from);

    room->remote = s->to;
    room->local = (union qhcp_addr){0};
    room->len = n;
    memcpy(room->data, bytes, n);
    assert_int_equal(udp_send(s->from, 1), 1);
}

/* Does the connections' socket get it, or the strangers'? */
static bool is_ours(struct split *s, const void *bytes, size_t n)
{
    struct pollfd fds[2] = {{.fd = udp_fd(s->ours), .events = POLLIN},
                            {.fd = udp_fd(s->strangers), .events = POLLIN}};
    struct qhcp_packet *got;
    bool ours;

    send_one(s, bytes, n);
    assert_int_equal(poll(fds, 2, 5000), 1);
    ours = fds[0].revents != 0;
    assert_int_equal(udp_receive_some(ours ? s->ours : s->strangers, 1, &got), 1);
    assert_int_equal(got->len, n);
    assert_memory_equal(got->data, bytes, n);
    return ours;
}

/* A packet with this form and prefix; the rest is noise. */
static size_t packet(uint8_t ret[64], uint8_t head, uint8_t id_size, const uint8_t prefix[4])
{
    memset(ret, 0x33, 64);
    ret[0] = head;
    if (head & 0x80) {
        memcpy(ret + 1, "\0\0\0\1", 4);
        ret[5] = id_size;
        memcpy(ret + 6, prefix, 4);
    } else {
        memcpy(ret + 1, prefix, 4);
    }
    return 64;
}

static void check_all(const char *ip, const struct qhcp_steering *steering)
{
    uint8_t bytes[64], other[4];
    struct split s;

    if (!split_open(&s, ip, steering))
        return; /* a machine without IPv6 */
    assert_true(is_ours(&s, bytes, packet(bytes, 0x41, 0, steering->prefix)));
    assert_true(is_ours(&s, bytes, packet(bytes, 0x7f, 0, steering->prefix)));
    assert_true(is_ours(&s, bytes, packet(bytes, 0xe3, steering->id_size, steering->prefix)));
    assert_true(is_ours(&s, bytes, packet(bytes, 0xc0, steering->id_size, steering->prefix)));
    assert_false(is_ours(&s, bytes, packet(bytes, 0xc0, steering->id_size - 1, steering->prefix)));
    for (unsigned bit = 0; bit < 32; bit++) {
        memcpy(other, steering->prefix, 4);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(is_ours(&s, bytes, packet(bytes, 0x41, 0, other)));
        assert_false(is_ours(&s, bytes, packet(bytes, 0xc0, steering->id_size, other)));
    }
    (void)packet(bytes, 0x41, 0, steering->prefix);
    for (size_t n = 1; n < 5; n++)
        assert_false(is_ours(&s, bytes, n));
    assert_true(is_ours(&s, bytes, 5));
    (void)packet(bytes, 0xc0, steering->id_size, steering->prefix);
    for (size_t n = 1; n < 10; n++)
        assert_false(is_ours(&s, bytes, n));
    assert_true(is_ours(&s, bytes, 10));
    split_close(&s);
}

/* Does the socket of what may wait get it? */
static bool waits(struct split *s, const void *bytes, size_t n)
{
    struct udp *sockets[3] = {s->strangers, s->ours, s->patient};
    struct pollfd fds[3];
    struct qhcp_packet *got;
    bool patient;

    for (size_t i = 0; i < 3; i++)
        fds[i] = (struct pollfd){.fd = udp_fd(sockets[i]), .events = POLLIN};
    send_one(s, bytes, n);
    assert_int_equal(poll(fds, 3, 5000), 1);
    patient = fds[2].revents != 0;
    for (size_t i = 0; i < 3; i++)
        if (fds[i].revents != 0)
            assert_int_equal(udp_receive_some(sockets[i], 1, &got), 1);
    return patient;
}

static void what_may_wait_says_so_by_its_spin_bit(const char *ip)
{
    uint8_t bytes[64];
    struct split s;

    if (!split_open(&s, ip, &client))
        return;
    assert_int_equal(udp_join(s.ours, 0, &s.patient), 0);
    assert_false(waits(&s, bytes, packet(bytes, 0x61, 0, client.prefix))); /* nobody said so yet */
    assert_int_equal(udp_steer(s.ours, &client, true), 0);
    for (unsigned low = 0; low < 32; low++) { /* what is hidden decides nothing */
        assert_true(waits(&s, bytes, packet(bytes, (uint8_t)(0x60 | low), 0, client.prefix)));
        assert_false(waits(&s, bytes, packet(bytes, (uint8_t)(0x40 | low), 0, client.prefix)));
    }
    assert_false(waits(&s, bytes, packet(bytes, 0xe0, 8, client.prefix))); /* a long header */
    assert_false(waits(&s, bytes, packet(bytes, 0x20, 0, client.prefix))); /* no QUIC */
    assert_false(waits(&s, bytes, packet(bytes, 0x60, 0, server.prefix))); /* a stranger's */
    assert_false(waits(&s, bytes, 1));
    assert_int_equal(udp_steer(s.ours, &client, false), 0);
    assert_false(waits(&s, bytes, packet(bytes, 0x60, 0, client.prefix)));
    split_close(&s);
}

static void what_may_wait_has_a_socket_of_its_own(void **state)
{
    (void)state;
    what_may_wait_says_so_by_its_spin_bit("127.0.0.1");
    what_may_wait_says_so_by_its_spin_bit("::1");
}

static void the_prefix_decides(void **state)
{
    (void)state;
    check_all("127.0.0.1", &client);
    check_all("127.0.0.1", &server);
    check_all("::1", &client);
    check_all("::1", &server);
}

static void a_strangers_flood_fills_no_buffer_but_its_own(void **state)
{
    uint8_t bytes[64];
    struct qhcp_packet *room, *got;
    struct split s;
    int n;

    (void)state;
    assert_true(split_open(&s, "127.0.0.1", &client));
    room = udp_room(s.from);
    for (unsigned i = 0; i < 200; i++) { /* stock receive buffers hold a few hundred */
        for (unsigned k = 0; k < UDP_BATCH; k++) {
            room[k].remote = s.to;
            room[k].len = packet(room[k].data, 0x41, 0, server.prefix);
        }
        (void)udp_send(s.from, UDP_BATCH);
    }
    send_one(&s, bytes, packet(bytes, 0x41, 0, client.prefix));
    assert_int_equal(poll(&(struct pollfd){.fd = udp_fd(s.ours), .events = POLLIN}, 1, 5000), 1);
    assert_int_equal(udp_receive(s.ours, &got), 1);
    assert_int_equal(udp_take_dropped(s.ours), 0);
    do {
        n = udp_receive(s.strangers, &got);
    } while (n > 0);
    assert_false(is_ours(&s, bytes, packet(bytes, 0x41, 0, server.prefix)));
    assert_true(udp_take_dropped(s.strangers) > 0);
    split_close(&s);
}

/* As before the split: the address is one program's. */
static void a_port_that_is_taken_stays_so(void **state)
{
    struct udp *again = NULL;
    struct split s;

    (void)state;
    assert_true(split_open(&s, "127.0.0.1", &client));
    assert_int_equal(udp_open(&s.to, 0, &again), QHCP_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    udp_close(s.ours);
    udp_close(s.strangers);
    assert_int_equal(udp_open(&s.to, 0, &again), 0); /* the twin: it is free */
    udp_close(again);
    udp_close(s.from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_prefix_decides),
        cmocka_unit_test(what_may_wait_has_a_socket_of_its_own),
        cmocka_unit_test(a_strangers_flood_fills_no_buffer_but_its_own),
        cmocka_unit_test(a_port_that_is_taken_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
