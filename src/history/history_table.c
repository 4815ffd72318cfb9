#include "history/history_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/os/clock.h"
#include "base/words.h"

#define TIME 32
#define DAY 11  /* "2026-11-28 " */
#define CLOCK 8 /* "04:03:13" */

/* "2026-11-28 04:03:13.949", local. */
static char *moment(int64_t ms, char ret[TIME])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    localtime_r(&seconds, &tm);
    n = strftime(ret, TIME, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(ret + n, TIME - n, ".%03u", (unsigned)(ms % 1000) % 1000);
    return ret;
}

/* What an operator did, as the commands call it. */
static const char *intent(const char *before, const char *after)
{
    if (strcmp(before, after) == 0)
        return "given another weight";
    if (strcmp(after, "drain") == 0)
        return "drained";
    if (strcmp(after, "maintenance") == 0)
        return "put into maintenance";
    return strcmp(before, "maintenance") == 0 ? "taken out of maintenance" : "undrained";
}

/* What happened, in words. */
static void describe(struct text *t, const struct query_event *e)
{
    static const struct {
        const char *kind, *words;
    } known[] = {
        {"session", "a session began"},           {"added", "added to the list"},
        {"removed", "removed from the list"},     {"listed", "changed in the list"},
        {"started", "the load balancer started"}, {"stopped", "the load balancer stopped"}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(e->kind, known[i].kind) == 0) {
            text_add(t, known[i].words);
            return;
        }
    }
    if (strcmp(e->kind, "state") == 0)
        text_printf(t, "%s -> %s", e->before, e->after);
    else if (strcmp(e->kind, "intent") == 0)
        text_add(t, intent(e->before, e->after));
    else if (strcmp(e->kind, "panic") == 0)
        text_printf(t, "panic: traffic goes to %s servers", e->after);
    else if (strcmp(e->kind, "brake") == 0)
        text_add(t, strcmp(e->after, "off") == 0 ? "the brake holds no server any more"
                                                 : "the brake HOLDS servers");
    else
        text_plain(t, e->kind);
}

static void add_words(struct text *t, const struct query_event *e)
{
    describe(t, e);
    if (e->words[0] != '\0') {
        text_add(t, ": ");
        text_plain(t, e->words);
    }
    if (e->who[0] != '\0') {
        text_add(t, " (");
        text_plain(t, e->who);
        text_add(t, ")");
    }
    text_add(t, "\n");
}

void history_table_event(struct text *t, const struct query_event *e)
{
    char time[TIME];

    text_printf(t, "%s  ", moment(e->at_ms, time));
    if (e->server[0] != '\0') {
        text_plain(t, e->label[0] != '\0' ? e->label : e->server);
        text_add(t, ": ");
    }
    add_words(t, e);
    if (e->evidence[0] != '\0') {
        text_add(t, "    ");
        text_plain(t, e->evidence);
        text_add(t, "\n");
    }
}

static void span(int64_t ms, char ret[WORDS_SPAN])
{
    if (ms < 1000)
        snprintf(ret, WORDS_SPAN, "%" PRId64 " ms", ms < 0 ? 0 : ms);
    else
        words_span(ms / 1000, ret);
}

static void name_of(struct text *t, const struct query_server *s)
{
    text_plain(t, s->label[0] != '\0' ? s->label : s->name);
    if (s->label[0] != '\0') {
        text_add(t, " (");
        text_plain(t, s->name);
        text_add(t, ")");
    }
}

static void add_head(struct text *t, const struct story *s, int64_t now_ms)
{
    char time[CLOCK_TEXT], age[WORDS_SPAN];

    span(now_ms - s->server.since_ms, age);
    name_of(t, &s->server);
    text_printf(t, " %s %s since %s (%s ago)", s->server.watched ? "is" : "was", s->server.state,
                clock_local(s->server.since_ms, time), age);
    if (s->server.words[0] != '\0') {
        text_add(t, ": ");
        text_plain(t, s->server.words);
    }
    text_add(t, s->server.watched ? "\n" : "; it is not watched any more\n");
    if (now_ms - s->newest_ms > 90000) {
        span(now_ms - s->newest_ms, age);
        text_printf(t,
                    "OLD: the history was written last %s ago (%s); does the load balancer run?\n",
                    age, clock_local(s->newest_ms, time));
    }
}

