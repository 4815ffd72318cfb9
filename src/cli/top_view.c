/* The screen of `qhcp top`, from top to bottom: how the fleet is; what is wrong with the load
 * balancer; what is shown; titles and rows; the selected server in words; keys, or a question.
 * Everything passes put(), which lets no control character of others through. */
#include <curses.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/text.h"
#include "cli/overview.h"
#include "cli/top.h"
#include "status/status_human.h"

#define LEAST_LINES 8
#define LEAST_COLUMNS 40
#define WORDS_LINES 4 /* the selected server in words */
#define WIDE 110      /* columns from which on rows have reasons, and sparklines are longer */
#define STATE_WIDTH 11
#define NAME_MOST 40
#define DATE 11 /* "2026-11-28 ", which a narrow terminal does without */

/* Where what is, in columns. */
struct columns {
    int name, spark, reason; /* widths; reason: 0: there is no room */
};

/* At most `width` columns of s, which is ours: words of this program and numbers. */
static void put_own(int y, int x, int width, attr_t attributes, const char *s)
{
    if (width <= 0 || y < 0 || y >= LINES || x >= COLS)
        return;
    attrset(attributes);
    move(y, x);
    for (size_t i = 0, n = text_fitting(s, (size_t)width); i < n; i++)
        addch((unsigned char)s[i] < 0x80 ? (chtype)(unsigned char)s[i] : '?');
    attrset(A_NORMAL);
}

/* The same of what others may have written. */
static void put(const struct top *t, int y, int x, int width, attr_t attributes, const char *s)
{
    struct text plain = {0};

    width = width < COLS - x ? width : COLS - x; /* curses would go on in the next line */
    text_plain(&plain, s);
    if (plain.failed || !t->screen.blocks)
        put_own(y, x, width, attributes, plain.failed || plain.n == 0 ? "" : plain.at);
    else if (width > 0 && y >= 0 && y < LINES && x < COLS && plain.n > 0) {
        attrset(attributes);
        mvaddnstr(y, x, plain.at, (int)text_fitting(plain.at, (size_t)width));
        attrset(A_NORMAL);
    }
    text_deinit(&plain);
}

static attr_t colour(const struct top *t, enum top_colour c)
{
    return t->screen.colours ? (attr_t)COLOR_PAIR(c) : A_NORMAL;
}

static attr_t attributes_of(const struct top *t, enum qhcp_state state)
{
    switch (state) {
    case QHCP_DOWN:
        return colour(t, TOP_RED) | A_BOLD;
    case QHCP_DEGRADED:
        return colour(t, TOP_YELLOW);
    case QHCP_UP:
        return colour(t, TOP_GREEN);
    case QHCP_DRAINING:
    case QHCP_MAINTENANCE:
        return colour(t, TOP_CYAN);
    case QHCP_CONNECTING:
        break;
    }
    return A_DIM;
}

/* ---- above the rows ---- */

static int put_warnings(const struct top *t, int y)
{
    struct text warnings = {0};
    char words[TOP_WORDS + 80];

    if (t->away) {
        snprintf(words, sizeof words, "NOT CONNECTED, what follows is old: %s", t->away_words);
        put(t, y++, 0, COLS, colour(t, TOP_RED) | A_BOLD, words);
    }
    if (t->self)
        overview_warnings(&warnings, t->self, 0);
    for (char *line = warnings.failed ? NULL : warnings.at, *end; line && *line != '\0';
         line = end + 1) {
        end = strchr(line, '\n');
        *end = '\0';
        put(t, y++, 0, COLS, colour(t, TOP_RED) | A_BOLD, line);
    }
    text_deinit(&warnings);
    return y;
}

static int put_head(struct top *t)
{
    struct text words = {0};
    size_t n = top_rows(t);
    int y = 0;

    if (t->self)
        overview_summary(&words, t->self, clock_wall_ms());
    put_own(y++, 0, COLS, A_BOLD,
            words.failed || !words.at ? ""
            : words.n > (size_t)COLS  ? words.at + DATE
                                      : words.at);
    text_reset(&words);
    y = put_warnings(t, y);
    text_printf(&words, "%ssorted by %s%s", t->known ? "" : "reading the list of servers ...  ",
                top_view_sort(t->sort), t->reversed ? ", reversed" : "");
    if (t->filter.n == 0 && n > t->page && t->page > 0)
        text_printf(&words, "  rows %zu to %zu of %zu", t->first + 1,
                    t->first + t->page < n ? t->first + t->page : n, n);
    else if (t->filter.n > 0)
        text_printf(&words, "  %zu server%s with: ", TEXT_COUNT(n));
    put_own(y, 0, COLS, A_NORMAL, words.failed ? "" : words.at);
    put(t, y++, (int)words.n, COLS - (int)words.n, A_BOLD, t->filter.text);
    text_deinit(&words);
    return y;
}

