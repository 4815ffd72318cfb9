#include "metrics/threshold.h"

#include <stdio.h>
#include <string.h>

#include <qhcp/error.h>

#include "base/cursor.h"
#include "wire/registry.h"

/* The units that a value may be written with; "" is the metric's own. */
struct suffix {
    unsigned unit;
    const char *name;
    uint64_t factor; /* of the registered unit */
};

static const struct suffix suffixes[] = {
    {WIRE_UNIT_NONE, "", 1},
    {WIRE_UNIT_PERCENT, "", 100},
    {WIRE_UNIT_PERCENT, "%", 100},
    {WIRE_UNIT_BYTES, "", 1},
    {WIRE_UNIT_BYTES, "KiB", 1024},
    {WIRE_UNIT_BYTES, "MiB", 1024 * 1024},
    {WIRE_UNIT_BYTES, "GiB", 1024 * 1024 * 1024},
    {WIRE_UNIT_USEC, "", 1},
    {WIRE_UNIT_USEC, "us", 1},
    {WIRE_UNIT_USEC, "ms", 1000},
    {WIRE_UNIT_USEC, "s", 1000000},
    {WIRE_UNIT_MILLI, "", 1000},
};

static const struct suffix durations[] = {
    {0, "", NSEC_PER_SEC},       {0, "ms", NSEC_PER_MSEC},      {0, "s", NSEC_PER_SEC},
    {0, "m", 60 * NSEC_PER_SEC}, {0, "h", 3600 * NSEC_PER_SEC},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOLD_MAX (24 * 3600 * NSEC_PER_SEC)

/* One parse: where it stands, and where words go. */
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
    char rest[41];

    snprintf(rest, sizeof rest, "%.40s", r->p);
    for (char *c = rest; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            *c = '?';
    if (rest[0] == '\0')
        snprintf(r->words, r->words_cap, "at its end: %s", what);
    else
        snprintf(r->words, r->words_cap, "at character %zu, \"%s\": %s",
                 (size_t)(r->p - r->text) + 1, rest, what);
    return error;
}

/* A decimal number with a unit out of n suffixes, as a whole number of the unit's parts. */
static int read_number(struct reader *r, const struct suffix *from, size_t n, unsigned unit,
                       uint64_t max, const char *what, uint64_t *ret)
{
    const char *p = r->p;
    unsigned __int128 value = 0, scale = 1;
    size_t len;

    for (unsigned digits = 0; (*p >= '0' && *p <= '9') || (*p == '.' && scale == 1 && digits);
         p++) {
        if (*p == '.') {
            if (p[1] < '0' || p[1] > '9')
                return refuse(r, QHCP_E_PARSE, what);
            scale = 10;
            digits = 1;
            value = value * 10 + (unsigned)(*++p - '0');
        } else {
            value = value * 10 + (unsigned)(*p - '0');
            scale *= scale > 1 ? 10 : 1;
        }
        if (++digits > 20)
            return refuse(r, QHCP_E_PARSE, what);
    }
    if (p == r->p)
        return refuse(r, QHCP_E_PARSE, what);
    len = strcspn(p, " \t");
    for (size_t i = 0; i < n; i++) {
        if (from[i].unit != unit || strlen(from[i].name) != len ||
            memcmp(from[i].name, p, len) != 0)
            continue;
        value = value * from[i].factor / scale;
        if (value > max)
            return refuse(r, QHCP_E_ARG, "too large");
        r->p = p + len;
        *ret = (uint64_t)value;
        return 0;
    }
    return refuse(r, QHCP_E_PARSE, what);
}

static int read_metric(struct reader *r, threshold_unit_fn unit, const void *ctx,
                       struct threshold *t)
{
    size_t n = strspn(r->p, "abcdefghijklmnopqrstuvwxyz0123456789_");

    if (n == 0 || n > LIMIT_NAME)
        return refuse(r, QHCP_E_PARSE, "a metric's name is wanted here");
    memcpy(t->metric, r->p, n);
    t->metric[n] = '\0';
    if (!unit(ctx, t->metric, &t->unit))
        return refuse(r, QHCP_E_NOT_FOUND,
                      "there is no metric of this name; --metrics declares an application's own");
    r->p += n;
    return 0;
}

static int read_limit(struct reader *r, unsigned unit, uint64_t *ret)
{
    static const char *const wanted[] = {
        "a number is wanted here, as 90", "a percentage is wanted here, as 90 or 90%",
        "bytes are wanted here, as 1048576 or 512MiB",
        "microseconds are wanted here, as 20000 or 20ms", "a number is wanted here, as 2.5"};

    skip_blanks(r);
    return read_number(r, suffixes, COUNT(suffixes), unit, CURSOR_VARINT_MAX, wanted[unit], ret);
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
            err = read_number(r, durations, COUNT(durations), 0, HOLD_MAX,
                              "a duration of up to 24h is wanted here, as 5s", &t->hold);
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
            return refuse(&r, QHCP_E_PARSE, "> or < is wanted here");
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

void threshold_value_text(unsigned unit, uint64_t value, char *ret, size_t cap)
{
    uint64_t scale = unit == WIRE_UNIT_PERCENT ? 100 : unit == WIRE_UNIT_MILLI ? 1000 : 1;
    unsigned long long whole = value / scale, part = value % scale;

    if (part == 0)
        snprintf(ret, cap, "%llu", whole);
    else if (part * 10 % scale == 0)
        snprintf(ret, cap, "%llu.%llu", whole, part * 10 / scale);
    else
        snprintf(ret, cap, "%llu.%0*llu", whole, scale == 100 ? 2 : 3, part);
}

void threshold_words(const struct threshold *t, char *ret, size_t cap)
{
    char seen[32], limit[32], hold[32] = "";

    threshold_value_text(t->unit, t->seen, seen, sizeof seen);
    threshold_value_text(t->unit, t->limit, limit, sizeof limit);
    if (t->hold >= NSEC_PER_SEC && t->hold % NSEC_PER_SEC == 0)
        snprintf(hold, sizeof hold, " for %llus", (unsigned long long)(t->hold / NSEC_PER_SEC));
    else if (t->hold > 0)
        snprintf(hold, sizeof hold, " for %llums", (unsigned long long)(t->hold / NSEC_PER_MSEC));
    snprintf(ret, cap, "%s is %s: %s %s%s", t->metric, seen, t->below ? "under" : "over", limit,
             hold);
}
