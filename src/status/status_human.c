#include "status/status_human.h"

#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "fleet/entry.h"
#include "proxy/proxy.h"

#define STATES (QHCP_DOWN + 1)
#define ADDRESS_WIDTH 48 /* longest address that widens its column */
#define STATE_WIDTH 11   /* "maintenance" */
#define WIDE 120         /* a line that holds all columns and a reason */

struct tally {
    size_t total, by_state[STATES];
    size_t listening; /* servers that send their status by themselves */
    size_t width;     /* of the widest address */
};

/* What people call it. */
static const char *called(const struct status_fleet *fleet, size_t index, const struct qhcp_view *v)
{
    const struct fleet_entry *e = fleet->entry ? fleet->entry(fleet->ctx, index) : NULL;

    return e && fleet_text(e, FLEET_LABEL)[0] ? fleet_text(e, FLEET_LABEL) : v->address;
}

static struct tally count(const struct status_fleet *fleet)
{
    struct tally tally = {.width = strlen("SERVER")};
    struct qhcp_view v;

    for (size_t i = 0, n = fleet->count(fleet->ctx); i < n; i++) {
        if (fleet->view(fleet->ctx, i, &v) < 0)
            continue;
        size_t width = text_width(called(fleet, i, &v));
        tally.total++;
        tally.listening += v.listening;
        tally.by_state[(unsigned)v.state < STATES ? v.state : QHCP_CONNECTING]++;
        if (width > tally.width)
            tally.width = width < ADDRESS_WIDTH ? width : ADDRESS_WIDTH;
    }
    return tally;
}

static void add_summary(struct text *t, const struct tally *tally, const char *time)
{
    const char *before = " (";

    text_printf(t, "%s  %zu of %zu servers are healthy", time,
                tally->by_state[QHCP_UP] + tally->by_state[QHCP_DEGRADED], tally->total);
    for (int s = STATES - 1; s >= 0; s--) {
        if (s == QHCP_UP || tally->by_state[s] == 0)
            continue;
        text_printf(t, "%s%zu %s", before, tally->by_state[s], qhcp_state_name((enum qhcp_state)s));
        before = ", ";
    }
    text_add(t, before[0] == ',' ? ")" : "");
    if (tally->listening > 0)
        text_printf(t, ", listening to %zu", tally->listening);
    text_add(t, "\n");
}

void status_human_percent(const struct qhcp_view *v, const char *metric, char *ret, size_t cap)
{
    snprintf(ret, cap, "-");
    for (size_t i = 0; i < v->n_values; i++) {
        unsigned long long tenths = (v->values[i].value + 5) / 10;
        if (v->values[i].unit == 1 && strcmp(v->values[i].name, metric) == 0)
            snprintf(ret, cap, "%llu.%llu %%", tenths / 10, tenths % 10);
    }
}

/* From `from` on: the line's end, no blanks before it, no more than width columns. */
static void end_line(struct text *t, size_t from, size_t width)
{
    if (t->failed)
        return;
    while (t->n > from && t->at[t->n - 1] == ' ')
        t->n--;
    t->at[t->n] = '\0';
    if (width > 0)
        t->n = from + text_fitting(t->at + from, width);
    text_add(t, "\n");
}

void status_human_age(qhcp_nsec since, qhcp_nsec now, char *ret, size_t cap)
{
    unsigned long long s = since < now ? (now - since) / NSEC_PER_SEC : 0;

    if (s < 100)
        snprintf(ret, cap, "%llus", s);
    else if (s < 100 * 60)
        snprintf(ret, cap, "%llum", s / 60);
    else if (s < 48 * 3600)
        snprintf(ret, cap, "%lluh", s / 3600);
    else
        snprintf(ret, cap, "%llud", s / (24 * 3600));
}

/* A row's columns; those that do not fit a narrow line are left out, which the header does too. */
struct columns {
    size_t address, width;
    qhcp_nsec now;
    bool figures; /* a line holds them and a reason */
    bool traffic; /* connections are forwarded */
    bool colour;
};

