/* Output that never waits: pipes, sockets and files that nobody reads, or that go away. */
#include "../../words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../status/fleet.h"
#include "base/os/log.h"
#include "base/os/output.h"
#include "status/status.h"

#define BOUND 100000

static char line[1001]; /* 1000 bytes */

static size_t drain(int fd, char *buf, size_t cap)
{
    size_t n = 0;
    ssize_t r;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (n < cap && (r = read(fd, buf + n, cap - n)) > 0)
        n += (size_t)r;
    return n;
}

static int begin(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    memset(line, 'x', 999);
    line[999] = '\n';
    return 0;
}

/* Writes until lines are dropped: whole lines, within the bound, and the rest is counted. */
static void fill(int write_fd, int read_fd, bool owned)
{
    static char got[2000000];
    size_t taken = 0;
    struct output o;

    output_init(&o, write_fd, BOUND);
    assert_int_equal(o.owned, owned);
    for (int i = 0; i < 1000; i++)
        taken += output_write(&o, line, 1000);
    assert_true(taken > BOUND / 1000 - 1);
    assert_true(o.n <= BOUND);
    assert_true(output_waiting(&o));
    uint64_t dropped = output_take_dropped(&o);
    assert_int_equal(taken + dropped, 1000);
    assert_int_equal(output_take_dropped(&o), 0);
    size_t n = drain(read_fd, got, sizeof got);
    for (int i = 0; i < 100 && output_waiting(&o); i++) {
        output_flush(&o);
        n += drain(read_fd, got + n, sizeof got - n);
    }
    assert_false(output_waiting(&o));
    assert_int_equal(n, taken * 1000);
    for (size_t i = 0; i < n; i += 1000)
        assert_memory_equal(got + i, line, 1000);
    assert_true(output_write(&o, line, 1000));
    output_deinit(&o);
}

static void a_pipe_that_nobody_reads_drops_whole_lines_and_counts_them(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    fill(ends[1], ends[0], true);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* the shell's own is untouched */
    close(ends[0]);
    close(ends[1]);
}

static void a_socket_that_nobody_reads_does_too(void **state)
{
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    fill(ends[1], ends[0], false);
    close(ends[0]);
    close(ends[1]);
}

static void without_a_description_of_its_own_it_asks_before_each_write(void **state)
{
    struct output o;
    char got[200000];
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    o = (struct output){.fd = ends[1], .kind = OUTPUT_POLL, .backlog = BOUND};
    for (int i = 0; i < 1000; i++)
        output_write(&o, line, 1000); /* would wait for ever if it waited at all */
    assert_true(output_take_dropped(&o) > 0);
    assert_true(drain(ends[0], got, sizeof got) > 0);
    output_deinit(&o);
    close(ends[0]);
    close(ends[1]);
}

static void a_line_larger_than_the_bound_is_taken_when_nothing_waits(void **state)
{
    static char huge[3 * BOUND];
    struct output o;
    int ends[2];

    (void)state;
    memset(huge, 'y', sizeof huge - 1);
    huge[sizeof huge - 1] = '\n';
    assert_int_equal(pipe(ends), 0);
    output_init(&o, ends[1], BOUND);
    assert_true(output_write(&o, huge, sizeof huge));
    assert_false(output_write(&o, line, 1000));
    assert_int_equal(output_take_dropped(&o), 1);
    output_deinit(&o);
    close(ends[0]);
    close(ends[1]);
}

static void a_reader_that_goes_away_is_an_error_once_and_no_signal(void **state)
{
    struct output o;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    output_init(&o, ends[1], BOUND);
    assert_true(output_write(&o, line, 1000));
    assert_int_equal(o.error, 0);
    close(ends[0]);
    assert_false(output_write(&o, line, 1000));
    assert_int_equal(o.error, EPIPE);
    assert_false(output_waiting(&o));
    assert_false(output_write(&o, line, 1000));
    output_deinit(&o);
    close(ends[1]);
}

static void a_full_disk_is_not_waited_for(void **state)
{
    struct output o;
    int fd = open("/dev/full", O_WRONLY);

    (void)state;
    assert_true(fd >= 0);
    output_init(&o, fd, 0);
    assert_false(output_write(&o, line, 1000));
    assert_int_equal(o.error, 0);
    output_deinit(&o);
    close(fd);
}

