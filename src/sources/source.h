/* One source of servers while it runs: its newest good list, and how it fares.
 *
 * A kind finds lists; this file judges them.  A list that cannot be used, or none at all, changes
 * nothing: the last good one stays, and the state says since when it is not confirmed any more.
 * Everything happens on the thread that serves. */
#ifndef QHCP_SOURCES_SOURCE_H
#define QHCP_SOURCES_SOURCE_H

#include <stdint.h>

#include "conf/faults.h"
#include "conf/list.h"
#include "loop/loop.h"
#include "sources/source_spec.h"

#define SOURCE_WORDS 400

/* How a source fares; for status, API and metrics. */
struct source_state {
    char name[SOURCE_NAME];   /* "dns web.example:4243"; "--servers" */
    char words[SOURCE_WORDS]; /* why its last look failed; "": it did not */
    size_t servers;           /* that it names now: of its last good list */
    qhcp_nsec good_at;        /* its last success, monotonic: the age of its list; 0: never */
    int64_t good_at_ms;       /* the same in unix milliseconds */
    qhcp_nsec failing_since;  /* 0: its last look succeeded, or there was none */
    uint64_t looks, failures; /* ever */
};

struct sources;

struct source {
    struct sources *all;
    char *text; /* as it was given: its identity */
    struct source_spec spec;
    struct list servers; /* the last good list */
    struct source_state state;
    qhcp_nsec look_at;  /* NSEC_NEVER: the kind waits for something else */
    qhcp_nsec say_at;   /* failing: when that is said again */
    qhcp_nsec say_wait; /* and how long it was until then */
    bool begun;
    void *self; /* the kind's */
};

/* spec text, copied.  QHCP_E_* with words. */
int source_new(struct sources *all, const char *text, struct source **ret, char *words,
               size_t words_cap);
void source_free(struct source *s);
void source_begin(struct source *s, qhcp_nsec now);
/* When source_expire is to be called. */
qhcp_nsec source_deadline(const struct source *s);
void source_expire(struct source *s, qhcp_nsec now);

/* Is every entry of the list well-formed (listed.h), and no address and no name there twice?  0, or
 * the first fault with words. */
int source_check(const struct list *servers, char *words, size_t words_cap);
/* The first of these faults in words, and how many more there are.  *f is empty then. */
void source_words(struct faults *f, char *words, size_t words_cap);

/* The kind has a list.  It is taken (and left empty) if it is good: every entry is an entry
 * (listed.h), no address is there twice, and it has servers, or had none before, or allow-empty. */
void source_yield(struct source *s, qhcp_nsec now, struct list *servers);
/* The kind has none, for this reason. */
void source_fail(struct source *s, qhcp_nsec now, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