static struct columns make_columns(const struct status_fleet *fleet, const struct tally *tally,
                                   const struct status_human_page *page)
{
    return (struct columns){.address = tally->width,
                            .width = page->width,
                            .now = page->now,
                            .figures = page->width == 0 || page->width >= WIDE,
                            .traffic = fleet->forward != NULL,
                            .colour = page->colour};
}

static void add_header(struct text *t, const struct columns *c)
{
    size_t from = t->n;

    text_column(t, "SERVER", c->address);
    text_add(t, "  ");
    text_column(t, "STATE", STATE_WIDTH);
    text_printf(t, "%6s%9s%9s%11s", "SINCE", "CPU", "MEMORY", "RTT");
    if (c->traffic)
        text_printf(t, "%7s", "CONNS");
    if (c->traffic && c->figures)
        text_printf(t, "%7s%9s", "SHARE", "BYTES");
    if (c->figures)
        text_printf(t, "%15s", "ANSWERED");
    text_add(t, "  REASON");
    end_line(t, from, c->width);
}

/* SGR (ECMA-48, 8.3.117) for a state. */
static const char *colour_of(enum qhcp_state state)
{
    switch (state) {
    case QHCP_UP:
        return "\033[32m";
    case QHCP_DEGRADED:
        return "\033[33m";
    case QHCP_DRAINING:
    case QHCP_MAINTENANCE:
        return "\033[36m";
    case QHCP_DOWN:
        return "\033[1;31m";
    case QHCP_CONNECTING:
        break;
    }
    return "\033[2m";
}

static void add_state(struct text *t, enum qhcp_state state, size_t width, bool colour)
{
    text_add(t, colour ? colour_of(state) : "");
    if (width > 0)
        text_column(t, qhcp_state_name(state), width);
    else
        text_add(t, qhcp_state_name(state));
    text_add(t, colour ? "\033[0m" : "");
}

/* "1.2 GB": three digits, decimal units. */
static void format_bytes(uint64_t bytes, char *ret, size_t cap)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    for (; value >= 999.5; value /= 1000)
        unit++;
    snprintf(ret, cap, "%.*f %s", unit > 0 && value < 9.95 ? 1 : 0, value, units[unit]);
}

static void add_traffic(struct text *t, const struct status_fleet *fleet, const struct qhcp_view *v,
                        const struct columns *c)
{
    char bytes[16] = "-", conns[16] = "-";
    struct proxy_counts counts;

    if (!c->traffic)
        return;
    if (fleet->forward(fleet->ctx, v->address, &counts)) {
        snprintf(conns, sizeof conns, "%u", counts.in_flight);
        format_bytes(counts.bytes_in + counts.bytes_out, bytes, sizeof bytes);
    }
    text_printf(t, "%7s", conns);
    if (c->figures)
        text_printf(t, "%5u %%%9s", v->share / 10, bytes);
}

/* What a line shows of one that answers. */
static void add_figures(struct text *t, const struct status_fleet *fleet, const struct qhcp_view *v,
                        bool fresh, const struct columns *c)
{
    char cpu[32], memory[32], rtt[32] = "-", answered[48];
    struct qhcp_view none = {.n_values = 0};

    status_human_percent(fresh ? v : &none, "cpu_usage_percent", cpu, sizeof cpu);
    status_human_percent(fresh ? v : &none, "memory_usage_percent", memory, sizeof memory);
    if (fresh && v->rtt_us > 0)
        snprintf(rtt, sizeof rtt, "%.2f ms", (double)v->rtt_us / 1000);
    text_printf(t, "%9s%9s%11s", cpu, memory, rtt);
    add_traffic(t, fleet, v, c);
    snprintf(answered, sizeof answered, "%llu/%llu", (unsigned long long)v->checks_ok,
             (unsigned long long)v->checks_sent);
    if (c->figures)
        text_printf(t, "%15s", answered);
}

