/* Reads a history: from its file, whether a load balancer writes it just now or has ended.
 *
 * Each struct query is one reader, for one thread at a time; it never makes the writer wait.  Use:
 *
 *     query_open(path, &q, &words);
 *     query_find(q, "web1", &server, &words);
 *     query_events(q, &(struct query_range){.server = server.id, .since_ms = t, .limit = 100},
 *                  on_event, ctx);
 *     query_close(q);
 *
 * Errors: QHCP_E_NOT_FOUND, QHCP_E_IO (query_words says why). */
#ifndef QHCP_HISTORY_QUERY_H
#define QHCP_HISTORY_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/words.h"

#include <qhcp/error.h>
#include <qhcp/types.h>

#define QUERY_NAME 264
#define QUERY_ALWAYS INT64_MAX /* until_ms: to the newest */
#define QUERY_UNKNOWN INT64_MIN

struct query;

/* What is known of a server. */
struct query_server {
    int64_t id;
    char name[QUERY_NAME], label[80], tags[256], remote[80], state[16], cause[24], words[256];
    unsigned priority;
    int64_t since_ms; /* of its state */
    bool watched;     /* when the history was written last */
};

/* Texts are valid in the callback alone. */
struct query_event {
    int64_t id, at_ms;
    const char *server; /* a name; "": of no server */
    const char *label;  /* its operator's name for it, or "" */
    const char *kind; /* "state", "intent", "session", "panic", "started", ... (docs/history.md) */
    const char *before, *after, *cause, *words, *evidence, *who;
};

struct query_sample {
    int64_t at_ms;
    enum qhcp_state state;
    unsigned share;
    uint64_t sent, answered;
    int64_t rtt_us, cpu, memory, requests, connections; /* QUERY_UNKNOWN; cpu, memory: hundredths
                                                         * of a percent */
};

struct query_range {
    int64_t server;          /* its id; 0: all, and what is of no server */
    int64_t since_ms;        /* unix milliseconds */
    int64_t until_ms;        /* QUERY_ALWAYS */
    int64_t after;           /* an event's id: only later ones */
    int64_t before;          /* the same: only earlier ones; 0: all */
    const char *after_state; /* only events of kind "state" that lead to it; NULL: all */
    size_t limit;            /* the newest so many of these; 0: 100 */
};

/* False ends it. */
typedef bool query_event_fn(void *ctx, const struct query_event *e);
typedef bool query_sample_fn(void *ctx, const struct query_sample *s);
typedef bool query_server_fn(void *ctx, const struct query_server *s);

/* QHCP_E_NOT_FOUND: there is no such file. */
int query_open(const char *path, struct query **ret, const struct words *w);
void query_close(struct query *q); /* NULL is fine */
const char *query_words(const struct query *q);
/* A newer version wrote it: what this one knows of it is read. */
bool query_newer(const struct query *q);
/* When something was written last, unix milliseconds; 0: never. */
int64_t query_newest(struct query *q);

/* The server of this name, label, address or server id, or host where that is of one server alone.
 * QHCP_E_NOT_FOUND, or QHCP_E_EXISTS for several, with words that name some. */
int query_find(struct query *q, const char *text, struct query_server *ret, const struct words *w);
/* Each server that is watched, as it was known last. */
int query_servers(struct query *q, query_server_fn *fn, void *ctx);
/* In the order in which they happened. */
int query_events(struct query *q, const struct query_range *range, query_event_fn *fn, void *ctx);
/* The other servers that went down within so many milliseconds of this moment. */
int query_companions(struct query *q, int64_t server, int64_t at_ms, int64_t within_ms,
                     query_server_fn *fn, void *ctx);
/* Of range->server, in order; limit 0: all. */
int query_samples(struct query *q, const struct query_range *range, query_sample_fn *fn, void *ctx);

#endif
