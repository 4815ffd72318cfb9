/* `qhcp history`: what happened, from the file that `qhcp lb` writes. */
#include "history/history_json.h"

#include <stdio.h>

#include "base/os/clock.h"
#include "cli/cli.h"
#include "cli/past.h"
#include "history/history_table.h"
#include "history/when.h"

#define HISTORY_WORDS 700

#define HISTORY_OPTIONS(X)                                                                         \
    PAST_OPTIONS(X)                                                                                \
    X(since, "since", TEXT, .arg = "MOMENT", .min = 1, .max = 40, .check = check_when,             \
      .doc = "Only what happened since then: 2h (so long ago), 03:10 (today) or "                  \
             "\"2026-11-28 03:10\", local time.")                                                  \
    X(until, "until", TEXT, .arg = "MOMENT", .min = 1, .max = 40, .check = check_when,             \
      .doc = "Only what happened until then.")                                                     \
    X(limit, "limit", NUMBER, .def = "100", .min = 1, .max = 10000000,                             \
      .doc = "Only the newest so many of these.")                                                  \
    X(samples, "samples", SWITCH,                                                                  \
      .doc = "Print the server's figures, minute by minute, instead of what happened to it.")

struct history_options {
    struct options head;
    HISTORY_OPTIONS(OPTIONS_MEMBER)
};

static int check_when(const char *text, char *words, size_t words_cap)
{
    int64_t ignored;

    return when_parse(text, clock_wall_ms(), &ignored, words, words_cap);
}

#define ROW(...) OPTIONS_ROW(struct history_options, __VA_ARGS__)
static const struct options_row rows[] = {HISTORY_OPTIONS(ROW)};

static const struct options_table history_options_table =
    OPTIONS_TABLE(struct history_options, NULL);

const struct args_spec cli_history_spec = {
    .options = &history_options_table,
    .name = "qhcp history",
    .doc = "Print what happened to the servers of a load balancer, or to one of them, as its "
           "history has it. The load balancer need not run.",
    .positional = "[SERVER]",
    .operands = 1,
    .optional = true,
    .usage_status = ARGS_USAGE,
};

struct printing {
    struct text text;
    bool json;
    size_t n;
    FILE *out;
};

static bool put(struct printing *p)
{
    bool well = !p->text.failed && fwrite(p->text.at, 1, p->text.n, p->out) == p->text.n;

    text_reset(&p->text);
    p->n++;
    return well;
}

static bool on_event(void *ctx, const struct query_event *e)
{
    struct printing *p = ctx;

    if (p->json) {
        history_json_event(&p->text, e);
        text_add(&p->text, "\n");
    } else {
        history_table_event(&p->text, e);
    }
    return put(p);
}

static bool on_sample(void *ctx, const struct query_sample *s)
{
    struct printing *p = ctx;

    if (p->json) {
        history_json_sample(&p->text, s);
        text_add(&p->text, "\n");
    } else {
        if (p->n == 0)
            history_table_heading(&p->text, true);
        history_table_sample(&p->text, s, true);
    }
    return put(p);
}

static int print(struct query *q, const struct history_options *o, const char *server,
                 const struct words *w)
{
    struct printing p = {.json = o->json, .out = stdout};
    struct query_range range = {.until_ms = QUERY_ALWAYS, .limit = o->limit};
    struct query_server found = {.id = 0};
    int64_t now_ms = clock_wall_ms();
    int r = server ? query_find(q, server, &found, w) : 0;

    if (r == 0 && o->since)
        r = when_parse(o->since, now_ms, &range.since_ms, w->p, w->cap);
    if (r == 0 && o->until)
        r = when_parse(o->until, now_ms, &range.until_ms, w->p, w->cap);
    if (r != 0)
        return r;
    range.server = found.id;
    r = o->samples ? query_samples(q, &range, on_sample, &p)
                   : query_events(q, &range, on_event, &p);
    if (r != 0)
        words_fail(w, r, "%s", query_words(q));
    if (r == 0 && p.n == 0 && !o->json)
        fputs("nothing is recorded of that time\n", stderr);
    text_deinit(&p.text);
    return r;
}

int cli_history(int argc, char **argv)
{
    char words[HISTORY_WORDS] = "";
    const struct words w = {words, sizeof words};
    struct history_options o;
    struct query *q = NULL;
    const char *server;
    int r;

    args_parse(&cli_history_spec, argc, argv, &o.head, &server);
    if (o.samples && !server) {
        args_refuse(&cli_history_spec, "--samples: name the server: qhcp history SERVER --samples");
        options_deinit(&o.head);
        return ARGS_USAGE;
    }
    r = past_open(o.history, o.port, &q, &w);
    if (r == 0 && query_newer(q))
        fputs("qhcp history: a newer version of qhcp wrote this: something may not be shown\n",
              stderr);
    if (r == 0)
        r = print(q, &o, server, &w);
    if (r == 0 && fflush(stdout) == EOF)
        r = words_fail(&w, QHCP_E_IO, "standard output cannot be written");
    if (r != 0)
        fprintf(stderr, "%s: %s\n", cli_history_spec.name, words);
    query_close(q);
    options_deinit(&o.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