/* ---- rows ---- */

static struct columns columns_of(struct top *t)
{
    struct columns c = {.spark = COLS >= WIDE ? 12 : COLS >= 76 ? 6 : 0};
    int fixed = 1 + STATE_WIDTH + 6 + 6 + 6 + 10 + 8 + 2 * (c.spark + 1);
    int longest = 6;

    for (size_t i = t->first; i < top_rows(t) && i < t->first + t->page; i++) {
        int width = (int)text_width(top_fleet_row(&t->fleet, i)->name);

        longest = width > longest ? width : longest;
    }
    c.name = longest < NAME_MOST ? longest : NAME_MOST;
    c.name = c.name > COLS - fixed ? COLS - fixed : c.name;
    c.name = c.name < 6 ? 6 : c.name;
    c.reason = COLS - fixed - c.name - 2 >= 12 ? COLS - fixed - c.name - 2 : 0;
    return c;
}

/* A figure, right-aligned in `width` columns, or nothing where they are not all there: a figure
 * that is cut is another one.  Returns the column behind it. */
static int put_figure(const struct top *t, int y, int x, int width, attr_t attributes,
                      const char *s)
{
    int n = (int)text_width(s);

    if (x + width <= COLS)
        put(t, y, x + (n < width ? width - n : 0), width, attributes, s);
    return x + width;
}

static void put_titles(const struct top *t, int y, const struct columns *c)
{
    int x = c->name + 1;

    mvhline(y, 0, (chtype)' ' | A_REVERSE, COLS);
    put(t, y, 0, c->name, A_REVERSE, "SERVER");
    put(t, y, x, STATE_WIDTH, A_REVERSE, "STATE");
    x = put_figure(t, y, x + STATE_WIDTH, 6, A_REVERSE, "SINCE");
    x = put_figure(t, y, x, 6, A_REVERSE, "SHARE");
    x = put_figure(t, y, x, 6, A_REVERSE, "CONNS");
    x = put_figure(t, y, x, 10, A_REVERSE, "RTT");
    x = put_figure(t, y, x + 1 + c->spark, 8, A_REVERSE, "CPU");
    put(t, y, x + c->spark + 3, c->reason, A_REVERSE, "REASON");
}

static void put_spark(const struct top *t, int y, int x, int width, attr_t attributes,
                      const struct top_spark *s, int64_t most)
{
    struct text line = {0};

    top_spark_text(s, t->second, (size_t)width, most, t->screen.blocks, &line);
    attrset(attributes);
    if (!line.failed && line.n > 0)
        mvaddstr(y, x, line.at);
    attrset(A_NORMAL);
    text_deinit(&line);
}

static void put_row(const struct top *t, int y, const struct columns *c, const struct top_row *r,
                    bool selected)
{
    attr_t attributes = selected ? A_REVERSE : A_NORMAL, state = attributes_of(t, r->state);
    char since[16] = "-", share[24] = "-", open[24] = "-", rtt[24] = "-", cpu[24] = "-";
    int x = c->name + 1;

    if (r->since_ms >= 0)
        status_human_age((qhcp_nsec)r->since_ms * NSEC_PER_MSEC,
                         (qhcp_nsec)clock_wall_ms() * NSEC_PER_MSEC, since, sizeof since);
    if (r->share >= 0)
        snprintf(share, sizeof share, "%" PRId64 "%%", r->share / 10);
    if (r->connections >= 0)
        snprintf(open, sizeof open, "%" PRId64, r->connections);
    if (r->rtt_us >= 0)
        snprintf(rtt, sizeof rtt, "%.2f ms", (double)r->rtt_us / 1000);
    if (r->cpu >= 0)
        snprintf(cpu, sizeof cpu, "%.1f %%", (double)r->cpu / 100);
    mvhline(y, 0, (chtype)' ' | attributes, COLS);
    put(t, y, 0, c->name, attributes, r->name);
    put(t, y, x, STATE_WIDTH, attributes | state, qhcp_state_name(r->state));
    x = put_figure(t, y, x + STATE_WIDTH, 6, attributes, since);
    x = put_figure(t, y, x, 6, attributes, share);
    x = put_figure(t, y, x, 6, attributes, open);
    x = put_figure(t, y, x, 10, attributes, rtt);
    put_spark(t, y, x + 1, c->spark, attributes, &r->rtts, 0);
    x = put_figure(t, y, x + 1 + c->spark, 8, attributes, cpu);
    put_spark(t, y, x + 1, c->spark, attributes, &r->cpus, 10000);
    put(t, y, x + c->spark + 3, c->reason, attributes,
        json_string_value(json_object_get(r->object, "reason")));
}

