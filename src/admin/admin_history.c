#include "admin/admin_history.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "admin/admin_http.h"
#include "base/os/clock.h"
#include "history/history_json.h"
#include "history/query.h"
#include "history/recorder.h"
#include "history/story.h"
#include "history/when.h"

#define WORDS 700
#define EVENTS 100       /* of one answer, where nothing is said, */
#define EVENTS_MOST 1000 /* and at most: half a megabyte */
#define SAMPLES 1440     /* the same: a day */
#define SAMPLES_MOST 2000

static int refuse(struct admin_request *q, int error, const char *words)
{
    if (error == QHCP_E_NOT_FOUND)
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found", "%s", words);
    else if (error == QHCP_E_EXISTS)
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "several", "%s", words);
    else
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_history", "%s", words);
    return error;
}

/* Opens the history with all that has happened until now, and finds the server that the path names.
 */
static int open_history(struct admin_request *q, struct query **ret, struct query_server *server)
{
    char words[WORDS] = "";
    const struct words w = {words, sizeof words};
    int r;

    *server = (struct query_server){.id = 0};
    if (q->admin->config.history[0] == '\0')
        return refuse(q, QHCP_E_IO,
                      "there is no history: this load balancer runs with --history off");
    if (q->admin->config.recorder)
        recorder_write(q->admin->config.recorder);
    r = query_open(q->admin->config.history, ret, &w);
    if (r == QHCP_E_NOT_FOUND)
        return refuse(q, QHCP_E_IO, "the history has not begun yet");
    if (r != 0)
        return refuse(q, r, words);
    if (q->name[0] != '\0' && (r = query_find(*ret, q->name, server, &w)) != 0) {
        query_close(*ret);
        return refuse(q, r, words);
    }
    return 0;
}

/* A moment of the query; *value stays where it is not there.  False: the answer says what is wrong.
 */
static bool take_moment(struct admin_request *q, const char *name, int64_t *value)
{
    const char *text = admin_http_query(q, name);
    char words[WORDS];

    if (!text || when_parse(text, clock_wall_ms(), value, words, sizeof words) == 0)
        return true;
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query", "%s: %s", name, words);
    return false;
}

static bool take_range(struct admin_request *q, struct query_range *range, uint64_t most)
{
    uint64_t limit = range->limit, after = 0, before = 0;

    if (!take_moment(q, "since", &range->since_ms) || !take_moment(q, "until", &range->until_ms) ||
        !admin_http_number(q, "limit", 1, most, &limit) ||
        !admin_http_number(q, "after", 0, INT64_MAX, &after) ||
        !admin_http_number(q, "before", 0, INT64_MAX, &before))
        return false;
    range->limit = limit;
    range->after = (int64_t)after;
    range->before = (int64_t)before;
    return true;
}

struct listing {
    struct text *out;
    bool first;
};

static void between(struct listing *l)
{
    text_add(l->out, l->first ? "" : ",");
    l->first = false;
}

static bool on_event(void *ctx, const struct query_event *e)
{
    struct listing *l = ctx;

    between(l);
    history_json_event(l->out, e);
    return true;
}

static bool on_sample(void *ctx, const struct query_sample *s)
{
    struct listing *l = ctx;

    between(l);
    history_json_sample(l->out, s);
    return true;
}

/* The answer is complete, or an error. */
static void end(struct admin_request *q, struct query *query, int r)
{
    if (r != 0)
        refuse(q, r, query_words(query));
    else if (q->out.failed)
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
    query_close(query);
}

void admin_history_events(struct admin_request *q)
{
    struct query_range range = {.until_ms = QUERY_ALWAYS, .limit = EVENTS};
    struct listing l = {.out = &q->out, .first = true};
    struct query_server server;
    struct query *query;
    int r;

    if (!take_range(q, &range, EVENTS_MOST) || open_history(q, &query, &server) != 0)
        return;
    range.server = server.id;
    text_add(&q->out, "{\"events\":[");
    r = query_events(query, &range, on_event, &l);
    text_add(&q->out, "]}\n");
    end(q, query, r);
}

void admin_history_samples(struct admin_request *q)
{
    struct query_range range = {.until_ms = QUERY_ALWAYS, .limit = SAMPLES};
    struct listing l = {.out = &q->out, .first = true};
    struct query_server server;
    struct query *query;
    int r;

    if (!take_range(q, &range, SAMPLES_MOST) || open_history(q, &query, &server) != 0)
        return;
    range.server = server.id;
    text_add(&q->out, "{\"server\":");
    text_json(&q->out, server.name);
    text_add(&q->out, ",\"samples\":[");
    r = query_samples(query, &range, on_sample, &l);
    text_add(&q->out, "]}\n");
    end(q, query, r);
}

void admin_history_why(struct admin_request *q)
{
    struct story *s = malloc(sizeof *s);
    struct query_server server;
    struct query *query;
    int r;

    if (!s) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
        return;
    }
    if (open_history(q, &query, &server) == 0) {
        r = story_find(query, &server, s);
        if (r == 0) {
            history_json_story(&q->out, s);
            text_add(&q->out, "\n");
        }
        end(q, query, r);
    }
    free(s);
}
