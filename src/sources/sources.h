/* Where the list of servers comes from: --servers, and every --source.
 *
 * In: the lists of the sources, whenever they change; out: one list, the union by identity (of two
 * that name the same server the first one counts), as a difference from what was given before.
 * Changes of a moment (SOURCES_MOMENT) are one difference.
 *
 * Everything here is for the thread that serves, or for any while its loop does not run, but
 * sources_states. */
#ifndef QHCP_SOURCES_SOURCES_H
#define QHCP_SOURCES_SOURCES_H

#include "sources/source.h"

#define SOURCES_MAX 100
#define SOURCES_MOMENT (50 * NSEC_PER_MSEC)
#define SOURCES_NOTES 64 /* of one difference; how many more there were is said */

struct loop;

struct source_note {
    struct source_note *next;
    bool warning; /* else information */
    char words[];
};

/* A difference.  Whoever gets it owns it. */
struct sources_change {
    struct list added;         /* entries (listed.h) */
    struct list changed;       /* entries of servers that were there, with other settings */
    struct list removed;       /* keys (servers_key) */
    size_t servers;            /* that there are now */
    uint64_t set;              /* how often sources_set was called before */
    struct source_note *notes; /* for the log */
    struct source_state *states;
    size_t n_states;
};
void sources_change_free(struct sources_change *c);

typedef void sources_fn(void *ctx, struct sources_change *change);

/* QHCP_E_NOMEM. */
int sources_new(struct loop *loop, struct sources **ret);
/* May be NULL. */
void sources_free(struct sources *s);

/* From now on these, instead of those before: a source that was there goes on as it is, a new one
 * begins, others end.  servers: the list of --servers, checked.  specs: texts of sources, checked.
 * Both are copied.  Sources that need not wait (lists, files) have answered when this returns.
 * QHCP_E_NOMEM: some of it may be missing. */
int sources_set(struct sources *s, qhcp_nsec now, const struct list *servers,
                const struct list *specs);

/* fn is called once: when there is a difference or something to say; after sources_set at once,
 * with an empty difference if there is none. */
void sources_want(struct sources *s, qhcp_nsec now, sources_fn *fn, void *ctx);

/* How each source fares: fills up to cap, and returns how many there are.  From any thread. */
size_t sources_states(struct sources *s, struct source_state *ret, size_t cap);

/* The sources' own (source.c): what is known of one has changed; its list too. */
void sources_news(struct sources *s, const struct source *of, qhcp_nsec now, bool list);
void sources_note(struct sources *s, bool warning, const char *words);
struct loop *sources_loop(const struct sources *s);

#endif
