#include "status/status_human.h"

#include <stdio.h>
#include <string.h>

#define STATES (QHCP_DOWN + 1)
#define ADDRESS_WIDTH 48 /* longest address that widens its column */
#define STATE_WIDTH 11   /* "maintenance" */
#define WIDE 110         /* a line that holds all columns and a reason */

struct tally {
    size_t total, by_state[STATES];
    size_t width; /* of the widest address */
};

static struct tally count(const struct status_fleet *fleet)
{
    struct tally tally = {.width = strlen("SERVER")};
    struct qhcp_view v;

    for (size_t i = 0, n = fleet->count(fleet->ctx); i < n; i++) {
        if (fleet->view(fleet->ctx, i, &v) < 0)
            continue;
        size_t width = text_width(v.address);
        tally.total++;
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
    text_add(t, before[0] == ',' ? ")\n" : "\n");
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

static void add_header(struct text *t, size_t address_width, size_t width)
{
    size_t from = t->n;

    text_column(t, "SERVER", address_width);
    text_add(t, "  ");
    text_column(t, "STATE", STATE_WIDTH);
    text_printf(t, "%9s%9s%11s%15s  REASON", "CPU", "MEMORY", "RTT", "ANSWERED");
    end_line(t, from, width);
}

static void add_row(struct text *t, const struct qhcp_view *v, size_t address_width, size_t width)
{
    char cpu[32], memory[32], rtt[32] = "-", answered[48];
    bool fresh = v->state != QHCP_DOWN && v->state != QHCP_CONNECTING;
    struct qhcp_view none = {.n_values = 0};
    size_t from = t->n;

    status_human_percent(fresh ? v : &none, "cpu_usage_percent", cpu, sizeof cpu);
    status_human_percent(fresh ? v : &none, "memory_usage_percent", memory, sizeof memory);
    if (fresh && v->rtt_us > 0)
        snprintf(rtt, sizeof rtt, "%.2f ms", (double)v->rtt_us / 1000);
    snprintf(answered, sizeof answered, "%llu/%llu", (unsigned long long)v->checks_ok,
             (unsigned long long)v->checks_sent);
    text_column(t, v->address, address_width);
    text_add(t, "  ");
    text_column(t, qhcp_state_name(v->state), STATE_WIDTH);
    if (fresh || width == 0 || width >= WIDE)
        text_printf(t, "%9s%9s%11s%15s", cpu, memory, rtt, answered);
    text_add(t, "  "); /* on a narrow line the reason stands where there are no figures */
    text_plain(t, v->reason);
    if (v->false_verdicts > 0)
        text_printf(t, "%s%u false verdict%s", v->reason[0] != '\0' ? "; " : "", v->false_verdicts,
                    v->false_verdicts == 1 ? "" : "s");
    end_line(t, from, width);
    if (v->notice[0] != '\0') {
        from = t->n;
        text_add(t, "  ! ");
        text_plain(t, v->notice);
        end_line(t, from, width);
    }
}

enum pick { PICK_ALL, PICK_BAD, PICK_UP };

/* Adds up to `most` rows of a kind; how many it added. */
static size_t add_rows(struct text *t, const struct status_fleet *fleet, enum pick pick,
                       size_t most, const struct tally *tally, size_t width)
{
    struct qhcp_view v;
    size_t added = 0;

    for (size_t i = 0, n = fleet->count(fleet->ctx); i < n && added < most; i++) {
        if (fleet->view(fleet->ctx, i, &v) < 0)
            continue;
        if (pick != PICK_ALL && (v.state == QHCP_UP) != (pick == PICK_UP))
            continue;
        add_row(t, &v, tally->width, width);
        added++;
    }
    return added;
}

/* What panic, or its end, leads to. */
static const char *follows(enum qhcp_use use)
{
    switch (use) {
    case QHCP_USE_ALL:
        return "all are to be used but those that left on purpose";
    case QHCP_USE_NONE:
        return "none is to be used";
    case QHCP_USE_HEALTHY:
        break;
    }
    return "those are to be used";
}

void status_human_summary(struct text *t, const struct status_fleet *fleet, const char *time)
{
    struct tally tally = count(fleet);

    add_summary(t, &tally, time);
}

void status_human_table(struct text *t, const struct status_fleet *fleet,
                        const struct status_human_page *page)
{
    struct tally tally = count(fleet);
    struct qhcp_self self = {0};
    size_t up = tally.by_state[QHCP_UP], bad = tally.total - up, from;
    size_t most_bad = page->rows > page->rows_bad ? page->rows : page->rows_bad;

    add_summary(t, &tally, page->time);
    if (fleet->insecure) {
        from = t->n;
        text_add(t, "WARNING: --insecure: the certificates of the servers are not verified");
        end_line(t, from, page->width);
    }
    if (fleet->self)
        fleet->self(fleet->ctx, &self);
    if (self.panic.on) {
        from = t->n;
        text_printf(t, "PANIC: too few servers are healthy: %s", follows(self.panic.use));
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
    add_header(t, tally.width, page->width);
    if (tally.total <= page->rows) {
        add_rows(t, fleet, PICK_ALL, page->rows, &tally, page->width);
        return;
    }
    size_t shown_bad = add_rows(t, fleet, PICK_BAD, most_bad, &tally, page->width);
    size_t left = shown_bad < page->rows ? page->rows - shown_bad : 0;
    size_t shown_up = add_rows(t, fleet, PICK_UP, left, &tally, page->width);
    if (bad > shown_bad)
        text_printf(t, "... and %zu more that are not up\n", bad - shown_bad);
    if (up > shown_up)
        text_printf(t, "... and %zu more that are up\n", up - shown_up);
}

void status_human_event(struct text *t, const struct qhcp_event *event, const char *time)
{
    text_printf(t, "%s  ", time);
    text_plain(t, event->address);
    text_printf(t, "  %s -> %s", qhcp_state_name(event->from), qhcp_state_name(event->to));
    if (event->reason && event->reason[0] != '\0') {
        text_add(t, ": ");
        text_plain(t, event->reason);
    }
    text_add(t, "\n");
}

void status_human_panic(struct text *t, const struct qhcp_panic *panic, const char *time)
{
    text_printf(t, "%s  %s: %zu of %zu servers are healthy: %s\n", time,
                panic->on ? "PANIC" : "the panic is over", panic->healthy, panic->total,
                follows(panic->use));
}
