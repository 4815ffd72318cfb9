#include "cli/admin_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#define READ_WAIT 10L          /* seconds for what is read */
#define ACT_WAIT 60L           /* ... and for what is done, as a reload that asks DNS */
#define SILENCE 60L            /* a stream says something every 15 s */
#define ANSWER_MOST (1U << 28) /* bytes: 100,000 servers */
#define LINE_MOST 65536

static size_t on_bytes(char *at, size_t size, size_t n, void *ctx)
{
    struct text *t = ctx;

    if (t->n + size * n > ANSWER_MOST)
        return 0;
    text_bytes(t, at, size * n);
    return t->failed ? 0 : size * n;
}

static int no_connection(const struct admin_client *c, long error, const struct words *w)
{
    if (error == EACCES || error == EPERM)
        return words_fail(w, QHCP_E_IO,
                          "%s: only root and the user that runs the load balancer may use it",
                          c->path);
    if (error == ENOENT || error == ECONNREFUSED || error == 0)
        return words_fail(
            w, QHCP_E_NOT_FOUND,
            "%s: no load balancer runs there (choose another with --port or --admin-socket)",
            c->path);
    return words_fail(w, QHCP_E_IO, "%s: %s", c->path, strerror((int)error));
}

static int failed(const struct admin_client *c, CURL *e, CURLcode r, const struct words *w)
{
    long error = 0;

    curl_easy_getinfo(e, CURLINFO_OS_ERRNO, &error);
    if (r == CURLE_COULDNT_CONNECT)
        return no_connection(c, error, w);
    if (r == CURLE_OPERATION_TIMEDOUT)
        return words_fail(w, QHCP_E_IO, "%s: the load balancer does not answer", c->path);
    return words_fail(w, QHCP_E_IO, "%s: %s", c->path, curl_easy_strerror(r));
}

/* NULL: out of memory. */
static CURL *prepare(const struct admin_client *c, const char *path, curl_write_callback fn,
                     void *ctx)
{
    CURL *e = curl_global_init(CURL_GLOBAL_NOTHING) == 0 ? curl_easy_init() : NULL;
    struct text url = {0};

    text_add(&url, "http://localhost");
    text_add(&url, path);
    if (e && (url.failed || curl_easy_setopt(e, CURLOPT_URL, url.at) != CURLE_OK ||
              curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, c->path) != CURLE_OK)) {
        curl_easy_cleanup(e);
        e = NULL;
    }
    text_deinit(&url);
    if (!e)
        return NULL;
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "qhcp");
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, fn);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, ctx);
    return e;
}

/* POST, if there is a body.  False: out of memory. */
static bool give_body(struct admin_call *call, const json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    CURL *e = call->easy;
    bool well = !body || (text && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, text) == CURLE_OK);

    free(text);
    call->headers = body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
    if (body)
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, body ? ACT_WAIT : READ_WAIT);
    return well && (!body || call->headers);
}

/* What the answer says; a refusal has its words in it. */
static int judge(struct admin_answer *a, const struct words *w)
{
    const char *message;
    struct text plain = {0};
    int r = 0;

    a->json = a->text.failed || a->text.n == 0 ? NULL : json_loadb(a->text.at, a->text.n, 0, NULL);
    if (a->status >= 400) {
        message = admin_client_text(json_object_get(a->json, "error"), "message");
        text_plain(&plain, message);
        r = message[0] != '\0' && !plain.failed
                ? words_fail(w, QHCP_E_IO, "%s", plain.at)
                : words_fail(w, QHCP_E_IO, "the load balancer refuses it (HTTP status %ld)",
                             a->status);
        text_deinit(&plain);
    } else if (!json_is_object(a->json)) {
        r = words_fail(w, QHCP_E_IO, "what answers there is no load balancer");
    }
    return r;
}

int admin_call_begin(struct admin_call *call, const struct admin_client *c, const char *path,
                     const json_t *body, const struct words *w)
{
    *call = (struct admin_call){.easy = NULL};
    call->easy = prepare(c, path, on_bytes, &call->answer.text);
    if (call->easy && give_body(call, body))
        return 0;
    admin_call_drop(call);
    return words_fail(w, QHCP_E_NOMEM, "out of memory");
}

int admin_call_end(struct admin_call *call, const struct admin_client *c, CURLcode result,
                   const struct words *w)
{
    int r;

    if (result != CURLE_OK) {
        r = failed(c, call->easy, result, w);
    } else {
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &call->answer.status);
        r = judge(&call->answer, w);
    }
    admin_call_drop(call);
    return r;
}

void admin_call_drop(struct admin_call *call)
{
    curl_slist_free_all(call->headers);
    curl_easy_cleanup(call->easy);
    call->headers = NULL;
    call->easy = NULL;
}

/* ---- a stream ---- */

static size_t on_stream(char *at, size_t size, size_t n, void *ctx)
{
    struct admin_follower *s = ctx;
    size_t total = size * n;

    for (size_t used = 0; used < total && !s->ended;) {
        const char *end = memchr(at + used, '\n', total - used);
        size_t part = end ? (size_t)(end - (at + used)) : total - used;

        text_bytes(&s->line, at + used, part);
        if (s->line.failed || s->line.n > LINE_MOST)
            return 0;
        used += part + (end ? 1 : 0);
        if (!end)
            break;
        s->ended = s->line.n > 0 && !s->fn(s->ctx, s->line.at);
        text_reset(&s->line);
    }
    return s->ended ? 0 : total;
}

int admin_follower_begin(struct admin_follower *f, const struct admin_client *c, const char *path,
                         admin_client_line_fn *fn, void *ctx, const struct words *w)
{
    *f = (struct admin_follower){.fn = fn, .ctx = ctx};
    f->easy = prepare(c, path, on_stream, f);
    if (!f->easy)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    curl_easy_setopt(f->easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(f->easy, CURLOPT_CONNECTTIMEOUT, READ_WAIT);
    curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(f->easy, CURLOPT_LOW_SPEED_TIME, SILENCE);
    return 0;
}

int admin_follower_end(struct admin_follower *f, const struct admin_client *c, CURLcode result,
                       const struct words *w)
{
    int r;

    if (f->ended)
        r = 0;
    else if (result == CURLE_OK || result == CURLE_PARTIAL_FILE || result == CURLE_RECV_ERROR ||
             result == CURLE_GOT_NOTHING)
        r = words_fail(w, QHCP_E_IO, "%s: the load balancer has ended", c->path);
    else
        r = failed(c, f->easy, result, w);
    admin_follower_drop(f);
    return r;
}

void admin_follower_drop(struct admin_follower *f)
{
    curl_easy_cleanup(f->easy);
    text_deinit(&f->line);
    f->easy = NULL;
}
