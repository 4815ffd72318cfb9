/* consul: each server is a TTL check of a Consul agent; with service= an instance of that service.
 *
 * In: what is said of the servers; out: PUTs to the agent's HTTP API: register, check/update,
 * deregister.  A check is updated when something else is said of its server, and every third of its
 * TTL: if this process ends, all of them turn critical by themselves.
 *
 * A member is one server there.  Members with news are in a queue, and only the newest state of
 * each is sent; the others are updated when they are due.  When the agent was away, or says that it
 * knows no such check, it has forgotten: members are registered again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/os/file.h"
#include "base/text.h"
#include "sinks/consul.h"
#include "sinks/sink_kinds.h"

#define TTL (30 * NSEC_PER_SEC)
#define TTL_MIN NSEC_PER_SEC
#define TTL_MAX (24 * 3600 * NSEC_PER_SEC)
#define TIMEOUT (5 * NSEC_PER_SEC)
#define AT_MOST 64
#define TICK_MAX NSEC_PER_SEC /* between two looks for members that are due */
#define PAUSE_MAX (30 * NSEC_PER_SEC)
#define TOKEN "X-Consul-Token: "

static void work(struct consul *c, qhcp_nsec now);

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct consul *c = (struct consul *)s;
    uint64_t at_most = 8;
    int r = sink_url_parse(&s->args, &c->url, words, words_cap);

    c->service = sink_args_get(&s->args, "service");
    c->ttl = TTL;
    if (r == 0)
        r = sink_args_duration(&s->args, "ttl", TTL_MIN, TTL_MAX, &c->ttl, words, words_cap);
    if (r == 0)
        r = sink_args_count(&s->args, "at-most", 1, AT_MOST, &at_most, words, words_cap);
    c->at_most = (unsigned)at_most;
    return r;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct consul *c = (struct consul *)s;

    if (!consul_room(c, view->slots)) {
        sink_failed(s, now, "out of memory");
        return;
    }
    for (uint32_t slot = 0; view->all && slot < view->slots; slot++)
        consul_look(c, view, slot);
    for (size_t i = 0; !view->all && i < view->n_changed; i++)
        consul_look(c, view, view->changed[i]);
    work(c, now);
}

/* ---- requests ---- */

/* Nobody answers: when somebody does again, he may have forgotten all of them. */
static void go_away(struct consul *c)
{
    for (struct consul_member *m = c->members; m && !c->away; m = m->next)
        m->registered = false;
    c->away = true;
}

static void come_back(struct consul *c)
{
    for (struct consul_member *m = c->members; m; m = m->next)
        if (!m->registered)
            consul_enqueue(m);
    c->away = false;
}

static void fail(struct consul *c, qhcp_nsec now, const struct http_answer *a)
{
    qhcp_nsec pause;

    if (a->status > 0)
        sink_failed(&c->sink, now, "it answered with status %ld: %.100s", a->status, a->body);
    else
        sink_failed(&c->sink, now, "%s", a->words);
    if (a->status == 0)
        go_away(c);
    c->silent++;
    pause = c->silent > 6 ? PAUSE_MAX : nsec_min(NSEC_PER_SEC << (c->silent - 1), PAUSE_MAX);
    c->pause_until = nsec_add(now, pause);
}

static bool is_good(const struct http_answer *a)
{
    return a->status >= 200 && a->status < 300;
}

/* Consul says so with 404, and did with 500. */
static bool knows_it_not(const struct http_answer *a)
{
    return a->status == 404 || (a->status == 500 && strstr(a->body, "nknown"));
}

static void succeed(struct consul *c, qhcp_nsec now)
{
    c->silent = 0;
    c->pause_until = 0;
    sink_did(&c->sink, now);
    if (c->away)
        come_back(c);
}

/* The request of m has ended, and good says how. */
static void go_on(struct consul_member *m, qhcp_nsec now, const struct http_answer *a, bool good)
{
    struct consul *c = m->consul;

    m->busy = false;
    c->running--;
    if (good)
        succeed(c, now);
    else
        fail(c, now, a);
    if (m->gone || m->news || !m->registered)
        consul_enqueue(m);
    work(c, now);
}

