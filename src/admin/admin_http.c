#include "admin/admin_http.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/admin_door.h"
#include "admin/admin_page.h"
#include "base/value.h"

#include <qhcp/error.h>

#define PIECE (32 << 10) /* bytes of a long answer that are made at once */
#define WORDS 400

/* ---- the answer ---- */

static void error(struct admin_request *q, unsigned status, const char *code, const char *message,
                  const char *faults)
{
    q->status = status;
    q->type = NULL;
    q->more = NULL;
    q->fixed = NULL;
    text_reset(&q->out);
    text_printf(&q->out, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    text_json(&q->out, message);
    if (faults) {
        text_add(&q->out, ",\"faults\":[");
        text_add(&q->out, faults);
        text_add(&q->out, "]");
    }
    text_add(&q->out, "}}\n");
}

void admin_http_error(struct admin_request *q, unsigned status, const char *code, const char *fmt,
                      ...)
{
    char message[WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    error(q, status, code, message, NULL);
}

void admin_http_faults(struct admin_request *q, unsigned status, const char *code,
                       const char *faults, const char *fmt, ...)
{
    char message[WORDS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    error(q, status, code, message, faults ? faults : "");
}

/* A piece of a long answer, for libmicrohttpd. */
static ssize_t piece(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct admin_request *q = cls;
    enum admin_more more = ADMIN_MORE;
    size_t n;

    (void)pos;
    loop_give_way(q->admin->config.watching);
    if (q->sent == q->out.n) {
        text_reset(&q->out);
        q->sent = 0;
        while (more == ADMIN_MORE && q->out.n < PIECE && !q->out.failed)
            more = q->more(q);
    }
    if (q->out.failed)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    n = q->out.n - q->sent < max ? q->out.n - q->sent : max;
    if (n == 0 && more == ADMIN_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) {
        q->asleep = true;
        MHD_suspend_connection(q->mhd);
        return 0;
    }
    memcpy(buf, q->out.at + q->sent, n);
    q->sent += n;
    return (ssize_t)n;
}

static void add_headers(struct MHD_Response *r, const struct admin_request *q)
{
    MHD_add_response_header(r, "Content-Type", q->type ? q->type : "application/json");
    MHD_add_response_header(r, "Cache-Control", q->fixed ? "no-cache" : "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(r, "Content-Security-Policy",
                            "default-src 'self'; frame-ancestors 'none'");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    if (q->etag[0] != '\0')
        MHD_add_response_header(r, "ETag", q->etag);
    if (q->allow[0] != '\0')
        MHD_add_response_header(r, "Allow", q->allow);
    if (q->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, "WWW-Authenticate", "Bearer realm=\"qhcp\"");
    if (q->status == MHD_HTTP_SERVICE_UNAVAILABLE)
        MHD_add_response_header(r, "Retry-After", "1");
}

static enum MHD_Result answer(struct admin_request *q)
{
    unsigned status = q->status ? q->status : MHD_HTTP_OK;
    struct MHD_Response *r;
    enum MHD_Result done;

    if (q->out.failed)
        return MHD_NO;
    if (q->more)
        r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, piece, q, NULL);
    else if (q->fixed)
        r = MHD_create_response_from_buffer(status == MHD_HTTP_OK ? q->fixed->n : 0,
                                            (void *)(uintptr_t)q->fixed->at,
                                            MHD_RESPMEM_PERSISTENT);
    else /* out lives until on_completed */
        r = MHD_create_response_from_buffer(q->out.n, q->out.at, MHD_RESPMEM_PERSISTENT);
    if (!r)
        return MHD_NO;
    add_headers(r, q);
    done = MHD_queue_response(q->mhd, status, r);
    MHD_destroy_response(r);
    q->conn->until = q->endless ? NSEC_NEVER : nsec_add(loop_now(), ADMIN_SLOW);
    return done;
}

static void resume(struct admin_request *q)
{
    q->asleep = false;
    q->conn->door->resumed = true;
    MHD_resume_connection(q->mhd);
}

void admin_http_wake(struct admin_request *q)
{
    if (q->asleep)
        resume(q);
}

void admin_http_answer(struct admin_request *q)
{
    q->later = false;
    admin_http_wake(q);
}

/* ---- the request ---- */

const char *admin_http_header(const struct admin_request *q, const char *name)
{
    return MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, name);
}

const char *admin_http_query(const struct admin_request *q, const char *name)
{
    return MHD_lookup_connection_value(q->mhd, MHD_GET_ARGUMENT_KIND, name);
}

bool admin_http_number(struct admin_request *q, const char *name, uint64_t min, uint64_t max,
                       uint64_t *value)
{
    const char *text = admin_http_query(q, name);
    char words[WORDS];

    if (!text || value_count(text, name, min, max, value, words, sizeof words) == 0)
        return true;
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query", "%s: %s", name, words);
    return false;
}

bool admin_http_names(const char *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = names; *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
        if (strcspn(p, " ") == n && memcmp(p, name, n) == 0)
            return true;
    return false;
}

/* Every parameter is one that the route knows, and is there once. */
static enum MHD_Result check_parameter(void *cls, enum MHD_ValueKind kind, const char *key,
                                       size_t key_n, const char *value, size_t value_n)
{
    struct admin_request *q = cls;
    char quote[VALUE_QUOTE + 8];

    (void)kind;
    if (strlen(key) != key_n || (value && strlen(value) != value_n))
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query", "the query has a NUL in it");
    else if (!admin_http_names(q->route->query, key))
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query", "%s is not a parameter of %s%s%s",
                         value_quote(key, quote), q->route->path,
                         q->route->query[0] ? ": use one of " : ", which has none",
                         q->route->query);
    else if (!value || (admin_http_query(q, key) != value && key[key_n - 1] != ']')) /* "name[]" */
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query", "%s %s", value_quote(key, quote),
                         value ? "is there twice" : "has no value: write NAME=VALUE");
    return q->status ? MHD_NO : MHD_YES;
}

