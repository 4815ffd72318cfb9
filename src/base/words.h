/* Words for a person, beside an error number: what went wrong, where, and what to do.  The buffer
 * is the caller's; the functions of src/state and base/os/file.h that can fail take one.  Never key
 * material. */
#ifndef QHCP_BASE_WORDS_H
#define QHCP_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words {
    char *p; /* may be NULL when cap is 0 */
    size_t cap;
};

/* Writes the words and returns `error`, so that a failure is one statement. */
int words_fail(const struct words *w, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call on a path: `what` is a verb ("open"), errno `err` gives the
 * cause, the error number and, where there is a usual one, the remedy. */
int words_errno(const struct words *w, int err, const char *what, const char *path);

#define WORDS_SPAN 40
#define WORDS_TIME 32

/* Unix seconds as "2026-11-23 14:05:09 UTC". */
void words_time(int64_t t, char ret[WORDS_TIME]);

/* A length of time in a unit of which it has at least three, rounded: "7 days", "36 h", "90 min",
 * "12 s". */
void words_span(int64_t seconds, char ret[WORDS_SPAN]);

#endif