static void a_closed_descriptor_is_no_crash(void **state)
{
    struct output o;

    (void)state;
    output_init(&o, 9999, BOUND);
    assert_false(output_write(&o, line, 1000));
    assert_int_equal(o.error, EBADF);
    output_deinit(&o);
}

static struct fake fake;

static void dropped_lines_of_the_status_are_told_before_the_next(void **state)
{
    static char got[8u << 20];
    const struct status_fleet fleet = fake_fleet(&fake);
    struct status s;
    qhcp_nsec now = NSEC_PER_SEC;
    size_t n = 0;
    int ends[2];

    (void)state;
    fake.n = 0;
    for (int i = 0; i < 400; i++)
        fake_add(&fake, "a.example:4243");
    assert_int_equal(pipe(ends), 0);
    status_init(&s, STATUS_JSON, ends[1], NSEC_PER_SEC, &fleet, now);
    s.out.backlog = 4u << 20;
    for (int i = 0; i < 200; i++) {
        now += NSEC_PER_SEC;
        assert_true(status_deadline(&s) <= now);
        status_expire(&s, now);
        assert_true(status_deadline(&s) > now);
    }
    uint64_t dropped = s.out.dropped;
    assert_true(dropped > 0);
    for (int i = 0; i < 1000 && (i == 0 || output_waiting(&s.out)); i++) {
        n += drain(ends[0], got + n, sizeof got - 1 - n);
        output_flush(&s.out);
    }
    n += drain(ends[0], got + n, sizeof got - 1 - n);
    got[n] = '\0';
    assert_null(strstr(got, "dropped"));
    now += NSEC_PER_SEC;
    status_expire(&s, now);
    size_t more = drain(ends[0], got, sizeof got - 1);
    for (int i = 0; i < 1000 && output_waiting(&s.out); i++) {
        output_flush(&s.out);
        more += drain(ends[0], got + more, sizeof got - 1 - more);
    }
    got[more] = '\0';
    char expected[40];
    snprintf(expected, sizeof expected, "\"count\":%llu}\n", (unsigned long long)dropped);
    assert_memory_equal(got, "{\"type\":\"dropped\",", 18);
    assert_says(got, expected);
    assert_says(got, "\n{\"type\":\"status\",");
    assert_int_equal(s.out.dropped, 0);
    status_deinit(&s);
    close(ends[0]);
    close(ends[1]);
}

static void the_log_drops_rather_than_waits_and_says_so(void **state)
{
    static char got[300000];
    int saved = dup(STDERR_FILENO), ends[2];

    (void)state;
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_init(QHCP_LOG_INFO, LOG_AUTO);
    log_say(QHCP_LOG_DEBUG, "not this one");
    for (int i = 0; i < 3000; i++)
        log_say(QHCP_LOG_INFO, "a line of some length, so that the pipe is full sooner: %d", i);
    size_t n = drain(ends[0], got, sizeof got - 1);
    got[n] = '\0';
    assert_null(strstr(got, "not this one"));
    assert_says(got, "Z info a line of some length");
    log_say(QHCP_LOG_ERROR, "two\nlines");
    n = drain(ends[0], got, sizeof got - 1);
    got[n] = '\0';
    dup2(saved, STDERR_FILENO);
    log_deinit();
    assert_says(got, "of the log\n");
    assert_says(got, "Z error two?lines\n");
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

#define T(f) cmocka_unit_test_setup(f, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_pipe_that_nobody_reads_drops_whole_lines_and_counts_them),
        T(a_socket_that_nobody_reads_does_too),
        T(without_a_description_of_its_own_it_asks_before_each_write),
        T(a_line_larger_than_the_bound_is_taken_when_nothing_waits),
        T(a_reader_that_goes_away_is_an_error_once_and_no_signal),
        T(a_full_disk_is_not_waited_for),
        T(a_closed_descriptor_is_no_crash),
        T(dropped_lines_of_the_status_are_told_before_the_next),
        T(the_log_drops_rather_than_waits_and_says_so),
    };

    return cmocka_run_group_tests_name("cli-output", tests, NULL, NULL);
}
