#include "status/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "status/status_human.h"
#include "status/status_json.h"

#define STATUS_SOON (100 * NSEC_PER_MSEC) /* events this close share one summary */
#define STATUS_ROWS 40                    /* off the terminal: a page */
#define STATUS_ROWS_BAD 300  /* off the terminal: what is not up is named, within reason */
#define STATUS_OTHER_LINES 5 /* on the terminal: summary, warning, header, two of "more" */

/* no-color.org: set and not empty means none. */
static bool shows_colours(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return (!no || no[0] == '\0') && term && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

void status_init(struct status *s, enum status_format format, int fd, qhcp_nsec interval,
                 const struct status_fleet *fleet, qhcp_nsec now)
{
    if (format == STATUS_AUTO)
        format = log_journal() && log_shares(fd) ? STATUS_NONE : STATUS_HUMAN;
    *s = (struct status){.format = format, .fleet = *fleet, .interval = interval};
    output_init(&s->out, fd, OUTPUT_BACKLOG);
    s->terminal = format == STATUS_HUMAN && isatty(fd);
    s->colour = s->terminal && shows_colours();
    s->tells = (format == STATUS_HUMAN || format == STATUS_EVENTS) && log_shares(fd);
    s->next = nsec_add(now, nsec_min(interval, NSEC_PER_SEC));
    s->soon = NSEC_NEVER;
}

void status_deinit(struct status *s)
{
    output_deinit(&s->out);
    text_deinit(&s->line);
    text_deinit(&s->frame);
}

void status_set_interval(struct status *s, qhcp_nsec interval, qhcp_nsec now)
{
    s->interval = interval;
    s->next = nsec_min(s->next, nsec_add(now, interval));
}

/* Says once that nobody reads any more; watching goes on. */
static void tell_error(struct status *s)
{
    if (s->out.error == 0 || s->told_error)
        return;
    s->told_error = true;
    log_divert(NULL, NULL);
    log_say(QHCP_LOG_WARNING, "standard output: %s; printing no more status, still watching",
            strerror(s->out.error));
}

/* When the reader has caught up, it gets the number of dropped lines: one notice for each gap. */
static void tell_dropped(struct status *s)
{
    struct text t = {0};
    uint64_t dropped;

    output_flush(&s->out);
    if (s->out.dropped == 0 || s->out.n > 0)
        return;
    dropped = output_take_dropped(&s->out);
    if (s->format == STATUS_JSON || s->format == STATUS_JSON_EVENTS)
        status_json_dropped(&t, dropped, clock_wall_ms());
    else
        text_printf(&t, "(dropped %zu line%s that nobody read)\n", TEXT_COUNT(dropped));
    if (t.failed || !output_write(&s->out, t.at, t.n))
        s->out.dropped = dropped; /* still no room: the notice itself does not count */
    text_deinit(&t);
}

/* Behind a notice that did not fit nothing else goes, so that the order stays true. */
static bool put(struct status *s, const char *p, size_t n)
{
    bool taken = false;

    tell_dropped(s);
    if (s->out.dropped == 0)
        taken = output_write(&s->out, p, n);
    else
        for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
            s->out.dropped++;
    tell_error(s);
    return taken;
}

/* The table of the terminal: goes up over the one before and clears from there (ECMA-48: CUU, ED).
 */
static void begin_paint(struct status *s, struct text *t)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};

    if (ioctl(s->out.fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0) {
        size.ws_row = 24;
        size.ws_col = 80;
    }
    if (size.ws_row == s->rows && size.ws_col == s->columns && s->frame_lines > 0)
        text_printf(t, "\r\033[%zuA\033[J", s->frame_lines);
    s->rows = size.ws_row;
    s->columns = size.ws_col;
}

static size_t count_lines(const struct text *t)
{
    size_t lines = 0;

    for (size_t i = 0; i < t->n; i++)
        lines += t->at[i] == '\n';
    return lines;
}

static void render(struct status *s, qhcp_nsec now)
{
    char time[CLOCK_TEXT];
    struct status_human_page page = {
        .time = clock_local(clock_wall_ms(), time), .now = now, .colour = s->colour};

    page.rows = s->rows > STATUS_OTHER_LINES + 3 ? s->rows - STATUS_OTHER_LINES - 1u : 3;
    page.rows_bad = page.rows;
    page.width = s->columns - 1u; /* a full last column wraps on some terminals */
    text_reset(&s->frame);
    status_human_table(&s->frame, &s->fleet, &page);
}

/* Puts text (may be empty) above the table, and the table below it: as it was at `fresh`, or as it
 * was painted last where that is 0. */
static void paint(struct status *s, const char *above, size_t n, qhcp_nsec fresh)
{
    text_reset(&s->line);
    begin_paint(s, &s->line);
    text_bytes(&s->line, above, n);
    if (fresh > 0)
        render(s, fresh);
    text_bytes(&s->line, s->frame.at ? s->frame.at : "", s->frame.n);
    if (!s->line.failed && put(s, s->line.at, s->line.n))
        s->frame_lines = count_lines(&s->frame);
}

void status_log_line(void *ctx, const char *line, size_t n)
{
    paint(ctx, line, n, 0);
}

/* A line of its own, above the table where there is one; a summary follows. */
static void tell(struct status *s, const struct text *t, qhcp_nsec now)
{
    if (!t->failed && s->terminal)
        paint(s, t->at, t->n, 0);
    else if (!t->failed)
        put(s, t->at, t->n);
    if (s->format == STATUS_HUMAN && s->soon == NSEC_NEVER)
        s->soon = nsec_add(now, STATUS_SOON);
}

