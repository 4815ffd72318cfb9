#include "history/query.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "history/layout.h"

#define LIMIT 100
#define BUSY_MS 500
#define URI 4096
#define SERVER                                                                                     \
    "SELECT id, name, label, tags, remote, state, cause, words, priority, since_ms, gone IS NULL"  \
    " FROM server "
#define EVENT                                                                                      \
    "SELECT e.id, e.at_ms, coalesce(s.name, ''), coalesce(s.label, ''),"                           \
    " e.kind, e.before, e.after, e.cause, e.words,"                                                \
    " e.evidence, e.who FROM event e LEFT JOIN server s ON s.id=e.server WHERE "

struct query {
    sqlite3 *db;
    int version;
};

/* A file on a disk that cannot be written needs to be told so. */
static int open_as(const char *path, const char *mode, sqlite3 **ret)
{
    struct text uri = {0};
    int r;

    text_add(&uri, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (strchr("?#%", *p))
            text_printf(&uri, "%%%02X", (unsigned char)*p);
        else
            text_bytes(&uri, p, 1);
    }
    text_printf(&uri, "?%s", mode);
    r = uri.failed
            ? SQLITE_NOMEM
            : sqlite3_open_v2(uri.at, ret,
                              SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    text_deinit(&uri);
    if (r == SQLITE_OK) {
        sqlite3_busy_timeout(*ret, BUSY_MS);
        r = sqlite3_exec(*ret, "PRAGMA trusted_schema=OFF; SELECT 1 FROM sqlite_master", NULL, NULL,
                         NULL);
    }
    return r;
}

static int no_history(const char *path, const struct words *w)
{
    return words_fail(w, QHCP_E_NOT_FOUND,
                      "%s: there is no history: does a load balancer run with another --port, "
                      "--history or QHCP_STATE_DIR?",
                      path);
}

int query_open(const char *path, struct query **ret, const struct words *w)
{
    struct query *q;
    int r;

    if (access(path, F_OK) != 0)
        return no_history(path, w);
    q = calloc(1, sizeof *q);
    if (!q)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    r = open_as(path, "mode=ro", &q->db);
    if ((r & 0xff) == SQLITE_CANTOPEN || (r & 0xff) == SQLITE_READONLY) {
        (void)sqlite3_close(q->db);
        q->db = NULL;
        r = open_as(path, "immutable=1", &q->db);
    }
    q->version = r == SQLITE_OK ? layout_version(q->db) : -1;
    if (q->version > 0) {
        *ret = q;
        return 0;
    }
    r = q->version == 0
            ? words_fail(w, QHCP_E_PARSE, "%s is not a history", path)
            : words_fail(w, QHCP_E_IO, "%s: %s", path, q->db ? query_words(q) : "out of memory");
    query_close(q);
    return r;
}

void query_close(struct query *q)
{
    if (q)
        (void)sqlite3_close(q->db);
    free(q);
}

const char *query_words(const struct query *q)
{
    return sqlite3_errmsg(q->db);
}

bool query_newer(const struct query *q)
{
    return q->version > LAYOUT_VERSION;
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text ? text : "";
}

static int64_t number_of(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? QUERY_UNKNOWN
                                                            : sqlite3_column_int64(stmt, column);
}

static int prepare(struct query *q, const char *sql, sqlite3_stmt **ret)
{
    return sqlite3_prepare_v2(q->db, sql, -1, ret, NULL) == SQLITE_OK ? 0 : QHCP_E_IO;
}

int64_t query_newest(struct query *q)
{
    static const char sql[] =
        "SELECT max(coalesce((SELECT at_ms FROM event ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT at_ms FROM minute ORDER BY id DESC LIMIT 1), 0))";
    sqlite3_stmt *stmt;
    int64_t ms = 0;

    if (prepare(q, sql, &stmt) == 0 && sqlite3_step(stmt) == SQLITE_ROW)
        ms = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return ms;
}

#define COPY(member, column)                                                                       \
    snprintf(ret->member, sizeof ret->member, "%s", text_of(stmt, (column)))

static void read_server(sqlite3_stmt *stmt, struct query_server *ret)
{
    ret->id = sqlite3_column_int64(stmt, 0);
    COPY(name, 1);
    COPY(label, 2);
    COPY(tags, 3);
    COPY(remote, 4);
    COPY(state, 5);
    COPY(cause, 6);
    COPY(words, 7);
    ret->priority = (unsigned)sqlite3_column_int(stmt, 8);
    ret->since_ms = sqlite3_column_int64(stmt, 9);
    ret->watched = sqlite3_column_int(stmt, 10) != 0;
}

/* How many match; the first in *ret, and some of their names. */
static int match(struct query *q, const char *where, const char *text, struct query_server *ret,
                 struct text *names)
{
    sqlite3_stmt *stmt;
    char sql[400];
    int n = 0;

    snprintf(sql, sizeof sql, SERVER "WHERE %s ORDER BY gone IS NULL DESC, name LIMIT 6", where);
    if (prepare(q, sql, &stmt) != 0)
        return QHCP_E_IO;
    (void)sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct query_server s = {.id = 0};

        read_server(stmt, &s);
        text_printf(names, "%s%s", n > 0 ? ", " : "", s.name);
        if (n++ == 0)
            *ret = s;
    }
    sqlite3_finalize(stmt);
    return n;
}

