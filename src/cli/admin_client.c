#include "cli/admin_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "history/when.h"
#include "state/state.h"

#include <qhcp/error.h>

#define PORT 4242 /* qhcp lb's own default */
#define OPTION "--admin-socket"
#define READ_WAIT 10L          /* seconds for what is read */
#define ACT_WAIT 60L           /* ... and for what is done, as a reload that asks DNS */
#define SILENCE 60L            /* a stream says something every 15 s */
#define ANSWER_MOST (1U << 28) /* bytes: 100,000 servers */
#define LINE_MOST 65536

static int take_path(struct admin_client *ret, const char *path, const struct words *w)
{
    if (strlen(path) >= sizeof ret->path)
        return words_fail(w, QHCP_E_FULL, "%s is too long for a socket's name", path);
    memcpy(ret->path, path, strlen(path) + 1);
    return 0;
}

/* The only socket of the state directory, in the place of the usual one that is not there. */
static int find_other(struct admin_client *ret, const struct words *w)
{
    char pattern[STATE_PATH + 64];
    struct state state;
    glob_t found;
    int r = state_find(&state, w->p, w->cap);

    if (r != 0)
        return r;
    state_path(&state, "admin-*.sock", pattern, sizeof pattern);
    state_close(&state);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    if (found.gl_pathc == 1)
        r = take_path(ret, found.gl_pathv[0], w);
    else
        r = words_fail(w, QHCP_E_EXISTS,
                       "%zu load balancers have a socket here: choose one with --port, as %s does",
                       found.gl_pathc, found.gl_pathv[0]);
    globfree(&found);
    return r;
}

int admin_client_find(struct admin_client *ret, const char *path, uint16_t port,
                      const struct words *w)
{
    int r;

    if (path)
        return take_path(ret, path, w);
    r = private_socket_path("admin", port ? port : PORT, OPTION, ret->path, w->p, w->cap);
    if (r == 0 && !port && access(ret->path, F_OK) != 0)
        r = find_other(ret, w);
    return r;
}

void admin_client_path(struct text *t, const char *before, const char *name, const char *after)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    text_add(t, before);
    for (const char *p = name; *p != '\0'; p++) {
        if (strchr(plain, *p))
            text_bytes(t, p, 1);
        else
            text_printf(t, "%%%02X", (unsigned)(unsigned char)*p);
    }
    text_add(t, after);
}

/* ---- one request ---- */

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
            "%s: no load balancer runs there (choose another with --port or " OPTION ")", c->path);
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
static bool give_body(CURL *e, const json_t *body, struct curl_slist **headers)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    bool well = !body || (text && curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, text) == CURLE_OK);

    free(text);
    *headers = body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
    if (body)
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(e, CURLOPT_TIMEOUT, body ? ACT_WAIT : READ_WAIT);
    return well && (!body || *headers);
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

int admin_client_ask(const struct admin_client *c, const char *path, const json_t *body,
                     struct admin_answer *ret, const struct words *w)
{
    CURL *e;
    struct curl_slist *headers;
    CURLcode r;
    int error;

    *ret = (struct admin_answer){.status = 0};
    e = prepare(c, path, on_bytes, &ret->text);
    if (!e)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    if (!give_body(e, body, &headers)) {
        error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    } else if ((r = curl_easy_perform(e)) != CURLE_OK) {
        error = failed(c, e, r, w);
    } else {
        curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &ret->status);
        error = judge(ret, w);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(e);
    return error;
}

void admin_client_release(struct admin_answer *a)
{
    text_deinit(&a->text);
    json_decref(a->json);
}

/* ---- a stream ---- */

struct stream {
    struct text line;
    admin_client_line_fn *fn;
    void *ctx;
    bool ended; /* by fn */
};

static size_t on_stream(char *at, size_t size, size_t n, void *ctx)
{
    struct stream *s = ctx;
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

int admin_client_follow(const struct admin_client *c, const char *path, admin_client_line_fn *fn,
                        void *ctx, const struct words *w)
{
    struct stream s = {.fn = fn, .ctx = ctx};
    CURL *e = prepare(c, path, on_stream, &s);
    CURLcode r;
    int error;

    if (!e)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, READ_WAIT);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, SILENCE);
    r = curl_easy_perform(e);
    if (s.ended)
        error = 0;
    else if (r == CURLE_OK || r == CURLE_PARTIAL_FILE || r == CURLE_RECV_ERROR ||
             r == CURLE_GOT_NOTHING)
        error = words_fail(w, QHCP_E_IO, "%s: the load balancer has ended", c->path);
    else
        error = failed(c, e, r, w);
    text_deinit(&s.line);
    curl_easy_cleanup(e);
    return error;
}

/* ---- what an answer has ---- */

int64_t admin_client_time(const char *text)
{
    char seconds[32], words[8];
    int64_t ms;

    if (strlen(text) < 19)
        return -1;
    snprintf(seconds, sizeof seconds, "%.19sZ", text);
    if (when_parse(seconds, 0, &ms, words, sizeof words) != 0)
        return -1;
    return ms + (text[19] == '.' ? strtol(text + 20, NULL, 10) % 1000 : 0);
}

const char *admin_client_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}
