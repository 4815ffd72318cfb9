#include "metrics/threshold.h"

#include <stdio.h>
#include <string.h>

#include <qhcp/error.h>

#include "base/cursor.h"
#include "base/value.h"
#include "metrics/quantity.h"
#include "wire/registry.h"

#define HOLD_MAX (24 * 3600 * NSEC_PER_SEC)
#define WORD 64 /* bytes of a value, with the NUL */

/* One parse: its position, and where words go. */
struct reader {
    const char *text, *p;
    char *words;
    size_t words_cap;
};

static void skip_blanks(struct reader *r)
{
    while (*r->p == ' ' || *r->p == '\t')
        r->p++;
}

/* "at 19: "..." is not ...": the place counts from 1. */
static int refuse(const struct reader *r, int error, const char *what)
{
    char quote[VALUE_QUOTE + 8];

    if (r->p[0] == '\0')
        snprintf(r->words, r->words_cap, "at its end: %s", what);
    else
        snprintf(r->words, r->words_cap, "at character %zu, %s: %s", (size_t)(r->p - r->text) + 1,
                 value_quote(r->p, quote), what);
    return error;
}

/* The word at r->p, which ends at a blank: "" if there is none, or one that is too long for any
 * value.  Returns where it ends. */
static const char *next_word(const struct reader *r, char ret[WORD])
{
    size_t n = strcspn(r->p, " \t");

    snprintf(ret, WORD, "%.*s", n < WORD ? (int)n : 0, r->p);
    return r->p + n;
}

static int read_metric(struct reader *r, threshold_unit_fn unit, const void *ctx,
                       struct threshold *t)
{
    size_t n = strspn(r->p, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (n == 0 || n > LIMIT_NAME)
        return refuse(r, QHCP_E_PARSE, "expected a metric's name");
    memcpy(t->metric, r->p, n);
    t->metric[n] = '\0';
    if (!unit(ctx, t->metric, &t->unit))
        return refuse(r, QHCP_E_NOT_FOUND,
                      "there is no metric with this name; --metrics names an application's own");
    r->p += n;
    return 0;
}

static int read_limit(struct reader *r, unsigned unit, uint64_t *ret)
{
    static const char *const wanted[] = {
        "expected a number, as 90", "expected a percentage, as 90 or 90%",
        "expected bytes, as 1048576 or 512MiB", "expected microseconds, as 20000 or 20ms",
        "expected a number, as 2.5"};
    char word[WORD];
    const char *end;
    uint64_t value;

    skip_blanks(r);
    end = next_word(r, word);
    if (!quantity_parse(word, unit, false, &value))
        return refuse(r, QHCP_E_PARSE, wanted[unit]);
    if (value > CURSOR_VARINT_MAX)
        return refuse(r, QHCP_E_ARG, "too large");
    r->p = end;
    *ret = value;
    return 0;
}

static int read_hold(struct reader *r, qhcp_nsec *ret)
{
    char word[WORD], why[300];
    const char *end = next_word(r, word);
    int err = value_duration(word, 0, HOLD_MAX, ret, why, sizeof why);

    if (err < 0)
        snprintf(r->words, r->words_cap, "at character %zu, %s", (size_t)(r->p - r->text) + 1, why);
    else
        r->p = end;
    return err;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(r->p, word, n) != 0 || (r->p[n] != ' ' && r->p[n] != '\t'))
        return false;
    r->p += n;
    skip_blanks(r);
    return true;
}

/* "clear VALUE" and "for DURATION", each at most once. */
static int read_rest(struct reader *r, struct threshold *t)
{
    bool clear = false, hold = false;
    int err = 0;

    for (skip_blanks(r); *r->p && err == 0; skip_blanks(r)) {
        if (!clear && take_word(r, "clear")) {
            clear = true;
            const char *at = r->p;
            err = read_limit(r, t->unit, &t->clear);
            if (err == 0 && (t->below ? t->clear < t->limit : t->clear > t->limit)) {
                r->p = at;
                err = refuse(r, QHCP_E_ARG, "clears on the wrong side of the limit");
            }
        } else if (!hold && take_word(r, "for")) {
            hold = true;
            err = read_hold(r, &t->hold);
        } else {
            err = refuse(r, QHCP_E_PARSE, "only \"clear VALUE\" and \"for DURATION\" may follow");
        }
    }
    return err;
}

/* A metric that has a greatest value is never over it, and none is under 0. */
static int refuse_never(const struct reader *r, const struct threshold *t)
{
    const struct wire_metric_row *row = wire_metric_by_name(slice_str(t->metric));

    if (t->below ? t->limit == 0 : row && row->max != 0 && t->limit >= row->max)
        return refuse(r, QHCP_E_ARG, "this can never be true");
    return 0;
}

int threshold_parse(const char *text, threshold_unit_fn unit, const void *ctx,
                    struct threshold *ret, char *words, size_t words_cap)
{
    struct reader r = {.text = text, .p = text, .words = words, .words_cap = words_cap};
    struct threshold t = {.hold = 0};
    int err;

    skip_blanks(&r);
    err = read_metric(&r, unit, ctx, &t);
    if (err == 0) {
        skip_blanks(&r);
        if (*r.p != '>' && *r.p != '<')
            return refuse(&r, QHCP_E_PARSE, "expected > or <");
        t.below = *r.p++ == '<';
        const char *at = r.p;
        err = read_limit(&r, t.unit, &t.limit);
        if (err == 0) {
            const char *rest = r.p;
            r.p = at;
            err = refuse_never(&r, &t);
            r.p = rest;
        }
    }
    t.clear = t.below ? t.limit + t.limit / 10 : t.limit - t.limit / 10;
    if (err == 0)
        err = read_rest(&r, &t);
    if (err == 0)
        *ret = t;
    return err;
}

bool threshold_registered(const void *ctx, const char *metric, unsigned *ret_unit)
{
    const struct wire_metric_row *row = wire_metric_by_name(slice_str(metric));

    (void)ctx;
    if (!row)
        return false;
    *ret_unit = (unsigned)row->unit;
    return true;
}

void threshold_value(struct threshold *t, qhcp_nsec now, bool known, uint64_t value)
{
    bool beyond = known && (t->below ? value < t->limit : value > t->limit);
    bool past_clear = known && (t->below ? value < t->clear : value > t->clear);

    if (beyond && !t->beyond)
        t->since = now;
    t->beyond = beyond;
    if (t->holds) {
        t->holds = beyond || past_clear;
    } else if (beyond && now - t->since >= t->hold) {
        t->holds = true;
        t->seen = value;
    }
}

qhcp_nsec threshold_deadline(const struct threshold *t)
{
    return t->beyond && !t->holds ? nsec_add(t->since, t->hold) : NSEC_NEVER;
}

void threshold_words(const struct threshold *t, char *ret, size_t cap)
{
    char seen[32], limit[32], hold[32];

    quantity_text(t->unit, t->seen, seen, sizeof seen);
    quantity_text(t->unit, t->limit, limit, sizeof limit);
    value_duration_text(t->hold, hold, sizeof hold);
    snprintf(ret, cap, "%s is %s: %s %s%s%s", t->metric, seen, t->below ? "under" : "over", limit,
             t->hold > 0 ? " for " : "", t->hold > 0 ? hold : "");
}
