/* An event's id is "START-NUMBER": the number is its place in the log, which begins anew with each
 * process, and START says which process that was.  So a client that comes back with the id of
 * another process, or of a change that is overwritten, is told that it has missed some. */
#include "admin/admin_events.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "admin/admin_server.h"
#include "base/value.h"
#include "fleet/change_json.h"
#include "fleet/feed.h"

#define SHOWN 100 /* events of an answer, where nobody says how many */
#define SHOWN_MOST 10000
#define AT_ONCE 64 /* events of a stream's piece, or looked at for one of a list */

void admin_events_json(struct text *t, const struct fleet_change *c)
{
    admin_json_key(t, NULL);
    change_json(t, c);
}

struct following {
    struct admin_stream stream;  /* joined only of a stream */
    struct admin_follow *follow; /* NULL: not joined */
    char *server;                /* only of this one; NULL: of all */
    uint64_t place;              /* the last change that was looked at */
    uint64_t end, left;          /* of a list: where it ends, and how many it may have */
    bool begun, ended, missed;
};

static void following_free(void *ctx)
{
    struct following *f = ctx;

    if (f && f->follow)
        admin_follow_leave(f->follow, &f->stream);
    if (f)
        free(f->server);
    free(f);
}

static const struct ring *ring_of(const struct admin_request *q)
{
    return q->admin->config.feed->ring;
}

static bool wanted(const struct following *f, const struct fleet_change *c)
{
    return !f->server || strcmp(f->server, c->name) == 0 || strcmp(f->server, c->label) == 0;
}

/* ---- a list ---- */

static void list_end(struct admin_request *q, struct following *f)
{
    text_add(&q->out, "]");
    admin_json_number(&q->out, "next", f->place);
    admin_json_bool(&q->out, "missed", f->missed);
    text_add(&q->out, "}\n");
    f->ended = true;
}

static enum admin_more list_more(struct admin_request *q)
{
    struct following *f = q->ctx;
    struct fleet_change c;

    if (f->ended)
        return ADMIN_END;
    if (!f->begun) {
        text_printf(&q->out, "{\"start\":\"%" PRId64 "\",\"events\":[", q->admin->started_ms);
        f->begun = true;
    }
    for (int i = 0; i < AT_ONCE && f->place < f->end && f->left > 0; i++) {
        if (!ring_get(ring_of(q), ++f->place, &c)) {
            f->missed = true;
            continue;
        }
        if (!wanted(f, &c))
            continue;
        if (q->out.n == 0) /* the one before is in another piece; an empty piece has its bracket */
            text_add(&q->out, ",");
        admin_events_json(&q->out, &c);
        f->left--;
    }
    if (f->place == f->end || f->left == 0)
        list_end(q, f);
    return ADMIN_MORE;
}

/* ---- a stream ---- */

static void id_line(struct admin_request *q, uint64_t seq)
{
    text_printf(&q->out, "id: %" PRId64 "-%" PRIu64 "\n", q->admin->started_ms, seq);
}

/* The client has missed some: it reads the servers again, and goes on from here. */
static void say_missed(struct admin_request *q, struct following *f, uint64_t seq)
{
    f->place = seq;
    f->missed = false;
    id_line(q, seq);
    text_printf(&q->out, "event: resync\ndata: {\"seq\":%" PRIu64 "}\n\n", seq);
}

static void say(struct admin_request *q, const struct fleet_change *c)
{
    id_line(q, c->seq);
    text_printf(&q->out, "event: %s\ndata: ", ring_kind_name((enum fleet_kind)c->kind));
    /* (no member before it: the object begins as in an empty text) */
    struct text one = {0};
    admin_events_json(&one, c);
    text_bytes(&q->out, one.at ? one.at : "", one.n);
    q->out.failed = q->out.failed || one.failed;
    text_deinit(&one);
    text_add(&q->out, "\n\n");
}

static enum admin_more stream_more(struct admin_request *q)
{
    struct following *f = q->ctx;
    uint64_t seq = reader_hold(q->admin->reader)->seq;
    struct fleet_change c;

    if (!f->begun)
        text_printf(&q->out, "retry: 1000\n: changes of %s\n\n",
                    f->server ? "one server" : "all servers");
    f->begun = true;
    if (f->missed || f->place > seq)
        say_missed(q, f, seq);
    for (int i = 0; i < AT_ONCE && f->place < seq; i++) {
        if (!ring_get(ring_of(q), f->place + 1, &c)) {
            say_missed(q, f, seq);
            break;
        }
        f->place++;
        if (wanted(f, &c))
            say(q, &c);
    }
    if (f->place < seq)
        return ADMIN_MORE;
    if (f->stream.alive && q->out.n == 0)
        text_add(&q->out, ":\n\n");
    f->stream.alive = false;
    return ADMIN_WAIT;
}

/* ---- both ---- */

/* The number that `text` names, as "START-NUMBER" or "NUMBER".  False: it is neither. */
static bool parse_id(const struct admin_request *q, const char *text, struct following *f)
{
    char words[8], start[32];
    const char *dash = strchr(text, '-');

    snprintf(start, sizeof start, "%" PRId64, q->admin->started_ms);
    if (dash &&
        ((size_t)(dash - text) != strlen(start) || memcmp(text, start, strlen(start)) != 0)) {
        f->missed = true; /* another process's */
        return true;
    }
    return value_count(dash ? dash + 1 : text, "event", 0, UINT64_MAX - 1, &f->place, words,
                       sizeof words) == 0;
}

/* Before the newest `left` of those that are wanted, up to `end`. */
static void seek_back(struct admin_request *q, struct following *f)
{
    uint64_t found = 0;
    struct fleet_change c;

    for (f->place = f->end; f->place > 0 && found < f->left; f->place--) {
        if (!ring_get(ring_of(q), f->place, &c)) {
            f->missed = true;
            return;
        }
        found += wanted(f, &c);
    }
}

static bool take_place(struct admin_request *q, struct following *f, bool stream)
{
    uint64_t seq = reader_hold(q->admin->reader)->seq;
    const char *id = stream ? admin_http_header(q, "Last-Event-ID") : NULL;
    char quote[VALUE_QUOTE + 8];

    if (!id)
        id = admin_http_query(q, "after");
    f->end = f->place = seq;
    if (!stream && !id)
        seek_back(q, f);
    if (!id || parse_id(q, id, f)) {
        f->missed = f->missed || f->place > seq;
        if (f->place > seq)
            f->place = stream ? seq : 0;
        return true;
    }
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_query",
                     "%s is not the id of an event, or its number", value_quote(id, quote));
    return false;
}

static bool wants_stream(const struct admin_request *q)
{
    const char *accept = admin_http_header(q, "Accept");

    return admin_http_query(q, "stream") || (accept && strcasestr(accept, "text/event-stream"));
}

void admin_events_get(struct admin_request *q)
{
    struct following *f = calloc(1, sizeof *f);
    const char *server = admin_http_query(q, "server");
    bool stream = wants_stream(q);

    q->ctx = f;
    q->free_ctx = following_free;
    if (!f || (server && !(f->server = strdup(server)))) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
        return;
    }
    f->left = SHOWN;
    if (!admin_http_number(q, "limit", 1, SHOWN_MOST, &f->left) || !take_place(q, f, stream))
        return;
    q->more = stream ? stream_more : list_more;
    if (!stream)
        return;
    q->type = "text/event-stream";
    q->endless = true;
    f->stream.request = q;
    f->follow = &q->admin->follow;
    admin_follow_join(f->follow, &f->stream);
}
