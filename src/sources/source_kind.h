/* A kind of source: one file kind_NAME.c with a `struct source_kind`, and a row in source_kind.c.
 *
 * It runs on the thread that serves and never waits.  Its owner calls `begin`, then `look` whenever
 * source.look_at has come, then `end`.  It answers by source_yield or source_fail, in a call or
 * later, as often as it has something new. */
#ifndef QHCP_SOURCES_SOURCE_KIND_H
#define QHCP_SOURCES_SOURCE_KIND_H

#include "sources/source.h"

enum source_setting {
    SOURCE_SET_EVERY = 1 << 0,
    SOURCE_SET_TIMEOUT = 1 << 1,
    SOURCE_SET_RESOLVER = 1 << 2,
};

struct source_kind {
    const char *name;
    const char *usage;        /* "dns NAME:PORT" */
    size_t arguments;         /* at most; at least one */
    unsigned settings;        /* that it has besides those of all */
    qhcp_nsec every, timeout; /* where nothing else is said */
    /* Are the arguments good?  QHCP_E_* with words. */
    int (*check)(const struct source_spec *spec, char *words, size_t words_cap);
    /* 0, or QHCP_E_*: then end is not called. */
    int (*begin)(struct source *s, qhcp_nsec now);
    void (*look)(struct source *s, qhcp_nsec now);
    void (*end)(struct source *s);
};

/* NULL: there is none of this name. */
const struct source_kind *source_kind_find(const char *name);
/* "list, file, dns ..." */
void source_kind_names(char *ret, size_t cap);

extern const struct source_kind kind_list, kind_file, kind_dns, kind_srv, kind_exec, kind_file_sd;

#endif
