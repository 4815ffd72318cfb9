/* Many servers that fail at once, and one load balancer that must tell their failure from its own.
 *
 * The code of src/health and of src/lb/cross.c under a fake clock, without sessions and packets: a
 * server's answer comes a round trip after the check.  Dead servers answer nothing; those that
 * stand still answer everything when they wake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/prng.h"
#include "lb/internal.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define ROUND_TRIP (400 * NSEC_PER_USEC)
#define ASKED 64 /* checks of one server that wait for their answers */
/* Verdicts are the same under a sanitizer, which finds what it finds with fewer, and is slow. */
#ifdef __SANITIZE_ADDRESS__
#define SEEDS 8
#else
#define SEEDS 30
#endif
#define FOUND                                                                                      \
    75 /* ms: a verdict takes no longer than the interval and this (docs/benchmarks.md)            \
        */

struct server {
    struct backend backend; /* first: a timer is its backend, which is its server */
    struct wheel_timer answers;
    qhcp_nsec asked[ASKED];
    unsigned n_asked;
    bool dead;
    qhcp_nsec wakes;   /* it stands still until then */
    qhcp_nsec down_at; /* 0: it was not called down */
};

struct crowd_world {
    struct qhcp_lb lb;
    struct wheel answers;
    struct server *servers;
    size_t n;
    struct prng random;
    qhcp_nsec interval, failed_at;
};

static struct server *server_of(struct wheel_timer *answers)
{
    return (struct server *)((char *)answers - offsetof(struct server, answers));
}

static void begin(struct crowd_world *w, size_t n, qhcp_nsec interval, uint64_t seed)
{
    *w = (struct crowd_world){.n = n, .interval = interval, .random.state = seed};
    w->lb.now = 1000 * SEC;
    w->lb.backends = calloc(n, sizeof(*w->lb.backends));
    w->servers = calloc(n, sizeof(*w->servers));
    assert_true(w->servers && w->lb.backends);
    assert_int_equal(wheel_reserve(&w->lb.wheel, n), 0);
    assert_int_equal(wheel_reserve(&w->answers, n), 0);
    w->lb.count = n;
    for (size_t i = 0; i < n; i++) {
        struct backend *b = w->lb.backends[i] = &w->servers[i].backend;
        const struct health_config c = {.interval = interval,
                                        .reconnect_interval = SEC,
                                        .fall = 3,
                                        .rise = HEALTH_RISE,
                                        .window = health_window(interval),
                                        .budget = HEALTH_BUDGET,
                                        .phase = (uint32_t)prng_next(&w->random),
                                        .local = &w->lb.local,
                                        .brake = &w->lb.brake};

        b->lb = &w->lb;
        health_init(&b->health, &c, w->lb.now);
        health_dialed(&b->health, w->lb.now);
        health_established(&b->health, w->lb.now, 0);
        settle_later(b);
    }
}

static void end(struct crowd_world *w)
{
    wheel_deinit(&w->lb.wheel);
    wheel_deinit(&w->answers);
    free(w->lb.backends);
    free(w->servers);
}

/* What settle_touched does, but for what is published. */
static void settle(struct crowd_world *w)
{
    struct backend *b;

    while ((b = w->lb.touched)) {
        bool watched = b->health.phase == HEALTH_WATCHING;

        settle_forget(b);
        cross_look(b);
        wheel_set(&w->lb.wheel, &b->timer, watched ? health_deadline(&b->health) : NSEC_NEVER);
    }
}

static void act(struct crowd_world *w, struct server *s, const struct health_step *step)
{
    if (step->verdict && s->backend.health.state == QHCP_DOWN)
        s->down_at = w->lb.now;
    settle_later(&s->backend);
}

static void probe(struct crowd_world *w, struct server *s)
{
    qhcp_nsec now = w->lb.now;

    health_sent(&s->backend.health, now);
    if (s->dead)
        return;
    assert_true(s->n_asked < ASKED);
    s->asked[s->n_asked++] = now;
    if (s->n_asked == 1)
        wheel_set(&w->answers, &s->answers, nsec_max(now, s->wakes) + ROUND_TRIP);
}

static void answer(struct crowd_world *w, struct server *s)
{
    qhcp_nsec sent = s->asked[0];
    struct health_step step;

    s->n_asked--;
    for (unsigned i = 0; i < s->n_asked; i++)
        s->asked[i] = s->asked[i + 1];
    wheel_set(&w->answers, &s->answers,
              s->n_asked > 0 ? nsec_max(s->asked[0], s->wakes) + ROUND_TRIP : NSEC_NEVER);
    if (s->dead)
        return;
    health_answer(&s->backend.health, w->lb.now, w->lb.now, w->lb.now - sent, QHCP_SERVING, true,
                  &step);
    act(w, s, &step);
}

static void run(struct crowd_world *w, qhcp_nsec time)
{
    qhcp_nsec until = w->lb.now + time;
    struct wheel_timer *due;

    for (;;) {
        qhcp_nsec answers = wheel_deadline(&w->answers), at;
        struct health_step step;

        settle(w);
        at = nsec_min(answers, wheel_deadline(&w->lb.wheel));
        if (at > until)
            break;
        w->lb.now = nsec_max(w->lb.now, at);
        if ((due = wheel_due(&w->answers, w->lb.now))) {
            answer(w, server_of(due));
            continue;
        }
        due = wheel_due(&w->lb.wheel, w->lb.now);
        if (!due)
            continue;
        struct server *s = (struct server *)due;

        health_poll(&s->backend.health, w->lb.now, &step);
        if (step.probe)
            probe(w, s);
        act(w, s, &step);
    }
    w->lb.now = until;
}