static void put_rows(struct top *t, int y)
{
    struct columns c = columns_of(t);
    size_t n = top_rows(t), at = top_selected(t);

    put_titles(t, y++, &c);
    for (size_t i = 0; i < t->page && t->first + i < n; i++)
        put_row(t, y + (int)i, &c, top_fleet_row(&t->fleet, t->first + i), t->first + i == at);
    if (n == 0 && t->known)
        put(t, y, 0, COLS, A_DIM,
            t->filter.n > 0 ? "no server has all words of the filter (Esc: show all)"
                            : "there is no server");
}

/* ---- below the rows ---- */

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static void add_intent(struct text *line, const json_t *intent)
{
    const char *use = member(intent, "use");
    int64_t until = admin_client_time(member(intent, "until"));
    char time[CLOCK_TEXT];

    text_printf(line, "wanted: %s, weight %" JSON_INTEGER_FORMAT,
                strcmp(use, "in_use") == 0 ? "in use" : use,
                json_integer_value(json_object_get(intent, "weight")));
    if (until >= 0)
        text_printf(line, ", until %s", clock_local(until, time));
    if (member(intent, "who")[0] != '\0')
        text_printf(line, ", by %s", member(intent, "who"));
    if (member(intent, "reason")[0] != '\0')
        text_printf(line, ": %s", member(intent, "reason"));
}

/* Two lines. */
static void put_long(const struct top *t, int y, const char *s)
{
    struct text plain = {0};
    size_t n;

    text_plain(&plain, s);
    if (!plain.failed && plain.n > 0) {
        n = text_fitting(plain.at, (size_t)COLS);
        while (n < plain.n && n > plain.n / 4 && plain.at[n] != ' ')
            n--;
        put(t, y + 1, 1, COLS - 1, A_NORMAL, plain.at + n);
        plain.at[n] = '\0';
        put(t, y, 0, COLS, A_NORMAL, plain.at);
    }
    text_deinit(&plain);
}

/* The selected server: its state with the reason; what is wanted; what is noticed, or the evidence
 * in two lines.  So many lines as there are. */
static void put_words(const struct top *t, int y, int lines, const struct top_row *r)
{
    struct text line = {0};
    const char *notice = member(r->object, "notice");
    const char *evidence = member(json_object_get(r->object, "verdict"), "evidence");

    text_printf(&line, "%s is %s%s%s", r->name, qhcp_state_name(r->state),
                member(r->object, "reason")[0] != '\0' ? ": " : "", member(r->object, "reason"));
    put(t, y, 0, COLS, attributes_of(t, r->state) | A_BOLD, line.failed ? "" : line.at);
    text_reset(&line);
    add_intent(&line, json_object_get(r->object, "intent"));
    if (lines > 1)
        put(t, y + 1, 0, COLS, A_NORMAL, line.failed ? "" : line.at);
    text_reset(&line);
    text_printf(&line, "%s%s",
                notice[0] != '\0'     ? "! "
                : evidence[0] != '\0' ? "evidence: "
                                      : "",
                notice[0] != '\0' ? notice : evidence);
    if (lines > 2)
        put_long(t, y + 2, line.failed ? "" : line.at);
    text_deinit(&line);
}

