#include "sinks/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/utf8.h"
#include "base/value.h"
#include "base/version.h"

#define HEADERS_MAX 65536 /* bytes of an answer that are read */
#define BODY_MAX 65536

struct http_transfer {
    struct http_transfer *next, **link;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    qhcp_nsec timeout;
    void (*done)(void *ctx, qhcp_nsec now, const struct http_answer *answer);
    void *ctx;
    size_t n_headers, n_body;
    char error[CURL_ERROR_SIZE];
    char body[HTTP_CLIENT_BODY];
};

/* A socket of libcurl's. */
struct http_socket {
    struct http_client *client;
    struct loop_watch watch;
    curl_socket_t fd;
};

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready);

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct http_client *c = ctx;
    struct http_socket *s = of_socket;
    unsigned events =
        (what & CURL_POLL_IN ? LOOP_READABLE : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITABLE : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            loop_unwatch(&s->watch);
        free(s);
        return 0;
    }
    if (s) {
        loop_watch_change(&s->watch, events);
        return 0;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    s->client = c;
    s->fd = fd;
    loop_watch(c->loop, &s->watch, fd, events, on_ready, s);
    curl_multi_assign(c->multi, fd, s);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct http_client *c = ctx;

    (void)multi;
    c->wake_at = ms < 0 ? NSEC_NEVER : nsec_add(loop_now(), (qhcp_nsec)ms * NSEC_PER_MSEC);
    return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct http_transfer *t = ctx;

    (void)p;
    t->n_headers += size * n;
    return t->n_headers > HEADERS_MAX ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct http_transfer *t = ctx;
    size_t len = size * n, room = sizeof t->body - 1;

    if (t->n_body < room)
        memcpy(t->body + t->n_body, p, len < room - t->n_body ? len : room - t->n_body);
    t->n_body += len;
    return t->n_body > BODY_MAX ? 0 : len;
}

static int make_easy(struct http_transfer *t, const struct http_request *r)
{
    const struct http_client *c = t->client;
    CURL *e = t->easy = curl_easy_init();
    CURLcode x = e ? CURLE_OK : CURLE_OUT_OF_MEMORY;

#define HTTP_SET(option, value)                                                                    \
    if (x == CURLE_OK)                                                                             \
    x = curl_easy_setopt(e, option, value)
    HTTP_SET(CURLOPT_URL, r->url);
    HTTP_SET(CURLOPT_CUSTOMREQUEST, r->method);
    HTTP_SET(CURLOPT_POSTFIELDSIZE, (long)r->n);
    HTTP_SET(CURLOPT_COPYPOSTFIELDS, r->body);
    HTTP_SET(CURLOPT_HTTPHEADER, t->headers);
    HTTP_SET(CURLOPT_TIMEOUT_MS, (long)(r->timeout / NSEC_PER_MSEC));
    HTTP_SET(CURLOPT_PROTOCOLS_STR, "http,https");
    HTTP_SET(CURLOPT_FOLLOWLOCATION, 0L);
    HTTP_SET(CURLOPT_PROXY, "");
    HTTP_SET(CURLOPT_NOSIGNAL, 1L);
    HTTP_SET(CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent holds nothing up */
    HTTP_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    HTTP_SET(CURLOPT_USERAGENT, "qhcp/" BASE_VERSION);
    HTTP_SET(CURLOPT_SSL_VERIFYPEER, c->insecure ? 0L : 1L);
    HTTP_SET(CURLOPT_SSL_VERIFYHOST, c->insecure ? 0L : 2L);
    if (c->ca_file)
        HTTP_SET(CURLOPT_CAINFO, c->ca_file);
    HTTP_SET(CURLOPT_ERRORBUFFER, t->error);
    HTTP_SET(CURLOPT_HEADERFUNCTION, on_header);
    HTTP_SET(CURLOPT_HEADERDATA, t);
    HTTP_SET(CURLOPT_WRITEFUNCTION, on_body);
    HTTP_SET(CURLOPT_WRITEDATA, t);
    HTTP_SET(CURLOPT_PRIVATE, t);
#undef HTTP_SET
    return x == CURLE_OK ? 0 : QHCP_E_NOMEM;
}

static void free_transfer(struct http_transfer *t)
{
    if (t->link)
        *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t);
}

