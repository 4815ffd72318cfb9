#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/entropy.h"

#define FIXED_RUNS 3000
#define RANDOM_RUNS 1000
#define TROUBLE (10 * SEC) /* events are drawn for this long */
#define EVENT_MAX 200000   /* events in one run: more is a loop */

uint64_t draw(struct world *w, uint64_t below)
{
    return prng_next(&w->random) % below;
}

bool chance(struct world *w, unsigned per_mille)
{
    return per_mille > 0 && draw(w, 1000) < per_mille;
}

void trace(const struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->trace)
        return;
    printf("# %8.4f ", (double)(w->now - START) / SEC);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void must(const struct world *w, bool ok, const char *what)
{
    if (ok)
        return;
    printf("# seed %llu, at %.4f s: it does not hold that %s\n"
           "# replay with: sim --seed %llu\n"
           "not ok 1 - %s\n",
           (unsigned long long)w->seed, (double)(w->now - START) / SEC, what,
           (unsigned long long)w->seed, what);
    exit(1);
}

/* One event at the earliest time at which there is one, but not after `end`.  What has arrived is
 * read before anybody looks at the clock. */
static bool step(struct world *w, qhcp_nsec end)
{
    qhcp_nsec items = link_deadline(w), lb = lbside_deadline(w), server = serverside_deadline(w);
    qhcp_nsec at = nsec_min(items, nsec_min(lb, server));
    struct item *item;

    if (at > end) {
        w->now = end;
        return false;
    }
    w->now = nsec_max(w->now, at);
    if (items <= w->now) {
        item = link_take(w);
        if (!item)
            return true;
        if (item->to == TO_LB)
            lbside_deliver(w, item);
        else
            serverside_deliver(w, item);
        free(item);
    } else if (lb <= w->now) {
        lbside_expire(w);
    } else {
        serverside_expire(w);
    }
    return true;
}

static void run_until(struct world *w, qhcp_nsec end)
{
    unsigned events = 0;

    while (step(w, end))
        must(w, ++events < EVENT_MAX, "a run has an end");
}

/* Something happens. */
static void trouble(struct world *w)
{
    switch (draw(w, 9)) {
    case 0:
    case 1:
    case 2:
        serverside_status(w, draw(w, 5));
        break;
    case 3:
        w->cut = !w->cut;
        w->hurt_at = w->now;
        trace(w, w->cut ? "the link is cut" : "the link is whole");
        break;
    case 4:
        trace(w, "server is killed");
        serverside_kill(w);
        break;
    case 5:
        serverside_boot(w);
        break;
    case 6:
        serverside_leave(w);
        break;
    case 7:
        w->awake = w->now + draw(w, 3 * SEC);
        w->hurt_at = w->now; /* a token may not be renewed in time */
        trace(w, "lb is stalled");
        break;
    default:
        w->loss = (unsigned)draw(w, 300);
        w->twice = (unsigned)draw(w, 200);
        break;
    }
}

/* Events that harm nobody; a server that is not harmed must stay up through them. */
static void calm(struct world *w)
{
    switch (draw(w, 3)) {
    case 0:
        serverside_status(w, draw(w, 5));
        break;
    case 1:
        w->awake = w->now + draw(w, 3 * SEC);
        trace(w, "lb is stalled");
        break;
    default:
        w->twice = (unsigned)draw(w, 500);
        break;
    }
}

static void heal(struct world *w)
{
    trace(w, "all is healed");
    w->cut = false;
    w->loss = w->twice = 0;
    if (!w->alive || w->leaving)
        serverside_boot(w);
    serverside_status(w, draw(w, 5));
}

/* A server that has gone is down within the interval, `fall` time-outs and the server's end; or,
 * where the path has lost much before, within the longest silence that is ever asked. */
static void check_detection(struct world *w)
{
    qhcp_nsec most = nsec_max(w->h.config.interval, SEC);

    if (chance(w, 500)) {
        w->cut = true;
        w->hurt_at = w->now;
    } else {
        serverside_kill(w);
    }
    trace(w, w->cut ? "cut for good" : "killed for good");
    run_until(w, w->now + w->h.config.interval + (w->h.config.fall + 1) * most + LOSS_CEILING);
    must(w, w->h.state == QHCP_DOWN, "a server that is gone is down");
}