static void on_registered(void *ctx, qhcp_nsec now, const struct http_answer *a)
{
    struct consul_member *m = ctx;

    m->registered = m->registered && is_good(a); /* (it may have another definition by now) */
    m->confirmed = false;
    m->news = true; /* its words follow */
    go_on(m, now, a, is_good(a));
}

/* An agent that has forgotten a check that it knew is told of it again, at once. */
static void on_updated(void *ctx, qhcp_nsec now, const struct http_answer *a)
{
    struct consul_member *m = ctx;
    bool forgot = knows_it_not(a), good = is_good(a) || (forgot && m->confirmed);

    m->confirmed = is_good(a);
    m->registered = m->registered && !forgot;
    m->news = m->news || !is_good(a);
    go_on(m, now, a, good);
}

static void on_deregistered(void *ctx, qhcp_nsec now, const struct http_answer *a)
{
    struct consul_member *m = ctx;
    struct consul *c = m->consul;
    bool good = is_good(a) || knows_it_not(a);

    m->registered = false;
    if (!good || !m->gone) { /* (it may be back) */
        go_on(m, now, a, good);
        return;
    }
    c->running--;
    c->n_gone--;
    consul_free_member(m);
    succeed(c, now);
    work(c, now);
}

/* The URL of a path with the member's id behind it, or without; NULL. */
static char *url_of(const char *base, const char *path, const char *id)
{
    size_t n = strlen(base);
    struct text t = {0};

    while (n > 0 && base[n - 1] == '/')
        n--;
    text_bytes(&t, base, n);
    text_add(&t, path);
    for (; *id != '\0'; id++)
        text_printf(&t,
                    strchr(":.-_", *id) || (*id >= '0' && *id <= '9') ||
                            ((*id | 0x20) >= 'a' && (*id | 0x20) <= 'z')
                        ? "%c"
                        : "%%%02X",
                    (unsigned char)*id);
    if (t.failed)
        text_deinit(&t);
    return t.at;
}

static int put(struct consul_member *m, qhcp_nsec now, const char *path, const char *id,
               const struct text *body,
               void (*done)(void *ctx, qhcp_nsec now, const struct http_answer *answer))
{
    struct consul *c = m->consul;
    struct http_request r = {.method = "PUT",
                             .body = body->at ? body->at : "",
                             .n = body->n,
                             .timeout = TIMEOUT,
                             .done = done,
                             .ctx = m};
    char words[SINK_WORDS], *base, *url = NULL;
    int e = sink_url_open(&c->url, TOKEN, &base, &r.headers, words, sizeof words);

    if (e == 0) {
        r.url = url = url_of(base, path, id);
        file_wipe(base, strlen(base));
        snprintf(words, sizeof words, "out of memory");
        e = url ? http_client_send(&c->http, &r) : QHCP_E_NOMEM;
    }
    file_wipe(url, url ? strlen(url) : 0);
    if (e < 0) {
        fail(c, now, &(struct http_answer){.words = words});
        return e;
    }
    m->busy = true;
    c->running++;
    m->due = nsec_add(now, c->ttl / 3);
    return 0;
}

static const char *status_name(enum consul_status status)
{
    return status == CONSUL_PASSING ? "passing" : status == CONSUL_WARNING ? "warning" : "critical";
}

static int put_registration(struct consul_member *m, qhcp_nsec now)
{
    bool service = m->consul->service != NULL;
    struct text t = {0};
    int r;

    text_printf(&t, "%s,\"Status\":\"%s\"}%s", m->definition, status_name(m->status),
                service ? "}" : "");
    m->registered = true; /* unless the answer says otherwise, or something else does meanwhile */
    r = t.failed ? QHCP_E_NOMEM
                 : put(m, now,
                       service ? "/v1/agent/service/register?replace-existing-checks=true"
                               : "/v1/agent/check/register",
                       "", &t, on_registered);
    m->registered = r == 0;
    text_deinit(&t);
    return r;
}

