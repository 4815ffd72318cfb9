/* How late things were: a histogram in steps of 10 us up to a second, and the largest. */
#ifndef QHCP_BENCH_CHECKS_SPREAD_H
#define QHCP_BENCH_CHECKS_SPREAD_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SPREAD_STEP 10000 /* ns */
#define SPREAD_STEPS 100000

struct spread {
    uint64_t n;
    int64_t most; /* ns */
    uint32_t counts[SPREAD_STEPS];
};

static inline void spread_add(struct spread *s, int64_t ns)
{
    int64_t step = ns < 0 ? 0 : ns / SPREAD_STEP;

    s->n++;
    s->counts[step < SPREAD_STEPS ? step : SPREAD_STEPS - 1]++;
    if (ns > s->most)
        s->most = ns;
}

/* ns: the upper end of the step; not more than the largest. */
static inline int64_t spread_rank(const struct spread *s, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)s->n), seen = 0;
    int64_t i = 0;

    while (i < SPREAD_STEPS - 1 && (seen += s->counts[i]) <= wanted)
        i++;
    i = (i + 1) * SPREAD_STEP;
    return i < s->most ? i : s->most;
}

/* As members of a JSON object; what follows begins anew. */
static inline void spread_print(struct spread *s)
{
    printf("\"late\":%llu,\"late_us\":[%.1f,%.1f,%.1f]", (unsigned long long)s->n,
           (double)spread_rank(s, 0.5) / 1e3, (double)spread_rank(s, 0.99) / 1e3,
           (double)s->most / 1e3);
    memset(s, 0, sizeof *s);
}

#endif