static void add_question(struct text *q, const struct top *t)
{
    const struct top_action *a = &t->action;

    switch (t->prompt) {
    case TOP_FILTER:
        text_printf(q, "filter: %s", t->filter.text);
        break;
    case TOP_REASON:
        text_printf(q, "%s %s: why (may be empty; Esc: not at all)? %s", a->verb, a->name,
                    a->reason.text);
        break;
    case TOP_LASTS:
        text_printf(q, "%s %s: for how long (30m, 2h; empty: until undrain)? %s", a->verb, a->name,
                    a->lasts_for.text);
        break;
    case TOP_CONFIRM:
        text_printf(q, "%s %s%s%s%s%s? Type y for yes, any other key for no.", a->verb, a->name,
                    a->lasts_for.n > 0 ? " for " : "", a->lasts_for.text,
                    a->reason.n > 0 ? ": " : "", a->reason.text);
        break;
    case TOP_NO_PROMPT:
        text_add(q, t->message);
        break;
    }
}

static void put_foot(const struct top *t)
{
    static const char keys[] =
        "?:help  /:filter  s:sort  r:reverse  d:drain  m:maintenance  u:undrain  q:quit";
    struct text q = {0};
    size_t width, skipped = 0;

    add_question(&q, t);
    if (q.failed || q.n == 0) {
        put_own(LINES - 1, 0, COLS, A_DIM, keys);
        text_deinit(&q);
        return;
    }
    /* what is typed stays in sight */
    width = text_width(q.at);
    if (t->prompt != TOP_NO_PROMPT && t->prompt != TOP_CONFIRM)
        while (width - skipped > (size_t)COLS - 1 && q.at[skipped] != '\0')
            skipped++;
    put(t, LINES - 1, 0, COLS, A_BOLD, q.at + skipped);
    curs_set(t->prompt != TOP_NO_PROMPT);
    move(LINES - 1, (int)(width - skipped) < COLS ? (int)(width - skipped) : COLS - 1);
    text_deinit(&q);
}

/* ---- the whole ---- */

const char *top_view_sort(enum top_sort sort)
{
    static const char *const names[TOP_SORTS] = {
        "what is worst", "name", "newest change", "share", "connections", "round trip", "CPU"};

    return names[sort];
}

static void put_help(void)
{
    static const char *const lines[] = {
        "up, down, PgUp, PgDn, Home, End   select a server (also k, j, g, G)",
        "/        show only servers that have all the words that you type, in",
        "         name, address, state, tags or reason; Esc shows all again",
        "s, S     sort by the next, the previous column; r: reverse the order",
        "1 to 7   sort by: what is worst, name, newest change, share,",
        "         connections, round trip, CPU",
        "d        drain: the server gets no new connections, open ones go on",
        "m        maintenance: the same, and it counts as in maintenance",
        "u        undrain: end the drain or the maintenance",
        "         (each asks for a reason, and whether you mean it)",
        "Ctrl-L   draw the screen again",
        "q        quit",
        "",
        "Lines of small blocks: the last seconds of the round trip (half the height is",
        "the average) and of the CPU (the full height is 100 %).",
    };

    put_own(0, 0, COLS, A_BOLD, "Keys of qhcp top (any key: back)");
    for (int i = 0; i < (int)(sizeof lines / sizeof lines[0]); i++)
        put_own(i + 2, 0, COLS, A_NORMAL, lines[i]);
}

/* What is selected stays on the screen. */
static void scroll_to(struct top *t, size_t page)
{
    size_t at = top_selected(t), n = top_rows(t);

    t->page = page;
    if (at < t->first)
        t->first = at;
    if (at >= t->first + page)
        t->first = at - page + 1;
    if (t->first + page > n)
        t->first = n > page ? n - page : 0;
}

static void remember_shown(struct top *t)
{
    free(t->shown);
    t->shown = NULL;
    if (top_rows(t) > 0)
        t->shown = strdup(top_fleet_row(&t->fleet, top_selected(t))->id);
}

static void put_all(struct top *t)
{
    int y = put_head(t), words = LINES >= 16 ? WORDS_LINES : 1;
    int page = LINES - y - 1 - words - 1;

    scroll_to(t, page > 0 ? (size_t)page : 1);
    put_rows(t, y);
    for (int i = LINES - 1 - words; i < LINES; i++) {
        move(i, 0);
        clrtoeol();
    }
    if (top_rows(t) > 0)
        put_words(t, LINES - 1 - words, words, top_fleet_row(&t->fleet, top_selected(t)));
    put_foot(t);
    remember_shown(t);
}

void top_view(struct top *t)
{
    erase();
    curs_set(0);
    if (LINES < LEAST_LINES || COLS < LEAST_COLUMNS)
        put(t, 0, 0, COLS, A_NORMAL, "the terminal is too small");
    else if (t->help)
        put_help();
    else
        put_all(t);
    refresh();
}