static void add_row(struct text *t, const struct status_fleet *fleet, size_t index,
                    const struct qhcp_view *v, const struct columns *c)
{
    bool fresh = v->state != QHCP_DOWN && v->state != QHCP_CONNECTING;
    size_t from = t->n, marks = c->colour ? strlen(colour_of(v->state)) + strlen("\033[0m") : 0;
    char since[16];

    text_column(t, called(fleet, index, v), c->address);
    text_add(t, "  ");
    add_state(t, v->state, STATE_WIDTH, c->colour);
    status_human_age(v->since, c->now, since, sizeof since);
    text_printf(t, "%6s", since);
    if (fresh || c->figures)
        add_figures(t, fleet, v, fresh, c);
    text_add(t, "  "); /* on a narrow line the reason takes the place of missing figures */
    text_plain(t, v->reason);
    if (v->false_verdicts > 0)
        text_printf(t, "%s%u false verdict%s", v->reason[0] != '\0' ? "; " : "", v->false_verdicts,
                    v->false_verdicts == 1 ? "" : "s");
    end_line(t, from, c->width > 0 ? c->width + marks : 0);
    if (v->notice[0] != '\0') {
        from = t->n;
        text_add(t, "  ! ");
        text_plain(t, v->notice);
        end_line(t, from, c->width);
    }
}

enum pick { PICK_ALL, PICK_BAD, PICK_UP };

/* Adds up to `most` rows of a kind; how many it added. */
static size_t add_rows(struct text *t, const struct status_fleet *fleet, enum pick pick,
                       size_t most, const struct columns *columns)
{
    struct qhcp_view v;
    size_t added = 0;

    for (size_t i = 0, n = fleet->count(fleet->ctx); i < n && added < most; i++) {
        if (fleet->view(fleet->ctx, i, &v) < 0)
            continue;
        if (pick != PICK_ALL && (v.state == QHCP_UP) != (pick == PICK_UP))
            continue;
        add_row(t, fleet, i, &v, columns);
        added++;
    }
    return added;
}

/* What panic, or its end, leads to. */
static const char *follows(enum qhcp_use use)
{
    switch (use) {
    case QHCP_USE_ALL:
        return "using every server except those that left on purpose";
    case QHCP_USE_NONE:
        return "using no server";
    case QHCP_USE_HEALTHY:
        break;
    }
    return "using the healthy servers";
}

void status_human_summary(struct text *t, const struct status_fleet *fleet, const char *time)
{
    struct tally tally = count(fleet);

    add_summary(t, &tally, time);
}

/* Those that fail. */
static void add_sources(struct text *t, const struct status_fleet *fleet, size_t width)
{
    struct status_source s;
    char age[WORDS_SPAN];

    for (size_t i = 0; fleet->source && fleet->source(fleet->ctx, i, &s); i++) {
        size_t from = t->n;

        if (s.words[0] == '\0')
            continue;
        text_add(t, "WARNING: source ");
        text_plain(t, s.name);
        text_add(t, ": ");
        text_plain(t, s.words);
        words_span((int64_t)(s.age / NSEC_PER_SEC), age);
        if (s.age != NSEC_NEVER)
            text_printf(t, "; keeping its %zu server%s, confirmed %s ago", TEXT_COUNT(s.servers),
                        age);
        end_line(t, from, width);
    }
}

static void add_sinks(struct text *t, const struct status_fleet *fleet, size_t width)
{
    struct status_sink s;
    char age[WORDS_SPAN];

    for (size_t i = 0; fleet->sink && fleet->sink(fleet->ctx, i, &s); i++) {
        size_t from = t->n;

        if (s.words[0] == '\0')
            continue;
        text_add(t, "WARNING: sink ");
        text_plain(t, s.name);
        text_add(t, ": ");
        text_plain(t, s.words);
        words_span((int64_t)(s.age / NSEC_PER_SEC), age);
        if (s.age != NSEC_NEVER)
            text_printf(t, "; told %s ago", age);
        end_line(t, from, width);
    }
}