/* Each part of a list in a line of its own. */
static void add_parts(struct text *t, const char *p, const char *between, const char *before)
{
    char part[sizeof((struct story_event *)0)->evidence];

    while (*p != '\0') {
        const char *end = strstr(p, between);
        size_t n = end ? (size_t)(end - p) : strlen(p);

        snprintf(part, sizeof part, "%.*s", (int)n, p);
        text_add(t, before);
        text_plain(t, part);
        text_add(t, "\n");
        p += n + (end ? strlen(between) : 0);
    }
}

/* "a; b; checks: c, d": what was asked and answered comes last (src/health/evidence.c). */
static void add_evidence(struct text *t, const char *evidence)
{
    static const char checks[] = "checks: ";
    const char *asked = strstr(evidence, checks);
    char rest[sizeof((struct story_event *)0)->evidence];

    text_add(t, "\nEvidence\n");
    if (evidence[0] == '\0')
        text_add(t, "  none but its own word\n");
    snprintf(rest, sizeof rest, "%.*s", asked ? (int)(asked - evidence) : (int)strlen(evidence),
             evidence);
    add_parts(t, rest, "; ", "  ");
    if (!asked)
        return;
    text_add(t, "  checks:\n");
    add_parts(t, asked + strlen(checks), ", ", "    ");
}

static void add_fall(struct text *t, const struct story *s)
{
    const struct story_event *f = &s->fall;
    char time[TIME], age[WORDS_SPAN];

    text_printf(t, "\nIt went %s at %s: ", f->after, moment(f->at_ms, time));
    text_plain(t, f->words);
    if (s->held_since_ms > 0) {
        span(f->at_ms - s->held_since_ms, age);
        text_printf(t, "\n  before that it was %s for %s", f->before, age);
    }
    if (s->back.id != 0) {
        span(s->back.at_ms - f->at_ms, age);
        text_printf(t, "\n  it came back after %s, at %s: ", age, moment(s->back.at_ms, time));
        text_plain(t, s->back.words);
    } else {
        text_add(t, "\n  it has not come back");
    }
    text_add(t, "\n");
}

static void add_others(struct text *t, const struct story *s)
{
    text_printf(t, "\nOthers within %d s of it\n", STORY_MOMENT_MS / 1000);
    if (s->others == 0) {
        text_add(t, "  there is no other server\n");
        return;
    }
    if (s->went == 0) {
        text_printf(t, "  none of %zu other server%s went down\n", TEXT_COUNT(s->others));
        return;
    }
    text_printf(t, "  %zu of %zu other server%s went down: ", s->went, TEXT_COUNT(s->others));
    for (size_t i = 0; i < s->n_names; i++) {
        text_add(t, i > 0 ? ", " : "");
        text_plain(t, s->names[i]);
    }
    text_add(t, s->went > s->n_names ? " ...\n" : "\n");
    for (size_t i = 0; i < s->n_groups; i++) {
        if (s->groups[i].of == 0)
            continue;
        text_printf(t, "  %zu of %zu with the same ", s->groups[i].went, s->groups[i].of);
        text_plain(t, s->groups[i].name);
        text_add(t, "\n");
    }
}

static void add_events(struct text *t, const struct story *s)
{
    char time[TIME];

    text_add(t, "\nWhat happened to it\n");
    for (size_t i = 0; i < s->n_events; i++) {
        const struct story_event *e = &s->events[i];

        text_printf(t, "  %s  ", moment(e->at_ms, time));
        add_words(t, &(struct query_event){.kind = e->kind,
                                           .before = e->before,
                                           .after = e->after,
                                           .words = e->words,
                                           .who = e->who});
    }
}