static int put_status(struct consul_member *m, qhcp_nsec now)
{
    struct text t = {0};
    int r;

    text_printf(&t, "{\"Status\":\"%s\",", status_name(m->status));
    text_add(&t, "\"Output\":");
    text_json(&t, m->words);
    text_add(&t, "}");
    m->news = false;
    r = t.failed ? QHCP_E_NOMEM : put(m, now, "/v1/agent/check/update/", m->id, &t, on_updated);
    m->news = r < 0;
    text_deinit(&t);
    return r;
}

/* The request that it needs, or none.  QHCP_E_*: it waits in the queue again. */
static int send_one(struct consul_member *m, qhcp_nsec now)
{
    const struct text nothing = {0};
    int r = 0;

    if (m->gone)
        r = put(m, now,
                m->consul->service ? "/v1/agent/service/deregister/"
                                   : "/v1/agent/check/deregister/",
                m->id, &nothing, on_deregistered);
    else if (!m->registered && m->definition)
        r = put_registration(m, now);
    else if (m->registered)
        r = put_status(m, now);
    if (r < 0)
        consul_enqueue(m);
    return r;
}

/* Members that are due join the queue. */
static void enqueue_due(struct consul *c, qhcp_nsec now)
{
    for (struct consul_member *m = c->members; m; m = m->next)
        if (m->due <= now && m->registered)
            consul_enqueue(m);
}

static bool may_send(const struct consul *c, qhcp_nsec now)
{
    return c->first && c->running < c->at_most && now >= c->pause_until &&
           (c->silent == 0 || c->running == 0);
}

static void work(struct consul *c, qhcp_nsec now)
{
    while (may_send(c, now) && send_one(consul_dequeue(c), now) == 0)
        ;
    if (c->first && now < c->pause_until)
        c->wake_at = nsec_min(c->wake_at, c->pause_until);
    sink_holds(&c->sink, c->n_queued);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct consul *)ctx)->wake_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct consul *c = ctx;

    enqueue_due(c, now);
    c->wake_at = nsec_add(now, nsec_min(c->ttl / 30, TICK_MAX));
    work(c, now);
}

static int look_files(struct sink *s, char *words, size_t words_cap)
{
    return sink_url_look(&((struct consul *)s)->url, TOKEN, words, words_cap);
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct consul *c = (struct consul *)s;
    int r;

    c->http = (struct http_client){.ca_file = c->url.ca_file, .insecure = c->url.insecure};
    r = http_client_begin(&c->http, s->loop);
    if (r < 0) {
        snprintf(words, words_cap, "out of memory");
        return r;
    }
    if (c->url.insecure)
        sink_say(
            s, QHCP_LOG_WARNING,
            "insecure: its certificate is NOT verified; anyone on the path can read the token");
    c->last = &c->first;
    c->wake_at = now;
    c->part =
        (struct loop_part){.name = "consul", .ctx = c, .deadline = deadline, .expire = expire};
    loop_add(s->loop, &c->part);
    return 0;
}

static void stop(struct sink *s)
{
    struct consul *c = (struct consul *)s;

    http_client_end(&c->http);
    loop_remove(&c->part);
    while (c->members)
        consul_free_member(c->members);
    free(c->slots);
    c->slots = NULL;
    c->n_slots = 0;
    c->running = c->silent = 0;
    c->n_queued = c->n_gone = 0;
    c->first = NULL;
    c->away = false;
    c->pause_until = 0;
}

const struct sink_kind sink_consul = {
    .name = "consul",
    .usage = "consul URL|@FILE [service=NAME] [ttl=30s] [at-most=8] [token-file=] [header-file=] "
             "[ca-file=] [insecure=yes]",
    .size = sizeof(struct consul),
    .least = 1,
    .most = 1,
    .settings = "service ttl at-most" SINK_URL_SETTINGS,
    .parse = parse,
    .look = look_files,
    .start = start,
    .settle = settle,
    .stop = stop};
