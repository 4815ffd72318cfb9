#include "sim.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CUTS_MAX 100000
#define WARM (600 * SEC) /* before the first cut of a server */
#define BETWEEN (60 * SEC)
#define CUTS_A_SERVER 10
#define JOBS_MAX 256

struct scenario {
    const char *name;
    struct path_model model;
    double budget; /* false verdicts per server-hour that are allowed; below 0: none is set */
    double times;  /* median detection at most this many times that without loss; 0: not said */
    double median; /* detection within so many ms in the median; 0: not said */
    qhcp_nsec interval; /* 0: the option's */
    qhcp_nsec window;   /* 0: what follows from the interval */
};

/* clang-format off */
#define STALLS {.kind = PATH_STALLS, .bad = 80 * MS}
/* clang-format on */

static const struct scenario scenarios[] = {
    {"no loss", {.loss = 0}, 0, 1},
    {"1 % each way", {.loss = .01}, .001, 0},
    {"5 % each way", {.loss = .05}, .001, 2},
    {"20 % each way", {.loss = .2}, .01, 3},
    {"50 ms outages, one a minute", {.kind = PATH_OUTAGES, .bad = 50 * MS}, 0, 0},
    {"the same and 5 % each way", {.kind = PATH_OUTAGES, .bad = 50 * MS, .loss = .05}, -1, 0},
    {"bursts of mean 50 ms, 5 % of the time",
     {.kind = PATH_BURSTS, .bad = 50 * MS, .good = 950 * MS},
     -1,
     0},
    {"1 s: no loss", {.loss = 0}, 0, 0, 1300, SEC, 0},
    {"1 s: standing still, a mean of 80 ms, once a minute", STALLS, .02, 0, 0, SEC, 0},
    {"the same", STALLS, -1, 0, 0, 0, 0},
    {"the same, a least silence of 250 ms", STALLS, -1, 0, 0, 0, 250 * MS},
};

#define SCENARIOS (sizeof scenarios / sizeof scenarios[0])

struct options {
    unsigned servers, cuts, jobs;
    double hours;
    qhcp_nsec interval;
    uint64_t seed;
    bool whole, brief, listen;
};

struct result {
    double hours;             /* server-hours */
    uint64_t probes, downs;   /* downs: false verdicts */
    uint64_t early;           /* of them, those in each server's first hour */
    double misses, window_ms; /* asked at the end, mean over servers */
    double p50, p99, max;     /* of a cut-off server's detection, ms */
    double mean_window_ms;    /* asked at the cuts */
};

/* What one server gave, whoever worked it out. */
struct share {
    uint64_t probes, downs, early;
    double misses, window_ms;
    unsigned cuts;
    double times[CUTS_A_SERVER], windows[CUTS_A_SERVER]; /* ms; of the cuts */
};

/* Of all workers: which server is next; the servers, then those that are cut off. */
struct shared {
    _Atomic unsigned next;
    struct share shares[];
};

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* What a silence that began now would be asked for. */
static struct loss_demand demand(const struct peer *p)
{
    const struct loss_terms terms = {.interval = p->h.config.interval,
                                     .fast = RTT_FAST_MIN,
                                     .least = p->h.config.window + p->h.rtt.srtt,
                                     .fall = p->h.config.fall,
                                     .budget = p->h.config.budget};
    struct loss_demand d;

    loss_ask(&p->h.loss, p->now, &terms, &d);
    return d;
}

static qhcp_nsec interval_of(const struct scenario *s, const struct options *o)
{
    return s->interval > 0 ? s->interval : o->interval;
}

static void init(struct peer *p, const struct scenario *s, const struct options *o, uint64_t seed)
{
    peer_init(p, &s->model, interval_of(s, o), o->whole, o->listen, o->seed + seed);
    if (s->window > 0)
        p->h.config.window = s->window;
}

static void watch(const struct scenario *s, const struct options *o, unsigned i, struct share *ret)
{
    qhcp_nsec length = (qhcp_nsec)(o->hours * (double)HOUR);
    static struct peer p;

    init(&p, s, o, i);
    peer_run(&p, START + nsec_min(HOUR, length), false);
    ret->early = p.downs;
    peer_run(&p, START + length, false);
    ret->probes = p.probes;
    ret->downs = p.downs;
    ret->misses = demand(&p).misses;
    ret->window_ms = (double)demand(&p).window / 1e6;
}

