#include "cli/overview.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/text.h"
#include "cli/admin_client.h"
#include "status/status_human.h"

#define NAME_WIDTH 48  /* the longest name that widens its column */
#define SINKS_NAMED 3  /* lines about sinks: the servers want room too */
#define STATE_WIDTH 11 /* "maintenance" */

static uint64_t number_of(const json_t *object, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(object, name));

    return v > 0 ? (uint64_t)v : 0;
}

static bool is(const json_t *object, const char *name, const char *value)
{
    return strcmp(admin_client_text(object, name), value) == 0;
}

enum qhcp_state overview_state(const json_t *server)
{
    for (int s = QHCP_CONNECTING; s <= QHCP_DOWN; s++)
        if (is(server, "state", qhcp_state_name((enum qhcp_state)s)))
            return (enum qhcp_state)s;
    return QHCP_CONNECTING;
}

enum overview_status overview_status(const json_t *self, const json_t *servers)
{
    const json_t *list = json_object_get(servers, "servers");
    bool well = json_array_size(list) > 0 && !json_is_true(json_object_get(self, "panic")) &&
                json_integer_value(json_object_get(self, "held")) == 0;

    if (!is(self, "status", "ok"))
        return OVERVIEW_BALANCER;
    for (size_t i = 0; well && i < json_array_size(list); i++)
        well = overview_state(json_array_get(list, i)) == QHCP_UP;
    return well ? OVERVIEW_WELL : OVERVIEW_SERVERS;
}

/* ---- what is worst comes first ---- */

struct row {
    const json_t *server;
    int rank;
    int64_t since_ms;
    size_t index;
};

int overview_rank(enum qhcp_state state)
{
    static const int ranks[] = {[QHCP_DOWN] = 0,        [QHCP_DEGRADED] = 1, [QHCP_CONNECTING] = 2,
                                [QHCP_MAINTENANCE] = 3, [QHCP_DRAINING] = 4, [QHCP_UP] = 5};

    return ranks[state];
}

/* Of one state: those first that changed last, but servers that are up stay in their order. */
static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->rank != overview_rank(QHCP_UP) && x->since_ms != y->since_ms)
        return x->since_ms > y->since_ms ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

/* NULL: out of memory, or there is none. */
static struct row *sorted(const json_t *list)
{
    size_t n = json_array_size(list);
    struct row *rows = n > 0 ? calloc(n, sizeof *rows) : NULL;

    for (size_t i = 0; rows && i < n; i++) {
        const json_t *server = json_array_get(list, i);

        rows[i] = (struct row){.server = server,
                               .rank = overview_rank(overview_state(server)),
                               .since_ms = admin_client_time(admin_client_text(server, "since")),
                               .index = i};
    }
    if (rows)
        qsort(rows, n, sizeof *rows, compare);
    return rows;
}

/* ---- lines ---- */

struct page {
    size_t name, width;
    int64_t now_ms;
    bool colour;
};

/* A line that began at `from` ends: cut at the width, without blanks behind. */
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

static const char *colour_of(enum qhcp_state state)
{
    static const char *const colours[] = {
        [QHCP_CONNECTING] = "\033[2m",   [QHCP_UP] = "\033[32m",
        [QHCP_DEGRADED] = "\033[33m",    [QHCP_DRAINING] = "\033[36m",
        [QHCP_MAINTENANCE] = "\033[36m", [QHCP_DOWN] = "\033[1;31m"};

    return colours[state];
}

static void add_warning(struct text *t, size_t width, const char *what, const char *words)
{
    size_t from = t->n;

    text_add(t, what);
    text_plain(t, words);
    end_line(t, from, width);
}

void overview_summary(struct text *t, const json_t *self, int64_t now_ms)
{
    static const int order[] = {QHCP_DOWN, QHCP_DEGRADED, QHCP_CONNECTING, QHCP_MAINTENANCE,
                                QHCP_DRAINING};
    const json_t *servers = json_object_get(self, "servers");
    char time[CLOCK_TEXT];
    const char *before = " (";

    text_printf(t, "%s  %llu of %llu servers are healthy", clock_local(now_ms, time),
                (unsigned long long)number_of(servers, "healthy"),
                (unsigned long long)number_of(servers, "total"));
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const char *name = qhcp_state_name((enum qhcp_state)order[i]);

        if (number_of(servers, name) == 0)
            continue;
        text_printf(t, "%s%llu %s", before, (unsigned long long)number_of(servers, name), name);
        before = ", ";
    }
    text_add(t, before[0] == ',' ? ")" : "");
}

/* Sinks that fail: the first ones by name. */
static void warn_of_sinks(struct text *t, const json_t *self, size_t width)
{
    const json_t *list = json_object_get(self, "sinks");
    size_t failing = 0;
    char more[80];

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *sink = json_array_get(list, i);
        size_t from = t->n;

        if (!json_is_true(json_object_get(sink, "failing")) || ++failing > SINKS_NAMED)
            continue;
        text_add(t, "WARNING: sink ");
        text_plain(t, admin_client_text(sink, "name"));
        text_add(t, ": ");
        text_plain(t, admin_client_text(sink, "reason"));
        end_line(t, from, width);
    }
    if (failing <= SINKS_NAMED)
        return;
    snprintf(more, sizeof more, "WARNING: sinks that fail besides: %zu", failing - SINKS_NAMED);
    add_warning(t, width, more, " (GET /api/v1/sinks shows all)");
}

