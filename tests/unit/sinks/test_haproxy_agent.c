/* The agent for HAProxy, as a client of its port sees it. */
#include "fleet.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/responder.h"
#include "sinks/sinks.h"

static struct sinks sinks;
static struct sockaddr_in agent; /* a port that is free, at an address that is this program's */
static int client;

static void find_port(void)
{
    socklen_t n = sizeof agent;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    agent = (struct sockaddr_in){.sin_family = AF_INET,
                                 .sin_addr.s_addr =
                                     htonl(INADDR_LOOPBACK | ((uint32_t)getpid() & 0xffff) << 8)};
    assert_int_equal(bind(fd, (const struct sockaddr *)&agent, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&agent, &n), 0);
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    if (loop_new(NULL, &loop) != 0 || feed_new(0, &feed) != 0)
        return -1;
    find_port();
    sinks_init(&sinks, loop, feed);
    be(1, QHCP_UP);
    be(2, QHCP_DOWN);
    assert_int_equal(feed_text(feed, server(2), FLEET_WORDS, "silent\nfor\x1b 54 ms"), 0);
    be(3, QHCP_CONNECTING);
    server(4)->intent.use = FLEET_MAINTENANCE;
    be(5, QHCP_DRAINING);
    feed_self(feed)->swept = true;
    publish();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sinks_deinit(&sinks);
    feed_free(feed);
    loop_free(loop);
    return 0;
}

static void begin(const char *settings)
{
    struct list list = {.n = 0};
    char text[200], words[SINK_WORDS], at[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &agent.sin_addr, at, sizeof at);
    snprintf(text, sizeof text, "haproxy-agent %s:%d %s", at, ntohs(agent.sin_port), settings);
    assert_int_equal(list_add(&list, text, strlen(text), NULL), 0);
    assert_int_equal(sinks_set(&sinks, loop_now(), &list, words, sizeof words), 0);
    list_deinit(&list);
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&agent, sizeof agent), 0);
    return fd;
}

static bool readable(void)
{
    struct pollfd p = {.fd = client, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

/* What a line is answered with; "" for nothing. */
static const char *ask(const char *line)
{
    static char got[600];
    size_t n = 0;
    ssize_t k;

    client = dial();
    assert_int_equal(send(client, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
    do {
        run(readable);
        k = recv(client, got + n, sizeof got - 1 - n, 0);
        n += k > 0 ? (size_t)k : 0;
    } while (k > 0);
    got[n] = '\0';
    close(client);
    return got;
}

static void each_server_has_its_line(void **state)
{
    (void)state;
    begin("");
    assert_string_equal(ask("be/w1\n"), "ready up 100%\n");
    assert_string_equal(ask("w1\r\n"), "ready up 100%\n");
    assert_string_equal(ask("127.0.0.1:9001\n"), "ready up 100%\n");
    assert_string_equal(ask("any/w2\n"), "ready down #silent for  54 ms\n");
    assert_int_equal(feed_text(feed, server(6), FLEET_LABEL, "b2.w1"), 0);
    be(6, QHCP_DOWN);
    publish();
    run(NULL);
    assert_string_equal(ask("b2/w1\n"), "ready down\n");
    assert_string_equal(ask("be/w1\n"), "ready up 100%\n");
    assert_string_equal(ask("be/w3\n"), "");
    assert_string_equal(ask("be/w4\n"), "maint\n");
    assert_string_equal(ask("be/w5\n"), "drain up\n");
    server(1)->report.utilization = 900;
    be(2, QHCP_UP);
    publish();
    run(NULL);
    assert_string_equal(ask("be/w1\n"), "ready up 40%\n"); /* 36 % */
    assert_string_equal(ask("be/w2\n"), "ready up 100%\n");
}

static void settings_say_less(void **state)
{
    (void)state;
    begin("admin=no backend=be");
    assert_string_equal(ask("be/w1\n"), "up 100%\n");
    assert_string_equal(ask("be/w5\n"), "up 0%\n");
    assert_string_equal(ask("be/w4\n"), "down\n");
    assert_string_equal(ask("other/w1\n"), "");
    begin("weights=no");
    assert_string_equal(ask("be/w1\n"), "ready up\n");
}

static void a_name_that_nobody_has_is_said(void **state)
{
    struct sink_state st;

    (void)state;
    begin("");
    assert_string_equal(ask("be/web9\x1b\n"), "");
    assert_int_equal(sinks_states(&sinks, &st, 1), 1);
    assert_says(st.words, "HAProxy asks for \"be/web9?\", which is no server here");
    assert_string_equal(ask("w1\n"), "ready up 100%\n"); /* others are answered */
    assert_int_equal(sinks_states(&sinks, &st, 1), 1);
    assert_int_equal(st.failures, 1);
}

static void hostile_lines_cost_nothing(void **state)
{
    char longest[RESPONDER_LINE + 10];
    int idle[3 * RESPONDER_WAITING];

    (void)state;
    begin("");
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_string_equal(ask(longest), "");
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
        idle[i] = dial();
        assert_int_equal(send(idle[i], "be/w", 4, MSG_NOSIGNAL), 4); /* and no more */
        if (i % 16 == 0)
            run(NULL);
    }
    assert_string_equal(ask("w1\n"), "ready up 100%\n");
    client = idle[0]; /* the oldest gave way */
    run(readable);
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        close(idle[i]);
    assert_string_equal(ask("\n"), "");
    assert_string_equal(ask("/\n"), "");
    assert_string_equal(ask("w2\nw1\n"), "ready down #silent for  54 ms\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(each_server_has_its_line),
        TEST(settings_say_less),
        TEST(a_name_that_nobody_has_is_said),
        TEST(hostile_lines_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
