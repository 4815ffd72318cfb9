/* `qhcp events`: what has changed, from a running load balancer: a list, and what comes next. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "cli/admin_client.h"
#include "cli/cli.h"
#include "history/history_table.h"
#include "history/when.h"

#define EVENTS_WORDS 700
#define ALL 10000 /* events of one answer at most */
#define AGAIN_MS 500

#define EVENTS_OPTIONS(X)                                                                          \
    ADMIN_CLIENT_OPTIONS(X)                                                                        \
    X(follow, "follow", SWITCH, .doc = "Go on, and print each change when it happens.")            \
    X(since, "since", TEXT, .arg = "MOMENT", .min = 1, .max = 40, .check = check_when,             \
      .doc = "Only what happened since then: 2h (so long ago), 03:10 (today) or "                  \
             "\"2026-11-28 03:10\", local time.")                                                  \
    X(limit, "limit", NUMBER, .def = "100", .min = 1, .max = 10000,                                \
      .doc = "Begin with the newest so many of these.")                                            \
    X(json, "json", SWITCH, .doc = "Print JSON, one object a line.")

struct events_options {
    struct options head;
    EVENTS_OPTIONS(OPTIONS_MEMBER)
};

static int check_when(const char *text, char *words, size_t words_cap)
{
    int64_t ignored;

    return when_parse(text, clock_wall_ms(), &ignored, words, words_cap);
}

#define ROW(...) OPTIONS_ROW(struct events_options, __VA_ARGS__)
static const struct options_row rows[] = {EVENTS_OPTIONS(ROW)};

static const struct options_table events_options_table = OPTIONS_TABLE(struct events_options, NULL);

const struct args_spec cli_events_spec = {
    .options = &events_options_table,
    .name = "qhcp events",
    .doc = "Print what has changed lately in the fleet of a running load balancer of this "
           "machine, or of one of its servers, with evidence. qhcp history has what is older.",
    .positional = "[SERVER]",
    .operands = 1,
    .optional = true,
    .usage_status = ARGS_USAGE,
};

struct printing {
    const char *server; /* only of this one: its identity, or its name; NULL: of all */
    int64_t since_ms;
    bool json;
    char id[48];     /* of the newest event: "START-NUMBER" (docs/api.md) */
    bool resync;     /* the stream's next event is none: some are lost before it */
    struct text out; /* of one event */
};

static bool wanted(const struct printing *p, const json_t *e)
{
    return (!p->server || strcmp(p->server, admin_client_text(e, "server")) == 0 ||
            strcmp(p->server, admin_client_text(e, "name")) == 0) &&
           admin_client_time(admin_client_text(e, "time")) >= p->since_ms;
}

static void add_json(struct text *t, const json_t *e)
{
    char *line = json_dumps(e, JSON_COMPACT);

    t->failed = t->failed || !line;
    text_add(t, line ? line : "");
    text_add(t, "\n");
    free(line);
}

/* In the words of qhcp history. */
static void add_words(struct text *t, const json_t *e)
{
    const char *server = admin_client_text(e, "server"), *name = admin_client_text(e, "name");
    const struct query_event event = {.at_ms = admin_client_time(admin_client_text(e, "time")),
                                      .server = server,
                                      .label = strcmp(server, name) == 0 ? "" : name,
                                      .kind = admin_client_text(e, "kind"),
                                      .before = admin_client_text(e, "from"),
                                      .after = admin_client_text(e, "to"),
                                      .cause = admin_client_text(e, "cause"),
                                      .words = admin_client_text(e, "reason"),
                                      .evidence = admin_client_text(e, "evidence"),
                                      .who = admin_client_text(e, "who")};

    history_table_event(t, &event);
}

/* False: standard output is gone, or memory ran out. */
static bool print(struct printing *p, const json_t *e)
{
    text_reset(&p->out);
    if (p->json)
        add_json(&p->out, e);
    else
        add_words(&p->out, e);
    return !p->out.failed && fwrite(p->out.at, 1, p->out.n, stdout) == p->out.n;
}

static int cannot_write(const struct words *w)
{
    return words_fail(w, QHCP_E_IO, "standard output cannot be written");
}

/* ---- the list ---- */

/* The newest `limit` that are wanted; how many there were, or QHCP_E_*. */
static int print_list(struct printing *p, const json_t *list, size_t limit, const struct words *w)
{
    size_t from = json_array_size(list), n = 0;

    while (from > 0 && n < limit)
        n += wanted(p, json_array_get(list, --from));
    for (; from < json_array_size(list); from++) {
        const json_t *e = json_array_get(list, from);

        if (wanted(p, e) && !print(p, e))
            return cannot_write(w);
    }
    return fflush(stdout) == EOF ? cannot_write(w) : (int)n;
}

/* ---- the stream ---- */

static bool on_line(void *ctx, const char *line)
{
    struct printing *p = ctx;
    bool well = true;
    json_t *e;

    if (strcmp(line, "event: resync") == 0)
        p->resync = true;
    if (strncmp(line, "id: ", 4) == 0)
        snprintf(p->id, sizeof p->id, "%s", line + 4);
    if (strncmp(line, "data: ", 6) != 0)
        return true;
    if (p->resync) {
        p->resync = false;
        fputs("qhcp events: some changes are left out here: they came too fast\n", stderr);
        return true;
    }
    e = json_loads(line + 6, 0, NULL);
    if (e && wanted(p, e))
        well = print(p, e) && fflush(stdout) != EOF;
    json_decref(e);
    return well;
}

