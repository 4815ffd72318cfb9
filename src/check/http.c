/* http: a GET is answered with a status of the range that is expected and, where that is asked for,
 * with certain bytes in its first 64 KiB.
 *
 * libcurl's multi_socket API on the set's descriptors and deadline.  Each run makes a new
 * connection: a kept connection would hide that nobody accepts. libcurl gets no names, since it
 * would resolve them on a thread and wait for that; no proxy, no redirect, no https, whose
 * handshakes and bundles of certificates cost this thread milliseconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <curl/curl.h>

#include "check/kind.h"

#define HTTP_BODY 65536    /* bytes in which the body is looked for */
#define HTTP_HEADERS 65536 /* bytes of headers that are read */
#define HTTP_WATCHES 8     /* sockets of one run: one, or two for a name with two families */

struct http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *resolve;
    struct check_watch watches[HTTP_WATCHES];
    size_t headers, n;
    bool found, flooded;
    char error[CURL_ERROR_SIZE];
    char body[HTTP_BODY];
};

/* libcurl's sockets in the set. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct check *c = ctx;
    struct http *h = c->self;
    struct check_watch *w = of_socket;
    unsigned events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            check_unwatch(c, w);
        return 0;
    }
    for (size_t i = 0; i < HTTP_WATCHES && !w; i++)
        if (h->watches[i].fd < 0)
            w = &h->watches[i];
    if (!w || check_watch(c, w, fd, events) != 0)
        return -1;
    curl_multi_assign(h->multi, fd, w);
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
    struct check *c = ctx;

    (void)multi;
    c->wake_at = ms < 0 ? NSEC_NEVER : nsec_add(c->now, (qhcp_nsec)ms * NSEC_PER_MSEC);
    return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct check *c = ctx;
    struct http *h = c->self;

    (void)p;
    h->headers += size * n;
    h->flooded = h->headers > HTTP_HEADERS;
    return h->flooded ? 0 : size * n;
}

/* Less than all that came ends the transfer: what is wanted to know is known. */
static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct check *c = ctx;
    struct http *h = c->self;
    size_t len = size * n, room = HTTP_BODY - h->n, wanted = strlen(c->spec.body);
    size_t from = h->n > wanted ? h->n - wanted : 0;

    if (wanted == 0)
        return 0;
    memcpy(h->body + h->n, p, len < room ? len : room);
    h->n += len < room ? len : room;
    h->found = memmem(h->body + from, h->n - from, c->spec.body, wanted) != NULL;
    return h->found || h->n == HTTP_BODY ? 0 : len;
}

static int make_easy(struct check *c, struct http *h)
{
    CURL *e = h->easy = curl_easy_init();
    CURLcode r = e ? CURLE_OK : CURLE_OUT_OF_MEMORY;

#define HTTP_SET(option, value)                                                                    \
    if (r == CURLE_OK)                                                                             \
    r = curl_easy_setopt(e, option, value)
    HTTP_SET(CURLOPT_URL, c->spec.text);
    HTTP_SET(CURLOPT_PROTOCOLS_STR, "http");
    HTTP_SET(CURLOPT_PROXY, "");
    HTTP_SET(CURLOPT_NOSIGNAL, 1L);
    HTTP_SET(CURLOPT_FRESH_CONNECT, 1L);
    HTTP_SET(CURLOPT_FORBID_REUSE, 1L);
    HTTP_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    HTTP_SET(CURLOPT_USERAGENT, "qhcp");
    HTTP_SET(CURLOPT_BUFFERSIZE, 16384L);
    HTTP_SET(CURLOPT_ERRORBUFFER, h->error);
    HTTP_SET(CURLOPT_HEADERFUNCTION, on_header);
    HTTP_SET(CURLOPT_HEADERDATA, c);
    HTTP_SET(CURLOPT_WRITEFUNCTION, on_body);
    HTTP_SET(CURLOPT_WRITEDATA, c);
#undef HTTP_SET
    return r == CURLE_OK ? 0 : QHCP_E_NOMEM;
}

static void http_free(struct http *h)
{
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->resolve);
    free(h);
}

static int http_open(struct check *c, char *words, size_t words_cap)
{
    static bool ready; /* once a process, before any thread */
    struct http *h;

    (void)words;
    (void)words_cap;
    if (!ready && curl_global_init(CURL_GLOBAL_NOTHING) != 0)
        return QHCP_E_NOMEM;
    ready = true;
    h = calloc(1, sizeof *h);
    if (!h)
        return QHCP_E_NOMEM;
    for (size_t i = 0; i < HTTP_WATCHES; i++)
        h->watches[i].fd = -1;
    h->multi = curl_multi_init();
    if (!h->multi || make_easy(c, h) != 0) {
        http_free(h);
        return QHCP_E_NOMEM;
    }
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, c);
    c->self = h;
    return 0;
}

