/* A source of servers as its owner writes it, taken apart.
 *
 *     KIND ARGUMENT ... [KEY=VALUE ...] [allow-empty]
 *
 * Blanks separate words; "..." and '...' keep blanks within a word.  Settings come last; which ones
 * a kind has, its row says.  weight=, priority=, service= and tags= are for every server of the
 * source that has none of its own.  Text in, a struct or words for the user out; no file is looked
 * at. */
#ifndef QHCP_SOURCES_SOURCE_SPEC_H
#define QHCP_SOURCES_SOURCE_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

#include <qhcp/error.h>

#define SOURCE_TEXT 4096 /* bytes of a source */
#define SOURCE_ARGUMENTS 64
#define SOURCE_NAME 128 /* bytes of what a source is called, with the NUL */
#define SOURCE_EVERY (30 * NSEC_PER_SEC)
#define SOURCE_TIMEOUT (10 * NSEC_PER_SEC)

struct source_kind;

struct source_spec {
    const struct source_kind *kind;
    char text[SOURCE_TEXT];           /* the words, each with its NUL */
    char *argv[SOURCE_ARGUMENTS + 1]; /* the arguments, into text; then NULL */
    size_t argc;
    qhcp_nsec every, timeout; /* from begin to begin, of one look; 0: the kind has none */
    bool allow_empty;         /* a list without servers is taken as it is */
    char *resolver;           /* NULL: those of resolv.conf */
    char *each;               /* " weight=2 priority=1": for every server; "" */
    char each_text[400];
    char name[SOURCE_NAME]; /* for people: the kind and the first argument, and no secret */
};

/* QHCP_E_PARSE or QHCP_E_ARG with words that quote what is wrong and say what is allowed.  *ret
 * points into itself: it must stay where it is. */
int source_spec_parse(const char *text, struct source_spec *ret, char *words, size_t words_cap);

/* The check of an option. */
int source_spec_check(const char *text, char *words, size_t words_cap);

#endif
