/* webhook: each event is POSTed to a URL as JSON.
 *
 * Events come in order for each server, at most `at-most` requests at once (hook.h).  2xx takes an
 * event; any other status refuses it, and it is tried again; without an answer all of them wait.
 * Every attempt has a time limit, and whoever hangs delays his own events alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/os/clock.h"
#include "base/os/file.h"
#include "base/text.h"
#include "sinks/hook.h"
#include "sinks/http_client.h"
#include "sinks/sink_kinds.h"
#include "sinks/sink_url.h"

#define TIMEOUT (10 * NSEC_PER_SEC)
#define TIMEOUT_MIN (10 * NSEC_PER_MSEC)
#define TIMEOUT_MAX (600 * NSEC_PER_SEC)
#define TOKEN "Authorization: Bearer "

struct webhook {
    struct sink sink;
    struct sink_url url;
    struct hook hook;
    struct http_client http;
    qhcp_nsec timeout, wake_at;
    struct loop_part part;
};

/* One attempt. */
struct post {
    struct webhook *webhook;
    struct hook_event *event; /* NULL: this place is free */
};

struct posts {
    struct webhook webhook; /* first */
    struct post at[HOOK_AT_MOST];
};

static void work(struct webhook *w, qhcp_nsec now);

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct webhook *w = (struct webhook *)s;
    uint64_t at_most = 4, retries = 5;
    int r = sink_url_parse(&s->args, &w->url, words, words_cap);

    w->timeout = TIMEOUT;
    if (r == 0)
        r = sink_args_duration(&s->args, "timeout", TIMEOUT_MIN, TIMEOUT_MAX, &w->timeout, words,
                               words_cap);
    if (r == 0)
        r = sink_args_count(&s->args, "at-most", 1, HOOK_AT_MOST, &at_most, words, words_cap);
    if (r == 0)
        r = sink_args_count(&s->args, "retries", 0, HOOK_RETRIES, &retries, words, words_cap);
    if (r == 0)
        r = hook_kinds(sink_args_get(&s->args, "kinds"), &w->hook.kinds, words, words_cap);
    w->hook.at_most = (unsigned)at_most;
    w->hook.retries = (unsigned)retries;
    return r;
}

static enum hook_end judge(struct webhook *w, qhcp_nsec now, const struct http_answer *answer)
{
    if (answer->status >= 200 && answer->status < 300) {
        sink_did(&w->sink, now);
        return HOOK_TAKEN;
    }
    if (answer->status > 0)
        sink_failed(&w->sink, now, "it answered with status %ld%s", answer->status,
                    answer->status < 400 ? ": redirects are not followed" : "");
    else
        sink_failed(&w->sink, now, "%s", answer->words);
    return answer->status > 0 ? HOOK_REFUSED : HOOK_SILENT;
}

static void on_answer(void *ctx, qhcp_nsec now, const struct http_answer *answer)
{
    struct post *p = ctx;
    struct hook_event *event = p->event;

    p->event = NULL;
    hook_done(&p->webhook->hook, event, judge(p->webhook, now, answer), now);
    work(p->webhook, now);
}

/* QHCP_E_* with words. */
static int post(struct post *p, struct hook_event *e, char *words, size_t words_cap)
{
    struct webhook *w = p->webhook;
    struct http_request r = {.method = "POST",
                             .body = e->json,
                             .n = e->n,
                             .timeout = w->timeout,
                             .done = on_answer,
                             .ctx = p};
    struct curl_slist *more;
    char *url;
    int error = sink_url_open(&w->url, TOKEN, &url, &r.headers, words, words_cap);

    if (error < 0)
        return error;
    more = curl_slist_append(r.headers, "Content-Type: application/json");
    r.headers = more ? more : r.headers;
    r.url = url;
    p->event = e;
    error = http_client_send(&w->http, &r);
    if (error < 0) {
        p->event = NULL;
        snprintf(words, words_cap, "out of memory");
    }
    file_wipe(url, strlen(url));
    return error;
}

static struct post *free_post(struct webhook *w)
{
    struct posts *all = (struct posts *)w;

    for (size_t i = 0; i < HOOK_AT_MOST; i++)
        if (!all->at[i].event)
            return &all->at[i];
    return NULL;
}

/* Sends what may be sent now. */
static void work(struct webhook *w, qhcp_nsec now)
{
    struct hook_event *e;
    char words[SINK_WORDS];

    while ((e = hook_next(&w->hook, now, clock_wall_ms()))) {
        struct post *p = free_post(w);

        p->webhook = w;
        if (post(p, e, words, sizeof words) < 0) {
            sink_failed(&w->sink, now, "%s", words);
            hook_done(&w->hook, e, HOOK_SILENT, now);
        }
    }
    w->wake_at = hook_deadline(&w->hook);
    sink_holds(&w->sink, w->hook.n - w->hook.running);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct webhook *)ctx)->wake_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    work(ctx, now);
}

static int look_files(struct sink *s, char *words, size_t words_cap)
{
    return sink_url_look(&((struct webhook *)s)->url, TOKEN, words, words_cap);
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct webhook *w = (struct webhook *)s;
    int r;

    (void)now;
    w->http = (struct http_client){.ca_file = w->url.ca_file, .insecure = w->url.insecure};
    r = http_client_begin(&w->http, s->loop);
    if (r < 0) {
        snprintf(words, words_cap, "out of memory");
        return r;
    }
    if (w->url.insecure)
        sink_say(
            s, QHCP_LOG_WARNING,
            "insecure: its certificate is NOT verified; anyone on the path can read the events "
            "and the token");
    w->wake_at = NSEC_NEVER;
    w->part =
        (struct loop_part){.name = "webhook", .ctx = w, .deadline = deadline, .expire = expire};
    loop_add(s->loop, &w->part);
    return 0;
}

static void event(struct sink *s, const struct fleet_change *c, qhcp_nsec now)
{
    struct webhook *w = (struct webhook *)s;

    hook_add(&w->hook, c);
    work(w, now);
}

static void stop(struct sink *s)
{
    struct posts *all = (struct posts *)s;
    struct webhook *w = &all->webhook;

    http_client_end(&w->http);
    for (size_t i = 0; i < HOOK_AT_MOST; i++)
        all->at[i].event = NULL;
    if (w->hook.n > 0)
        sink_say(s, QHCP_LOG_WARNING, "it ends with %zu event%s that %s not told",
                 TEXT_COUNT(w->hook.n), w->hook.n == 1 ? "was" : "were");
    loop_remove(&w->part);
    hook_clear(&w->hook);
}

static void deinit(struct sink *s)
{
    hook_clear(&((struct webhook *)s)->hook);
}

const struct sink_kind sink_webhook = {
    .name = "webhook",
    .usage = "webhook URL|@FILE [timeout=10s] [retries=5] [at-most=4] [kinds=state,...] "
             "[token-file=] [header-file=] [ca-file=] [insecure=yes]",
    .size = sizeof(struct posts),
    .least = 1,
    .most = 1,
    .settings = "timeout retries at-most kinds" SINK_URL_SETTINGS,
    .parse = parse,
    .look = look_files,
    .start = start,
    .event = event,
    .stop = stop,
    .deinit = deinit};
