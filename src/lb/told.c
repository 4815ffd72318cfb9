/* What a server told of itself beside its status and metrics: the outcomes of its application
 * checks (every answer and push brings them anew), and the services it stands for (ACK).
 *
 * Kept for who asks through the public functions below; no verdict comes of it.  Both are bounded
 * by the wire's limits and take memory only as far as a server has something to tell: one without
 * checks none at all, one with checks as much as the most that it ever reported, so that its checks
 * allocate once, and an answer never again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"

static_assert(QHCP_CHECKS == LIMIT_CHECKS, "one number of checks");
static_assert(QHCP_SERVICES == LIMIT_SERVICES && QHCP_SERVICE == LIMIT_SERVICE + 1,
              "one size of services");
static_assert(sizeof((struct qhcp_check_view *)0)->name == LIMIT_NAME + 1 &&
                  QHCP_TEXT >= LIMIT_REASON + 1,
              "what fits the wire fits the view");

void told_free(struct told *t)
{
    free(t->checks);
    free(t->services);
    *t = (struct told){0};
}

/* Room for n checks, or for as many as there is memory for. */
static size_t reserve(struct told *t, size_t n)
{
    struct qhcp_check_view *grown;

    if (n <= t->cap_checks)
        return n;
    grown = realloc(t->checks, n * sizeof *grown);
    if (!grown)
        return t->cap_checks;
    memset(grown + t->cap_checks, 0, (n - t->cap_checks) * sizeof *grown);
    t->checks = grown;
    t->cap_checks = n;
    return n;
}

/* True when more than the duration is new. */
static bool keep_check(struct qhcp_check_view *to, const struct wire_check *from)
{
    bool same = to->status == (enum qhcp_status)from->status &&
                slice_equal(from->name, slice_str(to->name)) &&
                slice_equal(from->reason, slice_str(to->reason));

    to->duration = from->duration_us * NSEC_PER_USEC;
    if (same)
        return false;
    slice_to_cstr(from->name, to->name, sizeof to->name);
    slice_to_cstr(from->reason, to->reason, sizeof to->reason);
    to->status = (enum qhcp_status)from->status;
    return true;
}

bool told_checks(struct told *t, const struct wire_checks *checks)
{
    size_t before = t->n_checks;
    bool changed;

    t->n_checks = reserve(t, checks->count);
    changed = t->n_checks != before;
    for (size_t i = 0; i < t->n_checks; i++)
        changed = keep_check(&t->checks[i], &checks->at[i]) || changed;
    return changed;
}

void told_services(struct told *t, const struct wire_texts *services)
{
    size_t size = 0, at = 0;

    free(t->services);
    t->services = NULL;
    t->n_services = 0;
    for (size_t i = 0; i < services->count; i++)
        size += services->at[i].n + 1;
    if (size > 0)
        t->services = malloc(size);
    for (size_t i = 0; t->services && i < services->count; i++) {
        slice_to_cstr(services->at[i], t->services + at, services->at[i].n + 1);
        at += services->at[i].n + 1;
        t->n_services++;
    }
}

/* Is what it said of its checks still news?  As long as it answers, also when what it answers keeps
 * it down. */
static bool heard(const struct backend *b)
{
    if (b->health.state == QHCP_DOWN)
        return b->health.phase == HEALTH_WATCHING && b->health.session.answered;
    return b->health.state != QHCP_CONNECTING;
}

size_t qhcp_lb_checks(const struct qhcp_lb *lb, size_t index, struct qhcp_check_view *ret,
                      size_t cap)
{
    const struct told *t;

    if (index >= lb->count || !heard(lb->backends[index]))
        return 0;
    t = &lb->backends[index]->told;
    for (size_t i = 0; i < t->n_checks && i < cap; i++)
        ret[i] = t->checks[i];
    return t->n_checks;
}

size_t qhcp_lb_services(const struct qhcp_lb *lb, size_t index, char ret[][QHCP_SERVICE],
                        size_t cap)
{
    const struct told *t;
    const char *text;

    if (index >= lb->count)
        return 0;
    t = &lb->backends[index]->told;
    text = t->services;
    for (size_t i = 0; i < t->n_services && i < cap; i++, text += strlen(text) + 1)
        slice_to_cstr(slice_str(text), ret[i], sizeof ret[i]);
    return t->n_services;
}