/* A page of another site must not speak for a browser's user. */
static bool check_site(struct admin_request *q)
{
    const char *host = admin_http_header(q, "Host"), *origin = admin_http_header(q, "Origin");
    const struct admin_address *at = &q->conn->door->at;
    char quote[VALUE_QUOTE + 8];

    if (at->local)
        return true;
    if (at->loopback && (!host || !admin_access_host(host)))
        admin_http_error(q, MHD_HTTP_FORBIDDEN, "bad_host",
                         "the Host %s is not this machine: use its address, or localhost",
                         value_quote(host ? host : "", quote));
    else if (origin && !admin_access_origin(origin, host, !at->loopback))
        admin_http_error(q, MHD_HTTP_FORBIDDEN, "bad_origin",
                         "the Origin %s is another site: its pages may not use this one",
                         value_quote(origin, quote));
    return q->status == 0;
}

/* What a token in the request allows.  False: it is wrong, and the answer says why. */
static bool take_token(struct admin_request *q)
{
    const char *header = admin_http_header(q, "Authorization");
    size_t scheme = header ? strcspn(header, " ") : 0;
    char words[WORDS];

    if (!header)
        return true;
    if (scheme != 6 || strncasecmp(header, "Bearer", scheme) != 0) {
        admin_http_error(q, MHD_HTTP_UNAUTHORIZED, "bad_token",
                         "Authorization: expected Bearer and a token");
        return false;
    }
    if (admin_tokens_check(&q->admin->tokens, loop_now(),
                           header + scheme + strspn(header + scheme, " "), &q->who, words,
                           sizeof words) == 0)
        return true;
    admin_http_error(q, MHD_HTTP_UNAUTHORIZED, "bad_token", "token refused: %s", words);
    return false;
}

static bool check_scope(struct admin_request *q)
{
    enum admin_scope scope = q->route->scope;

    if (!take_token(q))
        return false;
    if (scope == ADMIN_ANYBODY || (q->who.scopes & scope))
        return true;
    if (admin_http_header(q, "Authorization"))
        admin_http_error(q, MHD_HTTP_FORBIDDEN, "bad_scope",
                         "this needs a token of the scope %s: qhcp keys token --scope %s",
                         scope == ADMIN_WRITE ? "admin" : "read",
                         scope == ADMIN_WRITE ? "admin" : "read");
    else
        admin_http_error(q, MHD_HTTP_UNAUTHORIZED, "no_token",
                         "this needs a token (qhcp keys token --scope %s), or the Unix socket",
                         scope == ADMIN_WRITE ? "admin" : "read");
    return false;
}

