#include "expose/http2.h"

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "expose/expose_conn.h"
#include "expose/grpc.h"
#include "expose/grpc_message.h"
#include "expose/pages.h"

#define HEADERS_MAX 8192 /* bytes of a request's header fields, as RFC 9113, 6.5.2 counts them */
#define HEADER_FIELDS 64
#define HEADER_OVERHEAD 32
#define PATH_MAX_BYTES 256
#define WINDOW (GRPC_MESSAGE_MAX * 4) /* bytes of a body before we say that more may come */

struct http2_stream {
    struct expose_timer timer; /* for a request that does not end, or an answer not taken */
    struct http2 *h;
    struct http2_stream *prev, *next;
    int32_t id;
    struct grpc_call call;
    bool is_call, get, head, grpc, open_metrics, deferred, whole, too_large;
    size_t headers, fields, n_path, n;
    char path[PATH_MAX_BYTES];
    uint8_t request[GRPC_FRAME + GRPC_MESSAGE_MAX];
};

struct http2 {
    nghttp2_session *session;
    struct expose_conn *conn;
    struct http2_stream *streams;
    size_t n;
    qhcp_nsec now; /* of http2_feed */
};

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)name,
                        .value = (uint8_t *)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value)};
}

/* ---- answers ---- */

static void on_stuck(struct expose_timer *t, qhcp_nsec now)
{
    struct http2_stream *s = (struct http2_stream *)t;

    (void)now;
    nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_CANCEL);
    expose_conn_dirty(s->h->conn);
}

/* The status of a call, at its end: as trailers, or with the headers where there is no message. */
static size_t put_status(const struct grpc_call *c, char number[12], nghttp2_nv *ret)
{
    snprintf(number, 12, "%d", (int)c->status);
    ret[0] = pair("grpc-status", number);
    if (c->words[0] == '\0')
        return 1;
    ret[1] = pair("grpc-message", c->words);
    return 2;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct http2_stream *s = source->ptr;
    struct grpc_call *c = &s->call;
    size_t left = c->out.n - c->sent, n = left < length ? left : length;
    nghttp2_nv trailers[2];
    char number[12];

    (void)ctx;
    if (n > 0)
        memcpy(buf, c->out.at + c->sent, n);
    c->sent += n;
    if (n > 0 && n == left)
        grpc_sent(c);
    if (n == left && c->ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->is_call) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            nghttp2_submit_trailer(session, id, trailers, put_status(c, number, trailers));
        }
        return (ssize_t)n;
    }
    s->deferred = n == 0;
    return n == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
}

static void call_ready(struct grpc_call *c, qhcp_nsec now)
{
    struct http2_stream *s =
        (struct http2_stream *)((char *)c - offsetof(struct http2_stream, call));

    (void)now;
    if (!s->deferred)
        return;
    s->deferred = false;
    nghttp2_session_resume_data(s->h->session, s->id);
    expose_conn_dirty(s->h->conn);
}

static void answer_call(struct http2_stream *s)
{
    struct grpc_call *c = &s->call;
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};
    nghttp2_nv headers[4] = {pair(":status", "200"), pair("content-type", "application/grpc")};
    char number[12];
    size_t n = 2;

    s->is_call = true;
    if (s->h->conn->door->pages_only || s->too_large) {
        c->ended = true;
        c->status = s->too_large ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNIMPLEMENTED;
        c->words = s->too_large ? "the request is too large" : "no gRPC at this address";
    } else {
        grpc_begin(c, s->h->now, slice_of(s->path, s->n_path), slice_of(s->request, s->n));
    }
    if (c->ended && c->out.n == 0)
        n += put_status(c, number, headers + n);
    if (!c->ended)
        expose_timer_set(c->expose, &s->timer, NSEC_NEVER);
    nghttp2_submit_response(s->h->session, s->id, headers, n,
                            c->ended && c->out.n == 0 ? NULL : &body);
}

static void answer_page(struct http2_stream *s)
{
    struct grpc_call *c = &s->call;
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_body};
    struct page page;
    char status[12], length[24];

    pages_answer(c->expose,
                 slice_str(s->head  ? "HEAD"
                           : s->get ? "GET"
                                    : "POST"),
                 slice_of(s->path, s->n_path), s->open_metrics, &page);
    snprintf(status, sizeof status, "%u", page.status);
    snprintf(length, sizeof length, "%zu", page.body.n);
    nghttp2_nv headers[] = {pair(":status", status), pair("content-type", page.type),
                            pair("content-length", length), pair("cache-control", "no-store")};
    c->out = page.body;
    c->ended = true;
    nghttp2_submit_response(s->h->session, s->id, headers, 4,
                            s->head || page.body.n == 0 ? NULL : &body);
}

static void answer(struct http2_stream *s)
{
    if (s->whole)
        return;
    s->whole = true;
    if (s->grpc)
        answer_call(s);
    else
        answer_page(s);
}

