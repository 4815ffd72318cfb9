/* The history's file, for its one writer.
 *
 * Rows go in by transactions; without one that is open nothing is written.  The file is SQLite's
 * with a write-ahead log: a process that is killed loses the transaction that was open, and readers
 * (query.h) never wait.  After a power cut the last transactions may be missing.
 *
 * Errors of all functions: QHCP_E_FULL (no room on the disk), QHCP_E_PARSE (the file is damaged:
 * store_set_aside), QHCP_E_IO (all else); store_words says more.  After one, store_rollback. */
#ifndef QHCP_HISTORY_STORE_H
#define QHCP_HISTORY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/words.h"

#include <qhcp/error.h>
#include <qhcp/types.h>

#define STORE_PATH 1024
#define STORE_NONE INT64_MIN /* of a sample: unknown */

struct store;

/* Texts are the caller's, and are copied. */
struct store_server {
    const char *name, *address, *label, *tags, *server_id, *remote, *state, *cause, *words;
    unsigned priority, weight;
    int64_t since_ms;
};

struct store_event {
    int64_t at_ms;
    int64_t server; /* store_server_put's; 0: of no server */
    const char *kind, *before, *after, *cause, *words, *evidence, *who;
};

struct store_sample {
    int64_t server;
    enum qhcp_state state;
    unsigned share;
    int64_t rtt_us;          /* STORE_NONE */
    uint64_t sent, answered; /* checks since the sample before */
    int64_t cpu, memory;     /* hundredths of a percent; STORE_NONE */
    int64_t requests;        /* in flight, as the server reports; STORE_NONE */
    int64_t connections;     /* in flight from this load balancer; STORE_NONE */
};

/* Opens or makes it (mode 0600), and brings it to this version.  QHCP_E_EXISTS: a newer version
 * wrote it; QHCP_E_ARG: it is something else; either is left as it is. */
int store_open(const char *path, struct store **ret, const struct words *w);
void store_close(struct store *s); /* NULL is fine */
/* Moves a damaged file to PATH.damaged, in the place of an earlier one.  QHCP_E_ARG: it does not
 * even begin as an SQLite file, and so may be anything; unless `any`. */
int store_set_aside(const char *path, bool any, const struct words *w);
/* The file has still its name: nobody has removed or replaced it. */
bool store_is_there(const struct store *s);
/* What SQLite says of the last error. */
const char *store_words(const struct store *s);

int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* Of the name, in the place of what was known of it. */
int store_server_put(struct store *s, const struct store_server *row, int64_t *ret_id);
/* It is not watched any more; id 0: no server is. */
int store_server_gone(struct store *s, int64_t id);
int store_event_put(struct store *s, const struct store_event *row);
/* Samples from now on are of this minute. */
int store_minute(struct store *s, int64_t at_ms);
int store_sample_put(struct store *s, const struct store_sample *row);

/* Deletes what is oldest, a bounded number of rows a call: minutes from before oldest_ms, and as
 * many as it takes to have at most max_bytes; with each minute the events before it. */
int store_prune(struct store *s, int64_t oldest_ms, uint64_t max_bytes);
/* Bytes in use. */
uint64_t store_bytes(struct store *s);

#endif
