/* What the server says of itself: the worst of what its operator set, what its application checks
 * found and what its thresholds say.
 *
 * In: outcomes and values; out: one status with the words of what decided it, pushed when it
 * changes.  Words of a check that change while its status stays (a command's output, say) go along
 * with the next answer; as news of their own they are pushed once a second at most. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "server/internal.h"

#include <qhcp/error.h>

static_assert(QHCP_CHECKS == LIMIT_CHECKS, "the public header repeats the limit");
/* "The worst" is the greatest number. */
static_assert(QHCP_SERVING < QHCP_STATUS_DEGRADED && QHCP_STATUS_DEGRADED < QHCP_STATUS_DRAINING &&
                  QHCP_STATUS_DRAINING < QHCP_NOT_SERVING &&
                  QHCP_NOT_SERVING < QHCP_STATUS_MAINTENANCE,
              "statuses stand from best to worst");

static void announce(struct qhcp_server *s, qhcp_nsec now, enum qhcp_status status,
                     const char *reason)
{
    s->self.status = status;
    s->self.epoch++;
    snprintf(s->self.reason, sizeof s->self.reason, "%s", reason);
    session_said_forget(&s->said);
    for (struct peer *p = s->members.first; p; p = p->next) {
        p->pushes = 0;
        peer_push(p, now);
        peer_rearm(p);
    }
}

static const struct qhcp_check_view *worst_check(const struct condition *st)
{
    const struct qhcp_check_view *worst = NULL;

    for (size_t i = 0; i < st->n_checks; i++)
        if (st->checks[i].status > (worst ? worst->status : QHCP_SERVING))
            worst = &st->checks[i];
    return worst;
}

static const struct threshold *first_threshold(const struct condition *st)
{
    for (size_t i = 0; i < st->n_thresholds; i++)
        if (st->thresholds[i].holds)
            return &st->thresholds[i];
    return NULL;
}

/* Of equals the operator's words win, then a check's. */
static enum qhcp_status combine(const struct condition *st, char *reason, size_t cap)
{
    const struct qhcp_check_view *check = worst_check(st);
    const struct threshold *rule = first_threshold(st);
    enum qhcp_status status = st->set;
    char why[LIMIT_REASON + 1];

    snprintf(why, sizeof why, "%s", st->set_reason);
    if (check && check->status > status) {
        status = check->status;
        snprintf(why, sizeof why, "%s%s%.180s", check->name, check->reason[0] ? ": " : "",
                 check->reason);
    }
    if (rule && QHCP_STATUS_DEGRADED > status) {
        status = QHCP_STATUS_DEGRADED;
        threshold_words(rule, why, sizeof why);
    }
    utf8_clean(slice_str(why), reason, cap);
    return status;
}

/* Announces what changed; `at_once` false: words alone must wait their turn. */
static void settle(struct qhcp_server *s, qhcp_nsec now, bool at_once)
{
    char reason[LIMIT_REASON + 1];
    enum qhcp_status status = combine(&s->condition, reason, sizeof reason);
    bool words_only = s->self.status == status;

    if (words_only &&
        (strcmp(s->self.reason, reason) == 0 || (!at_once && now < s->condition.words_at)))
        return;
    if (words_only)
        s->condition.words_at = nsec_add(now, SERVER_WORDS_APART);
    announce(s, now, status, reason);
}

void qhcp_server_set_status(struct qhcp_server *s, qhcp_nsec now, enum qhcp_status status,
                            const char *reason)
{
    s->now = now;
    s->condition.set = status;
    utf8_clean(slice_str(reason), s->condition.set_reason, sizeof s->condition.set_reason);
    settle(s, now, true);
}

/* The check of this name, made if there is none; NULL: too many. */
static struct qhcp_check_view *find_check(struct qhcp_server *s, const char *name)
{
    struct condition *st = &s->condition;
    struct session_server_self *self = &s->self;
    struct qhcp_check_view *c;

    for (size_t i = 0; i < st->n_checks; i++)
        if (strcmp(st->checks[i].name, name) == 0)
            return &st->checks[i];
    if (st->checks == NULL)
        st->checks = calloc(LIMIT_CHECKS, sizeof *st->checks);
    if (st->checks == NULL || st->n_checks == LIMIT_CHECKS)
        return NULL;
    c = &st->checks[st->n_checks++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->status = QHCP_SERVING;
    self->checks.count = st->n_checks;
    return c;
}

int qhcp_server_set_check(struct qhcp_server *s, qhcp_nsec now, const char *name,
                          enum qhcp_status status, const char *reason, qhcp_nsec duration)
{
    struct slice bytes = slice_str(name);
    struct qhcp_check_view *c;
    struct wire_check *w;
    bool changed;

