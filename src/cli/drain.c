#include "cli/drain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "conf/args.h"

#include <qhcp/error.h>

#define ASK_EVERY (50 * NSEC_PER_MSEC)
#define ANSWER 16384

/* What the server says: how many load balancers watch it, have acknowledged, say how many
 * connections they have open, and how many that is.  Then a line for each that is waited for. */
struct drain {
    unsigned long long balancers, acknowledged, counting, in_flight;
    const char *waiting;
};

static bool read_drain(const char *answer, struct drain *ret)
{
    int n = 0;

    if (sscanf(answer,
               "load balancers: %llu\nacknowledged: %llu\ncounting: %llu\nin flight: %llu\n%n",
               &ret->balancers, &ret->acknowledged, &ret->counting, &ret->in_flight, &n) != 4 ||
        n == 0)
        return false;
    ret->waiting = answer + n;
    return true;
}

static bool is_over(const struct drain *d)
{
    return d->acknowledged == d->balancers && d->counting == d->balancers && d->in_flight == 0;
}

static void say(const struct drain *d, const char *end)
{
    printf("%llu of %llu load balancer%s acknowledged, %llu connection%s in flight%s",
           d->acknowledged, d->balancers, d->balancers == 1 ? " has" : "s have", d->in_flight,
           d->in_flight == 1 ? "" : "s", end);
}

static int done(const struct drain *d)
{
    if (d->balancers == 0)
        puts("drained: no load balancer watches this server");
    else {
        fputs("drained: ", stdout);
        say(d, "\n");
    }
    return fflush(stdout) == EOF ? ARGS_FAILURE : ARGS_OK;
}

static int time_is_up(const struct drain *d, char *words, size_t words_cap)
{
    bool unknown = d->acknowledged == d->balancers && d->in_flight == 0;

    fputs("not drained in time: ", stdout);
    say(d, "\n");
    fputs(d->waiting, stdout);
    if (fflush(stdout) == EOF)
        return ARGS_FAILURE;
    snprintf(words, words_cap, "%s",
             unknown ? "a load balancer does not say how many connections it has open: it runs "
                       "with --no-forward, or is older; ask the program that forwards for it"
                     : "the server is not drained");
    return unknown ? DRAIN_UNKNOWN : DRAIN_LEFT;
}

int drain_wait(int (*ask)(void *ctx, char *ret, size_t cap, char *words, size_t words_cap),
               void *ctx, qhcp_nsec wait, char *words, size_t words_cap)
{
    const struct timespec pause = {.tv_nsec = (long)ASK_EVERY};
    qhcp_nsec until = nsec_add(clock_monotonic(), wait);
    bool live = isatty(STDOUT_FILENO);
    char answer[ANSWER];
    struct drain d;

    for (;;) {
        qhcp_nsec now = clock_monotonic();

        if (ask(ctx, answer, sizeof answer, words, words_cap) < 0)
            return ARGS_FAILURE;
        if (!read_drain(answer, &d)) {
            snprintf(words, words_cap,
                     "the server does not say how far its drain is: is it older?");
            return ARGS_FAILURE;
        }
        if (live)
            fputs("\r\x1b[K", stdout);
        if (is_over(&d))
            return done(&d);
        if (now >= until)
            return time_is_up(&d, words, words_cap);
        if (live) {
            say(&d, "");
            fflush(stdout);
        }
        nanosleep(&pause, NULL);
    }
}
