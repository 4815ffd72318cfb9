/* What HAProxy's Runtime API answers (2.6: management.txt, 9.3), taken apart.  Pure.
 *
 * Commands of one line are answered one after the other; an answer ends with an empty line, and is
 * that line alone where a command has nothing to say.  (Answers of `add server` and `del server`
 * lack it at times: such a command is the last of its line.) */
#ifndef QHCP_SINKS_HAPROXY_TEXT_H
#define QHCP_SINKS_HAPROXY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAPROXY_NAME 128 /* bytes of a server's name that we deal with, and its NUL */

/* The next of n bytes of answers at *text, without the line ends around it, in *ret of *ret_n
 * bytes; *text and *n are behind it then.  False: there is no whole one.  last: it has all that
 * there is. */
bool haproxy_text_answer(const char **text, size_t *n, bool last, const char **ret, size_t *ret_n);

/* A process of HAProxy: two that are equal are one. */
struct haproxy_info {
    uint64_t pid, started; /* unix seconds */
    bool stopping;
};
/* The answer to `show info`.  False: it is none. */
bool haproxy_text_info(const char *answer, size_t n, struct haproxy_info *ret);

enum {
    HAPROXY_FORCED_MAINT = 0x01, /* of admin */
    HAPROXY_FORCED_DRAIN = 0x08,
    HAPROXY_CONFIGURED = 0x02, /* of check and agent */
    HAPROXY_ENABLED = 0x04,
};

/* A server in `show servers state`, version 1. */
struct haproxy_row {
    char name[HAPROXY_NAME];
    char address[64]; /* "127.0.0.1" */
    uint32_t port;
    uint32_t op; /* 0 stopped, 1 starting, 2 running, 3 stopping */
    uint32_t admin, check, agent;
    uint32_t weight, configured; /* its weight now, and that of its configuration */
};
/* The rows one after the other: *text and *n are behind the row then.  False: there are no more.
 * Lines that are no row of this backend, and names that are too long, are passed over. */
bool haproxy_text_row(const char **text, size_t *n, const char *backend, struct haproxy_row *ret);
/* Is it an answer to `show servers state` that has rows as above? */
bool haproxy_text_is_state(const char *answer, size_t n);

#endif