static void check_length(struct admin_request *q)
{
    const char *length = admin_http_header(q, "Content-Length");

    if (length && strtoull(length, NULL, 10) > ADMIN_BODY)
        admin_http_error(q, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
                         "the body has more than %d bytes", ADMIN_BODY);
}

/* May it go on to its handler?  False: the answer says why not. */
static bool check(struct admin_request *q, const char *method, const char *path)
{
    char quote[VALUE_QUOTE + 8];

    if (q->conn->bad_uri)
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_uri",
                         "the request's target has a character that must be written as %%XX, a %% "
                         "without two hex digits, or a NUL");
    if (q->status != 0 || !check_site(q))
        return false;
    q->route = admin_routes_find(method, path, q->name, q->allow);
    if (!q->route && q->allow[0] != '\0')
        admin_http_error(q, MHD_HTTP_METHOD_NOT_ALLOWED, "bad_method", "%s takes %s",
                         value_quote(path, quote), q->allow);
    else if (!q->route)
        admin_http_error(q, MHD_HTTP_NOT_FOUND, "not_found", "there is no %s: see docs/api.md",
                         value_quote(path, quote));
    else if (check_scope(q))
        check_length(q);
    if (q->status == 0)
        MHD_get_connection_values_n(q->mhd, MHD_GET_ARGUMENT_KIND, check_parameter, q);
    return q->status == 0;
}

static struct admin_request *request_new(struct admin_door *door, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct admin_request *q = info && info->socket_context ? calloc(1, sizeof *q) : NULL;

    if (!q)
        return NULL;
    q->admin = door->admin;
    q->mhd = mhd;
    q->conn = info->socket_context;
    q->conn->request = q;
    q->who = q->conn->who;
    return q;
}

static enum MHD_Result begin(struct admin_door *door, struct MHD_Connection *mhd,
                             const char *method, const char *path, void **ret)
{
    struct admin_request *q = request_new(door, mhd);

    if (!q)
        return MHD_NO;
    *ret = q;
    return check(q, method, path) ? MHD_YES : answer(q);
}

static void take(struct admin_request *q, const char *data, size_t n)
{
    q->too_large = q->too_large || n > ADMIN_BODY - q->body.n;
    if (!q->too_large)
        text_bytes(&q->body, data, n);
}

/* All of the request is there. */
static enum MHD_Result finish(struct admin_request *q)
{
    if (!q->handled) {
        q->handled = true;
        loop_give_way(q->admin->config.watching);
        if (q->too_large)
            admin_http_error(q, MHD_HTTP_CONTENT_TOO_LARGE, "too_large",
                             "the body has more than %d bytes", ADMIN_BODY);
        else if (q->body.failed)
            return MHD_NO;
        else
            q->route->handle(q);
    }
    if (!q->later)
        return answer(q);
    q->asleep = true;
    q->conn->until = nsec_add(loop_now(), ADMIN_PATIENCE);
    MHD_suspend_connection(q->mhd);
    return MHD_YES;
}

enum MHD_Result admin_http_request(void *cls, struct MHD_Connection *mhd, const char *path,
                                   const char *method, const char *version, const char *data,
                                   size_t *n, void **con_cls)
{
    struct admin_request *q = *con_cls;

    (void)version;
    if (!q)
        return begin(cls, mhd, method, path, con_cls);
    if (*n == 0)
        return finish(q);
    take(q, data, *n);
    *n = 0;
    return MHD_YES;
}

void admin_http_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
                          enum MHD_RequestTerminationCode how)
{
    struct admin_request *q = *con_cls;

    (void)cls, (void)mhd, (void)how;
    if (!q)
        return;
    q->conn->until = nsec_add(loop_now(), ADMIN_PATIENCE);
    q->conn->request = NULL;
    admin_follow_forget(q);
    if (q->free_ctx)
        q->free_ctx(q->ctx);
    text_deinit(&q->body);
    text_deinit(&q->out);
    free(q);
    *con_cls = NULL;
}

/* libmicrohttpd decodes what it can and ends a path at a NUL: such a target is refused. */
void *admin_http_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct admin_conn *c = info ? info->socket_context : NULL;

    (void)cls;
    if (c)
        c->bad_uri = !admin_access_uri(uri);
    return NULL;
}
