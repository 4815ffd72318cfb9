/* A sink: somebody who is told what the servers are worth (HAProxy, nginx, a file, a webhook).
 *
 * A kind is one file sink_NAME.c with a `struct sink_kind`, and a row in sink_kinds.c.  Its struct
 * begins with a `struct sink`.  All of it runs on the thread that serves, so that no sink can delay
 * a check; and it never waits longer than a local disk takes for a small file.  What it needs of
 * time and descriptors it has as parts and watches (loop/loop.h) on sink.loop.
 *
 *     parse   its words into its struct; no side effect: --check-config runs it
 *     start   begins; opens what it needs
 *     event   a change of the log, one after the other: for those who tell events
 *     settle  after changes: what is said of the servers now, and of which it is new
 *     stop    ends
 *
 * After each attempt it says how that went: sink_did or sink_failed. */
#ifndef QHCP_SINKS_SINK_H
#define QHCP_SINKS_SINK_H

#include "base/os/log.h"
#include "fleet/ring.h"
#include "fleet/snapshot.h"
#include "loop/loop.h"
#include "sinks/say.h"
#include "sinks/sink_args.h"

#define SINK_WORDS 400
#define SINK_PATIENCE (10 * NSEC_PER_SEC) /* with the first sweep, before anything is said */

struct sink;
struct sinks;

/* How a sink fares; for status, API and metrics. */
struct sink_state {
    char name[SINK_NAME];    /* "haproxy-agent 127.0.0.1:4281": the kind and the first argument */
    char words[SINK_WORDS];  /* why it fails; "": it does not */
    qhcp_nsec good_at;       /* its last success, monotonic; 0: never */
    int64_t good_at_ms;      /* the same in unix milliseconds */
    qhcp_nsec failing_since; /* 0: its last attempt succeeded, or there was none */
    uint64_t done, failures; /* attempts that succeeded, and that failed, ever */
    uint64_t held;           /* what it holds back now: servers, changes, events */
};

/* What is said of the servers.  Valid until the caller returns to the loop. */
struct sink_view {
    const struct fleet_snapshot *snapshot;
    const struct say *say; /* by slot; SAY_UNKNOWN where there is no server (snapshot_at: NULL) */
    uint32_t slots;        /* of say; never fewer than before */
    /* Slots of which something new is said: `say`, the name, the label, tags, services or the
     * address of the data port have changed, or the server came or went. */
    const uint32_t *changed;
    size_t n_changed;
    bool all; /* `changed` is not all of it: everything is to be looked at */
};

struct sink_kind {
    const char *name;
    const char *usage;    /* "haproxy-agent [ADDRESS:]PORT" */
    size_t size;          /* of its struct, which is zeroed before parse */
    size_t least, most;   /* arguments; SINK_ARGS at most */
    const char *settings; /* those that it has: "backend names"; "" */
    /* What it alone may write: where sinks of different kinds claim the same, one is refused.
     * NULL: nothing.  May be NULL itself. */
    const char *(*claims)(const struct sink *s);
    bool path;    /* its first argument is one, which must be absolute, as each *-file= */
    bool alone;   /* two of one name and first argument would write the same: one is refused */
    bool figures; /* it goes by say.percent: servers' load is kept fresh for it */
    /* s->args has the words.  QHCP_E_* with words. */
    int (*parse)(struct sink *s, char *words, size_t words_cap);
    /* Reads the files that must be there: before each start, and for --check-config.  Without side
     * effects.  QHCP_E_* with words.  May be NULL. */
    int (*look)(struct sink *s, char *words, size_t words_cap);
    /* QHCP_E_* with words: then stop is not called, and it is started again later. */
    int (*start)(struct sink *s, qhcp_nsec now, char *words, size_t words_cap);
    /* Each change of the log.  NULL: some were missed.  May be NULL itself. */
    void (*event)(struct sink *s, const struct fleet_change *c, qhcp_nsec now);
    /* First with all servers, once each was looked at (or after SINK_PATIENCE).  May be NULL. */
    void (*settle)(struct sink *s, const struct sink_view *view, qhcp_nsec now);
    void (*stop)(struct sink *s);   /* of one that has started.  May be NULL. */
    void (*deinit)(struct sink *s); /* what parse has allocated, also where it failed.  NULL */
};

struct sink {
    const struct sink_kind *kind;
    struct sink_args args;
    char *text; /* as it was given: its identity */
    struct loop *loop;
    struct sinks *all;
    struct sink_state state;
    bool started, told;         /* told: it was settled once */
    qhcp_nsec start_at;         /* when it is started (again) */
    qhcp_nsec say_at, say_wait; /* a failure that stays the same is logged again, more rarely */
};

/* ---- the kinds' ---- */

/* An attempt has succeeded. */
void sink_did(struct sink *s, qhcp_nsec now);
/* An attempt has failed: what, where, what to do.  Logged when that is new, and then again after a
 * minute, two, four ... */
void sink_failed(struct sink *s, qhcp_nsec now, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* So much is held back now. */
void sink_holds(struct sink *s, uint64_t n);
/* To the log, with its name before it. */
void sink_say(const struct sink *s, enum qhcp_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What is said now, for timers: view.all.  NULL: nothing yet. */
const struct sink_view *sink_look(const struct sink *s);

/* ---- the frame's ---- */

/* Parsed and not started.  QHCP_E_* with words. */
int sink_new(const char *text, struct sink **ret, char *words, size_t words_cap);
/* Stops it too.  NULL is fine. */
void sink_free(struct sink *s);
/* QHCP_E_* with words: s->start_at says when it is tried again. */
int sink_start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap);
void sink_stop(struct sink *s);

/* Entry i of an option beside those before it: nobody claims what another has.  QHCP_E_ARG with
 * words. */
int sink_check_beside(char *const *texts, size_t i, char *words, size_t words_cap);

/* What --check-config looks at besides: the files that the sink of this text names. */
int sink_look_files(const char *text, char *words, size_t words_cap);

/* The check of an option. */
int sink_check(const char *text, char *words, size_t words_cap);

#endif