/* From the instant of the cut to the verdict; -1: it was down when it should have been cut. */
static double cut_off(struct peer *p)
{
    qhcp_nsec cut;
    double found;

    if (p->h.state != QHCP_UP)
        return -1;
    cut = p->now;
    p->path.cut = true;
    if (!peer_run(p, cut + 60 * SEC, true)) {
        fprintf(stderr, "detection_sim: a server that is cut off is not found in a minute\n");
        exit(1);
    }
    found = (double)(p->now - cut) / 1e6;
    p->path.cut = false;
    return found;
}

static void detect(const struct scenario *s, const struct options *o, unsigned i, struct share *ret)
{
    static struct peer p;

    init(&p, s, o, 1000000 + i);
    peer_run(&p, START + WARM, false);
    for (unsigned k = 0; k < CUTS_A_SERVER; k++) {
        double time;

        peer_run(&p, p.now + BETWEEN + path_draw(&p.path, interval_of(s, o)), false);
        time = cut_off(&p);
        if (time < 0)
            continue;
        ret->windows[ret->cuts] = (double)p.h.silence.demand.window / 1e6;
        ret->times[ret->cuts++] = time;
    }
}

/* The servers to be cut off: a tenth more than it takes, should some be down at the wrong time. */
static unsigned cut_servers(const struct options *o)
{
    return (o->cuts + CUTS_A_SERVER - 1) / CUTS_A_SERVER * 11 / 10 + 1;
}

/* Takes one piece of work after another until there is none. */
static void work(const struct scenario *s, const struct options *o, struct shared *all)
{
    unsigned n = o->servers + cut_servers(o), i;

    while ((i = atomic_fetch_add(&all->next, 1)) < n) {
        if (i < o->servers)
            watch(s, o, i, &all->shares[i]);
        else
            detect(s, o, i - o->servers, &all->shares[i]);
    }
}

/* In the order of the servers, so that the figures are the same however many worked. */
static struct result add_up(const struct options *o, const struct share *shares)
{
    static double times[CUTS_MAX];
    struct result r = {.hours = o->hours * o->servers};
    unsigned n = 0;

    for (unsigned i = 0; i < o->servers; i++) {
        r.probes += shares[i].probes;
        r.downs += shares[i].downs;
        r.early += shares[i].early;
        r.misses += shares[i].misses / o->servers;
        r.window_ms += shares[i].window_ms / o->servers;
    }
    for (unsigned i = o->servers; i < o->servers + cut_servers(o); i++)
        for (unsigned k = 0; k < shares[i].cuts && n < o->cuts; k++) {
            r.mean_window_ms += shares[i].windows[k] / o->cuts;
            times[n++] = shares[i].times[k];
        }
    if (n < o->cuts) {
        fprintf(stderr, "detection_sim: only %u of %u cuts found their server up\n", n, o->cuts);
        exit(1);
    }
    qsort(times, n, sizeof times[0], by_time);
    r.p50 = times[n / 2];
    r.p99 = times[n - 1 - n / 100];
    r.max = times[n - 1];
    return r;
}

static struct result run(const struct scenario *s, const struct options *o)
{
    size_t size = sizeof(struct shared) + (o->servers + cut_servers(o)) * sizeof(struct share);
    struct shared *all =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct result r;
    int status = 0;

    if (all == MAP_FAILED) {
        perror("detection_sim");
        exit(1);
    }
    fflush(stdout);
    for (unsigned job = 1; job < o->jobs; job++) {
        if (fork() == 0) {
            work(s, o, all);
            _exit(0);
        }
    }
    work(s, o, all);
    while (wait(&status) > 0)
        if (status != 0)
            exit(1); /* it has said why */
    r = add_up(o, all->shares);
    munmap(all, size);
    return r;
}

static void print_head(const struct options *o)
{
    printf("interval %.0f ms unless said, RTT %.1f ms, max-fail-attempts 3, %u servers x %g h, %u "
           "cuts, seed %llu, %s%s\n\n",
           (double)o->interval / 1e6, RTT / 1e6, o->servers, o->hours, o->cuts,
           (unsigned long long)o->seed, o->whole ? "health and session" : "health alone",
           o->listen ? ", listening" : "");
    printf(
        "| path | server-hours | false verdicts | per server-hour | in the first hour | after it | "
        "asked: misses | over | cut off: p50 | p99 | max |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n");
}

static double per_hour(uint64_t n, double hours)
{
    return hours > 0 ? (double)n / hours : 0;
}