static void http_stop(struct check *c)
{
    struct http *h = c->self;

    curl_multi_remove_handle(h->multi, h->easy);
    for (size_t i = 0; i < HTTP_WATCHES; i++)
        check_unwatch(c, &h->watches[i]);
    c->wake_at = NSEC_NEVER;
}

static void http_close(struct check *c)
{
    http_free(c->self);
}

/* "host:port:address,address" is what libcurl then knows of the name. */
static int give_addresses(struct check *c)
{
    struct http *h = c->self;
    char text[ADDRESS_HOST + 16 + SPEC_ADDRS * (INET6_ADDRSTRLEN + 3)], ip[INET6_ADDRSTRLEN];
    size_t n;

    if (c->spec.address.literal)
        return 0;
    n = (size_t)snprintf(text, sizeof text, "%s:%u:", c->spec.address.host, c->spec.address.port);
    for (size_t i = 0; i < c->n_addrs; i++) {
        const union qhcp_addr *a = &c->addrs[i];
        bool six = a->sa.sa_family == AF_INET6;
        n += (size_t)snprintf(text + n, sizeof text - n, six ? "%s[%s]" : "%s%s", i ? "," : "",
                              address_ip(a, ip));
    }
    curl_slist_free_all(h->resolve);
    h->resolve = curl_slist_append(NULL, text);
    return h->resolve && curl_easy_setopt(h->easy, CURLOPT_RESOLVE, h->resolve) == CURLE_OK
               ? 0
               : QHCP_E_NOMEM;
}

static void http_begin(struct check *c)
{
    struct http *h = c->self;

    h->headers = h->n = 0;
    h->found = h->flooded = false;
    h->error[0] = '\0';
    if (give_addresses(c) != 0 || curl_multi_add_handle(h->multi, h->easy) != CURLM_OK) {
        http_stop(c);
        check_end(c, QHCP_NOT_SERVING, "out of memory");
    }
}

static void judge_answer(struct check *c, long status)
{
    const struct spec *s = &c->spec;
    const struct http *h = c->self;

    if (status < (long)s->expect_from || status > (long)s->expect_to)
        check_end(c, QHCP_NOT_SERVING,
                  s->expect_from == s->expect_to ? "answered %ld, not %u"
                                                 : "answered %ld, not %u-%u",
                  status, s->expect_from, s->expect_to);
    else if (s->body[0] && !h->found)
        check_end(c, QHCP_NOT_SERVING, "answered %ld without \"%.100s\"", status, s->body);
    else
        check_end(c, QHCP_SERVING, "%s", "");
}

/* The transfer may be over; its own end (on_body) is an error of libcurl's. */
static void collect(struct check *c)
{
    struct http *h = c->self;
    int left;
    const CURLMsg *m = curl_multi_info_read(h->multi, &left);
    long status = 0, cause = 0;
    CURLcode r;

    if (!m || m->msg != CURLMSG_DONE)
        return;
    r = m->data.result;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &cause);
    http_stop(c);
    if (h->flooded)
        check_end(c, QHCP_NOT_SERVING, "its headers are longer than %d KiB", HTTP_HEADERS / 1024);
    else if (r == CURLE_OK || (r == CURLE_WRITE_ERROR && status > 0))
        judge_answer(c, status);
    else if (r == CURLE_COULDNT_CONNECT && cause != 0)
        check_end(c, QHCP_NOT_SERVING, "%s",
                  cause == ECONNREFUSED ? "connection refused" : strerror((int)cause));
    else
        check_end(c, QHCP_NOT_SERVING, "%.200s", h->error[0] ? h->error : curl_easy_strerror(r));
}

static void http_ready(struct check *c, struct check_watch *w, unsigned events)
{
    struct http *h = c->self;
    int running, what = (events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                        (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                        (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

    curl_multi_socket_action(h->multi, w->fd, what, &running);
    collect(c);
}

static void http_wake(struct check *c)
{
    struct http *h = c->self;
    int running;

    curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(c);
}

const struct kind http_kind = {
    .open = http_open,
    .close = http_close,
    .begin = http_begin,
    .stop = http_stop,
    .ready = http_ready,
    .wake = http_wake,
};
