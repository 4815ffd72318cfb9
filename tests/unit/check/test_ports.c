/* The prober of data ports, against real sockets of this machine and a clock of the test's. */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/address.h"
#include "base/time.h"
#include "check/ports.h"

#define MS NSEC_PER_MSEC
#define EVERY (1000 * MS)
#define TIMEOUT (300 * MS)
#define START (1000 * NSEC_PER_SEC)

struct seen {
    unsigned verdicts;
    bool open;
    size_t id;
    char words[100];
    qhcp_nsec at;
    struct ports *forget; /* in the verdict */
};

static struct seen seen;
static struct ports *ports;
static qhcp_nsec now;

static void on_verdict(void *ctx, qhcp_nsec at, size_t id, bool open, const char *words)
{
    struct seen *s = ctx;

    s->verdicts++;
    s->open = open;
    s->id = id;
    s->at = at;
    snprintf(s->words, sizeof s->words, "%s", words);
    if (s->forget)
        ports_forget(s->forget, id);
}

static int setup(void **state)
{
    const struct ports_config config = {.every = EVERY,
                                        .timeout = TIMEOUT,
                                        .fall = 3,
                                        .rise = 2,
                                        .ctx = &seen,
                                        .verdict = on_verdict};

    (void)state;
    memset(&seen, 0, sizeof seen);
    now = START;
    return ports_new(&config, &ports);
}

static int teardown(void **state)
{
    (void)state;
    ports_free(ports);
    return 0;
}

/* A listening socket at this address; port 0: at one that nobody has. */
static int listen_at(union qhcp_addr *a, int backlog)
{
    socklen_t n = sizeof a->in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, &a->sa, sizeof a->in), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, &a->sa, &n), 0);
    return fd;
}

/* An address that no other program uses: none gets a port that was closed here. */
static union qhcp_addr loopback(void)
{
    union qhcp_addr a = {.in = {.sin_family = AF_INET}};

    a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK | ((uint32_t)getpid() & 0xffff) << 8);
    return a;
}

/* What is ready in real time is ready in the test's. */
static void settle(void)
{
    struct epoll_event none;

    while (epoll_wait(ports_fd(ports), &none, 1, 20) == 1)
        ports_ready(ports, now);
}

static void run(qhcp_nsec span)
{
    qhcp_nsec end = now + span;

    settle();
    while (ports_deadline(ports) <= end) {
        now = nsec_max(now, ports_deadline(ports));
        ports_expire(ports, now);
        settle();
    }
    now = end;
}

static void an_open_port_is_no_news_a_shut_one_is_and_so_is_its_opening(void **state)
{
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 64);

    (void)state;
    assert_int_equal(ports_watch(ports, now, 7, &a), 0);
    run(10 * EVERY);
    assert_int_equal(seen.verdicts, 0);
    close(fd);
    run(EVERY + 3 * 50 * MS);
    assert_int_equal(seen.verdicts, 1);
    assert_false(seen.open);
    assert_int_equal(seen.id, 7);
    assert_string_equal(seen.words, "connection refused");
    run(10 * EVERY);
    assert_int_equal(seen.verdicts, 1);
    fd = listen_at(&a, 64);
    run(EVERY + 250 * MS); /* by now it is looked at no more often than an open one; then twice */
    assert_int_equal(seen.verdicts, 2);
    assert_true(seen.open);
    assert_string_equal(seen.words, "");
    close(fd);
}

static void two_failures_are_no_verdict(void **state)
{
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 64);

    (void)state;
    close(fd);
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    run(60 * MS); /* two, 50 ms apart */
    fd = listen_at(&a, 64);
    run(10 * EVERY);
    assert_int_equal(seen.verdicts, 0);
    close(fd);
}

/* Its queue is full: nobody accepts, and the kernel drops what comes. */
static void a_port_that_does_not_answer_is_shut_after_its_time_outs(void **state)
{
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 0), filler[4];

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(filler[i], &a.sa, sizeof a.in);
    }
    usleep(20000);
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    run(3 * TIMEOUT + 2 * 50 * MS - 1);
    assert_int_equal(seen.verdicts, 0);
    run(1);
    assert_int_equal(seen.verdicts, 1);
    assert_string_equal(seen.words, "no connection in time");
    for (size_t i = 0; i < 4; i++)
        close(filler[i]);
    close(fd);
}

