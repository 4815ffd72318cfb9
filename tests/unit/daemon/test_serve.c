/* The thread that serves, and names that are looked up on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "../loop/actor.h"
#include "daemon/hosts.h"
#include "daemon/serve.h"
#include "stop.h"

struct sum {
    struct serve_job job;
    struct loop *watching;
    struct sum *twin; /* answered with this one; NULL: none */
    pthread_t here;
    unsigned number, square;
    size_t *done, most;
};

static void on_done(struct serve_job *job, qhcp_nsec now)
{
    struct sum *s = (struct sum *)job;

    (void)now;
    assert_true(pthread_equal(pthread_self(), s->here));
    assert_int_equal(s->square, s->number * s->number);
    if (++*s->done == s->most)
        loop_stop(s->watching);
}

static void on_work(struct serve_job *job, qhcp_nsec now)
{
    struct sum *s = (struct sum *)job;
    sigset_t blocked;

    (void)now;
    if (pthread_equal(pthread_self(), s->here) || pthread_sigmask(SIG_BLOCK, NULL, &blocked) != 0 ||
        !sigismember(&blocked, SIGTERM))
        return; /* without an answer */
    s->square = s->number * s->number;
    if (s->twin)
        serve_answer(&s->twin->job);
    serve_answer(job);
}

/* Answers with its twin only. */
static void on_wait(struct serve_job *job, qhcp_nsec now)
{
    struct sum *s = (struct sum *)job;

    (void)now;
    s->square = s->number * s->number;
}

static struct sum make(struct loop *l, unsigned number, size_t *done, size_t most)
{
    return (struct sum){.job = {.work = on_work, .done = on_done},
                        .watching = l,
                        .here = pthread_self(),
                        .number = number,
                        .done = done,
                        .most = most};
}

static void jobs_go_there_and_come_back(void **state)
{
    struct sum sums[SERVE_JOBS + 1];
    struct loop *l = actor_begin();
    struct serve *serve;
    size_t done = 0;

    (void)state;
    assert_int_equal(serve_new(l, &serve), 0);
    for (unsigned i = 0; i <= SERVE_JOBS; i++)
        sums[i] = make(l, i, &done, SERVE_JOBS);
    for (unsigned i = 0; i < SERVE_JOBS / 2; i++) /* before it runs */
        assert_int_equal(serve_give(serve, &sums[i].job), 0);
    assert_int_equal(serve_start(serve), 0);
    for (unsigned i = SERVE_JOBS / 2; i < SERVE_JOBS; i++)
        assert_int_equal(serve_give(serve, &sums[i].job), 0);
    assert_int_equal(serve_give(serve, &sums[SERVE_JOBS].job), QHCP_E_FULL);
    loop_run(l);
    assert_int_equal(done, SERVE_JOBS);
    sums[SERVE_JOBS].most = SERVE_JOBS + 1;
    assert_int_equal(serve_give(serve, &sums[SERVE_JOBS].job), 0); /* there is room again */
    loop_run(l);
    stop_serving(serve);
    serve_free(serve);
    actor_end(l);
}

