/* The port of the sink dns: what one connection, and one network, may have of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "sinks/dns_port.h"

#define EACH 2

static struct dns_port port;
static struct loop *loop;
static struct loop_watch end;
static int ends[2];
static pthread_t thread;

/* The query is the answer. */
static size_t echo(void *ctx, qhcp_nsec now, const union qhcp_addr *from, bool tcp,
                   const uint8_t *query, size_t n, uint8_t *ret, size_t cap)
{
    (void)ctx, (void)now, (void)from, (void)tcp;
    if (n > cap)
        return 0;
    memcpy(ret, query, n);
    return n;
}

static void on_end(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ctx, (void)now, (void)ready;
    loop_stop(loop);
}

static void *run(void *ctx)
{
    loop_run(ctx);
    return NULL;
}

static int setup(void **state)
{
    struct dns_port_config config = {.addr = {.in = {.sin_family = AF_INET}}, .each = EACH};
    char words[200];

    (void)state;
    memset(&port, 0, sizeof port);
    memset(&end, 0, sizeof end);
    assert_int_equal(loop_new(NULL, &loop), 0);
    config.loop = loop;
    config.answer = echo;
    config.addr.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(dns_port_begin(&port, &config, words, sizeof words), 0);
    assert_int_equal(pipe(ends), 0);
    loop_watch(loop, &end, ends[0], LOOP_READABLE, on_end, NULL);
    return pthread_create(&thread, NULL, run, loop);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(write(ends[1], "", 1), 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_unwatch(&end);
    dns_port_end(&port);
    loop_free(loop);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static int client(const char *ip)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(inet_pton(AF_INET, ip, &from.sin_addr), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, &port.config.addr.sa, sizeof port.config.addr.in), 0);
    return fd;
}

/* False: the connection is over. */
static bool ask(int fd)
{
    const char query[] = "\0\4ABCD";
    char got[6];

    return send(fd, query, sizeof got, MSG_NOSIGNAL) == sizeof got &&
           recv(fd, got, sizeof got, MSG_WAITALL) == sizeof got &&
           memcmp(got, query, sizeof got) == 0;
}

static bool is_over(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}

static void a_connection_ends_after_its_queries(void **state)
{
    int fd = client("127.0.0.1");

    (void)state;
    for (int i = 0; i < DNS_QUERIES; i++)
        assert_true(ask(fd));
    assert_true(is_over(fd));
    close(fd);
    fd = client("127.0.0.1");
    assert_true(ask(fd));
    close(fd);
}

static void a_network_has_its_part_of_the_connections(void **state)
{
    int a = client("127.0.0.1"), b, c, d, more;

    (void)state;
    assert_true(ask(a));
    b = client("127.0.0.200");
    assert_true(ask(b));
    c = client("127.0.1.1");
    d = client("127.0.1.2");
    assert_true(ask(c) && ask(d));
    more = client("127.0.0.3");
    assert_true(ask(more));
    assert_true(is_over(a)); /* its network's, which was silent longest */
    assert_true(ask(b) && ask(c) && ask(d) && ask(more));
    close(a);
    close(b);
    close(c);
    close(d);
    close(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_ends_after_its_queries, setup, teardown),
        cmocka_unit_test_setup_teardown(a_network_has_its_part_of_the_connections, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