/* From behind the last event, until the stream ends: QHCP_E_*. */
static int stream(const struct admin_client *c, struct printing *p, const struct words *w)
{
    struct text path = {0};
    int r;

    text_printf(&path, "/api/v1/events?stream=1&after=%s", p->id);
    r = path.failed ? words_fail(w, QHCP_E_NOMEM, "out of memory")
                    : admin_client_follow(c, path.at, on_line, p, w);
    text_deinit(&path);
    return r;
}

static void take_id(struct printing *p, const json_t *list)
{
    snprintf(p->id, sizeof p->id, "%.24s-%" JSON_INTEGER_FORMAT, admin_client_text(list, "start"),
             json_integer_value(json_object_get(list, "next")));
}

/* Waits until a load balancer answers again.  Where that is another process, prints what it has
 * seen so far.  0, or QHCP_E_*: it refuses, or standard output is gone. */
static int come_back(const struct admin_client *c, struct printing *p, const struct words *w)
{
    struct admin_answer a;
    char path[64];
    int r = 0;

    fprintf(stderr, "qhcp events: %s: waiting for it\n", w->p);
    snprintf(path, sizeof path, "/api/v1/events?limit=%d", ALL);
    while ((r = admin_client_ask(c, path, NULL, &a, w)) != 0) {
        bool refused = a.status >= 400 && a.status < 500;

        admin_client_release(&a);
        if (refused)
            return r;
        usleep(AGAIN_MS * 1000);
    }
    if (strncmp(p->id, admin_client_text(a.json, "start"), strcspn(p->id, "-")) != 0) {
        fputs("qhcp events: the load balancer has restarted; qhcp history has what was before\n",
              stderr);
        r = print_list(p, json_object_get(a.json, "events"), ALL, w);
        take_id(p, a.json);
    } else {
        fputs("qhcp events: it answers again\n", stderr);
    }
    admin_client_release(&a);
    return r < 0 ? r : 0;
}

/* Until standard output is gone, or it is refused. */
static int follow(const struct admin_client *c, struct printing *p, const json_t *list,
                  const struct words *w)
{
    int r = 0;

    take_id(p, list);
    while (r == 0) {
        r = stream(c, p, w);
        if (r == 0 || r == QHCP_E_NOMEM)
            break;
        r = come_back(c, p, w);
    }
    return r == 0 ? cannot_write(w) : r;
}

/* ---- both ---- */

/* What the fleet calls the server: *ret_known is false where it is not watched (any more). */
static int find(const struct admin_client *c, struct printing *p, struct admin_answer *ret,
                bool *ret_known, const struct words *w)
{
    struct text path = {0};
    int r = QHCP_E_NOMEM;

    *ret = (struct admin_answer){.status = 0};
    *ret_known = true;
    if (!p->server)
        return 0;
    admin_client_path(&path, "/api/v1/servers/", p->server, "");
    if (!path.failed)
        r = admin_client_ask(c, path.at, NULL, ret, w);
    text_deinit(&path);
    if (r == 0)
        p->server = admin_client_text(ret->json, "server");
    *ret_known = r == 0;
    return ret->status == 404 ? 0 : r;
}

static int show(const struct admin_client *c, const struct events_options *o, struct printing *p,
                const struct words *w)
{
    struct admin_answer server, events = {.status = 0};
    bool known, some = p->server || o->since; /* which they are is seen here */
    int r = find(c, p, &server, &known, w);
    char path[64];

    snprintf(path, sizeof path, "/api/v1/events?limit=%" PRIu64, some ? ALL : o->limit);
    if (r == 0)
        r = admin_client_ask(c, path, NULL, &events, known ? w : &(struct words){NULL, 0});
    if (r == 0) {
        r = print_list(p, json_object_get(events.json, "events"), o->limit, w);
        if (r == 0 && !known)
            r = QHCP_E_NOT_FOUND; /* whose words are there */
        else if (r >= 0)
            w->p[0] = '\0';
    }
    if (r >= 0)
        r = o->follow ? follow(c, p, events.json, w) : 0;
    admin_client_release(&events);
    admin_client_release(&server);
    return r;
}

int cli_events(int argc, char **argv)
{
    char words[EVENTS_WORDS] = "";
    const struct words w = {words, sizeof words};
    struct printing p = {.since_ms = INT64_MIN};
    struct events_options o;
    struct admin_client c;
    int r;

    args_parse(&cli_events_spec, argc, argv, &o.head, &p.server);
    p.json = o.json;
    r = admin_client_find(&c, o.admin_socket, o.port, &w);
    if (r == 0 && o.since)
        r = when_parse(o.since, clock_wall_ms(), &p.since_ms, words, sizeof words);
    if (r == 0)
        r = show(&c, &o, &p, &w);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", cli_events_spec.name, words);
    text_deinit(&p.out);
    options_deinit(&o.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