void overview_warnings(struct text *t, const json_t *self, size_t width)
{
    char what[80];

    if (!is(self, "status", "ok")) {
        snprintf(what, sizeof what, "WARNING: the load balancer itself is not well (%.8s): ",
                 is(self, "status", "late") || is(self, "status", "deaf") ||
                         is(self, "status", "stale")
                     ? admin_client_text(self, "status")
                     : "unknown");
        add_warning(t, width, what, admin_client_text(self, "reason"));
    }
    if (json_is_true(json_object_get(self, "panic")))
        add_warning(t, width, "PANIC: too few servers are healthy; servers in use: ",
                    admin_client_text(self, "use"));
    if (json_integer_value(json_object_get(self, "held")) > 0) {
        snprintf(what, sizeof what, "WARNING: the brake HOLDS servers (--brake): %lld: ",
                 (long long)json_integer_value(json_object_get(self, "held")));
        add_warning(t, width, what, "silent, and not called down yet");
    }
    warn_of_sinks(t, self, width);
    if (json_is_true(json_object_get(self, "insecure")))
        add_warning(t, width,
                    "WARNING: --insecure: ", "the certificates of the servers are not verified");
}

static void add_titles(struct text *t, const struct page *p)
{
    size_t from = t->n;

    text_column(t, "SERVER", p->name);
    text_add(t, "  ");
    text_column(t, "STATE", STATE_WIDTH);
    text_printf(t, "%6s%7s%7s%11s  REASON", "SINCE", "SHARE", "CONNS", "RTT");
    end_line(t, from, p->width);
}

static void add_figures(struct text *t, const struct row *row, const struct page *p)
{
    const json_t *forward = json_object_get(row->server, "forward");
    enum qhcp_state state = overview_state(row->server);
    uint64_t rtt_us = number_of(json_object_get(row->server, "verdict"), "rtt_us");
    char since[16] = "-", connections[24] = "-", rtt[32] = "-";

    if (row->since_ms >= 0)
        status_human_age((qhcp_nsec)row->since_ms * NSEC_PER_MSEC,
                         (qhcp_nsec)p->now_ms * NSEC_PER_MSEC, since, sizeof since);
    if (json_is_object(forward))
        snprintf(connections, sizeof connections, "%llu",
                 (unsigned long long)number_of(forward, "in_flight"));
    if (rtt_us > 0 && state != QHCP_DOWN && state != QHCP_CONNECTING)
        snprintf(rtt, sizeof rtt, "%.2f ms", (double)rtt_us / 1000);
    text_printf(t, "%6s%5llu %%%7s%11s  ", since,
                (unsigned long long)number_of(row->server, "share") / 10, connections, rtt);
}

static void add_row(struct text *t, const struct row *row, const struct page *p)
{
    enum qhcp_state state = overview_state(row->server);
    size_t from = t->n, marks = p->colour ? strlen(colour_of(state)) + strlen("\033[0m") : 0;

    text_column(t, admin_client_text(row->server, "name"), p->name);
    text_add(t, "  ");
    text_add(t, p->colour ? colour_of(state) : "");
    text_column(t, qhcp_state_name(state), STATE_WIDTH);
    text_add(t, p->colour ? "\033[0m" : "");
    add_figures(t, row, p);
    text_plain(t, admin_client_text(row->server, "reason"));
    end_line(t, from, p->width > 0 ? p->width + marks : 0);
    if (!is(row->server, "notice", ""))
        add_warning(t, p->width, "  ! ", admin_client_text(row->server, "notice"));
}

static size_t name_width(const json_t *list)
{
    size_t width = strlen("SERVER");

    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t n = text_width(admin_client_text(json_array_get(list, i), "name"));

        width = n > width ? n : width;
    }
    return width < NAME_WIDTH ? width : NAME_WIDTH;
}

void overview_table(struct text *t, const json_t *self, const json_t *servers, size_t width,
                    bool colour)
{
    const json_t *list = json_object_get(servers, "servers");
    const struct page p = {.name = name_width(list),
                           .width = width,
                           .now_ms = admin_client_time(admin_client_text(servers, "time")),
                           .colour = colour};
    struct row *rows = sorted(list);
    size_t from = t->n;

    t->failed = t->failed || (!rows && json_array_size(list) > 0);
    overview_summary(t, self, p.now_ms);
    end_line(t, from, width);
    overview_warnings(t, self, width);
    if (rows)
        add_titles(t, &p);
    for (size_t i = 0; rows && i < json_array_size(list); i++)
        add_row(t, &rows[i], &p);
    free(rows);
}