int query_find(struct query *q, const char *text, struct query_server *ret, const struct words *w)
{
    static const char *const ways[] = {
        "name=?1 OR label=?1", "address=?1 OR server_id=?1 OR remote=?1",
        "substr(name, 1, length(?1)+1)=?1||':' OR substr(remote, 1, length(?1)+1)=?1||':'"};
    struct query_server found = {.id = 0};
    struct text names = {0}, clean = {0};
    int n = 0, r = 0;

    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && n == 0; i++) {
        text_reset(&names);
        n = match(q, ways[i], text, &found, &names);
    }
    text_plain(&clean, n == 0 ? text : names.at ? names.at : "");
    if (n < 0)
        r = words_fail(w, QHCP_E_IO, "%s", query_words(q));
    else if (n == 0)
        r = words_fail(w, QHCP_E_NOT_FOUND,
                       "\"%.200s\" is not in the history: qhcp history shows which servers are",
                       clean.at ? clean.at : "");
    else if (n > 1)
        r = words_fail(w, QHCP_E_EXISTS, "this is the name of several servers: %.400s%s",
                       clean.at ? clean.at : "", n > 5 ? " ..." : "");
    else
        *ret = found;
    text_deinit(&names);
    text_deinit(&clean);
    return r;
}

static int each_server(sqlite3_stmt *stmt, query_server_fn *fn, void *ctx)
{
    struct query_server s;
    int step;

    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        read_server(stmt, &s);
        if (!fn(ctx, &s))
            break;
    }
    sqlite3_finalize(stmt);
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : QHCP_E_IO;
}

int query_servers(struct query *q, query_server_fn *fn, void *ctx)
{
    sqlite3_stmt *stmt;
    int r = prepare(q, SERVER "WHERE gone IS NULL ORDER BY name", &stmt);

    return r == 0 ? each_server(stmt, fn, ctx) : r;
}

int query_companions(struct query *q, int64_t server, int64_t at_ms, int64_t within_ms,
                     query_server_fn *fn, void *ctx)
{
    static const char sql[] =
        SERVER "WHERE id<>?1 AND id IN (SELECT server FROM event INDEXED BY event_by_time WHERE"
               " at_ms BETWEEN ?2 AND ?3 AND kind='state' AND after='down') ORDER BY name";
    sqlite3_stmt *stmt;
    int r = prepare(q, sql, &stmt);

    if (r != 0)
        return r;
    (void)sqlite3_bind_int64(stmt, 1, server);
    (void)sqlite3_bind_int64(stmt, 2, at_ms - within_ms);
    (void)sqlite3_bind_int64(stmt, 3, at_ms + within_ms);
    return each_server(stmt, fn, ctx);
}