void status_human_table(struct text *t, const struct status_fleet *fleet,
                        const struct status_human_page *page)
{
    struct tally tally = count(fleet);
    struct qhcp_self self = {0};
    struct columns columns;
    size_t up = tally.by_state[QHCP_UP], bad = tally.total - up, from;
    size_t most_bad = page->rows > page->rows_bad ? page->rows : page->rows_bad;

    add_summary(t, &tally, page->time);
    if (fleet->insecure) {
        from = t->n;
        text_add(t, "WARNING: --insecure: the certificates of the servers are not verified");
        end_line(t, from, page->width);
    }
    add_sources(t, fleet, page->width);
    add_sinks(t, fleet, page->width);
    if (fleet->self)
        fleet->self(fleet->ctx, &self);
    if (self.panic.on) {
        from = t->n;
        text_printf(t, "PANIC: too few servers are healthy: %s", follows(self.panic.use));
        end_line(t, from, page->width);
    }
    if (self.held > 0) {
        from = t->n;
        text_printf(
            t, "WARNING: the brake HOLDS %zu server%s: silent, and not called down yet (--brake)",
            TEXT_COUNT(self.held));
        end_line(t, from, page->width);
    }
    if (self.local_score > 0) {
        from = t->n;
        text_printf(t,
                    "WARNING: this load balancer is late or cut off itself (score %u of 7): "
                    "silence makes no server down",
                    self.local_score);
        end_line(t, from, page->width);
    }
    columns = make_columns(fleet, &tally, page);
    add_header(t, &columns);
    if (tally.total <= page->rows) {
        add_rows(t, fleet, PICK_ALL, page->rows, &columns);
        return;
    }
    size_t shown_bad = add_rows(t, fleet, PICK_BAD, most_bad, &columns);
    size_t left = shown_bad < page->rows ? page->rows - shown_bad : 0;
    size_t shown_up = add_rows(t, fleet, PICK_UP, left, &columns);
    if (bad > shown_bad)
        text_printf(t, "... and %zu more that are not up\n", bad - shown_bad);
    if (up > shown_up)
        text_printf(t, "... and %zu more that are up\n", up - shown_up);
}

/* "web1 (10.0.0.1:4243)" */
static void add_who(struct text *t, const char *name, const char *address)
{
    if (name[0] != '\0')
        text_printf(t, "%s (", name);
    text_plain(t, address);
    text_add(t, name[0] != '\0' ? "): " : ": ");
}

void status_human_listed(struct text *t, const struct status_listed *listed, const char *before)
{
    text_add(t, before);
    add_who(t, listed->name, listed->address);
    if (listed->kind == STATUS_CHANGED)
        text_plain(t, listed->words);
    else
        text_add(t, listed->kind == STATUS_ADDED ? "added to the list" : "removed from the list");
    text_add(t, "\n");
}

void status_human_event(struct text *t, const struct qhcp_event *event, const char *name,
                        const char *before, bool colour)
{
    text_add(t, before);
    add_who(t, name, event->address);
    add_state(t, event->from, 0, colour);
    text_add(t, " -> ");
    add_state(t, event->to, 0, colour);
    if (event->reason && event->reason[0] != '\0') {
        text_add(t, ": ");
        text_plain(t, event->reason);
    }
    if (event->evidence && event->evidence[0] != '\0') {
        text_add(t, " (");
        text_plain(t, event->evidence);
        text_add(t, ")");
    }
    text_add(t, "\n");
}

void status_human_panic(struct text *t, const struct qhcp_panic *panic, const char *before)
{
    text_printf(t, "%s%s: %zu of %zu servers are healthy: %s\n", before,
                panic->on ? "PANIC" : "the panic is over", panic->healthy, panic->total,
                follows(panic->use));
}
