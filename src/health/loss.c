#include "health/loss.h"

#include <math.h>

#define CHECKS 512     /* checks that f remembers: half a minute at 50 ms */
#define REGULAR 8192   /* regular checks, of which silences are rare events */
#define SILENCES 256   /* silences whose length is remembered */
#define ENOUGH 8       /* silences that make a distribution; one hiccup does not */
#define FAIL_PRIOR .01 /* a path nothing is known of loses a little: it weighs 20 checks */
#define FAIL_FLOOR .001
#define FAIL_CEILING .95
#define PRIOR_CHECKS 20
#define HOUR_NS 3.6e12

static double at_least(double a, double b)
{
    return a > b ? a : b;
}

static double at_most(double a, double b)
{
    return a < b ? a : b;
}

/* A mean over all samples until there are `memory` of them, then an exponential one. */
static void mean(double *m, unsigned *n, unsigned memory, double sample)
{
    if (*n < memory)
        ++*n;
    *m += (sample - *m) / *n;
}

void loss_init(struct loss *l)
{
    *l = (struct loss){
        .fail = FAIL_PRIOR, .trips = FAIL_PRIOR, .checks = PRIOR_CHECKS, .requests = PRIOR_CHECKS};
}

void loss_answered(struct loss *l)
{
    mean(&l->fail, &l->checks, CHECKS, 0);
    mean(&l->trips, &l->requests, CHECKS, 0);
    mean(&l->first, &l->regular, REGULAR, 0);
}

void loss_beat(struct loss *l)
{
    l->beats = true;
    l->half = !l->half;
    if (!l->half)
        mean(&l->fail, &l->checks, CHECKS, 0);
    mean(&l->first, &l->regular, REGULAR, 0);
}

static qhcp_nsec longest(const struct loss_longest *l, qhcp_nsec memory, qhcp_nsec now)
{
    qhcp_nsec age = now > l->since ? now - l->since : 0;

    if (age >= 2 * memory)
        return 0;
    return age >= memory ? l->longest : nsec_max(l->longest, l->before);
}

static void keep(struct loss_longest *l, qhcp_nsec memory, qhcp_nsec now, qhcp_nsec length)
{
    qhcp_nsec age = now > l->since ? now - l->since : 0;

    if (l->since == 0 || age >= memory) {
        l->before = age < 2 * memory ? l->longest : 0;
        l->longest = 0;
        l->since = now;
    }
    l->longest = nsec_max(l->longest, length);
}

qhcp_nsec loss_longest(const struct loss *l, qhcp_nsec now)
{
    return longest(&l->survived, LOSS_MEMORY, now);
}

void loss_false(struct loss *l, qhcp_nsec now, qhcp_nsec length)
{
    if (length <= LOSS_CEILING)
        keep(&l->convicted, LOSS_FALSE_MEMORY, now, length);
}

void loss_silence(struct loss *l, qhcp_nsec now, const struct loss_silence *s)
{
    double beyond = s->length > s->head ? (double)(s->length - s->head) : 0;
    unsigned n = l->silences;

    for (unsigned i = 0; i < s->misses && i < LOSS_MISSES_MAX; i++)
        mean(&l->fail, &l->checks, CHECKS, 1);
    if (s->beats == 0) /* those that follow a miss are sent in bad times only */
        mean(&l->trips, &l->requests, CHECKS, 1);
    if (!s->by_beat)
        mean(&l->fail, &l->checks, CHECKS, 0);
    mean(&l->first, &l->regular, REGULAR, 1);
    mean(&l->head, &n, SILENCES, (double)s->head);
    mean(&l->again, &l->silences, SILENCES, s->misses > 1);
    if (s->misses > 1 && beyond > 0) {
        double gap = beyond / (s->misses - 1);

        n = l->long_ones;
        mean(&l->gap, &n, SILENCES, gap);
        mean(&l->excess, &l->long_ones, SILENCES, beyond - gap);
    }
    keep(&l->survived, LOSS_MEMORY, now, s->length);
}

/* Beats know nothing of the way to the server. */
static double fail(const struct loss *l)
{
    return l->beats ? at_least(l->fail, l->trips) : l->fail;
}

static double share(const struct loss *l)
{
    return at_most(at_least(fail(l), FAIL_FLOOR), FAIL_CEILING);
}

unsigned loss_share(const struct loss *l)
{
    return (unsigned)(fail(l) * 10000 + .5);
}

/* The least n with f^n <= odds. */
static unsigned run_of(double f, double odds, unsigned least, unsigned most)
{
    double n = odds < 1 ? log(odds) / log(f) : 0;

    n = at_most(at_least(n, least), most);
    return (unsigned)n + (n > (unsigned)n);
}

/* Misses: (3600 s / interval) (1 - f) f^k <= budget an hour, were every loss a matter of its own.
 */
static unsigned misses(const struct loss *l, const struct loss_terms *t)
{
    double f = share(l), checks = HOUR_NS / (double)t->interval * (1 - f);

    return run_of(f, t->budget * 1e-6 / checks, t->fall,
                  t->fall > LOSS_MISSES_MAX ? t->fall : LOSS_MISSES_MAX);
}

/* Window: so many silences an hour outlast their second check; of these one part in e is left after
 * each further `tau`.  Seen at checks `gap` apart, a mean of `excess` is a tau of gap / ln(1 + gap
 * / excess). */
static qhcp_nsec tail(const struct loss *l, const struct loss_terms *t)
{
    double often = HOUR_NS / (double)t->interval * l->first * l->again, tau, folds;

    if (l->long_ones < ENOUGH || l->excess < 1000)
        return 0;
    tau = l->gap / log1p(l->gap / l->excess);
    folds = log(at_least(often / (t->budget * 1e-6), 1));
    return (qhcp_nsec)at_most(l->head + l->gap + tau * folds, (double)LOSS_CEILING);
}

/* Silences as long as that prove nothing: as many checks as are asked must follow. */
static qhcp_nsec beyond(qhcp_nsec length, unsigned misses, qhcp_nsec fast)
{
    return length > 0 ? nsec_add(length, (misses - 1) * fast) : 0;
}

void loss_ask(const struct loss *l, qhcp_nsec now, const struct loss_terms *t,
              struct loss_demand *ret)
{
    struct loss_demand d = {.misses = t->fall, .window = t->least, .spacing = t->fast};

    if (t->budget > 0) {
        qhcp_nsec survived = loss_longest(l, now), window;
        qhcp_nsec convicted = longest(&l->convicted, LOSS_FALSE_MEMORY, now);

        d.misses = misses(l, t);
        window = nsec_max(beyond(survived, d.misses, t->fast), tail(l, t));
        window = nsec_max(window, nsec_min(beyond(convicted, d.misses, t->fast), t->taught));
        d.window = nsec_max(d.window, nsec_min(window, LOSS_CEILING));
    }
    d.spacing = nsec_max(d.spacing, d.window / LOSS_CHECKS);
    *ret = d;
}

unsigned loss_burst(const struct loss *l, unsigned least, unsigned most)
{
    return run_of(share(l), 1e-4, least, most);
}