/* Which servers fail: `share` percent of them. */
enum choice {
    NEIGHBOURS, /* in the list, as those of one rack are, */
    EVERY_SO_MANY,
    AT_RANDOM,
    CHOICES,
};

static bool is_chosen(struct crowd_world *w, enum choice choice, size_t i, size_t first,
                      unsigned share)
{
    switch (choice) {
    case NEIGHBOURS:
        return (i + w->n - first) % w->n * 100 < share * w->n;
    case EVERY_SO_MANY:
        return (i + first) * share / 100 != (i + first + 1) * share / 100;
    case AT_RANDOM:
    case CHOICES:
        break;
    }
    return prng_below(&w->random, 100) < share;
}

static void fail_some(struct crowd_world *w, enum choice choice, unsigned share, qhcp_nsec wakes)
{
    size_t first = prng_below(&w->random, w->n);

    run(w, 3 * w->interval + prng_below(&w->random, w->interval));
    w->failed_at = w->lb.now;
    for (size_t i = 0; i < w->n; i++) {
        if (!is_chosen(w, choice, i, first, share))
            continue;
        w->servers[i].dead = wakes == 0;
        w->servers[i].wakes = w->lb.now + wakes;
    }
}

/* How many were called down, and the time to the first and the last of these verdicts. */
struct verdicts {
    size_t dead, down, wrong;
    qhcp_nsec first, last;
};

static struct verdicts verdicts(const struct crowd_world *w)
{
    struct verdicts v = {.first = NSEC_NEVER};

    for (size_t i = 0; i < w->n; i++) {
        const struct server *s = &w->servers[i];

        v.dead += s->dead;
        v.down += s->down_at > 0;
        v.wrong += s->down_at > 0 && !s->dead;
        if (s->down_at == 0)
            continue;
        v.first = nsec_min(v.first, s->down_at - w->failed_at);
        v.last = nsec_max(v.last, s->down_at - w->failed_at);
    }
    return v;
}

static struct verdicts after(size_t n, qhcp_nsec interval, enum choice choice, unsigned share,
                             qhcp_nsec wakes, uint64_t seed)
{
    struct crowd_world w;
    struct verdicts v;

    begin(&w, n, interval, seed);
    fail_some(&w, choice, share, wakes);
    run(&w, 5 * SEC);
    v = verdicts(&w);
    end(&w);
    assert_int_equal(v.wrong, 0);
    assert_int_equal(v.down, v.dead);
    return v;
}

/* A tenth is no crowd, wherever it is in the list: each verdict takes what one server's takes. */
static void a_tenth_that_dies_is_found_as_one_is(void **state)
{
    static const size_t sizes[] = {40, 100, 1000};
    qhcp_nsec worst = 0;

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (unsigned c = 0; c < CHOICES; c++)
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct verdicts v = after(sizes[i], 100 * MS, c, 10, 0, seed);

                worst = nsec_max(worst, v.last);
                if (v.last > (100 + FOUND) * MS)
                    fail_msg("%zu servers, choice %u, seed %u: the last verdict took %u ms",
                             sizes[i], c, (unsigned)seed, (unsigned)(v.last / MS));
            }
    print_message("the last verdict came after %u ms at most\n", (unsigned)(worst / MS));
}

/* Half of it is one: the load balancer suspects itself first, for a second. */
static void half_a_fleet_that_dies_is_found_a_second_later(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CHOICES; c++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct verdicts v = after(100, 100 * MS, c, 50, 0, seed);

            assert_in_range(v.first / MS, 1000, 1500);
            assert_in_range(v.last / MS, 1000, 1500);
        }
}

/* As when one of two CPUs stands still: nobody is called down. */
static void half_a_fleet_that_stands_still_is_not_called_down(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CHOICES; c++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            assert_int_equal(after(1000, 100 * MS, c, 50, 90 * MS, seed).down, 0);
}

/* How many are down now. */
static size_t down_now(const struct crowd_world *w)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n; i++)
        n += w->servers[i].backend.health.state == QHCP_DOWN;
    return n;
}

/* A switch dies, and 60 % are silent: a tenth of the fleet goes down in every ten seconds, until
 * the truth is out; what answers again before its turn has come was never down. */
static void the_brake_lets_the_truth_through_at_its_rate(void **state)
{
    struct crowd_world w;
    size_t dead, held = 0, before;

    (void)state;
    begin(&w, 200, 100 * MS, 7);
    w.lb.brake = (struct brake){.percent = 10, .span = 10 * SEC, .servers = 200};
    fail_some(&w, NEIGHBOURS, 60, 0);
    dead = verdicts(&w).dead;
    assert_int_equal(dead, 120);
    for (unsigned i = 1; i <= 3; i++) {
        run(&w, 9 * SEC);
        assert_int_equal(down_now(&w), 20 * i);
        assert_int_equal(verdicts(&w).wrong, 0);
        run(&w, SEC);
    }
    for (size_t i = 0; i < w.n; i++)
        held += w.servers[i].backend.health.cause == HEALTH_CAUSE_BRAKE;
    before = down_now(&w);
    assert_int_equal(before + held, dead);
    for (size_t i = 0; i < w.n; i++) /* the switch is back */
        w.servers[i].dead = false;
    run(&w, 30 * SEC);
    assert_int_equal(down_now(&w), before); /* (nobody dials in this simulation) */
    for (size_t i = 0; i < w.n; i++)
        assert_true(w.servers[i].backend.health.cause != HEALTH_CAUSE_BRAKE);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tenth_that_dies_is_found_as_one_is),
        cmocka_unit_test(half_a_fleet_that_dies_is_found_a_second_later),
        cmocka_unit_test(half_a_fleet_that_stands_still_is_not_called_down),
        cmocka_unit_test(the_brake_lets_the_truth_through_at_its_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