static void a_job_may_be_answered_later(void **state)
{
    struct loop *l = actor_begin();
    struct serve *serve;
    struct sum first, second;
    size_t done = 0;

    (void)state;
    first = make(l, 3, &done, 2);
    first.job.work = on_wait;
    second = make(l, 4, &done, 2);
    second.twin = &first;
    assert_int_equal(serve_new(l, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    assert_int_equal(serve_give(serve, &first.job), 0);
    assert_int_equal(serve_give(serve, &second.job), 0);
    loop_run(l);
    assert_int_equal(done, 2);
    stop_serving(serve);
    serve_free(serve);
    actor_end(l);
}

static void it_stops_with_jobs_under_way(void **state)
{
    struct loop *l = actor_begin();
    struct serve *serve;
    struct sum sums[100];
    size_t done = 0;

    (void)state;
    assert_int_equal(serve_new(l, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    for (unsigned i = 0; i < 100; i++) {
        sums[i] = make(l, i, &done, 1000);
        assert_int_equal(serve_give(serve, &sums[i].job), 0);
    }
    stop_serving(serve);
    assert_true(serve_stop(serve)); /* once more: nothing happens */
    serve_free(serve);
    assert_int_equal(done, 0);
    actor_end(l);
}

static int gate[2];

static void on_stuck(struct serve_job *job, qhcp_nsec now)
{
    char byte;

    (void)job;
    (void)now;
    (void)!read(gate[0], &byte, 1);
}

static void one_that_is_stuck_is_not_waited_for_for_ever(void **state)
{
    struct loop *l = actor_begin();
    struct serve_job job = {.work = on_stuck};
    struct serve *serve;

    (void)state;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(serve_new(l, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    assert_int_equal(serve_give(serve, &job), 0);
    assert_false(serve_stop(serve));
    assert_int_equal(write(gate[1], "x", 1), 1);
    stop_serving(serve);
    serve_free(serve);
    close(gate[0]);
    close(gate[1]);
    actor_end(l);
}

static pthread_t stopping;

static void on_signal(int signum)
{
    (void)signum;
}

/* Signals come all the time while it is at something. */
static void on_disturb(struct serve_job *job, qhcp_nsec now)
{
    (void)job;
    (void)now;
    for (int i = 0; i < 50; i++) {
        pthread_kill(stopping, SIGUSR1);
        (void)poll(NULL, 0, 1);
    }
}

static void a_signal_is_no_reason_to_wait_less(void **state)
{
    const struct sigaction action = {.sa_handler = on_signal};
    struct loop *l = actor_begin();
    struct serve_job job = {.work = on_disturb};
    struct serve *serve;

    (void)state;
    stopping = pthread_self();
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
    assert_int_equal(serve_new(l, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    assert_int_equal(serve_give(serve, &job), 0);
    stop_serving(serve);
    serve_free(serve);
    actor_end(l);
}

/* Names. */
#define NAMES 1000

struct names {
    struct loop *loop;
    size_t answers;
    bool seen[NAMES];
};

static void on_answer(void *ctx, const struct resolve_answer *answer)
{
    struct names *n = ctx;

    assert_true(answer->index < NAMES && !n->seen[answer->index]);
    n->seen[answer->index] = true;
    assert_int_equal(answer->port, answer->index + 1);
    if (answer->index == 0) {
        assert_int_equal(answer->n, 0);
        assert_string_equal(answer->host, "..");
        assert_non_null(strstr(answer->words, "cannot resolve ..: "));
    } else {
        assert_int_equal(answer->n, 2);
        assert_string_equal(answer->host, "localhost");
        assert_int_equal(ntohs(answer->addrs[0].in.sin_port), answer->port);
    }
    if (++n->answers == NAMES)
        loop_stop(n->loop);
}

static void begin_names(struct names *n, struct serve **serve, struct hosts **hosts)
{
    *n = (struct names){.loop = actor_begin()};
    assert_int_equal(serve_new(n->loop, serve), 0);
    assert_int_equal(hosts_new(n->loop, *serve, on_answer, n, hosts), 0);
    for (unsigned i = 0; i < NAMES; i++)
        assert_int_equal(hosts_start(*hosts, i, i == 0 ? ".." : "localhost", (uint16_t)(i + 1)), 0);
}

static void end_names(struct names *n, struct serve *serve, struct hosts *hosts)
{
    stop_serving(serve);
    hosts_free(hosts);
    serve_free(serve);
    actor_end(n->loop);
}

static void a_thousand_names_are_each_answered_once(void **state)
{
    struct serve *serve;
    struct hosts *hosts;
    struct names n;

    (void)state;
    begin_names(&n, &serve, &hosts);
    assert_int_equal(serve_start(serve), 0);
    loop_run(n.loop);
    assert_int_equal(n.answers, NAMES);
    end_names(&n, serve, hosts);
}

static void names_under_way_are_forgotten_at_the_end(void **state)
{
    struct serve *serve;
    struct hosts *hosts;
    struct names n;

    (void)state;
    begin_names(&n, &serve, &hosts);
    assert_int_equal(serve_start(serve), 0);
    end_names(&n, serve, hosts);
    assert_int_equal(n.answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_go_there_and_come_back),
        cmocka_unit_test(a_job_may_be_answered_later),
        cmocka_unit_test(it_stops_with_jobs_under_way),
        cmocka_unit_test(one_that_is_stuck_is_not_waited_for_for_ever),
        cmocka_unit_test(a_signal_is_no_reason_to_wait_less),
        cmocka_unit_test(a_thousand_names_are_each_answered_once),
        cmocka_unit_test(names_under_way_are_forgotten_at_the_end),
    };

    return cmocka_run_group_tests_name("daemon-serve", tests, NULL, NULL);
}
