/* A sink as its owner writes it, taken apart.
 *
 *     KIND ARGUMENT ... KEY=VALUE ...
 *
 * Words are those of base/split.h.  A word is a setting if what stands before its first "=" is a
 * name (a-z, 0-9, - and _) without a quote, and else an argument; behind KEY= quotes are taken off
 * too: reload='nginx -s reload'.  Text in, a struct or words for the user out; no file is looked
 * at. */
#ifndef QHCP_SINKS_SINK_ARGS_H
#define QHCP_SINKS_SINK_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#include <qhcp/error.h>

#define SINK_TEXT 4096 /* bytes of a sink */
#define SINK_ARGS 40
#define SINK_SETTINGS 16
#define SINK_NAME 128 /* bytes of what a sink is called, with the NUL */

struct sink_kind;

struct sink_args {
    char text[SINK_TEXT];      /* the words, each with its NUL */
    char *argv[SINK_ARGS + 1]; /* the arguments, into text; then NULL */
    size_t argc;
    char *key[SINK_SETTINGS], *value[SINK_SETTINGS];
    size_t n_settings;
    char name[SINK_NAME]; /* for people: the kind and the first argument */
};

/* What the frame knows of the kind: how many arguments, and which settings.  *ret points into
 * itself: it must stay where it is.  QHCP_E_PARSE with words that quote what is wrong and say what
 * is allowed. */
int sink_args_parse(const char *text, struct sink_args *ret, const struct sink_kind **ret_kind,
                    char *words, size_t words_cap);

/* The value of a setting; NULL: it was not given. */
const char *sink_args_get(const struct sink_args *a, const char *key);

/* A setting that is a duration (base/value.h), a count, or a switch.  Where it was not given *ret
 * stays as it is.  QHCP_E_PARSE, QHCP_E_ARG with words that name the setting. */
int sink_args_duration(const struct sink_args *a, const char *key, qhcp_nsec min, qhcp_nsec max,
                       qhcp_nsec *ret, char *words, size_t words_cap);
int sink_args_count(const struct sink_args *a, const char *key, uint64_t min, uint64_t max,
                    uint64_t *ret, char *words, size_t words_cap);
int sink_args_switch(const struct sink_args *a, const char *key, bool *ret, char *words,
                     size_t words_cap);

#endif