static void check_end(struct world *w)
{
    bool crossing = chance(w, 300);

    for (unsigned i = 0; i < SESSIONS; i++)
        must(w, w->session_conn[i] == 0 || !session_server_push_due(&w->sessions[i]),
             "every push was seen");
    if (chance(w, 300)) {
        check_detection(w);
        return;
    }
    if (crossing)
        serverside_leave(w);
    lbside_stop(w);
    run_until(w, w->now + 3 * SEC);
    must(w, w->stopped, "TERMINATE completes");
    for (unsigned i = 0; i < SESSIONS; i++)
        must(w, w->session_conn[i] == 0 || w->session_conn[i] != w->dialled,
             "the server's session has ended too");
}

static void draw_world(struct world *w)
{
    struct health_config config = {.interval = (20 + draw(w, 480)) * MS,
                                   .reconnect_interval = (200 + draw(w, 1800)) * MS,
                                   .fall = 1 + (unsigned)draw(w, 5)};

    if (chance(w, 500)) {
        config.window = HEALTH_WINDOW;
        config.budget = HEALTH_BUDGET;
        config.phase = (uint32_t)draw(w, UINT32_MAX);
    }
    config.tick = &w->tick; /* as a large fleet has it */
    if (chance(w, 500))
        w->tick = config.interval / (1 + config.interval / (8 * MS));
    w->now = START;
    w->delay = 50 * NSEC_PER_USEC + draw(w, 40 * MS);
    w->jitter = draw(w, w->delay / 4);
    w->icmp = chance(w, 500);
    w->token_life = (2 + draw(w, 8)) * SEC;
    lbside_init(w, &config);
    serverside_boot(w);
}

static void run(struct world *w)
{
    bool gentle;

    draw_world(w);
    gentle = chance(w, 300);
    w->hurt_at = 0;
    if (gentle)
        w->token_life = 60 * SEC;    /* longer than all stalls */
    if (!gentle && chance(w, 500)) { /* reordering for good */
        w->jitter = 3 * w->delay;
        w->hurt_at = w->now;
    }
    while (w->now < START + TROUBLE) {
        run_until(w, w->now + draw(w, SEC));
        if (gentle)
            calm(w);
        else
            trouble(w);
    }
    run_until(w, nsec_max(w->awake, w->now));
    w->jitter = nsec_min(w->jitter, w->delay / 4);
    heal(w);
    run_until(w, w->now + w->h.config.reconnect_interval + 8 * SEC);
    must(w, w->lb.state == SESSION_LB_ACTIVE, "a session is established in the end");
    must(w, w->newest_epoch == w->self.epoch && w->newest_status == w->self.status,
         "the newest status is known in the end");
    must(w, w->h.cause <= HEALTH_CAUSE_STATUS, "the verdict is the server's word in the end");
    check_end(w);
}

/* A run from a seed; the sums go on. */
static void run_seed(struct world *w, uint64_t seed, bool traced)
{
    struct world fresh = {.seed = seed, .random = {seed}, .trace = traced};

    fresh.verdicts = w->verdicts;
    fresh.answers = w->answers;
    fresh.pushes = w->pushes;
    fresh.dials = w->dials;
    fresh.lost = w->lost;
    *w = fresh;
    run(w);
    link_deinit(w);
}

static void summary(const struct world *w, unsigned test, const char *name, uint64_t first,
                    unsigned n)
{
    printf("# seeds %llu to %llu: %lu answers, %lu pushes, %lu lost, %lu dials, %lu verdicts\n"
           "ok %u - %u runs from %s seeds keep every rule\n",
           (unsigned long long)first, (unsigned long long)(first + n - 1), w->answers, w->pushes,
           w->lost, w->dials, w->verdicts, test, n, name);
}

static void runs(struct world *w, unsigned test, const char *name, uint64_t first, unsigned n)
{
    *w = (struct world){0};
    for (unsigned i = 0; i < n; i++)
        run_seed(w, first + i, false);
    summary(w, test, name, first, n);
}

int main(int argc, char **argv)
{
    static struct world w;
    uint64_t seed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        seed = strtoull(argv[2], NULL, 10);
        printf("1..1\n");
        run_seed(&w, seed, true);
        summary(&w, 1, "given", seed, 1);
        return 0;
    }
    if (argc != 1) {
        fprintf(stderr, "usage: sim [--seed N]\n");
        return 2;
    }
    if (entropy_fill(&seed, sizeof seed) != 0)
        return 1;
    printf("1..2\n");
    runs(&w, 1, "fixed", 1, FIXED_RUNS);
    runs(&w, 2, "random", seed >> 16, RANDOM_RUNS);
    return 0;
}