static void print_row(const struct scenario *s, const struct result *r, const struct options *o)
{
    double early_hours = o->servers * (o->hours < 1 ? o->hours : 1);

    printf("| %s | %.0f | %llu | %.6f | %.6f | %.6f |", s->name, r->hours,
           (unsigned long long)r->downs, per_hour(r->downs, r->hours),
           per_hour(r->early, early_hours), per_hour(r->downs - r->early, r->hours - early_hours));
    printf(" %.1f | %.0f ms | %.0f ms | %.0f ms | %.0f ms |\n", r->misses, r->window_ms, r->p50,
           r->p99, r->max);
    fflush(stdout);
}

static unsigned check(unsigned test, bool ok, const char *what, const char *where)
{
    printf("%s %u - %s: %s\n", ok ? "ok" : "not ok", test, where, what);
    return ok ? 0 : 1;
}

/* What issue and documentation promise, as TAP. */
static int check_all(const struct result r[], const struct options *o)
{
    double interval = (double)o->interval / 1e6;
    unsigned failed = 0, test = 0;

    for (size_t i = 0; i < SCENARIOS; i++) {
        const struct scenario *s = &scenarios[i];

        if (s->budget >= 0)
            failed += check(++test, (double)r[i].downs / r[i].hours <= s->budget,
                            "false verdicts stay within the budget", s->name);
        if (s->times > 0)
            failed += check(++test, r[i].p50 <= s->times * r[0].p50,
                            "the median stays within its multiple of that without loss", s->name);
        if (s->median > 0)
            failed +=
                check(++test, r[i].p50 <= s->median, "the median is what it is to be", s->name);
    }
    failed += check(++test, r[0].max <= interval + 75,
                    "a cut-off server is found within the interval and 75 ms", scenarios[0].name);
    failed += check(++test, r[0].p50 >= interval / 2 + HEALTH_WINDOW / 1e6,
                    "and not before the window has passed", scenarios[0].name);
    printf("1..%u\n", test);
    return failed > 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: detection_sim [--servers N] [--hours H] [--cuts N] [--interval MS] "
                    "[--seed N] [--jobs N] [--health-only] [--listen] [--short] [--only N]\n"
                    "--jobs: workers, 1 to 256 (default: one for each CPU)\n");
    return 2;
}

static bool parse(int argc, char **argv, struct options *o, size_t *only)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        const char *a = argv[i];

        if (strcmp(a, "--health-only") == 0)
            o->whole = false;
        else if (strcmp(a, "--listen") == 0)
            o->listen = true;
        else if (strcmp(a, "--short") == 0)
            *o = (struct options){20, 400, o->jobs, 1, 100 * MS, o->seed, true, true, o->listen};
        else if (value[0] == '\0')
            return false;
        else if (i++, strcmp(a, "--servers") == 0)
            o->servers = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(a, "--hours") == 0)
            o->hours = strtod(value, NULL);
        else if (strcmp(a, "--cuts") == 0)
            o->cuts = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(a, "--interval") == 0)
            o->interval = strtoul(value, NULL, 10) * MS;
        else if (strcmp(a, "--jobs") == 0)
            o->jobs = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(a, "--seed") == 0)
            o->seed = strtoull(value, NULL, 10);
        else if (strcmp(a, "--only") == 0)
            *only = strtoul(value, NULL, 10);
        else
            return false;
    }
    return o->servers > 0 && o->hours > 0 && o->cuts > 0 && o->cuts <= CUTS_MAX &&
           o->interval > 0 && o->jobs > 0 && o->jobs <= JOBS_MAX;
}

static unsigned cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > JOBS_MAX ? JOBS_MAX : (unsigned)n;
}

int main(int argc, char **argv)
{
    struct options o = {1000, 2000, cpus(), 24, 100 * MS, 1, true, false, false};
    struct result results[SCENARIOS] = {0};
    size_t only = SCENARIOS;
    time_t began = time(NULL);

    if (!parse(argc, argv, &o, &only))
        return usage();
    if (!o.brief)
        print_head(&o);
    for (size_t i = 0; i < SCENARIOS; i++) {
        if (only < SCENARIOS && i != only)
            continue;
        results[i] = run(&scenarios[i], &o);
        if (!o.brief)
            print_row(&scenarios[i], &results[i], &o);
    }
    if (o.brief)
        return check_all(results, &o);
    fprintf(stderr, "%ld s\n", (long)(time(NULL) - began));
    return 0;
}