/* The prefix of a line: the time; in the journal, which has the time, the priority. */
static const char *before(const struct status *s, enum qhcp_log_level level, int64_t wall_ms,
                          char ret[CLOCK_TEXT + 2])
{
    const char *priority = s->tells ? log_priority(level) : "";
    char time[CLOCK_TEXT];

    if (priority[0] != '\0')
        return priority;
    snprintf(ret, CLOCK_TEXT + 2, "%s  ", clock_local(wall_ms, time));
    return ret;
}

static enum qhcp_log_level level_of(enum qhcp_state state)
{
    return state == QHCP_DOWN || state == QHCP_DEGRADED ? QHCP_LOG_WARNING : QHCP_LOG_INFO;
}

/* The line in t, with what it is about for programs; t is empty then. */
static void log_line(enum qhcp_log_level level, const struct log_field *fields, size_t n,
                     struct text *t)
{
    if (t->n > 0 && !t->failed) {
        t->at[t->n - 1] = '\0';
        log_fields(level, fields, n, t->at);
    }
    text_reset(t);
}

void status_event(struct status *s, const struct qhcp_event *event, const char *name,
                  struct status_moment at)
{
    enum qhcp_log_level level = level_of(event->to);
    char time[CLOCK_TEXT + 2];
    struct text t = {0};

    if (!s->tells) {
        const struct log_field fields[] = {{"event", "state"},
                                           {"server", event->address},
                                           {"name", name[0] ? name : event->address},
                                           {"from", qhcp_state_name(event->from)},
                                           {"to", qhcp_state_name(event->to)},
                                           {"cause", qhcp_cause_name(event->cause)},
                                           {"reason", event->reason}};

        status_human_event(&t, event, name, "", false);
        log_line(level, fields, sizeof fields / sizeof fields[0], &t);
    }
    if (s->format == STATUS_JSON || s->format == STATUS_JSON_EVENTS)
        status_json_event(&t, event, name, at.ms);
    else if (s->format != STATUS_NONE)
        status_human_event(&t, event, name, before(s, level, at.ms, time), s->colour);
    if (s->format != STATUS_NONE)
        tell(s, &t, at.now);
    text_deinit(&t);
}

void status_panic(struct status *s, const struct qhcp_panic *panic, struct status_moment at)
{
    enum qhcp_log_level level = QHCP_LOG_WARNING;
    char time[CLOCK_TEXT + 2];
    struct text t = {0};

    if (!s->tells) {
        const struct log_field fields[] = {{"event", "panic"}, {"panic", panic->on ? "on" : "off"}};

        status_human_panic(&t, panic, "");
        log_line(level, fields, sizeof fields / sizeof fields[0], &t);
    }
    if (s->format == STATUS_JSON || s->format == STATUS_JSON_EVENTS)
        status_json_panic(&t, panic, at.ms);
    else if (s->format != STATUS_NONE)
        status_human_panic(&t, panic, before(s, level, at.ms, time));
    if (s->format != STATUS_NONE)
        tell(s, &t, at.now);
    text_deinit(&t);
}

void status_listed(struct status *s, const struct status_listed *listed, struct status_moment at)
{
    char time[CLOCK_TEXT + 2];
    struct text t = {0};

    if (s->format == STATUS_JSON || s->format == STATUS_JSON_EVENTS)
        status_json_listed(&t, listed, at.ms);
    else if (s->format != STATUS_NONE && !s->tells)
        status_human_listed(&t, listed, before(s, QHCP_LOG_INFO, at.ms, time));
    if (t.n > 0)
        tell(s, &t, at.now);
    text_deinit(&t);
}

/* Statuses at an interval, beside the events. */
static bool repeats(const struct status *s)
{
    return s->format == STATUS_HUMAN || s->format == STATUS_JSON;
}

qhcp_nsec status_deadline(const struct status *s)
{
    return repeats(s) ? nsec_min(s->next, s->soon) : NSEC_NEVER;
}

static void show_page(struct status *s, bool whole, qhcp_nsec now)
{
    char time[CLOCK_TEXT];
    struct status_human_page page = {.time = clock_local(clock_wall_ms(), time),
                                     .now = now,
                                     .rows = STATUS_ROWS,
                                     .rows_bad = STATUS_ROWS_BAD};

    if (s->terminal) {
        paint(s, "", 0, now);
        return;
    }
    text_reset(&s->line);
    if (whole)
        status_human_table(&s->line, &s->fleet, &page);
    else
        status_human_summary(&s->line, &s->fleet, page.time);
    if (!s->line.failed)
        put(s, s->line.at, s->line.n);
}

void status_expire(struct status *s, qhcp_nsec now)
{
    bool whole = s->next <= now;
    struct text line = {0};

    if (!repeats(s) || (!whole && s->soon > now))
        return;
    if (whole) {
        /* on the grid, but never a burst of catching up after a stall */
        s->next = nsec_add(s->next, s->interval);
        if (s->next <= now)
            s->next = nsec_add(now, s->interval);
    }
    s->soon = NSEC_NEVER;
    if (s->format == STATUS_HUMAN) {
        show_page(s, whole, now);
        return;
    }
    status_json_fleet(&line, &s->fleet, (struct status_moment){now, clock_wall_ms()});
    if (!line.failed)
        put(s, line.at, line.n);
    text_deinit(&line); /* of a large fleet it is 500 bytes a server */
}