/* Why there was no answer.  The same words for the same cause: libcurl's have times in them. */
static void describe(const struct http_transfer *t, CURLcode r, char words[HTTP_CLIENT_WORDS])
{
    char timeout[40];
    long cause = 0;

    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &cause);
    value_duration_text(t->timeout, timeout, sizeof timeout);
    if (r == CURLE_OPERATION_TIMEDOUT)
        snprintf(words, HTTP_CLIENT_WORDS, "no answer within %s", timeout);
    else if (r == CURLE_COULDNT_RESOLVE_HOST)
        snprintf(words, HTTP_CLIENT_WORDS, "its name cannot be resolved");
    else if (r == CURLE_COULDNT_CONNECT)
        snprintf(words, HTTP_CLIENT_WORDS, "%s",
                 cause == ECONNREFUSED ? "connection refused"
                 : cause != 0          ? strerror((int)cause)
                                       : "no connection");
    else if (r == CURLE_PEER_FAILED_VERIFICATION)
        snprintf(words, HTTP_CLIENT_WORDS, "%.250s", t->error[0] ? t->error : "its certificate");
    else if (r == CURLE_SSL_CACERT_BADFILE && t->client->ca_file)
        snprintf(words, HTTP_CLIENT_WORDS, "ca-file %.200s: cannot read a certificate from it",
                 t->client->ca_file);
    else if (r == CURLE_SSL_CACERT_BADFILE)
        snprintf(words, HTTP_CLIENT_WORDS,
                 "cannot read the certificates of authorities, which its own is verified by: "
                 "install ca-certificates, or use ca-file=");
    else
        snprintf(words, HTTP_CLIENT_WORDS, "%s", curl_easy_strerror(r));
}

/* A transfer is over: it is not in the client any more when its owner hears of it. */
static void finish(struct http_transfer *t, qhcp_nsec now, CURLcode r)
{
    char words[HTTP_CLIENT_WORDS] = "", body[HTTP_CLIENT_BODY];
    struct http_answer answer = {.words = words, .body = body};
    void (*done)(void *, qhcp_nsec, const struct http_answer *) = t->done;
    void *ctx = t->ctx;
    bool cut = r == CURLE_WRITE_ERROR && t->n_body > BODY_MAX;

    if (r == CURLE_OK || cut) /* (what is wanted to be known is known) */
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    if (answer.status == 0)
        describe(t, r, words);
    utf8_clean(slice_str(t->body), body, sizeof body);
    curl_multi_remove_handle(t->client->multi, t->easy);
    free_transfer(t);
    done(ctx, now, &answer);
}

static void collect(struct http_client *c, qhcp_nsec now)
{
    const CURLMsg *m;
    struct http_transfer *t;
    int left;

    while (c->multi && (m = curl_multi_info_read(c->multi, &left))) {
        CURLcode r = m->data.result;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        finish(t, now, r);
    }
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct http_socket *s = ctx;
    struct http_client *c = s->client;
    int running, what = (ready & LOOP_READABLE ? CURL_CSELECT_IN : 0) |
                        (ready & LOOP_WRITABLE ? CURL_CSELECT_OUT : 0);

    curl_multi_socket_action(c->multi, s->fd, what, &running);
    collect(c, now);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct http_client *)ctx)->wake_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct http_client *c = ctx;
    int running;

    c->wake_at = NSEC_NEVER;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(c, now);
}

int http_client_begin(struct http_client *c, struct loop *loop)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return QHCP_E_NOMEM;
    c->multi = curl_multi_init();
    if (!c->multi)
        return QHCP_E_NOMEM;
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    c->loop = loop;
    c->wake_at = NSEC_NEVER;
    c->transfers = NULL;
    c->part = (struct loop_part){.name = "http", .ctx = c, .deadline = deadline, .expire = expire};
    loop_add(loop, &c->part);
    return 0;
}

void http_client_end(struct http_client *c)
{
    if (!c->multi)
        return;
    while (c->transfers) {
        curl_multi_remove_handle(c->multi, c->transfers->easy);
        free_transfer(c->transfers);
    }
    curl_multi_cleanup(c->multi); /* closes the connections that were kept */
    loop_remove(&c->part);
    c->multi = NULL;
    c->loop = NULL;
}

int http_client_send(struct http_client *c, const struct http_request *r)
{
    struct http_transfer *t = calloc(1, sizeof *t);

    if (!t) {
        curl_slist_free_all(r->headers);
        return QHCP_E_NOMEM;
    }
    t->client = c;
    t->headers = r->headers;
    t->timeout = r->timeout;
    t->done = r->done;
    t->ctx = r->ctx;
    if (make_easy(t, r) < 0 || curl_multi_add_handle(c->multi, t->easy) != CURLM_OK) {
        free_transfer(t);
        return QHCP_E_NOMEM;
    }
    t->next = c->transfers;
    t->link = &c->transfers;
    if (t->next)
        t->next->link = &t->next;
    c->transfers = t;
    return 0;
}