static void a_late_call_is_no_ports_fault(void **state)
{
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 64);

    (void)state;
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    for (unsigned i = 0; i < 10; i++) {
        ports_expire(ports, now);
        usleep(2000);
        now += 10 * TIMEOUT; /* SIGSTOP: the answer has been there for long */
        ports_expire(ports, now);
        now = nsec_max(now, ports_deadline(ports));
    }
    assert_int_equal(seen.verdicts, 0);
    close(fd);
}

static void what_we_cannot_do_is_not_held_against_a_port(void **state)
{
    struct rlimit old, none;
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 64);

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    run(10 * EVERY);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(seen.verdicts, 0);
    close(fd);
    run(EVERY); /* the twin: with descriptors it is found */
    assert_int_equal(seen.verdicts, 1);
}

static size_t descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void a_fleet_has_no_more_connections_than_it_may(void **state)
{
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 1024);
    size_t before = descriptors();

    (void)state;
    for (size_t i = 0; i < 3 * PORTS_AT_ONCE; i++)
        assert_int_equal(ports_watch(ports, now, i, &a), 0);
    ports_expire(ports, now);
    assert_in_range(descriptors() - before, PORTS_AT_ONCE / 2, PORTS_AT_ONCE);
    run(100 * MS);
    assert_int_equal(descriptors(), before);
    assert_int_equal(seen.verdicts, 0);
    close(fd);
    run(2 * EVERY);
    assert_int_equal(seen.verdicts, 3 * PORTS_AT_ONCE); /* every one had its turn */
}

/* How many connections the application was given, and what the last one said. */
static unsigned accepted(int fd, char *ret, size_t cap, ssize_t *ret_n)
{
    unsigned n = 0;
    int client;

    while ((client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        *ret_n = recv(client, ret, cap, 0);
        close(client);
        n++;
    }
    return n;
}

static void the_application_does_not_see_a_probe_unless_a_header_is_wanted(void **state)
{
    struct ports_config config = {.every = EVERY,
                                  .timeout = TIMEOUT,
                                  .fall = 3,
                                  .rise = 2,
                                  .ctx = &seen,
                                  .verdict = on_verdict};
    union qhcp_addr a = loopback();
    int fd = listen_at(&a, 64);
    char said[100];
    ssize_t n = 0;

    (void)state;
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    run(10 * EVERY);
    assert_int_equal(accepted(fd, said, sizeof said, &n), 0);
    ports_free(ports);
    config.local_header = true;
    assert_int_equal(ports_new(&config, &ports), 0);
    assert_int_equal(ports_watch(ports, now, 0, &a), 0);
    run(10 * EVERY);
    assert_in_range(accepted(fd, said, sizeof said, &n), 9, 12);
    assert_int_equal(n, 16);
    assert_memory_equal(said, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
    assert_int_equal(seen.verdicts, 0);
    close(fd);
}

static void a_port_may_be_forgotten_in_its_own_verdict_and_moved(void **state)
{
    union qhcp_addr a = loopback(), b = loopback();
    int fd = listen_at(&a, 64);

    (void)state;
    close(fd);
    seen.forget = ports;
    assert_int_equal(ports_watch(ports, now, 3, &a), 0);
    run(10 * EVERY);
    assert_int_equal(seen.verdicts, 1);
    assert_true(ports_deadline(ports) == NSEC_NEVER);
    seen.forget = NULL;
    fd = listen_at(&b, 64);
    assert_int_equal(ports_watch(ports, now, 3, &a), 0);
    assert_int_equal(ports_watch(ports, now, 3, &b), 0); /* elsewhere now */
    run(10 * EVERY);
    assert_int_equal(seen.verdicts, 1);
    ports_forget(ports, 3);
    ports_forget(ports, 3);
    ports_forget(ports, 1000);
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_open_port_is_no_news_a_shut_one_is_and_so_is_its_opening),
        TEST(two_failures_are_no_verdict),
        TEST(a_port_that_does_not_answer_is_shut_after_its_time_outs),
        TEST(a_late_call_is_no_ports_fault),
        TEST(what_we_cannot_do_is_not_held_against_a_port),
        TEST(a_fleet_has_no_more_connections_than_it_may),
        TEST(the_application_does_not_see_a_probe_unless_a_header_is_wanted),
        TEST(a_port_may_be_forgotten_in_its_own_verdict_and_moved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