static void bind_range(sqlite3_stmt *stmt, const struct query_range *r, sqlite3_int64 limit)
{
    (void)sqlite3_bind_int64(stmt, 1, r->server);
    (void)sqlite3_bind_int64(stmt, 2, r->since_ms);
    (void)sqlite3_bind_int64(stmt, 3, r->until_ms);
    (void)sqlite3_bind_int64(stmt, 4, limit);
}

/* The newest ones are found backwards, by an index: of the server, or of its order. */
static const char *event_sql(const struct query_range *r, char *ret, size_t cap)
{
    snprintf(ret, cap,
             "SELECT * FROM (" EVENT
             "%s AND e.at_ms>=?2 AND e.at_ms<=?3 AND e.id>?5 AND (?7=0 OR e.id<?7)%s"
             " ORDER BY e.id DESC LIMIT ?4) ORDER BY id",
             r->server ? "e.server=?1" : "?1=0",
             r->after_state ? " AND e.kind='state' AND e.after=?6" : "");
    return ret;
}

int query_events(struct query *q, const struct query_range *range, query_event_fn *fn, void *ctx)
{
    size_t limit = range->limit > 0 ? range->limit : LIMIT;
    char sql[700];
    sqlite3_stmt *stmt;
    int step = SQLITE_ROW, r = prepare(q, event_sql(range, sql, sizeof sql), &stmt);

    if (r != 0)
        return r;
    bind_range(stmt, range, limit < INT_MAX ? (sqlite3_int64)limit : INT_MAX);
    (void)sqlite3_bind_int64(stmt, 5, range->after);
    (void)sqlite3_bind_int64(stmt, 7, range->before);
    if (range->after_state)
        (void)sqlite3_bind_text(stmt, 6, range->after_state, -1, SQLITE_STATIC);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct query_event e = {.id = sqlite3_column_int64(stmt, 0),
                                      .at_ms = sqlite3_column_int64(stmt, 1),
                                      .server = text_of(stmt, 2),
                                      .label = text_of(stmt, 3),
                                      .kind = text_of(stmt, 4),
                                      .before = text_of(stmt, 5),
                                      .after = text_of(stmt, 6),
                                      .cause = text_of(stmt, 7),
                                      .words = text_of(stmt, 8),
                                      .evidence = text_of(stmt, 9),
                                      .who = text_of(stmt, 10)};
        if (!fn(ctx, &e))
            break;
    }
    sqlite3_finalize(stmt);
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : QHCP_E_IO;
}

int query_samples(struct query *q, const struct query_range *range, query_sample_fn *fn, void *ctx)
{
    static const char sql[] =
        "SELECT * FROM (SELECT m.at_ms, p.state, p.share, p.rtt_us, p.sent, p.answered, p.cpu,"
        " p.memory, p.requests, p.connections, m.id AS id FROM minute m CROSS JOIN sample p ON"
        " p.minute=m.id AND p.server=?1 WHERE m.at_ms>=?2 AND m.at_ms<=?3 ORDER BY m.id DESC"
        " LIMIT ?4) ORDER BY id";
    sqlite3_stmt *stmt;
    int step = SQLITE_ROW, r = prepare(q, sql, &stmt);

    if (r != 0)
        return r;
    bind_range(stmt, range,
               range->limit > 0 && range->limit < INT_MAX ? (sqlite3_int64)range->limit : -1);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        const struct query_sample s = {.at_ms = sqlite3_column_int64(stmt, 0),
                                       .state = (enum qhcp_state)sqlite3_column_int(stmt, 1),
                                       .share = (unsigned)sqlite3_column_int(stmt, 2),
                                       .rtt_us = number_of(stmt, 3),
                                       .sent = (uint64_t)sqlite3_column_int64(stmt, 4),
                                       .answered = (uint64_t)sqlite3_column_int64(stmt, 5),
                                       .cpu = number_of(stmt, 6),
                                       .memory = number_of(stmt, 7),
                                       .requests = number_of(stmt, 8),
                                       .connections = number_of(stmt, 9)};
        if (!fn(ctx, &s))
            break;
    }
    sqlite3_finalize(stmt);
    return step == SQLITE_ROW || step == SQLITE_DONE ? 0 : QHCP_E_IO;
}