/* ---- nghttp2's callbacks ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    struct http2_stream *s;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    s = calloc(1, sizeof *s);
    if (!s)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    *s = (struct http2_stream){.timer.fn = on_stuck, .h = h, .id = frame->hd.stream_id};
    s->call.expose = h->conn->expose;
    s->call.ready = call_ready;
    s->call.words = "";
    DL_APPEND(h->streams, s);
    h->n++;
    expose_timer_set(h->conn->expose, &s->timer, nsec_add(h->now, EXPOSE_STUCK));
    nghttp2_session_set_stream_user_data(session, s->id, s);
    return 0;
}

static bool is(const uint8_t *p, size_t n, const char *s)
{
    return slice_equal(slice_of(p, n), slice_str(s));
}

static bool begins(const uint8_t *p, size_t n, const char *s)
{
    return n >= strlen(s) && memcmp(p, s, strlen(s)) == 0;
}

static void take_header(struct http2_stream *s, const uint8_t *name, size_t name_n,
                        const uint8_t *value, size_t n)
{
    if (is(name, name_n, ":method")) {
        s->get = is(value, n, "GET");
        s->head = is(value, n, "HEAD");
    } else if (is(name, name_n, ":path")) {
        s->n_path = n < sizeof s->path ? n : 0; /* one that is too long is none of ours */
        memcpy(s->path, value, s->n_path);
    } else if (is(name, name_n, "content-type")) {
        s->grpc = begins(value, n, "application/grpc") &&
                  (n == strlen("application/grpc") || value[16] == '+' || value[16] == ';');
    } else if (is(name, name_n, "accept")) {
        s->open_metrics = memmem(value, n, "application/openmetrics-text", 28) != NULL;
    }
}

/* A block that grows beyond the limits ends the connection: to go on would mean to decode it all.
 */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_n, const uint8_t *value, size_t n, uint8_t flags, void *ctx)
{
    struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

    (void)flags, (void)ctx;
    if (!s)
        return 0;
    s->headers += name_n + n + HEADER_OVERHEAD;
    s->fields++;
    if (s->headers > HEADERS_MAX || s->fields > HEADER_FIELDS)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    take_header(s, name, name_n, value, n);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t n, void *ctx)
{
    struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)flags, (void)ctx;
    if (!s)
        return 0;
    if (n > sizeof s->request - s->n) {
        s->too_large = true;
        return 0;
    }
    memcpy(s->request + s->n, data, n);
    s->n += n;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct http2_stream *s;

    (void)ctx;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (s)
        answer(s);
    return 0;
}

static void free_stream(struct http2_stream *s)
{
    expose_timer_set(s->call.expose, &s->timer, NSEC_NEVER);
    DL_DELETE(s->h->streams, s);
    s->h->n--;
    grpc_end(&s->call);
    free(s);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);

    (void)code, (void)ctx;
    if (s)
        free_stream(s);
    return 0;
}

/* ---- the session ---- */

static int open_session(struct http2 *h)
{
    nghttp2_session_callbacks *k;
    nghttp2_option *o;
    int r = nghttp2_session_callbacks_new(&k);

    if (r < 0)
        return r;
    r = nghttp2_option_new(&o);
    if (r < 0)
        goto free_callbacks;
    nghttp2_session_callbacks_set_on_begin_headers_callback(k, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(k, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(k, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(k, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(k, on_close);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, 100);
    r = nghttp2_session_server_new2(&h->session, k, h, o);
    nghttp2_option_del(o);
free_callbacks:
    nghttp2_session_callbacks_del(k);
    return r;
}

struct http2 *http2_new(struct expose_conn *conn)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, EXPOSE_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADERS_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    struct http2 *h = calloc(1, sizeof *h);

    if (!h)
        return NULL;
    h->conn = conn;
    if (open_session(h) < 0 ||
        nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, 4) < 0) {
        http2_free(h);
        return NULL;
    }
    return h;
}

void http2_free(struct http2 *h)
{
    if (!h)
        return;
    while (h->streams)
        free_stream(h->streams);
    nghttp2_session_del(h->session);
    free(h);
}

bool http2_feed(struct http2 *h, qhcp_nsec now, struct slice bytes)
{
    ssize_t n;

    h->now = now;
    n = nghttp2_session_mem_recv(h->session, bytes.p, bytes.n);
    if (n == (ssize_t)bytes.n)
        return true;
    nghttp2_session_terminate_session(h->session, n == NGHTTP2_ERR_CALLBACK_FAILURE
                                                      ? NGHTTP2_ENHANCE_YOUR_CALM
                                                      : NGHTTP2_PROTOCOL_ERROR);
    return false;
}

bool http2_pull(struct http2 *h, struct text *out, size_t most)
{
    const uint8_t *p;
    ssize_t n;

    while (out->n < most) {
        n = nghttp2_session_mem_send(h->session, &p);
        if (n < 0)
            return false;
        if (n == 0)
            break;
        text_bytes(out, (const char *)p, (size_t)n);
    }
    return nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session);
}

bool http2_sends(const struct http2 *h)
{
    return nghttp2_session_want_write(h->session);
}

size_t http2_streams(const struct http2 *h)
{
    return h->n;
}

void http2_goaway(struct http2 *h)
{
    nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}