    if (bytes.n == 0 || bytes.n > LIMIT_NAME || !utf8_printable(bytes) ||
        (status != QHCP_SERVING && status != QHCP_STATUS_DEGRADED && status != QHCP_NOT_SERVING))
        return QHCP_E_ARG;
    c = find_check(s, name);
    if (!c)
        return QHCP_E_FULL;
    s->now = now;
    changed = c->status != status;
    c->status = status;
    c->duration = duration;
    utf8_clean(slice_str(reason), c->reason, sizeof c->reason);
    w = &s->self.checks.at[c - s->condition.checks];
    w->status = status;
    w->name = slice_str(c->name);
    w->reason = slice_str(c->reason);
    w->duration_us = nsec_min(duration / NSEC_PER_USEC, LIMIT_DURATION_MAX_US);
    session_said_forget(&s->said);
    settle(s, now, changed);
    return 0;
}

/* Any metric that is registered, or that has a value here. */
static bool known_metric(const void *ctx, const char *name, unsigned *ret_unit)
{
    const struct session_server_self *self = ctx;

    for (size_t i = 0; i < self->metrics.count; i++) {
        if (!slice_equal(self->metrics.at[i].name, slice_str(name)))
            continue;
        *ret_unit = (unsigned)self->metrics.at[i].unit;
        return true;
    }
    return threshold_registered(NULL, name, ret_unit);
}

bool qhcp_server_knows_metric(const struct qhcp_server *s, const char *name)
{
    unsigned unit;

    return known_metric(&s->self, name, &unit);
}

int qhcp_server_add_threshold(struct qhcp_server *s, qhcp_nsec now, const char *rule, char *words,
                              size_t words_cap)
{
    struct condition *st = &s->condition;
    int err;

    if (st->n_thresholds == LIMIT_THRESHOLDS) {
        snprintf(words, words_cap, "more than %d rules", LIMIT_THRESHOLDS);
        return QHCP_E_FULL;
    }
    if (st->thresholds == NULL)
        st->thresholds = calloc(LIMIT_THRESHOLDS, sizeof *st->thresholds);
    if (st->thresholds == NULL) {
        snprintf(words, words_cap, "%s", qhcp_strerror(QHCP_E_NOMEM));
        return QHCP_E_NOMEM;
    }
    err = threshold_parse(rule, known_metric, &s->self, &st->thresholds[st->n_thresholds], words,
                          words_cap);
    if (err == 0) {
        st->n_thresholds++;
        condition_measured(s, now);
    }
    return err;
}

/* The value of a metric, by its name; false: it has none now. */
static bool newest(const struct session_server_self *self, const char *name, uint64_t *ret)
{
    for (size_t i = 0; i < self->metrics.count; i++) {
        if (slice_equal(self->metrics.at[i].name, slice_str(name))) {
            *ret = self->values.at[i].value; /* in the same order (metrics.h) */
            return true;
        }
    }
    return false;
}

void condition_measured(struct qhcp_server *s, qhcp_nsec now)
{
    struct condition *st = &s->condition;
    bool changed = false;

    for (size_t i = 0; i < st->n_thresholds; i++) {
        struct threshold *t = &st->thresholds[i];
        uint64_t value = 0;
        bool held = t->holds, known = newest(&s->self, t->metric, &value);

        threshold_value(t, now, known, value);
        changed |= held != t->holds;
    }
    if (changed)
        settle(s, now, true);
}

qhcp_nsec condition_deadline(const struct qhcp_server *s)
{
    const struct condition *st = &s->condition;
    qhcp_nsec at;

    if (st->n_thresholds == 0 && qhcp_server_measured(s))
        return NSEC_NEVER;
    at = metrics_due(s->metrics, SERVER_METRICS_AGE);
    for (size_t i = 0; i < st->n_thresholds; i++)
        at = nsec_min(at, threshold_deadline(&st->thresholds[i]));
    return at;
}

void qhcp_server_status(const struct qhcp_server *s, struct qhcp_server_view *ret)
{
    ret->status = (enum qhcp_status)s->self.status;
    snprintf(ret->reason, sizeof ret->reason, "%s", s->self.reason);
    ret->set_status = s->condition.set;
    snprintf(ret->set_reason, sizeof ret->set_reason, "%s", s->condition.set_reason);
    ret->n_checks = s->condition.n_checks;
    if (ret->n_checks > 0)
        memcpy(ret->checks, s->condition.checks, ret->n_checks * sizeof ret->checks[0]);
}

void condition_deinit(struct condition *st)
{
    free(st->checks);
    free(st->thresholds);
}