static void percent(int64_t hundredths, char *ret, size_t cap)
{
    if (hundredths == QUERY_UNKNOWN)
        snprintf(ret, cap, "-");
    else
        snprintf(ret, cap, "%" PRId64 ".%" PRId64 " %%", hundredths / 100, hundredths / 10 % 10);
}

static void count(int64_t n, char *ret, size_t cap)
{
    if (n == QUERY_UNKNOWN)
        snprintf(ret, cap, "-");
    else
        snprintf(ret, cap, "%" PRId64, n);
}

void history_table_sample(struct text *t, const struct query_sample *s, bool day)
{
    char time[TIME], answered[48], rtt[24], cpu[24], memory[24], requests[24], connections[24];

    snprintf(answered, sizeof answered, "%" PRIu64 "/%" PRIu64,
             s->answered < s->sent ? s->answered : s->sent, s->sent);
    if (s->rtt_us == QUERY_UNKNOWN)
        snprintf(rtt, sizeof rtt, "-");
    else
        snprintf(rtt, sizeof rtt, "%" PRId64 ".%" PRId64 " ms", s->rtt_us / 1000,
                 s->rtt_us / 100 % 10);
    percent(s->cpu, cpu, sizeof cpu);
    percent(s->memory, memory, sizeof memory);
    count(s->requests, requests, sizeof requests);
    count(s->connections, connections, sizeof connections);
    moment(s->at_ms, time)[DAY + CLOCK] = '\0';
    text_printf(t, "  %s  %-11s  %11s  %10s  %8s  %8s  %8s  %11s\n", time + (day ? 0 : DAY),
                qhcp_state_name(s->state), answered, rtt, cpu, memory, requests, connections);
}

void history_table_heading(struct text *t, bool day)
{
    text_printf(t, "  %-*s  %-11s  %11s  %10s  %8s  %8s  %8s  %11s\n", day ? DAY + CLOCK : CLOCK,
                "TIME", "STATE", "ANSWERED", "ROUND TRIP", "CPU", "MEMORY", "REQUESTS",
                "CONNECTIONS");
}

void history_table_bars(struct text *t, const struct story *s,
                        int64_t (*value)(const struct query_sample *sample))
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    int64_t most = 1;

    for (size_t i = 0; i < s->n_samples; i++)
        if (value(&s->samples[i]) > most)
            most = value(&s->samples[i]);
    for (size_t i = 0; i < s->n_samples; i++) {
        int64_t v = value(&s->samples[i]);

        text_add(t, v == QUERY_UNKNOWN ? " " : bars[v > 0 ? (v * 7 + most / 2) / most : 0]);
    }
}

static int64_t rtt_of(const struct query_sample *s)
{
    return s->rtt_us;
}

static int64_t missed_of(const struct query_sample *s)
{
    return s->answered < s->sent ? (int64_t)(s->sent - s->answered) : 0;
}

static int64_t cpu_of(const struct query_sample *s)
{
    return s->cpu;
}

static void add_samples(struct text *t, const struct story *s)
{
    if (s->n_samples == 0)
        return;
    text_add(t, "\nThe minutes before\n");
    history_table_heading(t, false);
    for (size_t i = 0; i < s->n_samples; i++)
        history_table_sample(t, &s->samples[i], false);
    text_add(t, "  round trip ");
    history_table_bars(t, s, rtt_of);
    text_add(t, "  missed ");
    history_table_bars(t, s, missed_of);
    text_add(t, "  CPU ");
    history_table_bars(t, s, cpu_of);
    text_add(t, "\n");
}

void history_table_story(struct text *t, const struct story *s, int64_t now_ms)
{
    add_head(t, s, now_ms);
    if (s->fall.id == 0) {
        text_add(t, "It has not gone down as far as this history goes back.\n");
        return;
    }
    add_fall(t, s);
    add_evidence(t, s->fall.evidence);
    add_others(t, s);
    add_events(t, s);
    add_samples(t, s);
}
